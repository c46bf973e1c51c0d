//! The device's binary: `orchestrion run`, `play`, `program`, `scan`, `ctl`, `outputs`, `plays`, `doctor`, `install`, `uninstall`,
//! `completions`, `man`.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use log::LevelFilter;
use orchestrion::bootstrap;
use orchestrion::cli::{ctl, device, doctor, fleet, install, manual, program, release, scan, tables};

/// Plays music with crossfades in a public room, and goes on playing.
#[derive(Debug, Parser)]
#[command(
    version,
    arg_required_else_help = true,
    after_help = "\
Try it:
  orchestrion play ~/Music           # plays a folder, with a live line
  orchestrion ctl skip               # from a second terminal
  orchestrion run --config FILE      # the device, for days

`orchestrion COMMAND --help` shows examples."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play files, folders and lists now
    Play(device::PlayArgs),
    /// Run the device by a configuration file
    Run(device::RunArgs),
    /// Control a device that runs here
    Ctl(ctl::CtlArgs),
    /// Make, check and preview programs: opening hours, dayparts, announcements
    Program(program::ProgramArgs),
    /// Make, sign and look at releases: a program with all its files, for any server of files
    Release(release::ReleaseArgs),
    /// Pretend many boards, to see what a server can bear
    Fleet(fleet::FleetArgs),
    /// Measure music: loudness, peaks, silence at the ends
    Scan(scan::ScanArgs),
    /// List the sound outputs of this machine
    Outputs(tables::OutputsArgs),
    /// List the last plays of the log
    Plays(tables::PlaysArgs),
    /// Tell what is missing on this machine, what that costs, and how to get it
    Doctor(doctor::DoctorArgs),
    /// Install it as a service of systemd, here or into an image
    Install(install::InstallArgs),
    /// Take off what was installed
    Uninstall(install::UninstallArgs),
    /// Print what a shell needs to complete these commands
    Completions(manual::CompletionsArgs),
    /// Print the manual page, or write one for each command
    Man(manual::ManArgs),
}

fn main() -> ExitCode {
    // The device sets another level; without a logger nobody would hear why a command failed.
    bootstrap::logger::install(LevelFilter::Warn);
    match Cli::parse().command {
        Command::Play(args) => args.run(),
        Command::Run(args) => args.run(),
        Command::Ctl(args) => args.run().unwrap_or_else(|error| {
            log::error!("{error:#}");
            ExitCode::FAILURE
        }),
        Command::Program(args) => args.run(),
        Command::Release(args) => args.run(),
        Command::Fleet(args) => args.run(),
        Command::Scan(args) => args.run(),
        Command::Outputs(args) => args.run(),
        Command::Plays(args) => args.run(),
        Command::Doctor(args) => args.run(),
        Command::Install(args) => args.run(),
        Command::Uninstall(args) => args.run(),
        Command::Completions(args) => args.run(Cli::command()),
        Command::Man(args) => args.run(Cli::command()),
    }
}

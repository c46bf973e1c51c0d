//! The device's binary: `orchestrion run`, `play`, `ctl`, `outputs`, `plays`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use orchestrion::cli::{ctl, device, tables};

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
    /// List the sound outputs of this machine
    Outputs(tables::OutputsArgs),
    /// List the last plays of the log
    Plays(tables::PlaysArgs),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Play(args) => args.run(),
        Command::Run(args) => args.run(),
        Command::Ctl(args) => args.run().unwrap_or_else(|error| {
            log::error!("{error:#}");
            ExitCode::FAILURE
        }),
        Command::Outputs(args) => args.run(),
        Command::Plays(args) => args.run(),
    }
}

//! `orchestrion completions` and `orchestrion man`: what shells and `man` want to know of the command line, made from
//! its definition, so that they never tell of anything that is not there.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::exit_code;

/// `orchestrion completions`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrion completions bash > /etc/bash_completion.d/orchestrion
  orchestrion completions zsh > ~/.zfunc/_orchestrion
  orchestrion completions fish > ~/.config/fish/completions/orchestrion.fish
  source <(orchestrion completions bash)     # in this shell only")]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

impl CompletionsArgs {
    /// Prints the script for `command`, the whole command line.
    pub fn run(self, mut command: Command) -> ExitCode {
        let name = command.get_name().to_owned();
        // The generator panics where it cannot write; into memory it can.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, name, &mut script);
        print(&script)
    }
}

/// `orchestrion man`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrion man | man -l -
  sudo orchestrion man /usr/local/share/man/man1     # a page for each command")]
pub struct ManArgs {
    /// Write a page for each command into this folder
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl ManArgs {
    /// Prints the page of the program, or writes all pages.
    pub fn run(self, mut command: Command) -> ExitCode {
        command = command.disable_help_subcommand(true);
        command.build();
        let Some(folder) = self.folder else {
            // Into memory it can always be written.
            return print(page(&command, command.get_name()).unwrap_or_default().as_bytes());
        };
        match write_pages(&command, command.get_name(), &folder) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                log::error!(
                    "cannot write manual pages into {}: {error}; make it a folder that this user may write to",
                    folder.display()
                );
                ExitCode::from(exit_code::FAILED)
            }
        }
    }
}

/// The page of a command, and those of the commands below it: `orchestrion-ctl-queue-add.1`.
fn write_pages(command: &Command, name: &str, folder: &Path) -> io::Result<()> {
    fs::write(folder.join(format!("{name}.1")), page(command, name)?)?;
    for command in below(command) {
        write_pages(command, &format!("{name}-{}", command.get_name()), folder)?;
    }
    Ok(())
}

/// The commands below a command that have pages.
fn below(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help")
}

/// The page of a command. Characters that are not ASCII are escaped: what reads pages cannot be told their encoding.
fn page(command: &Command, name: &str) -> io::Result<String> {
    let mut page = Vec::new();
    write_page(command, name, &mut page)?;
    let escape = |c: char| if c.is_ascii() { c.to_string() } else { format!("\\[u{:04X}]", u32::from(c)) };
    Ok(String::from_utf8_lossy(&page).chars().map(escape).collect())
}

fn write_page(command: &Command, name: &str, out: &mut Vec<u8>) -> io::Result<()> {
    let examples = command.get_after_help().map(ToString::to_string);
    let has_commands = below(command).next().is_some();
    // Examples are made of lines, which the manual's own section for them would run together.
    let command = command.clone().after_help("").after_long_help("").version(env!("CARGO_PKG_VERSION"));
    let version = env!("CARGO_PKG_VERSION");
    // A page without a date; the generator would put what follows in its place.
    writeln!(out, ".TH \"{name}\" 1 \"\" \"Orchestrion {version}\" \"Orchestrion\"")?;
    let man = Man::new(command);
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    if has_commands {
        man.render_subcommands_section(out)?;
    }
    if let Some(examples) = examples {
        let mut roff = Roff::new();
        roff.control("SH", ["NOTES"]).control("nf", []);
        for line in examples.lines() {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
        roff.to_writer(out)?;
    }
    Ok(())
}

/// To standard output; whoever closed it has seen enough.
fn print(bytes: &[u8]) -> ExitCode {
    let mut out = io::stdout();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            log::error!("cannot write: {error}");
            ExitCode::from(exit_code::FAILED)
        }
        _ => ExitCode::SUCCESS,
    }
}

//! `orchestrion release`: releases for whoever publishes: keys, building, checking, looking, comparing.
//!
//! What a release is and what is believed of one is decided in [`orchestrion_protocol::release`]. A release lies in a
//! folder as a server of files serves it.

mod build;
mod diff;
mod folder;
mod keys;
mod progress;
mod show;
mod verify;
mod write;

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::exit_code;

/// `orchestrion release`.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "\
A release is a program with every file that it needs, numbered and signed. It is a folder that any
server of files can serve; devices fetch what they do not have, check it, and change over between two
songs. Nothing but your key makes a device play something.

From a folder of music to a fleet:
  orchestrion release keygen ~/keys/cafes                 # once; keep cafes.key secret, and a copy of it
  orchestrion program init ~/Music --clockless play
  orchestrion release build ~/Music --key ~/keys/cafes.key --out /var/www/leeds-1
  orchestrion release verify /var/www/leeds-1 --key ~/keys/cafes.pub
Later, after the program or the music was changed, the same `release build` makes the next number:
files that are there are not written again."
)]
pub struct ReleaseArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a key that signs releases
    Keygen(keys::KeygenArgs),
    /// Make a release of a program and its music, or the next one
    Build(build::BuildArgs),
    /// Check a release as a device would, and each of its files
    Verify(verify::VerifyArgs),
    /// Tell what is in a release
    Show(show::ShowArgs),
    /// Tell what changes from one release to another, and how much is to be fetched
    Diff(diff::DiffArgs),
    /// Replace the keys that devices believe, signed by one that they believe now
    Rotate(keys::RotateArgs),
}

impl ReleaseArgs {
    /// Does it.
    pub fn run(self) -> ExitCode {
        let done = match self.action {
            Action::Keygen(args) => args.run(),
            Action::Build(args) => args.run(),
            Action::Verify(args) => args.run(),
            Action::Show(args) => args.run(),
            Action::Diff(args) => args.run(),
            Action::Rotate(args) => args.run(),
        };
        match done {
            Ok(text) => {
                say(&text);
                ExitCode::SUCCESS
            }
            Err(words) => {
                log::error!("{words}");
                ExitCode::from(exit_code::FAILED)
            }
        }
    }
}

/// To standard output; whoever closed it does not want to know.
fn say(text: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// JSON for programs, with a line's end.
fn json_text(value: &impl serde::Serialize) -> String {
    // Made of texts and numbers only; it cannot fail.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

/// `1 song`, `2 songs`.
fn counted(count: usize, what: &str) -> String {
    format!("{} {what}{}", thousands(count as u64), if count == 1 { "" } else { "s" })
}

/// A number with its thousands apart.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes for people.
fn bytes(count: u64) -> String {
    const STEPS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match STEPS.iter().find(|(_, step)| count >= *step) {
        Some((name, step)) => format!("{:.1} {name}", count as f64 / *step as f64),
        None => format!("{count} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_in_the_unit_that_fits() {
        assert_eq!(bytes(1), "1 bytes");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(5 << 30), "5.0 GiB");
        assert_eq!(counted(1, "song") + &counted(12_000, "song"), "1 song12,000 songs");
    }
}

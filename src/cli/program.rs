//! `orchestrion program`: programs before a device plays by them: checked, previewed, begun.
//!
//! What a program means is decided in the crate `orchestrion-program`; what lies beside its file, in [`crate::program`],
//! which a device reads it by. Here it is only told.

mod check;
mod init;
mod media;
mod preview;
mod schema;
mod zone;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use orchestrion_program::{Absolute, Resolved};

use super::exit_code;
use super::text::clean;
use crate::program::read_limited;
use crate::time::{Clock, SystemClock};

/// `orchestrion program`.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "\
A program says when it is open, what plays when and how loud, how far apart songs are kept, and
which announcements are due. It is a JSON file beside the music; paths in it count from its folder.

From nothing to a week of music:
  orchestrion program init ~/Music --clockless play     # writes ~/Music/program.json
  editor ~/Music/program.json
  orchestrion program check ~/Music/program.json
  orchestrion program preview ~/Music/program.json --svg week.svg
  orchestrion run --config FILE     # with program = \"/home/me/Music/program.json\" in it"
)]
pub struct ProgramArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a program for a folder of music
    Init(init::InitArgs),
    /// Tell what is wrong with a program, and what is hardly meant
    Check(check::CheckArgs),
    /// Show what would play when: as a table, as JSON, as a picture of the week
    Preview(preview::PreviewArgs),
    /// Print a time zone as a program has it
    Zone(zone::ZoneArgs),
    /// Print the JSON Schema of programs
    Schema(schema::SchemaArgs),
}

impl ProgramArgs {
    /// Does it.
    pub fn run(self) -> ExitCode {
        match self.action {
            Action::Init(args) => args.run(),
            Action::Check(args) => args.run(),
            Action::Preview(args) => args.run(),
            Action::Zone(args) => args.run(),
            Action::Schema(args) => args.run(),
        }
    }
}

/// To standard output; whoever closed it does not want to know.
fn say(text: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// JSON for programs, with a line's end.
fn say_json(value: &impl serde::Serialize) {
    // Made of texts and numbers only; it cannot fail.
    say(&(serde_json::to_string_pretty(value).unwrap_or_default() + "\n"));
}

fn failed(words: &str) -> ExitCode {
    log::error!("{words}");
    ExitCode::from(exit_code::FAILED)
}

/// The text of a program's file, or a sentence about why there is none.
fn text_of(path: &Path) -> Result<Vec<u8>, String> {
    read_limited(path).map_err(|reason| format!("the program {} cannot be read: {reason}", path.display()))
}

/// The time of day, if anybody has set this machine's clock.
fn today() -> Option<Absolute> {
    SystemClock.now().wall.map(|wall| Absolute(wall.0))
}

/// Whose program it is, for people.
fn title(document: &Resolved) -> String {
    let place = &document.place;
    let name = if place.name.is_empty() { place.id.as_str() } else { &place.name };
    format!("{}, {}", clean(name), clean(&document.zone.id))
}

/// `1 song`, `2 songs`.
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

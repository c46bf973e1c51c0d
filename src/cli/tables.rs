//! `orchestrion outputs` and `orchestrion plays`: what can be read without a device.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use orchestrion_program::civil::Local;

use super::exit_code;
use crate::audio::output;
use crate::bootstrap::places;
use crate::storage::{self, PlayRow};

/// `orchestrion outputs`.
#[derive(Debug, Args)]
#[command(after_help = "\
The names are stable: they name a card, not its number. Use them in `outputs = […]` or with --output.
Where PulseAudio or PipeWire runs, pulse:NAME talks to it itself: it costs less than ALSA's way to it.
  orchestrion play --output alsa:default:CARD=Device ~/Music
  orchestrion play --output pulse:default ~/Music")]
pub struct OutputsArgs {}

impl OutputsArgs {
    /// Lists the outputs of this machine.
    pub fn run(self) -> ExitCode {
        let outputs = output::list();
        let width = outputs.iter().map(|output| output.name.chars().count()).max().unwrap_or(0);
        for output in &outputs {
            say(&format!("{:width$}  {}", output.name, output.description));
        }
        if outputs.len() == 1 {
            say(
                "\nNo sound output was found. Is a sound card plugged in (`cat /proc/asound/cards`), and may this user\nuse it (group `audio`)? Until then everything plays on `null`.",
            );
        }
        ExitCode::SUCCESS
    }
}

/// `orchestrion plays`.
#[derive(Debug, Args)]
#[command(after_help = "\
Each line is a play: its number, when it began by the place's clock (UTC where no program says where that is,
`-` where nobody knew the time), how it ended, how much of it was heard and audible, what it was, why it played.
`>` goes on with a play that a stop, a crash or a power cut had cut off; both count once.
Of films and pictures a line is what was shown of one in half an hour, and on a screen that was there.")]
pub struct PlaysArgs {
    /// Folder of the state, if not the usual one
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// The last so many
    #[arg(long, default_value_t = 20)]
    last: usize,
}

impl PlaysArgs {
    /// Lists the last plays of the log.
    pub fn run(self) -> ExitCode {
        let path = storage::database_path(&self.state_dir.unwrap_or_else(places::state_dir));
        let plays = match storage::read_last_plays(&path, self.last) {
            Ok(plays) => plays,
            Err(error) => {
                log::error!("{error}");
                return ExitCode::from(exit_code::FAILED);
            }
        };
        for row in &plays {
            let title = row.title.clone().unwrap_or_else(|| row.path.display().to_string());
            let mark = if row.continues.is_some() { '>' } else { ' ' };
            let (how, heard_ms, audible_ms, reason) = match &row.end {
                Some(end) => (end.how.as_str(), end.heard_ms, end.audible_ms, end.reason.as_str()),
                None => ("open", 0, 0, ""),
            };
            let seconds = |ms: u64| ms as f64 / 1000.0;
            let colon = if reason.is_empty() { "" } else { ": " };
            let measured = match row.end.as_ref().and_then(|end| end.viewed) {
                Some(viewed) => {
                    format!("shown {:7.1} s  visible {:7.1} s", seconds(heard_ms), seconds(viewed.visible_ms))
                }
                None => format!("heard {:7.1} s  audible {:7.1} s", seconds(heard_ms), seconds(audible_ms)),
            };
            say(&format!(
                "{:>4}.{:<5}{mark} {:19} {how:9} {measured}  {title}{}{}{colon}{reason}",
                row.key.run,
                row.key.seq,
                when(row),
                seen(row),
                why(row),
            ));
        }
        ExitCode::SUCCESS
    }
}

/// When a play began, by the clock of its place.
fn when(row: &PlayRow) -> String {
    let Some(wall) = row.started_wall else { return "-".into() };
    let ahead_ms = row.program.offset_s.unwrap_or(0).saturating_mul(1000);
    Local::from_ms(wall.0.saturating_add(ahead_ms)).to_string()
}

/// How often a film or picture was shown, and with how many of its frames.
fn seen(row: &PlayRow) -> String {
    let Some(viewed) = row.end.as_ref().and_then(|end| end.viewed) else { return String::new() };
    let frames = format!("{} of {} frames", viewed.frames_presented, viewed.frames_expected);
    format!(" ({} ×, {frames})", viewed.showings)
}

/// What the program says of a play.
fn why(row: &PlayRow) -> String {
    let mut words: Vec<String> = row.program.daypart.iter().cloned().collect();
    words.extend(row.program.spot.iter().map(|spot| format!("spot {spot}")));
    words.extend(row.program.loosened_words().iter().map(|loosened| format!("not kept: {loosened}")));
    if words.is_empty() { String::new() } else { format!(" [{}]", words.join("; ")) }
}

/// A line to standard output; whoever closed it does not want to know.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

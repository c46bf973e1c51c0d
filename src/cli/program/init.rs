//! `orchestrion program init`: a program for a folder of music, to begin with.

mod draft;
mod shelf;
mod written;

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use orchestrion_program::Resolved;

use super::check::Checked;
use super::{counted, failed, say, today, zone};
use crate::cli::text::clean;
use draft::{Draft, OpenHours};
use shelf::Shelf;

/// What the program is called, in the folder.
const FILE_NAME: &str = "program.json";

/// `orchestrion program init`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrion program init ~/Music --clockless play
  orchestrion program init ~/Music --clockless play --name \"Café Linden\" --hours 07:30-22:00
  orchestrion program init /srv/museum --clockless silent --zone Europe/Berlin --hours 10:00-18:00
  orchestrion program init /srv/radio/music --clockless play --out /srv/radio/program.json

It makes a program that is open every day, with a morning, a day and an evening that differ in volume,
and the usual distances between songs and artists. Each folder of music in FOLDER becomes a playlist;
one that is called morning, day or evening is played then, and nothing else is. What is added to a
folder later is played too. Read it, change it, and check it again.

--clockless has no default. A device that was without power may not know what time it is: a museum at
night must stay silent then, a café at noon must not.

Exit codes: 0 written, 1 not written, 2 typed wrongly.")]
pub struct InitArgs {
    /// The folder of music
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// While nobody knows what time it is: play, or stay silent
    #[arg(long, value_name = "play|silent")]
    clockless: Clockless,
    /// Time zone of the room, as Europe/Berlin; that of this machine if not said
    #[arg(long)]
    zone: Option<String>,
    /// When it is open, every day
    #[arg(long, value_name = "FROM-TO", default_value = "08:00-22:00", value_parser = draft::hours)]
    hours: OpenHours,
    /// What people call the room; the folder's name if not said
    #[arg(long)]
    name: Option<String>,
    /// Where it is written: FOLDER/program.json if not said; the music must lie beside it or below
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace a program that is there
    #[arg(long)]
    force: bool,
}

/// What holds while nobody knows what time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Clockless {
    /// The music of the day plays, not too loud
    Play,
    /// Nothing is heard
    Silent,
}

impl InitArgs {
    /// Makes it, writes it, tells.
    pub fn run(self) -> ExitCode {
        match self.make() {
            Ok(text) => {
                say(&text);
                ExitCode::SUCCESS
            }
            Err(words) => failed(&words),
        }
    }

    fn make(&self) -> Result<String, String> {
        let folder = fs::canonicalize(&self.folder)
            .map_err(|error| format!("the folder {} cannot be read: {error}", self.folder.display()))?;
        let out = self.out.clone().unwrap_or_else(|| self.folder.join(FILE_NAME));
        // Before the shelf is read, which may take long.
        if !self.force && fs::symlink_metadata(&out).is_ok() {
            return Err(exists(&out));
        }
        let base = self.base(&folder, &out)?;
        let zone = zone::of(self.zone.as_deref())?;
        let shelf = Shelf::read(&folder, &base)?;
        let name = || folder.file_name().map_or("music".into(), |name| name.to_string_lossy().into_owned());
        let draft = Draft {
            name: self.name.clone().unwrap_or_else(name),
            zone,
            hours: self.hours,
            clockless: self.clockless == Clockless::Play,
        };
        let document = draft.document(&shelf);
        write(&out, &document, self.force)?;
        Ok(self.told(&out, &document, &shelf))
    }

    /// The folder that paths in the program count from; the music lies in it or below.
    fn base(&self, folder: &Path, out: &Path) -> Result<PathBuf, String> {
        let base = match out.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let base = fs::canonicalize(base)
            .map_err(|error| format!("the folder {} cannot be read: {error}", base.display()))?;
        if !folder.starts_with(&base) {
            let (folder, base) = (folder.display(), base.display());
            return Err(format!(
                "{folder} does not lie in {base}, and a program finds only what lies beside it or below; write it to {folder}/{FILE_NAME} or above"
            ));
        }
        Ok(base)
    }

    /// What was done, and what is left to do.
    fn told(&self, out: &Path, document: &Resolved, shelf: &Shelf) -> String {
        let file = clean(&out.display().to_string());
        let zone = match &self.zone {
            Some(_) => document.zone.id.clone(),
            None => zone::said(&document.zone),
        };
        let mut lines = vec![
            format!("Written: {file}"),
            format!(
                "  music     {} in {}",
                counted(shelf.songs, "song"),
                counted(shelf.lists.len() + 1, "playlist")
            ),
            format!("  open      daily {}, in {zone}", self.hours),
        ];
        for (nth, daypart) in document.dayparts.iter().enumerate() {
            let label = if nth == 0 { "dayparts" } else { "" };
            let plays: Vec<String> = daypart.playlists.iter().map(|share| clean(share.id.as_str())).collect();
            let (name, volume) = (daypart.title(), daypart.volume.set);
            let (from, to, plays) = (daypart.from, daypart.to, plays.join(", "));
            lines.push(format!("  {label:9} {name:8} {from}–{to}, volume {volume}: {plays}"));
        }
        lines.push(match self.clockless {
            Clockless::Play => "  no clock  the music of the day plays".to_owned(),
            Clockless::Silent => "  no clock  nothing plays".to_owned(),
        });
        lines.extend(shelf.problems.iter().map(|problem| format!("  left out  {}", clean(problem))));
        let checked = Checked::of(out, today());
        lines.push("\nIt was checked:".to_owned());
        lines.push(checked.text(out).trim_end().to_owned());
        lines.push(format!(
            "\nWhat to change in it:
  hours       other hours on some days: {{\"days\": [\"fri\", \"sat\"], \"from\": \"08:00\", \"to\": \"01:00\"}}
  exceptions  days on which it is closed: {{\"date\": \"2026-12-25\", \"sound\": [], \"name\": \"Christmas Day\"}}
  dayparts    which playlists play when, in which shares, and how loud
  spots       announcements; docs/examples has some
Then:
  orchestrion program check {file}
  orchestrion program preview {file} --svg week.svg
and for the device, in its configuration: program = \"{}\"",
            clean(&std::path::absolute(out).unwrap_or_else(|_| out.to_owned()).display().to_string())
        ));
        lines.join("\n") + "\n"
    }
}

fn exists(out: &Path) -> String {
    format!("{} is there already; --force replaces it, --out FILE writes another one", out.display())
}

/// Writes a program; one that is there only by `force`, and then whole or not at all.
fn write(out: &Path, document: &Resolved, force: bool) -> Result<(), String> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => exists(out),
        _ => format!("{} cannot be written: {error}; --out FILE writes it elsewhere", out.display()),
    };
    let text = written::written(document).map_err(|error| error.to_string())?;
    let fill = |path: &Path| -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        // Half of a program is none.
        written.inspect_err(|_| drop(fs::remove_file(path)))
    };
    if !force {
        return fill(out).map_err(failed);
    }
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = out.with_file_name(name);
    fill(&beside)
        .and_then(|()| fs::rename(&beside, out).inspect_err(|_| drop(fs::remove_file(&beside))))
        .map_err(failed)
}

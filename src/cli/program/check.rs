//! `orchestrion program check`: what is wrong with a program, by its place in the document.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use orchestrion_program::check::{self, FINDINGS_MAX, Finding, Report};
use orchestrion_program::{Absolute, Resolved};
use serde_json::{Value, json};

use super::super::{exit_code, text};
use super::{counted, media, say, say_json, text_of, title, today, zone};

/// `orchestrion program check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrion program check program.json
  orchestrion program check program.json --json | jq '.errors[].path'
  orchestrion program check program.json --strict && cp program.json /srv/music/

Errors: what could not be played as it is written, by its place in the document (dayparts[3].from is
the fourth daypart's start; counting begins at 0). A device refuses such a program and goes on by the
one before.
Warnings: what can be played but is hardly meant: hours with nothing to play, spots that can never be
heard, playlists too small for their rules, files and folders that are not there, a clock that would
be changed on the wrong day. Files count from the folder of the document.

Exit codes: 0 a device takes it, 1 it has errors (with --strict: or warnings), 2 typed wrongly.")]
pub struct CheckArgs {
    /// The program
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print what was found as one JSON object
    #[arg(long)]
    json: bool,
    /// Fail for warnings as well
    #[arg(long)]
    strict: bool,
}

impl CheckArgs {
    /// Checks and tells.
    pub fn run(self) -> ExitCode {
        let checked = Checked::of(&self.file, today());
        if self.json {
            say_json(&checked.json(&self.file));
        } else {
            say(&checked.text(&self.file));
        }
        let report = &checked.report;
        if report.is_wrong() || self.strict && !report.warnings.is_empty() {
            ExitCode::from(exit_code::FAILED)
        } else {
            ExitCode::SUCCESS
        }
    }
}

/// A program and what there is to say about it.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// As it was written, if it could be read.
    document: Option<Resolved>,
    /// Songs that it can play here.
    songs: usize,
    pub(super) report: Report,
}

impl Checked {
    /// Checks a file and what lies beside it. Without the time of day nothing is said about what has passed.
    pub(super) fn of(path: &Path, now: Option<Absolute>) -> Self {
        let parsed = match text_of(path) {
            Ok(text) => check::parse(&text),
            Err(words) => Err(wrong(words)),
        };
        let document = match parsed {
            Ok(document) => document,
            Err(report) => return Self { report, ..Self::default() },
        };
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let stock = media::Stock::of(&document, &folder);
        let mut report = check::judge_with(&document, Some(&document.library));
        if !report.is_wrong() {
            // With what lies in the folders more can be said, and nothing less.
            let stocked = Resolved { library: stock.library, ..document.clone() };
            report = check::judge_with(&stocked, Some(&stocked.library));
        }
        warn(&mut report, zone::findings(&document.zone, now));
        warn(&mut report, stock.missing);
        Self { document: Some(document), songs: stock.songs, report }
    }

    /// For people.
    pub(super) fn text(&self, path: &Path) -> String {
        let mut lines = Vec::new();
        if let Some(document) = &self.document {
            let counts = [
                counted(document.dayparts.len(), "daypart"),
                counted(document.spots.len(), "spot"),
                counted(document.library.playlists.len(), "playlist"),
                format!("{} here", counted(self.songs, "recording")),
            ];
            let loops = document.library.loops.len();
            let loops = if loops > 0 { format!(", {}", counted(loops, "loop")) } else { String::new() };
            lines.push(format!("{}: {}{loops}", title(document), counts.join(", ")));
        }
        let marked = |mark: &str, finding: &Finding| {
            let path = if finding.path.is_empty() { String::new() } else { format!("{}: ", finding.path) };
            format!("  {mark:8} {}", text::clean(&format!("{path}{}", finding.message)))
        };
        lines.extend(self.report.errors.iter().map(|finding| marked("error", finding)));
        lines.extend(self.report.warnings.iter().map(|finding| marked("warning", finding)));
        if self.report.untold > 0 {
            lines.push(format!("  and {} more", self.report.untold));
        }
        let (errors, warnings) = (self.report.errors.len(), self.report.warnings.len());
        let file = text::clean(&path.display().to_string());
        lines.push(match (errors, warnings) {
            (0, 0) => format!("{file} is fine"),
            (0, _) => format!("{file}: {}, no error; a device takes it", counted(warnings, "warning")),
            (_, 0) => format!("{file}: {}; a device refuses it", counted(errors, "error")),
            _ => {
                let counts = format!("{}, {}", counted(errors, "error"), counted(warnings, "warning"));
                format!("{file}: {counts}; a device refuses it")
            }
        });
        lines.join("\n") + "\n"
    }

    fn json(&self, path: &Path) -> Value {
        let list = |findings: &[Finding]| -> Value {
            let one = |finding: &Finding| json!({"path": finding.path, "message": finding.message});
            findings.iter().map(one).collect()
        };
        json!({
            "file": path.display().to_string(),
            "accepted": !self.report.is_wrong(),
            "recordings_here": self.songs,
            "errors": list(&self.report.errors),
            "warnings": list(&self.report.warnings),
            "untold": self.report.untold,
        })
    }
}

/// About the whole.
fn wrong(message: String) -> Report {
    Report { errors: vec![Finding { path: String::new(), message }], ..Report::default() }
}

fn warn(report: &mut Report, findings: Vec<Finding>) {
    let room = FINDINGS_MAX.saturating_sub(report.warnings.len());
    report.untold += findings.len().saturating_sub(room);
    report.warnings.extend(findings.into_iter().take(room));
}

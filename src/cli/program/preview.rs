//! `orchestrion program preview`: what would play when.

mod span;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use orchestrion_program::check;
use orchestrion_program::preview::{Row, week_svg, week_table};
use orchestrion_program::{Absolute, Program, TimeOfDay};

use super::super::text::clean;
use super::zone::NO_CLOCK;
use super::{failed, say, say_json, text_of, today};
use span::End;

/// Days that are shown at once.
const DAYS_MAX: i64 = 366;
/// Spots at clock times that are looked at, before any is shown.
const MOMENTS_MAX: i64 = 1_000_000;

/// `orchestrion program preview`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrion program preview program.json                                  # this week
  orchestrion program preview program.json --svg week.svg                   # and as a picture
  orchestrion program preview program.json --from 2026-12-21                # seven days from then
  orchestrion program preview program.json --from 2026-12-24 --to 2026-12-26
  orchestrion program preview program.json --from 2026-12-31T18:00 --to 2027-01-01T04:00
  orchestrion program preview program.json --json | jq '.rows[] | select(.what == \"spot\")'

Times are those on the wall of the place, whatever the zone of this machine. A last date is
included, a last time is not. A spot after some songs or minutes depends on what plays; it is
listed at the end. The picture shows the week, from Monday, that the first day is in.

Exit codes: 0 shown, 1 the program has errors or a file cannot be read or written, 2 typed wrongly.")]
pub struct PreviewArgs {
    /// The program
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The first date or time; this week's Monday if not said
    #[arg(long, value_name = "DATE|DATETIME", value_parser = span::end)]
    from: Option<End>,
    /// The last date, or the time that ends it; a week after the first if not said
    #[arg(long, value_name = "DATE|DATETIME", value_parser = span::end)]
    to: Option<End>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Draw the week into this file, over what was in it
    #[arg(long, value_name = "OUT.svg")]
    svg: Option<PathBuf>,
}

impl PreviewArgs {
    /// Shows it.
    pub fn run(self) -> ExitCode {
        let shown = read(&self.file).and_then(|program| {
            let span = self.span(&program)?;
            self.show(&program, span)
        });
        match shown {
            Ok(()) => ExitCode::SUCCESS,
            Err(words) => failed(&words),
        }
    }

    /// From when to when.
    fn span(&self, program: &Program) -> Result<(Absolute, Absolute), String> {
        let zone = program.zone();
        let from = match &self.from {
            Some(end) => end.begin(),
            None => {
                let now = today().ok_or_else(|| format!("{NO_CLOCK}; say --from"))?;
                zone.local(now).date.monday().at(TimeOfDay::MIDNIGHT)
            }
        };
        let from_at = zone.absolute(from);
        let to = match &self.to {
            Some(end) => end.end(),
            None => from.date.plus_days(7).at(from.time()),
        };
        let to_at = zone.absolute(to);
        if to_at <= from_at {
            return Err(format!("it ends at {to}, before it begins at {from}; say a later --to"));
        }
        let days = i64::from(to.date.days()) - i64::from(from.date.days()) + 1;
        if days > DAYS_MAX + 1 {
            return Err(format!("{} days are too many at once; {DAYS_MAX} are the most", days - 1));
        }
        let spots = program.document().spots.iter().filter(|spot| spot.when.needs_clock()).count();
        if i64::try_from(spots).unwrap_or(i64::MAX).saturating_mul(days) > MOMENTS_MAX {
            return Err(format!("{spots} spots on {days} days are too many at once; ask for fewer days"));
        }
        Ok((from_at, to_at))
    }

    fn show(&self, program: &Program, (from, to): (Absolute, Absolute)) -> Result<(), String> {
        let rows: Vec<Row> = week_table(program, from, to);
        if self.json {
            say_json(&table::json(program, (from, to), &rows));
        } else {
            say(&table::text(program, (from, to), &rows));
        }
        let Some(path) = &self.svg else { return Ok(()) };
        if same_file(path, &self.file) {
            return Err(format!(
                "{} is the program itself; name another file for the picture",
                path.display()
            ));
        }
        std::fs::write(path, week_svg(program, from))
            .map_err(|error| format!("the picture {} cannot be written: {error}", path.display()))?;
        let monday = program.zone().local(from).date.monday();
        let words =
            format!("the week from Mon {monday} is drawn in {}\n", clean(&path.display().to_string()));
        // JSON is for programs; people look at the other stream then.
        if self.json {
            eprint!("{words}")
        } else {
            say(&format!("\n{words}"))
        }
        Ok(())
    }
}

/// A program without errors.
fn read(path: &Path) -> Result<Program, String> {
    let text = text_of(path)?;
    let compiled = check::parse(&text).and_then(Program::compile);
    compiled.map_err(|report| {
        let path = path.display();
        format!("{} is wrong; `orchestrion program check {path}` tells all:\n{}", path, clean_lines(&report))
    })
}

fn clean_lines(report: &check::Report) -> String {
    let lines: Vec<String> = report.errors.iter().map(|error| clean(&error.to_string())).collect();
    lines.join("\n")
}

fn same_file(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

//! Checks a program and previews a week of it: `preview FILE 2026-12-21 > week.svg`; findings and rows go to stderr.

use std::process::ExitCode;

use orchestrion_program::{Date, Program, TimeOfDay, check, preview};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [file, date] = &words[..] else {
        eprintln!("preview FILE DATE > week.svg");
        return ExitCode::FAILURE;
    };
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("{file}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (document, report) = check::check(&text);
    report.errors.iter().for_each(|error| eprintln!("error: {error}"));
    report.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    let (Some(Ok(program)), Ok(date)) = (document.map(Program::compile), date.parse::<Date>()) else {
        eprintln!("{file}: no week of it can be shown from {date}");
        return ExitCode::FAILURE;
    };
    let midnight = |date: Date| program.zone().absolute(date.at(TimeOfDay::MIDNIGHT));
    for row in preview::week_table(&program, midnight(date), midnight(date.plus_days(7))) {
        let volume = row.volume.map(|volume| format!("vol {volume}")).unwrap_or_default();
        eprintln!(
            "{} {} – {}  {:<24} {volume}",
            row.wall.0.date.weekday().title(),
            row.wall.0,
            row.wall.1,
            row.name
        );
    }
    print!("{}", preview::week_svg(&program, midnight(date)));
    ExitCode::SUCCESS
}

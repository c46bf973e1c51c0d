//! A preview as a table for people and as JSON. Pure.

use std::fmt::Write;

use orchestrion_program::civil::Local;
use orchestrion_program::model::{Else, How, Spot};
use orchestrion_program::preview::{Row, What, plays_text, when_text, within_text};
use orchestrion_program::{Absolute, Date, Kind, Program, TimeOfDay};
use serde_json::{Value, json};

use super::super::super::text::{clean, columns, fit};
use super::super::{title, zone};

/// Columns of the times.
const TIMES_COLUMNS: usize = 13;
/// Columns of a name.
const NAME_COLUMNS: usize = 28;

/// For people: a heading for each day, a line for each stretch and each spot.
pub(super) fn text(program: &Program, (from, to): (Absolute, Absolute), rows: &[Row]) -> String {
    let mut text = String::new();
    let (first, end) = (program.zone().local(from), program.zone().local(to));
    // Writing into a string cannot fail.
    let _ = writeln!(text, "{}: {} to {}", title(program.document()), day(first), till(end));
    let mut shown = None;
    for line in lines(program, (from, to), rows) {
        let date = program.zone().local(line.at).date;
        if shown.replace(date) != Some(date) {
            let _ = writeln!(text, "{}", heading(program, date));
        }
        let _ = writeln!(text, "{}", line.words.trim_end());
    }
    let others = || program.document().spots.iter().filter(|spot| !spot.when.needs_clock());
    if others().next().is_some() {
        text.push_str("\nBy what plays, not by the clock\n");
    }
    for spot in others() {
        let (name, within) = (clean(spot.title()), clean(&within_text(program, spot)));
        let _ = writeln!(text, "  ♪ {name}: {}{within}", when_text(&spot.when));
    }
    text
}

/// A line below a day's heading.
struct Line {
    at: Absolute,
    words: String,
}

/// All lines in order: stretches cut at midnight, so that each day can be read alone, spots, and what is done to the clock.
fn lines(program: &Program, (from, to): (Absolute, Absolute), rows: &[Row]) -> Vec<Line> {
    let zone = program.zone();
    let mut lines: Vec<Line> = Vec::new();
    for row in rows {
        match row.what {
            What::Spot | What::Unheard => lines.push(Line { at: row.from, words: spot(program, row) }),
            What::Music | What::Closed => {
                let mut at = row.from;
                while at < row.to {
                    let midnight = zone.absolute(zone.local(at).date.plus_days(1).at(TimeOfDay::MIDNIGHT));
                    // At the calendar's end there is no next midnight.
                    let end = if midnight > at { row.to.min(midnight) } else { row.to };
                    lines.push(Line { at, words: stretch(program, row, (at, end)) });
                    at = end;
                }
            }
        }
    }
    for turn in zone.shifts(from, to) {
        let after = zone.local(turn.at);
        let before = Local::from_ms(after.to_ms() - turn.forward_ms).time();
        let words = format!("  {before}        the clock is put to {}", after.time());
        lines.push(Line { at: turn.at, words });
    }
    lines.sort_by_key(|line| line.at);
    lines
}

fn heading(program: &Program, date: Date) -> String {
    let exception = program.document().exceptions.iter().find(|one| one.date == date && one.sound.is_some());
    let exception = exception.map(|one| match clean(&one.name) {
        name if name.is_empty() => "  ◆ other hours".to_owned(),
        name => format!("  ◆ {name}"),
    });
    format!("\n{} {date}{}", date.weekday().title(), exception.unwrap_or_default())
}

/// A stretch, or the part of it on a day.
fn stretch(program: &Program, row: &Row, (from, to): (Absolute, Absolute)) -> String {
    let name = fit(&clean(&row.name), NAME_COLUMNS);
    let (from, to) = (program.zone().local(from), program.zone().local(to));
    let to = if to.date > from.date { TimeOfDay::END } else { to.time() };
    let times = format!("{}–{to}", from.time());
    match row.volume {
        Some(volume) => {
            let pad = " ".repeat(NAME_COLUMNS.saturating_sub(columns(&name)) + 2);
            format!("  {times:TIMES_COLUMNS$}{name}{pad}volume {volume:3}  {}", playlists(program, row))
        }
        None => format!("  {times:TIMES_COLUMNS$}{name}"),
    }
}

fn spot(program: &Program, row: &Row) -> String {
    let (name, time) = (fit(&clean(&row.name), NAME_COLUMNS), row.wall.0.time().to_string());
    let spot = row.id.as_deref().and_then(|id| program.spot(id));
    let words = match row.what {
        What::Unheard if program.is_open(Kind::Sound, row.from) => ": not heard in this daypart".to_owned(),
        What::Unheard => ": not heard, it is closed".to_owned(),
        What::Spot | What::Music | What::Closed => spot.map(|spot| how(&spot.how)).unwrap_or_default(),
    };
    let columns = TIMES_COLUMNS - 2;
    format!("    {time:columns$}♪ {name}{words}")
}

/// What a stretch of music plays, with the shares where there are several.
fn playlists(program: &Program, row: &Row) -> String {
    let daypart = row.id.as_deref().and_then(|id| program.daypart(program.daypart_number(id)?));
    let Some(daypart) = daypart else {
        let fallback = row.name == "fallback";
        return if fallback { clean(program.fallback().as_str()) } else { String::new() };
    };
    clean(&plays_text(daypart))
}

fn how(how: &How) -> String {
    match how {
        How::Between { window_s, otherwise } => {
            let otherwise = match otherwise {
                Else::Duck => "then over the music",
                Else::Cut => "then in place of it",
                Else::Miss => "else not at all",
            };
            format!(", between two songs within {window_s} s, {otherwise}")
        }
        How::Duck { db } => format!(", over the music, {db} dB softer"),
        How::Cut => ", in place of the music".to_owned(),
    }
}

/// `Mon 2026-07-20`, with the time where it is not midnight.
fn day(at: Local) -> String {
    let date = format!("{} {}", at.date.weekday().title(), at.date);
    if at.time() == TimeOfDay::MIDNIGHT { date } else { format!("{date} {}", at.time()) }
}

/// The same for an end: midnight is the end of the day before.
fn till(at: Local) -> String {
    if at.time() == TimeOfDay::MIDNIGHT {
        day(at.date.plus_days(-1).at(TimeOfDay::MIDNIGHT))
    } else {
        day(at)
    }
}

/// For programs.
pub(super) fn json(program: &Program, (from, to): (Absolute, Absolute), rows: &[Row]) -> Value {
    let document = program.document();
    let row = |row: &Row| {
        let what = match row.what {
            What::Music => "music",
            What::Closed => "closed",
            What::Spot => "spot",
            What::Unheard => "unheard",
        };
        let mut object = json!({"from": iso(program, row.from), "what": what, "name": row.name});
        if let Some(id) = &row.id {
            object["id"] = id.as_str().into();
        }
        if let Some(volume) = row.volume {
            object["volume"] = volume.into();
        }
        if row.to > row.from {
            object["to"] = iso(program, row.to).into();
        }
        object
    };
    let other = |spot: &Spot| json!({"id": spot.id, "name": spot.title(), "when": spot.when});
    json!({
        "place": document.place.id,
        "zone": document.zone.id,
        "from": iso(program, from),
        "to": iso(program, to),
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
        "by_what_plays":
            document.spots.iter().filter(|spot| !spot.when.needs_clock()).map(other).collect::<Vec<_>>(),
    })
}

/// `2026-12-24T18:00:00+01:00` (RFC 3339).
fn iso(program: &Program, at: Absolute) -> String {
    let local = program.zone().local(at);
    let seconds = local.time().seconds();
    format!(
        "{}T{:02}:{:02}:{:02}{}",
        local.date,
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        zone::offset(program.zone().offset_s(at))
    )
}

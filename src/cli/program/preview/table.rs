//! A preview as a table for people and as JSON. Pure.

use std::fmt::Write;

use orchestrion_program::civil::Local;
use orchestrion_program::model::{Else, How, Spot};
use orchestrion_program::preview::{Row, What, when_text};
use orchestrion_program::{Absolute, Date, Program, TimeOfDay};
use serde_json::{Value, json};

use super::super::super::text::{clean, columns, fit};
use super::super::{title, zone};

/// Columns of the times.
const TIMES_COLUMNS: usize = 17;
/// Columns of a name.
const NAME_COLUMNS: usize = 28;

/// For people: a heading for each day, a line for each stretch and each spot.
pub(super) fn text(program: &Program, (from, to): (Absolute, Absolute), rows: &[Row]) -> String {
    let mut text = String::new();
    let (first, end) = (program.zone().local(from), program.zone().local(to));
    // Writing into a string cannot fail.
    let _ = writeln!(text, "{}: {} to {}", title(program.document()), day(first), till(end));
    let mut date = None;
    let mut turns: Vec<_> = program.zone().shifts(from, to).collect();
    turns.reverse();
    for row in rows {
        while turns.last().is_some_and(|turn| turn.at <= row.from) {
            let Some(turn) = turns.pop() else { break };
            heading(&mut text, program, &mut date, program.zone().local(turn.at).date);
            let (before, after) =
                (program.zone().local(turn.at).to_ms() - turn.forward_ms, program.zone().local(turn.at));
            let before = Local::from_ms(before).time();
            let _ = writeln!(text, "  {before}  the clock is put to {}", after.time());
        }
        heading(&mut text, program, &mut date, row.wall.0.date);
        let _ = writeln!(text, "{}", line(program, row).trim_end());
    }
    let others: Vec<&Spot> =
        program.document().spots.iter().filter(|spot| !spot.when.needs_clock()).collect();
    if !others.is_empty() {
        text.push_str("\nBy what plays, not by the clock\n");
    }
    for spot in others {
        let _ =
            writeln!(text, "  ♪ {}: {}{}", clean(spot.title()), when_text(&spot.when), within(program, spot));
    }
    text
}

fn heading(text: &mut String, program: &Program, before: &mut Option<Date>, date: Date) {
    if before.replace(date) == Some(date) {
        return;
    }
    let exception = program.document().exceptions.iter().find(|one| one.date == date && one.sound.is_some());
    let exception = exception.map(|one| match clean(&one.name) {
        name if name.is_empty() => "  ◆ other hours".to_owned(),
        name => format!("  ◆ {name}"),
    });
    let _ = writeln!(text, "\n{} {date}{}", date.weekday().title(), exception.unwrap_or_default());
}

fn line(program: &Program, row: &Row) -> String {
    let name = fit(&clean(&row.name), NAME_COLUMNS);
    let spot = row.id.as_deref().and_then(|id| program.spot(id));
    match row.what {
        What::Closed => format!("  {:TIMES_COLUMNS$}{name}", times(row)),
        What::Music => {
            let pad = " ".repeat(NAME_COLUMNS.saturating_sub(columns(&name)) + 2);
            let volume = row.volume.map(|volume| format!("volume {volume:3}")).unwrap_or_default();
            format!("  {:TIMES_COLUMNS$}{name}{pad}{volume}  {}", times(row), playlists(program, row))
        }
        What::Spot => {
            let how = spot.map(|spot| how(&spot.how)).unwrap_or_default();
            format!("    {:15}♪ {name}{how}", row.wall.0.time().to_string())
        }
        What::Unheard => {
            format!(
                "    {:15}♪ {name}: not heard, it is closed or another daypart",
                row.wall.0.time().to_string()
            )
        }
    }
}

/// `07:30–11:30`, with the day of its end where that is another one.
fn times(row: &Row) -> String {
    let (from, to) = row.wall;
    let next_midnight = to.date == from.date.plus_days(1) && to.time() == TimeOfDay::MIDNIGHT;
    let days = i64::from(to.date.days()) - i64::from(from.date.days());
    match days {
        _ if next_midnight => format!("{}–24:00", from.time()),
        0 => format!("{}–{}", from.time(), to.time()),
        1..=6 => format!("{}–{} {}", from.time(), to.time(), to.date.weekday().title()),
        _ => format!("{}–{}", from.time(), to.date),
    }
}

/// What a stretch of music plays, with the shares where there are several.
fn playlists(program: &Program, row: &Row) -> String {
    let daypart = row.id.as_deref().and_then(|id| program.daypart(program.daypart_number(id)?));
    let Some(daypart) = daypart else {
        let fallback = row.name == "fallback";
        return if fallback { clean(program.fallback().as_str()) } else { String::new() };
    };
    let total: u64 = daypart.playlists.iter().map(|share| u64::from(share.weight)).sum();
    let one = |id: &str, weight: u32| match daypart.playlists.len() {
        1 => clean(id),
        _ => format!("{} {} %", clean(id), (u64::from(weight) * 100 + total / 2) / total.max(1)),
    };
    let all: Vec<String> =
        daypart.playlists.iter().map(|share| one(share.id.as_str(), share.weight)).collect();
    all.join(", ")
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

/// The dayparts that a spot is bound to.
fn within(program: &Program, spot: &Spot) -> String {
    let Some(dayparts) = &spot.dayparts else { return String::new() };
    let named = |id: &str| program.daypart_number(id).and_then(|number| program.daypart(number));
    let names: Vec<String> =
        dayparts.iter().filter_map(|id| named(id.as_str())).map(|daypart| clean(daypart.title())).collect();
    format!(", in {}", names.join(", "))
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

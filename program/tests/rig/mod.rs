//! Programs for tests, made of JSON.
#![allow(dead_code, reason = "not every test needs all of it")]

pub mod asking;

use orchestrion_program::civil::{Absolute, Date};
use orchestrion_program::model::{Clock, Wall};
use orchestrion_program::{Program, check, zone};
use serde_json::{Value, json};

/// The instant of a text like `2027-03-28T01:00:00Z`.
pub fn utc(text: &str) -> Absolute {
    let (date, time) = text.trim_end_matches('Z').split_once('T').unwrap();
    let date: Date = date.parse().unwrap();
    let time: orchestrion_program::TimeOfDay = time.parse().unwrap();
    Absolute(date.at(time).to_ms())
}

/// The smallest document: always open, one daypart, in Berlin from 2026 on.
pub fn document() -> Value {
    in_zone("Europe/Berlin", utc("2026-11-01T00:00Z"))
}

pub fn in_zone(name: &str, from: Absolute) -> Value {
    let daily = json!([{ "days": ["daily"], "from": "00:00", "to": "24:00" }]);
    json!({
        "v": 1,
        "place": { "id": "here" },
        "zone": zone::zone(name, from).unwrap(),
        "hours": { "sound": daily },
        "dayparts": [daypart("all", "daily", "00:00", "24:00")],
        "clockless": { "allowed": true },
        "fallback": "rest"
    })
}

pub fn daypart(id: &str, days: &str, from: &str, to: &str) -> Value {
    json!({ "id": id, "days": days.split(' ').collect::<Vec<_>>(), "from": from, "to": to, "playlists": [{ "id": "songs" }] })
}

pub fn window(days: &str, from: &str, to: &str) -> Value {
    json!({ "days": days.split(' ').collect::<Vec<_>>(), "from": from, "to": to })
}

pub fn program(document: &Value) -> Program {
    let text = serde_json::to_vec(document).unwrap();
    let document = check::parse(&text).unwrap_or_else(|report| panic!("{report}"));
    Program::compile(document).unwrap_or_else(|report| panic!("{report}"))
}

/// A device's clock that is trusted.
pub fn clock(at: Absolute) -> Clock {
    Clock { mono_ms: 1_000_000, boot: "one".into(), wall: Wall::Trusted { at, uncertainty_ms: 5 } }
}

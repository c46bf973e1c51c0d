//! How long it takes to know what is right now, and when that changes. `cargo bench -p orchestrion-program --bench decide`.

use std::hint::black_box;
use std::time::Instant;

use orchestrion_program::civil::{Absolute, DAY_MS};
use orchestrion_program::model::{Clock, Wall};
use orchestrion_program::now::State;
use orchestrion_program::{Program, zone};
use serde_json::{Value, json};

/// 2027-01-01T00:00Z.
const YEAR: i64 = 1_798_761_600_000;
const TIMES: i64 = 20_000;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn program(dayparts: usize, spots: usize, exceptions: i64, always: bool) -> Outcome<Program> {
    let part = |no: usize| {
        let (from, to) = (no % 24, (no + 1) % 24);
        json!({ "id": no.to_string(), "days": ["daily"], "from": format!("{from:02}:00"), "to": format!("{to:02}:00"),
                "priority": no / 24, "playlists": [{ "id": "songs" }] })
    };
    let spot = |no: usize| json!({ "id": no.to_string(), "recording": "gong", "class": "ad", "when": { "per_hour": 2 }, "how": "cut" });
    let exception = |no: i64| {
        let date = orchestrion_program::Date::from_days(20_820 + no * 3).to_string();
        json!({ "date": date, "sound": [{ "from": "00:00", "to": "24:00" }] })
    };
    let to = if always { "24:00" } else { "22:00" };
    let from = if always { "00:00" } else { "08:00" };
    let document = json!({
        "v": 1, "place": { "id": "here" }, "zone": zone::zone("Europe/Berlin", Absolute(YEAR))?,
        "hours": { "sound": [{ "days": ["daily"], "from": from, "to": to }] },
        "dayparts": (0..dayparts).map(part).collect::<Vec<Value>>(),
        "spots": (0..spots).map(spot).collect::<Vec<Value>>(),
        "exceptions": (0..exceptions).map(exception).collect::<Vec<Value>>(),
        "clockless": { "allowed": true }, "fallback": "rest"
    });
    Ok(Program::compile(serde_json::from_value(document)?)?)
}

fn main() -> Outcome<()> {
    println!(
        "{:<58} {:>12} {:>12} {:>14} {:>14}",
        "program", "what_now µs", "worst µs", "next_change µs", "worst µs"
    );
    let state = State::default();
    for (name, program) in [
        ("a café: 3 dayparts, 5 spots, 10 exceptions", program(3, 5, 10, false)),
        ("24 dayparts, 100 spots, 100 exceptions", program(24, 100, 100, false)),
        ("500 dayparts, 10,000 spots, 1,000 exceptions", program(500, 10_000, 1000, false)),
        ("round the clock, 24 dayparts, 1,000 exceptions", program(24, 0, 1000, true)),
        ("round the clock, 1 daypart, which never changes", program(0, 0, 0, true)),
        ("round the clock, nothing changes, 1,000 exceptions", program(0, 0, 1000, true)),
    ] {
        let program = program?;
        let mut figures = [0.0f64; 4];
        for no in 0..TIMES {
            // Spread over a year, changes of the clock among them.
            let at = Absolute(YEAR + no * (366 * DAY_MS / TIMES));
            let clock =
                Clock { mono_ms: 1, boot: String::new(), wall: Wall::Trusted { at, uncertainty_ms: 1 } };
            let begun = Instant::now();
            black_box(program.what_now(black_box(&clock), &state));
            let now_us = begun.elapsed().as_nanos() as f64 / 1000.0;
            figures = [figures[0] + now_us / TIMES as f64, figures[1].max(now_us), figures[2], figures[3]];
            if no % 100 == 0 {
                let begun = Instant::now();
                black_box(program.next_change(black_box(&clock), &state));
                let change_us = begun.elapsed().as_nanos() as f64 / 1000.0;
                figures[2] += change_us * 100.0 / TIMES as f64;
                figures[3] = figures[3].max(change_us);
            }
        }
        let [now, now_worst, change, change_worst] = figures;
        println!("{name:<58} {now:>12.2} {now_worst:>12.1} {change:>14.1} {change_worst:>14.1}");
    }
    Ok(())
}

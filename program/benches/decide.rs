//! How long it takes to know what is right now, and when that changes. `cargo bench -p orchestrion-program --bench decide`.

use std::hint::black_box;
use std::time::{Duration, Instant};

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

/// The median, 99.9 % and the worst, in µs: a machine that does something else for a moment shows in the worst.
fn figures(mut times: Vec<Duration>) -> [f64; 3] {
    times.sort();
    [500, 999, 1000].map(|part| times[(times.len() - 1) * part / 1000].as_nanos() as f64 / 1000.0)
}

fn main() -> Outcome<()> {
    // Run as a test (`cargo test --benches`) there is nothing to measure.
    if !std::env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    println!("| program | what_now µs: median | 99.9 % | worst | next_change µs: median | 99.9 % | worst |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
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
        let (mut nows, mut changes) = (Vec::new(), Vec::new());
        for no in 0..TIMES {
            // Spread over a year, changes of the clock among them.
            let at = Absolute(YEAR + no * (366 * DAY_MS / TIMES));
            let clock =
                Clock { mono_ms: 1, boot: String::new(), wall: Wall::Trusted { at, uncertainty_ms: 1 } };
            let begun = Instant::now();
            black_box(program.what_now(black_box(&clock), &state));
            nows.push(begun.elapsed());
            if no % 100 == 0 {
                let begun = Instant::now();
                black_box(program.next_change(black_box(&clock), &state));
                changes.push(begun.elapsed());
            }
        }
        let ([now, most, worst], [change, change_most, change_worst]) = (figures(nows), figures(changes));
        println!(
            "| {name} | {now:.2} | {most:.1} | {worst:.1} | {change:.1} | {change_most:.1} | {change_worst:.1} |"
        );
    }
    Ok(())
}

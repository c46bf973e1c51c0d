//! The crate against another method: `second_source.py` works the same cases out minute by minute with Python's zoneinfo.
#![cfg(test)]

mod rig;

use std::path::Path;
use std::process::Command;

use orchestrion_program::civil::Absolute;
use orchestrion_program::model::Zone;
use orchestrion_program::{Kind, Program};
use serde_json::{Value, json};

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"))
}

fn kept() -> String {
    std::fs::read_to_string(folder().join("second_source.json")).unwrap()
}

fn cases() -> Vec<Value> {
    serde_json::from_str(&kept()).unwrap()
}

fn program(case: &Value) -> Program {
    let mut document = rig::document();
    let data = &case["zone_data"];
    let transitions = &data["transitions"];
    document["zone"] = json!({ "id": case["zone"], "tzdb": "test", "offset_s": data["offset_s"], "transitions": transitions });
    document["hours"]["sound"] = case["hours"].clone();
    let win = |win: &Value| json!({ "from": win[0], "to": win[1] });
    let exceptions = case["exceptions"].as_object().into_iter().flatten().map(|(date, windows)| {
        let windows: Vec<Value> = windows.as_array().unwrap().iter().map(win).collect();
        json!({ "date": date, "sound": windows })
    });
    document["exceptions"] = exceptions.collect();
    let dayparts = case["dayparts"].as_array().unwrap().iter().enumerate().map(|(no, part)| {
        let mut daypart = rig::daypart(&no.to_string(), "mon", "00:00", "24:00");
        for key in ["days", "from", "to", "priority"] {
            daypart[key] = part[key].clone();
        }
        if !part["first"].is_null() {
            daypart["dates"] = json!({ "first": part["first"], "last": part["last"] });
        }
        daypart
    });
    document["dayparts"] = dayparts.collect();
    let at = case["at"].as_array().into_iter().flatten().map(|at| {
        let days: Vec<&str> = at[0].as_str().unwrap().split(' ').collect();
        json!({ "at": { "days": days, "time": at[1] } })
    });
    let before_close = case["before_close"].as_u64().map(|minutes| json!({ "before_close": minutes }));
    let spots = at.chain(before_close).enumerate().map(|(no, when)| {
        json!({ "id": no.to_string(), "recording": "gong", "class": "house", "when": when, "how": "cut" })
    });
    document["spots"] = spots.collect();
    rig::program(&document)
}

/// What `of` says minute by minute, as runs like the second source's.
fn runs(from: i64, to: i64, of: impl Fn(Absolute) -> Value) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    for second in (from..to).step_by(60) {
        let value = of(Absolute(second * 1000));
        if found.last().is_none_or(|last| last[1] != value) {
            found.push(json!([second, value]));
        }
    }
    found
}

#[test]
fn hours_dayparts_and_clock_times_are_what_the_second_source_says() {
    let cases = cases();
    assert!(cases.len() > 30);
    for case in &cases {
        let name = format!("{} {} {}", case["name"], case["zone"], case["start"]);
        let program = program(case);
        let expected = &case["expected"];
        let (from, to) = (expected["from"].as_i64().unwrap(), expected["to"].as_i64().unwrap());
        let open = runs(from, to, |at| json!(program.is_open(Kind::Sound, at)));
        assert_eq!(json!(open), expected["open"], "{name}");
        let daypart = runs(from, to, |at| json!(program.daypart_at(at).map(|number| number.0)));
        assert_eq!(json!(daypart), expected["daypart"], "{name}");
        let (begin, end) = (Absolute(from * 1000), Absolute(to * 1000));
        // Tiles say the same as instants.
        for tile in program.open_between(Kind::Sound, begin, end) {
            let edge = |at: Absolute| {
                [begin, end].contains(&at) || open.iter().any(|run| run[0] == json!(at.0 / 1000))
            };
            assert!(edge(tile.from) && edge(tile.to), "{name}: {tile:?}");
        }
        let moments = |before_close: bool| {
            let spots = program.document().spots.iter();
            let spots = spots.filter(|spot| {
                matches!(spot.when, orchestrion_program::model::When::BeforeClose(_)) == before_close
            });
            let mut all: Vec<i64> = spots
                .flat_map(|spot| program.moments(spot, begin, end))
                .map(|moment| moment.at.0 / 1000)
                .collect();
            all.sort_unstable();
            all.dedup();
            json!(all)
        };
        assert_eq!(moments(false), expected["at"], "{name}");
        assert_eq!(moments(true), expected["before_close"], "{name}");
    }
}

#[test]
fn the_zones_made_of_names_are_those_of_the_second_source() {
    for case in cases() {
        let start = Absolute(case["expected"]["from"].as_i64().unwrap() * 1000);
        let made = orchestrion_program::zone::zone(case["zone"].as_str().unwrap(), start).unwrap();
        let data = &case["zone_data"];
        let kept: Zone = serde_json::from_value(json!({
            "id": case["zone"], "tzdb": "test", "offset_s": data["offset_s"], "transitions": data["transitions"]
        }))
        .unwrap();
        let (made, kept) = [made, kept].map(|zone| orchestrion_program::zone::ZoneMap::new(&zone)).into();
        for hour in -24 * 20..24 * 20 {
            let at = start.plus_ms(hour * 3_600_000);
            assert_eq!(made.local(at), kept.local(at), "{} {at}", case["zone"]);
        }
    }
}

#[test]
fn the_second_source_says_today_what_was_written_down() {
    let can = Command::new("python3")
        .args(["-c", "import zoneinfo; zoneinfo.ZoneInfo('Australia/Lord_Howe')"])
        .output();
    if !can.as_ref().is_ok_and(|output| output.status.success()) {
        eprintln!(
            "SKIPPED: no python3 with a time zone database here, so the second source was not asked again"
        );
        return;
    }
    let output = Command::new("python3").arg(folder().join("second_source.py")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        said,
        serde_json::from_str::<Value>(&kept()).unwrap(),
        "second_source.json is not what the script says"
    );
}

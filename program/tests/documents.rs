//! What is refused or reported, and that the path of what is wrong is told.
#![cfg(test)]

mod rig;

use std::time::Instant;

use orchestrion_program::{Program, check};
use rig::{daypart, document, window};
use serde_json::{Value, json};

/// A case: where it is put, what is put there, the path that is told, and a word of the message.
type Case<'a> = (&'a str, Value, &'a str, &'a str);

fn put(document: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).unwrap() {
        Value::Object(map) => drop(map.insert(key.to_owned(), value)),
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        other => panic!("{pointer}: {other}"),
    }
}

/// A document with a little of everything.
fn full() -> Value {
    let mut document = document();
    document["exceptions"] = json!([{ "date": "2026-12-24", "sound": [{ "from": "08:00", "to": "14:00" }] }]);
    document["dayparts"] =
        json!([daypart("all", "daily", "00:00", "24:00"), daypart("sat", "sat", "10:00", "12:00")]);
    document["dayparts"][1]["priority"] = json!(1);
    document["dayparts"][1]["volume"] = json!({ "set": 50, "min": 20, "max": 80 });
    document["spots"] = json!([
        { "id": "gong", "recording": "gong", "class": "house", "when": { "songs": 3 },
          "how": { "between": { "window_s": 60, "else": "duck" } } },
        { "id": "ad", "recording": "gong", "class": "ad", "when": { "share": 2.5 }, "how": { "duck": { "db": 12 } },
          "dayparts": ["all"], "dates": { "first": "2026-12-01", "last": "2026-12-31" } }
    ]);
    document["breaks"] = json!({ "separate": [{ "by": "category", "minutes": 10 }] });
    document["rotation"] =
        json!({ "song": { "count": 1, "minutes": 10 }, "artist": { "count": 0, "minutes": 0 } });
    document["staff"] = json!({ "pause_max_s": 600 });
    document["lapse"] = json!({ "playlist": "rest" });
    document["library"] = json!({
        "recordings": [{ "id": "gong" }, { "id": "a", "artists": ["A"] }, { "id": "b", "artists": ["B"] }],
        "playlists": [
            { "id": "songs", "recordings": ["a"], "playlists": ["more"] },
            { "id": "more", "recordings": ["b"] },
            { "id": "rest", "recordings": ["a"] }
        ]
    });
    document
}

fn report(document: &Value) -> check::Report {
    check::check(&serde_json::to_vec(document).unwrap()).1
}

#[test]
fn a_right_document_has_nothing_to_report() {
    let report = report(&full());
    assert_eq!((report.errors, report.warnings), (vec![], vec![]));
}

#[test]
fn every_error_tells_its_path() {
    let cases: Vec<Case<'_>> = vec![
        ("/v", json!(2), "v", "version 2"),
        ("/place/id", json!(" "), "place.id", "letter"),
        ("/place/trim_db", json!(90), "place.trim_db", "-40"),
        ("/place/territory", json!("Germany"), "place.territory", "ISO 3166"),
        ("/place/color", json!("red"), "place.color", "unknown field"),
        ("/zone/offset_s", json!(100_000), "zone.offset_s", "offset"),
        ("/zone/transitions/1/at_utc_ms", json!(0), "zone.transitions[1].at_utc_ms", "rising"),
        ("/hours/sound/0/to", json!("00:00"), "hours.sound[0].to", "00:00 to 24:00"),
        ("/hours/sound/0/from", json!("24:00"), "hours.sound[0].from", "24:00"),
        ("/hours/sound/0/from", json!("8:00"), "hours.sound[0].from", "no time of day"),
        ("/hours/sound/0/days", json!([]), "hours.sound[0].days", "no day"),
        ("/hours/sound/0/days", json!(["Monday"]), "hours.sound[0].days", "mon-fri"),
        ("/exceptions/0/date", json!("2026-02-29"), "exceptions[0].date", "no date"),
        ("/exceptions/0/sound/0/to", json!("08:00"), "exceptions[0].sound[0].to", "ends when it starts"),
        ("/dayparts/1/id", json!("all"), "dayparts[1].id", "dayparts[0] already"),
        ("/dayparts/1/from", json!("25:00"), "dayparts[1].from", "no time of day"),
        ("/dayparts/1/to", json!("10:00"), "dayparts[1].to", "ends when it starts"),
        (
            "/dayparts/1/dates",
            json!({ "first": "2027-01-02", "last": "2027-01-01" }),
            "dayparts[1].dates.last",
            "before",
        ),
        ("/dayparts/1/playlists", json!([]), "dayparts[1].playlists", "no playlist"),
        ("/dayparts/1/playlists/0/weight", json!(0), "dayparts[1].playlists[0].weight", "1 to"),
        ("/dayparts/1/playlists/0/weight", json!(0.5), "dayparts[1].playlists[0].weight", "floating point"),
        ("/dayparts/1/playlists/0/weight", json!("NaN"), "dayparts[1].playlists[0].weight", "string"),
        ("/dayparts/1/playlists/0/id", json!("none"), "dayparts[1].playlists[0].id", "no playlist \"none\""),
        ("/dayparts/1/volume/set", json!(90), "dayparts[1].volume.set", "between 20 and 80"),
        ("/dayparts/1/volume/min", json!(90), "dayparts[1].volume.min", "above"),
        ("/dayparts/1/crossfade_s", json!(13), "dayparts[1].crossfade_s", "12"),
        ("/dayparts/1/boundary", json!({ "mode": "jump" }), "dayparts[1].boundary.mode", "unknown variant"),
        ("/spots/0/when", json!({ "songs": 0 }), "spots[0].when.songs", "1 to"),
        ("/spots/0/when", json!({ "per_hour": 61 }), "spots[0].when.per_hour", "60"),
        ("/spots/0/when", json!({ "moon": 1 }), "spots[0].when", "unknown variant"),
        ("/spots/1/when/share", json!(0), "spots[1].when.share", "100"),
        ("/spots/1/how/duck/db", json!(-3), "spots[1].how.duck.db", "60"),
        ("/spots/1/how/duck/depth", json!(3), "spots[1].how.duck.depth", "unknown field"),
        ("/spots/1/dayparts/0", json!("nine"), "spots[1].dayparts[0]", "no daypart \"nine\""),
        ("/spots/1/recording", json!("horn"), "spots[1].recording", "no recording \"horn\""),
        ("/spots/0/missed", json!({ "within": 0 }), "spots[0].missed.within", "1 to"),
        ("/breaks/separate/0/minutes", json!(0), "breaks.separate[0].minutes", "1 to"),
        ("/rotation/song/count", json!(-1), "rotation.song.count", "-1"),
        ("/rotation/song/minutes", json!(1_000_000), "rotation.song.minutes", "out of range"),
        ("/staff/pause_max_s", json!(0), "staff.pause_max_s", "1 to"),
        ("/clockless", json!({}), "clockless", "missing field `allowed`"),
        ("/clockless", json!({ "allowed": true, "daypart": "x" }), "clockless.daypart", "no daypart \"x\""),
        ("/fallback", json!("none"), "fallback", "no playlist \"none\""),
        ("/lapse/playlist", json!("none"), "lapse.playlist", "no playlist \"none\""),
        ("/library/recordings/1/id", json!("gong"), "library.recordings[1].id", "already"),
        ("/library/recordings/1/blobs", json!(["ab"]), "library.recordings[1].blobs[0]", "SHA-256"),
        (
            "/library/recordings/1/rights",
            json!({ "first": "2027-02-01", "last": "2027-01-01" }),
            "library.recordings[1].rights.last",
            "before",
        ),
        (
            "/library/recordings/1/rights",
            json!({ "territories": ["de"] }),
            "library.recordings[1].rights.territories[0]",
            "ISO 3166",
        ),
        (
            "/library/playlists/0/recordings/0",
            json!("z"),
            "library.playlists[0].recordings[0]",
            "no recording \"z\"",
        ),
        ("/library/playlists/1/playlists", json!(["songs"]), "library.playlists[1].playlists[0]", "circle"),
        ("/library/playlists/1/playlists", json!(["more"]), "library.playlists[1].playlists[0]", "circle"),
        ("/library/playlists/1/id", json!("rest"), "library.playlists[2].id", "already"),
    ];
    let mut wrong = Vec::new();
    for (pointer, value, path, word) in cases {
        let mut document = full();
        put(&mut document, pointer, value.clone());
        let errors = report(&document).errors;
        if !errors.iter().any(|error| error.path == path && error.message.contains(word)) {
            wrong.push(format!("{pointer} = {value}: wanted {path}: …{word}…, got {errors:?}"));
        }
        let read = check::parse(&serde_json::to_vec(&document).unwrap());
        assert!(read.is_err() || Program::compile(read.unwrap()).is_err());
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn what_overlaps_is_reported() {
    let mut document = full();
    document["exceptions"] = json!([
        { "date": "2026-12-24", "sound": [{ "from": "08:00", "to": "14:00" }, { "from": "13:00", "to": "15:00" }] },
        { "date": "2026-12-24", "screen": [] }
    ]);
    document["hours"]["sound"] = json!([window("daily", "00:00", "24:00"), window("sat", "22:00", "03:00")]);
    let report = report(&document);
    let paths: Vec<&str> = report.errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(paths, ["exceptions[0].sound[1]", "exceptions[1].date"]);
    assert_eq!(report.warnings[0].path, "hours.sound[1]");

    let mut document = full();
    document["dayparts"][1]["priority"] = json!(0);
    let warnings = self::report(&document).warnings;
    assert!(warnings[0].path == "dayparts[1]" && warnings[0].message.contains("dayparts[0]"), "{warnings:?}");
    // Saturday's night reaches into Sunday, and Sunday's into Monday.
    document["dayparts"] =
        json!([daypart("night", "sun", "22:00", "03:00"), daypart("early", "mon", "02:00", "24:00")]);
    assert!(self::report(&document).warnings.iter().any(|warning| warning.path == "dayparts[1]"));
    document["dayparts"][1]["from"] = json!("03:00");
    assert!(!self::report(&document).warnings.iter().any(|warning| warning.path == "dayparts[1]"));
}

#[test]
fn hours_with_nothing_to_play_and_spots_that_are_never_heard_are_warned_of() {
    let mut document = full();
    document["hours"]["sound"] =
        json!([window("mon-fri", "08:00", "20:00"), window("sat", "22:00", "02:00")]);
    document["exceptions"] = json!([]);
    document["dayparts"] = json!([daypart("all", "daily", "09:00", "20:00")]);
    let spot = |when: Value| json!({ "id": when.to_string(), "recording": "gong", "class": "house", "when": when, "how": "cut" });
    document["spots"] = json!([
        spot(json!({ "at": { "days": ["sun"], "time": "12:00" } })),
        spot(json!({ "at": { "days": ["sun"], "time": "01:00" } })),
        spot(json!({ "before_close": 10 }))
    ]);
    let warnings = report(&document).warnings;
    let texts: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert!(texts[0].contains("Mon 08:00 to Mon 09:00"), "{texts:?}");
    assert!(texts.iter().any(|text| text.contains("Sat 22:00 to Sun 02:00")), "{texts:?}");
    assert!(texts.iter().any(|text| text.starts_with("spots[0].when: it is never heard")), "{texts:?}");
    assert!(
        !texts.iter().any(|text| text.starts_with("spots[1]") || text.starts_with("spots[2]")),
        "{texts:?}"
    );
    document["hours"]["sound"] = json!([window("daily", "00:00", "24:00")]);
    let warnings = report(&document).warnings;
    assert!(
        warnings
            .iter()
            .any(|warning| warning.path == "spots[2].when" && warning.message.contains("never closes"))
    );
}

#[test]
fn playlists_too_small_for_their_rules_are_warned_of() {
    let mut document = full();
    document["rotation"] = json!({});
    let warnings = report(&document).warnings;
    assert!(
        warnings
            .iter()
            .any(|warning| warning.path == "dayparts[0].playlists" && warning.message.contains("2 songs"))
    );
    assert!(warnings.iter().any(|warning| warning.message.contains("2 artists")), "{warnings:?}");
}

#[test]
fn loops_are_judged_and_a_daypart_may_name_one_of_the_device() {
    let mut document = full();
    document["dayparts"][0]["screen_loop"] = json!("window");
    assert_eq!(report(&document).warnings, [], "what a device calls so");
    let right = json!([{ "id": "window", "items": [{ "recording": "a", "hold_s": 8, "weight": 3 }, { "recording": "b" }] }]);
    put(&mut document, "/library/loops", right);
    assert_eq!(report(&document), check::Report::default());
    let item = "library.loops[0].items[0]";
    let cases: [(&str, Value, String, &str); 7] = [
        ("/library/loops/0/id", json!(""), "library.loops[0].id".into(), "at least one letter"),
        (
            "/library/loops/0/items/0/recording",
            json!("c"),
            format!("{item}.recording"),
            "there is no recording",
        ),
        (
            "/library/loops/0/items/0/recording",
            json!("b"),
            "library.loops[0].items[1].recording".into(),
            "twice",
        ),
        ("/library/loops/0/items/0/hold_s", json!(0), format!("{item}.hold_s"), "0.1 to 86400"),
        ("/library/loops/0/items/0/weight", json!(0), format!("{item}.weight"), "1 to 1000"),
        ("/library/loops/0/items/0/weight", json!(1000), "library.loops[0].items".into(), "1001; 1000"),
        ("/library/loops/0/items/0/seconds", json!(1), format!("{item}.seconds"), "unknown field"),
    ];
    for (pointer, value, path, words) in cases {
        let mut wrong = document.clone();
        put(&mut wrong, pointer, value);
        let errors = report(&wrong).errors;
        let told = errors.iter().any(|error| error.path == path && error.message.contains(words));
        assert!(told, "{pointer}: {errors:?}");
    }
    let mut spot = document.clone();
    spot["spots"][0]["screen"] = json!("b");
    assert_eq!(report(&spot), check::Report::default());
    spot["spots"][0]["screen"] = json!("c");
    assert_eq!(report(&spot).errors[0].path, "spots[0].screen");
    let mut long = document.clone();
    long["dayparts"][1]["screen"] = json!({ "ticker": "x".repeat(241) });
    let errors = report(&long).errors;
    assert!(errors.len() == 1 && errors[0].path == "dayparts[1].screen.ticker", "{errors:?}");
    put(&mut document, "/dayparts/0/screen_loop", json!("door"));
    put(&mut document, "/library/loops/0/items", json!([]));
    let warnings: Vec<String> = report(&document).warnings.into_iter().map(|warning| warning.path).collect();
    assert_eq!(warnings, ["library.loops[0]", "dayparts[0].screen_loop"]);
}

#[test]
fn what_is_no_document_is_refused_with_a_place() {
    for (text, word) in [
        ("", "it is empty"),
        ("{", "it is no JSON: EOF"),
        ("[]", "invalid"),
        ("{} {}", "missing field"),
        ("null", "invalid type"),
        ("{\"v\": 1e999}", "out of range"),
        ("\u{feff}{}", "missing field `v`"),
    ] {
        let (document, report) = check::check(text.as_bytes());
        assert!(document.is_none());
        assert!(report.errors[0].message.contains(word), "{text}: {report}");
    }
    let deep = "[".repeat(100_000);
    assert!(check::check(deep.as_bytes()).1.is_wrong());
    let deep = format!("{{\"v\":1,\"place\":{}", "{\"id\":".repeat(100_000));
    assert!(check::check(deep.as_bytes()).1.is_wrong());
    assert!(check::check(b"{\"v\":1,\"place\":{\"id\":\"\xff\"}}").1.is_wrong());
}

#[test]
fn many_errors_are_counted_and_not_all_told() {
    let mut document = full();
    document["dayparts"] = (0..400).map(|_| daypart("all", "daily", "00:00", "00:00")).collect();
    let report = report(&document);
    assert_eq!(report.errors.len(), check::FINDINGS_MAX);
    assert!(report.untold > 500);
    let mut document = full();
    document["dayparts"] = (0..501).map(|no| daypart(&no.to_string(), "daily", "00:00", "24:00")).collect();
    assert!(
        self::report(&document)
            .errors
            .iter()
            .any(|error| error.path == "dayparts" && error.message.contains("501"))
    );
}

/// 100,000 recordings, 10,000 spots, 500 dayparts, a thousand exceptions up to the year 9999.
#[test]
fn what_is_big_is_judged_in_seconds_and_decided_at_once() {
    let mut document = full();
    let recordings =
        (0..100_000).map(|no| json!({ "id": format!("r{no}"), "artists": [format!("A{}", no % 3000)] }));
    let mut recordings: Vec<Value> = recordings.collect();
    recordings.push(json!({ "id": "gong" }));
    let all: Vec<String> = (0..100_000).map(|no| format!("r{no}")).collect();
    // A thousand playlists, each including the one before twice: followed naively that is 2^1000 steps.
    let mut playlists =
        vec![json!({ "id": "songs", "recordings": all }), json!({ "id": "rest", "recordings": ["r1"] })];
    playlists.push(json!({ "id": "p0", "recordings": ["r2"] }));
    playlists.extend((1..1000).map(|no| {
        let before = format!("p{}", no - 1);
        json!({ "id": format!("p{no}"), "playlists": [before, before] })
    }));
    document["library"] = json!({ "recordings": recordings, "playlists": playlists });
    document["dayparts"] = (0..500)
        .map(|no| {
            let mut part = daypart(&no.to_string(), "daily", "08:00", "20:00");
            part["priority"] = json!(no);
            part["playlists"] = json!([{ "id": "songs" }, { "id": "p999" }]);
            part
        })
        .collect();
    document["spots"] = (0..10_000)
        .map(|no| {
            let when =
                json!({ "at": { "days": ["daily"], "time": format!("{:02}:{:02}", no % 24, no % 60) } });
            json!({ "id": no.to_string(), "recording": "gong", "class": "ad", "when": when, "how": "cut" })
        })
        .collect();
    document["exceptions"] =
        (1..1000).map(|no| json!({ "date": format!("{:04}-12-31", 9000 + no), "sound": [] })).collect();
    let text = serde_json::to_vec(&document).unwrap();
    let begun = Instant::now();
    let (read, report) = check::check(&text);
    assert!(!report.is_wrong(), "{report}");
    let program = Program::compile(read.unwrap()).unwrap();
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    for at in ["2027-01-01T12:00Z", "9999-12-30T22:00Z", "9999-12-31T23:00Z"] {
        let clock = rig::clock(rig::utc(at));
        program.what_now(&clock, &Default::default());
        program.next_change(&clock, &Default::default());
    }
    let due = program.due_between(rig::utc("2027-01-01T00:00Z"), rig::utc("2027-01-02T00:00Z"));
    assert_eq!(due.len(), 10_000);
}

#[test]
fn the_schema_is_made_from_the_types_and_knows_every_key() {
    let schema = serde_json::to_value(schemars::schema_for!(orchestrion_program::Resolved)).unwrap();
    assert_eq!(schema["additionalProperties"], json!(false));
    let keys: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 14, "{keys:?}");
    assert!(schema["required"].as_array().unwrap().contains(&json!("clockless")));
    assert_eq!(schema["$defs"]["Clockless"]["required"], json!(["allowed"]));
}

//! `orchestrion program` as a process: what it makes, what it finds wrong, and what it shows.

#![cfg(test)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use orchestrion_rig::encode::{Format, encode};
use orchestrion_rig::signal;
use serde_json::{Value, json};

/// A folder of music, on its own.
struct Room {
    dir: tempfile::TempDir,
}

impl Room {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Music that is this long, and soft enough to be written quickly.
    fn song(&self, name: &str, seconds: usize) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        encode(&signal::sine(200.0, 0.1, 0.0, 8000, 8000 * seconds), 1, 8000, Format::Wav, &path).unwrap();
        path
    }

    fn orchestrion(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrion"));
        command.arg("program").args(words).current_dir(self.dir.path()).stdin(Stdio::null()).output().unwrap()
    }

    /// What it printed, for an exit code that is expected.
    fn said(&self, words: &[&str], code: i32) -> String {
        let output = self.orchestrion(words);
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {text}");
        text
    }

    fn json(&self, words: &[&str], code: i32) -> Value {
        let output = self.orchestrion(words);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Makes `music/program.json` and gives it.
    fn init(&self, more: &[&str]) -> Value {
        let words = ["init", "music", "--clockless", "play", "--zone", "Europe/Berlin"];
        self.said(&[&words[..], more].concat(), 0);
        self.document("music/program.json")
    }

    fn document(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(name)).unwrap()).unwrap()
    }

    fn write(&self, name: &str, document: &Value) {
        fs::write(self.path(name), document.to_string()).unwrap();
    }
}

/// Paths in the document, of errors or warnings.
fn paths<'a>(found: &'a Value, kind: &str) -> Vec<&'a str> {
    found[kind].as_array().unwrap().iter().map(|finding| finding["path"].as_str().unwrap()).collect()
}

#[test]
fn with_enough_music_a_program_that_was_made_is_accepted_without_a_warning() {
    let room = Room::new();
    // Twelve hours, which is more than the longest daypart has.
    (0..12).for_each(|n| drop(room.song(&format!("music/Jazz/{n}.wav"), 3600)));
    room.song("music/Evening/late.wav", 1);
    let document = room.init(&["--name", "Café Linden", "--hours", "07:30-22:00"]);
    assert_eq!(document["place"]["name"], "Café Linden");
    assert_eq!(document["clockless"]["allowed"], true);
    let played: Vec<&Value> = (0..3).map(|at| &document["dayparts"][at]["playlists"][0]["id"]).collect();
    assert_eq!(played, ["all", "all", "evening"], "a folder that is called like a daypart plays then");
    // One song is no evening, and that is all that there is to say.
    let found = room.json(&["check", "music/program.json", "--json"], 0);
    assert_eq!(paths(&found, "warnings"), ["dayparts[2].playlists"; 2], "{found}");
    fs::remove_dir_all(room.path("music/Evening")).unwrap();
    room.init(&["--force"]);
    let found = room.json(&["check", "music/program.json", "--json", "--strict"], 0);
    assert_eq!((&found["errors"], &found["warnings"]), (&json!([]), &json!([])));
    assert_eq!((&found["accepted"], &found["recordings_here"]), (&json!(true), &json!(12)));
    assert!(room.said(&["check", "music/program.json"], 0).ends_with("music/program.json is fine\n"));
}

#[test]
fn nothing_is_overwritten_unless_it_is_asked_for() {
    let room = Room::new();
    room.song("music/a.wav", 1);
    fs::write(room.path("music/program.json"), "mine").unwrap();
    let words = ["init", "music", "--clockless", "silent", "--zone", "Asia/Kathmandu"];
    let said = room.said(&words, 1);
    assert!(said.contains("music/program.json is there already; --force replaces it"), "{said}");
    assert_eq!(fs::read_to_string(room.path("music/program.json")).unwrap(), "mine");
    let said = room.said(&[&words[..], &["--force"]].concat(), 0);
    assert!(said.contains("no clock  nothing plays") && said.contains("1 song in 1 playlist"), "{said}");
    let document = room.document("music/program.json");
    assert_eq!(
        (&document["zone"]["offset_s"], &document["clockless"]["allowed"]),
        (&json!(20_700), &json!(false))
    );
    let names: Vec<_> =
        fs::read_dir(room.path("music")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "nothing is left beside it: {names:?}");
}

#[test]
fn a_program_lies_beside_its_music_or_above() {
    let room = Room::new();
    room.song("radio/music/Soft/a.wav", 1);
    fs::create_dir(room.path("elsewhere")).unwrap();
    let words = ["init", "radio/music", "--clockless", "play", "--zone", "UTC", "--out"];
    let said = room.said(&[&words[..], &["elsewhere/p.json"]].concat(), 1);
    assert!(said.contains("does not lie in") && said.contains("radio/music/program.json or above"), "{said}");
    room.said(&[&words[..], &["radio/p.json"]].concat(), 0);
    let folders: Vec<Value> = room.document("radio/p.json")["library"]["playlists"]
        .as_array()
        .unwrap()
        .iter()
        .map(|playlist| playlist["folder"].clone())
        .collect();
    assert_eq!(folders, ["music", "music/Soft"]);
    assert_eq!(room.json(&["check", "radio/p.json", "--json"], 0)["recordings_here"], 1);
}

#[test]
fn what_cannot_be_begun_is_told_and_leaves_nothing() {
    let room = Room::new();
    fs::create_dir(room.path("music")).unwrap();
    let init = |more: &[&str], code| room.said(&[&["init", "music"], more].concat(), code);
    let clockless = init(&[], 2);
    assert!(clockless.contains("--clockless <play|silent>"), "the choice is the owner's: {clockless}");
    let empty = init(&["--clockless", "play", "--zone", "UTC"], 1);
    assert!(empty.contains("holds no music"), "{empty}");
    room.song("music/a.wav", 1);
    let zone = init(&["--clockless", "play", "--zone", "Europe/Atlantis"], 1);
    assert!(zone.contains("\"Europe/Atlantis\"") && zone.contains("like \"Europe/Berlin\""), "{zone}");
    let hours = init(&["--clockless", "play", "--hours", "8-22"], 2);
    assert!(hours.contains("08:00-22:00"), "{hours}");
    let folder = room.said(&["init", "nowhere", "--clockless", "play"], 1);
    assert!(folder.contains("nowhere"), "{folder}");
    assert!(!room.path("music/program.json").exists());
}

#[test]
fn errors_have_paths_and_a_device_would_refuse_the_program() {
    let room = Room::new();
    room.song("music/a.wav", 1);
    let mut document = room.init(&[]);
    document["dayparts"][1]["to"] = document["dayparts"][1]["from"].clone();
    document["dayparts"][2]["playlists"][0]["weight"] = json!(0);
    document["spots"] =
        json!([{"id": "x", "recording": "gone", "class": "house", "when": {"songs": 3}, "how": "cut"}]);
    room.write("music/wrong.json", &document);
    let found = room.json(&["check", "music/wrong.json", "--json"], 1);
    let expected = ["dayparts[1].to", "dayparts[2].playlists[0].weight", "spots[0].recording"];
    assert_eq!(paths(&found, "errors"), expected, "{found}");
    assert_eq!(found["accepted"], false);
    let said = room.said(&["check", "music/wrong.json"], 1);
    assert!(said.contains("  error    dayparts[1].to: ") && said.contains("3 errors"), "{said}");
    assert!(said.ends_with("a device refuses it\n"), "{said}");
    let said = room.said(&["preview", "music/wrong.json"], 1);
    assert!(said.contains("dayparts[1].to: ") && said.contains("`orchestrion program check"), "{said}");
    // An unknown key is found while it is read, by its place.
    document["dayparts"][0]["colour"] = json!("red");
    room.write("music/wrong.json", &document);
    let found = room.json(&["check", "music/wrong.json", "--json"], 1);
    assert!(paths(&found, "errors")[0].starts_with("dayparts[0]"), "{found}");
}

#[test]
fn what_is_no_program_is_refused_in_words() {
    let room = Room::new();
    let refused = |name: &str, words: &str| {
        let found = room.json(&["check", name, "--json"], 1);
        let message = found["errors"][0]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(words), "{message}");
        let said = room.said(&["preview", name], 1);
        assert!(said.contains(words), "{said}");
    };
    refused("none.json", "none.json cannot be read: No such file");
    fs::create_dir(room.path("folder.json")).unwrap();
    refused("folder.json", "it is not a file");
    rustix::fs::mkfifoat(rustix::fs::CWD, room.path("fifo.json"), rustix::fs::Mode::RUSR).unwrap();
    refused("fifo.json", "it is not a file");
    let large = File::create(room.path("large.json")).unwrap();
    large.set_len(513 * 1024 * 1024).unwrap();
    refused("large.json", "it has more than 512 MiB");
    fs::write(room.path("empty.json"), " \n").unwrap();
    refused("empty.json", "it is empty");
    fs::write(room.path("song.json"), [0xff, 0xfb, 0x90, 0x64]).unwrap();
    refused("song.json", "it is no JSON: ");
    fs::write(room.path("half.json"), "{\"v\": 1, ").unwrap();
    refused("half.json", "it is no JSON: EOF");
}

#[test]
fn files_and_folders_that_are_not_there_are_named_by_their_place_in_the_document() {
    let room = Room::new();
    room.song("music/a.wav", 1);
    fs::write(room.path("music/empty.flac"), "").unwrap();
    let mut document = room.init(&[]);
    document["library"] = json!({
        "recordings": [
            {"id": "here", "files": ["a.wav"]},
            {"id": "gone", "files": ["gone.flac", "a.wav"]},
            {"id": "out", "files": ["../secret.flac"]},
            {"id": "empty", "files": ["empty.flac"]},
            {"id": "none"},
        ],
        "playlists": [
            {"id": "all", "recordings": ["out", "empty"]},
            {"id": "folder", "folder": "nowhere"},
        ],
    });
    room.write("music/gaps.json", &document);
    let found = room.json(&["check", "music/gaps.json", "--json"], 0);
    let told = paths(&found, "warnings");
    for path in [
        "library.recordings[1].files[0]",
        "library.recordings[2].files[0]",
        "library.recordings[3].files[0]",
        "library.recordings[4]",
        "library.playlists[1].folder",
        "dayparts[0].playlists[0].id",
        "fallback",
    ] {
        assert!(told.contains(&path), "{path}: {found}");
    }
    assert_eq!((paths(&found, "errors").len(), &found["recordings_here"]), (0, &json!(2)), "{found}");
    room.said(&["check", "music/gaps.json", "--strict"], 1);
}

fn example(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples").join(name).display().to_string()
}

#[test]
fn a_preview_shows_each_day_with_its_exceptions_and_its_spots() {
    let room = Room::new();
    let cafe = example("cafe.json");
    let days = ["--from", "2026-12-24", "--to", "2026-12-26"];
    let text = room.said(&[&["preview", &cafe], &days[..]].concat(), 0);
    for line in [
        "Thu 2026-12-24 to Sat 2026-12-26",
        "\nFri 2026-12-25  ◆ Christmas\n  00:00–24:00  closed\n",
        "\nSat 2026-12-26",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("2026-12-27"), "the last date is included, and no other: {text}");
    let shown = room.json(&[&["preview", &cafe, "--json"], &days[..]].concat(), 0);
    assert_eq!(
        (&shown["from"], &shown["to"]),
        (&json!("2026-12-24T00:00:00+01:00"), &json!("2026-12-27T00:00:00+01:00"))
    );
    let rows = shown["rows"].as_array().unwrap();
    let mut at = shown["from"].clone();
    for row in rows.iter().filter(|row| row["to"].is_string()) {
        assert_eq!(row["from"], at, "stretches neither gap nor overlap");
        at = row["to"].clone();
    }
    assert_eq!(at, shown["to"]);
}

#[test]
fn a_preview_says_what_is_done_to_the_clock() {
    let room = Room::new();
    let cafe = example("cafe.json");
    let at = |date: &str| room.said(&["preview", &cafe, "--from", date, "--to", date], 0);
    assert!(at("2027-03-28").contains("02:00        the clock is put to 03:00"), "{}", at("2027-03-28"));
    assert!(at("2027-10-31").contains("03:00        the clock is put to 02:00"), "{}", at("2027-10-31"));
}

#[test]
fn the_picture_is_drawn_into_a_file_and_never_over_the_program() {
    let room = Room::new();
    room.song("music/a.wav", 1);
    room.init(&[]);
    let said = room.said(&["preview", "music/program.json", "--from", "2026-12-24", "--svg", "week.svg"], 0);
    assert!(said.ends_with("the week from Mon 2026-12-21 is drawn in week.svg\n"), "{said}");
    let picture = fs::read_to_string(room.path("week.svg")).unwrap();
    assert!(picture.starts_with("<svg ") && picture.contains("Mon 2026-12-21"), "{picture}");
    let before = room.document("music/program.json");
    let said = room.said(&["preview", "music/program.json", "--svg", "music/../music/program.json"], 1);
    assert!(said.contains("is the program itself"), "{said}");
    assert_eq!(room.document("music/program.json"), before);
    let said = room.said(&["preview", "music/program.json", "--svg", "no/where.svg"], 1);
    assert!(said.contains("no/where.svg cannot be written"), "{said}");
}

#[test]
fn a_span_that_is_none_or_too_long_is_refused() {
    let room = Room::new();
    let cafe = example("cafe.json");
    let refused = |from: &str, to: &str, code: i32, words: &str| {
        let said = room.said(&["preview", &cafe, "--from", from, "--to", to], code);
        assert!(said.contains(words), "{said}");
    };
    refused("2026-12-24", "2026-12-23", 1, "before it begins");
    refused("2026-12-24T12:00", "2026-12-24T12:00", 1, "before it begins");
    refused("2026-12-24", "2028-12-24", 1, "366 are the most");
    refused("0001-01-01", "9999-12-31", 1, "366 are the most");
    refused("yesterday", "2026-12-24", 2, "write a date like 2026-12-24");
    // The ends of the calendar are days like others.
    room.said(&["preview", &cafe, "--from", "9999-12-31", "--to", "9999-12-31"], 0);
    room.said(&["preview", &cafe, "--from", "0001-01-01", "--to", "0001-01-02"], 0);
}

#[test]
fn the_schema_is_that_of_the_folder_and_a_zone_is_as_a_program_has_it() {
    let room = Room::new();
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("program/schema/resolved.schema.json");
    let kept: Value = serde_json::from_slice(&fs::read(schema).unwrap()).unwrap();
    assert!(room.json(&["schema"], 0) == kept, "program/schema/resolved.schema.json is another one");
    let zone = room.json(&["zone", "Australia/Lord_Howe"], 0);
    assert_eq!(zone["id"], "Australia/Lord_Howe");
    room.song("music/a.wav", 1);
    let mut document = room.init(&[]);
    document["zone"] = zone;
    room.write("music/howe.json", &document);
    let found = room.json(&["check", "music/howe.json", "--json"], 0);
    assert!(paths(&found, "warnings").iter().all(|path| path.starts_with("dayparts")), "{found}");
    // A clock that is not changed any more is told.
    document["zone"]["transitions"] = json!([]);
    room.write("music/howe.json", &document);
    let found = room.json(&["check", "music/howe.json", "--json"], 0);
    assert!(paths(&found, "warnings").contains(&"zone.transitions"), "{found}");
    assert!(room.said(&["zone", "Mars/Base"], 1).contains("Mars/Base"));
}

#[test]
fn every_command_teaches_with_examples() {
    let room = Room::new();
    for command in ["init", "check", "preview", "zone", "schema"] {
        let help = room.said(&[command, "--help"], 0);
        assert!(help.contains(&format!("\n  orchestrion program {command}")), "{help}");
        let wrapped: Vec<&str> = help.lines().filter(|line| line.chars().count() > 100).collect();
        assert!(wrapped.is_empty(), "{wrapped:?}");
    }
}

//! A board dies and another takes its place: what people set and what was played lately go over to it.

use std::path::Path;
use std::time::{Duration, Instant};

use orchestrion_rig::signal::sine;
use orchestrion_rig::wav::{self, SampleFormat};
use serde_json::{Value, json};

use super::room::{Room, SOON, connected};
use super::server::{PATIENCE, Server};

/// Songs of the program.
const SONGS: usize = 10;
/// Other songs between two plays of one.
const APART: usize = 7;
/// Plays of the dead board that the new one has to know of.
const KNOWN: usize = 6;
/// Plays of the new one that are looked at: with those known, fewer than are to be apart.
const LOOKED_AT: usize = 3;
const SONG_S: f64 = 1.0;

/// A program with short songs that must be far apart, in a folder as people keep it.
fn program(folder: &Path) {
    let names: Vec<String> = (0..SONGS).map(|n| format!("r{n}")).collect();
    for (n, name) in names.iter().enumerate() {
        let tone = sine(300.0 + 50.0 * n as f64, 0.3, 0.0, 16_000, (SONG_S * 16_000.0) as usize);
        wav::write(&folder.join(format!("{name}.wav")), &tone, 1, 16_000, SampleFormat::Int16).unwrap();
    }
    let recordings: Vec<Value> = names
        .iter()
        .map(|name| json!({"id": name, "title": name, "files": [format!("{name}.wav")]}))
        .collect();
    let text = json!({
        "v": 1,
        "place": {"id": "chain", "name": "The chain"},
        "zone": {"id": "UTC", "tzdb": "2026a", "offset_s": 0, "transitions": []},
        "hours": {"sound": [{"days": ["daily"], "from": "00:00", "to": "24:00"}]},
        "dayparts": [],
        "rotation": {"song": {"count": APART, "minutes": 0}},
        "clockless": {"allowed": true},
        "fallback": "all",
        "library": {"recordings": recordings, "playlists": [{"id": "all", "recordings": names}]}
    });
    std::fs::write(folder.join("program.json"), text.to_string()).unwrap();
}

/// What a device has played, in its order, as the server counted it: recordings of the program, nothing for other songs.
fn songs(server: &Server, device: &str) -> Vec<Option<String>> {
    let text = server.get("/api/v1/plays?format=jsonl&from_utc_ms=-3600000");
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let songs = rows.filter(|row| row["device"] == device && row["kind"] == "music");
    let mut songs: Vec<_> = songs
        .map(|row| ((row["run"].as_u64(), row["seq"].as_u64()), row["recording"].as_str().map(str::to_owned)))
        .collect();
    songs.sort();
    songs.into_iter().map(|(_, recording)| recording).collect()
}

/// How many of them are of the program.
fn known(songs: &[Option<String>]) -> usize {
    songs.iter().flatten().count()
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < PATIENCE, "{what}: never");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_new_board_sounds_as_the_dead_one_was_set_and_plays_what_that_one_has_not_just_played() {
    let server = Server::new();
    let folder = tempfile::tempdir().unwrap();
    program(folder.path());
    server.admin(&["publish", "leeds-1", folder.path().to_str().unwrap()]);
    let token = server.admin(&["device", "token", "one", "--place", "leeds-1"]);
    let room = Room::new(2.0);
    let device = room.run(&server.base, &format!("token = {}", token["token"]));
    let dead = connected(&device);
    until("plays of the program are counted", || (known(&songs(&server, &dead)) >= KNOWN).then_some(()));
    device.ask("volume", json!({"percent": 23})).unwrap();
    until("the server knows what people set", || {
        (server.device(&dead)["report"]["settings"]["volume"] == 23).then_some(())
    });
    device.kill().unwrap();

    let room = Room::new(2.0);
    let token = server.admin(&["device", "token", "two"]);
    let device = room.run(&server.base, &format!("token = {}", token["token"]));
    let new = connected(&device);
    assert_ne!(new, dead);
    // It goes on when it knows all of it, also where a disk is slower than songs of a second.
    device.ask("pause", json!({})).unwrap();
    server.admin(&["device", "replace", &dead, &new]);
    device.wait_for(SOON, |status| status["volume"] == 23).unwrap();
    let path = format!("/api/v1/commands?device={new}");
    let has_inherited = |command: &Value| command["method"] == "inherit" && command["state"] == "done";
    until("what was played is known", || {
        let commands: Value = serde_json::from_str(&server.get(&path)).unwrap();
        commands.as_array().unwrap().iter().any(has_inherited).then_some(())
    });
    let is_whole = |status: &Value| {
        let waits = status["release"]["waits"].as_str().unwrap_or_default();
        status["release"]["held"]["number"] == 1 || waits.contains("is whole")
    };
    device.wait_for(PATIENCE, is_whole).unwrap();
    device.ask("play", json!({})).unwrap();
    let played = until("the new board plays the program", || {
        Some(songs(&server, &new)).filter(|played| known(played) >= LOOKED_AT)
    });
    // Its own songs of before count between them.
    let before = songs(&server, &dead);
    let all = [before.as_slice(), played.as_slice()].concat();
    let of_program = (before.len()..all.len()).filter(|at| all[*at].is_some());
    for at in of_program.take(LOOKED_AT) {
        let lately = &all[at - APART..at];
        assert!(!lately.contains(&all[at]), "the dead board played {before:?}, the new one {played:?}");
    }
    let first = played.iter().position(Option::is_some).unwrap();
    assert!(first + LOOKED_AT <= APART, "the dead one's songs are too far away to tell: {played:?}");
    assert_eq!(server.device(&new)["place"], "leeds-1");
}

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

/// The recordings of the program that a device has played, in their order, as the server counted them.
fn recordings(server: &Server, device: &str) -> Vec<String> {
    let text = server.get("/api/v1/plays?format=jsonl&from_utc_ms=-3600000");
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut rows: Vec<_> = rows
        .filter(|row| row["device"] == device && row["recording"].is_string())
        .map(|row| {
            ((row["run"].as_u64(), row["seq"].as_u64()), row["recording"].as_str().unwrap().to_owned())
        })
        .collect();
    rows.sort();
    rows.into_iter().map(|(_, recording)| recording).collect()
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
    let songs = tempfile::tempdir().unwrap();
    program(songs.path());
    server.admin(&["publish", "leeds-1", songs.path().to_str().unwrap()]);
    let token = server.admin(&["device", "token", "one", "--place", "leeds-1"]);
    let room = Room::new(2.0);
    let device = room.run(&server.base, &format!("token = {}", token["token"]));
    let dead = connected(&device);
    until("plays of the program are counted", || (recordings(&server, &dead).len() >= KNOWN).then_some(()));
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
    server.admin(&["device", "replace", &dead, &new]);
    device.wait_for(SOON, |status| status["volume"] == 23).unwrap();
    let played = until("the new board plays the program", || {
        Some(recordings(&server, &new)).filter(|played| played.len() >= LOOKED_AT)
    });
    let before = recordings(&server, &dead);
    let lately = &before[before.len() - (APART + 1 - LOOKED_AT)..];
    for name in &played[..LOOKED_AT] {
        assert!(!lately.contains(name), "the dead board played {before:?}, the new one {played:?}");
    }
    assert_eq!(server.device(&new)["place"], "leeds-1");
}

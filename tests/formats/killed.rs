//! Decoders that die under a device: it goes on playing, says which file has failed, and keeps no child.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use orchestrion_rig::device::Device;
use orchestrion_rig::encode::{Foreign, encode_foreign};
use orchestrion_rig::signal::{doubled, sine};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::can_make_files;
use crate::place::Place;

/// Devices that play at the same time, since a song goes on for up to two seconds after its decoder.
const DEVICES: u64 = 10;
/// Decoders that are killed under each.
const KILLS: usize = 5;
/// Songs that one device has: more than can fail.
const SONGS: usize = KILLS + 5;
/// Seconds of each: far more than its decoder can be ahead.
const SONG_S: usize = 60;
/// A decoder is killed within so much time after it was seen.
const MOMENT_US_MAX: u32 = 300_000;
/// After this time the decoder that was killed is taken for that of a song that waits.
const TOLD_AT_ONCE_MAX: Duration = Duration::from_millis(300);
/// The threads that play; another one measures, by children of its own.
const DECKS: &str = "deck";
/// How long anything may take, on a busy machine.
const WAIT_MAX: Duration = Duration::from_secs(30);
const RATE_HZ: u32 = 44_100;

/// The children of a device's threads whose names begin so, zombies too.
fn children(device: u32, threads: &str) -> Vec<u32> {
    let Ok(all) = fs::read_dir(format!("/proc/{device}/task")) else { return Vec::new() };
    let of = |thread: PathBuf| {
        let name = fs::read_to_string(thread.join("comm")).ok()?;
        name.starts_with(threads).then(|| fs::read_to_string(thread.join("children")).ok())?
    };
    let lists: Vec<String> = all.filter_map(|thread| of(thread.ok()?.path())).collect();
    lists.iter().flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok())).collect()
}

fn exists(process: u32) -> bool {
    fs::exists(format!("/proc/{process}")).unwrap()
}

fn is_alive(process: u32) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// The song that a decoder has open; it gets it after its start.
fn song_of(child: u32) -> Option<PathBuf> {
    let open = fs::read_dir(format!("/proc/{child}/fd")).ok()?;
    let mut files = open.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
    files.find(|file| file.extension().is_some_and(|end| end == "wv"))
}

/// Lines of the log that tell of a killed decoder.
fn told(place: &Place) -> Vec<String> {
    let log = place.setup.log();
    log.lines().filter(|line| line.contains("it was ended by signal 9")).map(str::to_owned).collect()
}

fn plays(status: &Value) -> bool {
    status["state"] == "playing"
}

/// Kills a decoder of the device at any moment of its life: before its first word, while it fills the ring, while it waits.
/// Gives its process and its song.
fn killed_at_a_moment(device: &Device, chance: &mut ChaCha8Rng) -> (u32, Option<PathBuf>) {
    let deadline = Instant::now() + WAIT_MAX;
    loop {
        assert!(Instant::now() < deadline, "there is no decoder to kill");
        let children = children(device.pid(), DECKS);
        let Some(child) = children.get(chance.next_u32() as usize % children.len().max(1)) else {
            std::thread::sleep(Duration::from_millis(2));
            continue;
        };
        std::thread::sleep(Duration::from_micros(u64::from(chance.next_u32() % MOMENT_US_MAX)));
        let (song, status) = (song_of(*child), device.ask("status", json!({})).unwrap());
        // One whose song was given up meanwhile is about to go, and nobody misses it.
        let is_wanted = song.as_ref().is_none_or(|song| {
            ["current", "next"].iter().any(|place| status[place]["path"].as_str() == song.to_str())
        });
        let process = Pid::from_raw(child.cast_signed()).unwrap();
        if is_wanted && kill_process(process, Signal::KILL).is_ok() {
            return (*child, song);
        }
    }
}

/// Kills the decoders of one device, one after another.
fn kill_under_a_device(seed: u64) {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let place = Place::new();
    let first = place.path().join("music/00.wv");
    let tone = doubled(&sine(440.0, 0.3, 0.0, RATE_HZ, SONG_S * RATE_HZ as usize));
    encode_foreign(&tone, 2, RATE_HZ, Foreign::WavPack, &first).unwrap();
    for song in 1..SONGS {
        fs::hard_link(&first, place.path().join(format!("music/{song:02}.wv"))).unwrap();
    }
    let device = place.run("crossfade_s = 0\neven_loudness = false\nrepeat = \"all\"");
    device.wait_for(WAIT_MAX, plays).unwrap();
    for kill in 1..=KILLS {
        let (child, song) = killed_at_a_moment(&device, &mut chance);
        let killed_at = Instant::now();
        let mut is_brought_on = false;
        // Its file is told, the music is there, and moves. That the decoder of a song that waits for its turn is dead shows
        // when it has played what was ready: somebody brings it on.
        let status = device
            .wait_for(WAIT_MAX, |status| {
                let waits =
                    song.as_ref().is_some_and(|song| status["next"]["path"].as_str() == song.to_str());
                if waits && !is_brought_on && killed_at.elapsed() > TOLD_AT_ONCE_MAX {
                    is_brought_on = true;
                    device.ask("skip", json!({})).unwrap();
                }
                told(&place).len() >= kill && plays(status)
            })
            .unwrap_or_else(|e| panic!("seed {seed}, kill {kill}: {e}\n{}", place.setup.log()));
        let from = status["current"]["entry"].clone();
        let at = status["position_ms"].as_u64().unwrap_or(0);
        device
            .wait_for(WAIT_MAX, |status| {
                plays(status)
                    && (status["current"]["entry"] != from || status["position_ms"].as_u64() > Some(at))
            })
            .unwrap();
        assert!(!exists(child), "seed {seed}, kill {kill}: it is a zombie");
    }
    let last = children(device.pid(), "");
    assert_eq!(device.terminate().unwrap().code(), Some(0));
    // Nobody but the system looks after those that were its last ones.
    let deadline = Instant::now() + WAIT_MAX;
    while last.iter().any(|child| is_alive(*child)) {
        assert!(Instant::now() < deadline, "seed {seed}: children are left over: {last:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
    let log = place.setup.log();
    println!("seed {seed}:\n{log}");
    // Those that were heard stand in the play log as failed, and nothing else does.
    let failed = place.plays().into_iter().filter_map(|row| row.end).filter(|end| end.how == "failed");
    let reasons: Vec<String> = failed.map(|end| end.reason).collect();
    assert!(!reasons.is_empty() && reasons.len() <= KILLS, "{reasons:?}");
    assert!(reasons.iter().all(|reason| reason.contains("signal 9")), "{reasons:?}");
    assert_eq!(told(&place).len(), KILLS, "{log}");
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn fifty_decoders_killed_at_random_moments_cost_their_songs_and_never_the_music() {
    if !can_make_files() {
        return;
    }
    std::thread::scope(|scope| {
        for seed in 0..DEVICES {
            scope.spawn(move || kill_under_a_device(seed));
        }
    });
}

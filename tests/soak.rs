//! Thousands of short songs in real time: none is lost, and memory does not grow. `SOAK_PLAYS` says how many (40).
#![cfg(test)]

use std::time::Duration;

use orchestrion_rig::device::Setup;
use orchestrion_rig::encode::{Format, encode};
use orchestrion_rig::signal;

/// Songs in the folder; they are played again and again.
const SONGS: usize = 8;
/// Each song is as long, in milliseconds.
const SONG_MS: usize = 500;
/// Plays until decoders and rings have their size, and SQLite's cache and the allocator's arenas too where there are
/// so many: half of all, and no more than so.
const WARM_PLAYS_MAX: u64 = 1000;
/// What may come on top of that in a short run, in which SQLite's cache (64 KiB) is still filling.
const GROWTH_SHORT_KIB_MAX: u64 = 256;
/// What may come on top of that in a long one: a few pages by which the allocator's arenas differ from moment to moment.
const GROWTH_LONG_KIB_MAX: u64 = 64;

#[test]
fn short_songs_follow_each_other_without_a_loss_and_without_growth() {
    let plays: u64 = std::env::var("SOAK_PLAYS").ok().map_or(40, |text| text.parse().expect("SOAK_PLAYS"));
    let dir = tempfile::tempdir().unwrap();
    let music = dir.path().join("music");
    std::fs::create_dir(&music).unwrap();
    for song in 0..SONGS {
        let format = [Format::Flac, Format::Mp3, Format::Vorbis, Format::Wav][song % 4];
        let rate_hz = [44_100, 48_000][song / 4 % 2];
        let frames = rate_hz as usize * SONG_MS / 1000;
        let tone = signal::sine(220.0 + 20.0 * song as f64, 0.3, 0.0, rate_hz, frames);
        let path = music.join(format!("{song}.{}", format.extension()));
        encode(&signal::doubled(&tone), 2, rate_hz, format, &path).unwrap();
    }
    let setup =
        Setup { program: env!("CARGO_BIN_EXE_orchestrion").into(), folder: dir.path().into(), env: vec![] };
    let folder = music.display().to_string();
    let device = setup.start(&["play", &folder, "--repeat", "--output", "null", "--crossfade", "0"]).unwrap();
    let long = Duration::from_millis(plays * SONG_MS as u64 + 30_000);
    let pid = device.pid();
    let warm_plays = (plays / 2).min(WARM_PLAYS_MAX);
    device.wait_for(long, |status| status["plays"].as_u64() >= Some(warm_plays)).unwrap();
    let warm_kib = resident_kib(pid);
    device.wait_for(long, |status| status["plays"].as_u64() >= Some(plays)).unwrap();
    let last_kib = resident_kib(pid);
    assert!(device.terminate().unwrap().success(), "{}", setup.log());
    println!("resident after {warm_plays} plays {warm_kib} KiB, after {plays} {last_kib} KiB");
    let growth_kib_max =
        if warm_plays == WARM_PLAYS_MAX { GROWTH_LONG_KIB_MAX } else { GROWTH_SHORT_KIB_MAX };
    assert!(last_kib <= warm_kib + growth_kib_max, "it grew from {warm_kib} to {last_kib} KiB");
    let log = orchestrion::storage::read_plays(&setup.state_dir().join("state.sqlite")).unwrap();
    let finished = log.iter().filter(|play| play.end.as_ref().is_some_and(|end| end.how == "finished"));
    let finished = finished.count() as u64;
    // The last one was cut off by the end.
    assert!(log.len() as u64 >= plays && finished + 1 >= log.len() as u64, "{finished} of {}", log.len());
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

//! Hundreds of short songs in real time: none is lost, and memory does not grow. `SOAK_SONGS` says how many (12).
#![cfg(test)]

use std::time::Duration;

use orchestrion_rig::device::Setup;
use orchestrion_rig::encode::{Format, encode};
use orchestrion_rig::signal;

/// Each song is as long.
const SONG_S: usize = 2;
/// Songs until decoders, rings and caches have their size.
const WARM_SONGS: u64 = 10;
/// What the allocator may keep of its own.
const GROWTH_KIB_MAX: u64 = 512;

#[test]
fn short_songs_follow_each_other_without_a_loss_and_without_growth() {
    let songs: u64 = std::env::var("SOAK_SONGS").ok().map_or(12, |text| text.parse().expect("SOAK_SONGS"));
    let dir = tempfile::tempdir().unwrap();
    let music = dir.path().join("music");
    std::fs::create_dir(&music).unwrap();
    for song in 0..songs {
        let format = [Format::Flac, Format::Mp3, Format::Vorbis, Format::Wav][song as usize % 4];
        let rate_hz = [44_100, 48_000][song as usize / 4 % 2];
        let tone = signal::sine(220.0 + song as f64, 0.3, 0.0, rate_hz, rate_hz as usize * SONG_S);
        let path = music.join(format!("{song:04}.{}", format.extension()));
        encode(&signal::doubled(&tone), 2, rate_hz, format, &path).unwrap();
    }
    let setup =
        Setup { program: env!("CARGO_BIN_EXE_orchestrion").into(), folder: dir.path().into(), env: vec![] };
    let folder = music.display().to_string();
    let device = setup.start(&["play", &folder, "--output", "null", "--crossfade", "5"]).unwrap();
    let long = Duration::from_secs(songs * SONG_S as u64 + 30);
    let pid = device.pid();
    device.wait_for(long, |status| status["plays"].as_u64() >= Some(WARM_SONGS.min(songs))).unwrap();
    let warm_kib = resident_kib(pid);
    device.wait_for(long, |status| status["plays"].as_u64() >= Some(songs)).unwrap();
    let last_kib = resident_kib(pid);
    assert!(device.wait_within(long).unwrap().success(), "{}", setup.log());
    println!("resident after {WARM_SONGS} songs {warm_kib} KiB, after {songs} {last_kib} KiB");
    assert!(last_kib <= warm_kib + GROWTH_KIB_MAX, "it grew from {warm_kib} to {last_kib} KiB");
    let plays = orchestrion::storage::read_plays(&setup.state_dir().join("state.sqlite")).unwrap();
    let finished =
        plays.iter().filter(|play| play.end.as_ref().is_some_and(|end| end.how == "finished")).count();
    assert_eq!((plays.len() as u64, finished as u64), (songs, songs), "{}", setup.log());
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

//! Reads that never come back: the device goes on with the next song, and names the one that does not answer.

use std::time::{Duration, Instant};

use crate::place::{Place, entry};
use orchestrion_rig::dying_disk::DyingDisk;

/// How long anything may take here.
const SOON: Duration = Duration::from_secs(40);
/// The promise: no longer without music while something playable is there. The ring is played out before.
const SILENCE_MAX: Duration = Duration::from_secs(2);
/// Bytes of a second of the songs: mono of 16 bits at 16 kHz.
const SECOND_LEN: u64 = 32_000;

/// Three songs of so many seconds on a disk that can die, mounted as the place's music.
fn dying(place: &Place, seconds: [f64; 3]) -> Option<DyingDisk> {
    if !DyingDisk::is_available() {
        eprintln!("SKIPPED: a disk that does not answer needs root and /dev/fuse");
        return None;
    }
    let names = ["1.wav", "2.wav", "3.wav"];
    let files = names.iter().zip(seconds).map(|(name, seconds)| {
        let path = place.song(name, seconds);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        ((*name).to_owned(), bytes)
    });
    Some(DyingDisk::mount(&place.path().join("music"), files.collect()).unwrap())
}

#[test]
fn a_song_whose_disk_stops_answering_fails_and_the_next_is_heard_within_two_seconds_of_silence() {
    let place = Place::new();
    let Some(disk) = dying(&place, [30.0, 30.0, 30.0]) else { return };
    disk.hang("1.wav", 5 * SECOND_LEN);
    let device = place.run("crossfade_s = 0");
    // Dropped before the device, which cannot end while a read waits.
    let disk = disk;
    device.wait_for(SOON, |status| entry(status) == 1 && status["state"] == "playing").unwrap();
    // It moves until the ring is empty.
    let (mut position, mut moved, mut silence) = (0, Instant::now(), Duration::ZERO);
    device
        .wait_for(SOON, |status| {
            let here = status["position_ms"].as_u64().unwrap();
            if here != position || entry(status) == 2 {
                silence = silence.max(moved.elapsed());
                (position, moved) = (here, Instant::now());
            }
            entry(status) == 2
        })
        .unwrap();
    // Progress is told every 250 ms.
    assert!(silence < SILENCE_MAX + Duration::from_millis(250), "{silence:?} without music");
    assert!(disk.waiting() > 0);
    assert!(place.setup.log().contains("the disk does not answer"), "{}", place.setup.log());
    disk.fail();
    assert!(device.terminate().unwrap().success());
    let plays = place.plays();
    assert_eq!(plays[0].end.as_ref().unwrap().how, "failed");
}

#[test]
fn a_song_that_does_not_open_is_given_up_while_the_music_plays() {
    let place = Place::new();
    let Some(disk) = dying(&place, [25.0, 30.0, 30.0]) else { return };
    disk.hang("2.wav", 0);
    let device = place.run("crossfade_s = 0");
    let disk = disk;
    let status = device.wait_for(SOON, |status| entry(status) == 3 && status["state"] == "playing").unwrap();
    assert!(status["position_ms"].as_u64().unwrap() < 1000, "{status}");
    let log = place.setup.log();
    assert!(log.contains("2.wav") && log.contains("the disk does not answer"), "{log}");
    // A thread that was left behind ends when the disk comes back to life.
    disk.fail();
    assert!(device.terminate().unwrap().success());
    let plays = place.plays();
    assert_eq!(plays.len(), 2, "what did not open was not played");
    assert!(plays[0].end.as_ref().unwrap().heard_ms >= 24_900, "the song before it was cut off");
}

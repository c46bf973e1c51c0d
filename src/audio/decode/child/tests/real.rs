//! The child as a `Source`, by the real program: what its song learns when it dies, and what it tells of a file.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use orchestrion_rig::encode::{Foreign, HeAac, encode_foreign};
use orchestrion_rig::signal::{sine, stereo};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rodio::Source;
use rustix::process::{Pid, Signal, kill_process};

use super::super::ChildSource;
use crate::audio::file::Trouble;
use crate::media::{Limits, PROGRAM};

/// How long a child may be missed: far below the limit of a stall.
const NOTICED_MAX: Duration = Duration::from_secs(2);

/// The real program, which cargo builds for the tests that cross a wall.
fn real_program() -> PathBuf {
    let program = std::env::current_exe().unwrap().parent().unwrap().with_file_name(PROGRAM);
    assert!(program.exists(), "cargo build --features media --bin {PROGRAM}");
    program
}

#[test]
fn a_source_whose_child_is_killed_ends_at_once_and_its_song_knows_why() {
    if !Foreign::WavPack.is_available() {
        eprintln!("SKIPPED: ffmpeg is not installed; script/setup installs it");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let song = folder.path().join("song.wv");
    let tone = stereo(&sine(440.0, 0.4, 0.0, 44_100, 8 * 44_100), &sine(880.0, 0.4, 0.0, 44_100, 8 * 44_100));
    encode_foreign(&tone, 2, 44_100, Foreign::WavPack, &song).unwrap();
    let kills = std::env::var("KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(50);
    let mut chance = ChaCha8Rng::seed_from_u64(3);
    let mut latest = Duration::ZERO;
    for kill in 0..kills {
        let trouble = Arc::new(Trouble::default());
        let mut source = ChildSource::open(&song, &trouble, &real_program(), Limits::default()).unwrap();
        let child = source.decoding.process_id().unwrap();
        // Not so many that the rest of the song is in the socket already.
        let heard = (chance.next_u32() % (2 * 44_100)) as usize;
        assert_eq!(source.by_ref().take(heard).count(), heard);
        assert_eq!(trouble.error(), None);
        kill_process(Pid::from_raw(child.cast_signed()).unwrap(), Signal::KILL).unwrap();
        let killed = Instant::now();
        let rest = source.by_ref().count();
        latest = latest.max(killed.elapsed());
        assert!(heard + rest < tone.len(), "kill {kill}: it was whole already");
        let words = trouble.error().map(|error| error.to_string());
        assert_eq!(words.as_deref(), Some("its decoder died: it was ended by signal 9"));
        assert!(source.is_exhausted() && source.next().is_none());
        assert!(source.try_seek(Duration::ZERO).is_err());
        assert!(!Path::new(&format!("/proc/{child}")).exists(), "kill {kill}: a zombie");
    }
    println!("{kills} kills, the sources ended after {latest:?} at the latest");
    assert!(latest < NOTICED_MAX, "{latest:?}");
}

#[test]
fn he_aac_is_a_source_at_its_full_rate_in_stereo_that_can_be_sought_in() {
    let folder = tempfile::tempdir().unwrap();
    let song = folder.path().join("song.m4a");
    for kind in [HeAac::V1, HeAac::V2] {
        fs::write(&song, kind.file()).unwrap();
        let trouble = Arc::new(Trouble::default());
        let mut source = ChildSource::open(&song, &trouble, &real_program(), Limits::default()).unwrap();
        assert_eq!((source.sample_rate().get(), source.channels().get()), (44_100, 2));
        let promised = source.total_duration().unwrap().as_secs_f64();
        let whole = source.by_ref().count() as f64 / 88_200.0;
        assert!((whole - promised).abs() < 0.05, "{whole} s, promised {promised} s");
        source.try_seek(Duration::from_millis(2000)).unwrap();
        let rest = source.by_ref().count() as f64 / 88_200.0;
        assert!((rest - (whole - 2.0)).abs() < 0.05, "{rest} s of {whole} s after 2 s");
        assert_eq!(trouble.error(), None);
        assert!(source.is_exhausted());
    }
}

#[test]
fn a_bare_stream_promises_nothing_and_has_an_estimate() {
    if !Foreign::Mp2.is_available() {
        eprintln!("SKIPPED: ffmpeg is not installed; script/setup installs it");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let song = folder.path().join("song.mp2");
    let tone = sine(440.0, 0.4, 0.0, 44_100, 4 * 44_100);
    encode_foreign(&tone, 1, 44_100, Foreign::Mp2, &song).unwrap();
    let trouble = Arc::new(Trouble::default());
    let source = ChildSource::open(&song, &trouble, &real_program(), Limits::default()).unwrap();
    assert_eq!((source.total_duration(), source.channels().get()), (None, 1));
    let estimate = source.estimated_duration().unwrap().as_secs_f64();
    assert!((estimate - 4.0).abs() < 0.05, "{estimate} s");
    let seconds = source.count() as f64 / 44_100.0;
    assert!((seconds - 4.0).abs() < 0.05, "{seconds} s");
}

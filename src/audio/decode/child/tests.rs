//! The child as a `Source`: what its song learns when it dies, and which files it never sees.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orchestrion_rig::encode::{Foreign, HeAac, encode_foreign};
use orchestrion_rig::signal::{sine, stereo};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use rodio::Source;
use rustix::process::{Pid, Signal, kill_process};

use super::ChildSource;
use crate::audio::file::Trouble;
use crate::media::{Limits, PROGRAM};

/// How long a child may be missed.
const NOTICED_MAX: Duration = Duration::from_millis(100);

/// The real program, which cargo builds for the tests that cross a wall.
#[cfg(feature = "media")]
fn real_program() -> PathBuf {
    let program = std::env::current_exe().unwrap().parent().unwrap().with_file_name(PROGRAM);
    assert!(program.exists(), "cargo build --features media --bin {PROGRAM}");
    program
}

/// A program that leaves a mark when it is started.
fn marking(folder: &std::path::Path) -> (PathBuf, PathBuf) {
    let (program, mark) = (folder.join("marking"), folder.join("mark"));
    fs::write(&program, format!("#!/bin/sh\n: > '{}'\n", mark.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    (program, mark)
}

#[test]
fn what_is_no_file_never_reaches_a_child() {
    let folder = tempfile::tempdir().unwrap();
    let (program, mark) = marking(folder.path());
    let (empty, fifo) = (folder.path().join("empty.wma"), folder.path().join("fifo.wma"));
    fs::write(&empty, "").unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let trouble = Arc::new(Trouble::default());
    for (path, words) in [
        (empty.as_path(), "the file is empty"),
        (&fifo, "it is a FIFO, not a file"),
        (folder.path(), "it is a folder, not a file"),
        (&folder.path().join("none"), "there is no such file"),
    ] {
        let error = ChildSource::open(path, &trouble, &program, Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), words);
        assert!(!mark.exists(), "{}: a child was started", path.display());
    }
    // The mark works: a file does start it.
    let song = folder.path().join("song.wma");
    fs::write(&song, "x").unwrap();
    let error = ChildSource::open(&song, &trouble, &program, Limits::default()).unwrap_err();
    assert!(mark.exists() && error.to_string().contains("its decoder died: it ended with 0"), "{error}");
    assert_eq!(trouble.error(), None, "before the first sound the error is returned, not noted");
}

#[cfg(feature = "media")]
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
        assert_eq!(trouble.error().as_deref(), Some("its decoder died: it was ended by signal 9"));
        assert!(source.is_exhausted() && source.next().is_none());
        assert!(source.try_seek(Duration::ZERO).is_err());
        assert!(!std::path::Path::new(&format!("/proc/{child}")).exists(), "kill {kill}: a zombie");
    }
    println!("{kills} kills, the sources ended after {latest:?} at the latest");
    assert!(latest < NOTICED_MAX, "{latest:?}");
}

#[cfg(feature = "media")]
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

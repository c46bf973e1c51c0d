//! How a child ends, and what is left of it: nothing.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use orchestrion::media::{Decoding, Error, Limits};
use orchestrion_rig::encode::{Foreign, HeAac};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use rustix::process::{Pid, Signal, kill_process};

use crate::decoded::{
    Sound, alone, can_make, children, exists, patient, program, staircase_file, start, wait_until,
};

/// How long a child may be missed before that is known. Milliseconds on a machine with nothing else to do; a limit that was
/// waited for would be a minute.
const NOTICED_MAX: Duration = Duration::from_secs(10);
/// How long giving one up may take.
const DROPPED_MAX: Duration = Duration::from_secs(10);
/// How long to play a damaged file of 4 s twice may take.
const SURE_MAX: Duration = Duration::from_secs(30);
/// Short limits, for children that never answer; long enough for a shell to start among others.
const SHORT: Duration = Duration::from_secs(1);
/// The same for a child that must start before it is stopped.
const SHORT_AFTER_START: Duration = Duration::from_secs(4);
/// What waits for a short limit may take so long.
const SHORT_WAIT_MAX: Duration = Duration::from_secs(8);

fn signal(process: u32, signal: Signal) {
    kill_process(Pid::from_raw(process.cast_signed()).unwrap(), signal).unwrap();
}

fn short() -> Limits {
    Limits { hello: SHORT, first_sample: SHORT, stall: SHORT, ..Limits::default() }
}

/// A program in place of the child; its standard input is the socket.
fn speaker(folder: &Path, script: &str) -> PathBuf {
    let path = folder.join("speaker");
    // Written by another process: a file that this one has open for writing while another test forks cannot be run.
    let written =
        Command::new("sh").args(["-c", "cat > \"$0\"", path.to_str().unwrap()]).stdin(Stdio::piped()).spawn();
    let mut shell = written.unwrap();
    std::io::Write::write_all(&mut shell.stdin.take().unwrap(), format!("#!/bin/sh\n{script}\n").as_bytes())
        .unwrap();
    assert!(shell.wait().unwrap().success());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_child_killed_at_any_moment_is_noticed_at_once_and_leaves_nothing() {
    let _alone = alone();
    if !can_make(Foreign::WavPack) {
        return;
    }
    let kills = std::env::var("KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(50);
    let folder = tempfile::tempdir().unwrap();
    let song = staircase_file(Foreign::WavPack, folder.path());
    let mut chance = ChaCha8Rng::seed_from_u64(7);
    let mut latest = Duration::ZERO;
    for kill in 0..kills {
        let mut decoding = start(&song, patient()).unwrap();
        let child = decoding.process_id().unwrap();
        let mut piece = Vec::new();
        let pieces = chance.next_u32() % 8;
        for _ in 0..pieces {
            assert!(decoding.read(&mut piece).unwrap(), "kill {kill}: the song is longer");
        }
        if chance.next_u32() % 4 == 0 {
            decoding.seek(u64::from(chance.next_u32() % 2000)).unwrap();
        }
        std::thread::sleep(Duration::from_micros(u64::from(chance.next_u32() % 3000)));
        signal(child, Signal::KILL);
        let killed = Instant::now();
        let (_, end) = Sound::rest(&mut decoding);
        latest = latest.max(killed.elapsed());
        let error = end.expect_err("an end by a kill is no end");
        assert_eq!(error, Error::Died("it was ended by signal 9".into()), "kill {kill}");
        assert_eq!(decoding.read(&mut piece), Err(error.clone()), "it stays so");
        assert_eq!(decoding.seek(0), Err(error));
        assert!(!exists(child), "kill {kill}: it is a zombie");
    }
    println!("{kills} kills, noticed after {latest:?} at the latest");
    assert!(latest < NOTICED_MAX, "{latest:?}");
}

#[test]
fn a_song_given_up_in_the_middle_is_gone_at_once() {
    let _alone = alone();
    if !can_make(Foreign::Mp2) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let song = staircase_file(Foreign::Mp2, folder.path());
    for _ in 0..10 {
        let decoding = start(&song, patient()).unwrap();
        let child = decoding.process_id().unwrap();
        let begun = Instant::now();
        drop(decoding);
        assert!(begun.elapsed() < DROPPED_MAX, "{:?}", begun.elapsed());
        assert!(!exists(child));
    }
}

#[test]
fn a_child_that_stands_still_is_given_up_after_its_limit() {
    let _alone = alone();
    if !can_make(Foreign::Wma) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let song = staircase_file(Foreign::Wma, folder.path());
    for seeks in [false, true] {
        let limits = Limits { first_sample: patient().first_sample, stall: SHORT, ..patient() };
        let limits = if seeks { Limits { first_sample: SHORT_AFTER_START, ..limits } } else { limits };
        let mut decoding = start(&song, limits).unwrap();
        let child = decoding.process_id().unwrap();
        signal(child, Signal::STOP);
        let begun = Instant::now();
        let error =
            if seeks { decoding.seek(1000).unwrap_err() } else { Sound::rest(&mut decoding).1.unwrap_err() };
        assert!(matches!(error, Error::TooSlow { .. }), "{error}");
        assert!(begun.elapsed() < SHORT_WAIT_MAX, "{:?}", begun.elapsed());
        assert!(!exists(child));
    }
}

#[test]
fn what_is_said_in_place_of_a_child_is_judged() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let file = File::open("/bin/sh").unwrap();
    // Header: OMED, version 1, kind, length. Kinds: 16 Hello, 17 Format, 18 Samples, 19 Sought, 20 End, 21 Failed.
    let hello = r"OMED\001\000\020\000\000\000\000\000";
    let format = r"OMED\001\000\021\000\020\000\000\000\104\254\000\000\002\000\000\000\000\000\000\000\000\000\000\000";
    let samples = r"OMED\001\000\022\000\010\000\000\000\000\000\000\000\000\000\000\000";
    let cases: [(&str, String, &str); 12] = [
        ("nothing", "exec sleep 60".into(), "did not start within 1000 ms"),
        ("an end", "exit 3".into(), "died: it ended with 3"),
        (
            "words and an end",
            "echo a; echo no library >&2; exit 127".into(),
            "no library: install libgstreamer1.0-0",
        ),
        ("a crash", "kill -SEGV $$".into(), "died: it was ended by signal 11"),
        ("garbage", "head -c 100000 /dev/urandom >&0; exec sleep 60".into(), "nonsense: this is no message"),
        (
            "another version",
            r"printf 'OMED\002\000\020\000\000\000\000\000' >&0; exec sleep 60".into(),
            "version 2",
        ),
        ("hello only", format!("printf '{hello}' >&0; exec sleep 60"), "gave no sound within 1000 ms"),
        (
            "a huge message",
            format!(r"printf '{hello}OMED\001\000\022\000\377\377\377\377' >&0; exec sleep 60"),
            "4294967295 bytes",
        ),
        (
            "samples before a format",
            format!("printf '{hello}{samples}' >&0; exec sleep 60"),
            "no whole frames",
        ),
        (
            "an answer to no seek",
            format!(
                r"printf '{hello}{format}OMED\001\000\023\000\014\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000' >&0; exec sleep 60"
            ),
            "Sought out of turn",
        ),
        (
            "an end without sound",
            format!(r"printf '{hello}{format}OMED\001\000\024\000\000\000\000\000' >&0; exec sleep 60"),
            "no sound in it",
        ),
        // As fast as it can, and without an end.
        (
            "formats only",
            format!("printf '{hello}' >&0; while printf '{format}{format}{format}{format}' >&0; do :; done"),
            "gave no sound within 1000 ms",
        ),
    ];
    for (what, script, words) in cases {
        let program = speaker(folder.path(), &script);
        let begun = Instant::now();
        let error = Decoding::start(&program, &file, short()).expect_err(what).to_string();
        println!("{what}: {error}");
        assert!(error.contains(words), "{what}: {error}");
        assert!(begun.elapsed() < SHORT_WAIT_MAX, "{what}: {:?}", begun.elapsed());
        assert_eq!(children(std::process::id()), Vec::<u32>::new(), "{what}");
    }
    // A good beginning, then nothing, or half a frame.
    for (tail, words) in [
        ("exec sleep 60", "gave no sound within 1000 ms"),
        (
            r"printf 'OMED\001\000\022\000\004\000\000\000\000\000\000\000' >&0; exec sleep 60",
            "no whole frames",
        ),
        (r"printf 'OMED\001\000\025\000\005\000\000\000no\nox' >&0; exec sleep 60", "noox"),
    ] {
        let program = speaker(folder.path(), &format!("printf '{hello}{format}{samples}' >&0; {tail}"));
        let mut decoding = Decoding::start(&program, &file, short()).unwrap();
        let (sound, end) = Sound::rest(&mut decoding);
        let error = end.unwrap_err().to_string();
        assert!(sound.samples.len() == 2 && error.contains(words), "{error}");
    }
    let error = Decoding::start(&folder.path().join("none"), &file, short()).unwrap_err();
    assert!(error.to_string().starts_with("cannot start "), "{error}");
}

#[test]
fn damaged_files_of_each_format_neither_hang_nor_leave_anything() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut files: Vec<(String, Vec<u8>)> =
        [HeAac::V1, HeAac::V2].map(|kind| (format!("{kind:?}"), kind.file().to_vec())).into();
    for kind in Foreign::ALL.into_iter().filter(|kind| can_make(*kind)) {
        files.push((format!("{kind:?}"), fs::read(staircase_file(kind, folder.path())).unwrap()));
    }
    let mut chance = ChaCha8Rng::seed_from_u64(20);
    let path = folder.path().join("damaged");
    for (what, whole) in files {
        let cuts = (1..10).map(|tenth| whole[..whole.len() * tenth / 10].to_vec());
        let flips: Vec<Vec<u8>> = (0..5)
            .map(|_| {
                let mut bytes = whole.clone();
                for _ in 0..20 {
                    let at = chance.next_u32() as usize % bytes.len();
                    bytes[at] ^= 1 << (chance.next_u32() % 8);
                }
                bytes
            })
            .collect();
        let (mut plays, mut fails, mut slowest) = (0, 0, Duration::ZERO);
        for (index, bytes) in cuts.chain(flips).enumerate() {
            fs::write(&path, bytes).unwrap();
            let begun = Instant::now();
            // GStreamer says nothing at all of some files without a table (qtdemux, now and then): then a limit ends it,
            // so these are the device's own.
            let end = start(&path, Limits::default()).and_then(|mut decoding| {
                let (sound, end) = Sound::rest(&mut decoding);
                assert!(sound.seconds() < 60.0, "{what} {index}: {} s from 4", sound.seconds());
                decoding.seek(1500)?;
                Sound::rest(&mut decoding).1.and(end)
            });
            slowest = slowest.max(begun.elapsed());
            match end {
                Ok(()) => plays += 1,
                Err(error) => {
                    fails += 1;
                    assert!(
                        !matches!(error, Error::Nonsense(_) | Error::Socket(_)),
                        "{what} {index}: {error}"
                    );
                    println!("{what} {index}: {error}");
                }
            }
        }
        println!("{what}: {plays} play, {fails} fail, {slowest:?} at most");
        assert!(slowest < SURE_MAX, "{what}: {slowest:?}: no limit has ended it");
    }
}

#[test]
fn what_is_whole_of_a_file_that_is_cut_off_is_heard() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    for kind in [Foreign::Tta, Foreign::WavPack, Foreign::Wma, Foreign::Ac3, Foreign::Mp2] {
        if !can_make(kind) {
            continue;
        }
        let path = staircase_file(kind, folder.path());
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() * 3 / 5]).unwrap();
        let mut decoding = start(&path, patient()).unwrap();
        let (sound, end) = Sound::rest(&mut decoding);
        println!("{kind:?}: {:.3} s, {end:?}", sound.seconds());
        // TTA has packets of a second; the staircase is not equally hard to pack everywhere.
        assert!((1.0..3.2).contains(&sound.seconds()), "{kind:?}: {} s", sound.seconds());
    }
}

#[test]
fn a_child_ends_when_its_daemon_is_killed() {
    let _alone = alone();
    if !can_make(Foreign::WavPack) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let song = staircase_file(Foreign::WavPack, folder.path());
    // A person's `decode` is to its child what the daemon is. A FIFO as its output holds it in the middle of the song.
    let out = folder.path().join("held.wav");
    assert!(Command::new("mkfifo").arg(&out).status().unwrap().success());
    let mut parent = Command::new(program()).arg("decode").arg(&song).arg("--wav").arg(&out).spawn().unwrap();
    let read = File::open(&out).unwrap();
    let mut first = BufReader::with_capacity(64, &read);
    assert!(!first.fill_buf().unwrap().is_empty());
    let [child] = children(parent.id())[..] else { panic!("{:?}", children(parent.id())) };
    assert!(exists(child));
    parent.kill().unwrap();
    parent.wait().unwrap();
    let is_gone =
        || fs::read_to_string(format!("/proc/{child}/stat")).map_or(true, |stat| stat.contains(") Z "));
    wait_until("an orphan", Duration::from_secs(1), is_gone);
}

//! Bad files meet the real device: it goes on playing, says once what is wrong, and stays small.

#![cfg(test)]

mod hang;
#[path = "../place/mod.rs"]
mod place;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use orchestrion_rig::damage::{BadFile, Expect, bad_files};
use orchestrion_rig::device::Device;
use orchestrion_rig::encode::Format;
use place::{Place, Subscriber, entry, position_ms};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// How long the bad folder is played at least.
const SHOW: Duration = Duration::from_secs(15);
/// How long it may take on a slow machine until every file in it had its turn.
const SHOW_MAX: Duration = Duration::from_secs(120);
/// The longest time without music in it.
const SILENCE_MAX: Duration = Duration::from_secs(2);
/// How often somebody looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// So much is heard of what is long.
const TASTE_MS: u64 = 400;
/// The process may have grown to this, far below what a tag of 50 MB would cost on top.
const MEMORY_KB_MAX: u64 = 60 * 1024;
/// How long a program may take to refuse one file.
const REFUSAL_MAX: Duration = Duration::from_secs(3);
/// How long anything else may take.
const SOON: Duration = Duration::from_secs(8);
/// Files that are tried at once.
const TRIERS: usize = 3;

/// Whether the encoders are there of which the bad files are made.
fn can_make_files() -> bool {
    let can = Format::ALL.into_iter().all(Format::is_available);
    if !can {
        eprintln!("SKIPPED: an encoder is not installed; script/setup installs them all");
    }
    can
}

/// What a log line or a message shows of a name, however long the folder before it is.
fn shown(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let skipped = name.chars().count().saturating_sub(40);
    name.chars().skip(skipped).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn lines_with(log: &str, words: &str) -> Vec<String> {
    log.lines().filter(|line| line.contains(words)).map(str::to_owned).collect()
}

/// Whether a log names a file of a folder that is played.
fn is_named(file: &BadFile) -> bool {
    // Nobody named the one, and in a folder it is no trouble that a folder in it is empty.
    const SILENT: [&str; 3] = ["missing", "a folder named like a song", "a folder that contains itself"];
    file.expect == Expect::Fails && !SILENT.contains(&file.what)
}

/// The lines of a log that name a file.
fn lines_of(log: &str, file: &BadFile) -> Vec<String> {
    // The name that no file system allows is long; of it a line shows the end.
    let before = if file.what.starts_with("a name that no") { "" } else { "/" };
    lines_with(log, &format!("{before}{}", shown(&file.path)))
}

fn memory_peak_kb(device: &Device) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", device.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn plays(status: &Value) -> bool {
    status["state"] == "playing"
}

#[test]
fn a_folder_of_bad_files_plays_on_and_each_is_named_once() {
    if !can_make_files() {
        return;
    }
    let place = Place::new();
    let files = bad_files(&place.path().join("bad")).unwrap();
    // The names place them in front of files that fail.
    let good = [place.song("bad/empty-0.wav", 3.0), place.song("bad/tex.wav", 3.0)];
    let forged = place.path().join("bad/tex\norchestrion: error: forged.mp3");
    std::fs::write(&forged, "no music").unwrap();
    let device = place
        .setup
        .run("outputs = [\"null\"]\nmusic = [\"bad\", \"bad/too-long-name.m3u8\"]\ncrossfade_s = 0.5\nvolume = 0")
        .unwrap();
    device.wait_for(SOON, plays).unwrap();

    let begun = Instant::now();
    // Counted in looks: a machine that stood still between two of them was not silent for so long.
    let (mut silent_looks, mut silent_looks_max) = (0, 0);
    let mut tasted = HashSet::new();
    let mut quarantined_max = 0;
    let had_its_turn = |tasted: &HashSet<String>| {
        let log = place.setup.log();
        good.iter().all(|song| tasted.contains(song.to_str().unwrap()))
            && files.iter().filter(|file| is_named(file)).all(|file| !lines_of(&log, file).is_empty())
    };
    while begun.elapsed() < SHOW || (begun.elapsed() < SHOW_MAX && !had_its_turn(&tasted)) {
        let status = device.ask("status", json!({})).unwrap();
        quarantined_max = quarantined_max.max(status["quarantined"].as_u64().unwrap());
        let path = status["current"]["path"].as_str().unwrap_or_default().to_owned();
        if plays(&status) {
            silent_looks = 0;
            let is_good = good.iter().any(|good| good.as_os_str() == OsStr::new(&path));
            if position_ms(&status) > TASTE_MS && !is_good {
                device.ask("skip", json!({})).unwrap();
            }
            tasted.insert(path);
        } else {
            silent_looks += 1;
            silent_looks_max = silent_looks_max.max(silent_looks);
        }
        std::thread::sleep(LOOK_EVERY);
    }
    let silence = LOOK_EVERY * silent_looks_max;
    let memory_kb = memory_peak_kb(&device);
    assert_eq!(device.terminate().unwrap().code(), Some(0));
    let log = place.setup.log();
    println!("silent for {silence:?}, {memory_kb} kB, {} files heard\n{log}", tasted.len());

    assert!(silence < SILENCE_MAX, "silent for {silence:?}");
    assert!(memory_kb < MEMORY_KB_MAX, "{memory_kb} kB");
    assert!(!log.contains("panicked"));
    assert!(log.lines().all(|line| line.starts_with("orchestrion: ")), "a line that cannot be read alone");
    assert!(
        !log.lines().any(|line| line.starts_with("orchestrion: error:")),
        "no error, all in a day's work"
    );
    for song in good {
        assert!(tasted.contains(song.to_str().unwrap()), "{} was never heard", song.display());
    }
    let skipped = lines_with(&log, ": skipped ");
    for file in &files {
        let lines = lines_of(&log, file);
        match file.expect {
            Expect::Fails => assert_eq!(lines.len(), usize::from(is_named(file)), "{file:?}: {lines:?}"),
            Expect::Plays => assert_eq!(lines.len(), 0, "{file:?}: {lines:?}"),
            Expect::Either => assert!(lines.len() <= 1, "{file:?}: {lines:?}"),
        }
    }
    assert_eq!(lines_with(&log, "forged").len(), 1);
    assert_eq!(quarantined_max, u64::try_from(skipped.len()).unwrap(), "{skipped:?}");
    assert!(skipped.iter().all(|line| line.contains("; tried again in 30 s")), "{skipped:?}");
    let rows = place.plays();
    assert!(rows.iter().all(|row| row.end.is_some()), "{rows:?}");
}

/// A program that plays one file; ended when it is dropped.
struct Player(Child);

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Player {
    /// Waits for its end.
    fn end_within(&mut self, wait: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + wait;
        loop {
            match self.0.try_wait().unwrap() {
                None if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
                ended => return ended,
            }
        }
    }

    fn terminate(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
    }
}

/// The status, where somebody listens.
fn status(socket: &Path) -> Option<Value> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n").ok()?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).ok()?;
    let answer: Value = serde_json::from_str(&answer).ok()?;
    Some(answer["result"].clone())
}

/// Plays one file alone, as somebody would who tries it out.
fn try_alone(file: &BadFile) {
    let place = Place::new();
    let mut command = place.setup.command(&["play", "--output", "null", "--volume", "0"]).unwrap();
    let mut player = Player(command.arg(&file.path).spawn().unwrap());
    let deadline = Instant::now() + REFUSAL_MAX;
    let ended = loop {
        if let Some(ended) = player.end_within(Duration::from_millis(20)) {
            break Some(ended);
        }
        let is_heard =
            status(&place.setup.socket()).is_some_and(|status| status["position_ms"].as_u64() > Some(300));
        if is_heard {
            player.terminate();
            break player.end_within(Duration::from_secs(2));
        }
        assert!(Instant::now() < deadline, "{file:?} neither plays nor fails: {}", place.setup.log());
    };
    let log = place.setup.log();
    let code = ended.and_then(|ended| ended.code());
    let rows = place.plays();
    assert!(!log.contains("panicked"), "{file:?}: {log}");
    assert!(log.lines().all(|line| line.starts_with("orchestrion: ")), "{file:?}: {log}");
    match file.expect {
        Expect::Fails => {
            assert_eq!((code, rows.len()), (Some(1), 0), "{file:?}: {log}");
            assert_eq!(lines_with(&log, &shown(&file.path)).len(), 1, "{file:?}: {log}");
            assert!(log.ends_with("nothing could be played\n"), "{file:?}: {log}");
        }
        Expect::Plays => {
            let end = rows[0].end.as_ref().unwrap();
            assert_eq!((code, rows.len(), log.as_str()), (Some(0), 1, ""), "{file:?}");
            assert!(["finished", "cut"].contains(&end.how.as_str()), "{file:?}: {end:?}");
        }
        Expect::Either => assert!([Some(0), Some(1)].contains(&code), "{file:?}: {code:?}: {log}"),
    }
}

#[test]
fn each_bad_file_alone_is_played_or_refused_in_words() {
    if !can_make_files() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let files = Mutex::new(bad_files(folder.path()).unwrap());
    std::thread::scope(|scope| {
        for _ in 0..TRIERS {
            scope.spawn(|| {
                loop {
                    let Some(file) = files.lock().unwrap().pop() else { return };
                    try_alone(&file);
                }
            });
        }
    });
}

#[test]
fn a_list_plays_what_it_can_and_names_the_rest_once_each() {
    let place = Place::new();
    let good = place.song("good.wav", 0.6);
    let long = format!("{}.flac", "long".repeat(75));
    let bad =
        [long.as_str(), "http://radio.example/stream", "missing.flac", "https://radio.example/list.m3u8"];
    let list = place.path().join("party.m3u8");
    let lines = format!("#EXTM3U\n{}\n./good.wav\n\n", bad.join("\n#EXTINF:1,somebody - something\n"));
    std::fs::write(&list, lines).unwrap();
    let list = list.display().to_string();
    let command = place.setup.command(&["play", &list, "--output", "null"]).unwrap().spawn();
    let ended = Player(command.unwrap()).end_within(SOON);
    let log = place.setup.log();
    assert_eq!(ended.and_then(|ended| ended.code()), Some(0), "{log}");
    for (index, line) in bad.into_iter().enumerate() {
        let named = lines_with(&log, &shown(Path::new(line)));
        assert_eq!(named.len(), 1, "{line}: {log}");
        assert!(named[0].contains(&format!("line {}", 2 * index + 2)), "{line}: {named:?}");
    }
    assert_eq!(log.lines().count(), bad.len(), "{log}");
    let rows = place.plays();
    assert_eq!((rows.len(), rows[0].path.as_path()), (1, good.as_path()));
}

#[test]
fn a_file_that_is_deleted_while_it_plays_is_heard_to_its_end_and_then_passed_over() {
    let place = Place::new();
    let doomed = place.song("music/1.wav", 3.0);
    place.song("music/2.wav", 1.5);
    let device = place.run("crossfade_s = 0.5");
    device.wait_for(SOON, |status| position_ms(status) > 300).unwrap();
    std::fs::remove_file(&doomed).unwrap();
    let second = device.wait_for(SOON, |status| status["current"]["title"] == "2").unwrap();
    // The other song plays again and again meanwhile.
    device.wait_for(SOON, |status| status["quarantined"] == 1 && status["plays"].as_u64() > Some(3)).unwrap();
    let subscriber = Subscriber::of(&device);
    let told = subscriber.all_within(Duration::from_secs(3));
    let statuses = told.iter().filter(|(_, told)| told["method"] == "StatusChanged");
    let others =
        statuses.filter(|(_, told)| !plays(&told["params"]) || entry(&told["params"]) != entry(&second));
    assert_eq!(others.count(), 0, "{told:?}");
    device.terminate().unwrap();
    let rows = place.plays();
    let end = rows[0].end.as_ref().unwrap();
    assert_eq!((rows[0].path.as_path(), end.how.as_str()), (doomed.as_path(), "finished"));
    assert!(end.heard_ms.abs_diff(3000) < 100, "{end:?}");
    let lines = lines_with(&place.setup.log(), "1.wav");
    assert!(lines.len() == 1 && lines[0].contains("there is no such file"), "{lines:?}");
}

#[test]
fn a_file_that_is_truncated_while_it_plays_fails_where_it_ends_and_the_next_one_plays() {
    let place = Place::new();
    let doomed = place.song("music/1.wav", 20.0);
    place.song("music/2.wav", 20.0);
    let device = place.run("crossfade_s = 0.5");
    device.wait_for(SOON, |status| position_ms(status) > 300).unwrap();
    // What lies ready in the ring is still heard.
    let bytes = doomed.metadata().unwrap().len();
    File::options().write(true).open(&doomed).unwrap().set_len(bytes / 5).unwrap();
    let subscriber = Subscriber::of(&device);
    let second = device.wait_for(SOON, |status| plays(status) && status["current"]["title"] == "2").unwrap();
    assert_eq!(second["quarantined"], 1, "{second}");
    let silent = subscriber.all_within(Duration::from_millis(100)).into_iter();
    let silent = silent.filter(|(_, told)| told["method"] == "StatusChanged" && !plays(&told["params"]));
    assert!(silent.count() <= 1, "it may open the next one for a moment");
    device.terminate().unwrap();
    let rows = place.plays();
    let end = rows[0].end.as_ref().unwrap();
    assert_eq!((rows[0].path.as_path(), end.how.as_str()), (doomed.as_path(), "failed"), "{end:?}");
    assert!((2000..=4500).contains(&end.heard_ms) && !end.reason.is_empty(), "{end:?}");
    let lines = lines_with(&place.setup.log(), "1.wav");
    assert!(lines.len() == 1 && lines[0].contains(&end.reason), "{lines:?} {end:?}");
}

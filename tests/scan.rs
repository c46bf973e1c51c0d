//! `orchestrion scan` as a process: what it keeps, what it tells, and that it can be interrupted.

#![cfg(test)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use orchestrion::measure::FileId;
use orchestrion::storage::Measurements;
use orchestrion_rig::encode::{Format, encode};
use orchestrion_rig::signal;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

struct Shelf {
    dir: tempfile::TempDir,
}

impl Shelf {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("music")).unwrap();
        Self { dir }
    }

    fn music(&self) -> PathBuf {
        self.dir.path().join("music")
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn tone(&self, name: &str, seconds: usize, amplitude: f64) -> PathBuf {
        let path = self.music().join(name);
        let tone = signal::sine(500.0, amplitude, 0.0, 48_000, 48_000 * seconds);
        encode(&signal::doubled(&tone), 2, 48_000, Format::Wav, &path).unwrap();
        path
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrion"));
        command
            .arg("scan")
            .args(args)
            .arg("--state-dir")
            .arg(self.state())
            .arg(self.music())
            .stdin(Stdio::null());
        command
    }

    fn scan(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// The objects of a scan, by path, and its exit code.
    fn objects(&self, args: &[&str]) -> (Vec<Value>, Option<i32>) {
        let output = self.scan(&[&["--json"], args].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        let mut objects: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        objects.sort_by_key(|object| object["path"].as_str().unwrap().to_owned());
        (objects, output.status.code())
    }

    fn is_known(&self, path: &Path) -> bool {
        Measurements::new(&self.state()).lookup(path, FileId::of(path).unwrap()).is_some()
    }
}

#[test]
fn a_shelf_is_measured_once_and_then_known() {
    let shelf = Shelf::new();
    let (a, b) = (shelf.tone("a.wav", 4, 0.5), shelf.tone("b.wav", 4, 0.05));
    let (objects, code) = shelf.objects(&[]);
    assert_eq!((objects.len(), code), (2, Some(0)));
    let lufs = |object: &Value| object["loudness_lufs"].as_f64().unwrap();
    assert!((lufs(&objects[0]) - lufs(&objects[1]) - 20.0).abs() < 0.1, "{objects:?}");
    assert!(objects.iter().all(|object| object["known"] == false && object["duration_ms"] == 4000));
    assert!(shelf.is_known(&a) && shelf.is_known(&b), "a device finds them");
    let (again, code) = shelf.objects(&["--jobs", "1"]);
    assert_eq!(code, Some(0));
    assert!(again.iter().all(|object| object["known"] == true));
    assert_eq!(lufs(&again[1]), lufs(&objects[1]));
    // A file that has changed is measured again.
    shelf.tone("b.wav", 5, 0.1);
    let (changed, _) = shelf.objects(&[]);
    assert_eq!((&changed[0]["known"], &changed[1]["known"]), (&Value::from(true), &Value::from(false)));
    assert_eq!(changed[1]["duration_ms"], 5000);
}

#[test]
fn what_cannot_be_measured_is_named_and_the_rest_is_kept() {
    let shelf = Shelf::new();
    let good = shelf.tone("good.wav", 2, 0.5);
    std::fs::write(shelf.music().join("bad.mp3"), "no music").unwrap();
    let output = shelf.scan(&[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("bad.mp3: nothing in it can be decoded"), "{text}");
    assert!(text.contains("2 of 2 files") && text.contains("1 measured, 0 known before, 1 failed"), "{text}");
    assert!(shelf.is_known(&good));
}

#[test]
fn a_wrong_command_line_ends_with_2_and_an_empty_shelf_with_1() {
    let shelf = Shelf::new();
    assert_eq!(shelf.scan(&["--jobs", "0"]).status.code(), Some(2));
    assert_eq!(shelf.scan(&["--no-such-thing"]).status.code(), Some(2));
    let output = shelf.scan(&[]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("holds no music") && said.contains("no music to be measured"), "{said}");
}

#[test]
fn a_scan_that_is_interrupted_keeps_what_it_has_and_goes_on_from_there() {
    let shelf = Shelf::new();
    for n in 0..40 {
        shelf.tone(&format!("{n:02}.wav"), 20, 0.5);
    }
    let mut command = shelf.command(&["--json", "--jobs", "1"]);
    let mut scan = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(scan.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("loudness_lufs"), "{first}");
    kill_process(Pid::from_child(&scan), Signal::INT).unwrap();
    let told = 1 + lines.count();
    assert_eq!(scan.wait().unwrap().code(), Some(1));
    assert!(told < 40, "it was interrupted");
    let (objects, code) = shelf.objects(&[]);
    let known = objects.iter().filter(|object| object["known"] == true).count();
    assert_eq!((objects.len(), known, code), (40, told, Some(0)));
}

#[test]
fn a_scan_may_run_beside_whoever_holds_the_state() {
    let shelf = Shelf::new();
    shelf.tone("a.wav", 2, 0.5);
    std::fs::create_dir(shelf.state()).unwrap();
    let lock = std::fs::File::create(shelf.state().join("lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert_eq!(shelf.objects(&[]).1, Some(0));
    assert!(!shelf.state().join("state.sqlite").exists(), "that one is the device's alone");
}

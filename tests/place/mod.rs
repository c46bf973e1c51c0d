//! A place of its own for each test: a folder with songs, a device in it, what it says and what it has logged.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use orchestrion::storage::{PlayRow, database_path, read_plays};
use orchestrion_rig::device::{Device, Setup};
use orchestrion_rig::signal::sine;
use orchestrion_rig::wav::{self, SampleFormat};
use serde_json::Value;
use tempfile::TempDir;

/// Frames a second of the songs: low, so that they are made in no time.
const SONG_RATE_HZ: u32 = 16_000;

/// See the head of this file. The folder goes with it.
pub struct Place {
    folder: TempDir,
    /// How a device is started here.
    pub setup: Setup,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = env!("CARGO_BIN_EXE_orchestrion").into();
        let setup = Setup { program, folder: folder.path().into(), env: Vec::new() };
        std::fs::create_dir(folder.path().join("music")).unwrap();
        Self { folder, setup }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A tone in a file of its own; `name` counts from the folder of the place.
    pub fn song(&self, name: &str, seconds: f64) -> PathBuf {
        let path = self.path().join(name);
        let tone = sine(440.0, 0.3, 0.0, SONG_RATE_HZ, (seconds * f64::from(SONG_RATE_HZ)) as usize);
        wav::write(&path, &tone, 1, SONG_RATE_HZ, SampleFormat::Int16).unwrap();
        path
    }

    /// `orchestrion run` with the songs of this place, in real time and heard by nobody. `more` is TOML.
    pub fn run(&self, more: &str) -> Device {
        self.setup.run(&format!("outputs = [\"null\"]\nmusic = [\"music\"]\n{more}\n")).unwrap()
    }

    /// The rows of the play log.
    pub fn plays(&self) -> Vec<PlayRow> {
        read_plays(&database_path(&self.setup.state_dir())).unwrap()
    }
}

/// The entry that a status shows.
pub fn entry(status: &Value) -> u64 {
    status["current"]["entry"].as_u64().unwrap_or(0)
}

/// The place in the song that a status shows.
pub fn position_ms(status: &Value) -> u64 {
    status["position_ms"].as_u64().unwrap()
}

/// What a subscriber is told, with the moment at which it came.
pub struct Subscriber {
    lines: Receiver<(Instant, Value)>,
}

impl Subscriber {
    /// Subscribes; a thread reads until the device closes the connection.
    pub fn of(device: &Device) -> Self {
        let mut stream = device.connect().unwrap();
        stream.set_read_timeout(None).unwrap();
        stream.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"subscribe\"}\n").unwrap();
        let mut reader = BufReader::new(stream);
        let mut answer = String::new();
        reader.read_line(&mut answer).unwrap();
        assert!(answer.contains("\"subscribed\":true"), "{answer}");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                let Ok(told) = serde_json::from_str(&line) else { return };
                if sender.send((Instant::now(), told)).is_err() {
                    return;
                }
            }
        });
        Self { lines }
    }

    /// The next notification; `None` when none came until then, or none can come any more.
    pub fn next_until(&self, deadline: Instant) -> Option<(Instant, Value)> {
        self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
    }

    /// All that comes within a time.
    pub fn all_within(&self, wait: Duration) -> Vec<(Instant, Value)> {
        let deadline = Instant::now() + wait;
        std::iter::from_fn(|| self.next_until(deadline)).collect()
    }
}

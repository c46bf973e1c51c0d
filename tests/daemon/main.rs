//! The device as people meet it: the binary, its signals, its exit codes, its socket, `ctl`. Real time, no sound.

#![cfg(test)]

mod announcing;
mod buttons;
mod card;
mod doctor;
#[path = "../place/mod.rs"]
mod place;
mod playing;
mod programs;
mod queue;
mod releases;
mod socket;
mod starts;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::time::{Duration, Instant};

use orchestrion_rig::device::Device;
use place::{Place, Subscriber, entry, position_ms};
use serde_json::{Value, json};

/// How long anything asked for may take to show; only a failure waits for it.
const SOON: Duration = Duration::from_secs(5);
/// What a program that should end by itself may take; then it is ended.
const RUN_MAX: Duration = Duration::from_secs(30);

impl Place {
    /// Runs the program to its end. What it says goes to the log.
    fn run_to_end(&self, words: &[&str]) -> ExitStatus {
        let mut child = self.setup.command(words).unwrap().spawn().unwrap();
        let deadline = Instant::now() + RUN_MAX;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            if Instant::now() > deadline {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("{words:?} does not end: {}", self.setup.log());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The folder with the songs.
    fn music(&self) -> PathBuf {
        self.path().join("music")
    }

    fn write_config(&self, text: &str) {
        std::fs::write(self.path().join("orchestrion.toml"), text).unwrap();
    }

    /// `orchestrion ctl` on the device of this place.
    fn ctl(&self, words: &[&str]) -> Output {
        let mut command = Command::new(&self.setup.program);
        command.arg("ctl").args(words).arg("--socket").arg(self.setup.socket()).output().unwrap()
    }

    fn log_lines(&self, word: &str) -> Vec<String> {
        self.setup.log().lines().filter(|line| line.contains(word)).map(str::to_owned).collect()
    }
}

/// A device with five songs of 20 s that plays the first, without crossfades.
fn with_five_songs() -> (Place, Device, Vec<u64>) {
    let place = Place::new();
    for name in ["1", "2", "3", "4", "5"] {
        place.song(&format!("music/{name}.wav"), 20.0);
    }
    let device = place.run("crossfade_s = 0");
    device.wait_for(SOON, |status| plays(status) && status["queue_len"] == 5).unwrap();
    let entries = queue(&device);
    (place, device, entries)
}

fn plays(status: &Value) -> bool {
    status["state"] == "playing" && status["position_ms"].as_u64() > Some(0)
}

fn ok(device: &Device, method: &str, params: Value) -> Value {
    device.ask(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
}

/// The words with which something is refused.
fn refused(device: &Device, method: &str, params: Value) -> String {
    device.ask(method, params).expect_err(method).to_string()
}

fn status(device: &Device) -> Value {
    ok(device, "status", json!({}))
}

/// The entries in playing order.
fn queue(device: &Device) -> Vec<u64> {
    let page = ok(device, "queue.list", json!({}));
    page["entries"].as_array().unwrap().iter().map(|song| song["entry"].as_u64().unwrap()).collect()
}

fn wait_for_entry(device: &Device, wanted: u64) -> Value {
    device.wait_for(SOON, |status| plays(status) && entry(status) == wanted).unwrap()
}

/// Ends a device with a signal; it must do so in time (as its unit waits for it) and without complaint.
fn end(device: Device, signal: &str) {
    device.signal(signal).unwrap();
    let status = device.wait().unwrap();
    assert_eq!(status.code(), Some(0), "after SIG{signal}");
}

/// One connection, line by line.
struct Wire(BufReader<UnixStream>);

impl Wire {
    fn to(device: &Device) -> Self {
        Self(BufReader::new(device.connect().unwrap()))
    }

    fn send(&mut self, line: &str) {
        self.0.get_mut().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn receive(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }
}

//! A room with songs and a device.

use std::path::Path;
use std::time::Duration;

use orchestrion_rig::device::{Device, Setup};
use orchestrion_rig::signal::sine;
use orchestrion_rig::wav::{self, SampleFormat};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use tempfile::TempDir;

use super::server::PATIENCE;

/// Frames a second of the songs: low, so that they are made in no time.
const SONG_RATE_HZ: u32 = 16_000;
/// How long anything that the device alone does may take to show.
pub const SOON: Duration = Duration::from_secs(20);

pub struct Room {
    folder: TempDir,
    pub setup: Setup,
}

impl Room {
    /// With five songs of so many seconds.
    pub fn new(song_s: f64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let setup = Setup { program: super::device(), folder: folder.path().into(), env: Vec::new() };
        std::fs::create_dir(folder.path().join("music")).unwrap();
        for name in ["1", "2", "3", "4", "5"] {
            let tone = sine(440.0, 0.3, 0.0, SONG_RATE_HZ, (song_s * f64::from(SONG_RATE_HZ)) as usize);
            let path = folder.path().join(format!("music/{name}.wav"));
            wav::write(&path, &tone, 1, SONG_RATE_HZ, SampleFormat::Int16).unwrap();
        }
        Self { folder, setup }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A device that has this server. `more` is of the server's table.
    pub fn run(&self, server: &str, more: &str) -> Device {
        self.setup.run(&configuration(server, more)).unwrap()
    }

    /// The same, which believes no clock that nobody tells it.
    pub fn run_without_a_clock(&self, server: &str, more: &str) -> Device {
        self.setup.run(&without_a_clock(server, more)).unwrap()
    }

    /// As [`Room::configure`].
    pub fn configure_without_a_clock(&self, server: &str, more: &str) {
        std::fs::write(self.path().join("orchestrion.toml"), without_a_clock(server, more)).unwrap();
    }

    /// Another configuration, for when the device reads it again.
    pub fn configure(&self, server: &str, more: &str) {
        std::fs::write(self.path().join("orchestrion.toml"), configuration(server, more)).unwrap();
    }

    /// Rows of its play log that are closed.
    pub fn plays(&self) -> Vec<(u64, u64)> {
        let path = self.setup.state_dir().join("state.sqlite");
        let log = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let mut rows =
            log.prepare("SELECT run, seq FROM plays WHERE how IS NOT NULL ORDER BY run, seq").unwrap();
        let names =
            rows.query_map([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)));
        names.unwrap().map(Result::unwrap).collect()
    }
}

fn configuration(server: &str, more: &str) -> String {
    format!(
        "outputs = [\"null\"]\nmusic = [\"music\"]\nclock = \"trusted\"\ncrossfade_s = 0\n\n[server]\nurl = \"{server}\"\n{more}\n"
    )
}

fn without_a_clock(server: &str, more: &str) -> String {
    configuration(server, more).replace("clock = \"trusted\"", "clock_file = \"nobody-touches-it\"")
}

pub fn is_playing(status: &Value) -> bool {
    status["state"] == "playing" && status["position_ms"].as_u64() > Some(0)
}

pub fn entry(status: &Value) -> u64 {
    status["current"]["entry"].as_u64().unwrap_or(0)
}

/// Waits until the music has moved on by some seconds: in the song, or to another.
pub fn music_goes_on(device: &Device) {
    let before = device.wait_for(SOON, is_playing).unwrap();
    let place = |status: &Value| (entry(status), status["position_ms"].as_u64().unwrap_or(0));
    let (song, at) = place(&before);
    device
        .wait_for(SOON, |now| is_playing(now) && (entry(now) != song || place(now).1 > at + 1_500))
        .unwrap();
}

/// The same, to this server.
pub fn connected_to(device: &Device, url: &str) -> String {
    let is_there = |status: &Value| status["server"]["link"] == "connected" && status["server"]["url"] == url;
    let status = device.wait_for(PATIENCE, is_there).unwrap();
    status["server"]["device"].as_str().unwrap().to_owned()
}

/// Waits until the device is connected; gives what the server calls it.
pub fn connected(device: &Device) -> String {
    let status = device.wait_for(PATIENCE, |status| status["server"]["link"] == "connected").unwrap();
    status["server"]["device"].as_str().unwrap().to_owned()
}

//! The watchdog chain up to systemd, which a small supervisor plays: each thread dies or hangs on demand (feature `faults`), and the music is back.
//!
//! The limits are shortened by the environment, so that a hang is noticed in seconds; in a release they are those of `service/watch.rs`.

#![cfg(test)]

mod chain;
mod each;
mod kill;
mod patience;
#[path = "../place/mod.rs"]
#[expect(dead_code, reason = "not all of it is needed here")]
mod place;

use std::io;
use std::time::{Duration, Instant};

use orchestrion_rig::device::{Device, Setup};
use orchestrion_rig::supervisor::{Event, Make, Supervisor, Unit};
use place::Place;

/// The promise: from the end of a process to music.
const BACK_MAX: Duration = Duration::from_secs(3);
/// How long anybody may stand still here.
const STILL_MS_MAX: u64 = 3_000;
/// systemd's patience here: as in the unit, shorter than what it guards.
const WATCHDOG: Duration = Duration::from_secs(4);
/// As in the unit.
const RESTART: Duration = Duration::from_millis(500);
/// How long something may take that only a failure waits for.
const WAIT_MAX: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A place whose device is supervised.
struct House {
    // Dropped first: it kills the device.
    supervisor: Supervisor,
    place: Place,
}

impl House {
    /// Three songs, and a device that plays them to nobody. Its first start has these variables more.
    fn new(config: &str, first: &[(&str, String)]) -> Self {
        Self::at(Place::new(), config, first)
    }

    fn at(place: Place, config: &str, first: &[(&str, String)]) -> Self {
        for name in ["1.wav", "2.wav", "3.wav"] {
            place.song(&format!("music/{name}"), 60.0);
        }
        let path = place.path().join("orchestrion.toml");
        std::fs::write(&path, config).unwrap();
        let supervisor = supervise(&place, first);
        Self { supervisor, place }
    }

    /// Waits until the music moves; gives when it was seen to, from `since`.
    fn wait_for_music(&self, since: Instant) -> Duration {
        wait_for_music(&self.place.setup, since)
    }

    fn wait_for_log(&self, words: &str) -> Instant {
        let deadline = Instant::now() + WAIT_MAX;
        while !self.place.setup.log().contains(words) {
            assert!(Instant::now() < deadline, "no {words:?} in {}", self.place.setup.log());
            std::thread::sleep(LOOK_EVERY);
        }
        Instant::now()
    }

    fn wait_for(&self, wanted: impl Fn(&Event) -> bool) -> (Instant, Event) {
        self.supervisor
            .wait_for(WAIT_MAX, wanted)
            .unwrap_or_else(|error| panic!("{error}; {}", self.place.setup.log()))
    }
}

/// Supervises `orchestrion run` in a place.
fn supervise(place: &Place, first: &[(&str, String)]) -> Supervisor {
    let unit =
        Unit { socket: place.path().join("notify"), watchdog: WATCHDOG, restart: RESTART, prevented_by: 2 };
    let config = place.path().join("orchestrion.toml").display().to_string();
    let moved = place.path().join("moved").display().to_string();
    let setup = place.setup.clone();
    let first: Vec<(String, String)> = first.iter().map(|(k, v)| ((*k).into(), v.clone())).collect();
    // As strict as the unit's UMask.
    let _ = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o027));
    let make: Make = Box::new(move |start| {
        let mut command = setup.command(&["run", "--config", &config, "--moved", &moved, "--log", "info"])?;
        command.env("ORCHESTRION_STILL_MS_MAX", STILL_MS_MAX.to_string()).env("RUST_BACKTRACE", "0");
        if start == 0 {
            command.envs(first.iter().map(|(k, v)| (k, v)));
        }
        Ok(command)
    });
    Supervisor::start(unit, make).unwrap()
}

/// Waits until a device plays and its place moves; gives how long after `since` it was first seen where it had moved to.
fn wait_for_music(setup: &Setup, since: Instant) -> Duration {
    let deadline = Instant::now() + WAIT_MAX;
    let mut before: Option<(u64, u64)> = None;
    loop {
        if let Ok(here) = heard(setup) {
            if before.is_some_and(|before| before != here) {
                return since.elapsed();
            }
            before = Some(here);
        }
        assert!(Instant::now() < deadline, "no music: {}", setup.log());
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Which run of the device plays, and at which place.
fn heard(setup: &Setup) -> io::Result<(u64, u64)> {
    let status = Device::ask_at(&setup.socket(), "status", serde_json::json!({}))?;
    let (run, place) = (status["run"].as_u64(), status["position_ms"].as_u64());
    match (status["state"] == "playing", run, place) {
        (true, Some(run), Some(place)) => Ok((run, place)),
        _ => Err(io::Error::other("it does not play")),
    }
}

const PLAYING: &str = "outputs = [\"null\"]\nmusic = [\"music\"]\n";

//! A screen, the process that shows on it, and somebody who watches.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use orchestrion::media::screen::message::{Command, Event, Item, SNAPSHOT_LEN_MAX, Setup, Sink};
use orchestrion::media::screen::{Fall, Player, Said};
use orchestrion_rig::films::is_like;
use orchestrion_rig::x_server::{Pixel, XServer};

/// How long anything may take on a loaded machine: who waits for it to be over waits in vain.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The screen.
pub const WIDTH: u32 = 640;
pub const HEIGHT: u32 = 360;
/// How often the screen is looked at.
const LOOK_EVERY: Duration = Duration::from_micros(500);

/// See the head of this file.
pub struct Stage {
    pub screen: XServer,
    pub player: Player,
    folder: tempfile::TempDir,
    /// All that was said, in order.
    pub said: Vec<Event>,
}

/// What was seen at a place, from when.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub at: Instant,
    pub pixel: Pixel,
}

/// Whether there is a screen to be had here.
pub fn can_show() -> bool {
    let can = XServer::available();
    if !can {
        eprintln!("SKIPPED: Xvfb is not installed; script/setup installs it");
    }
    can
}

pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_orchestrion-media"))
}

impl Stage {
    /// A screen of its own, with nothing on it but the background.
    pub fn new(setup: Setup) -> Self {
        let screen = XServer::start(WIDTH, HEIGHT).unwrap();
        let setup = Setup { sink: Sink::X11, display: Some(screen.display().into()), ..setup };
        let player = Player::start(program(), &setup).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut stage = Self { screen, player, folder, said: Vec::new() };
        stage.hear(|event| matches!(event, Event::Opened { sink: Sink::X11, .. }));
        stage
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Has these shown, pictures for so long; their numbers count from 0.
    pub fn show(&mut self, names: &[&str], hold_ms: u64) {
        let item = |(id, name): (usize, &&str)| Item::new(id as u32, &self.path(name), 0, hold_ms);
        let items = names.iter().enumerate().map(item).collect();
        self.player.send(&Command::Show { items }).unwrap();
    }

    /// Waits for something to be said.
    pub fn hear(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.player.receive(until) {
                Ok(Some(Said::Event(event))) => {
                    self.said.push(event.clone());
                    if wanted(&event) {
                        return event;
                    }
                }
                Ok(Some(Said::Snapshot { .. } | Said::Sound { .. })) => {}
                Ok(None) => panic!("waited in vain; it said {:?}", self.said),
                Err(fall) => panic!("{fall}; it said {:?}", self.said),
            }
        }
    }

    /// Watches a place until so much was said; gives each change of its colour, the first being what was there.
    pub fn watch(&mut self, (x, y): (u32, u32), is_over: impl Fn(&[Event]) -> bool) -> Vec<Seen> {
        let until = Instant::now() + PATIENCE;
        let mut seen: Vec<Seen> = Vec::new();
        let before = self.said.len();
        while !is_over(&self.said[before..]) {
            assert!(Instant::now() < until, "it is never over; it said {:?}", &self.said[before..]);
            let pixel = self.screen.pixel(x, y).unwrap();
            if seen.last().is_none_or(|last| last.pixel != pixel) {
                seen.push(Seen { at: Instant::now(), pixel });
            }
            match self.player.receive(Instant::now()) {
                Ok(Some(Said::Event(event))) => self.said.push(event),
                Ok(_) => std::thread::sleep(LOOK_EVERY),
                Err(fall) => panic!("{fall}"),
            }
        }
        seen
    }

    /// Waits until a place has a colour.
    pub fn see(&self, (x, y): (u32, u32), colour: Pixel) {
        let until = Instant::now() + PATIENCE;
        loop {
            let pixel = self.screen.pixel(x, y).unwrap();
            if is_like(pixel, colour) {
                return;
            }
            assert!(Instant::now() < until, "{pixel:?} at {x},{y} and never {colour:?}");
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// How light each pixel of a part of the screen is, line by line.
    pub fn light(&self, (left, top): (u32, u32), (width, height): (u32, u32)) -> Vec<u8> {
        let places = (top..top + height).flat_map(|y| (left..left + width).map(move |x| (x, y)));
        let light = |(x, y)| self.screen.pixel(x, y).unwrap().into_iter().max().unwrap();
        places.map(light).collect()
    }

    /// Leaves a screenshot where `ORCHESTRION_SCREENSHOTS` says, for a person to look at.
    pub fn keep(&self, name: &str) {
        if let Some(folder) = std::env::var_os("ORCHESTRION_SCREENSHOTS") {
            self.screen.screenshot(&PathBuf::from(folder).join(name)).unwrap();
        }
    }

    /// The JPEG of what is on the screen.
    pub fn snapshot(&mut self, serial: u32, width_max: u32) -> Vec<u8> {
        self.snapshot_within(serial, width_max, SNAPSHOT_LEN_MAX)
    }

    /// The same in so many bytes at most.
    pub fn snapshot_within(&mut self, serial: u32, width_max: u32, len_max: usize) -> Vec<u8> {
        self.player.send(&Command::Snapshot { serial, width_max, len_max }).unwrap();
        let until = Instant::now() + PATIENCE;
        loop {
            match self.player.receive(until).unwrap() {
                Some(Said::Snapshot { serial: ours, jpeg }) if ours == serial => return jpeg,
                Some(Said::Event(Event::NoSnapshot { reason, .. })) => panic!("{reason}"),
                Some(_) => {}
                None => panic!("no snapshot"),
            }
        }
    }

    /// Waits until the process ends; says how.
    pub fn fall(&mut self) -> Fall {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.player.receive(until) {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it lives"),
                Err(fall) => return fall,
            }
        }
    }

    /// CPU time of the process, in milliseconds.
    pub fn cpu_ms(&self) -> u64 {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", self.player.process_id().unwrap())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        // utime and stime, in hundredths of a second on every Linux that there is.
        (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10
    }
}

/// How often something was shown.
pub fn shown(said: &[Event]) -> usize {
    said.iter().filter(|event| matches!(event, Event::Shown { .. })).count()
}

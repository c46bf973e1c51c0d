//! A device that lives through weeks: its services die, it is killed, its power goes, its clock is set.

use std::path::Path;

use orchestrion::app::Start;
use orchestrion::clock;
use orchestrion::program::Program;
use orchestrion_program::model::Resolved;

use super::laws::Lived;
use super::venue::{BEGIN_MS, DAY_MS, HOUR_MS, SONGS, SPOT_MS, SPOTS, closes_in_ms, document, noons};
use crate::disk::Disk;
use crate::*;

const MINUTE_MS: i64 = 60_000;
const YEAR_MS: i64 = 365 * DAY_MS;
/// How long a device may take for what was done to it, in ms.
const SETTLES_MS: i64 = 200;
/// No song begins with less than this left until it closes, in ms; and the songs that fit have their fades.
const LAST_MS: i64 = 36_000;
/// How long something may be silent, in ms.
const SILENCE_MS: u64 = 2000;
/// Clock times that were jumped over are told if it was by no more than this.
const JUMP_TOLD_MS: i64 = 2 * DAY_MS;

/// What is done to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Faults {
    /// Only services die.
    Services,
    /// All of it.
    All,
}

/// See the head of this file.
pub struct Life {
    sim: Sim,
    pub lived: Lived,
    document: Resolved,
    clockless: bool,
    songs: Vec<SongKind>,
    seed: u64,
    chance: ChaCha8Rng,
    faults: Faults,
    next_fault_ms: i64,
    /// Until then nobody wonders at what it does.
    settles_ms: i64,
    open_since_ms: Option<i64>,
    /// When the clock is set right again.
    right_ms: Option<i64>,
    /// When the program is read after a start.
    read_ms: Option<i64>,
    /// It is killed when a spot is next heard, this long after that began.
    armed_ms: Option<u64>,
}

impl Life {
    pub fn new(seed: u64, faults: Faults) -> Self {
        let mut chance = ChaCha8Rng::seed_from_u64(seed ^ 0x79ea);
        let lengths: Vec<u64> = (0..SONGS).map(|_| chance.random_range(120_000..300_000)).collect();
        let mut songs: Vec<SongKind> = lengths
            .iter()
            .map(|ms| match chance.random_range(0..100) {
                0 => SongKind::Bad,
                1 => SongKind::Truncated { promised_ms: *ms, ms: chance.random_range(1000..*ms) },
                _ => good(*ms),
            })
            .collect();
        songs.extend(SPOTS.map(|_| good(SPOT_MS)));
        let clockless = faults == Faults::All && seed % 2 == 1;
        let mut sim = Sim::new(seed, &songs, start_of(seed));
        sim.disk = Some(Disk::new());
        sim.true_ms = BEGIN_MS;
        sim.now.wall = Some(Wall(BEGIN_MS));
        let mut life = Self {
            sim,
            lived: Lived::default(),
            document: document(&lengths, clockless),
            clockless,
            songs,
            seed,
            chance,
            faults,
            next_fault_ms: BEGIN_MS + HOUR_MS,
            settles_ms: BEGIN_MS,
            open_since_ms: None,
            right_ms: None,
            read_ms: None,
            armed_ms: None,
        };
        life.read();
        life
    }

    pub fn disk(&mut self) -> &Disk {
        let disk = self.sim.disk.as_mut().unwrap();
        disk.settle();
        disk
    }

    pub fn live(&mut self, days: i64) {
        self.lived.days = days;
        while self.sim.true_ms < BEGIN_MS + days * DAY_MS {
            self.leap();
            if self.sim.true_ms >= self.next_fault_ms {
                self.upset();
            }
            if self.right_ms.is_some_and(|at| at <= self.sim.true_ms) {
                self.right_ms = None;
                self.set_clock(Some(self.sim.true_ms));
            }
            if self.read_ms.is_some_and(|at| at <= self.sim.true_ms) {
                self.read();
            }
        }
        // What was begun comes to its end.
        self.next_fault_ms = i64::MAX;
        if self.right_ms.take().is_some() {
            self.set_clock(Some(self.sim.true_ms));
        }
        if self.read_ms.is_some() {
            self.read();
        }
        self.run_on(3000);
    }

    fn read(&mut self) {
        self.read_ms = None;
        let program = Program::assemble(self.document.clone(), Path::new("/music"), |_| true).unwrap();
        self.sim.hear(Event::Program(Ok(Box::new(program))));
        self.settle();
    }

    fn settle(&mut self) {
        self.settles_ms = self.settles_ms.max(self.sim.true_ms + SETTLES_MS);
        self.open_since_ms = None;
    }

    fn wall_ms(&self) -> Option<i64> {
        self.sim.now.wall.map(|wall| wall.0)
    }

    /// When it closes, if it is open as far as the device can know.
    fn closes_in_ms(&self, wall_ms: Option<i64>) -> Option<i64> {
        match wall_ms {
            Some(wall_ms) => closes_in_ms(wall_ms),
            None => self.clockless.then_some(i64::MAX),
        }
    }

    /// To the next thing that happens to the device.
    fn leap(&mut self) {
        let done = [Some(self.next_fault_ms), self.right_ms, self.read_ms].into_iter().flatten().min();
        self.leap_until(done.unwrap_or(i64::MAX));
        self.sim.world.check();
        self.kill_if_armed();
    }

    /// To the next thing that happens, in the world or by `App`'s own wish, and no further than to a moment.
    fn leap_until(&mut self, end_ms: i64) {
        let now = self.sim.now.monotonic;
        let deadline_ms = self.sim.app.deadline(self.sim.now).map_or(u64::MAX, |at| at.since_ms(now));
        let left_ms = u64::try_from(end_ms - self.sim.true_ms).unwrap_or(0);
        let step_ms = self.sim.world.next_ms(now).min(deadline_ms).min(left_ms).max(1);
        let before = (self.sim.true_ms, self.wall_ms());
        self.sim.step_by(step_ms);
        self.judge(before);
    }

    /// Whether what was heard since is what should be.
    fn judge(&mut self, (before_ms, before_wall_ms): (i64, Option<i64>)) {
        let since_ms = self.sim.true_ms - before_ms;
        let closes = self.closes_in_ms(before_wall_ms);
        self.open_since_ms = closes.map(|_| self.open_since_ms.unwrap_or(before_ms));
        let is_heard = self.sim.world.is_music() || self.sim.world.voice.sounds(false);
        self.lived.heard_ms += if is_heard { since_ms } else { 0 };
        let is_settled = before_ms > self.settles_ms;
        if is_heard && is_settled {
            let was_open = closes.is_some() || self.closes_in_ms(before_wall_ms.map(|ms| ms - 20)).is_some();
            assert!(was_open, "it sounds while closed, at {before_ms} ({before_wall_ms:?})");
        }
        if let (Some(left), Some(since)) = (closes, self.open_since_ms)
            && left > LAST_MS
            && before_ms - since > 2000
            && before_ms - self.settles_ms > 3000
            && self.read_ms.is_none()
        {
            let silence_ms = self.sim.world.silence_ms();
            assert!(
                silence_ms <= SILENCE_MS,
                "{silence_ms} ms of silence at {before_ms} ({before_wall_ms:?})"
            );
        }
        let (Some(from), Some(to)) = (before_wall_ms, self.wall_ms()) else {
            self.lived.open_ms += if closes.is_some() { since_ms } else { 0 };
            return;
        };
        self.lived.open_ms += if closes.is_some() { since_ms } else { 0 };
        if self.read_ms.is_none() {
            for date in noons(from, to) {
                self.lived.noons.insert(date);
                if closes.is_some() && is_settled {
                    self.lived.heard_noons.insert(date);
                }
            }
        }
    }

    fn upset(&mut self) {
        self.next_fault_ms = self.sim.true_ms + self.chance.random_range(HOUR_MS..40 * HOUR_MS);
        let kinds = if self.faults == Faults::All { 10 } else { 2 };
        let has_clock_fault = self.right_ms.is_some();
        match self.chance.random_range(0..kinds) {
            0 => {
                self.sim.world.forget();
                self.sim.hear(Event::Service(service::Event::Restarted { service: Name::Audio }));
                self.settle();
            }
            1 => self.sim.hear(Event::Service(service::Event::Restarted { service: Name::Storage })),
            2 | 3 => self.kill(false),
            // What a clock that is wrong says of the time without power cannot be told from the truth.
            4 => self.kill(!has_clock_fault),
            5 => self.armed_ms = Some(self.chance.random_range(0..SPOT_MS)),
            // For how long it was off is told when the program is read: a clock that is wrong by then tells it wrongly.
            _ if has_clock_fault || self.read_ms.is_some() => {}
            6 => {
                let by_ms = self.chance.random_range(-90 * MINUTE_MS..90 * MINUTE_MS);
                self.jump(by_ms);
            }
            7 => {
                let by_ms = self.chance.random_range(-30 * HOUR_MS..30 * HOUR_MS);
                self.jump(by_ms);
            }
            8 => {
                let years = self.chance.random_range(-20..30);
                self.jump(years * YEAR_MS);
            }
            _ => {
                self.right_ms = Some(self.sim.true_ms + self.chance.random_range(MINUTE_MS..3 * HOUR_MS));
                self.set_clock(None);
            }
        }
    }

    /// Somebody sets the clock, and after a while sets it right.
    fn jump(&mut self, by_ms: i64) {
        self.right_ms = Some(self.sim.true_ms + self.chance.random_range(MINUTE_MS..3 * HOUR_MS));
        self.set_clock(Some(self.sim.true_ms + by_ms));
    }

    fn set_clock(&mut self, wall_ms: Option<i64>) {
        let before = self.wall_ms();
        self.sim.trace("set to", &wall_ms);
        self.sim.now.wall = wall_ms.map(Wall);
        self.lived.upsets += 1;
        if let (Some(before), Some(after)) = (before, wall_ms)
            && (0..JUMP_TOLD_MS).contains(&(after - before))
            && self.read_ms.is_none()
        {
            self.lived.noons.extend(noons(before, after));
        }
        if let (Some(before), Some(after)) = (before, wall_ms) {
            self.lived.jumped_noons.extend(noons(before.max(after - JUMP_TOLD_MS), after));
        }
        self.sim.hear(Event::Clock(clock::Event::Changed { uncertainty_ms: 20 }));
        self.settle();
    }

    fn kill_if_armed(&mut self) {
        let Some(in_ms) = self.armed_ms else { return };
        let is_spot = |path: &Path| SPOTS.iter().any(|spot| path == &*path_of(*spot));
        if self.sim.world.voice.sounds(false) || self.sim.world.plays(is_spot) {
            self.armed_ms = None;
            self.run_on(in_ms);
            self.kill(false);
        }
    }

    fn run_on(&mut self, ms: u64) {
        let end_ms = self.sim.true_ms + ms as i64;
        while self.sim.true_ms < end_ms {
            self.leap_until(end_ms);
        }
    }

    /// The process is killed, or the power goes; it starts again.
    fn kill(&mut self, is_power: bool) {
        let in_ms = self.chance.random_range(0..1500);
        self.run_on(in_ms);
        let restored = self.sim.disk.as_mut().unwrap().kill(&mut self.chance, is_power);
        self.lived.upsets += 1;
        let off_ms = match self.chance.random_range(0..4) {
            _ if !is_power => self.chance.random_range(300..3000),
            0 => self.chance.random_range(10_000..60_000),
            1 | 2 => self.chance.random_range(MINUTE_MS..HOUR_MS),
            _ => self.chance.random_range(HOUR_MS..20 * HOUR_MS),
        };
        let (before_ms, before_wall_ms) = (self.sim.true_ms, self.wall_ms());
        let mut now = self.sim.now;
        if is_power {
            // A board without a clock of its own is told the time after a while.
            let knows_time = self.chance.random_bool(0.5);
            now.monotonic = Mono(20_000);
            now.wall = knows_time.then_some(Wall(before_ms + off_ms));
            self.right_ms =
                (!knows_time).then(|| before_ms + off_ms + self.chance.random_range(2000..300_000));
        } else {
            now.monotonic = now.monotonic.plus_ms(off_ms as u64);
            now.wall = now.wall.map(|wall| Wall(wall.0 + off_ms));
        }
        self.sim.trace("killed for", &(off_ms, is_power));
        self.sim.true_ms += off_ms;
        let again = Start { afresh: false, plays: false, ..start_of(self.seed) };
        self.sim.live_again(&self.songs, (now, again, &restored));
        let has_memory = !restored.pieces.is_empty();
        if let (Some(from), Some(to), true) = (before_wall_ms, self.wall_ms(), has_memory) {
            // While it was off it was open as it would have been.
            self.lived.open_ms +=
                (from..to).step_by(60_000).filter(|at| closes_in_ms(*at).is_some()).count() as i64 * 60_000;
            self.lived.noons.extend(noons(from, to));
        }
        self.read_ms = Some(self.sim.true_ms + self.chance.random_range(1..1500));
        self.settle();
    }
}

fn start_of(seed: u64) -> Start {
    Start { program: Some("/music/program.json".into()), seed, ..start(Repeat::All, 0) }
}

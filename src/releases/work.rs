//! What the download thread does: commands first, then whatever is due: a folder that somebody brought, a look at the
//! servers, a piece of reading the store again.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orchestrion_program::Absolute;
use orchestrion_program::civil::{DAY_MS, SECOND_MS};
use orchestrion_program::zone::ZoneMap;
use orchestrion_protocol::release::{Digest, Edition};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::disk::Moving;
use super::service::Inbox;
use super::stick::Stick;
use super::{Command, Event, Fetching, Held, Ready, Told, Wanted};
use crate::download::{Download, Outcome, Pace, Problem, Progress, Room};
use crate::program::Program;
use crate::service::Service;
use crate::store::{Disk, Findings, Generation, Scrubbed, Store};
use crate::time::{Clock, SystemClock, Wall};

/// How often it is told how far a download is.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether somebody brought a folder.
const STICK_EVERY: Duration = Duration::from_secs(5);
/// Pieces of the store that are read again in one go: half a megabyte.
const SCRUB_PIECES: u32 = 8;
/// A round of reading begins a day after the one before at the earliest.
const SCRUB_ROUND: Duration = Duration::from_secs(24 * 3600);
/// While a song is begun nothing is read in the background.
const SCRUB_REST: Duration = Duration::from_secs(5);
/// By up to this part of the time between two looks they come earlier: not all devices at the very same moment.
const JITTER_PART: u64 = 5;

/// See the head of this file.
pub(super) struct Work<'a> {
    inbox: RefCell<Inbox<'a>>,
    open: Option<Open>,
    teller: Teller<'a>,
    chance: ChaCha8Rng,
}

/// A store, and who fills it.
struct Open {
    wanted: Box<Wanted>,
    store: Store,
    download: Option<Download>,
    stick: Option<Stick>,
    /// What can be switched to.
    ready: Option<Generation>,
    /// The place's clock, by what is held.
    zone: Option<ZoneMap>,
    look_at: Instant,
    stick_at: Instant,
    scrub_at: Instant,
    round_began: Instant,
}

/// Tells `App` how things stand, when that has changed.
struct Teller<'a> {
    manager: &'a super::DownloadManager,
    told: Told,
    last: Told,
    at: Option<Instant>,
}

impl<'a> Work<'a> {
    pub(super) fn new(inbox: Inbox<'a>) -> Self {
        let manager = inbox.manager;
        let teller = Teller { manager, told: Told::default(), last: Told::default(), at: None };
        // Only that devices differ matters; nothing that is played hangs on it.
        let now = SystemClock.now();
        let seed = now.monotonic.0
            ^ now.wall.map_or(0, |wall| wall.0.unsigned_abs())
            ^ u64::from(std::process::id());
        Self { inbox: RefCell::new(inbox), open: None, teller, chance: ChaCha8Rng::seed_from_u64(seed) }
    }

    pub(super) fn run(&mut self) {
        let manager = self.teller.manager;
        if let Some(wanted) = manager.wanted() {
            // The thread has died before: it begins with what it was told then.
            self.configure(Some(wanted));
        }
        while !manager.is_stopping() {
            self.inbox.borrow_mut().look();
            let commands = std::mem::take(&mut self.inbox.borrow_mut().waiting);
            for command in commands {
                self.carry_out(command);
            }
            self.do_what_is_due();
            self.teller.tell();
            let wait = self.open.as_ref().map_or(Duration::MAX, Open::wait);
            self.inbox.borrow_mut().wait(wait);
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Configure(wanted) => {
                let manager = self.teller.manager;
                if self.open.is_some() && manager.wanted() == wanted {
                    return;
                }
                manager.set_wanted(wanted.clone());
                self.configure(wanted);
            }
            Command::Look => {
                if let Some(open) = &mut self.open {
                    (open.look_at, open.stick_at) = (Instant::now(), Instant::now());
                    open.stick.iter_mut().for_each(Stick::forget);
                }
            }
            Command::Switch(edition) => self.switch(edition),
            // These do not come this way.
            Command::Used(_) => {}
        }
    }

    /// Opens the store, and says what is held.
    fn configure(&mut self, wanted: Option<Box<Wanted>>) {
        let manager = self.teller.manager;
        self.open = None;
        manager.set_client(None);
        self.teller.told = Told::default();
        let Some(wanted) = wanted else {
            self.teller.tell();
            return manager.tell(Event::Opened(None));
        };
        let settings = wanted.store(manager.state_dir());
        let disk = Moving(manager.moves().clone());
        if disk.create_dir(&settings.root).is_ok() {
            let _ = disk.sync_dir(manager.state_dir());
        }
        let (store, findings) = match Store::open(Arc::new(disk), settings) {
            Ok(opened) => opened,
            Err(error) => {
                log::error!("releases cannot be used: {error}");
                self.teller.told.store = Some(error.to_string());
                self.teller.tell();
                return manager.tell(Event::Opened(None));
            }
        };
        self.teller.found(&findings);
        let download = self.downloader(&wanted);
        let stick = wanted.stick().map(|folder| Stick::at(folder.to_owned()));
        let now = Instant::now();
        let mut open = Open {
            wanted,
            store,
            download,
            stick,
            ready: None,
            zone: None,
            look_at: now,
            stick_at: now,
            scrub_at: now + SCRUB_REST,
            round_began: now,
        };
        open.store.begin_scrub_at(self.chance.next_u64());
        let held = open.held(&mut self.teller.told);
        self.open = Some(open);
        manager.tell(Event::Opened(held.map(Box::new)));
        self.teller.tell();
    }

    fn downloader(&mut self, wanted: &Wanted) -> Option<Download> {
        match Download::new(wanted.download()?, self.chance.next_u64()) {
            Ok(download) => {
                self.teller.manager.set_client(Some(download.client().clone()));
                Some(download)
            }
            Err(problem) => {
                log::error!("nothing can be downloaded: {problem}");
                self.teller.told.problem = Some(problem.to_string());
                None
            }
        }
    }

    fn switch(&mut self, edition: Edition) {
        let manager = self.teller.manager;
        let Some(open) = &mut self.open else { return };
        let Some(to) = open.ready.take_if(|ready| ready.held.edition == edition) else {
            return manager.tell(Event::NotSwitched(edition, format!("{edition} is not ready any more")));
        };
        let begin = Instant::now();
        if let Err(error) = open.store.switch(&to) {
            open.ready = Some(to);
            log::error!("{edition} cannot be changed over to: {error}; what was held plays on");
            self.teller.told.store = Some(error.to_string());
            return manager.tell(Event::NotSwitched(edition, error.to_string()));
        }
        log::info!("{edition} is held; changing over took {} ms", begin.elapsed().as_millis());
        open.store.tidy();
        open.download.iter_mut().for_each(|download| download.set_ready(None));
        let told = &mut self.teller.told;
        (told.damaged, told.store, told.fetching) = (0, None, None);
        manager.tell(Event::Switched(edition));
    }

    fn do_what_is_due(&mut self) {
        let now = Instant::now();
        let Some(open) = &self.open else { return };
        if open.stick.is_some() && open.stick_at <= now {
            self.look_at_stick();
        }
        if self.open.as_ref().is_some_and(|open| open.download.is_some() && open.look_at <= now) {
            self.look_at_servers();
        }
        self.scrub(now);
    }

    fn look_at_servers(&mut self) {
        let Some(open) = &mut self.open else { return };
        let Some(download) = &mut open.download else { return };
        let mut pace = Time { inbox: &self.inbox, begin: Instant::now(), zone: open.zone.clone() };
        let mut told = Talk { inbox: &self.inbox, teller: &mut self.teller };
        let mut progress = Progress::default();
        let outcome = download.update(&mut open.store, &mut pace, &mut told, &mut progress);
        let now = Instant::now();
        let every_ms = open.wanted.every_ms();
        let next = Duration::from_millis(every_ms - self.chance.next_u64() % (every_ms / JITTER_PART + 1));
        self.teller.told.waits = None;
        self.teller.told.offered = progress.edition.or(self.teller.told.offered);
        if !matches!(outcome, Err(Problem::Stopped)) {
            self.teller.told.is_cut_off = outcome.as_ref().is_err_and(Problem::is_cut_off);
        }
        match outcome {
            Ok(outcome) => {
                download.succeeded();
                open.look_at = now + next;
                self.teller.told.from = download.address().map(ToString::to_string);
                self.teller.answered();
                match outcome {
                    Outcome::Current => {
                        let held = open.ready.as_ref().or(open.store.current());
                        self.teller.told.offered = held.map(|held| held.held.edition);
                    }
                    Outcome::Ready(generation) => {
                        self.teller.told.store = None;
                        self.have(generation);
                    }
                }
            }
            // Somebody wants something: it goes on after that.
            Err(Problem::Stopped) => {}
            Err(closed @ Problem::Closed(_)) => {
                let wait = download.wait_after(&closed, true).unwrap_or(next);
                // Not longer than until a newer one may be offered: what is in order plays at once then.
                open.look_at = now + wait.min(next);
                self.teller.answered();
                self.teller.told.waits = Some(closed.to_string());
            }
            Err(problem) => {
                let wait = download.wait_after(&problem, progress.bytes_done > 0).unwrap_or(next);
                open.look_at = now + wait;
                self.teller.failed(problem.to_string(), wait);
            }
        }
        let again = self.open.as_ref().map(|open| open.look_at.saturating_duration_since(now));
        self.teller.told.again = again.map(in_a_while);
    }

    fn look_at_stick(&mut self) {
        let Some(open) = &mut self.open else { return };
        let Some(stick) = &mut open.stick else { return };
        open.stick_at = Instant::now() + STICK_EVERY;
        let mut talk = Talk { inbox: &self.inbox, teller: &mut self.teller };
        let ready = open.ready.as_ref().map(|ready| ready.held);
        let from = stick.shown();
        match stick.look(&mut open.store, open.wanted.place(), ready, &mut talk) {
            Ok(None) => {}
            Ok(Some(generation)) => {
                self.teller.told.from = Some(from);
                self.teller.told.offered = Some(generation.held.edition);
                self.teller.answered();
                self.have(generation);
            }
            Err(problem) => self.teller.failed(format!("{from}: {problem}"), STICK_EVERY),
        }
    }

    /// A release is there, whole: a newer one, or the held one again.
    fn have(&mut self, generation: Generation) {
        let manager = self.teller.manager;
        let Some(open) = &mut self.open else { return };
        let program = match open.program(&generation) {
            Ok(program) => program,
            Err(words) => return self.teller.failed(words, STICK_EVERY),
        };
        self.teller.told.fetching = None;
        if open.store.held() == Some(generation.held) {
            log::info!("{} is whole again", generation.held.edition);
            self.teller.told.damaged = 0;
            return manager.tell(Event::Mended(Box::new(program)));
        }
        let edition = generation.held.edition;
        log::info!("{edition} is there, whole");
        let starts = generation.manifest.starts_utc_ms.map(|at| Wall(at.0));
        open.download.iter_mut().for_each(|download| download.set_ready(Some(generation.held.manifest)));
        open.ready = Some(generation);
        manager.tell(Event::Ready(Box::new(Ready { edition, starts, program })));
    }

    /// Reads on in the store, if it is time for it and no song is being begun.
    fn scrub(&mut self, now: Instant) {
        let Some(open) = &mut self.open else { return };
        if open.scrub_at > now {
            return;
        }
        let begun = self.inbox.borrow().used_told.map(|told| told + SCRUB_REST);
        if let Some(rest) = begun.filter(|rest| *rest > now) {
            open.scrub_at = rest;
            return;
        }
        let Some(every) = open.wanted.check_every(SCRUB_PIECES) else {
            open.scrub_at = now + SCRUB_ROUND;
            return;
        };
        open.scrub_at = now + every;
        for _ in 0..SCRUB_PIECES {
            match open.store.scrub() {
                Scrubbed::Read(_) | Scrubbed::Whole(_) => {}
                Scrubbed::Damaged(name) => return self.found_damaged(name),
                Scrubbed::Complete => {
                    open.scrub_at = (open.round_began + SCRUB_ROUND).max(now + every);
                    open.round_began = open.scrub_at;
                    open.store.begin_scrub_at(self.chance.next_u64());
                    return;
                }
            }
        }
    }

    /// The card has forgotten a file: it is played no more, and fetched again.
    fn found_damaged(&mut self, name: Digest) {
        let Some(open) = &mut self.open else { return };
        log::error!("the file {name} is damaged on the disk; it is fetched again, and not played until then");
        open.look_at = Instant::now();
        open.stick.iter_mut().for_each(Stick::forget);
        let Some(current) = open.store.current().cloned() else { return };
        self.teller.told.damaged = open.store.missing(&current.manifest).len();
        match open.program(&current) {
            Ok(program) => self.teller.manager.tell(Event::Mended(Box::new(program))),
            Err(words) => log::error!("{words}"),
        }
    }
}

impl Open {
    /// How long until something is due.
    fn wait(&self) -> Duration {
        let look = self.download.as_ref().map(|_| self.look_at);
        let stick = self.stick.as_ref().map(|_| self.stick_at);
        let scrub =
            (self.store.held().is_some() && self.wanted.check_every(1).is_some()).then_some(self.scrub_at);
        let due = [look, stick, scrub].into_iter().flatten().min();
        due.map_or(Duration::MAX, |due| due.saturating_duration_since(Instant::now()))
    }

    /// What is held, for playing.
    fn held(&mut self, told: &mut Told) -> Option<Held> {
        let current = self.store.current()?.clone();
        let edition = current.held.edition;
        if !current.is_factory {
            told.damaged = self.store.missing(&current.manifest).len();
        }
        match self.program(&current) {
            Ok(program) => {
                let since = if current.is_factory { None } else { self.store.held_since() };
                Some(Held { edition, is_factory: current.is_factory, since, program })
            }
            Err(words) => {
                log::error!("{words}");
                told.store = Some(words);
                None
            }
        }
    }

    fn program(&mut self, generation: &Generation) -> Result<Program, String> {
        let program = Program::of_release(&generation.manifest, |name| self.store.blob_of(generation, name));
        let program =
            program.map_err(|report| format!("{} cannot be played: {report}", generation.held.edition))?;
        self.zone = Some(program.rules.zone().clone());
        Ok(program)
    }
}

impl Teller<'_> {
    fn tell(&mut self) {
        if self.told != self.last {
            self.last = self.told.clone();
            self.at = Some(Instant::now());
            self.manager.tell(Event::Told(Box::new(self.told.clone())));
        }
    }

    fn found(&mut self, findings: &Findings) {
        if *findings == Findings::default() {
            return;
        }
        log::error!("the store of releases: {findings}");
        self.told.store = Some(findings.to_string());
    }

    /// Somebody answered, and all went well.
    fn answered(&mut self) {
        if self.told.problem.take().is_some() {
            log::info!("releases are to be had again");
        }
        self.told.fetching = None;
        self.told.answered = Some(SystemClock.now().monotonic);
    }

    fn failed(&mut self, problem: String, wait: Duration) {
        if self.told.problem.as_ref() != Some(&problem) {
            log::warn!("{problem}; trying again in {:.0} s", wait.as_secs_f64().ceil());
        }
        self.told.problem = Some(problem);
        if let Some(fetching) = &mut self.told.fetching {
            (fetching.rate, fetching.left_ms) = (0, None);
        }
    }
}

/// So long from now on, as the device counts.
fn in_a_while(wait: Duration) -> crate::time::Mono {
    SystemClock.now().monotonic.plus_ms(wait.as_millis() as u64)
}

/// Time for a download, which anything that comes in breaks off.
struct Time<'w, 'a> {
    inbox: &'w RefCell<Inbox<'a>>,
    begin: Instant,
    zone: Option<ZoneMap>,
}

impl Pace for Time<'_, '_> {
    fn now_ms(&self) -> u64 {
        self.begin.elapsed().as_millis() as u64
    }

    fn local_ms(&self) -> Option<i64> {
        let wall = SystemClock.now().wall?;
        let offset_s = self.zone.as_ref().map_or(0, |zone| zone.offset_s(Absolute(wall.0)));
        Some((wall.0 + i64::from(offset_s) * SECOND_MS).rem_euclid(DAY_MS))
    }

    fn wait(&mut self, how_long: Duration) -> bool {
        self.inbox.borrow_mut().wait(how_long)
    }

    fn is_stopped(&self) -> bool {
        self.inbox.borrow_mut().look()
    }
}

/// What a download tells, and asks.
pub(super) struct Talk<'w, 'a> {
    inbox: &'w RefCell<Inbox<'a>>,
    teller: &'w mut Teller<'a>,
}

impl Talk<'_, '_> {
    /// Whether it is to be broken off.
    pub(super) fn is_stopped(&self) -> bool {
        self.inbox.borrow_mut().look()
    }
}

impl Room for Talk<'_, '_> {
    fn told(&mut self, progress: &Progress) {
        let told = &mut self.teller.told;
        told.offered = progress.edition.or(told.offered);
        told.fetching = Some(Fetching {
            percent: progress.percent(),
            files_done: progress.files_done,
            files: progress.files,
            bytes_done: progress.bytes_done,
            bytes: progress.bytes,
            rate: progress.rate,
            left_ms: progress.left_ms(),
        });
        if progress.rate > 0 {
            (told.problem, told.is_cut_off) = (None, false);
        }
        if self.teller.at.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
            self.teller.tell();
        }
    }

    fn used(&mut self) -> std::collections::HashSet<Digest> {
        let mut inbox = self.inbox.borrow_mut();
        inbox.look();
        inbox.used.clone()
    }
}

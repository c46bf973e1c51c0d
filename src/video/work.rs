//! What the thread does: keeps a child that shows, tells it what, hears what it says.

mod seen;
mod showing;

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use orchestrion_protocol::status::Screen;

use super::cec::Cec;
use super::lettering::Lettering;
use super::list::Found;
use super::looking::{Looking, Seen};
use super::plugged::Plugged;
use super::power::{Connector, Way};
use super::service::VideoPlayer;
use super::snapshots::Snapshots;
use super::sound::Sound;
use super::{Command, Event, SNAPSHOT_LEN_MAX, SNAPSHOT_WIDTH, Shows, Wanted};
use crate::media;
use crate::media::screen::message::{self, Health, ITEMS_MAX, Item, NEW_SCREEN, SHOWN_AGE_MS_MAX};
use crate::media::screen::{Fall, Player, Said};
use crate::time::{Clock, Mono, SystemClock};

/// Numbers of loops, before they begin again; each has room for the numbers of its items.
const GENERATIONS: u32 = 4000;
/// How often folders are looked through for films that came or went.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How long a program that cannot be started is left alone, in milliseconds.
const NOT_STARTED_MS: u64 = 60_000;
/// How often figures are told when nothing else changes.
const FIGURES_EVERY: Duration = Duration::from_secs(10);
/// So long after the start the TV is not told to switch on or off, in milliseconds: until then it is not known what the hours are.
const TV_BEGIN_MS: u64 = 5_000;
/// Bad files that are told, at most, the latest last.
const BAD_MAX: usize = 5;
/// A child that says nothing for so long hangs: it tells its health each second, but loads its plugins from a slow card first.
const SILENCE_MAX: Duration = Duration::from_secs(15);
/// A film that has stood still for so long does not move again by itself, in milliseconds.
const FROZEN_MS_MAX: u64 = 2 * SHOWN_AGE_MS_MAX;
/// Films whose sound cannot be heard that are remembered, so that each is told once.
const SILENT_MAX: usize = 100;
/// Messages that are heard in one turn, at most.
const HEARD_MAX: usize = 64;

/// See the head of this file.
pub(super) struct Work<'a> {
    service: &'a VideoPlayer,
    wanted: Option<Box<Wanted>>,
    shown: Shows,
    player: Option<Player>,
    /// When the child said something last.
    heard_at: Instant,
    /// When the child is started again.
    again: Mono,
    looking: Looking,
    list: Vec<Found>,
    /// The list is of what is to be shown now, and not of what was before.
    is_listed: bool,
    /// Which of the list the child was told, if it was.
    told_items: Option<Vec<usize>>,
    /// Of what is not left out nothing can be shown: then what is left out is better than nothing.
    takes_all: bool,
    /// What was on the screen last of which loop, so that it goes on with the next after something that was shown at once.
    left_at: Option<(Shows, usize)>,
    /// Counts the loops that were told, so that what is said of one before is not taken for this one's.
    generation: u32,
    look_at: Instant,
    /// The connector and the TV.
    connector: Way<Connector>,
    tv: Way<Cec>,
    plugged: Plugged,
    visible_told: bool,
    /// What it is about to look at, and what it shows.
    preparing: Option<u32>,
    shows: Option<Found>,
    /// `App` knows that something is on the screen.
    told_shows: bool,
    /// It has shown something since it was started.
    had_picture: bool,
    stands: Screen,
    health: Health,
    stands_told: Option<Option<Screen>>,
    told_at: Instant,
    snapshots: Snapshots,
    bad: VecDeque<(u32, String)>,
    /// What stands against what was wanted, when it was looked through last.
    problems: Vec<String>,
    /// Why there is no picture, for a person.
    problem: Option<String>,
    lettering: Lettering,
    sound: Sound,
    /// What was told of films whose sound cannot be heard.
    silent: VecDeque<String>,
}

impl<'a> Work<'a> {
    pub(super) fn new(service: &'a VideoPlayer) -> Self {
        Self {
            service,
            wanted: service.wanted().filter(|wanted| wanted.on),
            shown: service.shows(),
            player: None,
            heard_at: Instant::now(),
            again: Mono(0),
            looking: Looking::new(),
            list: Vec::new(),
            is_listed: false,
            told_items: None,
            takes_all: false,
            left_at: None,
            generation: 0,
            look_at: Instant::now(),
            connector: Way::new(Connector::default(), Mono(0)),
            tv: Way::new(Cec::new(), SystemClock.now().monotonic.plus_ms(TV_BEGIN_MS)),
            plugged: Plugged::new(),
            visible_told: false,
            preparing: None,
            shows: None,
            told_shows: false,
            had_picture: false,
            stands: Screen::default(),
            health: Health::default(),
            stands_told: None,
            told_at: Instant::now(),
            snapshots: Snapshots::default(),
            bad: VecDeque::new(),
            problems: Vec::new(),
            problem: None,
            lettering: Lettering::default(),
            sound: Sound::new(service.audio.clone(), service.sound_lead_ms),
            silent: VecDeque::new(),
        }
    }

    /// One turn of the loop; it waits until there is something to do, a little while at the most.
    pub(super) fn turn(&mut self) {
        self.service.hush();
        while let Ok(command) = self.service.commands.try_recv() {
            match command {
                Command::Wire(wanted) => self.wire(wanted),
                Command::Turn(shows) => {
                    self.service.set_shows(shows.clone());
                    self.shown = shows;
                    self.look_anew();
                }
                Command::Splash(splash) => self.lettering.splash = Some(*splash),
                Command::Overlay(overlay) => self.lettering.overlay = overlay,
                Command::Snapshot { serial, len_max } => self.ask_snapshot(serial, len_max),
            }
        }
        if let Some(wanted) = self.wanted.clone() {
            self.look(&wanted);
            self.start(&wanted);
            self.tell_words();
            let wants_on = self.shown != Shows::Dark;
            if wants_on {
                self.switch(&wanted, true);
            }
            self.tell_list(&wanted);
            if !wants_on {
                self.switch(&wanted, false);
            }
            self.hear();
            self.see_screen();
        } else {
            self.tell_visible(false);
        }
        self.give_up_snapshots();
        self.tell();
        self.wait();
    }

    fn wire(&mut self, wanted: Option<Box<Wanted>>) {
        self.service.set_wanted(wanted.clone());
        let wanted = wanted.filter(|wanted| wanted.on);
        let setup = |wanted: &Option<Box<Wanted>>| {
            wanted.as_ref().map(|wanted| wanted.setup(self.service.sound_lead_ms))
        };
        let is_same = setup(&wanted) == setup(&self.wanted);
        if !is_same {
            self.leave();
            self.again = Mono(0);
        }
        self.wanted = wanted;
        self.look_anew();
    }

    /// What is to be shown is another.
    fn look_anew(&mut self) {
        self.looking.forget();
        (self.look_at, self.is_listed) = (Instant::now(), false);
    }

    /// Ends the child.
    fn leave(&mut self) {
        self.player = None;
        self.tell_bare();
        self.sound.cut(0);
        (self.preparing, self.shows, self.told_items, self.had_picture) = (None, None, None, false);
        self.takes_all = false;
        (self.stands.sink, self.stands.size, self.stands.is_splash) = (None, None, false);
        self.lettering.forget_told();
        self.health = Health::default();
        self.bad.clear();
        self.connector.forget();
        for serial in self.snapshots.take() {
            self.refuse(serial, "the screen's process is started anew");
        }
    }

    /// Has folders looked through now and then, and takes over what was found.
    fn look(&mut self, wanted: &Wanted) {
        let (files, unknown) = wanted.files(&self.shown);
        if self.shown == Shows::Dark {
            if !std::mem::replace(&mut self.is_listed, true) {
                (self.list, self.told_items, self.takes_all) = (Vec::new(), None, false);
                self.tell_problems(unknown.into_iter().collect());
            }
            return;
        }
        if let Some(Seen { found, mut problems }) = self.looking.seen() {
            problems.extend(unknown);
            self.take_list(found, problems);
            self.look_at = Instant::now() + LOOK_EVERY;
        } else if !self.looking.is_under_way() && self.look_at <= Instant::now() {
            self.looking.begin(files, self.service.bell());
            self.look_at = Instant::now() + LOOK_EVERY;
        }
        if self.looking.is_slow() && !self.is_listed && matches!(self.shown, Shows::Item(_)) {
            // What is usual goes on.
            self.is_listed = true;
            self.tell_not_shown();
        }
    }

    fn take_list(&mut self, mut found: Vec<Found>, problems: Vec<String>) {
        for found in &mut found {
            found.title = self.shown.item(&found.path).map(|item| item.title.clone());
        }
        if found.is_empty() {
            self.tell_not_shown();
        }
        self.tell_problems(problems);
        if found != self.list {
            log::info!("the screen: {} films and pictures", found.len());
        }
        if found != self.list || !std::mem::replace(&mut self.is_listed, true) {
            (self.list, self.told_items, self.takes_all, self.is_listed) = (found, None, false, true);
        }
    }

    fn tell_problems(&mut self, problems: Vec<String>) {
        if problems != self.problems {
            for problem in &problems {
                log::warn!("the screen: {problem}");
            }
            self.problems = problems;
        }
    }

    fn start(&mut self, wanted: &Wanted) {
        let now = SystemClock.now().monotonic;
        if self.player.is_some() || now < self.again {
            return;
        }
        let setup = wanted.setup(self.service.sound_lead_ms);
        let started = media::find().map_err(Fall::from).and_then(|program| Player::start(&program, &setup));
        match started {
            Ok(player) => (self.player, self.heard_at) = (Some(player), Instant::now()),
            Err(Fall::NotStarted(error)) => {
                let words = error.to_string();
                if self.problem.as_ref() != Some(&words) {
                    log::error!("nothing can be shown: {words}");
                }
                self.problem = Some(words);
                self.again = now.plus_ms(NOT_STARTED_MS);
            }
            Err(fall) => self.fell(&fall),
        }
    }

    /// Tells what is written, if that is news.
    fn tell_words(&mut self) {
        if self.player.is_none() {
            return;
        }
        let standing = self.standing();
        // The files that are bad are named each by itself.
        let wrong = standing.problem.into_iter().chain(self.problems.iter().cloned()).chain(standing.bad);
        for command in self.lettering.news(wrong) {
            self.say(&command);
        }
    }

    fn tell_list(&mut self, wanted: &Wanted) {
        if self.player.is_none() {
            return;
        }
        // What was shown before stays until it is known what is to be shown now, or that its disk does not answer.
        if !self.is_listed && !self.looking.is_slow() {
            return;
        }
        let good = self.good();
        if self.told_items.as_ref() == Some(&good) {
            return;
        }
        self.generation = self.generation.wrapping_add(1) % GENERATIONS;
        let first = self.generation * ITEMS_MAX as u32;
        let after = self.left_at.as_ref().filter(|(shows, _)| *shows == self.shown).map(|(_, place)| *place);
        let begin = after.and_then(|after| good.iter().position(|place| *place > after)).unwrap_or(0);
        let (before, on) = good.split_at(begin);
        let items = on
            .iter()
            .chain(before)
            .filter_map(|place| Some((*place, self.list.get(*place)?)))
            .map(|(place, found)| {
                let hold_ms = self.shown.item(&found.path).and_then(|item| item.hold_ms);
                let hold_ms = hold_ms.unwrap_or_else(|| wanted.hold_ms());
                Item::new(first + place as u32, &found.path, found.stamp, hold_ms)
            })
            .collect();
        self.told_items = Some(good);
        self.bad.clear();
        if self.shown == Shows::Dark {
            (self.shows, self.preparing, self.stands.is_splash) = (None, None, false);
            self.tell_bare();
            self.say(&message::Command::Blank);
        } else {
            self.say(&message::Command::Show { items });
        }
    }

    /// The places in the list of what is shown: all but what the child dies of, as long as that shows something.
    fn good(&self) -> Vec<usize> {
        let now = SystemClock.now().monotonic;
        let falls = self.service.falls.lock().unwrap_or_else(PoisonError::into_inner);
        let is_good = |place: &usize| {
            self.list.get(*place).is_some_and(|found| !falls.is_deadly(now, (&found.path, found.stamp)))
        };
        let good: Vec<usize> = (0..self.list.len()).filter(is_good).collect();
        if good.is_empty() || self.takes_all { (0..self.list.len()).collect() } else { good }
    }

    fn say(&mut self, command: &message::Command) {
        let Some(player) = &mut self.player else { return };
        if let Err(fall) = player.send(command) {
            self.fell(&fall);
        }
    }

    fn hear(&mut self) {
        for _ in 0..HEARD_MAX {
            let Some(player) = &mut self.player else { return };
            match player.receive(Instant::now()) {
                Ok(Some(Said::Event(event))) => self.take(event),
                Ok(Some(Said::Snapshot { serial, jpeg })) => self.give(serial, jpeg),
                Ok(Some(Said::Sound { film, due_ns, bytes })) => self.sound.take(film, due_ns, &bytes),
                Ok(None) => return self.see_whether_it_lives(),
                Err(fall) => return self.fell(&fall),
            }
            self.heard_at = Instant::now();
        }
    }

    /// All that it said was heard: whether it says enough, and whether what should move does.
    fn see_whether_it_lives(&mut self) {
        if self.heard_at.elapsed() > SILENCE_MAX {
            let words = format!("says nothing for {} s", SILENCE_MAX.as_secs());
            self.fell(&Fall::Broken(words));
        } else if self.health.is_moving && self.health.frame_age_ms > FROZEN_MS_MAX {
            let words = format!("shows no frame of a film for {} s", FROZEN_MS_MAX / 1000);
            self.fell(&Fall::Broken(words));
        }
    }

    fn take(&mut self, event: message::Event) {
        match event {
            message::Event::Opened { sink, size, passed_over } => {
                let size = String::from(size);
                log::info!("the screen: on {} at {size}", sink.as_str());
                let is_blind = sink == message::Sink::Null
                    && self.wanted.as_ref().is_some_and(|wanted| wanted.sink != message::Sink::Null);
                self.problem = is_blind.then(|| format!("there is no screen ({})", passed_over.join("; ")));
                self.plugged.opened(sink != message::Sink::Null);
                (self.stands.sink, self.stands.size) = (Some(sink.as_str().into()), Some(size));
            }
            message::Event::Preparing { id } => self.preparing = Some(id),
            message::Event::Shown { id, kind } => {
                self.tell_shows(id, kind);
                (self.shows, self.preparing, self.had_picture) = (self.found(id).cloned(), None, true);
                self.stands.is_splash = false;
                self.bad.retain(|(bad, _)| *bad != id);
            }
            message::Event::Failed { id, reason, passed_over_ms } => {
                if self.preparing == Some(id) {
                    self.preparing = None;
                }
                self.fail(id, reason, passed_over_ms);
            }
            message::Event::Silent { id, reason } => self.tell_silent(id, &reason),
            message::Event::Nothing => {
                self.shows = None;
                self.tell_not_shown();
                let is_all = self.told_items.as_ref().is_none_or(|told| told.len() == self.list.len());
                if is_all {
                    log::error!("the screen: nothing of what there is can be shown");
                } else {
                    self.takes_all = true;
                }
            }
            message::Event::Splash => {
                (self.shows, self.stands.is_splash) = (None, self.shown != Shows::Dark);
                self.tell_bare();
            }
            message::Event::Power { is_on, problem } => {
                self.connector.switch.answer(is_on, problem);
                self.connector.hear(SystemClock.now().monotonic);
            }
            message::Event::Health(health) => self.health = health,
            message::Event::NoSnapshot { serial, reason } => {
                if self.snapshots.end(serial) {
                    self.refuse(serial, &reason);
                }
            }
            // These are the player's own business.
            message::Event::Hello { .. } | message::Event::Snapshot { .. } | message::Event::Sound { .. } => {
            }
        }
    }

    fn fail(&mut self, id: u32, reason: String, passed_over_ms: u64) {
        let name = self.name(id);
        log::warn!("the screen: {name}: {reason}; passed over for {} s", passed_over_ms / 1000);
        self.bad.retain(|(bad, _)| *bad != id);
        if self.bad.len() == BAD_MAX {
            self.bad.pop_front();
        }
        self.bad.push_back((id, format!("{name}: {reason}")));
    }

    /// Its picture goes on, so that nobody need know but who reads the log.
    fn tell_silent(&mut self, id: u32, reason: &str) {
        let words = format!("{}: its sound cannot be heard: {reason}", self.name(id));
        if self.silent.contains(&words) {
            return;
        }
        log::warn!("the screen: {words}");
        if self.silent.len() == SILENT_MAX {
            self.silent.pop_front();
        }
        self.silent.push_back(words);
    }

    /// The place in the list of what has this number.
    fn place(&self, id: u32) -> Option<usize> {
        usize::try_from(id.checked_sub(self.generation * ITEMS_MAX as u32)?).ok()
    }

    fn found(&self, id: u32) -> Option<&Found> {
        self.list.get(self.place(id)?)
    }

    fn name(&self, id: u32) -> String {
        self.found(id).map_or_else(|| "a file of before".into(), Found::name)
    }

    /// The child is gone: it is started again, soon or later.
    fn fell(&mut self, fall: &Fall) {
        let now = SystemClock.now().monotonic;
        let words = fall.to_string();
        if words.contains(NEW_SCREEN) {
            log::info!("the screen: {NEW_SCREEN}");
            self.leave();
            return;
        }
        // A file is blamed for a crash, and not when the screen was lost.
        let is_crash = matches!(fall, Fall::Died { is_crash: true, .. });
        let preparing = self.preparing.and_then(|id| self.found(id)).cloned();
        let suspect = preparing.or_else(|| self.shows.clone()).filter(|_| is_crash);
        let whose = suspect.as_ref().map_or_else(String::new, |found| format!(" (at {})", found.name()));
        log::error!("{words}{whose}");
        let suspect = suspect.map(|found| (found.path, found.stamp));
        let mut falls = self.service.falls.lock().unwrap_or_else(PoisonError::into_inner);
        self.again = falls.fell(now, self.had_picture, suspect);
        drop(falls);
        self.stands.restarts = self.stands.restarts.saturating_add(1);
        self.problem = Some(words);
        self.leave();
    }

    fn ask_snapshot(&mut self, serial: u32, len_max: usize) {
        if self.player.is_none() {
            let why = self.problem.clone().unwrap_or_else(|| "no screen is configured".into());
            return self.refuse(serial, &why);
        }
        if !self.snapshots.begin(serial) {
            return self.refuse(serial, "others are still being made");
        }
        self.say(&message::Command::Snapshot { serial, width_max: SNAPSHOT_WIDTH, len_max });
    }

    fn give(&mut self, serial: u32, jpeg: Vec<u8>) {
        if !self.snapshots.end(serial) {
            return;
        }
        if jpeg.len() > SNAPSHOT_LEN_MAX {
            return self.refuse(serial, "the picture is too large");
        }
        self.service.tell(Event::Snapshot { serial, jpeg: Ok(jpeg) });
    }

    fn give_up_snapshots(&mut self) {
        while let Some(serial) = self.snapshots.too_slow() {
            self.refuse(serial, "the screen's process gave none in time");
        }
    }

    fn refuse(&self, serial: u32, why: &str) {
        self.service.tell(Event::Snapshot { serial, jpeg: Err(why.into()) });
    }

    /// Tells how it stands, if that changed; figures now and then.
    fn tell(&mut self) {
        let stands = self.wanted.is_some().then(|| self.standing());
        let figures = |screen: &Screen| Screen { presented: 0, late: 0, dropped: 0, ..screen.clone() };
        let is_news = self.stands_told.as_ref().map(|told| told.as_ref().map(figures))
            != Some(stands.as_ref().map(figures));
        let is_due = stands.is_some() && self.told_at.elapsed() >= FIGURES_EVERY;
        if is_news || is_due {
            self.told_at = Instant::now();
            self.tell_frames();
            self.stands_told = Some(stands.clone());
            self.service.tell(Event::Stands(stands.map(Box::new)));
        }
    }

    fn standing(&self) -> Screen {
        let is_frozen = self.health.is_moving && self.health.frame_age_ms > SHOWN_AGE_MS_MAX;
        let falls = self.service.falls.lock().unwrap_or_else(PoisonError::into_inner);
        let is_dark = self.shown == Shows::Dark;
        let problem = if self.looking.is_slow() {
            Some("the disk with the films does not answer".into())
        } else if self.list.is_empty() && self.is_listed && !is_dark {
            Some("there are no films and no pictures to show".into())
        } else if is_frozen {
            Some(format!("a film runs and no frame was seen for more than {} s", SHOWN_AGE_MS_MAX / 1000))
        } else if self.shows.is_none() && !self.bad.is_empty() {
            Some("nothing of what there is can be shown".into())
        } else {
            self.problem
                .clone()
                .filter(|_| self.player.is_none() || self.stands.sink.as_deref() == Some("null"))
                .or_else(|| self.problems.first().cloned())
                .or_else(|| self.connector.problem().or(self.tv.problem()).map(str::to_owned))
        };
        Screen {
            is_connected: self.plugged.is_connected(),
            is_on: self.is_on(),
            is_dark,
            shows: self.shows.as_ref().map(Found::name),
            items: self.list.len(),
            presented: self.health.presented,
            late: self.health.late,
            dropped: self.health.dropped,
            bad: self.bad.iter().map(|(_, words)| words.clone()).collect(),
            is_fault: is_frozen || falls.is_fault(SystemClock.now().monotonic),
            problem,
            ..self.stands.clone()
        }
    }

    fn wait(&self) {
        let mut wait = self.service.moves.turn_every();
        if self.wanted.is_some() {
            let look_at = Some(self.look_at).filter(|_| !self.looking.is_under_way());
            let soonest = look_at.into_iter().chain([self.plugged.next()]).min();
            wait = soonest.map_or(wait, |at| wait.min(at.saturating_duration_since(Instant::now())));
            wait = wait.min(self.looking.slow_in().unwrap_or(wait));
            if self.player.is_none() {
                wait = wait.min(self.again.wait_from(SystemClock.now().monotonic));
            }
        }
        let sockets = [Some(self.service.rung.as_fd()), self.player.as_ref().map(|player| player.as_fd())];
        let sockets: Vec<_> = sockets.into_iter().flatten().collect();
        // Whatever it says, the next turn looks.
        let _ = media::any_readable(&sockets, Instant::now() + wait);
    }
}

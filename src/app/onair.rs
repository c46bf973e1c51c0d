//! The program that is on the air: whether something may sound now, what it is, and when that changes.
//!
//! With a program the queue is short: what plays and what comes next, chosen song by song. What somebody puts into the queue
//! comes before what the program would choose.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use orchestrion_program as rules;
use orchestrion_protocol::method::Place;
use orchestrion_protocol::status::{EntryId, Repeat};
use rules::boundary::{self, Takeover};
use rules::now::{Closed, Open, Sound, State};
use rules::rotation::{Asked, Chance, Choice, Heard, History, Source, choose_next};
use rules::{Absolute, DaypartNo, Wall};

use super::playback::{Incoming, Transport};
use super::{App, Effect};
use crate::library;
use crate::program::{Program, ProgramError};
use crate::time::{Mono, Now};

/// The fade that ends when it closes, in milliseconds.
const CLOSING_FADE_MS: u32 = 4000;
/// At least so often it is looked whether something may sound: the clock may have been set.
const LOOK_EVERY_MS: u64 = 60_000;
/// The fade of a daypart that does not wait for the song's end, in milliseconds, if its songs do not overlap longer.
const TAKEOVER_FADE_MS: u32 = 3000;
/// A cut without a click, in milliseconds.
const CUT_FADE_MS: u32 = 10;
/// Songs that were heard and stay in the queue, so that people can go back.
const HEARD_LEN_MAX: usize = 50;
/// Choices in a row that may lead to files in quarantine.
const CHOICES_MAX: usize = 20;

/// A program and where it stands.
#[derive(Debug)]
pub(super) struct OnAir {
    program: Program,
    history: History,
    chance: Chance,
    state: State,
    sound: Sound,
    /// What the program has put into the queue, in order.
    chosen: VecDeque<(EntryId, Choice)>,
    /// When the song that plays makes way for the daypart that began, and with which fade.
    takeover: Option<(Mono, u32)>,
    /// When a pause by staff is over.
    pause_ends: Option<Mono>,
    /// When it is to be looked at again.
    look: Mono,
}

/// The program of this device.
#[derive(Debug, Default)]
pub(super) struct Air {
    /// Its file, if the device has a program at all.
    pub(super) path: Option<PathBuf>,
    on: Option<Box<OnAir>>,
    /// Why what was read last is not on the air.
    problem: Option<String>,
}

impl Air {
    pub(super) fn of(path: Option<PathBuf>) -> Self {
        Self { path, ..Self::default() }
    }

    /// Whether a program decides what plays.
    pub(super) fn is_programmed(&self) -> bool {
        self.path.is_some()
    }

    /// Whether something may sound.
    pub(super) fn allows(&self, now: Now) -> bool {
        match &self.on {
            Some(on) => on.allows(now),
            None => !self.is_programmed(),
        }
    }

    /// Why nothing may sound, for people; `None` when something may.
    pub(super) fn why_silent(&self, now: Now) -> Option<String> {
        if self.allows(now) {
            return None;
        }
        let Some(on) = &self.on else {
            return Some(self.problem.clone().unwrap_or_else(|| "reading the program".into()));
        };
        let at = |at: &Absolute| {
            let local = on.program.rules.zone().local(*at);
            format!("{} {local}", local.date.weekday().title())
        };
        Some(match &on.sound {
            Sound::Closed { why: Closed::Clockless, .. } => {
                "closed: nobody knows what time it is, and then nothing may play here".into()
            }
            Sound::Closed { until: Some(until), .. } => format!("closed until {}", at(until)),
            Sound::Closed { until: None, .. } => "closed; no opening is known".into(),
            Sound::Paused { .. } => "paused by staff".into(),
            Sound::Muted => "muted by the alarm contact".into(),
            Sound::Emergency(_) => "an emergency".into(),
            Sound::Open(_) => "closing".into(),
        })
    }

    /// Why it is as it is, in sentences.
    pub(super) fn why(&self, now: Now, shown: Option<EntryId>) -> Vec<String> {
        let Some(on) = &self.on else { return self.problem.iter().cloned().collect() };
        let reasons = on.program.rules.why_now(&clock(now), &on.state);
        let mut why: Vec<String> = reasons.iter().map(ToString::to_string).collect();
        if let Some((_, choice)) = on.chosen.iter().find(|(entry, _)| Some(*entry) == shown) {
            let list = choice.playlist.as_ref().map_or("none", |list| list.as_str());
            why.push(format!("chosen from the playlist {list}"));
            why.extend(choice.loosened.iter().map(|loosened| format!("not kept: {loosened}")));
        }
        why.extend(self.problem.iter().cloned());
        why
    }

    /// When it is to be looked at again.
    pub(super) fn deadline(&self) -> Option<Mono> {
        let on = self.on.as_ref()?;
        [Some(on.look), on.takeover.map(|(at, _)| at), on.pause_ends].into_iter().flatten().min()
    }

    /// What somebody chose for the volume, kept within what the daypart lets staff do.
    pub(super) fn take_volume(&mut self, percent: u8) -> u8 {
        let Some(on) = &mut self.on else { return percent };
        let Sound::Open(open) = &on.sound else { return percent };
        let kept = percent.clamp(open.volume.min, open.volume.max.max(open.volume.min));
        on.state.volume = Some(kept);
        kept
    }

    /// A file failed and is to be left alone for a while.
    pub(super) fn quarantine(&mut self, now: Now, path: &Path, for_ms: u64) {
        let Some(on) = &mut self.on else { return };
        let Some(recording) = on.program.recording(path).cloned() else { return };
        let until_ms = told_at(now).0.saturating_add(i64::try_from(for_ms).unwrap_or(i64::MAX));
        on.program.catalogue.quarantine(recording.as_str(), Some(until_ms));
    }

    /// Staff have paused: that is over some time.
    pub(super) fn paused(&mut self, now: Now) {
        let Some(on) = &mut self.on else { return };
        let longest_s = on.program.rules.document().staff.pause_max_s;
        on.pause_ends = Some(now.monotonic.plus_ms(u64::from(longest_s) * 1000));
    }

    /// Somebody has let it go on.
    pub(super) fn goes_on(&mut self) {
        if let Some(on) = &mut self.on {
            on.pause_ends = None;
        }
    }

    /// A song began.
    pub(super) fn heard(&mut self, now: Now, entry: EntryId, path: &Path) {
        let Some(on) = &mut self.on else { return };
        let at = told_at(now);
        let chosen = on.chosen.iter().find(|(chosen, _)| *chosen == entry);
        let heard = match (chosen, on.program.recording(path)) {
            (Some((_, choice)), _) => choice.heard(at),
            (None, Some(recording)) => Heard { recording: recording.as_str(), at_ms: at.0, from: None },
            (None, None) => return,
        };
        on.history.heard(&on.program.catalogue, heard);
    }
}

impl OnAir {
    /// Whether a song may sound: not from the moment on at which the last fade begins.
    fn allows(&self, now: Now) -> bool {
        match &self.sound {
            Sound::Open(open) => left_ms(open, now).is_none_or(|left| left > i64::from(CLOSING_FADE_MS)),
            _ => false,
        }
    }

    fn daypart(&self) -> Option<DaypartNo> {
        match &self.sound {
            Sound::Open(open) => open.daypart,
            _ => None,
        }
    }

    /// What is right by this program, as another one would have said it: so that only what differs counts as a change.
    fn seen_by(&self, other: &Program, now: Now) -> Sound {
        let id = |program: &Program, open: &Open| {
            open.daypart.and_then(|number| program.rules.daypart(number)).map(|daypart| daypart.id.clone())
        };
        match (&self.sound, other.rules.what_now(&clock(now), &self.state).sound) {
            (Sound::Open(mine), Sound::Open(theirs)) if id(&self.program, mine) == id(other, &theirs) => {
                Sound::Open(theirs)
            }
            (Sound::Open(mine), _) => Sound::Open(Open { daypart: None, ..mine.clone() }),
            (mine, _) => mine.clone(),
        }
    }

    /// What is right now. What staff have done to the volume ends with the daypart.
    fn hear_rules(&mut self, now: Now) -> Sound {
        let sound = self.program.rules.what_now(&clock(now), &self.state).sound;
        match &sound {
            Sound::Open(open) if open.daypart != self.daypart() && self.state.volume.take().is_some() => {
                self.program.rules.what_now(&clock(now), &self.state).sound
            }
            _ => sound,
        }
    }

    /// Chooses a song that begins at a moment.
    fn choose(&mut self, now: Now, begins_ms: u64) -> Option<(Arc<Path>, Choice)> {
        let Sound::Open(open) = &self.sound else { return None };
        let begins = told_at(now).plus_ms(i64::try_from(begins_ms).unwrap_or(0));
        if now.wall.is_some() && !boundary::song_may_begin(begins, open.closes) {
            return None;
        }
        let source = Source::of(&self.program.rules, open)?;
        let today = now.wall.map(|_| self.program.rules.zone().local(begins).date);
        let asked = Asked { source, at: begins, today, offline_days: 0 };
        let document = self.program.rules.document();
        let choice = choose_next(document, &self.program.catalogue, &self.history, &asked, &mut self.chance)?;
        let place = Arc::clone(self.program.place(&choice.recording)?);
        Some((place, choice))
    }

    fn plan(&mut self, now: Now) {
        let clock = clock(now);
        let change = self.program.rules.next_change_left_ms(&clock, &self.state).unwrap_or(LOOK_EVERY_MS);
        let closing = match &self.sound {
            Sound::Open(open) => left_ms(open, now)
                .and_then(|left| u64::try_from(left - i64::from(CLOSING_FADE_MS)).ok())
                .filter(|left| *left > 0),
            _ => None,
        };
        let wait_ms = change.min(closing.unwrap_or(u64::MAX)).clamp(1, LOOK_EVERY_MS);
        self.look = now.monotonic.plus_ms(wait_ms);
    }
}

/// What is left until it closes, in milliseconds.
fn left_ms(open: &Open, now: Now) -> Option<i64> {
    Some(open.closes?.since_ms(Absolute(now.wall?.0)))
}

/// The moment as the history is told it: without a wall clock it counts on.
fn told_at(now: Now) -> Absolute {
    Absolute(now.wall.map_or(i64::try_from(now.monotonic.0).unwrap_or(i64::MAX), |wall| wall.0))
}

fn clock(now: Now) -> rules::Clock {
    let wall = now.wall.map_or(Wall::None, |wall| Wall::Trusted { at: Absolute(wall.0), uncertainty_ms: 0 });
    // Timers live as long as the process, so all of them are of one boot.
    rules::Clock { mono_ms: now.monotonic.0, boot: String::new(), wall }
}

impl App {
    /// Lets the program be read; [`App::take_program`] hears of it.
    pub(super) fn read_program(&self, effects: &mut Vec<Effect>) {
        if let Some(path) = &self.air.path {
            effects.push(Effect::Library(library::Command::ReadProgram(path.clone())));
        }
    }

    /// The configuration names a program, or another one, or none any more; what is in its file may have changed.
    pub(super) fn change_program(&mut self, now: Now, path: Option<PathBuf>, effects: &mut Vec<Effect>) {
        if path.is_none() && self.air.is_programmed() {
            self.air = Air::default();
            self.prepare_next(now, effects);
        }
        self.air.path = path;
        self.read_program(effects);
    }

    /// A program was read. One that is wrong is refused, and the one before goes on.
    pub(super) fn take_program(
        &mut self,
        now: Now,
        read: Result<Box<Program>, ProgramError>,
        effects: &mut Vec<Effect>,
    ) {
        self.dirty = true;
        let program = match read {
            Ok(program) => *program,
            Err(error) => {
                let goes_on = if self.air.on.is_some() { "; the one before goes on" } else { "" };
                log::error!("{error}{goes_on}");
                self.air.problem = Some(error.to_string());
                return;
            }
        };
        for warning in &program.warnings {
            log::warn!("the program: {warning}");
        }
        log::info!("the program is on the air: {} recordings can be played", program.len());
        self.air.problem = None;
        let before = self.air.on.take();
        let sound_before = before.as_ref().map(|on| on.seen_by(&program, now));
        let (history, chance, state, chosen) = match before {
            Some(on) => (on.history.renumbered(&program.catalogue), on.chance, on.state, on.chosen),
            None => {
                let chance = Chance::new(self.seed ^ self.run);
                (History::new(&program.catalogue), chance, State::default(), VecDeque::new())
            }
        };
        let closed = Sound::Closed { why: Closed::Hours, until: None };
        self.air.on = Some(Box::new(OnAir {
            program,
            history,
            chance,
            state,
            // What is right now is found out below, as a change.
            sound: sound_before.unwrap_or(closed),
            chosen,
            takeover: None,
            pause_ends: None,
            look: now.monotonic,
        }));
        self.queue.set_repeat(Repeat::Off);
        self.queue.set_shuffle(false);
        // What the program before has chosen next gives way; what plays goes on to its end.
        self.drop_upcoming(effects);
        self.check_allowed(now, effects);
    }

    /// Looks whether something may sound, and what: at the start, at each boundary and each minute.
    pub(super) fn check_allowed(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(on) = &mut self.air.on else { return };
        let sound = on.hear_rules(now);
        let daypart_before = on.daypart();
        let before = std::mem::replace(&mut on.sound, sound.clone());
        let was_open = matches!(before, Sound::Open(_));
        let allows = on.allows(now);
        on.plan(now);
        if before != sound {
            self.dirty = true;
        }
        match sound {
            Sound::Open(open) => {
                if !was_open || open.daypart != daypart_before {
                    self.enter_daypart(now, &open, was_open, effects);
                }
                if !allows && self.sounds() {
                    let left = left_ms(&open, now).unwrap_or(0).clamp(0, i64::from(CLOSING_FADE_MS));
                    self.shut("closed", u32::try_from(left).unwrap_or(CUT_FADE_MS).max(CUT_FADE_MS), effects);
                }
            }
            Sound::Closed { .. } | Sound::Muted | Sound::Emergency(_) | Sound::Paused { .. } => {
                if self.sounds() {
                    self.shut("closed", CUT_FADE_MS, effects);
                }
            }
        }
        self.take_over_if_due(now, effects);
        self.end_pause_if_due(now, effects);
    }

    fn end_pause_if_due(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(on) = &mut self.air.on else { return };
        if on.pause_ends.take_if(|at| *at <= now.monotonic).is_some()
            && self.playback.transport == Transport::Paused
        {
            log::info!("the pause by staff has lasted as long as it may; it goes on");
            self.play(now, effects);
        }
    }

    fn sounds(&self) -> bool {
        self.playback.current.is_some() || self.playback.incoming.is_some()
    }

    /// Another daypart holds, or it has just opened.
    fn enter_daypart(&mut self, now: Now, open: &Open, was_open: bool, effects: &mut Vec<Effect>) {
        let Some(on) = &mut self.air.on else { return };
        let daypart = open.daypart.and_then(|number| on.program.rules.daypart(number));
        let name = daypart.map_or("no daypart", |daypart| daypart.title());
        log::info!("the program: {name}, volume {}", open.volume.set);
        let crossfade_ms = daypart.map(|daypart| (daypart.crossfade_s * 1000.0).round() as u32);
        let takeover = match (&self.playback.current, daypart) {
            (Some(current), Some(daypart)) if was_open => {
                let left_ms =
                    current.media.duration_ms.map(|ms| ms.saturating_sub(current.heard.position_ms));
                let at = told_at(now);
                let ends = left_ms.map(|ms| at.plus_ms(i64::try_from(ms).unwrap_or(i64::MAX)));
                let due =
                    |moment: Absolute| now.monotonic.plus_ms(u64::try_from(moment.since_ms(at)).unwrap_or(0));
                match boundary::takeover(&daypart.boundary, at, ends) {
                    Takeover::SongEnds(_) => None,
                    Takeover::FadeFrom(moment) => {
                        Some((due(moment), crossfade_ms.unwrap_or(0).max(TAKEOVER_FADE_MS)))
                    }
                    Takeover::CutAt(moment) => Some((due(moment), CUT_FADE_MS)),
                }
            }
            _ => None,
        };
        on.takeover = takeover;
        if let Some(crossfade_ms) = crossfade_ms {
            self.crossfade_ms = crossfade_ms;
        }
        self.volume = open.volume.set.min(self.levels.volume_max);
        self.tell_volume(effects);
        self.drop_upcoming(effects);
        if !was_open {
            self.open_up(effects);
        }
        self.prepare_next(now, effects);
    }

    /// It opens: a pause of yesterday has ended.
    fn open_up(&mut self, effects: &mut Vec<Effect>) {
        self.playback.is_over = false;
        self.playback.transport = Transport::Playing;
        self.air.goes_on();
        self.go_on_after_pause(effects);
    }

    fn take_over_if_due(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(on) = &mut self.air.on else { return };
        let Some((_, fade_ms)) = on.takeover.take_if(|(at, _)| *at <= now.monotonic) else { return };
        self.make_way(now, fade_ms, effects);
    }

    /// Makes sure that something follows `here`, if something may.
    pub(super) fn feed_queue(&mut self, now: Now, here: Option<EntryId>) {
        let Some(on) = &mut self.air.on else { return };
        if !on.allows(now) || self.queue.after(here, true, |_| true).is_some() {
            return;
        }
        let begins_ms = self.playback.current.as_ref().map_or(0, |current| {
            current.media.duration_ms.unwrap_or(0).saturating_sub(current.heard.position_ms)
        });
        for _ in 0..CHOICES_MAX {
            let Some((place, choice)) = on.choose(now, begins_ms) else { return };
            if let Some(for_ms) = self.quarantine.left_ms(now.monotonic, &place) {
                let until_ms = told_at(now).0.saturating_add(i64::try_from(for_ms).unwrap_or(i64::MAX));
                on.program.catalogue.quarantine(choice.recording.as_str(), Some(until_ms));
                continue;
            }
            let added = self.queue.add([place], Place::Last);
            if let Some(entry) = added.ok().and_then(|outcome| outcome.first) {
                on.chosen.push_back((entry, choice));
            }
            break;
        }
        while on.chosen.len() > HEARD_LEN_MAX {
            if let Some((entry, _)) = on.chosen.pop_front() {
                // The one that plays stays.
                let _ = self.queue.remove(entry);
            }
        }
        self.dirty = true;
    }

    /// Takes out what the program has chosen and what has not begun.
    fn drop_upcoming(&mut self, effects: &mut Vec<Effect>) {
        let Some(on) = &mut self.air.on else { return };
        let here = self.queue.current();
        let upcoming: Vec<EntryId> = {
            let after_here = |entry: EntryId| self.queue.is_after(entry, here);
            on.chosen.iter().map(|(entry, _)| *entry).filter(|entry| after_here(*entry)).collect()
        };
        on.chosen.retain(|(entry, _)| !upcoming.contains(entry));
        let is_incoming =
            |incoming: &Incoming| incoming.takes_over_by_itself() && upcoming.contains(&incoming.entry);
        if self.playback.incoming.as_ref().is_some_and(is_incoming) {
            self.drop_incoming(effects);
        }
        for entry in upcoming {
            let _ = self.queue.remove(entry);
        }
    }
}

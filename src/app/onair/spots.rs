//! The program's announcements and advertisements on this device: time is told to [`Spots`], breaks go into the queue at a
//! song's end, what ducks or cuts in is said by the voice, and what became of each is told.
//!
//! A break is asked for shortly before a song ends, so that its first spot is open in time; the spots of a break lie in the
//! queue like songs, but are never kept, so a restart forgets them and tells them as missed.

use std::path::Path;
use std::sync::Arc;

use orchestrion_program::model::{RecordingId, SpotId};
use orchestrion_program::now::{Sound, Source};
use orchestrion_program::spots::{Ask, During, HEARD_MS_MIN, Memory, Missed, Said, Span, Spots, Why};
use orchestrion_program::{Absolute, DaypartNo};
use orchestrion_protocol::method::Place;
use orchestrion_protocol::status::EntryId;

use super::super::announce::Announcement;
use super::super::playback::Transport;
use super::super::{App, Effect};
use super::OnAir;
use super::clock::{is_trusted, left_ms, told_at};
use crate::audio::LoadId;
use crate::program::Program;
use crate::storage::{HowEnded, PlayEnd, PlayKey, Remembered};
use crate::time::{Mono, Now};

/// How long before a song's last fade its break is asked for, in milliseconds: time to open a file on a slow card.
const BREAK_LEAD_MS: u64 = 10_000;
/// At least so often time is told, in milliseconds.
const TELL_EVERY_MS: u64 = 60_000;
/// How soon it is looked again, when a spot could not cut in, in milliseconds.
const CUT_IN_AGAIN_MS: u64 = 500;
/// Files of spots that are measured ahead of their time.
pub(in crate::app) const SPOTS_AHEAD_LEN_MAX: usize = 8;

/// What has been the case since time was told last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open { is_aired: bool, daypart: Option<DaypartNo> },
    Paused { daypart: Option<DaypartNo> },
    Closed,
}

/// What became of a spot that was handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Became {
    Heard,
    /// Its file cannot be played.
    Failed,
    /// It was taken away before it was heard.
    TakenAway,
}

/// A spot of a break, in the queue.
#[derive(Debug)]
struct InBreak {
    entry: EntryId,
    said: Said,
    /// From 1.
    position: u32,
    /// Since it was heard to begin.
    play: Option<PlayKey>,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Spotting {
    spots: Spots,
    told: Mono,
    phase: Phase,
    breaks: Vec<InBreak>,
    /// The load for whose end a break was asked for.
    asked_for: Option<LoadId>,
    /// The play that was counted as a song before its end, because a break was asked for.
    counted: Option<PlayKey>,
    /// When something may cut in.
    cut_in: Option<Mono>,
    /// What is remembered is not on the disk yet.
    is_changed: bool,
}

impl Spotting {
    /// Goes on with what is remembered of earlier runs; tells what was missed meanwhile.
    pub(super) fn resume(program: &Program, now: Now, memory: Option<Memory>) -> (Self, Vec<Missed>) {
        let library = &program.rules.document().library;
        let left_at = memory.as_ref().and_then(Memory::at);
        let (mut spots, mut missed) = Spots::resume(&program.rules, library, memory.unwrap_or_default());
        if let Some(left_at) = left_at.filter(|left_at| is_trusted(now) && *left_at < told_at(now)) {
            missed.extend(spots.absent(&program.rules, left_at, told_at(now)));
        }
        let one = Self {
            spots,
            told: now.monotonic,
            phase: Phase::Closed,
            breaks: Vec::new(),
            asked_for: None,
            counted: None,
            cut_in: None,
            is_changed: true,
        };
        (one, missed)
    }

    /// Goes on with another program.
    pub(super) fn renew(&mut self, program: &Program) {
        self.spots.renew(&program.rules, &program.rules.document().library);
        // Numbers of dayparts are another program's.
        self.phase = Phase::Closed;
        self.is_changed = true;
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        self.cut_in
    }

    /// The spot that an entry of the queue is.
    pub(super) fn of_entry(&self, entry: EntryId) -> Option<&Said> {
        self.breaks.iter().find(|one| one.entry == entry).map(|one| &one.said)
    }

    /// The same, and its place in the break, from 1.
    pub(super) fn in_break(&self, entry: EntryId) -> Option<(&Said, u32)> {
        self.breaks.iter().find(|one| one.entry == entry).map(|one| (&one.said, one.position))
    }

    /// Tells the time that has passed, and what has been the case.
    fn tell(&mut self, program: &Program, now: Now, phase: Phase) -> Vec<Missed> {
        let since_ms = now.monotonic.since_ms(self.told);
        self.told = now.monotonic;
        let before = std::mem::replace(&mut self.phase, phase);
        if since_ms == 0 {
            return Vec::new();
        }
        let (during, daypart) = match before {
            Phase::Open { is_aired, daypart } => {
                (During::Open { aired_ms: if is_aired { since_ms } else { 0 } }, daypart)
            }
            Phase::Paused { daypart } => (During::Paused, daypart),
            Phase::Closed => (During::Closed, None),
        };
        let to = told_at(now);
        let from = to.plus_ms(-i64::try_from(since_ms).unwrap_or(i64::MAX));
        let daypart = daypart.and_then(|number| program.rules.daypart(number)).map(|one| one.id.as_str());
        self.spots.pass(&program.rules, &Span { from, to, during, daypart, trusted: is_trusted(now) })
    }
}

/// What is asked at this moment.
fn ask<'a>(
    program: &'a Program,
    sound: &Sound,
    now: Now,
    paused: bool,
    playable: &'a dyn Fn(&str) -> bool,
) -> Ask<'a> {
    let (daypart, until_close_ms, safety_only) = match sound {
        Sound::Open(open) => (open.daypart, left_ms(open, now), open.source == Source::Lapse),
        _ => (None, None, false),
    };
    Ask {
        mean_song_ms: program.catalogue.mean_song_ms(),
        until_close_ms,
        daypart: daypart.and_then(|number| program.rules.daypart(number)).map(|one| one.id.as_str()),
        paused,
        trusted: is_trusted(now),
        offline_days: 0,
        safety_only,
        playable,
    }
}

impl OnAir {
    /// Files of spots, for measuring.
    pub(super) fn spot_places(&self) -> impl Iterator<Item = &Arc<Path>> {
        let spots = self.program.rules.document().spots.iter();
        spots.filter_map(|spot| self.program.place(&spot.recording)).take(SPOTS_AHEAD_LEN_MAX)
    }
}

impl App {
    fn phase(&self) -> Phase {
        let Some(on) = &self.air.on else { return Phase::Closed };
        let daypart = on.daypart();
        match &on.sound {
            // Nobody hears it.
            _ if self.hands.is_alarm() => Phase::Closed,
            Sound::Open(_) if self.playback.transport == Transport::Playing => {
                Phase::Open { is_aired: self.playback.is_aired(), daypart }
            }
            Sound::Open(_) | Sound::Paused { .. } => Phase::Paused { daypart },
            Sound::Closed { .. } | Sound::Muted | Sound::Emergency(_) => Phase::Closed,
        }
    }

    /// Tells the program's spots what has been the case until now.
    pub(in crate::app) fn tell_spots(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let phase = self.phase();
        let Some(on) = &mut self.air.on else { return };
        let missed = on.spotting.tell(&on.program, now, phase);
        self.spots_missed(now, missed, effects);
    }

    /// After each event: tells them if something else is the case than before, and sees to what has left the queue.
    pub(in crate::app) fn watch_spots(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let phase = self.phase();
        let Some(on) = &self.air.on else { return };
        let spotting = &on.spotting;
        if phase != spotting.phase || now.monotonic.since_ms(spotting.told) >= TELL_EVERY_MS {
            self.tell_spots(now, effects);
            self.plan_cut_in(now);
        }
        self.sweep_breaks(now, effects);
    }

    /// When the song that plays is about to end: what is to be said after it comes into the queue.
    pub(in crate::app) fn ask_for_break_in_time(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(current) = &self.playback.current else { return };
        let Some(duration_ms) = current.media.duration_ms else { return };
        let lead_ms = BREAK_LEAD_MS + u64::from(self.crossfade_ms);
        let left_ms = duration_ms.saturating_sub(current.heard.position_ms);
        if left_ms > lead_ms {
            return;
        }
        // A short song that will count, and does not yet: a little later.
        let heard_ms = self.plays.so_far(current.load).map_or(0, |play| play.heard_ms);
        if heard_ms >= HEARD_MS_MIN || heard_ms + left_ms < HEARD_MS_MIN {
            self.ask_for_break(now, effects);
        }
    }

    /// Puts what is to be said after the song that plays behind it.
    pub(in crate::app) fn ask_for_break(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some((load, entry)) = self.playback.current.as_ref().map(|one| (one.load, one.entry)) else {
            return;
        };
        if self.hands.is_alarm() {
            return;
        }
        let Some(on) = &mut self.air.on else { return };
        if on.spotting.asked_for.replace(load) == Some(load) || on.spotting.of_entry(entry).is_some() {
            return;
        }
        self.tell_spots(now, effects);
        if let Some(play) = self.plays.so_far(load) {
            self.count_song(now, play.key, play.heard_ms, effects);
        }
        let Some(on) = &mut self.air.on else { return };
        let (program, quarantine) = (&on.program, &self.quarantine);
        let playable = |recording: &str| {
            let place = program.place(&RecordingId(recording.to_owned()));
            place.is_some_and(|place| quarantine.reason(now.monotonic, place).is_none())
        };
        let taken = on.spotting.spots.due(&ask(program, &on.sound, now, false, &playable));
        self.spots_missed(now, taken.missed, effects);
        if taken.spots.is_empty() {
            return;
        }
        let mut behind = entry;
        let mut position = 0;
        for said in taken.spots {
            let Some(on) = &mut self.air.on else { return };
            let place = on.program.place(&said.recording).map(Arc::clone);
            let added = place.and_then(|place| self.queue.add([place], Place::After(behind)).ok());
            let Some(entry) = added.and_then(|outcome| outcome.first) else {
                self.spot_said(now, &said.spot, Became::TakenAway, effects);
                continue;
            };
            self.queue.set_passing(entry, true);
            position += 1;
            behind = entry;
            on.spotting.breaks.push(InBreak { entry, said, position, play: None });
        }
        self.dirty = true;
        self.change_spots();
        self.prepare_next(now, effects);
    }

    /// What has left the queue before it was heard is missed.
    fn sweep_breaks(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(on) = &mut self.air.on else { return };
        if on.spotting.breaks.is_empty() {
            return;
        }
        let playback = &self.playback;
        let here = self.queue.current();
        let waits = |one: &InBreak| {
            one.play.is_some()
                || playback.incoming.as_ref().is_some_and(|incoming| incoming.entry == one.entry)
                || (self.queue.get(one.entry).is_some() && self.queue.is_after(one.entry, here))
        };
        let (kept, gone): (Vec<_>, Vec<_>) =
            std::mem::take(&mut on.spotting.breaks).into_iter().partition(waits);
        on.spotting.breaks = kept;
        for one in gone {
            let entry = self.queue.get(one.entry).map(|entry| Arc::clone(&entry.path));
            let has_failed = entry.is_some_and(|path| self.quarantine.reason(now.monotonic, &path).is_some());
            let _ = self.queue.remove(one.entry);
            let became = if has_failed { Became::Failed } else { Became::TakenAway };
            self.spot_said(now, &one.said.spot, became, effects);
        }
    }

    /// It closes: what was to be said is not said any more.
    pub(in crate::app) fn drop_breaks(&mut self) {
        let Some(on) = &self.air.on else { return };
        for one in on.spotting.breaks.iter().filter(|one| one.play.is_none()) {
            // `sweep_breaks` tells of it.
            let _ = self.queue.remove(one.entry);
        }
    }

    /// Says what does not wait for a song's end, if its time has come.
    pub(in crate::app) fn cut_in_if_due(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let is_due = |on: &OnAir| on.spotting.cut_in.is_some_and(|at| at <= now.monotonic);
        if !self.air.on.as_ref().is_some_and(|on| is_due(on)) {
            return;
        }
        let current = self.playback.current.as_ref().map(|current| current.entry);
        let Some(on) = &mut self.air.on else { return };
        let is_break = current.is_some_and(|entry| on.spotting.of_entry(entry).is_some());
        if self.voice.speaks() || self.voice.is_emergency() || self.hands.is_alarm() || is_break {
            on.spotting.cut_in = Some(now.monotonic.plus_ms(CUT_IN_AGAIN_MS));
            return;
        }
        self.tell_spots(now, effects);
        let paused = self.playback.transport != Transport::Playing;
        let Some(on) = &mut self.air.on else { return };
        let (program, quarantine) = (&on.program, &self.quarantine);
        let playable = |recording: &str| {
            let place = program.place(&RecordingId(recording.to_owned()));
            place.is_some_and(|place| quarantine.reason(now.monotonic, place).is_none())
        };
        let taken = on.spotting.spots.cut_in(&ask(program, &on.sound, now, paused, &playable));
        let is_nothing = taken.spots.is_empty();
        self.spots_missed(now, taken.missed, effects);
        for (said, position) in taken.spots.into_iter().zip(1..) {
            let Some(on) = &self.air.on else { return };
            let Some(place) = on.program.place(&said.recording).map(Arc::clone) else { continue };
            let rule = on.program.rules.spot(said.spot.as_str());
            let pierces_pause = rule.is_some_and(|rule| rule.pierces_pause);
            let announcement = Announcement::of_spot(said, place, position, pierces_pause);
            self.say(now, announcement, effects);
        }
        self.change_spots();
        self.plan_cut_in(now);
        if let Some(on) = &mut self.air.on
            && is_nothing
        {
            let again = now.monotonic.plus_ms(CUT_IN_AGAIN_MS);
            on.spotting.cut_in = on.spotting.cut_in.map(|at| at.max(again));
        }
    }

    fn plan_cut_in(&mut self, now: Now) {
        let paused = self.playback.transport != Transport::Playing;
        let Some(on) = &mut self.air.on else { return };
        if !matches!(on.sound, Sound::Open(_)) {
            on.spotting.cut_in = None;
            return;
        }
        let playable = |_: &str| true;
        let next = on.spotting.spots.next_cut_in(&ask(&on.program, &on.sound, now, paused, &playable));
        let wait_ms = |at: Absolute| u64::try_from(at.since_ms(told_at(now))).unwrap_or(0);
        on.spotting.cut_in = next.map(|at| now.monotonic.plus_ms(wait_ms(at)));
    }

    /// A play of the queue began; if it is a spot, what becomes of it is told.
    pub(in crate::app) fn spot_began(&mut self, entry: EntryId, play: PlayKey) {
        let Some(on) = &mut self.air.on else { return };
        if let Some(one) = on.spotting.breaks.iter_mut().find(|one| one.entry == entry) {
            one.play = Some(play);
            on.spotting.spots.begun(&one.said.spot);
            on.spotting.is_changed = true;
        }
    }

    /// The voice begins to say a spot.
    pub(in crate::app) fn spot_begun(&mut self, spot: &SpotId) {
        let Some(on) = &mut self.air.on else { return };
        on.spotting.spots.begun(spot);
        on.spotting.is_changed = true;
    }

    /// A play of the queue has ended: a spot of a break, or a song, which counts towards spots.
    pub(in crate::app) fn deck_play_ended(&mut self, now: Now, end: &PlayEnd, effects: &mut Vec<Effect>) {
        self.tell_spots(now, effects);
        let Some(on) = &mut self.air.on else { return };
        let breaks = &mut on.spotting.breaks;
        if let Some(at) = breaks.iter().position(|one| one.play == Some(end.key)) {
            let one = breaks.remove(at);
            let _ = self.queue.remove(one.entry);
            let became = if end.how == HowEnded::Failed { Became::Failed } else { Became::Heard };
            self.spot_said(now, &one.said.spot, became, effects);
            return;
        }
        self.count_song(now, end.key, end.heard_ms, effects);
        self.change_spots();
        self.plan_cut_in(now);
    }

    /// A song was heard so far; it counts once, when that was long enough.
    fn count_song(&mut self, now: Now, play: PlayKey, heard_ms: u64, effects: &mut Vec<Effect>) {
        let Some(on) = &mut self.air.on else { return };
        if heard_ms < HEARD_MS_MIN || on.spotting.counted.replace(play) == Some(play) {
            return;
        }
        let number = on.daypart();
        let daypart = number.and_then(|number| on.program.rules.daypart(number)).map(|one| one.id.as_str());
        let missed = on.spotting.spots.song_heard(heard_ms, daypart, is_trusted(now));
        self.spots_missed(now, missed, effects);
    }

    /// A spot that was handed out has been heard, or was not.
    pub(in crate::app) fn spot_said(
        &mut self,
        now: Now,
        spot: &SpotId,
        became: Became,
        effects: &mut Vec<Effect>,
    ) {
        let Some(on) = &mut self.air.on else { return };
        let is_open = matches!(on.sound, Sound::Open(_));
        let missed = on.spotting.spots.said(spot, became == Became::Heard).map(|row| Missed {
            why: match became {
                Became::Heard | Became::Failed => row.why,
                Became::TakenAway if is_open => Why::NoRoom,
                Became::TakenAway => Why::Closed,
            },
            ..row
        });
        self.spots_missed(now, missed.into_iter().collect(), effects);
        self.change_spots();
        self.plan_cut_in(now);
    }

    /// Rows for the log.
    pub(super) fn spots_missed(&mut self, now: Now, missed: Vec<Missed>, effects: &mut Vec<Effect>) {
        for row in missed {
            log::info!("the spot {} was missed: {}", row.spot, row.why);
            let Some(on) = &self.air.on else { return };
            let rule = on.program.rules.spot(row.spot.as_str());
            let Some(recording) = rule.map(|rule| &rule.recording) else { continue };
            let place = on.program.place(recording).map(Arc::clone);
            let place = place.unwrap_or_else(|| Arc::from(Path::new(recording.as_str())));
            let (start, end) = self.missed_play(now, place, &row);
            self.change_spots();
            self.keeper.open_play(start, effects);
            self.keeper.close_play(end, effects);
        }
    }

    fn change_spots(&mut self) {
        if let Some(on) = &mut self.air.on {
            on.spotting.is_changed = true;
        }
    }

    /// Keeps what has changed of what the spots remember: together with the rows that tell of it, so that a power cut takes
    /// away both or neither.
    pub(in crate::app) fn keep_spots(&mut self, effects: &mut Vec<Effect>) {
        let Some(on) = &mut self.air.on else { return };
        if !std::mem::take(&mut on.spotting.is_changed) {
            return;
        }
        match on.spotting.spots.changes() {
            Ok(pieces) if pieces.is_empty() => {}
            Ok(pieces) => {
                self.keeper.remember_pieces(Remembered::Spots, pieces.into_iter().collect(), effects)
            }
            Err(error) => log::error!("what the spots remember cannot be written: {error}"),
        }
    }
}

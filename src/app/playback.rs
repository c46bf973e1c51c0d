//! What plays: one song that is heard, one on its way in, and those that are leaving.
//!
//! Skip, seek, previous and "play this now" are one mechanism: load a song at a place, and when it is ready let it take
//! over at once. What follows by itself is loaded as soon as there is room and takes over at the planned place.

mod following;
mod hearing;
mod place;

use std::sync::Arc;

use orchestrion_protocol::status::EntryId;

use super::crossfade::plan;
use super::{App, Effect};
use crate::audio::{Command, Heard, Join, JoinAt, LoadId, Media, StartAt};
use crate::storage::{ChosenBy, HowEnded, PlayKey};
use crate::time::{Mono, Now};

/// The fade when someone skips or seeks, in milliseconds: short enough to feel immediate, long enough not to click.
const SKIP_FADE_MS: u32 = 30;
/// The fade of pause, and of going on.
const PAUSE_FADE_MS: u32 = 50;
/// The fade of stop.
const STOP_FADE_MS: u32 = 150;
/// The fade with which a song goes on after a restart.
const RESUME_FADE_MS: u32 = 200;
/// In the first seconds of a song `previous` means the song before, else its start.
const PREVIOUS_MS_MAX: u64 = 3000;
/// How often the place in the song is kept.
const CHECKPOINT_EVERY_MS: u64 = 2000;

/// Why a play ended, when somebody went on.
pub(super) const SKIPPED: &str = "skipped";
/// Why a play was cut, when the device stopped; the next start goes on with it.
const SHUTDOWN: &str = crate::storage::SHUTDOWN;

/// What someone wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Playing,
    Paused,
    Stopped,
}

/// The song that is heard.
#[derive(Debug)]
pub(super) struct Sounding {
    pub(super) load: LoadId,
    pub(super) entry: EntryId,
    pub(super) media: Box<Media>,
    pub(super) heard: Heard,
    /// What it was made louder by, in dB.
    pub(super) gain_db: f32,
    /// The same of the song before it on its album, if that was heard before it.
    pub(super) before_db: Option<f32>,
}

/// A song on its way in.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) load: LoadId,
    pub(super) entry: EntryId,
    pub(super) start: StartAt,
    chosen_by: ChosenBy,
    /// The open play that it goes on with, after a seek.
    pub(super) same_play: Option<PlayKey>,
    /// The play of an earlier run that it goes on with.
    continues: Option<PlayKey>,
    pub(super) media: Option<Box<Media>>,
    /// What it will be made louder by, in dB.
    pub(super) gain_db: f32,
    /// See [`Sounding::before_db`].
    pub(super) before_db: Option<f32>,
    takes_over: TakesOver,
    /// The reason in the play log of what it makes leave at once.
    skips_as: &'static str,
}

impl Incoming {
    /// Whether it takes over at the planned place.
    pub(super) fn takes_over_by_itself(&self) -> bool {
        self.takes_over == TakesOver::ByItself
    }

    /// Where it begins, as far as that is known.
    fn start_ms(&self) -> u64 {
        match (&self.media, self.start) {
            (Some(media), _) => media.start_ms,
            (None, StartAt::Place(ms)) => ms,
            (None, StartAt::Music) => 0,
        }
    }
}

/// When an incoming song takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TakesOver {
    /// At the planned place.
    ByItself,
    /// As soon as it is ready.
    AtOnce { fade_ms: u32 },
    /// The same, since another daypart began.
    AtBoundary { fade_ms: u32 },
}

/// A song that fades out or was told to go.
#[derive(Debug)]
pub(super) struct Leaving {
    load: LoadId,
    entry: EntryId,
    how: HowEnded,
    reason: &'static str,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Playback {
    pub(super) transport: Transport,
    pub(super) current: Option<Sounding>,
    pub(super) incoming: Option<Incoming>,
    leaving: Vec<Leaving>,
    /// The mixer holds the decks.
    held: bool,
    next_load: u64,
    last_checkpoint: Mono,
    /// The current song has reached its end and nothing could follow.
    pub(super) is_over: bool,
    /// The song at which the queue stands was played to its end; what follows it is waited for.
    pub(super) is_done: bool,
    /// Where someone paused before the last restart; `play` goes on there.
    pub(super) paused_at: Option<PausedAt>,
}

/// A place in a song at which the device was paused when it ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct PausedAt {
    pub(super) entry: EntryId,
    pub(super) position_ms: u64,
    pub(super) continues: Option<PlayKey>,
}

impl Default for Playback {
    fn default() -> Self {
        Self {
            transport: Transport::Stopped,
            current: None,
            incoming: None,
            leaving: Vec::new(),
            held: false,
            next_load: 1,
            last_checkpoint: Mono(0),
            is_over: false,
            is_done: false,
            paused_at: None,
        }
    }
}

impl Playback {
    /// Holds the music in its place.
    pub(super) fn hold(&mut self, fade_ms: u32, effects: &mut Vec<Effect>) {
        self.held = true;
        effects.push(Effect::Audio(Command::Hold { fade_ms }));
    }

    /// Whether music is on the air: it may be under an announcement, but it is not held.
    pub(super) fn is_aired(&self) -> bool {
        self.current.is_some() && !self.held
    }

    /// Whether anything can still be heard.
    pub(super) fn is_silent(&self) -> bool {
        self.current.is_none() && self.leaving.is_empty()
    }
}

impl App {
    /// Loads an entry, to take over as soon as it is ready.
    pub(super) fn jump(
        &mut self,
        entry: EntryId,
        start: StartAt,
        chosen_by: ChosenBy,
        effects: &mut Vec<Effect>,
    ) {
        if self.queue.get(entry).is_none() {
            // It has left the queue; what is held must not wait for it.
            return self.go_on_after_pause(effects);
        }
        let fade_ms = if self.playback.current.is_some() { SKIP_FADE_MS } else { 0 };
        self.drop_incoming(effects);
        // From now on this is where the queue stands: it cannot be removed on its way in.
        self.queue.set_current(entry);
        self.load(entry, start, chosen_by, TakesOver::AtOnce { fade_ms }, effects);
    }

    /// Goes on with the song of the run before.
    pub(super) fn resume(
        &mut self,
        entry: EntryId,
        start_ms: u64,
        continues: Option<PlayKey>,
        effects: &mut Vec<Effect>,
    ) {
        self.playback.transport = Transport::Playing;
        let fade_ms = if start_ms > 0 { RESUME_FADE_MS } else { 0 };
        self.load(entry, StartAt::Place(start_ms), ChosenBy::Resume, TakesOver::AtOnce { fade_ms }, effects);
        if let Some(incoming) = &mut self.playback.incoming {
            incoming.continues = continues;
        }
    }

    pub(super) fn play(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let was = std::mem::replace(&mut self.playback.transport, Transport::Playing);
        self.air.goes_on();
        self.forget_pause(effects);
        self.dirty = true;
        let is_silent = self.playback.current.is_none() && self.playback.incoming.is_none();
        if was == Transport::Paused && !is_silent {
            // A jump that is still being opened lets the music go when it is ready; else the song before would be heard.
            let opens = |i: &Incoming| i.takes_over != TakesOver::ByItself && i.media.is_none();
            if !self.playback.incoming.as_ref().is_some_and(opens) {
                self.release(PAUSE_FADE_MS, effects);
            }
        } else if is_silent {
            self.start_somewhere(now, effects);
        }
        // The pause was kept; a crash from now on must not end in silence.
        self.checkpoint(now, effects);
    }

    pub(super) fn pause(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.playback.transport != Transport::Playing {
            return;
        }
        self.playback.transport = Transport::Paused;
        self.air.paused(now);
        self.dirty = true;
        if self.playback.current.is_some() || self.playback.incoming.is_some() {
            self.playback.hold(PAUSE_FADE_MS, effects);
        }
        self.checkpoint(now, effects);
    }

    pub(super) fn stop(&mut self, now: Now, reason: &'static str, effects: &mut Vec<Effect>) {
        self.drop_incoming(effects);
        if let Some(current) = self.playback.current.take() {
            self.leave(current, HowEnded::Cut, reason, STOP_FADE_MS, effects);
        }
        self.playback.transport = Transport::Stopped;
        self.forget_pause(effects);
        self.playback.is_over = false;
        self.playback.is_done = false;
        self.playback.paused_at = None;
        self.dirty = true;
        self.checkpoint(now, effects);
    }

    /// Silence, since nothing may sound any more; what was played counts as cut.
    pub(super) fn shut(&mut self, now: Now, reason: &'static str, fade_ms: u32, effects: &mut Vec<Effect>) {
        self.drop_incoming(effects);
        if let Some(current) = self.playback.current.take() {
            self.leave(current, HowEnded::Cut, reason, fade_ms, effects);
            // When it opens again the music goes on with what follows.
            self.playback.is_done = true;
        }
        self.playback.paused_at = None;
        self.drop_breaks();
        self.hush(now, reason, fade_ms, effects);
        self.dirty = true;
    }

    /// What plays makes way for the next song, with a fade.
    pub(super) fn make_way(&mut self, now: Now, fade_ms: u32, effects: &mut Vec<Effect>) {
        self.ask_for_break(now, effects);
        let Some(current) = &self.playback.current else { return };
        let takes_over = TakesOver::AtBoundary { fade_ms };
        let here = Some(current.entry);
        match self.playback.incoming.as_mut() {
            Some(incoming) if incoming.takes_over == TakesOver::ByItself => {
                incoming.takes_over = takes_over;
                self.queue.set_current(incoming.entry);
                self.join_incoming(effects);
            }
            // Somebody has chosen something.
            Some(_) => {}
            None => {
                if let Some(next) = self.next_entry(now, here, true) {
                    self.queue.set_current(next);
                    self.load(next, StartAt::Music, ChosenBy::Queue, takes_over, effects);
                }
            }
        }
    }

    pub(super) fn skip(&mut self, now: Now, reason: &'static str, effects: &mut Vec<Effect>) {
        self.playback.transport = Transport::Playing;
        self.dirty = true;
        if self.playback.current.is_none() && self.playback.incoming.is_none() {
            self.start_somewhere(now, effects);
            return;
        }
        self.ask_for_break(now, effects);
        let here = self.place_in_queue();
        match self.playback.incoming.as_mut() {
            // The next one is on its way already: let it in now.
            Some(incoming) if incoming.takes_over == TakesOver::ByItself && Some(incoming.entry) != here => {
                incoming.takes_over = TakesOver::AtOnce { fade_ms: SKIP_FADE_MS };
                incoming.chosen_by = ChosenBy::User;
                incoming.skips_as = reason;
                // As for every jump: from now on it cannot be removed.
                self.queue.set_current(incoming.entry);
                self.join_incoming(effects);
            }
            _ => match self.next_entry(now, here, true) {
                Some(next) => {
                    self.jump(next, StartAt::Music, ChosenBy::User, effects);
                    self.skip_as(reason);
                }
                None => {
                    self.drop_incoming(effects);
                    if let Some(current) = self.playback.current.take() {
                        self.leave(current, HowEnded::Skipped, reason, STOP_FADE_MS, effects);
                    }
                    self.nothing_follows(now, effects);
                }
            },
        }
    }

    pub(super) fn previous(&mut self, now: Now, reason: &'static str, effects: &mut Vec<Effect>) {
        self.playback.transport = Transport::Playing;
        self.dirty = true;
        let Some(here) = self.place_in_queue() else { return self.start_somewhere(now, effects) };
        let position_ms = self.playback.current.as_ref().map_or(0, |current| current.heard.position_ms);
        let before = if position_ms > PREVIOUS_MS_MAX {
            None
        } else {
            let quarantine = &self.quarantine;
            self.queue.before(here, |entry| quarantine.reason(now.monotonic, &entry.path).is_none())
        };
        self.jump(before.unwrap_or(here), StartAt::Music, ChosenBy::User, effects);
        self.skip_as(reason);
    }

    /// What the song on its way in makes leave is logged with this reason.
    fn skip_as(&mut self, reason: &'static str) {
        if let Some(incoming) = &mut self.playback.incoming {
            incoming.skips_as = reason;
        }
    }

    /// To a place in the current song, which stays the same play.
    pub(super) fn seek(&mut self, position_ms: u64, effects: &mut Vec<Effect>) {
        let Some(current) = &self.playback.current else { return };
        let (entry, load) = (current.entry, current.load);
        let key = self.plays.key_of(load);
        self.jump(entry, StartAt::Place(position_ms), ChosenBy::User, effects);
        if let Some(incoming) = &mut self.playback.incoming {
            incoming.same_play = key;
        }
    }

    /// Makes sure that what follows is the right song, and planned for the right moment. Called whenever the queue, the
    /// settings or the current song changed.
    pub(super) fn prepare_next(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(current) = &self.playback.current else {
            let wants_music = self.playback.transport == Transport::Playing
                && !self.playback.is_over
                && self.air.allows(now);
            if wants_music && self.playback.incoming.is_none() {
                self.start_somewhere(now, effects);
            }
            return;
        };
        let wanted = self.next_entry(now, Some(current.entry), false);
        if let Some(incoming) = &self.playback.incoming {
            if incoming.takes_over != TakesOver::ByItself {
                return;
            }
            if wanted == Some(incoming.entry) {
                self.join_incoming(effects);
                return;
            }
            self.drop_incoming(effects);
        }
        // Two decks: while one song leaves there is no room for a third.
        if !self.playback.leaving.is_empty() {
            return;
        }
        if let Some(next) = wanted {
            self.load(next, StartAt::Music, ChosenBy::Queue, TakesOver::ByItself, effects);
        }
    }

    fn load(
        &mut self,
        entry: EntryId,
        start: StartAt,
        chosen_by: ChosenBy,
        takes_over: TakesOver,
        effects: &mut Vec<Effect>,
    ) {
        let Some(path) = self.queue.get(entry).map(|entry| Arc::clone(&entry.path)) else {
            log::debug!("entry {entry} has left the queue");
            return;
        };
        let load = self.number_load();
        self.playback.is_over = false;
        self.playback.is_done = false;
        self.playback.paused_at = None;
        self.playback.incoming = Some(Incoming {
            load,
            entry,
            start,
            chosen_by,
            same_play: None,
            continues: None,
            media: None,
            gain_db: 0.0,
            before_db: None,
            takes_over,
            skips_as: SKIPPED,
        });
        self.dirty = true;
        effects.push(Effect::Audio(Command::Load { load, path, start }));
    }

    pub(super) fn number_load(&mut self) -> LoadId {
        let load = LoadId(self.playback.next_load);
        self.playback.next_load += 1;
        load
    }

    /// Tells the mixer when the incoming song begins, if it is ready.
    pub(super) fn join_incoming(&mut self, effects: &mut Vec<Effect>) {
        let Some(incoming) = &self.playback.incoming else { return };
        let Some(media) = &incoming.media else { return };
        let to = incoming.load;
        let current = self.playback.current.as_ref();
        let from = current.map(|current| current.load);
        let join = match (incoming.takes_over, current) {
            (TakesOver::AtOnce { fade_ms } | TakesOver::AtBoundary { fade_ms }, _) => {
                Join { from, to, at: JoinAt::Now, fade_ms }
            }
            (TakesOver::ByItself, None) => Join { from, to, at: JoinAt::Now, fade_ms: 0 },
            (TakesOver::ByItself, Some(current)) => {
                // Nothing is spoken over the end of a song, or over the beginning of the next.
                let is_spot =
                    [current.entry, incoming.entry].iter().any(|entry| self.air.spot(*entry).is_some());
                let crossfade_ms = if is_spot { 0 } else { self.crossfade_ms };
                let plan = plan(crossfade_ms, &current.media, media, !self.queue.is_shuffled());
                Join { from, to, at: plan.at, fade_ms: plan.fade_ms }
            }
        };
        effects.push(Effect::Audio(Command::Join(join)));
        if join.at == JoinAt::Now && self.playback.transport == Transport::Playing {
            self.release(SKIP_FADE_MS, effects);
        }
    }

    /// Lets the music go in good order, for the end of the process.
    pub(super) fn let_go(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.checkpoint(now, effects);
        self.drop_incoming(effects);
        self.silence_voice(now, SHUTDOWN, PAUSE_FADE_MS, effects);
        if let Some(current) = self.playback.current.take() {
            self.leave(current, HowEnded::Cut, SHUTDOWN, PAUSE_FADE_MS, effects);
        }
    }

    /// Closes what is open, when the audio thread does not answer any more.
    pub(super) fn close_all(&mut self, now: Now, effects: &mut Vec<Effect>) {
        for (load, heard) in self.plays.live() {
            self.close(now, load, heard, HowEnded::Cut, SHUTDOWN, effects);
        }
    }

    pub(super) fn drop_incoming(&mut self, effects: &mut Vec<Effect>) {
        if let Some(incoming) = self.playback.incoming.take() {
            effects.push(Effect::Audio(Command::CancelJoin));
            // It may have begun a moment ago; then it must not click.
            effects.push(Effect::Audio(Command::Unload { load: incoming.load, fade_ms: SKIP_FADE_MS }));
        }
    }

    fn leave(
        &mut self,
        song: Sounding,
        how: HowEnded,
        reason: &'static str,
        fade_ms: u32,
        effects: &mut Vec<Effect>,
    ) {
        effects.push(Effect::Audio(Command::Unload { load: song.load, fade_ms }));
        self.playback.leaving.push(Leaving { load: song.load, entry: song.entry, how, reason });
    }

    /// Lets the music go on after it was held for something else, if nobody has paused it.
    pub(super) fn go_on_after_hold(&mut self, fade_ms: u32, effects: &mut Vec<Effect>) {
        if self.playback.transport == Transport::Playing {
            self.release(fade_ms, effects);
        }
    }

    fn release(&mut self, fade_ms: u32, effects: &mut Vec<Effect>) {
        let is_held = self.voice.holds_music() || self.film.holds_music();
        if !is_held && std::mem::replace(&mut self.playback.held, false) {
            effects.push(Effect::Audio(Command::Release { fade_ms }));
        }
    }
}

//! What plays: one song that is heard, one on its way in, and those that are leaving.
//!
//! Skip, seek, previous and "play this now" are one mechanism: load a song at a place, and when it is ready let it take
//! over at once. What follows by itself is loaded as soon as there is room and takes over at the planned place.

mod following;
mod place;

use std::sync::Arc;

use orchestrion_protocol::status::EntryId;

use super::crossfade::{Side, plan};
use super::{App, Effect};
use crate::audio::{self, Command, Heard, Join, JoinAt, LoadError, LoadId, Media};
use crate::storage::{ChosenBy, HowEnded, PlayKey, PlayStart};
use crate::time::{Mono, Now};

/// The fade when someone skips or seeks, in milliseconds: short enough to feel immediate, long enough not to click.
const SKIP_FADE_MS: u32 = 30;
/// The fade of pause, and of going on.
const PAUSE_FADE_MS: u32 = 80;
/// The fade of stop.
const STOP_FADE_MS: u32 = 150;
/// The fade with which a song goes on after a restart.
const RESUME_FADE_MS: u32 = 200;
/// In the first seconds of a song `previous` means the song before, else its start.
const PREVIOUS_MS_MAX: u64 = 3000;
/// How often the place in the song is kept.
const CHECKPOINT_EVERY_MS: u64 = 2000;

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
    start_ms: u64,
}

/// A song on its way in.
#[derive(Debug)]
pub(super) struct Incoming {
    load: LoadId,
    pub(super) entry: EntryId,
    start_ms: u64,
    chosen_by: ChosenBy,
    /// The open play that it goes on with, after a seek.
    same_play: Option<PlayKey>,
    /// The play of an earlier run that it goes on with.
    continues: Option<PlayKey>,
    media: Option<Box<Media>>,
    takes_over: TakesOver,
}

/// When an incoming song takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TakesOver {
    /// At the planned place.
    ByItself,
    /// As soon as it is ready.
    AtOnce { fade_ms: u32 },
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
        }
    }
}

impl Playback {
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
        start_ms: u64,
        chosen_by: ChosenBy,
        effects: &mut Vec<Effect>,
    ) {
        let fade_ms = if self.playback.current.is_some() { SKIP_FADE_MS } else { 0 };
        self.drop_incoming(effects);
        // From now on this is where the queue stands: it cannot be removed on its way in.
        self.queue.set_current(entry);
        self.load(entry, start_ms, chosen_by, TakesOver::AtOnce { fade_ms }, effects);
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
        self.load(entry, start_ms, ChosenBy::Resume, TakesOver::AtOnce { fade_ms }, effects);
        if let Some(incoming) = &mut self.playback.incoming {
            incoming.continues = continues;
        }
    }

    pub(super) fn play(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let was = std::mem::replace(&mut self.playback.transport, Transport::Playing);
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
        self.dirty = true;
        if self.playback.current.is_some() || self.playback.incoming.is_some() {
            self.playback.held = true;
            effects.push(Effect::Audio(Command::Hold { fade_ms: PAUSE_FADE_MS }));
        }
        self.checkpoint(now, effects);
    }

    pub(super) fn stop(&mut self, now: Now, reason: &'static str, effects: &mut Vec<Effect>) {
        self.drop_incoming(effects);
        if let Some(current) = self.playback.current.take() {
            self.leave(current, HowEnded::Cut, reason, STOP_FADE_MS, effects);
        }
        self.playback.transport = Transport::Stopped;
        self.playback.is_over = false;
        self.dirty = true;
        self.checkpoint(now, effects);
    }

    pub(super) fn skip(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.playback.transport = Transport::Playing;
        self.dirty = true;
        if self.playback.current.is_none() && self.playback.incoming.is_none() {
            self.start_somewhere(now, effects);
            return;
        }
        let here = self.place_in_queue();
        match self.playback.incoming.as_mut() {
            // The next one is on its way already: let it in now.
            Some(incoming) if incoming.takes_over == TakesOver::ByItself && Some(incoming.entry) != here => {
                incoming.takes_over = TakesOver::AtOnce { fade_ms: SKIP_FADE_MS };
                incoming.chosen_by = ChosenBy::User;
                self.join_incoming(effects);
            }
            _ => match self.next_entry(now, here, true) {
                Some(next) => self.jump(next, 0, ChosenBy::User, effects),
                None => {
                    self.drop_incoming(effects);
                    if let Some(current) = self.playback.current.take() {
                        self.leave(current, HowEnded::Skipped, "skipped", STOP_FADE_MS, effects);
                    }
                    self.nothing_follows(now, effects);
                }
            },
        }
    }

    pub(super) fn previous(&mut self, now: Now, effects: &mut Vec<Effect>) {
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
        self.jump(before.unwrap_or(here), 0, ChosenBy::User, effects);
    }

    /// To a place in the current song, which stays the same play.
    pub(super) fn seek(&mut self, position_ms: u64, effects: &mut Vec<Effect>) {
        let Some(current) = &self.playback.current else { return };
        let (entry, load) = (current.entry, current.load);
        let key = self.plays.key_of(load);
        self.jump(entry, position_ms, ChosenBy::User, effects);
        if let Some(incoming) = &mut self.playback.incoming {
            incoming.same_play = key;
        }
    }

    /// Makes sure that what follows is the right song, and planned for the right moment. Called whenever the queue, the
    /// settings or the current song changed.
    pub(super) fn prepare_next(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(current) = &self.playback.current else {
            if self.playback.transport == Transport::Playing && self.playback.incoming.is_none() {
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
            self.load(next, 0, ChosenBy::Queue, TakesOver::ByItself, effects);
        }
    }

    pub(super) fn hear_audio(&mut self, now: Now, event: audio::Event, effects: &mut Vec<Effect>) {
        match event {
            audio::Event::Loaded { load, media } => self.loaded(load, media, effects),
            audio::Event::Failed { load, error } => self.failed(now, load, &error, effects),
            audio::Event::Started { load } => self.started(now, load, effects),
            audio::Event::Ended { load, heard, error } => self.ended(now, load, heard, error, effects),
            audio::Event::Progressed { load, heard, peak } => {
                self.progressed(now, load, heard, peak, effects)
            }
            audio::Event::OutputChanged(output) => {
                self.output = Some(output);
                self.dirty = true;
            }
            audio::Event::Emptied => self.load_again(now, effects),
        }
    }

    /// The audio thread has lost its loads: everything is loaded again where it was.
    pub(super) fn load_again(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let live = self.plays.live();
        let leaving = std::mem::take(&mut self.playback.leaving);
        for gone in leaving {
            let heard = live.iter().find(|(load, _)| *load == gone.load).map(|(_, heard)| *heard);
            self.close(now, gone.load, heard.unwrap_or_default(), gone.how, gone.reason, effects);
        }
        let incoming = self.playback.incoming.take();
        self.playback.held = false;
        if self.playback.transport == Transport::Paused {
            self.playback.held = true;
            effects.push(Effect::Audio(Command::Hold { fade_ms: 0 }));
        }
        if let Some(current) = self.playback.current.take() {
            let key = self.plays.key_of(current.load);
            let takes_over = TakesOver::AtOnce { fade_ms: RESUME_FADE_MS };
            self.load(current.entry, current.heard.position_ms, ChosenBy::Resume, takes_over, effects);
            if let (Some(key), Some(incoming)) = (key, &mut self.playback.incoming) {
                // The same play goes on: its old load counts as far as it was heard.
                let load = incoming.load;
                incoming.same_play = Some(key);
                self.plays.go_on(key, load);
                self.plays.end(now.monotonic, current.load, current.heard, HowEnded::Failed, "");
            } else {
                self.close(
                    now,
                    current.load,
                    current.heard,
                    HowEnded::Failed,
                    "the output was lost",
                    effects,
                );
            }
        } else if let Some(incoming) = incoming {
            self.load(
                incoming.entry,
                incoming.start_ms,
                incoming.chosen_by,
                TakesOver::AtOnce { fade_ms: 0 },
                effects,
            );
            if let Some(again) = &mut self.playback.incoming {
                again.continues = incoming.continues;
            }
        }
        // What was played may have left the queue meanwhile.
        self.prepare_next(now, effects);
    }

    fn load(
        &mut self,
        entry: EntryId,
        start_ms: u64,
        chosen_by: ChosenBy,
        takes_over: TakesOver,
        effects: &mut Vec<Effect>,
    ) {
        let Some(path) = self.queue.get(entry).map(|entry| Arc::clone(&entry.path)) else {
            log::debug!("entry {entry} has left the queue");
            return;
        };
        let load = LoadId(self.playback.next_load);
        self.playback.next_load += 1;
        self.playback.is_over = false;
        self.playback.incoming = Some(Incoming {
            load,
            entry,
            start_ms,
            chosen_by,
            same_play: None,
            continues: None,
            media: None,
            takes_over,
        });
        self.dirty = true;
        effects.push(Effect::Audio(Command::Load { load, path, start_ms }));
    }

    fn loaded(&mut self, load: LoadId, media: Box<Media>, effects: &mut Vec<Effect>) {
        let Some(incoming) = self.playback.incoming.as_mut().filter(|incoming| incoming.load == load) else {
            return;
        };
        if let Some(entry) = self.queue.get_mut(incoming.entry) {
            entry.tags = Some(media.tags.clone());
            entry.duration_ms = media.duration_ms;
        }
        incoming.media = Some(media);
        self.dirty = true;
        self.join_incoming(effects);
    }

    /// Tells the mixer when the incoming song begins, if it is ready.
    fn join_incoming(&mut self, effects: &mut Vec<Effect>) {
        let Some(incoming) = &self.playback.incoming else { return };
        let Some(media) = &incoming.media else { return };
        let to = incoming.load;
        let current = self.playback.current.as_ref();
        let from = current.map(|current| current.load);
        let join = match (incoming.takes_over, current) {
            (TakesOver::AtOnce { fade_ms }, _) => Join { from, to, at: JoinAt::Now, fade_ms },
            (TakesOver::ByItself, None) => Join { from, to, at: JoinAt::Now, fade_ms: 0 },
            (TakesOver::ByItself, Some(current)) => {
                let plan = plan(
                    self.crossfade_ms,
                    Side { media: &current.media, start_ms: current.start_ms },
                    Side { media, start_ms: incoming.start_ms },
                    !self.queue.is_shuffled(),
                );
                Join { from, to, at: plan.at, fade_ms: plan.fade_ms }
            }
        };
        effects.push(Effect::Audio(Command::Join(join)));
        if join.at == JoinAt::Now && self.playback.transport == Transport::Playing {
            self.release(0, effects);
        }
    }

    fn started(&mut self, now: Now, load: LoadId, effects: &mut Vec<Effect>) {
        let Some(incoming) = self.playback.incoming.take_if(|incoming| incoming.load == load) else { return };
        if let Some(before) = self.playback.current.take() {
            let (how, reason) = match (incoming.takes_over, incoming.same_play) {
                (TakesOver::ByItself, _) => (HowEnded::Finished, ""),
                (TakesOver::AtOnce { .. }, None) => (HowEnded::Skipped, "skipped"),
                (TakesOver::AtOnce { .. }, Some(_)) => (HowEnded::Skipped, ""),
            };
            self.playback.leaving.push(Leaving { load: before.load, entry: before.entry, how, reason });
        }
        let media = incoming.media.unwrap_or_default();
        let goes_on = incoming
            .same_play
            .is_some_and(|key| self.plays.key_of(load) == Some(key) || self.plays.go_on(key, load));
        if !goes_on {
            self.open_play(
                now,
                load,
                &incoming.chosen_by,
                incoming.entry,
                incoming.start_ms,
                incoming.continues,
                &media,
                effects,
            );
        }
        let heard = Heard { position_ms: incoming.start_ms, ..Heard::default() };
        self.playback.current =
            Some(Sounding { load, entry: incoming.entry, media, heard, start_ms: incoming.start_ms });
        self.queue.set_current(incoming.entry);
        self.keeper.save_queue(self.queue.snapshot(), effects);
        self.dirty = true;
        self.checkpoint(now, effects);
        self.prepare_next(now, effects);
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one incoming song, taken apart by its owner")]
    fn open_play(
        &mut self,
        now: Now,
        load: LoadId,
        chosen_by: &ChosenBy,
        entry: EntryId,
        start_offset_ms: u64,
        continues: Option<PlayKey>,
        media: &Media,
        effects: &mut Vec<Effect>,
    ) {
        let Some(path) = self.queue.get(entry).map(|entry| Arc::clone(&entry.path)) else { return };
        let key = self.plays.begin(load);
        let start = PlayStart {
            key,
            path,
            size: media.size,
            modified_ms: media.modified_ms,
            title: media.tags.title.clone(),
            artist: media.tags.artist.clone(),
            album: media.tags.album.clone(),
            started: now.monotonic,
            started_wall: now.wall,
            duration_ms: media.duration_ms,
            start_offset_ms,
            output: self.output.as_ref().map(|output| output.name.clone()).unwrap_or_default(),
            volume_db: if self.muted { None } else { audio::volume::decibels(self.volume) },
            chosen_by: *chosen_by,
            continues,
        };
        self.keeper.open_play(start, effects);
    }

    fn ended(
        &mut self,
        now: Now,
        load: LoadId,
        heard: Heard,
        error: Option<LoadError>,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(at) = self.playback.leaving.iter().position(|leaving| leaving.load == load) {
            let leaving = self.playback.leaving.swap_remove(at);
            // A song that was asked to go may have been broken further on; that is found when it plays to its end.
            let error = error.filter(|_| leaving.how == HowEnded::Finished);
            if self.ending.is_some() {
                self.last_checkpoint(now, load, leaving.entry, heard, effects);
            }
            self.finish(now, load, leaving.entry, heard, error, leaving.how, leaving.reason, effects);
        } else if let Some(current) = self.playback.current.take_if(|current| current.load == load) {
            self.finish(now, load, current.entry, heard, error, HowEnded::Finished, "", effects);
            self.dirty = true;
            match self.playback.incoming.as_mut() {
                // It came too late for its join; let it begin as soon as it is ready.
                Some(incoming) => {
                    if incoming.takes_over == TakesOver::ByItself {
                        incoming.takes_over = TakesOver::AtOnce { fade_ms: 0 };
                        self.join_incoming(effects);
                    }
                }
                None => match self.next_entry(now, Some(current.entry), false) {
                    Some(next) => {
                        self.load(next, 0, ChosenBy::Queue, TakesOver::AtOnce { fade_ms: 0 }, effects);
                    }
                    None => self.nothing_follows(now, effects),
                },
            }
        } else if self.playback.incoming.take_if(|incoming| incoming.load == load).is_some() {
            // It began and ended between two reports (a song of one sample), or was dropped for another.
            log::debug!("{load:?} ended before it was heard to begin");
        }
        if self.ending.is_none() {
            self.prepare_next(now, effects);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the end of one song, told from two places")]
    fn finish(
        &mut self,
        now: Now,
        load: LoadId,
        entry: EntryId,
        heard: Heard,
        error: Option<LoadError>,
        how: HowEnded,
        reason: &str,
        effects: &mut Vec<Effect>,
    ) {
        let path = self.queue.get(entry).map(|entry| Arc::clone(&entry.path));
        match (error, path) {
            (Some(error), path) => {
                if let Some(path) = path {
                    self.quarantine_file(now, &path, &error, heard.heard_ms);
                }
                self.close(now, load, heard, HowEnded::Failed, &error.to_string(), effects);
            }
            (None, path) => {
                if let Some(path) = path.filter(|_| how == HowEnded::Finished) {
                    self.quarantine.succeed(&path);
                }
                self.close(now, load, heard, how, reason, effects);
            }
        }
    }

    fn close(
        &mut self,
        now: Now,
        load: LoadId,
        heard: Heard,
        how: HowEnded,
        reason: &str,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(end) = self.plays.end(now.monotonic, load, heard, how, reason) {
            self.keeper.close_play(end, effects);
        }
    }

    fn failed(&mut self, now: Now, load: LoadId, error: &LoadError, effects: &mut Vec<Effect>) {
        let Some(incoming) = self.playback.incoming.take_if(|incoming| incoming.load == load) else { return };
        if let Some(path) = self.queue.get(incoming.entry).map(|entry| Arc::clone(&entry.path)) {
            self.quarantine_file(now, &path, error, 0);
        }
        self.dirty = true;
        if incoming.same_play.is_some() && self.playback.current.is_some() {
            // A seek that cannot be done leaves the song where it is.
            self.prepare_next(now, effects);
            return;
        }
        if let Some(key) = incoming.same_play
            && let Some(end) =
                self.plays.end(now.monotonic, load, Heard::default(), HowEnded::Failed, &error.to_string())
        {
            log::debug!("{key:?} cannot go on");
            self.keeper.close_play(end, effects);
        }
        if incoming.takes_over == TakesOver::ByItself {
            self.prepare_next(now, effects);
            return;
        }
        match self.next_entry(now, Some(incoming.entry), true) {
            Some(next) => self.load(next, 0, ChosenBy::Queue, incoming.takes_over, effects),
            None if self.playback.current.is_none() => self.nothing_follows(now, effects),
            None => {}
        }
    }

    fn progressed(&mut self, now: Now, load: LoadId, heard: Heard, peak: f32, effects: &mut Vec<Effect>) {
        self.plays.progressed(load, heard);
        let Some(current) = self.playback.current.as_mut().filter(|current| current.load == load) else {
            return;
        };
        current.heard = heard;
        self.peak = self.peak.max(peak);
        self.tell_time(now, effects);
        if now.monotonic.since_ms(self.playback.last_checkpoint) >= CHECKPOINT_EVERY_MS {
            self.checkpoint(now, effects);
        }
    }

    /// Lets the music go in good order, for the end of the process.
    pub(super) fn let_go(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.checkpoint(now, effects);
        self.drop_incoming(effects);
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

    fn drop_incoming(&mut self, effects: &mut Vec<Effect>) {
        if let Some(incoming) = self.playback.incoming.take() {
            effects.push(Effect::Audio(Command::CancelJoin));
            effects.push(Effect::Audio(Command::Unload { load: incoming.load, fade_ms: 0 }));
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

    fn release(&mut self, fade_ms: u32, effects: &mut Vec<Effect>) {
        if std::mem::replace(&mut self.playback.held, false) {
            effects.push(Effect::Audio(Command::Release { fade_ms }));
        }
    }
}

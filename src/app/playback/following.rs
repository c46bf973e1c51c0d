//! Where the queue stands and what follows: the next song that is healthy, the end of the queue, and the way out of it.

use std::sync::Arc;

use orchestrion_protocol::status::EntryId;

use super::{TakesOver, Transport};
use crate::app::onair::SPOTS_AHEAD_LEN_MAX;
use crate::app::{App, Effect};
use crate::audio::{LoadError, StartAt};
use crate::measure::{self, AHEAD_LEN_MAX, Ahead};
use crate::storage::ChosenBy;
use crate::time::Now;

impl App {
    /// The entry that plays, is about to, or would.
    pub(in crate::app) fn place_in_queue(&self) -> Option<EntryId> {
        let jump = self.playback.incoming.as_ref().filter(|i| i.takes_over != TakesOver::ByItself);
        jump.map(|incoming| incoming.entry)
            .or_else(|| self.playback.current.as_ref().map(|current| current.entry))
            .or_else(|| self.queue.current())
    }

    /// What follows `here`: the next song that is not in quarantine; when all are, one that plays at least for a while.
    /// With a program it is chosen now, if nothing waits and something may still begin.
    pub(super) fn next_entry(&mut self, now: Now, here: Option<EntryId>, skip_one: bool) -> Option<EntryId> {
        self.feed_queue(now, here);
        if !self.air.allows(now) {
            return None;
        }
        let healthy = |path: &std::path::Path| self.quarantine.reason(now.monotonic, path).is_none();
        let next = self.queue.after(here, skip_one, |entry| healthy(&entry.path)).or_else(|| {
            self.queue.after(here, skip_one, |entry| self.quarantine.is_worth_hearing(&entry.path))
        });
        // A song that plays may be skipped, so that the next one begins at once; a spot is not.
        let is_spot = self.playback.current.as_ref().is_some_and(|one| self.air.spot(one.entry).is_some());
        let may_begin = self.air.lets_begin(now, if is_spot { self.current_left_ms() } else { 0 });
        next.filter(|entry| may_begin || self.air.spot(*entry).is_some())
    }

    /// What is left of the song that plays, in ms, as far as its length is known.
    pub(in crate::app) fn current_left_ms(&self) -> u64 {
        self.playback.current.as_ref().map_or(0, |current| {
            current.media.duration_ms.unwrap_or(0).saturating_sub(current.heard.position_ms)
        })
    }

    /// Lets what is played next be measured before it is.
    pub(in crate::app) fn measure_ahead(&mut self, effects: &mut Vec<Effect>) {
        let here = self.place_in_queue();
        let spots = self.air.spot_places();
        let songs_len = AHEAD_LEN_MAX - spots.len().min(SPOTS_AHEAD_LEN_MAX);
        let first = self.voice.unmeasured().cloned();
        let is_awaited = first.is_some();
        let songs = self.queue.ahead(here, songs_len).cloned();
        let songs = first.into_iter().chain(songs).chain(spots).collect();
        let ahead = Ahead { songs, films: self.unmeasured_film().into_iter().collect() };
        if ahead != self.told_ahead {
            self.told_ahead.clone_from(&ahead);
            let command = if is_awaited { measure::Command::AheadAtOnce } else { measure::Command::Ahead };
            effects.push(Effect::Measure(command(ahead)));
        }
    }

    /// Begins where the queue stands, or with what follows.
    pub(super) fn start_somewhere(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !self.air.allows(now) {
            self.dirty = true;
            return;
        }
        if let Some(paused) =
            self.playback.paused_at.take_if(|paused| self.queue.current() == Some(paused.entry))
        {
            return self.resume(paused.entry, paused.position_ms, paused.continues, effects);
        }
        let healthy = |id: &EntryId| {
            self.queue.get(*id).is_some_and(|e| self.quarantine.reason(now.monotonic, &e.path).is_none())
        };
        let current =
            self.queue.current().filter(|id| healthy(id) && !self.playback.is_over && !self.playback.is_done);
        let here = if self.playback.is_over { None } else { self.queue.current() };
        match current.or_else(|| self.next_entry(now, here, true)) {
            Some(entry) => {
                self.load(entry, StartAt::Music, ChosenBy::Queue, TakesOver::AtOnce { fade_ms: 0 }, effects)
            }
            None => self.dirty = true,
        }
    }

    /// New songs came while the queue had ended: go on with them.
    pub(in crate::app) fn go_on_with(&mut self, first: EntryId, effects: &mut Vec<Effect>) {
        if self.playback.is_over
            && self.playback.transport == Transport::Playing
            && self.playback.incoming.is_none()
        {
            self.load(first, StartAt::Music, ChosenBy::Queue, TakesOver::AtOnce { fade_ms: 0 }, effects);
        }
    }

    /// There is no next song: the queue has ended, or all that is left is in quarantine.
    pub(in crate::app) fn nothing_follows(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.dirty = true;
        if self.air.is_programmed() || (!self.exits_at_end && self.is_waiting_for_quarantine(now)) {
            self.playback.is_done = true;
            return;
        }
        self.playback.is_over = true;
        if self.wishes.is_empty() {
            self.playback.transport = Transport::Stopped;
            self.checkpoint(now, effects);
            if self.exits_at_end {
                self.terminate(now, effects);
            }
        }
    }

    /// Whether something would play if it were not in quarantine.
    pub(in crate::app) fn is_waiting_for_quarantine(&self, now: Now) -> bool {
        let here = if self.playback.is_over { None } else { self.queue.current() };
        self.queue
            .after(here, true, |entry| self.quarantine.reason(now.monotonic, &entry.path).is_some())
            .is_some()
    }

    pub(super) fn quarantine_file(
        &mut self,
        now: Now,
        path: &Arc<std::path::Path>,
        error: &LoadError,
        heard_ms: u64,
    ) {
        let delay_ms = self.quarantine.fail(now.monotonic, path, &error.to_string(), heard_ms);
        self.air.quarantine(self.times.rotation(now), path, delay_ms);
        log::warn!("skipped {}: {error}; tried again in {} s", path.display(), delay_ms / 1000);
        self.dirty = true;
    }
}

//! The queue of a device with a program: what plays, and what was chosen to come next.

use std::path::Path;
use std::sync::Arc;

use orchestrion_program::boundary;
use orchestrion_program::now::Sound;
use orchestrion_program::rotation::{Asked, Choice, Source, choose_next};
use orchestrion_protocol::method::Place;
use orchestrion_protocol::status::EntryId;

use super::super::playback::Incoming;
use super::super::times::Times;
use super::super::{App, Effect};
use super::{Chosen, OnAir};
use crate::time::Now;

/// Songs that were heard and stay in the queue, so that people can go back.
const HEARD_LEN_MAX: usize = 50;
/// Choices in a row that may lead to files in quarantine.
const CHOICES_MAX: usize = 20;

impl OnAir {
    /// Chooses a song that begins at a moment.
    fn choose(&mut self, times: &Times, now: Now, begins_ms: u64) -> Option<(Arc<Path>, Choice)> {
        let Sound::Open(open) = &self.sound else { return None };
        let begins_ms = i64::try_from(begins_ms).unwrap_or(0);
        let wall = times.clock(now).wall;
        if wall.trusted().is_some_and(|at| !boundary::song_may_begin(at.plus_ms(begins_ms), open.closes)) {
            return None;
        }
        let source = Source::of(&self.program.rules, open)?;
        let today = wall.at_least().map(|at| self.program.rules.zone().local(at.plus_ms(begins_ms)).date);
        let at = times.rotation(now).plus_ms(begins_ms);
        let asked = Asked { source, at, today, offline_days: 0 };
        let document = self.program.rules.document();
        let choice = choose_next(document, &self.program.catalogue, &self.history, &asked, &mut self.chance)?;
        let place = Arc::clone(self.program.place(&choice.recording)?);
        Some((place, choice))
    }
}

impl App {
    /// Makes sure that something follows `here`, if something may.
    pub(in crate::app) fn feed_queue(&mut self, now: Now, here: Option<EntryId>) {
        let begins_ms = self.current_left_ms();
        let Some(on) = &mut self.air.on else { return };
        // One that was chosen and cannot be opened is no song that follows.
        let healthy = |path: &Path| self.quarantine.left_ms(now.monotonic, path).is_none();
        if !on.allows(now) || self.queue.after(here, true, |entry| healthy(&entry.path)).is_some() {
            return;
        }
        for _ in 0..CHOICES_MAX {
            let number = on.chance.choices;
            let Some((place, choice)) = on.choose(&self.times, now, begins_ms) else { return };
            if let Some(for_ms) = self.quarantine.left_ms(now.monotonic, &place) {
                let until_ms =
                    self.times.rotation(now).0.saturating_add(i64::try_from(for_ms).unwrap_or(i64::MAX));
                on.program.catalogue.quarantine(choice.recording.as_str(), Some(until_ms));
                continue;
            }
            let added = self.queue.add([place], Place::Last);
            if let Some(entry) = added.ok().and_then(|outcome| outcome.first) {
                // After a restart it is chosen anew: the time may be another, and the playlist.
                self.queue.set_passing(entry, true);
                // It comes in the place of those, which must not come back as if they had been chosen after it.
                let queue = &self.queue;
                let is_passed_over = |chosen: &Chosen| {
                    queue.is_after(chosen.entry, here)
                        && queue.get(chosen.entry).is_some_and(|entry| !healthy(&entry.path))
                };
                let gone: Vec<EntryId> =
                    on.chosen.iter().filter(|one| is_passed_over(one)).map(|one| one.entry).collect();
                on.chosen.retain(|chosen| !gone.contains(&chosen.entry));
                for entry in gone {
                    let _ = self.queue.remove(entry);
                }
                on.chosen.push_back(Chosen { entry, number, choice });
            }
            break;
        }
        // Also what was heard before the last restart, which nobody remembers choosing.
        let gone = self.queue.heard_before(HEARD_LEN_MAX);
        on.chosen.retain(|chosen| !gone.contains(&chosen.entry));
        for entry in gone {
            let _ = self.queue.remove(entry);
        }
        self.dirty = true;
    }

    /// Takes out what the program has chosen and what has not begun.
    pub(super) fn drop_upcoming(&mut self, effects: &mut Vec<Effect>) {
        let Some(on) = &mut self.air.on else { return };
        let here = self.queue.current();
        let upcoming: Vec<EntryId> = {
            let after_here = |entry: EntryId| self.queue.is_after(entry, here);
            on.chosen.iter().map(|chosen| chosen.entry).filter(|entry| after_here(*entry)).collect()
        };
        on.chosen.retain(|chosen| !upcoming.contains(&chosen.entry));
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

//! Files that do not answer. A read from a dying disk may never come back, and its thread cannot be taken back: the deck
//! gets a new thread, the song fails, and the music goes on.

use std::time::{Duration, Instant};

use super::{DECKS, Event, LEFT_BEHIND_LEN_MAX, Player, Role, start_deck};
use crate::audio::LoadError;
use crate::audio::feed::FeedId;
use crate::audio::mixer::MixerCommand;

/// How long a file may take to open. `orchestrion-media` may take so long to load GStreamer from a slow card, and a disk to
/// spin up; after it the next songs are tried, and this one again when its quarantine ends.
pub(super) const OPEN_MAX: Duration = Duration::from_secs(20);
/// How long the song that is heard may stay without samples while the output asks for them: the promise is no two seconds
/// of silence.
const STARVED_MAX: Duration = Duration::from_millis(1500);

/// How often the output must have asked meanwhile.
const ASKED_MIN: u32 = 2;

/// What a file is that does not answer.
pub(super) const NO_ANSWER: &str = "the disk does not answer";

/// A song that is heard, and moves no further.
#[derive(Debug, Clone, Copy)]
pub(super) struct Starving {
    pub(super) feed: FeedId,
    heard_frames: u64,
    /// What the output has asked for; one that asks for nothing starves nobody, and is watched elsewhere.
    callbacks: u64,
    /// How often it was seen asking.
    asked: u32,
    since: Instant,
}

impl Starving {
    pub(super) fn new(feed: FeedId, heard_frames: u64, callbacks: u64) -> Self {
        Self { feed, heard_frames, callbacks, asked: 0, since: Instant::now() }
    }

    /// What was seen before and is seen now: the same, for longer, or something that moves.
    pub(super) fn look_again(before: Option<Self>, seen: Option<Self>) -> Option<Self> {
        match (before, seen) {
            (Some(before), Some(now))
                if (before.feed, before.heard_frames) == (now.feed, now.heard_frames) =>
            {
                let asked = before.asked + u32::from(before.callbacks != now.callbacks);
                Some(Self { callbacks: now.callbacks, asked, ..before })
            }
            (_, seen) => seen,
        }
    }

    pub(super) fn is_too_long(&self) -> bool {
        self.since.elapsed() >= STARVED_MAX && self.asked >= ASKED_MIN
    }
}

impl Player<'_> {
    /// Gives up files that do not answer.
    ///
    /// # Errors
    /// Too many threads wait for such files; only a new process gets rid of them.
    pub(super) fn watch_decks(&mut self) -> Result<(), String> {
        self.left_behind.retain(|thread| !thread.is_finished());
        for index in 0..self.bays.len() {
            if let Some((feed, since)) = self.bays[index].opening
                && since.elapsed() > OPEN_MAX
            {
                self.replace_deck(index)?;
                self.fail_opening(index, feed);
            }
        }
        let starving = self.look_for_starvation().filter(Starving::is_too_long);
        let Some(starving) = starving else { return Ok(()) };
        self.starving = None;
        let attached = |bay: &super::Bay| bay.attached == Some(starving.feed);
        if let Some(index) = self.bays.iter().position(attached) {
            self.replace_deck(index)?;
        }
        if let Some(entry) = self.feeds.get_mut(&starving.feed) {
            entry.error = Some(LoadError::Unreadable(NO_ANSWER.into()));
        }
        self.mix(MixerCommand::Unload { feed: starving.feed, fade_frames: 0 });
        Ok(())
    }

    /// Whether the output asks for samples of the song that is heard and gets none.
    fn look_for_starvation(&mut self) -> Option<Starving> {
        let callbacks = self.output.as_ref().map_or(0, |opened| opened.pulse.callbacks());
        let seen = self.sounding.filter(|_| !self.is_held).and_then(|feed| {
            let heard_frames = self.feeds.get(&feed)?.counters.as_ref()?.heard_frames();
            Some(Starving::new(feed, heard_frames, callbacks))
        });
        self.starving = Starving::look_again(self.starving, seen);
        self.starving
    }

    /// Gives a deck a new thread and leaves the old one behind; it ends by itself when its file answers.
    pub(super) fn replace_deck(&mut self, index: usize) -> Result<(), String> {
        if self.left_behind.len() >= LEFT_BEHIND_LEN_MAX {
            return Err(format!("{NO_ANSWER}: {LEFT_BEHIND_LEN_MAX} threads wait for it"));
        }
        let fresh = start_deck(self.service, index)?;
        let deck = match self.bays.get_mut(index) {
            Some(bay) => {
                bay.opening = None;
                &mut bay.deck
            }
            None => &mut self.voice.deck,
        };
        let old = std::mem::replace(deck, fresh);
        self.left_behind.push(old.leave());
        Ok(())
    }

    /// Tells `App` that the load of a feed could not be opened in time, if it is still wanted.
    pub(super) fn fail_opening(&mut self, index: usize, feed: FeedId) {
        let bay = &mut self.bays[index];
        bay.opening = None;
        bay.wanted.take_if(|wanted| *wanted == feed);
        if let Some(entry) = self.feeds.remove(&feed).filter(|entry| entry.role == Role::Main) {
            log::debug!("{} has a new thread: {} did not open", DECKS[index].1, entry.path.display());
            self.tell(Event::Failed { load: entry.load, error: LoadError::Unreadable(NO_ANSWER.into()) });
        }
    }
}

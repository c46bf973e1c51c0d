//! Announcements: a third deck, whose rings the mixer says over whatever plays.
//!
//! The music is ducked by the mixer, which brings it back when the ring is at its end or taken away; so what is left to
//! do here is to take away a ring whose file does not answer, and to tell `App` of each announcement once.

use std::sync::Arc;
use std::time::Instant;

use super::hung::{NO_ANSWER, OPEN_MAX, Starving};
use super::{DECLICK_MS, LEFT_BEHIND_LEN_MAX, Player, Report, Task, VOICE, heard_of};
use crate::audio::deck::Deck;
use crate::audio::feed::{Counters, Feed, FeedId};
use crate::audio::mixer::{Input, MixerCommand, MixerSay};
use crate::audio::say::{DUCK_DB_MAX, DUCK_DOWN_MS, DUCK_UP_MS};
use crate::audio::{Event, Heard, LoadError, LoadId, SaidEnd, Say, SayAt, StartAt, volume};

/// The third deck's place in the books.
pub(super) struct Voice {
    pub(super) deck: Deck,
    /// What its thread is opening, and since when.
    opening: Option<(FeedId, Instant)>,
    /// What is to be said next: being opened, or ready.
    next: Option<Next>,
    /// What the mixer has.
    given: Option<Given>,
    /// Of the rings.
    rate_hz: u32,
    /// What is said gets no samples.
    starving: Option<Starving>,
}

struct Next {
    feed: FeedId,
    saying: Saying,
    ready: Option<Feed>,
}

struct Given {
    feed: FeedId,
    counters: Arc<Counters>,
    rate_hz: u32,
    is_started: bool,
    /// `None`: it goes on in another ring.
    saying: Option<Saying>,
}

/// An announcement, from ring to ring.
struct Saying {
    say: Say,
    /// Its gain, as an amplitude.
    gain: f32,
    is_ready_told: bool,
    is_start_told: bool,
    /// It has been taken away.
    is_cut: bool,
    /// All of it is in the ring.
    is_decoded: bool,
    error: Option<LoadError>,
    /// What was heard of it in rings before.
    before: Heard,
}

impl Voice {
    pub(super) fn new(deck: Deck, rate_hz: u32) -> Self {
        Self { deck, opening: None, next: None, given: None, rate_hz, starving: None }
    }

    /// The announcement of a ring.
    fn saying(&mut self, feed: FeedId) -> Option<&mut Saying> {
        let next = self.next.as_mut().filter(|next| next.feed == feed).map(|next| &mut next.saying);
        let given = self.given.as_mut().filter(|given| given.feed == feed);
        next.or_else(|| given?.saying.as_mut())
    }
}

impl Player<'_> {
    /// Opens an announcement; whatever was being said ends.
    ///
    /// # Errors
    /// No thread for it.
    pub(super) fn say(&mut self, say: Say) -> Result<(), String> {
        if let Some(next) = self.voice.next.take() {
            self.said(next.saying, None);
        }
        let given = self.voice.given.as_ref().and_then(|given| given.saying.as_ref());
        let is_decoding = given.is_some_and(|saying| !saying.is_decoded);
        self.cut_given(DECLICK_MS);
        // An urgent one does not wait for a file that may not answer.
        if (is_decoding || self.voice.opening.is_some()) && self.left_behind.len() < LEFT_BEHIND_LEN_MAX {
            self.replace_deck(VOICE)?;
            self.voice.opening = None;
        }
        let gain = volume::of_decibels(if say.gain_db.is_nan() { 0.0 } else { volume::load_db(say.gain_db) });
        self.open_voice(Saying {
            say,
            gain,
            is_ready_told: false,
            is_start_told: false,
            is_cut: false,
            is_decoded: false,
            error: None,
            before: Heard::default(),
        });
        Ok(())
    }

    fn open_voice(&mut self, saying: Saying) {
        let feed = self.number_feed();
        let start = StartAt::Place(saying.before.position_ms);
        let task = Task::Load { feed, path: Arc::clone(&saying.say.path), start, out_hz: self.rate_hz };
        self.voice.rate_hz = self.rate_hz;
        self.voice.opening = Some((feed, Instant::now()));
        self.voice.next = Some(Next { feed, saying, ready: None });
        if !self.voice.deck.send(task) {
            self.fail_voice(feed, LoadError::Unreadable(NO_ANSWER.into()));
        }
    }

    /// Lets a prepared announcement begin.
    pub(super) fn speak(&mut self, load: LoadId) {
        if let Some(next) = self.voice.next.as_mut().filter(|next| next.saying.say.load == load) {
            next.saying.say.at = SayAt::Ready;
            self.give_voice();
        }
    }

    /// Ends an announcement early.
    pub(super) fn hush(&mut self, load: LoadId, fade_ms: u32) {
        if let Some(next) = self.voice.next.take_if(|next| next.saying.say.load == load) {
            self.voice.deck.send(Task::Drop);
            self.said(next.saying, None);
        } else if self.given_load() == Some(load) {
            self.cut_given(fade_ms);
        }
    }

    /// What was heard in the ring that is heard.
    #[cfg(test)]
    pub(super) fn voice_heard(&self) -> Option<Heard> {
        self.voice.given.as_ref().map(|given| heard_of(&given.counters, given.rate_hz))
    }

    fn given_load(&self) -> Option<LoadId> {
        Some(self.voice.given.as_ref()?.saying.as_ref()?.say.load)
    }

    fn cut_given(&mut self, fade_ms: u32) {
        let fade_frames = self.frames(fade_ms);
        let Some(given) = &mut self.voice.given else { return };
        let feed = given.feed;
        if let Some(saying) = &mut given.saying {
            saying.is_cut = true;
        }
        self.mix(MixerCommand::Unload { feed, fade_frames });
    }

    /// Sets the gain of an announcement, if `load` is one.
    pub(super) fn set_voice_gain(&mut self, load: LoadId, gain: f32) {
        if let Some(next) = self.voice.next.as_mut().filter(|next| next.saying.say.load == load) {
            next.saying.gain = gain;
            if let Some(ring) = &next.ready {
                ring.counters.set_gain(gain);
            }
        }
        let given = self.voice.given.as_mut();
        if let Some(Given { counters, saying: Some(saying), .. }) = given
            && saying.say.load == load
        {
            saying.gain = gain;
            counters.set_gain(gain);
        }
    }

    pub(super) fn hear_voice(&mut self, report: Report) {
        match report {
            Report::Ready { feed: ring, media } => {
                let id = ring.id();
                self.voice.opening.take_if(|(opening, _)| *opening == id);
                let Some(next) = self.voice.next.as_mut().filter(|next| next.feed == id) else { return };
                ring.counters.set_gain(next.saying.gain);
                next.ready = Some(ring);
                let load = next.saying.say.load;
                if !std::mem::replace(&mut next.saying.is_ready_told, true) {
                    self.tell(Event::SayReady { load, media });
                }
                self.give_voice();
            }
            Report::Failed { feed, error } => self.fail_voice(feed, error),
            Report::Decoded { feed, error } => {
                if let Some(saying) = self.voice.saying(feed) {
                    saying.is_decoded = true;
                    saying.error = error;
                }
            }
        }
    }

    fn fail_voice(&mut self, feed: FeedId, error: LoadError) {
        self.voice.opening.take_if(|(opening, _)| *opening == feed);
        if let Some(mut next) = self.voice.next.take_if(|next| next.feed == feed) {
            next.saying.error = Some(error);
            self.said(next.saying, None);
        }
    }

    /// Gives the mixer what is ready and may begin, as soon as the ring before it has come back.
    fn give_voice(&mut self) {
        if self.voice.given.is_some() {
            return;
        }
        let may_begin = |next: &mut Next| next.ready.is_some() && next.saying.say.at == SayAt::Ready;
        let Some(Next { feed, saying, ready: Some(ring) }) = self.voice.next.take_if(may_begin) else {
            return;
        };
        let say = &saying.say;
        let duck_db = if say.duck_db.is_nan() { 0.0 } else { say.duck_db.clamp(0.0, DUCK_DB_MAX) };
        let words = MixerSay {
            feed,
            duck_gain: volume::of_decibels(-duck_db),
            down_frames: self.frames(DUCK_DOWN_MS),
            up_frames: self.frames(DUCK_UP_MS),
            rise_frames: if saying.before.position_ms > 0 { self.frames(DECLICK_MS) } else { 0 },
            pierces_hold: say.pierces_pause,
        };
        let counters = Arc::clone(&ring.counters);
        let rate_hz = self.voice.rate_hz;
        self.voice.given = Some(Given { feed, counters, rate_hz, is_started: false, saying: Some(saying) });
        self.mix(MixerCommand::Attach(Input::Voice, ring));
        self.mix(MixerCommand::Say(words));
    }

    /// Hears of the mixer that a ring begins. `false`: it is none of an announcement.
    pub(super) fn voice_started(&mut self, feed: FeedId) -> bool {
        let Some(given) = self.voice.given.as_mut().filter(|given| given.feed == feed) else { return false };
        given.is_started = true;
        let untold = given.saying.as_mut().filter(|saying| !saying.is_start_told);
        if let Some(saying) = untold {
            saying.is_start_told = true;
            let load = saying.say.load;
            self.tell(Event::SayStarted { load });
        }
        true
    }

    /// Hears of the mixer that a ring is spent. `false`: it is none of an announcement.
    pub(super) fn voice_ended(&mut self, ring: &mut Feed) -> bool {
        let id = ring.id();
        let Some(given) = self.voice.given.take_if(|given| given.feed == id) else { return false };
        if let Some(mut saying) = given.saying {
            let (frames, has_ended) = ring.available();
            saying.is_cut = frames > 0 || !has_ended;
            saying.before = add(saying.before, heard_of(&given.counters, given.rate_hz));
            let end = if saying.is_cut { SaidEnd::Cut } else { SaidEnd::Finished };
            self.said(saying, Some(end));
        }
        self.give_voice();
        true
    }

    /// Tells `App` that an announcement is over; it was cut if nothing else is known.
    fn said(&self, saying: Saying, end: Option<SaidEnd>) {
        let end = saying.error.map(SaidEnd::Failed).or(end).unwrap_or(SaidEnd::Cut);
        self.tell(Event::Said { load: saying.say.load, heard: saying.before, end });
    }

    /// Gives up a file that does not answer, and goes on where an output has another rate.
    ///
    /// # Errors
    /// Too many threads wait for files that do not answer.
    pub(super) fn watch_voice(&mut self) -> Result<(), String> {
        if self.voice.rate_hz != self.rate_hz {
            self.go_on_at_another_rate();
        }
        if let Some((feed, since)) = self.voice.opening
            && since.elapsed() > OPEN_MAX
        {
            self.replace_deck(VOICE)?;
            self.fail_voice(feed, LoadError::Unreadable(NO_ANSWER.into()));
        }
        let Some(starved) = self.look_for_starved_voice() else { return Ok(()) };
        self.voice.starving = None;
        if let Some(saying) = self.voice.saying(starved) {
            saying.error = Some(LoadError::Unreadable(NO_ANSWER.into()));
        }
        self.mix(MixerCommand::Unload { feed: starved, fade_frames: 0 });
        if self.voice.opening.is_none() {
            self.replace_deck(VOICE)?;
        }
        Ok(())
    }

    /// The ring that the output asks for samples in vain, for too long.
    fn look_for_starved_voice(&mut self) -> Option<FeedId> {
        let callbacks = self.output.as_ref().map_or(0, |opened| opened.pulse.callbacks());
        let waits = |saying: &Saying| self.is_held && !saying.say.pierces_pause;
        let heard = self.voice.given.as_ref().filter(|given| given.is_started);
        let heard = heard.filter(|given| !given.saying.as_ref().is_some_and(waits));
        let seen = heard.map(|given| Starving::new(given.feed, given.counters.heard_frames(), callbacks));
        self.voice.starving = Starving::look_again(self.voice.starving, seen);
        self.voice.starving.filter(Starving::is_too_long).map(|starving| starving.feed)
    }

    fn go_on_at_another_rate(&mut self) {
        self.voice.rate_hz = self.rate_hz;
        let mut again = self.voice.next.take().map(|next| next.saying);
        if let Some(given) = &mut self.voice.given {
            let feed = given.feed;
            if let Some(mut saying) = given.saying.take_if(|saying| !saying.is_cut && again.is_none()) {
                saying.before = add(saying.before, heard_of(&given.counters, given.rate_hz));
                again = Some(saying);
            }
            self.mix(MixerCommand::Unload { feed, fade_frames: 0 });
        }
        if let Some(mut saying) = again {
            (saying.is_decoded, saying.error) = (false, None);
            self.open_voice(saying);
        }
    }
}

/// What was heard in one ring and then in the next.
fn add(before: Heard, heard: Heard) -> Heard {
    Heard {
        heard_ms: before.heard_ms + heard.heard_ms,
        audible_ms: before.audible_ms + heard.audible_ms,
        ..heard
    }
}

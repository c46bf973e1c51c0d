//! The audio thread: which load is on which deck, which output is open, and what `App` is told of it.

mod films;
mod hung;
mod outputs;
mod voice;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::deck::{Deck, Report, Task};
use super::feed::{Counters, Feed, FeedId};
use super::mixer::{Input, MixerCommand, MixerJoin, MixerJoinAt, MixerRemote, MixerReport, mixer};
use super::output::{self, Dock, Opened, Wanted};
use super::{
    AudioPlayer, CEILING_DBTP_MIN, Command, Event, Heard, Join, JoinAt, LoadError, LoadId, Media, Output,
    StartAt, film, volume,
};
use crate::storage::Measurements;
use hung::Starving;
use voice::Voice;

/// What the audio thread hears: `App`'s commands, its decks' reports, an output's loss, and the word to stop.
#[derive(Debug)]
pub(super) enum Message {
    Command(Command),
    Deck(usize, Report),
    /// Of the video thread.
    Films(film::Reader),
    /// The output is lost, or the mixer has something to report; both are looked at after every message.
    Look,
    Stop,
}

/// How often `App` hears of progress, and the output and the decks are looked at.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);
/// The same soon after a command: whoever pressed pause wants to see where.
const AWAKE_PROGRESS_EVERY: Duration = Duration::from_millis(200);
/// How soon.
const AWAKE_FOR: Duration = Duration::from_secs(1);
/// How often it is tried to tell the mixer what it had no room for.
const UNSENT_TICK: Duration = Duration::from_millis(20);
/// The shortest wait.
const TICK_MIN: Duration = Duration::from_millis(4);
/// An output that pulls nothing for so long is lost.
const STALL_MAX: Duration = Duration::from_millis(500);
/// Before so many pulls an output is still starting: a sound server that slept may take 2 s to begin.
const SETTLED_CALLBACKS: u64 = 8;
/// How long it may take to start.
const START_MAX: Duration = Duration::from_secs(3);
/// How often a better output is looked for.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// The fade of what must make room, in milliseconds.
const DECLICK_MS: u32 = 10;
/// Commands that may wait for the mixer, at most.
const UNSENT_MAX: usize = 1024;
/// Threads that may be left behind in files that do not answer; with one more the service ends, and in the end the process.
const LEFT_BEHIND_LEN_MAX: usize = 8;
/// The ramp of the volume, in milliseconds.
const VOLUME_RAMP_MS: u32 = 30;

const DECKS: [(Input, &str); 3] =
    [(Input::DeckA, "deck_a"), (Input::DeckB, "deck_b"), (Input::Voice, "voice")];
/// The deck of announcements.
const VOICE: usize = 2;

/// A deck's place in the books.
struct Bay {
    deck: Deck,
    /// What its thread was told to open last.
    wanted: Option<FeedId>,
    /// What its thread is opening, and since when.
    opening: Option<(FeedId, Instant)>,
    /// Ready, and waiting for the ring before it to come back.
    waiting: Option<(Feed, Box<Media>)>,
    /// What the mixer has of it.
    attached: Option<FeedId>,
}

/// A feed's place in the books, until the mixer gives it back.
struct Entry {
    load: LoadId,
    rate_hz: u32,
    path: Arc<std::path::Path>,
    counters: Option<Arc<Counters>>,
    /// Its load's gain, as an amplitude.
    gain: f32,
    error: Option<LoadError>,
    role: Role,
}

/// What a feed is to its load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The one that `App` hears of.
    Main,
    /// Waits inside the ring of another feed, and takes over when the mixer crosses into it.
    Spliced { after: FeedId },
    /// Its load lives on in a feed that was spliced.
    Replaced,
}

pub(super) struct Player<'a> {
    service: &'a AudioPlayer,
    bays: [Bay; 2],
    voice: Voice,
    /// Threads of decks that were replaced while they were busy with a file.
    left_behind: Vec<JoinHandle<()>>,
    /// The song that is heard gets no samples.
    starving: Option<Starving>,
    /// The mixer was told to hold the decks.
    is_held: bool,
    feeds: HashMap<FeedId, Entry>,
    /// The feed that is heard, for the reports of progress.
    sounding: Option<FeedId>,
    remote: MixerRemote,
    /// What the mixer has not taken yet.
    unsent: VecDeque<MixerCommand>,
    /// Outputs that opened and did not play.
    avoided: HashMap<String, outputs::Avoided>,
    dock: Dock,
    output: Option<Opened>,
    outputs: Vec<String>,
    rate_hz: u32,
    told: Option<Output>,
    last_pulse: (u64, Instant),
    opened_at: Instant,
    next_retry: Instant,
    last_progress: Instant,
    /// Until then it looks often what its commands came to.
    awake_until: Instant,
    /// What `App` was told last of the load that plays.
    told_progress: Option<(LoadId, Heard)>,
}

impl<'a> Player<'a> {
    pub(super) fn start(service: &'a AudioPlayer) -> Result<Self, String> {
        let setup = service.setup;
        let bay = |index: usize| {
            let deck = start_deck(service, index)?;
            Ok::<_, String>(Bay { deck, wanted: None, opening: None, waiting: None, attached: None })
        };
        let (mixer, remote) = mixer(setup.rate_hz);
        let now = Instant::now();
        Ok(Self {
            service,
            bays: [bay(0)?, bay(1)?],
            voice: Voice::new(start_deck(service, VOICE)?, setup.rate_hz),
            left_behind: Vec::new(),
            starving: None,
            is_held: false,
            feeds: HashMap::new(),
            sounding: None,
            remote,
            unsent: VecDeque::new(),
            avoided: HashMap::new(),
            dock: Dock::new(mixer),
            output: None,
            outputs: Vec::new(),
            rate_hz: setup.rate_hz,
            told: None,
            last_pulse: (0, now),
            opened_at: now,
            next_retry: now,
            last_progress: now,
            awake_until: now + AWAKE_FOR,
            told_progress: None,
        })
    }

    /// Runs until it is told to stop.
    pub(super) fn run(mut self) -> Result<(), String> {
        let _quiet = output::quiet_thread();
        let messages = self.service.messages.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.turn(&messages)? {}
        Ok(())
    }

    /// One round: what it is told, what there is to hear and to watch. `true`: it was told to stop.
    fn turn(&mut self, messages: &Receiver<Message>) -> Result<bool, String> {
        self.service.moves.moved();
        let tick = self.tick();
        match messages.recv_timeout(tick) {
            Ok(Message::Command(command)) => {
                self.awake_until = Instant::now() + AWAKE_FOR;
                self.obey(command)?;
            }
            Ok(Message::Deck(VOICE, report)) => self.hear_voice(report),
            Ok(Message::Deck(index, report)) => self.hear_deck(index, report),
            Ok(Message::Films(films)) => self.take_films(films),
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => {
                self.drain_output();
                return Ok(true);
            }
            Ok(Message::Look) | Err(RecvTimeoutError::Timeout) => {}
        }
        self.send_unsent();
        if self.unsent.len() > UNSENT_MAX {
            return Err("the output takes no commands".into());
        }
        self.hear_mixer();
        self.watch_output();
        self.watch_decks()?;
        self.watch_voice()?;
        self.report_progress();
        let mut decks = self.bays.iter().map(|bay| &bay.deck).chain([&self.voice.deck]);
        if let Some(index) = decks.position(|deck| !deck.is_alive()) {
            return Err(format!("the thread {} died", DECKS[index].1));
        }
        Ok(false)
    }

    fn tick(&self) -> Duration {
        let due = self.retry_at().map_or(self.progress_due(), |retry| retry.min(self.progress_due()));
        let tick = due.saturating_duration_since(Instant::now());
        let tick = if self.unsent.is_empty() { tick } else { tick.min(UNSENT_TICK) };
        tick.max(TICK_MIN)
    }

    /// Whether it has just been told something.
    fn is_awake(&self) -> bool {
        Instant::now() < self.awake_until
    }

    fn obey(&mut self, command: Command) -> Result<(), String> {
        match command {
            Command::Load { load, path, start } => self.load(load, path, start)?,
            Command::Join(join) => self.join(join),
            Command::CancelJoin => self.mix(MixerCommand::CancelJoin),
            Command::Unload { load, fade_ms } => self.unload(load, fade_ms),
            Command::Hold { fade_ms } => {
                self.is_held = true;
                let fade_frames = self.frames(fade_ms);
                self.mix(MixerCommand::Hold { fade_frames });
            }
            Command::Release { fade_ms } => {
                self.is_held = false;
                let fade_frames = self.frames(fade_ms);
                self.mix(MixerCommand::Release { fade_frames });
            }
            Command::Volume { percent, muted } => {
                let gain = if muted { 0.0 } else { volume::amplitude(percent) };
                let ramp_frames = self.frames(VOLUME_RAMP_MS);
                self.mix(MixerCommand::Volume { gain, ramp_frames });
            }
            Command::Say(say) => self.say(say)?,
            Command::Speak { load } => self.speak(load),
            Command::Hush { load, fade_ms } => self.hush(load, fade_ms),
            Command::Gain { load, gain_db } => self.set_gain(load, gain_db),
            Command::Ceiling { dbtp } if dbtp.is_nan() => {
                log::warn!("a ceiling that is no number is not used")
            }
            Command::Ceiling { dbtp } => {
                let amplitude = volume::of_decibels(dbtp.clamp(CEILING_DBTP_MIN, 0.0));
                self.mix(MixerCommand::Ceiling(amplitude));
            }
            Command::Film(mix) => self.set_film_mix(mix),
            Command::PressTone => self.mix(MixerCommand::PressTone),
            Command::Outputs(names) => {
                self.outputs = names;
                self.avoided.clear();
                if self.outputs.last().is_none_or(|last| last != output::NULL) {
                    self.outputs.push(output::NULL.into());
                }
                self.open_output();
            }
        }
        Ok(())
    }

    /// Sets the gain of all feeds of a load: the mixer looks at it, there is nothing to send.
    fn set_gain(&mut self, load: LoadId, gain_db: f32) {
        if gain_db.is_nan() {
            log::warn!("a gain that is no number is not used, of {load:?}");
            return;
        }
        let gain = volume::of_decibels(volume::load_db(gain_db));
        self.set_voice_gain(load, gain);
        for entry in self.feeds.values_mut().filter(|entry| entry.load == load) {
            entry.gain = gain;
            if let Some(counters) = &entry.counters {
                counters.set_gain(gain);
            }
        }
    }

    fn frames(&self, ms: u32) -> u32 {
        u32::try_from(u64::from(ms) * u64::from(self.rate_hz) / 1000).unwrap_or(u32::MAX)
    }

    /// Tells the mixer something, in order, as soon as it takes it: while an output starts it takes nothing.
    fn mix(&mut self, command: MixerCommand) {
        self.unsent.push_back(command);
        self.send_unsent();
    }

    fn send_unsent(&mut self) {
        while let Some(command) = self.unsent.pop_front() {
            if let Err(rtrb::PushError::Full(command)) = self.remote.commands.push(command) {
                self.unsent.push_front(command);
                return;
            }
        }
    }

    fn tell(&self, event: Event) {
        // The main thread has gone when nobody listens; then nothing is to be told.
        let _ = self.service.events.send(crate::app::Event::Audio(event));
    }

    fn load(&mut self, load: LoadId, path: Arc<std::path::Path>, start: StartAt) -> Result<(), String> {
        let index = self.free_bay();
        // A deck that is still opening something else does not make this one wait.
        if self.bays[index].opening.is_some() && self.left_behind.len() < LEFT_BEHIND_LEN_MAX {
            self.replace_deck(index)?;
        }
        let feed = self.number_feed();
        let bay = &mut self.bays[index];
        // Whatever was being opened here is not wanted any more.
        if let Some((spent, _)) = bay.waiting.take() {
            self.feeds.remove(&spent.id());
        }
        if let Some(old) = bay.wanted.replace(feed).filter(|old| bay.attached != Some(*old)) {
            self.feeds.remove(&old);
        }
        bay.opening = Some((feed, Instant::now()));
        let attached = bay.attached;
        let task = Task::Load { feed, path: Arc::clone(&path), start, out_hz: self.rate_hz };
        let is_taken = bay.deck.send(task);
        self.feeds.insert(
            feed,
            Entry { load, rate_hz: 0, path, counters: None, gain: 1.0, error: None, role: Role::Main },
        );
        if let Some(old) = attached {
            let fade_frames = self.frames(DECLICK_MS);
            self.mix(MixerCommand::Unload { feed: old, fade_frames });
        }
        if !is_taken {
            self.fail_opening(index, feed);
        }
        Ok(())
    }

    fn number_feed(&self) -> FeedId {
        FeedId(self.service.next_feed.fetch_add(1, Ordering::Relaxed))
    }

    /// The bay for a new load: an empty one, best one whose thread is not busy, else the one that is not heard, which
    /// makes room.
    fn free_bay(&self) -> usize {
        let is_empty = |bay: &Bay| bay.attached.is_none() && bay.wanted.is_none();
        let is_idle = |bay: &Bay| is_empty(bay) && bay.opening.is_none();
        if let Some(index) =
            self.bays.iter().position(is_idle).or_else(|| self.bays.iter().position(is_empty))
        {
            return index;
        }
        let sounding = self.sounding;
        self.bays.iter().position(|bay| sounding.is_none() || bay.attached != sounding).unwrap_or(0)
    }

    fn feed_of(&self, load: LoadId) -> Option<FeedId> {
        let attached = |feed: &FeedId| self.bays.iter().any(|bay| bay.attached == Some(*feed));
        self.feeds
            .iter()
            .filter(|(_, entry)| entry.load == load && entry.role == Role::Main)
            .map(|(feed, _)| *feed)
            .max_by_key(attached)
    }

    fn join(&mut self, join: Join) {
        let Some(to) = self.feed_of(join.to) else {
            log::debug!("join to {:?}, which is gone", join.to);
            return;
        };
        let from = join.from.and_then(|from| self.feed_of(from));
        let fade_frames = self.frames(join.fade_ms);
        let at = match join.at {
            JoinAt::Now => MixerJoinAt::Now,
            JoinAt::End => MixerJoinAt::End,
            JoinAt::Position(ms) => MixerJoinAt::Frame(ms * u64::from(self.rate_hz) / 1000),
        };
        let or_splice = from.filter(|_| join.at == JoinAt::End).and_then(|from| self.splice(from, to));
        self.mix(MixerCommand::Join(MixerJoin { from, to, at, fade_frames, or_splice }));
    }

    /// Lets the deck of `from` go on with the song of `to` through its resampler, so that the join has no edge. Where
    /// that is not needed or comes too late the two decks are joined.
    fn splice(&mut self, from: FeedId, to: FeedId) -> Option<FeedId> {
        let (a, b) = (self.feeds.get(&from)?, self.feeds.get(&to)?);
        // A join that is told again keeps its feed.
        let role = Role::Spliced { after: from };
        let told = self.feeds.iter().find(|(_, entry)| entry.role == role && entry.load == b.load);
        if let Some((feed, _)) = told {
            return Some(*feed);
        }
        let is_start = b.counters.as_ref().is_some_and(|counters| counters.start_frames == 0);
        if a.rate_hz != b.rate_hz || a.rate_hz == self.rate_hz || !is_start {
            return None;
        }
        let index = self.bays.iter().position(|bay| bay.attached == Some(from))?;
        let (load, rate_hz, path, gain) = (b.load, b.rate_hz, Arc::clone(&b.path), b.gain);
        let feed = self.number_feed();
        let counters = Counters::new(feed, 0);
        counters.set_gain(gain);
        let task = Task::Splice { after: from, counters: Arc::clone(&counters), path: Arc::clone(&path) };
        self.feeds
            .insert(feed, Entry { load, rate_hz, path, counters: Some(counters), gain, error: None, role });
        self.bays[index].deck.send(task).then_some(feed)
    }

    fn unload(&mut self, load: LoadId, fade_ms: u32) {
        let Some(feed) = self.feed_of(load) else { return };
        let fade_frames = self.frames(fade_ms);
        let Some(index) =
            self.bays.iter().position(|bay| bay.attached == Some(feed) || bay.wanted == Some(feed))
        else {
            return;
        };
        if self.bays[index].attached == Some(feed) {
            self.mix(MixerCommand::Unload { feed, fade_frames });
        } else {
            self.bays[index].deck.send(Task::Drop);
            self.bays[index].waiting = None;
            self.bays[index].wanted = None;
            self.feeds.remove(&feed);
            self.tell(Event::Ended { load, heard: Heard::default(), error: None });
        }
    }

    fn hear_deck(&mut self, index: usize, report: Report) {
        match report {
            Report::Ready { feed, media } => {
                let bay = &mut self.bays[index];
                bay.opening.take_if(|(opening, _)| *opening == feed.id());
                if bay.wanted != Some(feed.id()) {
                    return;
                }
                if let Some(entry) = self.feeds.get_mut(&feed.id()) {
                    entry.rate_hz = media.rate_hz;
                    feed.counters.set_gain(entry.gain);
                    entry.counters = Some(Arc::clone(&feed.counters));
                }
                bay.waiting = Some((feed, media));
                self.attach(index);
            }
            Report::Failed { feed, error } => {
                let bay = &mut self.bays[index];
                bay.opening.take_if(|(opening, _)| *opening == feed);
                if bay.wanted == Some(feed) {
                    bay.wanted = None;
                }
                if let Some(entry) = self.feeds.remove(&feed) {
                    self.tell(Event::Failed { load: entry.load, error });
                }
            }
            Report::Decoded { feed, error } => {
                if let Some(entry) = self.feeds.get_mut(&feed) {
                    entry.error = error;
                }
            }
        }
    }

    /// Gives a ready ring to the mixer as soon as the one before it has come back.
    fn attach(&mut self, index: usize) {
        if self.bays[index].attached.is_some() {
            return;
        }
        let Some((feed, media)) = self.bays[index].waiting.take() else { return };
        let id = feed.id();
        self.bays[index].attached = Some(id);
        self.mix(MixerCommand::Attach(DECKS[index].0, feed));
        if let Some(entry) = self.feeds.get(&id) {
            self.tell(Event::Loaded { load: entry.load, media });
        }
    }

    fn hear_mixer(&mut self) {
        while let Ok(report) = self.remote.reports.pop() {
            match report {
                MixerReport::Started(feed) => {
                    if !self.voice_started(feed) {
                        self.started(feed);
                    }
                }
                MixerReport::Ended(mut feed) => {
                    if self.voice_ended(&mut feed) {
                        continue;
                    }
                    let id = feed.id();
                    for bay in &mut self.bays {
                        if bay.attached == Some(id) {
                            bay.attached = None;
                            if bay.wanted == Some(id) {
                                bay.wanted = None;
                            }
                        }
                    }
                    self.ended(id, &feed.counters);
                    drop(feed);
                    for index in 0..self.bays.len() {
                        self.attach(index);
                    }
                }
                MixerReport::Crossed { ended, started } => self.crossed(&ended, started),
                MixerReport::Film(input) => self.films_back(*input),
                MixerReport::FilmHeard(is_heard) => self.tell(Event::Film { is_heard }),
            }
        }
    }

    fn started(&mut self, feed: FeedId) {
        self.sounding = Some(feed);
        if let Some(entry) = self.feeds.get(&feed) {
            self.tell(Event::Started { load: entry.load });
        }
    }

    fn ended(&mut self, feed: FeedId, counters: &Counters) {
        if self.sounding == Some(feed) {
            self.sounding = None;
        }
        // A splice that was never reached has no use any more.
        self.feeds.retain(|_, entry| entry.role != Role::Spliced { after: feed });
        let Some(entry) = self.feeds.remove(&feed) else { return };
        if entry.role == Role::Main {
            self.tell(Event::Ended { load: entry.load, heard: self.heard(counters), error: entry.error });
        }
    }

    /// Inside one ring a song went over into the next, which had also been made ready on the other deck.
    fn crossed(&mut self, ended: &Counters, started: FeedId) {
        for bay in &mut self.bays {
            if bay.attached == Some(ended.feed) {
                bay.attached = Some(started);
                if bay.wanted == Some(ended.feed) {
                    bay.wanted = Some(started);
                }
            }
        }
        let load = self.feeds.get(&started).map(|entry| entry.load);
        let twin = load.and_then(|load| self.feed_of(load));
        if let Some(twin) = twin {
            if let Some(entry) = self.feeds.get_mut(&twin) {
                entry.role = Role::Replaced;
            }
            self.mix(MixerCommand::Unload { feed: twin, fade_frames: 0 });
        }
        if let Some(entry) = self.feeds.get_mut(&started) {
            entry.role = Role::Main;
        }
        self.started(started);
        self.ended(ended.feed, ended);
    }

    fn heard(&self, counters: &Counters) -> Heard {
        heard_of(counters, self.rate_hz)
    }
}

fn heard_of(counters: &Counters, rate_hz: u32) -> Heard {
    let ms = |frames: u64| frames * 1000 / u64::from(rate_hz);
    Heard {
        position_ms: ms(counters.position_frames()),
        heard_ms: ms(counters.heard_frames()),
        audible_ms: ms(counters.audible_frames()),
        ducked_ms: ms(counters.ducked_frames()),
    }
}

fn start_deck(service: &AudioPlayer, index: usize) -> Result<Deck, String> {
    let to_self = service.to_self.clone();
    let report = move |report| {
        let _ = to_self.send(Message::Deck(index, report));
    };
    Deck::start(DECKS[index].1, Measurements::new(&service.state_dir), report)
        .map_err(|e| format!("no thread for {}: {e}", DECKS[index].1))
}

#[cfg(test)]
mod tests;

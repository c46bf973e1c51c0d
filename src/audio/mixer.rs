//! The mixer: two decks, the voice and films on one sample clock. What it mixes comes out of it [`Mixer::delay_frames`] later, for the
//! limiter at its end looks ahead; what it reports of a song is true of its input.
//!
//! It belongs to whoever pulls it: the output's callback, the null output's thread, or a test. It never locks,
//! allocates, frees, logs or sends; its tests run under an allocator that refuses. Spent rings go back
//! through the queue of reports; when that is full they wait in their input.

mod film;
mod press_tone;
mod voice;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rtrb::{Consumer, Producer, RingBuffer};

use super::feed::{Counters, Feed, FeedId};
use super::film::FilmInput;
use super::limiter::Limiter;
use super::ramp::{Fade, Glide, Ramp};
use film::Film;
pub(super) use film::FilmLevels;
use press_tone::PressTone;
use voice::Ducking;
pub(super) use voice::MixerSay;

/// Frames that are mixed at once, at most.
const BLOCK_FRAMES: usize = 256;
/// Commands and reports that wait, at most.
const QUEUE_LEN_MAX: usize = 64;
/// Reports that one block can cause; no command is taken while there is less room.
const REPORTS_PER_BLOCK: usize = 8;
/// How long a song that is heard takes to another gain, which was not known when it began: 3 s at 48 kHz.
const GLIDE_FRAMES: u32 = 144_000;
/// The same at the seam of two songs that are joined sample by sample: 5 ms at 48 kHz.
const SEAM_FRAMES: u32 = 240;
/// How an output begins: 30 ms at 48 kHz.
const BEGIN_FRAMES: u32 = 1440;

/// One of the four inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    DeckA,
    DeckB,
    /// Announcements.
    Voice,
}

impl Input {
    pub(super) const ALL: [Self; 3] = [Self::DeckA, Self::DeckB, Self::Voice];
    const DECKS: [Self; 2] = [Self::DeckA, Self::DeckB];
}

/// What the mixer is told.
#[derive(Debug)]
pub(super) enum MixerCommand {
    /// Take a ring; it waits until a join begins it.
    Attach(Input, Feed),
    /// See [`MixerJoin`].
    Join(MixerJoin),
    CancelJoin,
    /// Fade out and give the ring back.
    Unload {
        feed: FeedId,
        fade_frames: u32,
    },
    /// Fade the decks out and pull no more from them.
    Hold {
        fade_frames: u32,
    },
    /// Pull again and fade in.
    Release {
        fade_frames: u32,
    },
    /// See [`MixerSay`].
    Say(MixerSay),
    /// Take a ring with films, or give back the one that is there.
    Film(Option<Box<FilmInput>>),
    /// See [`FilmLevels`].
    FilmLevels(FilmLevels),
    /// The gain of everything.
    Volume {
        gain: f32,
        ramp_frames: u32,
    },
    /// Whether anybody can hear the output.
    Audible(bool),
    /// What the output's waveform does not exceed, as an amplitude in (0, 1].
    Ceiling(f32),
    /// See [`PressTone`].
    PressTone,
}

/// How one load goes over into another.
#[derive(Debug, Clone, Copy)]
pub(super) struct MixerJoin {
    pub(super) from: Option<FeedId>,
    pub(super) to: FeedId,
    pub(super) at: MixerJoinAt,
    pub(super) fade_frames: u32,
    /// At its end `from` may go over into this feed instead, if it was spliced to it: the same song as `to`.
    pub(super) or_splice: Option<FeedId>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum MixerJoinAt {
    Now,
    /// At this frame of the `from` file.
    Frame(u64),
    End,
}

/// What the mixer reports.
#[derive(Debug)]
pub(super) enum MixerReport {
    Started(FeedId),
    /// The ring comes back.
    Ended(Feed),
    /// One feed went over into the next inside a ring.
    Crossed {
        ended: Arc<Counters>,
        started: FeedId,
    },
    /// A ring with films comes back.
    Film(Box<FilmInput>),
    /// A film is heard from now on, or none is any more.
    FilmHeard(bool),
}

/// The audio thread's end.
pub(super) struct MixerRemote {
    pub(super) commands: Producer<MixerCommand>,
    pub(super) reports: Consumer<MixerReport>,
    peak: Arc<AtomicU32>,
}

impl MixerRemote {
    /// The highest sample since the last call, 0–1.
    pub(super) fn take_peak(&self) -> f32 {
        f32::from_bits(self.peak.swap(0, Ordering::Relaxed))
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    /// Waits for a join.
    Cued,
    /// Is heard; `reported` once the report found room.
    Sounding { reported: bool },
    /// Fades out.
    Leaving,
    /// Has ended; its ring waits to go back.
    Spent,
}

struct Channel {
    feed: Option<Feed>,
    stage: Stage,
    fade: Fade,
    /// The gain of the song itself.
    own_gain: Glide,
    /// What came to its own end here last, for the seam.
    ended: Option<FeedId>,
}

impl Channel {
    fn holds(&self, id: FeedId) -> bool {
        self.stage != Stage::Spent && self.feed.as_ref().is_some_and(|feed| feed.id() == id)
    }

    fn is_heard(&self) -> bool {
        self.feed.is_some() && matches!(self.stage, Stage::Sounding { .. } | Stage::Leaving)
    }

    fn leave(&mut self, fade_frames: u32) {
        if self.stage == Stage::Cued || fade_frames == 0 {
            self.stage = Stage::Spent;
        } else if self.is_heard() {
            self.fade = self.fade.falling(fade_frames);
            self.stage = Stage::Leaving;
        }
    }
}

/// See the head of this file.
pub(super) struct Mixer {
    channels: [Channel; 3],
    film: Film,
    join: Option<MixerJoin>,
    /// The decks' common gain, for pause. Nothing is pulled from them while it is silent.
    hold: Ramp,
    ducking: Ducking,
    press_tone: PressTone,
    volume: Ramp,
    volume_is_up: bool,
    output_is_real: bool,
    limiter: Limiter,
    commands: Consumer<MixerCommand>,
    reports: Producer<MixerReport>,
    peak: Arc<AtomicU32>,
    block: [f32; BLOCK_FRAMES * 2],
}

/// A mixer for an output of `rate_hz`, silent and at volume 0, and its remote.
pub(super) fn mixer(rate_hz: u32) -> (Box<Mixer>, MixerRemote) {
    let (command_in, command_out) = RingBuffer::new(QUEUE_LEN_MAX);
    let (report_in, report_out) = RingBuffer::new(QUEUE_LEN_MAX);
    let peak = Arc::new(AtomicU32::new(0));
    let channel = || Channel {
        feed: None,
        stage: Stage::Spent,
        fade: Fade::Open,
        own_gain: Glide::at(1.0),
        ended: None,
    };
    let mixer = Mixer {
        channels: [channel(), channel(), channel()],
        film: Film::new(),
        join: None,
        hold: Ramp::at(1.0),
        ducking: Ducking::new(),
        press_tone: PressTone::new(rate_hz),
        volume: Ramp::at(0.0),
        volume_is_up: false,
        output_is_real: false,
        limiter: Limiter::new(rate_hz),
        commands: command_out,
        reports: report_in,
        peak: Arc::clone(&peak),
        block: [0.0; BLOCK_FRAMES * 2],
    };
    (Box::new(mixer), MixerRemote { commands: command_in, reports: report_out, peak })
}

impl Mixer {
    /// Fills interleaved stereo.
    pub(super) fn render(&mut self, out: &mut [f32]) {
        self.mix(out);
        self.limit(out);
    }

    /// How much later a frame comes out than it was mixed.
    pub(super) fn delay_frames(&self) -> usize {
        self.limiter.delay_frames()
    }

    /// Whether reports wait to be taken.
    pub(super) fn has_reports(&self) -> bool {
        self.reports.slots() < QUEUE_LEN_MAX
    }

    /// Another output begins to pull: softly, and without the end of what went to the one before.
    pub(super) fn begin_output(&mut self) {
        self.limiter.clear();
        self.film.presented = film::Presented::unknown();
        self.volume.begin_anew(BEGIN_FRAMES);
    }

    fn mix(&mut self, out: &mut [f32]) {
        self.take_commands();
        out.fill(0.0);
        self.watch_film(out.len() / 2);
        self.mix_inputs(out);
        self.press_tone.add_to(out);
        self.volume.apply(out);
        self.give_back();
    }

    fn limit(&mut self, out: &mut [f32]) {
        let highest = self.limiter.apply(out);
        // Positive floats order like their bits.
        self.peak.fetch_max(highest.to_bits(), Ordering::Relaxed);
    }

    fn take_commands(&mut self) {
        while self.reports.slots() >= REPORTS_PER_BLOCK {
            let Ok(command) = self.commands.pop() else { return };
            match command {
                MixerCommand::Attach(input, feed) => self.attach(input, feed),
                MixerCommand::Join(join) => self.join = Some(join),
                MixerCommand::CancelJoin => self.join = None,
                MixerCommand::Unload { feed, fade_frames } => self.unload(feed, fade_frames),
                MixerCommand::Hold { fade_frames } => self.hold.go(0.0, fade_frames),
                MixerCommand::Release { fade_frames } => {
                    // What was to begin while nothing is heard takes the place of what was held, without a fade.
                    self.begin_join();
                    self.hold.go(1.0, fade_frames);
                }
                MixerCommand::Say(say) => self.say(say),
                MixerCommand::Film(input) => self.take_film(input),
                MixerCommand::FilmLevels(levels) => self.set_film_levels(levels),
                MixerCommand::Volume { gain, ramp_frames } => {
                    self.volume_is_up = gain > 0.0;
                    self.volume.go(gain, ramp_frames);
                }
                MixerCommand::Audible(real) => self.output_is_real = real,
                MixerCommand::Ceiling(amplitude) => self.limiter.set_ceiling(amplitude),
                MixerCommand::PressTone => self.press_tone.begin(),
            }
        }
    }

    fn attach(&mut self, input: Input, feed: Feed) {
        let channel = &mut self.channels[input as usize];
        if let Some(old) = channel.feed.replace(feed) {
            // The audio thread attaches only to what it saw come back; should it err, the ring is still not freed here.
            let _ = self.reports.push(MixerReport::Ended(old));
        }
        channel.stage = Stage::Cued;
        channel.fade = Fade::Open;
    }

    fn unload(&mut self, feed: FeedId, fade_frames: u32) {
        let (decks_are_held, voice_is_held) = (self.hold.is_silent(), self.voice_is_held());
        // What leaves while the decks are on their way into a hold has left before nothing is pulled from them any more.
        let to_hold =
            self.hold.frames_to_silence().and_then(|left| u32::try_from(left.saturating_sub(1)).ok());
        for input in Input::ALL {
            let (is_held, fade_frames) = match input {
                Input::DeckA | Input::DeckB => (decks_are_held, fade_frames.min(to_hold.unwrap_or(u32::MAX))),
                Input::Voice => (voice_is_held, fade_frames),
            };
            let channel = &mut self.channels[input as usize];
            if channel.holds(feed) {
                channel.leave(if is_held { 0 } else { fade_frames });
            }
        }
    }

    fn is_audible(&self) -> bool {
        self.output_is_real && self.volume_is_up
    }

    /// Everything, frame-exact: the block is cut wherever a deck or the voice ends or begins, a hold is complete, or the music
    /// has made room.
    fn mix_inputs(&mut self, out: &mut [f32]) {
        let mut rest = out;
        while !rest.is_empty() {
            self.begin_join();
            self.turn_voice();
            let frames = self.even_frames((rest.len() / 2).min(BLOCK_FRAMES));
            if frames == 0 {
                // Something ended right here; look again at what begins.
                continue;
            }
            let (now, later) = rest.split_at_mut(frames * 2);
            self.mix_voice(now);
            self.mix_decks(now);
            self.mix_film(now);
            rest = later;
        }
    }

    /// Adds the decks to `out`, no longer than they go on as they are.
    fn mix_decks(&mut self, out: &mut [f32]) {
        if self.hold.is_silent() {
            return;
        }
        let (audible, is_ducked) = (self.is_audible(), self.ducking.is_down());
        let block = &mut self.block[..out.len()];
        block.fill(0.0);
        for input in Input::DECKS {
            let channel = &mut self.channels[input as usize];
            if channel.is_heard() {
                let pulled = pull_into(channel, out.len() / 2, audible, block);
                if let Some(feed) = channel.feed.as_ref().filter(|_| is_ducked) {
                    feed.counters.add_ducked(pulled);
                }
            }
        }
        self.ducking.apply(block);
        self.hold.apply(block);
        for (to, from) in out.iter_mut().zip(block.iter()) {
            *to += from;
        }
    }

    /// How many frames can be mixed without anything happening; 0 when something just did.
    fn even_frames(&mut self, frames_max: usize) -> usize {
        let mut frames = frames_max;
        let decks_are_held = self.hold.is_silent();
        let voice_is_held = self.voice_is_held();
        for left in [self.hold.frames_to_silence(), self.ducking.frames_left()].into_iter().flatten() {
            frames = frames.min(left);
        }
        if let Some(left) = self.frames_to_join().filter(|_| !decks_are_held) {
            frames = frames.min(left.max(1));
        }
        let inputs =
            [(Input::DeckA, decks_are_held), (Input::DeckB, decks_are_held), (Input::Voice, voice_is_held)];
        for (input, _) in inputs.into_iter().filter(|(_, is_held)| !is_held) {
            match run_frames(&mut self.channels[input as usize], &mut self.join, &mut self.reports) {
                Run::Over => return 0,
                Run::Frames(left) => frames = frames.min(left),
                Run::Open => {}
            }
        }
        frames
    }

    /// Frames until the planned place of a join.
    fn frames_to_join(&self) -> Option<usize> {
        let MixerJoin { from: Some(from), at: MixerJoinAt::Frame(frame), .. } = self.join? else {
            return None;
        };
        let channel = self.channels.iter().find(|channel| channel.holds(from))?;
        let position = channel.feed.as_ref()?.counters.position_frames();
        Some(usize::try_from(frame.saturating_sub(position)).unwrap_or(usize::MAX))
    }

    fn begin_join(&mut self) {
        let Some(join) = self.join else { return };
        let from = join.from.and_then(|from| self.channels.iter().position(|channel| channel.holds(from)));
        let due = match (from, join.at) {
            // What should end has ended already.
            (None, _) | (_, MixerJoinAt::Now) => true,
            (Some(_), MixerJoinAt::End) => false,
            (Some(_), MixerJoinAt::Frame(_)) => self.frames_to_join() == Some(0),
        };
        if !due {
            return;
        }
        self.join = None;
        let fade_frames = if self.hold.is_silent() { 0 } else { join.fade_frames };
        if self.hold.is_silent() {
            // A crossfade that was held is not taken up again by another song.
            for input in Input::DECKS {
                let channel = &mut self.channels[input as usize];
                if channel.stage == Stage::Leaving {
                    channel.stage = Stage::Spent;
                }
            }
        }
        if let Some(from) = from {
            self.channels[from].leave(fade_frames);
        }
        // Where one song goes on as the other, its gain does so too.
        let seam = join.from.filter(|_| from.is_none() && join.fade_frames == 0).and_then(|ended| {
            let before = self.channels.iter().find(|channel| channel.ended == Some(ended))?;
            Some(before.own_gain.gain())
        });
        // One that is heard already stays as it is: its join has begun just before it was planned anew.
        let to =
            self.channels.iter_mut().find(|channel| channel.holds(join.to) && channel.stage == Stage::Cued);
        if let Some(to) = to {
            let gain = to.feed.as_ref().map_or(1.0, |feed| feed.counters.gain());
            to.own_gain = Glide::at(seam.unwrap_or(gain));
            to.own_gain.go(gain, SEAM_FRAMES);
            to.ended = None;
            to.stage = Stage::Sounding { reported: self.reports.push(MixerReport::Started(join.to)).is_ok() };
            to.fade =
                if from.is_some() || join.from.is_none() { Fade::rising(fade_frames) } else { Fade::Open };
        }
    }

    /// Reports what began and gives back what is spent, as far as there is room.
    fn give_back(&mut self) {
        for channel in &mut self.channels {
            if self.reports.is_full() {
                return;
            }
            let Some(id) = channel.feed.as_ref().map(Feed::id) else { continue };
            match channel.stage {
                Stage::Sounding { reported: false } => {
                    if self.reports.push(MixerReport::Started(id)).is_ok() {
                        channel.stage = Stage::Sounding { reported: true };
                    }
                }
                Stage::Spent => {
                    if let Some(feed) = channel.feed.take() {
                        let _ = self.reports.push(MixerReport::Ended(feed));
                    }
                }
                Stage::Cued | Stage::Sounding { reported: true } | Stage::Leaving => {}
            }
        }
    }
}

enum Run {
    /// It ended right here.
    Over,
    /// It can be mixed for so long.
    Frames(usize),
    /// It says nothing about it.
    Open,
}

fn run_frames(
    channel: &mut Channel,
    join: &mut Option<MixerJoin>,
    reports: &mut Producer<MixerReport>,
) -> Run {
    if !channel.is_heard() {
        return Run::Open;
    }
    let faded = channel.fade.frames_to_silence();
    let Some(feed) = channel.feed.as_mut() else { return Run::Open };
    if faded == Some(0) && channel.stage == Stage::Leaving {
        channel.stage = Stage::Spent;
        return Run::Over;
    }
    let (available, ends) = feed.available();
    if ends && available == 0 {
        let wanted = join.filter(|join| join.from == Some(feed.id())).and_then(|join| join.or_splice);
        if let Some(wanted) = wanted
            && !reports.is_full()
            && let Some(ended) = feed.cross(wanted)
        {
            *join = None;
            channel.own_gain.go(feed.counters.gain(), SEAM_FRAMES);
            let _ = reports.push(MixerReport::Crossed { ended, started: feed.id() });
            return Run::Over;
        }
        channel.stage = Stage::Spent;
        channel.ended = Some(feed.id());
        return Run::Over;
    }
    match (ends.then_some(available), faded) {
        (Some(a), Some(b)) => Run::Frames(a.min(b)),
        (Some(left), None) | (None, Some(left)) => Run::Frames(left),
        (None, None) => Run::Open,
    }
}

/// Adds `frames` of a channel to `block`, and gives how many there were. When its thread is late the rest stays silent and
/// the song goes on from where it was.
fn pull_into(channel: &mut Channel, frames: usize, audible: bool, block: &mut [f32]) -> usize {
    let Some(feed) = channel.feed.as_mut() else { return 0 };
    let (available, _) = feed.available();
    let frames = frames.min(available);
    let (fade, own_gain) = (&mut channel.fade, &mut channel.own_gain);
    own_gain.go(feed.counters.gain(), GLIDE_FRAMES);
    let mut at = 0;
    feed.pull(frames, audible, |piece| {
        fade.mix(own_gain, piece, &mut block[at..at + piece.len()]);
        at += piece.len();
    });
    frames
}

#[cfg(test)]
mod tests;

//! From the ring to frames of the output, each at the moment at which it is due.
//!
//! What goes into the resampler is one endless row: silence, or sound that rises from silence and falls back to it within
//! [`FADE_FRAMES`]. Only in silence something is left out or waited for, so that nothing clicks: a film that ends, is cut, is
//! late or jumps falls while what it falls on is still there. While it sounds, the resampler runs a little faster or slower,
//! to hold the moment: the film's clock and the output's are not the same.

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Adjustable as _, Async, FixedAsync, Indexing, Resampler as _, SincInterpolationParameters, WindowFunction,
};

use super::{FRAME_NS, Reader, SOUND_RATE_HZ};

/// Frames that come out of the resampler at once.
const CHUNK_FRAMES: usize = 64;
/// The resampler's filter, in frames: −139 dB at 1 and 10 kHz.
const FILTER_FRAMES: usize = 128;
/// How much later a frame comes out of the filter than it went in, in frames.
const FILTER_DELAY_FRAMES: f64 = 63.0;
/// After so much silence the filter has nothing left.
const DRAINED_FRAMES: usize = 2 * FILTER_FRAMES + 2 * CHUNK_FRAMES;
/// How long sound takes to rise and to fall: 5 ms.
const FADE_FRAMES: usize = 240;
/// An error of its moment is made good within about this time, in nanoseconds. With two clocks 200 ppm apart it is 1 ms late.
const SLEW_NS: f64 = 5e9;
/// But no faster than nobody hears.
const SLEW_MAX: f64 = 0.005;
/// Sound that is wrong by more begins anew at its moment, in nanoseconds.
const ERROR_NS_MAX: f64 = 25e6;
/// The music makes room for what is due within this time, in nanoseconds.
const NEAR_NS: f64 = 250e6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Silent,
    Sounding,
    /// It falls, to begin anew.
    Leaving,
}

/// See the head of this file. It belongs to the mixer: once made it never allocates.
#[derive(Debug)]
pub(in crate::audio) struct FilmInput {
    reader: Reader,
    resampler: Async<f32>,
    /// Frames of the output for one of the film.
    ratio: f64,
    frame_out_ns: f64,
    state: State,
    /// Of what goes in.
    gain: f32,
    /// Frames of silence that went in, in a row.
    silent_frames: usize,
    /// The moment of what went in last.
    moment_ns: f64,
    feed: Vec<f32>,
    fresh: Vec<f32>,
    /// Frames of `fresh` that were taken.
    used: usize,
}

impl FilmInput {
    /// For an output of this rate.
    ///
    /// # Errors
    /// rubato's words when it cannot do this rate.
    pub(in crate::audio) fn new(reader: Reader, rate_hz: u32) -> Result<Self, String> {
        let ratio = f64::from(rate_hz) / f64::from(SOUND_RATE_HZ);
        let filter = SincInterpolationParameters::new(FILTER_FRAMES, WindowFunction::BlackmanHarris2);
        let resampler =
            Async::new_sinc(ratio, 1.0 + 2.0 * SLEW_MAX, &filter, CHUNK_FRAMES, 2, FixedAsync::Output)
                .map_err(|e| format!("cannot resample films to {rate_hz} Hz: {e}"))?;
        let feed = vec![0.0; resampler.input_frames_max() * 2];
        Ok(Self {
            reader,
            resampler,
            ratio,
            frame_out_ns: 1e9 / f64::from(rate_hz),
            state: State::Silent,
            gain: 0.0,
            silent_frames: DRAINED_FRAMES,
            moment_ns: f64::MIN,
            feed,
            fresh: vec![0.0; CHUNK_FRAMES * 2],
            used: CHUNK_FRAMES,
        })
    }

    /// What it reads from, for an output of another rate.
    pub(in crate::audio) fn into_reader(self) -> Reader {
        self.reader
    }

    /// Nobody writes any more.
    pub(in crate::audio) fn is_abandoned(&self) -> bool {
        self.reader.is_abandoned()
    }

    /// Nothing will come any more, and nothing is left.
    pub(in crate::audio) fn is_over(&self) -> bool {
        self.reader.is_abandoned() && self.silent_frames >= DRAINED_FRAMES && self.reader.due_ns().is_none()
    }

    /// Whether something is heard, or will be very soon.
    pub(in crate::audio) fn is_near(&self) -> bool {
        // What is too late is thrown away, and nothing makes room for it.
        let is_due = |due_ns: f64| (0.0..NEAR_NS).contains(&(due_ns - self.moment_ns));
        self.state != State::Silent || self.reader.due_ns().is_some_and(is_due)
    }

    /// Fills interleaved stereo, of which the first frame is heard at this moment.
    pub(in crate::audio) fn pull(&mut self, mut at_ns: f64, stereo: &mut [f32]) {
        let mut rest = stereo;
        while !rest.is_empty() {
            if self.used == CHUNK_FRAMES {
                self.refill(at_ns);
                self.used = 0;
            }
            let frames = (CHUNK_FRAMES - self.used).min(rest.len() / 2);
            let (now, later) = rest.split_at_mut(frames * 2);
            now.copy_from_slice(&self.fresh[self.used * 2..][..frames * 2]);
            self.used += frames;
            at_ns += frames as f64 * self.frame_out_ns;
            rest = later;
        }
    }

    fn refill(&mut self, at_ns: f64) {
        let moment_ns = at_ns + FILTER_DELAY_FRAMES * FRAME_NS;
        self.moment_ns = moment_ns;
        self.steer(moment_ns);
        let frames = self.resampler.input_frames_next().min(self.feed.len() / 2);
        if self.fill(moment_ns, frames) {
            self.silent_frames = self.silent_frames.saturating_add(frames);
        } else {
            self.silent_frames = 0;
        }
        let is_drained = self.silent_frames >= DRAINED_FRAMES;
        if is_drained || self.resample(frames).is_none() {
            self.fresh.fill(0.0);
        }
    }

    fn resample(&mut self, frames: usize) -> Option<()> {
        let input = InterleavedSlice::new(&self.feed[..frames * 2], 2, frames).ok()?;
        let mut output = InterleavedSlice::new_mut(&mut self.fresh, 2, CHUNK_FRAMES).ok()?;
        self.resampler.process_into_buffer(&input, &mut output, None::<&Indexing>).ok()?;
        Some(())
    }

    /// Runs faster when the next frame is late, slower when it is early.
    fn steer(&mut self, moment_ns: f64) {
        let sounds = self.state == State::Sounding;
        let late_ns = self.reader.due_ns().filter(|_| sounds).map_or(0.0, |due_ns| moment_ns - due_ns);
        if late_ns.abs() > ERROR_NS_MAX {
            self.state = State::Leaving;
        }
        let slew = (late_ns / SLEW_NS).clamp(-SLEW_MAX, SLEW_MAX);
        // It is within what the resampler was made for.
        let _ = self.resampler.set_resample_ratio(self.ratio * (1.0 - slew), false);
    }

    /// Fills what goes in next; `true` if all of it is silence.
    fn fill(&mut self, moment_ns: f64, frames: usize) -> bool {
        let mut at = 0;
        let mut is_silent = true;
        while at < frames {
            if self.state == State::Silent {
                let begins = self.reader.seek(moment_ns + at as f64 * FRAME_NS);
                let until = begins.map_or(frames, |wait| at.saturating_add(wait).min(frames));
                self.feed[at * 2..until * 2].fill(0.0);
                at = until;
                if at < frames {
                    (self.state, self.gain) = (State::Sounding, 0.0);
                }
                continue;
            }
            let stretch = self.reader.stretch();
            let falls = self.state == State::Leaving || stretch.heard <= FADE_FRAMES;
            let most = if falls { stretch.there } else { stretch.heard - FADE_FRAMES };
            let until = at.saturating_add(most).min(frames);
            let taken = self.reader.take(&mut self.feed[at * 2..until * 2]);
            self.fade(at, taken, falls);
            at += taken;
            is_silent &= taken == 0;
            if taken == 0 || falls && self.gain == 0.0 {
                (self.state, self.gain) = (State::Silent, 0.0);
            }
        }
        is_silent
    }

    fn fade(&mut self, at: usize, frames: usize, falls: bool) {
        if !falls && self.gain == 1.0 {
            return;
        }
        let step = if falls { -1.0 } else { 1.0 } / FADE_FRAMES as f32;
        for frame in self.feed[at * 2..(at + frames) * 2].chunks_exact_mut(2) {
            self.gain = (self.gain + step).clamp(0.0, 1.0);
            frame[0] *= self.gain;
            frame[1] *= self.gain;
        }
    }
}

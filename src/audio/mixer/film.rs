//! The sound of films: when the frames that are mixed are heard, and how the music makes room for a film.
//!
//! As with announcements, all of it happens here: the music comes back after the last film that is heard, whatever becomes
//! of the threads and the process that it came from.

use super::{Input, Mixer, MixerReport, Ramp};
use crate::audio::film::FilmInput;

/// A moment that is this far from where it was expected is believed at once, in nanoseconds: the output stood still.
const JUMP_NS: f64 = 50e6;
/// How many of the latest callbacks say what the moment is: each alone is wrong by some milliseconds.
const SEEN_MAX: f64 = 50.0;

/// When what is mixed next is heard.
#[derive(Debug)]
pub(super) struct Presented {
    /// Of the next frame; `None` until an output has said it.
    at_ns: Option<f64>,
    frame_ns: f64,
    /// Callbacks that said it, at most [`SEEN_MAX`].
    seen: f64,
}

impl Presented {
    pub(super) fn unknown() -> Self {
        Self { at_ns: None, frame_ns: 0.0, seen: 0.0 }
    }

    /// An output says when the next frame is heard.
    pub(super) fn observe(&mut self, at_ns: f64, frame_ns: f64) {
        self.frame_ns = frame_ns;
        let error_ns = self.at_ns.map(|expected_ns| at_ns - expected_ns);
        match error_ns.filter(|error_ns| error_ns.abs() <= JUMP_NS) {
            Some(error_ns) => {
                self.seen = (self.seen + 1.0).min(SEEN_MAX);
                self.at_ns = Some(at_ns - error_ns + error_ns / self.seen);
            }
            None => (self.at_ns, self.seen) = (Some(at_ns), 1.0),
        }
    }

    /// When the next frame is heard.
    pub(super) fn at_ns(&self) -> Option<f64> {
        self.at_ns
    }

    pub(super) fn advance(&mut self, frames: usize) {
        if let Some(at_ns) = &mut self.at_ns {
            *at_ns += frames as f64 * self.frame_ns;
        }
    }
}

/// How films are mixed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::audio) struct FilmLevels {
    /// 0: they are not heard.
    pub(in crate::audio) gain: f32,
    /// How long it takes to get there.
    pub(in crate::audio) ramp_frames: u32,
    /// The music's gain while one is heard, above 0.
    pub(in crate::audio) duck_gain: f32,
    /// How long the music takes to get there.
    pub(in crate::audio) down_frames: u32,
    /// And back.
    pub(in crate::audio) up_frames: u32,
    /// For so long nothing of a film is heard before the music comes back: between two films it does not.
    pub(in crate::audio) hang_frames: u32,
}

/// The mixer's fourth input.
pub(super) struct Film {
    pub(super) input: Option<Box<FilmInput>>,
    pub(super) presented: Presented,
    levels: FilmLevels,
    gain: Ramp,
    /// One is heard, or was a moment ago.
    is_heard: bool,
    is_told: bool,
    quiet_frames: u32,
}

impl Film {
    pub(super) fn new() -> Self {
        let levels = FilmLevels {
            gain: 0.0,
            ramp_frames: 0,
            duck_gain: 1.0,
            down_frames: 0,
            up_frames: 0,
            hang_frames: 0,
        };
        Self {
            input: None,
            presented: Presented::unknown(),
            levels,
            gain: Ramp::at(0.0),
            is_heard: false,
            is_told: false,
            quiet_frames: 0,
        }
    }

    pub(super) fn is_heard(&self) -> bool {
        self.is_heard
    }
}

impl Mixer {
    /// The output's callback says at which moment the next frame that it pulls is heard, on the clock of films.
    pub(in crate::audio) fn observe(&mut self, heard_ns: u64, rate_hz: u32) {
        let frame_ns = 1e9 / f64::from(rate_hz);
        let delay_ns = self.delay_frames() as f64 * frame_ns;
        self.film.presented.observe(heard_ns as f64 + delay_ns, frame_ns);
    }

    /// Whether there may be films, which need to know when a frame is heard.
    #[cfg(feature = "sound")]
    pub(in crate::audio) fn wants_moments(&self) -> bool {
        self.film.input.is_some()
    }

    pub(super) fn set_film_levels(&mut self, levels: FilmLevels) {
        self.film.levels = levels;
        self.film.gain.go(levels.gain, levels.ramp_frames);
        if self.film.is_heard {
            self.make_room_for_film();
        }
    }

    /// Another ring with films, or none; the one before goes back.
    pub(super) fn take_film(&mut self, input: Option<Box<FilmInput>>) {
        if let Some(before) = std::mem::replace(&mut self.film.input, input) {
            // No command is taken while there is no room to report.
            let _ = self.reports.push(MixerReport::Film(before));
        }
    }

    /// Looks whether a film is heard, before so many frames are mixed.
    pub(super) fn watch_film(&mut self, frames: usize) {
        let film = &mut self.film;
        let is_near = film.levels.gain > 0.0 && film.input.as_ref().is_some_and(|input| input.is_near());
        film.quiet_frames = if is_near {
            0
        } else {
            film.quiet_frames.saturating_add(u32::try_from(frames).unwrap_or(u32::MAX))
        };
        let is_heard = is_near || film.is_heard && film.quiet_frames < film.levels.hang_frames;
        if std::mem::replace(&mut film.is_heard, is_heard) != is_heard {
            self.make_room_for_film();
        }
        if self.film.is_told != is_heard && self.reports.push(MixerReport::FilmHeard(is_heard)).is_ok() {
            self.film.is_told = is_heard;
        }
        if !self.reports.is_full()
            && let Some(spent) = self.film.input.take_if(|input| input.is_over())
        {
            let _ = self.reports.push(MixerReport::Film(spent));
        }
    }

    fn make_room_for_film(&mut self) {
        let levels = self.film.levels;
        let (gain, frames) =
            if self.film.is_heard { (levels.duck_gain, levels.down_frames) } else { (1.0, levels.up_frames) };
        self.ducking.make_room_for_film(gain, frames);
        if !Input::DECKS.iter().any(|deck| self.channels[*deck as usize].is_heard()) {
            self.ducking.settle_music();
        }
    }

    /// Adds the film to `out`.
    pub(super) fn mix_film(&mut self, out: &mut [f32]) {
        let film = &mut self.film;
        if let (Some(input), Some(at_ns)) = (&mut film.input, film.presented.at_ns()) {
            let block = &mut self.block[..out.len()];
            input.pull(at_ns, block);
            film.gain.apply(block);
            self.ducking.apply_to_film(block);
            for (to, from) in out.iter_mut().zip(block.iter()) {
                *to += from;
            }
        } else {
            film.gain = Ramp::at(film.levels.gain);
        }
        self.film.presented.advance(out.len() / 2);
    }
}

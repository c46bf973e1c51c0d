//! The soft tone that confirms a press: made here sample by sample, so that it needs no file, ring or thread and is heard with
//! the next buffer. It is part of what the volume turns: muted by anybody, or by the alarm, it is silent.

use std::f32::consts::TAU;

/// Its pitch in Hz: high enough for small loudspeakers, and with no harmonics, so that it hides no song.
const PITCH_HZ: f32 = 1568.0;
/// Its highest sample, −32 dB of full scale.
const PEAK: f32 = 0.025;
/// It swells and dies away by a raised cosine, which begins and ends without an edge.
const LENGTH_MS: u32 = 90;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct PressTone {
    rate_hz: u32,
    length_frames: u32,
    /// The frame that comes next; `length_frames` when it is silent.
    at: u32,
}

impl PressTone {
    pub(super) fn new(rate_hz: u32) -> Self {
        let length_frames = rate_hz / 1000 * LENGTH_MS;
        Self { rate_hz, length_frames, at: length_frames }
    }

    /// Begins it; one that sounds already is enough.
    pub(super) fn begin(&mut self) {
        if self.at == self.length_frames {
            self.at = 0;
        }
    }

    /// Adds it to interleaved stereo.
    pub(super) fn add_to(&mut self, out: &mut [f32]) {
        for frame in out.chunks_exact_mut(2) {
            if self.at == self.length_frames {
                return;
            }
            let at = self.at as f32;
            let swell = 0.5 - 0.5 * (TAU * at / self.length_frames as f32).cos();
            // The phase in turns is kept below one: as a whole it would lose its digits.
            let turns = (at * PITCH_HZ / self.rate_hz as f32).fract();
            let sample = PEAK * swell * (TAU * turns).sin();
            frame[0] += sample;
            frame[1] += sample;
            self.at += 1;
        }
    }
}

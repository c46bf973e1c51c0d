//! A true-peak limiter with look-ahead. It delays what it is given by a constant, [`Limiter::delay_frames`] (1.6 ms at
//! 48 kHz), and turns it down before a peak comes rather than when it is there, so that nothing is cut off. What stays
//! below the ceiling passes unchanged, bit by bit.
//!
//! 1. [`meter`] finds the peaks *between* the samples too, as ITU-R BS.1770-5 annex 2 asks: four times oversampled, by a
//!    filter of its own that is flat up to 20 kHz and whose first phase is the samples themselves. Where no sum of
//!    samples can reach the ceiling, which is most of the time in soft music, it looks no further.
//! 2. [`envelope`] takes the least gain that any peak from the look-ahead back to 12 ms ago needs, lets it rise by an
//!    exponential of 150 ms, and smooths it by two moving averages in a row, a trapezium as long as the look-ahead:
//!    the gain has arrived when the peak comes, and stays a few samples longer, since a peak between samples is made of
//!    those around it. The 12 ms are why a low tone is turned down evenly and not within each of its waves.
//! 3. Both channels get one gain, so that the picture between the loudspeakers does not move.
//!
//! The structure is that of D. Giannoulis, M. Massberg and J. D. Reiss, "Digital Dynamic Range Compressor Design" (JAES
//! 60/6, 2012), with the look-ahead by a sliding minimum as in D. Lemire, "Streaming Maximum-Minimum Filter Using No More
//! than Three Comparisons per Element" (2006). Gains are whole numbers inside, so that sums of them do not drift.

mod envelope;
mod meter;

use super::{CEILING_DBTP, volume};
use envelope::{Envelope, ONE};
use meter::{CHUNK_FRAMES, HALF_TAPS, Meter, highest};

/// Beyond this a sample is not sound but damage; it keeps whatever comes later finite.
const SAMPLE_MAX: f32 = 1000.0;

/// See the head of this file.
#[derive(Debug, Clone)]
pub(super) struct Limiter {
    ceiling: f32,
    meter: Meter,
    envelope: Envelope,
    /// What was taken and not given, interleaved; the oldest frame at `oldest`.
    delay: Vec<f32>,
    oldest: usize,
}

impl Limiter {
    /// One for an output of `rate_hz`, its ceiling at [`CEILING_DBTP`].
    pub(super) fn new(rate_hz: u32) -> Self {
        let envelope = Envelope::new(rate_hz);
        let delay_frames = HALF_TAPS + envelope.delay_frames();
        Self {
            ceiling: volume::of_decibels(CEILING_DBTP),
            meter: Meter::new(),
            envelope,
            delay: vec![0.0; delay_frames * 2],
            oldest: 0,
        }
    }

    /// How much later everything comes out than it goes in.
    pub(super) fn delay_frames(&self) -> usize {
        self.delay.len() / 2
    }

    /// The amplitude that the waveform does not exceed; in (0, 1].
    pub(super) fn set_ceiling(&mut self, amplitude: f32) {
        self.ceiling = amplitude;
    }

    /// Forgets what was taken and not given.
    pub(super) fn clear(&mut self) {
        self.meter.clear();
        self.envelope.clear();
        self.delay.fill(0.0);
    }

    /// Takes interleaved stereo and gives as much of what was taken before, below the ceiling; and its highest sample.
    pub(super) fn apply(&mut self, stereo: &mut [f32]) -> f32 {
        let mut top = 0.0f32;
        for chunk in stereo.chunks_mut(CHUNK_FRAMES * 2) {
            for sample in chunk.iter_mut() {
                *sample = if sample.is_nan() { 0.0 } else { sample.clamp(-SAMPLE_MAX, SAMPLE_MAX) };
            }
            let mut needed = [ONE; CHUNK_FRAMES];
            let is_over = self.meter.take(chunk, self.ceiling, &mut needed);
            self.swap_delayed(chunk);
            if is_over || !self.envelope.is_open() {
                for (frame, needed) in chunk.chunks_exact_mut(2).zip(needed) {
                    let gain = self.envelope.next_gain(needed);
                    frame[0] *= gain;
                    frame[1] *= gain;
                }
            }
            top = top.max(highest(chunk));
        }
        top
    }

    /// Puts a chunk into the delay and takes out as much.
    fn swap_delayed(&mut self, chunk: &mut [f32]) {
        let mut rest = chunk;
        while !rest.is_empty() {
            let len = rest.len().min(self.delay.len() - self.oldest);
            let (now, later) = rest.split_at_mut(len);
            now.swap_with_slice(&mut self.delay[self.oldest..self.oldest + len]);
            self.oldest = (self.oldest + len) % self.delay.len();
            rest = later;
        }
    }
}

#[cfg(test)]
mod tests;

//! Test signals: tones, noise, silence, and what is done with them. Everything is exact and
//! repeatable: the same arguments always give the same samples.
//!
//! Makers give mono; [`stereo`] and [`doubled`] make interleaved stereo of it. Amplitudes are peaks
//! of full scale (1.0), never dB.

use std::f64::consts::{FRAC_PI_2, TAU};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// How a fade runs over its length `0..=1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FadeShape {
    /// A straight line: for material that is alike on both sides.
    Linear,
    /// A quarter of a sine: the powers of a fade out and a fade in sum to one.
    EqualPower,
}

impl FadeShape {
    /// The rising gain at `position` in `0..=1`, clamped to it.
    #[must_use]
    pub fn gain(self, position: f64) -> f64 {
        let position = position.clamp(0.0, 1.0);
        match self {
            Self::Linear => position,
            Self::EqualPower => (position * FRAC_PI_2).sin(),
        }
    }
}

/// A sine, mono. `phase_rad` is the phase of its first sample; 0 begins at zero and rises.
#[must_use]
pub fn sine(freq_hz: f64, amplitude: f64, phase_rad: f64, rate_hz: u32, frames: usize) -> Vec<f32> {
    let step = freq_hz / f64::from(rate_hz);
    (0..frames)
        .map(|n| {
            let turns = (step * n as f64).fract();
            (amplitude * (TAU * turns + phase_rad).sin()) as f32
        })
        .collect()
}

/// White noise, mono, spread evenly over ±`amplitude`; the same for the same `seed`, everywhere.
#[must_use]
pub fn white_noise(amplitude: f64, seed: u64, frames: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..frames)
        .map(|_| (amplitude * (f64::from(rng.next_u32()) / f64::from(u32::MAX) * 2.0 - 1.0)) as f32)
        .collect()
}

/// Digital silence of `frames` frames.
#[must_use]
pub fn silence(channels: u16, frames: usize) -> Vec<f32> {
    vec![0.0; usize::from(channels) * frames]
}

/// Interleaves two mono signals; the shorter one ends in silence.
#[must_use]
pub fn stereo(left: &[f32], right: &[f32]) -> Vec<f32> {
    let at = |side: &[f32], n: usize| side.get(n).copied().unwrap_or(0.0);
    (0..left.len().max(right.len())).flat_map(|n| [at(left, n), at(right, n)]).collect()
}

/// Interleaved stereo with the same on both sides.
#[must_use]
pub fn doubled(mono: &[f32]) -> Vec<f32> {
    mono.iter().flat_map(|&x| [x, x]).collect()
}

/// One channel (from 0) out of interleaved samples; empty if there is no such channel.
#[must_use]
pub fn channel(samples: &[f32], channels: u16, index: u16) -> Vec<f32> {
    if index >= channels {
        return Vec::new();
    }
    samples.iter().skip(usize::from(index)).step_by(usize::from(channels)).copied().collect()
}

/// Adds `gain` times `add` to `into`, from sample `at` on, and makes `into` longer where needed.
/// Samples, not frames: for stereo `at` is twice the frame.
pub fn mix(into: &mut Vec<f32>, add: &[f32], gain: f32, at: usize) {
    if into.len() < at + add.len() {
        into.resize(at + add.len(), 0.0);
    }
    into[at..].iter_mut().zip(add).for_each(|(sum, &x)| *sum += gain * x);
}

/// Fades the first `frames` frames in.
pub fn fade_in(samples: &mut [f32], channels: u16, frames: usize, shape: FadeShape) {
    for (n, frame) in samples.chunks_mut(usize::from(channels.max(1))).take(frames).enumerate() {
        let gain = shape.gain(n as f64 / frames as f64) as f32;
        frame.iter_mut().for_each(|x| *x *= gain);
    }
}

/// Fades the last `frames` frames out; the sample after the last would be zero.
pub fn fade_out(samples: &mut [f32], channels: u16, frames: usize, shape: FadeShape) {
    for (n, frame) in samples.rchunks_mut(usize::from(channels.max(1))).take(frames).enumerate() {
        let gain = shape.gain((n + 1) as f64 / frames as f64) as f32;
        frame.iter_mut().for_each(|x| *x *= gain);
    }
}

/// `from` runs into `to`: they overlap by `frames`, or by as much as the shorter one has.
#[must_use]
pub fn crossfaded(from: &[f32], to: &[f32], channels: u16, frames: usize, shape: FadeShape) -> Vec<f32> {
    let width = usize::from(channels.max(1));
    let frames = frames.min(from.len() / width).min(to.len() / width);
    let (mut out, mut to) = (from.to_vec(), to.to_vec());
    fade_out(&mut out, channels, frames, shape);
    fade_in(&mut to, channels, frames, shape);
    let at = out.len() - frames * width;
    mix(&mut out, &to, 1.0, at);
    out
}

/// A tone of one channel behind `silence_ms` of silence, which a stream that starts may swallow. Its edges are soft: it rises and falls
/// within 30 ms.
#[must_use]
pub fn soft_tone(freq_hz: f64, amplitude: f64, seconds: f64, silence_ms: f64, rate_hz: u32) -> Vec<f32> {
    let mut tone = sine(freq_hz, amplitude, 0.0, rate_hz, (seconds * f64::from(rate_hz)) as usize);
    let edge = frames_of_ms(30.0, rate_hz);
    fade_in(&mut tone, 1, edge, FadeShape::EqualPower);
    fade_out(&mut tone, 1, edge, FadeShape::EqualPower);
    let mut whole = silence(1, frames_of_ms(silence_ms, rate_hz));
    whole.extend(tone);
    whole
}

/// Frames that `ms` milliseconds last, rounded.
#[must_use]
pub fn frames_of_ms(ms: f64, rate_hz: u32) -> usize {
    (ms * f64::from(rate_hz) / 1000.0).round().max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_soft_tone_is_silent_first_rises_without_a_step_and_is_as_long_as_it_says() {
        let tone = soft_tone(440.0, 0.4, 1.0, 200.0, 48_000);
        assert_eq!(tone.len(), 57_600);
        assert!(tone[..9600].iter().all(|x| *x == 0.0));
        let steepest = tone.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(steepest < 0.4 * 440.0 * std::f32::consts::TAU / 48_000.0 * 1.05, "{steepest}");
        assert!(tone[57_599].abs() < 0.001 && tone[30_000..30_200].iter().any(|x| *x > 0.39));
    }

    #[test]
    fn a_sine_cut_in_two_is_one_sine() {
        let whole = sine(1000.0, 0.5, 0.0, 48_000, 4800);
        let second = sine(1000.0, 0.5, TAU * 1000.0 / 48_000.0 * 7.0, 48_000, 100);
        let worst = whole[7..].iter().zip(&second).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-6, "{worst}");
        assert_eq!(whole[0], 0.0);
        assert!((whole[12] - 0.5).abs() < 1e-6);
    }

    #[test]
    fn noise_is_the_same_for_the_same_seed_and_fills_its_range() {
        let noise = white_noise(0.5, 7, 10_000);
        assert_eq!(noise, white_noise(0.5, 7, 10_000));
        assert_ne!(noise, white_noise(0.5, 8, 10_000));
        let peak = noise.iter().fold(0.0_f32, |a, x| a.max(x.abs()));
        let mean = noise.iter().sum::<f32>() / 10_000.0;
        assert!(peak <= 0.5 && peak > 0.499 && mean.abs() < 0.01, "{peak} {mean}");
    }

    #[test]
    fn channels_come_out_as_they_went_in() {
        let both = stereo(&[1.0, 2.0], &[3.0]);
        assert_eq!(both, [1.0, 3.0, 2.0, 0.0]);
        assert_eq!(channel(&both, 2, 1), [3.0, 0.0]);
        assert!(channel(&both, 2, 2).is_empty());
    }

    #[test]
    fn an_equal_power_crossfade_of_a_constant_has_the_right_length_and_shape() {
        let out = crossfaded(&[1.0; 200], &[1.0; 200], 2, 50, FadeShape::Linear);
        assert_eq!(out.len(), 300);
        assert!(out.iter().all(|&x| (x - 1.0).abs() < 0.03), "a linear fade keeps what is alike");
        let out = crossfaded(&[1.0; 200], &[0.0; 200], 2, 50, FadeShape::EqualPower);
        assert!((out[150] - 0.5_f32.sqrt()).abs() < 0.02 && out[199] < 0.06 && out[299] == 0.0);
    }

    #[test]
    fn fades_longer_than_the_sound_are_harmless() {
        let mut short = vec![1.0; 4];
        fade_in(&mut short, 2, 100, FadeShape::Linear);
        fade_out(&mut short, 2, 0, FadeShape::Linear);
        assert!(short.iter().all(|x| x.is_finite()));
    }
}

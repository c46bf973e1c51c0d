//! True peak: the highest point of the curve through the samples, which may lie between two of them (ITU-R BS.1770-4,
//! annex 2): oversampled four times below 96 kHz, twice below 192 kHz, not at all above, by a sinc of 49 points under a
//! Hann window, as libebur128 and ebur128 do it.
//!
//! Most blocks cannot hold the highest point: what the filter makes of samples that are no higher than *p* is no higher
//! than *p* times the sum of its absolute coefficients. Those that cannot exceed what was found are passed over, which
//! changes nothing in the result.

/// Points of the filter without the last, which is zero.
const POINTS: usize = 48;
/// Samples that are looked at together. Short, since one high sample makes the whole block be looked at.
const BLOCK_LEN: usize = 64;

/// The highest point of one channel.
#[derive(Debug)]
pub(super) struct TruePeak {
    /// The coefficients of each phase between two samples, the newest sample's first; none: samples only.
    phases: Vec<Vec<f32>>,
    /// The filter gives no more than the highest sample times this.
    gain_max: f32,
    before_len: usize,
    /// The last samples of the chunk before, and this chunk.
    line: Vec<f32>,
    highest: f32,
}

impl TruePeak {
    pub(super) fn new(rate_hz: u32) -> Self {
        let factor = match rate_hz {
            ..96_000 => 4,
            96_000..192_000 => 2,
            _ => 1,
        };
        // Phase 0 is the samples themselves.
        let phases: Vec<Vec<f32>> = (1..factor).map(|phase| coefficients(factor, phase)).collect();
        let sum = |phase: &Vec<f32>| phase.iter().map(|c| c.abs()).sum::<f32>();
        let gain_max = phases.iter().map(sum).fold(1.0, f32::max) * (1.0 + 1e-5);
        let before_len = phases.first().map_or(0, |phase| phase.len() - 1);
        Self { phases, gain_max, before_len, line: vec![0.0; before_len], highest: 0.0 }
    }

    /// The highest so far; 1.0 is full scale.
    pub(super) fn highest(&self) -> f32 {
        self.highest
    }

    /// Looks at more samples. What does not exceed `floor`, the peak of another channel, need not be known exactly.
    pub(super) fn push(&mut self, samples: &[f32], floor: f32) {
        self.highest = self.highest.max(floor);
        self.line.extend_from_slice(samples);
        let mut at = self.before_len;
        while at < self.line.len() {
            let end = (at + BLOCK_LEN).min(self.line.len());
            self.block(at, end);
            at = end;
        }
        let keep_from = self.line.len() - self.before_len;
        self.line.drain(..keep_from);
    }

    fn block(&mut self, at: usize, end: usize) {
        let highest_sample = highest(&self.line[at - self.before_len..end]);
        // The samples before the block were looked at with it.
        self.highest = self.highest.max(highest(&self.line[at..end]));
        if highest_sample * self.gain_max <= self.highest {
            return;
        }
        for phase in &self.phases {
            let mut sums = [0.0f32; BLOCK_LEN];
            for (age, coefficient) in phase.iter().enumerate() {
                let samples = &self.line[at - age..end - age];
                for (sum, sample) in sums.iter_mut().zip(samples) {
                    *sum += coefficient * sample;
                }
            }
            self.highest = self.highest.max(highest(&sums[..end - at]));
        }
    }
}

/// The highest absolute value. Eight at a time, which the compiler makes vectors of.
fn highest(samples: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let chunks = samples.chunks_exact(8);
    let rest = chunks.remainder().iter().fold(0.0f32, |max, x| max.max(x.abs()));
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            let x = x.abs();
            *lane = if x > *lane { x } else { *lane };
        }
    }
    lanes.iter().fold(rest, |max, x| max.max(*x))
}

/// One phase of the filter, the newest sample's coefficient first.
fn coefficients(factor: usize, phase: usize) -> Vec<f32> {
    use std::f64::consts::PI;
    let point = |j: usize| {
        let window = 0.5 * (1.0 - (2.0 * PI * j as f64 / POINTS as f64).cos());
        let x = PI * (j as f64 - POINTS as f64 / 2.0) / factor as f64;
        let sinc = if x.abs() < 1e-9 { 1.0 } else { x.sin() / x };
        (window * sinc) as f32
    };
    (0..POINTS / factor).map(|age| point(age * factor + phase)).collect()
}

#[cfg(test)]
mod tests {
    use ebur128::{EbuR128, Mode};
    use orchestrion_rig::signal;

    use super::*;

    fn all_of(samples: &[f32], rate_hz: u32, chunk: usize) -> f32 {
        let mut peak = TruePeak::new(rate_hz);
        samples.chunks(chunk).for_each(|chunk| peak.push(chunk, 0.0));
        peak.highest()
    }

    #[test]
    fn what_is_passed_over_changes_nothing() {
        for rate_hz in [22_050, 44_100, 48_000, 96_000, 192_000] {
            for seed in 0..20 {
                // Noise whose level wanders, so that some blocks matter and most do not.
                let mut samples = signal::white_noise(0.9, seed, 20_011);
                for (n, x) in samples.iter_mut().enumerate() {
                    *x *= (0.5 + 0.5 * (n as f32 / 700.0).sin()).powi(3);
                }
                let mut whole = EbuR128::new(1, rate_hz, Mode::TRUE_PEAK).unwrap();
                whole.add_frames_f32(&samples).unwrap();
                let expected = whole.true_peak(0).unwrap();
                for chunk in [1, 63, 64, 1000, 4096] {
                    let found = f64::from(all_of(&samples, rate_hz, chunk));
                    let off = (found - expected).abs();
                    assert!(off < 1e-5, "{rate_hz} Hz, seed {seed}, chunks of {chunk}: {found} {expected}");
                }
            }
        }
    }

    #[test]
    fn a_peak_between_two_samples_is_found() {
        // A quarter of the rate, sampled at 45 degrees: each sample is 3 dB below the top.
        let tone = signal::sine(12_000.0, 0.5, std::f64::consts::FRAC_PI_4, 48_000, 4800);
        let top = tone.iter().fold(0.0f32, |max, x| max.max(x.abs()));
        assert!((top - 0.3536).abs() < 1e-3);
        assert!((all_of(&tone, 48_000, 512) - 0.5).abs() < 0.01);
        assert_eq!(all_of(&tone, 192_000, 512), top);
        assert_eq!(all_of(&[], 48_000, 512), 0.0);
    }
}

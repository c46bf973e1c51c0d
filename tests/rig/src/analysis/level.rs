//! Levels, silence, and where sound begins and ends.

use std::ops::Range;

/// The level of digital silence, instead of −∞.
const SILENCE_DB: f64 = -300.0;

/// The largest absolute sample. Channels do not matter.
#[must_use]
pub fn peak(samples: &[f32]) -> f32 {
    samples.iter().fold(0.0, |peak, x| peak.max(x.abs()))
}

/// The mean power in dB of full scale: a full-scale sine has −3.01 dB, silence −300 dB.
#[must_use]
pub fn rms_db(samples: &[f32]) -> f64 {
    let sum: f64 = samples.iter().map(|&x| f64::from(x).powi(2)).sum();
    if sum == 0.0 { SILENCE_DB } else { 10.0 * (sum / samples.len() as f64).log10() }
}

/// [`rms_db`] of one window of `window_frames` after another; what is left at the end is dropped.
#[must_use]
pub fn power_db(samples: &[f32], window_frames: usize) -> Vec<f64> {
    samples.chunks_exact(window_frames.max(1)).map(rms_db).collect()
}

/// Where at least `min_frames` samples in a row are not above `threshold`.
#[must_use]
pub fn silence_runs(samples: &[f32], threshold: f32, min_frames: usize) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = None;
    for (n, &x) in samples.iter().chain([&f32::INFINITY]).enumerate() {
        match (x.abs() <= threshold, start) {
            (true, None) => start = Some(n),
            (false, Some(from)) => {
                if n - from >= min_frames {
                    runs.push(from..n);
                }
                start = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    runs
}

/// The first sample above `threshold`.
#[must_use]
pub fn first_above(samples: &[f32], threshold: f32) -> Option<usize> {
    samples.iter().position(|x| x.abs() > threshold)
}

/// The last sample above `threshold`.
#[must_use]
pub fn last_above(samples: &[f32], threshold: f32) -> Option<usize> {
    samples.iter().rposition(|x| x.abs() > threshold)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::sine;

    #[test]
    fn a_full_scale_sine_has_minus_three_db() {
        let power = power_db(&sine(1000.0, 1.0, 0.0, 48_000, 9700), 4800);
        assert_eq!(power.len(), 2);
        assert!(power.iter().all(|db| (db + 3.0103).abs() < 1e-3), "{power:?}");
        assert_eq!(power_db(&[0.0; 10], 10), [-300.0]);
    }

    #[test]
    fn silence_is_found_at_both_ends_and_between() {
        let samples = [0.0, 0.0, 0.5, 0.001, -0.002, 0.5, 0.0, -0.5, 0.0, 0.0, 0.0];
        assert_eq!(silence_runs(&samples, 0.01, 2), [0..2, 3..5, 8..11]);
        assert_eq!(silence_runs(&samples, 0.01, 3).first(), Some(&(8..11)));
        assert_eq!(first_above(&samples, 0.01), Some(2));
        assert_eq!(last_above(&samples, 0.01), Some(7));
        assert_eq!(first_above(&samples, 0.6), None);
        assert_eq!(silence_runs(&[], 0.01, 0), []);
    }
}

//! Tones: how loud a known one is over time, and which one is the loudest.

use std::f64::consts::TAU;

use realfft::RealFftPlanner;

/// How much finer than its own resolution a window's spectrum is computed, so that the peak can be
/// told between two lines.
const ZERO_PADDING: usize = 4;

/// The amplitude of the tone `freq_hz` in one window of `window_frames` after another (a single DFT
/// line under a Hann window). Other tones disturb if they are nearer than 4 / window length.
#[must_use]
pub fn tone_amplitudes(samples: &[f32], rate_hz: u32, freq_hz: f64, window_frames: usize) -> Vec<f64> {
    phasors(samples, rate_hz, freq_hz, window_frames, window_frames).map(|(re, im)| re.hypot(im)).collect()
}

/// Complex amplitudes of the tone `freq_hz`, a window of `window_frames` each `hop_frames`, against
/// one reference that runs through: an undisturbed tone has the same phase in all of them.
pub(super) fn phasors(
    samples: &[f32],
    rate_hz: u32,
    freq_hz: f64,
    window_frames: usize,
    hop_frames: usize,
) -> impl Iterator<Item = (f64, f64)> {
    let window_frames = window_frames.max(1);
    let window = hann(window_frames);
    let scale = 2.0 / window.iter().sum::<f64>();
    let turns_per_frame = freq_hz / f64::from(rate_hz);
    samples.windows(window_frames).step_by(hop_frames.max(1)).enumerate().map(move |(index, part)| {
        let start = index * hop_frames.max(1);
        let (mut re, mut im) = (0.0, 0.0);
        for (n, (&x, w)) in part.iter().zip(&window).enumerate() {
            let (sin, cos) = (TAU * (turns_per_frame * (start + n) as f64).fract()).sin_cos();
            let x = f64::from(x) * w * scale;
            re += x * cos;
            im -= x * sin;
        }
        (re, im)
    })
}

/// The frequency in Hz of the loudest tone in `window`, to a small part of `rate_hz / window.len()`
/// when it is alone. `None` for silence and for fewer than 16 samples.
#[must_use]
pub fn dominant_frequency(window: &[f32], rate_hz: u32) -> Option<f64> {
    if window.len() < 16 {
        return None;
    }
    let mean = window.iter().map(|&x| f64::from(x)).sum::<f64>() / window.len() as f64;
    let mut padded: Vec<f64> =
        window.iter().zip(hann(window.len())).map(|(&x, w)| (f64::from(x) - mean) * w).collect();
    padded.resize((window.len() * ZERO_PADDING).next_power_of_two(), 0.0);

    let transform = RealFftPlanner::<f64>::new().plan_fft_forward(padded.len());
    let mut lines = transform.make_output_vec();
    transform.process(&mut padded, &mut lines).ok()?;
    let power: Vec<f64> = lines.iter().map(|line| line.norm_sqr()).collect();
    let (loudest, most) = power.iter().copied().enumerate().skip(1).max_by(|a, b| a.1.total_cmp(&b.1))?;
    if most < 1e-12 {
        return None;
    }
    // A parabola through the logarithms of three lines: nearly exact for a Hann window.
    let log = |n: usize| power.get(n).copied().unwrap_or(0.0).max(1e-30).ln();
    let (left, middle, right) = (log(loudest - 1), log(loudest), log(loudest + 1));
    let bend = left - 2.0 * middle + right;
    let offset = if bend < 0.0 { (0.5 * (left - right) / bend).clamp(-0.5, 0.5) } else { 0.0 };
    Some((loudest as f64 + offset) * f64::from(rate_hz) / (2 * (power.len() - 1)) as f64)
}

fn hann(frames: usize) -> Vec<f64> {
    (0..frames).map(|n| 0.5 - 0.5 * (TAU * (n as f64 + 0.5) / frames as f64).cos()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{mix, sine};

    #[test]
    fn the_amplitude_of_one_tone_is_told_beside_another() {
        let mut both = sine(440.0, 0.3, 0.7, 48_000, 9600);
        mix(&mut both, &sine(1000.0, 0.6, 0.0, 48_000, 9600), 1.0, 0);
        let amplitudes = tone_amplitudes(&both, 48_000, 440.0, 960);
        assert_eq!(amplitudes.len(), 10);
        assert!(amplitudes.iter().all(|a| (a - 0.3).abs() < 0.001), "{amplitudes:?}");
    }

    #[test]
    fn the_loudest_tone_is_told_to_a_tenth_of_a_hertz() {
        for freq_hz in [55.0, 440.3, 1000.0, 9876.5] {
            let mut tone = sine(freq_hz, 0.2, 1.0, 44_100, 8192);
            mix(&mut tone, &sine(freq_hz * 2.1, 0.1, 0.0, 44_100, 8192), 1.0, 0);
            let found = dominant_frequency(&tone, 44_100).unwrap();
            assert!((found - freq_hz).abs() < 0.1, "{found} instead of {freq_hz}");
        }
    }

    #[test]
    fn silence_has_no_frequency() {
        assert_eq!(dominant_frequency(&[0.0; 4096], 48_000), None);
        assert_eq!(dominant_frequency(&[0.5; 4096], 48_000), None);
        assert_eq!(dominant_frequency(&[0.5; 4], 48_000), None);
    }
}

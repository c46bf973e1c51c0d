//! The chime before an announcement: three bars struck one after the other, downwards.

use std::f64::consts::TAU;

/// G, E and C, equally tempered, in Hz.
const BARS_HZ: [f64; 3] = [783.99, 659.26, 523.25];
/// Seconds from stroke to stroke.
const STROKE_S: f64 = 0.5;
/// Seconds in all.
pub const LENGTH_S: f64 = 4.0;
/// Of a struck bar with free ends: the frequency as a multiple of the lowest, how loud, and how fast it dies in seconds.
const PARTIALS: [(f64, f64, f64); 3] = [(1.0, 0.2, 0.9), (2.756, 0.06, 0.35), (5.404, 0.02, 0.15)];
/// A stroke is not a click: it rises in so many seconds.
const ATTACK_S: f64 = 0.004;

/// The chime in one channel.
pub fn render(rate_hz: u32) -> Vec<f32> {
    let rate = f64::from(rate_hz);
    let mut samples = vec![0.0_f32; (LENGTH_S * rate) as usize];
    for (bar, hz) in BARS_HZ.iter().enumerate() {
        let begin = (bar as f64 * STROKE_S * rate) as usize;
        let whole = samples.len();
        for (at, sample) in samples[begin..].iter_mut().enumerate() {
            let t = at as f64 / rate;
            let left_s = (whole - begin - at) as f64 / rate;
            let edges = (t / ATTACK_S).min(1.0) * (left_s / 0.1).min(1.0);
            let partial = |(times, amplitude, dies_s): &(f64, f64, f64)| {
                amplitude * (-t / dies_s).exp() * (TAU * hz * times * t).sin()
            };
            *sample += (edges * PARTIALS.iter().map(partial).sum::<f64>()) as f32;
        }
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::peak;

    #[test]
    fn it_begins_and_ends_in_silence_and_is_never_full() {
        let chime = render(48_000);
        assert_eq!(chime.len(), 4 * 48_000);
        assert!(chime[0].abs() < 1e-3 && chime.last().unwrap().abs() < 1e-3);
        assert!((0.15..0.9).contains(&peak(&chime)), "{}", peak(&chime));
    }
}

//! A crossfade from one tone to another: how long, how even.

use super::level::{first_above, last_above};
use super::tone::tone_amplitudes;

/// A window's length in milliseconds: the resolution in time, and 50 Hz in frequency.
const WINDOW_MS: f64 = 20.0;
/// What is quieter is not yet, or no longer, part of the sound.
const SOUND: f32 = 1e-3;
/// A tone that has left its level by this much is fading.
const FADING: f64 = 0.985;

/// What a crossfade did. Times are in seconds from the beginning of the capture.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossfade {
    /// When the first tone began to leave, to 20 ms.
    pub from_s: f64,
    /// When the second tone had arrived, to 20 ms.
    pub to_s: f64,
    /// The beginning of the equal-power fade that fits best.
    pub fitted_start_s: f64,
    /// The length of the equal-power fade that fits best: compare this with what was asked for.
    pub fitted_length_s: f64,
    /// How far the fade is from sin/cos, rms, as an angle of the quarter turn. An equal-power fade
    /// is below 0.003; a straight one has 0.011.
    pub angle_error_rad: f64,
    /// The lowest sum of both powers during the fade, in dB of one tone alone. 0 would be perfect,
    /// −3 is a straight fade's dip.
    pub power_min_db: f64,
    /// The highest.
    pub power_max_db: f64,
    /// Amplitudes of the tone that leaves, 1 = alone, one for each window of 20 ms from the first sound on.
    pub leaving: Vec<f64>,
    /// Amplitudes of the tone that arrives.
    pub arriving: Vec<f64>,
}

/// Measures the fade from a tone of `from_hz` to one of `to_hz`, both steady before and after.
/// The tones must be at least 200 Hz apart, and half a second of each must be alone.
///
/// `None` if that is not what the capture holds.
#[must_use]
pub fn crossfade(samples: &[f32], rate_hz: u32, from_hz: f64, to_hz: f64) -> Option<Crossfade> {
    let start = first_above(samples, SOUND)?;
    let sound = &samples[start..=last_above(samples, SOUND)?];
    let window_frames = crate::signal::frames_of_ms(WINDOW_MS, rate_hz).max(1);
    let window_s = window_frames as f64 / f64::from(rate_hz);
    let start_s = start as f64 / f64::from(rate_hz);

    let leaving = tone_amplitudes(sound, rate_hz, from_hz, window_frames);
    let arriving = tone_amplitudes(sound, rate_hz, to_hz, window_frames);
    let count = leaving.len();
    if count < 50 {
        return None;
    }
    // The first two windows may hold the fade in of the tone itself, the last two its fade out.
    let leaving = normalized(leaving, 2..20)?;
    let arriving = normalized(arriving, count - 20..count - 2)?;

    let first = (2..count).find(|&n| leaving[n] < FADING)?;
    let last = (first..count).find(|&n| arriving[n] > FADING)?;
    let powers = (first..last.max(first + 1)).map(|n| leaving[n].powi(2) + arriving[n].powi(2));
    let (least, most) = powers.fold((f64::MAX, 0.0_f64), |(a, b), x| (a.min(x), b.max(x)));

    // Equal power is a quarter turn at constant speed: a line through the angles.
    let angles: Vec<(f64, f64)> = (first.saturating_sub(1)..=last)
        .map(|n| ((n as f64 + 0.5) * window_s, arriving[n].atan2(leaving[n])))
        .filter(|(_, angle)| (0.2..1.37).contains(angle))
        .collect();
    let (slope, offset, angle_error_rad) = line(&angles)?;
    let fitted_length_s = std::f64::consts::FRAC_PI_2 / slope;
    Some(Crossfade {
        from_s: start_s + first as f64 * window_s,
        to_s: start_s + last as f64 * window_s,
        fitted_start_s: start_s - offset / slope,
        fitted_length_s,
        angle_error_rad,
        power_min_db: 10.0 * least.log10(),
        power_max_db: 10.0 * most.log10(),
        leaving,
        arriving,
    })
}

/// Amplitudes relative to their median within `alone`; `None` if there is no tone.
fn normalized(amplitudes: Vec<f64>, alone: std::ops::Range<usize>) -> Option<Vec<f64>> {
    let mut sorted = amplitudes.get(alone)?.to_vec();
    sorted.sort_by(f64::total_cmp);
    let level = sorted.get(sorted.len() / 2).copied().filter(|&level| level > f64::from(SOUND))?;
    Some(amplitudes.into_iter().map(|a| a / level).collect())
}

/// Slope, offset and rms error of the line through `points`; it must rise.
fn line(points: &[(f64, f64)]) -> Option<(f64, f64, f64)> {
    if points.len() < 3 {
        return None;
    }
    let count = points.len() as f64;
    let mean_x = points.iter().map(|p| p.0).sum::<f64>() / count;
    let mean_y = points.iter().map(|p| p.1).sum::<f64>() / count;
    let xx: f64 = points.iter().map(|p| (p.0 - mean_x).powi(2)).sum();
    let xy: f64 = points.iter().map(|p| (p.0 - mean_x) * (p.1 - mean_y)).sum();
    let slope = xy / xx;
    let offset = mean_y - slope * mean_x;
    let error = points.iter().map(|p| (p.1 - offset - slope * p.0).powi(2)).sum::<f64>() / count;
    (slope > 0.0).then_some((slope, offset, error.sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{FadeShape, crossfaded, silence, sine};

    fn faded(shape: FadeShape) -> Vec<f32> {
        let a = sine(440.0, 0.5, 0.0, 48_000, 48_000 * 4);
        let b = sine(1000.0, 0.3, 0.0, 48_000, 48_000 * 4);
        let mut capture = silence(1, 4800);
        capture.extend(crossfaded(&a, &b, 1, 48_000 * 2, shape));
        capture.extend(silence(1, 4800));
        capture
    }

    #[test]
    fn an_equal_power_fade_is_measured_to_the_millisecond() {
        let fade = crossfade(&faded(FadeShape::EqualPower), 48_000, 440.0, 1000.0).unwrap();
        assert!((fade.fitted_length_s - 2.0).abs() < 0.005, "{fade:?}");
        assert!((fade.fitted_start_s - 2.1).abs() < 0.005, "{}", fade.fitted_start_s);
        assert!(fade.angle_error_rad < 0.002, "{}", fade.angle_error_rad);
        assert!(fade.power_min_db > -0.05 && fade.power_max_db < 0.05, "{fade:?}");
        assert!((fade.from_s - 2.1).abs() < 0.3 && (fade.to_s - 4.1).abs() < 0.3);
    }

    #[test]
    fn a_straight_fade_shows_its_dip() {
        let fade = crossfade(&faded(FadeShape::Linear), 48_000, 440.0, 1000.0).unwrap();
        assert!((fade.power_min_db + 3.01).abs() < 0.1, "{}", fade.power_min_db);
        assert!(fade.angle_error_rad > 0.008, "{}", fade.angle_error_rad);
    }

    #[test]
    fn what_is_no_crossfade_is_not_measured() {
        assert_eq!(crossfade(&sine(440.0, 0.5, 0.0, 48_000, 96_000), 48_000, 440.0, 1000.0), None);
        assert_eq!(crossfade(&silence(1, 96_000), 48_000, 440.0, 1000.0), None);
        assert_eq!(crossfade(&[], 48_000, 440.0, 1000.0), None);
    }
}

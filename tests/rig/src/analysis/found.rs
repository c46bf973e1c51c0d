//! Where a piece of music is heard in a capture.

/// Samples a second at which both are compared: the tones of music, and positions to an eighth of a millisecond.
const RATE_HZ: f64 = 8_000.0;
/// How much of the piece is looked for, in seconds.
const PART_S: f64 = 1.5;

/// Where a piece was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// Where its beginning is in the capture, or would be, in seconds.
    pub begins_s: f64,
    /// 1: nothing else is heard there; 0: nothing of it is.
    pub likeness: f64,
}

/// Looks for a piece in a capture by a second and a half of it, `from_s` after its beginning: behind the fade with which it may
/// have begun. How loud it is does not matter, nor at which rate either is.
#[must_use]
pub fn found(
    (samples, rate_hz): (&[f32], u32),
    (piece, piece_rate_hz): (&[f32], u32),
    from_s: f64,
) -> Option<Found> {
    let heard = slow(samples, rate_hz);
    let piece = slow(piece, piece_rate_hz);
    let from = (from_s * RATE_HZ) as usize;
    let part = piece.get(from..from + (PART_S * RATE_HZ) as usize)?;
    let power = |samples: &[f64]| samples.iter().map(|x| x * x).sum::<f64>();
    let part_power = power(part);
    if part_power == 0.0 || heard.len() < part.len() {
        return None;
    }
    let mut best = (0, 0.0);
    let mut here = power(&heard[..part.len()]);
    for at in 0..=heard.len() - part.len() {
        let window = &heard[at..at + part.len()];
        if here > part_power * 1e-9 {
            let product: f64 = window.iter().zip(part).map(|(a, b)| a * b).sum();
            let likeness = product / (here * part_power).sqrt();
            if likeness > best.1 {
                best = (at, likeness);
            }
        }
        let next = heard.get(at + part.len()).copied().unwrap_or(0.0);
        here = (here - heard[at] * heard[at] + next * next).max(0.0);
    }
    let (at, likeness) = best;
    (likeness > 0.0).then_some(Found { begins_s: at as f64 / RATE_HZ - from_s, likeness })
}

/// At [`RATE_HZ`], each sample the mean of what lies around it.
fn slow(samples: &[f32], rate_hz: u32) -> Vec<f64> {
    let step = f64::from(rate_hz) / RATE_HZ;
    let len = (samples.len() as f64 / step) as usize;
    let mean = |n: usize| {
        let from = (n as f64 * step).round() as usize;
        let to = (((n + 1) as f64 * step).round() as usize).clamp(from + 1, samples.len().max(from + 1));
        let part = samples.get(from..to).unwrap_or_default();
        part.iter().map(|&x| f64::from(x)).sum::<f64>() / part.len().max(1) as f64
    };
    (0..len).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A melody of its own for each seed: a tone for each tenth of a second.
    fn melody(seed: u32, seconds: f64, rate_hz: u32) -> Vec<f32> {
        let mut phase = 0.0_f64;
        (0..(seconds * f64::from(rate_hz)) as usize)
            .map(|n| {
                let note = (n as f64 / f64::from(rate_hz) * 10.0) as u32;
                let step = seed.wrapping_mul(2_654_435_761).wrapping_add(note.wrapping_mul(40_503)) >> 3;
                let freq_hz = 220.0 * 2.0_f64.powf(f64::from(step % 24) / 12.0);
                phase += std::f64::consts::TAU * freq_hz / f64::from(rate_hz);
                (phase.sin() * 0.4) as f32
            })
            .collect()
    }

    #[test]
    fn a_piece_is_found_where_it_begins_whatever_its_loudness_and_rate_and_another_is_not() {
        let mut capture = melody(1, 4.2, 48_000);
        capture.extend(melody(2, 5.0, 48_000).iter().map(|x| x * 0.2));
        let piece = melody(2, 5.0, 44_100);
        let at = found((&capture, 48_000), (&piece, 44_100), 1.0).unwrap();
        assert!((at.begins_s - 4.2).abs() < 0.002 && at.likeness > 0.9, "{at:?}");
        let other = found((&capture, 48_000), (&melody(3, 5.0, 44_100), 44_100), 1.0).unwrap();
        // Melodies have tones in common; the demo decides at 0.8.
        assert!(other.likeness < 0.8, "{other:?}");
    }

    #[test]
    fn silence_and_what_is_too_short_tell_nothing() {
        let piece = melody(1, 5.0, 48_000);
        assert_eq!(found((&[0.0; 480_000], 48_000), (&piece, 48_000), 1.0), None);
        assert_eq!(found((&piece, 48_000), (&piece[..48_000], 48_000), 0.0), None);
        assert_eq!(found((&piece[..100], 48_000), (&piece, 48_000), 0.0), None);
    }
}

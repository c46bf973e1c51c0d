//! Clicks: whatever is in a capture besides the tones that were played.

use super::fit::ToneBasis;

/// How long a window tones are fitted in, in milliseconds. Long enough to tell 100 Hz from a click,
/// short enough that a fade of half a second looks straight (error below −75 dB).
pub const FIT_WINDOW_MS: f64 = 10.0;

/// What the given tones do not explain, at its loudest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Residual {
    /// Its absolute value.
    pub peak: f64,
    /// Where it is, in frames.
    pub frame: usize,
}

/// The loudest thing in `samples` that is not one of the steady or linearly fading tones
/// `freqs_hz`: a click, a step, a hole, noise. An undisturbed tone of 24 bit is below 1e-6; where a
/// fade of a second begins or ends its corner shows with 0.001, one of 100 ms with 0.01. A wrong
/// sample shows with nearly its full height, a lost one with a good part of the step it leaves.
///
/// Cut the sound's own beginning and end off before: where a tone starts abruptly is a click.
/// `None` if `samples` are shorter than [`FIT_WINDOW_MS`].
#[must_use]
pub fn residual_peak(samples: &[f32], rate_hz: u32, freqs_hz: &[f64]) -> Option<Residual> {
    let mut worst: Option<Residual> = None;
    for_each_window(samples, rate_hz, freqs_hz, |here| {
        if worst.is_none_or(|worst| here.peak > worst.peak) {
            worst = Some(here);
        }
    });
    worst
}

/// Every place with more than `threshold` besides the tones; what is nearer than a window to the
/// one before counts as the same click. Empty as well when `samples` are too short.
#[must_use]
pub fn clicks(samples: &[f32], rate_hz: u32, freqs_hz: &[f64], threshold: f64) -> Vec<Residual> {
    let mut found: Vec<Residual> = Vec::new();
    let window_frames = window_frames(rate_hz);
    for_each_window(samples, rate_hz, freqs_hz, |here| match found.last_mut() {
        _ if here.peak <= threshold => {}
        Some(last) if here.frame <= last.frame + window_frames => {
            if here.peak > last.peak {
                *last = here;
            }
        }
        _ => found.push(here),
    });
    found
}

fn window_frames(rate_hz: u32) -> usize {
    crate::signal::frames_of_ms(FIT_WINDOW_MS, rate_hz).max(8)
}

/// Calls `look` with the peak of each window; windows overlap by half, so that nothing hides at a
/// border, and the last one ends with the last sample.
fn for_each_window(samples: &[f32], rate_hz: u32, freqs_hz: &[f64], mut look: impl FnMut(Residual)) {
    let basis = ToneBasis::new(freqs_hz, rate_hz, window_frames(rate_hz));
    let width = basis.window_frames();
    let Some(last) = samples.len().checked_sub(width) else { return };
    let mut window = vec![0.0; width];
    for start in (0..last).step_by(width / 2).chain([last]) {
        window.iter_mut().zip(&samples[start..]).for_each(|(w, &x)| *w = f64::from(x));
        basis.remove_from(&mut window);
        let mut here = Residual { peak: 0.0, frame: start };
        for (n, x) in window.iter().enumerate() {
            if x.abs() > here.peak {
                here = Residual { peak: x.abs(), frame: start + n };
            }
        }
        look(here);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{FadeShape, crossfaded, sine};

    const RATE_HZ: u32 = 48_000;

    #[test]
    fn a_clean_crossfade_has_no_residual() {
        let a = sine(440.0, 0.5, 0.3, RATE_HZ, 96_000);
        let b = sine(1000.0, 0.4, 1.0, RATE_HZ, 96_000);
        let faded = crossfaded(&a, &b, 1, 48_000, FadeShape::EqualPower);
        let worst = residual_peak(&faded, RATE_HZ, &[440.0, 1000.0]).unwrap();
        assert!(worst.peak < 1e-3, "{worst:?}");
        assert!(clicks(&faded, RATE_HZ, &[440.0, 1000.0], 1e-3).is_empty());
        let inside = residual_peak(&faded[50_000..94_000], RATE_HZ, &[440.0, 1000.0]).unwrap();
        assert!(inside.peak < 3e-5, "{inside:?}");
        let steady = residual_peak(&a, RATE_HZ, &[440.0]).unwrap();
        assert!(steady.peak < 1e-6, "{steady:?}");
    }

    #[test]
    fn a_single_wrong_sample_is_found_where_it_is() {
        let mut tone = sine(440.0, 0.5, 0.0, RATE_HZ, 48_000);
        for at in [1000, 12_345, 47_990] {
            tone[at] += 0.01;
        }
        let worst = residual_peak(&tone, RATE_HZ, &[440.0]).unwrap();
        assert!(worst.peak > 0.009, "{worst:?}");
        let frames: Vec<usize> =
            clicks(&tone, RATE_HZ, &[440.0], 0.003).iter().map(|click| click.frame).collect();
        assert_eq!(frames, [1000, 12_345, 47_990]);
    }

    #[test]
    fn a_lost_sample_is_found() {
        let mut tone = sine(1000.0, 0.5, 0.0, RATE_HZ, 48_000);
        tone.remove(24_000);
        let worst = residual_peak(&tone, RATE_HZ, &[1000.0]).unwrap();
        assert!(worst.peak > 0.015 && worst.frame.abs_diff(24_000) < 480, "{worst:?}");
    }

    #[test]
    fn too_little_sound_is_not_taken_for_clean() {
        assert_eq!(residual_peak(&[0.0; 100], RATE_HZ, &[440.0]), None);
    }
}

//! How high the waveform is between the samples.

use realfft::RealFftPlanner;

/// Points for each sample.
const OVERSAMPLING: usize = 16;
/// Silence before and behind, so that the end does not ring into the beginning.
const EDGE_FRAMES: usize = 512;

/// The highest point of the waveform that the samples stand for, by the ideal band limit at half the
/// rate: their spectrum with more room above it. Meters with short filters, and converters, show less
/// of what is within a tenth of that limit.
///
/// `None` for no samples.
#[must_use]
pub fn true_peak(samples: &[f32]) -> Option<f64> {
    if samples.is_empty() {
        return None;
    }
    let frames = (samples.len() + 2 * EDGE_FRAMES).next_power_of_two();
    let mut padded = vec![0.0f64; frames];
    for (to, &from) in padded[EDGE_FRAMES..].iter_mut().zip(samples) {
        *to = f64::from(from);
    }
    let mut planner = RealFftPlanner::<f64>::new();
    let forward = planner.plan_fft_forward(frames);
    let mut lines = forward.make_output_vec();
    forward.process(&mut padded, &mut lines).ok()?;
    // Shared by both halves of the longer spectrum.
    if let Some(last) = lines.last_mut() {
        *last *= 0.5;
    }
    let back = planner.plan_fft_inverse(frames * OVERSAMPLING);
    let mut wide = back.make_input_vec();
    wide[..lines.len()].copy_from_slice(&lines);
    let mut waveform = back.make_output_vec();
    back.process(&mut wide, &mut waveform).ok()?;
    Some(waveform.iter().fold(0.0f64, |peak, x| peak.max(x.abs())) / frames as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::peak;
    use crate::signal::sine;

    #[test]
    fn a_tone_whose_samples_miss_its_peaks_has_them_all_the_same() {
        let mut tone = sine(12_000.0, 0.7, std::f64::consts::FRAC_PI_4, 48_000, 9600);
        crate::signal::fade_in(&mut tone, 1, 960, crate::signal::FadeShape::EqualPower);
        crate::signal::fade_out(&mut tone, 1, 960, crate::signal::FadeShape::EqualPower);
        assert!(peak(&tone) < 0.496);
        let found = true_peak(&tone).unwrap();
        assert!((found - 0.7).abs() < 0.002, "{found}");
        assert_eq!(true_peak(&[]), None);
    }

    #[test]
    fn one_sample_is_its_own_peak() {
        let mut click = vec![0.0; 100];
        click[50] = -0.5;
        assert!((true_peak(&click).unwrap() - 0.5).abs() < 1e-9);
    }
}

//! Holes in damaged files, so that nobody hears a click where one begins and ends.
//!
//! What is before a hole goes on for 10 ms as it would have gone on, more and more softly; what is behind it comes in the same
//! way, from before its first sample. How a sound goes on is foretold by linear prediction (Burg's method), which carries
//! on tones without an edge in the waveform or its slope. Between the two it is silent, so that a song keeps its length. Where
//! nothing lies between them, or no longer than that, one goes over into the other.
//!
//! This costs a millisecond of processor time a hole, and nothing where there is none.

/// How long each side goes on.
const FADE_MS: usize = 10;
/// Coefficients of the prediction: sixteen tones at a time.
const ORDER: usize = 32;
/// What part of the power may be left unexplained; below is rounding.
const FORETOLD_ENOUGH: f64 = 1e-9;
/// Frames that it is learnt from, at most: what must be known of what was before.
pub const LEARNT_FRAMES: usize = 1024;
/// A hole that is longer is left out: the place that a packet claims to have may be damaged too, and a room should not wait.
pub const HOLE_MS_MAX: u64 = 1500;

/// What the samples are like.
#[derive(Debug, Clone, Copy)]
pub struct Sound {
    channels: usize,
    fade_frames: usize,
}

impl Sound {
    /// So many interleaved channels at a rate.
    #[must_use]
    pub fn new(channels: usize, rate_hz: u32) -> Self {
        Self { channels: channels.max(1), fade_frames: (rate_hz as usize * FADE_MS / 1000).max(1) }
    }
}

/// Puts what fills a hole of `hole_frames` frames in front of `after`, whose beginning may be changed; `before` is what was
/// heard last and stays as it is.
pub fn mend(before: &[f32], hole_frames: usize, after: &mut Vec<f32>, sound: Sound) {
    let Sound { channels, fade_frames } = sound;
    // All that changes: the hole, or what two fades need.
    let region = hole_frames.max(fade_frames);
    let after_frames = after.len() / channels;
    let changed = (region - hole_frames).min(after_frames);
    let region = hole_frames + changed;
    let fade_frames = fade_frames.min(region);
    let mut mended = vec![0.0f32; region * channels];
    for channel in 0..channels {
        let side = |samples: &[f32]| -> Vec<f64> {
            samples.iter().skip(channel).step_by(channels).map(|s| f64::from(*s)).collect()
        };
        let learnt = LEARNT_FRAMES * channels;
        let past = side(&before[before.len().saturating_sub(learnt) / channels * channels..]);
        let mut future = side(&after[..after.len().min(learnt)]);
        future.reverse();
        let going_on = foretold(&past, fade_frames);
        let coming = foretold(&future, fade_frames);
        for (at, frame) in mended.chunks_exact_mut(channels).enumerate() {
            let (out, into) = (at, region - 1 - at);
            let gain = |from_edge: usize| {
                let turn = (from_edge as f64 + 0.5) / fade_frames as f64;
                if turn < 1.0 { (turn * std::f64::consts::FRAC_PI_2).cos().powi(2) } else { 0.0 }
            };
            let old = going_on.get(out).map_or(0.0, |sample| sample * gain(out));
            let new = match at.checked_sub(hole_frames) {
                Some(within) => after.get(within * channels + channel).map_or(0.0, |s| f64::from(*s)),
                None => coming.get(hole_frames - 1 - at).copied().unwrap_or(0.0),
            };
            frame[channel] = (old + new * gain(into)) as f32;
        }
    }
    after.drain(..changed * channels);
    after.splice(..0, mended);
}

/// The next samples of a signal, as far as the ones before foretell them.
fn foretold(signal: &[f64], frames: usize) -> Vec<f64> {
    let weights = burg(signal);
    let highest = signal.iter().fold(0.0f64, |highest, sample| highest.max(sample.abs()));
    let mut known = signal[signal.len().saturating_sub(ORDER)..].to_vec();
    let begin = known.len();
    for _ in 0..frames {
        let next = if weights.is_empty() {
            known.last().copied().unwrap_or(0.0)
        } else {
            known.iter().rev().zip(&weights).map(|(sample, weight)| sample * weight).sum()
        };
        known.push(next);
    }
    // Bounded only here: what goes on from a sample that was changed is another sound.
    known.split_off(begin).into_iter().map(|sample| sample.clamp(-highest, highest)).collect()
}

/// What each of the last samples, the latest first, has in the next one; empty where there are too few to tell. Burg's
/// method: what it foretells never grows.
fn burg(signal: &[f64]) -> Vec<f64> {
    if signal.len() < 2 * ORDER {
        return Vec::new();
    }
    let (mut forward, mut backward) = (signal.to_vec(), signal.to_vec());
    let mut weights: Vec<f64> = Vec::with_capacity(ORDER);
    let all = signal.iter().map(|sample| sample * sample).sum::<f64>() * 2.0;
    for order in 0..ORDER {
        let pairs = || forward[order + 1..].iter().zip(&backward[order..signal.len() - 1]);
        let power: f64 = pairs().map(|(f, b)| f * f + b * b).sum();
        if power <= FORETOLD_ENOUGH * all {
            break;
        }
        let reflection = 2.0 * pairs().map(|(f, b)| f * b).sum::<f64>() / power;
        let before = weights.clone();
        for (weight, mirrored) in weights.iter_mut().zip(before.iter().rev()) {
            *weight -= reflection * mirrored;
        }
        weights.push(reflection);
        for at in (order + 1..signal.len()).rev() {
            let (f, b) = (forward[at], backward[at - 1]);
            forward[at] = f - reflection * b;
            backward[at] = b - reflection * f;
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE_HZ: u32 = 48_000;
    const FADE: usize = 480;

    fn tones(from: usize, frames: usize, phase: f32) -> Vec<f32> {
        let tone = |hz: f32, at: usize| (std::f32::consts::TAU * hz * at as f32 / 48_000.0 + phase).sin();
        (from..from + frames)
            .flat_map(|at| [0.3 * tone(440.0, at) + 0.2 * tone(1237.0, at), 0.4 * tone(300.0, at)])
            .collect()
    }

    /// The longest step from sample to sample, and the highest bend, of one side.
    fn roughness(stereo: &[f32], side: usize) -> (f32, f32) {
        let samples: Vec<f32> = stereo.iter().skip(side).step_by(2).copied().collect();
        let step = samples.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        let bend = samples.windows(3).map(|w| (w[2] - 2.0 * w[1] + w[0]).abs()).fold(0.0, f32::max);
        (step, bend)
    }

    #[test]
    fn a_hole_of_any_length_keeps_its_length_and_has_no_edge() {
        for hole in [0, 1, 100, FADE - 1, FADE, 700, 2 * FADE, 4096] {
            let before = tones(0, 4096, 0.0);
            // Not where the hole says that it goes on: the worst that can be.
            let untouched = tones(4096 + hole, 4096, 1.9);
            let mut after = untouched.clone();
            mend(&before, hole, &mut after, Sound::new(2, RATE_HZ));
            assert_eq!(after.len(), untouched.len() + hole * 2, "{hole}");
            let whole: Vec<f32> = before.iter().chain(&after).copied().collect();
            for side in 0..2 {
                let (step, bend) = roughness(&whole, side);
                let (meant_step, meant_bend) = roughness(&untouched, side);
                assert!(step < meant_step * 1.3, "{hole}, side {side}: a step of {step}, not {meant_step}");
                // A click has a bend of a tenth and more.
                assert!(
                    bend < meant_bend * 2.0 + 0.004,
                    "{hole}, side {side}: a bend of {bend}, not {meant_bend}"
                );
            }
            let rest = &after[(hole.max(FADE)) * 2..];
            assert_eq!(rest, &untouched[untouched.len() - rest.len()..], "{hole}: what follows is as it was");
            if hole > 2 * FADE {
                assert!(
                    after[FADE * 2..(hole - FADE) * 2].iter().all(|s| *s == 0.0),
                    "{hole}: silence within"
                );
            }
        }
    }

    #[test]
    fn a_tone_that_goes_on_is_bridged() {
        let before = tones(0, 4096, 0.0);
        let mut after = tones(4096 + 200, 4096, 0.0);
        mend(&before, 200, &mut after, Sound::new(2, RATE_HZ));
        let meant = tones(4096, 200, 0.0);
        let off = after.iter().zip(&meant).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 0.05, "{off}");
    }

    #[test]
    fn silence_noise_short_and_loud_ends_stay_within_their_bounds() {
        let noise: Vec<f32> =
            (0..4096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0 - 1.0).collect();
        for before in [&[][..], &[0.9, -0.9], &[0.0; 2000], &[1.0; 2000], &noise] {
            for after in [&[][..], &[-1.0, 1.0], &[0.0; 2000], &noise] {
                for hole in [0, 10, 5000] {
                    let mut mended = after.to_vec();
                    mend(before, hole, &mut mended, Sound::new(2, RATE_HZ));
                    assert_eq!(mended.len(), after.len() + hole * 2);
                    assert!(mended.iter().all(|s| s.abs() <= 1.5), "{hole}");
                }
            }
        }
    }
}

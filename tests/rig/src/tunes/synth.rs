//! A small additive synthesizer: a note is a handful of sines that decay each at its own pace,
//! under one envelope, placed between left and right.

use std::f64::consts::{FRAC_PI_4, PI, TAU};

/// Partials above this part of the rate are left out, so that nothing folds back.
const HIGHEST_OF_RATE: f64 = 0.45;
/// A note is over when it has decayed by 80 dB.
const OVER: f64 = 1e-4;

/// What plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timbre {
    /// A soft flue pipe, two of them beating gently.
    Pipe,
    /// A steel comb: rings on, with a chime far above.
    MusicBox,
    /// A lute's gut string.
    Plucked,
    /// A string struck by a felt hammer, with the pedal down.
    Felt,
}

/// One note as it is to sound.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sounding {
    pub(super) timbre: Timbre,
    pub(super) freq_hz: f64,
    pub(super) length_s: f64,
    /// Amplitude, more or less.
    pub(super) velocity: f64,
    /// −1 is left, 1 is right.
    pub(super) pan: f64,
}

struct Partial {
    /// Frequency over that of the note.
    ratio: f64,
    level: f64,
    /// How long it takes to fall by 60 dB.
    fall_s: f64,
}

/// Attack, decay, sustain, release.
struct Envelope {
    attack_s: f64,
    decay_s: f64,
    sustain: f64,
    release_s: f64,
}

impl Timbre {
    fn partials(self, freq_hz: f64) -> Vec<Partial> {
        let partial = |ratio, level, fall_s| Partial { ratio, level, fall_s };
        // Higher notes are shorter; 1 at middle C.
        let ring = (261.6 / freq_hz).powf(0.5);
        match self {
            Self::Pipe => [1.0, 0.32, 0.22, 0.07, 0.06, 0.025, 0.02]
                .iter()
                .zip(1..)
                .map(|(&level, n)| partial(f64::from(n), level, 1e3))
                .collect(),
            Self::MusicBox => vec![
                partial(1.0, 1.0, 2.6 * ring),
                partial(2.0, 0.22, 1.6 * ring),
                partial(3.0, 0.1, 0.9 * ring),
                partial(5.42, 0.09, 0.35 * ring),
                partial(8.9, 0.03, 0.15 * ring),
            ],
            // Plucked at a fifth of its length; each partial falls faster than the one below.
            Self::Plucked => (1..=14_u32)
                .map(f64::from)
                .map(|n| partial(n, 2.2 * (PI * n / 5.3).sin().abs() / n.powf(1.6), 2.8 * ring / n.powf(0.7)))
                .collect(),
            // A string's stiffness makes its partials a little wide.
            Self::Felt => (1..=9_u32)
                .map(f64::from)
                .map(|n| {
                    let ratio = n * (1.0 + 0.0002 * n * n).sqrt();
                    partial(ratio, (-(n - 1.0) * 0.75).exp(), 5.5 * ring / n.powf(0.8))
                })
                .collect(),
        }
    }

    fn envelope(self) -> Envelope {
        match self {
            Self::Pipe => Envelope { attack_s: 0.05, decay_s: 0.12, sustain: 0.85, release_s: 0.16 },
            Self::MusicBox => Envelope { attack_s: 0.002, decay_s: 0.0, sustain: 1.0, release_s: 2.2 },
            Self::Plucked => Envelope { attack_s: 0.003, decay_s: 0.03, sustain: 0.8, release_s: 0.35 },
            Self::Felt => Envelope { attack_s: 0.008, decay_s: 0.08, sustain: 0.8, release_s: 0.9 },
        }
    }
}

impl Envelope {
    fn gain(&self, at_s: f64, length_s: f64) -> f64 {
        // Most of a note lies between its corners.
        let ease = |x: f64| match x {
            x if x <= 0.0 => 0.0,
            x if x >= 1.0 => 1.0,
            x => 0.5 - 0.5 * (PI * x).cos(),
        };
        let attack = ease(at_s / self.attack_s);
        let decayed = if self.decay_s > 0.0 { ease((at_s - self.attack_s) / self.decay_s) } else { 1.0 };
        let released = ease((at_s - length_s) / self.release_s);
        attack * (1.0 - (1.0 - self.sustain) * decayed) * (1.0 - released)
    }
}

/// Adds a note to interleaved stereo; what goes beyond the end of `out` is lost.
pub(super) fn add(out: &mut [f32], start_frame: usize, note: &Sounding, rate_hz: u32) {
    if note.timbre == Timbre::Pipe {
        // Two pipes 3 cents apart stand side by side.
        for side in [-1.0, 1.0] {
            let pipe = Sounding {
                freq_hz: note.freq_hz * (1.0 + side * 0.000_9),
                velocity: note.velocity * 0.55,
                pan: (note.pan + side * 0.3).clamp(-1.0, 1.0),
                ..*note
            };
            add_one(out, start_frame, &pipe, rate_hz);
        }
    } else {
        add_one(out, start_frame, note, rate_hz);
    }
}

fn add_one(out: &mut [f32], start_frame: usize, note: &Sounding, rate_hz: u32) {
    let rate = f64::from(rate_hz);
    let envelope = note.timbre.envelope();
    let length_s = note.length_s.max(envelope.attack_s);
    let room = (out.len() / 2).saturating_sub(start_frame);
    let frames = room.min(((length_s + envelope.release_s) * rate).ceil() as usize);
    let mut mono = vec![0.0; frames];
    for partial in note.timbre.partials(note.freq_hz) {
        let freq_hz = note.freq_hz * partial.ratio;
        if freq_hz < rate * HIGHEST_OF_RATE {
            add_partial(&mut mono, TAU * freq_hz / rate, &partial, rate);
        }
    }

    let angle = (note.pan + 1.0) * FRAC_PI_4;
    let (right, left) = angle.sin_cos();
    let gain = note.velocity;
    for (n, (frame, x)) in out[start_frame * 2..].as_chunks_mut::<2>().0.iter_mut().zip(mono).enumerate() {
        let x = x * gain * envelope.gain(n as f64 / rate, length_s);
        frame[0] += (x * left) as f32;
        frame[1] += (x * right) as f32;
    }
}

/// A sine that decays is a point turning and sinking inwards: one complex product a sample.
fn add_partial(mono: &mut [f64], step_rad: f64, partial: &Partial, rate: f64) {
    let sink = 1e-3_f64.powf(1.0 / (partial.fall_s * rate));
    let (turn_im, turn_re) = (step_rad.sin() * sink, step_rad.cos() * sink);
    let (mut re, mut im) = (partial.level, 0.0);
    let lasts_frames = (partial.fall_s * rate * OVER.log10() / -3.0) as usize;
    for x in mono.iter_mut().take(lasts_frames) {
        *x += im;
        (re, im) = (re * turn_re - im * turn_im, re * turn_im + im * turn_re);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{dominant_frequency, peak, residual_peak};
    use crate::signal::channel;

    #[test]
    fn each_timbre_sounds_at_its_pitch_and_comes_to_an_end() {
        for timbre in [Timbre::Pipe, Timbre::MusicBox, Timbre::Plucked, Timbre::Felt] {
            for freq_hz in [110.0, 440.0, 880.0] {
                let mut out = vec![0.0; 48_000 * 2 * 4];
                let note = Sounding { timbre, freq_hz, length_s: 0.8, velocity: 0.3, pan: -0.5 };
                add(&mut out, 0, &note, 48_000);
                let left = channel(&out, 2, 0);
                let heard = dominant_frequency(&left[2400..26_400], 48_000).unwrap();
                assert!((heard / freq_hz - 1.0).abs() < 0.002, "{timbre:?}: {heard}");
                assert!(peak(&out) < 1.0 && peak(&left) > peak(&channel(&out, 2, 1)));
                assert_eq!(peak(&out[48_000 * 2 * 3 + 48_000..]), 0.0, "{timbre:?}");
            }
        }
    }

    #[test]
    fn notes_begin_and_end_without_a_click() {
        let mut out = vec![0.0; 48_000 * 2];
        let note = Sounding { timbre: Timbre::Pipe, freq_hz: 300.0, length_s: 0.3, velocity: 0.5, pan: 0.0 };
        add(&mut out, 4800, &note, 48_000);
        let partials: Vec<f64> = (1..=7).map(|n| 300.0 * f64::from(n)).collect();
        let worst = residual_peak(&channel(&out, 2, 0), 48_000, &partials).unwrap();
        assert!(worst.peak < 0.01, "{worst:?}");
    }
}

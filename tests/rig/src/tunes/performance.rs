//! From notes to sound: tempo, a human hand, the room, the level, the ending.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::score::Note;
use super::synth::{self, Sounding, Timbre};
use super::{CHANNELS, reverb};
use crate::analysis::peak;
use crate::signal::{FadeShape, fade_out, frames_of_ms};

/// The loudest sample of each performance: −3 dB, room for what lossy formats add.
const PEAK: f32 = 0.708;
/// What rings after the last note, and how much of it fades.
const TAIL_S: f64 = 2.6;
const FADE_MS: f64 = 1800.0;
/// How much slower the last beat is than the first.
const SLOWING: f64 = 0.35;
const WET: f32 = 0.3;
/// No hand strikes twice alike: up to so much late, and so much of the force.
const LATE_MAX_S: f64 = 0.008;
const FORCE_SPREAD: f64 = 0.12;
/// The weight of a bar's first beat.
const ACCENT: f64 = 1.12;

/// A piece, ready to be performed.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) beats_per_minute: f64,
    pub(super) bar_beats: f64,
    pub(super) pickup_beats: f64,
    /// Over how many beats it slows down at its end.
    pub(super) slowing_beats: f64,
    pub(super) parts: Vec<Part>,
}

/// One voice of it.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) notes: Vec<Note>,
    pub(super) timbre: Timbre,
    /// Relative to the other parts.
    pub(super) level: f64,
    /// −1 is left, 1 is right.
    pub(super) pan: f64,
}

impl Piece {
    fn end_beats(&self) -> f64 {
        let notes = self.parts.iter().flat_map(|part| &part.notes);
        notes.map(|note| note.start_beats + note.length_beats).fold(0.0, f64::max)
    }

    /// When a beat is, in seconds: the tempo is even, then falls in a straight line.
    fn seconds_at(&self, beats: f64) -> f64 {
        let beat_s = 60.0 / self.beats_per_minute;
        let slows_at = self.end_beats() - self.slowing_beats;
        if beats <= slows_at || self.slowing_beats <= 0.0 {
            return beats * beat_s;
        }
        let slowed = 1.0 - SLOWING * (beats - slows_at) / self.slowing_beats;
        slows_at * beat_s - self.slowing_beats / SLOWING * slowed.ln() * beat_s
    }

    /// The frame that a beat begins at.
    pub(super) fn frame_at(&self, beats: f64, rate_hz: u32) -> usize {
        (self.seconds_at(beats) * f64::from(rate_hz)).round() as usize
    }
}

/// Performs a piece: interleaved stereo that begins at once, peaks at −3 dB and fades out.
pub(super) fn perform(piece: &Piece, rate_hz: u32) -> Vec<f32> {
    let frames = piece.frame_at(piece.end_beats(), rate_hz) + (TAIL_S * f64::from(rate_hz)) as usize;
    let mut out = vec![0.0; frames * usize::from(CHANNELS)];
    let mut hand = ChaCha8Rng::seed_from_u64(846);
    let mut chance = || f64::from(hand.next_u32()) / f64::from(u32::MAX);
    for part in &piece.parts {
        for note in &part.notes {
            let start_s = piece.seconds_at(note.start_beats);
            let end_s = piece.seconds_at(note.start_beats + note.length_beats);
            let late_s = if note.start_beats == 0.0 { 0.0 } else { chance() * LATE_MAX_S };
            let bar = (note.start_beats - piece.pickup_beats) / piece.bar_beats;
            let accent = if (bar - bar.round()).abs() < 1e-9 { ACCENT } else { 1.0 };
            let force = 1.0 + FORCE_SPREAD * (chance() - 0.5);
            let sounding = Sounding {
                timbre: part.timbre,
                freq_hz: note.freq_hz(),
                length_s: end_s - start_s,
                velocity: 0.2 * part.level * accent * force,
                pan: part.pan,
            };
            let start_frame = ((start_s + late_s) * f64::from(rate_hz)) as usize;
            synth::add(&mut out, start_frame, &sounding, rate_hz);
        }
    }
    reverb::add(&mut out, rate_hz, WET);
    let gain = PEAK / peak(&out).max(f32::MIN_POSITIVE);
    out.iter_mut().for_each(|x| *x *= gain);
    fade_out(&mut out, CHANNELS, frames_of_ms(FADE_MS, rate_hz), FadeShape::EqualPower);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tempo_falls_only_at_the_end_and_never_jumps() {
        let notes = vec![Note { start_beats: 0.0, length_beats: 20.0, pitch: 60 }];
        let part = Part { notes, timbre: Timbre::Pipe, level: 1.0, pan: 0.0 };
        let piece = Piece {
            beats_per_minute: 60.0,
            bar_beats: 4.0,
            pickup_beats: 0.0,
            slowing_beats: 4.0,
            parts: vec![part],
        };
        assert_eq!(piece.seconds_at(16.0), 16.0);
        assert!((piece.seconds_at(16.001) - 16.001).abs() < 1e-5);
        let beats: Vec<f64> = (16..20)
            .map(f64::from)
            .map(|beat| piece.seconds_at(beat + 1.0) - piece.seconds_at(beat))
            .collect();
        assert!(beats.is_sorted() && beats[0] > 1.0 && beats[3] < 1.6, "{beats:?}");
    }
}

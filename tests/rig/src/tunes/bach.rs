//! Johann Sebastian Bach, Prelude in C, BWV 846, from The Well-Tempered Clavier (1722).
//!
//! Each bar breaks a chord of five notes, twice: two are held by the left hand, three run in the right.

use super::performance::{Part, Piece};
use super::score::{Metre, Note, pitch};
use super::synth::Timbre;
use crate::{Error, Result};

const METRE: Metre = Metre { tune: "the Prelude in C", bar_beats: 4.0, pickup_beats: 0.0 };

/// Bars 1 to 19 end on the tonic, an octave deeper than they began: a good place for a cut.
pub(super) const FIRST_PART_BEATS: f64 = 19.0 * 4.0;

/// Bars 1 to 32, without the bar that Schwencke put in.
const CHORDS: [&str; 32] = [
    "C4 E4 G4 C5 E5",
    "C4 D4 A4 D5 F5",
    "B3 D4 G4 D5 F5",
    "C4 E4 G4 C5 E5",
    "C4 E4 A4 E5 A5",
    "C4 D4 F#4 A4 D5",
    "B3 D4 G4 D5 G5",
    "B3 C4 E4 G4 C5",
    "A3 C4 E4 G4 C5",
    "D3 A3 D4 F#4 C5",
    "G3 B3 D4 G4 B4",
    "G3 Bb3 E4 G4 C#5",
    "F3 A3 D4 A4 D5",
    "F3 Ab3 D4 F4 B4",
    "E3 G3 C4 G4 C5",
    "E3 F3 A3 C4 F4",
    "D3 F3 A3 C4 F4",
    "G2 D3 G3 B3 F4",
    "C3 E3 G3 C4 E4",
    "C3 G3 Bb3 C4 E4",
    "F2 F3 A3 C4 E4",
    "F#2 C3 A3 C4 Eb4",
    "Ab2 F3 B3 C4 D4",
    "G2 F3 G3 B3 D4",
    "G2 E3 G3 C4 E4",
    "G2 D3 G3 C4 F4",
    "G2 D3 G3 B3 F4",
    "G2 Eb3 A3 C4 F#4",
    "G2 E3 G3 C4 G4",
    "G2 D3 G3 C4 F4",
    "G2 D3 G3 B3 F4",
    "C2 C3 G3 Bb3 E4",
];

/// Bars 33 to 35, right hand and left hand.
const END_RIGHT: &str = "-/.5 F3/.25 A3 C4 F4 C4 A3 C4 A3 F3 A3 F3 D3 F3 D3 |
    -/.5 G4/.25 B4 D5 F5 D5 B4 D5 B4 G4 B4 D4 F4 E4 D4 | E4+G4+C5/4 |";
const END_LEFT: &str = "C2/4 | ~ | C2+C3 |";
const END_TENOR: &str = "-/.25 C3/3.75 | -/.25 B2/3.75 |";

pub(super) fn prelude_in_c() -> Result<Piece> {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for (bar, chord) in CHORDS.iter().enumerate() {
        let pitches = chord_of(bar, chord)?;
        for half in 0..2 {
            let at = bar as f64 * 4.0 + f64::from(half) * 2.0;
            let note = |sixteenth: f64, length: f64, pitch| Note {
                start_beats: at + sixteenth / 4.0,
                length_beats: length / 4.0,
                pitch,
            };
            left.push(note(0.0, 8.0, pitches[0]));
            left.push(note(1.0, 7.0, pitches[1]));
            for (sixteenth, voice) in [(2.0, 2), (3.0, 3), (4.0, 4), (5.0, 2), (6.0, 3), (7.0, 4)] {
                right.push(note(sixteenth, 1.0, pitches[voice]));
            }
        }
    }
    let end_beats = CHORDS.len() as f64 * 4.0;
    let later = |notes: Vec<Note>| {
        notes.into_iter().map(move |note| Note { start_beats: note.start_beats + end_beats, ..note })
    };
    right.extend(later(METRE.read(END_RIGHT)?));
    left.extend(later(METRE.read(END_LEFT)?));
    left.extend(later(METRE.read(END_TENOR)?));
    Ok(Piece {
        beats_per_minute: 116.0,
        bar_beats: METRE.bar_beats,
        pickup_beats: METRE.pickup_beats,
        slowing_beats: 6.0,
        parts: vec![
            Part { notes: left, timbre: Timbre::MusicBox, level: 1.0, pan: -0.3 },
            Part { notes: right, timbre: Timbre::MusicBox, level: 0.8, pan: 0.3 },
        ],
    })
}

/// A bar's five pitches.
fn chord_of(bar: usize, chord: &str) -> Result<[u8; 5]> {
    let pitches: Vec<u8> = chord.split(' ').filter_map(pitch).collect();
    pitches.try_into().map_err(|_| Error::Score {
        tune: METRE.tune,
        token: bar + 1,
        text: chord.to_owned(),
        why: "a bar has five pitches",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_35_bars_of_sixteenths() {
        let piece = prelude_in_c().unwrap();
        let all: Vec<Note> = piece.parts.into_iter().flat_map(|part| part.notes).collect();
        assert_eq!(all.len(), 32 * 16 + 2 * 14 + 3 + 2 + 3);
        for sixteenth in 0..34 * 16 {
            let at = f64::from(sixteenth) / 4.0;
            // Bar 34 begins with a tie.
            let is_tied = at == 132.0;
            assert!(is_tied || all.iter().any(|note| (note.start_beats - at).abs() < 1e-9), "{at}");
        }
    }
}

//! Johann Pachelbel, Canon in D (about 1690): the beginning. One voice plays the themes, two
//! follow it, each two bars later, and the bass never changes.

use super::performance::{Part, Piece};
use super::score::Metre;
use super::synth::Timbre;
use crate::Result;

const METRE: Metre = Metre { tune: "the Canon in D", bar_beats: 4.0, pickup_beats: 0.0 };

const GROUND: &str = "D3/1 A2 B2 F#2 | G2 D2 G2 A2 | ";
const CHORDS: &str = "A3+D4+F#4/1 A3+C#4+E4 B3+D4+F#4 A3+C#4+F#4 |
    B3+D4+G4 A3+D4+F#4 B3+D4+G4 A3+C#4+E4 | ";
const THEMES: [&str; 5] = [
    "F#5/1 E5 D5 C#5 | B4 A4 B4 C#5 | ",
    "D5/1 C#5 B4 A4 | G4 F#4 G4 E4 | ",
    "D4/.5 F#4 A4 G4 F#4 D4 F#4 E4 | D4 B3 D4 A4 G4 B4 A4 G4 | ",
    "F#4/.5 D4 E4 C#5 D5 F#5 A5 A4 | B4 G4 A4 F#4 D4 D5 D5/.75 C#5/.25 | ",
    "D5/.25 C#5 D5 D4 C#4 A4 E4 F#4 D4 D5 C#5 B4 C#5 F#5 A5 B5 |
     G5 F#5 E5 G5 F#5 E5 D5 C#5 B4 A4 G4 F#4 E4 G4 F#4 E4 | ",
];
/// The bass goes round once alone, then once for each theme of the first voice.
const ROUNDS: usize = THEMES.len() + 1;

pub(super) fn canon_in_d() -> Result<Piece> {
    let voice = |follows_by: usize, last: &str| {
        let waits = "-/4 | - | ".repeat(1 + follows_by);
        METRE.read(&format!("{waits}{}{last}", THEMES[..THEMES.len() - follows_by].concat()))
    };
    let part = |notes, timbre, level, pan| Part { notes, timbre, level, pan };
    Ok(Piece {
        beats_per_minute: 92.0,
        bar_beats: METRE.bar_beats,
        pickup_beats: METRE.pickup_beats,
        slowing_beats: 8.0,
        parts: vec![
            part(voice(0, "D4/4 |")?, Timbre::Pipe, 0.9, -0.6),
            part(voice(1, "D5/4 |")?, Timbre::Pipe, 0.8, 0.0),
            part(voice(2, "F#4/4 |")?, Timbre::Pipe, 0.8, 0.6),
            part(METRE.read(&format!("{}D2+D3/4 |", GROUND.repeat(ROUNDS)))?, Timbre::Pipe, 0.9, 0.1),
            part(METRE.read(&format!("{}A3+D4+F#4/4 |", CHORDS.repeat(ROUNDS)))?, Timbre::Plucked, 0.45, 0.3),
            part(METRE.read(&format!("{}D2/4 |", GROUND.repeat(ROUNDS)))?, Timbre::Plucked, 0.9, -0.1),
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_voices_play_the_same_two_bars_apart() {
        let piece = canon_in_d().unwrap();
        let [first, second, third, ..] = &piece.parts[..] else { panic!("three voices") };
        for (voice, behind_beats) in [(second, 8.0), (third, 16.0)] {
            let followed = voice.notes.len() - 1;
            for (a, b) in first.notes.iter().zip(&voice.notes[..followed]) {
                assert_eq!((a.start_beats + behind_beats, a.pitch), (b.start_beats, b.pitch));
            }
        }
    }
}

//! Erik Satie, Gymnopédie No. 1 (1888): the first theme, with half of its introduction.

use super::performance::{Part, Piece};
use super::score::Metre;
use super::synth::Timbre;
use crate::Result;

const METRE: Metre = Metre { tune: "the Gymnopédie", bar_beats: 3.0, pickup_beats: 0.0 };

/// Two chords rock to and fro throughout.
const BASS: &str = "G2/3 | D2/3 | ";
const CHORDS: &str = "-/1 B3+D4+F#4/2 | -/1 A3+C#4+F#4/2 | ";
const BARS: usize = 16;
const MELODY: &str = "-/3 | - |
    -/1 F#5 A5 | G5 F#5 C#5 | B4 C#5 D5 | A4/3 | F#4/3 | ~ | ~ | ~ |
    -/1 F#5 A5 | G5 F#5 C#5 | B4 C#5 D5 | A4/3 | F#4/3 | ~ |";

pub(super) fn gymnopedie_1() -> Result<Piece> {
    let part = |notes, level, pan| Part { notes, timbre: Timbre::Felt, level, pan };
    Ok(Piece {
        beats_per_minute: 82.0,
        bar_beats: METRE.bar_beats,
        pickup_beats: METRE.pickup_beats,
        slowing_beats: 5.0,
        parts: vec![
            part(METRE.read(MELODY)?, 1.0, 0.25),
            part(METRE.read(&CHORDS.repeat(BARS / 2))?, 0.4, 0.0),
            part(METRE.read(&BASS.repeat(BARS / 2))?, 0.75, -0.3),
        ],
    })
}

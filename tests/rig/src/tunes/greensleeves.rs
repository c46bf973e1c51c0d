//! Greensleeves (England, about 1580), for a pipe and a lute. A beat is an eighth.

use super::performance::{Part, Piece};
use super::score::Metre;
use super::synth::Timbre;
use crate::Result;

const METRE: Metre = Metre { tune: "Greensleeves", bar_beats: 6.0, pickup_beats: 1.0 };

const MELODY: &str = "
    A4/1 | C5/2 D5/1 E5/1.5 F#5/.5 E5/1 | D5/2 B4/1 G4/1.5 A4/.5 B4/1 |
    C5/2 A4/1 A4/1.5 G#4/.5 A4/1 | B4/2 G#4/1 E4/2 A4/1 |
    C5/2 D5/1 E5/1.5 F#5/.5 E5/1 | D5/2 B4/1 G4/1.5 A4/.5 B4/1 |
    C5/1.5 B4/.5 A4/1 G#4/1.5 F#4/.5 G#4/1 | A4/6 |
    G5/3 G5/1.5 F#5/.5 E5/1 | D5/2 B4/1 G4/1.5 A4/.5 B4/1 |
    C5/2 A4/1 A4/1.5 G#4/.5 A4/1 | B4/2 G#4/1 E4/3 |
    G5/3 G5/1.5 F#5/.5 E5/1 | D5/2 B4/1 G4/1.5 A4/.5 B4/1 |
    C5/1.5 B4/.5 A4/1 G#4/1.5 F#4/.5 G#4/1 | A4/6 |";

const A_MINOR: &str = "A2/1 E3 C4 ";
const G_MAJOR: &str = "G2/1 D3 B3 ";
const E_MINOR: &str = "E2/1 B2 G3 ";
const E_MAJOR: &str = "E2/1 B2 G#3 ";
const C_MAJOR: &str = "C3/1 G3 E4 ";
/// Two chords a bar, but for the last bar.
const LUTE: [[&str; 2]; 15] = [
    [A_MINOR, A_MINOR],
    [G_MAJOR, E_MINOR],
    [A_MINOR, A_MINOR],
    [E_MAJOR, E_MAJOR],
    [A_MINOR, A_MINOR],
    [G_MAJOR, E_MINOR],
    [A_MINOR, E_MAJOR],
    [A_MINOR, A_MINOR],
    [C_MAJOR, C_MAJOR],
    [G_MAJOR, E_MINOR],
    [A_MINOR, A_MINOR],
    [E_MAJOR, E_MAJOR],
    [C_MAJOR, C_MAJOR],
    [G_MAJOR, E_MINOR],
    [A_MINOR, E_MAJOR],
];

pub(super) fn greensleeves() -> Result<Piece> {
    let bars: String = LUTE.iter().map(|halves| format!("{}| ", halves.concat())).collect();
    let lute = METRE.read(&format!("-/1 | {bars}A2/1 E3 A3 C4+E4+A4/3 |"))?;
    Ok(Piece {
        beats_per_minute: 184.0,
        bar_beats: METRE.bar_beats,
        pickup_beats: METRE.pickup_beats,
        slowing_beats: 9.0,
        parts: vec![
            Part { notes: METRE.read(MELODY)?, timbre: Timbre::Pipe, level: 0.9, pan: 0.15 },
            Part { notes: lute, timbre: Timbre::Plucked, level: 0.8, pan: -0.35 },
        ],
    })
}

//! Christian Petzold, Minuet in G, BWV Anh. 114, from the Notebook for Anna Magdalena Bach (1725):
//! the first part.

use super::performance::{Part, Piece};
use super::score::Metre;
use super::synth::Timbre;
use crate::Result;

const METRE: Metre = Metre { tune: "the Minuet in G", bar_beats: 3.0, pickup_beats: 0.0 };

const RIGHT: &str = "
    D5/1 G4/.5 A4 B4 C5 | D5/1 G4 G4 | E5/1 C5/.5 D5 E5 F#5 | G5/1 G4 G4 |
    C5/1 D5/.5 C5 B4 A4 | B4/1 C5/.5 B4 A4 G4 | F#4/1 G4/.5 A4 B4 G4 | A4/3 |
    D5/1 G4/.5 A4 B4 C5 | D5/1 G4 G4 | E5/1 C5/.5 D5 E5 F#5 | G5/1 G4 G4 |
    C5/1 D5/.5 C5 B4 A4 | B4/1 C5/.5 B4 A4 G4 | A4/1 B4/.5 A4 G4 F#4 | G4/3 |";
const LEFT: &str = "
    G3+B3+D4/2 A3/1 | B3/3 | C4 | B3 | A3 | G3 | D4/1 B3 G3 | D4/1 D3/.5 C4 B3 A3 |
    B3/2 A3/1 | G3/1 B3 G3 | C4/3 | B3/1 C4/.5 B3 A3 G3 |
    A3/2 F#3/1 | G3/2 B3/1 | C4/1 D4 D3 | G3/2 G2/1 |";

pub(super) fn minuet_in_g() -> Result<Piece> {
    Ok(Piece {
        beats_per_minute: 114.0,
        bar_beats: METRE.bar_beats,
        pickup_beats: METRE.pickup_beats,
        slowing_beats: 5.0,
        parts: vec![
            Part { notes: METRE.read(RIGHT)?, timbre: Timbre::Plucked, level: 1.0, pan: 0.3 },
            Part { notes: METRE.read(LEFT)?, timbre: Timbre::Plucked, level: 0.8, pan: -0.3 },
        ],
    })
}

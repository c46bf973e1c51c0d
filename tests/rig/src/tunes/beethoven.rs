//! Ludwig van Beethoven, the theme of the Ode to Joy from the Ninth Symphony (1824), set for organ.

use super::performance::{Part, Piece};
use super::score::{Metre, Note};
use super::synth::Timbre;
use crate::Result;

const METRE: Metre = Metre { tune: "the Ode to Joy", bar_beats: 4.0, pickup_beats: 0.0 };

const MELODY: &str = "
    F#4/1 F#4 G4 A4 | A4 G4 F#4 E4 | D4 D4 E4 F#4 | F#4/1.5 E4/.5 E4/2 |
    F#4/1 F#4 G4 A4 | A4 G4 F#4 E4 | D4 D4 E4 F#4 | E4/1.5 D4/.5 D4/2 |
    E4/1 E4 F#4 D4 | E4/1 F#4/.5 G4 F#4/1 D4 | E4/1 F#4/.5 G4 F#4/1 E4 | D4 E4 A3 F#4 |
    ~/1 F#4 G4 A4 | A4 G4 F#4 E4 | D4 D4 E4 F#4 | E4/1.5 D4/.5 D4/2 |";
const INNER: &str = "
    A3+D4/2 A3+C#4 | A3+D4/3 A3+C#4/1 | F#3+A3/2 A3+C#4/1 A3+D4 | A3+D4/1.5 A3+C#4/2.5 |
    A3+D4/2 A3+C#4 | A3+D4/3 A3+C#4/1 | F#3+A3/2 A3+C#4/1 A3+D4 | G3+C#4/2 F#3+A3 |
    A3+C#4/2 A3+D4 | A3+C#4/2 A3+D4 | A3+C#4/2 A3+D4/1 A#3+C#4 | F#3+B3/1 G#3+B3 C#3+E3/2 |
    A3+D4/2 A3+C#4 | A3+D4/3 A3+C#4/1 | F#3+A3/2 A3+C#4/1 A3+D4 | G3+C#4/2 F#3+A3 |";
const BASS: &str = "
    D3/2 A2 | D3/3 A2/1 | D3/2 A2/1 D3 | A2/4 |
    D3/2 A2 | D3/3 A2/1 | D3/2 A2/1 D3 | A2/2 D3 |
    A2/2 D3 | A2/2 D3 | A2/2 D3/1 A#2 | B2/1 E2 A2/2 |
    D3/2 A2 | D3/3 A2/1 | D3/2 A2/1 D3 | A2/2 D2 |";

pub(super) fn ode_to_joy() -> Result<Piece> {
    let melody = METRE.read(MELODY)?;
    // A stop an octave above.
    let octave = melody.iter().map(|&note| Note { pitch: note.pitch + 12, ..note }).collect();
    let part = |notes, level, pan| Part { notes, timbre: Timbre::Pipe, level, pan };
    Ok(Piece {
        beats_per_minute: 142.0,
        bar_beats: METRE.bar_beats,
        pickup_beats: METRE.pickup_beats,
        slowing_beats: 6.0,
        parts: vec![
            part(melody, 1.0, 0.0),
            part(octave, 0.5, 0.25),
            part(METRE.read(INNER)?, 0.42, 0.4),
            part(METRE.read(BASS)?, 0.8, -0.4),
        ],
    })
}

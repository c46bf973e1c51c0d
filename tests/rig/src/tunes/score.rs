//! Scores as text, read into notes.
//!
//! `C4 F#5/.5 Bb3+D4/2 -/1 ~/1 |`: pitches with octave (middle C is `C4`), `+` between those of a
//! chord, `-` a rest, `~` what was before goes on (a tie), `/` the length in beats, which holds until
//! the next one. A `|` must stand where a bar ends: that finds most slips of the pen.

use crate::{Error, Result};

/// One note.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Note {
    pub(super) start_beats: f64,
    pub(super) length_beats: f64,
    /// As MIDI counts: 60 is middle C, 69 the A of 440 Hz.
    pub(super) pitch: u8,
}

impl Note {
    pub(super) fn freq_hz(self) -> f64 {
        440.0 * 2.0_f64.powf((f64::from(self.pitch) - 69.0) / 12.0)
    }
}

/// How a tune counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metre {
    pub(super) tune: &'static str,
    pub(super) bar_beats: f64,
    /// What stands before the first bar line.
    pub(super) pickup_beats: f64,
}

impl Metre {
    /// Reads one voice from its beginning to its end.
    pub(super) fn read(&self, notation: &str) -> Result<Vec<Note>> {
        let mut notes: Vec<Note> = Vec::new();
        let mut at_beats = 0.0;
        let mut length_beats = 1.0;
        // The notes that a tie would prolong.
        let mut last = 0..0;
        for (index, token) in notation.split_whitespace().enumerate() {
            let wrong = |why| Error::Score { tune: self.tune, token: index + 1, text: token.to_owned(), why };
            if token == "|" {
                let bars: f64 = (at_beats - self.pickup_beats) / self.bar_beats;
                if (bars - bars.round()).abs() > 1e-9 {
                    return Err(wrong("no bar ends here"));
                }
                continue;
            }
            let (pitches, length) = match token.split_once('/') {
                Some((pitches, length)) => (pitches, Some(length)),
                None => (token, None),
            };
            if let Some(length) = length {
                length_beats = length.parse().map_err(|_| wrong("the length is no number"))?;
            }
            match pitches {
                "-" => last = notes.len()..notes.len(),
                "~" if last.is_empty() => return Err(wrong("there is nothing to go on")),
                "~" => notes[last.clone()].iter_mut().for_each(|note| note.length_beats += length_beats),
                _ => {
                    let first = notes.len();
                    for name in pitches.split('+') {
                        let pitch = pitch(name).ok_or_else(|| wrong("no such pitch"))?;
                        notes.push(Note { start_beats: at_beats, length_beats, pitch });
                    }
                    last = first..notes.len();
                }
            }
            at_beats += length_beats;
        }
        Ok(notes)
    }
}

/// `C#4` as a MIDI number.
pub(super) fn pitch(name: &str) -> Option<u8> {
    let mut rest = name.chars();
    let step = match rest.next()? {
        'C' => 0,
        'D' => 2,
        'E' => 4,
        'F' => 5,
        'G' => 7,
        'A' => 9,
        'B' => 11,
        _ => return None,
    };
    let (shift, octave) = match rest.as_str() {
        sharp if sharp.starts_with('#') => (1, &sharp[1..]),
        flat if flat.starts_with('b') => (-1, &flat[1..]),
        natural => (0, natural),
    };
    let octave: i32 = octave.parse().ok().filter(|octave| (0..=8).contains(octave))?;
    u8::try_from((octave + 1) * 12 + step + shift).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRE: Metre = Metre { tune: "a test", bar_beats: 3.0, pickup_beats: 1.0 };

    #[test]
    fn pitches_chords_rests_and_ties_are_read() {
        let notes = METRE.read("A4 | C4+E4/2 -/1 | Bb3/3 | ~/1.5 F#5/.5").unwrap();
        let read: Vec<(f64, f64, u8)> =
            notes.iter().map(|n| (n.start_beats, n.length_beats, n.pitch)).collect();
        assert_eq!(read, [(0.0, 1.0, 69), (1.0, 2.0, 60), (1.0, 2.0, 64), (4.0, 4.5, 58), (8.5, 0.5, 78)]);
        assert_eq!(notes[0].freq_hz(), 440.0);
    }

    #[test]
    fn slips_of_the_pen_are_found() {
        for (notation, token) in [("A4 | C4/2 |", 4), ("H4", 1), ("C4/x", 1), ("- ~", 2), ("C", 1)] {
            let Err(Error::Score { token: found, .. }) = METRE.read(notation) else {
                panic!("{notation} was read");
            };
            assert_eq!(found, token, "{notation}");
        }
    }
}

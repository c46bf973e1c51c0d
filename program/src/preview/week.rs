//! A week, cut into what can be drawn: for each date, what is where on its wall clock.

use crate::civil::{Absolute, DAY_MS, Date, TimeOfDay};
use crate::now::{Screen, Sound};
use crate::program::{DaypartNo, Program};
use crate::timeline::Stretch;

/// A date and what is on it.
pub(super) struct Day {
    pub date: Date,
    /// The exception's name, where it has one that concerns the sound.
    pub exception: Option<String>,
    pub pieces: Vec<Piece>,
    /// When the screen is on, in ms after midnight on the wall.
    pub screens: Vec<(i64, i64)>,
    pub shifts: Vec<Turn>,
    pub marks: Vec<Mark>,
}

/// A stretch on one date's wall clock.
pub(super) struct Piece {
    /// In ms after midnight, on the wall.
    pub from_ms: i64,
    pub to_ms: i64,
    pub half: Half,
    pub fill: Fill,
    pub name: String,
    /// The playlists, where a daypart holds.
    pub plays: String,
    pub volume: Option<u8>,
}

impl Piece {
    /// Whether another piece is the same, and begins where this one ends.
    fn goes_on_in(&self, next: &Self) -> bool {
        let same = (self.half, self.fill, self.volume) == (next.half, next.fill, next.volume);
        same && self.name == next.name && self.to_ms == next.from_ms
    }
}

/// Which part of the column: where the wall shows a time twice, the first is left and the second right.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Whole,
    Left,
    Right,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    Daypart(DaypartNo),
    /// Music, but no daypart.
    Other,
    Closed,
}

/// The clock is put forward or back.
pub(super) struct Turn {
    /// What the wall does not show, or shows twice.
    pub from_ms: i64,
    pub to_ms: i64,
    pub forward: bool,
}

/// A spot at a clock time.
pub(super) struct Mark {
    pub at_ms: i64,
    pub name: String,
    pub heard: bool,
}

/// The seven dates from the Monday before or at `from`.
pub(super) fn days(program: &Program, from: Absolute) -> Vec<Day> {
    let monday = program.zone().local(from).date.monday();
    let midnight = |days: i64| program.zone().absolute(monday.plus_days(days).at(TimeOfDay::MIDNIGHT));
    let (begin, end) = (midnight(0), midnight(7));
    let stretches: Vec<Stretch> = program.timeline(begin, end).collect();
    let due = program.due_between(begin, end);
    let day = |nth: i64| {
        let (date, from, to) = (monday.plus_days(nth), midnight(nth), midnight(nth + 1));
        let shifts = turns(program, date, from, to);
        let inside = stretches.iter().filter(|stretch| stretch.tile.from < to && from < stretch.tile.to);
        let mut all: Vec<Piece> = Vec::new();
        let mut screens = Vec::new();
        for stretch in inside {
            let pieces = pieces(program, stretch, (date, from, to), &shifts);
            if matches!(stretch.now.screen, Screen::Open { .. }) {
                screens.extend(pieces.iter().map(|piece| (piece.from_ms, piece.to_ms)));
            }
            for piece in pieces {
                match all.last_mut() {
                    Some(last) if last.goes_on_in(&piece) => last.to_ms = piece.to_ms,
                    _ => all.push(piece),
                }
            }
        }
        let marks = due.iter().filter(|due| from <= due.moment.at && due.moment.at < to).map(|due| Mark {
            at_ms: on_the_wall(program, date, due.moment.at),
            name: program.spot(due.spot.as_str()).map_or("", |spot| spot.title()).to_owned(),
            heard: due.heard,
        });
        let exceptions = program.document().exceptions.iter();
        let mut exception =
            exceptions.filter(|one| one.date == date && one.sound.is_some()).map(|one| one.name.clone());
        Day { date, exception: exception.next_back(), pieces: all, screens, marks: marks.collect(), shifts }
    };
    (0..7).map(day).collect()
}

/// Ms after a date's midnight, on the wall, within that date.
fn on_the_wall(program: &Program, date: Date, at: Absolute) -> i64 {
    (program.zone().local(at).to_ms() - date.at(TimeOfDay::MIDNIGHT).to_ms()).clamp(0, DAY_MS)
}

fn turns(program: &Program, date: Date, from: Absolute, to: Absolute) -> Vec<Turn> {
    let turn = |shift: crate::zone::Shift| {
        let after_ms = on_the_wall(program, date, shift.at);
        let before_ms = (after_ms - shift.forward_ms).clamp(0, DAY_MS);
        let (from_ms, to_ms) = (after_ms.min(before_ms), after_ms.max(before_ms));
        Turn { from_ms, to_ms, forward: shift.forward_ms > 0 }
    };
    program.zone().shifts(from, to).map(turn).collect()
}

/// A stretch on a date, cut where the wall clock jumps and where it shows a time twice.
fn pieces(
    program: &Program,
    stretch: &Stretch,
    (date, from, to): (Date, Absolute, Absolute),
    turns: &[Turn],
) -> Vec<Piece> {
    let shifts = program.zone().shifts(from, to);
    let (from, to) = (stretch.tile.from.max(from), stretch.tile.to.min(to));
    let mut cuts = vec![from, to];
    for shift in shifts {
        cuts.push(shift.at);
        if shift.forward_ms < 0 {
            cuts.extend([shift.at.plus_ms(shift.forward_ms), shift.at.plus_ms(-shift.forward_ms)]);
        }
    }
    cuts.retain(|cut| from <= *cut && *cut <= to);
    cuts.sort_unstable();
    cuts.dedup();
    let (fill, volume) = match &stretch.now.sound {
        Sound::Open(open) => (open.daypart.map_or(Fill::Other, Fill::Daypart), Some(open.volume.set)),
        Sound::Muted | Sound::Emergency(_) | Sound::Closed { .. } | Sound::Paused { .. } => {
            (Fill::Closed, None)
        }
    };
    let daypart = match fill {
        Fill::Daypart(number) => program.daypart(number),
        Fill::Other | Fill::Closed => None,
    };
    let plays = daypart.map(super::plays_text).unwrap_or_default();
    let piece = |pair: &[Absolute]| {
        let from_ms = on_the_wall(program, date, pair[0]);
        let to_ms = from_ms + pair[1].since_ms(pair[0]);
        let twice = turns.iter().any(|turn| !turn.forward && turn.from_ms <= from_ms && to_ms <= turn.to_ms);
        let shifted = program.zone().shifts(pair[0].plus_ms(-DAY_MS), pair[0].plus_ms(1)).next().is_some();
        let half = match (twice, shifted) {
            (false, _) => Half::Whole,
            (true, false) => Half::Left,
            (true, true) => Half::Right,
        };
        let name = super::name(program, &stretch.now.sound);
        Piece { from_ms, to_ms, half, fill, name, plays: plays.clone(), volume }
    };
    cuts.windows(2).map(piece).collect()
}

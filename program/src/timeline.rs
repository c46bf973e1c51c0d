//! What would be between two instants, if nobody does anything: the stretches in which the same is right, and the spots at
//! clock times. Songs are chosen elsewhere, stretch by stretch.

use serde::Serialize;

use crate::civil::Absolute;
use crate::model::{Clock, SpotId, Wall};
use crate::moments::Moment;
use crate::now::{Now, Sound, State};
use crate::program::{Kind, Program};
use crate::windows::Tile;

/// Stretches of a timeline at most; it ends there.
pub const STRETCHES_MAX: usize = 100_000;

/// A stretch in which the same is right.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stretch {
    /// From when to when; cut to what was asked for.
    pub tile: Tile,
    /// What is right in it.
    pub now: Now,
}

/// A spot at a clock time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Due {
    /// When it is due.
    pub moment: Moment,
    /// Which spot.
    pub spot: SpotId,
    /// Whether it can be heard then: it is open, and the spot's daypart holds.
    pub heard: bool,
}

impl Program {
    /// What would be between two instants, if the time is known and nobody does anything.
    pub fn timeline(&self, from: Absolute, to: Absolute) -> Timeline<'_> {
        let wall = Wall::Trusted { at: from, uncertainty_ms: 0 };
        Timeline {
            program: self,
            clock: Clock { mono_ms: 0, boot: String::new(), wall },
            to,
            left: STRETCHES_MAX,
        }
    }

    /// The spots at clock times from `from` on and before `to`, in order.
    pub fn due_between(&self, from: Absolute, to: Absolute) -> Vec<Due> {
        let mut due = Vec::new();
        for spot in &self.document().spots {
            for moment in self.moments(spot, from, to) {
                let here = self.daypart_at(moment.at).and_then(|number| self.daypart(number));
                let named = spot.dayparts.as_ref();
                let in_daypart = named.is_none_or(|named| here.is_some_and(|here| named.contains(&here.id)));
                let heard = in_daypart && self.is_open(Kind::Sound, moment.at);
                due.push(Due { moment, spot: spot.id.clone(), heard });
            }
        }
        due.sort();
        due
    }
}

/// Stretch after stretch.
#[derive(Debug, Clone)]
pub struct Timeline<'a> {
    program: &'a Program,
    clock: Clock,
    to: Absolute,
    left: usize,
}

impl Iterator for Timeline<'_> {
    type Item = Stretch;

    fn next(&mut self) -> Option<Stretch> {
        let from = self.clock.wall.trusted().filter(|from| *from < self.to)?;
        self.left = self.left.checked_sub(1)?;
        let state = State::default();
        let now = self.program.what_now(&self.clock, &state);
        let change = self.program.next_change(&self.clock, &state).unwrap_or(self.to).min(self.to);
        self.clock = crate::now::later(&self.clock, change.since_ms(from));
        Some(Stretch { tile: Tile { from, to: change }, now })
    }
}

impl Stretch {
    /// Whether music plays in it.
    pub fn is_open(&self) -> bool {
        matches!(self.now.sound, Sound::Open(_))
    }
}

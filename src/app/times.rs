//! What `App` makes of the time: what the rules are told of the time of day, and a time for rotation that never jumps.
//!
//! The time of day may be set forward and back by years while the device plays. Rotation must neither forget the last songs
//! over that nor hold them back: it goes by the monotonic clock, brought once, at the start, near to the time of day of the
//! last songs in the play log.

use orchestrion_program as rules;
use rules::Absolute;

use crate::storage::{ClockState, Past};
use crate::time::{Now, Wall};

/// See the head of this file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Times {
    /// What is added to the monotonic clock for the rotation's time, in ms.
    offset_ms: i64,
    /// It is later than this for certain.
    floor: Option<Wall>,
    /// How far the time of day may be off.
    uncertainty_ms: u64,
    /// The time of day less the monotonic clock when it was looked at last, in ms, if it was believed.
    seen_ms: Option<i64>,
}

/// What has happened to the time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It is known now, and was not: it is the monotonic clock and so many ms.
    Known {
        /// See there.
        offset_ms: i64,
    },
    /// It has jumped.
    Set,
    /// It is believed no more.
    Lost,
}

/// A clock that a time server keeps runs a little faster or slower; by so many ms since the last look it was set.
const JUMP_MS: u64 = 500;

impl Times {
    /// At a start that found this in the play log.
    pub(super) fn at_start(now: Now, past: &Past, floor: Option<Wall>) -> Self {
        let mono_ms = i64::try_from(now.monotonic.0).unwrap_or(i64::MAX);
        let floor = floor.max(past.latest_wall);
        let last_ms = past.plays.last().map(|play| play.at_ms);
        let rotation_ms = match (last_ms, now.wall, past.last_wall) {
            // It was off for as long as the time of day says, if that does not run backwards.
            (Some(last_ms), Some(wall), Some(last_wall)) => {
                last_ms.saturating_add(wall.0.saturating_sub(last_wall.0).max(0))
            }
            (Some(last_ms), Some(wall), None) => last_ms.max(wall.0),
            // How long it was off nobody knows: it goes on where it was.
            (Some(last_ms), None, _) => last_ms,
            (None, wall, _) => wall.max(floor).map_or(0, |wall| wall.0),
        };
        let offset_ms = past.offset_ms.unwrap_or_else(|| rotation_ms.saturating_sub(mono_ms));
        Self { offset_ms, floor, uncertainty_ms: 0, seen_ms: None }
    }

    /// Looks at the time of day; says what has happened to it since the last look.
    pub(super) fn look(&mut self, now: Now) -> Option<Change> {
        // For the time when nobody knows it any more.
        self.floor = self.floor.max(now.wall);
        let mono_ms = i64::try_from(now.monotonic.0).unwrap_or(i64::MAX);
        let offset_ms = now.wall.map(|wall| wall.0.saturating_sub(mono_ms));
        match (std::mem::replace(&mut self.seen_ms, offset_ms), offset_ms) {
            (None, Some(offset_ms)) => Some(Change::Known { offset_ms }),
            (Some(before), Some(offset_ms)) if before.abs_diff(offset_ms) >= JUMP_MS => Some(Change::Set),
            (Some(_), None) => Some(Change::Lost),
            (Some(_), Some(_)) | (None, None) => None,
        }
    }

    /// Somebody says how far the time of day may be off, in ms.
    pub(super) fn set_uncertainty(&mut self, uncertainty_ms: u64) {
        self.uncertainty_ms = uncertainty_ms;
    }

    /// The moment as rotation counts it.
    pub(super) fn rotation(&self, now: Now) -> Absolute {
        Absolute(self.offset_ms.saturating_add(i64::try_from(now.monotonic.0).unwrap_or(i64::MAX)))
    }

    /// The moment as the rules are told it.
    pub(super) fn clock(&self, now: Now) -> rules::Clock {
        let wall = match (now.wall, self.floor) {
            (Some(wall), _) => {
                rules::Wall::Trusted { at: Absolute(wall.0), uncertainty_ms: self.uncertainty_ms }
            }
            (None, Some(floor)) => rules::Wall::Floor(Absolute(floor.0)),
            (None, None) => rules::Wall::None,
        };
        // Timers live as long as the process, so all of them are of one boot.
        rules::Clock { mono_ms: now.monotonic.0, boot: String::new(), wall }
    }

    /// How far the time in a row of the play log is to be believed.
    pub(super) fn state(&self, now: Now) -> ClockState {
        match (now.wall, self.floor) {
            (Some(_), _) => ClockState::Trusted { uncertainty_ms: self.uncertainty_ms },
            (None, Some(_)) => ClockState::Floor,
            (None, None) => ClockState::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{PastPlay, PastSong};
    use crate::time::Mono;

    fn past(at_ms: i64, offset_ms: Option<i64>) -> Past {
        let play = PastPlay { song: PastSong::Recording("a".into()), at_ms, from: None };
        Past { plays: vec![play], offset_ms, latest_wall: Some(Wall(at_ms)), ..Past::default() }
    }

    fn now(mono_ms: u64, wall_ms: Option<i64>) -> Now {
        Now { monotonic: Mono(mono_ms), wall: wall_ms.map(Wall) }
    }

    #[test]
    fn the_time_of_rotation_does_not_jump_with_the_time_of_day() {
        let times = Times::at_start(now(5000, Some(1_000_000)), &Past::default(), None);
        assert_eq!(times.rotation(now(5000, Some(1_000_000))), Absolute(1_000_000));
        assert_eq!(times.rotation(now(6000, Some(9_000_000))), Absolute(1_001_000));
        assert_eq!(times.rotation(now(7000, None)), Absolute(1_002_000));
    }

    #[test]
    fn without_a_clock_rotation_goes_on_where_it_was() {
        let same_boot = Times::at_start(now(5000, None), &past(1_000_000, Some(999_000)), None);
        assert_eq!(same_boot.rotation(now(5000, None)), Absolute(1_004_000));
        let other_boot = Times::at_start(now(5000, None), &past(1_000_000, None), Some(Wall(7)));
        assert_eq!(other_boot.rotation(now(5000, None)), Absolute(1_000_000));
        let wall = |ms| Past { last_wall: Some(Wall(ms)), ..past(1_000_000, None) };
        let off_for = |last_ms| Times::at_start(now(5000, Some(1_060_000)), &wall(last_ms), None);
        assert_eq!(off_for(1_000_000).rotation(now(5000, None)), Absolute(1_060_000));
        assert_eq!(off_for(9_000_000).rotation(now(5000, None)), Absolute(1_000_000), "it was set back");
        let nothing = Times::at_start(now(5000, None), &Past::default(), None);
        assert_eq!(nothing.rotation(now(5000, None)), Absolute(0));
    }

    #[test]
    fn a_time_that_was_believed_is_the_floor_when_it_is_believed_no_more() {
        let mut times = Times::at_start(now(5000, None), &Past::default(), Some(Wall(70)));
        assert_eq!(times.clock(now(1, None)).wall, rules::Wall::Floor(Absolute(70)));
        times.look(now(6000, Some(90)));
        times.look(now(7000, Some(80)));
        assert_eq!(times.clock(now(1, None)).wall, rules::Wall::Floor(Absolute(90)));
        assert_eq!(times.state(now(1, None)), ClockState::Floor);
    }
}

//! The time of day that a server has told, for where nobody keeps the kernel's clock.
//!
//! An answer was made between the sending of its request and its coming, so it is known to half of that round trip; the server's
//! own clock is as good as one that a time server keeps. From then on the monotonic clock runs on, and may run wrongly.

use std::sync::{Mutex, PoisonError};

use orchestrion_program::model::CLOCK_TRUST_MAX_MS;

use super::UNCERTAINTY_MS;
use crate::time::{Mono, WALL_FLOOR, Wall};

/// A round trip that says nothing of the time any more, in ms.
const ROUND_MS_MAX: u64 = 10_000;
/// How wrongly a clock may run, in millionths: what the kernel counts for one that nobody keeps.
const DRIFT_PPM: u64 = 500;
/// No time of day is later than this, in ms: a hundred years after the first release.
const WALL_MAX: Wall = Wall(WALL_FLOOR.0 + 100 * 365 * 86_400_000);

/// What a server said, and how it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saying {
    /// Its time of day when it answered.
    pub wall: Wall,
    /// When the answer had come.
    pub at: Mono,
    /// How long request and answer were on their way, together, in ms.
    pub round_ms: u64,
}

/// One that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    /// The time of day less the monotonic clock, in ms.
    offset_ms: i64,
    /// Give or take, in ms, when it was told.
    within_ms: u64,
    at: Mono,
    /// When it was last found right.
    confirmed: Mono,
}

impl Known {
    fn within_ms(&self, now: Mono) -> u64 {
        self.within_ms.saturating_add(now.since_ms(self.at).saturating_mul(DRIFT_PPM) / 1_000_000)
    }
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<Option<Known>>);

impl Told {
    /// Takes what was said; gives whether it can be.
    pub(super) fn hear(&self, saying: Saying) -> bool {
        if saying.round_ms > ROUND_MS_MAX || !(WALL_FLOOR..=WALL_MAX).contains(&saying.wall) {
            return false;
        }
        let half_ms = saying.round_ms / 2;
        let at_ms = i64::try_from(saying.at.0).unwrap_or(i64::MAX);
        let fresh = Known {
            offset_ms: saying.wall.0.saturating_add(half_ms as i64).saturating_sub(at_ms),
            within_ms: UNCERTAINTY_MS + saying.round_ms - half_ms,
            at: saying.at,
            confirmed: saying.at,
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some(match *known {
            // As far as both can tell they are the same, and a time that jitters with the network helps nobody.
            Some(old)
                if old.within_ms(saying.at) <= fresh.within_ms
                    && old.offset_ms.abs_diff(fresh.offset_ms)
                        <= old.within_ms(saying.at) + fresh.within_ms =>
            {
                Known { confirmed: saying.at, ..old }
            }
            Some(_) | None => fresh,
        });
        true
    }

    /// The time of day, and how far it may be off, in ms; while it is believed.
    pub(super) fn at(&self, now: Mono) -> Option<(Wall, u64)> {
        let known = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        let is_believed = now.since_ms(known.confirmed) < CLOCK_TRUST_MAX_MS.unsigned_abs();
        let now_ms = i64::try_from(now.0).unwrap_or(i64::MAX);
        is_believed.then(|| (Wall(known.offset_ms.saturating_add(now_ms)), known.within_ms(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Wall = Wall(WALL_FLOOR.0 + 1_000_000_000);

    fn saying(wall: Wall, at_ms: u64, round_ms: u64) -> Saying {
        Saying { wall, at: Mono(at_ms), round_ms }
    }

    #[test]
    fn what_was_told_is_known_to_half_of_the_round_trip_and_less_each_hour() {
        let told = Told::default();
        assert_eq!(told.at(Mono(1)), None);
        assert!(told.hear(saying(NOON, 50_000, 400)));
        assert_eq!(told.at(Mono(50_000)), Some((Wall(NOON.0 + 200), 1200)));
        let (wall, within_ms) = told.at(Mono(50_000 + 3_600_000)).unwrap();
        assert_eq!((wall.0 - NOON.0, within_ms), (3_600_200, 1200 + 1800));
        let week_ms = CLOCK_TRUST_MAX_MS.unsigned_abs();
        assert!(told.at(Mono(50_000 + week_ms - 1)).is_some());
        assert_eq!(told.at(Mono(50_000 + week_ms)), None);
    }

    #[test]
    fn a_slower_answer_confirms_and_a_better_one_or_another_time_replaces() {
        let told = Told::default();
        told.hear(saying(NOON, 0, 100));
        // 3 s on the way: as far as it can tell, the same.
        told.hear(saying(Wall(NOON.0 + 1000), 4000, 3000));
        assert_eq!(told.at(Mono(4000)).unwrap().0, Wall(NOON.0 + 4050));
        told.hear(saying(Wall(NOON.0 + 5000), 5000, 10));
        assert_eq!(told.at(Mono(5000)), Some((Wall(NOON.0 + 5005), 1005)));
        // Somebody has set the server's clock.
        told.hear(saying(Wall(NOON.0 + 90_000_000), 6000, 200));
        assert_eq!(told.at(Mono(6000)), Some((Wall(NOON.0 + 90_000_100), 1100)));
    }

    #[test]
    fn a_time_that_cannot_be_and_an_answer_that_took_too_long_are_not_heard() {
        let told = Told::default();
        for wall in [Wall(0), Wall(i64::MIN), Wall(i64::MAX), Wall(WALL_FLOOR.0 - 1), Wall(WALL_MAX.0 + 1)] {
            assert!(!told.hear(saying(wall, 5000, 10)), "{wall:?}");
        }
        assert!(!told.hear(saying(NOON, 5000, ROUND_MS_MAX + 1)));
        assert_eq!(told.at(Mono(5000)), None);
    }
}

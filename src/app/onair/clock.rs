//! What is left until the closing time.

use orchestrion_program::Absolute;
use orchestrion_program::now::Open;

use crate::time::Now;

/// What is left until it closes, in milliseconds; `None` if it does not, or if nobody knows the time.
pub(super) fn left_ms(open: &Open, now: Now) -> Option<i64> {
    Some(open.closes?.since_ms(Absolute(now.wall?.0)))
}

/// The moment as spots are told it: without a clock that is believed they are told so too, and only count.
pub(super) fn told_at(now: Now) -> Absolute {
    Absolute(now.wall.map_or(i64::try_from(now.monotonic.0).unwrap_or(i64::MAX), |wall| wall.0))
}

/// Whether the time of day can be relied on.
pub(super) fn is_trusted(now: Now) -> bool {
    now.wall.is_some()
}

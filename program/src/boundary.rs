//! How one thing goes over into the next: at a daypart's start, and at closing.

use crate::civil::{Absolute, SECOND_MS};
use crate::model::{Boundary, BoundaryMode};

/// No song begins with less than this left until closing, in ms.
pub const LEFT_MIN_MS: i64 = 30 * SECOND_MS;

/// How the song that plays makes way for the next daypart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takeover {
    /// It plays to its end, which is then.
    SongEnds(Absolute),
    /// It begins to fade out then.
    FadeFrom(Absolute),
    /// It stops then.
    CutAt(Absolute),
}

/// How the song that plays makes way for a daypart that began at `at`; `boundary` is the new daypart's. `song_ends` is when
/// the song would be over, if that is known; of what has no end, like a stream, it is not.
pub fn takeover(boundary: &Boundary, at: Absolute, song_ends: Option<Absolute>) -> Takeover {
    let ends_by = |latest: Absolute| song_ends.filter(|ends| *ends <= latest);
    let latest = match boundary.mode {
        BoundaryMode::Finish => at.plus_ms(i64::from(boundary.max_wait_s) * SECOND_MS),
        BoundaryMode::Fade | BoundaryMode::Cut => at,
    };
    match (ends_by(latest), boundary.mode) {
        (Some(ends), _) => Takeover::SongEnds(ends),
        (None, BoundaryMode::Cut) => Takeover::CutAt(at),
        (None, BoundaryMode::Finish | BoundaryMode::Fade) => Takeover::FadeFrom(latest),
    }
}

/// When the fade begins that ends at closing: closing is hard, its last sample is before that instant.
pub fn closing_fade_from(closes: Absolute, fade_ms: i64) -> Absolute {
    closes.plus_ms(-fade_ms.max(0))
}

/// Whether a song may begin: not when less than [`LEFT_MIN_MS`] is left until closing.
pub fn song_may_begin(at: Absolute, closes: Option<Absolute>) -> bool {
    closes.is_none_or(|closes| closes.since_ms(at) >= LEFT_MIN_MS)
}

/// Whether something that must be heard whole, as a break, may begin: not when closing would cut it.
pub fn whole_may_begin(at: Absolute, length_ms: i64, closes: Option<Absolute>) -> bool {
    closes.is_none_or(|closes| at.plus_ms(length_ms.max(0)) <= closes)
}

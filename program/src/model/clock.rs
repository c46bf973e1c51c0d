//! What a device knows of the time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::civil::{Absolute, DAY_MS};

/// How long the time of day is believed after it was last confirmed, in ms: 7 days.
pub const CLOCK_TRUST_MAX_MS: i64 = 7 * DAY_MS;

/// What a device knows of the time at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// A clock that only counts, in ms: CLOCK_BOOTTIME. It starts again with `boot`.
    pub mono_ms: u64,
    /// The kernel's id of this start.
    pub boot: String,
    /// The time of day.
    pub wall: Wall,
}

/// What is known of the time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Wall {
    /// Somebody who is believed said so.
    Trusted {
        /// It is this.
        at: Absolute,
        /// Give or take so many ms.
        uncertainty_ms: u64,
    },
    /// It is this at least: the latest of the build's, the saved and the release's time.
    Floor(Absolute),
    /// Nothing is known.
    None,
}

impl Wall {
    /// The time, if it is trusted.
    pub const fn trusted(&self) -> Option<Absolute> {
        match self {
            Self::Trusted { at, .. } => Some(*at),
            Self::Floor(_) | Self::None => None,
        }
    }

    /// A time that has passed for certain, if any is known: a right whose last day is before it has ended.
    pub const fn at_least(&self) -> Option<Absolute> {
        match self {
            Self::Trusted { at, .. } | Self::Floor(at) => Some(*at),
            Self::None => None,
        }
    }

    /// The same, when it was last confirmed so many ms ago: trust ends after [`CLOCK_TRUST_MAX_MS`].
    pub const fn confirmed_ms_ago(self, ms: i64) -> Self {
        match self {
            Self::Trusted { at, .. } if ms >= CLOCK_TRUST_MAX_MS => Self::Floor(at),
            other => other,
        }
    }
}

//! What spots remember over a restart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Why;
use crate::civil::{Absolute, Date, Local};

/// The version of [`Memory`] that this crate reads and writes.
pub const MEMORY_VERSION: u32 = 1;
/// Clock times that are remembered of a spot, so that none fires twice: more than a month of being off has. The oldest go
/// first.
pub const FIRED_MAX: usize = 40;
/// Spots that are to be made up for, of each kind. The oldest are missed first.
pub const OWED_MAX: usize = 24;
/// Spots that were handed out and of which nothing was heard yet. The oldest are missed first.
pub const TAKEN_MAX: usize = 256;

/// What is to be stored with the plays, and given back at the next start.
///
/// It is as large as the spots that have something to remember, some 200 bytes each.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// [`MEMORY_VERSION`]. Another version is forgotten.
    pub v: u32,
    /// The day that is counted, and whether anything was.
    pub(super) day: Option<Date>,
    /// All the time that has passed, in ms: what waits and gaps are measured by. No clock can turn it back.
    pub(super) lived_ms: i64,
    /// Where the last span ended.
    pub(super) at: Option<Absolute>,
    /// How long it has been open on this day, in ms.
    pub(super) open_ms: u64,
    /// By spot.
    pub(super) spots: BTreeMap<String, One>,
    /// When something in common was last heard, in lived ms; by kind and name.
    pub(super) commons: BTreeMap<String, i64>,
    /// Handed out, and nothing heard of it yet.
    pub(super) taken: Vec<Taken>,
}

/// What is remembered of one spot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct One {
    /// Songs since it was last due.
    pub songs: u32,
    /// Time on the air since it was last due.
    pub air_ms: u64,
    /// Open time of this day, in its dayparts.
    pub open_ms: u64,
    /// Up to which open time what is due was taken up; ahead of `open_ms` when it was taken early.
    pub settled_ms: u64,
    /// The one that waits.
    pub due: Option<Due>,
    /// Those that are to be made up for, the oldest first.
    pub owed: Vec<Due>,
    /// When it was last begun, in lived ms.
    pub last_ms: Option<i64>,
    /// How often it was begun on this day.
    pub today: u32,
    /// Clock times at which it was due, in ms of local time, the oldest first.
    pub fired: Vec<i64>,
}

/// Something that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Due {
    /// When, for people and for the log.
    pub at: Absolute,
    /// When, in lived ms.
    pub lived_ms: i64,
    /// In which hour of being open.
    pub hour: u64,
    /// Whether it came while nothing could be said: then no window holds, only `within`.
    pub late: bool,
    /// What kept it away last.
    pub kept: Option<Why>,
}

/// Something that was handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Taken {
    pub spot: String,
    pub at: Absolute,
}

impl One {
    pub(super) fn has_fired(&self, key: Local) -> bool {
        self.fired.contains(&key.to_ms())
    }

    pub(super) fn fire(&mut self, key: Local) {
        if self.fired.len() >= FIRED_MAX {
            self.fired.remove(0);
        }
        self.fired.push(key.to_ms());
    }

    /// Whether there is nothing to store.
    pub(super) fn is_blank(&self) -> bool {
        *self == Self::default()
    }
}

//! What spots remember over a restart.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use super::Why;
use super::rule::{Pace, Rule, Rules};
use crate::civil::{Absolute, Date, Local};

/// The version of [`Memory`] that this crate reads and writes.
pub const MEMORY_VERSION: u32 = 2;
/// Clock times that are remembered of a spot, so that none fires twice: more than a month of being off has. The oldest go
/// first.
pub const FIRED_MAX: usize = 40;
/// Spots that are to be made up for, of each kind. The oldest are missed first.
pub const OWED_MAX: usize = 24;
/// Spots that were handed out and of which nothing was heard yet. The oldest are missed first.
pub const TAKEN_MAX: usize = 256;

/// What is to be stored with the plays, and given back at the next start.
///
/// It is as large as the spots that have something to remember, some 200 bytes each; so it is stored in [pieces], of which
/// only those are written that have changed.
///
/// [pieces]: super::Spots::changes
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    #[serde(flatten)]
    pub(super) head: Head,
    /// By spot.
    pub(super) spots: BTreeMap<String, One>,
    /// When something in common was last heard, in lived ms; by kind and name.
    pub(super) commons: BTreeMap<String, i64>,
}

/// What changes all the time: small, however many spots there are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Head {
    /// [`MEMORY_VERSION`]. Another version is forgotten.
    pub v: u32,
    /// The day that is counted, and whether anything was.
    pub day: Option<Date>,
    /// All the time that has passed, in ms: what waits and gaps are measured by. No clock can turn it back.
    pub lived_ms: i64,
    /// Where the last span ended.
    pub at: Option<Absolute>,
    /// How long it has been open on this day, in ms.
    pub open_ms: u64,
    /// Handed out, and nothing heard of it yet.
    pub taken: Vec<Taken>,
    /// What spots with the same dayparts count together; by the names of these.
    pub counts: BTreeMap<String, Count>,
}

/// What all spots that are heard in the same dayparts count together, so that time that passes changes one number and not
/// one of each spot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Count {
    /// Open time of this day, in ms.
    pub open_ms: u64,
    /// Time on the air since ever, in ms.
    pub air_ms: u64,
    /// Songs since ever.
    pub songs: u64,
}

/// What is remembered of one spot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct One {
    /// Of its count of songs, when it was last due.
    pub songs: Option<u64>,
    /// Of its count of time on the air, when it was last due, in ms.
    pub air_ms: Option<u64>,
    /// Up to which open time of this day it was taken early; what has passed is settled anyhow.
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

/// Names of pieces: what changes all the time, and before the name of a spot or of what spots have in common.
const HEAD: &str = "";
const SPOT: char = 's';
const COMMON: char = 'c';

/// A piece of a memory that has changed: its name, and what is to be stored under it; nothing any more if that is `None`.
pub type Piece = (String, Option<String>);

impl Memory {
    /// Up to when time was told.
    pub fn at(&self) -> Option<Absolute> {
        self.head.at
    }

    /// The memory of its pieces, as they were stored; without any, that of a place where nothing was due yet.
    ///
    /// # Errors
    /// One of them is none of ours.
    pub fn of_pieces<'a>(
        pieces: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, serde_json::Error> {
        let mut memory = Self::default();
        for (name, text) in pieces {
            if name == HEAD {
                memory.head = serde_json::from_str(text)?;
            } else if let Some(spot) = name.strip_prefix(SPOT) {
                memory.spots.insert(spot.to_owned(), serde_json::from_str(text)?);
            } else if let Some(common) = name.strip_prefix(COMMON) {
                memory.commons.insert(common.to_owned(), serde_json::from_str(text)?);
            }
        }
        Ok(memory)
    }
}

/// What the disk has been told, beside what is: two of each, compared piece by piece.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    head: Head,
    /// As the rules' list.
    ones: Vec<One>,
    /// As the rules' commons.
    commons: Vec<Option<i64>>,
    /// Pieces of what the program does not have any more.
    gone: Vec<String>,
}

impl Told {
    /// What was told of a memory, in the order of these rules.
    pub(super) fn of(memory: &Memory, rules: &Rules) -> Self {
        let (spots, commons) = (&memory.spots, &memory.commons);
        let known: HashSet<&String> = rules.commons.iter().collect();
        let gone_spots = spots.keys().filter(|id| !rules.by_id.contains_key(*id));
        let gone_commons = commons.keys().filter(|name| !known.contains(name));
        Self {
            head: memory.head.clone(),
            ones: rules.list.iter().map(|rule| spots.get(&rule.id).cloned().unwrap_or_default()).collect(),
            commons: rules.commons.iter().map(|name| commons.get(name).copied()).collect(),
            gone: gone_spots
                .map(|id| format!("{SPOT}{id}"))
                .chain(gone_commons.map(|name| format!("{COMMON}{name}")))
                .collect(),
        }
    }

    /// The memory that was told, for other rules. What was gone by then is not part of it; see [`Told::gone`].
    pub(super) fn memory(&self, rules: &Rules) -> Memory {
        let ones = rules.list.iter().zip(&self.ones).filter(|(_, one)| !one.is_blank());
        let commons = rules.commons.iter().zip(&self.commons);
        Memory {
            head: self.head.clone(),
            spots: ones.map(|(rule, one)| (rule.id.clone(), one.clone())).collect(),
            commons: commons.filter_map(|(name, last)| Some((name.clone(), (*last)?))).collect(),
        }
    }

    /// Pieces that are there for nothing.
    pub(super) fn gone(&self) -> &[String] {
        &self.gone
    }

    pub(super) fn forget(&mut self, gone: &[String]) {
        self.gone.extend_from_slice(gone);
    }

    /// Tells what has changed since.
    ///
    /// # Errors
    /// It cannot be written as JSON, which has no reason to be.
    pub(super) fn tell(
        &mut self,
        rules: &Rules,
        head: &Head,
        ones: &[One],
        commons: &[Option<i64>],
    ) -> Result<Vec<Piece>, serde_json::Error> {
        let mut pieces: Vec<Piece> = self.gone.drain(..).map(|name| (name, None)).collect();
        if self.head != *head {
            self.head = head.clone();
            pieces.push((HEAD.to_owned(), Some(serde_json::to_string(head)?)));
        }
        for ((rule, told), one) in rules.list.iter().zip(&mut self.ones).zip(ones) {
            if told != one {
                *told = one.clone();
                let text = if one.is_blank() { None } else { Some(serde_json::to_string(one)?) };
                pieces.push((format!("{SPOT}{}", rule.id), text));
            }
        }
        for ((name, told), last) in rules.commons.iter().zip(&mut self.commons).zip(commons) {
            if told != last {
                *told = *last;
                pieces.push((format!("{COMMON}{name}"), last.map(|last| last.to_string())));
            }
        }
        Ok(pieces)
    }
}

impl One {
    /// What it counts begins now, unless it has begun before.
    pub(super) fn begin(&mut self, rule: &Rule, counts: &[Count]) {
        let count = counts.get(rule.dayparts as usize).copied().unwrap_or_default();
        match rule.pace {
            Pace::Songs(_) => drop(self.songs.get_or_insert(count.songs)),
            Pace::Air { .. } => drop(self.air_ms.get_or_insert(count.air_ms)),
            Pace::Clock | Pace::Open(_) => {}
        }
    }

    /// What it counts begins now.
    pub(super) fn begin_anew(&mut self, rule: &Rule, counts: &[Count]) {
        (self.songs, self.air_ms) = (None, None);
        self.begin(rule, counts);
    }

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

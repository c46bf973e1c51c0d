//! Announcements and advertisements: when each is due, which of them make a break, and what became of each.
//!
//! [`Spots`] is a machine without a clock. It is told of every stretch of time ([`Spots::pass`]), of every song that was
//! heard ([`Spots::song_heard`]) and of how each spot ended ([`Spots::said`]); it is asked for a break at each song's end
//! ([`Spots::due`]) and for spots that do not wait for one ([`Spots::next_cut_in`], [`Spots::cut_in`]). Everything that was
//! due is handed out or told as missed, exactly once. What it remembers is stored and given back ([`Spots::changes`],
//! [`Spots::resume`]).
//!
//! # What was decided where the agreed meaning is silent
//! - **Waiting and gaps** are measured on time that has passed, not on the clock. So a clock that jumps neither makes a spot
//!   late nor lets one come too soon; clock times that it jumped over are missed (`clock`), those that it comes back to have
//!   fired.
//! - **A day** is a local date. On it the grid of `per_hour` and `share` starts when it first opens, runs while it is open
//!   in the spot's dayparts, and stands still otherwise. Equals are the spots of one interval and the same dayparts that may
//!   play on that date, in the order of their ids. A share is the interval in which the spot's length is that share.
//! - **`between`**: the window counts from the due time, for all kinds; `else` acts at its end. A break may take a spot up to
//!   half a song early.
//! - **`missed`** is about a spot that was due while nothing could be said (off, closed, no clock): dropped at once, or kept
//!   for so long. It also lengthens the wait of one that found no place.
//! - **`makeup`**: what would be missed is owed instead, until the end of the hour of being open in which it was due, or of
//!   the date; then it is missed for the reason for which it was. A break takes one spot once, what is due before what is owed.
//! - **Cut in** (`duck`, `cut`, and `else` of these): up to [`LATE_MS_MAX`] late, when another one speaks; then it is missed.
//!   The limits of a break do not hold for them, separation does.
//! - **Separation** is from start to start, and in a break it is rounded by half a song as the due time is, at most by half
//!   of itself: without that worked example 9 cannot be (8 minutes lie between :16 and :24). Two in one break are never
//!   nearer than it says, cuts neither.
//! - **A break** takes its first spot however long it is; a spot that does not fit is passed over for a shorter one.
//! - **`max_day`**: when it is reached, a spot is not due any more on that date.
//! - **Songs and air** stand still while another daypart than the spot's holds.
//! - **A spot whose right has ended**, or that is for another country, is never due. A dated advertisement without a trusted
//!   clock is missed (`clock`). One that a new release does not have any more is forgotten without a word.
//! - **A pause by staff** leaves a place open: what is due then waits as it would for a song's end.

mod breaks;
mod memory;
mod misses;
mod pass;
mod rule;

#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::civil::Absolute;
use crate::model::{Class, How, Library, RecordingId, SpotId};
use crate::program::Program;
use crate::shelf::Shelf;

use memory::{Count, Head, One, Taken, Told};
pub use memory::{FIRED_MAX, MEMORY_VERSION, Memory, OWED_MAX, Piece, TAKEN_MAX};
use misses::Misses;
pub use misses::ROWS_MAX;
pub use pass::GAP_DAYS_MAX;
pub use rule::LENGTH_UNKNOWN_MS;
use rule::Rules;

/// How much of a song must be heard for it to count, in ms.
pub const HEARD_MS_MIN: u64 = 30_000;
/// How late a spot may cut in, in ms.
pub const LATE_MS_MAX: i64 = 60_000;

/// Why a spot was missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The device was off, or staff had paused.
    Off,
    /// The place was closed, or it would not have ended before closing.
    Closed,
    /// Nobody knew what time it was, or the clock jumped over it.
    Clock,
    /// Another one was too near: of the same category or advertiser, or the same spot.
    Separation,
    /// No break came in time, or it was full.
    NoRoom,
    /// Its file could not be played, or may not be without the server.
    File,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off or paused",
            Self::Closed => "closed",
            Self::Clock => "no clock",
            Self::Separation => "separation",
            Self::NoRoom => "no room",
            Self::File => "file",
        })
    }
}

/// A row for the log: a spot was due and did not play.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// Which.
    pub spot: SpotId,
    /// When it was due; of several, the first.
    pub at: Absolute,
    /// Why.
    pub why: Why,
    /// How often: 1, unless there were more than [`ROWS_MAX`] rows to tell at once.
    pub times: u64,
}

/// A stretch of time in which the same held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span<'a> {
    /// From when, as the clock is believed now.
    pub from: Absolute,
    /// To when: as much later as time has really passed.
    pub to: Absolute,
    /// What was the case.
    pub during: During,
    /// The daypart that held.
    pub daypart: Option<&'a str>,
    /// Whether the clock is trusted.
    pub trusted: bool,
}

/// What was the case in a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum During {
    /// It was open; for so many ms of it something was on the air.
    Open {
        /// By the monotonic clock.
        aired_ms: u64,
    },
    /// It was open, and staff had paused.
    Paused,
    /// It was closed.
    Closed,
    /// It was open, and the device was off.
    Off,
}

/// The moment at which a break or a cut is asked for.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// How long a song is on the average, in ms: a break takes what is due within half of it.
    pub mean_song_ms: u64,
    /// How long until it closes, in ms, if it does.
    pub until_close_ms: Option<i64>,
    /// The daypart that holds.
    pub daypart: Option<&'a str>,
    /// Whether staff have paused: then only what pierces a pause is handed out.
    pub paused: bool,
    /// Whether the clock is trusted.
    pub trusted: bool,
    /// Days since the server last answered.
    pub offline_days: u32,
    /// Whether only what serves people's safety may be said: the service has ended.
    pub safety_only: bool,
    /// Whether a recording is there and not in quarantine.
    pub playable: &'a dyn Fn(&str) -> bool,
}

/// Spots to be said one after the other. The caller plays all of them, and tells of each how it ended.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Break {
    /// In order.
    pub spots: Vec<Said>,
    /// What was missed meanwhile.
    pub missed: Vec<Missed>,
}

/// A spot to be said now.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Which.
    pub spot: SpotId,
    /// What is heard.
    pub recording: RecordingId,
    /// How long it is thought to be, in ms.
    pub length_ms: u64,
    /// Its class.
    pub class: Class,
    /// How it goes into the music: in a break `between`, whatever else it may do.
    pub how: How,
    /// When it was due: `scheduled_for` in the log.
    pub scheduled_for: Absolute,
    /// Whether it is made up for.
    pub made_up: bool,
    /// It is heard at this volume at least, from 0 to 100.
    pub min_volume: Option<u8>,
}

/// See the head of this file.
#[derive(Debug, Clone)]
pub struct Spots {
    rules: Rules,
    /// What is remembered, but for what is beside it here.
    memory: Head,
    /// As `rules.daypart_sets`.
    counts: Vec<Count>,
    /// As `rules.list`.
    ones: Vec<One>,
    /// As `rules.commons`.
    commons: Vec<Option<i64>>,
    /// Rank and number of the equals of each spot, on the day that is counted.
    phases: Vec<(u64, u64)>,
    plan: pass::Plan,
    /// What was stored.
    told: Told,
    /// Where the last stretch ended, whether the clock was trusted or not.
    now: Absolute,
}

impl Spots {
    /// Nothing was due yet.
    pub fn new(program: &Program, library: &Library) -> Self {
        Self::resume(program, library, Memory::default()).0
    }

    /// Goes on after a restart. What was handed out and not told of is missed (`off`).
    pub fn resume(program: &Program, library: &Library, memory: Memory) -> (Self, Vec<Missed>) {
        let mut misses = Misses::default();
        let stored = memory.clone();
        let mut memory = if memory.head.v == MEMORY_VERSION { memory } else { Memory::default() };
        memory.head.v = MEMORY_VERSION;
        for taken in std::mem::take(&mut memory.head.taken) {
            misses.add(&taken.spot, taken.at, Why::Off, 1);
        }
        (Self::made_of(program, library, memory, &stored), misses.rows())
    }

    /// Goes on with another release. What plays may still be told of.
    pub fn renew(&mut self, program: &Program, library: &Library) {
        let (stored, gone) = (self.told.memory(&self.rules), self.told.gone().to_vec());
        let mut spots = Self { now: self.now, ..Self::made_of(program, library, self.memory(), &stored) };
        spots.told.forget(&gone);
        *self = spots;
    }

    fn made_of(program: &Program, library: &Library, mut memory: Memory, stored: &Memory) -> Self {
        let rules = Rules::new(program.document(), &Shelf::new(library));
        let counts: Vec<Count> = (0..rules.daypart_sets.len())
            .map(|set| memory.head.counts.remove(&rules.set_name(set)))
            .map(Option::unwrap_or_default)
            .collect();
        memory.head.counts.clear();
        let one = |rule: &rule::Rule| {
            let mut one = memory.spots.remove(&rule.id).unwrap_or_default();
            one.begin(rule, &counts);
            one
        };
        let ones = rules.list.iter().map(one).collect();
        let commons = rules.commons.iter().map(|name| memory.commons.remove(name)).collect();
        let phases = vec![(0, 1); rules.list.len()];
        let now = memory.head.at.unwrap_or_default();
        let told = Told::of(stored, &rules);
        let (memory, plan) = (memory.head, pass::Plan::default());
        let mut spots = Self { rules, memory, counts, ones, commons, phases, plan, told, now };
        spots.find_phases();
        spots
    }

    fn head(&self) -> Head {
        let counts = self.counts.iter().enumerate().filter(|(_, count)| **count != Count::default());
        let counts = counts.map(|(set, count)| (self.rules.set_name(set), *count)).collect();
        Head { counts, ..self.memory.clone() }
    }

    /// All that is remembered.
    pub fn memory(&self) -> Memory {
        let ones = self.rules.list.iter().zip(&self.ones).filter(|(_, one)| !one.is_blank());
        let commons = self.rules.commons.iter().zip(&self.commons);
        Memory {
            head: self.head(),
            spots: ones.map(|(rule, one)| (rule.id.clone(), one.clone())).collect(),
            commons: commons.filter_map(|(name, last)| Some((name.clone(), (*last)?))).collect(),
        }
    }

    /// What is to be stored with each play, so that nothing is said twice or forgotten: the pieces that have changed since
    /// this was asked last, or since what was stored was given back. [`Memory::of_pieces`] makes a memory of all of them.
    ///
    /// # Errors
    /// It cannot be written as JSON, which has no reason to be.
    pub fn changes(&mut self) -> Result<Vec<Piece>, serde_json::Error> {
        let head = self.head();
        self.told.tell(&self.rules, &head, &self.ones, &self.commons)
    }

    /// A song has ended, or was skipped, after so much of it was heard.
    pub fn song_heard(&mut self, heard_ms: u64, daypart: Option<&str>, trusted: bool) -> Vec<Missed> {
        let mut misses = Misses::default();
        if heard_ms >= HEARD_MS_MIN {
            self.count_song(daypart, trusted, &mut misses);
        }
        misses.rows()
    }

    /// A spot that was handed out begins to be heard. From now on it has a row of its own in the play log, which tells how it
    /// ended; it is not missed any more, whatever becomes of it.
    pub fn begun(&mut self, spot: &SpotId) {
        self.memory.taken.retain(|taken| taken.spot != spot.as_str());
    }

    /// A spot that was handed out has ended: it was heard, or its file failed before anything was.
    pub fn said(&mut self, spot: &SpotId, heard: bool) -> Option<Missed> {
        let at = self.memory.taken.iter().position(|taken| taken.spot == spot.as_str())?;
        let taken: Taken = self.memory.taken.remove(at);
        (!heard).then(|| Missed { spot: spot.clone(), at: taken.at, why: Why::File, times: 1 })
    }
}

//! Hours, exceptions and dayparts as instants.
//!
//! Windows are half-open: their end is outside. A window belongs to the date on which it starts, also when it goes over
//! midnight. Windows that touch or overlap are one: a place that is open round the clock never closes at midnight.

mod dayparts;
mod hours;

use serde::Serialize;

use crate::civil::{Absolute, DAY_MS, Date, TimeOfDay};
use crate::program::{Kind, Program};
use crate::zone::ZoneMap;

pub(crate) use dayparts::Dayparts;
pub(crate) use hours::OpenHours;

/// A stretch of time: `from` is in it, `to` is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Tile {
    /// Its first instant.
    pub from: Absolute,
    /// The first instant after it.
    pub to: Absolute,
}

impl Tile {
    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.to <= self.from
    }

    /// Whether an instant is in it.
    pub fn has(self, at: Absolute) -> bool {
        self.from <= at && at < self.to
    }

    /// How long it is, in ms.
    pub fn length_ms(self) -> i64 {
        self.to.since_ms(self.from).max(0)
    }
}

/// A window of a date, in ms after that date's midnight on the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub from_ms: i64,
    /// More than a day where it goes over midnight; never more than two.
    pub to_ms: i64,
}

impl Span {
    /// A window of a document. `None` for one of no length, and for one that starts at 24:00.
    pub(crate) fn new(from: TimeOfDay, to: TimeOfDay) -> Option<Self> {
        if from == to || from == TimeOfDay::END {
            return None;
        }
        let [from_ms, to_ms] = [from, to].map(|time| i64::from(time.seconds()) * 1000);
        Some(Self { from_ms, to_ms: if to_ms < from_ms { to_ms + DAY_MS } else { to_ms } })
    }

    /// As instants; empty where a gap swallows it.
    pub(crate) fn on(self, date: Date, zone: &ZoneMap) -> Tile {
        let at = |ms| zone.absolute(crate::civil::Local { date, ms });
        Tile { from: at(self.from_ms), to: at(self.to_ms) }
    }
}

/// When the lapse begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LapseStart(pub Absolute);

impl Program {
    /// Whether it is open at an instant.
    pub fn is_open(&self, kind: Kind, at: Absolute) -> bool {
        self.hours(kind).is_open(self.zone(), at)
    }

    /// When it closes, if it is open at that instant. `None`: it is closed, or never closes.
    pub fn closes(&self, kind: Kind, at: Absolute) -> Option<Absolute> {
        self.is_open(kind, at).then(|| self.hours(kind).closes(self.zone(), at)).flatten()
    }

    /// When it opened, if it is open at that instant. `None`: it is closed, or has been open for longer
    /// than a year.
    pub fn opened(&self, kind: Kind, at: Absolute) -> Option<Absolute> {
        self.is_open(kind, at).then(|| self.hours(kind).opened(self.zone(), at)).flatten()
    }

    /// When it opens next after an instant; if it is open then, after it has closed.
    pub fn opens(&self, kind: Kind, after: Absolute) -> Option<Absolute> {
        self.hours(kind).opens(self.zone(), after)
    }

    /// When it is open between two instants; in order, apart, and cut to them.
    pub fn open_between(&self, kind: Kind, from: Absolute, to: Absolute) -> Vec<Tile> {
        self.hours(kind).between(self.zone(), from, to)
    }

    /// For how many ms it is open between two instants.
    pub fn open_ms(&self, kind: Kind, from: Absolute, to: Absolute) -> i64 {
        self.open_between(kind, from, to).iter().map(|tile| tile.length_ms()).sum()
    }

    /// The service's last day, its grace days, and then the first closing; where it does not close within a day, at once.
    pub(crate) fn lapse_start(&self) -> Option<LapseStart> {
        let lapse = self.document().lapse.as_ref()?;
        let after = lapse.last_day?.plus_days(i64::from(lapse.grace_days) + 1);
        let over = self.zone().absolute(after.at(TimeOfDay::MIDNIGHT));
        let closes = self.closes(Kind::Sound, over).filter(|closes| closes.since_ms(over) <= DAY_MS);
        Some(LapseStart(closes.unwrap_or(over)))
    }
}

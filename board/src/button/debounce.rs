//! A contact that chatters.
//!
//! A change is believed when the line has kept its new level for [`CONFIRM_MS`]; then nothing more is believed for [`SETTLE_MS`].
//! So a clean press is told 2 ms after it, a contact that chatters for 50 ms once, by the end of its chatter at the latest, and a
//! spike that a motor leaves on the wire not at all. A line that never pauses for [`SETTLE_MS`] during [`RESTLESS_MS`] is restless:
//! it floats, or is no button.

use crate::time::Moment;

/// As long must a line keep a level until it is believed, in milliseconds.
pub const CONFIRM_MS: u32 = 2;
/// As long may a contact chatter after a change, in milliseconds.
pub const SETTLE_MS: u32 = 50;
/// As long may a line go on changing without a pause of [`SETTLE_MS`], in milliseconds.
pub const RESTLESS_MS: u32 = 1_000;
/// As long must a restless line be quiet until it counts again, in milliseconds.
pub const CALM_MS: u32 = 500;

/// What became of a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is closed.
    Down,
    /// It is open.
    Up,
    /// It does not stop changing.
    Restless,
    /// It has stopped changing, at this level.
    Calm {
        /// Whether it is closed.
        down: bool,
    },
}

/// A contact.
#[derive(Debug, Clone)]
pub struct Debounce {
    /// What the line says.
    raw: bool,
    /// Since when.
    raw_since: Moment,
    /// When the changes began that had no pause in them.
    burst_since: Option<Moment>,
    /// What is believed.
    down: bool,
    /// Nothing is believed before.
    settled_at: Moment,
    restless: bool,
}

impl Debounce {
    /// A contact whose line has this level.
    #[must_use]
    pub fn new(at: Moment, down: bool) -> Self {
        Self { raw: down, raw_since: at, burst_since: None, down, settled_at: at, restless: false }
    }

    /// The line changed; what was due before must have been advanced to. At most one change.
    pub fn edge(&mut self, at: Moment, down: bool) -> Option<Change> {
        // An edge from before the level was read is in that level already; one that repeats the level has lost its partner.
        if at < self.raw_since || down == self.raw {
            return None;
        }
        let paused = at.since_us(self.raw_since) >= u64::from(SETTLE_MS) * 1000;
        let burst_since = self.burst_since.filter(|_| !paused).unwrap_or(at);
        self.burst_since = Some(burst_since);
        self.raw = down;
        self.raw_since = at;
        if !self.restless && burst_since.plus_ms(RESTLESS_MS) <= at {
            self.restless = true;
            return Some(Change::Restless);
        }
        None
    }

    /// Time went by.
    pub fn advance(&mut self, now: Moment) -> Option<Change> {
        if self.deadline().is_none_or(|due| due > now) {
            return None;
        }
        self.down = self.raw;
        self.settled_at = now.plus_ms(SETTLE_MS);
        if self.restless {
            self.restless = false;
            self.burst_since = None;
            return Some(Change::Calm { down: self.down });
        }
        Some(if self.down { Change::Down } else { Change::Up })
    }

    /// When to come back if the line does not change before.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        if self.restless {
            return Some(self.raw_since.plus_ms(CALM_MS));
        }
        (self.raw != self.down).then(|| self.raw_since.plus_ms(CONFIRM_MS).max(self.settled_at))
    }

    /// What is believed.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.down
    }
}

//! From *down* and *up* to what was meant.
//!
//! What nobody asked for costs no time: a button with neither a long nor a double press tells its short press the moment it goes
//! down, one with a long press when it comes up, one with a double press when no second one followed.

use crate::time::{Moment, earlier};

/// What holding a button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hold {
    /// Nothing: held is as short.
    #[default]
    Nothing,
    /// Something else than a short press.
    Long {
        /// As long is long, in milliseconds.
        after_ms: u32,
    },
    /// The short press again and again.
    Repeat {
        /// The first again after as long, in milliseconds.
        after_ms: u32,
        /// Then each as long after the one before, in milliseconds.
        every_ms: u32,
    },
}

/// What was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gesture {
    /// A press.
    Short,
    /// It is held; told while it still is.
    Long,
    /// Two presses, one soon after the other.
    Double,
    /// It is held for the short press to be done again; the how many-th time, from 1.
    Repeat(u32),
}

/// Milliseconds after which a held button is long, unless told else.
pub const LONG_MS: u32 = 800;
/// Milliseconds from one press to the next within which they are double, unless told else.
pub const DOUBLE_MS: u32 = 350;
/// A button repeats no faster, in milliseconds.
const EVERY_MS_MIN: u32 = 20;

/// The gestures of one button.
#[derive(Debug, Clone)]
pub struct Gestures {
    hold: Hold,
    /// Two presses are double when the second begins within as many milliseconds after the first.
    double_ms: Option<u32>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Up,
    /// Down, and the short press is not yet told.
    Down {
        since: Moment,
    },
    /// Up after a first press, which may become double.
    Between {
        first: Moment,
    },
    /// Down, and everything is told, but for repeats.
    Done {
        next: Option<(Moment, u32)>,
    },
}

impl Default for Gestures {
    /// Short presses only.
    fn default() -> Self {
        Self::new(Hold::Nothing, None)
    }
}

impl Gestures {
    /// Those that have a meaning for the button. `double_ms` is `None` when a double press has none.
    #[must_use]
    pub fn new(hold: Hold, double_ms: Option<u32>) -> Self {
        let hold = match hold {
            Hold::Repeat { after_ms, every_ms } => {
                Hold::Repeat { after_ms: after_ms.max(EVERY_MS_MIN), every_ms: every_ms.max(EVERY_MS_MIN) }
            }
            Hold::Nothing | Hold::Long { .. } => hold,
        };
        Self { hold, double_ms, state: State::Up }
    }

    /// It went down.
    pub fn down(&mut self, at: Moment, told: &mut Vec<Gesture>) {
        if let State::Between { .. } = self.state {
            told.push(Gesture::Double);
            self.state = State::Done { next: None };
            return;
        }
        let waits = self.double_ms.is_some() || matches!(self.hold, Hold::Long { .. });
        if waits {
            self.state = State::Down { since: at };
        } else {
            told.push(Gesture::Short);
            self.state = State::Done { next: self.first_repeat(at) };
        }
    }

    /// It went up.
    pub fn up(&mut self, at: Moment, told: &mut Vec<Gesture>) {
        self.state = match self.state {
            State::Down { since } if self.double_ms.is_some_and(|ms| since.plus_ms(ms) > at) => {
                State::Between { first: since }
            }
            State::Down { .. } => {
                told.push(Gesture::Short);
                State::Up
            }
            State::Up | State::Between { .. } | State::Done { .. } => State::Up,
        };
    }

    /// What it was about to mean is void.
    pub fn cancel(&mut self) {
        self.state = State::Up;
    }

    /// When to come back if nothing happens.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        match self.state {
            State::Up => None,
            State::Between { first } => self.double_ms.map(|ms| first.plus_ms(ms)),
            State::Down { since } => match self.hold {
                Hold::Long { after_ms } => Some(since.plus_ms(after_ms)),
                Hold::Repeat { after_ms, .. } => {
                    // Held beyond both: no second press can come any more, and the first repeat is not yet due.
                    earlier(self.double_ms.map(|ms| since.plus_ms(ms)), Some(since.plus_ms(after_ms)))
                }
                Hold::Nothing => self.double_ms.map(|ms| since.plus_ms(ms)),
            },
            State::Done { next } => next.map(|(at, _)| at),
        }
    }

    /// Time went by.
    pub fn advance(&mut self, now: Moment, told: &mut Vec<Gesture>) {
        while let Some(due) = self.deadline().filter(|due| *due <= now) {
            self.state = match (self.state, self.hold) {
                (State::Between { .. }, _) => {
                    told.push(Gesture::Short);
                    State::Up
                }
                (State::Down { .. }, Hold::Long { .. }) => {
                    told.push(Gesture::Long);
                    State::Done { next: None }
                }
                (State::Down { since }, Hold::Repeat { .. }) => {
                    told.push(Gesture::Short);
                    let next = self.first_repeat(since).map(|(at, count)| (at.max(due), count));
                    State::Done { next }
                }
                (State::Down { .. }, Hold::Nothing) => {
                    told.push(Gesture::Short);
                    State::Done { next: None }
                }
                (State::Done { next: Some((at, count)) }, Hold::Repeat { every_ms, .. }) => {
                    told.push(Gesture::Repeat(count));
                    // One that comes late does not make up for what it missed.
                    let next = at.plus_ms(every_ms);
                    let next = if next > now { next } else { now.plus_ms(every_ms) };
                    State::Done { next: Some((next, count.saturating_add(1))) }
                }
                (State::Up | State::Done { .. }, _) => State::Up,
            };
        }
    }

    fn first_repeat(&self, since: Moment) -> Option<(Moment, u32)> {
        match self.hold {
            Hold::Repeat { after_ms, .. } => Some((since.plus_ms(after_ms), 1)),
            Hold::Nothing | Hold::Long { .. } => None,
        }
    }
}

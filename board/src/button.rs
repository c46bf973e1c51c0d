//! One button: from edges to what a hand meant.
//!
//! [`Debounce`] turns a chattering contact into *down* and *up*, [`Gestures`] those into short, long and double presses and
//! repeats. Both are pure; the caller brings each edge and comes back at [`Button::deadline`].

mod debounce;
mod gesture;
#[cfg(test)]
mod tests;

pub use debounce::{CALM_MS, CONFIRM_MS, Change, Debounce, RESTLESS_MS, SETTLE_MS};
pub use gesture::{DOUBLE_MS, Gesture, Gestures, Hold, LONG_MS};

use crate::time::{Moment, earlier};

/// A button that is down for longer is stuck: a short, or the wrong polarity, in milliseconds.
pub const STUCK_MS: u32 = 30_000;

/// What is told of a button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// A hand meant something.
    Gesture(Gesture),
    /// It was down when the device started; it counts from when it is let go.
    HeldAtStart,
    /// It is down for so long that no hand does so; it counts again from when it is let go.
    Stuck,
    /// It changes without a pause: a floating line, a broken contact, or a machine. It is ignored.
    Restless,
    /// What was [`Told::Stuck`] or [`Told::Restless`] works again.
    Well,
}

/// A button.
#[derive(Debug, Clone)]
pub struct Button {
    contact: Debounce,
    gestures: Gestures,
    state: State,
}

/// Whether presses count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Up.
    Ready,
    /// Down since then, and that counts.
    Down { since: Moment },
    /// Down, and it does not count until it is let go.
    Ignored { stuck_at: Option<Moment>, ailing: bool },
    /// Restless.
    Restless,
}

impl Button {
    /// A button whose line has this level.
    #[must_use]
    pub fn new(at: Moment, down: bool, gestures: Gestures, told: &mut Vec<Told>) -> Self {
        let state = if down {
            told.push(Told::HeldAtStart);
            State::Ignored { stuck_at: Some(at.plus_ms(STUCK_MS)), ailing: false }
        } else {
            State::Ready
        };
        Self { contact: Debounce::new(at, down), gestures, state }
    }

    /// The line changed. An edge that is older than what is known already says nothing new.
    pub fn edge(&mut self, at: Moment, down: bool, told: &mut Vec<(Moment, Told)>) {
        self.advance(at, told);
        if let Some(change) = self.contact.edge(at, down) {
            self.changed(at, change, told);
        }
    }

    /// Time went by until `now`. What became due meanwhile is told with the moment at which it did.
    pub fn advance(&mut self, now: Moment, told: &mut Vec<(Moment, Told)>) {
        while let Some(due) = self.deadline().filter(|due| *due <= now) {
            if let Some(change) = self.contact.advance(due) {
                self.changed(due, change, told);
            }
            let mut gestures = Vec::new();
            self.gestures.advance(due, &mut gestures);
            told.extend(gestures.into_iter().map(|gesture| (due, Told::Gesture(gesture))));
            self.look_for_stuck(due, told);
        }
    }

    /// When to come back if nothing happens.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        let stuck = match self.state {
            State::Down { since } => Some(since.plus_ms(STUCK_MS)),
            State::Ignored { stuck_at, .. } => stuck_at,
            State::Ready | State::Restless => None,
        };
        earlier(stuck, earlier(self.contact.deadline(), self.gestures.deadline()))
    }

    fn look_for_stuck(&mut self, now: Moment, told: &mut Vec<(Moment, Told)>) {
        let is_stuck = match self.state {
            State::Down { since } => since.plus_ms(STUCK_MS) <= now,
            State::Ignored { stuck_at, .. } => stuck_at.is_some_and(|at| at <= now),
            State::Ready | State::Restless => false,
        };
        if is_stuck {
            self.gestures.cancel();
            self.state = State::Ignored { stuck_at: None, ailing: true };
            told.push((now, Told::Stuck));
        }
    }

    fn changed(&mut self, at: Moment, change: Change, told: &mut Vec<(Moment, Told)>) {
        let mut gestures = Vec::new();
        self.state = match (self.state, change) {
            (State::Ready, Change::Down) => {
                self.gestures.down(at, &mut gestures);
                State::Down { since: at }
            }
            (State::Down { .. }, Change::Up) => {
                self.gestures.up(at, &mut gestures);
                State::Ready
            }
            (State::Ignored { ailing, .. }, Change::Up) => {
                if ailing {
                    told.push((at, Told::Well));
                }
                State::Ready
            }
            (State::Ready | State::Down { .. } | State::Ignored { .. }, Change::Restless) => {
                self.gestures.cancel();
                told.push((at, Told::Restless));
                State::Restless
            }
            // What it settles at is a level, not a press.
            (State::Restless, Change::Calm { down: true }) => {
                State::Ignored { stuck_at: Some(at.plus_ms(STUCK_MS)), ailing: true }
            }
            (State::Restless, Change::Calm { down: false }) => {
                told.push((at, Told::Well));
                State::Ready
            }
            // The contact alternates, so these do not come; whatever they would mean, the state stands.
            (state @ (State::Ready | State::Restless), Change::Up)
            | (state @ (State::Down { .. } | State::Ignored { .. } | State::Restless), Change::Down)
            | (state @ (State::Ready | State::Down { .. } | State::Ignored { .. }), Change::Calm { .. })
            | (state @ State::Restless, Change::Restless) => state,
        };
        told.extend(gestures.into_iter().map(|gesture| (at, Told::Gesture(gesture))));
    }
}

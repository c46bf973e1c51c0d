//! When to ask the server and what: a pure state machine over a monotonic clock and a seed.
//!
//! Three things keep a fleet from coming all at once. Its first request waits for the device's **phase**, a fixed part of the
//! interval, and a request is held no longer than until that comes again: a command to all, which ends what is held for all of them
//! at once, does not have them come together for ever after. After a failure it waits anything up to a bound that doubles (**full jitter**). A server that says **`Retry-After`** is
//! kept to, with jitter on top, since others heard the same.

use orchestrion_protocol::fleet::{HOLD_S_MAX, NEXT_S_MAX, NEXT_S_MIN};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::Failure;

/// The first wait after a failure is up to this, in ms.
const BACKOFF_FIRST_MS: u64 = 1_000;
/// No wait by back-off is longer, in ms: a server that is back has its whole fleet within it.
pub const BACKOFF_MAX_MS: u64 = 120_000;
/// What a server may ask to wait, in ms.
const RETRY_AFTER_MAX_MS: u64 = 3_600_000;
/// When somebody has to do something first, in ms: a device that was refused, or speaks another version.
const SELDOM_MS: u64 = 3_600_000;
/// However soon a server answers: over any time a device asks once in so many ms, but for a burst.
const APART_MS: u64 = 1_000;
/// How often it comes while it is at a command, in ms.
const BUSY_MS: u64 = 2_000;
/// So many may come at once: commands, their results, batches of plays.
const BURST: u64 = 20;
/// Before the server has said its interval, in s.
const INTERVAL_FIRST_S: u32 = 30;

/// How a device stands with its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Link {
    /// It waits before it asks the next time.
    AutoConnecting,
    /// It has asked and has no answer yet.
    Connecting,
    /// The last request was answered.
    Connected,
    /// It is to stop, and says its last.
    Disconnecting,
    /// It does not ask.
    Disconnected,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing for so long, in ms.
    Wait(u64),
    /// Ask to come in.
    Enrol,
    /// Say what it does; the server may hold it so long, in s.
    Beat {
        /// 0: to be answered at once.
        hold_s: u32,
    },
    /// Nothing more.
    Stop,
}

/// An answer, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// To a heartbeat, with the interval that the server wants, in s.
    Beat {
        /// From one heartbeat to the next.
        next_s: u32,
        /// The device is at a command whose result it will have to tell, and more may wait behind it.
        is_busy: bool,
    },
    /// It is in.
    Admitted,
    /// It is to ask again, in s; its code waits for somebody.
    AskAgain {
        /// In so many seconds.
        in_s: u32,
    },
}

/// See the head of this file.
#[derive(Debug, Clone)]
pub struct Machine {
    link: Link,
    is_admitted: bool,
    chance: ChaCha8Rng,
    /// By which its requests are put into an interval.
    phase: u64,
    /// From when intervals are counted, in ms.
    began_ms: u64,
    interval_s: u32,
    /// Failures in a row.
    failures: u32,
    /// When to ask next, in ms.
    due_ms: u64,
    /// Counts up with each connection; who it is stays the same.
    connection: u64,
    /// Something waits to be told, so that the next request is not held.
    is_urgent: bool,
    /// Up to when its requests so far would last, one in [`APART_MS`].
    spent_ms: u64,
}

impl Machine {
    /// At a moment; the seed is the device's own, and its phase comes from it.
    pub fn new(now_ms: u64, seed: u64, is_admitted: bool) -> Self {
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let phase = chance.next_u64();
        let phase_ms = phase % (u64::from(INTERVAL_FIRST_S) * 1000);
        // Somebody stands in front of a device that is to be enrolled; it does not wait for its phase.
        let due_ms = if is_admitted { now_ms.saturating_add(phase_ms) } else { now_ms };
        Self {
            link: Link::AutoConnecting,
            is_admitted,
            chance,
            phase,
            began_ms: now_ms,
            interval_s: INTERVAL_FIRST_S,
            failures: 0,
            due_ms,
            connection: 0,
            is_urgent: false,
            spent_ms: 0,
        }
    }

    /// The same with the interval that the server said last, before the first step.
    #[must_use]
    pub fn with_interval(mut self, now_ms: u64, interval_s: u32) -> Self {
        self.interval_s = interval_s.clamp(NEXT_S_MIN, NEXT_S_MAX);
        if self.is_admitted {
            self.due_ms = now_ms.saturating_add(self.phase % (u64::from(self.interval_s) * 1000));
        }
        self
    }

    /// How it stands.
    pub fn link(&self) -> Link {
        self.link
    }

    /// The number of its connection.
    pub fn connection(&self) -> u64 {
        self.connection
    }

    /// How long an answer may take beyond what it is held, in ms, before the server counts as dead.
    pub fn patience_ms(&self) -> u64 {
        10_000
    }

    /// What to do now.
    pub fn step(&mut self, now_ms: u64) -> Step {
        match self.link {
            Link::Disconnected => Step::Stop,
            Link::Disconnecting => {
                self.link = Link::Disconnected;
                if self.is_admitted { Step::Beat { hold_s: 0 } } else { Step::Stop }
            }
            Link::AutoConnecting | Link::Connecting | Link::Connected if now_ms < self.due_ms => {
                Step::Wait(self.due_ms - now_ms)
            }
            Link::AutoConnecting | Link::Connecting => {
                if self.link == Link::AutoConnecting {
                    self.link = Link::Connecting;
                }
                // Not held, so that it is known at once whether there is a server.
                if self.is_admitted { Step::Beat { hold_s: 0 } } else { Step::Enrol }
            }
            Link::Connected => {
                let hold_s = if self.is_urgent { 0 } else { self.hold_s(now_ms) };
                self.is_urgent = false;
                Step::Beat { hold_s }
            }
        }
    }

    /// How long a request may be held: until the device's phase comes again, in whole seconds, at least one.
    fn hold_s(&self, now_ms: u64) -> u32 {
        let interval_ms = u64::from(self.interval_s) * 1000;
        let first_ms = self.began_ms.saturating_add(self.phase % interval_ms);
        // Before its first phase, counted backwards from it.
        let since_ms = if now_ms >= first_ms {
            (now_ms - first_ms) % interval_ms
        } else {
            (interval_ms - (first_ms - now_ms) % interval_ms) % interval_ms
        };
        let left_s = (interval_ms - since_ms).div_ceil(1000);
        u32::try_from(left_s).unwrap_or(HOLD_S_MAX).min(HOLD_S_MAX)
    }

    /// The server answered.
    pub fn answered(&mut self, now_ms: u64, answer: Answered) {
        if matches!(self.link, Link::Disconnecting | Link::Disconnected) {
            return;
        }
        self.failures = 0;
        match answer {
            Answered::Beat { next_s, is_busy } => {
                self.interval_s = next_s.clamp(NEXT_S_MIN, NEXT_S_MAX);
                if self.link != Link::Connected {
                    self.link = Link::Connected;
                    self.connection += 1;
                }
                // A request that is held is the wait. What is beyond what may be held is waited for here.
                let beyond_ms = u64::from(self.interval_s.saturating_sub(HOLD_S_MAX)) * 1000;
                // A server that answers at once, again and again, is not asked as often as it likes.
                self.spent_ms = self.spent_ms.max(now_ms).saturating_add(APART_MS);
                let early_ms = self.spent_ms.saturating_sub(now_ms).saturating_sub(BURST * APART_MS);
                // While a command is being done a server has nothing to hold a request for: it would send what waits again.
                let wait_ms = if is_busy { BUSY_MS.max(early_ms) } else { beyond_ms.max(early_ms) };
                self.is_urgent |= is_busy;
                self.due_ms = now_ms.saturating_add(wait_ms);
            }
            Answered::Admitted => {
                self.is_admitted = true;
                self.link = Link::AutoConnecting;
                self.due_ms = now_ms;
            }
            Answered::AskAgain { in_s } => {
                self.link = Link::AutoConnecting;
                let wait_ms = u64::from(in_s).saturating_mul(1000).min(RETRY_AFTER_MAX_MS);
                self.due_ms = now_ms.saturating_add(wait_ms);
            }
        }
    }

    /// It did not, or refused.
    pub fn failed(&mut self, now_ms: u64, failure: &Failure) {
        if matches!(self.link, Link::Disconnecting | Link::Disconnected) {
            return;
        }
        self.link = Link::AutoConnecting;
        let bound_ms = BACKOFF_FIRST_MS.saturating_mul(1 << self.failures.min(20)).min(BACKOFF_MAX_MS);
        self.failures = self.failures.saturating_add(1);
        let wait_ms = match failure {
            Failure::Away(_) | Failure::Untrusted(_) | Failure::NotKept(_) => self.jitter(bound_ms),
            Failure::Later { after_ms, .. } => {
                let after_ms = (*after_ms).min(RETRY_AFTER_MAX_MS);
                after_ms.saturating_add(self.jitter(bound_ms.max(after_ms / 2)))
            }
            Failure::Unknown(_) | Failure::Copied(_) => {
                self.is_admitted = false;
                self.jitter(bound_ms)
            }
            Failure::Refused(_) => SELDOM_MS.saturating_add(self.jitter(SELDOM_MS / 4)),
            Failure::NotUnderstood(_) => {
                self.jitter(bound_ms.max(BACKOFF_MAX_MS / 2)).saturating_add(BACKOFF_MAX_MS / 2)
            }
        };
        self.due_ms = now_ms.saturating_add(wait_ms);
    }

    /// Something waits to be told: results, the beginning of a fault.
    pub fn hurry(&mut self) {
        self.is_urgent = true;
    }

    /// It is to stop.
    pub fn stop(&mut self) {
        self.link = match self.link {
            Link::Connected => Link::Disconnecting,
            Link::AutoConnecting | Link::Connecting | Link::Disconnecting | Link::Disconnected => {
                Link::Disconnected
            }
        };
    }

    /// Anything up to a bound.
    fn jitter(&mut self, bound_ms: u64) -> u64 {
        self.chance.next_u64() % (bound_ms + 1)
    }
}

#[cfg(test)]
mod tests;

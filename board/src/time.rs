//! Moments, as the kernel stamps edges.

use std::time::Duration;

/// A moment on CLOCK_MONOTONIC, in microseconds; the kernel stamps edges with this clock. Pure logic takes any that does not go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(pub u64);

impl Moment {
    /// The moment of the call.
    #[must_use]
    pub fn now() -> Self {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        Self((now.tv_sec as u64) * 1_000_000 + (now.tv_nsec as u64) / 1000)
    }

    /// From the kernel's nanoseconds.
    #[must_use]
    pub fn from_ns(ns: u64) -> Self {
        Self(ns / 1000)
    }

    /// This moment and `ms` milliseconds.
    #[must_use]
    pub fn plus_ms(self, ms: u32) -> Self {
        Self(self.0.saturating_add(u64::from(ms) * 1000))
    }

    /// Microseconds from `earlier` to this moment; 0 if it is not earlier.
    #[must_use]
    pub fn since_us(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whole milliseconds from `earlier` to this moment; 0 if it is not earlier.
    #[must_use]
    pub fn since_ms(self, earlier: Self) -> u64 {
        self.since_us(earlier) / 1000
    }

    /// How long to wait from `now` until this moment.
    #[must_use]
    pub fn wait_from(self, now: Self) -> Duration {
        Duration::from_micros(self.since_us(now))
    }
}

/// The earlier of two deadlines, of which either may be missing.
#[must_use]
pub fn earlier(a: Option<Moment>, b: Option<Moment>) -> Option<Moment> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

//! Time as the server knows it: a monotonic clock for how long something lasts, wall time for what people and commands say.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// An hour, in ms.
pub const HOUR_MS: i64 = 3_600_000;

/// Since the server started.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    began: Instant,
}

impl Default for Clock {
    fn default() -> Self {
        Self { began: Instant::now() }
    }
}

impl Clock {
    /// Milliseconds since the server started; they never jump.
    pub fn mono_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Milliseconds since 1970.
    pub fn utc_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

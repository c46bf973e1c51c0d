//! Time as the device knows it: a monotonic clock that never jumps, and wall time only where it can be believed.

use std::time::Duration;

/// A moment on CLOCK_BOOTTIME, in milliseconds since the kernel started. It goes on while the board sleeps and
/// never jumps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mono(pub u64);

impl Mono {
    /// This moment and `ms` milliseconds.
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this moment; 0 if it is not earlier.
    pub fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// How long to wait from `now` until this moment.
    pub fn wait_from(self, now: Self) -> Duration {
        Duration::from_millis(self.since_ms(now))
    }
}

/// A moment of wall time, in milliseconds since 1970-01-01T00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wall(pub i64);

/// Wall time before this was set by nobody: 2026-01-01T00:00Z, before the first release.
pub(crate) const WALL_FLOOR: Wall = Wall(1_767_225_600_000);

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Always known.
    pub monotonic: Mono,
    /// `None` on a board whose clock nobody has set.
    pub wall: Option<Wall>,
}

/// Where time comes from: the kernel, or a test.
pub trait Clock: Send + Sync {
    /// The moment of the call.
    fn now(&self) -> Now;
}

/// The kernel's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let real = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        let wall = Wall(real.tv_sec * 1000 + real.tv_nsec / 1_000_000);
        Now {
            monotonic: Mono((boot.tv_sec as u64) * 1000 + (boot.tv_nsec as u64) / 1_000_000),
            wall: (wall >= WALL_FLOOR).then_some(wall),
        }
    }
}

/// The kernel's name for this boot; empty where there is none to be had.
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}

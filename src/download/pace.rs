//! Time, chance and patience. All of it is pure but [`Clockwork`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use orchestrion_program::TimeOfDay;
use orchestrion_program::civil::{DAY_MS, SECOND_MS};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The first wait is up to this.
const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// No wait is longer.
const BACKOFF_MAX: Duration = Duration::from_secs(15 * 60);
/// What is seldom.
const SELDOM: Duration = Duration::from_secs(5 * 60);

/// What a download asks of time.
pub trait Pace {
    /// Since any moment, in ms.
    fn now_ms(&self) -> u64;
    /// What clocks on the wall show, in ms since midnight; `None` while nobody knows.
    fn local_ms(&self) -> Option<i64>;
    /// Waits so long; `false`: it was told to stop.
    fn wait(&mut self, how_long: Duration) -> bool;
    /// Whether it was told to stop.
    fn is_stopped(&self) -> bool;
}

/// Real time, which can be stopped from elsewhere.
#[derive(Debug, Clone)]
pub struct Clockwork {
    begin: Instant,
    /// Local time is so much ahead of UTC, in s.
    pub offset_s: i32,
    stop: Arc<(AtomicBool, Mutex<()>, Condvar)>,
}

impl Default for Clockwork {
    fn default() -> Self {
        Self { begin: Instant::now(), offset_s: 0, stop: Arc::default() }
    }
}

impl Clockwork {
    /// Ends all waiting.
    pub fn stop(&self) {
        let _held = self.stop.1.lock().unwrap_or_else(PoisonError::into_inner);
        self.stop.0.store(true, Ordering::SeqCst);
        self.stop.2.notify_all();
    }
}

impl Pace for Clockwork {
    fn now_ms(&self) -> u64 {
        self.begin.elapsed().as_millis() as u64
    }

    fn local_ms(&self) -> Option<i64> {
        use crate::time::Clock;
        let wall = crate::time::SystemClock.now().wall?;
        Some((wall.0 + i64::from(self.offset_s) * SECOND_MS).rem_euclid(DAY_MS))
    }

    fn wait(&mut self, how_long: Duration) -> bool {
        let held = self.stop.1.lock().unwrap_or_else(PoisonError::into_inner);
        let goes_on = |_: &mut ()| !self.stop.0.load(Ordering::SeqCst);
        drop(self.stop.2.wait_timeout_while(held, how_long, goes_on));
        !self.is_stopped()
    }

    fn is_stopped(&self) -> bool {
        self.stop.0.load(Ordering::SeqCst)
    }
}

/// How long to wait before the next try: anything up to a bound that doubles ("full jitter"), so that a thousand devices
/// that lost their server at once do not come back at once.
#[derive(Debug, Clone)]
pub struct Backoff {
    chance: ChaCha8Rng,
    tries: u32,
}

impl Backoff {
    /// From a seed, another for each device.
    pub fn new(seed: u64) -> Self {
        Self { chance: ChaCha8Rng::seed_from_u64(seed), tries: 0 }
    }

    /// Something was achieved: the next wait is short again.
    pub fn succeeded(&mut self) {
        self.tries = 0;
    }

    /// The next wait.
    pub fn next_wait(&mut self, wait: super::Wait) -> Option<Duration> {
        let bound = BACKOFF_FIRST.saturating_mul(1_u32 << self.tries.min(20)).min(BACKOFF_MAX);
        let jitter = |chance: &mut ChaCha8Rng, bound: Duration| {
            Duration::from_millis(chance.next_u64() % (bound.as_millis() as u64 + 1))
        };
        let waited = match wait {
            super::Wait::Over => return None,
            super::Wait::Jitter => jitter(&mut self.chance, bound),
            // Not all devices at the very same moment.
            super::Wait::AtLeast(least) => least + jitter(&mut self.chance, bound.min(BACKOFF_MAX / 15)),
            super::Wait::Seldom => SELDOM + jitter(&mut self.chance, bound),
        };
        self.tries = self.tries.saturating_add(1);
        Some(waited)
    }
}

/// A limit of bytes a second, as a bucket that holds a quarter of a second's.
#[derive(Debug, Clone)]
pub struct Rate {
    per_s: u64,
    /// Bytes that may be taken at once, times 1000; below 0: taken in advance.
    level: i128,
    at_ms: u64,
}

impl Rate {
    /// So many bytes a second, from now on.
    pub fn new(per_s: u64, now_ms: u64) -> Self {
        Self { per_s: per_s.max(1), level: 0, at_ms: now_ms }
    }

    /// The limit.
    pub fn per_s(&self) -> u64 {
        self.per_s
    }

    /// Takes bytes, and gives how long to wait before the next.
    pub fn take(&mut self, bytes: u64, now_ms: u64) -> Duration {
        let per_s = i128::from(self.per_s);
        let gained = i128::from(now_ms.saturating_sub(self.at_ms)) * per_s;
        self.at_ms = now_ms;
        self.level = (self.level + gained).min(per_s * 250) - i128::from(bytes) * 1000;
        Duration::from_millis((-self.level).max(0).div_euclid(per_s) as u64)
    }
}

/// The hours in which files may be fetched.
#[derive(Debug, Clone, Default)]
pub struct Windows(Vec<(i64, i64)>);

impl Windows {
    /// From local times; one that ends before it begins is over midnight. None: always.
    pub fn new(windows: &[(TimeOfDay, TimeOfDay)]) -> Self {
        let ms = |time: &TimeOfDay| i64::from(time.seconds()) * SECOND_MS;
        Self(windows.iter().take(super::WINDOWS_MAX).map(|(from, to)| (ms(from), ms(to))).collect())
    }

    /// How long until files may be fetched; `None`: now. While nobody knows the time, they may.
    pub fn wait(&self, local_ms: Option<i64>) -> Option<Duration> {
        let now = local_ms?.rem_euclid(DAY_MS);
        let is_in = |(from, to): &(i64, i64)| {
            if from < to { (*from..*to).contains(&now) } else { now >= *from || now < *to }
        };
        if self.0.is_empty() || self.0.iter().any(is_in) {
            return None;
        }
        let until = self.0.iter().map(|(from, _)| (from - now).rem_euclid(DAY_MS)).min();
        until.map(|ms| Duration::from_millis(ms.unsigned_abs()))
    }
}

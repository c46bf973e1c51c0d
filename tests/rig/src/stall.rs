//! Whether the machine itself stood still: a virtual one may be put aside by its host for a tenth of a second, and then whatever is
//! captured in real time has a hole that nobody in here has made.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// As often does each processor say that it is there.
const TICK: Duration = Duration::from_millis(2);
/// A processor that is as late was away: others that want it get their turn in a few milliseconds.
const LATE_MIN: Duration = Duration::from_millis(15);

/// A thread on each processor that only looks at the clock.
#[derive(Debug)]
pub struct StallWatch {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Duration>>,
}

impl StallWatch {
    /// Begins to watch.
    ///
    /// # Errors
    /// The kernel does not say which processors there are, or makes no thread.
    pub fn start() -> std::io::Result<Self> {
        let is_over = Arc::new(AtomicBool::new(false));
        let all = sched_getaffinity(None)?;
        let mut threads = Vec::new();
        for cpu in (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu)) {
            let is_over = Arc::clone(&is_over);
            let watch = move || {
                let mut only = CpuSet::new();
                only.set(cpu);
                // Where it may not be bound it looks at whichever it gets.
                let _ = sched_setaffinity(None, &only);
                let mut longest = Duration::ZERO;
                while !is_over.load(Ordering::Acquire) {
                    let before = Instant::now();
                    std::thread::sleep(TICK);
                    longest = longest.max(before.elapsed().saturating_sub(TICK));
                }
                longest
            };
            threads.push(std::thread::Builder::new().name(format!("stall_{cpu}")).spawn(watch)?);
        }
        Ok(Self { is_over, threads })
    }

    /// How long a processor was away at the longest; `None` where each was there all the time.
    #[must_use]
    pub fn stop(mut self) -> Option<Duration> {
        self.is_over.store(true, Ordering::Release);
        let longest = self.threads.drain(..).filter_map(|thread| thread.join().ok()).max()?;
        (longest >= LATE_MIN).then_some(longest)
    }
}

impl Drop for StallWatch {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_ends_with_its_threads() {
        let watch = StallWatch::start().unwrap();
        std::thread::sleep(TICK * 5);
        let flag = Arc::clone(&watch.is_over);
        let _ = watch.stop();
        assert_eq!(Arc::strong_count(&flag), 1, "no thread has it any more");
    }
}

//! Whether the machine itself stood still: a virtual one may be put aside by its host for a tenth of a second, and then whatever is
//! captured in real time has a hole that nobody in here has made.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// As often does each processor say that it is there.
const TICK: Duration = Duration::from_millis(2);
/// A processor that is as late was away: others that want it get their turn in a few milliseconds.
const LATE_MIN: Duration = Duration::from_millis(15);
/// How often is listened at the most.
const TRIES: u32 = 4;
/// A machine that was there for so long is listened on again.
const STEADY: Duration = Duration::from_secs(3);
/// A machine that was never there for so long within this time is listened on all the same.
const STEADY_WAIT_MAX: Duration = Duration::from_secs(60);

/// Listens to what is captured in real time. Where that fails while the machine itself stood still, it says nothing: it is
/// listened to again once the machine is steady, some times at the most. A machine that was there all the time has heard what there
/// is; one that stood still each time cannot tell, and that is said loudly.
pub fn on_a_steady_machine(listen: impl Fn()) {
    try_again(|is_first| {
        if !is_first {
            wait_until_steady();
        }
        // Where none can be kept, what fails has failed.
        let watch = StallWatch::start().ok();
        let heard = catch_unwind(AssertUnwindSafe(&listen));
        (heard, watch.and_then(StallWatch::stop))
    });
}

fn try_again(mut listen: impl FnMut(bool) -> (std::thread::Result<()>, Option<Duration>)) {
    for at in 0..TRIES {
        match listen(at == 0) {
            (Ok(()), _) => return,
            (Err(why), None) => resume_unwind(why),
            (Err(_), Some(longest)) => {
                eprintln!("a processor was away for {} ms: what was heard says nothing", longest.as_millis());
            }
        }
    }
    eprintln!(
        "SKIPPED: the machine stood still each of {TRIES} times; nothing can be captured here in real time"
    );
}

fn wait_until_steady() {
    let deadline = Instant::now() + STEADY_WAIT_MAX;
    while Instant::now() < deadline {
        let Ok(watch) = StallWatch::start() else { return };
        std::thread::sleep(STEADY);
        if watch.stop().is_none() {
            return;
        }
    }
}

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

    /// How often is listened, and whether that fails, when it goes so each time: whether it is heard, and how long a processor
    /// was away.
    fn tried(each: &[(bool, u64)]) -> (usize, bool) {
        let mut times = 0;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            try_again(|is_first| {
                assert_eq!(is_first, times == 0);
                let (is_heard, away_ms) = each[times];
                times += 1;
                let heard: std::thread::Result<()> = if is_heard { Ok(()) } else { Err(Box::new("a hole")) };
                (heard, (away_ms > 0).then(|| Duration::from_millis(away_ms)))
            });
        }));
        (times, outcome.is_err())
    }

    #[test]
    fn only_what_fails_while_the_machine_stood_still_is_tried_again() {
        assert_eq!(tried(&[(true, 0)]), (1, false));
        assert_eq!(tried(&[(true, 40)]), (1, false));
        assert_eq!(tried(&[(false, 0)]), (1, true));
        assert_eq!(tried(&[(false, 40), (true, 0)]), (2, false));
        assert_eq!(tried(&[(false, 40), (false, 20), (false, 0)]), (3, true));
        assert_eq!(tried(&[(false, 40); TRIES as usize]), (TRIES as usize, false));
    }

    #[test]
    fn a_watch_ends_with_its_threads() {
        let watch = StallWatch::start().unwrap();
        std::thread::sleep(TICK * 5);
        let flag = Arc::clone(&watch.is_over);
        let _ = watch.stop();
        assert_eq!(Arc::strong_count(&flag), 1, "no thread has it any more");
    }
}

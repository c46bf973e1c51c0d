//! The output that nobody hears. It pulls in real time, so that the machine keeps its place and its log.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{Loan, Wanted};

/// Lateness after which time that has passed is not made up for: the board slept.
const CATCH_UP_MAX: Duration = Duration::from_secs(1);

/// A thread that pulls one buffer after another.
pub(super) struct NullOutput {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NullOutput {
    pub(super) fn start(wanted: Wanted, mut loan: Loan) -> io::Result<Self> {
        let ends = Arc::new(AtomicBool::new(false));
        let ending = Arc::clone(&ends);
        let thread = thread::Builder::new().name("null_output".into()).spawn(move || {
            let mut buffer = vec![0.0; wanted.buffer_frames as usize * 2];
            let period = Duration::from_secs(1) * wanted.buffer_frames / wanted.rate_hz;
            let mut due = Instant::now();
            while !ending.load(Ordering::Relaxed) {
                loan.begin(Duration::ZERO, wanted.rate_hz);
                loan.render(&mut buffer);
                loan.report();
                due += period;
                let now = Instant::now();
                if now.saturating_duration_since(due) > CATCH_UP_MAX {
                    due = now;
                }
                thread::sleep(due.saturating_duration_since(now));
            }
        })?;
        Ok(Self { ends, thread: Some(thread) })
    }
}

impl Drop for NullOutput {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

//! Whether a thread *moves*, which is more than that it lives: it says so itself, once in each turn of its loop, and while it does what
//! may rightly take long. Nothing is sent; who watches looks.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::time::Duration;

use super::Name;
use super::watch::still_ms_max;
use crate::time::{Clock, Mono, SystemClock};

/// The moment of a thread that need not move, since it does not run.
const AT_REST: u64 = u64::MAX;

/// What a thread says of itself. Clones are of the same thread.
#[derive(Debug, Clone)]
pub struct Moves {
    who: Who,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    /// When it moved last, in milliseconds of CLOCK_BOOTTIME.
    at_ms: AtomicU64,
    /// The kernel's number of the thread; 0 before it has run.
    thread: AtomicI32,
}

/// Who moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The thread that decides.
    App,
    /// A service's.
    Service(Name),
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::App => f.write_str("deciding thread"),
            Self::Service(name) => write!(f, "{name} service"),
        }
    }
}

impl Moves {
    /// Of a thread that does not run yet.
    pub fn of(who: Who) -> Self {
        let state = State { at_ms: AtomicU64::new(AT_REST), thread: AtomicI32::new(0) };
        Self { who, state: Arc::new(state) }
    }

    /// Who it is.
    pub fn who(&self) -> Who {
        self.who
    }

    /// The calling thread is the one that moves, from now on.
    pub fn begin(&self) {
        let thread = rustix::thread::gettid().as_raw_nonzero().get();
        self.state.thread.store(thread, Ordering::Relaxed);
        self.note();
    }

    /// It moved. Costs a look at the clock.
    pub fn moved(&self) {
        #[cfg(feature = "faults")]
        super::faults::strike(self.who);
        self.note();
    }

    /// How long its loop may wait for something to do until it has to say again that it moves, so that rest and a hang can be
    /// told apart: well within what it may stand still, and seldom, since each turn of eight threads costs more than its look
    /// at the clock.
    pub fn turn_every(&self) -> Duration {
        Duration::from_millis(still_ms_max(self.who) * 2 / 5)
    }

    fn note(&self) {
        self.state.at_ms.store(SystemClock.now().monotonic.0, Ordering::Relaxed);
    }

    /// It has ended, in order or not; that is told otherwise.
    pub fn rest(&self) {
        self.state.at_ms.store(AT_REST, Ordering::Relaxed);
    }

    /// For how long it has stood still, in milliseconds; 0 while it does not run.
    pub fn still_ms(&self, now: Mono) -> u64 {
        // At rest lies in the future, too.
        now.since_ms(Mono(self.state.at_ms.load(Ordering::Relaxed)))
    }

    /// The kernel's number of its thread, if it has run.
    pub fn thread(&self) -> Option<i32> {
        Some(self.state.thread.load(Ordering::Relaxed)).filter(|thread| *thread != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_still_from_its_last_move_and_never_while_it_does_not_run() {
        let moves = Moves::of(Who::Service(Name::Audio));
        let now = SystemClock.now().monotonic;
        assert_eq!((moves.still_ms(now.plus_ms(90_000)), moves.thread()), (0, None));
        moves.begin();
        let after = SystemClock.now().monotonic;
        assert!((60_000..=60_000 + after.since_ms(now)).contains(&moves.still_ms(after.plus_ms(60_000))));
        assert_eq!(moves.thread(), Some(rustix::thread::gettid().as_raw_nonzero().get()));
        moves.rest();
        assert_eq!(moves.still_ms(after.plus_ms(60_000)), 0);
    }
}

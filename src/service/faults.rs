//! Faults that a test asks for, by environment variables; only with the feature `faults`, which no release has.
//!
//! `ORCHESTRION_FAULT=WHO:KIND[:AFTER_MS]` lets one thread (`app`, or a service's name) strike once, at the next turn of its loop after so many
//! milliseconds. `ORCHESTRION_STILL_MS_MAX=MS` shortens how long anybody may stand still.

use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::Name;
use super::moves::Who;

#[cfg(not(debug_assertions))]
compile_error!("the feature `faults` is for tests; no release may have it");

/// Which thread strikes.
const FAULT_VARIABLE: &str = "ORCHESTRION_FAULT";
/// How long anybody may stand still, in milliseconds.
const LIMIT_VARIABLE: &str = "ORCHESTRION_STILL_MS_MAX";

/// What happens to the thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It panics.
    Panic,
    /// It runs in a circle for ever.
    Loop,
    /// It waits for a lock that nobody lets go.
    Lock,
    /// It waits for a message that nobody sends, and takes none of its own any more.
    Channel,
}

#[derive(Debug, PartialEq, Eq)]
struct Fault {
    who: Who,
    kind: Kind,
    after: Duration,
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split(':');
        let who = match words.next().unwrap_or_default() {
            "app" => Who::App,
            word => {
                let name = Name::ALL.into_iter().find(|name| name.as_str() == word);
                Who::Service(name.ok_or_else(|| format!("no service is called {word:?}"))?)
            }
        };
        let kind = match words.next() {
            Some("panic") => Kind::Panic,
            Some("loop") => Kind::Loop,
            Some("lock") => Kind::Lock,
            Some("channel") => Kind::Channel,
            word => return Err(format!("no fault is called {word:?}")),
        };
        let after_ms = words.next().map_or(Ok(0), str::parse).map_err(|e| format!("milliseconds: {e}"))?;
        Ok(Self { who, kind, after: Duration::from_millis(after_ms) })
    }
}

/// What the environment asks for, and since when.
fn wanted() -> Option<&'static (Fault, Instant)> {
    static WANTED: OnceLock<Option<(Fault, Instant)>> = OnceLock::new();
    let read = || {
        let text = std::env::var(FAULT_VARIABLE).ok()?;
        let fault = text.parse().inspect_err(|words| log::error!("{FAULT_VARIABLE}: {words}")).ok()?;
        Some((fault, Instant::now()))
    };
    WANTED.get_or_init(read).as_ref()
}

/// How long anybody may stand still, if a test says so.
pub fn limit_ms() -> Option<u64> {
    std::env::var(LIMIT_VARIABLE).ok()?.parse().ok()
}

/// Called by a thread that moves: the fault that is wanted of it happens, once.
pub fn strike(who: Who) {
    static STRUCK: AtomicBool = AtomicBool::new(false);
    let Some((fault, since)) = wanted() else { return };
    if fault.who != who || since.elapsed() < fault.after || STRUCK.swap(true, Ordering::Relaxed) {
        return;
    }
    log::warn!("as a test wants it: {who} {:?}", fault.kind);
    match fault.kind {
        // As any panic ends a thread; the code above it asks for it by an unwinding of its own.
        Kind::Panic => std::panic::resume_unwind(Box::new("as a test wants it")),
        Kind::Loop => loop {
            std::hint::spin_loop();
        },
        Kind::Lock => wait_for_a_lock(),
        Kind::Channel => {
            let (_kept, never) = mpsc::channel::<()>();
            let _ = never.recv();
        }
    }
}

fn wait_for_a_lock() {
    static LOCK: Mutex<()> = Mutex::new(());
    let (has_it, locked) = mpsc::channel();
    thread::spawn(move || {
        let _held = LOCK.lock();
        let _ = has_it.send(());
        loop {
            thread::park();
        }
    });
    let _ = locked.recv();
    let _never = LOCK.lock();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_names_who_what_and_when() {
        let fault =
            Fault { who: Who::Service(Name::Audio), kind: Kind::Lock, after: Duration::from_millis(1500) };
        assert_eq!("audio:lock:1500".parse(), Ok(fault));
        assert_eq!("app:loop".parse::<Fault>().unwrap().who, Who::App);
        for wrong in ["", "audio", "audio:sleep", "radio:loop", "audio:loop:soon"] {
            assert!(wrong.parse::<Fault>().is_err(), "{wrong:?}");
        }
    }
}

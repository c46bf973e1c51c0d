//! The loop: look, judge, pet or not, tell.

use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::SignalFd;
use nix::time::{ClockId, clock_gettime};

use crate::arguments::Arguments;
use crate::device::{self, Watchdog};
use crate::judge::{Moved, Patience, Seen, fault};
use crate::resets::{self, HOUR_S, RESETS_MAX, Reset};
use crate::say;
use crate::systemd::Systemd;

/// It looks at least so often, in milliseconds.
const TICK_MS_MAX: u64 = 5_000;
/// A watchdog that cannot be had is looked for so often, in milliseconds.
const REOPEN_MS: u64 = 30_000;
/// A record that is not on the disk by then hangs, and so does the disk.
const RECORD_WAIT_MAX: Duration = Duration::from_secs(5);
/// More of the player's word is not read, in bytes.
const MOVED_LEN_MAX: u64 = 64;

/// What it does.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// It pets.
    Guarding,
    /// It pets no more; the board will be reset.
    Biting(String),
    /// It would let the board be reset, and does not.
    Safe(String),
}

impl State {
    fn words(&self) -> String {
        match self {
            Self::Guarding => "guarding".into(),
            Self::Biting(why) => format!("biting: {why}"),
            Self::Safe(why) => format!("safe: {why}"),
        }
    }
}

struct Guard<'a> {
    arguments: &'a Arguments,
    begun_ms: u64,
    watchdog: Option<Watchdog>,
    reopen_at_ms: u64,
    missing_said: Option<String>,
    systemd: Option<Systemd>,
    state: State,
    state_written: Option<String>,
    /// An hour without a fault has been noted.
    forgiven: Option<Receiver<()>>,
}

/// Guards until it is told to end.
pub fn run(arguments: &Arguments) -> Result<(), String> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    signals.thread_block().map_err(|e| format!("signals cannot be blocked: {e}"))?;
    let signals = SignalFd::new(&signals).map_err(|e| format!("signals cannot be read: {e}"))?;
    let now_ms = boottime_ms();
    let mut guard = Guard {
        arguments,
        begun_ms: now_ms,
        watchdog: None,
        reopen_at_ms: now_ms,
        missing_said: None,
        systemd: Systemd::from_env(now_ms),
        state: State::Guarding,
        state_written: None,
        forgiven: None,
    };
    if guard.systemd.is_none() {
        say(4, "no systemd started this (NOTIFY_SOCKET is not set), so whether it answers is not looked at");
    }
    guard.tick();
    if let Some(systemd) = &guard.systemd {
        systemd.tell("READY=1");
    }
    loop {
        let wait_ms = u16::try_from(guard.tick_ms()).unwrap_or(u16::MAX);
        let mut fds = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, PollTimeout::from(wait_ms)) == Ok(1) {
            return guard.end();
        }
        guard.tick();
    }
}

impl Guard<'_> {
    /// A third of the timeout, so that two pets may come late.
    fn tick_ms(&self) -> u64 {
        let timeout_ms = self.watchdog.as_ref().map_or(TICK_MS_MAX, |w| u64::from(w.timeout_s) * 1000 / 3);
        let patience_ms = self.arguments.patience_ms.min(self.arguments.start_patience_ms) / 4;
        timeout_ms.min(TICK_MS_MAX).min(patience_ms.max(50))
    }

    fn tick(&mut self) {
        let now_ms = boottime_ms();
        self.open(now_ms);
        if let Some(systemd) = &mut self.systemd {
            systemd.ask(now_ms);
        }
        let seen = Seen {
            now_ms,
            begun_ms: self.begun_ms,
            moved: read_moved(&self.arguments.moved, now_ms),
            systemd_ms: self.systemd.as_ref().map(|systemd| systemd.answered_ms),
        };
        let patience = Patience {
            player_ms: self.arguments.patience_ms,
            start_ms: self.arguments.start_patience_ms,
            systemd_ms: self.arguments.systemd_patience_ms,
        };
        self.state = match (std::mem::replace(&mut self.state, State::Guarding), fault(&seen, &patience)) {
            (State::Guarding, Some(fault)) => self.decide(&fault, now_ms),
            (State::Guarding, None) => State::Guarding,
            (State::Safe(_), None) => {
                say(5, "the fault is over; the board is guarded again");
                State::Guarding
            }
            // The reset is recorded and will come.
            (state @ (State::Biting(_) | State::Safe(_)), _) => state,
        };
        if self.state == State::Guarding {
            self.forgive(now_ms);
        }
        self.pet();
        self.tell();
    }

    fn open(&mut self, now_ms: u64) {
        if self.watchdog.is_some() || now_ms < self.reopen_at_ms {
            return;
        }
        self.reopen_at_ms = now_ms + REOPEN_MS;
        let arguments = self.arguments;
        match device::open(&arguments.root, arguments.identity.as_deref(), arguments.timeout_s) {
            Ok(watchdog) => {
                let (name, identity, timeout_s) = (&watchdog.name, &watchdog.identity, watchdog.timeout_s);
                say(6, &format!("{name} \"{identity}\" guards the board and bites after {timeout_s} s"));
                self.watchdog = Some(watchdog);
                self.missing_said = None;
            }
            Err(problem) => {
                if self.missing_said.as_ref() != Some(&problem) {
                    say(4, &format!("the board has no guard: {problem}. The music plays on"));
                    self.missing_said = Some(problem);
                }
            }
        }
    }

    /// There is a fault: reset the board, or stay up?
    fn decide(&self, fault: &str, now_ms: u64) -> State {
        let path = &self.arguments.resets;
        let uptime_s = uptime_s(&self.arguments.root).unwrap_or(now_ms / 1000);
        let mut known = match resets::read(path) {
            Ok(known) => known,
            Err(error) => {
                return safe(fault, &format!("the record {} cannot be read: {error}", path.display()));
            }
        };
        let count = resets::in_the_last_hour(&known, uptime_s);
        if count >= RESETS_MAX {
            return safe(
                fault,
                &format!("the board was reset {count} times within an hour of running, which did not help"),
            );
        }
        if self.watchdog.is_none() {
            return safe(fault, "there is no watchdog to reset the board");
        }
        known.push(Reset { uptime_s, reason: fault.to_owned() });
        let (done, outcome) = channel();
        let own = path.clone();
        let writing = std::thread::Builder::new()
            .name("record".into())
            .spawn(move || done.send(resets::write(&own, &known).map_err(|e| e.to_string())));
        let outcome = match writing {
            Ok(_) => outcome.recv_timeout(RECORD_WAIT_MAX),
            Err(error) => Ok(Err(error.to_string())),
        };
        match outcome {
            // A reset that is not counted could come again without end.
            Ok(Err(error)) => {
                safe(fault, &format!("a reset cannot be recorded in {}: {error}", path.display()))
            }
            // On a disk that hangs nothing goes on, so the reset is the lesser evil.
            Ok(Ok(())) | Err(_) => {
                say(
                    2,
                    &format!(
                        "{fault}: the board will be reset (reset {} of {RESETS_MAX} in an hour)",
                        count + 1
                    ),
                );
                State::Biting(fault.to_owned())
            }
        }
    }

    /// An hour of running without a fault: earlier resets do not count any more.
    fn forgive(&mut self, now_ms: u64) {
        if self.forgiven.is_some() || now_ms.saturating_sub(self.begun_ms) < HOUR_S * 1000 {
            return;
        }
        let (done, outcome) = channel();
        let path = self.arguments.resets.clone();
        let removing = std::thread::Builder::new().name("forgive".into()).spawn(move || {
            let _ = std::fs::remove_file(path);
            let _ = done.send(());
        });
        self.forgiven = removing.ok().map(|_| outcome);
    }

    fn pet(&mut self) {
        if let (State::Guarding | State::Safe(_), Some(watchdog)) = (&self.state, &mut self.watchdog)
            && let Err(error) = watchdog.pet()
        {
            say(3, &format!("{} cannot be petted: {error}; it is opened again", watchdog.name));
            self.watchdog = None;
        }
    }

    fn tell(&mut self) {
        let device =
            self.watchdog.as_ref().map(|w| format!("{} \"{}\" {} s", w.name, w.identity, w.timeout_s));
        let device = device.or_else(|| self.missing_said.clone()).unwrap_or_default();
        let words = format!("state={}\ndevice={device}\n", self.state.words());
        if self.state_written.as_ref() != Some(&words) && write_state(&self.arguments.state, &words).is_ok() {
            self.state_written = Some(words);
        }
        if let Some(systemd) = &self.systemd {
            systemd.tell(&format!("WATCHDOG=1\nSTATUS={}", self.state.words()));
        }
    }

    /// Told to end: the board is not guarded any more, unless it is to be reset.
    fn end(&mut self) -> Result<(), String> {
        if let Some(systemd) = &self.systemd {
            systemd.tell("STOPPING=1");
        }
        match (&self.state, self.watchdog.take()) {
            (State::Biting(_), _) | (_, None) => Ok(()),
            (State::Guarding | State::Safe(_), Some(watchdog)) => {
                watchdog.close().map_err(|e| format!("the watchdog cannot be closed: {e}"))?;
                say(6, "told to end; the watchdog is closed and will not bite");
                Ok(())
            }
        }
    }
}

fn safe(fault: &str, why: &str) -> State {
    say(2, &format!("{fault}, but the board stays up: {why}. Somebody must look"));
    State::Safe(format!("{fault}; {why}"))
}

fn read_moved(path: &Path, now_ms: u64) -> Moved {
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MOVED_LEN_MAX).read_to_string(&mut text));
    read.map_or(Moved::Never, |_| Moved::parse(&text, now_ms))
}

fn write_state(path: &Path, words: &str) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    std::fs::write(&beside, words)?;
    std::fs::rename(&beside, path)
}

/// How long the machine has run, in seconds, as the root says.
fn uptime_s(root: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(root.join("proc/uptime")).ok()?;
    text.split('.').next()?.parse().ok()
}

/// Milliseconds since the kernel started, also while it slept.
fn boottime_ms() -> u64 {
    // The kernel has had this clock for longer than it has had watchdogs in sysfs.
    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .map(|now| (now.tv_sec() as u64) * 1000 + (now.tv_nsec() as u64) / 1_000_000)
        .unwrap_or_default()
}

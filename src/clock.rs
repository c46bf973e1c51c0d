//! Whether the time of day can be believed, and the clock that says so.
//!
//! Thread `clock` looks for somebody who has set the clock: the file that systemd's clock service touches whenever it has
//! heard a time server, else the kernel's own word (chrony and ntpd tell it), else systemd-timedated, where a sandbox keeps the
//! kernel's from us. It looks each minute, each two seconds while nobody has, and at once when the clock is set. What it finds lies in one number that everyone may read: the moment, on the
//! monotonic clock, until which the time of day is believed. It never sets a clock.
//!
//! Where nobody has set it, the time that the control server tells is taken (`told`), if it is the server's own word.

mod kernel;
mod timedated;
mod told;

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use crossbeam_channel::Sender;
use orchestrion_program::model::CLOCK_TRUST_MAX_MS;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use kernel::Word;
pub use told::Saying;
use told::Told;

use crate::app::Event as AppEvent;
use crate::time::{Clock, Mono, Now, SystemClock, Wall};

/// How often it looks while nobody has set the clock, in seconds.
const LOOK_UNSET_S: i64 = 2;
/// How often it looks when somebody has, in seconds.
const LOOK_SET_S: i64 = 60;
/// How often systemd-timedated is asked while nobody has set the clock, and when somebody has, in milliseconds: it is started
/// anew for each question, and belief lasts for days.
const ASK_UNSET_MS: u64 = 15_000;
const ASK_SET_MS: u64 = 1_800_000;
/// How far a clock that a time server sets may be off, in milliseconds, when nobody says more exactly.
const UNCERTAINTY_MS: u64 = 1000;

/// Which time of day is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Belief {
    /// Whatever the clock says: there is a clock that keeps the time, and somebody who has set it.
    pub always: bool,
    /// The file that is touched when a time server was heard.
    pub file: PathBuf,
    /// The kernel's word will do as well.
    pub asks_kernel: bool,
}

impl Default for Belief {
    fn default() -> Self {
        Self { always: false, file: "/run/systemd/timesync/synchronized".into(), asks_kernel: true }
    }
}

/// What the thread reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The clock was set, or is believed, or is believed no more; it may be off by so many milliseconds.
    Changed {
        /// Give or take.
        uncertainty_ms: u64,
    },
}

/// The kernel's clocks, with the time of day only while it is believed. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct TrustedClock {
    /// On the monotonic clock, in ms.
    believed_until: Arc<AtomicU64>,
    /// Instead, where that is over.
    told: Arc<Told>,
}

impl TrustedClock {
    /// Looks once, and then on a thread of its own, which tells `App` of changes. Without a thread (the kernel gives none)
    /// it stays as it is, which the log says.
    pub fn start(belief: Belief, to_app: Sender<AppEvent>) -> Self {
        let clock = Self::default();
        if belief.always {
            clock.believed_until.store(u64::MAX, Ordering::Release);
            return clock;
        }
        let mut watch = Watch {
            clock: clock.clone(),
            file: belief.file,
            asks_kernel: belief.asks_kernel,
            touched: None,
            asked: None,
            uncertainty_ms: 0,
        };
        watch.look();
        if !clock.is_believed() {
            log::warn!("nobody has set the clock yet ({} is not there)", watch.file.display());
        }
        let thread = std::thread::Builder::new().name("clock".into()).spawn(move || watch.run(&to_app));
        if let Err(error) = thread {
            log::error!("no thread to watch the clock: {error}");
        }
        clock
    }

    /// Takes the time of day that the server has told, whom nobody on the way can have changed; gives how far the time may be
    /// off now, in ms, if it is the server's that is believed.
    pub fn hear(&self, saying: Saying) -> Option<u64> {
        let was_believed = self.is_believed();
        if !self.told.hear(saying) {
            return None;
        }
        if !was_believed && self.is_believed() {
            log::info!("the time of day is now believed: the server has told it");
        }
        self.told_now(SystemClock.now()).map(|(_, within_ms)| within_ms)
    }

    /// The server's time and how far it may be off, where the kernel's is not believed.
    fn told_now(&self, now: Now) -> Option<(Wall, u64)> {
        if self.is_kernel_believed(now) { None } else { self.told.at(now.monotonic) }
    }

    fn is_kernel_believed(&self, now: Now) -> bool {
        now.wall.is_some() && now.monotonic.0 < self.believed_until.load(Ordering::Acquire)
    }

    fn is_believed(&self) -> bool {
        self.now().wall.is_some()
    }

    fn believe_until(&self, until: Mono) {
        self.believed_until.store(until.0, Ordering::Release);
    }
}

impl Clock for TrustedClock {
    fn now(&self) -> Now {
        let now = SystemClock.now();
        if self.is_kernel_believed(now) {
            return now;
        }
        Now { wall: self.told.at(now.monotonic).map(|(wall, _)| wall), ..now }
    }
}

/// What the thread knows.
struct Watch {
    clock: TrustedClock,
    file: PathBuf,
    asks_kernel: bool,
    /// When the file was touched last, and when that was, on the monotonic clock.
    touched: Option<(SystemTime, Mono)>,
    /// When systemd-timedated was asked last.
    asked: Option<Mono>,
    uncertainty_ms: u64,
}

impl Watch {
    fn run(mut self, to_app: &Sender<AppEvent>) {
        let alarm = set_alarm();
        loop {
            let wait_s = if self.clock.is_believed() { LOOK_SET_S } else { LOOK_UNSET_S };
            let was_set = wait(alarm.as_ref(), wait_s);
            if was_set {
                self.asked = None;
            }
            let before = (self.clock.is_believed(), self.uncertainty_ms());
            self.look();
            let is_believed = self.clock.is_believed();
            if is_believed != before.0 {
                log::info!("the time of day is {} believed", if is_believed { "now" } else { "no longer" });
            }
            let uncertainty_ms = self.uncertainty_ms();
            let event = AppEvent::Clock(Event::Changed { uncertainty_ms });
            if (was_set || before != (is_believed, uncertainty_ms)) && to_app.send(event).is_err() {
                return;
            }
        }
    }

    /// Of the time that is believed.
    fn uncertainty_ms(&self) -> u64 {
        self.clock.told_now(SystemClock.now()).map_or(self.uncertainty_ms, |(_, within_ms)| within_ms)
    }

    /// Who has set the clock, and until when it is believed for that.
    fn look(&mut self) {
        let now = SystemClock.now();
        let word = if self.asks_kernel { kernel::ask() } else { Word::Unset };
        let confirmed = match word {
            Word::Kept { error_ms } => {
                self.uncertainty_ms = error_ms;
                Some(now.monotonic)
            }
            Word::Unset => self.look_at_file(now),
            Word::Refused => self.look_at_file(now).or_else(|| self.ask_timedated(now)),
        };
        let Some(confirmed) = confirmed else { return };
        let until = confirmed.plus_ms(CLOCK_TRUST_MAX_MS.unsigned_abs());
        self.clock.believe_until(until);
    }

    /// Now, if systemd-timedated is asked again and says that somebody keeps the clock.
    fn ask_timedated(&mut self, now: Now) -> Option<Mono> {
        let every_ms = if self.clock.is_believed() { ASK_SET_MS } else { ASK_UNSET_MS };
        if self.asked.is_some_and(|asked| now.monotonic.since_ms(asked) < every_ms) {
            return None;
        }
        self.asked = Some(now.monotonic);
        let is_kept = timedated::ask(timedated::PROGRAM) == Some(true);
        if is_kept {
            self.uncertainty_ms = UNCERTAINTY_MS;
        }
        is_kept.then_some(now.monotonic)
    }

    /// When the file was touched, on the monotonic clock.
    fn look_at_file(&mut self, now: Now) -> Option<Mono> {
        let touched = modified(&self.file)?;
        let at = match self.touched {
            // However the clock was set meanwhile.
            Some((before, at)) if before == touched => at,
            Some(_) => now.monotonic,
            None => {
                let age = SystemTime::now().duration_since(touched).unwrap_or_default();
                Mono(now.monotonic.0.saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX)))
            }
        };
        self.touched = Some((touched, at));
        self.uncertainty_ms = UNCERTAINTY_MS;
        Some(at)
    }
}

fn modified(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file).ok()?.modified().ok()
}

/// A timer that never ends, and is cancelled when somebody sets the clock.
fn set_alarm() -> Option<OwnedFd> {
    let alarm =
        timerfd_create(TimerfdClockId::Realtime, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK).ok()?;
    arm(&alarm)?;
    Some(alarm)
}

fn arm(alarm: &OwnedFd) -> Option<()> {
    let never = Timespec { tv_sec: i64::MAX / 2_000_000_000, tv_nsec: 0 };
    let spec = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: never };
    let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
    timerfd_settime(alarm, flags, &spec).ok().map(|_| ())
}

/// Waits so long, or until somebody sets the clock: then `true`.
fn wait(alarm: Option<&OwnedFd>, wait_s: i64) -> bool {
    let Some(alarm) = alarm else {
        std::thread::sleep(std::time::Duration::from_secs(wait_s.unsigned_abs()));
        return false;
    };
    let mut fds = [PollFd::from_borrowed_fd(alarm.as_fd(), PollFlags::IN)];
    let timeout = Timespec { tv_sec: wait_s, tv_nsec: 0 };
    if !poll(&mut fds, Some(&timeout)).is_ok_and(|ready| ready > 0) {
        return false;
    }
    // The reading is refused with ECANCELED; set anew, it tells the next time.
    let mut count = [0; 8];
    let _ = rustix::io::read(alarm, &mut count);
    arm(alarm);
    true
}

/// The latest time that has passed for certain: when this program was written.
pub fn floor() -> Option<Wall> {
    Some(crate::time::WALL_FLOOR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn watch(file: PathBuf) -> Watch {
        let clock = TrustedClock::default();
        Watch { clock, file, asks_kernel: false, touched: None, asked: None, uncertainty_ms: 0 }
    }

    #[test]
    fn a_clock_is_believed_for_seven_days_after_the_file_was_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("synchronized");
        let mut watch = watch(path.clone());
        let now = SystemClock.now();
        assert_eq!(watch.look_at_file(now), None, "nobody has set it");
        let file = std::fs::File::create(&path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
        let at = watch.look_at_file(now).unwrap();
        assert!(now.monotonic.since_ms(at).abs_diff(60_000) < 5000);
        // Touched again: confirmed now, whatever time of day the file bears.
        file.set_modified(SystemTime::now() - Duration::from_secs(86_400 * 400)).unwrap();
        let later = Now { monotonic: now.monotonic.plus_ms(9000), ..now };
        assert_eq!(watch.look_at_file(later), Some(later.monotonic));
        let last = Now { monotonic: now.monotonic.plus_ms(70_000), ..now };
        assert_eq!(watch.look_at_file(last), Some(later.monotonic), "not touched since");
    }

    #[test]
    fn what_a_server_tells_counts_only_while_the_kernels_clock_is_not_believed() {
        let clock = TrustedClock::default();
        let now = SystemClock.now();
        let years = Wall(crate::time::WALL_FLOOR.0 + 20 * 365 * 86_400_000);
        assert_eq!(clock.hear(Saying { wall: years, at: now.monotonic, round_ms: 0 }), Some(UNCERTAINTY_MS));
        assert!(clock.now().wall.unwrap().0.abs_diff(years.0) < 60_000);
        clock.believe_until(Mono(u64::MAX));
        assert!(clock.now().wall.unwrap().0.abs_diff(now.wall.unwrap().0) < 60_000);
        assert_eq!(clock.hear(Saying { wall: years, at: now.monotonic, round_ms: 0 }), None);
        clock.believe_until(Mono(0));
        assert!(clock.now().wall.unwrap().0.abs_diff(years.0) < 60_000);
    }

    #[test]
    fn what_is_believed_ends() {
        let watch = watch("/nothing".into());
        let now = SystemClock.now().monotonic;
        watch.clock.believe_until(now.plus_ms(60_000));
        assert!(watch.clock.is_believed());
        watch.clock.believe_until(now);
        assert!(!watch.clock.is_believed());
    }
}

//! systemd's part, as far as a unit with `Type=notify`, `WatchdogSec` and `Restart=always` asks for it: starts a program, hears what it says at
//! `NOTIFY_SOCKET`, kills it when it says nothing for too long, and starts it again. All of it can be awaited.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// A word is at most so long, in bytes.
const WORD_LEN_MAX: usize = 4096;
/// It looks whether it is to end at least so often.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What the unit says.
#[derive(Debug, Clone)]
pub struct Unit {
    /// The socket at which it listens.
    pub socket: PathBuf,
    /// `WatchdogSec=`.
    pub watchdog: Duration,
    /// `RestartSec=`.
    pub restart: Duration,
    /// `RestartPreventExitStatus=`.
    pub prevented_by: i32,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It was started, for the first time or again.
    Started(u32),
    /// It said `READY=1`, `WATCHDOG=1`, or another word.
    Said(String),
    /// It said nothing for too long, and was killed.
    TimedOut,
    /// It has ended.
    Ended(ExitStatus),
}

/// Supervises until it is dropped, which kills the program.
#[derive(Debug)]
pub struct Supervisor {
    events: Receiver<(Instant, Event)>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Makes the command of each start, from how often it was started before.
pub type Make = Box<dyn FnMut(u32) -> io::Result<Command> + Send>;

impl Supervisor {
    /// Starts the program and goes on until it is dropped.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn start(unit: Unit, make: Make) -> io::Result<Self> {
        let _ = std::fs::remove_file(&unit.socket);
        let socket = UnixDatagram::bind(&unit.socket)?;
        socket.set_nonblocking(true)?;
        let (sender, events) = channel();
        let ends = Arc::new(AtomicBool::new(false));
        let work = Work { unit, make, socket, events: sender, ends: Arc::clone(&ends) };
        let thread = std::thread::Builder::new().name("supervisor".into()).spawn(move || work.run())?;
        Ok(Self { events, ends, thread: Some(thread) })
    }

    /// What happens next, and when; `None` if nothing does in time.
    #[must_use]
    pub fn next_within(&self, wait_max: Duration) -> Option<(Instant, Event)> {
        self.events.recv_timeout(wait_max).ok()
    }

    /// Waits until something happens that is `wanted`, and gives it.
    ///
    /// # Errors
    /// It did not; all that did is in the error.
    pub fn wait_for(
        &self,
        wait_max: Duration,
        wanted: impl Fn(&Event) -> bool,
    ) -> io::Result<(Instant, Event)> {
        let deadline = Instant::now() + wait_max;
        let mut seen = Vec::new();
        while let Some((at, event)) = self.next_within(deadline.saturating_duration_since(Instant::now())) {
            if wanted(&event) {
                return Ok((at, event));
            }
            seen.push(event);
        }
        Err(io::Error::other(format!("it did not come to that in {wait_max:?}; there were {seen:?}")))
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Work {
    unit: Unit,
    make: Make,
    socket: UnixDatagram,
    events: Sender<(Instant, Event)>,
    ends: Arc<AtomicBool>,
}

impl Work {
    fn run(mut self) {
        for start in 0.. {
            let Some(status) = self.run_once(start) else { return };
            self.tell(Event::Ended(status));
            if status.code() == Some(self.unit.prevented_by) {
                return;
            }
            let again = Instant::now() + self.unit.restart;
            while Instant::now() < again && !self.ended() {
                std::thread::sleep(again.saturating_duration_since(Instant::now()).min(LOOK_EVERY));
            }
            if self.ended() {
                return;
            }
        }
    }

    fn ended(&self) -> bool {
        self.ends.load(Ordering::Acquire)
    }

    fn tell(&self, event: Event) {
        let _ = self.events.send((Instant::now(), event));
    }

    /// From a start to the end; `None` when it is to be supervised no more, or cannot be started.
    fn run_once(&mut self, start: u32) -> Option<ExitStatus> {
        let mut command = (self.make)(start).ok()?;
        command.env("NOTIFY_SOCKET", &self.unit.socket);
        command.env("WATCHDOG_USEC", self.unit.watchdog.as_micros().to_string());
        let mut child = command.spawn().ok()?;
        self.tell(Event::Started(child.id()));
        let status = self.supervise(&mut child);
        let _ = child.kill();
        let _ = child.wait();
        // What it said to the end is its own, not the next one's.
        while self.hear() {}
        status
    }

    fn supervise(&mut self, child: &mut Child) -> Option<ExitStatus> {
        let pidfd = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).ok()?;
        // As systemd does, the watchdog counts from when it is ready.
        let mut due: Option<Instant> = None;
        loop {
            let wait =
                due.map_or(LOOK_EVERY, |due| due.saturating_duration_since(Instant::now()).min(LOOK_EVERY));
            let wait = Timespec::try_from(wait).ok()?;
            let mut fds = [
                PollFd::from_borrowed_fd(pidfd.as_fd(), PollFlags::IN),
                PollFd::new(&self.socket, PollFlags::IN),
            ];
            let _ = poll(&mut fds, Some(&wait));
            while let Some(words) = self.read() {
                if words.lines().any(|word| word == "READY=1" || word == "WATCHDOG=1") {
                    due = Some(Instant::now() + self.unit.watchdog);
                }
                self.tell(Event::Said(words));
            }
            if let Ok(Some(status)) = child.try_wait() {
                return Some(status);
            }
            if self.ended() {
                return None;
            }
            if due.is_some_and(|due| due <= Instant::now()) {
                self.tell(Event::TimedOut);
                let _ = child.kill();
                due = None;
            }
        }
    }

    fn read(&self) -> Option<String> {
        let mut bytes = [0; WORD_LEN_MAX];
        let len = self.socket.recv(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..len]).into_owned())
    }

    fn hear(&self) -> bool {
        self.read().inspect(|words| self.tell(Event::Said(words.clone()))).is_some()
    }
}

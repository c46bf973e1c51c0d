//! The watch: a thread that looks whether everybody moves, and says so to systemd and to `orchestrion-watchdog`.
//!
//! Who hangs ends the process: the deciding thread is told, and stops in order what does not hang. If it is itself what hangs, or does not
//! come to an end, this thread ends the process. If this thread hangs, systemd hears nothing any more and does it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::systemd::Systemd;
use crate::app::Event as AppEvent;
use crate::service::moves::Who;
use crate::service::watch::{Hung, Watched, hung, may_wait_outside};
use crate::service::{self, Running, waiting};
use crate::time::{Clock, SystemClock};

/// How often it looks: a part of [`SAY_EVERY`].
const LOOK_EVERY: Duration = Duration::from_millis(2500);
/// How often it says that everybody moves, at the least.
const SAY_EVERY: Duration = Duration::from_secs(5);
/// It says so this many times in the time that systemd waits, so that two may get lost.
const SAID_IN_A_WAIT: u32 = 4;
/// How long the deciding thread may take to hear that somebody hangs, and again to end the process.
const END_WAIT_MAX: Duration = Duration::from_secs(1);

/// The status of a process that is ended because of that, as of one that ends itself.
const HUNG_STATUS: i32 = 1;

/// Where it is said how things go.
#[derive(Debug, Default)]
pub struct Told {
    /// What started this process, if it wants to know.
    pub systemd: Option<Systemd>,
    /// The file that `orchestrion-watchdog` reads.
    pub moved: Option<PathBuf>,
}

/// The thread, for as long as the device runs.
#[derive(Debug)]
pub struct Watch {
    told: Arc<Told>,
    ends: Sender<()>,
    thread: Running,
}

impl Watch {
    /// Begins to watch.
    ///
    /// # Errors
    /// The kernel gave no thread.
    pub fn start(told: Told, watched: Vec<Watched>, to_app: Sender<AppEvent>) -> std::io::Result<Self> {
        let told = Arc::new(told);
        let (ends, ended) = bounded(1);
        let looker = Looker { told: Arc::clone(&told), watched, to_app, ended, waits: None };
        let (alive, thread) = Running::of_a_thread();
        thread::Builder::new().name("watch".into()).spawn(move || {
            let _alive = alive;
            looker.run();
        })?;
        Ok(Self { told, ends, thread })
    }

    /// All services have been started.
    pub fn ready(&self) {
        self.told.say("READY=1");
    }

    /// The device is about to stop. Somebody wanted it if it is `in_order`: then no watchdog shall miss its movement.
    pub fn stopping(self, in_order: bool) {
        let _ = self.ends.try_send(());
        self.told.say("STOPPING=1");
        // Its last word comes before ours. If it hangs, so would we in writing.
        if in_order && self.thread.join(END_WAIT_MAX) {
            self.told.write("stopped");
        }
    }
}

impl Told {
    fn say(&self, words: &str) {
        if let Some(systemd) = &self.systemd {
            systemd.say(words);
        }
    }

    /// Writes `word` and the moment for `orchestrion-watchdog`.
    pub fn write(&self, word: &str) {
        if let Some(path) = &self.moved
            && let Err(error) = write_whole(path, &format!("{word} {}\n", SystemClock.now().monotonic.0))
        {
            log::warn!("the watchdog cannot be told: {}: {error}", path.display());
        }
    }

    /// How often it is to be said that everybody moves.
    fn say_every(&self) -> Duration {
        let systemds = self.systemd.as_ref().and_then(Systemd::watchdog).map(|wait| wait / SAID_IN_A_WAIT);
        systemds.unwrap_or(SAY_EVERY).min(SAY_EVERY)
    }
}

/// Whoever reads it finds the old words or the new.
fn write_whole(path: &Path, words: &str) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    std::fs::write(&beside, words)?;
    // The watchdog is another user, whatever this one's files are to be like.
    std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o644))?;
    std::fs::rename(&beside, path)
}

struct Looker {
    told: Arc<Told>,
    watched: Vec<Watched>,
    to_app: Sender<AppEvent>,
    ended: Receiver<()>,
    /// Who was seen waiting for a disk or a server.
    waits: Option<Who>,
}

impl Looker {
    fn run(mut self) {
        let say_every = self.told.say_every();
        let mut said: Option<Instant> = None;
        loop {
            if let Some(hung) = self.look() {
                return self.end(hung);
            }
            if said.is_none_or(|said| said.elapsed() >= say_every) {
                said = Some(Instant::now());
                self.told.say("WATCHDOG=1");
                self.told.write("moved");
            }
            if self.ended.recv_timeout(LOOK_EVERY.min(say_every)) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }

    /// Who hangs, and not because of a disk or a server.
    fn look(&mut self) -> Option<Hung> {
        let mut waits = None;
        let hung = hung(SystemClock.now().monotonic, &self.watched, |moves| {
            let who = moves.who();
            let excused = may_wait_outside(who) && moves.thread().is_some_and(waiting::is_outside);
            if excused {
                waits = Some(who);
            }
            excused
        });
        if waits != self.waits {
            match waits {
                Some(who) => {
                    log::error!(
                        "the {who} waits for a disk or a server that does not answer; the music goes on"
                    )
                }
                None => log::warn!("nobody waits for a disk or a server any more"),
            }
            self.waits = waits;
        }
        hung
    }

    fn end(&self, hung: Hung) {
        let seconds = hung.still_ms as f64 / 1000.0;
        log::error!("the {} hangs: it has not moved for {seconds:.1} s; the process ends", hung.who);
        if let Who::Service(service) = hung.who {
            let told = self.to_app.try_send(AppEvent::Service(service::Event::Hung { service }));
            if told.is_ok() && self.ended.recv_timeout(END_WAIT_MAX).is_ok() {
                thread::sleep(END_WAIT_MAX);
            }
        }
        // Whoever is to end it hangs, too.
        std::process::exit(HUNG_STATUS)
    }
}

//! The service: thread `web`, what it is told, and who asks the server for it. It never blocks but for a disk: requests are sent by
//! threads of their own, and `App` is waited for by a limit.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::daemon::Daemon;
use super::{Command, Identity, Stop, Wanted, WebClient, about, board};
use crate::app::Event as AppEvent;
use crate::clock::TrustedClock;
use crate::measure::give_way;
use crate::service::moves::{Moves, Who};
use crate::service::{Name, Service};
use crate::time::boot_id;
use crate::workshop::FileLedger;

/// Commands that wait; one more is refused.
pub const COMMANDS_LEN_MAX: usize = 64;
/// What cannot be begun, for want of a file or of room, is tried again after this.
const AGAIN: Duration = Duration::from_secs(60);

/// The channel to the web thread is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the web thread has {COMMANDS_LEN_MAX} commands waiting and takes no more")]
pub struct Full;

/// Tells the web thread. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    commands: Sender<Command>,
    current: Arc<Mutex<Stop>>,
}

impl Handle {
    /// Hands a command over; never blocks.
    ///
    /// # Errors
    /// [`Full`]: it is lost.
    pub fn send(&self, command: Command) -> Result<(), Full> {
        let ends_connection = matches!(command, Command::Configure(_));
        self.commands.try_send(command).map_err(|_| Full)?;
        if ends_connection {
            self.current.lock().unwrap_or_else(PoisonError::into_inner).stop();
        }
        Ok(())
    }
}

/// What the thread works with: a server, and which start of the device this is.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The server.
    pub wanted: Wanted,
    /// The number of this run.
    pub run: u64,
}

/// The service that keeps the device in step with its server.
#[derive(Debug)]
pub struct Web {
    pub(super) state_dir: PathBuf,
    pub(super) commands: Receiver<Command>,
    pub(super) events: Sender<AppEvent>,
    pub(super) moves: Moves,
    pub(super) clock: TrustedClock,
    handle: Handle,
    /// What it was told last: a thread that is started after a death goes on with it.
    task: Mutex<Option<Box<Task>>>,
    stopping: AtomicBool,
}

impl Web {
    /// Makes the service. Its thread is started by [`crate::service::spawn`]; what is sent before waits.
    pub fn new(state_dir: PathBuf, clock: TrustedClock, events: Sender<AppEvent>) -> (Arc<Self>, Handle) {
        let (sender, commands) = bounded(COMMANDS_LEN_MAX);
        let handle = Handle { commands: sender, current: Arc::default() };
        let web = Self {
            state_dir,
            commands,
            events,
            moves: Moves::of(Who::Service(Name::Web)),
            clock,
            handle: handle.clone(),
            task: Mutex::new(None),
            stopping: AtomicBool::new(false),
        };
        (Arc::new(web), handle)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub(super) fn set_task(&self, task: Option<Box<Task>>) {
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = task;
    }

    fn task(&self) -> Option<Box<Task>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What ends the connection that is made next.
    fn renew(&self) -> Stop {
        let stop = Stop::default();
        *self.handle.current.lock().unwrap_or_else(PoisonError::into_inner) = stop.clone();
        stop
    }

    fn client(&self, task: &Task, stop: &Stop) -> Result<WebClient<FileLedger>, String> {
        let identity = Identity::open(&self.state_dir).map_err(|error| error.to_string())?;
        let token = task.wanted.token()?;
        if task.wanted.is_open() {
            log::warn!(
                "{} is plain HTTP to another machine: whoever is on the way can read this device's token and pose as its server; \
                 let the server speak TLS (docs/OPERATIONS.md) and write https",
                task.wanted.url()
            );
        }
        let http = task.wanted.http()?.apart(stop.clone(), self.moves.clone());
        let text = about(&task.wanted.name(), &board::model(Path::new("/")), token.as_deref());
        let seed = identity.seed();
        let which = (task.run, boot_id());
        let client = WebClient::new(
            (http, task.wanted.url()),
            identity,
            FileLedger::new(&self.state_dir),
            text,
            (which.0, &which.1, seed),
        );
        Ok(client.with_stop(stop.clone()))
    }
}

impl Service for Web {
    fn name(&self) -> Name {
        Name::Web
    }

    fn run(&self) -> Result<(), String> {
        // What plays comes first.
        give_way();
        let mut daemon = Daemon::of(self);
        loop {
            // Whoever tells something else from here on ends what is begun below.
            let stop = self.renew();
            daemon.begin(stop.clone());
            if self.is_stopping() {
                daemon.finish();
                return Ok(());
            }
            let Some(task) = self.task() else {
                daemon.idle(self.moves.turn_every());
                continue;
            };
            daemon.serve(&task);
            match self.client(&task, &stop) {
                Ok(mut client) => client.run(&mut daemon),
                Err(words) => {
                    daemon.cannot(&words);
                    daemon.idle(AGAIN);
                }
            }
        }
    }

    fn moves(&self) -> &Moves {
        &self.moves
    }

    fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.handle.current.lock().unwrap_or_else(PoisonError::into_inner).stop();
    }
}

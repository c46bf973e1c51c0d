//! The service and its handle. What the thread does is in `work`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, TrySendError, bounded, select};
use orchestrion_protocol::release::Digest;

use super::work::Work;
use super::{Command, Event, USED_LEN_MAX, Wanted};
use crate::app::Event as AppEvent;
use crate::download::Client;
use crate::measure::give_way;
use crate::service::moves::{Moves, Who};
use crate::service::{Name, Service};

/// Commands that wait; one more is refused.
pub const COMMANDS_LEN_MAX: usize = 16;
/// While `App` takes no events, this often it is asked whether to stop.
const REPORT_WAIT: Duration = Duration::from_millis(100);

/// The channel to the download thread is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the download thread has {COMMANDS_LEN_MAX} commands waiting and takes no more")]
pub struct Full;

/// Sends to the download thread. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    commands: Sender<Command>,
    used: Sender<Vec<Arc<Path>>>,
    /// The thread's own end, to take out what a newer list replaces.
    used_waiting: Receiver<Vec<Arc<Path>>>,
}

impl Handle {
    /// Hands a command over; never blocks.
    ///
    /// # Errors
    /// [`Full`]: it will not be carried out.
    pub fn send(&self, command: Command) -> Result<(), Full> {
        let Command::Used(list) = command else { return self.commands.try_send(command).map_err(|_| Full) };
        let mut list = list;
        while let Err(TrySendError::Full(back)) = self.used.try_send(list) {
            let _ = self.used_waiting.try_recv();
            list = back;
        }
        Ok(())
    }
}

/// See [`super`].
#[derive(Debug)]
pub struct DownloadManager {
    state_dir: PathBuf,
    handle: Handle,
    commands: Receiver<Command>,
    /// What the configuration said last: a thread that is started after a death goes on with it.
    wanted: Mutex<Option<Box<Wanted>>>,
    /// What is going on, to be broken off by [`Service::stop`].
    client: Mutex<Option<Client>>,
    stopping: AtomicBool,
    wake: Sender<()>,
    woken: Receiver<()>,
    events: Sender<AppEvent>,
    moves: Moves,
}

impl DownloadManager {
    /// Makes the service. Its thread is started by [`crate::service::spawn`]; what is sent before waits.
    pub fn new(state_dir: PathBuf, events: Sender<AppEvent>) -> (Arc<Self>, Handle) {
        let (sender, commands) = bounded(COMMANDS_LEN_MAX);
        let (used, used_waiting) = bounded(1);
        let (wake, woken) = bounded(1);
        let handle = Handle { commands: sender, used, used_waiting };
        let manager = Self {
            state_dir,
            handle: handle.clone(),
            commands,
            wanted: Mutex::new(None),
            client: Mutex::new(None),
            stopping: AtomicBool::new(false),
            wake,
            woken,
            events,
            moves: Moves::of(Who::Service(Name::Download)),
        };
        (Arc::new(manager), handle)
    }

    pub(super) fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    pub(super) fn wanted(&self) -> Option<Box<Wanted>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_wanted(&self, wanted: Option<Box<Wanted>>) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = wanted;
    }

    pub(super) fn set_client(&self, client: Option<Client>) {
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = client;
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub(super) fn tell(&self, event: Event) {
        let mut event = AppEvent::Release(event);
        while let Err(SendTimeoutError::Timeout(back)) = self.events.send_timeout(event, REPORT_WAIT) {
            self.moves.moved();
            if self.is_stopping() {
                return;
            }
            event = back;
        }
    }
}

/// What has come in and was not looked at yet. Whatever the thread is doing, it looks in here often.
pub(super) struct Inbox<'a> {
    pub(super) manager: &'a DownloadManager,
    /// Blobs that play or come next.
    pub(super) used: HashSet<Digest>,
    /// When that was told last.
    pub(super) used_told: Option<Instant>,
    /// Commands, in order.
    pub(super) waiting: Vec<Command>,
}

impl<'a> Inbox<'a> {
    pub(super) fn of(manager: &'a DownloadManager) -> Self {
        Self { manager, used: HashSet::new(), used_told: None, waiting: Vec::new() }
    }

    /// Takes in what has come. Whether the thread is to leave what it does: it is to stop, or somebody wants something.
    pub(super) fn look(&mut self) -> bool {
        self.manager.moves.moved();
        while let Ok(list) = self.manager.handle.used_waiting.try_recv() {
            self.take_used(&list);
        }
        while self.waiting.len() < COMMANDS_LEN_MAX
            && let Ok(command) = self.manager.commands.try_recv()
        {
            self.waiting.push(command);
        }
        self.manager.is_stopping() || !self.waiting.is_empty()
    }

    /// Waits until something has come; `true` if the time has passed before.
    pub(super) fn wait(&mut self, how_long: Duration) -> bool {
        let begin = Instant::now();
        loop {
            if self.look() {
                return false;
            }
            let left = how_long.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return true;
            }
            select! {
                recv(self.manager.commands) -> command => self.waiting.extend(command),
                recv(self.manager.handle.used_waiting) -> list => {
                    list.iter().for_each(|list| self.take_used(list));
                }
                recv(self.manager.woken) -> _ => {}
                default(left.min(self.manager.moves.turn_every())) => {}
            }
        }
    }

    fn take_used(&mut self, list: &[Arc<Path>]) {
        let name = |path: &Arc<Path>| path.file_name()?.to_str()?.parse().ok();
        self.used = list.iter().take(USED_LEN_MAX).filter_map(name).collect();
        self.used_told = Some(Instant::now());
    }
}

impl Service for DownloadManager {
    fn name(&self) -> Name {
        Name::Download
    }

    fn run(&self) -> Result<(), String> {
        // What plays comes first.
        give_way();
        let mut work = Work::new(Inbox::of(self));
        work.run();
        Ok(())
    }

    fn moves(&self) -> &Moves {
        &self.moves
    }

    fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        // Full means that it is woken already.
        let _ = self.wake.try_send(());
        if let Ok(client) = self.client.try_lock()
            && let Some(client) = &*client
        {
            client.shutdown();
        }
    }
}

//! The thread: measures ahead of what is played, and gives way to everyone.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, TrySendError, bounded, select};

use super::{Ahead, Command, Event, Failure, FileId, measure};
use crate::app::Event as AppEvent;
use crate::audio::LoadError;
use crate::service::moves::{Moves, Who};
use crate::service::{Name, Service};
use crate::storage::{Measured, MeasurementStore};

/// Files of a list that are measured.
pub const AHEAD_LEN_MAX: usize = 16;
/// Files that failed and are remembered; of more the oldest are tried again.
pub const FAILED_LEN_MAX: usize = 256;
/// While `App` takes no events, this often it is asked whether to stop.
const REPORT_WAIT: Duration = Duration::from_millis(100);
/// The niceness of threads that measure: the system's lowest priority, a seventieth of a deck's share where both want to run.
const NICENESS: i32 = 19;

/// Sends to the measuring thread. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    commands: Sender<Command>,
    /// The thread's own end, to take out what a newer command replaces.
    waiting: Receiver<Command>,
    /// Somebody waits for the first file of the newest command.
    is_urgent: Arc<AtomicBool>,
}

impl Handle {
    /// Hands a command over in place of one that still waits; never blocks.
    pub fn send(&self, command: Command) {
        let mut command = command;
        self.is_urgent.store(matches!(command, Command::AheadAtOnce(_)), Ordering::Release);
        while let Err(TrySendError::Full(back)) = self.commands.try_send(command) {
            let _ = self.waiting.try_recv();
            command = back;
        }
    }
}

/// The service that measures files.
#[derive(Debug)]
pub struct Measure {
    handle: Handle,
    state_dir: PathBuf,
    events: Sender<AppEvent>,
    stopping: AtomicBool,
    wake: Sender<()>,
    woken: Receiver<()>,
    /// Only the thread takes it; what failed is not tried again because the thread died.
    failed: Mutex<Failed>,
    moves: Moves,
}

/// Files that could not be measured, the oldest first.
#[derive(Debug, Default)]
struct Failed(VecDeque<(Arc<Path>, Option<FileId>)>);

impl Failed {
    fn has(&self, path: &Path, file: Option<FileId>) -> bool {
        self.0.iter().any(|(failed, as_it_was)| **failed == *path && *as_it_was == file)
    }

    fn add(&mut self, path: &Arc<Path>, file: Option<FileId>) {
        self.0.retain(|(failed, _)| failed != path);
        if self.0.len() == FAILED_LEN_MAX {
            self.0.pop_front();
        }
        self.0.push_back((Arc::clone(path), file));
    }
}

/// The thread's store, opened when it is first needed.
#[derive(Default)]
struct Shelf {
    store: Option<MeasurementStore>,
    /// Whether a problem was told, so that it is told once.
    told: bool,
}

impl Measure {
    /// Makes the service for the measurements in a state folder. Its thread is started by [`crate::service::spawn`].
    pub fn new(state_dir: PathBuf, events: Sender<AppEvent>) -> (Arc<Self>, Handle) {
        let (commands, waiting) = bounded(1);
        let (wake, woken) = bounded(1);
        let handle = Handle { commands, waiting, is_urgent: Arc::default() };
        let failed = Mutex::default();
        let stopping = AtomicBool::new(false);
        let moves = Moves::of(Who::Service(Name::Measure));
        let measure =
            Self { handle: handle.clone(), state_dir, events, stopping, wake, woken, failed, moves };
        (Arc::new(measure), handle)
    }

    /// Asked at each piece of a file, however long it is.
    fn stopped_on_the_way(&self) -> bool {
        self.moves.moved();
        self.stopped()
    }

    /// Whether a file that is being measured is to be left for now.
    fn gives_way(&self) -> bool {
        self.stopped_on_the_way()
            || (self.handle.is_urgent.load(Ordering::Acquire) && !self.handle.waiting.is_empty())
    }

    fn stopped(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Goes through a list until it is told another one.
    fn go_through(&self, ahead: &Ahead, shelf: &mut Shelf) {
        let songs = ahead.songs.iter().map(|path| (path, false));
        let films = ahead.films.iter().map(|path| (path, true));
        for (path, is_film) in songs.take(AHEAD_LEN_MAX).chain(films.take(AHEAD_LEN_MAX)) {
            if self.stopped_on_the_way() || !self.handle.waiting.is_empty() {
                return;
            }
            self.look_at(path, is_film, shelf);
        }
    }

    fn look_at(&self, path: &Arc<Path>, is_film: bool, shelf: &mut Shelf) {
        let found = FileId::of(path);
        let file = found.as_ref().ok().copied();
        if self.failed.lock().unwrap_or_else(PoisonError::into_inner).has(path, file) {
            return;
        }
        let file = match found {
            Ok(file) => file,
            Err(error) => return self.fail(path, None, error),
        };
        let known = shelf.open(&self.state_dir).and_then(|store| store.of_file(path, file));
        if let Some(measurement) = known {
            shelf.touch(path, &measurement.blob);
            if is_film {
                self.report(path, Some(file), Ok(Box::new(measurement)));
            }
            return;
        }
        let outcome =
            measure(path, &mut |blob| shelf.store.as_ref().and_then(|store| store.of_blob(blob)), &|| {
                self.gives_way()
            });
        match outcome {
            Ok((file, measurement)) => {
                shelf.save(Measured { path: path.to_path_buf(), file, measurement: measurement.clone() });
                self.report(path, Some(file), Ok(Box::new(measurement)));
            }
            Err(Failure::Stopped) => {}
            Err(Failure::Load(error)) => self.fail(path, Some(file), error),
        }
    }

    fn fail(&self, path: &Arc<Path>, file: Option<FileId>, error: LoadError) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).add(path, file);
        self.report(path, file, Err(error));
    }

    fn report(
        &self,
        path: &Arc<Path>,
        file: Option<FileId>,
        result: Result<Box<super::Measurement>, LoadError>,
    ) {
        let mut event = AppEvent::Measure(Event::Measured { path: Arc::clone(path), file, result });
        while let Err(SendTimeoutError::Timeout(back)) = self.events.send_timeout(event, REPORT_WAIT) {
            if self.stopped() {
                return;
            }
            event = back;
        }
    }
}

impl Shelf {
    fn open(&mut self, state_dir: &Path) -> Option<&MeasurementStore> {
        if self.store.is_none() {
            match MeasurementStore::open(state_dir) {
                Ok(store) => self.store = Some(store),
                Err(error) => self.tell(&error.to_string()),
            }
        }
        self.store.as_ref()
    }

    fn save(&mut self, measured: Measured) {
        if let Some(Err(words)) = self.store.as_mut().map(|store| store.save(&[measured])) {
            self.tell(&words);
        }
    }

    fn touch(&mut self, path: &Path, blob: &super::Blob) {
        if let Some(Err(words)) = self.store.as_mut().map(|store| store.touch([(path, blob)])) {
            self.tell(&words);
        }
    }

    fn tell(&mut self, words: &str) {
        if !std::mem::replace(&mut self.told, true) {
            log::warn!("measurements are not kept: {words}");
        }
    }
}

/// Gives the calling thread the lowest priority, so that whatever plays comes first. Threads that it starts afterwards have it too.
pub fn give_way() {
    // On Linux this is of the calling thread alone, not of the process (setpriority(2), "C library/kernel differences").
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        log::debug!("the priority cannot be lowered: {error}");
    }
}

impl Service for Measure {
    fn name(&self) -> Name {
        Name::Measure
    }

    fn run(&self) -> Result<(), String> {
        give_way();
        let mut shelf = Shelf::default();
        while !self.stopped_on_the_way() {
            select! {
                recv(self.handle.waiting) -> command => {
                    match command {
                        Ok(Command::Ahead(ahead) | Command::AheadAtOnce(ahead)) => {
                            self.go_through(&ahead, &mut shelf);
                        }
                        Err(_) => {}
                    }
                }
                recv(self.woken) -> _ => {}
                default(self.moves.turn_every()) => {}
            }
        }
        Ok(())
    }

    fn moves(&self) -> &Moves {
        &self.moves
    }

    fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        // Full means that it is woken already.
        let _ = self.wake.try_send(());
    }
}

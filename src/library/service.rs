//! The thread: one wish after another, each answered by batches of songs and one end.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, bounded, select};

use super::walk::walk;
use super::{Command, Event, WishId};
use crate::app::Event as AppEvent;
use crate::program::Program;
use crate::service::moves::{Moves, Who};
use crate::service::{Name, Service};

/// Wishes that wait; one more is refused.
pub const COMMANDS_LEN_MAX: usize = 64;
/// While `App` takes no events, this often it is asked whether to stop.
const REPORT_WAIT: Duration = Duration::from_millis(100);

/// The channel to the library thread is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the library has {COMMANDS_LEN_MAX} wishes waiting and takes no more; ask again in a moment")]
pub struct Full;

/// Sends to the library thread. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    commands: Sender<Command>,
}

impl Handle {
    /// Hands a command over; never blocks.
    ///
    /// # Errors
    /// [`Full`]: the wish will not be answered.
    pub fn send(&self, command: Command) -> Result<(), Full> {
        self.commands.try_send(command).map_err(|_| Full)
    }
}

/// The service that finds songs.
#[derive(Debug)]
pub struct Library {
    /// Where the copy of the last good program lies.
    state_dir: PathBuf,
    commands: Receiver<Command>,
    /// Keeps the channel open when no handle is left.
    _commands: Sender<Command>,
    /// The wish that is being answered; a thread that is started after a death ends it.
    current: Mutex<Option<WishId>>,
    stopping: AtomicBool,
    wake: Sender<()>,
    woken: Receiver<()>,
    events: Sender<AppEvent>,
    moves: Moves,
}

impl Library {
    /// Makes the service. Its thread is started by [`crate::service::spawn`]; what is sent before waits.
    pub fn new(state_dir: PathBuf, events: Sender<AppEvent>) -> (Arc<Self>, Handle) {
        let (sender, commands) = bounded(COMMANDS_LEN_MAX);
        let (wake, woken) = bounded(1);
        let library = Self {
            state_dir,
            commands,
            _commands: sender.clone(),
            current: Mutex::new(None),
            stopping: AtomicBool::new(false),
            wake,
            woken,
            events,
            moves: Moves::of(Who::Service(Name::Library)),
        };
        (Arc::new(library), Handle { commands: sender })
    }

    /// Asked at each name that is read, however many there are.
    fn stopped_on_the_way(&self) -> bool {
        self.moves.moved();
        self.stopped()
    }

    fn stopped(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    fn set_current(&self, wish: Option<WishId>) -> Option<WishId> {
        std::mem::replace(&mut *self.current.lock().unwrap_or_else(PoisonError::into_inner), wish)
    }

    fn answer(&self, command: Command) {
        let (wish, paths) = match command {
            Command::Expand { wish, paths } => (wish, paths),
            Command::ReadProgram { path, needs_one } => {
                let stopped = || self.stopped_on_the_way();
                let read = Program::read_or_kept(&path, &self.state_dir, needs_one, &stopped).transpose();
                if let Some(read) = read {
                    self.tell(AppEvent::Program(read.map(Box::new)));
                }
                return;
            }
        };
        self.set_current(Some(wish));
        let mut found = |songs| self.report(Event::Found { wish, songs });
        if let Some(problems) = walk(&paths, &mut found, &|| self.stopped_on_the_way()) {
            self.report(Event::Expanded { wish, problems });
        }
        self.set_current(None);
    }

    fn report(&self, event: Event) {
        self.tell(AppEvent::Library(event));
    }

    fn tell(&self, mut event: AppEvent) {
        while let Err(SendTimeoutError::Timeout(back)) = self.events.send_timeout(event, REPORT_WAIT) {
            if self.stopped() {
                return;
            }
            event = back;
        }
    }
}

impl Service for Library {
    fn name(&self) -> Name {
        Name::Library
    }

    fn run(&self) -> Result<(), String> {
        if let Some(wish) = self.set_current(None) {
            let problems = vec!["the search was broken off by a fault of the device; try again".to_owned()];
            self.report(Event::Expanded { wish, problems });
        }
        while !self.stopped_on_the_way() {
            select! {
                recv(self.commands) -> command => command.into_iter().for_each(|command| self.answer(command)),
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

#[cfg(test)]
impl Library {
    /// What a panic in the middle of a search leaves.
    pub(super) fn die_over(&self, wish: WishId) {
        let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            self.set_current(Some(wish));
            let _held = self.current.lock().unwrap();
            panic!("as a test wants it");
        }));
        assert!(died.is_err());
    }
}

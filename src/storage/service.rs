//! The thread: takes what was sent, writes it in one transaction, confirms it; when the disk refuses, keeps it and
//! tries again.
//!
//! What waits and the database itself outlive the thread: they lie behind a lock that only the thread ever takes. If it
//! dies and is started again, it goes on with what it had.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, TrySendError, bounded, select};

use super::database::Database;
use super::pending::{PLAYS_UNSAVED_MAX, Pending};
use super::{Command, Event, Ticket};
use crate::app::Event as AppEvent;
use crate::service::moves::{Moves, Who};
use crate::service::{Name, Service};

/// Commands that wait for the thread; one more is refused.
pub const COMMANDS_LEN_MAX: usize = 512;
/// Commands that go into one transaction.
const DRAIN_LEN_MAX: usize = COMMANDS_LEN_MAX;
/// The first wait after the disk refused; each is twice the one before.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// The longest wait: a minute, since somebody may have made room and looks on.
const RETRY_MAX: Duration = Duration::from_secs(60);
/// While `App` takes no events, this often it is asked whether to stop.
const REPORT_WAIT: Duration = Duration::from_millis(100);

/// The channel to the storage thread is full: it has not kept up for [`COMMANDS_LEN_MAX`] commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the storage thread has {COMMANDS_LEN_MAX} commands waiting and takes no more")]
pub struct Full;

/// Sends to the storage thread. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    commands: Sender<Command>,
}

impl Handle {
    /// Hands a command over; never blocks.
    ///
    /// # Errors
    /// [`Full`]: what carries a ticket has to be sent again later, a checkpoint can be forgotten.
    pub fn send(&self, command: Command) -> Result<(), Full> {
        self.commands.try_send(command).map_err(|_| Full)
    }
}

/// The service that writes `state.sqlite`.
#[derive(Debug)]
pub struct Storage {
    /// Only the thread takes it.
    work: Mutex<Work>,
    commands: Receiver<Command>,
    /// Keeps the channel open when no handle is left.
    _commands: Sender<Command>,
    stopping: AtomicBool,
    wake: Sender<()>,
    woken: Receiver<()>,
    events: Sender<AppEvent>,
    retry: Retry,
    moves: Moves,
}

/// How long it waits after the disk refused.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retry {
    pub(super) first: Duration,
    pub(super) max: Duration,
}

#[derive(Debug)]
struct Work {
    database: Database,
    pending: Pending,
    /// The disk refuses.
    refused: Option<Refused>,
}

#[derive(Debug, Clone, Copy)]
struct Refused {
    again: Instant,
    wait: Duration,
}

impl Storage {
    /// Makes the service for a database that [`super::restore()`] has opened. Its thread is started by
    /// [`crate::service::spawn`]; what is sent before waits.
    pub fn new(database: Database, events: Sender<AppEvent>) -> (Arc<Self>, Handle) {
        Self::with_retry(database, events, Retry { first: RETRY_FIRST, max: RETRY_MAX })
    }

    pub(super) fn with_retry(
        database: Database,
        events: Sender<AppEvent>,
        retry: Retry,
    ) -> (Arc<Self>, Handle) {
        let (sender, commands) = bounded(COMMANDS_LEN_MAX);
        let (wake, woken) = bounded(1);
        let work = Work { database, pending: Pending::default(), refused: None };
        let storage = Self {
            work: Mutex::new(work),
            commands,
            _commands: sender.clone(),
            stopping: AtomicBool::new(false),
            wake,
            woken,
            events,
            retry,
            moves: Moves::of(Who::Service(Name::Storage)),
        };
        (Arc::new(storage), Handle { commands: sender })
    }

    /// Waits for something to do and takes what is there.
    fn take(&self, work: &mut Work) {
        let wait = match work.refused {
            Some(refused) => {
                refused.again.saturating_duration_since(Instant::now()).min(self.moves.turn_every())
            }
            None if work.pending.is_empty() => self.moves.turn_every(),
            // The thread before this one died with these.
            None => Duration::ZERO,
        };
        select! {
            recv(self.commands) -> command => command.into_iter().for_each(|command| work.pending.add(command)),
            recv(self.woken) -> _ => {}
            default(wait) => {}
        }
        self.commands.try_iter().take(DRAIN_LEN_MAX).for_each(|command| work.pending.add(command));
        let dropped = work.pending.take_dropped();
        if dropped > 0 {
            log::error!(
                "the disk refuses for so long that {dropped} plays are lost; only the last {PLAYS_UNSAVED_MAX} wait"
            );
        }
    }

    fn write(&self, work: &mut Work) {
        if work.pending.is_empty() {
            return;
        }
        match work.database.write(&work.pending) {
            Ok(()) => {
                let ticket = work.pending.written();
                if work.refused.take().is_some() {
                    log::info!("state.sqlite is written again");
                    self.report(Event::Recovered);
                }
                ticket.into_iter().for_each(|ticket: Ticket| self.report(Event::Kept(ticket)));
            }
            Err(words) => {
                let wait = match work.refused {
                    None => self.retry.first,
                    Some(refused) => refused.wait.saturating_mul(2).min(self.retry.max),
                };
                let begins = work.refused.replace(Refused { again: Instant::now() + wait, wait }).is_none();
                if begins {
                    log::error!("state.sqlite cannot be written: {words}; it is tried again");
                    self.report(Event::Refused(words));
                }
            }
        }
    }

    /// `App` always takes events in the end; only while the device stops nobody may listen any more.
    fn report(&self, event: Event) {
        let mut event = AppEvent::Storage(event);
        while let Err(SendTimeoutError::Timeout(back)) = self.events.send_timeout(event, REPORT_WAIT) {
            if self.stopping.load(Ordering::Acquire) {
                return;
            }
            event = back;
        }
    }
}

impl Service for Storage {
    fn name(&self) -> Name {
        Name::Storage
    }

    fn run(&self) -> Result<(), String> {
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        work.database.settle();
        loop {
            self.moves.moved();
            let stopping = self.stopping.load(Ordering::Acquire);
            if !stopping {
                self.take(&mut work);
            } else {
                self.commands.try_iter().for_each(|command| work.pending.add(command));
            }
            if stopping || work.refused.is_none_or(|refused| refused.again <= Instant::now()) {
                self.write(&mut work);
            }
            if stopping {
                let plays = work.pending.plays().len();
                if plays > 0 {
                    log::error!("the disk refuses to the end: {plays} plays of this run are lost");
                }
                work.database.tidy();
                return Ok(());
            }
        }
    }

    fn moves(&self) -> &Moves {
        &self.moves
    }

    fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        // Full means that it is woken already.
        let _: Result<(), TrySendError<()>> = self.wake.try_send(());
    }
}

#[cfg(test)]
impl Storage {
    /// Lets a test change the database while no thread runs.
    pub(super) fn with_database(&self, change: fn(&Database)) {
        change(&self.work.lock().unwrap_or_else(PoisonError::into_inner).database);
    }

    /// Takes a stop back.
    pub(super) fn start_over(&self) {
        self.stopping.store(false, Ordering::Release);
        while self.woken.try_recv().is_ok() {}
    }

    /// What a panic of the thread leaves: a poisoned lock, an open transaction, commands that were taken already.
    pub(super) fn die_in_the_middle_of_a_transaction(&self) {
        let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut work = self.work.lock().unwrap();
            self.take(&mut work);
            work.database.connection().execute_batch("BEGIN IMMEDIATE; DELETE FROM runs").unwrap();
            panic!("as a test wants it");
        }));
        assert!(died.is_err());
    }
}

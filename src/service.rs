//! What a service is: a struct that owns one resource, run on one named thread, told what to do by a bounded channel.
//!
//! A service is made once and never touches another service or the network while it is made. Its thread may die and
//! be started again on the same struct; what was sent to it meanwhile waits in its channel.

#[cfg(feature = "faults")]
pub mod faults;
pub mod manager;
pub mod moves;
pub mod waiting;
pub mod watch;

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::app::Event as AppEvent;
use moves::Moves;

/// The services of the device, in the order in which they start; they stop in reverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Name {
    /// Writes `state.sqlite`.
    Storage,
    /// Owns the board's lines and LED. Before the music, which must not begin loud in an alarm.
    Buttons,
    /// Mixes and plays.
    Audio,
    /// Finds the songs in folders and lists.
    Library,
    /// Measures files ahead of what is played.
    Measure,
    /// Asks for releases and keeps them.
    Download,
    /// Shows films and pictures.
    Video,
    /// Keeps in step with the control server.
    Web,
    /// Serves local clients.
    Control,
}

impl Name {
    /// All of them, in the order in which they start.
    pub const ALL: [Self; 9] = [
        Self::Storage,
        Self::Buttons,
        Self::Audio,
        Self::Library,
        Self::Measure,
        Self::Download,
        Self::Video,
        Self::Web,
        Self::Control,
    ];

    /// Whether the process ends when it dies too often. The music goes on without buttons, local clients, new songs, measurements,
    /// releases, pictures and its server.
    pub fn is_vital(self) -> bool {
        match self {
            Self::Storage | Self::Audio => true,
            Self::Buttons
            | Self::Library
            | Self::Measure
            | Self::Download
            | Self::Video
            | Self::Web
            | Self::Control => false,
        }
    }

    /// The name of the thread.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Storage => "storage",
            Self::Buttons => "buttons",
            Self::Audio => "audio",
            Self::Library => "library",
            Self::Measure => "measure",
            Self::Download => "download",
            Self::Video => "video",
            Self::Web => "web",
            Self::Control => "control",
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What happened to a service as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Its thread ended without having been asked to.
    Died {
        /// Whose.
        service: Name,
        /// Its error or the words of its panic.
        reason: String,
    },
    /// Its thread runs again after a death; what it held in memory is gone.
    Restarted {
        /// Whose.
        service: Name,
    },
    /// Its thread runs and does not move any more.
    Hung {
        /// Whose.
        service: Name,
    },
}

/// A resource and the loop that owns it.
pub trait Service: Send + Sync + 'static {
    /// Which one it is.
    fn name(&self) -> Name;

    /// The thread's body. It returns `Ok` only after [`Service::stop`].
    ///
    /// # Errors
    /// What made it impossible to go on, for the log; the manager decides about a restart.
    fn run(&self) -> Result<(), String>;

    /// Where [`Service::run`] says in each turn of its loop that it moved, at least every [`Moves::turn_every`], and also while it does what may
    /// take long.
    fn moves(&self) -> &Moves;

    /// Asks [`Service::run`] to return soon. Called from another thread; never blocks.
    fn stop(&self);
}

/// A service's thread.
#[derive(Debug)]
pub struct Running {
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
}

impl Running {
    /// Of a thread that is about to be started, and what it holds as long as it runs.
    pub fn of_a_thread() -> (Sender<()>, Self) {
        let (alive, ended) = bounded(0);
        (alive, Self { ended })
    }

    /// Waits until the thread has ended; `false` when it has not in time.
    pub fn join(self, wait_max: Duration) -> bool {
        self.ended.recv_timeout(wait_max) != Err(RecvTimeoutError::Timeout)
    }
}

/// Starts the service's thread, which reports its death to `events`.
///
/// # Errors
/// The kernel gave no thread.
pub fn spawn(service: Arc<dyn Service>, events: Sender<AppEvent>) -> io::Result<Running> {
    let name = service.name();
    let (alive, running) = Running::of_a_thread();
    thread::Builder::new().name(name.as_str().to_owned()).spawn(move || {
        let _alive = alive;
        // It goes before `_alive` does: who waited for the end then holds it last, and closes what it owns.
        let service = service;
        service.moves().begin();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| service.run()));
        service.moves().rest();
        let reason = match outcome {
            Ok(Ok(())) => return,
            Ok(Err(reason)) => reason,
            Err(panic) => format!("panicked: {}", panic_words(panic.as_ref())),
        };
        // The main thread has gone when nobody listens; then there is nobody to tell.
        let _ = events.send(AppEvent::Service(Event::Died { service: name, reason }));
    })?;
    Ok(running)
}

/// The words of a panic, for the log.
pub fn panic_words(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without words")
}

//! The service and its handle. What the thread does is in `work`.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, bounded};

use super::falls::Falls;
use super::sound::lead_ms;
use super::work::Work;
use super::{Command, Event, Shows, Wanted};
use crate::app::Event as AppEvent;
use crate::audio;
use crate::service::moves::{Moves, Who};
use crate::service::{Name, Service};

/// Commands that wait; one more is refused.
pub const COMMANDS_LEN_MAX: usize = 16;
/// While `App` takes no events, this often it is asked whether to stop.
const REPORT_WAIT: Duration = Duration::from_millis(100);

/// The channel to the video thread is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the video thread has {COMMANDS_LEN_MAX} commands waiting and takes no more")]
pub struct Full;

/// Sends to the video thread. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    commands: Sender<Command>,
    bell: Arc<UnixStream>,
}

impl Handle {
    /// Hands a command over; never blocks.
    ///
    /// # Errors
    /// [`Full`]: it will not be carried out.
    pub fn send(&self, command: Command) -> Result<(), Full> {
        self.commands.try_send(command).map_err(|_| Full)?;
        ring(&self.bell);
        Ok(())
    }
}

/// Wakes the thread, which waits for a socket and not for a channel. A full bell has been rung already.
fn ring(bell: &UnixStream) {
    let mut bell = bell;
    let _ = bell.write(&[1]);
}

/// See [`super`].
#[derive(Debug)]
pub struct VideoPlayer {
    pub(super) commands: Receiver<Command>,
    /// Keeps the channel open when no handle is left, and rings.
    handle: Handle,
    pub(super) rung: UnixStream,
    /// What the configuration said last: a thread that is started after a death goes on with it.
    wanted: Mutex<Option<Box<Wanted>>>,
    /// What of it the program said last, for the same reason.
    shows: Mutex<Shows>,
    /// Only the thread takes it; it outlives its death.
    pub(super) falls: Mutex<Falls>,
    /// Whoever mixes the sound of films.
    pub(super) audio: audio::Handle,
    /// How long before it is due that is to come.
    pub(super) sound_lead_ms: u32,
    stopping: AtomicBool,
    events: Sender<AppEvent>,
    pub(super) moves: Moves,
}

impl VideoPlayer {
    /// Makes the service, with whoever mixes the sound of films and how that is set up. Its thread is started by [`crate::service::spawn`]; what is sent before waits.
    ///
    /// # Errors
    /// The kernel gives no descriptors.
    pub fn new(
        events: Sender<AppEvent>,
        (audio, setup): (audio::Handle, audio::Setup),
    ) -> std::io::Result<(Arc<Self>, Handle)> {
        let (sender, commands) = bounded(COMMANDS_LEN_MAX);
        let (bell, rung) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        rung.set_nonblocking(true)?;
        let handle = Handle { commands: sender, bell: Arc::new(bell) };
        let player = Self {
            commands,
            handle: handle.clone(),
            rung,
            wanted: Mutex::new(None),
            shows: Mutex::default(),
            falls: Mutex::default(),
            audio,
            sound_lead_ms: lead_ms(setup),
            stopping: AtomicBool::new(false),
            events,
            moves: Moves::of(Who::Service(Name::Video)),
        };
        Ok((Arc::new(player), handle))
    }

    pub(super) fn wanted(&self) -> Option<Box<Wanted>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_wanted(&self, wanted: Option<Box<Wanted>>) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = wanted;
    }

    pub(super) fn shows(&self) -> Shows {
        self.shows.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_shows(&self, shows: Shows) {
        *self.shows.lock().unwrap_or_else(PoisonError::into_inner) = shows;
    }

    /// Wakes the thread, from another.
    pub(super) fn bell(&self) -> impl FnOnce() + Send + 'static {
        let bell = Arc::clone(&self.handle.bell);
        move || ring(&bell)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Takes away what was rung.
    pub(super) fn hush(&self) {
        let mut rung = &self.rung;
        let _ = rung.read(&mut [0; 64]);
    }

    pub(super) fn tell(&self, event: Event) {
        let mut event = AppEvent::Video(event);
        while let Err(SendTimeoutError::Timeout(back)) = self.events.send_timeout(event, REPORT_WAIT) {
            self.moves.moved();
            if self.is_stopping() {
                return;
            }
            event = back;
        }
    }
}

impl Service for VideoPlayer {
    fn name(&self) -> Name {
        Name::Video
    }

    fn run(&self) -> Result<(), String> {
        let mut work = Work::new(self);
        while !self.is_stopping() {
            self.moves.moved();
            work.turn();
        }
        Ok(())
    }

    fn moves(&self) -> &Moves {
        &self.moves
    }

    fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        ring(&self.handle.bell);
    }
}

//! ExternalControl: local clients on a UNIX socket.
//!
//! Thread `control` owns the socket and every connection. It reads lines, answers what is malformed itself and hands
//! the rest to `App` as [`Event::Asked`]; `App` answers by [`Command::Reply`]. A client that does not read is dropped;
//! nothing that a client does can make another one wait.
//!
//! `subscribe`, `unsubscribe` and `methods` never leave this thread. It never blocks on a client or on `App`: when
//! `App`'s channel is full, the client is told to try again. Commands come by a bounded channel and a wake-up socket
//! pair; both outlive a death of the thread, the socket and its connections do not.

mod client;
pub(crate) mod group;
pub(crate) mod lines;
mod listener;
mod server;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, TrySendError};
use orchestrion_protocol::limits::CLIENTS_MAX;
use orchestrion_protocol::method::Method;
use orchestrion_protocol::rpc::{Id, RpcError, notification_line};
use orchestrion_protocol::status::{Status, Time, notification};
use serde_json::Value;

use crate::app;
use crate::service::moves::{Moves, Who};
use crate::service::{Name, Service};

pub use listener::SocketError;

/// Requests of one client that `App` has not answered yet; one more is refused.
pub const IN_FLIGHT_MAX: usize = 32;
/// Commands that wait for the thread: an answer to every request that can be in flight, and some notifications.
pub const COMMANDS_LEN_MAX: usize = CLIENTS_MAX * IN_FLIGHT_MAX + 256;

/// A connection; never used again within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub u64);

impl ClientId {
    /// The control server, by the web thread, which has the same methods; no connection ever has this number.
    pub const SERVER: Self = Self(u64::MAX);
}

/// What the control thread is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Answer a request. A client that has gone is no error.
    Reply {
        /// Whom.
        client: ClientId,
        /// Which request.
        id: Id,
        /// What.
        outcome: Result<Value, RpcError>,
    },
    /// Send a notification line to every subscriber.
    Notify(Arc<str>),
    /// The same; if there are none the thread sleeps on, since it is said each second.
    Tell(News),
}

/// What subscribers are told.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// The status has changed.
    Status(Box<Status>),
    /// Time has passed.
    Time(Time),
}

impl News {
    /// As a line.
    pub fn line(&self) -> Arc<str> {
        match self {
            Self::Status(status) => notification_line(notification::STATUS_CHANGED, &**status),
            Self::Time(time) => notification_line(notification::TIME_CHANGED, time),
        }
        .into()
    }
}

/// What the control thread reports.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A client asks for something that only `App` can answer.
    Asked {
        /// Who.
        client: ClientId,
        /// `None`: a notification, not to be answered.
        id: Option<Id>,
        /// What.
        method: Method,
    },
}

/// Why the thread cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no socket to listen on.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The kernel does not tell when something happens.
    #[error("cannot wait for clients: {0}")]
    Poll(#[from] io::Error),
}

/// Where the socket is and who may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Its path. The folder is made if it is missing.
    pub socket: PathBuf,
    /// The group that may use it besides the user of this process, by name or number.
    pub group: Option<String>,
}

/// [`COMMANDS_LEN_MAX`] commands wait; this one was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the control thread does not keep up; a command for it was lost")]
pub struct Full;

/// Tells the control thread what to do.
#[derive(Debug, Clone)]
pub struct Handle {
    commands: Sender<Command>,
    waker: Waker,
    subscribers: Arc<AtomicUsize>,
}

impl Handle {
    /// Hands a command over. It never blocks, and works while the thread is being started again.
    ///
    /// # Errors
    /// Too many commands wait; this one is lost.
    pub fn send(&self, command: Command) -> Result<(), Full> {
        if matches!(command, Command::Tell(_)) && self.subscribers.load(Ordering::Acquire) == 0 {
            return Ok(());
        }
        self.commands.try_send(command).map_err(|_| Full)?;
        self.waker.wake();
        Ok(())
    }
}

/// The end of the socket pair that makes the thread look at its channel.
#[derive(Debug, Clone)]
struct Waker(Arc<UnixStream>);

impl Waker {
    fn wake(&self) {
        // Where no byte finds room, many wait already and the thread will wake; a second try adds nothing.
        let _ = (&*self.0).write(&[1]);
    }
}

/// The service that owns the socket and its clients.
#[derive(Debug)]
pub struct ExternalControl {
    settings: Settings,
    events: Sender<app::Event>,
    commands: Receiver<Command>,
    waker: Waker,
    woken: UnixStream,
    stopping: AtomicBool,
    clients_so_far: AtomicU64,
    subscribers: Arc<AtomicUsize>,
    moves: Moves,
}

impl ExternalControl {
    /// Makes the service and the handle to it. The socket is made by [`Service::run`], not here.
    ///
    /// # Errors
    /// The kernel has no socket pair left to give.
    pub fn new(settings: Settings, events: Sender<app::Event>) -> io::Result<(Arc<Self>, Handle)> {
        let (waker, woken) = UnixStream::pair()?;
        waker.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let waker = Waker(Arc::new(waker));
        let (sender, commands) = crossbeam_channel::bounded(COMMANDS_LEN_MAX);
        let service = Self {
            settings,
            events,
            commands,
            waker: waker.clone(),
            woken,
            stopping: AtomicBool::new(false),
            clients_so_far: AtomicU64::new(0),
            subscribers: Arc::default(),
            moves: Moves::of(Who::Service(Name::Control)),
        };
        let subscribers = Arc::clone(&service.subscribers);
        Ok((Arc::new(service), Handle { commands: sender, waker, subscribers }))
    }

    fn next_client(&self) -> ClientId {
        ClientId(self.clients_so_far.fetch_add(1, Ordering::Relaxed))
    }

    /// Hands a request to `App`, unless it has no room for it.
    fn ask(&self, client: ClientId, id: Option<Id>, method: Method) -> Result<(), RpcError> {
        let asked = app::Event::Control(Event::Asked { client, id, method });
        self.events.try_send(asked).map_err(|error| {
            let words = match error {
                TrySendError::Full(_) => "busy, try again",
                TrySendError::Disconnected(_) => "the device is about to end",
            };
            RpcError::new(orchestrion_protocol::rpc::code::REFUSED, words)
        })
    }
}

impl Service for ExternalControl {
    fn name(&self) -> Name {
        Name::Control
    }

    fn run(&self) -> Result<(), String> {
        server::Server::open(self).and_then(server::Server::serve).map_err(|error| error.to_string())
    }

    fn moves(&self) -> &Moves {
        &self.moves
    }

    fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.waker.wake();
    }
}

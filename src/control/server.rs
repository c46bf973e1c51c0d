//! The loop of thread `control`.
//!
//! Everything is edge-triggered and nothing is polled: the kernel tells once that a client can be read or written, and
//! the loop remembers it until the client is dry. A turn gives each client one read, so that none waits for another.

use std::io::{ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use orchestrion_protocol::limits::{CLIENTS_MAX, LINE_LEN_MAX};
use orchestrion_protocol::method::{METHODS, Method, SessionMethod};
use orchestrion_protocol::rpc::{Id, Malformed, Request, RpcError, code, parse_request};
use serde_json::{Value, json};

use super::client::{Client, Gone, turn_away};
use super::lines::{Line, answer_line};
use super::listener::Listener;
use super::{COMMANDS_LEN_MAX, Command, Error, ExternalControl, IN_FLIGHT_MAX};

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
/// The token of the client in slot 0; the others follow.
const FIRST_CLIENT: usize = 2;

/// Bytes read of one client in a turn.
const READ_LEN_MAX: usize = 16 * 1024;
/// Connections accepted in a turn: whoever comes and goes in a loop must not keep the others waiting.
const ACCEPTS_PER_TURN_MAX: usize = 16;
/// How long no connection is accepted after the kernel could not give one. It does not tell when it can again.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Whether somebody waits to be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// Nobody until the kernel tells otherwise.
    Idle,
    /// There may be somebody.
    Ready,
    /// The kernel has no file descriptors or no memory; it is tried again then.
    PausedUntil(Instant),
}

/// The socket, the clients and what is known about them.
pub(super) struct Server<'a> {
    service: &'a ExternalControl,
    poll: Poll,
    listener: Listener,
    door: Door,
    /// Slots, so that the token of a client is a small number.
    clients: Vec<Option<Client>>,
    /// Whether the log knows already that there are too many clients.
    crowd_logged: bool,
}

impl<'a> Server<'a> {
    /// Makes the socket and listens.
    pub(super) fn open(service: &'a ExternalControl) -> Result<Self, Error> {
        let mut listener = Listener::open(&service.settings)?;
        let poll = Poll::new()?;
        poll.registry().register(&mut listener.socket, LISTENER, Interest::READABLE)?;
        poll.registry().register(&mut SourceFd(&service.woken.as_raw_fd()), WAKER, Interest::READABLE)?;
        log::info!(socket:% = listener.path().display(); "local clients are served");
        Ok(Self {
            service,
            poll,
            listener,
            door: Door::Ready,
            clients: std::iter::repeat_with(|| None).take(CLIENTS_MAX).collect(),
            crowd_logged: false,
        })
    }

    /// Serves until it is told to stop.
    pub(super) fn serve(mut self) -> Result<(), Error> {
        let mut events = Events::with_capacity(CLIENTS_MAX + FIRST_CLIENT);
        let mut scratch = vec![0; READ_LEN_MAX];
        loop {
            // Read before the turn: what was sent before the stop is then still carried out and answered in it.
            self.service.moves.moved();
            let stopping = self.service.stopping.load(Ordering::Acquire);
            let wait = if stopping { Duration::ZERO } else { self.wait(Instant::now()) };
            match self.poll.poll(&mut events, Some(wait)) {
                Err(e) if e.kind() == ErrorKind::Interrupted => events.clear(),
                polled => polled?,
            }
            self.note(&events);
            self.obey();
            self.accept();
            self.hear(&mut scratch);
            // Before anybody reads that it is one.
            let subscribers = self.clients.iter().flatten().filter(|client| client.subscribed).count();
            self.service.subscribers.store(subscribers, Ordering::Release);
            self.flush();
            self.drop_gone();
            if stopping {
                return Ok(());
            }
        }
    }

    /// How long nothing can happen without the kernel telling it, but for saying that it moves.
    fn wait(&self, now: Instant) -> Duration {
        let work_left = self.door == Door::Ready
            || !self.service.commands.is_empty()
            || self.clients.iter().flatten().any(Client::is_ready);
        match self.door {
            _ if work_left => Duration::ZERO,
            Door::PausedUntil(until) => {
                until.saturating_duration_since(now).min(self.service.moves.turn_every())
            }
            Door::Idle | Door::Ready => self.service.moves.turn_every(),
        }
    }

    fn note(&mut self, events: &Events) {
        for event in events {
            match event.token() {
                LISTENER if self.door == Door::Idle => self.door = Door::Ready,
                LISTENER => {}
                WAKER => self.swallow_wakes(),
                Token(token) => {
                    let slot = token.checked_sub(FIRST_CLIENT).and_then(|slot| self.clients.get_mut(slot));
                    if let Some(client) = slot.and_then(Option::as_mut) {
                        client.wake(event.is_write_closed());
                    }
                }
            }
        }
    }

    fn swallow_wakes(&self) {
        let mut bytes = [0; 256];
        // Until it would block, else the next byte would not be told; the number of commands is bounded.
        while matches!((&self.service.woken).read(&mut bytes), Ok(len) if len > 0) {}
    }

    fn obey(&mut self) {
        for command in self.service.commands.try_iter().take(COMMANDS_LEN_MAX) {
            match command {
                Command::Reply { client, id, outcome } => {
                    if let Some(client) = self.clients.iter_mut().flatten().find(|c| c.id == client) {
                        client.answered();
                        client.tell(&answer_line(&id, &outcome));
                    }
                }
                Command::Notify(line) => self.notify(&line),
                Command::Tell(news) => self.notify(&news.line()),
            }
        }
    }

    fn notify(&mut self, line: &str) {
        if line.len() > LINE_LEN_MAX {
            log::error!(bytes = line.len(); "a notification is longer than a line may be; nobody gets it");
            return;
        }
        self.clients.iter_mut().flatten().for_each(|client| client.notify(line));
    }

    fn accept(&mut self) {
        if let Door::PausedUntil(until) = self.door
            && until <= Instant::now()
        {
            self.door = Door::Ready;
        }
        for _ in 0..ACCEPTS_PER_TURN_MAX {
            if self.door != Door::Ready {
                return;
            }
            match self.listener.socket.accept() {
                Ok((stream, _)) => self.welcome(stream),
                Err(e) if e.kind() == ErrorKind::WouldBlock => self.door = Door::Idle,
                Err(e) if matches!(e.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {}
                Err(error) => {
                    log::warn!(error:%; "cannot accept a local client; trying again in a second");
                    self.door = Door::PausedUntil(Instant::now() + ACCEPT_PAUSE);
                }
            }
        }
    }

    fn welcome(&mut self, mut stream: mio::net::UnixStream) {
        let Some((slot, free)) = self.clients.iter_mut().enumerate().find(|(_, slot)| slot.is_none()) else {
            return self.turn_away(&stream);
        };
        let interest = Interest::READABLE | Interest::WRITABLE;
        match self.poll.registry().register(&mut stream, Token(FIRST_CLIENT + slot), interest) {
            Ok(()) => *free = Some(Client::new(self.service.next_client(), stream)),
            Err(error) => log::warn!(error:%; "cannot serve a local client; it was closed"),
        }
    }

    fn turn_away(&mut self, stream: &mio::net::UnixStream) {
        if !std::mem::replace(&mut self.crowd_logged, true) {
            log::warn!(clients = CLIENTS_MAX; "too many local clients; the newest ones are turned away");
        }
        let words = format!("{CLIENTS_MAX} clients are connected already; close one and try again");
        let error = Err(RpcError::new(code::TOO_MANY_CLIENTS, words));
        // One that went before it could be told need not be told.
        let _ = turn_away(stream, &answer_line(&Id::Null, &error));
    }

    fn hear(&mut self, scratch: &mut [u8]) {
        for client in self.clients.iter_mut().flatten().filter(|client| client.is_ready()) {
            client.read(scratch, |client, line| match line {
                Line::TooLong => client.tell(&too_long()),
                // One that is about to be dropped gets nothing more done.
                Line::Text(_) if client.gone() == Some(Gone::DoesNotRead) => {}
                Line::Text(text) => take_line(self.service, client, text),
            });
        }
    }

    fn flush(&mut self) {
        self.clients.iter_mut().flatten().for_each(Client::flush);
    }

    fn drop_gone(&mut self) {
        for slot in &mut self.clients {
            let Some((client, gone)) = slot.as_mut().and_then(|c| c.gone().map(|gone| (c, gone))) else {
                continue;
            };
            if gone == Gone::DoesNotRead {
                log::warn!(client = client.id.0; "a local client does not read what it is told; it was dropped");
            }
            if let Err(error) = self.poll.registry().deregister(&mut client.stream) {
                // Closing it does the same.
                log::debug!(client = client.id.0, error:%; "cannot deregister a local client");
            }
            *slot = None;
            self.crowd_logged = false;
        }
    }
}

fn too_long() -> String {
    let words = format!("a line has at most {LINE_LEN_MAX} bytes; this one is skipped up to its line feed");
    answer_line(&Id::Null, &Err(RpcError::new(code::LINE_TOO_LONG, words)))
}

fn take_line(service: &ExternalControl, client: &mut Client, line: &[u8]) {
    let (id, outcome) = match parse_request(line) {
        // What is wrong with a notification is not told either; a line without an id that is no request at all is.
        Err(Malformed { id: Id::Null, error })
            if matches!(error.code, code::METHOD_NOT_FOUND | code::INVALID_PARAMS) =>
        {
            return;
        }
        Err(malformed) => (Some(malformed.id), Some(Err(malformed.error))),
        Ok(Request { id, method }) => (id.clone(), take_request(service, client, id, method)),
    };
    if let (Some(id), Some(outcome)) = (id, outcome) {
        client.tell(&answer_line(&id, &outcome));
    }
}

/// Carries a request out or hands it to `App`. What it gives is answered at once; `App` answers what it gives not.
fn take_request(
    service: &ExternalControl,
    client: &mut Client,
    id: Option<Id>,
    method: Method,
) -> Option<Result<Value, RpcError>> {
    match method {
        Method::Session(SessionMethod::Subscribe) => {
            client.subscribed = true;
            Some(Ok(json!({"subscribed": true})))
        }
        Method::Session(SessionMethod::Unsubscribe) => {
            client.subscribed = false;
            Some(Ok(json!({"subscribed": false})))
        }
        Method::Session(SessionMethod::Methods) => Some(Ok(json!(METHODS))),
        _ if !client.may_ask() => {
            let words = format!("{IN_FLIGHT_MAX} requests of yours are not answered yet; wait for one");
            Some(Err(RpcError::new(code::REFUSED, words)))
        }
        method => match service.ask(client.id, id.clone(), method) {
            Ok(()) => {
                client.asked(id.as_ref());
                None
            }
            Err(error) => Some(Err(error)),
        },
    }
}

//! One connection: its lines, the bytes that wait for it, and when it has to go.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};

use mio::net::UnixStream;
use orchestrion_protocol::limits::CLIENT_BACKLOG_LEN_MAX;
use orchestrion_protocol::rpc::Id;

use super::lines::{Line, Lines};
use super::{ClientId, IN_FLIGHT_MAX};

/// Over this much backlog a client gets no notifications: the next one tells more than those in between.
const NOTIFY_BACKLOG_LEN_MAX: usize = CLIENT_BACKLOG_LEN_MAX / 2;
/// Notifications in a row that a client may miss by its backlog: about two minutes of them. Then it does not read.
const NOTIFICATIONS_MISSED_MAX: u32 = 120;
/// An emptied backlog larger than this is given back.
const KEPT_LEN_MAX: usize = 4 * 1024;

/// What comes from a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    /// Nothing until the kernel tells otherwise.
    Idle,
    /// There may be something to read.
    Ready,
    /// It will say nothing more; it may still listen.
    Ended,
}

/// What goes to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    /// It listens.
    Open,
    /// It has gone, or listens no more. What it said before is still heard.
    Closed,
}

/// Why a client has to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gone {
    /// It has said and got all that it wanted.
    Finished,
    /// Too much waits for it.
    DoesNotRead,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: ClientId,
    pub(super) stream: UnixStream,
    pub(super) subscribed: bool,
    lines: Lines,
    input: Input,
    output: Output,
    backlog: VecDeque<u8>,
    in_flight: usize,
    notifications_missed: u32,
}

impl Client {
    pub(super) fn new(id: ClientId, stream: UnixStream) -> Self {
        Self {
            id,
            stream,
            subscribed: false,
            lines: Lines::default(),
            // What came before the first event is not told by one.
            input: Input::Ready,
            output: Output::Open,
            backlog: VecDeque::new(),
            in_flight: 0,
            notifications_missed: 0,
        }
    }

    /// The kernel says that something changed.
    pub(super) fn wake(&mut self, peer_gone: bool) {
        if self.input == Input::Idle {
            self.input = Input::Ready;
        }
        if peer_gone {
            self.close_output();
        }
    }

    /// Whether a read would be worth trying.
    pub(super) fn is_ready(&self) -> bool {
        self.input == Input::Ready
    }

    /// Reads once, and gives the lines that are whole. Only one read a turn, so that one busy client does not keep
    /// the others waiting.
    pub(super) fn read(&mut self, scratch: &mut [u8], mut each: impl FnMut(&mut Self, Line<'_>)) {
        let mut lines = std::mem::take(&mut self.lines);
        match self.stream.read(scratch) {
            Ok(0) => {
                self.input = Input::Ended;
                lines.finish(|line| each(self, line));
            }
            Ok(len) => {
                let bytes = scratch.get(..len).unwrap_or_default();
                lines.feed(bytes, |line| each(self, line));
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => self.input = Input::Idle,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(_) => {
                self.input = Input::Ended;
                self.close_output();
            }
        }
        self.lines = lines;
    }

    /// Takes a line for the client. One that has far too much waiting for it is about to be dropped and gets no more.
    pub(super) fn tell(&mut self, line: &str) {
        if self.output == Output::Closed || self.backlog.len() > CLIENT_BACKLOG_LEN_MAX {
            return;
        }
        self.backlog.extend(line.as_bytes());
        self.backlog.push_back(b'\n');
        if self.backlog.len() > NOTIFY_BACKLOG_LEN_MAX {
            // Many answers of one turn can be more than a client that does read may have waiting.
            self.flush();
        }
    }

    /// Takes a notification for the client, if it wants them and reads.
    pub(super) fn notify(&mut self, line: &str) {
        if !self.subscribed || self.output == Output::Closed {
            return;
        }
        if self.backlog.len() > NOTIFY_BACKLOG_LEN_MAX {
            self.notifications_missed = self.notifications_missed.saturating_add(1);
        } else {
            self.notifications_missed = 0;
            self.tell(line);
        }
    }

    /// Whether one more request of this client may go to `App`.
    pub(super) fn may_ask(&self) -> bool {
        self.in_flight < IN_FLIGHT_MAX
    }

    /// A request has gone to `App`.
    pub(super) fn asked(&mut self, id: Option<&Id>) {
        // A notification is not waited for.
        self.in_flight += usize::from(id.is_some());
    }

    /// `App` has answered a request.
    pub(super) fn answered(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Writes as much as the client takes now.
    pub(super) fn flush(&mut self) {
        while !self.backlog.is_empty() {
            match self.stream.write(self.backlog.as_slices().0) {
                Ok(len) if len > 0 => drop(self.backlog.drain(..len)),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => return self.close_output(),
            }
        }
        self.backlog.shrink_to(KEPT_LEN_MAX);
    }

    /// Whether the connection is at its end, and why.
    pub(super) fn gone(&self) -> Option<Gone> {
        let waited_for = self.in_flight > 0 || self.subscribed || !self.backlog.is_empty();
        if self.backlog.len() > CLIENT_BACKLOG_LEN_MAX || self.notifications_missed > NOTIFICATIONS_MISSED_MAX
        {
            Some(Gone::DoesNotRead)
        } else if self.input == Input::Ended && (self.output == Output::Closed || !waited_for) {
            Some(Gone::Finished)
        } else {
            None
        }
    }

    fn close_output(&mut self) {
        self.output = Output::Closed;
        self.backlog = VecDeque::new();
    }
}

/// Tells a connection that is not taken why, in the one line for which its empty buffer surely has room.
pub(super) fn turn_away(mut stream: &UnixStream, line: &str) -> io::Result<()> {
    stream.write_all(line.as_bytes())?;
    stream.write_all(b"\n")
}

//! The daemon's end of the socket: whole messages, each within a time.

use std::io::{self, IoSlice, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use super::message::{Command, Event, HEADER_LEN, Header, Nonsense, PAYLOAD_LEN_MAX};

/// Why nothing was heard.
#[derive(Debug)]
pub(super) enum Silence {
    /// The time is over.
    TimedOut,
    /// The other is gone.
    Gone,
    /// What was heard is against the rules.
    Nonsense(Nonsense),
    /// The socket refuses.
    Io(io::Error),
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Link {
    stream: UnixStream,
    /// Room for one message of any size.
    inbox: Box<[u8]>,
    /// Where the bytes not yet given out are.
    from: usize,
    until: usize,
}

impl Link {
    pub(super) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, inbox: vec![0; HEADER_LEN + PAYLOAD_LEN_MAX].into(), from: 0, until: 0 })
    }

    /// The next message. It waits for it without turning; a flood of messages does not outlast the deadline either.
    pub(super) fn receive(&mut self, deadline: Instant) -> Result<Event<'_>, Silence> {
        if Instant::now() >= deadline {
            return Err(Silence::TimedOut);
        }
        self.fill(HEADER_LEN, deadline)?;
        let head = self.inbox[self.from..].first_chunk().ok_or(Silence::Gone)?;
        let header = Header::parse(head).map_err(Silence::Nonsense)?;
        let len = HEADER_LEN + header.len;
        self.fill(len, deadline)?;
        let payload = self.from + HEADER_LEN..self.from + len;
        self.from += len;
        Event::parse(header, &self.inbox[payload]).map_err(Silence::Nonsense)
    }

    /// Lets at least `len` bytes be in the inbox.
    fn fill(&mut self, len: usize, deadline: Instant) -> Result<(), Silence> {
        if self.from + len > self.inbox.len() {
            self.inbox.copy_within(self.from..self.until, 0);
            self.until -= self.from;
            self.from = 0;
        }
        while self.until - self.from < len {
            match self.stream.read(&mut self.inbox[self.until..]) {
                Ok(0) => return Err(Silence::Gone),
                Ok(read) => self.until += read,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    if !readable_within(self.stream.as_fd(), deadline).map_err(Silence::Io)? {
                        return Err(Silence::TimedOut);
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // The other ended with a message of ours unread.
                Err(e) if e.kind() == io::ErrorKind::ConnectionReset => return Err(Silence::Gone),
                Err(e) => return Err(Silence::Io(e)),
            }
        }
        Ok(())
    }

    /// Sends a message, with a descriptor if there is one. It never waits: messages to a child are few and small, one that
    /// does not take them is broken.
    pub(super) fn send(&self, command: Command, descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(2 * HEADER_LEN);
        command.encode(&mut bytes);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        let descriptors = descriptor.as_slice();
        if !descriptors.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::Error::other("no room for a descriptor"));
        }
        let sent = sendmsg(&self.stream, &[IoSlice::new(&bytes)], &mut beside, SendFlags::NOSIGNAL)?;
        if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }
}

/// Waits until there is something to read, or an end; `false` when the time is over.
pub(super) fn readable_within(descriptor: BorrowedFd<'_>, deadline: Instant) -> io::Result<bool> {
    any_readable(&[descriptor], deadline)
}

/// Waits until there is something to read from any of these, or an end of one; `false` when the time is over.
///
/// # Errors
/// The system's.
pub fn any_readable(descriptors: &[BorrowedFd<'_>], deadline: Instant) -> io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut watched: Vec<_> =
            descriptors.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
        match poll(&mut watched, Some(&timespec(left))) {
            Ok(0) if left.is_zero() => return Ok(false),
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(true),
            Err(e) => return Err(e.into()),
        }
    }
}

fn timespec(left: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: left.subsec_nanos().into(),
    }
}

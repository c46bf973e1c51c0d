//! The child's end of the socket: the thread that hears the daemon, and how the daemon is told.
//!
//! When the daemon is gone this thread ends the process at once, whatever the decoder is doing.

use std::io::{self, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread;

use crossbeam_channel::{Sender, TrySendError};
use orchestrion::media::message::{Command, Event, HEADER_LEN, Header};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::{Signal, getpid, kill_process};

/// The longest command.
const PAYLOAD_LEN_MAX: usize = 16;

/// Takes the first command, which must be `Open`, and the descriptor that travels with it.
pub fn opened(socket: &UnixStream) -> io::Result<OwnedFd> {
    let mut message = [0; Command::OPEN_LEN];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut descriptor = None;
    let mut len = 0;
    while len < message.len() {
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut message[len..])];
        let received = recvmsg(socket.as_fd(), &mut parts, &mut beside, RecvFlags::CMSG_CLOEXEC)?;
        for item in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(mut descriptors) = item {
                descriptor = descriptor.or_else(|| descriptors.next());
            }
        }
        if received.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        len += received.bytes;
    }
    let header = Header::parse(&message).map_err(io::Error::other)?;
    match Command::parse(header, &[]).map_err(io::Error::other)? {
        Command::Open if header.len == 0 => descriptor.ok_or_else(|| io::Error::other("Open without a file")),
        _ => Err(io::Error::other("a file must be opened first")),
    }
}

/// Starts the thread that hears. Commands go to `commands`, and `wake` is rung after each.
pub fn listen(socket: UnixStream, commands: Sender<Command>, wake: Sender<()>) -> io::Result<()> {
    let hear = move || {
        let _ = relay(socket, &commands, &wake);
        end();
    };
    thread::Builder::new().name("listen".into()).spawn(hear)?;
    Ok(())
}

fn relay(mut socket: UnixStream, commands: &Sender<Command>, wake: &Sender<()>) -> io::Result<()> {
    loop {
        let mut head = [0; HEADER_LEN];
        socket.read_exact(&mut head)?;
        let header = Header::parse(&head).map_err(io::Error::other)?;
        let mut payload = [0; PAYLOAD_LEN_MAX];
        let payload = payload.get_mut(..header.len).ok_or(io::ErrorKind::InvalidData)?;
        socket.read_exact(payload)?;
        let command = Command::parse(header, payload).map_err(io::Error::other)?;
        commands.send(command).map_err(io::Error::other)?;
        ring(wake);
    }
}

/// Wakes the main thread; once is enough, however often it is rung.
pub fn ring(wake: &Sender<()>) {
    match wake.try_send(()) {
        Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
    }
}

/// Ends this process without asking any library, which might hang.
pub fn end() -> ! {
    let _ = kill_process(getpid(), Signal::KILL);
    std::process::abort()
}

/// The main thread's end.
pub struct Speaker {
    socket: UnixStream,
    message: Vec<u8>,
}

impl Speaker {
    pub fn new(socket: UnixStream) -> Self {
        Self { socket, message: Vec::new() }
    }

    /// Tells the daemon something; waits while it does not listen.
    pub fn say(&mut self, event: &Event<'_>) -> io::Result<()> {
        self.message.clear();
        event.encode(&mut self.message);
        self.socket.write_all(&self.message)
    }
}

//! systemd, as the one to tell how this is, and as the one who must answer: a barrier is a descriptor that systemd closes when it has
//! read all that was told before. So its answer needs no bus and no library.

use std::fs::File;
use std::io::{IoSlice, PipeReader};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};

/// What systemd listens at, and what it has been asked.
#[derive(Debug)]
pub struct Systemd {
    socket: UnixDatagram,
    /// Closed when systemd has answered.
    asked: Option<PipeReader>,
    /// When it last answered, in milliseconds of CLOCK_BOOTTIME.
    pub answered_ms: u64,
}

impl Systemd {
    /// The systemd that started this, if one did.
    pub fn from_env(now_ms: u64) -> Option<Self> {
        let path = std::env::var("NOTIFY_SOCKET").ok()?;
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_nonblocking(true).ok()?;
        let address = match path.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(&path),
        };
        socket.connect_addr(&address.ok()?).ok()?;
        Some(Self { socket, asked: None, answered_ms: now_ms })
    }

    /// Tells it something. What it does not take is told again with the next tick.
    pub fn tell(&self, words: &str) {
        let _ = self.socket.send(words.as_bytes());
    }

    /// Looks whether it has answered, and asks again if so.
    pub fn ask(&mut self, now_ms: u64) {
        if let Some(asked) = &self.asked {
            let mut fds = [PollFd::new(asked.as_fd(), PollFlags::empty())];
            // The other end has gone when this one has an event of any kind.
            if poll(&mut fds, PollTimeout::ZERO) != Ok(1) {
                return;
            }
            self.answered_ms = now_ms;
            self.asked = None;
        }
        let Ok((ours, theirs)) = std::io::pipe() else { return };
        let theirs = File::from(OwnedFd::from(theirs));
        let sent = sendmsg::<UnixAddr>(
            self.socket.as_raw_fd(),
            &[IoSlice::new(b"BARRIER=1")],
            &[ControlMessage::ScmRights(&[theirs.as_raw_fd()])],
            MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL,
            None,
        );
        // A queue that is full is no answer; it is asked again with the next tick.
        if sent.is_ok() {
            self.asked = Some(ours);
        }
    }
}

//! The daemon's end: the child as a process, lines to it and from it.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::message::{
    Command, Event, LINE_LEN_MAX, SNAPSHOT_LEN_MAX, SOUND_FRAME_LEN, SOUND_FRAMES_MAX, Setup, VERSION, line,
    parse,
};
use crate::media::Error;
use crate::media::link::readable_within;
use crate::media::process::{Ending, Process};

/// How long the child may take to its first word: a board that just started reads its libraries from a slow card.
const HELLO_MAX: Duration = Duration::from_secs(10);
/// How long the child may take to read a command; it reads on a thread that does nothing else.
const WRITE_MAX: Duration = Duration::from_secs(2);
/// Longest piece of sound, in bytes.
const SOUND_LEN_MAX: usize = SOUND_FRAMES_MAX * SOUND_FRAME_LEN;
/// How much is read at once, in bytes.
const CHUNK_LEN: usize = 16 * 1024;

/// Something that the child said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A line.
    Event(Event),
    /// A snapshot, whole.
    Snapshot {
        /// Of the command.
        serial: u32,
        /// The JPEG.
        jpeg: Vec<u8>,
    },
    /// Sound of a film; see [`Event::Sound`].
    Sound {
        /// Which.
        film: u64,
        /// On the kernel's monotonic clock, in nanoseconds.
        due_ns: u64,
        /// Whole frames.
        bytes: Vec<u8>,
    },
}

/// What stands before bytes that are on the way.
#[derive(Debug, Clone, Copy)]
enum Following {
    Snapshot { serial: u32, len: usize },
    Sound { film: u64, due_ns: u64, len: usize },
}

/// Why a child is of no use any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fall {
    /// It cannot be started.
    #[error(transparent)]
    NotStarted(#[from] Error),
    /// It is gone.
    #[error("the screen's process died: {words}")]
    Died {
        /// How.
        words: String,
        /// It did not end itself: a signal or a panic ended it.
        is_crash: bool,
    },
    /// It breaks the rules, or does not listen.
    #[error("the screen's process {0}")]
    Broken(String),
}

/// The child. Dropping it ends it.
#[derive(Debug)]
pub struct Player {
    process: Process,
    stream: UnixStream,
    /// What was read and not yet given out.
    inbox: Vec<u8>,
    /// What has bytes that are on the way.
    following: Option<Following>,
}

impl Player {
    /// Starts `program` and tells it how to show; waits until it says that it lives. It has no screen yet.
    ///
    /// # Errors
    /// It cannot be started, or says nothing, or speaks another language.
    pub fn start(program: &Path, setup: &Setup) -> Result<Self, Fall> {
        let (process, stream) = Process::start(program, &["screen".into(), "--serve".into()])?;
        let socket = |e: io::Error| Fall::Broken(format!("cannot be talked to: {e}"));
        stream.set_nonblocking(true).map_err(socket)?;
        let mut player = Self { process, stream, inbox: Vec::new(), following: None };
        match player.receive(Instant::now() + HELLO_MAX)? {
            Some(Said::Event(Event::Hello { version: VERSION })) => {}
            Some(Said::Event(Event::Hello { version })) => {
                return Err(Fall::Broken(format!("speaks version {version} and not {VERSION}")));
            }
            Some(_) => return Err(Fall::Broken("does not say hello".into())),
            None => return Err(Fall::Broken(format!("says nothing within {} s", HELLO_MAX.as_secs()))),
        }
        player.send(&Command::Begin(setup.clone()))?;
        Ok(player)
    }

    /// Its process number, while it runs.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Tells it something. It waits a moment at the most: a child that does not listen is broken.
    ///
    /// # Errors
    /// The child is gone or hangs.
    pub fn send(&mut self, command: &Command) -> Result<(), Fall> {
        let line = line(command).map_err(|e| Fall::Broken(format!("cannot be told that: {e}")))?;
        let written = self
            .stream
            .set_nonblocking(false)
            .and_then(|()| self.stream.set_write_timeout(Some(WRITE_MAX)))
            .and_then(|()| self.stream.write_all(&line))
            .and_then(|()| self.stream.set_nonblocking(true));
        match written {
            Ok(()) => Ok(()),
            Err(e) if matches!(e.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
                Err(self.died())
            }
            Err(e) => Err(Fall::Broken(format!("does not listen: {e}"))),
        }
    }

    /// The next thing that it says, if it says one before the deadline.
    ///
    /// # Errors
    /// The child is gone, or talks nonsense.
    pub fn receive(&mut self, deadline: Instant) -> Result<Option<Said>, Fall> {
        loop {
            if let Some(said) = self.take()? {
                return Ok(Some(said));
            }
            let mut chunk = [0; CHUNK_LEN];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(self.died()),
                Ok(read) => self.inbox.extend_from_slice(&chunk[..read]),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    match readable_within(self.stream.as_fd(), deadline) {
                        Ok(true) => {}
                        Ok(false) => return Ok(None),
                        Err(e) => return Err(Fall::Broken(format!("cannot be heard: {e}"))),
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::ConnectionReset => return Err(self.died()),
                Err(e) => return Err(Fall::Broken(format!("cannot be heard: {e}"))),
            }
        }
    }

    /// What is whole of what was read.
    fn take(&mut self) -> Result<Option<Said>, Fall> {
        if let Some(following) = self.following {
            let (Following::Snapshot { len, .. } | Following::Sound { len, .. }) = following;
            if self.inbox.len() < len {
                return Ok(None);
            }
            self.following = None;
            let bytes = self.inbox.drain(..len).collect();
            return Ok(Some(match following {
                Following::Snapshot { serial, .. } => Said::Snapshot { serial, jpeg: bytes },
                Following::Sound { film, due_ns, .. } => Said::Sound { film, due_ns, bytes },
            }));
        }
        let Some(end) = self.inbox.iter().position(|byte| *byte == b'\n') else {
            let is_too_long = self.inbox.len() > LINE_LEN_MAX;
            return if is_too_long { Err(Fall::Broken("does not end a line".into())) } else { Ok(None) };
        };
        let event = parse(&self.inbox[..end]).map_err(|e| Fall::Broken(format!("talks nonsense: {e}")))?;
        self.inbox.drain(..=end);
        match event {
            Event::Snapshot { len, .. } if len > SNAPSHOT_LEN_MAX => {
                Err(Fall::Broken(format!("gives a snapshot of {len} bytes")))
            }
            Event::Snapshot { serial, len } => {
                self.following = Some(Following::Snapshot { serial, len });
                self.take()
            }
            Event::Sound { len, .. } if len > SOUND_LEN_MAX || len % SOUND_FRAME_LEN != 0 => {
                Err(Fall::Broken(format!("gives {len} bytes of sound")))
            }
            Event::Sound { film, due_ns, len } => {
                self.following = Some(Following::Sound { film, due_ns, len });
                self.take()
            }
            event => Ok(Some(Said::Event(event))),
        }
    }

    fn died(&mut self) -> Fall {
        let Ending { words, is_crash } = self.process.fell();
        Fall::Died { words, is_crash }
    }
}

impl AsFd for Player {
    /// Readable when it may have said something.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

//! A child process: started with a socket as its standard input, killed and reaped by who started it.
//!
//! The child ends itself when the socket closes, also when the daemon was killed. The kernel's own "signal at the
//! parent's death" is not used: it fires when the *thread* that started the child ends, and a song may outlive its thread.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::Error;
use super::link::readable_within;

/// How long a killed child may take to be gone.
const REAP_MAX: Duration = Duration::from_millis(100);
/// How long a child whose socket has closed may take to be gone by itself, so that its own end can be told.
const FALL_MAX: Duration = Duration::from_millis(50);
/// Children that were killed and hang in the kernel, at most; then no more are started.
const UNDEAD_MAX: usize = 4;
/// Bytes of its last words that are read, at most.
const SAID_LEN_MAX: u64 = 1024;
/// Characters of them that are repeated.
const SAID_CHARS_MAX: usize = 240;
/// What the shell and the loader answer when a program's libraries are missing.
const LOADER_FAILED: i32 = 127;
/// What a Rust program answers after a panic.
const PANICKED: i32 = 101;

/// How a child ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ending {
    /// In words.
    pub words: String,
    /// It did not end itself: a signal or a panic ended it.
    pub is_crash: bool,
}

/// Killed and not yet gone: a disk that never answers holds them. They are reaped when the next child starts or ends.
static UNDEAD: Mutex<Vec<Child>> = Mutex::new(Vec::new());

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Process {
    /// `None` once it is reaped.
    child: Option<Child>,
    /// Readable when it is gone.
    gone: OwnedFd,
    /// What it writes to standard error. Its end does not block, so that a talkative library cannot stop it.
    said: File,
}

impl Process {
    /// Starts the program with these arguments and gives the daemon's end of the socket.
    pub(super) fn start(program: &Path, args: &[String]) -> Result<(Self, UnixStream), Error> {
        let undead = reap_undead();
        if undead >= UNDEAD_MAX {
            return Err(Error::Undead(undead));
        }
        let failed =
            |why: std::io::Error| Error::NotStarted { program: program.into(), why: why.to_string() };
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        let (said, says) =
            pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).map_err(|e| failed(e.into()))?;
        let mut child = Command::new(program)
            .args(args)
            // No cache of plugins is read or written, and no second process scans for them: the child names the few
            // that it loads. A place to write is then not needed.
            .env("GST_REGISTRY_DISABLE", "yes")
            // An arena for each of its threads would cost more than the decoder.
            .env("MALLOC_ARENA_MAX", "2")
            .env_remove("GST_DEBUG_FILE")
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(says)
            // So that it keeps no disk busy, and Ctrl-C at a terminal is the daemon's alone.
            .current_dir("/")
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let pid = Pid::from_child(&child);
        let gone = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(gone) => gone,
            Err(e) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(e.into()));
            }
        };
        Ok((Self { child: Some(child), gone, said: said.into() }, ours))
    }

    /// Its number, for tests that kill it; `None` when it is gone.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Its socket has closed: sees how it ended, after a kill if it has not.
    pub(super) fn fell(&mut self) -> Ending {
        let _ = readable_within(self.gone.as_fd(), Instant::now() + FALL_MAX);
        let status = self.end();
        let said = self.said();
        let how = status.map_or_else(|| "it hangs".to_owned(), how);
        let is_crash = status.is_none_or(|status| matches!(status.code(), None | Some(PANICKED)));
        let words = match (status.and_then(|status| status.code()), said.is_empty()) {
            (Some(LOADER_FAILED), _) => {
                format!("{how}: {said}: install libgstreamer1.0-0 and libgstreamer-plugins-base1.0-0")
            }
            (_, true) => how,
            (_, false) => format!("{how}: {said}"),
        };
        Ending { words, is_crash }
    }

    /// Kills and reaps it; `None` when it was gone already, or does not go.
    pub(super) fn end(&mut self) -> Option<ExitStatus> {
        let mut child = self.child.take()?;
        // It cannot be another process with the same number: it is not reaped yet.
        let _ = child.kill();
        let _ = readable_within(self.gone.as_fd(), Instant::now() + REAP_MAX);
        let status = child.try_wait().ok().flatten();
        if status.is_none() {
            UNDEAD.lock().unwrap_or_else(PoisonError::into_inner).push(child);
        }
        status
    }

    /// The last line of what it wrote, without what would break a log line.
    fn said(&mut self) -> String {
        let mut bytes = Vec::new();
        // What would block has not been said.
        let _ = (&mut self.said).take(SAID_LEN_MAX).read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes);
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        line.chars().filter(|c| !c.is_control()).take(SAID_CHARS_MAX).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
        reap_undead();
    }
}

/// Reaps what can be; gives how many cannot.
fn reap_undead() -> usize {
    let mut undead = UNDEAD.lock().unwrap_or_else(PoisonError::into_inner);
    undead.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    undead.len()
}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with {code}"),
        (None, Some(signal)) => format!("it was ended by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

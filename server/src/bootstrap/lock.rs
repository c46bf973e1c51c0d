//! One server at a time in one folder: a lock by `flock`, which the kernel lifts however the process ends.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why a lock cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("a server runs here already: {holder} holds {}; ask it with `orchestrion-server ctl status`, or end it with `orchestrion-server ctl stop`", path.display())]
    Held {
        /// The lock.
        path: PathBuf,
        /// Who holds it.
        holder: String,
    },
    /// The file cannot be made or locked.
    #[error("cannot lock {}: {source}; is the folder there, and may this user write to it?", path.display())]
    Io {
        /// The lock.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
}

impl Lock {
    /// Takes the lock, or says who has it.
    ///
    /// # Errors
    /// Another process has it, or the file cannot be made.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let io = |source| LockError::Io { path: path.to_owned(), source };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let mut text = String::new();
                let _ = file.take(32).read_to_string(&mut text);
                return Err(LockError::Held { path: path.to_owned(), holder: holder(text.trim()) });
            }
            Err(errno) => return Err(io(errno.into())),
        }
        file.set_len(0).map_err(io)?;
        file.rewind().map_err(io)?;
        writeln!(file, "{}", std::process::id()).map_err(io)?;
        Ok(Self { _file: file })
    }
}

/// A process as a person would know it.
fn holder(pid: &str) -> String {
    let Ok(pid) = pid.parse::<u32>() else { return "another process".into() };
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<_> = command.split(|byte| *byte == 0).filter(|word| !word.is_empty()).collect();
    let command = words.iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>().join(" ");
    if command.is_empty() { format!("process {pid}") } else { format!("process {pid} ({command})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_is_refused_with_its_holder_and_the_first_ends_with_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = Lock::take(&path).unwrap();
        let error = Lock::take(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        drop(first);
        Lock::take(&path).unwrap();
        let error = Lock::take(&dir.path().join("no/lock")).unwrap_err().to_string();
        assert!(error.contains("no/lock"), "{error}");
    }
}

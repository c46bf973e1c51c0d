//! The store: releases as they lie on the disk. A device holds release N or N+1, whole, whatever is cut when.
//!
//! ```text
//! store/blobs/ab/abcd…             every media file once, by its SHA-256
//! store/partial/abcd…              one that is not whole yet
//! store/generations/1.17/          release 17 of epoch 1: `manifest.json`, and in `accepted.json` the offer that was
//!                                  believed and the key that signed it; never changed
//! store/current -> generations/1.17
//! store/keys.json                  the keys that are believed since the last rotation
//! ```
//! The order of what is written is the whole secret. A blob is written beside, hashed on the way, synced, renamed, and its
//! folder synced. A generation is made beside, its files and its folder synced, renamed, and `generations` synced. Only
//! then may `current` be renamed over the old one, and `store` is synced; [`Store::switch`] returns after that, and only
//! then is anything taken away that the generation before needed. No sync is there for luck: `tests/crash.rs` takes each
//! of them away in turn, and the states after a power cut show it.
//!
//! Runs on the thread of whoever has it and blocks as disks do. It never touches the network, and takes nothing away that
//! plays or comes next: whoever asks for room says what that is.

mod blobs;
mod disk;
mod generations;
mod partial;
mod room;
mod scrub;
mod start;

use std::collections::{HashMap, HashSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use orchestrion_protocol::release::{Digest, Edition, Held, Keyring, Manifest, Offer, PublicKey, Refusal};
use serde::{Deserialize, Serialize};

use crate::time::Wall;

pub use disk::{Disk, DiskFile, RealDisk, Stat};
pub use partial::Partial;
pub use room::Room;
pub use scrub::{PIECE_LEN, Scrubbed};
pub use start::Findings;

/// Bytes of `accepted.json` and `keys.json`.
const SMALL_LEN_MAX: usize = 64 * 1024;
/// How often a file that cannot be read is tried again before it counts as damaged.
const READ_TRIES: usize = 3;
/// Generations that are looked at; a store has two or three.
const GENERATIONS_MAX: usize = 64;
/// Free bytes that are left to the rest of the system.
pub const RESERVE_BYTES: u64 = 256 * 1024 * 1024;

/// How a store is to be.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its folder.
    pub root: PathBuf,
    /// A release in a folder as a server would serve it, that plays where nothing else does; never written to.
    pub factory: Option<PathBuf>,
    /// Bytes that its blobs may have; `None`: as many as fit.
    pub quota_bytes: Option<u64>,
    /// Free bytes that it leaves on the disk.
    pub reserve_bytes: u64,
    /// The keys of the configuration.
    pub pinned: Vec<PublicKey>,
}

/// Why something could not be stored. What is held stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk refuses.
    #[error("{what} {path}: {source}{}", remedy(.source))]
    Disk {
        /// What was tried, as `cannot write`.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// There is not enough room, even without everything that may go.
    #[error(
        "the release needs {needed} more bytes, and there is room for {available} ({limit}); make room on the disk, raise the quota, or publish less"
    )]
    NoRoom {
        /// Bytes.
        needed: u64,
        /// Bytes.
        available: u64,
        /// What stands against more.
        limit: &'static str,
    },
    /// More bytes than the manifest says.
    #[error("{name} has more than its {size} bytes")]
    TooLong {
        /// Which blob.
        name: Digest,
        /// By the manifest.
        size: u64,
    },
    /// Other bytes than the manifest says.
    #[error("{name} has other content: its SHA-256 is {found}")]
    OtherContent {
        /// Which blob.
        name: Digest,
        /// What it is.
        found: Digest,
    },
    /// Files that a generation needs are not there.
    #[error("{missing} files of {edition} are not there yet, the first is {first}")]
    Incomplete {
        /// Which.
        edition: Edition,
        /// How many.
        missing: usize,
        /// One of them.
        first: Digest,
    },
    /// There is no such generation that is whole.
    #[error("{edition} is not in the store, or damaged")]
    NoGeneration {
        /// Which.
        edition: Edition,
    },
    /// The release is not believed.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl StoreError {
    fn disk(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Disk { what, path, source }
    }
}

/// What an operator can do about it.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => " (the disk is full: make room on it)",
        io::ErrorKind::ReadOnlyFilesystem => {
            " (the disk is read-only, often because it is failing: look at the kernel's log)"
        }
        _ => match error.raw_os_error() {
            // EIO: the number is the same on every Linux.
            Some(5) => " (the disk is failing: replace the card)",
            _ => "",
        },
    }
}

/// A generation that was opened.
#[derive(Debug, Clone)]
pub struct Generation {
    /// Which, and the name of its manifest.
    pub held: Held,
    /// What it says.
    pub manifest: Arc<Manifest>,
    /// Whether it is the factory's, whose blobs lie elsewhere.
    pub is_factory: bool,
}

/// What was believed when a generation was accepted.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Accepted {
    offer: Offer,
    /// What was accepted stays so, also when its key is rotated away later.
    key: PublicKey,
}

/// The keys after rotations, and what they began from.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Keys {
    /// Other keys in the configuration begin anew.
    pinned: Vec<PublicKey>,
    ring: Keyring,
}

/// See the head of this file.
pub struct Store {
    disk: Arc<dyn Disk>,
    settings: Settings,
    /// Blobs whose size is right, by name; what is damaged is in `damaged` as well.
    blobs: HashMap<Digest, Entry>,
    /// Blobs whose content was found wrong, until they are fetched again.
    damaged: HashSet<Digest>,
    current: Option<Generation>,
    /// The one before, while it is whole: a start could fall back to it.
    previous: Option<Edition>,
    ring: Keyring,
    scrub: scrub::Cursor,
}

/// A blob on the disk.
#[derive(Debug, Clone, Copy)]
struct Entry {
    size: u64,
    modified_s: i64,
}

impl Store {
    /// What is held.
    pub fn current(&self) -> Option<&Generation> {
        self.current.as_ref()
    }

    /// Which release is held, for comparing with what is offered; the factory's counts as nothing.
    pub fn held(&self) -> Option<Held> {
        self.current.as_ref().filter(|current| !current.is_factory).map(|current| current.held)
    }

    /// The keys that are believed.
    pub fn keys(&self) -> &Keyring {
        &self.ring
    }

    /// Where a blob lies, if it is whole as far as anybody knows.
    pub fn blob(&self, name: &Digest) -> Option<PathBuf> {
        let current = self.current.as_ref().filter(|current| current.is_factory);
        let named = current.filter(|current| current.manifest.blobs.iter().any(|blob| blob.sha256 == *name));
        match named {
            Some(factory) => self.blob_of(factory, name),
            None => self.has(name).then(|| self.blob_path(name)),
        }
    }

    /// Where a blob of this generation lies, if it is whole as far as anybody knows.
    pub fn blob_of(&self, generation: &Generation, name: &Digest) -> Option<PathBuf> {
        if self.has(name) {
            return Some(self.blob_path(name));
        }
        let factory = self.settings.factory.as_ref().filter(|_| generation.is_factory)?;
        Some(factory.join(orchestrion_protocol::release::blob_path(name)))
    }

    /// Since when what is held is held, as far as the disk knows.
    pub fn held_since(&self) -> Option<Wall> {
        let stat = self.disk.stat(&self.root().join(generations::CURRENT)).ok()?;
        Some(Wall(stat.modified_s.saturating_mul(1000)))
    }

    /// Whether a blob is there.
    pub fn has(&self, name: &Digest) -> bool {
        self.blobs.contains_key(name) && !self.damaged.contains(name)
    }

    /// Blobs that were found damaged and are not yet fetched again.
    pub fn damaged(&self) -> impl Iterator<Item = &Digest> {
        self.damaged.iter()
    }

    /// Bytes of all blobs.
    pub fn used_bytes(&self) -> u64 {
        self.blobs.values().fold(0, |sum, entry| sum.saturating_add(entry.size))
    }

    fn root(&self) -> &Path {
        &self.settings.root
    }

    fn blob_path(&self, name: &Digest) -> PathBuf {
        self.root().join(orchestrion_protocol::release::blob_path(name))
    }
}

/// A small file's bytes; one that cannot be read is tried again.
fn read_small(disk: &dyn Disk, path: &Path, max: usize) -> io::Result<Vec<u8>> {
    let read = || {
        let mut bytes = Vec::new();
        disk.read(path)?.take(max as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > max {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it has more than {max} bytes")));
        }
        Ok(bytes)
    };
    let mut last = read();
    for _ in 1..READ_TRIES {
        match &last {
            Err(error) if error.kind() != io::ErrorKind::NotFound => last = read(),
            Ok(_) | Err(_) => break,
        }
    }
    last
}

/// Writes a file that was not there and syncs it. What is left of one that was begun before is replaced.
fn write_synced(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let write = || {
        forget(disk, path)?;
        let mut file = disk.create(path)?;
        file.write_all(bytes)?;
        file.sync()
    };
    write().map_err(StoreError::disk("cannot write", path))
}

/// Takes a file away if it is there.
fn forget(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes a folder if it is not there, and says whether it did.
fn ensure_dir(disk: &dyn Disk, path: &Path) -> io::Result<bool> {
    match disk.create_dir(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;

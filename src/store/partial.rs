//! A blob that is being written: beside, hashed on the way, and never longer than it may be.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use orchestrion_protocol::release::{Blob, Digest, Hasher};

use super::{Disk, DiskFile, StoreError};

/// Bytes that are read at once.
const READ_LEN: usize = 256 * 1024;

/// See the head of this file. Dropped, what was written stays for the next time.
pub struct Partial {
    pub(super) path: PathBuf,
    pub(super) file: Box<dyn DiskFile>,
    hasher: Hasher,
    len: u64,
    blob: Blob,
}

impl Partial {
    /// Opens what is there of a blob, hashing it, or begins it.
    pub(super) fn open(disk: &dyn Disk, path: PathBuf, blob: Blob) -> Result<Self, StoreError> {
        let (mut hasher, mut len) = (Hasher::default(), 0);
        let read = |hasher: &mut Hasher, len: &mut u64| match disk.read(&path) {
            Ok(mut file) => hash(&mut file, hasher, len, blob.size),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        // What cannot be read, or is too long, is begun anew.
        if read(&mut hasher, &mut len).is_err() {
            super::forget(disk, &path).map_err(StoreError::disk("cannot remove", &path))?;
            (hasher, len) = (Hasher::default(), 0);
        }
        let mut file = disk.append(&path).map_err(StoreError::disk("cannot write", &path))?;
        match file.reserve(blob.size) {
            // Not every file system can; it is noticed at writing, then.
            Err(error) if is_unsupported(&error) => {}
            Err(error) => return Err(StoreError::disk("cannot reserve room for", &path)(error)),
            Ok(()) => {}
        }
        Ok(Self { path, file, hasher, len, blob })
    }

    /// Bytes that are there.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing of it is there.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether all of its bytes are there, right or wrong.
    pub fn is_full(&self) -> bool {
        self.len == self.blob.size
    }

    /// Which blob it is to be.
    pub fn blob(&self) -> &Blob {
        &self.blob
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// They are more than the blob has, or the disk refuses.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let len = self.len.saturating_add(bytes.len() as u64);
        if len > self.blob.size {
            return Err(StoreError::TooLong { name: self.blob.sha256, size: self.blob.size });
        }
        self.file.write_all(bytes).map_err(StoreError::disk("cannot write", &self.path))?;
        self.hasher.update(bytes);
        self.len = len;
        Ok(())
    }

    /// The SHA-256 of what is there.
    pub(super) fn digest(&self) -> Digest {
        self.hasher.clone().digest()
    }
}

/// Hashes a file that may have so many bytes.
fn hash(file: &mut dyn Read, hasher: &mut Hasher, len: &mut u64, max: u64) -> io::Result<()> {
    let mut buffer = vec![0; READ_LEN];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => {
                *len += read as u64;
                if *len > max {
                    return Err(io::ErrorKind::FileTooLarge.into());
                }
                hasher.update(&buffer[..read]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn is_unsupported(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput)
}

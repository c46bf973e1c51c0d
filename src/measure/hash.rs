//! The name of a file's content: SHA-256 over all its bytes, with the processor's instructions for it where it has them.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::Blob;

/// Bytes that are read at once.
const READ_LEN: usize = 256 * 1024;

/// Reads a file to its end; `None` when it was told to stop.
///
/// # Errors
/// The disk's words.
pub(super) fn blob_of(path: &Path, stopped: &dyn Fn() -> bool) -> io::Result<Option<Blob>> {
    // What was a file a moment ago may be a FIFO now; it must not block.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; READ_LEN];
    loop {
        if stopped() {
            return Ok(None);
        }
        match file.read(&mut buffer) {
            Ok(0) => return Ok(Some(Blob(hash.finalize().into()))),
            Ok(len) => hash.update(&buffer[..len]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

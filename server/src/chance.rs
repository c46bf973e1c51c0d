//! Bytes that nobody can guess: keys, tokens, codes, ids.

use std::fmt::Write;
use std::fs::File;
use std::io::Read;

use sha2::{Digest, Sha256};

use crate::Error;

/// So many bytes of the kernel's.
///
/// # Errors
/// The kernel has none, which is a broken system.
pub fn bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut chance = [0; N];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut chance))
        .map_err(|error| Error::Internal(format!("/dev/urandom: {error}")))?;
    Ok(chance)
}

/// `prefix` and `2 · N` hexadecimal digits.
///
/// # Errors
/// As [`bytes`].
pub fn name<const N: usize>(prefix: &str) -> Result<String, Error> {
    Ok(format!("{prefix}{}", hex(&bytes::<N>()?)))
}

/// The SHA-256 of a token, as it is kept. A token has 256 bits of chance, so it needs no slow hash.
pub fn hashed(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Into memory; it cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

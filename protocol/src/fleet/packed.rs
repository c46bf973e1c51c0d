//! Messages made small: zlib (RFC 1950), with a bound on what comes out.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

/// Why something cannot be unpacked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// More comes out than may.
    #[error("it unpacks to more than {0} bytes")]
    TooLong(usize),
    /// Cut off, or damaged.
    #[error("it is damaged or cut off: {0}")]
    Damaged(String),
}

/// Packs bytes.
pub fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Into memory; it cannot fail.
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
}

/// Unpacks at most `max` bytes.
///
/// # Errors
/// More would come out, or it is damaged.
pub fn unpack(bytes: &[u8], max: usize) -> Result<Vec<u8>, PackError> {
    let mut found = Vec::new();
    let mut decoder = ZlibDecoder::new(bytes).take(max as u64 + 1);
    decoder.read_to_end(&mut found).map_err(|error| PackError::Damaged(error.to_string()))?;
    if found.len() > max { Err(PackError::TooLong(max)) } else { Ok(found) }
}

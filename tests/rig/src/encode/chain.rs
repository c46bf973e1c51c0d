//! Ogg streams one after another in one file, as radio recorders leave them.

use std::fs;
use std::path::Path;

use super::Beside;
use crate::{Error, Result};

const HEADER_BYTES: usize = 27;

/// Puts Ogg files one after another into the file `path`. Each gets a serial number of its own, as the format wants it, so
/// that files of this rig, which all have the same, can be joined.
///
/// # Errors
/// [`Error::Io`] when the disk refuses, or a file is no Ogg file.
pub fn chained(links: &[&Path], path: &Path) -> Result<()> {
    let mut whole = Vec::new();
    for (link, serial) in links.iter().zip(1000_u32..) {
        let mut bytes = fs::read(link).map_err(Error::io("read", link))?;
        renumber(&mut bytes, serial).ok_or_else(|| {
            let source = std::io::Error::other("it is no Ogg file");
            Error::Io { what: "join", path: link.to_path_buf(), source }
        })?;
        whole.extend(bytes);
    }
    Beside::new(path)?.finish(|out| fs::write(out, &whole).map_err(Error::io("write", out)))
}

/// Gives all pages another serial number, and their checksums anew.
fn renumber(bytes: &mut [u8], serial: u32) -> Option<()> {
    let mut at = 0;
    while at < bytes.len() {
        let page = &mut bytes[at..];
        if !page.starts_with(b"OggS") {
            return None;
        }
        let body_at = HEADER_BYTES + usize::from(*page.get(26)?);
        let body_len: usize = page.get(HEADER_BYTES..body_at)?.iter().map(|len| usize::from(*len)).sum();
        let page = page.get_mut(..body_at + body_len)?;
        page[14..18].copy_from_slice(&serial.to_le_bytes());
        page[22..26].fill(0);
        let sum = page.iter().fold(0, |sum, byte| step(sum ^ u32::from(*byte) << 24));
        page[22..26].copy_from_slice(&sum.to_le_bytes());
        at += body_at + body_len;
    }
    Some(())
}

/// Eight bits of Ogg's checksum (RFC 3533, section 6).
fn step(sum: u32) -> u32 {
    (0..8).fold(sum, |sum, _| sum << 1 ^ if sum & 0x8000_0000 == 0 { 0 } else { 0x04C1_1DB7 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::{Format, encode};
    use crate::signal;

    #[test]
    fn the_same_number_again_changes_nothing_and_another_one_changes_the_checksums() {
        if !Format::Vorbis.is_available() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ogg");
        encode(&signal::sine(440.0, 0.5, 0.0, 44_100, 10_000), 1, 44_100, Format::Vorbis, &path).unwrap();
        let before = fs::read(&path).unwrap();
        let mut after = before.clone();
        renumber(&mut after, 1).unwrap();
        assert_eq!(before, after, "the rig's encoder is told to use 1");
        renumber(&mut after, 2).unwrap();
        assert_ne!(before[22..26], after[22..26]);
        let page_end = HEADER_BYTES + 1 + usize::from(before[HEADER_BYTES]);
        assert_eq!(before[HEADER_BYTES..page_end], after[HEADER_BYTES..page_end]);
        assert!(chained(&[Path::new("/dev/null/x")], &path).is_err());
    }
}

//! The boxes of an MP4 file (ISO/IEC 14496-12, section 4.2): walked by their headers, within limits, and never taken at
//! their word about a length.

use std::cell::Cell;
use std::io;
use std::ops::Range;

use super::SoundFile;

/// Boxes that are looked at in a file.
const BOXES_MAX: usize = 50_000;
/// Bytes of one box that are read, all boxes but the tables of samples being tiny.
const BODY_LEN_MAX: u64 = 16 * 1024 * 1024;

/// Why a file's boxes cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error(transparent)]
    Unreadable(#[from] io::Error),
    #[error("its MP4 headers are damaged: {0}")]
    Damaged(String),
}

/// A box.
#[derive(Debug, Clone)]
pub(super) struct Mp4Box {
    pub(super) kind: [u8; 4],
    /// Where its header begins.
    pub(super) at: u64,
    pub(super) body: Range<u64>,
    /// It says that it goes on behind the end of what it is in.
    pub(super) is_cut: bool,
}

impl Mp4Box {
    /// Its type, in words.
    pub(super) fn name(&self) -> String {
        self.kind.escape_ascii().to_string()
    }

    /// Bytes of its body.
    pub(super) fn len(&self) -> u64 {
        self.body.end - self.body.start
    }
}

/// Reads boxes, as long as it is reasonable.
pub(super) struct Boxes<'a> {
    sound: &'a SoundFile,
    seen: Cell<usize>,
}

impl<'a> Boxes<'a> {
    pub(super) fn new(sound: &'a SoundFile) -> Self {
        Self { sound, seen: Cell::new(0) }
    }

    /// The boxes that lie in another one, whole.
    pub(super) fn within(&self, bytes: Range<u64>) -> Result<Vec<Mp4Box>, Broken> {
        let boxes = self.all(bytes)?;
        match boxes.iter().find(|child| child.is_cut) {
            Some(child) => Err(Broken::Damaged(format!("`{}` is longer than what it lies in", child.name()))),
            None => Ok(boxes),
        }
    }

    /// The boxes of a file, of which the last one may be cut off. Bytes at the end that are too few for a header belong to
    /// nobody.
    pub(super) fn all(&self, bytes: Range<u64>) -> Result<Vec<Mp4Box>, Broken> {
        let mut boxes = Vec::new();
        let mut at = bytes.start;
        while at + 8 <= bytes.end {
            let mut head = [0u8; 16];
            let got = self.sound.read_at(at, &mut head)?;
            if got < 8 {
                break;
            }
            let kind = [head[4], head[5], head[6], head[7]];
            let mut header_len = 8;
            let len = match u32::from_be_bytes([head[0], head[1], head[2], head[3]]) {
                // QuickTime ends lists in `udta` and `wave` with a zero.
                0 if kind == [0; 4] => break,
                0 => bytes.end - at,
                1 if got == 16 => {
                    header_len = 16;
                    head[8..].iter().fold(0u64, |len, byte| len << 8 | u64::from(*byte))
                }
                len => u64::from(len),
            };
            if len < header_len {
                return Err(Broken::Damaged(format!("a box of {len} bytes")));
            }
            self.seen.set(self.seen.get() + 1);
            if self.seen.get() > BOXES_MAX {
                return Err(Broken::Damaged(format!("more than {BOXES_MAX} boxes")));
            }
            let end = at.saturating_add(len);
            let is_cut = end > bytes.end;
            let end = end.min(bytes.end);
            boxes.push(Mp4Box { kind, at, body: (at + header_len).min(end)..end, is_cut });
            at = end;
        }
        Ok(boxes)
    }

    /// The body of a box. Its length has been compared with the file's; here is what may be held in memory.
    pub(super) fn body(&self, of: &Mp4Box) -> Result<Vec<u8>, Broken> {
        if of.len() > BODY_LEN_MAX {
            return Err(Broken::Damaged(format!("`{}` is longer than it can be", of.name())));
        }
        let mut body = vec![0; of.len() as usize];
        let got = self.sound.read_at(of.body.start, &mut body)?;
        body.truncate(got);
        Ok(body)
    }
}

/// Numbers out of a body, one after another; all are written with the highest byte first.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Broken> {
        let split = self.0.split_at_checked(count);
        let (taken, rest) = split.ok_or_else(|| Broken::Damaged("a box is too short".into()))?;
        self.0 = rest;
        Ok(taken)
    }

    /// A number of up to 8 bytes.
    pub(super) fn number(&mut self, bytes: usize) -> Result<u64, Broken> {
        Ok(self.bytes(bytes)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// The length of the table that begins here, with entries of so many bytes: no more than there are.
    pub(super) fn table(&mut self, entry_len: usize) -> Result<usize, Broken> {
        let count = self.number(4)? as usize;
        if self.0.len() / entry_len < count {
            return Err(Broken::Damaged(format!("a table of {count} entries in {} bytes", self.0.len())));
        }
        Ok(count)
    }
}

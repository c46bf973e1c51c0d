//! A file as a decoder may read it: only regular files, no more than it needs, and no error forgotten.
//!
//! A decoder turns read errors into an end of the song; this reader remembers them. It hides an ID3v2 tag, which may be as
//! large as its pictures, and it bounds what may be read before the first sound.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use super::LoadError;

/// Bytes that may be read before the first sound; a file of garbage is given up after them.
const OPEN_READ_MAX: u64 = 64 * 1024 * 1024;
/// Bytes that the reader holds.
const BUFFER_LEN: usize = 32 * 1024;
/// What went wrong while reading; shared with the decoder's reader.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    error: Mutex<Option<LoadError>>,
    read_bytes: AtomicU64,
    is_open: AtomicBool,
}

impl Trouble {
    /// What went wrong first, so far.
    pub(super) fn error(&self) -> Option<LoadError> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first sound is there: read on as far as it goes.
    pub(super) fn opened(&self) {
        self.is_open.store(true, Ordering::Relaxed);
    }

    /// A decoder gives up inside its song, and says why. The first word counts.
    pub(super) fn fail(&self, error: LoadError) {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    /// Remembers an error, if it is the first.
    pub(super) fn note(&self, error: &io::Error) {
        self.fail(LoadError::Unreadable(error.to_string()));
    }

    /// Counts what is read, as long as that has an end.
    fn allow(&self) -> io::Result<()> {
        if !self.is_open.load(Ordering::Relaxed) && self.read_bytes.load(Ordering::Relaxed) > OPEN_READ_MAX {
            return Err(io::Error::other(format!("no sound in its first {} MiB", OPEN_READ_MAX >> 20)));
        }
        Ok(())
    }
}

/// A file that a decoder can have. A copy is another view of the same open file.
#[derive(Debug, Clone)]
pub(super) struct SoundFile {
    file: Arc<File>,
    /// Where the sound begins, behind an ID3v2 tag. Places count from here.
    start: u64,
    pub(super) trouble: Arc<Trouble>,
    /// Bytes that a decoder sees.
    pub(super) len: u64,
    /// Bytes of the whole file.
    pub(super) size: u64,
    pub(super) modified_ms: i64,
}

/// A part of what a decoder sees instead of the file: a file put together anew, without a copy of it.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    /// Bytes of the file, from here to there.
    File(Range<u64>),
    /// Bytes that are put in.
    Bytes(Arc<[u8]>),
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Self::File(range) => range.end.saturating_sub(range.start),
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }
}

impl SoundFile {
    /// All of it.
    #[cfg(test)]
    pub(super) fn reader(&self) -> SoundReader {
        self.reader_of(vec![Piece::File(0..self.len)])
    }

    /// Another file, made of pieces of this one.
    pub(super) fn reader_of(&self, pieces: Vec<Piece>) -> SoundReader {
        let len = pieces.iter().map(Piece::len).sum();
        SoundReader { sound: self.clone(), pieces, len, at: 0, buffer: Vec::new(), buffer_at: 0 }
    }

    /// Reads as many bytes at a place as there are.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.trouble.allow()?;
        let mut got = 0;
        while got < buffer.len() && at + (got as u64) < self.len {
            match self.file.read_at(&mut buffer[got..], self.start + at + got as u64) {
                Ok(0) => break,
                Ok(n) => got += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    self.trouble.note(&e);
                    return Err(e);
                }
            }
        }
        self.trouble.read_bytes.fetch_add(got as u64, Ordering::Relaxed);
        Ok(got)
    }

    /// The error for a read that failed.
    pub(super) fn unreadable(&self, error: &io::Error) -> LoadError {
        self.trouble.error().unwrap_or_else(|| LoadError::NotDecodable(error.to_string()))
    }
}

/// Opens a regular file that is not empty.
///
/// # Errors
/// It cannot be opened, or it is something else than a file, or empty.
pub(super) fn open_regular(path: &Path) -> Result<(File, Metadata), LoadError> {
    // Without O_NONBLOCK opening a FIFO would block the deck for ever.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(|e| LoadError::Unreadable(words(&e)))?;
    let meta = file.metadata().map_err(|e| LoadError::Unreadable(words(&e)))?;
    let kind = meta.file_type();
    if !kind.is_file() {
        return Err(LoadError::NotAFile(if kind.is_dir() {
            "a folder"
        } else if kind.is_fifo() {
            "a FIFO"
        } else if kind.is_socket() {
            "a socket"
        } else {
            "a device"
        }));
    }
    if meta.len() == 0 {
        return Err(LoadError::NotDecodable("the file is empty".into()));
    }
    Ok((file, meta))
}

/// Opens a file for decoding.
///
/// # Errors
/// As for [`open_regular`].
pub(super) fn open(path: &Path) -> Result<SoundFile, LoadError> {
    let (file, meta) = open_regular(path)?;
    let size = meta.len();
    let modified_ms = meta
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or_default();
    let start = id3v2_len(&file).map_err(|e| LoadError::Unreadable(words(&e)))?.min(size);
    let trouble = Arc::new(Trouble::default());
    Ok(SoundFile { file: Arc::new(file), start, trouble, len: size - start, size, modified_ms })
}

/// An error in a person's words.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".into(),
        io::ErrorKind::PermissionDenied => "no permission to read it".into(),
        _ if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => "a loop of links".into(),
        _ => error.to_string(),
    }
}

/// Bytes of the ID3v2 tag before the sound of a file (ID3v2.4 structure, sections 3.1 and 3.4): its header, body and footer.
///
/// # Errors
/// The file cannot be read.
pub fn id3v2_len(file: &File) -> io::Result<u64> {
    let mut head = [0u8; 10];
    if !read_whole(file, 0, &mut head)?
        || !head.starts_with(b"ID3")
        || head[6..].iter().any(|b| b & 0x80 != 0)
    {
        return Ok(0);
    }
    let body = head[6..].iter().fold(0u64, |len, byte| len << 7 | u64::from(*byte));
    let footer = if head[5] & 0x10 != 0 { 10 } else { 0 };
    Ok(10 + body + footer)
}

fn read_whole(file: &File, at: u64, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact_at(buffer, at) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(e) => Err(e),
    }
}

/// What a decoder reads from.
#[derive(Debug)]
pub(super) struct SoundReader {
    sound: SoundFile,
    pieces: Vec<Piece>,
    len: u64,
    at: u64,
    buffer: Vec<u8>,
    buffer_at: u64,
}

impl SoundReader {
    /// Bytes of all pieces.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Fills the buffer from where the reader is, within one piece.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.clear();
        self.buffer_at = self.at;
        let mut begin = 0;
        for piece in &self.pieces {
            let len = piece.len();
            if self.at < begin + len {
                let within = self.at - begin;
                let wanted = (len - within).min(BUFFER_LEN as u64) as usize;
                match piece {
                    Piece::Bytes(bytes) => {
                        let from = within as usize;
                        self.buffer.extend_from_slice(&bytes[from..from + wanted]);
                    }
                    Piece::File(range) => {
                        self.buffer.resize(wanted, 0);
                        let got = self.sound.read_at(range.start + within, &mut self.buffer);
                        self.buffer.truncate(*got.as_ref().unwrap_or(&0));
                        got?;
                    }
                }
                return Ok(());
            }
            begin += len;
        }
        Ok(())
    }
}

impl Read for SoundReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !(self.buffer_at..self.buffer_at + self.buffer.len() as u64).contains(&self.at) {
            self.fill()?;
        }
        let ready = self.buffer.get((self.at - self.buffer_at) as usize..).unwrap_or_default();
        let read = ready.len().min(buffer.len());
        buffer[..read].copy_from_slice(&ready[..read]);
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for SoundReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        let Some(target) = target else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a seek to before the start"));
        };
        self.at = target;
        Ok(target)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file_of(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn an_id3_tag_is_hidden_and_seeks_count_from_behind_it() {
        let mut bytes = b"ID3\x04\x00\x00\x00\x00\x01\x00".to_vec();
        bytes.extend([0u8; 128]);
        bytes.extend(b"0123456789");
        let file = file_of(&bytes);
        let sound = open(file.path()).unwrap();
        assert_eq!((sound.len, sound.size), (10, bytes.len() as u64));
        let mut reader = sound.reader();
        let mut all = String::new();
        reader.read_to_string(&mut all).unwrap();
        assert_eq!(all, "0123456789");
        assert_eq!(reader.seek(SeekFrom::End(-3)).unwrap(), 7);
        assert_eq!(reader.seek(SeekFrom::Current(1)).unwrap(), 8);
        assert!(reader.seek(SeekFrom::End(-11)).is_err());
    }

    #[test]
    fn a_file_is_put_together_anew_from_pieces_and_seeks_go_across_them() {
        let file = file_of(b"0123456789");
        let sound = open(file.path()).unwrap();
        let pieces = vec![Piece::File(2..5), Piece::Bytes(b"free".as_slice().into()), Piece::File(9..10)];
        let mut reader = sound.reader_of(pieces);
        assert_eq!(reader.len(), 8);
        let mut all = String::new();
        reader.read_to_string(&mut all).unwrap();
        assert_eq!(all, "234free9");
        for (at, rest) in ["234free9", "34free9", "4free9", "free9", "ree9", "ee9", "e9", "9", "", ""]
            .into_iter()
            .enumerate()
        {
            reader.seek(SeekFrom::Start(at as u64)).unwrap();
            all.clear();
            reader.read_to_string(&mut all).unwrap();
            assert_eq!(all, rest, "from {at}");
        }
    }

    #[test]
    fn what_is_no_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(open(dir.path()).unwrap_err().to_string(), "it is a folder, not a file");
        assert_eq!(open(&dir.path().join("a.mp3")).unwrap_err().to_string(), "there is no such file");
        assert_eq!(open(file_of(b"").path()).unwrap_err().to_string(), "the file is empty");
        assert_eq!(open(Path::new("/dev/null")).unwrap_err().to_string(), "it is a device, not a file");
    }
}

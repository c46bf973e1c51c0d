//! A file as a decoder may read it: only regular files, no more than it needs, and no error forgotten.
//!
//! rodio turns read errors into an end of the song; this reader remembers them. It hides an ID3v2 tag, which may be as
//! large as its pictures, and it bounds what may be read before the first sound.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
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
/// From an end that was cut off an Ogg page is at most this far away (RFC 3533: 65,307 bytes).
const OGG_PAGE_LEN_MAX: u64 = 65_307;

/// What went wrong while reading; shared with the decoder's reader.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    error: Mutex<Option<String>>,
    read_bytes: AtomicU64,
    is_open: AtomicBool,
}

impl Trouble {
    /// The first read error so far.
    pub(super) fn error(&self) -> Option<String> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first sound is there: read on as far as it goes.
    pub(super) fn opened(&self) {
        self.is_open.store(true, Ordering::Relaxed);
    }

    /// Remembers an error, if it is the first.
    pub(super) fn note(&self, error: &io::Error) {
        let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| error.to_string());
    }
}

/// A file that a decoder can have.
#[derive(Debug)]
pub(super) struct SoundFile {
    pub(super) reader: SoundReader,
    pub(super) trouble: Arc<Trouble>,
    /// Bytes that the decoder sees.
    pub(super) len: u64,
    /// Bytes of the whole file.
    pub(super) size: u64,
    pub(super) modified_ms: i64,
    /// An Ogg file whose last page is not there.
    pub(super) ogg_is_cut: bool,
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
    let (mut file, meta) = open_regular(path)?;
    let size = meta.len();
    let modified_ms = meta
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or_default();
    let start = id3v2_len(&mut file).map_err(|e| LoadError::Unreadable(words(&e)))?.min(size);
    let ogg_is_cut = ogg_is_cut(&mut file, size).map_err(|e| LoadError::Unreadable(words(&e)))?;
    file.seek(SeekFrom::Start(start)).map_err(|e| LoadError::Unreadable(words(&e)))?;
    let trouble = Arc::new(Trouble::default());
    let reader = SoundReader {
        file: BufReader::with_capacity(BUFFER_LEN, file),
        start,
        len: size - start,
        trouble: Arc::clone(&trouble),
    };
    Ok(SoundFile { reader, trouble, len: size - start, size, modified_ms, ogg_is_cut })
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

/// Bytes before the sound of an MP3 file (ID3v2.4 structure, sections 3.1 and 3.4): the tag's header, body and footer.
fn id3v2_len(file: &mut File) -> io::Result<u64> {
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

/// Whether this is an Ogg file without an end (RFC 3533, section 6): its last page must be whole and say that it is the
/// last one.
fn ogg_is_cut(file: &mut File, size: u64) -> io::Result<bool> {
    let mut magic = [0u8; 4];
    if !read_whole(file, 0, &mut magic)? || &magic != b"OggS" {
        return Ok(false);
    }
    let tail_len = size.min(OGG_PAGE_LEN_MAX);
    let mut tail = vec![0u8; tail_len as usize];
    if !read_whole(file, size - tail_len, &mut tail)? {
        return Ok(true);
    }
    let Some(at) = tail.windows(4).rposition(|window| window == b"OggS") else { return Ok(true) };
    let page = &tail[at..];
    let (Some(flags), Some(segments)) = (page.get(5), page.get(26)) else { return Ok(true) };
    let table = page.get(27..27 + usize::from(*segments));
    let whole =
        table.is_some_and(|t| page.len() >= 27 + t.len() + t.iter().map(|s| usize::from(*s)).sum::<usize>());
    Ok(flags & 0x04 == 0 || !whole)
}

fn read_whole(file: &mut File, at: u64, buffer: &mut [u8]) -> io::Result<bool> {
    file.seek(SeekFrom::Start(at))?;
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(e) => Err(e),
    }
}

/// What the decoder reads from.
#[derive(Debug)]
pub(super) struct SoundReader {
    file: BufReader<File>,
    start: u64,
    len: u64,
    trouble: Arc<Trouble>,
}

impl Read for SoundReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.trouble.is_open.load(Ordering::Relaxed)
            && self.trouble.read_bytes.load(Ordering::Relaxed) > OPEN_READ_MAX
        {
            return Err(io::Error::other(format!("no sound in its first {} MiB", OPEN_READ_MAX >> 20)));
        }
        let read = self.file.read(buffer).inspect_err(|e| self.trouble.note(e))?;
        self.trouble.read_bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Seek for SoundReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => {
                self.file.stream_position()?.saturating_sub(self.start).checked_add_signed(by)
            }
        };
        let Some(target) = target else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a seek to before the start"));
        };
        // The buffer is kept where the target lies in it.
        let here = self.file.stream_position()?;
        let there = self.start + target;
        let by = there.cast_signed() - here.cast_signed();
        self.file.seek_relative(by).inspect_err(|e| self.trouble.note(e))?;
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
        let mut sound = open(file.path()).unwrap();
        assert_eq!((sound.len, sound.size), (10, bytes.len() as u64));
        let mut all = String::new();
        sound.reader.read_to_string(&mut all).unwrap();
        assert_eq!(all, "0123456789");
        assert_eq!(sound.reader.seek(SeekFrom::End(-3)).unwrap(), 7);
        assert_eq!(sound.reader.seek(SeekFrom::Current(1)).unwrap(), 8);
        assert!(sound.reader.seek(SeekFrom::End(-11)).is_err());
    }

    #[test]
    fn an_ogg_page_without_an_end_is_noticed() {
        let page = |flags: u8, body: usize| {
            let mut page = b"OggS\x00".to_vec();
            page.push(flags);
            page.extend([0u8; 20]);
            page.extend([1, 50]);
            page.extend(vec![7u8; body]);
            page
        };
        assert!(!open(file_of(&page(4, 50)).path()).unwrap().ogg_is_cut);
        assert!(open(file_of(&page(0, 50)).path()).unwrap().ogg_is_cut);
        assert!(open(file_of(&page(4, 49)).path()).unwrap().ogg_is_cut);
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

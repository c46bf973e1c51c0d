//! Ogg pages (RFC 3533): found, checked, and put together to packets.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;

use super::SoundFile;

/// Bytes of the longest page: a header, 255 segments, and 255 bytes in each.
pub(super) const PAGE_LEN_MAX: usize = 27 + 255 + 255 * 255;
/// Bytes without a page that are searched for the next one.
const GARBAGE_LEN_MAX: u64 = 1024 * 1024;
/// Bytes that are read at once.
const WINDOW_LEN: usize = 16 * 1024;
/// A packet longer than this is no music.
const PACKET_LEN_MAX: usize = 1024 * 1024;
/// The granule position of a page on which no packet ends.
const NO_GRANULE: u64 = u64::MAX;
/// How a page begins.
const CAPTURE: &[u8; 4] = b"OggS";
const HEADER_LEN: usize = 27;

/// A page that is whole and whose checksum is right.
#[derive(Debug, Clone)]
pub(super) struct Page {
    /// Where it is, in bytes.
    pub(super) at: u64,
    pub(super) is_first: bool,
    pub(super) is_last: bool,
    /// It begins inside a packet.
    pub(super) is_continued: bool,
    /// The place in the stream after the last packet that ends here; `None` if none does.
    pub(super) granule: Option<u64>,
    pub(super) serial: u32,
    pub(super) sequence: u32,
    /// Lengths of the segments.
    lacing: Vec<u8>,
    body: Vec<u8>,
}

impl Page {
    /// Where the next one should begin.
    pub(super) fn end(&self) -> u64 {
        self.at + (HEADER_LEN + self.lacing.len() + self.body.len()) as u64
    }

    /// The bytes of each packet on it, and whether the packet ends here.
    pub(super) fn parts(&self) -> impl Iterator<Item = (&[u8], bool)> {
        let mut segments = self.lacing.iter();
        let mut at = 0;
        std::iter::from_fn(move || {
            let from = at;
            let mut ends = false;
            let mut any = false;
            for len in segments.by_ref() {
                any = true;
                at += usize::from(*len);
                if *len < 255 {
                    ends = true;
                    break;
                }
            }
            any.then(|| (self.body.get(from..at).unwrap_or_default(), ends))
        })
    }

    /// How many packets end on it that also began on it or are taken up from the page before.
    pub(super) fn packets_ended(&self) -> usize {
        self.lacing.iter().filter(|len| **len < 255).count()
    }

    /// Reads the page that begins with `bytes`; `Err` with the bytes that are needed to say, 0 if it is none.
    fn parse(at: u64, bytes: &[u8]) -> Result<Self, usize> {
        let Some(header) = bytes.get(..HEADER_LEN) else { return Err(HEADER_LEN) };
        if !header.starts_with(CAPTURE) || header[4] != 0 {
            return Err(0);
        }
        let lacing_end = HEADER_LEN + usize::from(header[26]);
        let Some(lacing) = bytes.get(HEADER_LEN..lacing_end) else { return Err(lacing_end) };
        let end = lacing_end + lacing.iter().map(|len| usize::from(*len)).sum::<usize>();
        let Some(body) = bytes.get(lacing_end..end) else { return Err(end) };
        let word =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let sum = checksum(checksum(0, &header[..22]), &[0; 4]);
        if checksum(checksum(sum, &header[26..]), &bytes[HEADER_LEN..end]) != word(22) {
            return Err(0);
        }
        let granule = u64::from(word(6)) | u64::from(word(10)) << 32;
        Ok(Self {
            at,
            is_first: header[5] & 2 != 0,
            is_last: header[5] & 4 != 0,
            is_continued: header[5] & 1 != 0,
            granule: (granule != NO_GRANULE).then_some(granule),
            serial: word(14),
            sequence: word(18),
            lacing: lacing.to_vec(),
            body: body.to_vec(),
        })
    }
}

/// Ogg's CRC-32 (polynomial 0x04C11DB7, highest bit first, no inversion), a table of it.
const CHECKSUMS: [u32; 256] = {
    let mut table = [0u32; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 0x8000_0000 == 0 { sum << 1 } else { sum << 1 ^ 0x04C1_1DB7 };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
};

fn checksum(sum: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(sum, |sum, byte| sum << 8 ^ CHECKSUMS[(sum >> 24) as usize ^ usize::from(*byte)])
}

/// Reads pages anywhere in a file, and holds little of it.
#[derive(Debug)]
pub(super) struct PageReader {
    sound: SoundFile,
    window: Vec<u8>,
    window_at: u64,
}

impl PageReader {
    pub(super) fn new(sound: &SoundFile) -> Self {
        Self { sound: sound.clone(), window: Vec::new(), window_at: 0 }
    }

    /// The first page that begins within these bytes; what is none is passed over.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn next(&mut self, within: Range<u64>) -> io::Result<Option<Page>> {
        let until = within.end.min(within.start.saturating_add(GARBAGE_LEN_MAX));
        let mut at = within.start;
        while at < until {
            self.hold(at, HEADER_LEN)?;
            let held = &self.window[(at - self.window_at) as usize..];
            if held.len() < HEADER_LEN {
                return Ok(None);
            }
            match held.windows(CAPTURE.len()).position(|bytes| bytes == CAPTURE) {
                None => at += (held.len() - CAPTURE.len() + 1) as u64,
                Some(0) => match self.parse(at)? {
                    Some(page) => return Ok(Some(page)),
                    None => at += 1,
                },
                Some(skipped) => at += skipped as u64,
            }
        }
        Ok(None)
    }

    /// The next page of one stream.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn next_of(&mut self, serial: u32, within: Range<u64>) -> io::Result<Option<Page>> {
        let mut at = within.start;
        while let Some(page) = self.next(at..within.end)? {
            if page.serial == serial {
                return Ok(Some(page));
            }
            at = page.end();
        }
        Ok(None)
    }

    fn parse(&mut self, at: u64) -> io::Result<Option<Page>> {
        let mut needed = HEADER_LEN;
        // Header, lacing, body: each tells how long the next one is.
        for _ in 0..4 {
            self.hold(at, needed)?;
            let held = &self.window[(at - self.window_at) as usize..];
            match Page::parse(at, held) {
                Ok(page) => return Ok(Some(page)),
                Err(0) => return Ok(None),
                Err(more) if more <= held.len() => return Ok(None),
                Err(more) => needed = more,
            }
            if held.len() < needed && self.window_at + (self.window.len() as u64) >= self.sound.len {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// Makes the window hold `len` bytes from `at`, or all that there are.
    fn hold(&mut self, at: u64, len: usize) -> io::Result<()> {
        let held = self.window_at..self.window_at + self.window.len() as u64;
        if held.start <= at && at + len as u64 <= held.end {
            return Ok(());
        }
        self.window.resize(WINDOW_LEN.max(len), 0);
        self.window_at = at;
        let got = self.sound.read_at(at, &mut self.window);
        self.window.truncate(*got.as_ref().unwrap_or(&0));
        got?;
        Ok(())
    }
}

/// Puts packets of one stream together from its pages.
#[derive(Debug, Default)]
pub(super) struct Packets {
    /// The beginning of a packet that goes on on the next page.
    partial: Option<Vec<u8>>,
    sequence: Option<u32>,
}

impl Packets {
    /// Takes a page and appends the packets that end on it. `false`: pages before it are missing, and so is the beginning of
    /// what it began with.
    pub(super) fn take(&mut self, page: &Page, packets: &mut VecDeque<Vec<u8>>) -> bool {
        let is_next = self.sequence.is_none_or(|before| page.sequence == before.wrapping_add(1));
        self.sequence = Some(page.sequence);
        if !is_next || !page.is_continued {
            self.partial = None;
        }
        let mut is_tail = page.is_continued && self.partial.is_none();
        for (part, ends) in page.parts() {
            let mut packet = self.partial.take().unwrap_or_default();
            if packet.len() + part.len() <= PACKET_LEN_MAX {
                packet.extend_from_slice(part);
            }
            if ends && !is_tail {
                packets.push_back(packet);
            } else if !is_tail {
                self.partial = Some(packet);
            }
            // The tail of a packet whose beginning nobody has may run over more than this page.
            is_tail = is_tail && !ends;
        }
        is_next
    }
}

/// Writes packets as pages, so that a decoder finds headers that say no more than it needs.
pub(super) fn pages_of(packets: &[Vec<u8>], serial: u32, first_sequence: u32) -> Vec<u8> {
    let mut segments: Vec<(u8, &[u8])> = Vec::new();
    for packet in packets {
        for piece in packet.chunks(255) {
            segments.push((piece.len() as u8, piece));
        }
        if packet.len().is_multiple_of(255) {
            segments.push((0, &[]));
        }
    }
    let mut pages = Vec::new();
    let mut is_continued = false;
    for (sequence, segments) in (first_sequence..).zip(segments.chunks(255)) {
        let ends = segments.iter().any(|(len, _)| *len < 255);
        let granule = if ends { 0 } else { NO_GRANULE };
        let begin = pages.len();
        pages.extend_from_slice(CAPTURE);
        pages.extend_from_slice(&[0, u8::from(is_continued)]);
        pages.extend_from_slice(&granule.to_le_bytes());
        pages.extend_from_slice(&serial.to_le_bytes());
        pages.extend_from_slice(&sequence.to_le_bytes());
        pages.extend_from_slice(&[0, 0, 0, 0, segments.len() as u8]);
        pages.extend(segments.iter().map(|(len, _)| *len));
        segments.iter().for_each(|(_, piece)| pages.extend_from_slice(piece));
        let sum = checksum(0, &pages[begin..]);
        pages[begin + 22..begin + 26].copy_from_slice(&sum.to_le_bytes());
        is_continued = segments.last().is_some_and(|(len, _)| *len == 255);
    }
    pages
}

/// Makes the first of these pages the first one of its stream.
pub(super) fn mark_first(pages: &mut [u8]) {
    let Some(len) = pages.get(26).map(|count| HEADER_LEN + usize::from(*count)) else { return };
    let len = len + pages[HEADER_LEN..len].iter().map(|len| usize::from(*len)).sum::<usize>();
    pages[5] |= 2;
    pages[22..26].fill(0);
    let sum = checksum(0, &pages[..len]);
    pages[22..26].copy_from_slice(&sum.to_le_bytes());
}

//! The links of an Ogg file: streams one after another, each with its own headers, as `cat a.ogg b.ogg` gives and as radio
//! recorders do.

use std::io;
use std::ops::Range;

use super::page::{PAGE_LEN_MAX, Page, PageReader};
use super::{LoadError, SoundFile};

/// Links that are played.
pub(super) const LINKS_MAX: usize = 512;
/// Streams that a link may hold beside each other.
const STREAMS_MAX: usize = 16;
/// How far from its end a link's last page is searched.
const TAIL_LEN_MAX: u64 = 1024 * 1024;
/// Halvings of a file until the end of a link is near; enough for any length.
const HALVINGS_MAX: usize = 64;

/// What a stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Vorbis,
    Opus,
    Flac,
    Speex,
    /// Film, text, an index: nothing to hear.
    Silent,
}

/// A stream of a link.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    pub(super) codec: Codec,
    /// Its first page, with its first header.
    pub(super) first: Page,
}

/// A part of the file with streams of its own.
#[derive(Debug, Clone)]
pub(super) struct Link {
    /// Its bytes.
    pub(super) bytes: Range<u64>,
    pub(super) streams: Vec<Stream>,
}

/// All links of a file.
#[derive(Debug)]
pub(super) struct Links {
    pub(super) links: Vec<Link>,
    /// Why it cannot be whole.
    pub(super) cut: Option<&'static str>,
}

impl Link {
    fn has(&self, serial: u32) -> bool {
        self.streams.iter().any(|stream| stream.first.serial == serial)
    }

    /// Where the pages behind the first ones begin.
    pub(super) fn behind_first_pages(&self) -> u64 {
        self.streams.iter().map(|stream| stream.first.end()).max().unwrap_or(self.bytes.start)
    }

    /// What is to be heard in it.
    pub(super) fn heard(&self) -> impl Iterator<Item = &Stream> {
        self.streams.iter().filter(|stream| stream.codec != Codec::Silent)
    }
}

fn codec_of(first: &Page) -> Codec {
    let head = first.parts().next().map(|(bytes, _)| bytes).unwrap_or_default();
    let known: [(&[u8], Codec); 4] = [
        (b"\x01vorbis", Codec::Vorbis),
        (b"OpusHead", Codec::Opus),
        (b"\x7FFLAC", Codec::Flac),
        (b"Speex   ", Codec::Speex),
    ];
    known.iter().find(|(magic, _)| head.starts_with(magic)).map_or(Codec::Silent, |(_, codec)| *codec)
}

/// Finds all links.
///
/// # Errors
/// The file cannot be read, or it has no link with anything in it.
pub(super) fn links(sound: &SoundFile, pages: &mut PageReader) -> Result<Links, LoadError> {
    find(sound, pages).map_err(|e| sound.unreadable(&e)).and_then(|found| {
        if found.links.is_empty() {
            return Err(LoadError::NotDecodable("nothing in it can be decoded (no whole Ogg page)".into()));
        }
        Ok(found)
    })
}

fn find(sound: &SoundFile, pages: &mut PageReader) -> io::Result<Links> {
    let file_end = sound.len;
    let last = last_page(pages, 0..file_end, |_| true)?;
    let mut cut = match &last {
        Some(page) if page.is_last => None,
        _ => Some("its last Ogg page is missing"),
    };
    let last_serial = last.as_ref().map(|page| page.serial);
    let mut links = Vec::new();
    let mut at = 0;
    while at < file_end {
        let Some(mut link) = begin(pages, at..file_end)? else { break };
        if links.len() == LINKS_MAX {
            cut = Some("it has too many Ogg streams one after another");
            break;
        }
        if last_serial.is_none_or(|serial| !link.has(serial)) {
            link.bytes.end = end_of(pages, &link, file_end)?;
        }
        at = link.bytes.end;
        links.push(link);
    }
    Ok(Links { links, cut })
}

/// The first pages of a link. What lies before them belongs to nobody.
fn begin(pages: &mut PageReader, within: Range<u64>) -> io::Result<Option<Link>> {
    let mut at = within.start;
    let mut link: Option<Link> = None;
    while let Some(page) = pages.next(at..within.end)? {
        at = page.end();
        if page.is_first {
            let stream = Stream { codec: codec_of(&page), first: page };
            match &mut link {
                Some(link) if link.streams.len() < STREAMS_MAX => link.streams.push(stream),
                Some(_) => {}
                None => {
                    let bytes = stream.first.at..within.end;
                    link = Some(Link { bytes, streams: vec![stream] });
                }
            }
        } else if link.is_some() {
            break;
        }
    }
    Ok(link)
}

/// Where a link ends that is not the last one: by halving, as pages of its streams are there or not.
fn end_of(pages: &mut PageReader, link: &Link, file_end: u64) -> io::Result<u64> {
    let (mut inside, mut outside) = (link.behind_first_pages(), file_end);
    for _ in 0..HALVINGS_MAX {
        if outside - inside <= PAGE_LEN_MAX as u64 {
            break;
        }
        let middle = inside + (outside - inside) / 2;
        match pages.next(middle..outside)? {
            Some(page) if link.has(page.serial) => inside = page.end(),
            _ => outside = middle,
        }
    }
    // Near the end, page after page.
    let mut at = inside;
    while let Some(page) = pages.next(at..file_end)? {
        if !link.has(page.serial) {
            return Ok(page.at);
        }
        at = page.end();
    }
    Ok(file_end)
}

/// The last page of these bytes that is wanted.
///
/// # Errors
/// The file cannot be read.
pub(super) fn last_page(
    pages: &mut PageReader,
    within: Range<u64>,
    is_wanted: impl Fn(&Page) -> bool,
) -> io::Result<Option<Page>> {
    let mut len = 2 * PAGE_LEN_MAX as u64;
    loop {
        let from = within.end.saturating_sub(len).max(within.start);
        let (mut at, mut last) = (from, None);
        while let Some(page) = pages.next(at..within.end)? {
            at = page.end();
            if is_wanted(&page) {
                last = Some(page);
            }
        }
        if last.is_some() || from == within.start || len >= TAIL_LEN_MAX {
            return Ok(last);
        }
        len *= 4;
    }
}

/// The page from which a decoder can be sure to have warmed up when it comes to `granule`: the last one of a stream, by
/// halving, that ends before it and that `is_wanted`. `None`: begin at the start.
///
/// # Errors
/// The file cannot be read.
pub(super) fn page_before(
    pages: &mut PageReader,
    within: Range<u64>,
    serial: u32,
    granule: u64,
    is_wanted: impl Fn(&Page) -> bool,
) -> io::Result<Option<Page>> {
    let is_before = |page: &Page| page.granule.is_some_and(|at| at <= granule);
    let (mut before, mut after) = (within.start, within.end);
    let mut found = None;
    for _ in 0..HALVINGS_MAX {
        if after - before <= PAGE_LEN_MAX as u64 {
            break;
        }
        let middle = before + (after - before) / 2;
        match granule_page(pages, serial, middle..after)? {
            Some(page) if is_before(&page) => {
                before = page.end();
                found = Some(page);
            }
            _ => after = middle,
        }
    }
    let mut at = before;
    let mut wanted = found.filter(|page| is_wanted(page));
    while let Some(page) = granule_page(pages, serial, at..within.end)? {
        if !is_before(&page) {
            break;
        }
        at = page.end();
        if is_wanted(&page) {
            wanted = Some(page);
        }
    }
    Ok(wanted)
}

/// The next page of a stream on which a packet ends.
pub(super) fn granule_page(
    pages: &mut PageReader,
    serial: u32,
    within: Range<u64>,
) -> io::Result<Option<Page>> {
    let mut at = within.start;
    while let Some(page) = pages.next_of(serial, at..within.end)? {
        if page.granule.is_some() {
            return Ok(Some(page));
        }
        at = page.end();
    }
    Ok(None)
}

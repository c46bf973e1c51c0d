//! One link of Vorbis, played by symphonia's decoder.
//!
//! The decoder gets its headers from us, without the comments, which may be as large as their pictures, and then the pages of
//! the link. A seek gives it the headers and the pages from a place on: by itself it would find the packet and forget the half
//! of it that overlaps with the one before.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use rodio::source::SeekError;
use rodio::{ChannelCount, SampleRate, Source};

use super::link::{Link, Stream, granule_page, page_before};
use super::page::{Packets, Page, PageReader, pages_of};
use super::{LoadError, SoundFile};
use crate::audio::block::{Block, BlockSource, Format};
use crate::audio::decode::packets::PacketSource;
use crate::audio::decode::plain::{self, Mode};
use crate::audio::decode::{Left, frame_at, place_of, skip_frames};
use crate::audio::file::Piece;

/// Header packets: identification, comments, setup.
const HEADERS: usize = 3;
/// Comments that say nothing (Vorbis I, section 5): no vendor, no entries, a framing bit.
const NO_COMMENTS: &[u8] = b"\x03vorbis\0\0\0\0\0\0\0\0\x01";

/// See the head of this file.
pub(super) struct VorbisLink {
    sound: SoundFile,
    pages: PageReader,
    serial: u32,
    headers: Arc<[u8]>,
    /// The pages with sound.
    bytes: Range<u64>,
    decoder: PacketSource,
    mode: Mode,
    len_frames: Option<u64>,
    /// Samples to give until the end; the decoder does not see the end of a stream of few pages.
    left: Left,
}

impl VorbisLink {
    /// # Errors
    /// It cannot be read, or its headers make no sense.
    pub(super) fn open(sound: &SoundFile, link: &Link, stream: &Stream) -> Result<Self, LoadError> {
        let serial = stream.first.serial;
        let mut pages = PageReader::new(sound);
        let (headers, begin) = headers(&mut pages, stream, link.bytes.clone())
            .map_err(|e| sound.unreadable(&e))?
            .ok_or_else(|| LoadError::NotDecodable("it ends before its first sound".into()))?;
        let headers: Arc<[u8]> = headers.into();
        let bytes = begin..link.bytes.end;
        let first = granule_page(&mut pages, serial, bytes.clone()).map_err(|e| sound.unreadable(&e))?;
        // Of a stream of one page the decoder takes what is too much from its start.
        let only_granule = first.filter(|page| page.is_last).and_then(|page| page.granule);
        let mode = if only_granule.is_some() { Mode::Bare } else { Mode::Whole };
        let decoder = open_over(sound, &headers, bytes.clone(), mode)?;
        let len_frames = only_granule.or_else(|| plain::frames_of(&decoder));
        let mut link = Self {
            sound: sound.clone(),
            pages,
            serial,
            headers,
            bytes,
            decoder,
            mode,
            len_frames,
            left: Left(None),
        };
        if let Some(granule) = only_granule {
            let all = link.frames_of(link.bytes.clone())?;
            link.len_frames = Some(granule.min(all));
        }
        link.left = Left::of(link.len_frames, 0, &link.decoder);
        Ok(link)
    }

    /// Frames to be heard, where the link tells.
    pub(super) fn len_frames(&self) -> Option<u64> {
        self.len_frames
    }

    /// How many frames a decoder gives that sees no more than these pages.
    fn frames_of(&self, bytes: Range<u64>) -> Result<u64, LoadError> {
        let mut decoder = open_over(&self.sound, &self.headers, bytes, self.mode)?;
        let mut frames = 0;
        while skip_frames(&mut decoder, 1) {
            frames += 1;
        }
        Ok(frames)
    }

    /// The page to begin from, and how many frames to drop then; `None`: from the start.
    fn page_for(&mut self, frame: u64) -> Result<Option<(Page, u64)>, LoadError> {
        let sound = self.sound.clone();
        let unreadable = |e: io::Error| sound.unreadable(&e);
        let Some(first) =
            granule_page(&mut self.pages, self.serial, self.bytes.clone()).map_err(unreadable)?
        else {
            return Ok(None);
        };
        let Some(first_granule) = first.granule.filter(|_| !first.is_last) else { return Ok(None) };
        // A stream cut out of a longer one begins late, and an encoder may want the first frames dropped.
        let Some(begin) = first_granule.checked_sub(self.frames_of(self.bytes.start..first.end())?) else {
            return Ok(None);
        };
        let wanted = begin.saturating_add(frame);
        // A page that only ends the packet of the page before gives nothing to begin from, the last one may end before
        // its packets do.
        let is_wanted = |page: &Page| !page.is_last && page.packets_ended() > usize::from(page.is_continued);
        let page = page_before(&mut self.pages, self.bytes.clone(), self.serial, wanted, is_wanted)
            .map_err(unreadable)?;
        let Some((page, granule)) = page.and_then(|page| page.granule.map(|granule| (page, granule))) else {
            return Ok(None);
        };
        let before = self.frames_of(page.at..page.end())?;
        Ok(Some((page, before + wanted - granule)))
    }

    fn go_to(&mut self, frame: u64) -> Result<(), LoadError> {
        let (from, skipped) = match self.page_for(frame)? {
            Some((page, skipped)) => (page.at, skipped),
            None => (self.bytes.start, frame),
        };
        self.decoder = open_over(&self.sound, &self.headers, from..self.bytes.end, self.mode)?;
        skip_frames(&mut self.decoder, skipped);
        self.left = Left::of(self.len_frames, frame, &self.decoder);
        Ok(())
    }
}

fn open_over(
    sound: &SoundFile,
    headers: &Arc<[u8]>,
    bytes: Range<u64>,
    mode: Mode,
) -> Result<PacketSource, LoadError> {
    let pieces = vec![Piece::Bytes(Arc::clone(headers)), Piece::File(bytes)];
    plain::decoder(sound, sound.reader_of(pieces), mode)
}

/// The headers that a decoder needs, and where the sound begins.
fn headers(
    pages: &mut PageReader,
    stream: &Stream,
    within: Range<u64>,
) -> io::Result<Option<(Vec<u8>, u64)>> {
    let serial = stream.first.serial;
    let (mut packets, mut found, mut at) = (Packets::default(), VecDeque::new(), stream.first.at);
    while let Some(page) = pages.next_of(serial, at..within.end)? {
        at = page.end();
        packets.take(&page, &mut found);
        if found.len() >= HEADERS {
            let (Some(ident), Some(setup)) = (found.pop_front(), found.into_iter().nth(1)) else { break };
            let mut bytes = pages_of(&[ident], serial, 0);
            // The flag of a first page belongs into the checksum.
            super::page::mark_first(&mut bytes);
            bytes.extend(pages_of(&[NO_COMMENTS.to_vec(), setup], serial, 1));
            return Ok(Some((bytes, at)));
        }
    }
    Ok(None)
}

impl Iterator for VorbisLink {
    type Item = f32;

    #[inline]
    fn next(&mut self) -> Option<f32> {
        if self.left.take() { self.decoder.next() } else { None }
    }
}

impl Source for VorbisLink {
    fn current_span_len(&self) -> Option<usize> {
        None
    }

    fn channels(&self) -> ChannelCount {
        self.decoder.channels()
    }

    fn sample_rate(&self) -> SampleRate {
        self.decoder.sample_rate()
    }

    fn total_duration(&self) -> Option<Duration> {
        self.len_frames.map(|frames| place_of(frames, self.sample_rate().get()))
    }

    fn try_seek(&mut self, place: Duration) -> Result<(), SeekError> {
        let frame = frame_at(place, self.sample_rate().get());
        self.go_to(frame).map_err(|e| SeekError::Other(Arc::new(e)))
    }
}

impl BlockSource for VorbisLink {
    fn read_block(
        &mut self,
        format: Format,
        first: Option<f32>,
        frames_max: usize,
        samples: &mut Vec<f32>,
    ) -> Block {
        self.left.read_block(&mut self.decoder, format, first, frames_max, samples)
    }
}

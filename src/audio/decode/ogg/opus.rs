//! Opus in Ogg (RFC 7845), decoded by libopus: exact from the first frame to the last, also behind a seek.
//!
//! Granule positions count frames of 48 kHz, with the `pre_skip` frames at the start that are only there to warm up. What
//! is lost in between is concealed at its right length, so that everything behind it stays in its place.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use opus::MSDecoder;
use rodio::source::SeekError;
use rodio::{ChannelCount, SampleRate, Source};

use super::link::{Link, Stream, granule_page, last_page, page_before};
use super::page::{Packets, Page, PageReader};
use super::{LoadError, SoundFile};
use crate::audio::block::{Block, BlockSource, Format, fill_frame, format_of};
use crate::audio::decode::{frame_at, place_of};

/// Opus is always decoded at this rate.
pub(super) const RATE_HZ: u32 = 48_000;
/// Frames that are decoded before a place that is sought. RFC 7845, section 4.6, asks for 80 ms at least; what comes out
/// nears a straight run further the longer it is, and 200 ms cost nothing.
const PREROLL_FRAMES: u64 = 9600;
/// Frames of the longest packet: 120 ms.
const PACKET_FRAMES_MAX: usize = 5760;
/// Frames that are concealed in place of a packet whose length nobody knows: 20 ms.
const UNKNOWN_FRAMES: usize = 960;
/// All packets are a multiple of this long: 2.5 ms.
const STEP_FRAMES: usize = 120;
/// Frames that may be concealed in a song, 5 s; then it is damaged.
const CONCEALED_FRAMES_MAX: u64 = 5 * RATE_HZ as u64;
/// Packets that may be bad in a song.
const BAD_PACKETS_MAX: u32 = 50;
/// Header packets: identification and comments.
const HEADERS: usize = 2;

/// For each number of channels, where a WAVE file's channel is found in Vorbis order (RFC 7845, section 5.1.1.2).
const WAVE_ORDER: [&[usize]; 8] = [
    &[0],
    &[0, 1],
    &[0, 2, 1],
    &[0, 1, 2, 3],
    &[0, 2, 1, 3, 4],
    &[0, 2, 1, 5, 3, 4],
    &[0, 2, 1, 6, 5, 3, 4],
    &[0, 2, 1, 7, 5, 6, 3, 4],
];

/// What the identification header says (RFC 7845, section 5.1).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    channels: u8,
    pre_skip: u16,
    gain_q8_db: i16,
    streams: u8,
    coupled: u8,
    /// Where each channel of a WAVE file comes from.
    mapping: Vec<u8>,
}

impl Head {
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let short = || "its Opus header is too short".to_owned();
        let head = bytes.get(8..19).ok_or_else(short)?;
        let (version, channels, family) = (head[0], head[1], head[10]);
        if version >> 4 != 0 {
            return Err(format!("its Opus header has version {version}, newer than is known"));
        }
        let (streams, coupled, mapping) = match (family, channels) {
            (0, 1 | 2) => (1, channels - 1, vec![0, 1][..usize::from(channels)].to_vec()),
            (1, 1..=8) => {
                let table = bytes.get(19..21 + usize::from(channels)).ok_or_else(short)?;
                (table[0], table[1], table[2..].to_vec())
            }
            (_, 0) => return Err("it has no channels".into()),
            (0 | 1, _) => return Err(format!("{channels} channels; 8 at most")),
            _ => return Err(format!("its channels are mapped in a way ({family}) that is not music")),
        };
        let order = WAVE_ORDER[usize::from(channels) - 1];
        Ok(Self {
            channels,
            pre_skip: u16::from_le_bytes([head[2], head[3]]),
            gain_q8_db: i16::from_le_bytes([head[8], head[9]]),
            streams,
            coupled,
            mapping: order.iter().map(|from| mapping[*from]).collect(),
        })
    }

    fn decoder(&self) -> Result<MSDecoder, String> {
        let mut decoder = MSDecoder::new(RATE_HZ, self.streams, self.coupled, &self.mapping)
            .map_err(|e| format!("its Opus header makes no sense ({e})"))?;
        decoder.set_gain(self.gain_q8_db.into()).map_err(|e| e.to_string())?;
        Ok(decoder)
    }
}

/// One link of Opus.
pub(super) struct OpusLink {
    sound: SoundFile,
    pages: PageReader,
    serial: u32,
    /// The pages with sound.
    bytes: Range<u64>,
    decoder: MSDecoder,
    channels: u8,
    /// The granule position of the first frame to be heard.
    first: u64,
    /// That behind the last one.
    end: u64,

    // Where decoding is.
    at_bytes: u64,
    packets: Packets,
    waiting: VecDeque<Vec<u8>>,
    /// Frames that were lost and are still to be concealed before what waits.
    lost_frames: u64,
    /// The granule position of the next frame to be decoded.
    at: u64,
    /// Frames before this one are not given out.
    from: u64,
    /// Decoded samples, and how many of them are given.
    decoded: Vec<f32>,
    given: usize,
    concealed_frames: u64,
    bad_packets: u32,
}

impl OpusLink {
    /// # Errors
    /// It cannot be read, or its headers make no sense.
    pub(super) fn open(sound: &SoundFile, link: &Link, stream: &Stream) -> Result<Self, LoadError> {
        let serial = stream.first.serial;
        let head_bytes = stream.first.parts().next().map(|(bytes, _)| bytes).unwrap_or_default();
        let head = Head::parse(head_bytes).map_err(LoadError::NotDecodable)?;
        let decoder = head.decoder().map_err(LoadError::NotDecodable)?;
        let unreadable = |e: std::io::Error| sound.unreadable(&e);
        let mut pages = PageReader::new(sound);
        let begin = behind_headers(&mut pages, serial, link.bytes.clone())
            .map_err(unreadable)?
            .ok_or_else(|| LoadError::NotDecodable("it ends before its first sound".into()))?;
        let bytes = begin..link.bytes.end;
        let page = granule_page(&mut pages, serial, bytes.clone())
            .map_err(unreadable)?
            .ok_or_else(|| LoadError::NotDecodable("it ends before its first sound".into()))?;
        // A stream cut out of a longer one begins late; one of a single page may end before its packets do.
        let start = page.granule.unwrap_or_default().saturating_sub(frames_on(&page));
        let last =
            last_page(&mut pages, bytes.clone(), |page| page.serial == serial && page.granule.is_some());
        let end = last.map_err(unreadable)?.and_then(|page| page.granule).unwrap_or(start);
        let mut opened = Self {
            sound: sound.clone(),
            pages,
            serial,
            at_bytes: bytes.start,
            bytes,
            decoder,
            channels: head.channels,
            first: start + u64::from(head.pre_skip),
            end,
            packets: Packets::default(),
            waiting: VecDeque::new(),
            lost_frames: 0,
            at: start,
            from: start + u64::from(head.pre_skip),
            decoded: Vec::new(),
            given: 0,
            concealed_frames: 0,
            bad_packets: 0,
        };
        opened.decoded.reserve(PACKET_FRAMES_MAX * usize::from(head.channels));
        Ok(opened)
    }

    /// Frames to be heard.
    pub(super) fn len_frames(&self) -> u64 {
        self.end.saturating_sub(self.first)
    }

    /// Decodes until there is something to give. `false`: there is no more.
    fn decode(&mut self) -> Result<bool, LoadError> {
        loop {
            self.decoded.clear();
            self.given = 0;
            if self.at >= self.end {
                return Ok(false);
            }
            if self.lost_frames > 0 {
                let frames = self.lost_frames.min(PACKET_FRAMES_MAX as u64);
                self.lost_frames -= frames;
                self.conceal(frames as usize)?;
            } else if let Some(packet) = self.waiting.pop_front() {
                self.decode_packet(&packet)?;
            } else if !self.read_page()? {
                return Ok(false);
            }
            if self.cut_to_what_is_wanted() {
                return Ok(true);
            }
        }
    }

    /// Takes away what lies outside of the frames that are wanted, and counts on. `false`: nothing is left.
    fn cut_to_what_is_wanted(&mut self) -> bool {
        let channels = usize::from(self.channels);
        let frames = (self.decoded.len() / channels) as u64;
        let begin = self.at;
        self.at += frames;
        let keep_until = self.end.saturating_sub(begin).min(frames);
        let keep_from = self.from.saturating_sub(begin).min(keep_until);
        self.decoded.truncate(keep_until as usize * channels);
        self.given = keep_from as usize * channels;
        self.given < self.decoded.len()
    }

    fn read_page(&mut self) -> Result<bool, LoadError> {
        let within = self.at_bytes..self.bytes.end;
        let page = self.pages.next_of(self.serial, within).map_err(|e| self.sound.unreadable(&e))?;
        let Some(page) = page else { return Ok(false) };
        self.at_bytes = page.end();
        let is_next = self.packets.take(&page, &mut self.waiting);
        if !is_next && let Some(granule) = page.granule {
            let here = self.waiting.iter().map(|packet| frames_in(packet) as u64).sum::<u64>();
            let begin = granule.saturating_sub(here);
            self.lost_frames = begin.saturating_sub(self.at);
            self.allow_concealed(self.lost_frames)?;
        }
        Ok(true)
    }

    fn decode_packet(&mut self, packet: &[u8]) -> Result<(), LoadError> {
        let channels = usize::from(self.channels);
        self.decoded.resize(PACKET_FRAMES_MAX * channels, 0.0);
        // An empty packet would be taken for a lost one.
        let made = if packet.is_empty() { None } else { self.decode_into(packet).ok() };
        match made {
            Some(frames) => self.decoded.truncate(frames * channels),
            None => {
                self.bad_packets += 1;
                if self.bad_packets > BAD_PACKETS_MAX {
                    return Err(LoadError::Damaged(format!("more than {BAD_PACKETS_MAX} bad Opus packets")));
                }
                self.conceal(frames_in(packet).max(STEP_FRAMES))?;
            }
        }
        Ok(())
    }

    fn decode_into(&mut self, packet: &[u8]) -> Result<usize, opus::Error> {
        self.decoder.decode_float(packet, &mut self.decoded, false)
    }

    /// Fills a hole as libopus sees fit, or with silence where it does not.
    fn conceal(&mut self, frames: usize) -> Result<(), LoadError> {
        self.allow_concealed(frames as u64)?;
        self.concealed_frames += frames as u64;
        let samples = frames * usize::from(self.channels);
        self.decoded.clear();
        self.decoded.resize(samples, 0.0);
        if frames.is_multiple_of(STEP_FRAMES) && self.decode_into(&[]).is_err() {
            self.decoded.fill(0.0);
        }
        Ok(())
    }

    fn allow_concealed(&self, frames: u64) -> Result<(), LoadError> {
        if self.concealed_frames + frames > CONCEALED_FRAMES_MAX {
            let ms = CONCEALED_FRAMES_MAX * 1000 / u64::from(RATE_HZ);
            return Err(LoadError::Damaged(format!("more than {ms} ms of it are missing")));
        }
        Ok(())
    }

    /// Makes the `frame`th frame to be heard the next one.
    fn go_to(&mut self, frame: u64) -> Result<(), LoadError> {
        let wanted = self.first.saturating_add(frame).min(self.end);
        let warm = wanted.saturating_sub(PREROLL_FRAMES);
        let page = page_before(&mut self.pages, self.bytes.clone(), self.serial, warm, |_| true)
            .map_err(|e| self.sound.unreadable(&e))?;
        self.decoder.reset_state().map_err(|e| LoadError::Damaged(e.to_string()))?;
        self.packets = Packets::default();
        self.waiting.clear();
        self.decoded.clear();
        (self.given, self.lost_frames, self.from) = (0, 0, wanted);
        match page {
            Some(page) => {
                // What ends on this page lies before; what begins on it and ends later is wanted.
                self.packets.take(&page, &mut self.waiting);
                self.waiting.clear();
                self.at = page.granule.unwrap_or_default();
                self.at_bytes = page.end();
            }
            None => {
                self.at_bytes = self.bytes.start;
                self.at = self.start()?;
            }
        }
        Ok(())
    }

    /// The granule position of the first packet.
    fn start(&mut self) -> Result<u64, LoadError> {
        let page = granule_page(&mut self.pages, self.serial, self.bytes.clone())
            .map_err(|e| self.sound.unreadable(&e))?;
        Ok(page.map_or(0, |page| page.granule.unwrap_or_default().saturating_sub(frames_on(&page))))
    }
}

/// Where the pages with sound begin.
fn behind_headers(pages: &mut PageReader, serial: u32, within: Range<u64>) -> std::io::Result<Option<u64>> {
    let (mut at, mut ended) = (within.start, 0);
    while let Some(page) = pages.next_of(serial, at..within.end)? {
        at = page.end();
        ended += page.packets_ended();
        if ended >= HEADERS {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Frames of the packets that end on a page.
fn frames_on(page: &Page) -> u64 {
    page.parts().filter(|(_, ends)| *ends).map(|(packet, _)| frames_in(packet) as u64).sum()
}

/// Frames of a packet, by its first bytes (RFC 6716, section 3.1).
fn frames_in(packet: &[u8]) -> usize {
    let frames = opus::packet::get_nb_samples(packet, RATE_HZ).ok();
    frames.filter(|frames| (1..=PACKET_FRAMES_MAX).contains(frames)).unwrap_or(UNKNOWN_FRAMES)
}

impl OpusLink {
    /// Whether there is something to give.
    #[inline]
    fn is_ready(&mut self) -> bool {
        self.given < self.decoded.len() || self.refill()
    }

    fn refill(&mut self) -> bool {
        match self.decode() {
            Ok(is_more) => is_more,
            Err(error) => {
                self.sound.trouble.fail(error);
                // It stays at its end, whoever asks again.
                self.end = self.at;
                self.decoded.clear();
                false
            }
        }
    }
}

impl Iterator for OpusLink {
    type Item = f32;

    #[inline]
    fn next(&mut self) -> Option<f32> {
        if !self.is_ready() {
            return None;
        }
        self.given += 1;
        self.decoded.get(self.given - 1).copied()
    }
}

impl BlockSource for OpusLink {
    fn read_block(
        &mut self,
        format: Format,
        first: Option<f32>,
        frames_max: usize,
        samples: &mut Vec<f32>,
    ) -> Block {
        let mut first = first;
        let mut wanted = frames_max * usize::from(format.channels);
        while wanted > 0 {
            if let Some(first) = first.take() {
                fill_frame(self, first, format, samples);
                wanted -= usize::from(format.channels);
            } else if !self.is_ready() {
                return Block::Ended;
            } else if format != format_of(self) {
                return self.next().map_or(Block::Ended, Block::Changed);
            } else {
                let ready = &self.decoded[self.given..];
                let taken = ready.len().min(wanted);
                samples.extend_from_slice(&ready[..taken]);
                self.given += taken;
                wanted -= taken;
            }
        }
        Block::Full
    }
}

impl Source for OpusLink {
    fn current_span_len(&self) -> Option<usize> {
        None
    }

    fn channels(&self) -> ChannelCount {
        ChannelCount::new(self.channels.into()).unwrap_or(ChannelCount::MIN)
    }

    fn sample_rate(&self) -> SampleRate {
        SampleRate::new(RATE_HZ).unwrap_or(SampleRate::MIN)
    }

    fn total_duration(&self) -> Option<Duration> {
        Some(place_of(self.len_frames(), RATE_HZ))
    }

    fn try_seek(&mut self, place: Duration) -> Result<(), SeekError> {
        self.go_to(frame_at(place, RATE_HZ)).map_err(|e| SeekError::Other(Arc::new(e)))
    }
}

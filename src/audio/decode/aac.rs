//! What an AAC stream says of itself (ISO/IEC 14496-3), and files of AAC frames one after another (ADTS).
//!
//! HE-AAC is a trap: a decoder of plain AAC plays it at half its rate, without the upper half of the sound, and in mono where
//! the stereo is parametric, and nothing says so. So: whatever says SBR or PS, and whatever runs at 24 kHz or less, which is
//! where HE-AAC that says nothing lies, is left to `orchestrion-media`.

use std::path::Path;

use super::trim::{Packets, Plan, Trimmed};
use super::{Decoded, LoadError, SoundFile, by_media};
use crate::audio::file::Piece;

/// Frames in a packet.
pub(super) const PACKET_FRAMES: u64 = 1024;
/// At this rate and below, AAC may be HE-AAC that does not say so.
const DOUBTFUL_HZ_MAX: u32 = 24_000;
/// Bytes of ADTS that are walked for the exact length; a larger file tells its length by estimate.
const ADTS_WALK_LEN_MAX: u64 = 48 * 1024 * 1024;
/// Bytes that are read at once on that walk.
const WALK_CHUNK_LEN: usize = 64 * 1024;
/// Bytes of an ADTS header without its checksum.
const ADTS_HEADER_LEN: usize = 7;

/// Sampling frequencies by index (14496-3, table 1.18).
const RATES_HZ: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// What an AudioSpecificConfig says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Config {
    /// What kind of AAC; 2 is Low Complexity.
    object_type: u32,
    /// Of the core, without SBR.
    pub(super) rate_hz: u32,
    /// Channel configuration; 0: told elsewhere.
    channels: u32,
    has_sbr: bool,
    /// 960 instead of 1024 frames in a packet.
    is_short: bool,
}

impl Config {
    /// Why symphonia's decoder cannot be trusted with it.
    pub(super) fn foreign(&self) -> Option<&'static str> {
        if self.has_sbr || (self.object_type == 2 && self.rate_hz <= DOUBTFUL_HZ_MAX) {
            Some("HE-AAC")
        } else if self.channels > 2 {
            Some("AAC of more than two channels")
        } else if self.object_type != 2 || self.is_short || self.channels == 0 {
            Some("this kind of AAC")
        } else {
            None
        }
    }

    /// Reads an AudioSpecificConfig (14496-3, 1.6.2.1).
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut bits = Bits { bytes, at: 0 };
        let mut object_type = bits.object_type()?;
        let rate_hz = bits.rate_hz()?;
        let channels = bits.take(4)?;
        let mut has_sbr = object_type == 5 || object_type == 29;
        if has_sbr {
            bits.rate_hz()?;
            object_type = bits.object_type()?;
        }
        let mut is_short = false;
        // GASpecificConfig, of which Low Complexity needs no more than this.
        if object_type == 2 {
            is_short = bits.take(1)? == 1;
            if bits.take(1)? == 1 {
                bits.take(14)?;
            }
            bits.take(1)?;
            if !has_sbr && channels != 0 && bits.take(11) == Some(0x2B7) && bits.object_type() == Some(5) {
                has_sbr = bits.take(1) == Some(1);
            }
        }
        Some(Self { object_type, rate_hz, channels, has_sbr, is_short })
    }
}

/// Bits, the highest first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = *self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    fn object_type(&mut self) -> Option<u32> {
        match self.take(5)? {
            31 => Some(32 + self.take(6)?),
            object_type => Some(object_type),
        }
    }

    fn rate_hz(&mut self) -> Option<u32> {
        match self.take(4)? {
            15 => self.take(24),
            index => RATES_HZ.get(index as usize).copied(),
        }
    }
}

/// The header of an ADTS frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Adts {
    config: Config,
    /// Bytes, with this header.
    len: usize,
    /// symphonia plays MPEG-4 without checksums and with one packet a frame only.
    is_usual: bool,
}

impl Adts {
    fn parse(head: &[u8]) -> Option<Self> {
        let head = head.get(..ADTS_HEADER_LEN)?;
        if head[0] != 0xFF || head[1] & 0xF6 != 0xF0 {
            return None;
        }
        let rate_hz = *RATES_HZ.get(usize::from(head[2] >> 2 & 0x0F))?;
        let len = usize::from(head[3] & 3) << 11 | usize::from(head[4]) << 3 | usize::from(head[5] >> 5);
        let config = Config {
            object_type: u32::from(head[2] >> 6) + 1,
            rate_hz,
            channels: u32::from(head[2] & 1) << 2 | u32::from(head[3] >> 6),
            has_sbr: false,
            is_short: false,
        };
        let is_usual = head[1] & 0x09 == 0x01 && head[6] & 3 == 0;
        (len > ADTS_HEADER_LEN).then_some(Self { config, len, is_usual })
    }
}

/// Whether a file begins with a frame of AAC.
pub(super) fn is_adts(head: &[u8]) -> bool {
    Adts::parse(head).is_some()
}

/// Opens a file of ADTS frames.
///
/// # Errors
/// It cannot be read, nothing in it can be decoded, or it is HE-AAC.
pub(super) fn open_adts(path: &Path, sound: &SoundFile) -> Result<Decoded, LoadError> {
    let mut head = [0u8; ADTS_HEADER_LEN];
    let got = sound.read_at(0, &mut head).map_err(|e| sound.unreadable(&e))?;
    let Some(first) = Adts::parse(&head[..got]) else {
        return Err(LoadError::NotDecodable("nothing in it can be decoded".into()));
    };
    // Two frames in a row: by chance bytes look like one header, hardly like two.
    let got = sound.read_at(first.len as u64, &mut head).map_err(|e| sound.unreadable(&e))?;
    if got == ADTS_HEADER_LEN && Adts::parse(&head).is_none_or(|second| second.config != first.config) {
        return super::plain::open(sound);
    }
    if !first.is_usual {
        return by_media(path, "this kind of AAC", &sound.trouble);
    }
    if let Some(format) = first.config.foreign() {
        return by_media(path, format, &sound.trouble);
    }
    let walked = walk(sound).map_err(|e| sound.unreadable(&e))?;
    let timescale = first.config.rate_hz;
    let packets = Packets { frames: PACKET_FRAMES, ticks: PACKET_FRAMES, timescale, preroll: 1 };
    // Nothing in such a file tells what the encoder put in front.
    let plan = Plan { delay_frames: 0, len_frames: None, packets: Some(packets) };
    let source = Trimmed::open(sound, vec![Piece::File(0..sound.len)], plan)?;
    let mut decoded = Decoded::sure(source, walked.as_ref().map(|walked| walked.packets * PACKET_FRAMES));
    decoded.is_bare = true;
    decoded.cut = walked.is_some_and(|walked| walked.is_cut).then_some("its last AAC frame is cut off");
    Ok(decoded)
}

struct Walked {
    packets: u64,
    is_cut: bool,
}

/// Counts the frames from header to header, up to whatever is behind the last one; `None` in a file that is too large.
fn walk(sound: &SoundFile) -> std::io::Result<Option<Walked>> {
    if sound.len > ADTS_WALK_LEN_MAX {
        return Ok(None);
    }
    let mut chunk = vec![0u8; WALK_CHUNK_LEN];
    let (mut chunk_at, mut chunk_len) = (0u64, 0usize);
    let (mut at, mut packets) = (0u64, 0);
    loop {
        if at + ADTS_HEADER_LEN as u64 > chunk_at + chunk_len as u64 {
            chunk_len = sound.read_at(at, &mut chunk)?;
            chunk_at = at;
        }
        let within = (at - chunk_at) as usize;
        let Some(frame) = Adts::parse(chunk.get(within..chunk_len).unwrap_or_default()) else { break };
        at += frame.len as u64;
        if at > sound.len {
            return Ok(Some(Walked { packets, is_cut: true }));
        }
        packets += 1;
    }
    Ok(Some(Walked { packets, is_cut: false }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_aac_is_told_from_what_only_sounds_like_it() {
        let foreign = |bytes: &[u8]| Config::parse(bytes).unwrap().foreign();
        assert_eq!(foreign(&[0x12, 0x10]), None, "LC, 44.1 kHz, stereo");
        assert_eq!(foreign(&[0x11, 0x90]), None, "LC, 48 kHz, stereo");
        assert_eq!(foreign(&[0x13, 0x90]), Some("HE-AAC"), "22.05 kHz says nothing of SBR");
        assert_eq!(foreign(&[0x13, 0x10]), Some("HE-AAC"), "24 kHz says nothing of SBR");
        assert_eq!(foreign(&[0x2B, 0x92, 0x08, 0x00]), Some("HE-AAC"), "SBR, as such");
        assert_eq!(foreign(&[0xEB, 0x8A, 0x08, 0x00]), Some("HE-AAC"), "PS, as such");
        assert_eq!(foreign(&[0x12, 0x10, 0x56, 0xE5, 0x80]), Some("HE-AAC"), "SBR behind plain AAC");
        assert_eq!(foreign(&[0x12, 0x10, 0x56, 0xE5, 0x00]), None, "no SBR, as such");
        assert_eq!(foreign(&[0x0A, 0x10]), Some("this kind of AAC"), "Main");
        assert_eq!(foreign(&[0x12, 0x14]), Some("this kind of AAC"), "960 frames");
        assert_eq!(foreign(&[0x11, 0xB0]), Some("AAC of more than two channels"), "5.1");
        assert_eq!(foreign(&[0x12, 0x00]), Some("this kind of AAC"), "channels told elsewhere");
        assert_eq!(Config::parse(&[]), None);
        assert_eq!(Config::parse(&[0x12]), None);
        assert_eq!(Config::parse(&[0xFF, 0xFF]), None);
    }

    #[test]
    fn an_adts_header_is_read_and_an_mp3_is_none() {
        let adts = Adts::parse(&[0xFF, 0xF1, 0x4C, 0x80, 0x2E, 0x7F, 0xFC]).unwrap();
        assert_eq!((adts.config.rate_hz, adts.config.channels, adts.len), (48_000, 2, 0x173));
        assert!(adts.is_usual && adts.config.foreign().is_none());
        assert!(!is_adts(&[0xFF, 0xFB, 0x90, 0x64, 0, 0, 0]));
        assert!(!is_adts(&[0xFF, 0xF1, 0x4C]));
    }
}

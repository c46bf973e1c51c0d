//! symphonia over a file, or over what a file was put together to.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use rodio::source::SeekError;
use rodio::{ChannelCount, SampleRate, Source};

use super::packets::PacketSource;
use super::{Decoded, Left, LoadError, SoundFile, frame_at, place_of, skip_frames};
use crate::audio::block::{Block, BlockSource, Format};
use crate::audio::file::{Piece, SoundReader};

/// Frames of a packet in WAVE and AIFF, as symphonia cuts them.
const PCM_PACKET_FRAMES: u64 = 1152;

/// Frames that are decoded before a place in MP3: behind a seek its reservoir of bits is empty, and what comes out is wrong
/// until it has filled up again; up to nine packets were seen.
const MPEG_WARM_FRAMES: u64 = 20 * 1152;

/// How a file is to be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Seeks to the place itself, and takes away what the container says.
    Whole,
    /// Seeks to the start of the packet that holds the place.
    Coarse,
    /// Gives out everything that it decodes.
    Bare,
}

/// Opens the whole file.
///
/// # Errors
/// It cannot be read, or nothing in it can be decoded.
pub(super) fn open(sound: &SoundFile) -> Result<Decoded, LoadError> {
    let mut head = [0u8; 12];
    let got = sound.read_at(0, &mut head).map_err(|e| sound.unreadable(&e))?;
    let head = &head[..got];
    let mut exact = Exact::open(sound, vec![Piece::File(0..sound.len)], seeking(head))?;
    if head.starts_with(b"FORM") {
        // symphonia takes the 8 bytes in front of the samples for sound too, and goes on behind the last one.
        exact.cap(aiff_frames(sound).map_err(|e| sound.unreadable(&e))?);
    }
    let frames = exact.len_frames.or_else(|| frames_of(&exact));
    let is_bare = is_bare_mpeg(sound).map_err(|e| sound.unreadable(&e))?;
    Ok(Decoded { is_bare, ..Decoded::sure(exact, frames) })
}

/// Whether a file is MPEG audio without the header (by Xing, LAME or Fraunhofer) that counts its frames: its length is an
/// estimate by its size.
fn is_bare_mpeg(sound: &SoundFile) -> io::Result<bool> {
    /// The header lies in the first frame, behind at most 42 bytes.
    const LOOKED_LEN: usize = 256;
    let mut head = [0u8; LOOKED_LEN];
    let got = sound.read_at(0, &mut head)?;
    let head = &head[..got];
    let counts = |name: &[u8; 4]| head.windows(4).any(|window| window == name);
    let is_mpeg = matches!(head, [0xFF, second, ..] if second & 0xE0 == 0xE0);
    Ok(is_mpeg && !counts(b"Xing") && !counts(b"Info") && !counts(b"VBRI"))
}

/// How many frames the COMM chunk of an AIFF file counts; `None` if that is not to be found.
fn aiff_frames(sound: &SoundFile) -> io::Result<Option<u64>> {
    const CHUNKS_MAX: usize = 64;
    let mut at = 12;
    for _ in 0..CHUNKS_MAX {
        let mut chunk = [0u8; 14];
        if sound.read_at(at, &mut chunk)? < chunk.len() {
            break;
        }
        let number = |at: usize| u32::from_be_bytes([chunk[at], chunk[at + 1], chunk[at + 2], chunk[at + 3]]);
        if chunk.starts_with(b"COMM") {
            return Ok(Some(u64::from(number(10))).filter(|frames| *frames > 0));
        }
        at += 8 + u64::from(number(4)) + u64::from(number(4) & 1);
    }
    Ok(None)
}

/// Opens what `pieces` make.
///
/// # Errors
/// As for [`open`].
pub(super) fn open_pieces(sound: &SoundFile, pieces: Vec<Piece>) -> Result<Decoded, LoadError> {
    let exact = Exact::open(sound, pieces, Seeking::Warm)?;
    let frames = frames_of(&exact);
    Ok(Decoded::sure(exact, frames))
}

/// Opens the MPEG audio that a WAVE file is said to have somewhere. GStreamer's `wavparse` (1.22) gives no sound of many such files.
///
/// # Errors
/// As for [`open`].
pub(super) fn open_mpeg(sound: &SoundFile, at: Range<u64>) -> Result<Decoded, LoadError> {
    // Whoever writes into a pipe, or loses its power, does not say how much it is.
    let is_said = (1..u64::from(u32::MAX)).contains(&(at.end - at.start));
    let end = if is_said { at.end } else { sound.len };
    let cut = (end > sound.len).then_some("the file ends inside its sound");
    let decoded = open_pieces(sound, vec![Piece::File(at.start..end.min(sound.len))])?;
    Ok(Decoded { cut, is_bare: true, ..decoded })
}

/// How a seek lands on the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seeking {
    /// To a whole number of these frames, where symphonia has a packet begin, and from there by counting.
    Packets(u64),
    /// From well before the place, as the packets need each other.
    Warm,
}

/// What a file's beginning tells of its packets.
fn seeking(head: &[u8]) -> Seeking {
    match head {
        [b'R', b'I', b'F', b'F', ..] | [b'F', b'O', b'R', b'M', ..] => Seeking::Packets(PCM_PACKET_FRAMES),
        // STREAMINFO, which comes first, begins with the shortest and the longest block (RFC 9639, section 8.2).
        [b'f', b'L', b'a', b'C', _, _, _, _, a, b, c, d] if (a, b) == (c, d) => {
            Seeking::Packets(u64::from(u16::from_be_bytes([*a, *b])).max(1))
        }
        [b'f', b'L', b'a', b'C', ..] => Seeking::Packets(1),
        _ => Seeking::Warm,
    }
}

/// Opens a decoder over a reader.
///
/// # Errors
/// As for [`open`].
pub(super) fn decoder(sound: &SoundFile, reader: SoundReader, mode: Mode) -> Result<PacketSource, LoadError> {
    PacketSource::open(reader, mode).map_err(|e| match sound.trouble.error() {
        Some(error) => error,
        None => LoadError::NotDecodable(format!("nothing in it can be decoded ({e})")),
    })
}

/// How many frames a decoder says that it will give.
pub(super) fn frames_of(decoder: &impl Source) -> Option<u64> {
    let rate_hz = decoder.sample_rate().get();
    // The time is cut off at whole nanoseconds.
    let half_frame = Duration::from_nanos(500_000_000 / u64::from(rate_hz));
    decoder.total_duration().map(|d| frame_at(d + half_frame, rate_hz)).filter(|frames| *frames > 0)
}

/// symphonia with seeks that land on the frame.
///
/// It is sent to the start of a packet where that is known, and the rest is counted here. Each seek gets a fresh decoder, so
/// that nothing is left of what was before.
pub(super) struct Exact {
    sound: SoundFile,
    pieces: Vec<Piece>,
    decoder: PacketSource,
    /// Where it ends before its decoder does.
    len_frames: Option<u64>,
    left: Left,
    seeking: Seeking,
}

impl Exact {
    fn open(sound: &SoundFile, pieces: Vec<Piece>, seeking: Seeking) -> Result<Self, LoadError> {
        let decoder = decoder(sound, sound.reader_of(pieces.clone()), Mode::Whole)?;
        Ok(Self { sound: sound.clone(), pieces, decoder, len_frames: None, left: Left(None), seeking })
    }

    /// Ends after so many frames.
    fn cap(&mut self, len_frames: Option<u64>) {
        self.len_frames = len_frames;
        self.left = Left::of(len_frames, 0, &self.decoder);
    }
}

impl Iterator for Exact {
    type Item = f32;

    #[inline]
    fn next(&mut self) -> Option<f32> {
        if self.left.take() { self.decoder.next() } else { None }
    }
}

impl Source for Exact {
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
        self.decoder.total_duration()
    }

    fn try_seek(&mut self, place: Duration) -> Result<(), SeekError> {
        let rate_hz = self.sample_rate().get();
        let frame = frame_at(place, rate_hz);
        self.decoder = decoder(&self.sound, self.sound.reader_of(self.pieces.clone()), Mode::Whole)
            .map_err(|e| SeekError::Other(Arc::new(e)))?;
        let from = match self.seeking {
            Seeking::Packets(frames) => frame - frame % frames,
            Seeking::Warm if frame < 2 * MPEG_WARM_FRAMES => 0,
            Seeking::Warm => frame - MPEG_WARM_FRAMES,
        };
        if from > 0 {
            self.decoder.try_seek(place_of(from, rate_hz))?;
        }
        skip_frames(&mut self.decoder, frame - from);
        self.left = Left::of(self.len_frames, frame, &self.decoder);
        Ok(())
    }
}

impl BlockSource for Exact {
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

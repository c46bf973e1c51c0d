//! Which decoder plays a file: told by what is in it, never by its name alone.
//!
//! A deck plays a rodio [`Source`]. symphonia makes it for WAV, AIFF, FLAC, MP3 and Ogg FLAC ([`packets`]); around it
//! [`trim`] takes from AAC what the encoder put in, [`ogg`] plays links one after another, and Opus is decoded by libopus.
//! What none of these can play goes to [`by_media`]. Every source here seeks to the very frame.

mod aac;
mod child;
mod mp4;
mod ogg;
mod packets;
mod plain;
mod sniff;
mod trim;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rodio::Source;

use super::LoadError;
use super::block::{Block, BlockSource, Format};
use super::file::{SoundFile, Trouble};
use crate::media::{self, Limits};
use child::ChildSource;
use sniff::Kind;

const NANOS: u128 = 1_000_000_000;

/// A file on its way to a deck. What goes wrong later is told to the file's [`Trouble`].
pub(super) struct Decoded {
    /// Interleaved samples in WAVE order; seeks by [`place_of`] land on the frame.
    pub(super) source: Box<dyn BlockSource + Send>,
    /// How long it is, in frames at the rate that the source has at its start.
    pub(super) duration_frames: Option<u64>,
    /// The same where it is sure: an end before that is no end.
    pub(super) promised_frames: Option<u64>,
    /// Why it cannot be whole, as far as the container tells.
    pub(super) cut: Option<&'static str>,
    /// Packets one after another, and nothing that tells where they end: whether it is whole nobody knows.
    pub(super) is_bare: bool,
}

impl Decoded {
    /// A source that keeps its promise, as far as one knows.
    fn sure(source: impl BlockSource + Send + 'static, frames: Option<u64>) -> Self {
        Self {
            source: Box::new(source),
            duration_frames: frames,
            promised_frames: frames,
            cut: None,
            is_bare: false,
        }
    }
}

/// Opens a file with the decoder that its content asks for.
///
/// # Errors
/// It cannot be read, nothing in it can be decoded, or what could is not on this machine.
pub(super) fn open(path: &Path, sound: &SoundFile) -> Result<Decoded, LoadError> {
    match sniff::sniff(sound).map_err(|e| sound.unreadable(&e))? {
        Kind::Ogg => ogg::open(path, sound),
        Kind::Mp4 => mp4::open(path, sound),
        Kind::MpegInWave(at) => plain::open_mpeg(sound, at),
        Kind::Adts => aac::open_adts(path, sound),
        Kind::Plain => plain::open(sound),
        Kind::Foreign(format) => by_media(path, format, &sound.trouble),
    }
}

/// What is left to `orchestrion-media`: sound that was recognised and that nothing in this process decodes.
///
/// # Errors
/// It is not there, or it cannot do it either.
fn by_media(path: &Path, format: &str, trouble: &Arc<Trouble>) -> Result<Decoded, LoadError> {
    let failed = |error: String| LoadError::NotDecodable(format!("{format}: {error}"));
    let program = media::find().map_err(|error| failed(error.to_string()))?;
    let source = ChildSource::open(path, trouble, &program, Limits::default())
        .map_err(|error| failed(error.to_string()))?;
    let rate_hz = source.sample_rate().get();
    let frames = |duration: Duration| frame_at(duration, rate_hz);
    let promised_frames = source.total_duration().map(frames);
    Ok(Decoded {
        duration_frames: source.estimated_duration().map(frames),
        promised_frames,
        is_bare: promised_frames.is_none(),
        source: Box::new(source),
        cut: None,
    })
}

/// The time at which a frame begins, as a seek takes it: a hair inside the frame, so that no rounding on the way can lead
/// to the one before.
pub(super) fn place_of(frame: u64, rate_hz: u32) -> Duration {
    if frame == 0 {
        return Duration::ZERO;
    }
    let nanos = u128::from(frame) * NANOS / u128::from(rate_hz.max(1)) + 1;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// The frame at a time; the inverse of [`place_of`].
fn frame_at(place: Duration, rate_hz: u32) -> u64 {
    u64::try_from(place.as_nanos() * u128::from(rate_hz) / NANOS).unwrap_or(u64::MAX)
}

/// Samples to give until the end, where the end is not left to the decoder.
#[derive(Debug, Clone, Copy)]
struct Left(Option<u64>);

impl Left {
    /// What is left of `len_frames` when the next frame is `frame`.
    fn of(len_frames: Option<u64>, frame: u64, source: &impl Source) -> Self {
        Self(len_frames.map(|len| len.saturating_sub(frame) * u64::from(source.channels().get())))
    }

    /// Takes one. `false`: there is none.
    #[inline]
    fn take(&mut self) -> bool {
        match &mut self.0 {
            Some(0) => return false,
            Some(left) => *left -= 1,
            None => {}
        }
        true
    }

    /// Reads a block of no more than there is.
    fn read_block(
        &mut self,
        source: &mut impl BlockSource,
        format: Format,
        first: Option<f32>,
        frames_max: usize,
        samples: &mut Vec<f32>,
    ) -> Block {
        let channels = u64::from(format.channels.max(1));
        // The first sample of a frame that was read before is taken already.
        let begun = u64::from(first.is_some());
        let frames_left = self.0.map_or(usize::MAX, |left| {
            usize::try_from((left + begun).div_ceil(channels)).unwrap_or(usize::MAX)
        });
        if frames_left == 0 {
            return Block::Ended;
        }
        let from = samples.len();
        let ended = source.read_block(format, first, frames_max.min(frames_left), samples);
        if let Some(left) = &mut self.0 {
            let read = (samples.len() - from) as u64 - begun.min((samples.len() - from) as u64);
            *left = left.saturating_sub(read + u64::from(matches!(ended, Block::Changed(_))));
        }
        ended
    }
}

/// Drops the next frames of a source. `false`: it ended before.
fn skip_frames(source: &mut (impl Source + ?Sized), frames: u64) -> bool {
    let channels = source.channels().get();
    (0..frames).all(|_| (0..channels).all(|_| source.next().is_some()))
}

#[cfg(test)]
mod tests;

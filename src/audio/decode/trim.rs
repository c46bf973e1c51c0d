//! AAC and ALAC without what the encoder put around the sound.
//!
//! An AAC encoder puts some thousand frames of silence in front (its own look-ahead, and the overlap of the transform) and
//! fills up the last packet. symphonia gives all of that out. Here it is taken away, as the container tells, and a seek counts
//! from the first frame that is meant to be heard: it begins a packet early, since a packet alone is only half of its sound.

use std::sync::Arc;
use std::time::Duration;

use rodio::source::SeekError;
use rodio::{ChannelCount, SampleRate, Source};

use super::packets::PacketSource;
use super::plain::{self, Mode};
use super::{Left, LoadError, SoundFile, frame_at, place_of, skip_frames};
use crate::audio::block::{Block, BlockSource, Format};
use crate::audio::file::Piece;

/// What to take away, and how to seek.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Frames to drop at the start.
    pub(super) delay_frames: u64,
    /// Frames to give after that; as many as there are without.
    pub(super) len_frames: Option<u64>,
    /// How the packets follow each other; a seek decodes everything before its place without.
    pub(super) packets: Option<Packets>,
}

/// Packets of equal length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packets {
    /// Frames in each.
    pub(super) frames: u64,
    /// How long the container says that each lasts, in its own ticks.
    pub(super) ticks: u64,
    /// Ticks a second.
    pub(super) timescale: u32,
    /// Packets that must be decoded before the one that is wanted.
    pub(super) preroll: u64,
}

/// See the head of this file.
pub(super) struct Trimmed {
    sound: SoundFile,
    pieces: Vec<Piece>,
    decoder: PacketSource,
    plan: Plan,
    /// Samples to give until the end; it may be before that of the decoder.
    left: Left,
}

impl Trimmed {
    /// Opens the file that `pieces` make.
    ///
    /// # Errors
    /// It cannot be read, or nothing in it can be decoded.
    pub(super) fn open(sound: &SoundFile, pieces: Vec<Piece>, plan: Plan) -> Result<Self, LoadError> {
        let decoder = plain::decoder(sound, sound.reader_of(pieces.clone()), Mode::Coarse)?;
        let mut trimmed = Self { sound: sound.clone(), pieces, decoder, plan, left: Left(None) };
        skip_frames(&mut trimmed.decoder, trimmed.plan.delay_frames);
        trimmed.left = Left::of(trimmed.plan.len_frames, 0, &trimmed.decoder);
        Ok(trimmed)
    }

    /// Makes `at` the next frame.
    fn go_to(&mut self, at: u64) -> Result<(), LoadError> {
        // Whatever the last seek left half-way is gone with its decoder.
        self.decoder = plain::decoder(&self.sound, self.sound.reader_of(self.pieces.clone()), Mode::Coarse)?;
        self.left = Left::of(self.plan.len_frames, at, &self.decoder);
        let wanted = self.plan.delay_frames + at;
        let mut from = 0;
        if let Some(packets) = self.plan.packets {
            let packet = (wanted / packets.frames).saturating_sub(packets.preroll);
            let ticks = packet * packets.ticks;
            if packet > 0 && self.decoder.try_seek(place_of(ticks, packets.timescale)).is_ok() {
                from = packet * packets.frames;
            }
        }
        skip_frames(&mut self.decoder, wanted - from);
        Ok(())
    }
}

impl Iterator for Trimmed {
    type Item = f32;

    #[inline]
    fn next(&mut self) -> Option<f32> {
        if self.left.take() { self.decoder.next() } else { None }
    }
}

impl Source for Trimmed {
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
        self.plan.len_frames.map(|frames| place_of(frames, self.sample_rate().get()))
    }

    fn try_seek(&mut self, place: Duration) -> Result<(), SeekError> {
        let frame = frame_at(place, self.sample_rate().get());
        self.go_to(frame).map_err(|e| SeekError::Other(Arc::new(e)))
    }
}

impl BlockSource for Trimmed {
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

//! A file that `orchestrion-media` decodes, as a rodio `Source`.
//!
//! The deck's thread waits for the child with the limits of [`Limits`]; no other thread takes part. What goes wrong after
//! the first sound is noted in the song's [`Trouble`], since a `Source` can only end.

use std::io;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rodio::Source;
use rodio::source::SeekError;

use crate::audio::LoadError;
use crate::audio::block::BlockSource;
use crate::audio::file::{self, Trouble};
use crate::media::message::Lasts;
use crate::media::{self, Decoding, Limits};

/// See the head of this file. Dropping it ends the child.
#[derive(Debug)]
pub(in crate::audio) struct ChildSource {
    decoding: Decoding,
    trouble: Arc<Trouble>,
    /// What the samples in `chunk` are like.
    channels: NonZeroU16,
    rate_hz: NonZeroU32,
    chunk: Vec<f32>,
    at: usize,
}

impl ChildSource {
    /// Opens a file in a child of `program` and waits for its first sound.
    ///
    /// # Errors
    /// It is no regular file, or cannot be decoded.
    pub(in crate::audio) fn open(
        path: &Path,
        trouble: &Arc<Trouble>,
        program: &Path,
        limits: Limits,
    ) -> Result<Self, LoadError> {
        let (file, _) = file::open_regular(path)?;
        let decoding = Decoding::start(program, &file, limits).map_err(refused)?;
        let format = decoding.format();
        let impossible = || LoadError::NotDecodable("a sound without channels or rate".into());
        Ok(Self {
            channels: NonZeroU16::new(format.channels).ok_or_else(impossible)?,
            rate_hz: NonZeroU32::new(format.rate_hz).ok_or_else(impossible)?,
            decoding,
            trouble: Arc::clone(trouble),
            chunk: Vec::new(),
            at: 0,
        })
    }

    /// How long a bare stream of packets may be (AC-3, MP2, AAC without a container), of which `total_duration` says nothing.
    pub(in crate::audio) fn estimated_duration(&self) -> Option<Duration> {
        self.decoding.duration().map(|lasts| Duration::from_millis(lasts.ms()))
    }

    /// Gets the next samples; `false` when there are none.
    fn refill(&mut self) -> bool {
        self.at = 0;
        match self.decoding.read(&mut self.chunk) {
            Ok(true) => {
                let format = self.decoding.format();
                self.channels = NonZeroU16::new(format.channels).unwrap_or(self.channels);
                self.rate_hz = NonZeroU32::new(format.rate_hz).unwrap_or(self.rate_hz);
                true
            }
            Ok(false) => false,
            Err(error) => {
                self.trouble.note(&io::Error::other(error));
                false
            }
        }
    }
}

/// An error before the first sound.
fn refused(error: media::Error) -> LoadError {
    LoadError::NotDecodable(error.to_string())
}

impl Iterator for ChildSource {
    type Item = f32;

    fn next(&mut self) -> Option<f32> {
        if self.at == self.chunk.len() && !self.refill() {
            return None;
        }
        let sample = self.chunk.get(self.at).copied();
        self.at += 1;
        sample
    }
}

impl Source for ChildSource {
    /// What is left of a message; between two of them a frame, since the next may be of another format.
    fn current_span_len(&self) -> Option<usize> {
        let left = self.chunk.len() - self.at;
        if left > 0 {
            return Some(left);
        }
        Some(if self.decoding.is_over() { 0 } else { usize::from(self.channels.get()) })
    }

    fn channels(&self) -> NonZeroU16 {
        self.channels
    }

    fn sample_rate(&self) -> NonZeroU32 {
        self.rate_hz
    }

    /// Only what the file promises: a song that is shorter than this counts as truncated.
    fn total_duration(&self) -> Option<Duration> {
        match self.decoding.duration()? {
            Lasts::Promised(ms) => Some(Duration::from_millis(ms)),
            Lasts::Estimated(_) => None,
        }
    }

    fn try_seek(&mut self, to: Duration) -> Result<(), SeekError> {
        self.chunk.clear();
        self.at = 0;
        let ms = u64::try_from(to.as_millis()).unwrap_or(u64::MAX).min(media::message::DURATION_MS_MAX);
        match self.decoding.seek(ms) {
            Ok(_) => Ok(()),
            Err(error) => {
                self.trouble.note(&io::Error::other(error.clone()));
                Err(SeekError::Other(Arc::new(error)))
            }
        }
    }
}

impl BlockSource for ChildSource {}

#[cfg(test)]
mod tests;

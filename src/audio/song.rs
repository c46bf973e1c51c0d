//! One song being decoded: a rodio `Source` that forgets no error, turned into stereo.

use std::path::Path;
use std::sync::Arc;

use rodio::Source;

pub(super) use super::block::Format;
use super::block::{Block, BlockSource, format_of};
use super::file::{self, Trouble};
use super::{LoadError, Media, decode, tags};

/// How much shorter than promised a song may be without counting as truncated. MP3 files without a table of
/// contents promise by estimate.
const SHORT_MS_MAX: u64 = 1000;

/// What ends so much before its promise breaks off in the middle of its sound, though it passes for whole.
const EARLY_MS_MAX: u64 = 20;

/// See the head of this file.
pub(super) struct Song {
    source: Box<dyn BlockSource + Send>,
    trouble: Arc<Trouble>,
    format: Format,
    promised_ms: Option<u64>,
    /// Frames from the start of the file that are behind us, at the rate of `format`.
    at_frames: u64,
    /// Why it cannot be whole, as far as the container tells.
    cut: Option<&'static str>,
    /// See [`decode::Decoded`].
    is_bare: bool,
    /// The first sample after a change of the format, which had to be read to notice the change.
    ahead: Option<f32>,
    /// What is read of a source that is not stereo.
    block: Vec<f32>,
}

/// What a read came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// There is more.
    More,
    /// From here on the samples are of another format; [`Song::format`] tells which.
    FormatChanged,
    /// There is no more.
    Ended,
}

impl Song {
    /// Opens a file at a place.
    ///
    /// # Errors
    /// It cannot be read, or nothing in it can be decoded.
    pub(super) fn open(path: &Path, start_ms: u64) -> Result<(Self, Media), LoadError> {
        let sound = file::open(path)?;
        let decoded = decode::open(path, &sound)?;
        let mut source = decoded.source;
        let first = format_of(&*source);
        let ms = |frames: u64| frames * 1000 / u64::from(first.rate_hz);
        let mut at_frames = 0;
        if start_ms > 0 {
            at_frames = seek(&mut *source, start_ms, first);
        }
        let format = format_of(&*source);
        // Behind a seek the rate may be another than at the start.
        let at_frames = at_frames * u64::from(format.rate_hz) / u64::from(first.rate_hz);
        sound.trouble.opened();
        let media = Media {
            duration_ms: decoded.duration_frames.map(ms),
            rate_hz: first.rate_hz,
            channels: first.channels,
            size: sound.size,
            modified_ms: sound.modified_ms,
            tags: tags::read(path),
            start_ms,
            measurement: None,
        };
        let song = Self {
            source,
            trouble: sound.trouble,
            format,
            promised_ms: decoded.promised_frames.map(ms),
            at_frames,
            cut: decoded.cut,
            is_bare: decoded.is_bare,
            ahead: None,
            block: Vec::new(),
        };
        Ok((song, media))
    }

    /// The format of the next samples.
    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// Appends at most `frames_max` frames of stereo.
    pub(super) fn read(&mut self, frames_max: usize, stereo: &mut Vec<f32>) -> Progress {
        let from = stereo.len();
        let first = self.ahead.take();
        let ended = if self.format.channels == 2 {
            self.source.read_block(self.format, first, frames_max, stereo)
        } else {
            self.block.clear();
            let ended = self.source.read_block(self.format, first, frames_max, &mut self.block);
            mix_down(&self.block, usize::from(self.format.channels), stereo);
            ended
        };
        let read = &mut stereo[from..];
        // A damaged float file may hold anything; the sum of everything must stay a number.
        for sample in read.iter_mut() {
            *sample = if sample.is_finite() { *sample } else { 0.0 };
        }
        self.at_frames += (read.len() / 2) as u64;
        match ended {
            Block::Full => Progress::More,
            Block::Ended => Progress::Ended,
            Block::Changed(first) => {
                let format = format_of(&*self.source);
                self.at_frames =
                    self.at_frames * u64::from(format.rate_hz) / u64::from(self.format.rate_hz.max(1));
                self.format = format;
                self.ahead = Some(first);
                Progress::FormatChanged
            }
        }
    }

    /// After the end: what went wrong, if anything.
    pub(super) fn verdict(&self) -> Option<LoadError> {
        if let Some(error) = self.trouble.error() {
            return Some(error);
        }
        if let Some(cut) = self.cut {
            return Some(LoadError::Damaged(cut.into()));
        }
        let promised_ms = self.promised_ms?;
        let got_ms = self.got_ms();
        (got_ms + SHORT_MS_MAX < promised_ms).then_some(LoadError::Truncated { got_ms, promised_ms })
    }

    /// After the end: whether it may lie in the middle of the sound, where it would be a click. A song that ends as it
    /// promised ends at its last sample, whatever that is, since another may join there.
    pub(super) fn breaks_off(&self) -> bool {
        self.is_bare || self.promised_ms.is_some_and(|promised_ms| self.got_ms() + EARLY_MS_MAX < promised_ms)
    }

    fn got_ms(&self) -> u64 {
        self.at_frames * 1000 / u64::from(self.format.rate_hz.max(1))
    }
}

/// Goes to a place; where the container cannot, by decoding what is before it. Gives the frame it came to.
fn seek(source: &mut (impl Source + ?Sized), start_ms: u64, format: Format) -> u64 {
    let wanted = start_ms * u64::from(format.rate_hz) / 1000;
    if source.try_seek(decode::place_of(wanted, format.rate_hz)).is_ok() {
        return wanted;
    }
    let mut frames = 0;
    while frames < wanted {
        for _ in 0..format.channels {
            if source.next().is_none() {
                return frames;
            }
        }
        frames += 1;
    }
    frames
}

/// Appends whole frames of so many channels as stereo.
fn mix_down(block: &[f32], channels: usize, stereo: &mut Vec<f32>) {
    let gains: Vec<(f32, f32)> = (0..channels).map(|channel| downmix(channels, channel)).collect();
    stereo.reserve(block.len() / channels.max(1) * 2);
    for frame in block.chunks_exact(channels.max(1)) {
        let (mut left, mut right) = (0.0, 0.0);
        for (sample, (to_left, to_right)) in frame.iter().zip(&gains) {
            left += sample * to_left;
            right += sample * to_right;
        }
        stereo.extend([left, right]);
    }
}

/// How much of a channel goes left and right. Mono goes to both; more than two are mixed down as in ITU-R BS.775-3 (centre
/// and surrounds at −3 dB, no LFE), scaled so that the sum cannot exceed full scale. Channel order as in WAVE files.
fn downmix(channels: usize, channel: usize) -> (f32, f32) {
    const HALF_POWER: f32 = std::f32::consts::FRAC_1_SQRT_2;
    let (left, right) = match (channels, channel) {
        (1, _) => return (1.0, 1.0),
        (2, 0) => return (1.0, 0.0),
        (2, _) => return (0.0, 1.0),
        (_, 0) => (1.0, 0.0),
        (_, 1) => (0.0, 1.0),
        (4, 2) => (HALF_POWER, 0.0),
        (4, 3) => (0.0, HALF_POWER),
        (_, 2) => (HALF_POWER, HALF_POWER),
        (3 | 5, n) if n % 2 == 1 => (HALF_POWER, 0.0),
        (3 | 5, _) => (0.0, HALF_POWER),
        (_, 3) => (0.0, 0.0),
        // 6.1: one surround behind, for both.
        (7, 4) => (0.5, 0.5),
        (7, 5) => (HALF_POWER, 0.0),
        (7, 6) => (0.0, HALF_POWER),
        (_, n) if n % 2 == 0 => (HALF_POWER, 0.0),
        (_, _) => (0.0, HALF_POWER),
    };
    let sum = match channels {
        3 | 4 => 1.0 + HALF_POWER,
        5 | 6 => 1.0 + 2.0 * HALF_POWER,
        7 => 1.5 + 2.0 * HALF_POWER,
        _ => 1.0 + 3.0 * HALF_POWER,
    };
    (left / sum, right / sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_downmix_exceeds_full_scale_and_both_sides_get_the_same() {
        for channels in 1..=8 {
            let (left, right) = (0..channels)
                .map(|channel| downmix(channels, channel))
                .fold((0.0, 0.0), |sum, gains| (sum.0 + gains.0, sum.1 + gains.1));
            assert!(left <= 1.0 + 1e-6, "{channels}: {left}");
            assert!((left - right).abs() < 1e-6, "{channels}: {left} {right}");
            assert!(left > 0.99 || channels == 6 && left > 0.7, "{channels}: {left}");
        }
    }
}

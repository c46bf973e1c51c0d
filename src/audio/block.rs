//! Reading a source in blocks. What a deck plays is behind a `dyn`, and a call for each sample, with a look at the format
//! for each frame, costs as much as decoding a FLAC; a call for each block costs nothing.

use rodio::Source;

/// What the samples of a source are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) rate_hz: u32,
    pub(super) channels: u16,
}

/// What a read came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Block {
    /// There may be more.
    Full,
    /// From this sample on, which had to be read to notice it, the format is another.
    Changed(f32),
    /// There is no more.
    Ended,
}

/// See the head of this file. A source whose samples lie in a row gives them so; the others give one after the other.
pub(super) trait BlockSource: Source {
    /// Appends at most `frames_max` whole frames of `format`, interleaved, of which the first begins with `first` if that
    /// was read before. A last frame that is not whole is filled up with silence.
    fn read_block(
        &mut self,
        format: Format,
        mut first: Option<f32>,
        frames_max: usize,
        samples: &mut Vec<f32>,
    ) -> Block {
        samples.reserve(frames_max * usize::from(format.channels));
        for _ in 0..frames_max {
            let Some(sample) = first.take().or_else(|| self.next()) else { return Block::Ended };
            if self.channels().get() != format.channels || self.sample_rate().get() != format.rate_hz {
                return Block::Changed(sample);
            }
            fill_frame(self, sample, format, samples);
        }
        Block::Full
    }
}

/// Appends the frame that begins with `first`.
pub(super) fn fill_frame(
    source: &mut (impl Source + ?Sized),
    first: f32,
    format: Format,
    samples: &mut Vec<f32>,
) {
    samples.push(first);
    samples.extend((1..format.channels).map(|_| source.next().unwrap_or_default()));
}

/// The format of the next samples.
pub(super) fn format_of(source: &(impl Source + ?Sized)) -> Format {
    Format { rate_hz: source.sample_rate().get(), channels: source.channels().get() }
}

//! Ogg: its links one after another, each with the decoder that it needs.

mod link;
mod opus;
mod page;
mod vorbis;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rodio::source::SeekError;
use rodio::{ChannelCount, SampleRate, Source};

use super::packets::PacketSource;
use super::plain;
use super::{Decoded, LoadError, NANOS, SoundFile, by_media, place_of};
use crate::audio::block::{Block, BlockSource, Format};
use crate::audio::file::Piece;
use link::{Codec, Link, Stream};
use opus::OpusLink;
use page::PageReader;
use vorbis::VorbisLink;

/// Opens an Ogg file.
///
/// # Errors
/// It cannot be read, or nothing in it can be decoded.
pub(super) fn open(path: &Path, sound: &SoundFile) -> Result<Decoded, LoadError> {
    let mut pages = PageReader::new(sound);
    let found = link::links(sound, &mut pages)?;
    let mut links = Vec::new();
    for link in found.links {
        match playable(&link) {
            Ok(stream) => links.push((stream, link)),
            // The other program plays what is there and does not say that more was meant.
            Err(format) => {
                return Ok(Decoded { cut: found.cut, ..by_media(path, format, &sound.trouble)? });
            }
        }
    }
    let chain = Chain::open(sound, links)?;
    let cut = found.cut.or(chain.cut);
    let frames = chain.len_frames();
    Ok(Decoded { cut, ..Decoded::sure(chain, frames) })
}

/// The stream of a link that is to be heard, or what only `orchestrion-media` can play.
fn playable(link: &Link) -> Result<Stream, &'static str> {
    let mut heard = link.heard();
    match (heard.next(), heard.next()) {
        (Some(stream), None) if stream.codec == Codec::Speex => Err("Speex"),
        (Some(stream), None) => Ok(stream.clone()),
        (None, _) => Err("the codec in this Ogg file"),
        (Some(_), Some(_)) => Err("an Ogg file with several sounds beside each other"),
    }
}

/// A link being played.
enum Playing {
    Opus(Box<OpusLink>),
    Vorbis(Box<VorbisLink>),
    Flac(Box<PacketSource>),
}

impl Playing {
    fn open(sound: &SoundFile, stream: &Stream, link: &Link) -> Result<Self, LoadError> {
        Ok(match stream.codec {
            Codec::Opus => Self::Opus(Box::new(OpusLink::open(sound, link, stream)?)),
            Codec::Vorbis => Self::Vorbis(Box::new(VorbisLink::open(sound, link, stream)?)),
            Codec::Flac | Codec::Speex | Codec::Silent => {
                let reader = sound.reader_of(vec![Piece::File(link.bytes.clone())]);
                Self::Flac(Box::new(plain::decoder(sound, reader, plain::Mode::Whole)?))
            }
        })
    }

    fn source(&self) -> &dyn Source {
        match self {
            Self::Opus(link) => &**link,
            Self::Vorbis(link) => &**link,
            Self::Flac(link) => &**link,
        }
    }

    fn len_frames(&self) -> Option<u64> {
        match self {
            Self::Opus(link) => Some(link.len_frames()),
            Self::Vorbis(link) => link.len_frames(),
            Self::Flac(link) => plain::frames_of(&**link),
        }
    }

    fn try_seek(&mut self, place: Duration) -> Result<(), SeekError> {
        match self {
            Self::Opus(link) => link.try_seek(place),
            Self::Vorbis(link) => link.try_seek(place),
            Self::Flac(link) => link.try_seek(place),
        }
    }
}

/// What is known of a link without playing it.
struct Part {
    stream: Stream,
    link: Link,
    rate_hz: u32,
    len_frames: Option<u64>,
}

/// Links one after another. Where rate or channels change, the sample that comes next has the new ones.
struct Chain {
    sound: SoundFile,
    parts: Vec<Part>,
    /// Which of them plays.
    at: usize,
    playing: Playing,
    /// Why it cannot be whole.
    cut: Option<&'static str>,
}

impl Chain {
    fn open(sound: &SoundFile, links: Vec<(Stream, Link)>) -> Result<Self, LoadError> {
        let mut parts = Vec::new();
        let (mut playing, mut cut) = (None, None);
        for (stream, link) in links {
            let opened = match Playing::open(sound, &stream, &link) {
                Ok(opened) => opened,
                // One bad link does not take the others along.
                Err(error) if !parts.is_empty() => {
                    log::debug!("a link of an Ogg file is left out: {error}");
                    cut = Some("an Ogg stream in it cannot be decoded");
                    continue;
                }
                Err(error) => return Err(error),
            };
            let rate_hz = opened.source().sample_rate().get();
            parts.push(Part { stream, link, rate_hz, len_frames: opened.len_frames() });
            playing.get_or_insert(opened);
        }
        let playing =
            playing.ok_or_else(|| LoadError::NotDecodable("nothing in it can be decoded".into()))?;
        Ok(Self { sound: sound.clone(), parts, at: 0, playing, cut })
    }

    /// Frames of all links, at the rate of the first one.
    fn len_frames(&self) -> Option<u64> {
        let first_hz = u128::from(self.parts.first()?.rate_hz);
        let nanos = self.parts.iter().map(Part::nanos).sum::<Option<u128>>()?;
        u64::try_from((nanos * first_hz + NANOS / 2) / NANOS).ok()
    }

    /// Lets the link `at` play from its start.
    fn play(&mut self, at: usize) -> Result<(), LoadError> {
        let Some(part) = self.parts.get(at) else { return Ok(()) };
        self.playing = Playing::open(&self.sound, &part.stream, &part.link)?;
        self.at = at;
        Ok(())
    }

    /// Goes on with the next link. `false`: there is none.
    fn next_link(&mut self) -> bool {
        if self.at + 1 >= self.parts.len() || self.sound.trouble.error().is_some() {
            return false;
        }
        let played = self.play(self.at + 1);
        if let Err(error) = &played {
            self.sound.trouble.fail(LoadError::Damaged(error.to_string()));
        }
        played.is_ok()
    }

    fn next_of_link(&mut self) -> Option<f32> {
        match &mut self.playing {
            Playing::Opus(link) => link.next(),
            Playing::Vorbis(link) => link.next(),
            Playing::Flac(link) => link.next(),
        }
    }
}

impl Part {
    fn nanos(&self) -> Option<u128> {
        self.len_frames.map(|frames| u128::from(frames) * NANOS / u128::from(self.rate_hz.max(1)))
    }
}

impl Iterator for Chain {
    type Item = f32;

    #[inline]
    fn next(&mut self) -> Option<f32> {
        loop {
            if let Some(sample) = self.next_of_link() {
                return Some(sample);
            }
            if !self.next_link() {
                return None;
            }
        }
    }
}

impl BlockSource for Chain {
    fn read_block(
        &mut self,
        format: Format,
        mut first: Option<f32>,
        frames_max: usize,
        samples: &mut Vec<f32>,
    ) -> Block {
        let channels = usize::from(format.channels.max(1));
        let from = samples.len();
        loop {
            let frames = frames_max - (samples.len() - from) / channels;
            let ended = match &mut self.playing {
                Playing::Opus(link) => link.read_block(format, first.take(), frames, samples),
                Playing::Vorbis(link) => link.read_block(format, first.take(), frames, samples),
                Playing::Flac(link) => link.read_block(format, first.take(), frames, samples),
            };
            if ended != Block::Ended || !self.next_link() {
                return ended;
            }
        }
    }
}

impl Source for Chain {
    fn current_span_len(&self) -> Option<usize> {
        None
    }

    fn channels(&self) -> ChannelCount {
        self.playing.source().channels()
    }

    fn sample_rate(&self) -> SampleRate {
        self.playing.source().sample_rate()
    }

    fn total_duration(&self) -> Option<Duration> {
        self.len_frames().map(|frames| place_of(frames, self.parts[0].rate_hz))
    }

    fn try_seek(&mut self, place: Duration) -> Result<(), SeekError> {
        let other = |e: LoadError| SeekError::Other(Arc::new(e));
        let mut left = place.as_nanos();
        let mut at = 0;
        while let Some(nanos) = self.parts[at].nanos()
            && left >= nanos
            && at + 1 < self.parts.len()
        {
            left -= nanos;
            at += 1;
        }
        if at != self.at {
            self.play(at).map_err(other)?;
        }
        self.playing.try_seek(Duration::from_nanos(u64::try_from(left).unwrap_or(u64::MAX)))
    }
}

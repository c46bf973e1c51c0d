//! symphonia's demuxers and decoders, packet by packet, as a rodio `Source` that is read in blocks.
//!
//! rodio has a decoder around symphonia too. That one makes room anew for each packet, gives its samples one by one, and
//! leaves out what cannot be decoded without a word, so that what is before it and behind it meet in a click. Here a hole is
//! mended: see [`mend()`].

use std::io::{Read, Seek};
use std::time::Duration;

use rodio::source::SeekError;
use rodio::{ChannelCount, SampleRate, Source};
use symphonia::core::audio::{AudioBuffer, AudioBufferRef, SampleBuffer, Signal, SignalSpec};
use symphonia::core::codecs::{CODEC_TYPE_NULL, Decoder, DecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader, SeekMode, SeekTo};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::probe::Hint;
use symphonia::core::units::TimeBase;

use super::plain::Mode;
use crate::audio::block::{Block, BlockSource, Format, fill_frame};
use crate::audio::file::SoundReader;
use crate::audio::mend::{self, HOLE_MS_MAX, mend};

/// Packets in a row of which nothing can be made; then there is no sound any more.
const LOST_PACKETS_MAX: u32 = 10_000;
/// What a file of FLAC without a container begins with.
const FLAC_MAGIC: &[u8] = b"fLaC";

/// See the head of this file.
pub(super) struct PacketSource {
    format: Box<dyn FormatReader>,
    decoder: Box<dyn Decoder>,
    track_id: u32,
    mode: Mode,
    time_base: Option<TimeBase>,
    total_duration: Option<Duration>,
    /// The packets tell what is missing between them, under a checksum: native FLAC.
    counts_frames: bool,
    spec: SignalSpec,
    /// The last packet, interleaved, and how much of it is given.
    samples: Vec<f32>,
    given: usize,
    /// The time behind it, in ticks of the time base; `None` at the start and behind a seek.
    expected_ts: Option<u64>,
}

impl MediaSource for SoundReader {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len())
    }
}

impl PacketSource {
    /// Opens what a reader gives and decodes its first packet.
    ///
    /// # Errors
    /// symphonia's: it cannot be read, or nothing in it can be decoded.
    pub(super) fn open(mut reader: SoundReader, mode: Mode) -> Result<Self, Error> {
        let mut magic = Vec::new();
        reader.by_ref().take(FLAC_MAGIC.len() as u64).read_to_end(&mut magic)?;
        reader.rewind()?;
        let stream = MediaSourceStream::new(Box::new(reader), Default::default());
        let options = FormatOptions { enable_gapless: mode != Mode::Bare, ..Default::default() };
        let probed = symphonia::default::get_probe().format(
            &Hint::new(),
            stream,
            &options,
            &MetadataOptions::default(),
        )?;
        let format = probed.format;
        let track = format
            .tracks()
            .iter()
            .find(|track| track.codec_params.codec != CODEC_TYPE_NULL)
            .ok_or(Error::Unsupported("no track that can be decoded"))?;
        let decoder =
            symphonia::default::get_codecs().make(&track.codec_params, &DecoderOptions::default())?;
        let params = &track.codec_params;
        let total_duration = params
            .time_base
            .zip(params.n_frames)
            .map(|(base, frames)| Duration::from(base.calc_time(frames)))
            .filter(|duration| !duration.is_zero());
        let spec = SignalSpec::new(params.sample_rate.unwrap_or(0), params.channels.unwrap_or_default());
        let (track_id, time_base) = (track.id, params.time_base);
        let counts_frames = magic == FLAC_MAGIC;
        let mut source = Self {
            format,
            decoder,
            track_id,
            mode,
            time_base,
            total_duration,
            counts_frames,
            spec,
            samples: Vec::new(),
            given: 0,
            expected_ts: None,
        };
        source.refill()?;
        if source.spec.rate == 0 || source.spec.channels.is_empty() {
            return Err(Error::Unsupported("sound without a rate or channels"));
        }
        Ok(source)
    }

    fn channels_len(&self) -> usize {
        self.spec.channels.count()
    }

    /// Decodes the next packet that has sound. `false`: there is none.
    fn refill(&mut self) -> Result<bool, Error> {
        let mut lost = 0;
        loop {
            let packet = match self.format.next_packet() {
                Ok(packet) => packet,
                Err(Error::DecodeError(_)) if lost < LOST_PACKETS_MAX => {
                    lost += 1;
                    continue;
                }
                // The end is an error too; what else went wrong while reading the reader has noted.
                Err(Error::IoError(_)) => return Ok(false),
                Err(error) => return Err(error),
            };
            if packet.track_id() != self.track_id {
                continue;
            }
            let decoded = match self.decoder.decode(&packet) {
                Ok(decoded) => decoded,
                // A packet is in memory: this is no error of the disk, but a packet that ends too soon.
                Err(Error::DecodeError(_) | Error::IoError(_)) if lost < LOST_PACKETS_MAX => {
                    lost += 1;
                    continue;
                }
                Err(error) => return Err(error),
            };
            // Some packets have none, where an encoder or a seek begins.
            if decoded.frames() == 0 {
                continue;
            }
            let spec = *decoded.spec();
            if spec.rate == 0 || spec.channels.is_empty() {
                return Ok(false);
            }
            let missing = self.expected_ts.and_then(|expected| packet.ts().checked_sub(expected));
            let is_torn = lost > 0 || (self.counts_frames && missing.is_some_and(|ticks| ticks > 0));
            self.expected_ts = Some(packet.ts().saturating_add(packet.dur()));
            self.given = 0;
            if !(is_torn && spec == self.spec && !self.samples.is_empty()) {
                self.spec = spec;
                interleave(&decoded, &mut self.samples);
                return Ok(true);
            }
            let mut after = Vec::new();
            interleave(&decoded, &mut after);
            let hole = frames_of(missing.unwrap_or(0), self.time_base, spec.rate);
            let hole =
                hole.filter(|frames| *frames <= HOLE_MS_MAX * u64::from(spec.rate) / 1000).unwrap_or(0);
            mend(
                &self.samples,
                hole as usize,
                &mut after,
                mend::Sound::new(spec.channels.count(), spec.rate),
            );
            self.samples = after;
            return Ok(true);
        }
    }

    fn more(&mut self) -> bool {
        self.refill().unwrap_or(false)
    }
}

/// So many ticks in frames.
fn frames_of(ticks: u64, time_base: Option<TimeBase>, rate_hz: u32) -> Option<u64> {
    let Some(TimeBase { numer, denom }) = time_base else { return Some(ticks) };
    let scaled = u128::from(ticks) * u128::from(numer) * u128::from(rate_hz);
    u64::try_from((scaled + u128::from(denom) / 2) / u128::from(denom.max(1))).ok()
}

/// Puts decoded sound into `samples`, in place of what is in there.
fn interleave(decoded: &AudioBufferRef<'_>, samples: &mut Vec<f32>) {
    samples.clear();
    match decoded {
        AudioBufferRef::F32(buffer) if buffer.spec().channels.count() <= 2 => pairs(buffer, samples, |s| s),
        // Both roundings of a larger type at once: a power of two changes none.
        AudioBufferRef::S32(buffer) if buffer.spec().channels.count() <= 2 => {
            pairs(buffer, samples, |s| s as f32 * (1.0 / 2_147_483_648.0));
        }
        AudioBufferRef::S16(buffer) if buffer.spec().channels.count() <= 2 => {
            pairs(buffer, samples, |s| f32::from(s) * (1.0 / 32_768.0));
        }
        other => {
            let mut buffer = SampleBuffer::<f32>::new(other.capacity() as u64, *other.spec());
            buffer.copy_interleaved_ref(other.clone());
            samples.extend_from_slice(buffer.samples());
        }
    }
}

/// One or two channels, side by side.
fn pairs<S: symphonia::core::sample::Sample>(
    buffer: &AudioBuffer<S>,
    samples: &mut Vec<f32>,
    convert: impl Fn(S) -> f32,
) {
    let left = buffer.chan(0);
    if buffer.spec().channels.count() == 1 {
        samples.extend(left.iter().map(|sample| convert(*sample)));
        return;
    }
    samples.resize(left.len() * 2, 0.0);
    for ((frame, left), right) in samples.chunks_exact_mut(2).zip(left).zip(buffer.chan(1)) {
        (frame[0], frame[1]) = (convert(*left), convert(*right));
    }
}

impl Iterator for PacketSource {
    type Item = f32;

    #[inline]
    fn next(&mut self) -> Option<f32> {
        if self.given == self.samples.len() && !self.more() {
            return None;
        }
        let sample = self.samples.get(self.given).copied();
        self.given += 1;
        sample
    }
}

impl Source for PacketSource {
    fn current_span_len(&self) -> Option<usize> {
        None
    }

    fn channels(&self) -> ChannelCount {
        u16::try_from(self.channels_len()).ok().and_then(ChannelCount::new).unwrap_or(ChannelCount::MIN)
    }

    fn sample_rate(&self) -> SampleRate {
        SampleRate::new(self.spec.rate).unwrap_or(SampleRate::MIN)
    }

    fn total_duration(&self) -> Option<Duration> {
        self.total_duration
    }

    fn try_seek(&mut self, place: Duration) -> Result<(), SeekError> {
        let other = |error: Error| SeekError::Other(std::sync::Arc::new(error));
        let place = self.total_duration.map_or(place, |end| place.min(end));
        let is_coarse = self.mode == Mode::Coarse;
        let mode = if is_coarse { SeekMode::Coarse } else { SeekMode::Accurate };
        let to = SeekTo::Time { time: place.into(), track_id: None };
        let sought = self.format.seek(mode, to).map_err(other)?;
        // The decoder does not see that the packets go on elsewhere.
        self.decoder.reset();
        self.samples.clear();
        self.given = 0;
        self.expected_ts = None;
        if !is_coarse {
            let early = sought.required_ts.saturating_sub(sought.actual_ts);
            let frames = frames_of(early, self.time_base, self.spec.rate).unwrap_or(0);
            super::skip_frames(self, frames);
        }
        Ok(())
    }
}

impl BlockSource for PacketSource {
    fn read_block(
        &mut self,
        format: Format,
        first: Option<f32>,
        frames_max: usize,
        samples: &mut Vec<f32>,
    ) -> Block {
        let mut wanted = frames_max * usize::from(format.channels);
        if let Some(first) = first.filter(|_| wanted > 0) {
            fill_frame(self, first, format, samples);
            wanted -= usize::from(format.channels);
        }
        while wanted > 0 {
            if self.given == self.samples.len() && !self.more() {
                return Block::Ended;
            }
            if self.spec.rate != format.rate_hz || self.channels_len() != usize::from(format.channels) {
                return self.next().map_or(Block::Ended, Block::Changed);
            }
            let ready = &self.samples[self.given..];
            let taken = ready.len().min(wanted);
            samples.extend_from_slice(&ready[..taken]);
            self.given += taken;
            wanted -= taken;
        }
        Block::Full
    }
}

//! WAV files, written and read by own code: 1 to 8 channels, any rate, 16 and 24 bit integer and
//! 32 bit float.
//!
//! Integers are rounded without dither, so that the same samples always make the same file; what
//! lies outside ±1 is clipped in integer formats and kept in float.

mod read;

use std::fs;
use std::path::Path;

pub use read::{parse, read};

use crate::{Error, Result};

/// The most channels that a file may have.
pub const CHANNELS_MAX: u16 = 8;

const FORMAT_PCM: u16 = 1;
const FORMAT_FLOAT: u16 = 3;
const FORMAT_EXTENSIBLE: u16 = 0xFFFE;
/// The last 14 bytes of the sub-format's GUID; its first two are the format's number.
const GUID_TAIL: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];
/// The loudspeakers that 0..=8 channels usually mean (1 is front centre, 6 is 5.1, 8 is 7.1).
const SPEAKERS: [u32; 9] = [0, 0x4, 0x3, 0x7, 0x33, 0x37, 0x3F, 0x13F, 0x63F];

/// How a sample is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleFormat {
    /// 16 bit integer: the noise of rounding is at −98 dB of a full-scale sine.
    Int16,
    /// 24 bit integer: at −146 dB.
    Int24,
    /// 32 bit float, bit for bit what was given.
    Float32,
}

impl SampleFormat {
    /// Bytes of one sample.
    #[must_use]
    pub fn bytes(self) -> u16 {
        match self {
            Self::Int16 => 2,
            Self::Int24 => 3,
            Self::Float32 => 4,
        }
    }
}

/// A WAV file's content.
#[derive(Debug, Clone, PartialEq)]
pub struct Wav {
    /// Interleaved samples, full scale ±1.
    pub samples: Vec<f32>,
    /// Channels, 1 to 8.
    pub channels: u16,
    /// Frames a second.
    pub rate_hz: u32,
    /// How they were stored.
    pub format: SampleFormat,
}

impl Wav {
    /// How many frames it has.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.samples.len() / usize::from(self.channels.max(1))
    }
}

/// Writes a WAV file over whatever was at `path`.
///
/// # Errors
/// As [`bytes`], and when the disk refuses.
pub fn write(path: &Path, samples: &[f32], channels: u16, rate_hz: u32, format: SampleFormat) -> Result<()> {
    fs::write(path, bytes(samples, channels, rate_hz, format)?).map_err(Error::io("write", path))
}

/// A WAV file as bytes.
///
/// # Errors
/// [`Error::Unsupported`] for 0 or more than 8 channels, a rate of 0, half a frame at the end, or 4 GiB.
pub fn bytes(samples: &[f32], channels: u16, rate_hz: u32, format: SampleFormat) -> Result<Vec<u8>> {
    let refuse = |why| Err(Error::Unsupported { channels, rate_hz, why });
    if channels == 0 || channels > CHANNELS_MAX {
        return refuse("the rig writes 1 to 8 channels");
    }
    if rate_hz == 0 {
        return refuse("the rate must be at least 1 Hz");
    }
    if !samples.len().is_multiple_of(usize::from(channels)) {
        return refuse("the samples end within a frame");
    }
    let Some(data_bytes) = u32::try_from(samples.len())
        .ok()
        .and_then(|n| n.checked_mul(u32::from(format.bytes())))
        .filter(|&n| n < u32::MAX - 128)
    else {
        return refuse("a WAV file ends at 4 GiB");
    };

    let header = format_chunk(channels, rate_hz, format);
    let padding = data_bytes % 2;
    let mut out = Vec::with_capacity(data_bytes as usize + 80);
    out.extend(b"RIFF");
    out.extend((4 + 8 + header.len() as u32 + 8 + data_bytes + padding).to_le_bytes());
    out.extend(b"WAVEfmt ");
    out.extend((header.len() as u32).to_le_bytes());
    out.extend(header);
    out.extend(b"data");
    out.extend(data_bytes.to_le_bytes());
    match format {
        SampleFormat::Int16 => {
            samples.iter().for_each(|&x| out.extend((quantized(x, 32_768.0) as i16).to_le_bytes()));
        }
        SampleFormat::Int24 => {
            samples.iter().for_each(|&x| out.extend(&quantized(x, 8_388_608.0).to_le_bytes()[..3]));
        }
        SampleFormat::Float32 => samples.iter().for_each(|&x| out.extend(x.to_le_bytes())),
    }
    out.extend(std::iter::repeat_n(0, padding as usize));
    Ok(out)
}

/// Rounds to steps of 1/`full_scale` and clips to what two's complement holds.
fn quantized(sample: f32, full_scale: f64) -> i32 {
    (f64::from(sample) * full_scale).round().clamp(-full_scale, full_scale - 1.0) as i32
}

/// The `fmt ` chunk; the extensible form wherever decoders insist on it.
fn format_chunk(channels: u16, rate_hz: u32, format: SampleFormat) -> Vec<u8> {
    let tag = if format == SampleFormat::Float32 { FORMAT_FLOAT } else { FORMAT_PCM };
    let extensible = channels > 2 || format == SampleFormat::Int24;
    let frame_bytes = channels * format.bytes();
    let mut chunk = Vec::with_capacity(40);
    chunk.extend(if extensible { FORMAT_EXTENSIBLE } else { tag }.to_le_bytes());
    chunk.extend(channels.to_le_bytes());
    chunk.extend(rate_hz.to_le_bytes());
    chunk.extend(rate_hz.saturating_mul(u32::from(frame_bytes)).to_le_bytes());
    chunk.extend(frame_bytes.to_le_bytes());
    chunk.extend((format.bytes() * 8).to_le_bytes());
    if extensible {
        chunk.extend(22_u16.to_le_bytes());
        chunk.extend((format.bytes() * 8).to_le_bytes());
        chunk.extend(SPEAKERS[usize::from(channels)].to_le_bytes());
        chunk.extend(tag.to_le_bytes());
        chunk.extend(GUID_TAIL);
    }
    chunk
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let samples: Vec<f32> = (0..240).map(|i| (i as f32 * 0.37).sin()).collect();
        for channels in [1_u16, 2, 3, 5, 8] {
            for (format, step) in [
                (SampleFormat::Int16, 1.0 / 32_768.0),
                (SampleFormat::Int24, 1.0 / 8_388_608.0),
                (SampleFormat::Float32, 0.0),
            ] {
                let wav = parse(&bytes(&samples, channels, 192_000, format).unwrap()).unwrap();
                assert_eq!((wav.channels, wav.rate_hz, wav.format), (channels, 192_000, format));
                assert_eq!(wav.frames(), 240 / usize::from(channels));
                let worst = wav.samples.iter().zip(&samples).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst <= step, "{format:?}: {worst}");
            }
        }
    }

    #[test]
    fn integers_clip_instead_of_wrapping() {
        let wav = parse(&bytes(&[1.5, -1.5], 1, 8000, SampleFormat::Int16).unwrap()).unwrap();
        assert_eq!(wav.samples, [32_767.0 / 32_768.0, -1.0]);
    }

    #[test]
    fn an_odd_number_of_bytes_is_padded() {
        let file = bytes(&[0.5], 1, 8000, SampleFormat::Int24).unwrap();
        assert_eq!(file.len() % 2, 0);
        assert_eq!(parse(&file).unwrap().samples, [0.5]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (samples, channels, rate_hz) in [(2, 0, 8000), (18, 9, 8000), (3, 2, 8000), (2, 2, 0)] {
            let error = bytes(&vec![0.0; samples], channels, rate_hz, SampleFormat::Int16).unwrap_err();
            assert!(matches!(error, Error::Unsupported { .. }), "{error}");
        }
    }
}

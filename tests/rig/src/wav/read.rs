//! Reading WAV files. A `data` chunk that promises more than there is gives what there is, since
//! programs that write into a pipe cannot know the length.

use std::fs;
use std::path::Path;

use super::{CHANNELS_MAX, FORMAT_EXTENSIBLE, FORMAT_FLOAT, FORMAT_PCM, SampleFormat, Wav};
use crate::{Error, Result};

/// Reads a whole WAV file.
///
/// # Errors
/// As [`parse`], and when the disk refuses.
pub fn read(path: &Path) -> Result<Wav> {
    parse(&fs::read(path).map_err(Error::io("read", path))?)
}

/// Takes a WAV file's bytes apart.
///
/// # Errors
/// [`Error::Wav`] if they are none, or in a format that the rig does not write either.
pub fn parse(bytes: &[u8]) -> Result<Wav> {
    if bytes.get(..4) != Some(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
        return Err(Error::Wav { why: "it does not begin with RIFF and WAVE" });
    }
    let mut header = None;
    let mut at = 12;
    while let (Some(id), Some(length)) = (bytes.get(at..at + 4), u32_at(bytes, at + 4)) {
        let length = length as usize;
        let start = at + 8;
        let body = &bytes[start..start.saturating_add(length).min(bytes.len())];
        match (id, header) {
            (b"fmt ", _) => header = Some(Header::parse(body)?),
            (b"data", Some(header)) => return Ok(decoded(header, body)),
            (b"data", None) => return Err(Error::Wav { why: "its data come before its format" }),
            _ => {}
        }
        at = start.saturating_add(length).saturating_add(length % 2);
    }
    Err(Error::Wav { why: "it has no data" })
}

#[derive(Clone, Copy)]
struct Header {
    channels: u16,
    rate_hz: u32,
    format: SampleFormat,
}

impl Header {
    fn parse(body: &[u8]) -> Result<Self> {
        const SHORT: Error = Error::Wav { why: "its format chunk is too short" };
        let mut tag = u16_at(body, 0).ok_or(SHORT)?;
        let channels = u16_at(body, 2).ok_or(SHORT)?;
        let rate_hz = u32_at(body, 4).ok_or(SHORT)?;
        let bits = u16_at(body, 14).ok_or(SHORT)?;
        if tag == FORMAT_EXTENSIBLE {
            tag = u16_at(body, 24).ok_or(SHORT)?;
        }
        if channels == 0 || channels > CHANNELS_MAX {
            return Err(Error::Wav { why: "it does not have 1 to 8 channels" });
        }
        let format = match (tag, bits) {
            (FORMAT_PCM, 16) => SampleFormat::Int16,
            (FORMAT_PCM, 24) => SampleFormat::Int24,
            (FORMAT_FLOAT, 32) => SampleFormat::Float32,
            _ => return Err(Error::Wav { why: "it is neither 16 or 24 bit integer nor 32 bit float" }),
        };
        Ok(Self { channels, rate_hz, format })
    }
}

fn decoded(header: Header, data: &[u8]) -> Wav {
    let Header { channels, rate_hz, format } = header;
    let frame_bytes = usize::from(channels * format.bytes());
    let data = &data[..data.len() - data.len() % frame_bytes];
    let samples = match format {
        SampleFormat::Int16 => {
            data.as_chunks().0.iter().map(|&b| f32::from(i16::from_le_bytes(b)) / 32_768.0).collect()
        }
        SampleFormat::Int24 => data
            .as_chunks()
            .0
            .iter()
            .map(|&[low, mid, high]| (i32::from_le_bytes([0, low, mid, high]) >> 8) as f32 / 8_388_608.0)
            .collect(),
        SampleFormat::Float32 => data.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
    };
    Wav { samples, channels, rate_hz, format }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|&b| u16::from_le_bytes(b))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|&b| u32::from_le_bytes(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wav::bytes;

    #[test]
    fn a_file_cut_short_gives_what_is_there() {
        let file = bytes(&[0.25; 100], 2, 44_100, SampleFormat::Int16).unwrap();
        let wav = parse(&file[..file.len() - 101]).unwrap();
        assert_eq!(wav.frames(), 24);
        assert!(wav.samples.iter().all(|&x| x == 0.25));
    }

    #[test]
    fn no_prefix_and_no_single_damaged_byte_can_crash_it() {
        let file = bytes(&[0.25; 8], 2, 44_100, SampleFormat::Int24).unwrap();
        for end in 0..file.len() {
            let _ = parse(&file[..end]);
            let mut damaged = file.clone();
            damaged[end] = !damaged[end];
            let _ = parse(&damaged);
        }
    }
}

//! A WAV file of 32 bit floats, written as it comes.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use orchestrion::media::Format;

/// Bytes before the samples.
const HEADER_LEN: u32 = 44;
/// WAVE_FORMAT_IEEE_FLOAT.
const FLOAT: u16 = 3;

/// See the head of this file.
pub struct WavWriter {
    out: BufWriter<File>,
    format: Format,
    data_len: u32,
}

impl WavWriter {
    /// Makes the file; one that is there is replaced.
    pub fn create(path: &Path, format: Format) -> io::Result<Self> {
        let mut writer = Self { out: BufWriter::new(File::create(path)?), format, data_len: 0 };
        writer.header()?;
        Ok(writer)
    }

    /// Appends samples.
    pub fn write(&mut self, samples: &[f32]) -> io::Result<()> {
        let len = samples.len() as u32 * 4;
        self.data_len = self
            .data_len
            .checked_add(len)
            .filter(|len| *len < u32::MAX - HEADER_LEN)
            .ok_or_else(|| io::Error::other("a WAV file ends at 4 GiB"))?;
        samples.iter().try_for_each(|sample| self.out.write_all(&sample.to_le_bytes()))
    }

    /// Writes the lengths.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.seek(SeekFrom::Start(0))?;
        self.header()?;
        self.out.flush()
    }

    fn header(&mut self) -> io::Result<()> {
        let frame_len = self.format.channels * 4;
        let parts: [&[u8]; 13] = [
            b"RIFF",
            &(HEADER_LEN - 8 + self.data_len).to_le_bytes(),
            b"WAVE",
            b"fmt ",
            &16u32.to_le_bytes(),
            &FLOAT.to_le_bytes(),
            &self.format.channels.to_le_bytes(),
            &self.format.rate_hz.to_le_bytes(),
            &(self.format.rate_hz * u32::from(frame_len)).to_le_bytes(),
            &frame_len.to_le_bytes(),
            &32u16.to_le_bytes(),
            b"data",
            &self.data_len.to_le_bytes(),
        ];
        parts.iter().try_for_each(|part| self.out.write_all(part))
    }
}

//! Sound files in the formats that people have, made by the encoders that people use: `flac`,
//! `lame`, `oggenc`, `opusenc`, `ffmpeg`.
//!
//! A file appears under its name only when it is whole: it is made in a hidden folder beside the
//! target and renamed. What was there before is replaced.

mod album;
mod chain;
mod foreign;
mod tags;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

pub use album::{Album, gapless_album};
pub use chain::chained;
pub use foreign::{Foreign, HeAac, encode_foreign};
pub use tags::{Tags, tag};

use crate::wav::{self, SampleFormat};
use crate::{Error, Result, tool};

/// A kind of sound file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// WAV with 32 bit float samples: exact.
    Wav,
    /// FLAC with 24 bit samples: exact but for rounding. For other depths see [`encode_flac`].
    Flac,
    /// MP3 by LAME, V2 (about 190 kbit/s), with the LAME header that players need to play it gapless.
    Mp3,
    /// Ogg Vorbis, quality 6 (about 190 kbit/s).
    Vorbis,
    /// Ogg Opus, 160 kbit/s; always 48 kHz, whatever went in.
    Opus,
    /// AAC-LC in MP4, 192 kbit/s, with the edit list that players need to play it gapless, its headers in front.
    Aac,
    /// Apple Lossless with 24 bit samples, in MP4, its headers in front: exact but for rounding.
    Alac,
    /// AIFF with 24 bit samples: exact but for rounding.
    Aiff,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Wav, Self::Flac, Self::Mp3, Self::Vorbis, Self::Opus, Self::Aac, Self::Alac, Self::Aiff];

    /// Whether what comes out is what went in, but for rounding.
    #[must_use]
    pub fn is_lossless(self) -> bool {
        matches!(self, Self::Wav | Self::Flac | Self::Alac | Self::Aiff)
    }

    /// The usual end of a file's name, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Flac => "flac",
            Self::Mp3 => "mp3",
            Self::Vorbis => "ogg",
            Self::Opus => "opus",
            Self::Aac | Self::Alac => "m4a",
            Self::Aiff => "aiff",
        }
    }

    /// The command that makes it; none is needed for WAV.
    #[must_use]
    pub fn tool(self) -> Option<&'static str> {
        match self {
            Self::Wav => None,
            Self::Flac => Some("flac"),
            Self::Mp3 => Some("lame"),
            Self::Vorbis => Some("oggenc"),
            Self::Opus => Some("opusenc"),
            Self::Aac | Self::Alac | Self::Aiff => Some("ffmpeg"),
        }
    }

    /// Whether it can be encoded on this machine.
    #[must_use]
    pub fn is_available(self) -> bool {
        self.tool().is_none_or(tool::is_installed)
    }
}

/// Encodes interleaved samples into the file `path`, whatever its name.
///
/// # Errors
/// [`Error::ToolMissing`] without the encoder, [`Error::ToolFailed`] if it refuses,
/// [`Error::Unsupported`] for what the format cannot hold, [`Error::Io`] when the disk refuses.
pub fn encode(samples: &[f32], channels: u16, rate_hz: u32, format: Format, path: &Path) -> Result<()> {
    match format {
        Format::Wav => {
            let whole = wav::bytes(samples, channels, rate_hz, SampleFormat::Float32)?;
            Beside::new(path)?.finish(|out| fs::write(out, whole).map_err(Error::io("write", out)))
        }
        Format::Flac => encode_flac(samples, channels, rate_hz, SampleFormat::Int24, path),
        Format::Mp3 if channels > 2 || rate_hz > 48_000 => {
            Err(Error::Unsupported { channels, rate_hz, why: "MP3 ends at 2 channels and 48 kHz" })
        }
        Format::Mp3 => {
            let beside = Beside::new(path)?;
            let source = beside.source(samples, channels, rate_hz, SampleFormat::Int24)?;
            beside.finish(|out| tool::run("lame", args(&["--silent", "-V2"], &[&source, out])))
        }
        Format::Vorbis => {
            let beside = Beside::new(path)?;
            let source = beside.source(samples, channels, rate_hz, SampleFormat::Int24)?;
            // A fixed serial number, so that the same samples always make the same file.
            let options = ["--quiet", "--quality=6", "--serial=1", "-o"];
            beside.finish(|out| tool::run("oggenc", args(&options, &[out, &source])))
        }
        Format::Opus => {
            let beside = Beside::new(path)?;
            let source = beside.source(samples, channels, rate_hz, SampleFormat::Int24)?;
            let options = ["--quiet", "--bitrate=160", "--serial=1"];
            beside.finish(|out| tool::run("opusenc", args(&options, &[&source, out])))
        }
        Format::Aac => {
            let options = ["-c:a", "aac", "-b:a", "192k", "-movflags", "+faststart", "-f", "ipod"];
            by_ffmpeg(samples, channels, rate_hz, &options, path)
        }
        Format::Alac => {
            let options = ["-c:a", "alac", "-movflags", "+faststart", "-f", "ipod"];
            by_ffmpeg(samples, channels, rate_hz, &options, path)
        }
        Format::Aiff => by_ffmpeg(samples, channels, rate_hz, &["-c:a", "pcm_s24be", "-f", "aiff"], path),
    }
}

/// Encodes by `ffmpeg`, with the options for the file that it makes.
///
/// # Errors
/// As [`encode`].
pub fn by_ffmpeg(samples: &[f32], channels: u16, rate_hz: u32, options: &[&str], path: &Path) -> Result<()> {
    let beside = Beside::new(path)?;
    let source = beside.source(samples, channels, rate_hz, SampleFormat::Int24)?;
    // Nothing of today's date or version, so that the same samples always make the same file.
    let before = args(&["-v", "error", "-bitexact", "-i"], &[&source]);
    let after = options.iter().copied().chain(["-bitexact", "-flags", "+bitexact"]).map(OsString::from);
    beside.finish(|out| {
        tool::run("ffmpeg", before.into_iter().chain(after).chain([out.as_os_str().to_owned()]))
    })
}

/// Encodes a FLAC of 16 or 24 bit.
///
/// # Errors
/// As [`encode`]; [`Error::Unsupported`] for float, which FLAC has not.
pub fn encode_flac(
    samples: &[f32],
    channels: u16,
    rate_hz: u32,
    depth: SampleFormat,
    path: &Path,
) -> Result<()> {
    if depth == SampleFormat::Float32 {
        return Err(Error::Unsupported { channels, rate_hz, why: "FLAC has no float" });
    }
    let beside = Beside::new(path)?;
    let source = beside.source(samples, channels, rate_hz, depth)?;
    let options = ["--silent", "--lax", "--channel-map=none", "-o"];
    beside.finish(|out| tool::run("flac", args(&options, &[out, &source])))
}

fn args(options: &[&str], paths: &[&Path]) -> Vec<OsString> {
    let options = options.iter().map(OsString::from);
    options.chain(paths.iter().map(|path| path.as_os_str().to_owned())).collect()
}

/// The hidden folder beside a target in which it is made.
pub(crate) struct Beside {
    folder: tempfile::TempDir,
    target: PathBuf,
}

impl Beside {
    pub(crate) fn new(target: &Path) -> Result<Self> {
        let parent = match target.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let folder = tempfile::Builder::new()
            .prefix(".rig-")
            .tempdir_in(parent)
            .map_err(Error::io("make a temporary folder in", parent))?;
        Ok(Self { folder, target: target.to_path_buf() })
    }

    /// Writes what the encoder reads.
    fn source(&self, samples: &[f32], channels: u16, rate_hz: u32, format: SampleFormat) -> Result<PathBuf> {
        let path = self.folder.path().join("source.wav");
        wav::write(&path, samples, channels, rate_hz, format)?;
        Ok(path)
    }

    /// Lets `make` make the file and gives it its name.
    pub(crate) fn finish(self, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        let extension = self.target.extension().unwrap_or(OsStr::new("bin"));
        // Encoders look at the extension, but a long name must not become longer.
        let extension = if extension.len() < 9 { extension } else { OsStr::new("bin") };
        let made = self.folder.path().join("made").with_extension(extension);
        make(&made)?;
        fs::rename(&made, &self.target).map_err(Error::io("rename into", &self.target))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal;

    #[test]
    fn each_format_makes_a_file_that_begins_as_it_should_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let tone = signal::doubled(&signal::sine(440.0, 0.5, 0.0, 44_100, 22_050));
        for format in Format::ALL.into_iter().filter(|format| format.is_available()) {
            let path = folder.path().join("- a b").with_extension(format.extension());
            encode(&tone, 2, 44_100, format, &path).unwrap();
            let bytes = fs::read(&path).unwrap();
            let head: &[u8] = match format {
                Format::Wav => b"RIFF",
                Format::Flac => b"fLaC",
                Format::Mp3 => &[0xFF, 0xFB],
                Format::Vorbis | Format::Opus => b"OggS",
                Format::Aac | Format::Alac => b"\0\0\0\x1CftypM4A ",
                Format::Aiff => b"FORM",
            };
            assert!(bytes.starts_with(head), "{format:?}: {:?}", &bytes[..4]);
            fs::remove_file(path).unwrap();
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_flac_gives_back_what_went_in() {
        if !Format::Flac.is_available() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.flac");
        let noise = signal::white_noise(0.5, 1, 8 * 1000);
        encode_flac(&noise, 8, 192_000, SampleFormat::Int24, &path).unwrap();
        let back = folder.path().join("x.wav");
        tool::run("flac", args(&["--silent", "-d", "-o"], &[&back, &path])).unwrap();
        let wav = wav::read(&back).unwrap();
        assert_eq!((wav.channels, wav.rate_hz), (8, 192_000));
        assert!(wav.samples.iter().zip(&noise).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    #[test]
    fn what_a_format_cannot_hold_is_refused_before_any_tool_is_called() {
        let path = Path::new("/nonexistent/x");
        let error = encode(&[0.0; 6], 6, 48_000, Format::Mp3, path).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }));
        let error = encode_flac(&[0.0; 6], 6, 48_000, SampleFormat::Float32, path).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }));
    }
}

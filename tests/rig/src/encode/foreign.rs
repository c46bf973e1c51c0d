//! Sound files in the formats that the device does not decode itself: made by `ffmpeg` and `mpcenc`, and two fixtures of
//! HE-AAC, for which Debian has no encoder.

use std::ffi::OsString;
use std::path::Path;

use super::Beside;
use crate::wav::SampleFormat;
use crate::{Error, Result, tool};

/// A kind of sound file that needs a foreign decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Foreign {
    /// WavPack, lossless.
    WavPack,
    /// Windows Media Audio 2 in ASF, 160 kbit/s.
    Wma,
    /// AC-3, 192 kbit/s; packets of 1536 frames.
    Ac3,
    /// Musepack SV8, quality 5. 44.1 and 48 kHz only.
    Musepack,
    /// Speex in Ogg. 8, 16 and 32 kHz only.
    Speex,
    /// True Audio, lossless.
    Tta,
    /// MPEG-1 layer 2, 256 kbit/s; packets of 1152 frames.
    Mp2,
}

impl Foreign {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::WavPack, Self::Wma, Self::Ac3, Self::Musepack, Self::Speex, Self::Tta, Self::Mp2];

    /// The usual end of a file's name, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::WavPack => "wv",
            Self::Wma => "wma",
            Self::Ac3 => "ac3",
            Self::Musepack => "mpc",
            Self::Speex => "spx",
            Self::Tta => "tta",
            Self::Mp2 => "mp2",
        }
    }

    /// The command that makes it.
    #[must_use]
    pub fn tool(self) -> &'static str {
        match self {
            Self::Musepack => "mpcenc",
            Self::WavPack | Self::Wma | Self::Ac3 | Self::Speex | Self::Tta | Self::Mp2 => "ffmpeg",
        }
    }

    /// A rate that it can hold and that people use.
    #[must_use]
    pub fn rate_hz(self) -> u32 {
        match self {
            Self::Speex => 32_000,
            Self::Ac3 => 48_000,
            Self::WavPack | Self::Wma | Self::Musepack | Self::Tta | Self::Mp2 => 44_100,
        }
    }

    /// Channels that it keeps apart: Speex only says how loud a sound is on each side.
    #[must_use]
    pub fn channels(self) -> u16 {
        if self == Self::Speex { 1 } else { 2 }
    }

    /// Whether it can be encoded on this machine.
    #[must_use]
    pub fn is_available(self) -> bool {
        tool::is_installed(self.tool())
    }

    fn codec(self) -> &'static [&'static str] {
        match self {
            Self::WavPack => &["-c:a", "wavpack", "-f", "wv"],
            Self::Wma => &["-c:a", "wmav2", "-b:a", "160k", "-f", "asf"],
            Self::Ac3 => &["-c:a", "ac3", "-b:a", "192k", "-f", "ac3"],
            Self::Speex => &["-c:a", "libspeex", "-f", "ogg"],
            Self::Tta => &["-c:a", "tta", "-f", "tta"],
            Self::Mp2 => &["-c:a", "mp2", "-b:a", "256k", "-f", "mp2"],
            Self::Musepack => &["--silent", "--overwrite"],
        }
    }
}

/// Encodes interleaved samples of one or two channels into the file `path`, whatever its name.
///
/// # Errors
/// As [`super::encode`].
pub fn encode_foreign(
    samples: &[f32],
    channels: u16,
    rate_hz: u32,
    kind: Foreign,
    path: &Path,
) -> Result<()> {
    if !(1..=2).contains(&channels) {
        return Err(Error::Unsupported {
            channels,
            rate_hz,
            why: "the rig makes foreign files in mono and stereo",
        });
    }
    let beside = Beside::new(path)?;
    let source = beside.source(samples, channels, rate_hz, SampleFormat::Int16)?;
    beside.finish(|out| {
        let codec = kind.codec().iter().map(OsString::from);
        let (source, out) = (source.as_os_str().to_owned(), out.as_os_str().to_owned());
        if kind == Foreign::Musepack {
            return tool::run("mpcenc", codec.chain([source, out]));
        }
        let read = ["-v", "error", "-nostdin", "-y", "-bitexact", "-i"].map(OsString::from);
        tool::run("ffmpeg", read.into_iter().chain([source]).chain(codec).chain([out]))
    })
}

/// What HE-AAC adds to AAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeAac {
    /// Spectral band replication: the stream says half the rate.
    V1,
    /// And parametric stereo: it also says mono.
    V2,
}

impl HeAac {
    /// An m4a file, 3 s at 44.1 kHz in stereo: a sine of 1 kHz left and of 3 kHz right, amplitude 0.4, and quiet tones from 12 to
    /// 15 kHz on both sides. `fixtures/README.md` tells how it was made.
    #[must_use]
    pub fn file(self) -> &'static [u8] {
        match self {
            Self::V1 => include_bytes!("../../fixtures/he-aac-v1.m4a"),
            Self::V2 => include_bytes!("../../fixtures/he-aac-v2.m4a"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::signal;

    #[test]
    fn each_foreign_format_makes_a_file_that_begins_as_it_should_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for kind in Foreign::ALL.into_iter().filter(|kind| kind.is_available()) {
            let rate_hz = kind.rate_hz();
            let tone = signal::doubled(&signal::sine(440.0, 0.5, 0.0, rate_hz, rate_hz as usize));
            let path = folder.path().join("- a b").with_extension(kind.extension());
            encode_foreign(&tone, 2, rate_hz, kind, &path).unwrap();
            let bytes = fs::read(&path).unwrap();
            let head: &[u8] = match kind {
                Foreign::WavPack => b"wvpk",
                Foreign::Wma => &[0x30, 0x26, 0xB2, 0x75],
                Foreign::Ac3 => &[0x0B, 0x77],
                Foreign::Musepack => b"MPCK",
                Foreign::Speex => b"OggS",
                Foreign::Tta => b"TTA1",
                Foreign::Mp2 => &[0xFF, 0xFD],
            };
            assert!(bytes.starts_with(head), "{kind:?}: {:?}", &bytes[..4]);
            fs::remove_file(path).unwrap();
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_fixtures_are_small_m4a_files() {
        for kind in [HeAac::V1, HeAac::V2] {
            let file = kind.file();
            assert!(file.len() <= 16 * 1024 && &file[4..8] == b"ftyp", "{kind:?}: {} bytes", file.len());
        }
    }
}

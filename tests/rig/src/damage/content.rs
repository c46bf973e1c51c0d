//! Files whose content is the trouble.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{BadFile, Expect, TONE_AMPLITUDE, TONE_HZ, TONE_S, write};
use crate::encode::{Format, encode, encode_flac};
use crate::wav::{self, SampleFormat};
use crate::{Error, Result, signal};

const RATE_HZ: u32 = 44_100;
const HIGH_RATE_HZ: u32 = 192_000;
/// How much of an ID3v2 tag is a picture of nothing.
const BIG_TAG_BYTES: u32 = 50 << 20;
/// What is flipped in the middle of a FLAC: a byte in each of so many.
const FLIP_EVERY_BYTES: usize = 997;
const FLIP_WITHIN_BYTES: usize = 60_000;

/// The same good sound in each format, as bytes.
pub(super) struct Good {
    pub(super) flac: Vec<u8>,
    pub(super) mp3: Vec<u8>,
    vorbis: Vec<u8>,
    wav: Vec<u8>,
}

impl Good {
    pub(super) fn encoded() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("rig-damage-")
            .tempdir()
            .map_err(Error::io("make a temporary folder in", &std::env::temp_dir()))?;
        // A little noise, or half of a FLAC would hold nothing.
        let mut mono = tone(RATE_HZ);
        signal::mix(&mut mono, &signal::white_noise(0.01, 1, RATE_HZ as usize * TONE_S), 1.0, 0);
        let samples = signal::doubled(&mono);
        let bytes = |format: Format| {
            let path = folder.path().join("good").with_extension(format.extension());
            if format == Format::Flac {
                encode_flac(&samples, 2, RATE_HZ, SampleFormat::Int16, &path)?;
            } else {
                encode(&samples, 2, RATE_HZ, format, &path)?;
            }
            fs::read(&path).map_err(Error::io("read", &path))
        };
        Ok(Self {
            flac: bytes(Format::Flac)?,
            mp3: bytes(Format::Mp3)?,
            vorbis: bytes(Format::Vorbis)?,
            wav: wav::bytes(&samples, 2, RATE_HZ, SampleFormat::Int16)?,
        })
    }
}

fn tone(rate_hz: u32) -> Vec<f32> {
    signal::sine(TONE_HZ, TONE_AMPLITUDE, 0.0, rate_hz, rate_hz as usize * TONE_S)
}

/// What is broken.
pub(super) fn damaged(dir: &Path, good: &Good) -> Result<Vec<BadFile>> {
    let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let mut garbage = vec![0; 300_000];
    ChaCha8Rng::seed_from_u64(13).fill_bytes(&mut garbage);
    let text = "This is a text, whatever its name says.\n".repeat(1000).into_bytes();
    let contents = [
        ("empty.mp3", "empty", Expect::Fails, Vec::new()),
        ("garbage.mp3", "random bytes", Expect::Fails, garbage),
        ("text.mp3", "text", Expect::Fails, text),
        ("half.flac", "half of a FLAC", Expect::Either, half(&good.flac)),
        ("half.mp3", "half of an MP3", Expect::Either, half(&good.mp3)),
        ("half.ogg", "half of an Ogg", Expect::Either, half(&good.vorbis)),
        ("half.wav", "half of a WAV", Expect::Either, half(&good.wav)),
        ("flipped.flac", "a FLAC with flipped bits", Expect::Either, flipped(&good.flac)),
    ];
    let mut files = vec![BadFile::new(dir.join("missing.mp3"), "missing", Expect::Fails)];
    for (name, what, expect, bytes) in contents {
        let path = dir.join(name);
        write(&path, &bytes)?;
        files.push(BadFile::new(path, what, expect));
    }
    Ok(files)
}

fn flipped(flac: &[u8]) -> Vec<u8> {
    let mut bytes = flac.to_vec();
    let middle = bytes.len() / 2;
    for byte in bytes.iter_mut().skip(middle).take(FLIP_WITHIN_BYTES).step_by(FLIP_EVERY_BYTES) {
        *byte ^= 0x55;
    }
    bytes
}

/// What looks odd, and must play.
pub(super) fn odd_but_good(dir: &Path, good: &Good) -> Result<Vec<BadFile>> {
    let big_tag = dir.join("big-tag.mp3");
    write_big_tag(&big_tag, &good.mp3).map_err(Error::io("write", &big_tag))?;

    let one_wav = dir.join("one-sample.wav");
    wav::write(&one_wav, &[0.5, 0.5], 2, RATE_HZ, SampleFormat::Int16)?;
    let one_flac = dir.join("one-sample.flac");
    encode_flac(&[0.5, 0.5], 2, RATE_HZ, SampleFormat::Int16, &one_flac)?;

    let eight: Vec<f32> = tone(RATE_HZ).into_iter().flat_map(|x| [x; 8]).collect();
    let eight_channels = dir.join("eight-channels.wav");
    wav::write(&eight_channels, &eight, 8, RATE_HZ, SampleFormat::Int16)?;

    let high = signal::doubled(&tone(HIGH_RATE_HZ));
    let high_wav = dir.join("192-khz.wav");
    wav::write(&high_wav, &high, 2, HIGH_RATE_HZ, SampleFormat::Int24)?;
    let high_flac = dir.join("192-khz.flac");
    encode_flac(&high, 2, HIGH_RATE_HZ, SampleFormat::Int24, &high_flac)?;

    let plays = |path, what| BadFile::new(path, what, Expect::Plays);
    Ok(vec![
        plays(big_tag, "an MP3 with a tag of 50 MB"),
        plays(one_wav, "a WAV of one frame"),
        plays(one_flac, "a FLAC of one frame"),
        plays(eight_channels, "a WAV of 8 channels"),
        plays(high_wav, "a WAV of 192 kHz"),
        plays(high_flac, "a FLAC of 192 kHz"),
    ])
}

/// An ID3v2.3 tag with one attached picture that is a hole in the file, then the MP3. The file is
/// sparse: it takes no room on the disk.
fn write_big_tag(path: &Path, mp3: &[u8]) -> std::io::Result<()> {
    const HEADER_BYTES: u32 = 10;
    let picture = b"\0image/png\0\x03\0\x89PNG\r\n\x1a\n";
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(b"ID3\x03\0\0")?;
    file.write_all(&synchsafe(BIG_TAG_BYTES))?;
    file.write_all(b"APIC")?;
    file.write_all(&(BIG_TAG_BYTES - HEADER_BYTES).to_be_bytes())?;
    file.write_all(&[0, 0])?;
    file.write_all(picture)?;
    file.seek(SeekFrom::Start(u64::from(HEADER_BYTES + BIG_TAG_BYTES)))?;
    file.write_all(mp3)
}

/// 28 bits as ID3v2 writes them: seven in a byte.
fn synchsafe(number: u32) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| (number >> shift) as u8 & 0x7F)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_written_seven_bits_a_byte() {
        assert_eq!(synchsafe(257), [0, 0, 2, 1]);
        assert_eq!(synchsafe(BIG_TAG_BYTES), [0x19, 0, 0, 0]);
    }

    #[test]
    fn flipping_changes_the_middle_only() {
        let flac = vec![0; 200_000];
        let flipped = flipped(&flac);
        assert_eq!(flipped.len(), flac.len());
        let changed: Vec<usize> = (0..flac.len()).filter(|&n| flac[n] != flipped[n]).collect();
        assert_eq!(changed.len(), FLIP_WITHIN_BYTES.div_ceil(FLIP_EVERY_BYTES));
        assert!(changed[0] >= 100_000 && changed[changed.len() - 1] < 160_000);
    }
}

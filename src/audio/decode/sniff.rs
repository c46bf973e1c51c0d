//! What a file is, by its first bytes.

use std::io;
use std::ops::Range;

use super::SoundFile;
use super::aac;

/// Bytes that are looked at.
const HEAD_LEN: usize = 64;
/// How ASF, the container of WMA, begins.
const ASF: [u8; 16] =
    [0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11, 0xA6, 0xD9, 0x00, 0xAA, 0x00, 0x62, 0xCE, 0x6C];

/// Who shall decode it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Ogg,
    Mp4,
    /// MPEG audio within a WAVE file, as broadcasters have it: where it is said to be.
    MpegInWave(Range<u64>),
    /// AAC frames one after another.
    Adts,
    /// symphonia by itself, or nobody knows it: symphonia looks further into a file than this.
    Plain,
    /// Nothing in this process; with a name for it.
    Foreign(&'static str),
}

/// How formats begin that only `orchestrion-media` can play.
const FOREIGN: &[(&[u8], &str)] = &[
    (b"wvpk", "WavPack"),
    (&ASF, "WMA"),
    (&[0x0B, 0x77], "AC-3"),
    (&[0x77, 0x0B], "AC-3"),
    (&[0x7F, 0xFE, 0x80, 0x01], "DTS"),
    (b"MPCK", "Musepack"),
    (b"MP+", "Musepack"),
    (b"MAC ", "Monkey's Audio"),
    (b"TTA1", "True Audio"),
    (b"TTA2", "True Audio"),
    (b"DSD ", "DSD"),
    (b"FRM8", "DSD"),
    (b"#!AMR", "AMR"),
    (b"tBaK", "TAK"),
    (b"OFR ", "OptimFROG"),
    (b"ajkg", "Shorten"),
    (b"caff", "Core Audio"),
    (b".snd", "Sun audio"),
    (b"RF64", "RF64"),
    (b"riff\x2E\x91\xCF\x11", "Wave64"),
    (&[0x1A, 0x45, 0xDF, 0xA3], "Matroska"),
    (b"FLV\x01", "Flash video"),
    (&[0x00, 0x00, 0x01, 0xBA], "an MPEG film"),
];

/// # Errors
/// The file cannot be read.
pub(super) fn sniff(sound: &SoundFile) -> io::Result<Kind> {
    let mut head = [0u8; HEAD_LEN];
    let got = sound.read_at(0, &mut head)?;
    let head = &head[..got];
    if let Some((_, format)) = FOREIGN.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Ok(Kind::Foreign(format));
    }
    if head.starts_with(b"OggS") {
        return Ok(Kind::Ogg);
    }
    if head.get(4..8) == Some(b"ftyp") {
        return Ok(Kind::Mp4);
    }
    if head.starts_with(b"RIFF") {
        return wave(sound, head);
    }
    if aac::is_adts(head) {
        return Ok(Kind::Adts);
    }
    Ok(Kind::Plain)
}

/// RIFF: what a WAVE file's format tag says (Microsoft, mmreg.h), as far as symphonia has a decoder for it.
fn wave(sound: &SoundFile, head: &[u8]) -> io::Result<Kind> {
    match head.get(8..12) {
        Some(b"WAVE") => {}
        Some(b"AVI ") => return Ok(Kind::Foreign("an AVI film")),
        _ => return Ok(Kind::Plain),
    }
    let mut format = [0u8; 26];
    let Some(described) = chunk(sound, b"fmt ")? else { return Ok(Kind::Plain) };
    let got = sound.read_at(described.start, &mut format)?;
    let word = |at: usize| u16::from_le_bytes([format[at], format[at + 1]]);
    let tag = if word(0) == 0xFFFE && got == format.len() { word(24) } else { word(0) };
    Ok(match tag {
        // PCM, float, A-law, µ-law; 0xFFFE says too little and goes to the decoder that says so.
        0x0000 | 0x0001 | 0x0003 | 0x0006 | 0x0007 | 0xFFFE => Kind::Plain,
        0x0002 | 0x0011 => Kind::Foreign("ADPCM in WAV"),
        0x0050 | 0x0055 => chunk(sound, b"data")?.map_or(Kind::Plain, Kind::MpegInWave),
        0x0160..=0x0163 => Kind::Foreign("WMA in WAV"),
        0x2000 => Kind::Foreign("AC-3 in WAV"),
        _ => Kind::Foreign("the codec in this WAV"),
    })
}

/// Where the content of a RIFF file's first chunk of a name is said to be, even behind the end of the file.
fn chunk(sound: &SoundFile, name: &[u8; 4]) -> io::Result<Option<Range<u64>>> {
    const CHUNKS_MAX: usize = 64;
    let mut at = 12;
    for _ in 0..CHUNKS_MAX {
        let mut head = [0u8; 8];
        if sound.read_at(at, &mut head)? < head.len() {
            break;
        }
        let [a, b, c, d, len @ ..] = head;
        let len = u64::from(u32::from_le_bytes(len));
        at += 8;
        if &[a, b, c, d] == name {
            return Ok(Some(at..at + len));
        }
        at += len + (len & 1);
    }
    Ok(None)
}

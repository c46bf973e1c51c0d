//! MP4: which of its tracks is played, by whom, and from which frame to which.
//!
//! The decoder sees the file with every other track, and with tags and pictures, marked as free space. AAC is trimmed as
//! `iTunSMPB` says, else as the edit list says.

mod boxes;
mod movie;

use std::path::Path;

use super::aac::{self, Config};
use super::trim::{Packets, Plan, Trimmed};
use super::{Decoded, LoadError, SoundFile, by_media, plain};
use crate::audio::file::Piece;
use boxes::{Boxes, Broken};
use movie::{Movie, Track};

/// `esds` object types of AAC: MPEG-4, and MPEG-2 Low Complexity.
const AAC_OBJECTS: [u8; 2] = [0x40, 0x67];
/// Those of MP3.
const MP3_OBJECTS: [u8; 2] = [0x69, 0x6B];
/// Codecs that symphonia plays by itself: ALAC, FLAC, MP3, PCM in all its names.
const PLAIN: [&[u8; 4]; 12] = [
    b"alac", b"fLaC", b".mp3", b"sowt", b"twos", b"in24", b"in32", b"fl32", b"fl64", b"lpcm", b"alaw",
    b"ulaw",
];
/// What takes a box away from a decoder.
const FREE: &[u8; 4] = b"free";

/// Opens an MP4 file.
///
/// # Errors
/// It cannot be read, nothing in it can be decoded, or only `orchestrion-media` can.
pub(super) fn open(path: &Path, sound: &SoundFile) -> Result<Decoded, LoadError> {
    let movie = Movie::read(&Boxes::new(sound), sound.len).map_err(|e| match e {
        Broken::Unreadable(e) => sound.unreadable(&e),
        Broken::Damaged(_) => LoadError::NotDecodable(e.to_string()),
    })?;
    let Some(track) = movie.tracks.iter().find(|track| track.is_sound()) else {
        return Err(LoadError::NotDecodable("there is no sound in it".into()));
    };
    let foreign = |format: &str| by_media(path, format, &sound.trouble);
    let plan = match (&track.codec, &track.esds) {
        (b"enca" | b"drms", _) => return Err(LoadError::NotDecodable("it is encrypted".into())),
        (b"mp4a", Some((object, config))) if AAC_OBJECTS.contains(object) => {
            let Some(config) = Config::parse(config) else { return foreign("this kind of AAC") };
            if let Some(format) = config.foreign() {
                return foreign(format);
            }
            Some(aac_plan(&movie, track, &config))
        }
        (b"mp4a", Some((object, _))) if MP3_OBJECTS.contains(object) => None,
        (b"alac", Some((_, config))) => alac_plan(track, config),
        (codec, _) if PLAIN.contains(&codec) => None,
        (codec, _) => return foreign(&format!("the codec `{}`", codec.escape_ascii())),
    };
    if movie.is_fragmented && movie.tracks.len() > 1 {
        return foreign("an MP4 file in fragments with several tracks");
    }
    let pieces = pieces(&movie, track, sound.len);
    let mut decoded = match plan {
        Some(plan) => {
            let len_frames = plan.len_frames;
            Decoded::sure(Trimmed::open(sound, pieces, plan)?, len_frames)
        }
        None => plain::open_pieces(sound, pieces)?,
    };
    decoded.cut = movie.cut_at.map(|_| "the file ends inside its sound");
    Ok(decoded)
}

/// The file as the decoder may see it.
fn pieces(movie: &Movie, track: &Track, len: u64) -> Vec<Piece> {
    let others = movie.tracks.iter().map(|other| other.at).filter(|at| *at != track.at);
    let hidden: Vec<u64> = others.chain(movie.dead_weight.iter().copied()).collect();
    // The type of a box stands behind its length.
    let mut patches: Vec<(u64, [u8; 4])> = hidden.into_iter().map(|at| (at + 4, *FREE)).collect();
    // A decoder looks for what comes behind the sound, and gives up if the file ends before. A length of 0 reaches to the
    // end, wherever that is.
    patches.extend(movie.cut_at.map(|at| (at, [0; 4])));
    patches.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for (at, bytes) in patches {
        pieces.push(Piece::File(from..at));
        pieces.push(Piece::Bytes(bytes.as_slice().into()));
        from = at + bytes.len() as u64;
    }
    pieces.push(Piece::File(from..len));
    pieces
}

/// From which frame to which AAC is meant to be heard.
fn aac_plan(movie: &Movie, track: &Track, config: &Config) -> Plan {
    let rate_hz = u64::from(config.rate_hz);
    let frames_of = |ticks: u64, timescale: u32| {
        let scaled = u128::from(ticks) * u128::from(rate_hz) + u128::from(timescale) / 2;
        u64::try_from(scaled / u128::from(timescale.max(1))).unwrap_or(u64::MAX)
    };
    let (packets, ticks) = track.extent();
    let decoded_frames = packets * aac::PACKET_FRAMES;
    // A tag may have been copied from another file: its numbers must add up to what is here.
    let itunes = movie.itunes.filter(|told| {
        let sum = told.delay.saturating_add(told.padding).saturating_add(told.len);
        packets > 0 && sum.abs_diff(decoded_frames) <= aac::PACKET_FRAMES && told.delay < sum
    });
    let edit = track.edits.iter().find(|(_, begin)| *begin >= 0);
    let (delay_frames, len_frames) = match (itunes, edit) {
        (Some(told), _) => (told.delay, Some(told.len.min(decoded_frames.saturating_sub(told.delay)))),
        (None, Some((len, begin))) => {
            let delay = frames_of(begin.unsigned_abs(), track.timescale);
            // How far the packets reach is exact; the edit's own length often counts in thousandths of a second only.
            let reach = frames_of(ticks, track.timescale).saturating_sub(delay);
            let told = frames_of(*len, movie.timescale);
            let is_rounded = told.abs_diff(reach) <= rate_hz.div_ceil(u64::from(movie.timescale.max(1)));
            let len = if told == 0 || is_rounded { reach } else { told };
            (delay, (packets > 0).then(|| len.min(decoded_frames.saturating_sub(delay))))
        }
        (None, None) => (0, (packets > 0).then_some(decoded_frames)),
    };
    let packets = uniform(track).map(|ticks| Packets {
        frames: aac::PACKET_FRAMES,
        ticks,
        timescale: track.timescale,
        preroll: 1,
    });
    Plan { delay_frames, len_frames, packets }
}

/// ALAC has nothing around it; what its packets last is what they hold, where the clock counts frames.
fn alac_plan(track: &Track, config: &[u8]) -> Option<Plan> {
    // The last number of the decoder's configuration ("magic cookie") is the rate.
    let rate = config.get(20..24).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
    let ticks = uniform(track).filter(|_| rate == Some(track.timescale))?;
    let packets = Packets { frames: ticks, ticks, timescale: track.timescale, preroll: 0 };
    let (_, len) = track.extent();
    Some(Plan { delay_frames: 0, len_frames: Some(len), packets: Some(packets) })
}

/// How long each packet is, if all are alike but for the last.
fn uniform(track: &Track) -> Option<u64> {
    match track.runs.as_slice() {
        [(_, each)] | [(_, each), (1, _)] if *each > 0 => Some(u64::from(*each)),
        _ => None,
    }
}

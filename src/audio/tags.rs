//! A file's tags and cover, by lofty in every format, bounded in length and never a reason not to play.
//!
//! # Gains
//! - `REPLAYGAIN_TRACK_GAIN`, `REPLAYGAIN_ALBUM_GAIN`: decibels as text, "-7.03 dB", that bring the file to −18 LUFS (ReplayGain
//!   2.0, "Reference level"; version 1's 89 dB came out the same to within a decibel). `…_PEAK`: the highest sample, 1 is full scale.
//! - `R128_TRACK_GAIN`, `R128_ALBUM_GAIN` in Opus: 1/256 dB as a whole number, that bring it to −23 LUFS (RFC 7845, section
//!   5.2.1), on top of the gain in the header, which the decoder applies; so 5 dB more bring it to −18 LUFS. Where both
//!   kinds are there these count, as the RFC wants.
//!
//! Nothing is made of a gain stored otherwise (the LAME header, iTunes' SoundCheck, `RVA2`), nor of `REPLAYGAIN_REFERENCE_LOUDNESS`.

mod ape;
mod gain;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use lofty::config::{GlobalOptions, ParseOptions, apply_global_options};
use lofty::file::{AudioFile, TaggedFile, TaggedFileExt};
use lofty::picture::{Picture, PictureType};
use lofty::probe::Probe;
use lofty::tag::{Accessor, ItemKey, Tag};
use orchestrion_protocol::limits::TAG_LEN_MAX;

use super::{Tags, file};

/// The loudness that [`super::TaggedGain::gain_db`] leads to.
pub const REFERENCE_LUFS: f32 = -18.0;
/// Bytes of a cover; a larger one is none.
pub const COVER_LEN_MAX: usize = 8 << 20;
/// Bytes that a single tag item may make us hold.
const ITEM_LEN_MAX: usize = 1 << 20;
/// Bytes that a picture needs in a tag at most: base64 in Vorbis comments, and what stands around it.
const PICTURE_ITEM_LEN_MAX: usize = COVER_LEN_MAX / 3 * 4 + 64 * 1024;
/// Characters of a picture's MIME type.
const MIME_LEN_MAX: usize = 64;

/// A picture out of a file's tags. Its bytes are whatever was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cover {
    /// Its MIME type, as `image/jpeg`: by its first bytes, else as the tag says.
    pub mime: String,
    /// At most [`COVER_LEN_MAX`].
    pub bytes: Vec<u8>,
}

/// Reads the tags of a file; what cannot be read is not there.
pub fn read(path: &Path) -> Tags {
    // In WAV and AIFF the whole tag is one item, pictures and all.
    let file = parsed(path, &options(false), ITEM_LEN_MAX)
        .or_else(|| parsed(path, &options(false), PICTURE_ITEM_LEN_MAX));
    file.map_or_else(Tags::default, |file| tags_of(&file))
}

/// The same, and how long the file says that it is, in ms.
pub fn read_with_length(path: &Path) -> (Tags, Option<u64>) {
    let options = options(false).read_properties(true);
    match parsed(path, &options, ITEM_LEN_MAX) {
        Some(file) => (tags_of(&file), stated_ms(&file)),
        // Its properties or its tags are damaged; the tags may still be read.
        None => (read(path), None),
    }
}

fn tags_of(file: &TaggedFile) -> Tags {
    let tags = in_order(file);
    let text = |key: ItemKey| tags.iter().find_map(|tag| tidy(tag.get_string(key)?));
    let number = |of: fn(&Tag) -> Option<u32>| tags.iter().find_map(|tag| of(tag));
    Tags {
        title: text(ItemKey::TrackTitle),
        artist: text(ItemKey::TrackArtist),
        album: text(ItemKey::AlbumTitle),
        album_artist: text(ItemKey::AlbumArtist),
        disc: number(|tag| tag.disk()),
        track: number(|tag| tag.track()),
        track_gain: gain::of_track(&tags),
        album_gain: gain::of_album(&tags),
    }
}

/// How long a file says that it is, in ms; `None` where it does not.
pub fn length_ms(path: &Path) -> Option<u64> {
    stated_ms(&parsed(path, &options(false).read_properties(true), ITEM_LEN_MAX)?)
}

fn stated_ms(file: &TaggedFile) -> Option<u64> {
    u64::try_from(file.properties().duration().as_millis()).ok().filter(|&ms| ms > 0)
}

/// The cover of a file: the front, else the first picture. Reads nothing else and keeps nothing; `None` where there is none, or
/// it cannot be read, or is larger than [`COVER_LEN_MAX`].
pub fn cover(path: &Path) -> Option<Cover> {
    let file = parsed(path, &options(true), PICTURE_ITEM_LEN_MAX)?;
    let tags = in_order(&file);
    let in_ape = ape::pictures(path, file.file_type());
    let mut pictures: Vec<&Picture> = tags.iter().flat_map(|tag| tag.pictures()).chain(&in_ape).collect();
    pictures.sort_by_key(|picture| picture.pic_type() != PictureType::CoverFront);
    let fits = |picture: &&&Picture| (1..=COVER_LEN_MAX).contains(&picture.data().len());
    pictures.iter().find(fits).map(|picture| Cover { mime: mime(picture), bytes: picture.data().to_vec() })
}

fn options(with_pictures: bool) -> ParseOptions {
    ParseOptions::new().read_properties(false).read_cover_art(with_pictures)
}

/// Opens and parses a file that is one; a FIFO must not hold up whoever asks.
fn parsed(path: &Path, options: &ParseOptions, item_len_max: usize) -> Option<TaggedFile> {
    file::open(path).ok()?;
    // These are of the calling thread.
    apply_global_options(GlobalOptions::new().allocation_limit(item_len_max));
    let probe = Probe::new(BufReader::new(File::open(path).ok()?));
    // Many formats are known by their first bytes; of some only the name tells.
    let probe = match probe.guess_file_type() {
        Ok(probe) if probe.file_type().is_some() => probe,
        Ok(_) | Err(_) => Probe::open(path).ok()?,
    };
    probe
        .options(*options)
        .read()
        .inspect_err(|error| log::debug!("{}: tags cannot be read: {error}", path.display()))
        .ok()
}

/// The tags of a file, the kind that its format usually has first: an MP3 file may have its names in one and its gains in
/// another.
fn in_order(file: &TaggedFile) -> Vec<&Tag> {
    let primary = file.primary_tag_type();
    let mut tags: Vec<&Tag> = file.tags().iter().collect();
    tags.sort_by_key(|tag| tag.tag_type() != primary);
    tags
}

fn mime(picture: &Picture) -> String {
    let said = || picture.mime_type().map(|mime| tidy(mime.as_str()).unwrap_or_default()).unwrap_or_default();
    let mut mime = match picture.data() {
        [0xFF, 0xD8, 0xFF, ..] => "image/jpeg".to_owned(),
        [0x89, b'P', b'N', b'G', ..] => "image/png".to_owned(),
        [b'G', b'I', b'F', b'8', ..] => "image/gif".to_owned(),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp".to_owned(),
        _ => said(),
    };
    if mime.is_empty() || mime.chars().count() > MIME_LEN_MAX {
        mime = "application/octet-stream".to_owned();
    }
    mime
}

/// One line without control characters, of a length that a status can carry.
fn tidy(text: &str) -> Option<String> {
    let line: String = text.chars().filter(|c| !c.is_control()).take(TAG_LEN_MAX).collect();
    let line = line.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

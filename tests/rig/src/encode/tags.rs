//! Tags: what a file says that it is.

use std::path::Path;

use lofty::config::WriteOptions;
use lofty::file::{AudioFile, TaggedFileExt};
use lofty::picture::{MimeType, Picture, PictureType};
use lofty::tag::{Accessor, Tag};

use crate::{Error, Result};

/// What to write into a file. What is empty or `None` is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags {
    /// The piece.
    pub title: String,
    /// Who plays or composed it.
    pub artist: String,
    /// The album.
    pub album: String,
    /// Its place on the album, from 1.
    pub track_no: Option<u32>,
    /// A PNG file's bytes, as the front cover.
    pub cover_png: Option<Vec<u8>>,
}

/// Writes `tags` into the file at `path`, in the way its format usually has them (ID3v2 in MP3 and
/// WAV, Vorbis comments in FLAC and Ogg). A tag of that kind is replaced.
///
/// # Errors
/// [`Error::Tags`] if it is no sound file that lofty knows, or cannot be written.
pub fn tag(path: &Path, tags: &Tags) -> Result<()> {
    let mut file = lofty::read_from_path(path).map_err(failed(path))?;
    let mut written = Tag::new(file.primary_tag_type());
    if !tags.title.is_empty() {
        written.set_title(tags.title.clone());
    }
    if !tags.artist.is_empty() {
        written.set_artist(tags.artist.clone());
    }
    if !tags.album.is_empty() {
        written.set_album(tags.album.clone());
    }
    if let Some(track_no) = tags.track_no {
        written.set_track(track_no);
    }
    if let Some(png) = &tags.cover_png {
        let cover = Picture::unchecked(png.clone())
            .pic_type(PictureType::CoverFront)
            .mime_type(MimeType::Png)
            .build();
        written.push_picture(cover);
    }
    file.insert_tag(written);
    file.save_to_path(path, WriteOptions::default()).map_err(failed(path))
}

fn failed<E: std::error::Error + Send + Sync + 'static>(path: &Path) -> impl FnOnce(E) -> Error {
    let path = path.to_path_buf();
    move |source| Error::Tags { path, source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::{Format, encode};
    use crate::signal;

    #[test]
    fn tags_are_found_again_in_every_format() {
        let folder = tempfile::tempdir().unwrap();
        let tone = signal::sine(440.0, 0.5, 0.0, 48_000, 24_000);
        let tags = Tags {
            title: "Žluť".into(),
            artist: "Someone".into(),
            album: "An album".into(),
            track_no: Some(7),
            cover_png: Some(b"\x89PNG\r\n\x1a\nno real picture".to_vec()),
        };
        for format in Format::ALL.into_iter().filter(|format| format.is_available()) {
            let path = folder.path().join("x").with_extension(format.extension());
            encode(&tone, 1, 48_000, format, &path).unwrap();
            tag(&path, &tags).unwrap();
            tag(&path, &tags).unwrap();
            let file = lofty::read_from_path(&path).unwrap();
            let found = file.primary_tag().unwrap();
            assert_eq!(found.title().as_deref(), Some("Žluť"), "{format:?}");
            assert_eq!(found.artist().as_deref(), Some("Someone"));
            assert_eq!(found.album().as_deref(), Some("An album"));
            assert_eq!(found.track(), Some(7));
            assert_eq!(found.pictures().len(), 1);
            let seconds = file.properties().duration().as_secs_f64();
            assert!((seconds - 0.5).abs() < 0.06, "{format:?} lasts {seconds} s");
        }
    }
}

//! An album cut from one continuous signal: played one after another without a gap, the tracks
//! must give the signal again. Each track is encoded by itself, as most albums are: FLAC and WAV
//! join exactly, at the joints of lossy formats a codec's ripple is heard but never a gap.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Format, Tags, encode, tag};
use crate::{Error, Result};

/// How an album is to be cut and named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Album {
    /// The album's title.
    pub title: String,
    /// Everybody's artist.
    pub artist: String,
    /// How many tracks of equal length (the last one takes what is left over).
    pub track_count: usize,
    /// What kind of files.
    pub format: Format,
}

/// Cuts `samples` into tracks `01.flac`, `02.flac` … in `dir` (made where missing), with tags.
///
/// # Errors
/// As [`encode`] and [`tag`]; [`Error::Unsupported`] if there are fewer frames than tracks.
pub fn gapless_album(
    dir: &Path,
    samples: &[f32],
    channels: u16,
    rate_hz: u32,
    album: &Album,
) -> Result<Vec<PathBuf>> {
    let width = usize::from(channels);
    let track_frames = samples.len().checked_div(width * album.track_count).unwrap_or(0);
    if track_frames == 0 {
        return Err(Error::Unsupported { channels, rate_hz, why: "each track needs a frame" });
    }
    fs::create_dir_all(dir).map_err(Error::io("make the folder", dir))?;
    let mut paths = Vec::with_capacity(album.track_count);
    for index in 0..album.track_count {
        let start = index * track_frames * width;
        let is_last = index + 1 == album.track_count;
        let end = if is_last { samples.len() } else { start + track_frames * width };
        let path = dir.join(format!("{:02}.{}", index + 1, album.format.extension()));
        encode(&samples[start..end], channels, rate_hz, album.format, &path)?;
        let tags = Tags {
            title: format!("{} {}", album.title, index + 1),
            artist: album.artist.clone(),
            album: album.title.clone(),
            track_no: u32::try_from(index + 1).ok(),
            cover_png: None,
        };
        tag(&path, &tags)?;
        paths.push(path);
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{signal, wav};

    #[test]
    fn the_tracks_put_together_are_the_signal() {
        let folder = tempfile::tempdir().unwrap();
        let whole = signal::doubled(&signal::white_noise(0.5, 3, 10_001));
        let album =
            Album { title: "Noise".into(), artist: "Nobody".into(), track_count: 3, format: Format::Wav };
        let paths = gapless_album(&folder.path().join("a"), &whole, 2, 44_100, &album).unwrap();
        assert_eq!(paths.len(), 3);
        let joined: Vec<f32> = paths.iter().flat_map(|path| wav::read(path).unwrap().samples).collect();
        assert_eq!(joined, whole);
    }

    #[test]
    fn more_tracks_than_frames_are_refused() {
        let album =
            Album { title: String::new(), artist: String::new(), track_count: 9, format: Format::Wav };
        assert!(gapless_album(Path::new("/nonexistent"), &[0.0; 8], 1, 8000, &album).is_err());
        let none = Album { track_count: 0, ..album };
        assert!(gapless_album(Path::new("/nonexistent"), &[0.0; 8], 1, 8000, &none).is_err());
    }
}

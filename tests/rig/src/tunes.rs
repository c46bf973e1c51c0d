//! The demo's music: tunes in the public domain, written down as scores and rendered by a small
//! synthesizer, so that nothing needs to be downloaded and nobody holds a right in it.
//!
//! Four minutes in three albums, in different formats and rates. *The Musical Clock* is one
//! performance cut into two tracks, to be played without a gap.
//!
//! The same machine always renders the same samples.

mod bach;
mod beethoven;
mod chime;
mod cover;
mod greensleeves;
mod pachelbel;
mod performance;
mod petzold;
mod reverb;
mod satie;
mod score;
mod synth;

use std::fs;
use std::path::{Path, PathBuf};

use performance::Piece;

use crate::encode::{self, Beside, Format, Tags};
use crate::wav::SampleFormat;
use crate::{Error, Result, signal};

/// Channels of every tune.
pub const CHANNELS: u16 = 2;

/// An album of the demo: a title and a cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Album {
    /// A music box: a prelude in two gapless parts.
    MusicalClock,
    /// Pipes, some with strings.
    BarrelAndPipes,
    /// A plucked and a struck string.
    PluckedAndStruck,
}

impl Album {
    /// Its title, which is its folder's name as well.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::MusicalClock => "The Musical Clock",
            Self::BarrelAndPipes => "Barrel and Pipes",
            Self::PluckedAndStruck => "Plucked and Struck",
        }
    }

    /// Its cover, a PNG of 300 by 300 pixels.
    ///
    /// # Errors
    /// [`Error::Cover`] if the encoder refuses.
    pub fn cover_png(self) -> Result<Vec<u8>> {
        cover::draw(self)
    }
}

/// One performance of a piece, and the files that become of it.
pub struct Recording {
    /// Where it belongs.
    pub album: Album,
    /// The tag `artist`.
    pub composer: &'static str,
    /// What files it becomes.
    pub format: Format,
    /// How deep they are, where the format gives a choice (FLAC).
    pub depth: SampleFormat,
    /// Frames a second.
    pub rate_hz: u32,
    /// Its tracks, in order.
    pub tracks: Vec<Track>,
    piece: fn() -> Result<Piece>,
}

/// One file of a [`Recording`].
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// The tag `title`.
    pub title: &'static str,
    /// Its place on the album, from 1.
    pub track_no: u32,
    /// Where it is cut from the next one, in beats; the last one goes to the end.
    pub until_beats: Option<f64>,
}

impl Recording {
    /// Performs it: interleaved stereo for each track. Put together they are one performance.
    ///
    /// # Errors
    /// [`Error::Score`] if a score is written wrongly; the crate's tests make sure that none is.
    pub fn perform(&self) -> Result<Vec<Vec<f32>>> {
        let piece = (self.piece)()?;
        let mut rest = performance::perform(&piece, self.rate_hz);
        let mut parts = Vec::with_capacity(self.tracks.len());
        let mut done_frames = 0;
        for track in &self.tracks {
            let end_frames = match track.until_beats {
                Some(beats) => piece.frame_at(beats, self.rate_hz),
                None => done_frames + rest.len() / usize::from(CHANNELS),
            };
            let samples = (end_frames - done_frames) * usize::from(CHANNELS);
            let after = rest.split_off(samples.min(rest.len()));
            parts.push(std::mem::replace(&mut rest, after));
            done_frames = end_frames;
        }
        Ok(parts)
    }

    /// Where its files are within the demo's folder, in the order of [`tracks`](Self::tracks).
    #[must_use]
    pub fn paths(&self, out_dir: &Path) -> Vec<PathBuf> {
        let name =
            |track: &Track| format!("{:02} {}.{}", track.track_no, track.title, self.format.extension());
        let folder = out_dir.join(self.album.title());
        self.tracks.iter().map(|track| folder.join(name(track))).collect()
    }

    fn write(&self, track: &Track, samples: &[f32], path: &Path) -> Result<()> {
        let tags = Tags {
            title: track.title.to_owned(),
            artist: self.composer.to_owned(),
            album: self.album.title().to_owned(),
            track_no: Some(track.track_no),
            cover_png: Some(self.album.cover_png()?),
        };
        Beside::new(path)?.finish(|made| {
            match self.format {
                Format::Flac => encode::encode_flac(samples, CHANNELS, self.rate_hz, self.depth, made)?,
                other => encode::encode(samples, CHANNELS, self.rate_hz, other, made)?,
            }
            encode::tag(made, &tags)
        })
    }
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was rendered, and lasts so many seconds.
    Rendered {
        /// Its length in whole seconds, rounded.
        seconds: u32,
    },
    /// It was there already. A file that is there is complete.
    Kept,
}

/// Renders every tune that is not yet in `out_dir` (made where missing) and calls `report` after
/// each file. Gives all files, in the order of the albums.
///
/// # Errors
/// The first error ends it; what is complete stays, and the next call goes on from there.
pub fn render_all(out_dir: &Path, mut report: impl FnMut(&Path, Outcome)) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for recording in recordings() {
        let paths = recording.paths(out_dir);
        let is_complete = paths.iter().all(|path| path.is_file());
        let folder = out_dir.join(recording.album.title());
        fs::create_dir_all(&folder).map_err(Error::io("make the folder", &folder))?;
        let performed = if is_complete { Vec::new() } else { recording.perform()? };
        for (n, path) in paths.iter().enumerate() {
            match performed.get(n) {
                Some(samples) if !path.is_file() => {
                    recording.write(&recording.tracks[n], samples, path)?;
                    let frames = samples.len() as f64 / f64::from(CHANNELS);
                    let seconds = (frames / f64::from(recording.rate_hz)).round() as u32;
                    report(path, Outcome::Rendered { seconds });
                }
                _ => report(path, Outcome::Kept),
            }
        }
        all.extend(paths);
    }
    Ok(all)
}

/// Renders the chime that the demo's announcement is, as FLAC of 16 bit at 48 kHz. A file that is there is kept.
///
/// # Errors
/// As [`render_all`].
pub fn render_chime(path: &Path) -> Result<Outcome> {
    if path.is_file() {
        return Ok(Outcome::Kept);
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Error::io("make the folder", folder))?;
    }
    let samples = signal::doubled(&chime::render(48_000));
    encode::encode(&samples, CHANNELS, 48_000, Format::Flac, path)?;
    Ok(Outcome::Rendered { seconds: chime::LENGTH_S as u32 })
}

/// Everything that there is.
#[must_use]
pub fn recordings() -> Vec<Recording> {
    let single = |title, track_no| vec![Track { title, track_no, until_beats: None }];
    vec![
        Recording {
            album: Album::MusicalClock,
            composer: "Johann Sebastian Bach",
            format: Format::Flac,
            depth: SampleFormat::Int16,
            rate_hz: 44_100,
            tracks: vec![
                Track {
                    title: "Prelude in C, BWV 846, first part",
                    track_no: 1,
                    until_beats: Some(bach::FIRST_PART_BEATS),
                },
                Track { title: "Prelude in C, BWV 846, second part", track_no: 2, until_beats: None },
            ],
            piece: bach::prelude_in_c,
        },
        Recording {
            album: Album::BarrelAndPipes,
            composer: "Johann Pachelbel",
            format: Format::Flac,
            depth: SampleFormat::Int24,
            rate_hz: 48_000,
            tracks: single("Canon in D", 1),
            piece: pachelbel::canon_in_d,
        },
        Recording {
            album: Album::BarrelAndPipes,
            composer: "Ludwig van Beethoven",
            format: Format::Mp3,
            depth: SampleFormat::Int24,
            rate_hz: 44_100,
            tracks: single("Ode to Joy", 2),
            piece: beethoven::ode_to_joy,
        },
        Recording {
            album: Album::BarrelAndPipes,
            composer: "Traditional, England",
            format: Format::Mp3,
            depth: SampleFormat::Int24,
            rate_hz: 48_000,
            tracks: single("Greensleeves", 3),
            piece: greensleeves::greensleeves,
        },
        Recording {
            album: Album::PluckedAndStruck,
            composer: "Christian Petzold",
            format: Format::Vorbis,
            depth: SampleFormat::Int24,
            rate_hz: 44_100,
            tracks: single("Minuet in G", 1),
            piece: petzold::minuet_in_g,
        },
        Recording {
            album: Album::PluckedAndStruck,
            composer: "Erik Satie",
            format: Format::Vorbis,
            depth: SampleFormat::Int24,
            rate_hz: 48_000,
            tracks: single("Gymnopédie No. 1", 2),
            piece: satie::gymnopedie_1,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{first_above, peak, rms_db};

    #[test]
    fn every_tune_has_the_right_length_and_level_begins_at_once_and_ends_gently() {
        let mut total_s = 0.0;
        for recording in recordings() {
            let parts = recording.perform().unwrap();
            assert_eq!(parts.len(), recording.tracks.len());
            for part in &parts {
                let seconds = part.len() as f64 / 2.0 / f64::from(recording.rate_hz);
                assert!((25.0..50.0).contains(&seconds), "{} lasts {seconds} s", recording.composer);
                total_s += seconds;
                let head = first_above(part, 0.001).unwrap() as f64 / 2.0 / f64::from(recording.rate_hz);
                assert!(head < 0.01, "{} begins after {head} s", recording.composer);
            }
            let whole = parts.concat();
            let peak = peak(&whole);
            assert!((peak - 0.708).abs() < 0.001, "{}: {peak}", recording.composer);
            let end = rms_db(&whole[whole.len() - recording.rate_hz as usize / 5..]);
            assert!(end < -60.0, "{} ends at {end} dB", recording.composer);
        }
        assert!((180.0..260.0).contains(&total_s), "{total_s} s in all");
    }

    #[test]
    fn each_file_has_a_name_of_its_own() {
        let mut paths: Vec<PathBuf> =
            recordings().iter().flat_map(|recording| recording.paths(Path::new("x"))).collect();
        assert_eq!(paths.len(), 7);
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), 7);
    }
}

//! Real files of every format through the decoders, against what went into them.

mod blocks;
mod damage;
mod join;
mod place;

use std::path::{Path, PathBuf};

use orchestrion_rig::encode::{Format, encode};

use super::*;
use crate::audio::file;
use crate::audio::song::{Progress, Song};

const RATE_HZ: u32 = 48_000;

/// A sweep, mono, without a place that looks like another one: what came out can be laid beside what went in.
fn sweep(rate_hz: u32, frames: usize) -> Vec<f32> {
    let seconds = frames as f64 / f64::from(rate_hz);
    let phase = |t: f64| 200.0 * t + 2800.0 / (2.0 * seconds) * t * t;
    (0..frames)
        .map(|n| (0.5 * (std::f64::consts::TAU * phase(n as f64 / f64::from(rate_hz))).sin()) as f32)
        .collect()
}

/// A folder for files, gone at the end.
struct Shelf(tempfile::TempDir);

impl Shelf {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file with the same on all channels.
    fn file(&self, mono: &[f32], channels: u16, rate_hz: u32, format: Format) -> PathBuf {
        let path =
            self.path(&format!("{format:?}-{channels}-{rate_hz}-{}.{}", mono.len(), format.extension()));
        let samples: Vec<f32> = mono.iter().flat_map(|s| vec![*s; channels.into()]).collect();
        encode(&samples, channels, rate_hz, format, &path).unwrap();
        path
    }
}

/// The first channel of a whole file, and how it ended.
fn first_channel(path: &Path) -> (Vec<f32>, Option<LoadError>) {
    first_channel_from(path, 0)
}

fn first_channel_from(path: &Path, frame: u64) -> (Vec<f32>, Option<LoadError>) {
    let sound = file::open(path).unwrap();
    let mut source = open(path, &sound).unwrap_or_else(|e| panic!("{}: {e}", path.display())).source;
    if frame > 0 {
        source.try_seek(place_of(frame, source.sample_rate().get())).unwrap();
    }
    let mut left = Vec::new();
    while let Some(sample) = source.next() {
        left.push(sample);
        for _ in 1..source.channels().get() {
            assert!(source.next().is_some(), "a frame is not whole");
        }
    }
    (left, sound.trouble.error())
}

/// A song to its end: frames of stereo, and the verdict.
fn song(path: &Path, start_ms: u64) -> Result<(usize, Option<LoadError>), LoadError> {
    let (mut song, _) = Song::open(path, start_ms)?;
    let (mut frames, mut stereo) = (0, Vec::new());
    loop {
        stereo.clear();
        let progress = song.read(4096, &mut stereo);
        frames += stereo.len() / 2;
        if progress == Progress::Ended {
            return Ok((frames, song.verdict()));
        }
    }
}

/// By how many frames `heard` is later than `meant`, as far as `reach`, from the middle of both; and how far it is off
/// there, as a part of the power.
fn lag(heard: &[f32], meant: &[f32], reach: i64) -> (i64, f64) {
    let middle = meant.len().min(heard.len()) / 2;
    let window = 6000;
    let error = |lag: i64| {
        let pairs = (middle..middle + window).map(|n| (heard.get((n as i64 + lag) as usize), meant.get(n)));
        let (off, power) = pairs.fold((0.0, 0.0), |(off, power), (a, b)| {
            let (a, b) = (f64::from(*a.unwrap_or(&0.0)), f64::from(*b.unwrap_or(&0.0)));
            (off + (a - b).powi(2), power + b.powi(2))
        });
        off / power
    };
    (-reach..=reach).map(|lag| (lag, error(lag))).min_by(|a, b| a.1.total_cmp(&b.1)).unwrap()
}

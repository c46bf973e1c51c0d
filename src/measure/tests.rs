//! What is measured of real files, beside what ffmpeg says of them; and the thread.

mod cues;
mod peer;
mod thread;

use std::path::Path;

use orchestrion_rig::encode::{Format, encode};

use super::*;

/// Measures a file that must succeed.
fn of(path: &Path) -> Measurement {
    measure(path, &mut |_| None, &|| false).unwrap().1
}

/// Stereo in a WAV file, measured.
fn of_samples(stereo: &[f32], rate_hz: u32) -> Measurement {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.wav");
    encode(stereo, 2, rate_hz, Format::Wav, &path).unwrap();
    of(&path)
}

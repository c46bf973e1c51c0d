//! Damaged files of every format: none crashes, none hangs, none clicks.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use orchestrion::audio::offline::render_damaged;
use orchestrion_rig::encode::{Foreign, Format, HeAac, by_ffmpeg, chained, encode, encode_foreign};
use orchestrion_rig::signal::{FadeShape, doubled, fade_in, fade_out, frames_of_ms, sine};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{can_make_files, knows_its_decoders};

const RATE_HZ: u32 = 48_000;
const SONG_S: f64 = 2.0;
const TONE_HZ: f64 = 440.0;
const TONE: f64 = 0.4;
const WORKERS: usize = 2;

fn tone(rate_hz: u32, seconds: f64, channels: u16) -> Vec<f32> {
    let mut mono = sine(TONE_HZ, TONE, 0.0, rate_hz, (seconds * f64::from(rate_hz)) as usize);
    let edge = frames_of_ms(30.0, rate_hz);
    fade_in(&mut mono, 1, edge, FadeShape::EqualPower);
    fade_out(&mut mono, 1, edge, FadeShape::EqualPower);
    if channels == 2 { doubled(&mono) } else { mono }
}

fn shelf(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut files = Vec::new();
    for format in Format::ALL {
        let path = folder.join(format!("own.{format:?}.{}", format.extension()));
        encode(&tone(RATE_HZ, SONG_S, 2), 2, RATE_HZ, format, &path).unwrap();
        files.push((format!("{format:?}"), path));
    }
    for kind in Foreign::ALL {
        let path = folder.join(format!("foreign.{}", kind.extension()));
        let (rate_hz, channels) = (kind.rate_hz(), kind.channels());
        encode_foreign(&tone(rate_hz, SONG_S, channels), channels, rate_hz, kind, &path).unwrap();
        files.push((format!("{kind:?}"), path));
    }
    for kind in [HeAac::V1, HeAac::V2] {
        let path = folder.join(format!("he-{kind:?}.m4a"));
        std::fs::write(&path, kind.file()).unwrap();
        files.push((format!("HeAac{kind:?}"), path));
    }
    let adts = folder.join("a.aac");
    let options = ["-c:a", "aac", "-b:a", "192k", "-f", "adts"];
    by_ffmpeg(&tone(RATE_HZ, SONG_S, 2), 2, RATE_HZ, &options, &adts).unwrap();
    files.push(("Adts".into(), adts));
    let chain = folder.join("chain.ogg");
    let links = [Format::Vorbis, Format::Opus].map(|format| {
        let path = folder.join(format!("link-{format:?}"));
        encode(&tone(RATE_HZ, SONG_S / 2.0, 2), 2, RATE_HZ, format, &path).unwrap();
        path
    });
    chained(&[&links[0], &links[1]], &chain).unwrap();
    files.push(("Chain".into(), chain));
    files
}

/// The largest step from one sample to the next on any side, with the silence around, and where it is.
fn steepest(stereo: &[f32]) -> (f32, usize) {
    let frames = stereo.len() / 2;
    let at = |frame: usize, side: usize| stereo.get(frame * 2 + side).copied().unwrap_or(0.0);
    let mut worst = (0.0, 0);
    for frame in 0..=frames {
        for side in 0..2 {
            let before = if frame == 0 { 0.0 } else { at(frame - 1, side) };
            let step = (at(frame, side) - before).abs();
            if step > worst.0 {
                worst = (step, frame);
            }
        }
    }
    worst
}

#[test]
fn look() {
    if !can_make_files() || !knows_its_decoders("damaged::look") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let files = shelf(folder.path());
    let waiting = Mutex::new(files.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap().next();
                    let Some((what, path)) = next else { return };
                    let bytes = std::fs::read(&path).unwrap();
                    let try_it = |which: String| {
                        let begun = Instant::now();
                        match render_damaged(&path, &[], RATE_HZ) {
                            Ok((heard, failures)) => {
                                let (step, at) = steepest(&heard);
                                let flag = if step > 0.03 { "CLICK" } else { "" };
                                println!("{what} {which}: {:.3} s, step {step:.4} at {at} of {}, {failures:?} {:?} {flag}", heard.len() as f64 / 96_000.0, heard.len() / 2, begun.elapsed());
                            }
                            Err(e) => println!("{what} {which}: refused: {e} {:?}", begun.elapsed()),
                        }
                    };
                    try_it("whole".into());
                    for tenth in 1..10 {
                        std::fs::write(&path, &bytes[..bytes.len() * tenth / 10]).unwrap();
                        try_it(format!("cut {tenth}"));
                    }
                    for seed in 0..8 {
                        let mut rng = ChaCha8Rng::seed_from_u64(seed);
                        let mut flipped = bytes.clone();
                        let from = if seed % 2 == 0 { bytes.len() / 5 } else { 0 };
                        for _ in 0..2 + seed {
                            let at = from + rng.next_u64() as usize % (bytes.len() - from);
                            flipped[at] = rng.next_u32() as u8;
                        }
                        std::fs::write(&path, &flipped).unwrap();
                        try_it(format!("flip {seed}"));
                    }
                }
            });
        }
    });
}

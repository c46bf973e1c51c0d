//! Damaged files of every format: none crashes, none hangs, none clicks.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use orchestrion::audio::LoadError;
use orchestrion::audio::offline::render_damaged;
use orchestrion_rig::encode::{Foreign, Format, HeAac, by_ffmpeg, chained, encode, encode_foreign};
use orchestrion_rig::signal::{FadeShape, doubled, fade_in, fade_out, frames_of_ms, sine};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{can_make_files, knows_its_decoders};

const RATE_HZ: u32 = 48_000;
const SONG_S: f64 = 4.0;
const TONE_HZ: f64 = 440.0;
const TONE: f64 = 0.4;
/// Files that are played at once.
const WORKERS: usize = 2;
/// How long a file may take, on a busy machine: a decoder's own limits end before.
const PATIENCE: Duration = Duration::from_secs(30);
/// A file that is cut has no steeper step than the whole one, but for a codec's last half packet.
const STEEPER_MAX: f32 = 1.3;
/// The last sample before the silence: one of a fade of 10 ms.
const LAST_MAX: f32 = 0.01;
/// Files with flipped bytes, of each format.
const FLIPPED_FILES: u64 = 6;
/// Formats whose decoders notice all damage, so that it can be mended, or overlap it away; a packet that is lost changes the
/// slope of a tone by no more than this. In the others a flipped byte may become a sample that nothing tells from a meant one.
const CONCEALING: [&str; 6] = ["Flac", "Aac", "Adts", "Vorbis", "Opus", "Chain"];
const CONCEALED_STEEPER_MAX: f32 = 2.2;
/// A format whose packets say where they belong keeps its length, but for its last one.
const KEEPS_ITS_LENGTH: &str = "Flac";
const LAST_PACKET_S: f64 = 4608.0 / RATE_HZ as f64;

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
        // With its headers in front, else each cut takes them away.
        let fixture = folder.join(format!("fixture-{kind:?}.m4a"));
        std::fs::write(&fixture, kind.file()).unwrap();
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-i"])
            .arg(&fixture)
            .args(["-c", "copy", "-movflags", "+faststart"])
            .arg(&path)
            .status();
        assert!(made.unwrap().success());
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

/// What is wrong in one rendering of a file, if anything.
struct Tried {
    steepest: (f32, usize),
    /// What the very last sample was before silence.
    last: f32,
    seconds: f64,
    is_told: bool,
}

/// Renders a file as a room would hear it; an error: it was refused.
fn tried(path: &Path, what: &str) -> Result<Tried, LoadError> {
    let begun = Instant::now();
    let rendered = render_damaged(path, &[], RATE_HZ);
    assert!(begun.elapsed() < PATIENCE, "{what}: {:?}", begun.elapsed());
    let (heard, failures) = rendered?;
    assert!(heard.iter().all(|sample| sample.abs() <= 1.0), "{what}: louder than full scale");
    let last = heard.rchunks_exact(2).next().map_or(0.0, |frame| frame[0].abs().max(frame[1].abs()));
    let seconds = (heard.len() / 2) as f64 / f64::from(RATE_HZ);
    Ok(Tried { steepest: steepest(&heard), last, seconds, is_told: !failures.is_empty() })
}

/// Calls `look` with each kind of file, its path and its bytes.
fn for_each_file(look: impl Fn(&str, &Path, &[u8]) + Sync) {
    let folder = tempfile::tempdir().unwrap();
    let waiting = Mutex::new(shelf(folder.path()).into_iter());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap().next();
                    let Some((what, path)) = next else { return };
                    let bytes = std::fs::read(&path).unwrap();
                    look(&what, &path, &bytes);
                }
            });
        }
    });
}

#[test]
fn a_file_of_any_format_cut_at_each_tenth_ends_without_a_click() {
    const NAME: &str = "damaged::a_file_of_any_format_cut_at_each_tenth_ends_without_a_click";
    if !can_make_files() || !knows_its_decoders(NAME) {
        return;
    }
    for_each_file(|what, path, bytes| {
        let whole = tried(path, what).unwrap_or_else(|error| panic!("{what}, whole: {error}"));
        assert!(!whole.is_told, "{what}, whole, fails");
        let (mut played, mut refused) = (0, 0);
        for tenth in 1..10 {
            std::fs::write(path, &bytes[..bytes.len() * tenth / 10]).unwrap();
            let what = format!("{what}, cut at {tenth} tenths");
            let Ok(cut) = tried(path, &what) else {
                refused += 1;
                continue;
            };
            played += 1;
            let (step, at) = cut.steepest;
            let longest =
                if path.extension().is_some_and(|end| end == "aac" || end == "mp2") { 0.1 } else { 0.02 };
            assert!(cut.seconds < whole.seconds + longest, "{what}: {} s", cut.seconds);
            assert!(step < whole.steepest.0 * STEEPER_MAX, "{what}: a step of {step} at frame {at}");
            assert!(cut.last < LAST_MAX, "{what}: ends at {}", cut.last);
        }
        println!(
            "{what}: whole {:.3} s; of 9 cuts {played} play without a click, {refused} are refused",
            whole.seconds
        );
        assert!(played > 0 || what == "Musepack", "{what}: not one plays");
    });
}

#[test]
fn flipped_bytes_in_any_format_neither_crash_nor_hang_and_click_only_where_nothing_can_tell() {
    const NAME: &str =
        "damaged::flipped_bytes_in_any_format_neither_crash_nor_hang_and_click_only_where_nothing_can_tell";
    if !can_make_files() || !knows_its_decoders(NAME) {
        return;
    }
    for_each_file(|what, path, bytes| {
        let whole = tried(path, what).unwrap_or_else(|error| panic!("{what}, whole: {error}"));
        let (mut clean, mut clicking, mut refused, mut worst) = (0, 0, 0, 0.0f32);
        for seed in 0..FLIPPED_FILES {
            let mut chance = ChaCha8Rng::seed_from_u64(seed);
            let mut flipped = bytes.to_vec();
            // Half of the files keep their headers.
            let from = if seed % 2 == 0 { bytes.len() / 5 } else { 0 };
            for _ in 0..2 + seed {
                let at = from + chance.next_u64() as usize % (bytes.len() - from);
                flipped[at] = chance.next_u32() as u8;
            }
            std::fs::write(path, &flipped).unwrap();
            let what = format!("{what}, seed {seed}");
            let Ok(flipped) = tried(path, &what) else {
                refused += 1;
                continue;
            };
            assert!(flipped.seconds < whole.seconds * 3.0, "{what}: {} s", flipped.seconds);
            let shorter_s = whole.seconds - flipped.seconds;
            assert!(
                what.split(',').next() != Some(KEEPS_ITS_LENGTH)
                    || (0.0..=LAST_PACKET_S).contains(&shorter_s),
                "{what}: {} s, not {} s",
                flipped.seconds,
                whole.seconds
            );
            worst = worst.max(flipped.steepest.0);
            if flipped.steepest.0 < whole.steepest.0 * CONCEALED_STEEPER_MAX {
                clean += 1
            } else {
                clicking += 1
            }
        }
        println!("{what}: {clean} without a click, {clicking} with, {refused} refused; steepest {worst:.3}");
        if CONCEALING.contains(&what) {
            assert_eq!(clicking, 0, "{what}: a step of {worst}");
        }
    });
}

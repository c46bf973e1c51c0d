//! Damaged files: each ends, soon, in words, and in little memory.

use std::panic::catch_unwind;
use std::time::{Duration, Instant};

use orchestrion_rig::encode::chained;
use orchestrion_rig::signal;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

/// Files with flipped bits, of each format.
const FLIPPED_FILES: u64 = 12;
/// How long a file of five seconds may take, whatever is in it, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// A decoder may make something of what is behind the damage; not more than this many times the sound that was there.
const LONGER_MAX: usize = 3;

const FRAMES: usize = 5 * RATE_HZ as usize;

/// As a deck does it: a decoder that panics fails its song.
fn tried(path: &Path) -> Result<(usize, Option<LoadError>), LoadError> {
    let began = Instant::now();
    let tried = catch_unwind(|| song(path, 0).and_then(|whole| song(path, 2500).map(|_| whole)));
    assert!(began.elapsed() < PATIENCE, "{}: {:?}", path.display(), began.elapsed());
    tried.unwrap_or_else(|_| Err(LoadError::Damaged("a decoder gave up".into())))
}

fn all(shelf: &Shelf) -> Vec<PathBuf> {
    // Noise makes the files of the lossy formats as large as music does.
    let noisy = |frames: usize| -> Vec<f32> {
        let noise = signal::white_noise(0.2, 3, frames);
        sweep(RATE_HZ, frames).iter().zip(noise).map(|(a, b)| a + b).collect()
    };
    let mono = noisy(FRAMES);
    let mut paths: Vec<_> =
        Format::ALL.into_iter().map(|format| shelf.file(&mono, 2, RATE_HZ, format)).collect();
    let chain = shelf.path("chain.ogg");
    let half = noisy(FRAMES / 2);
    let links = [Format::Vorbis, Format::Opus].map(|format| shelf.file(&half, 2, RATE_HZ, format));
    chained(&[&links[0], &links[1]], &chain).unwrap();
    paths.push(chain);
    paths
}

#[test]
fn a_file_cut_at_each_tenth_plays_what_is_left_and_says_that_it_was_cut() {
    let shelf = Shelf::new();
    for path in all(&shelf) {
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(tried(&path), Ok((FRAMES, None)), "{}", path.display());
        for tenth in 0..10 {
            std::fs::write(&path, &bytes[..bytes.len() * tenth / 10]).unwrap();
            match tried(&path) {
                Ok((frames, Some(_))) => {
                    assert!(frames <= FRAMES, "{}, {tenth} tenths: {frames}", path.display());
                    // What is compressed evenly is as long as it is large.
                    assert!(
                        frames * 10 + 3 * FRAMES > FRAMES * tenth,
                        "{}, {tenth} tenths: {frames}",
                        path.display()
                    );
                }
                Ok((frames, None)) => {
                    // Less than a second short passes, see the song's verdict.
                    assert!(
                        frames + RATE_HZ as usize >= FRAMES,
                        "{}, {tenth} tenths: {frames}",
                        path.display()
                    );
                }
                Err(LoadError::NotDecodable(words)) => {
                    assert!(
                        tenth <= 2 && !words.contains("orchestrion-media"),
                        "{}, {tenth} tenths: {words}",
                        path.display()
                    );
                }
                Err(error) => panic!("{}, {tenth} tenths: {error}", path.display()),
            }
        }
    }
}

#[test]
fn flipped_bytes_neither_hang_nor_crash_nor_make_a_song_without_end() {
    let shelf = Shelf::new();
    for path in all(&shelf) {
        let bytes = std::fs::read(&path).unwrap();
        for seed in 0..FLIPPED_FILES {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut flipped = bytes.clone();
            // Half of the files are hit in their headers, where it hurts most.
            let reach = if seed % 2 == 0 { flipped.len() } else { flipped.len().min(3000) };
            for _ in 0..1 + seed * 3 {
                let at = rng.next_u64() as usize % reach;
                flipped[at] = rng.next_u32() as u8;
            }
            std::fs::write(&path, &flipped).unwrap();
            match tried(&path) {
                Ok((frames, _)) => {
                    assert!(frames <= FRAMES * LONGER_MAX, "{}, seed {seed}: {frames}", path.display())
                }
                Err(LoadError::NotDecodable(_) | LoadError::Damaged(_)) => {}
                Err(error) => panic!("{}, seed {seed}: {error}", path.display()),
            }
        }
    }
}

/// Replaces four bytes behind a box's type.
fn overwrite(bytes: &[u8], kind: &[u8; 4], behind: usize, with: u32) -> Vec<u8> {
    let at = bytes.windows(4).position(|w| w == kind).unwrap() + 4 + behind;
    let mut bytes = bytes.to_vec();
    bytes[at..at + 4].copy_from_slice(&with.to_be_bytes());
    bytes
}

#[test]
fn boxes_that_promise_too_much_are_refused_before_room_is_made_for_them() {
    let shelf = Shelf::new();
    let path = shelf.file(&sweep(RATE_HZ, 48_000), 2, RATE_HZ, Format::Aac);
    let bytes = std::fs::read(&path).unwrap();
    let huge = u32::MAX - 3;
    for (kind, behind) in [
        (b"stsz", 8),
        (b"stts", 4),
        (b"stsc", 4),
        (b"stco", 4),
        (b"elst", 4),
        (b"moov", 0),
        (b"trak", 0),
        (b"stsz", 12),
    ] {
        let hostile = if behind == 0 {
            // The length stands in front of the type.
            let at = bytes.windows(4).position(|w| w == kind).unwrap() - 4;
            let mut bytes = bytes.clone();
            bytes[at..at + 4].copy_from_slice(&huge.to_be_bytes());
            bytes
        } else {
            overwrite(&bytes, kind, behind, huge)
        };
        std::fs::write(&path, hostile).unwrap();
        let error = song(&path, 0).unwrap_err().to_string();
        assert!(error.contains("damaged"), "{}: {error}", kind.escape_ascii());
    }
    // A box that holds itself for ever.
    let looped = [&bytes[..32], &[0, 0, 0, 0, b'm', b'o', b'o', b'v'].repeat(20_000)[..]].concat();
    std::fs::write(&path, looped).unwrap();
    assert!(song(&path, 0).is_err());
}

#[test]
fn a_hole_in_opus_is_filled_at_its_right_length_and_too_many_fail_the_song() {
    let shelf = Shelf::new();
    let frames = 20 * RATE_HZ as usize;
    let path = shelf.file(&sweep(RATE_HZ, frames), 2, RATE_HZ, Format::Opus);
    let bytes = std::fs::read(&path).unwrap();
    let (whole, _) = first_channel(&path);
    let pages: Vec<usize> =
        bytes.windows(4).enumerate().filter(|(_, w)| w == b"OggS").map(|(at, _)| at).collect();
    // A page that is not there, and one whose checksum is wrong.
    let middle = pages.len() / 2;
    let mut holed = bytes.clone();
    holed[pages[middle] + 300] ^= 0x55;
    holed.drain(pages[4]..pages[5]);
    std::fs::write(&path, &holed).unwrap();
    let (heard, error) = first_channel(&path);
    assert_eq!((heard.len(), error), (frames, None));
    let worst = |from: usize| {
        let pairs = heard[from..].iter().zip(&whole[from..]);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    assert!(worst(frames - 2 * RATE_HZ as usize) < 1e-3, "behind the holes everything is in its place");
    assert!(worst(0) > 0.01, "there was a hole");

    let gone = [&bytes[..pages[3]], &bytes[pages[pages.len() - 3]..]].concat();
    std::fs::write(&path, gone).unwrap();
    let (frames, verdict) = song(&path, 0).unwrap();
    assert!(frames < 3 * RATE_HZ as usize, "{frames}");
    assert!(matches!(&verdict, Some(LoadError::Damaged(words)) if words.contains("missing")), "{verdict:?}");
}

#[test]
fn a_hole_in_flac_keeps_its_length_and_has_no_edge() {
    let shelf = Shelf::new();
    // A tone of 440 Hz has no steeper step than this; noise would hide what a hole does.
    let step = std::f32::consts::TAU * 440.0 / RATE_HZ as f32 * 0.5;
    let mono = signal::sine(440.0, 0.5, 0.0, RATE_HZ, FRAMES);
    for channels in [1, 2] {
        let path = shelf.file(&mono, channels, RATE_HZ, Format::Flac);
        let bytes = std::fs::read(&path).unwrap();
        // A block, two in a row, and one whose header is hit; the last block stays, for nothing tells how long it is.
        let mut holed = bytes.clone();
        let block = bytes.len() / (FRAMES / 4096);
        for at in [10 * block, 20 * block, 21 * block, 30 * block] {
            holed[at..at + 9].iter_mut().for_each(|byte| *byte ^= 0x5A);
        }
        std::fs::write(&path, &holed).unwrap();
        let (heard, error) = first_channel(&path);
        assert_eq!((heard.len(), error), (FRAMES, None));
        let steepest = heard.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        assert!(steepest < step * 1.1, "{steepest}, not {step}");
        let off: Vec<bool> = heard.iter().zip(&mono).map(|(a, b)| (a - b).abs() > 1e-4).collect();
        let wrong = off.iter().filter(|off| **off).count();
        assert!((2 * 4096..8 * 4096).contains(&wrong), "{wrong} frames are not as they were");
    }
}

#[test]
fn text_and_noise_under_any_name_are_refused_in_words() {
    let shelf = Shelf::new();
    let mut noise = vec![0u8; 300_000];
    ChaCha8Rng::seed_from_u64(1).fill_bytes(&mut noise);
    for name in ["a.opus", "a.m4a", "a.ogg", "a.wav", "a.aac", "a.flac"] {
        let path = shelf.path(name);
        for (content, what) in [(&b"no music at all\n".repeat(99)[..], "text"), (&noise, "noise")] {
            std::fs::write(&path, content).unwrap();
            let error = song(&path, 0).unwrap_err();
            assert!(matches!(&error, LoadError::NotDecodable(_)), "{name}, {what}: {error}");
        }
        // Its right beginning, and then noise.
        let starts: [&[u8]; 4] = [b"OggS", b"\0\0\0\x20ftypM4A ", b"RIFF\xFF\xFF\xFF\xFFWAVE", b"fLaC"];
        for start in starts {
            std::fs::write(&path, [start, &noise].concat()).unwrap();
            let error = tried(&path).unwrap_err();
            assert!(!error.to_string().contains("orchestrion-media"), "{name}, {start:?}: {error}");
        }
    }
}

//! What is read in blocks is what is read sample by sample.

use orchestrion_rig::encode::chained;

use super::*;
use crate::audio::block::format_of;

/// All samples of a source, in blocks of so many frames, from the start of its first format to the end of its last.
fn in_blocks(path: &Path, frames: usize) -> Vec<f32> {
    let sound = file::open(path).unwrap();
    let mut source = open(path, &sound).unwrap().source;
    let (mut format, mut first, mut samples) = (format_of(&*source), None, Vec::new());
    loop {
        match source.read_block(format, first.take(), frames, &mut samples) {
            Block::Full => {}
            Block::Changed(sample) => (format, first) = (format_of(&*source), Some(sample)),
            Block::Ended => return samples,
        }
    }
}

fn one_by_one(path: &Path) -> Vec<f32> {
    let sound = file::open(path).unwrap();
    open(path, &sound).unwrap().source.collect()
}

#[test]
fn blocks_of_any_length_hold_the_same_samples_in_every_format() {
    let shelf = Shelf::new();
    let mono = sweep(RATE_HZ, RATE_HZ as usize + 77);
    let mut paths = Vec::new();
    for format in Format::ALL {
        for (channels, rate_hz) in [(1, 48_000), (2, 44_100), (6, 48_000)] {
            if channels <= 2 || !matches!(format, Format::Mp3 | Format::Aac | Format::Alac) {
                paths.push(shelf.file(&mono, channels, rate_hz, format));
            }
        }
    }
    let chain = shelf.path("chain.ogg");
    let links = [(Format::Vorbis, 2), (Format::Opus, 1), (Format::Opus, 2), (Format::Vorbis, 1)]
        .map(|(format, channels)| shelf.file(&mono, channels, RATE_HZ, format));
    chained(&links.each_ref().map(PathBuf::as_path), &chain).unwrap();
    paths.push(chain);
    for path in paths {
        let meant = one_by_one(&path);
        assert!(meant.len() > RATE_HZ as usize, "{}", path.display());
        for frames in [1, 999, 4096] {
            assert!(in_blocks(&path, frames) == meant, "{}, {frames} frames a block", path.display());
        }
    }
}

//! Pictures in APE tags, which lofty reads and leaves out when it makes its general tag of them.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use lofty::ape::{APE_PICTURE_TYPES, ApeFile, ApeTag};
use lofty::file::{AudioFile, FileType};
use lofty::musepack::MpcFile;
use lofty::picture::Picture;
use lofty::tag::ItemValue;
use lofty::wavpack::WavPackFile;

use super::options;

/// The pictures of a file of a kind that has its tags in APE; none of another.
pub(super) fn pictures(path: &Path, kind: FileType) -> Vec<Picture> {
    let Ok(file) = File::open(path) else { return Vec::new() };
    let reader = &mut BufReader::new(file);
    match kind {
        FileType::WavPack => {
            of(WavPackFile::read_from(reader, options(true)).ok().and_then(|mut f| f.remove_ape()))
        }
        FileType::Ape => of(ApeFile::read_from(reader, options(true)).ok().and_then(|mut f| f.remove_ape())),
        FileType::Mpc => of(MpcFile::read_from(reader, options(true)).ok().and_then(|mut f| f.remove_ape())),
        _ => Vec::new(),
    }
}

fn of(tag: Option<ApeTag>) -> Vec<Picture> {
    let Some(tag) = tag else { return Vec::new() };
    let binary = |key: &&'static str| match tag.get(key)?.value() {
        ItemValue::Binary(bytes) => Picture::from_ape_bytes(key, bytes).ok(),
        ItemValue::Text(_) | ItemValue::Locator(_) => None,
    };
    APE_PICTURE_TYPES.iter().filter_map(binary).collect()
}

//! A file's tags, bounded in length and never a reason not to play.

use std::path::Path;

use lofty::config::{GlobalOptions, ParseOptions, apply_global_options};
use lofty::file::TaggedFileExt;
use lofty::probe::Probe;
use lofty::tag::{Accessor, Tag};
use orchestrion_protocol::limits::TAG_LEN_MAX;

use super::Tags;

/// Bytes that a single tag item may make us hold.
const ITEM_LEN_MAX: usize = 1 << 20;

/// Reads the tags of a file; what cannot be read is not there.
pub(super) fn read(path: &Path) -> Tags {
    apply_global_options(GlobalOptions::new().allocation_limit(ITEM_LEN_MAX));
    let options = ParseOptions::new().read_properties(false).read_cover_art(false);
    let Ok(probe) = Probe::open(path) else { return Tags::default() };
    let Ok(probe) = probe.guess_file_type() else { return Tags::default() };
    match probe.options(options).read() {
        Ok(file) => file.primary_tag().or_else(|| file.first_tag()).map(from_tag).unwrap_or_default(),
        Err(error) => {
            log::debug!("{}: tags cannot be read: {error}", path.display());
            Tags::default()
        }
    }
}

fn from_tag(tag: &Tag) -> Tags {
    Tags {
        title: tag.title().and_then(|text| tidy(&text)),
        artist: tag.artist().and_then(|text| tidy(&text)),
        album: tag.album().and_then(|text| tidy(&text)),
        disc: tag.disk(),
        track: tag.track(),
    }
}

/// One line without control characters, of a length that a status can carry.
fn tidy(text: &str) -> Option<String> {
    let line: String = text.chars().filter(|c| !c.is_control()).take(TAG_LEN_MAX).collect();
    let line = line.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_one_line_of_bounded_length() {
        assert_eq!(tidy(" a\nb\u{1b}[2J "), Some("ab[2J".into()));
        assert_eq!(tidy("\u{0}\n"), None);
        assert_eq!(tidy(&"ä".repeat(1000)).map(|t| t.chars().count()), Some(TAG_LEN_MAX));
    }
}

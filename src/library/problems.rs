//! What could not be taken, a sentence each, and how paths stand in them. Pure.

use std::path::Path;

use orchestrion_protocol::limits::PROBLEMS_LEN_MAX;
use orchestrion_protocol::location;

/// The longest path in a sentence, in characters; of a longer one the beginning and the end are shown. With it,
/// [`PROBLEMS_LEN_MAX`] sentences fit into one line of the protocol.
const SHOWN_LEN_MAX: usize = 240;
/// Of these, how many at its beginning.
const SHOWN_HEAD_LEN: usize = 60;

/// Sentences up to a limit; beyond it they are only counted.
#[derive(Debug, Default)]
pub(super) struct Problems {
    sentences: Vec<String>,
    more: usize,
}

impl Problems {
    pub(super) fn add(&mut self, sentence: String) {
        if self.sentences.len() < PROBLEMS_LEN_MAX {
            self.sentences.push(sentence);
        } else {
            self.more += 1;
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.sentences.len() + self.more
    }

    /// At most [`PROBLEMS_LEN_MAX`] sentences, the last of which counts those that found no room.
    pub(super) fn into_sentences(mut self) -> Vec<String> {
        if self.more > 0 {
            self.sentences.truncate(PROBLEMS_LEN_MAX - 1);
            self.sentences.push(format!("and {} more", self.more + 1));
        }
        self.sentences
    }
}

/// A path for people: on one line, not too long, and unmistakable.
pub(super) fn shown(path: &Path) -> String {
    let text: String = location::to_text(path)
        .chars()
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    let len = text.chars().count();
    if len <= SHOWN_LEN_MAX {
        return text;
    }
    let head: String = text.chars().take(SHOWN_HEAD_LEN).collect();
    let tail: String = text.chars().skip(len - (SHOWN_LEN_MAX - SHOWN_HEAD_LEN - 1)).collect();
    format!("{head}\u{2026}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_limit_problems_are_counted() {
        for (count, last) in [(1, "0"), (20, "19"), (21, "and 2 more"), (5000, "and 4981 more")] {
            let mut problems = Problems::default();
            (0..count).for_each(|n: usize| problems.add(n.to_string()));
            assert_eq!(problems.len(), count);
            let sentences = problems.into_sentences();
            assert_eq!(
                (sentences.len(), sentences.last().unwrap().as_str()),
                (count.min(PROBLEMS_LEN_MAX), last)
            );
        }
        assert!(Problems::default().into_sentences().is_empty());
    }

    #[test]
    fn a_path_is_shown_on_one_line_and_not_too_long() {
        assert_eq!(shown(Path::new("/m/a\nb\u{1b}[2J.mp3")), "/m/a\u{fffd}b\u{fffd}[2J.mp3");
        let long = shown(Path::new(&format!("/music/{}/end.mp3", "\u{97f3}".repeat(2000))));
        assert_eq!(long.chars().count(), SHOWN_LEN_MAX);
        assert!(long.starts_with("/music/") && long.ends_with("/end.mp3"), "{long}");
    }
}

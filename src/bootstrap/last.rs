//! The last lines of this process's log, in memory, for whoever asks over the control server: also where a sandbox keeps the journal from
//! us, or there is none.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::cli::text::clean;
use crate::time::{Clock, SystemClock};

/// Lines that are kept.
const LINES_MAX: usize = 1000;
/// Bytes of them all.
const LEN_MAX: usize = 128 * 1024;
/// Characters of one.
const LINE_CHARS_MAX: usize = 500;

static LAST: Mutex<Lines> = Mutex::new(Lines { lines: VecDeque::new(), len: 0 });

#[derive(Debug, Default)]
struct Lines {
    lines: VecDeque<String>,
    len: usize,
}

impl Lines {
    fn push(&mut self, line: String) {
        self.len += line.len();
        self.lines.push_back(line);
        while self.lines.len() > LINES_MAX || self.len > LEN_MAX {
            self.len -= self.lines.pop_front().map_or(0, |gone| gone.len());
        }
    }

    fn last(&self, lines: usize, len_max: usize) -> Vec<String> {
        let mut len = 0;
        let newest = self.lines.iter().rev().take(lines);
        let mut found: Vec<_> = newest
            .take_while(|line| {
                // With its quotes and a comma, and twice where all of it is quoted.
                len += serde_json::to_string(line).map_or(usize::MAX, |text| text.len() + 1);
                len <= len_max
            })
            .cloned()
            .collect();
        found.reverse();
        found
    }
}

/// Keeps a line, with the time since the kernel started.
pub(super) fn note(record: &log::Record<'_>) {
    let at_ms = SystemClock.now().monotonic.0;
    let level = record.level().as_str().to_lowercase();
    let words: String = clean(&record.args().to_string()).chars().take(LINE_CHARS_MAX).collect();
    let line = format!("{}.{:03} {level}: {words}", at_ms / 1000, at_ms % 1000);
    LAST.lock().unwrap_or_else(PoisonError::into_inner).push(line);
}

/// The newest lines, the oldest first: so many, and as many as are no longer than `len_max` bytes as JSON.
pub fn lines(lines: usize, len_max: usize) -> Vec<String> {
    LAST.lock().unwrap_or_else(PoisonError::into_inner).last(lines, len_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_are_kept_within_their_bounds_and_given_oldest_first() {
        let mut kept = Lines::default();
        for n in 0..3 * LINES_MAX {
            kept.push(format!("line {n}"));
        }
        assert_eq!(kept.lines.len(), LINES_MAX);
        assert_eq!(kept.last(2, 1000), ["line 2998", "line 2999"]);
        assert_eq!(kept.last(LINES_MAX, 30), ["line 2998", "line 2999"], "12 bytes each");
        assert!(kept.last(5, 3).is_empty());
        for _ in 0..LINES_MAX {
            kept.push("x".repeat(LINE_CHARS_MAX));
        }
        assert!(kept.len <= LEN_MAX && kept.lines.iter().map(String::len).sum::<usize>() == kept.len);
    }
}

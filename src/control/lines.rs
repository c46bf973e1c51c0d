//! Bytes into lines, and answers that fit a line. Pure.

use orchestrion_protocol::limits::LINE_LEN_MAX;
use orchestrion_protocol::rpc::{Id, RpcError, code, response_line};
use serde_json::Value;

/// A buffer larger than this is given back once it is empty: few lines are long, and there are many clients.
const KEPT_LEN_MAX: usize = 4 * 1024;

/// What was found between two line feeds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// A line without its end, be that LF or CR LF. Never empty and never only white space.
    Text(&'a [u8]),
    /// The line is longer than [`LINE_LEN_MAX`]. Told once, as soon as it is known; its rest is skipped.
    TooLong,
}

/// Puts lines together from whatever pieces the socket gives.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// The beginning of a line whose end has not come yet. At most one byte longer than a line, for the CR.
    partial: Vec<u8>,
    /// Whether the rest of a line that was too long is being passed over.
    skipping: bool,
}

impl Lines {
    /// Takes more bytes and gives each line that is whole now.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(Line<'_>)) {
        while let Some(end) = bytes.iter().position(|&b| b == b'\n') {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            bytes = rest;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if self.partial.is_empty() {
                give(line, &mut each);
            } else {
                self.partial.extend_from_slice(line);
                give(&self.partial, &mut each);
                self.forget_partial();
            }
        }
        if !self.skipping {
            self.hold(bytes, &mut each);
        }
    }

    /// There are no more bytes: what is left counts as a line. A JSON object that was cut off has lost its closing
    /// brace, so nothing half said can pass for a request.
    pub(crate) fn finish(&mut self, mut each: impl FnMut(Line<'_>)) {
        self.skipping = false;
        give(&self.partial, &mut each);
        self.forget_partial();
    }

    fn hold(&mut self, bytes: &[u8], each: &mut impl FnMut(Line<'_>)) {
        if self.partial.len() + bytes.len() > LINE_LEN_MAX + 1 {
            each(Line::TooLong);
            self.skipping = true;
            self.forget_partial();
        } else {
            self.partial.extend_from_slice(bytes);
        }
    }

    fn forget_partial(&mut self) {
        self.partial.clear();
        self.partial.shrink_to(KEPT_LEN_MAX);
    }
}

fn give(line: &[u8], each: &mut impl FnMut(Line<'_>)) {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > LINE_LEN_MAX {
        each(Line::TooLong);
    } else if !line.trim_ascii().is_empty() {
        each(Line::Text(line));
    }
}

/// The line that answers a request. An outcome too long for a line is replaced by an error; so is an id, by null.
pub(crate) fn answer_line(id: &Id, outcome: &Result<Value, RpcError>) -> String {
    let line = response_line(id, outcome);
    if line.len() <= LINE_LEN_MAX {
        return line;
    }
    let words = format!(
        "the answer has {} bytes, and a line at most {LINE_LEN_MAX}; ask for less at once",
        line.len()
    );
    let too_long = Err(RpcError::new(code::LINE_TOO_LONG, words));
    let line = response_line(id, &too_long);
    if line.len() <= LINE_LEN_MAX { line } else { response_line(&Id::Null, &too_long) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What came out of `pieces`, with `None` for a line that was too long.
    fn split(pieces: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        let mut keep = |line: Line<'_>| match line {
            Line::Text(text) => found.push(Some(text.to_vec())),
            Line::TooLong => found.push(None),
        };
        for piece in pieces {
            lines.feed(piece, &mut keep);
        }
        lines.finish(&mut keep);
        found
    }

    fn text(line: &str) -> Option<Vec<u8>> {
        Some(line.as_bytes().to_vec())
    }

    #[test]
    fn lines_are_the_same_wherever_the_packets_are_cut() {
        let stream = b"{\"a\":1}\r\n\n  \r\nb\n\t \ncd";
        let whole = [text("{\"a\":1}"), text("b"), text("cd")];
        for first in 0..stream.len() {
            for second in first..stream.len() {
                let pieces = [&stream[..first], &stream[first..second], &stream[second..]];
                assert_eq!(split(&pieces), whole, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn the_longest_line_passes_and_one_byte_more_does_not() {
        for end in ["\n", "\r\n"] {
            let longest = "x".repeat(LINE_LEN_MAX);
            let stream = format!("{longest}{end}y{end}");
            assert_eq!(split(&[stream.as_bytes()]), [text(&longest), text("y")]);
            let (head, tail) = stream.as_bytes().split_at(1000);
            assert_eq!(split(&[head, tail]), [text(&longest), text("y")]);

            let stream = format!("{longest}x{end}y{end}");
            assert_eq!(split(&[stream.as_bytes()]), [None, text("y")]);
            let (head, tail) = stream.as_bytes().split_at(LINE_LEN_MAX + 1);
            assert_eq!(split(&[head, tail]), [None, text("y")]);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_told_before_its_end_and_only_once() {
        let mut lines = Lines::default();
        let mut told = 0;
        for _ in 0..100 {
            lines.feed(&[b'x'; 2000], |line| {
                assert_eq!(line, Line::TooLong);
                told += 1;
            });
        }
        assert_eq!((told, lines.partial.len()), (1, 0));
        lines.feed(b"xx\nnext\n", |line| assert_eq!(line, Line::Text(b"next")));
    }

    #[test]
    fn a_long_line_leaves_no_large_buffer_behind() {
        let mut lines = Lines::default();
        lines.feed(&vec![b'x'; LINE_LEN_MAX], |_| {});
        lines.feed(b"\n", |_| {});
        assert!(lines.partial.capacity() <= KEPT_LEN_MAX);
    }

    #[test]
    fn an_answer_that_is_too_long_becomes_an_error_with_its_id() {
        let long = Value::String("x".repeat(LINE_LEN_MAX));
        let line = answer_line(&Id::Number(7), &Ok(long.clone()));
        assert!(line.contains("\"id\":7") && line.contains("-32004") && line.len() < 300, "{line}");
        let line = answer_line(&Id::Text("y".repeat(LINE_LEN_MAX)), &Ok(long));
        assert!(line.contains("\"id\":null") && line.contains("-32004"), "{line}");
        assert_eq!(
            answer_line(&Id::Number(1), &Ok(Value::Null)),
            response_line(&Id::Number(1), &Ok(Value::Null))
        );
    }
}

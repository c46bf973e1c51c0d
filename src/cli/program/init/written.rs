//! How a program is written for people to change: what fits into a line is one. Pure.

/// Columns of a line.
const LINE_COLUMNS: usize = 110;

/// JSON, with its keys in the order of the types, indented, and short lists and objects on a line of their own.
pub(super) fn written(value: &impl serde::Serialize) -> Result<String, serde_json::Error> {
    let spread = serde_json::to_string_pretty(value)?;
    let lines: Vec<&str> = spread.lines().collect();
    let mut text = String::with_capacity(spread.len());
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let (joined, end) = joined(&lines, at).unwrap_or_else(|| ((*line).to_owned(), at));
        text.push_str(&joined);
        text.push('\n');
        at = end + 1;
    }
    Ok(text)
}

/// What begins in a line, as one line, and its last line; `None` where nothing does, or it is too long.
fn joined(lines: &[&str], at: usize) -> Option<(String, usize)> {
    let first = lines.get(at)?;
    if !first.ends_with(['{', '[']) {
        return None;
    }
    // Strings have no line breaks in JSON, so the first line that is indented as little is the end.
    let indent = columns_of_blanks(first);
    let mut line = (*first).to_owned();
    for (end, next) in lines.iter().enumerate().skip(at + 1) {
        let word = next.trim_start();
        let close = columns_of_blanks(next) == indent;
        if !line.ends_with(['{', '[']) && !word.starts_with([']', '}']) {
            line.push(' ');
        }
        line.push_str(word);
        if line.chars().count() > LINE_COLUMNS {
            return None;
        }
        if close {
            return Some((line, end));
        }
    }
    None
}

fn columns_of_blanks(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn what_fits_is_a_line_and_nothing_else_changes() {
        let value = json!({
            "a": {"days": ["mon", "tue"], "text": "a { \"b\": [ c"},
            "b": [{"x": 1, "y": {}}, {"x": 2, "y": []}],
            "c": (0..200).collect::<Vec<u32>>(),
            "d": ["{", "[", "}"],
            "e": {"long": "x".repeat(200), "short": [1, 2]},
        });
        let text = written(&value).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        assert!(
            text.contains("\n  \"a\": {\"days\": [\"mon\", \"tue\"], \"text\": \"a { \\\"b\\\": [ c\"},\n"),
            "{text}"
        );
        assert!(text.contains("\n  \"b\": [{\"x\": 1, \"y\": {}}, {\"x\": 2, \"y\": []}],\n"), "{text}");
        assert!(text.contains("\n    \"short\": [1, 2]\n"), "{text}");
        assert!(text.contains("\n    199\n  ],\n"), "what is too long stays as it was: {text}");
    }
}

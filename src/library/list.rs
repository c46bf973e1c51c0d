//! `.m3u` and `.m3u8` lists: a path a line, lines with `#` are for others. Reading them is bounded; what a line may mean
//! is pure.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use orchestrion_protocol::location;

/// Longest list that is read, in bytes.
pub(super) const LIST_LEN_MAX: u64 = 4 * 1024 * 1024;
/// Lines of a list that are followed, without blank ones and comments.
pub(super) const LIST_LINES_MAX: usize = 20_000;

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether a name says that the file is a list.
pub(super) fn is_list(path: &Path) -> bool {
    path.extension().is_some_and(|end| end.eq_ignore_ascii_case("m3u") || end.eq_ignore_ascii_case("m3u8"))
}

/// A line that names something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// From 1, as an editor counts.
    pub(super) number: usize,
    /// What it says, without the end of the line.
    pub(super) bytes: Vec<u8>,
}

/// A list as far as it was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct List {
    pub(super) lines: Vec<Line>,
    /// Whether it has more than may be read.
    pub(super) cut: bool,
}

/// Reads a list.
///
/// # Errors
/// It cannot be opened or read, or it is no text.
pub(super) fn read(path: &Path) -> io::Result<List> {
    let not_a_list = |words: &str| io::Error::new(io::ErrorKind::InvalidData, words.to_owned());
    // Should a FIFO stand here by now, opening it so does not wait for its writer.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(not_a_list("it is not a file"));
    }
    let mut bytes = Vec::new();
    file.take(LIST_LEN_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(not_a_list("it is written in UTF-16; save it as UTF-8"));
    }
    if bytes.contains(&0) {
        return Err(not_a_list("it is not a text"));
    }
    Ok(parse(&bytes))
}

fn parse(bytes: &[u8]) -> List {
    let mut cut = bytes.len() as u64 > LIST_LEN_MAX;
    let bytes = bytes.strip_prefix(UTF8_MARK).unwrap_or(bytes);
    let mut raw: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    if cut {
        // The last line may be half of one.
        raw.pop();
    }
    let mut lines = Vec::new();
    for (index, line) in raw.into_iter().enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let words = line.trim_ascii();
        if words.is_empty() || words.starts_with(b"#") {
            continue;
        }
        if lines.len() == LIST_LINES_MAX {
            cut = true;
            break;
        }
        lines.push(Line { number: index + 1, bytes: line.to_vec() });
    }
    List { lines, cut }
}

/// What a line may mean, the likeliest first: its bytes as they are; without the blanks around them; with the
/// separators of another system; in Latin-1, which old lists are written in, as UTF-8. Relative to the list's folder.
///
/// # Errors
/// A URL of something that is not a file here, in words.
pub(super) fn candidates(folder: &Path, line: &[u8]) -> Result<Vec<PathBuf>, String> {
    if let Some(text) =
        std::str::from_utf8(line).ok().map(str::trim).filter(|text| location::has_scheme(text))
    {
        return location::from_text(text).map(|path| vec![path]).map_err(|error| error.to_string());
    }
    let mut names: Vec<Vec<u8>> = vec![line.to_vec(), line.trim_ascii().to_vec()];
    if line.contains(&b'\\') {
        names.push(line.trim_ascii().iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect());
    }
    if std::str::from_utf8(line).is_err() {
        let latin: Vec<String> =
            names.iter().map(|name| name.iter().copied().map(char::from).collect()).collect();
        names.extend(latin.into_iter().map(String::into_bytes));
    }
    names.dedup();
    Ok(names.into_iter().map(|name| folder.join(OsString::from_vec(name))).collect())
}

/// What a line says, as a path for people.
pub(super) fn as_path(line: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(line.trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<(usize, Vec<u8>)> {
        parse(text).lines.into_iter().map(|line| (line.number, line.bytes)).collect()
    }

    #[test]
    fn marks_comments_blank_lines_and_ends_of_lines_are_no_names() {
        let expected = vec![(3, b"a b.mp3".to_vec()), (5, b"\xe9.mp3".to_vec()), (6, b"./#1.mp3".to_vec())];
        assert_eq!(
            lines(b"\xef\xbb\xbf#EXTM3U\r\n\r\na b.mp3\r\n  # said\r\n\xe9.mp3\r\n./#1.mp3"),
            expected
        );
        assert_eq!(lines(b""), vec![]);
        assert_eq!(lines(b"\n\n"), vec![]);
    }

    #[test]
    fn a_list_that_is_too_long_is_cut_after_a_whole_line() {
        let many = "a\n".repeat(LIST_LINES_MAX + 5);
        let list = parse(many.as_bytes());
        assert_eq!((list.lines.len(), list.cut), (LIST_LINES_MAX, true));
        let comments = "#\n".repeat(LIST_LINES_MAX + 5);
        assert!(!parse(comments.as_bytes()).cut);
        let long = format!("{}\n{}", "x".repeat(3_000_000), "y".repeat(3_000_000));
        let list = parse(long.as_bytes().get(..=LIST_LEN_MAX as usize).unwrap());
        assert_eq!((list.lines.len(), list.cut), (1, true));
    }

    #[test]
    fn a_line_may_mean_what_another_system_wrote() {
        let all = |line: &[u8]| candidates(Path::new("/l"), line).unwrap();
        assert_eq!(all(b"a.mp3"), [Path::new("/l/a.mp3")]);
        assert_eq!(all(b"/abs/a.mp3"), [Path::new("/abs/a.mp3")]);
        assert_eq!(all(b" a.mp3 "), [Path::new("/l/ a.mp3 "), Path::new("/l/a.mp3")]);
        assert_eq!(all(b"A\\b.mp3"), [Path::new("/l/A\\b.mp3"), Path::new("/l/A/b.mp3")]);
        let latin = all(b"caf\xe9.mp3");
        assert_eq!(latin[0].as_os_str().as_bytes(), b"/l/caf\xe9.mp3");
        assert!(latin.contains(&PathBuf::from("/l/caf\u{e9}.mp3")));
        assert_eq!(all(b"file:///m/a%20b.mp3"), [Path::new("/m/a b.mp3")]);
        assert!(candidates(Path::new("/l"), b"http://radio/a").unwrap_err().contains("http://radio/a"));
    }

    #[test]
    fn a_list_is_known_by_its_name() {
        assert!(["a.m3u", "A.M3U8", ".x.m3u"].iter().all(|name| is_list(Path::new(name))));
        assert!(!["m3u", "a.m3u.mp3", ".m3u"].iter().any(|name| is_list(Path::new(name))));
    }
}

//! Paths as text. A path that is UTF-8 is written as it is; any other as a percent-encoded `file:` URL, so that
//! no name on a disk is out of reach for a JSON client.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

const SCHEME: &str = "file://";
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Why a text is not a location.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// Relative paths mean nothing to another process.
    #[error("\"{0}\" is not an absolute path; begin it with / or file:///")]
    Relative(String),
    /// A NUL byte is in no file's name.
    #[error("a path with a NUL byte names no file")]
    Nul,
    /// Other schemes than `file:`.
    #[error("\"{0}\": only files on this machine can be played")]
    Scheme(String),
}

/// The text for a path.
pub fn to_text(path: &Path) -> String {
    match path.to_str() {
        Some(text) => text.to_owned(),
        None => format!("{SCHEME}{}", percent_encode(path.as_os_str().as_bytes(), ESCAPED)),
    }
}

/// The path for a text.
///
/// # Errors
/// The text is relative, has a NUL byte, or a scheme other than `file:`.
pub fn from_text(text: &str) -> Result<PathBuf, LocationError> {
    let path = match text.strip_prefix(SCHEME) {
        Some(rest) => PathBuf::from(OsString::from_vec(percent_decode_str(rest).collect())),
        None if has_scheme(text) => return Err(LocationError::Scheme(text.to_owned())),
        None => PathBuf::from(text),
    };
    if path.as_os_str().as_bytes().contains(&0) {
        return Err(LocationError::Nul);
    }
    if !path.is_absolute() {
        return Err(LocationError::Relative(text.to_owned()));
    }
    Ok(path)
}

/// Whether a text begins like a URL ("http://…").
pub fn has_scheme(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_on_a_disk_goes_there_and_back() {
        for bytes in
            [&b"/music/a b.flac"[..], b"/m/caf\xe9.mp3", b"/m/100%.ogg", "/m/\u{97f3}.wav".as_bytes()]
        {
            let path = PathBuf::from(OsString::from_vec(bytes.to_vec()));
            assert_eq!(from_text(&to_text(&path)).unwrap(), path);
        }
    }

    #[test]
    fn what_names_no_file_here_is_refused() {
        assert!(matches!(from_text("a.mp3"), Err(LocationError::Relative(_))));
        assert!(matches!(from_text("http://x/a.mp3"), Err(LocationError::Scheme(_))));
        assert!(matches!(from_text("file:///a%00b"), Err(LocationError::Nul)));
        assert!(matches!(from_text(""), Err(LocationError::Relative(_))));
    }
}

//! What is written on the screen: the splash, which stands while there is nothing to show, and what lies over films and
//! pictures.

use serde::{Deserialize, Serialize};

use super::message::FilePath;

/// Longest text of a line, in characters; what is more is cut.
pub const TEXT_CHARS_MAX: usize = 240;
/// Lines of a splash.
pub const LINES_MAX: usize = 8;
/// Bytes that a camera reads.
pub const QR_LEN_MAX: usize = 300;

/// What is shown while there is nothing else to show.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Splash {
    /// What people call the device.
    pub title: String,
    /// What somebody types at the server, while it waits for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What a camera reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qr: Option<String>,
    /// The network, and what is wrong, in sentences.
    #[serde(default)]
    pub lines: Vec<String>,
}

impl Splash {
    /// The same within its limits.
    #[must_use]
    pub fn cut(self) -> Self {
        Self {
            title: cut(&self.title),
            code: self.code.as_deref().map(cut),
            qr: self.qr.filter(|qr| qr.len() <= QR_LEN_MAX),
            lines: self.lines.iter().take(LINES_MAX).map(|line| cut(line)).collect(),
        }
    }
}

/// What is written over films and pictures.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Overlay {
    /// The song that is heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now_playing: Option<String>,
    /// Its file, whose cover stands beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub song: Option<FilePath>,
    /// A text at the bottom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticker: Option<String>,
}

impl Overlay {
    /// The same within its limits; what is empty is none.
    #[must_use]
    pub fn cut(self) -> Self {
        let line = |text: Option<String>| text.map(|text| cut(&text)).filter(|text| !text.trim().is_empty());
        let now_playing = line(self.now_playing);
        Self { song: self.song.filter(|_| now_playing.is_some()), now_playing, ticker: line(self.ticker) }
    }
}

/// One line of text within [`TEXT_CHARS_MAX`].
#[must_use]
pub fn cut(text: &str) -> String {
    let mut one_line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut text: String = one_line.by_ref().take(TEXT_CHARS_MAX).collect();
    if one_line.next().is_some() {
        text.pop();
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_is_written_is_lines_of_a_bounded_length() {
        let long = "ž\n".repeat(TEXT_CHARS_MAX);
        let splash = Splash {
            title: long.clone(),
            code: Some("BCDF-GHJK".into()),
            qr: Some("x".repeat(QR_LEN_MAX + 1)),
            lines: vec![long.clone(); 2 * LINES_MAX],
        };
        let splash = splash.cut();
        assert_eq!((splash.title.chars().count(), splash.lines.len()), (TEXT_CHARS_MAX, LINES_MAX));
        assert!(splash.title.ends_with('…') && !splash.title.contains('\n'));
        assert_eq!((splash.code.as_deref(), splash.qr), (Some("BCDF-GHJK"), None));
        let song = Some(FilePath::from(Path::new("/a.flac")));
        let overlay = Overlay { now_playing: Some(" \n".into()), song, ticker: Some("ends\u{7}".into()) };
        let told = Overlay { now_playing: None, song: None, ticker: Some("ends ".into()) };
        assert_eq!(overlay.cut(), told, "no cover without its song");
    }
}

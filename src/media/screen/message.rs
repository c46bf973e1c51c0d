//! What is said between the daemon and the child that shows pictures: one JSON value a line.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use serde::{Deserialize, Serialize};

use super::words::{Overlay, Splash};

/// The language that both speak.
pub const VERSION: u32 = 4;
/// Longest line, in bytes, with its line feed.
pub const LINE_LEN_MAX: usize = 1 << 20;
/// Films and pictures in one loop.
pub const ITEMS_MAX: usize = 1000;
/// Longest JPEG, in bytes.
pub const SNAPSHOT_LEN_MAX: usize = 4 << 20;
/// Frames a second of a film's sound, which is stereo in little endian floats.
pub const SOUND_RATE_HZ: u32 = 48_000;
/// Frames in one piece of it, 20 ms.
pub const SOUND_FRAMES_MAX: usize = 960;
/// Bytes of a frame.
pub const SOUND_FRAME_LEN: usize = 8;
/// Longest time that sound is sent before it is due, in milliseconds.
pub const SOUND_LEAD_MS_MAX: u32 = 2000;
/// Widest snapshot, in pixels.
pub const SNAPSHOT_WIDTH_MAX: u32 = 1920;
/// Narrowest and lowest screen, in pixels.
pub const SIDE_MIN: u32 = 16;
/// Widest and highest screen, in pixels.
pub const SIDE_MAX: u32 = 8192;
/// Shortest and longest time that a picture is held, in milliseconds.
pub const HOLD_MS: std::ops::RangeInclusive<u64> = 100..=24 * 3600 * 1000;
/// Longest reason, in characters.
pub const REASON_CHARS_MAX: usize = 300;

/// A running film whose last frame is older, in milliseconds, stands still.
pub const SHOWN_AGE_MS_MAX: u64 = 10_000;
/// What the child says when it ends to show on a screen that was not there when it began: no fault.
pub const NEW_SCREEN: &str = "there is a screen now";

/// How what is shown gets onto a screen of another shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// All of it is seen; the background is seen beside it.
    #[default]
    Contain,
    /// All of the screen is covered; what is too much is cut off on both sides.
    Cover,
    /// All of both, out of shape.
    Stretch,
}

/// By how much what is shown is turned, clockwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub enum Rotation {
    /// Upright.
    #[default]
    None,
    /// A quarter to the right.
    Right,
    /// Upside down.
    Half,
    /// A quarter to the left.
    Left,
}

impl Rotation {
    /// In quarters, clockwise.
    #[must_use]
    pub fn quarters(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Right => 1,
            Self::Half => 2,
            Self::Left => 3,
        }
    }

    /// Of any number of quarters, clockwise.
    #[must_use]
    pub fn of_quarters(quarters: u8) -> Self {
        [Self::None, Self::Right, Self::Half, Self::Left][usize::from(quarters % 4)]
    }
}

impl TryFrom<u16> for Rotation {
    type Error = &'static str;

    fn try_from(degrees: u16) -> Result<Self, Self::Error> {
        match degrees {
            0 => Ok(Self::None),
            90 => Ok(Self::Right),
            180 => Ok(Self::Half),
            270 => Ok(Self::Left),
            _ => Err("a screen is turned by 0, 90, 180 or 270 degrees"),
        }
    }
}

impl From<Rotation> for u16 {
    fn from(rotation: Rotation) -> Self {
        u16::from(rotation.quarters()) * 90
    }
}

/// A colour, written `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Colour {
    /// 0–255.
    pub red: u8,
    /// 0–255.
    pub green: u8,
    /// 0–255.
    pub blue: u8,
}

impl TryFrom<String> for Colour {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii());
        let [_, red, green, blue] = digits
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or_else(|| format!("{text:?} is no colour; write it as \"#rrggbb\""))?
            .to_be_bytes();
        Ok(Self { red, green, blue })
    }
}

impl From<Colour> for String {
    fn from(colour: Colour) -> Self {
        format!("#{:02x}{:02x}{:02x}", colour.red, colour.green, colour.blue)
    }
}

/// Where pictures can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sink {
    /// The best that is there.
    #[default]
    Auto,
    /// The board's own connector, without a desktop.
    Kms,
    /// A window under Wayland.
    Wayland,
    /// A window of an X server.
    X11,
    /// Nowhere, at the right time.
    Null,
}

impl Sink {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Kms => "kms",
            Self::Wayland => "wayland",
            Self::X11 => "x11",
            Self::Null => "null",
        }
    }
}

/// Width and height in pixels, written `1920x1080`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size {
    /// From [`SIDE_MIN`] to [`SIDE_MAX`].
    pub width: u32,
    /// From [`SIDE_MIN`] to [`SIDE_MAX`].
    pub height: u32,
}

impl Size {
    /// `None` if a side is out of its range.
    #[must_use]
    pub fn new(width: u32, height: u32) -> Option<Self> {
        let is_side = |side| (SIDE_MIN..=SIDE_MAX).contains(&side);
        (is_side(width) && is_side(height)).then_some(Self { width, height })
    }
}

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.split_once('x')
            .and_then(|(width, height)| Self::new(width.parse().ok()?, height.parse().ok()?))
            .ok_or_else(|| {
                format!("{text:?} is no size; write it as \"1920x1080\", each from {SIDE_MIN} to {SIDE_MAX}")
            })
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        format!("{}x{}", size.width, size.height)
    }
}

/// How everything is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Setup {
    /// Where.
    #[serde(default)]
    pub sink: Sink,
    /// The X server, instead of the one that `DISPLAY` names: what runs under systemd has no such variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// How large, instead of what the sink says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// What is done with other shapes.
    #[serde(default)]
    pub fit: Fit,
    /// In degrees.
    #[serde(default)]
    pub rotation: Rotation,
    /// What is seen where nothing else is.
    #[serde(default)]
    pub background: Colour,
    /// How long before it is due the sound of films is sent, in milliseconds, at most [`SOUND_LEAD_MS_MAX`]; 0: it is not
    /// wanted.
    #[serde(default)]
    pub sound_lead_ms: u32,
}

/// What is kept as it is in a file's name on the wire.
const PLAIN: AsciiSet = NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

/// An absolute path on the wire: percent-encoded, so that any bytes may be in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FilePath(String);

impl From<&Path> for FilePath {
    fn from(path: &Path) -> Self {
        Self(percent_encode(path.as_os_str().as_bytes(), &PLAIN).to_string())
    }
}

impl From<&FilePath> for PathBuf {
    fn from(path: &FilePath) -> Self {
        let bytes: Vec<u8> = percent_decode_str(&path.0).collect();
        Self::from(OsStr::from_bytes(&bytes))
    }
}

/// One film or picture of a loop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The daemon's number for it, which events name.
    pub id: u32,
    file: FilePath,
    /// Changes when the file does (its time of change, say); what failed as it was is tried anew.
    pub stamp: u64,
    /// How long it is held if it is a picture, in milliseconds, within [`HOLD_MS`].
    pub hold_ms: u64,
}

impl Item {
    /// One of a file.
    #[must_use]
    pub fn new(id: u32, path: &Path, stamp: u64, hold_ms: u64) -> Self {
        Self { id, file: path.into(), stamp, hold_ms: hold_ms.clamp(*HOLD_MS.start(), *HOLD_MS.end()) }
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        (&self.file).into()
    }
}

/// From the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Once, before all others.
    Begin(Setup),
    /// Show these, one after the other, for ever; an empty loop leaves what is on the screen.
    Show {
        /// At most [`ITEMS_MAX`].
        items: Vec<Item>,
    },
    /// Show nothing but the background, from now on.
    Blank,
    /// Switch the screen itself on or off, where the sink is the board's own connector; answered by [`Event::Power`]. Nothing is
    /// to be shown while it is off.
    Power {
        /// What is wanted.
        is_on: bool,
    },
    /// What is shown from now on while there is nothing else to show.
    Splash(Splash),
    /// What is written over films and pictures from now on.
    Overlay(Overlay),
    /// Go on to the next at once.
    Next,
    /// Give a JPEG of what is on the screen.
    Snapshot {
        /// Repeated by the answer.
        serial: u32,
        /// It is made smaller to this width, in pixels.
        width_max: u32,
        /// It is made as small and coarse as it takes, to be at most so long, in bytes.
        len_max: usize,
    },
}

/// What an item turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It moves, and ends by itself.
    Film,
    /// It is held.
    Picture,
}

/// What has really been on the screen since the start of the child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Health {
    /// Frames that the sink showed.
    pub presented: u64,
    /// Frames that came too late, by 40 ms or more.
    pub late: u64,
    /// Frames that were left out, to be in time again.
    pub dropped: u64,
    /// Since the last frame, in milliseconds.
    pub frame_age_ms: u64,
    /// A film is running: frames should come.
    pub is_moving: bool,
    /// Frames of what is on the screen that have been due since it took the screen; a picture is one.
    pub item_expected: u64,
    /// Of these, frames that the sink got to show.
    pub item_presented: u64,
}

/// From the child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// It lives.
    Hello {
        /// [`VERSION`].
        version: u32,
    },
    /// It has a screen.
    Opened {
        /// What it took.
        sink: Sink,
        /// How large.
        size: Size,
        /// Why not the better ones, each in words.
        passed_over: Vec<String>,
    },
    /// It is about to look at an item. If it dies now, that is why.
    Preparing {
        /// Which.
        id: u32,
    },
    /// An item is on the screen from now on; also when the same begins again. What there is to say of the one before, its last
    /// [`Event::Health`] has said.
    Shown {
        /// Which.
        id: u32,
        /// What it is.
        kind: Kind,
    },
    /// An item cannot be shown, or not to its end.
    Failed {
        /// Which.
        id: u32,
        /// In words.
        reason: String,
        /// It is passed over for so long, in milliseconds; 0: it is tried again when its turn comes.
        passed_over_ms: u64,
    },
    /// The sound of a film cannot be heard, or not to its end; its picture goes on.
    Silent {
        /// Which.
        id: u32,
        /// In words.
        reason: String,
    },
    /// So many bytes of sound follow the line. The first frame is due at this moment of the kernel's monotonic clock; none of a
    /// film before is heard from then on. Without bytes nothing is heard from then on.
    Sound {
        /// Counts the films; the same may come again under another number.
        film: u64,
        /// In nanoseconds.
        due_ns: u64,
        /// Whole frames, at most [`SOUND_FRAMES_MAX`].
        len: usize,
    },
    /// Nothing of the loop can be shown; what was there last stays until the splash takes its place.
    Nothing,
    /// The splash is on the screen from now on.
    Splash,
    /// The screen was switched, or not: then it is as it was. What a window is on is not ours to switch, and that is no problem.
    Power {
        /// How it is now.
        is_on: bool,
        /// Why it is not as it was wanted, in words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<String>,
    },
    /// Each second, and before something else takes the screen.
    Health(Health),
    /// So many bytes of JPEG follow the line.
    Snapshot {
        /// Of the command.
        serial: u32,
        /// At most [`SNAPSHOT_LEN_MAX`].
        len: usize,
    },
    /// No snapshot can be had.
    NoSnapshot {
        /// Of the command.
        serial: u32,
        /// In words.
        reason: String,
    },
}

/// A value as a line.
///
/// # Errors
/// It is longer than [`LINE_LEN_MAX`].
pub fn line<T: Serialize>(value: &T) -> Result<Vec<u8>, String> {
    let mut line = serde_json::to_vec(value).map_err(|e| e.to_string())?;
    line.push(b'\n');
    if line.len() > LINE_LEN_MAX {
        return Err(format!("a line of {} bytes, of which {LINE_LEN_MAX} are allowed", line.len()));
    }
    Ok(line)
}

/// A line as a value, with or without its line feed.
///
/// # Errors
/// It is against the rules; the words say where.
pub fn parse<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|e| e.to_string())
}

/// Words that fit into an event.
#[must_use]
pub fn reason(words: &str) -> String {
    words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(REASON_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_a_line_of_json_and_comes_back_as_it_was() {
        let path = PathBuf::from(OsStr::from_bytes(b"/films/a b\n\xff \xc5\xbe.mp4"));
        let items = vec![Item::new(7, &path, 3, 5000)];
        assert_eq!(items[0].path(), path);
        let commands = [
            Command::Begin(Setup {
                sink: Sink::X11,
                display: Some(":7".into()),
                size: Size::new(640, 360),
                fit: Fit::Cover,
                rotation: Rotation::Left,
                background: Colour { red: 1, green: 2, blue: 255 },
                sound_lead_ms: 300,
            }),
            Command::Show { items },
            Command::Power { is_on: false },
            Command::Next,
            Command::Snapshot { serial: 9, width_max: 480, len_max: 8000 },
        ];
        for command in commands {
            let line = line(&command).unwrap();
            assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
            assert_eq!(parse::<Command>(&line), Ok(command));
        }
        let events = [
            Event::Opened { sink: Sink::Null, size: Size { width: 20, height: 30 }, passed_over: vec![] },
            Event::Health(Health { presented: 3, ..Health::default() }),
            Event::Failed { id: 1, reason: "it is cut off".into(), passed_over_ms: 30_000 },
            Event::Sound { film: u64::MAX, due_ns: u64::MAX, len: 7680 },
            Event::Power { is_on: true, problem: None },
            Event::Power { is_on: true, problem: Some("it has no DPMS".into()) },
        ];
        for event in events {
            assert_eq!(parse::<Event>(&line(&event).unwrap()), Ok(event));
        }
        let begin = parse::<Command>(br#"{"command":"begin"}"#);
        assert_eq!(begin, Ok(Command::Begin(Setup::default())));
    }

    #[test]
    fn what_is_out_of_range_is_refused_in_words() {
        let words = |text: &str| parse::<Command>(text.as_bytes()).unwrap_err();
        assert!(words(r#"{"command":"begin","rotation":45}"#).contains("0, 90, 180 or 270"));
        assert!(words(r##"{"command":"begin","background":"#12345"}"##).contains("#rrggbb"));
        assert!(words(r#"{"command":"begin","size":"1920"}"#).contains("1920x1080"));
        assert!(words(r#"{"command":"begin","size":"9000x10"}"#).contains("16 to 8192"));
        assert!(words(r#"{"command":"dance"}"#).contains("dance"));
        let long = Event::Failed { id: 1, reason: "x".repeat(LINE_LEN_MAX), passed_over_ms: 0 };
        assert!(line(&long).unwrap_err().contains("allowed"));
        assert_eq!(reason(&format!("a\nb{}", "c".repeat(999))).chars().count(), REASON_CHARS_MAX);
        assert_eq!(Item::new(1, Path::new("/a"), 0, 0).hold_ms, *HOLD_MS.start());
    }
}

//! The configuration file: TOML, parsed once into types that cannot be wrong.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use orchestrion_protocol::limits::{CROSSFADE_MS_MAX, TRIM_DB_MAX, TRIM_DB_MIN, VOLUME_MAX};
use orchestrion_protocol::status::Repeat;
use serde::Deserialize;
use toml::Spanned;

use crate::app::{Defaults, Levels};
use crate::audio::Setup;
use crate::buttons;
use crate::clock::Belief;
use crate::{releases, video, web};

/// What the file says, with defaults for what it does not.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Files, folders and lists to play.
    pub music: Vec<PathBuf>,
    /// The program that decides what plays; then `music` is not used.
    pub program: Option<PathBuf>,
    /// The outputs, best first; `null` is always the last.
    pub outputs: Vec<String>,
    /// 0–100, until someone sets another.
    pub volume: u8,
    /// What the queue does at its end, until someone sets something else.
    pub repeat: Repeat,
    /// A random order, until someone sets another.
    pub shuffle: bool,
    /// Milliseconds between songs, until someone sets another.
    pub crossfade_ms: u32,
    /// What it is to sound like.
    pub levels: Levels,
    /// How the sound is made.
    pub audio: Setup,
    /// Which time of day is believed.
    pub clock: Belief,
    /// Where the state lies, if not at the usual place.
    pub state_dir: Option<PathBuf>,
    /// Where local clients connect, if not at the usual place.
    pub socket: Option<PathBuf>,
    /// The group that may connect.
    pub socket_group: Option<String>,
    /// What is wired to the board.
    pub board: buttons::Wanted,
    /// What is shown on a screen.
    pub screen: Option<video::Wanted>,
    /// Where releases come from. Once one is there, neither `program` nor `music` is used.
    pub release: Option<releases::Wanted>,
    /// The control server, if there is one.
    pub server: Option<web::Wanted>,
}

/// Why a configuration cannot be used: the file, the place in it, what is wrong and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A line is wrong.
    #[error("{path}: {problem}")]
    Wrong {
        /// The file.
        path: String,
        /// What is wrong, where, and what would be right.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    music: Vec<PathBuf>,
    program: Option<PathBuf>,
    #[serde(default)]
    outputs: Option<Vec<String>>,
    volume: Option<Spanned<i64>>,
    repeat: Option<Repeat>,
    shuffle: Option<bool>,
    crossfade_s: Option<Spanned<f64>>,
    even_loudness: Option<bool>,
    loudness_lufs: Option<Spanned<f32>>,
    trim_db: Option<Spanned<f32>>,
    ceiling_dbtp: Option<Spanned<f32>>,
    volume_max: Option<Spanned<i64>>,
    rate_hz: Option<Spanned<u32>>,
    buffer_frames: Option<Spanned<u32>>,
    clock: Option<ClockWord>,
    clock_file: Option<PathBuf>,
    state_dir: Option<PathBuf>,
    socket: Option<PathBuf>,
    socket_group: Option<String>,
    #[serde(default)]
    board: buttons::Wanted,
    screen: Option<Spanned<video::Wanted>>,
    release: Option<Spanned<releases::Wanted>>,
    server: Option<Spanned<web::Wanted>>,
}

/// Whose word the time of day is believed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ClockWord {
    /// A time server's.
    Automatic,
    /// The clock's own.
    Trusted,
}

/// Rates that outputs are asked for, in frames a second.
const RATES_HZ: std::ops::RangeInclusive<u32> = 8_000..=192_000;
/// Loudness that songs can be brought to, in LUFS.
pub const LOUDNESS_LUFS: std::ops::RangeInclusive<f32> = -36.0..=-9.0;
/// What a place may add to that, in dB.
const TRIM_DB: std::ops::RangeInclusive<f32> = TRIM_DB_MIN..=TRIM_DB_MAX;
/// What the waveform can be kept below, in dB of full scale.
const CEILING_DBTP: std::ops::RangeInclusive<f32> = -30.0..=0.0;
/// As much of a wrong line as is shown, in characters.
const LINE_SHOWN_LEN_MAX: usize = 80;
/// Frames that an output pulls at once.
const BUFFER_FRAMES: std::ops::RangeInclusive<u32> = 64..=24_000;

impl Default for Config {
    fn default() -> Self {
        let defaults = Defaults { repeat: Repeat::All, ..Defaults::default() };
        Self {
            music: Vec::new(),
            program: None,
            outputs: vec!["alsa:default".into()],
            volume: defaults.volume,
            repeat: defaults.repeat,
            shuffle: defaults.shuffle,
            crossfade_ms: defaults.crossfade_ms,
            levels: Levels::default(),
            audio: Setup::default(),
            clock: Belief::default(),
            state_dir: None,
            socket: None,
            socket_group: None,
            board: buttons::Wanted::default(),
            screen: None,
            release: None,
            server: None,
        }
    }
}

fn unread(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => {
            "there is no such file; `orchestrion run --help` shows what goes into one".into()
        }
        ErrorKind::PermissionDenied => {
            "whoever runs this may not read it; see its owner and mode (ls -l)".into()
        }
        ErrorKind::IsADirectory => "this is a folder; name the file in it".into(),
        ErrorKind::InvalidData => "this is no text in UTF-8".into(),
        _ => error.to_string(),
    }
}

impl Config {
    /// Reads a file. Relative paths in it count from its folder.
    ///
    /// # Errors
    /// It cannot be read, or a line of it is wrong.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|e| ConfigError::Unreadable { path: shown.clone(), reason: unread(&e) })?;
        let wrong = |problem| ConfigError::Wrong { path: shown, problem };
        let mut config = Self::parse(&text).map_err(wrong)?;
        let folder =
            std::path::absolute(path).ok().and_then(|p| p.parent().map(Path::to_owned)).unwrap_or_default();
        for place in config
            .music
            .iter_mut()
            .chain(&mut config.program)
            .chain(&mut config.state_dir)
            .chain(&mut config.socket)
            .chain([&mut config.clock.file])
            .chain(config.board.paths())
            .chain(config.screen.iter_mut().flat_map(video::Wanted::paths))
        {
            *place = folder.join(&*place);
        }
        if let Some(server) = &mut config.server {
            server.resolve(&folder);
        }
        if let Some(release) = &mut config.release {
            release
                .resolve(&folder)
                .map_err(|problem| ConfigError::Wrong { path: path.display().to_string(), problem })?;
        }
        Ok(config)
    }

    /// The settings of a device on which nobody has set anything.
    pub fn defaults(&self) -> Defaults {
        Defaults {
            volume: self.volume,
            repeat: self.repeat,
            shuffle: self.shuffle,
            crossfade_ms: self.crossfade_ms,
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text)
            .map_err(|e| in_line(text, e.span().map_or(0, |span| span.start), e.message()))?;
        let usual = Self::default();
        let volume = within(text, file.volume, usual.volume.into(), 0..=i64::from(VOLUME_MAX))?;
        let crossfade_s_max = f64::from(CROSSFADE_MS_MAX) / 1000.0;
        let crossfade_s =
            within(text, file.crossfade_s, f64::from(usual.crossfade_ms) / 1000.0, 0.0..=crossfade_s_max)?;
        let levels = usual.levels;
        let lufs_usual = levels.target_lufs.unwrap_or_default();
        let target_lufs = within(text, file.loudness_lufs, lufs_usual, LOUDNESS_LUFS)?;
        let volume_max = within(text, file.volume_max, levels.volume_max.into(), 0..=i64::from(VOLUME_MAX))?;
        let levels = Levels {
            target_lufs: file.even_loudness.unwrap_or(true).then_some(target_lufs),
            trim_db: within(text, file.trim_db, levels.trim_db, TRIM_DB)?,
            ceiling_dbtp: within(text, file.ceiling_dbtp, levels.ceiling_dbtp, CEILING_DBTP)?,
            volume_max: u8::try_from(volume_max).unwrap_or(levels.volume_max),
        };
        let screen = judged(text, file.screen, video::Wanted::judge)?;
        let release = judged(text, file.release, releases::Wanted::judge)?;
        let server = judged(text, file.server, web::Wanted::judge)?;
        Ok(Self {
            music: file.music,
            program: file.program,
            outputs: file.outputs.unwrap_or(usual.outputs),
            volume: u8::try_from(volume).unwrap_or(usual.volume),
            repeat: file.repeat.unwrap_or(usual.repeat),
            shuffle: file.shuffle.unwrap_or(usual.shuffle),
            crossfade_ms: (crossfade_s * 1000.0).round() as u32,
            levels,
            audio: Setup {
                rate_hz: within(text, file.rate_hz, usual.audio.rate_hz, RATES_HZ)?,
                buffer_frames: within(text, file.buffer_frames, usual.audio.buffer_frames, BUFFER_FRAMES)?,
            },
            clock: Belief {
                always: file.clock == Some(ClockWord::Trusted),
                asks_kernel: file.clock_file.is_none(),
                file: file.clock_file.unwrap_or(usual.clock.file),
            },
            state_dir: file.state_dir,
            socket: file.socket,
            socket_group: file.socket_group,
            board: file.board,
            screen,
            release,
            server,
        })
    }
}

/// A table that must be possible.
fn judged<T>(
    text: &str,
    found: Option<Spanned<T>>,
    judge: impl Fn(&T) -> Result<(), String>,
) -> Result<Option<T>, String> {
    let Some(found) = found else { return Ok(None) };
    let at = found.span().start;
    let table = found.into_inner();
    judge(&table).map_err(|problem| in_line(text, at, &problem))?;
    Ok(Some(table))
}

/// A number that must lie in a range; the usual one where there is none.
fn within<T: Copy + PartialOrd + std::fmt::Display>(
    text: &str,
    found: Option<Spanned<T>>,
    usual: T,
    range: std::ops::RangeInclusive<T>,
) -> Result<T, String> {
    let Some(found) = found else { return Ok(usual) };
    let value = *found.get_ref();
    if range.contains(&value) {
        return Ok(value);
    }
    Err(in_line(text, found.span().start, &format!("it goes from {} to {}", range.start(), range.end())))
}

/// A problem with the line in which the byte `at` lies, in one line.
fn in_line(text: &str, at: usize, problem: &str) -> String {
    let number = text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
    let line: String =
        text.lines().nth(number - 1).unwrap_or_default().trim().chars().take(LINE_SHOWN_LEN_MAX).collect();
    format!("line {number}, `{line}`: {}", problem.trim().replace('\n', "; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_gives_the_defaults() {
        assert_eq!(Config::parse("").unwrap(), Config::default());
    }

    #[test]
    fn an_error_names_the_line_the_key_and_what_would_be_right() {
        let error = Config::parse("music = [\"/m\"]\nvolum = 3\n").unwrap_err();
        assert!(error.contains("line 2") && error.contains("volum") && error.contains("`volume`"), "{error}");
        assert_eq!(
            Config::parse("volume = 101").unwrap_err(),
            "line 1, `volume = 101`: it goes from 0 to 100"
        );
        assert_eq!(
            Config::parse("\ncrossfade_s = 13").unwrap_err(),
            "line 2, `crossfade_s = 13`: it goes from 0 to 12"
        );
        assert!(Config::parse("repeat = \"sometimes\"").unwrap_err().contains("`off`, `all`, `one`"));
        assert!(Config::parse("buffer_frames = 1").is_err());
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let read = |name: &str| Config::read(&dir.path().join(name)).unwrap_err().to_string();
        let none = read("none.toml");
        assert!(none.contains("none.toml: there is no such file; `orchestrion run --help`"), "{none}");
        std::fs::write(dir.path().join("latin.toml"), b"# Caf\xe9\n").unwrap();
        assert!(
            read("latin.toml").ends_with("latin.toml: this is no text in UTF-8"),
            "{}",
            read("latin.toml")
        );
        assert!(read(".").ends_with("this is a folder; name the file in it"), "{}", read("."));
        let denied = unread(&ErrorKind::PermissionDenied.into());
        assert!(denied.contains("may not read it"), "{denied}");
        assert_eq!(unread(&ErrorKind::TimedOut.into()), "timed out");
    }

    #[test]
    fn releases_are_named_with_the_line_that_is_wrong() {
        let error =
            Config::parse("volume = 3\n[release]\nkeys = []\nservers = [\"http://a/\"]\n").unwrap_err();
        assert!(error.starts_with("line 2, ") && error.contains("release keygen"), "{error}");
        let text = "[release]\nkeys = [\"k.pub\"]\nservers = [\"a\"]\n";
        let error = Config::parse(text).unwrap_err();
        assert!(error.starts_with("line 3, ") && error.contains("https://music.example"), "{error}");
        let text = "music = [\"m\"]\nprogram = \"p\"\n[release]\nkeys = [\"k.pub\"]\nstick = \"usb\"\n";
        assert!(Config::parse(text).unwrap().release.is_some(), "what plays before the first release");
    }

    #[test]
    fn relative_paths_count_from_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("o.toml");
        std::fs::write(&path, "music = [\"songs\", \"/m\"]\nstate_dir = \"state\"").unwrap();
        let config = Config::read(&path).unwrap();
        assert_eq!(config.music, [dir.path().join("songs"), "/m".into()]);
        assert_eq!(config.state_dir, Some(dir.path().join("state")));
    }
}

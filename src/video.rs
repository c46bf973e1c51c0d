//! VideoPlayer: films and pictures on a screen, shown by a child process that this thread starts and watches.
//!
//! Thread `video` owns the child (`orchestrion-media screen`), looks through the configured folders, and tells `App` how it
//! stands. It decides nothing about music, and nothing that happens here can stop that: a child that dies is started
//! again, with a limit on how often; without a screen, films or the program the device plays music as before. The sound of
//! films goes through it to the mixer, each piece with the moment at which its picture is seen.

pub(crate) mod cec;
mod falls;
mod lettering;
mod list;
mod looking;
mod plugged;
mod power;
mod service;
mod snapshots;
mod sound;
mod work;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use orchestrion_program::model::FilmSound;
use orchestrion_protocol::status::Screen;
use serde::Deserialize;

pub use list::films_in;
pub use service::{COMMANDS_LEN_MAX, Full, Handle, VideoPlayer};

pub use crate::media::screen::message::Kind;
use crate::media::screen::message::{Colour, Fit, HOLD_MS, Rotation, Setup, Sink, Size};
use crate::media::screen::words::{Overlay, Splash, TEXT_CHARS_MAX};
use crate::program::{Reel, ReelItem};

/// Widest snapshot that is asked for, in pixels: its answer must fit into a line of the local protocol.
pub const SNAPSHOT_WIDTH: u32 = 480;
/// Largest snapshot that is passed on, in bytes: written as hexadecimal digits it fits into a line.
pub const SNAPSHOT_LEN_MAX: usize = 30 * 1024;

/// `[screen]` of the configuration.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wanted {
    /// Whether anything is shown.
    pub on: bool,
    /// Files, and folders of which all films and pictures are shown, by name.
    pub show: Vec<PathBuf>,
    /// The same for each loop that a program may name (`screen_loop` of its dayparts).
    pub loops: BTreeMap<String, Vec<PathBuf>>,
    /// How long a picture is held, in seconds.
    pub hold_s: f64,
    /// Where.
    pub sink: Sink,
    /// The X server, where that is the sink and no variable names it.
    pub display: Option<String>,
    /// How large, instead of the screen's own size.
    pub size: Option<Size>,
    /// What is done with films of another shape.
    pub fit: Fit,
    /// In degrees, clockwise.
    pub rotation: Rotation,
    /// What is seen beside them.
    pub background: Colour,
    /// Whether the song that is heard is written over them.
    pub now_playing: bool,
    /// A text that is written over them.
    pub ticker: Option<String>,
    /// What becomes of the sound of films.
    pub film_sound: FilmSound,
    /// How the screen itself is switched off while it is dark.
    pub power: Power,
}

/// Who switches the screen itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Power {
    /// Whoever is there.
    #[default]
    Auto,
    /// The board's own connector, which gives no picture then.
    Dpms,
    /// The TV, by its own line.
    Cec,
    /// Nobody: it stays on, and shows the background.
    Leave,
}

impl Default for Wanted {
    fn default() -> Self {
        let setup = Setup::default();
        Self {
            on: true,
            show: Vec::new(),
            loops: BTreeMap::new(),
            hold_s: 10.0,
            sink: setup.sink,
            display: setup.display,
            size: setup.size,
            fit: setup.fit,
            rotation: setup.rotation,
            background: setup.background,
            now_playing: false,
            ticker: None,
            film_sound: FilmSound::default(),
            power: Power::default(),
        }
    }
}

impl Wanted {
    /// What is wrong with it, in words.
    ///
    /// # Errors
    /// It shows pictures for a time that is out of its range, or its text is too long.
    pub fn judge(&self) -> Result<(), String> {
        let (shortest, longest) = (*HOLD_MS.start() as f64 / 1000.0, *HOLD_MS.end() as f64 / 1000.0);
        if !(shortest..=longest).contains(&self.hold_s) {
            return Err(format!("`hold_s` goes from {shortest} to {longest}"));
        }
        if self.ticker.as_ref().is_some_and(|ticker| ticker.chars().count() > TEXT_CHARS_MAX) {
            return Err(format!("`ticker` has at most {TEXT_CHARS_MAX} characters"));
        }
        Ok(())
    }

    /// All places that it names.
    pub fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.show.iter_mut().chain(self.loops.values_mut().flatten())
    }

    /// What is shown of it, and what stands against that, in words.
    fn files(&self, shows: &Shows) -> (Vec<PathBuf>, Option<String>) {
        let usual = || self.show.clone();
        match shows {
            Shows::Usual => (usual(), None),
            Shows::Dark => (Vec::new(), None),
            Shows::Item(item) => (vec![item.path.to_path_buf()], None),
            Shows::Loop(name) => match self.loops.get(name) {
                Some(files) => (files.clone(), None),
                None => (
                    usual(),
                    Some(format!("the program wants the loop {name}, which `[screen.loops]` does not name")),
                ),
            },
            Shows::Reel(reel) if reel.items.is_empty() => {
                (usual(), Some(format!("nothing of the program's loop {} can be shown now", reel.id)))
            }
            Shows::Reel(reel) => (reel.items.iter().map(|item| item.path.to_path_buf()).collect(), None),
        }
    }

    fn hold_ms(&self) -> u64 {
        (self.hold_s * 1000.0) as u64
    }

    /// How the child is to show. Where they are heard, the sound of films is to come so much before it is due.
    fn setup(&self, sound_lead_ms: u32) -> Setup {
        Setup {
            sink: self.sink,
            display: self.display.clone(),
            size: self.size,
            fit: self.fit,
            rotation: self.rotation,
            background: self.background,
            sound_lead_ms: if self.film_sound == FilmSound::Off { 0 } else { sound_lead_ms },
        }
    }
}

/// What of that is shown now; a program may say it.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Shows {
    /// `show` of the configuration.
    #[default]
    Usual,
    /// One of its loops.
    Loop(String),
    /// A loop of the program itself.
    Reel(Arc<Reel>),
    /// Only this, at once.
    Item(Box<ReelItem>),
    /// Nothing but the background.
    Dark,
}

impl Shows {
    /// What the program says of a file that it shows.
    fn item(&self, path: &Path) -> Option<&ReelItem> {
        match self {
            Self::Reel(reel) => reel.item(path),
            Self::Item(item) => Some(&**item).filter(|item| *item.path == *path),
            Self::Usual | Self::Loop(_) | Self::Dark => None,
        }
    }
}

/// What it is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Show like that from now on; `None`: nothing.
    Wire(Option<Box<Wanted>>),
    /// Show this of it.
    Turn(Shows),
    /// What the splash says, but for what only this thread knows: what is wrong with the screen.
    Splash(Box<Splash>),
    /// What is written over films and pictures.
    Overlay(Overlay),
    /// Give a JPEG of what is on the screen; answered by [`Event::Snapshot`].
    Snapshot {
        /// Repeated by the answer.
        serial: u32,
        /// Bytes, at most.
        len_max: usize,
    },
}

/// A film or picture that is on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnScreen {
    /// Where it lies.
    pub path: PathBuf,
    /// What the program calls it.
    pub title: Option<String>,
    /// Film or picture.
    pub kind: Kind,
    /// Bytes.
    pub size: u64,
    /// When it was changed, in ms since 1970.
    pub modified_ms: i64,
}

/// Frames of a film, or the one of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Frames {
    /// That were due.
    pub expected: u64,
    /// That the sink got to show.
    pub presented: u64,
}

/// What it says.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// How it stands; `None`: nothing is to be shown.
    Stands(Option<Box<Screen>>),
    /// This is on the screen from now on, also when the same begins again; `None`: nothing of what was wanted.
    Shows(Option<Box<OnScreen>>),
    /// Frames of what is on the screen since it took it; the last before [`Event::Shows`] is of the one before.
    Frames(Frames),
    /// What was to be shown at once cannot be: this file.
    NotShown(PathBuf),
    /// Whether somebody can see what is shown: the screen is connected and on. Said when it changes; before, nobody can.
    Visible(bool),
    /// What came of a snapshot.
    Snapshot {
        /// Of the command.
        serial: u32,
        /// The JPEG, or why there is none.
        jpeg: Result<Vec<u8>, String>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_said_of_a_screen_is_read_and_judged() {
        let text = "show = [\"films\"]\nhold_s = 5\nsink = \"kms\"\nfit = \"cover\"\nrotation = 270\n\
                    background = \"#102030\"\nsize = \"1920x1080\"";
        let wanted: Wanted = toml::from_str(text).unwrap();
        assert_eq!((wanted.hold_ms(), wanted.judge()), (5000, Ok(())));
        let setup = wanted.setup(300);
        assert_eq!((setup.sink, setup.fit, setup.rotation), (Sink::Kms, Fit::Cover, Rotation::Left));
        assert_eq!(setup.background, Colour { red: 16, green: 32, blue: 48 });
        assert_eq!(setup.sound_lead_ms, 300);
        let silent: Wanted = toml::from_str("film_sound = \"off\"").unwrap();
        assert_eq!(silent.setup(300).sound_lead_ms, 0, "what nobody hears is not even decoded");
        assert!(toml::from_str::<Wanted>("film_sound = \"on\"").unwrap_err().message().contains("`pause`"));
        assert_eq!(toml::from_str::<Wanted>("power = \"leave\"").unwrap().power, Power::Leave);
        assert!(toml::from_str::<Wanted>("rotation = 45").unwrap_err().message().contains("0, 90, 180"));
        assert!(toml::from_str::<Wanted>("fits = 1").unwrap_err().message().contains("fits"));
        assert_eq!(Wanted::default().judge(), Ok(()), "without anything to show there is the splash");
        let ticker = Some("x".repeat(TEXT_CHARS_MAX + 1));
        assert!(Wanted { ticker, ..Wanted::default() }.judge().unwrap_err().contains("ticker"));
        assert_eq!(Wanted { on: false, ..Wanted::default() }.judge(), Ok(()));
        let long = Wanted { hold_s: 1e9, show: vec!["a".into()], ..Wanted::default() };
        assert!(long.judge().unwrap_err().contains("86400"));
    }
}

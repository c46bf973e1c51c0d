//! What the configuration says of the board: `[board]`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use orchestrion_board::encoder::Detent;
use orchestrion_board::{Bias, Contact, LineId, Polarity};
use serde::Deserialize;

/// Where an installer's board files lie, unless the configuration says otherwise.
const BOARDS_FOLDER: &str = "/etc/orchestrion/boards";

/// Which board this is, and what is wired otherwise than its file says.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    /// The board's name, or `auto`: by the device tree's model. Without one there are only the lines that stand here.
    pub name: Option<String>,
    /// The folder of board files besides those that are built in.
    pub boards: Option<PathBuf>,
    /// The chip of all lines that name none here, the board's own as well.
    pub chip: Option<String>,
    /// Buttons by name; one that the board has is changed, another one is added.
    pub button: BTreeMap<String, WantedButton>,
    /// The knob for the volume.
    pub encoder: Option<WantedEncoder>,
    /// The fire panel's contact.
    pub alarm: Option<WantedAlarm>,
    /// The status LED.
    pub led: Option<WantedLine>,
    /// Whether a soft tone confirms a press; it does unless told else.
    pub tone: Option<bool>,
}

/// A line, as far as it differs from the board's.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WantedLine {
    /// Its number or name.
    pub line: Option<LineId>,
    /// Its chip.
    pub chip: Option<String>,
    /// Which level is active.
    pub polarity: Option<Polarity>,
}

/// A button.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WantedButton {
    /// Its line's number or name.
    pub line: Option<LineId>,
    /// Its chip.
    pub chip: Option<String>,
    /// Which level is pressed.
    pub polarity: Option<Polarity>,
    /// What holds the line.
    pub pull: Option<Bias>,
    /// What a press does.
    pub short: Option<Action>,
    /// What holding it does.
    pub long: Option<Action>,
    /// What two presses, one soon after the other, do.
    pub double: Option<Action>,
    /// Held, it does what a press does again and again.
    pub repeat: Option<bool>,
    /// The file that is said by the action `announce`.
    pub announcement: Option<PathBuf>,
}

/// A knob.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WantedEncoder {
    /// The contact that closes first when it is turned to be louder.
    pub a: Option<LineId>,
    /// The other.
    pub b: Option<LineId>,
    /// The chip of both.
    pub chip: Option<String>,
    /// Which level is closed.
    pub polarity: Option<Polarity>,
    /// What holds both lines.
    pub pull: Option<Bias>,
    /// How it clicks.
    pub detent: Option<Detent>,
}

/// An alarm contact.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WantedAlarm {
    /// Its line's number or name.
    pub line: Option<LineId>,
    /// Its chip.
    pub chip: Option<String>,
    /// Which level is closed.
    pub polarity: Option<Polarity>,
    /// What holds the line.
    pub pull: Option<Bias>,
    /// What it does when the alarm is given.
    pub contact: Option<Contact>,
}

/// What a press does. What the program allows staff is asked when it is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing.
    #[default]
    Nothing,
    /// Pause when it plays, else play.
    Toggle,
    /// On to the next song.
    Skip,
    /// Back to the start of the song, or in its first seconds to the one before.
    Previous,
    /// A step louder.
    Louder,
    /// A step softer.
    Softer,
    /// Says the button's announcement.
    Announce,
    /// Says the device's address.
    Address,
}

impl Action {
    /// What a button does that is called so and of which nothing else is said.
    pub fn usual(button: &str) -> Self {
        match button {
            "play" => Self::Toggle,
            "skip" => Self::Skip,
            "previous" => Self::Previous,
            "louder" => Self::Louder,
            "softer" => Self::Softer,
            _ => Self::Nothing,
        }
    }

    /// Whether holding the button does it again and again, unless told else.
    pub fn repeats(self) -> bool {
        matches!(self, Self::Louder | Self::Softer)
    }
}

impl Wanted {
    /// Whether nothing is wired.
    pub fn is_nothing(&self) -> bool {
        let Self { name, boards: _, chip: _, button, encoder, alarm, led, tone: _ } = self;
        let has_board = name.as_ref().is_some_and(|name| name != "none");
        !has_board && button.is_empty() && encoder.is_none() && alarm.is_none() && led.is_none()
    }

    /// Where board files are looked for.
    pub fn boards_folder(&self) -> &Path {
        self.boards.as_deref().unwrap_or(Path::new(BOARDS_FOLDER))
    }

    /// Paths that count from the configuration's folder.
    pub fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let announcements = self.button.values_mut().filter_map(|button| button.announcement.as_mut());
        self.boards.iter_mut().chain(announcements)
    }
}

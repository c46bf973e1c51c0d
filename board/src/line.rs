//! Lines: where they are, how they are wired, and what is heard of them.

use serde::Deserialize;

use crate::time::Moment;

/// The name of a line or chip, at most, in bytes; the kernel's are shorter than 32.
pub const NAME_LEN_MAX: usize = 64;
/// The highest number that a line can have. No chip of the kernel has as many.
pub const OFFSET_MAX: u32 = 4095;

/// Which line of a chip: its number there, or the name that the board's firmware gives it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(untagged)]
pub enum LineId {
    /// Its number on its chip, from 0.
    Offset(u32),
    /// Its name, as `gpioinfo` shows it.
    Name(String),
}

impl std::fmt::Display for LineId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Offset(offset) => write!(f, "line {offset}"),
            Self::Name(name) => write!(f, "line \"{name}\""),
        }
    }
}

/// Which level of the voltage means *active*: pressed, ringing, lit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Polarity {
    /// A button to ground: pressed is low.
    #[default]
    Low,
    /// A button to the supply, an LED to ground: active is high.
    High,
}

/// What holds a line that nothing drives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bias {
    /// The chip's resistor to the supply.
    #[default]
    Up,
    /// The chip's resistor to ground.
    Down,
    /// None: a resistor outside holds it.
    None,
}

/// An input line as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LineSpec {
    /// The chip: its label, name or path; `unix:PATH` is a socket behind which another process has the pins.
    pub chip: String,
    /// Which line of it.
    pub line: LineId,
    /// Which level is active.
    pub polarity: Polarity,
    /// What holds it.
    pub bias: Bias,
}

impl std::fmt::Display for LineSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of chip {}", self.line, self.chip)
    }
}

/// A change of an input. Several may tell the same level; what counts is the level that they lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// Which input, by its place in [`crate::Plan`]'s list of lines.
    pub input: usize,
    /// When.
    pub at: Moment,
    /// Whether the line is active from now on.
    pub active: bool,
}

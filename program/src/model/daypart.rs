//! What plays in a window of the week.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DaypartId, Days, LoopId, PlaylistId, ScreenRules};
use crate::civil::{Date, TimeOfDay};

/// The loudest volume; volumes go from 0 to it.
pub const VOLUME_MAX: u8 = 100;
/// A playlist's greatest weight; the least is 1.
pub const WEIGHT_MAX: u32 = 1_000_000;
/// The longest crossfade, in seconds.
pub const CROSSFADE_S_MAX: f64 = 12.0;
/// The longest that a boundary may wait for a song's end, in seconds.
pub const BOUNDARY_WAIT_S_MAX: u32 = 7200;

/// A weekly window with its playlists and its volume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Daypart {
    /// Its id; no two dayparts share one.
    pub id: DaypartId,
    /// What people call it; without one, its id.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The days on which it starts.
    pub days: Days,
    /// When it starts; not 24:00.
    pub from: TimeOfDay,
    /// When it is over. Before `from` it is on the next day.
    pub to: TimeOfDay,
    /// The dates on which it may start. A daypart with dates goes before one without, at the same priority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dates: Option<Dates>,
    /// Where dayparts overlap, the one with the highest priority plays, alone.
    #[serde(default)]
    pub priority: i32,
    /// What it plays, in these shares.
    pub playlists: Vec<Share>,
    /// In which order a playlist is played.
    #[serde(default)]
    pub order: Order,
    /// How loud.
    #[serde(default)]
    pub volume: Volume,
    /// How long two songs are heard together, in seconds, from 0 to [`CROSSFADE_S_MAX`].
    #[serde(default)]
    pub crossfade_s: f64,
    /// How it takes over from what played before.
    #[serde(default)]
    pub boundary: Boundary,
    /// What the screen shows meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screen_loop: Option<LoopId>,
    /// What is written on the screen meanwhile, and whether its films are heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screen: Option<ScreenRules>,
}

impl Daypart {
    /// What people call it.
    pub fn title(&self) -> &str {
        if self.name.is_empty() { self.id.as_str() } else { &self.name }
    }
}

/// From a date to a date, both of them included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dates {
    /// The first date; without one, from ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Date>,
    /// The last date; without one, for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Date>,
}

impl Dates {
    /// Whether the date is one of them.
    pub fn has(&self, date: Date) -> bool {
        self.first.is_none_or(|first| first <= date) && self.last.is_none_or(|last| date <= last)
    }
}

/// A playlist and how often a song comes from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// The playlist.
    pub id: PlaylistId,
    /// Its share among the daypart's playlists: a whole number from 1 to [`WEIGHT_MAX`], so that all machines choose alike.
    #[serde(default = "one")]
    pub weight: u32,
}

fn one() -> u32 {
    1
}

/// In which order songs come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// By chance among the songs that the rules allow.
    #[default]
    Shuffle,
    /// By chance, an album first and then a song of it: long albums are not heard more often.
    AlbumFirst,
    /// As the playlist has them; joined without gaps and at their album's loudness.
    InOrder,
}

/// How loud: from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Volume {
    /// When the daypart begins.
    pub set: u8,
    /// The least that staff may choose.
    pub min: u8,
    /// The most that staff may choose.
    pub max: u8,
}

impl Default for Volume {
    fn default() -> Self {
        Self { set: 70, min: 0, max: VOLUME_MAX }
    }
}

/// How a daypart takes over from another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Boundary {
    /// What becomes of the song that plays.
    pub mode: BoundaryMode,
    /// With `finish`: a song that is not over after so many seconds is faded out, up to [`BOUNDARY_WAIT_S_MAX`].
    pub max_wait_s: u32,
}

impl Default for Boundary {
    fn default() -> Self {
        Self { mode: BoundaryMode::Finish, max_wait_s: 600 }
    }
}

/// What becomes of the song that plays when another daypart begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BoundaryMode {
    /// It plays to its end, within `max_wait_s`.
    #[default]
    Finish,
    /// It fades out from the boundary on.
    Fade,
    /// It stops at the boundary, as quickly as it can without a click.
    Cut,
}

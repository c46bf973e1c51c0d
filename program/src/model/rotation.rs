//! How far apart things are kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The rules of rotation. Count and minutes must both hold, each as far as the playlists have enough to choose from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rotation {
    /// The same song.
    pub song: Spacing,
    /// The same album.
    pub album: Spacing,
    /// The same artist; each of several on a recording counts.
    pub artist: Spacing,
    /// A law's or licence's rules, which are never loosened.
    pub ruleset: Ruleset,
    /// Whether explicit songs may be played.
    pub explicit: ExplicitRule,
}

impl Default for Rotation {
    fn default() -> Self {
        Self {
            song: Spacing { count: 5, minutes: 24 * 60 },
            album: Spacing { count: 1, minutes: 0 },
            artist: Spacing { count: 2, minutes: 60 },
            ruleset: Ruleset::None,
            explicit: ExplicitRule::Allow,
        }
    }
}

/// The least distance between two of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spacing {
    /// Other songs between them, up to [`Spacing::COUNT_MAX`].
    pub count: u32,
    /// Minutes from the start of one to the start of the next, up to [`Spacing::MINUTES_MAX`].
    pub minutes: u32,
}

impl Spacing {
    /// Songs that may be asked for between two.
    pub const COUNT_MAX: u32 = 100_000;
    /// Minutes that may be asked for between two: a year.
    pub const MINUTES_MAX: u32 = 366 * 24 * 60;
}

/// Rules that are never loosened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ruleset {
    /// None.
    #[default]
    None,
    /// The sound recording performance complement of 17 U.S.C. § 114(j)(13): in three hours at most four of an artist, three
    /// of them in a row, and three of an album, two of them in a row.
    Us114,
}

/// What to do with explicit songs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExplicitRule {
    /// They are songs like others.
    #[default]
    Allow,
    /// They are never played.
    Never,
}

//! Announcements and advertisements.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Dates, DaypartId, Days, RecordingId, SpotId};
use crate::civil::TimeOfDay;

/// How far music is ducked where a spot does not say, in dB.
pub const DUCK_DB_DEFAULT: f64 = 12.0;
/// How far music can be ducked, in dB.
pub const DUCK_DB_MAX: f64 = 60.0;

/// An announcement or an advertisement, and when it is due.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spot {
    /// Its id; no two spots share one.
    pub id: SpotId,
    /// What people call it; without one, its id.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What is heard.
    pub recording: RecordingId,
    /// What kind of thing it is: safety goes before house, house before an advertisement.
    pub class: Class,
    /// Who pays for it. Spots of one advertiser can be kept apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advertiser: Option<String>,
    /// What it is about. Spots of one category can be kept apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The campaign that it counts for, in reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// When it is due.
    pub when: When,
    /// How it is put into the music.
    pub how: How,
    /// The dates on which it may play.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dates: Option<Dates>,
    /// The dayparts in which it may play; without them, in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dayparts: Option<Vec<DaypartId>>,
    /// What becomes of one that could not play when it was due.
    #[serde(default)]
    pub missed: Missed,
    /// Whether one that was missed is played later all the same.
    #[serde(default)]
    pub makeup: Makeup,
    /// How often it plays on a date at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_day: Option<u32>,
    /// Seconds between the starts of two of it at least.
    #[serde(default)]
    pub min_gap_s: u32,
    /// It is heard at this volume at least, from 0 to 100, however low the music is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_volume: Option<u8>,
    /// Whether it plays although staff have paused.
    #[serde(default)]
    pub pierces_pause: bool,
    /// What the screen shows while it is said: a film or picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screen: Option<RecordingId>,
}

impl Spot {
    /// What people call it.
    pub fn title(&self) -> &str {
        if self.name.is_empty() { self.id.as_str() } else { &self.name }
    }
}

/// What kind of thing a spot is, the most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// For people's safety.
    Safety,
    /// The house's own.
    House,
    /// Somebody pays for it.
    Ad,
}

/// When a spot is due.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum When {
    /// After so many songs, of which 30 s and more were heard; from 1.
    Songs(u32),
    /// Every so many minutes since the last one, by a clock that only counts: it works without the time of day.
    Air(u32),
    /// At a time of day on some days; once for each date and time.
    At {
        /// The days.
        days: Days,
        /// The time; not 24:00, which is the next day's 00:00.
        time: TimeOfDay,
    },
    /// So many minutes before it closes.
    BeforeClose(u32),
    /// So many minutes after it opened.
    AfterOpen(u32),
    /// So many times in an hour of being open, evenly; from 1 to 60.
    PerHour(u32),
    /// So many percent of the time that it is open, above 0 and up to 100.
    Share(f64),
}

impl When {
    /// Whether it needs to know what time it is.
    pub const fn needs_clock(&self) -> bool {
        match self {
            Self::At { .. } | Self::BeforeClose(_) | Self::AfterOpen(_) => true,
            Self::Songs(_) | Self::Air(_) | Self::PerHour(_) | Self::Share(_) => false,
        }
    }
}

/// How a spot is put into the music.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum How {
    /// Between two songs.
    Between {
        /// For so many seconds from when it is due it waits for a song's end.
        window_s: u32,
        /// What happens when no song has ended by then.
        #[serde(rename = "else")]
        otherwise: Else,
    },
    /// Over the music, which is turned down meanwhile.
    Duck {
        /// By so many dB, above 0 and up to [`DUCK_DB_MAX`].
        db: f64,
    },
    /// In place of the music, at once.
    Cut,
}

/// What happens to a spot that waited for a song's end in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Else {
    /// It plays over the song, which is turned down by [`DUCK_DB_DEFAULT`].
    Duck,
    /// It plays in place of the song.
    Cut,
    /// It is missed.
    Miss,
}

/// What becomes of a spot that could not play when it was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Missed {
    /// It is missed.
    #[default]
    Drop,
    /// It may still play within so many seconds.
    Within(u32),
}

/// Whether a missed spot is made up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Makeup {
    /// No.
    #[default]
    None,
    /// Within an hour.
    Hour,
    /// On the same date.
    Day,
}

/// How spots stand together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Breaks {
    /// Spots in a break at most; from 1.
    pub max_spots: u32,
    /// Seconds of a break at most; from 1.
    pub max_s: u32,
    /// What is kept apart.
    pub separate: Vec<Separation>,
}

impl Default for Breaks {
    fn default() -> Self {
        Self { max_spots: 3, max_s: 120, separate: Vec::new() }
    }
}

/// Spots that have something in common are kept so far apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Separation {
    /// What they have in common.
    pub by: SeparationBy,
    /// Minutes between the starts of two.
    pub minutes: u32,
}

/// What spots may have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeparationBy {
    /// What they are about.
    Category,
    /// Who pays for them.
    Advertiser,
}

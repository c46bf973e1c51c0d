//! What is a place's own: where it is, its zone, what its staff may do, and what holds when something is missing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DaypartId, PlaceId, PlaylistId, Territory};
use crate::civil::{Absolute, Date};

/// A place: a site and a zone in it, as "Leeds, ground floor".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Its id.
    pub id: PlaceId,
    /// What people call it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The country whose rights hold. Without one, only what may be played everywhere is played.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub territory: Option<Territory>,
    /// Added to everything that is played here, in dB, from −40 to 12.
    #[serde(default)]
    pub trim_db: f64,
}

/// A time zone, as the database said when the release was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// Its IANA name, as `Europe/Berlin`: for people; nothing is looked up by it.
    pub id: String,
    /// The version of the database that the transitions come from, as `2026a`.
    pub tzdb: String,
    /// Seconds that local time is ahead of UTC before the first transition.
    pub offset_s: i32,
    /// When that changes, in rising order; after the last one its offset goes on.
    #[serde(default)]
    pub transitions: Vec<Transition>,
    /// Up to when the transitions are complete. After it, times may be an hour off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_utc_ms: Option<Absolute>,
}

/// A moment from which a zone has another offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// When, in ms since 1970 UTC.
    pub at_utc_ms: Absolute,
    /// Seconds that local time is ahead of UTC from then on.
    pub offset_s: i32,
}

/// What staff on the spot may do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Staff {
    /// Songs that may be skipped in any hour; the place's, not a person's. None: as many as they like. Up to
    /// [`SKIPS_MAX`](crate::staff::SKIPS_MAX).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skips_per_hour: Option<u32>,
    /// Whether they may go back to the song before.
    pub previous: bool,
    /// How long a pause lasts at most, in seconds, up to a day.
    pub pause_max_s: u32,
    /// What they may do to the volume.
    pub volume: StaffVolume,
}

impl Default for Staff {
    fn default() -> Self {
        Self { skips_per_hour: None, previous: true, pause_max_s: 1800, volume: StaffVolume::Daypart }
    }
}

/// How far staff may change the volume. A change ends with the daypart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StaffVolume {
    /// Not at all.
    Fixed,
    /// Between the daypart's least and most.
    #[default]
    Daypart,
}

/// What holds while nobody knows what time it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Clockless {
    /// Whether anything may play then. There is no default: a museum at night must stay silent, a café at noon must not.
    pub allowed: bool,
    /// The daypart that plays, whatever its times; without one, the fallback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daypart: Option<DaypartId>,
    /// The volume is at most this, from 0 to 100.
    #[serde(default = "full")]
    pub volume_max: u8,
}

fn full() -> u8 {
    super::VOLUME_MAX
}

/// What holds when the service has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lapse {
    /// The last day of the contract, where its end is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_day: Option<Date>,
    /// Days after it on which all goes on as before.
    #[serde(default)]
    pub grace_days: u16,
    /// What plays afterwards: music that costs nothing. Spots other than safety ones do not play then.
    pub playlist: PlaylistId,
}

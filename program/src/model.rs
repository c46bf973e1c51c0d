//! The documents: what a release says to a place. Types only; what they mean is elsewhere.
//!
//! Unknown keys are refused everywhere, since a key that is not understood is a wish that would not be kept. A document
//! carries its version in `v`. Nothing here is true only because it could be read: [`crate::check`] judges it.

mod clock;
mod daypart;
mod hours;
mod ids;
mod library;
mod place;
mod rotation;
mod screen;
mod spot;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use clock::{CLOCK_TRUST_MAX_MS, Clock, Wall};
pub use daypart::{
    BOUNDARY_WAIT_S_MAX, Boundary, BoundaryMode, CROSSFADE_S_MAX, Dates, Daypart, Order, Share, VOLUME_MAX,
    Volume, WEIGHT_MAX,
};
pub use hours::{Days, Exception, Hours, Week, WeekWindow, Win};
pub use ids::{BlobId, DaypartId, ID_CHARS_MAX, LoopId, PlaceId, PlaylistId, RecordingId, SpotId, Territory};
pub use library::{Library, Playlist, Rating, Recording, Rights};
pub use place::{Clockless, Lapse, Place, Staff, StaffVolume, Transition, Zone};
pub use rotation::{ExplicitRule, Rotation, Ruleset, Spacing};
pub use screen::{
    FilmSound, HOLD_S, LOOPS_MAX, LoopItem, ScreenLoop, ScreenRules, TICKER_CHARS_MAX, TURNS_MAX,
};
pub use spot::{
    Breaks, Class, DUCK_DB_DEFAULT, DUCK_DB_MAX, Else, How, Makeup, Missed, Separation, SeparationBy, Spot,
    When,
};

/// The version of [`Resolved`] that this crate reads and writes.
pub const RESOLVED_VERSION: u32 = 1;

/// What a place plays and shows, and when: a chain's program and the place's own, as one document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolved {
    /// The version of this document: 1.
    pub v: u32,
    /// The place that it is for.
    pub place: Place,
    /// The time zone of the place.
    pub zone: Zone,
    /// When the place is open, week by week.
    pub hours: Hours,
    /// Dates on which it is open at other times, or not at all.
    #[serde(default)]
    pub exceptions: Vec<Exception>,
    /// What plays when. At most [`DAYPARTS_MAX`].
    pub dayparts: Vec<Daypart>,
    /// Announcements and advertisements. At most [`SPOTS_MAX`].
    #[serde(default)]
    pub spots: Vec<Spot>,
    /// How spots stand together.
    #[serde(default)]
    pub breaks: Breaks,
    /// How far apart a song, an album and an artist are kept.
    #[serde(default)]
    pub rotation: Rotation,
    /// What staff may do.
    #[serde(default)]
    pub staff: Staff,
    /// What plays while nobody knows what time it is.
    pub clockless: Clockless,
    /// What plays when the service has ended; without it, it does not end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lapse: Option<Lapse>,
    /// The playlist that plays when no daypart does, or when a daypart has nothing that may be played.
    pub fallback: PlaylistId,
    /// Recordings and playlists, where they do not come as a document of their own.
    #[serde(default, skip_serializing_if = "Library::is_empty")]
    pub library: Library,
}

impl Resolved {
    /// Recordings that are shown, each as often as it is named: in loops of this library, and while spots are said.
    pub fn shown<'a>(&'a self, library: &'a Library) -> impl Iterator<Item = &'a RecordingId> {
        let of_loops = library.loops.iter().flat_map(|shown| &shown.items).map(|item| &item.recording);
        of_loops.chain(self.spots.iter().filter_map(|spot| spot.screen.as_ref()))
    }
}

/// The JSON Schema of [`Resolved`], draft 2020-12.
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Resolved);
    schema.insert("title".to_owned(), "A program for a place".into());
    schema.to_value()
}

/// Dayparts of a program.
pub const DAYPARTS_MAX: usize = 500;
/// Spots of a program.
pub const SPOTS_MAX: usize = 20_000;
/// Exceptions of a place: ten years of days.
pub const EXCEPTIONS_MAX: usize = 3660;
/// Windows of a week, or of an exception.
pub const WINDOWS_MAX: usize = 200;
/// Transitions of a zone: three years have six in most, and some have four a year.
pub const TRANSITIONS_MAX: usize = 256;
/// Playlists of a daypart.
pub const SHARES_MAX: usize = 100;
/// Recordings of a library.
pub const RECORDINGS_MAX: usize = 1_000_000;
/// Playlists of a library.
pub const PLAYLISTS_MAX: usize = 10_000;

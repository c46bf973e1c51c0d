//! What a program says of a play: the fields of the play record that only it knows.

use orchestrion_program::Date;
use orchestrion_program::rotation::Loosened;
use orchestrion_protocol::release::Edition;

use crate::time::Wall;

/// See the head of this file. Ids are texts: rows outlive what they name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Programmed {
    /// The place.
    pub place: String,
    /// Its time zone, by its IANA name.
    pub zone: String,
    /// The country whose rights held.
    pub territory: Option<String>,
    /// What was played; `None` if the program does not know the file.
    pub recording: Option<String>,
    /// The daypart that held when it began.
    pub daypart: Option<String>,
    /// How the program came to it; `None` if it was put into the queue by somebody.
    pub choice: Option<Chosen>,
    /// The date at the place when it began, where the time is known.
    pub local: Option<LocalDay>,
    /// The spot that it is.
    pub spot: Option<SpotPlay>,
    /// The release that was on the air.
    pub release: Option<Edition>,
}

/// What a play is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayKind {
    /// A song.
    Music,
    /// An announcement or an advertisement.
    Spot,
    /// A film on a screen.
    Film,
    /// A picture on a screen.
    Picture,
}

impl PlayKind {
    /// As it stands in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Music => "music",
            Self::Spot => "spot",
            Self::Film => "film",
            Self::Picture => "picture",
        }
    }
}

/// A spot of the program, said or missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpotPlay {
    /// Which.
    pub spot: String,
    /// The campaign that it counts for.
    pub campaign: Option<String>,
    /// When it was due, where the time was known.
    pub scheduled: Option<Wall>,
    /// Its place in the break, from 1.
    pub break_position: Option<u32>,
}

/// How a program came to a song.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The number of the choice: with the stored seed it repeats the draw.
    pub number: u64,
    /// The playlist; `None`: any permitted recording.
    pub playlist: Option<String>,
    /// The place in the playlist, from 0.
    pub position: u32,
    /// What was not kept.
    pub loosened: Vec<Loosened>,
}

/// A date, and how far local time was from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalDay {
    /// The date.
    pub date: Date,
    /// Seconds that local time was ahead of UTC.
    pub offset_s: i32,
}

/// How far the time in a row is to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockState {
    /// By a clock that was believed.
    Trusted {
        /// Give or take so many milliseconds.
        uncertainty_ms: u64,
    },
    /// It was some time after one that is known, no more.
    Floor,
    /// Nothing was known.
    None,
}

impl ClockState {
    /// As it stands in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trusted { .. } => "trusted",
            Self::Floor => "floor",
            Self::None => "none",
        }
    }

    /// Give or take so many milliseconds.
    pub fn uncertainty_ms(self) -> Option<u64> {
        match self {
            Self::Trusted { uncertainty_ms } => Some(uncertainty_ms),
            Self::Floor | Self::None => None,
        }
    }
}

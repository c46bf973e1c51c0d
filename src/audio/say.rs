//! Announcements: what is said over whatever plays, and how it ended.
//!
//! One at a time: a newer one takes the place of an older one as soon as it is told. Each [`Say`] is answered by exactly
//! one `Said`, whatever happens, unless the audio thread itself ends. An output that comes or goes does not end it: where
//! the new one has another rate it is opened again at its place, and `Emptied` is not about it.

use std::path::Path;
use std::sync::Arc;

use super::{LoadError, LoadId};

/// How long the music takes to make room.
pub const DUCK_DOWN_MS: u32 = 200;
/// How long it takes to be as loud as before.
pub const DUCK_UP_MS: u32 = 1000;
/// The deepest that music is turned down; what should be silent is held.
pub const DUCK_DB_MAX: f32 = 60.0;

/// An announcement.
#[derive(Debug, Clone, PartialEq)]
pub struct Say {
    /// Its number.
    pub load: LoadId,
    /// The file; it is said from its first sample.
    pub path: Arc<Path>,
    /// Its gain, as in `Gain`, which may tell another one later: when `SayReady` has told how loud the file is.
    pub gain_db: f32,
    /// By how much the music is turned down meanwhile, in dB; kept within 0 and [`DUCK_DB_MAX`], 0 if it is no number.
    pub duck_db: f32,
    /// Heard also while the music is held. If not, it waits and is held with the music.
    pub pierces_pause: bool,
    /// When it begins.
    pub at: SayAt,
}

/// When an announcement begins: the music goes down at that time, and the voice follows [`DUCK_DOWN_MS`] later; at
/// once where no music is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SayAt {
    /// As soon as it is ready.
    Ready,
    /// When `Speak` is told; before it is ready that means as soon as it is.
    Told,
}

/// How an announcement ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaidEnd {
    /// With its last sample.
    Finished,
    /// By `Hush`, or because another one took its place.
    Cut,
    /// It could not be opened, or not to its end.
    Failed(LoadError),
}

//! What a device says of itself.

use serde::{Deserialize, Serialize};

/// An entry of the queue. Numbers are never used again within a device's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(pub u64);

impl std::fmt::Display for EntryId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What the queue does at its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeat {
    /// It ends.
    #[default]
    Off,
    /// It begins anew.
    All,
    /// The current song again and again.
    One,
}

/// What the device is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Samples move.
    Playing,
    /// Held in its place by someone.
    Paused,
    /// Stopped by someone, or at the end of the queue.
    Stopped,
    /// It should play and cannot; `why` says why.
    Waiting,
    /// It is not to sound now; `why` says why, and until when.
    Closed,
}

/// The names of the notifications.
pub mod notification {
    /// Carries a [`super::Status`], whenever something other than the time changed.
    pub const STATUS_CHANGED: &str = "StatusChanged";
    /// Carries a [`super::Time`], about once a second while playing.
    pub const TIME_CHANGED: &str = "TimeChanged";
}

/// A song in the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Song {
    /// Its entry in the queue.
    pub entry: EntryId,
    /// Where it lies (see [`crate::location`]).
    pub path: String,
    /// The title by its tags, else the file's name.
    pub title: String,
    /// Who plays it, where its tags tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artist: Option<String>,
    /// What it is from, where its tags tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub album: Option<String>,
    /// How long it is, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Why it is passed over at the moment, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<String>,
}

/// Where the sound goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Its stable name, as in the configuration; `null` when there is none.
    pub name: String,
    /// Whether somebody can hear it: never on `null`.
    pub audible: bool,
    /// Frames a second.
    pub rate_hz: u32,
    /// Why a better one in the list is not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The moving part of the status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Time {
    /// The entry that plays.
    pub entry: EntryId,
    /// The place in it.
    pub position_ms: u64,
    /// How long it is, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The peak since the last notification, in dB of full scale; null when silent.
    pub level_db: Option<f32>,
}

/// All that a device says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// [`crate::VERSION`] of who says it.
    pub protocol: u32,
    /// The program's version.
    pub version: String,
    /// What it is doing.
    pub state: State,
    /// One sentence, whenever it is silent: why, and what happens next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The song that plays or is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<Song>,
    /// The place in it.
    #[serde(default)]
    pub position_ms: u64,
    /// The song after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Song>,
    /// 0–100 on the perceptual scale.
    pub volume: u8,
    /// Silent, and still in its place.
    pub muted: bool,
    /// What the queue does at its end.
    pub repeat: Repeat,
    /// Whether the queue plays in a random order.
    pub shuffle: bool,
    /// Milliseconds between songs.
    pub crossfade_ms: u32,
    /// Where the sound goes; null until the first one is open.
    pub output: Option<Output>,
    /// Entries in the queue.
    pub queue_len: usize,
    /// Files passed over at the moment.
    pub quarantined: usize,
    /// Plays of this run so far.
    pub plays: u64,
    /// How often the device was started.
    pub run: u64,
}

/// A page of the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuePage {
    /// The place of the first entry of this page, from 0.
    pub offset: usize,
    /// Entries in the whole queue.
    pub total: usize,
    /// The entry that plays or would play.
    pub current: Option<EntryId>,
    /// The entries in playing order.
    pub entries: Vec<Song>,
}

/// What `queue.add` and `play_now` answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added {
    /// Entries added.
    pub added: usize,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<EntryId>,
    /// Files that found no room in the queue.
    #[serde(default)]
    pub no_room: usize,
    /// What could not be added, a sentence each; at most [`crate::limits::PROBLEMS_LEN_MAX`].
    #[serde(default)]
    pub problems: Vec<String>,
}

//! What a device says of itself.

use serde::{Deserialize, Serialize};

use crate::release::Edition;

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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

/// What hands, the alarm contact and their lines have to say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hands {
    /// The alarm contact mutes it, whoever wants to hear it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alarm: bool,
    /// Why the last press did nothing, for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// What of buttons, knob, contact and LED does not work, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

impl Hands {
    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        *self == Self::default()
    }
}

/// The board, and how it is as far as it tells.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Board {
    /// What people call it.
    pub name: String,
    /// Degrees Celsius of the processor, or of the hottest part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature_c: Option<f32>,
    /// How much of its life the storage has used, in percent; more than 100 is beyond it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wear_percent: Option<u8>,
    /// What is wrong and what to do about it, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// The release that the device has, and the one that is on its way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// What is held; null before the first.
    pub held: Option<Edition>,
    /// Whether that is the factory's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_factory: bool,
    /// Since when, in ms since 1970 UTC, as far as the device knew the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_utc_ms: Option<i64>,
    /// The newest that was offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered: Option<Edition>,
    /// Who offered it: a server's address, or a folder that somebody brought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// How much of what is being fetched is there, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// Its files that are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files_done: Option<usize>,
    /// Its files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<usize>,
    /// Bytes a second, lately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u64>,
    /// How long it will still take at this rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_ms: Option<u64>,
    /// What is waited for, one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
    /// What stands against a newer one, one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What is wrong with what is on the disk, one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// Files of what is held that are damaged or missing.
    #[serde(default)]
    pub damaged: usize,
    /// Seconds since somebody answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_s: Option<u64>,
    /// Seconds until somebody is asked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_s: Option<u64>,
}

/// What is on the screen, and what stands against it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Screen {
    /// `kms`, `wayland`, `x11`, or `null` where there is no screen; none while its process is started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink: Option<String>,
    /// Its size in pixels, `1920x1080`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// A screen is plugged, as far as this machine knows.
    #[serde(default)]
    pub is_connected: bool,
    /// The screen itself is on: nobody has switched it off, or on again.
    #[serde(default)]
    pub is_on: bool,
    /// Somebody could see what is shown: it is connected, on, and shown on.
    #[serde(default)]
    pub is_visible: bool,
    /// The program's hours have it dark.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_dark: bool,
    /// Somebody switched it off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_off: bool,
    /// The file that is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shows: Option<String>,
    /// The sound of a film is heard.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_heard: bool,
    /// The splash is shown, since there is nothing else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_splash: bool,
    /// Films and pictures that there are.
    #[serde(default)]
    pub items: usize,
    /// Frames that were really shown since its process began.
    #[serde(default)]
    pub presented: u64,
    /// Frames that came too late, by 40 ms or more.
    #[serde(default)]
    pub late: u64,
    /// Frames that were left out, to be in time again.
    #[serde(default)]
    pub dropped: u64,
    /// How often its process was started again since the device began.
    #[serde(default)]
    pub restarts: u32,
    /// The latest files that could not be shown, each with its reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bad: Vec<String>,
    /// Why there is no picture, or no good one, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Somebody must look at it: its process dies again and again, or a film stands still.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_fault: bool,
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
    /// What is being said over it; an emergency says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
    /// What hands, the alarm contact and their lines have to say.
    #[serde(default, skip_serializing_if = "Hands::is_silent")]
    pub hands: Hands,
    /// The board and its health, where `[board]` names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<Board>,
    /// Its releases, where it is configured to have some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
    /// What is on the screen, where `[screen]` wants something there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screen: Option<Screen>,
    /// Its control server, where one is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Server>,
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

/// How a device stands with its control server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerLink {
    /// It waits before it asks the next time.
    #[default]
    AutoConnecting,
    /// It has asked and has no answer yet.
    Connecting,
    /// The last request was answered.
    Connected,
    /// It says its last.
    Disconnecting,
    /// It does not ask.
    Disconnected,
}

/// The control server of a device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Its address.
    pub url: String,
    /// The connection.
    pub link: ServerLink,
    /// What it calls this device; null before it has let it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The place that it has bound this device to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Somebody who is signed in there has to type this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why it does not work, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What `program` answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramPage {
    /// The place by its id.
    pub place: String,
    /// Its time zone.
    pub zone: String,
    /// The release that says so; without one it is a file of the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// What is to be played, by the time; at most [`crate::limits::PROGRAM_ROWS_MAX`].
    pub rows: Vec<ProgramRow>,
    /// Rows that are left out since there are too many.
    #[serde(default)]
    pub left_out: usize,
}

/// A stretch of a program, or a spot at a clock time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramRow {
    /// When it begins and is over, in ms since 1970; a spot has the same instant twice.
    pub from_utc_ms: i64,
    /// See there.
    pub to_utc_ms: i64,
    /// The same on the place's wall, as 2026-12-24 18:00.
    pub from: String,
    /// See there.
    pub to: String,
    /// music, closed, spot, unheard (a spot at a time when nobody hears it).
    pub what: String,
    /// The daypart or the spot, as people call it; else what there is.
    pub name: String,
    /// The volume, where music plays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<u8>,
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

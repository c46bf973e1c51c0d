//! The heartbeat: what a device does, and what its server answers.

use serde::{Deserialize, Serialize};

use super::limited::{self, Line, Sentence, Word};
use super::{
    CAPABILITIES_MAX, COMMANDS_MAX, CommandRef, FAULTS_MAX, Outcome, RESULTS_MAX, ROTATIONS_TOLD_MAX, Sealed,
    SettingsOrder,
};
use crate::release::{Edition, Rotation};

/// `POST /device/v1/heartbeat`, with the device's token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Heartbeat {
    /// The version of this message.
    pub v: u32,
    /// Who.
    pub device: Word,
    /// How often it was started.
    #[serde(deserialize_with = "limited::number")]
    pub run: u64,
    /// The kernel's name for its boot. Two of them at once are two boards with one key.
    pub boot_id: Word,
    /// From 1 within the run.
    #[serde(deserialize_with = "limited::number")]
    pub seq: u64,
    /// How often it was connected in this run; another number is another connection.
    #[serde(default, deserialize_with = "limited::number")]
    pub connection: u64,
    /// How long the server may hold this, in s; 0: to be answered at once. At most [`super::HOLD_S_MAX`].
    #[serde(default)]
    pub hold_s: u32,
    /// The last command that it has begun.
    #[serde(default)]
    pub cursor: CommandRef,
    /// What became of commands, until an answer came to a heartbeat that told so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(deserialize_with = "limited::list::<_, _, RESULTS_MAX>")]
    pub results: Vec<Outcome>,
    /// The last rotation of keys that it has followed.
    #[serde(default, deserialize_with = "limited::number")]
    pub keys_serial: u64,
    /// What it can do, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(deserialize_with = "limited::list::<_, _, CAPABILITIES_MAX>")]
    pub capabilities: Vec<Word>,
    /// What it does.
    pub report: Report,
}

/// What a device does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// It says that it plays; whether it does is told by [`Report::frames`].
    Playing,
    /// Held by somebody.
    Paused,
    /// Stopped by somebody, or at the end of the queue.
    Stopped,
    /// It should play and cannot.
    Waiting,
    /// It is not to sound now.
    Closed,
    /// What a later version knows.
    #[default]
    #[serde(other)]
    Other,
}

/// What a device says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Report {
    /// What it does.
    pub doing: Doing,
    /// Why, in a sentence, whenever it is silent; else why this song.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Sentence>,
    /// What plays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<Said>,
    /// Frames that an output took in this run. It moves, or nothing is heard.
    #[serde(default, deserialize_with = "limited::number")]
    pub frames: u64,
    /// Pictures that the screen showed in this run.
    #[serde(default, deserialize_with = "limited::number")]
    pub pictures: u64,
    /// Whether somebody could hear it: a real output, a gain above 0, not muted.
    #[serde(default)]
    pub audible: bool,
    /// 0–100.
    #[serde(default)]
    pub volume: u8,
    /// Muted by somebody.
    #[serde(default)]
    pub muted: bool,
    /// What people have set, as `settings` takes it: what the board that comes after this one begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<SettingsOrder>,
    /// Muted by the alarm contact.
    #[serde(default)]
    pub alarm: bool,
    /// An emergency is being said.
    #[serde(default)]
    pub emergency: bool,
    /// Where the sound goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Line>,
    /// What does not work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(deserialize_with = "limited::list::<_, _, FAULTS_MAX>")]
    pub faults: Vec<Fault>,
    /// Where files lie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Disk>,
    /// Of the board.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// Of the processor, in thousandths of a degree Celsius.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature_mc: Option<i32>,
    /// How far it knows the time.
    #[serde(default)]
    pub clock: ClockTrust,
    /// The same: its time of day, where it knows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "limited::time_or_null")]
    pub clock_utc_ms: Option<i64>,
    /// What runs there.
    #[serde(default)]
    pub versions: Versions,
    /// The release that it plays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Edition>,
    /// A release that it fetches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download: Option<Download>,
    /// Rows of the play log that wait to be sent.
    #[serde(default, deserialize_with = "limited::number")]
    pub plays_waiting: u64,
}

/// What is heard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Said {
    /// The title.
    pub title: Line,
    /// Who plays it.
    #[serde(default)]
    pub artist: Line,
    /// The recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<Word>,
    /// The place in it, in ms.
    #[serde(default, deserialize_with = "limited::number")]
    pub position_ms: u64,
    /// How long it is, in ms.
    #[serde(default, deserialize_with = "limited::number_or_null")]
    pub duration_ms: Option<u64>,
}

/// Something that does not work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Fault {
    /// Which part.
    pub part: Word,
    /// What is wrong, and what to do.
    pub words: Sentence,
}

/// A disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Disk {
    /// Bytes that are free.
    #[serde(deserialize_with = "limited::number")]
    pub free: u64,
    /// Bytes in all.
    #[serde(deserialize_with = "limited::number")]
    pub total: u64,
}

/// Memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Memory {
    /// Bytes that the process uses.
    #[serde(deserialize_with = "limited::number")]
    pub used: u64,
    /// Bytes that the board can still give.
    #[serde(deserialize_with = "limited::number")]
    pub free: u64,
}

/// How far a device knows the time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ClockTrust {
    /// Somebody whom it trusts told it.
    Trusted,
    /// It only knows what it cannot be before.
    Floor,
    /// Not at all.
    #[default]
    #[serde(other)]
    None,
}

/// What runs on a device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Versions {
    /// The program.
    #[serde(default)]
    pub program: Word,
    /// The system.
    #[serde(default)]
    pub system: Word,
    /// The board.
    #[serde(default)]
    pub board: Word,
}

/// How far a release is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Download {
    /// Which release.
    pub edition: Edition,
    /// Bytes that are there.
    #[serde(deserialize_with = "limited::number")]
    pub bytes_done: u64,
    /// Bytes in all.
    #[serde(deserialize_with = "limited::number")]
    pub bytes: u64,
}

/// What a server answers to a heartbeat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HeartbeatAnswer {
    /// The version of this message.
    pub v: u32,
    /// The server's time of day when it answered, in ms since 1970.
    #[serde(deserialize_with = "limited::time")]
    pub server_utc_ms: i64,
    /// How long the request was held, in ms.
    #[serde(default, deserialize_with = "limited::number")]
    pub held_ms: u64,
    /// From one heartbeat to the next, in s; [`super::NEXT_S_MIN`] to [`super::NEXT_S_MAX`].
    pub next_s: u32,
    /// The server's epoch.
    #[serde(deserialize_with = "limited::number")]
    pub epoch: u64,
    /// What is to be done, in the order of its numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(deserialize_with = "limited::list::<_, _, COMMANDS_MAX>")]
    pub commands: Vec<Sealed>,
    /// A token in place of the one that was shown, which goes on to be taken for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<NewToken>,
    /// Rotations of keys that the device has not followed, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Object>))]
    #[serde(deserialize_with = "limited::list::<_, _, ROTATIONS_TOLD_MAX>")]
    pub rotations: Vec<Rotation>,
    /// What it is to play.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
}

/// Another token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewToken {
    /// To be shown from now on.
    pub token: Line,
}

impl std::fmt::Debug for NewToken {
    /// Without the token, which belongs into no log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewToken")
    }
}

/// Where the releases of a device's place lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Content {
    /// The place.
    pub place: Word,
    /// The folder's path on the server that answers; `release.json` lies in it.
    pub path: Line,
    /// The newest release there, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<Edition>,
}

//! Storage: the only writer of `state.sqlite`.
//!
//! Thread `storage` owns the database. It keeps the queue, the place in the song, the settings and the play log.
//! Commands that must not be lost carry a [`Ticket`] and are confirmed by [`Event::Kept`] once they are on the disk;
//! `App` sends them again if the thread dies before. Playback never waits for it.

mod closed;
mod damage;
mod database;
mod measurements;
mod migrate;
mod open;
mod past;
mod pending;
mod place;
mod programmed;
mod queue;
mod ranks;
mod read;
mod restore;
mod rows;
mod run_number;
mod service;
#[cfg(test)]
mod tests;
mod times;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub use closed::{Closed, read_closed};
pub use damage::DAMAGED_LEN_MAX;
pub use database::{Database, PLAYS_LEN_MAX};
pub use measurements::{
    FILES_LEN_MAX, MEASUREMENTS_LEN_MAX, Measured, MeasurementStore, Measurements, measurements_path,
};
pub use open::{sqlite_is_safe, sqlite_version};
pub use past::{PAST_LEN_MAX, Past, PastPlay, PastRow, PastSong};
pub use pending::PLAYS_UNSAVED_MAX;
pub use programmed::{Chosen, ClockState, LocalDay, PlayKind, Programmed, SpotPlay};
pub use read::{PlayRow, PlayRowEnd, PlayRowProgram, Seen, examine, read_last_plays, read_plays};
pub use restore::restore;
pub use service::{COMMANDS_LEN_MAX, Full, Handle, Storage};

use orchestrion_protocol::status::{EntryId, Repeat};

use crate::app::Defaults;
use crate::time::{Mono, Wall};

/// More runs than any device has; a file that counts more of them is damaged.
const RUN_MAX: u64 = 1 << 53;

/// Why the state cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The folder cannot be made or written to, or the database in it cannot be opened.
    #[error(
        "the state folder {} cannot be used: {cause}. Make it a folder that this user may write to, or set another \
         state_dir",
        dir.display()
    )]
    Unusable {
        /// Which folder.
        dir: PathBuf,
        /// What is in the way.
        cause: String,
    },
    /// The play log cannot be read.
    #[error("the play log in {} cannot be read: {cause}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What is in the way.
        cause: String,
    },
}

/// The number of a command that must not be lost; they rise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Which play: the device's runs are counted, and so are the plays of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlayKey {
    /// The run that opened it.
    pub run: u64,
    /// Its number in that run, from 1.
    pub seq: u64,
}

/// What the storage thread is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Open a row of the play log. Sending it again changes nothing.
    OpenPlay(Ticket, Box<PlayStart>),
    /// Close it. Sending it again changes nothing.
    ClosePlay(Ticket, PlayEnd),
    /// Where it plays now; only the last one counts, and only it is kept.
    Checkpoint(Checkpoint),
    /// The whole queue; the thread writes the difference. Only the last one counts.
    SaveQueue(Ticket, QueueSnapshot),
    /// The settings. Only the last ones count.
    SaveSettings(Ticket, Settings),
    /// Give the rows of this boot that have no time of day theirs. Only the last one counts.
    CompleteTimes(Ticket, KnownTime),
    /// What a part remembers. Only the last text of each counts.
    Remember(Ticket, Remembered, String),
    /// What has changed of what a part remembers in pieces. Only the last text of each piece counts.
    RememberPieces(Ticket, Remembered, Pieces),
    /// All of these, or none: what belongs together is never half on the disk.
    All(Vec<Command>),
}

/// Pieces of what a part remembers, by their names; `None` takes one away.
pub type Pieces = BTreeMap<String, Option<String>>;

/// The time of day, when it becomes known.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownTime {
    /// What has to be added to the monotonic clock, in ms.
    pub offset_ms: i64,
    /// The place's zone, if a program says it.
    pub zone: Option<Box<orchestrion_program::model::Zone>>,
}

/// What the storage thread reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Everything up to this ticket is on the disk.
    Kept(Ticket),
    /// The disk refuses; it is tried again. Reported when that begins.
    Refused(String),
    /// The disk takes again.
    Recovered,
}

/// The beginning of a play: the fields of the play record that are known at its start.
#[derive(Debug, Clone, PartialEq)]
pub struct PlayStart {
    /// Which play.
    pub key: PlayKey,
    /// What it is.
    pub kind: PlayKind,
    /// The file.
    pub path: Arc<std::path::Path>,
    /// Its size in bytes, with `modified_ms` its identity until it is hashed.
    pub size: u64,
    /// When it was changed, milliseconds since 1970.
    pub modified_ms: i64,
    /// By its tags.
    pub title: Option<String>,
    /// By its tags.
    pub artist: Option<String>,
    /// By its tags.
    pub album: Option<String>,
    /// When it began.
    pub started: Mono,
    /// The same by wall time, where that is known.
    pub started_wall: Option<Wall>,
    /// How far that is to be believed.
    pub clock: ClockState,
    /// How long the file is, where that is known.
    pub duration_ms: Option<u64>,
    /// Where in the file it began.
    pub start_offset_ms: u64,
    /// The output.
    pub output: String,
    /// The volume in dB of full scale; `None` when muted or at 0.
    pub volume_db: Option<f32>,
    /// Why this song.
    pub chosen_by: ChosenBy,
    /// The play that was cut off by a stop, a crash or a power cut and that this one goes on with. The two are one
    /// play to a report.
    pub continues: Option<PlayKey>,
    /// What the file is by its content, where that was measured.
    pub blob: Option<crate::measure::Blob>,
    /// What the program says of it; `None` on a device without one.
    pub program: Option<Box<Programmed>>,
}

/// Why a song plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChosenBy {
    /// It came next in the queue.
    Queue,
    /// Someone asked for it.
    User,
    /// It played when the device stopped.
    Resume,
    /// The program: an announcement or an advertisement.
    Spot,
    /// An emergency that somebody has called.
    Emergency,
    /// It came next in a loop of the screen.
    Loop,
}

impl ChosenBy {
    /// Whether it is said over the music or between songs, and no song.
    pub fn is_spot(self) -> bool {
        match self {
            Self::Spot | Self::Emergency => true,
            Self::Queue | Self::User | Self::Resume | Self::Loop => false,
        }
    }

    /// As it stands in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::User => "user",
            Self::Resume => "resume",
            Self::Spot => "spot",
            Self::Emergency => "emergency",
            Self::Loop => "loop",
        }
    }
}

/// The end of a play.
#[derive(Debug, Clone, PartialEq)]
pub struct PlayEnd {
    /// Which play.
    pub key: PlayKey,
    /// When.
    pub ended: Mono,
    /// Milliseconds of it that were played.
    pub heard_ms: u64,
    /// Milliseconds of it that went to a real output, with a gain above 0 and unmuted.
    pub audible_ms: u64,
    /// How.
    pub how: HowEnded,
    /// One sentence; empty when there is nothing to add.
    pub reason: String,
    /// What was seen of it; `None` of what is only heard.
    pub viewed: Option<Viewed>,
}

/// What was seen of a film or picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Viewed {
    /// Milliseconds of it on a screen that was there and on.
    pub visible_ms: u64,
    /// How often it began.
    pub showings: u64,
    /// Frames that were due.
    pub frames_expected: u64,
    /// Of these, frames that were shown.
    pub frames_presented: u64,
}

/// How a play ended. `power` and `crash` are written by the next start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HowEnded {
    /// To its end.
    Finished,
    /// Someone went on to another.
    Skipped,
    /// It was stopped: by someone, or with the device.
    Cut,
    /// The file or the output failed.
    Failed,
    /// A spot was due and nothing was heard of it.
    Missed,
    /// The board lost its power.
    Power,
    /// The process died.
    Crash,
}

impl HowEnded {
    /// As it stands in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Skipped => "skipped",
            Self::Cut => "cut",
            Self::Failed => "failed",
            Self::Missed => "missed",
            Self::Power => "power",
            Self::Crash => "crash",
        }
    }
}

/// The reason of a play that was cut because the device stopped; the next start goes on with it.
pub const SHUTDOWN: &str = "shutdown";

/// Where it plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// When this was so.
    pub at: Mono,
    /// The entry.
    pub entry: EntryId,
    /// The place in the song.
    pub position_ms: u64,
    /// Whether it should play; `false` when someone paused or stopped it.
    pub playing: bool,
    /// The open play, and what was heard of it so far; the next start closes it with these.
    pub play: Option<OpenPlay>,
}

/// How much of an open play was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenPlay {
    /// Which play.
    pub key: PlayKey,
    /// As in [`PlayEnd::heard_ms`].
    pub heard_ms: u64,
    /// As in [`PlayEnd::audible_ms`].
    pub audible_ms: u64,
}

/// The queue as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueSnapshot {
    /// The entries in the order of adding.
    pub entries: Arc<Vec<KeptEntry>>,
    /// The same entries in playing order.
    pub order: Arc<Vec<EntryId>>,
    /// The entry that plays or would play.
    pub current: Option<EntryId>,
    /// The number of the next entry; numbers are never used again.
    pub next_entry: u64,
}

/// An entry as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptEntry {
    /// Its number.
    pub id: EntryId,
    /// The file.
    pub path: Arc<std::path::Path>,
}

/// What people set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// 0–100.
    pub volume: u8,
    /// Silent, and still in its place.
    pub muted: bool,
    /// What the queue does at its end.
    pub repeat: Repeat,
    /// A random order.
    pub shuffle: bool,
    /// Milliseconds between songs.
    pub crossfade_ms: u32,
    /// Where the chance of shuffling begins; kept so that a restart goes on with the same order.
    pub seed: u64,
    /// What the configuration said when these were kept; `None` where the version before kept them.
    pub defaults: Option<Defaults>,
}

/// Whose memory it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Remembered {
    /// What spots were due, said and missed.
    Spots,
    /// An emergency that is not over.
    Emergency,
    /// What staff have skipped, and a pause of theirs.
    Hands,
    /// The place's trim as somebody set it.
    Trim,
    /// What the device before this one has played.
    Inherited,
    /// Whether somebody switched the screen off.
    Screen,
}

impl Remembered {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Spots, Self::Emergency, Self::Hands, Self::Trim, Self::Inherited, Self::Screen];

    /// As it stands in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spots => "spots",
            Self::Emergency => "emergency",
            Self::Hands => "hands",
            Self::Trim => "trim",
            Self::Inherited => "inherited",
            Self::Screen => "screen",
        }
    }
}

/// What parts of the device remember over a restart.
pub type Memories = BTreeMap<Remembered, String>;

/// What parts of the device remember in pieces, by the names of these.
pub type PieceMemories = BTreeMap<Remembered, BTreeMap<String, String>>;

/// What a start finds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Restored {
    /// The number of this run, from 1, already on the disk.
    pub run: u64,
    /// The kernel's name for this boot; empty where that is not known.
    pub boot_id: String,
    /// The queue.
    pub queue: QueueSnapshot,
    /// Where it played.
    pub checkpoint: Option<Checkpoint>,
    /// What people set.
    pub settings: Option<Settings>,
    /// What parts remember.
    pub memories: Memories,
    /// What parts remember in pieces.
    pub pieces: PieceMemories,
    /// The play that was going on when the device last stopped, crashed or lost its power.
    pub unfinished: Option<PlayKey>,
    /// What was played before.
    pub past: Past,
    /// What was wrong with the file that was found, when it could not be used; it lies beside the new one.
    pub damage: Option<String>,
}

/// Where the database lies: `state.sqlite` in the state folder.
pub fn database_path(state_dir: &std::path::Path) -> PathBuf {
    state_dir.join("state.sqlite")
}

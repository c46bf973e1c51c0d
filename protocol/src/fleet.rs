//! What a device and its server tell each other: JSON over HTTP, version 1.
//!
//! A device asks, a server answers; nobody ever connects to a device. There are three requests:
//! - `POST /device/v1/enrol`, an [`EnrolRequest`]: how a server comes to know a device, by a code that somebody accepts or by
//!   a token. It is signed by the device's own key over a challenge of the server, so a recorded one is worth nothing;
//! - `POST /device/v1/heartbeat`, a [`Heartbeat`]: what the device does, how far it is with its commands. The server holds the
//!   request open until a command comes or the time is up, then answers with the time, when to come again, and commands;
//! - `POST /device/v1/plays`, a [`PlayBatch`], packed by [`pack`]: rows of the play log. A row counts once, however often it comes.
//!
//! A [`Command`] travels as [`Sealed`]: its exact bytes as a text, signed with Ed25519. Numbers rise for each device within
//! an epoch; a device keeps the last one that it began and never begins the same or an older one.
//!
//! Unknown keys are ignored, since a newer peer sends them; every text, list and number has a limit that is kept while it is
//! read, so that no message needs more memory than its own length.

mod code;
mod command;
mod enrol;
mod fingerprint;
mod heartbeat;
mod limited;
mod order;
mod packed;
mod play;
mod sealed;
#[cfg(test)]
mod tests;

use serde::de::DeserializeOwned;

pub use code::{CODE_LETTERS, CODE_LETTERS_LEN, Code, NoCode};
pub use command::{Command, CommandRef, Ended, Outcome};
pub use enrol::{Admission, EnrolAnswer, EnrolRequest, EnrolText, Pending};
pub use fingerprint::{Fingerprint, NoFingerprint};
pub use heartbeat::{
    ClockTrust, Content, Disk, Doing, Download, Fault, Heartbeat, HeartbeatAnswer, Memory, NewToken, Report,
    Said, Versions,
};
pub use limited::{Line, Sentence, TooMuch, Word};
pub use order::{
    BlobOrder, DeviceOrder, Order, OrderError, OrderText, REMOTE_METHODS, SHOW_S_MAX, ScreenOrder,
    SettingsOrder,
};
pub use packed::{PackError, pack, unpack};
pub use play::{PlayAnswer, PlayBatch, PlayRecord, PlayRef, RefusedPlay};
pub use sealed::{Sealed, SealedError};

/// The version of these messages.
pub const FLEET_VERSION: u32 = 1;
/// Bytes of a request of a device that is not packed.
pub const REQUEST_LEN_MAX: usize = 64 * 1024;
/// Bytes of an answer to a device.
pub const ANSWER_LEN_MAX: usize = 256 * 1024;
/// Bytes of a packed batch of plays.
pub const BATCH_LEN_MAX: usize = 256 * 1024;
/// Bytes of a batch of plays when it is unpacked.
pub const BATCH_UNPACKED_LEN_MAX: usize = 2 * 1024 * 1024;
/// Plays of a batch.
pub const BATCH_PLAYS_MAX: usize = 500;
/// Commands of an answer; what is more comes with the next one.
pub const COMMANDS_MAX: usize = 16;
/// Results of a heartbeat; what is more goes with the next one.
pub const RESULTS_MAX: usize = 16;
/// Faults that a device tells of; the worst first.
pub const FAULTS_MAX: usize = 16;
/// What a device can do, by name.
pub const CAPABILITIES_MAX: usize = 64;
/// Keys and rotations of keys in one answer.
pub const ROTATIONS_TOLD_MAX: usize = 8;
/// Bytes of a command's text.
pub const COMMAND_LEN_MAX: usize = 8 * 1024;
/// Longest that a request is held, in seconds: proxies cut what is silent for a minute.
pub const HOLD_S_MAX: u32 = 50;
/// Most often and most seldom that a server may ask for a heartbeat, in seconds.
pub const NEXT_S_MIN: u32 = 1;
/// See [`NEXT_S_MIN`].
pub const NEXT_S_MAX: u32 = 3600;
/// How long a code may be accepted, in seconds.
pub const CODE_S: u64 = 600;
/// Highest number that every reader of JSON has exactly.
pub const NUMBER_MAX: u64 = (1 << 53) - 1;

/// A message that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Longer than it may be.
    #[error("the {what} has more than {max} bytes")]
    TooLong {
        /// Which message.
        what: &'static str,
        /// What would be right.
        max: usize,
    },
    /// Another version.
    #[error(
        "the {what} is of version {found}, and this program speaks version {FLEET_VERSION}: update the older one"
    )]
    Version {
        /// Which message.
        what: &'static str,
        /// Its version.
        found: u64,
    },
    /// No JSON, or not what is expected there.
    #[error("the {what} cannot be read: {reason}")]
    Unreadable {
        /// Which message.
        what: &'static str,
        /// Where and why.
        reason: String,
    },
}

#[derive(serde::Deserialize)]
struct Versioned {
    v: u64,
}

/// Reads a message: first whether this version can be understood, then all of it.
///
/// # Errors
/// It is too long, no JSON, of another version, or beyond a limit; the words name it.
pub fn read<T: DeserializeOwned>(what: &'static str, bytes: &[u8], max: usize) -> Result<T, MessageError> {
    if bytes.len() > max {
        return Err(MessageError::TooLong { what, max });
    }
    let unreadable = |error: serde_json::Error| MessageError::Unreadable { what, reason: error.to_string() };
    let version: Versioned = serde_json::from_slice(bytes).map_err(unreadable)?;
    if version.v != u64::from(FLEET_VERSION) {
        return Err(MessageError::Version { what, found: version.v });
    }
    serde_json::from_slice(bytes).map_err(unreadable)
}

/// A message's bytes.
pub fn written(message: &impl serde::Serialize) -> Vec<u8> {
    // Made of texts, numbers and lists with texts as keys; it cannot fail.
    serde_json::to_vec(message).unwrap_or_default()
}

//! Commands: numbered for a device, with an end, signed; and what became of them.

use serde::{Deserialize, Serialize};

use super::limited::{self, Line, Sentence, Word};
use super::sealed::v;
use super::{COMMAND_LEN_MAX, OrderText, Sealed, SealedError};
use crate::release::{Context, KeyId, PublicKey, SecretKey};

/// Which command of a device. Those of a higher epoch are newer, whatever their number: a server that was restored from a
/// backup may have forgotten the last ones that it had sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CommandRef {
    /// The server's epoch.
    #[serde(deserialize_with = "limited::number")]
    pub epoch: u64,
    /// From 1 within the epoch; rises with each command of the device.
    #[serde(deserialize_with = "limited::number")]
    pub number: u64,
}

impl std::fmt::Display for CommandRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.epoch {
            1 => write!(f, "command {}", self.number),
            epoch => write!(f, "command {} of epoch {epoch}", self.number),
        }
    }
}

/// Something to do, at most once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Command {
    /// The version of this message.
    #[serde(default = "v")]
    pub v: u32,
    /// For whom.
    pub device: Word,
    /// Which.
    #[serde(flatten)]
    pub name: CommandRef,
    /// When it was given, in ms since 1970 by the server's clock.
    #[serde(deserialize_with = "limited::time")]
    pub given_utc_ms: i64,
    /// From then on it is not begun any more.
    #[serde(deserialize_with = "limited::time")]
    pub ends_utc_ms: i64,
    /// Who gave it.
    #[serde(default)]
    pub by: Line,
    /// What is to be done.
    pub order: OrderText,
}

impl Command {
    /// Its text, as it is signed; kept by the server, so that it is always the same.
    pub fn text(&self) -> String {
        // Made of texts and numbers only; it cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Signs a text that [`Command::text`] gave.
    pub fn seal(text: String, key: &SecretKey) -> Sealed {
        Sealed::over(Context::Command, text, key)
    }

    /// Opens a command: the only way to one on a device.
    ///
    /// # Errors
    /// It is signed by nobody who may, or cannot be understood.
    pub fn open<'a>(
        sealed: &Sealed,
        key: impl FnOnce(KeyId) -> Option<&'a PublicKey>,
    ) -> Result<Self, SealedError> {
        sealed.open(Context::Command, "command", COMMAND_LEN_MAX, key(sealed.key))
    }
}

/// How a command ended on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It was done.
    Done,
    /// It could not be done, or it is not known whether it was: it is not tried again.
    Failed,
    /// It came after its end.
    Expired,
    /// It was not believed: old, foreign, wrongly signed, not understood.
    Refused,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Outcome {
    /// Which.
    #[serde(flatten)]
    pub name: CommandRef,
    /// How it ended.
    pub ended: Ended,
    /// Why, when it was not done; else what there is to say.
    #[serde(default)]
    pub reason: Sentence,
    /// What was asked for, as JSON text: a status, a program, reasons.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "answer")]
    pub answer: Option<String>,
}

/// Bytes of an answer.
pub(super) const ANSWER_TEXT_LEN_MAX: usize = 16 * 1024;

fn answer<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        Some(text) if text.len() > ANSWER_TEXT_LEN_MAX => Err(serde::de::Error::custom(format!(
            "an answer of {} bytes; {ANSWER_TEXT_LEN_MAX} at most",
            text.len()
        ))),
        text => Ok(text),
    }
}

impl Outcome {
    /// Something ended.
    pub fn new(name: CommandRef, ended: Ended, reason: &str) -> Self {
        Self { name, ended, reason: Sentence::cut(reason), answer: None }
    }

    /// The same with what was asked for; an answer that is too long is left out, and the reason says so.
    #[must_use]
    pub fn with_answer(mut self, text: String) -> Self {
        if text.len() > ANSWER_TEXT_LEN_MAX {
            self.reason = Sentence::cut(&format!("the answer has {} bytes, which is too long", text.len()));
            self.ended = Ended::Failed;
        } else {
            self.answer = Some(text);
        }
        self
    }
}

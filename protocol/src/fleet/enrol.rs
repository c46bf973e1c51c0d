//! Enrolment: how a server comes to know a device.
//!
//! 1. The device sends its key. The server answers [`EnrolAnswer::Challenge`].
//! 2. It sends the same with that challenge in the signed text, and with its token if its configuration has one. With a token
//!    it is accepted at once; without, the server answers [`EnrolAnswer::Pending`] with a code, which the device shows.
//! 3. It asks again, with the challenge of the last answer, until somebody accepted the code or the code is too old.

use serde::{Deserialize, Serialize};

use super::limited::{self, Line, Sentence, Word};
use super::sealed::v;
use super::{Code, FLEET_VERSION, ROTATIONS_TOLD_MAX, Sealed, SealedError};
use crate::release::{Context, PublicKey, SecretKey};

/// Bytes of the signed text.
const TEXT_LEN_MAX: usize = 4 * 1024;

/// `POST /device/v1/enrol`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnrolRequest {
    /// The version of this message.
    pub v: u32,
    /// The device's key: `ed25519:` and 64 hexadecimal digits.
    #[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 72, max_length = 72))]
    pub public: PublicKey,
    /// An [`EnrolText`], signed by that key.
    pub sealed: Sealed,
}

/// What a device says of itself, signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnrolText {
    /// The version of this message.
    #[serde(default = "v")]
    pub v: u32,
    /// What the server said last; empty at first.
    #[serde(default)]
    pub challenge: Word,
    /// The token of the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Line>,
    /// The device's name by its configuration, else its host name.
    #[serde(default)]
    pub name: Line,
    /// The board, by its own words.
    #[serde(default)]
    pub board: Line,
    /// The program's version.
    #[serde(default)]
    pub version: Word,
}

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum EnrolAnswer {
    /// Ask again with this.
    Challenge {
        /// The version of this message.
        v: u32,
        /// To be signed with the next request, once, within some minutes.
        challenge: Word,
    },
    /// Somebody has to accept the code.
    Pending(Pending),
    /// It is known from now on.
    Accepted(Admission),
    /// It is not wanted. It plays on, and asks seldom.
    Refused {
        /// The version of this message.
        v: u32,
        /// Why.
        reason: Sentence,
        /// When it may ask again, in s.
        ask_in_s: u32,
    },
}

/// A code that waits for somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pending {
    /// The version of this message.
    pub v: u32,
    /// To be shown.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "BCDF-GHJK"))]
    pub code: Code,
    /// It can be accepted for so long, in s.
    pub ends_in_s: u32,
    /// For the next request.
    pub challenge: Word,
    /// When to ask again, in s.
    pub ask_in_s: u32,
}

/// What makes a device one of the fleet.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Admission {
    /// The version of this message.
    pub v: u32,
    /// Its id from now on.
    pub device: Word,
    /// What it shows with each request (`Authorization: Bearer …`). The server has only its hash.
    pub token: Line,
    /// The server's epoch.
    #[serde(deserialize_with = "limited::number")]
    pub epoch: u64,
    /// The keys that sign its commands and releases.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    #[serde(deserialize_with = "limited::list::<_, _, ROTATIONS_TOLD_MAX>")]
    pub keys: Vec<PublicKey>,
    /// The rotation that made them the keys; 0: none.
    #[serde(default, deserialize_with = "limited::number")]
    pub keys_serial: u64,
    /// Its place, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Word>,
}

impl std::fmt::Debug for Admission {
    /// Without the token, which belongs into no log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admission")
            .field("device", &self.device)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl EnrolRequest {
    /// Signs what a device says of itself.
    pub fn new(text: &EnrolText, key: &SecretKey) -> Self {
        Self { v: FLEET_VERSION, public: key.public(), sealed: Sealed::seal(Context::Enrolment, text, key) }
    }

    /// What the device said, if the key that it names signed it.
    ///
    /// # Errors
    /// Somebody else signed it, or it cannot be read.
    pub fn open(&self) -> Result<EnrolText, SealedError> {
        self.sealed.open(Context::Enrolment, "enrolment", TEXT_LEN_MAX, Some(&self.public))
    }
}

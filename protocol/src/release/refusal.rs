//! Why a release is not taken: what was found, and who can do what about it.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::{Digest, Edition, KeyId, RELEASE_VERSION};

/// See the head of this file. What a device holds stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Longer than it may be.
    #[error("the {what} has {found} bytes; {max} are allowed")]
    TooLong {
        /// Which document.
        what: &'static str,
        /// Its bytes.
        found: u64,
        /// What would be right.
        max: u64,
    },
    /// Only its beginning came.
    #[error("the manifest is cut off: {found} of {said} bytes came; it has to be fetched again")]
    CutOff {
        /// Bytes.
        found: u64,
        /// Bytes by the offer.
        said: u64,
    },
    /// It is not what the offer names: changed on the way or on the server.
    #[error(
        "the manifest is not the one that is offered: its SHA-256 is {found}, that of the offer {said}; was the server's copy changed or half replaced?"
    )]
    OtherContent {
        /// Of what came.
        found: Digest,
        /// Of what was offered.
        said: Digest,
    },
    /// Signed by a key that is not pinned.
    #[error("it is signed by the key {key}, which this device does not know; pin that key if it is yours")]
    UnknownKey {
        /// Its name.
        key: KeyId,
    },
    /// The signature is none.
    #[error(
        "the signature is not by the key {key} over these bytes: somebody changed it, or signed something else"
    )]
    WrongSignature {
        /// Whose it says it is.
        key: KeyId,
    },
    /// Another version of the document.
    #[error(
        "the {what} is of version {found}; this program reads version {RELEASE_VERSION}: update the older one"
    )]
    Version {
        /// Which document.
        what: &'static str,
        /// Its version.
        found: u64,
    },
    /// No JSON, or not what is expected there.
    #[error("the {what} cannot be read: {reason}")]
    Unreadable {
        /// Which document.
        what: &'static str,
        /// Where and why.
        reason: String,
    },
    /// The signed manifest says something else than the offer.
    #[error("the offer says {said}, the signed manifest {found}: the offer was changed")]
    OfferDiffers {
        /// By the offer.
        said: String,
        /// By the manifest.
        found: String,
    },
    /// For another place.
    #[error("it is for the place \"{found}\", and this is \"{ours}\"")]
    OtherPlace {
        /// Whose it is.
        found: String,
        /// Ours.
        ours: String,
    },
    /// Numbers only rise.
    #[error(
        "it is {found}, older than {held}, which is here; to go back, publish the old content under a new number"
    )]
    Older {
        /// Which.
        found: Edition,
        /// What is held.
        held: Edition,
    },
    /// A number with two contents.
    #[error(
        "{edition} is here with other content ({held}, offered {found}): a number was given twice; publish it under a new one"
    )]
    Changed {
        /// Which.
        edition: Edition,
        /// The manifest that is offered.
        found: Digest,
        /// The manifest that is held.
        held: Digest,
    },
    /// Signed, but it says what cannot be.
    #[error("the release is wrong: {path}: {problem}")]
    Wrong {
        /// Where in the manifest, as `blobs[3].size`.
        path: String,
        /// What was found and what would be right.
        problem: String,
    },
    /// A rotation that does not follow the one before.
    #[error("the rotation of keys has serial {found}; after {held} comes {}", held.saturating_add(1))]
    Serial {
        /// Its serial.
        found: u64,
        /// That of the keys here.
        held: u64,
    },
}

impl Refusal {
    pub(super) fn too_long(what: &'static str, found: usize, max: usize) -> Self {
        Self::TooLong { what, found: found as u64, max: max as u64 }
    }

    pub(super) fn wrong(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Wrong { path: path.into(), problem: problem.into() }
    }

    /// Whether asking again later may help: what came was damaged on its way, or is being replaced just now.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::CutOff { .. } | Self::OtherContent { .. } | Self::OfferDiffers { .. })
    }
}

/// Looks at a document's version before anything else of it, so that a later one is told by its number.
pub(super) fn version_of(what: &'static str, bytes: &[u8]) -> Result<(), Refusal> {
    #[derive(Deserialize)]
    struct Versioned {
        v: u64,
    }
    let Versioned { v } = parse(what, bytes)?;
    if v == u64::from(RELEASE_VERSION) { Ok(()) } else { Err(Refusal::Version { what, found: v }) }
}

pub(super) fn parse<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| {
        let reason = match error.classify() {
            Category::Eof => format!("it is cut off ({error})"),
            Category::Syntax | Category::Io => format!("it is no JSON ({error})"),
            Category::Data => error.to_string(),
        };
        Refusal::Unreadable { what, reason }
    })
}

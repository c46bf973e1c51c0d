//! The manifest: everything that a release says.

use std::fmt;

use orchestrion_program::Resolved;
use orchestrion_program::civil::Absolute;
use orchestrion_program::model::{Library, PlaceId};
use serde::{Deserialize, Serialize};

use super::keys::Context;
use super::{Digest, Offer, RELEASE_VERSION, SecretKey};

/// Which release of a place it is. It only rises: going back is a new number with old content, and a server that was
/// restored from a backup raises its epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Edition {
    /// Rises when a server lost what it had published.
    pub epoch: u64,
    /// Rises with each release.
    pub number: u64,
}

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.epoch {
            1 => write!(f, "release {}", self.number),
            epoch => write!(f, "release {} of epoch {epoch}", self.number),
        }
    }
}

/// See [`super`]. Made by who publishes; a device gets one only from [`Manifest::open`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this document: [`RELEASE_VERSION`].
    pub v: u32,
    /// Which release it is.
    #[serde(flatten)]
    pub edition: Edition,
    /// The place that it is for.
    pub place: PlaceId,
    /// When it was made, in ms since 1970 UTC: for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_utc_ms: Option<Absolute>,
    /// From when on it is to be played; without it, as soon as it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_utc_ms: Option<Absolute>,
    /// What plays when. Recordings and playlists are in the catalogue.
    pub program: Resolved,
    /// The recordings and playlists, as they were when it was made.
    #[serde(default)]
    pub catalogue: Library,
    /// Every file that it needs, each once.
    #[serde(default)]
    pub blobs: Vec<Blob>,
}

/// A media file of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// Its name, the SHA-256 of its content.
    pub sha256: Digest,
    /// Its bytes.
    pub size: u64,
    /// How long it lasts, in ms, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// What it is.
    pub kind: Kind,
}

/// What a blob is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Sound.
    Audio,
    /// Moving pictures.
    Film,
    /// A still picture.
    Picture,
    /// What a later version knows.
    #[serde(other)]
    Other,
}

impl Manifest {
    /// All bytes of its blobs.
    pub fn blob_bytes(&self) -> u64 {
        self.blobs.iter().fold(0, |sum, blob| sum.saturating_add(blob.size))
    }

    /// Reads one without asking who signed it: for people who look at it. A device never does.
    ///
    /// # Errors
    /// It is no manifest.
    pub fn peek(bytes: &[u8]) -> Result<Self, super::Refusal> {
        super::refusal::version_of("manifest", bytes)?;
        super::refusal::parse("manifest", bytes)
    }

    /// Its bytes and the offer that is signed for them. Whoever signs has judged it before; so it is asked again.
    ///
    /// # Errors
    /// It could never be opened.
    pub fn seal(&self, key: &SecretKey, keys_serial: u64) -> Result<(Vec<u8>, Offer), super::Refusal> {
        super::judge::judge(self)?;
        // Made of texts and numbers only; it cannot fail.
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        if bytes.len() > super::MANIFEST_LEN_MAX {
            return Err(super::Refusal::too_long("manifest", bytes.len(), super::MANIFEST_LEN_MAX));
        }
        let offer = Offer {
            v: RELEASE_VERSION,
            edition: self.edition,
            place: self.place.clone(),
            manifest: Digest::of(&bytes),
            size: bytes.len() as u64,
            key: key.public().id(),
            signature: key.sign(Context::Manifest, &bytes),
            keys_serial,
        };
        Ok((bytes, offer))
    }
}

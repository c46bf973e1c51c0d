//! What can be played and shown: recordings, and playlists and loops of them, as they were when the release was made.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BlobId, PlaylistId, RecordingId, ScreenLoop, Territory};
use crate::civil::Date;

/// The recordings and playlists of a release.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Library {
    /// Each recording once. At most [`RECORDINGS_MAX`](super::RECORDINGS_MAX).
    pub recordings: Vec<Recording>,
    /// At most [`PLAYLISTS_MAX`](super::PLAYLISTS_MAX).
    pub playlists: Vec<Playlist>,
    /// What screens show. At most [`LOOPS_MAX`](super::LOOPS_MAX).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub loops: Vec<ScreenLoop>,
}

impl Library {
    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.recordings.is_empty() && self.playlists.is_empty() && self.loops.is_empty()
    }
}

/// A recorded performance, a film or a picture, however it is encoded.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// Its id; rotation, rights and reports go by it.
    pub id: RecordingId,
    /// Its encodings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<BlobId>,
    /// Where it lies on a device without releases: paths below the media folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Its title.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Who performs it, each one alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artists: Vec<String>,
    /// The album that it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub album: Option<String>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub composers: Vec<String>,
    /// Who publishes the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// International Standard Recording Code, 12 letters and digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isrc: Option<String>,
    /// Who issued the recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The label's number of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue_number: Option<String>,
    /// How long it is, in ms, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// What may be done with it.
    #[serde(default)]
    pub rights: Rights,
    /// Whether it has words that not every room wants.
    #[serde(default)]
    pub explicit: bool,
    /// How much the owner likes it.
    #[serde(default)]
    pub rating: Rating,
}

/// What may be done with a recording. Asked when it is chosen; once begun, it plays to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rights {
    /// The first date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Date>,
    /// The last date, included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Date>,
    /// The countries; none named: everywhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub territories: Vec<Territory>,
    /// Days since the last contact with the server after which it may not be played.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offline_days: Option<u32>,
    /// Whether it may be skipped.
    pub skippable: bool,
}

impl Default for Rights {
    fn default() -> Self {
        Self { first: None, last: None, territories: Vec::new(), offline_days: None, skippable: true }
    }
}

/// How much the owner likes a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rating {
    /// It is never played, whatever else is loosened.
    Never,
    /// Less often than others.
    Less,
    /// As often as others.
    #[default]
    Normal,
    /// More often than others.
    More,
}

/// Recordings by name, in order: its own first, then those of the playlists that it includes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Playlist {
    /// Its id; no two playlists share one.
    pub id: PlaylistId,
    /// What people call it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its recordings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recordings: Vec<RecordingId>,
    /// Playlists that it includes; never itself, in however many steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub playlists: Vec<PlaylistId>,
    /// On a device without releases: all that lies in this folder below the media folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
}

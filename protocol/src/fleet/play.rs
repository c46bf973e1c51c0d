//! The play log on its way to the server.

use serde::{Deserialize, Serialize};

use super::limited::{self, Line, Sentence, Word};
use super::{BATCH_PLAYS_MAX, ClockTrust};
use crate::release::{Digest, Edition};

/// `POST /device/v1/plays`, packed ([`super::pack`]), with the device's token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlayBatch {
    /// The version of this message.
    pub v: u32,
    /// Whose.
    pub device: Word,
    /// Rows, in any order. Each was closed, so none changes any more.
    #[serde(deserialize_with = "limited::list::<_, _, BATCH_PLAYS_MAX>")]
    pub plays: Vec<PlayRecord>,
}

/// Which play of a device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlayRef {
    /// The device's run.
    #[serde(deserialize_with = "limited::number")]
    pub run: u64,
    /// Its number in that run.
    #[serde(deserialize_with = "limited::number")]
    pub seq: u64,
}

/// One row: something was heard or seen, or was due and was not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlayRecord {
    /// Which.
    #[serde(flatten)]
    pub name: PlayRef,
    /// The kernel's name for the boot of its run.
    #[serde(default)]
    pub boot_id: Word,
    /// music, spot, film, picture, jingle, stream; later versions may add words.
    pub kind: Word,
    /// When it began, in ms since 1970; null where nobody knew the time.
    #[serde(default, deserialize_with = "limited::time_or_null")]
    pub started_utc_ms: Option<i64>,
    /// How far that may be off, in ms.
    #[serde(default, deserialize_with = "limited::number_or_null")]
    pub uncertainty_ms: Option<u64>,
    /// How far the time was known.
    #[serde(default)]
    pub clock: ClockTrust,
    /// The date at the place, as 2026-12-24.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_date: Option<Word>,
    /// Seconds by which local time was ahead of UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset_s: Option<i32>,
    /// Start and end since the boot, in ms.
    #[serde(deserialize_with = "limited::number")]
    pub started_mono_ms: u64,
    /// See `started_mono_ms`.
    #[serde(default, deserialize_with = "limited::number_or_null")]
    pub ended_mono_ms: Option<u64>,
    /// The place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Word>,
    /// The place's time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Word>,
    /// The country whose rights held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub territory: Option<Word>,
    /// Where the sound went.
    #[serde(default)]
    pub output: Line,
    /// The release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Edition>,
    /// The recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<Word>,
    /// The SHA-256 of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, min_length = 64, max_length = 64))]
    pub blob: Option<Digest>,
    /// The title.
    #[serde(default)]
    pub title: Line,
    /// Who plays it.
    #[serde(default)]
    pub artist: Line,
    /// What it is from.
    #[serde(default)]
    pub album: Line,
    /// How long the file is, in ms.
    #[serde(default, deserialize_with = "limited::number_or_null")]
    pub duration_ms: Option<u64>,
    /// Where in the file it began, in ms.
    #[serde(default, deserialize_with = "limited::number")]
    pub start_offset_ms: u64,
    /// How much was played, in ms.
    #[serde(default, deserialize_with = "limited::number")]
    pub heard_ms: u64,
    /// How much of it somebody could hear, in ms.
    #[serde(default, deserialize_with = "limited::number")]
    pub audible_ms: u64,
    /// How much of it somebody could see, in ms.
    #[serde(default, deserialize_with = "limited::number")]
    pub visible_ms: u64,
    /// Of a film or picture: how often it began. One row is of half an hour.
    #[serde(default, deserialize_with = "limited::number_or_null", skip_serializing_if = "Option::is_none")]
    pub showings: Option<u64>,
    /// Of a film or picture: frames that were due.
    #[serde(default, deserialize_with = "limited::number_or_null", skip_serializing_if = "Option::is_none")]
    pub frames_expected: Option<u64>,
    /// Of these, frames that were shown.
    #[serde(default, deserialize_with = "limited::number_or_null", skip_serializing_if = "Option::is_none")]
    pub frames_presented: Option<u64>,
    /// In dB of full scale; null when muted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_db: Option<f32>,
    /// Why: the daypart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daypart: Option<Word>,
    /// Why: the playlist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub playlist: Option<Word>,
    /// Why: the spot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spot: Option<Word>,
    /// What the spot counts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<Word>,
    /// When the spot was due, in ms since 1970.
    #[serde(default, deserialize_with = "limited::time_or_null")]
    pub scheduled_utc_ms: Option<i64>,
    /// Its position in the break, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_position: Option<u32>,
    /// Which rules were not kept, as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loosened: Option<Sentence>,
    /// queue, user, resume, spot, emergency, loop; later versions may add words.
    #[serde(default)]
    pub chosen_by: Word,
    /// The play that was cut off and that this one goes on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<PlayRef>,
    /// finished, skipped, cut, failed, missed, power, crash; later versions may add words.
    pub how: Word,
    /// In a sentence, where there is something to say.
    #[serde(default)]
    pub reason: Sentence,
}

/// What a server answers: each row of the batch is in just one of the three, and is not to be sent again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlayAnswer {
    /// The version of this message.
    pub v: u32,
    /// Rows that are on its disk now.
    pub kept: u32,
    /// Rows that it had already.
    pub known: u32,
    /// Rows that say what cannot be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(deserialize_with = "limited::list::<_, _, BATCH_PLAYS_MAX>")]
    pub refused: Vec<RefusedPlay>,
}

/// A row that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RefusedPlay {
    /// Which.
    #[serde(flatten)]
    pub name: PlayRef,
    /// Why.
    pub reason: Sentence,
}

/// The longest that something can play, in ms: a week.
const PLAY_MS_MAX: u64 = 7 * 24 * 3600 * 1000;
/// The most showings of a row: one each tenth of a second, for a week.
const SHOWINGS_MAX: u64 = PLAY_MS_MAX / 100;

impl PlayRecord {
    /// Whether what it says can be; a row for which it cannot is reported and not counted.
    ///
    /// # Errors
    /// What cannot be.
    pub fn judge(&self) -> Result<(), String> {
        if self.name.run == 0 || self.name.seq == 0 {
            return Err(format!("run {} and number {} count from 1", self.name.run, self.name.seq));
        }
        for (what, ms) in
            [("heard_ms", self.heard_ms), ("audible_ms", self.audible_ms), ("visible_ms", self.visible_ms)]
        {
            if ms > PLAY_MS_MAX {
                return Err(format!("{what} is {ms}; {PLAY_MS_MAX} at most"));
            }
        }
        if self.audible_ms > self.heard_ms {
            return Err(format!("{} ms were audible of {} that were played", self.audible_ms, self.heard_ms));
        }
        if self.showings.is_some_and(|showings| showings > SHOWINGS_MAX) {
            return Err(format!("{} showings; {SHOWINGS_MAX} at most", self.showings.unwrap_or(0)));
        }
        if self.frames_presented.unwrap_or(0) > self.frames_expected.unwrap_or(0) {
            return Err("more frames were shown than were due".to_owned());
        }
        if self.ended_mono_ms.is_some_and(|ended| ended < self.started_mono_ms) {
            return Err("it ended before it began".to_owned());
        }
        if self.kind.is_empty() || self.how.is_empty() {
            return Err("kind and how are empty".to_owned());
        }
        if self.volume_db.is_some_and(|db| !(-200.0..=60.0).contains(&db)) {
            return Err("volume_db is no volume".to_owned());
        }
        Ok(())
    }
}

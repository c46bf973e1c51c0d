//! What was heard: rows of devices, each counted exactly once, whenever and however often it comes.
//!
//! A row's key is (device, run, seq). It is written and counted into its hour in one transaction, and only if it was not there;
//! so a batch that comes twice, late, cut in two or in any order gives the same sums. Rows are facts: they refer to nothing
//! that could be deleted.

pub mod export;

use orchestrion_protocol::fleet::{FLEET_VERSION, PlayAnswer, PlayBatch, PlayRecord, RefusedPlay, Sentence};
use orchestrion_protocol::method::InheritedPlay;
use sea_orm::FromQueryResult;
use serde::Serialize;
use utoipa::ToSchema;

use crate::database::{Transaction, execute, number, values};
use crate::server::App;
use crate::time::HOUR_MS;
use crate::{Error, Result, retention};

/// The hour of plays for which nobody knew the time.
const HOUR_UNKNOWN: i64 = -1;
/// Hours in one list.
const HOURS_MAX: u32 = 10_000;

#[derive(FromQueryResult)]
struct RecordRow {
    record: String,
}

/// What was heard in an hour at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, FromQueryResult)]
pub struct Hour {
    /// Hours since 1970 UTC; −1: nobody knew the time.
    pub hour: i64,
    /// The place; empty where there was none.
    pub place: String,
    /// music, spot …
    pub kind: String,
    /// Plays; of films and pictures, showings.
    pub plays: i64,
    /// Spots that were due and not heard.
    pub missed: i64,
    /// Played, in ms.
    pub heard_ms: i64,
    /// Of it to a real output, in ms.
    pub audible_ms: i64,
    /// Of it on a screen that was there, in ms.
    pub visible_ms: i64,
}

/// Takes a batch; when this returns, each row is on the disk, was there before, or is refused by name.
///
/// # Errors
/// The batch is of another device, or the database does not take it; then no row was counted.
pub async fn take(app: &App, device: &str, batch: &PlayBatch) -> Result<PlayAnswer> {
    if batch.device.as_str() != device {
        return Err(Error::Forbidden("the token is that of another device".into()));
    }
    let mut answer = PlayAnswer { v: FLEET_VERSION, ..PlayAnswer::default() };
    let place_now = app.fleet.roster.lock().device(device)?.place.clone().unwrap_or_default();
    let utc_ms = app.clock.utc_ms();
    let transaction = app.database.begin().await?;
    let trimmed = retention::trimmed(&transaction, device).await?;
    for record in &batch.plays {
        if let Err(reason) = record.judge() {
            answer.refused.push(RefusedPlay { name: record.name, reason: Sentence::cut(&reason) });
            continue;
        }
        let place = record.place.as_ref().map_or(place_now.as_str(), |place| place.as_str());
        if insert(&transaction, device, place, (record, utc_ms, trimmed)).await? {
            answer.kept += 1;
            count(&transaction, place, record).await?;
        } else {
            answer.known += 1;
        }
    }
    transaction.commit().await?;
    if let Some(first) = answer.refused.first() {
        log::warn!(
            "device {device}: {} rows of its play log say what cannot be, as {}/{}: {}",
            answer.refused.len(),
            first.name.run,
            first.name.seq,
            first.reason
        );
    }
    Ok(answer)
}

/// Whether the row is new.
async fn insert(
    transaction: &Transaction,
    device: &str,
    place: &str,
    (record, utc_ms, trimmed): (&PlayRecord, i64, (i64, i64)),
) -> Result<bool> {
    // Up to there rows were taken away that were counted when they came.
    if (number(record.name.run), number(record.name.seq)) <= trimmed {
        return Ok(false);
    }
    let text = serde_json::to_string(record).map_err(|error| Error::Internal(error.to_string()))?;
    let recording = record.recording.as_ref().map_or("", |recording| recording.as_str());
    let new = execute(
        transaction,
        "INSERT INTO plays (device, run, seq, place, recording, kind, how, started_utc_ms, heard_ms, audible_ms, came_utc_ms, record)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING",
        values![
            device, number(record.name.run), number(record.name.seq), place, recording, record.kind.as_str(),
            record.how.as_str(), record.started_utc_ms, number(record.heard_ms), number(record.audible_ms), utc_ms, text
        ],
    )
    .await?;
    Ok(new > 0)
}

/// Counts a new row into its hour.
async fn count(transaction: &Transaction, place: &str, record: &PlayRecord) -> Result<()> {
    let hour = record.started_utc_ms.map_or(HOUR_UNKNOWN, |ms| ms.div_euclid(HOUR_MS));
    let is_missed = record.how.as_str() == "missed";
    // A row of a screen is all showings of half an hour.
    let plays = record.showings.map_or(1, number);
    let (plays, missed) = if is_missed { (0, 1) } else { (plays, 0) };
    execute(
        transaction,
        "INSERT INTO hours (hour, place, kind, plays, missed, heard_ms, audible_ms, visible_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (hour, place, kind) DO UPDATE SET plays = hours.plays + excluded.plays,
             missed = hours.missed + excluded.missed, heard_ms = hours.heard_ms + excluded.heard_ms,
             audible_ms = hours.audible_ms + excluded.audible_ms, visible_ms = hours.visible_ms + excluded.visible_ms",
        values![
            hour, place, record.kind.as_str(), plays, missed, number(record.heard_ms), number(record.audible_ms),
            number(record.visible_ms)
        ],
    )
    .await?;
    Ok(())
}

/// The last songs of a device of which the time is known, the newest first; one that went on after a restart counts once.
///
/// # Errors
/// The database does not give them.
pub async fn last_songs(app: &App, device: &str, len_max: u32) -> Result<Vec<InheritedPlay>> {
    let rows: Vec<RecordRow> = app
        .database
        .rows(
            "SELECT record FROM plays WHERE device = $1 AND kind = 'music' AND recording <> '' AND started_utc_ms IS NOT NULL
             ORDER BY run DESC, seq DESC LIMIT $2",
            values![device, i64::from(len_max)],
        )
        .await?;
    let read = rows.iter().filter_map(|row| serde_json::from_str::<PlayRecord>(&row.record).ok());
    let begun = read.filter(|record| record.continues.is_none());
    Ok(begun
        .filter_map(|record| {
            Some(InheritedPlay {
                recording: record.recording?.to_string(),
                at_utc_ms: record.started_utc_ms?,
                playlist: record.playlist.map(|list| list.to_string()),
            })
        })
        .collect())
}

/// Sums by the hour, from `from` to before `until`, both in ms since 1970.
///
/// # Errors
/// The database does not give them.
pub async fn hours(app: &App, place: Option<&str>, from: i64, until: i64) -> Result<Vec<Hour>> {
    app.database
        .rows(
            "SELECT hour, place, kind, plays, missed, heard_ms, audible_ms, visible_ms FROM hours
             WHERE hour >= $1 AND hour < $2 AND ($3 = '' OR place = $3) ORDER BY hour, place, kind LIMIT $4",
            values![
                from.div_euclid(HOUR_MS),
                until.div_euclid(HOUR_MS) + i64::from(until.rem_euclid(HOUR_MS) > 0),
                place.unwrap_or_default(),
                i64::from(HOURS_MAX)
            ],
        )
        .await
}

//! Rows of the play log on their way to a server: closed ones, in order, as they travel. Reads beside the running device.

use std::path::Path;

use orchestrion_protocol::fleet::{ClockTrust, Line, PlayRecord, PlayRef, Sentence, Word};
use orchestrion_protocol::release::{Digest, Edition};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::read::read;
use super::rows::{number, path_of, unsigned, unsigned_or_null, viewed};
use super::{Error, PlayKey};

/// What of the play log was not delivered.
#[derive(Debug, Default)]
pub struct Closed {
    /// The first closed rows, in order.
    pub rows: Vec<PlayRecord>,
    /// Closed rows in all, but no more than were asked for at most to be counted.
    pub len: u64,
    /// The first row that is still open.
    pub first_open: Option<PlayKey>,
}

/// The first `len` closed rows after one, in the database at `path`; counts up to `count_max` of them.
///
/// # Errors
/// As [`super::read_plays`].
pub fn read_closed(
    path: &Path,
    after: PlayKey,
    len: usize,
    count_max: u64,
) -> std::result::Result<Closed, Error> {
    read(path, &|connection| {
        Ok(Closed {
            rows: rows(connection, after, len)?,
            len: count(connection, after, count_max)?,
            first_open: first_open(connection)?,
        })
    })
}

fn rows(connection: &Connection, after: PlayKey, len: usize) -> Result<Vec<PlayRecord>> {
    let sql = "SELECT plays.*, runs.boot_id FROM plays LEFT JOIN runs ON runs.run = plays.run
        WHERE (plays.run, plays.seq) > (?1, ?2) AND how IS NOT NULL ORDER BY plays.run, plays.seq LIMIT ?3";
    let limit = i64::try_from(len).unwrap_or(i64::MAX);
    connection
        .prepare(sql)?
        .query_map(params![number(after.run), number(after.seq), limit], record)?
        .collect()
}

fn count(connection: &Connection, after: PlayKey, max: u64) -> Result<u64> {
    let sql = "SELECT count(*) AS n FROM
        (SELECT 1 FROM plays WHERE (run, seq) > (?1, ?2) AND how IS NOT NULL LIMIT ?3)";
    connection
        .query_row(sql, params![number(after.run), number(after.seq), number(max)], |row| unsigned(row, "n"))
}

fn first_open(connection: &Connection) -> Result<Option<PlayKey>> {
    let sql = "SELECT run, seq FROM plays WHERE how IS NULL ORDER BY run, seq LIMIT 1";
    let key = |row: &Row<'_>| Ok(PlayKey { run: unsigned(row, "run")?, seq: unsigned(row, "seq")? });
    connection.query_row(sql, [], key).optional()
}

fn record(row: &Row<'_>) -> Result<PlayRecord> {
    let word = |column: &str| -> Result<Option<Word>> {
        Ok(row.get::<_, Option<String>>(column)?.as_deref().map(Word::cut))
    };
    let line = |column: &str| -> Result<Option<Line>> {
        Ok(row.get::<_, Option<String>>(column)?.as_deref().map(Line::cut))
    };
    let small = |column: &str| -> Result<Option<u32>> {
        Ok(row.get::<_, Option<i64>>(column)?.and_then(|value| u32::try_from(value).ok()))
    };
    let time = |column: &str| -> Result<Option<i64>> {
        Ok(row.get::<_, Option<i64>>(column)?.filter(|ms| *ms >= 0))
    };
    let recording = word("recording")?;
    // A file without tags is called by its name; a release's is called by its content, and known by its recording.
    let title = match line("title")? {
        None if recording.is_none() => Line::cut(&stem(&path_of(row, "path")?)),
        title => title.unwrap_or_default(),
    };
    let heard_ms = unsigned_or_null(row, "heard_ms")?.unwrap_or(0);
    let continues = unsigned_or_null(row, "continues_run")?.zip(unsigned_or_null(row, "continues_seq")?);
    let release = unsigned_or_null(row, "release_epoch")?.zip(unsigned_or_null(row, "release_number")?);
    let clock = match row.get::<_, Option<String>>("clock")?.as_deref() {
        Some("trusted" | "later") => ClockTrust::Trusted,
        Some("floor") => ClockTrust::Floor,
        Some(_) | None => ClockTrust::None,
    };
    let started_mono_ms = unsigned(row, "started_mono_ms")?;
    let viewed = viewed(row)?;
    Ok(PlayRecord {
        name: PlayRef { run: unsigned(row, "run")?, seq: unsigned(row, "seq")? },
        boot_id: word("boot_id")?.unwrap_or_default(),
        kind: word("kind")?.unwrap_or_default(),
        started_utc_ms: time("started_wall_ms")?,
        uncertainty_ms: unsigned_or_null(row, "wall_uncertainty_ms")?,
        clock,
        local_date: word("local_date")?,
        offset_s: row.get::<_, Option<i64>>("offset_s")?.and_then(|offset| i32::try_from(offset).ok()),
        started_mono_ms,
        ended_mono_ms: unsigned_or_null(row, "ended_mono_ms")?.filter(|ended| *ended >= started_mono_ms),
        place: word("place")?,
        zone: word("zone")?,
        territory: word("territory")?,
        output: line("output")?.unwrap_or_default(),
        release: release.map(|(epoch, number)| Edition { epoch, number }),
        recording,
        blob: row.get::<_, Option<Vec<u8>>>("blob")?.and_then(|bytes| digest(&bytes)),
        title,
        artist: line("artist")?.unwrap_or_default(),
        album: line("album")?.unwrap_or_default(),
        duration_ms: unsigned_or_null(row, "duration_ms")?,
        start_offset_ms: unsigned(row, "start_offset_ms")?,
        heard_ms,
        audible_ms: unsigned_or_null(row, "audible_ms")?.unwrap_or(0).min(heard_ms),
        visible_ms: viewed.map_or(0, |viewed| viewed.visible_ms),
        showings: viewed.map(|viewed| viewed.showings),
        frames_expected: viewed.map(|viewed| viewed.frames_expected),
        frames_presented: viewed.map(|viewed| viewed.frames_presented),
        volume_db: row.get::<_, Option<f64>>("volume_db")?.map(|db| db as f32),
        daypart: word("daypart")?,
        playlist: word("playlist")?,
        spot: word("spot")?,
        campaign: word("campaign")?,
        scheduled_utc_ms: time("scheduled_wall_ms")?,
        break_position: small("break_position")?,
        loosened: row.get::<_, Option<String>>("loosened")?.as_deref().map(Sentence::cut),
        chosen_by: word("chosen_by")?.unwrap_or_default(),
        continues: continues.map(|(run, seq)| PlayRef { run, seq }),
        how: word("how")?.unwrap_or_default(),
        reason: Sentence::cut(&row.get::<_, Option<String>>("reason")?.unwrap_or_default()),
    })
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn digest(bytes: &[u8]) -> Option<Digest> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    hex.parse().ok()
}

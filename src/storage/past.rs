//! What was played lately, as a start finds it in the play log: for the rules of rotation, which must hold over a restart.

use std::path::PathBuf;

use rusqlite::{Connection, Result, Row};

use super::rows::{number, path_of, unsigned, unsigned_or_null};
use crate::time::Wall;

/// Plays that a start looks back on: at 400 a day more than three weeks, where the longest usual rule asks for a day. The
/// log's end is read and no more of it, however long it is.
pub const PAST_LEN_MAX: usize = 10_000;
/// Rows in which the latest time of day is looked for.
const LATEST_LEN: i64 = 100;

/// What was played before this run.
///
/// Times of day are not compared with each other where that can be helped, since somebody may have set the clock by years in
/// between: within a boot the monotonic clock tells how long ago something was, between boots the time of day does, and where
/// that is not known or runs backwards, no time has passed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Past {
    /// The songs, the oldest first; one that went on after a restart counts once.
    pub plays: Vec<PastPlay>,
    /// The number of the next choice of the program.
    pub choices: u64,
    /// The last time of day that was believed: it is later now.
    pub latest_wall: Option<Wall>,
    /// What has to be added to the monotonic clock to go on with the times of `plays`, if the last one is of this boot.
    pub offset_ms: Option<i64>,
    /// The time of day when the last of `plays` began, by the clock of then.
    pub last_wall: Option<Wall>,
}

/// A song that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastPlay {
    /// What it was.
    pub song: PastSong,
    /// When it began, in ms since 1970 as the last time of day in the log has it; see [`Past`].
    pub at_ms: i64,
    /// The playlist that it was chosen from, and its place there.
    pub from: Option<(String, u32)>,
}

/// By what a song is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PastSong {
    /// By its recording.
    Recording(String),
    /// By its file only.
    File(PathBuf),
}

/// A song's row as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRow {
    /// The kernel's name for its boot; empty where that is not known.
    pub boot_id: String,
    /// When it began, on that boot's clock.
    pub mono_ms: u64,
    /// The same by the time of day, where that was known.
    pub wall_ms: Option<i64>,
    /// It went on with one before it.
    pub goes_on: bool,
    /// What it was.
    pub song: PastSong,
    /// See [`PastPlay::from`].
    pub from: Option<(String, u32)>,
    /// The number of its choice.
    pub choice: Option<u64>,
}

impl PastRow {
    /// How long after another one it began, as far as anybody knows.
    fn since_ms(&self, before: &Self) -> i64 {
        if !self.boot_id.is_empty() && self.boot_id == before.boot_id {
            return number(self.mono_ms.saturating_sub(before.mono_ms));
        }
        let known = self.wall_ms.zip(before.wall_ms);
        known.map_or(0, |(wall_ms, before_ms)| wall_ms.saturating_sub(before_ms).max(0))
    }
}

impl Past {
    /// Of these rows, the oldest first, for a start in this boot.
    pub fn of_rows(rows: Vec<PastRow>, latest_wall: Option<Wall>, boot_id: &str) -> Self {
        let mut past = Self { latest_wall, ..Self::default() };
        let mut at_ms = 0i64;
        let mut times_ms = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            let before = index.checked_sub(1).and_then(|before| rows.get(before));
            at_ms = at_ms.saturating_add(before.map_or(0, |before| row.since_ms(before)));
            times_ms.push(at_ms);
        }
        let anchor = rows.iter().zip(&times_ms).rev().find_map(|(row, ms)| Some(row.wall_ms? - ms));
        let anchor_ms = anchor.unwrap_or(0);
        if let (Some(last), Some(ms)) = (rows.last(), times_ms.last()) {
            let is_here = !last.boot_id.is_empty() && last.boot_id == boot_id;
            past.offset_ms =
                is_here.then(|| ms.saturating_add(anchor_ms).saturating_sub(number(last.mono_ms)));
            past.last_wall = last.wall_ms.map(Wall);
        }
        for (row, ms) in rows.into_iter().zip(times_ms) {
            past.choices =
                row.choice.map_or(past.choices, |choice| past.choices.max(choice.saturating_add(1)));
            if !row.goes_on {
                let at_ms = ms.saturating_add(anchor_ms);
                past.plays.push(PastPlay { song: row.song, at_ms, from: row.from });
            }
        }
        past
    }
}

pub(super) fn read(connection: &Connection, boot_id: &str) -> Result<Past> {
    let mut rows = last_rows(connection)?;
    rows.reverse();
    Ok(Past::of_rows(rows, latest_wall(connection)?, boot_id))
}

fn last_rows(connection: &Connection) -> Result<Vec<PastRow>> {
    let mut statement = connection.prepare(
        "SELECT plays.started_mono_ms AS mono_ms, plays.started_wall_ms AS wall_ms,
                coalesce(boot_id, '') AS boot_id, recording, CASE WHEN recording IS NULL THEN path END AS path,
                playlist, position, choice, continues_run
         FROM plays LEFT JOIN runs ON runs.run = plays.run
         WHERE kind = 'music' ORDER BY plays.run DESC, seq DESC LIMIT ?1",
    )?;
    statement.query_map([number(PAST_LEN_MAX as u64)], row)?.collect()
}

fn row(row: &Row<'_>) -> Result<PastRow> {
    let song = match row.get::<_, Option<String>>("recording")? {
        Some(recording) => PastSong::Recording(recording),
        None => PastSong::File(path_of(row, "path")?),
    };
    let playlist: Option<String> = row.get("playlist")?;
    let position = unsigned_or_null(row, "position")?.and_then(|position| u32::try_from(position).ok());
    Ok(PastRow {
        boot_id: row.get("boot_id")?,
        mono_ms: unsigned(row, "mono_ms")?,
        wall_ms: row.get("wall_ms")?,
        goes_on: row.get::<_, Option<i64>>("continues_run")?.is_some(),
        song,
        from: playlist.zip(position),
        choice: unsigned_or_null(row, "choice")?,
    })
}

/// The latest time of day in the log's last rows and in the last runs.
fn latest_wall(connection: &Connection) -> Result<Option<Wall>> {
    let latest: Option<i64> = connection.query_row(
        "SELECT max(wall_ms) FROM (
             SELECT * FROM (SELECT started_wall_ms AS wall_ms FROM runs ORDER BY run DESC LIMIT ?1)
             UNION ALL
             SELECT * FROM (SELECT started_wall_ms FROM plays ORDER BY run DESC, seq DESC LIMIT ?1))",
        [LATEST_LEN],
        |row| row.get(0),
    )?;
    Ok(latest.map(Wall))
}

//! Opening `state.sqlite`: how SQLite is set up, whether the file can be trusted, and what stands in it.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Result, Row};

use super::damage::{self, is_refusal};
use super::queue::SavedQueue;
use super::rows::{self, unsigned};
use super::{Checkpoint, Memories, PieceMemories, PlayKey, RUN_MAX, Settings, database_path, migrate};
use crate::time::Mono;

/// Before 3.51.3 a write-ahead log with two connections could damage the file.
const WAL_SAFE_SINCE: i32 = 3_051_003;
/// How long another process (someone who reads the play log) may hold the file.
const BUSY: Duration = Duration::from_secs(2);
/// What SQLite may hold of the file in memory, in KiB; its own bound is 2 MiB, into which the play log would grow for weeks.
const CACHE_LEN_KIB: i64 = 64;
/// A page of a new file, in bytes: each page that changes goes whole into the write-ahead log, and what changes with a song
/// are some ten rows. Half of what pages of 4096 cost the card.
const PAGE_LEN: i64 = 1024;
/// The write-ahead log is cut back to this after it was large, in bytes.
const WAL_LEN: i64 = 4 * 1024 * 1024;

/// What stands in the file.
#[derive(Debug)]
pub(super) struct Found {
    /// 0 in a new one.
    pub(super) last_run: u64,
    pub(super) queue: SavedQueue,
    pub(super) checkpoint: Option<Checkpoint>,
    pub(super) settings: Option<Settings>,
    pub(super) memories: Memories,
    pub(super) pieces: PieceMemories,
    /// How the play ended that the checkpoint names, and with which words.
    pub(super) checkpoint_end: Option<(String, String)>,
    pub(super) left_open: Vec<LeftOpen>,
    pub(super) plays_len: u64,
}

/// A row of the play log that nobody has closed.
#[derive(Debug)]
pub(super) struct LeftOpen {
    pub(super) key: PlayKey,
    pub(super) started: Mono,
    /// The boot of its run; empty where that is not known.
    pub(super) boot_id: String,
}

/// A file that can be trusted.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) found: Found,
    /// What was wrong with the one that was put aside for it.
    pub(super) damage: Option<String>,
}

enum Problem {
    /// The file is not what it should be.
    Damaged(String),
    /// Something around it is in the way.
    Refused(String),
}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Self {
        if is_refusal(&error) {
            Self::Refused(damage::words(&error))
        } else {
            Self::Damaged(error.to_string())
        }
    }
}

/// Opens the database; one that is damaged is put aside and a new one made. `was_used` tells an empty file that was
/// cut off from one that has only been created.
///
/// # Errors
/// A sentence: what is in the way, and what to do about it.
pub(super) fn open_or_replace(state_dir: &Path, was_used: bool) -> std::result::Result<Opened, String> {
    let words = match open(state_dir, was_used) {
        Ok((connection, found)) => return Ok(Opened { connection, found, damage: None }),
        Err(Problem::Refused(words)) => return Err(words),
        Err(Problem::Damaged(words)) => words,
    };
    let aside = damage::put_aside(state_dir)
        .map_err(|error| format!("it is damaged ({words}) and cannot be put aside: {error}"))?;
    let damage = format!("state.sqlite was damaged ({words}); it lies beside the new one as {aside}");
    match open(state_dir, was_used) {
        Ok((connection, found)) => Ok(Opened { connection, found, damage: Some(damage) }),
        Err(Problem::Refused(words) | Problem::Damaged(words)) => Err(words),
    }
}

fn open(state_dir: &Path, was_used: bool) -> std::result::Result<(Connection, Found), Problem> {
    if let Some(words) = damage::seen_from_outside(state_dir, was_used) {
        return Err(Problem::Damaged(words));
    }
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(database_path(state_dir), flags)?;
    set_up(&connection)?;
    check(&connection)?;
    migrate::migrate(&mut connection)?;
    if let Some(column) = migrate::missing_column(&connection)? {
        return Err(Problem::Damaged(format!("it has no {column}")));
    }
    let found = read(&connection)?;
    if found.last_run > RUN_MAX {
        return Err(Problem::Damaged(format!("it counts {} runs", found.last_run)));
    }
    Ok((connection, found))
}

fn set_up(connection: &Connection) -> Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // A negative number counts KiB, not pages.
    connection.pragma_update(None, "cache_size", -CACHE_LEN_KIB)?;
    // Only a file that is not there yet takes it, and only before it has a journal.
    connection.pragma_update(None, "page_size", PAGE_LEN)?;
    let wanted = journal_for(rusqlite::version_number());
    let got: String =
        connection.pragma_update_and_check(None, "journal_mode", wanted, |row: &Row<'_>| row.get(0))?;
    if !got.eq_ignore_ascii_case(wanted) {
        log::warn!(
            "state.sqlite keeps its journal as \"{got}\" where \"{wanted}\" was asked for; writes are slower"
        );
    }
    connection.pragma_update_and_check(None, "journal_size_limit", WAL_LEN, |_| Ok(()))
}

/// The version of SQLite that is built in.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// Whether that version's write-ahead log can be used.
pub fn sqlite_is_safe() -> bool {
    rusqlite::version_number() >= WAL_SAFE_SINCE
}

/// The journal for a version of SQLite, given as `3_051_003` for 3.51.3.
pub(super) fn journal_for(sqlite_version: i32) -> &'static str {
    if sqlite_version >= WAL_SAFE_SINCE {
        return "WAL";
    }
    log::warn!(
        "SQLite {} can damage a write-ahead log; state.sqlite uses a rollback journal, which is slower. Build with \
         SQLite 3.51.3 or newer",
        rusqlite::version()
    );
    "TRUNCATE"
}

fn check(connection: &Connection) -> std::result::Result<(), Problem> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(Problem::Damaged(verdict)) }
}

fn read(connection: &Connection) -> Result<Found> {
    let checkpoint = rows::load_checkpoint(connection)?;
    let checkpoint_end = match checkpoint.as_ref().and_then(|checkpoint| checkpoint.play) {
        Some(play) => rows::end_of(connection, play.key)?,
        None => None,
    };
    let count = |sql: &str| connection.query_row(sql, [], |row| unsigned(row, "n"));
    Ok(Found {
        // A run is counted before it plays; if its row was lost, its plays still tell its number.
        last_run: count(
            "SELECT max(coalesce((SELECT max(run) FROM runs), 0), coalesce((SELECT max(run) FROM plays), 0)) AS n",
        )?,
        queue: SavedQueue::load(connection)?,
        checkpoint,
        settings: rows::load_settings(connection)?,
        memories: rows::load_memories(connection)?,
        pieces: rows::load_pieces(connection)?,
        checkpoint_end,
        left_open: left_open(connection)?,
        plays_len: count("SELECT count(*) AS n FROM plays")?,
    })
}

fn left_open(connection: &Connection) -> Result<Vec<LeftOpen>> {
    let mut statement = connection.prepare(
        "SELECT plays.run, seq, plays.started_mono_ms, coalesce(boot_id, '') AS boot_id
         FROM plays LEFT JOIN runs ON runs.run = plays.run WHERE how IS NULL ORDER BY plays.run, seq",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(LeftOpen {
            key: PlayKey { run: unsigned(row, "run")?, seq: unsigned(row, "seq")? },
            started: Mono(unsigned(row, "started_mono_ms")?),
            boot_id: row.get("boot_id")?,
        })
    })?;
    rows.collect()
}

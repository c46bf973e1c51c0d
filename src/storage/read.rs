//! Reading the play log, for people and tests. Opens the file read-only beside the running device and never disturbs it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use orchestrion_protocol::release::Edition;
use rusqlite::types::FromSql;
use rusqlite::{Connection, ErrorCode, OpenFlags, Params, Result, Row};

use super::rows::{path_of, unsigned, unsigned_or_null, viewed};
use super::{Error, PlayKey, Viewed, damage, migrate};
use crate::time::{Mono, Wall};

/// How long a writer may hold the file.
const BUSY: Duration = Duration::from_secs(5);

/// One row of the play log, as it stands there: see [`super::PlayStart`] and [`super::PlayEnd`] for its fields.
/// Words are texts, since a newer version may have written others than this one knows.
#[derive(Debug, Clone, PartialEq)]
pub struct PlayRow {
    /// Which play.
    pub key: PlayKey,
    /// The file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// When it was changed, milliseconds since 1970.
    pub modified_ms: i64,
    /// By its tags.
    pub title: Option<String>,
    /// By its tags.
    pub artist: Option<String>,
    /// By its tags.
    pub album: Option<String>,
    /// When it began.
    pub started: Mono,
    /// The same by wall time.
    pub started_wall: Option<Wall>,
    /// How long the file is.
    pub duration_ms: Option<u64>,
    /// Where in the file it began.
    pub start_offset_ms: u64,
    /// The output.
    pub output: String,
    /// The volume in dB of full scale; `None` when muted or at 0.
    pub volume_db: Option<f64>,
    /// Why this song; see [`super::ChosenBy::as_str`].
    pub chosen_by: String,
    /// The play that this one goes on with.
    pub continues: Option<PlayKey>,
    /// What it is: see [`super::PlayKind::as_str`]; `None` in rows of the first versions.
    pub kind: Option<String>,
    /// What the program says of it.
    pub program: PlayRowProgram,
    /// How far `started_wall` is to be believed: trusted, floor, none, or later when it was filled in afterwards; `None`
    /// in rows of the first versions.
    pub clock: Option<String>,
    /// Its end; `None` while it is open.
    pub end: Option<PlayRowEnd>,
}

/// What a program says of a play, as it stands in its row: see [`super::Programmed`]. All empty where there was none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlayRowProgram {
    /// The place's id.
    pub place: Option<String>,
    /// The recording's id.
    pub recording: Option<String>,
    /// The daypart that held.
    pub daypart: Option<String>,
    /// The playlist that it was chosen from.
    pub playlist: Option<String>,
    /// What was not kept, as JSON.
    pub loosened: Option<String>,
    /// The number of the choice.
    pub choice: Option<u64>,
    /// The spot's id.
    pub spot: Option<String>,
    /// When the spot was due.
    pub scheduled: Option<Wall>,
    /// The date at the place, as `2026-12-24`.
    pub local_date: Option<String>,
    /// Seconds that local time was ahead of UTC.
    pub offset_s: Option<i64>,
    /// The release that was on the air.
    pub release: Option<Edition>,
}

impl PlayRowProgram {
    /// What was not kept, in words; empty when all was.
    pub fn loosened_words(&self) -> Vec<String> {
        let Some(text) = self.loosened.as_deref() else { return Vec::new() };
        match serde_json::from_str::<Vec<orchestrion_program::rotation::Loosened>>(text) {
            Ok(loosened) => loosened.iter().map(ToString::to_string).collect(),
            // A newer version's words.
            Err(_) => vec![text.to_owned()],
        }
    }
}

/// The end of a play as it stands in its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayRowEnd {
    /// When.
    pub ended: Mono,
    /// Milliseconds of it that were played.
    pub heard_ms: u64,
    /// Of these, milliseconds that somebody could hear.
    pub audible_ms: u64,
    /// How; see [`super::HowEnded::as_str`].
    pub how: String,
    /// One sentence, or empty.
    pub reason: String,
    /// What was seen of it; `None` of what is only heard.
    pub viewed: Option<Viewed>,
}

/// All rows of the play log in the database at `path` (see [`super::database_path`]), ordered by run and number. At
/// most [`super::PLAYS_LEN_MAX`] and a few; some 300 bytes each.
///
/// # Errors
/// [`Error::Unreadable`] when there is no such file, it may not be read, or it is damaged.
pub fn read_plays(path: &Path) -> std::result::Result<Vec<PlayRow>, Error> {
    read(path, &|connection| rows(connection, "SELECT * FROM plays ORDER BY run, seq", []))
}

/// The last `len` rows of the play log in the database at `path`, ordered by run and number; no more than these are
/// read.
///
/// # Errors
/// As [`read_plays`].
pub fn read_last_plays(path: &Path, len: usize) -> std::result::Result<Vec<PlayRow>, Error> {
    let sql = "SELECT * FROM plays ORDER BY run DESC, seq DESC LIMIT ?";
    let limit = i64::try_from(len).unwrap_or(i64::MAX);
    let mut plays = read(path, &|connection| rows(connection, sql, [limit]))?;
    plays.reverse();
    Ok(plays)
}

/// Asks the database at `path` without ever writing to it.
pub(super) fn read<T>(path: &Path, ask: &dyn Fn(&Connection) -> Result<T>) -> std::result::Result<T, Error> {
    let unreadable = |cause: String| Error::Unreadable { path: path.to_owned(), cause };
    if !path.is_file() {
        return Err(unreadable(
            "there is no such file; has the device run with this state folder?".to_owned(),
        ));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let outcome = Connection::open_with_flags(path, flags).and_then(|connection| patiently(connection, ask));
    let outcome = match outcome {
        // Who may not write to the folder cannot open the write-ahead log of a device that does not run. Then nobody
        // writes, and the file can be read as it lies there.
        Err(error) if cannot_open(&error) && !has_log(path) => {
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            Connection::open_with_flags(immutable(path), flags)
                .and_then(|connection| patiently(connection, ask))
        }
        outcome => outcome,
    };
    outcome.map_err(|error| unreadable(damage::words(&error)))
}

/// What a look at the database shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Its `user_version`.
    pub schema: u32,
    /// Rows of the play log.
    pub plays_len: u64,
}

/// Looks whether the database at `path` is whole, without writing anything: where no device has it open, not even the
/// shared memory beside it is made.
///
/// # Errors
/// What is wrong with it, in words.
pub fn examine(path: &Path) -> std::result::Result<Seen, String> {
    let state_dir = path.parent().unwrap_or(Path::new("."));
    if let Some(words) = damage::seen_from_outside(state_dir, false) {
        return Err(words);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let is_open = has_log(path) && beside(path, "-shm").exists();
    let connection = if is_open {
        Connection::open_with_flags(path, flags)
    } else {
        Connection::open_with_flags(immutable(path), flags | OpenFlags::SQLITE_OPEN_URI)
    };
    let seen = connection.and_then(|connection| patiently(connection, &look));
    seen.map_err(|error| damage::words(&error))?
}

/// The inner error is what SQLite finds without calling it one.
fn look(connection: &Connection) -> Result<std::result::Result<Seen, String>> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Ok(Err(verdict));
    }
    if let Some(column) = migrate::missing_column(connection)? {
        return Ok(Err(format!("it has no {column}")));
    }
    let schema = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let plays_len = connection.query_row("SELECT count(*) AS n FROM plays", [], |row| unsigned(row, "n"))?;
    Ok(Ok(Seen { schema, plays_len }))
}

fn cannot_open(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

fn has_log(path: &Path) -> bool {
    beside(path, "-wal").exists()
}

/// What SQLite puts beside a database.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// The file as a URI that promises that nobody writes. Bytes that mean something in a URI, or are not ASCII, are
/// escaped.
fn immutable(path: &Path) -> PathBuf {
    let escaped =
        percent_encoding::percent_encode(path.as_os_str().as_bytes(), percent_encoding::NON_ALPHANUMERIC);
    let uri = format!("file:{}?immutable=1", escaped.to_string().replace("%2F", "/"));
    PathBuf::from(OsStr::new(&uri))
}

fn patiently<T>(connection: Connection, ask: &dyn Fn(&Connection) -> Result<T>) -> Result<T> {
    connection.busy_timeout(BUSY)?;
    ask(&connection)
}

fn rows(connection: &Connection, sql: &str, params: impl Params) -> Result<Vec<PlayRow>> {
    connection.prepare(sql)?.query_map(params, row)?.collect()
}

fn row(row: &Row<'_>) -> Result<PlayRow> {
    let continues = unsigned_or_null(row, "continues_run")?.zip(unsigned_or_null(row, "continues_seq")?);
    let end = match row.get::<_, Option<String>>("how")? {
        None => None,
        Some(how) => Some(PlayRowEnd {
            ended: Mono(unsigned_or_null(row, "ended_mono_ms")?.unwrap_or(0)),
            heard_ms: unsigned_or_null(row, "heard_ms")?.unwrap_or(0),
            audible_ms: unsigned_or_null(row, "audible_ms")?.unwrap_or(0),
            how,
            reason: row.get::<_, Option<String>>("reason")?.unwrap_or_default(),
            viewed: viewed(row)?,
        }),
    };
    Ok(PlayRow {
        key: PlayKey { run: unsigned(row, "run")?, seq: unsigned(row, "seq")? },
        path: path_of(row, "path")?,
        size: unsigned(row, "size")?,
        modified_ms: row.get("modified_ms")?,
        title: row.get("title")?,
        artist: row.get("artist")?,
        album: row.get("album")?,
        started: Mono(unsigned(row, "started_mono_ms")?),
        started_wall: row.get::<_, Option<i64>>("started_wall_ms")?.map(Wall),
        duration_ms: unsigned_or_null(row, "duration_ms")?,
        start_offset_ms: unsigned(row, "start_offset_ms")?,
        output: row.get("output")?,
        volume_db: row.get("volume_db")?,
        chosen_by: row.get("chosen_by")?,
        continues: continues.map(|(run, seq)| PlayKey { run, seq }),
        program: PlayRowProgram {
            place: if_there(row, "place")?,
            recording: if_there(row, "recording")?,
            daypart: if_there(row, "daypart")?,
            playlist: if_there(row, "playlist")?,
            loosened: if_there(row, "loosened")?,
            choice: if_there::<i64>(row, "choice")?.and_then(|choice| u64::try_from(choice).ok()),
            spot: if_there(row, "spot")?,
            scheduled: if_there(row, "scheduled_wall_ms")?.map(Wall),
            local_date: if_there(row, "local_date")?,
            offset_s: if_there(row, "offset_s")?,
            release: release(row)?,
        },
        clock: if_there(row, "clock")?,
        kind: if_there(row, "kind")?,
        end,
    })
}

fn release(row: &Row<'_>) -> Result<Option<Edition>> {
    let part = |column| -> Result<Option<u64>> {
        Ok(if_there::<i64>(row, column)?.and_then(|part| u64::try_from(part).ok()))
    };
    let parts = part("release_epoch")?.zip(part("release_number")?);
    Ok(parts.map(|(epoch, number)| Edition { epoch, number }))
}

/// A column that a file lacks which only the versions before have written.
fn if_there<T: FromSql>(row: &Row<'_>, column: &str) -> Result<Option<T>> {
    if row.as_ref().column_index(column).is_err() { Ok(None) } else { row.get(column) }
}

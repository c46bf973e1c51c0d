//! `measurements.sqlite`: what was measured of files, beside `state.sqlite` and not in it.
//!
//! A file of its own because all of it can be measured again: damage to it costs time and never the queue or the play log, a start
//! does not have to check it, and `orchestrion scan` may write it while a device runs. So it may have several writers (the thread
//! `measure` and scans), each for a moment, kept apart by SQLite's own locks; decks read it and never wait.

mod reader;
#[cfg(test)]
mod tests;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, TransactionBehavior, params};

pub use reader::Measurements;

use super::rows::{number, path_bytes, unsigned};
use super::{Error, damage, open};
use crate::measure::{Blob, Cues, FileId, Loudness, Measurement, VERSION};

/// Files that are remembered; beyond them those go that were not wanted for longest. About 250 bytes each, so 50 MB.
pub const FILES_LEN_MAX: u64 = 200_000;
/// Contents that are remembered. About 130 bytes each.
pub const MEASUREMENTS_LEN_MAX: u64 = 200_000;
/// The share that goes at once, so that it is not done with every file.
const GO_SHARE: u64 = 50;
/// How long another writer may hold the file.
const BUSY: Duration = Duration::from_secs(2);
/// Kibibytes of the file that a connection holds in memory.
const CACHE_KIB: i64 = 256;
/// The steps of its schema; `user_version` counts those that a file has seen.
const STEPS: &[&str] = &[include_str!("schema/measurements-1.sql")];

const BY_FILE: &str = "SELECT m.* FROM files AS f JOIN measurements AS m ON m.blob = f.blob
    WHERE f.path = ?1 AND f.size = ?2 AND f.modified_ms = ?3 AND m.version = ?4";
const BY_BLOB: &str = "SELECT * FROM measurements WHERE blob = ?1 AND version = ?2";

type Answer = rusqlite::Result<Option<Measurement>>;

/// Where they lie: `measurements.sqlite` in the state folder.
pub fn measurements_path(state_dir: &Path) -> PathBuf {
    state_dir.join("measurements.sqlite")
}

/// A file that was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Which.
    pub path: PathBuf,
    /// What it was like then.
    pub file: FileId,
    /// What it is.
    pub measurement: Measurement,
}

/// `measurements.sqlite`, open for writing.
#[derive(Debug)]
pub struct MeasurementStore {
    connection: Connection,
    path: PathBuf,
    /// The number of this opening.
    session: i64,
    len_max: LenMax,
}

#[derive(Debug, Clone, Copy)]
struct LenMax {
    files: u64,
    measurements: u64,
}

impl MeasurementStore {
    /// Opens it, and makes it and its folder where they are missing. One that is damaged is deleted.
    ///
    /// # Errors
    /// [`Error::Unusable`]: the folder cannot be made or written to.
    pub fn open(state_dir: &Path) -> Result<Self, Error> {
        let unusable = |cause: String| Error::Unusable { dir: state_dir.to_owned(), cause };
        make_folder(state_dir).map_err(|error| unusable(error.to_string()))?;
        let path = measurements_path(state_dir);
        let connection = match connect(&path) {
            Err(error) if !damage::is_refusal(&error) => {
                log::warn!("{} was damaged ({error}); files are measured anew", path.display());
                remove(&path).map_err(|error| unusable(error.to_string()))?;
                connect(&path)
            }
            outcome => outcome,
        };
        let connection = connection.map_err(|error| unusable(damage::words(&error)))?;
        hand_over(state_dir, &path);
        let session = connection.query_row(
            "SELECT 1 + max(coalesce((SELECT max(used) FROM files), 0),
                            coalesce((SELECT max(used) FROM measurements), 0))",
            [],
            |row| row.get(0),
        );
        let session = session.map_err(|error| unusable(damage::words(&error)))?;
        let len_max = LenMax { files: FILES_LEN_MAX, measurements: MEASUREMENTS_LEN_MAX };
        Ok(Self { connection, path, session, len_max })
    }

    /// What is known of a file as it is now; `None` also when that cannot be read.
    pub fn of_file(&self, path: &Path, file: FileId) -> Option<Measurement> {
        self.heard(by_file(&self.connection, path, file))
    }

    /// What is known of a content.
    pub fn of_blob(&self, blob: &Blob) -> Option<Measurement> {
        self.heard(by_blob(&self.connection, blob))
    }

    /// Writes down what was measured, all or nothing. A power cut may take the last of it back, which costs nothing but time.
    ///
    /// # Errors
    /// A sentence: why the disk refuses, and what to do about it.
    pub fn save(&mut self, measured: &[Measured]) -> Result<(), String> {
        let outcome = match self.insert(measured) {
            Err(error) if damage::is_damage(&error) => {
                log::warn!("{} is damaged ({error}); files are measured anew", self.path.display());
                self.make_anew().and_then(|()| self.insert(measured))
            }
            outcome => outcome,
        };
        outcome
            .map_err(|error| format!("{} cannot be written: {}", self.path.display(), damage::words(&error)))
    }

    /// Notes that these were wanted, so that they stay.
    ///
    /// # Errors
    /// As [`MeasurementStore::save`].
    pub fn touch<'a>(
        &mut self,
        wanted: impl IntoIterator<Item = (&'a Path, &'a Blob)>,
    ) -> Result<(), String> {
        let session = self.session;
        let touch = || {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for (path, blob) in wanted {
                transaction
                    .prepare_cached("UPDATE files SET used = ?2 WHERE path = ?1 AND used < ?2")?
                    .execute(params![path_bytes(path), session])?;
                transaction
                    .prepare_cached("UPDATE measurements SET used = ?2 WHERE blob = ?1 AND used < ?2")?
                    .execute(params![blob.0, session])?;
            }
            transaction.commit()
        };
        touch().map_err(|error| damage::words(&error))
    }

    fn insert(&mut self, measured: &[Measured]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for Measured { path, file, measurement } in measured {
            insert_measurement(&transaction, measurement, self.session)?;
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO files (path, size, modified_ms, blob, used) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    path_bytes(path),
                    number(file.size),
                    file.modified_ms,
                    measurement.blob.0,
                    self.session
                ])?;
        }
        retain(&transaction, "files", "path", self.len_max.files)?;
        retain(&transaction, "measurements", "blob", self.len_max.measurements)?;
        transaction.commit()
    }

    /// What is lost can be measured again.
    fn make_anew(&mut self) -> rusqlite::Result<()> {
        // Closed before its files are removed: on closing, SQLite removes some of them by their names.
        self.connection = Connection::open_in_memory()?;
        // What cannot be removed cannot be opened either, and that says why.
        let _ = remove(&self.path);
        self.connection = connect(&self.path)?;
        Ok(())
    }

    fn heard(&self, outcome: Answer) -> Option<Measurement> {
        outcome.unwrap_or_else(|error| {
            log::debug!("{} cannot be read: {error}", self.path.display());
            None
        })
    }

    #[cfg(test)]
    fn set_len_max(&mut self, len: u64) {
        self.len_max = LenMax { files: len, measurements: len };
    }
}

fn make_folder(state_dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(super::restore::DIR_MODE).create(state_dir)
}

/// Root may scan for a device that runs as another user, which must be able to write on.
fn hand_over(state_dir: &Path, path: &Path) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        let (Ok(folder), Ok(file)) = (fs::metadata(state_dir), fs::metadata(&name)) else { continue };
        if (folder.uid(), folder.gid()) != (file.uid(), file.gid())
            && let Err(error) = chown(&name, Some(folder.uid()), Some(folder.gid()))
        {
            log::warn!("{} stays root's: {error}", path.display());
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    for end in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        match fs::remove_file(&name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    let journal = open::journal_for(rusqlite::version_number());
    connection.pragma_update_and_check(None, "journal_mode", journal, |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let missing = STEPS.get(usize::try_from(found).unwrap_or(0)..).unwrap_or_default();
    if !missing.is_empty() {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another writer may have been faster.
        let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        for step in STEPS.get(usize::try_from(found).unwrap_or(0)..).unwrap_or_default() {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "user_version", found.max(STEPS.len() as i64))?;
        transaction.commit()?;
    }
    // A file whose tables are not what they should be fails here and not later.
    connection.prepare_cached(BY_FILE)?;
    connection.prepare("SELECT used, size, modified_ms, path, blob FROM files")?;
    connection.prepare("SELECT used, blob, version, duration_ms, silence_ms FROM measurements")?;
    Ok(connection)
}

fn insert_measurement(
    connection: &Connection,
    measurement: &Measurement,
    session: i64,
) -> rusqlite::Result<()> {
    let loudness = measurement.loudness.as_ref();
    let cues = &measurement.cues;
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO measurements (blob, version, duration_ms, loudness_lufs, loudest_lufs, true_peak_dbtp,
             head_ms, tail_ms, swing_end_ms, silence_ms, used)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    statement.execute(params![
        measurement.blob.0,
        VERSION,
        number(measurement.duration_ms),
        loudness.map(|loudness| f64::from(loudness.integrated_lufs)),
        loudness.map(|loudness| f64::from(loudness.loudest_lufs)),
        loudness.map(|loudness| f64::from(loudness.true_peak_dbtp)),
        number(cues.head_ms),
        number(cues.tail_ms),
        number(cues.swing_end_ms),
        number(cues.silence_ms),
        session,
    ])?;
    Ok(())
}

/// Lets the rows go that were not wanted for longest, when there are more than `max`.
fn retain(connection: &Connection, table: &str, key: &str, max: u64) -> rusqlite::Result<()> {
    let len = connection
        .prepare_cached(&format!("SELECT count(*) AS n FROM {table}"))?
        .query_row([], |row| unsigned(row, "n"))?;
    if len <= max {
        return Ok(());
    }
    let sql = format!(
        "DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} ORDER BY used, {key} LIMIT ?1)"
    );
    connection.prepare_cached(&sql)?.execute([number(len - max + max / GO_SHARE)])?;
    Ok(())
}

fn by_blob(connection: &Connection, blob: &Blob) -> Answer {
    connection.prepare_cached(BY_BLOB)?.query_row(params![blob.0, VERSION], measurement).optional()
}

fn by_file(connection: &Connection, path: &Path, file: FileId) -> Answer {
    let mut statement = connection.prepare_cached(BY_FILE)?;
    let key = params![path_bytes(path), number(file.size), file.modified_ms, VERSION];
    statement.query_row(key, measurement).optional()
}

fn measurement(row: &Row<'_>) -> rusqlite::Result<Measurement> {
    let lufs = |column: &str| row.get::<_, Option<f64>>(column).map(|value| value.map(|value| value as f32));
    let loudness = match (lufs("loudness_lufs")?, lufs("loudest_lufs")?, lufs("true_peak_dbtp")?) {
        (Some(integrated_lufs), Some(loudest_lufs), Some(true_peak_dbtp)) => {
            Some(Loudness { integrated_lufs, loudest_lufs, true_peak_dbtp })
        }
        _ => None,
    };
    Ok(Measurement {
        blob: Blob(row.get("blob")?),
        duration_ms: unsigned(row, "duration_ms")?,
        loudness,
        cues: Cues {
            head_ms: unsigned(row, "head_ms")?,
            tail_ms: unsigned(row, "tail_ms")?,
            swing_end_ms: unsigned(row, "swing_end_ms")?,
            silence_ms: unsigned(row, "silence_ms")?,
        },
    })
}

//! Looking measurements up, for whoever must not wait: a deck that opens a file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{Answer, CACHE_KIB, by_blob, by_file, measurements_path};
use crate::measure::{Blob, FileId, Measurement};

/// How long a writer may hold the file; with a write-ahead log it never holds a reader up.
const BUSY: Duration = Duration::from_millis(20);

/// `measurements.sqlite`, read only. Each thread has its own; nothing is opened before it is asked. What cannot be read is not
/// known: a measurement more or less is never a reason not to play.
#[derive(Debug)]
pub struct Measurements {
    path: PathBuf,
    connection: Option<Connection>,
    /// Whether a problem was told.
    told: bool,
}

impl Measurements {
    /// Those in a state folder.
    pub fn new(state_dir: &Path) -> Self {
        Self { path: measurements_path(state_dir), connection: None, told: false }
    }

    /// What is known of a file as it is now. Some 20 µs once the file is open, and no wait.
    pub fn lookup(&mut self, path: &Path, file: FileId) -> Option<Measurement> {
        self.ask(|connection| by_file(connection, path, file))
    }

    /// What is known of a content.
    pub fn of_blob(&mut self, blob: &Blob) -> Option<Measurement> {
        self.ask(|connection| by_blob(connection, blob))
    }

    fn ask(&mut self, question: impl FnOnce(&Connection) -> Answer) -> Option<Measurement> {
        match self.try_asking(question) {
            Ok(found) => found,
            // It is being made just now, or copied back; the next song asks again.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => None,
            Err(error) => {
                // It may have been deleted and made anew since.
                self.connection = None;
                if !std::mem::replace(&mut self.told, true) {
                    log::warn!("{} cannot be read: {error}; loudness is not known", self.path.display());
                }
                None
            }
        }
    }

    fn try_asking(&mut self, question: impl FnOnce(&Connection) -> Answer) -> Answer {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            // Nothing was measured yet.
            None if !self.path.exists() => return Ok(None),
            None => match self.open()? {
                Some(connection) => connection,
                None => return Ok(None),
            },
        };
        let found = question(&connection)?;
        self.connection = Some(connection);
        Ok(found)
    }

    /// `None` while it is being made.
    fn open(&self) -> rusqlite::Result<Option<Connection>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok((version > 0).then_some(connection))
    }
}

impl Clone for Measurements {
    /// Another one that has not been opened, for another thread.
    fn clone(&self) -> Self {
        Self { path: self.path.clone(), connection: None, told: self.told }
    }
}

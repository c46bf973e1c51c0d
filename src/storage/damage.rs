//! What is damaged, what is only refused, and how a damaged file is put aside.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rusqlite::ErrorCode;

use super::database_path;

/// Damaged files that are kept beside the database; the oldest goes.
pub const DAMAGED_LEN_MAX: usize = 4;

/// What SQLite puts beside a database. They belong to it and go with it.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The smallest page of SQLite, in bytes.
const HEADER_LEN: u64 = 512;
/// How a database begins (SQLite's file format, 1.3.1). SQLite itself says what a file is not that begins otherwise.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Where the header says by which kind of journal it may be written: 1 or 2 (SQLite's file format, 1.3.3). SQLite takes
/// a file with a larger number for one that it may only read, and says that it is read-only.
const WRITE_VERSION_AT: usize = 18;
const WRITE_VERSION_MAX: u8 = 2;

/// `SQLITE_IOERR_READ`, `_SHORT_READ`, `_DATA` and `_CORRUPTFS`: the disk cannot give back what was written to it.
const UNREADABLE: [i32; 4] = [266, 522, 8202, 8458];

/// Whether the file cannot be trusted any more.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| {
        matches!(error.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
            || UNREADABLE.contains(&error.extended_code)
    })
}

/// Whether, while a file is opened and read for the first time, an error lies outside it: in the folder, the disk, the
/// permissions, or in how this program uses SQLite, for which no data is put aside. All others (a missing table, a number
/// that cannot be) mean that the file is not what it should be.
pub(super) fn is_refusal(error: &rusqlite::Error) -> bool {
    !is_damage(error)
        && error.sqlite_error_code().is_some_and(|code| {
            matches!(
                code,
                ErrorCode::CannotOpen
                    | ErrorCode::ReadOnly
                    | ErrorCode::PermissionDenied
                    | ErrorCode::AuthorizationForStatementDenied
                    | ErrorCode::DiskFull
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::FileLockingProtocolFailed
                    | ErrorCode::NoLargeFileSupport
                    | ErrorCode::OutOfMemory
                    | ErrorCode::ApiMisuse
                    | ErrorCode::ParameterOutOfRange
                    | ErrorCode::InternalMalfunction
            )
        })
}

/// Whether the disk only has no room or fails to write: reading went well.
pub(super) fn is_disk_trouble(error: &rusqlite::Error) -> bool {
    !is_damage(error)
        && error
            .sqlite_error_code()
            .is_some_and(|code| matches!(code, ErrorCode::DiskFull | ErrorCode::SystemIoFailure))
}

/// A sentence for people: what is wrong, and what they can do about it.
pub(super) fn words(error: &rusqlite::Error) -> String {
    let remedy = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full; make room on it",
        Some(ErrorCode::ReadOnly) => "the disk is read-only; check it and mount it anew",
        Some(ErrorCode::SystemIoFailure) => "the disk fails; check it and have it replaced",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process holds it; end that process"
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "it cannot be opened; check its owner and mode"
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => "it is damaged",
        _ => return error.to_string(),
    };
    format!("{remedy} ({error})")
}

/// What is wrong with the files before SQLite is asked; `None` where that remains to be seen.
pub(super) fn seen_from_outside(state_dir: &Path, was_used: bool) -> Option<String> {
    let path = database_path(state_dir);
    let all = std::iter::once(path.clone()).chain(COMPANIONS.iter().map(|end| with_end(&path, end)));
    for file in all {
        let Ok(metadata) = fs::metadata(&file) else { continue };
        if !metadata.is_file() {
            return Some(format!("{} is not a file", file.display()));
        }
        // SQLite takes a file without a whole header for an empty one. At the very first start a power cut may leave
        // an empty one indeed, which is as good as none.
        let (len, is_database) = (metadata.len(), file == path);
        if is_database && (1..HEADER_LEN).contains(&len) || is_database && len == 0 && was_used {
            return Some(format!("it has only {len} bytes"));
        }
    }
    let mut header = [0; WRITE_VERSION_AT + 1];
    let read = fs::File::open(&path).and_then(|file| file.read_exact_at(&mut header, 0));
    let version = header[WRITE_VERSION_AT];
    (read.is_ok() && header.starts_with(MAGIC) && version > WRITE_VERSION_MAX)
        .then(|| format!("its header says that it is written in a way {version} that nobody knows"))
}

/// Moves the database and what belongs to it to `state.sqlite.damaged-N`, and gives that name.
///
/// # Errors
/// The folder takes no new names.
pub(super) fn put_aside(state_dir: &Path) -> io::Result<String> {
    let path = database_path(state_dir);
    let kept = kept(state_dir)?;
    let next = kept.last().map_or(1, |last| last.saturating_add(1));
    let name = format!("{}{next}", prefix());
    let aside = state_dir.join(&name);
    for end in std::iter::once("").chain(COMPANIONS) {
        match fs::rename(with_end(&path, end), with_end(&aside, end)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            outcome => outcome?,
        }
    }
    super::restore::sync_dir(state_dir)?;
    let excess = (kept.len() + 1).saturating_sub(DAMAGED_LEN_MAX);
    for number in kept.into_iter().take(excess) {
        for end in std::iter::once("").chain(COMPANIONS) {
            // A folder that stood in the database's place stays: it may be someone's.
            let _ = fs::remove_file(with_end(&state_dir.join(format!("{}{number}", prefix())), end));
        }
    }
    Ok(name)
}

fn prefix() -> &'static str {
    "state.sqlite.damaged-"
}

/// The numbers of the files put aside, ascending.
fn kept(state_dir: &Path) -> io::Result<Vec<u64>> {
    let mut numbers: Vec<u64> = fs::read_dir(state_dir)?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_prefix(prefix())?.parse().ok())
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

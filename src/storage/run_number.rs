//! `state.run`: the number of the last run once more, beside the database. A play is known to the world by its run and
//! its number in it; if a damaged database took the count with it, new plays would bear the names of old ones and be
//! thrown away as already counted.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

const NAME: &str = "state.run";
/// Digits of the largest number, and a line feed.
const LEN_MAX: u64 = 21;

/// The number of the last run; 0 where nothing readable says so.
pub(super) fn read(state_dir: &Path) -> u64 {
    let mut text = String::new();
    let read = File::open(state_dir.join(NAME)).and_then(|file| file.take(LEN_MAX).read_to_string(&mut text));
    match read {
        Ok(_) => text.trim().parse().ok().filter(|run| *run <= super::RUN_MAX).unwrap_or(0),
        Err(_) => 0,
    }
}

/// Makes `run` the last one, durably; the file is the old or the new one, whole.
///
/// # Errors
/// The disk refuses.
pub(super) fn write(state_dir: &Path, run: u64) -> io::Result<()> {
    let beside = state_dir.join("state.run.new");
    let mut file = File::create(&beside)?;
    writeln!(file, "{run}")?;
    file.sync_all()?;
    fs::rename(&beside, state_dir.join(NAME))?;
    super::restore::sync_dir(state_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_damaged_counts_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()), 0);
        write(dir.path(), 41).unwrap();
        write(dir.path(), 42).unwrap();
        assert_eq!(read(dir.path()), 42);
        for damaged in
            [&b""[..], b"x", b"-3", b"\xff\xff", b"99999999999999999999999999", b"18446744073709551615"]
        {
            fs::write(dir.path().join(NAME), damaged).unwrap();
            assert_eq!(read(dir.path()), 0, "{damaged:?}");
        }
    }
}

//! Files that a player meets in the field: damaged, hostile, odd, and odd but good.
//!
//! Everything is made by code in one folder, the same each time. The good sound in them is a tone of
//! [`TONE_HZ`], [`TONE_S`] seconds long where nothing else is said.

mod content;
mod names;

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// The tone in these files, in Hz.
pub const TONE_HZ: f64 = 440.0;
/// Its amplitude.
pub const TONE_AMPLITUDE: f64 = 0.4;
/// How long it lasts, in seconds.
pub const TONE_S: usize = 20;

/// What a player must do with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Play it to its end, without an error.
    Plays,
    /// Refuse it: an error within seconds, never a wait without end.
    Fails,
    /// Either is fine, as is to play a part and then fail. To hang or to crash is not.
    Either,
}

/// One such file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadFile {
    /// Where it is, or would be. Not always UTF-8.
    pub path: PathBuf,
    /// What is the matter with it: short, for messages.
    pub what: &'static str,
    /// What a player must do with it.
    pub expect: Expect,
}

impl BadFile {
    fn new(path: PathBuf, what: &'static str, expect: Expect) -> Self {
        Self { path, what, expect }
    }
}

/// Makes one of each kind in `dir` (made where missing, best empty).
///
/// Beside the files that it gives, a list `too-long-name.m3u8` names the one whose name no file
/// system allows. Root may read a file without any right to, so that one is expected to play for
/// whoever can open it.
///
/// # Errors
/// [`Error::ToolMissing`] without `flac`, `lame` and `oggenc`; [`Error::Io`] when the disk refuses.
pub fn bad_files(dir: &Path) -> Result<Vec<BadFile>> {
    fs::create_dir_all(dir).map_err(Error::io("make the folder", dir))?;
    let good = content::Good::encoded()?;
    let mut files = content::damaged(dir, &good)?;
    files.extend(content::odd_but_good(dir, &good)?);
    files.extend(names::no_files(dir)?);
    files.extend(names::odd_names(dir, &good)?);
    Ok(files)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(Error::io("write", path))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::encode::Format;

    #[test]
    fn one_of_each_is_made_and_the_folder_can_be_removed_again() {
        if !Format::ALL.into_iter().all(Format::is_available) {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("bad");
        let files = bad_files(&dir).unwrap();
        let paths: HashSet<&PathBuf> = files.iter().map(|file| &file.path).collect();
        let whats: HashSet<&str> = files.iter().map(|file| file.what).collect();
        assert_eq!((paths.len(), whats.len()), (files.len(), files.len()));
        for file in &files {
            let is_there = fs::symlink_metadata(&file.path).is_ok();
            let is_a_name_only = ["missing", "a name that no file system allows"].contains(&file.what);
            assert_ne!(is_there, is_a_name_only, "{file:?}");
            if file.expect == Expect::Plays {
                assert!(fs::metadata(&file.path).unwrap().len() > 40, "{file:?}");
            }
        }
        // A second time over the first: nothing is in the way.
        assert_eq!(bad_files(&dir).unwrap(), files);
        folder.close().unwrap();
    }
}

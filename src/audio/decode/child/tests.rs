//! The child as a `Source`: which files it never sees.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ChildSource;
use crate::audio::file::Trouble;
use crate::media::Limits;

#[cfg(feature = "media")]
mod real;

/// A program that leaves a mark when it is started.
fn marking(folder: &Path) -> (PathBuf, PathBuf) {
    let (program, mark) = (folder.join("marking"), folder.join("mark"));
    fs::write(&program, format!("#!/bin/sh\n: > '{}'\n", mark.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    (program, mark)
}

#[test]
fn what_is_no_file_never_reaches_a_child() {
    let folder = tempfile::tempdir().unwrap();
    let (program, mark) = marking(folder.path());
    let (empty, fifo) = (folder.path().join("empty.wma"), folder.path().join("fifo.wma"));
    fs::write(&empty, "").unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let trouble = Arc::new(Trouble::default());
    for (path, words) in [
        (empty.as_path(), "the file is empty"),
        (&fifo, "it is a FIFO, not a file"),
        (folder.path(), "it is a folder, not a file"),
        (&folder.path().join("none"), "there is no such file"),
    ] {
        let error = ChildSource::open(path, &trouble, &program, Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), words);
        assert!(!mark.exists(), "{}: a child was started", path.display());
    }
    // The mark works: a file does start it.
    let song = folder.path().join("song.wma");
    fs::write(&song, "x").unwrap();
    let error = ChildSource::open(&song, &trouble, &program, Limits::default()).unwrap_err();
    assert!(mark.exists() && error.to_string().contains("its decoder died: it ended with 0"), "{error}");
    assert_eq!(trouble.error(), None, "before the first sound the error is returned, not noted");
}

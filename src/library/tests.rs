//! Real folders, real links, real lists.

mod lists;
mod thread;

use std::cell::RefCell;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Instant;

use orchestrion_protocol::limits::{PROBLEMS_LEN_MAX, QUEUE_LEN_MAX};

use super::walk::walk;
use super::*;

/// A folder with these files in it; a name that ends with `/` is a folder.
pub(super) fn folder(names: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in names {
        let path = dir.path().join(name);
        if name.ends_with('/') {
            fs::create_dir_all(path).unwrap();
        } else {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
    }
    dir
}

pub(super) struct Outcome {
    pub(super) batches: Vec<Vec<PathBuf>>,
    pub(super) problems: Vec<String>,
}

impl Outcome {
    pub(super) fn songs(&self) -> Vec<PathBuf> {
        self.batches.concat()
    }

    /// The songs, relative to a folder.
    pub(super) fn names(&self, dir: &Path) -> Vec<String> {
        let relative = |song: PathBuf| song.strip_prefix(dir).unwrap().to_string_lossy().into_owned();
        self.songs().into_iter().map(relative).collect()
    }
}

pub(super) fn expand(paths: &[PathBuf]) -> Outcome {
    let batches = RefCell::new(Vec::new());
    let problems = walk(paths, &mut |songs| batches.borrow_mut().push(songs), &|| false).unwrap();
    Outcome { batches: batches.into_inner(), problems }
}

fn only_problem(paths: &[PathBuf]) -> String {
    let outcome = expand(paths);
    assert_eq!((outcome.songs(), outcome.problems.len()), (vec![], 1), "{:?}", outcome.problems);
    outcome.problems.into_iter().next().unwrap()
}

#[test]
fn a_folder_is_walked_depth_first_in_natural_order() {
    let dir = folder(&[
        "10 Last/1.mp3",
        "2 Second/b.FLAC",
        "2 Second/A.ogg",
        "2 Second/cover.jpg",
        "2 Second/CD 10/1.mp3",
        "2 Second/CD 9/1.mp3",
        "3 between.Opus",
        "notes.txt",
        "playlist.m3u",
        "empty/",
    ]);
    let outcome = expand(&[dir.path().to_owned()]);
    let expected = [
        "2 Second/A.ogg",
        "2 Second/b.FLAC",
        "2 Second/CD 9/1.mp3",
        "2 Second/CD 10/1.mp3",
        "3 between.Opus",
        "10 Last/1.mp3",
    ];
    assert_eq!(outcome.names(dir.path()), expected);
    assert!(outcome.problems.is_empty(), "{:?}", outcome.problems);
}

#[test]
fn hidden_names_are_passed_over_unless_they_are_named() {
    let dir = folder(&[".hidden.mp3", ".trash/a.mp3", "._a.mp3", "a.mp3"]);
    assert_eq!(expand(&[dir.path().to_owned()]).names(dir.path()), ["a.mp3"]);
    let named = [dir.path().join(".hidden.mp3"), dir.path().join(".trash")];
    assert_eq!(expand(&named).names(dir.path()), [".hidden.mp3", ".trash/a.mp3"]);
}

#[test]
fn a_file_that_is_named_is_taken_whatever_its_name() {
    let dir = folder(&["noise", "x.xyz"]);
    let named = [dir.path().join("x.xyz"), dir.path().join("noise"), dir.path().join("noise")];
    assert_eq!(expand(&named).names(dir.path()), ["x.xyz", "noise", "noise"]);
}

#[test]
fn a_folder_named_like_a_song_is_a_folder() {
    let dir = folder(&["song.mp3/1.mp3", "list.m3u/2.mp3"]);
    assert_eq!(expand(&[dir.path().to_owned()]).names(dir.path()), ["list.m3u/2.mp3", "song.mp3/1.mp3"]);
    assert_eq!(expand(&[dir.path().join("list.m3u")]).names(dir.path()), ["list.m3u/2.mp3"]);
}

#[test]
fn links_are_followed_and_loops_cut() {
    let dir = folder(&["music/a.mp3", "music/deep/er/b.mp3", "elsewhere/c.mp3"]);
    let at = |name: &str| dir.path().join(name);
    symlink("..", at("music/deep/up")).unwrap();
    symlink(".", at("music/deep/er/self")).unwrap();
    symlink("../elsewhere", at("music/link")).unwrap();
    symlink("../elsewhere/c.mp3", at("music/song.mp3")).unwrap();
    symlink("../music", at("elsewhere/back")).unwrap();
    symlink("nowhere", at("music/broken.mp3")).unwrap();
    symlink("nowhere", at("music/broken")).unwrap();
    symlink("self.mp3", at("music/self.mp3")).unwrap();
    let outcome = expand(&[at("music")]);
    let expected = ["music/a.mp3", "music/deep/er/b.mp3", "music/link/c.mp3", "music/song.mp3"];
    assert_eq!(outcome.names(dir.path()), expected);
    assert_eq!(outcome.problems.len(), 2, "{:?}", outcome.problems);
    assert!(outcome.problems[0].ends_with("broken.mp3 does not exist"), "{:?}", outcome.problems);
    assert!(outcome.problems[1].contains("leads back to itself"), "{:?}", outcome.problems);
}

#[test]
fn names_that_are_no_utf8_and_names_of_255_bytes_are_songs() {
    let dir = folder(&[]);
    let odd = dir.path().join(OsStr::from_bytes(b"caf\xe9.mp3"));
    let long = dir.path().join(format!("{}.mp3", "x".repeat(251)));
    let newline = dir.path().join("a\nb.mp3");
    for path in [&odd, &long, &newline] {
        fs::write(path, "").unwrap();
    }
    let outcome = expand(&[dir.path().to_owned()]);
    assert_eq!(outcome.songs(), [newline, odd.clone(), long]);
    let gone = dir.path().join(OsStr::from_bytes(b"\xe9\n.mp3"));
    assert!(only_problem(&[gone]).ends_with("/%E9%0A.mp3 does not exist"));
    fs::remove_file(odd).unwrap();
}

#[test]
fn what_is_neither_file_nor_folder_is_never_opened() {
    let dir = folder(&[]);
    let fifo = dir.path().join("pipe.mp3");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let list = dir.path().join("pipe.m3u");
    rustix::fs::mknodat(rustix::fs::CWD, &list, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let socket = dir.path().join("socket.mp3");
    let _listener = UnixListener::bind(&socket).unwrap();
    assert!(only_problem(&[fifo]).ends_with("pipe.mp3 is a FIFO, not a file"));
    assert!(only_problem(&[list]).ends_with("pipe.m3u is a FIFO, not a file"));
    assert!(only_problem(&[socket]).ends_with("socket.mp3 is a socket, not a file"));
    assert!(only_problem(&["/dev/zero".into()]).ends_with("/dev/zero is a device, not a file"));
    let outcome = expand(&[dir.path().to_owned()]);
    assert_eq!((outcome.songs().len(), outcome.problems.len()), (0, 2), "{:?}", outcome.problems);
}

#[test]
fn what_is_not_there_or_holds_nothing_is_said() {
    let dir = folder(&["empty/deep/", "text/a.txt"]);
    assert!(only_problem(&[dir.path().join("gone")]).ends_with("gone does not exist"));
    let words = only_problem(&[dir.path().join("empty")]);
    assert!(words.contains("empty holds no music: looked for .flac .mp3 "), "{words}");
    assert!(only_problem(&[dir.path().join("text")]).contains("holds no music"));
    assert!(only_problem(&[dir.path().join("text/a.txt/b.mp3")]).contains("cannot be read"));
    assert!(only_problem(&[]).contains("nothing was named"));
}

#[test]
fn a_folder_that_may_not_be_read_is_a_problem_and_the_rest_is_found() {
    let dir = folder(&["a/1.mp3", "b/2.mp3", "c/3.mp3"]);
    let locked = dir.path().join("b");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(&locked).is_ok() {
        eprintln!("SKIPPED: this user (root?) reads a folder without read permission");
        return;
    }
    let outcome = expand(&[dir.path().to_owned()]);
    assert_eq!(outcome.names(dir.path()), ["a/1.mp3", "c/3.mp3"]);
    assert!(outcome.problems[0].contains("may not be read"), "{:?}", outcome.problems);
}

#[test]
fn problems_beyond_the_limit_are_counted() {
    let paths: Vec<PathBuf> = (0..100).map(|n| PathBuf::from(format!("/nowhere/{n}"))).collect();
    let problems = expand(&paths).problems;
    assert_eq!((problems.len(), problems.last().unwrap().as_str()), (PROBLEMS_LEN_MAX, "and 81 more"));
}

#[test]
fn three_thousand_songs_come_in_batches_and_in_order() {
    let names: Vec<String> = (1..=3000).map(|n| format!("{n}.mp3")).collect();
    let dir = folder(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let began = Instant::now();
    let outcome = expand(&[dir.path().to_owned()]);
    eprintln!("3,000 songs in {} ms", began.elapsed().as_millis());
    assert_eq!(outcome.names(dir.path()), names);
    assert!(outcome.batches.iter().all(|batch| (1..=BATCH_LEN_MAX).contains(&batch.len())));
    assert!(outcome.batches.len() >= 15);
}

#[test]
fn the_first_folder_with_songs_is_a_batch_of_its_own() {
    let dir = folder(&["a/empty/", "b/1.mp3", "b/2.mp3", "c/3.mp3", "d/4.mp3"]);
    let outcome = expand(&[dir.path().to_owned()]);
    assert_eq!(outcome.batches[0].len(), 2, "{:?}", outcome.batches);
}

#[test]
fn what_finds_no_room_in_a_queue_is_counted() {
    let names: Vec<String> = (0..2001).map(|n| format!("{n}.mp3")).collect();
    let dir = folder(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let outcome = expand(&vec![dir.path().to_owned(); 11]);
    assert_eq!(outcome.songs().len(), QUEUE_LEN_MAX);
    let expected =
        format!("{} songs found no room: a queue has {QUEUE_LEN_MAX} entries", 11 * 2001 - QUEUE_LEN_MAX);
    assert_eq!(outcome.problems, [expected]);
}

#[test]
fn folders_that_lie_too_deep_are_a_problem() {
    let dir = folder(&["1.mp3"]);
    let deep: PathBuf = std::iter::repeat_n("d", DEPTH_MAX + 5).collect();
    fs::create_dir_all(dir.path().join(&deep)).unwrap();
    fs::write(dir.path().join(deep).join("far.mp3"), "").unwrap();
    let outcome = expand(&[dir.path().to_owned()]);
    assert_eq!(outcome.names(dir.path()), ["1.mp3"]);
    assert!(outcome.problems[0].contains("64 folders deep"), "{:?}", outcome.problems);
}

//! Which films and pictures there are: files that are named, and all in folders that are.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::media::screen::message::{ITEMS_MAX, LINE_LEN_MAX};

/// How names of films and pictures end, in folders; a file that is named itself may end as it likes.
const ENDINGS: [&str; 23] = [
    "mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "ts", "m2ts", "mts", "wmv", "asf", "flv",
    "ogv", "3gp", "jpg", "jpeg", "png", "webp", "gif", "bmp", "vob",
];
/// How deep folders are looked through.
const DEPTH_MAX: usize = 8;
/// Entries of folders that are looked at, at most.
const ENTRIES_MAX: usize = 20_000;

/// Bytes of names of all that is shown, at most: as long as it takes to say them in one line, percent-encoded.
const NAMES_LEN_MAX: usize = LINE_LEN_MAX / 3 - 128 * ITEMS_MAX;

/// A film or picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub path: PathBuf,
    /// Changes when the file does.
    pub stamp: u64,
    /// Bytes.
    pub size: u64,
    /// When it was changed, in ms since 1970.
    pub modified_ms: i64,
    /// What the program calls it.
    pub title: Option<String>,
}

impl Found {
    fn of(path: PathBuf, meta: &fs::Metadata) -> Self {
        let modified_ms = meta.mtime().saturating_mul(1000).saturating_add(meta.mtime_nsec() / 1_000_000);
        Self { path, stamp: stamp(meta), size: meta.len(), modified_ms, title: None }
    }

    /// For people.
    pub fn name(&self) -> String {
        if let Some(title) = &self.title {
            return title.clone();
        }
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }
}

/// Looks, for as long as the disk takes; at most `len_max`, and problems in words.
pub fn look(wanted: &[PathBuf], len_max: usize) -> (Vec<Found>, Vec<String>) {
    let mut looking = Looking { found: Vec::new(), problems: Vec::new(), entries: 0 };
    for path in wanted {
        match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => looking.folder(path, DEPTH_MAX),
            Ok(meta) => looking.found.push(Found::of(path.clone(), &meta)),
            Err(error) => looking.problems.push(format!("{}: {error}", path.display())),
        }
    }
    let Looking { mut found, mut problems, .. } = looking;
    let mut names_len = 0;
    let mut fits = |found: &Found| {
        names_len += found.path.as_os_str().len();
        names_len <= NAMES_LEN_MAX
    };
    let len_max = found.iter().take(len_max).take_while(|found| fits(found)).count();
    if found.len() > len_max {
        problems.push(format!("{} films and pictures, of which the first {len_max} are shown", found.len()));
        found.truncate(len_max);
    }
    (found, problems)
}

/// All films and pictures of a folder, by name, at most so many; and problems in words.
pub fn films_in(folder: &Path, len_max: usize) -> (Vec<PathBuf>, Vec<String>) {
    let (found, problems) = look(&[folder.to_path_buf()], len_max);
    (found.into_iter().map(|found| found.path).collect(), problems)
}

struct Looking {
    found: Vec<Found>,
    problems: Vec<String>,
    entries: usize,
}

impl Looking {
    fn folder(&mut self, folder: &Path, depth: usize) {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.problems.push(format!("{}: {error}", folder.display())),
        };
        let mut paths: Vec<PathBuf> =
            entries.take(ENTRIES_MAX).filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        for path in paths {
            self.entries += 1;
            if self.entries > ENTRIES_MAX {
                return;
            }
            let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            let Some(meta) = fs::metadata(&path).ok().filter(|_| !is_hidden) else { continue };
            let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
            if meta.is_dir() && depth > 1 {
                self.folder(&path, depth - 1);
            } else if meta.is_file() && ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) {
                self.found.push(Found::of(path, &meta));
            }
        }
    }
}

/// Its time of change and its length, mixed, so that either tells a file that is another.
fn stamp(meta: &fs::Metadata) -> u64 {
    let changed = meta.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    (changed.as_nanos() as u64).rotate_left(20) ^ meta.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_give_films_and_pictures_by_name_and_files_what_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir_all(root.join("b/deep")).unwrap();
        for name in ["c.MP4", "a.jpg", "b/x.webm", "b/deep/y.png", "notes.txt", ".hidden.mp4", "odd.bin"] {
            fs::write(root.join(name), name).unwrap();
        }
        let names = |found: &[Found]| -> Vec<String> {
            found.iter().map(|f| f.path.strip_prefix(root).unwrap().display().to_string()).collect()
        };
        let wanted = [root.join("odd.bin"), root.to_path_buf(), root.join("none")];
        let (found, problems) = look(&wanted, 100);
        assert_eq!(names(&found), ["odd.bin", "a.jpg", "b/deep/y.png", "b/x.webm", "c.MP4"]);
        assert!(problems.len() == 1 && problems[0].contains("none"), "{problems:?}");
        let (few, problems) = look(&wanted, 2);
        assert_eq!((few.len(), problems.len()), (2, 2));
        let before = found[1].stamp;
        fs::write(root.join("a.jpg"), "another").unwrap();
        assert_ne!(look(&wanted, 100).0[1].stamp, before);
    }
}

//! A folder of music, as playlists: one of everything, and one of each folder in it.

use std::collections::{BTreeMap, HashSet};
use std::path::{Component, Path, PathBuf};

use crate::library::walk_up_to;
use crate::program::FOLDER_SONGS_MAX;

/// Folders that become playlists; with more, only the one of everything is made.
const LISTS_MAX: usize = 60;
/// Characters of a playlist's id.
const ID_CHARS_MAX: usize = 60;
/// The playlist of everything.
pub(super) const ALL: &str = "all";

/// What a folder holds.
#[derive(Debug)]
pub(super) struct Shelf {
    /// The folder, from the program's: `.` if it lies in it.
    pub(super) folder: String,
    /// All in it.
    pub(super) songs: usize,
    /// Its folders with music, by name.
    pub(super) lists: Vec<List>,
    /// What could not be taken, a sentence each.
    pub(super) problems: Vec<String>,
}

/// A folder that becomes a playlist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct List {
    pub(super) id: String,
    /// As the folder is called.
    pub(super) name: String,
    /// From the program's folder.
    pub(super) folder: String,
}

impl Shelf {
    /// Reads the names in a folder that lies in `base` or is it; both canonical. No music is an error.
    pub(super) fn read(folder: &Path, base: &Path) -> Result<Self, String> {
        let mut songs: Vec<PathBuf> = Vec::new();
        let mut found = |batch: Vec<PathBuf>| songs.extend(batch);
        let problems = walk_up_to(FOLDER_SONGS_MAX, &[folder.to_owned()], &mut found, &|| false);
        let mut problems = problems.unwrap_or_default();
        if songs.is_empty() {
            return Err(problems.pop().unwrap_or_else(|| format!("{} holds no music", folder.display())));
        }
        let mut folders: BTreeMap<String, usize> = BTreeMap::new();
        let mut unnamed = 0;
        for song in &songs {
            let inside = song.strip_prefix(folder).unwrap_or(song);
            let mut parts = inside.components();
            if let (Some(Component::Normal(first)), Some(_)) = (parts.next(), parts.next()) {
                match first.to_str() {
                    Some(name) => *folders.entry(name.to_owned()).or_default() += 1,
                    None => unnamed += 1,
                }
            }
        }
        if unnamed > 0 {
            problems.push(format!("{unnamed} songs in folders whose names are no UTF-8"));
        }
        if folders.len() > LISTS_MAX {
            folders.clear();
        }
        let below = folder.strip_prefix(base).unwrap_or(Path::new(""));
        let below = below.to_str().ok_or_else(|| format!("the name of {} is no UTF-8", folder.display()))?;
        let mut ids = HashSet::from([ALL.to_owned()]);
        let list = |name: String| {
            let folder = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
            List { id: free(&slug(&name), &mut ids), name, folder }
        };
        Ok(Self {
            folder: if below.is_empty() { ".".to_owned() } else { below.to_owned() },
            songs: songs.len(),
            lists: folders.into_keys().map(list).collect(),
            problems,
        })
    }
}

/// A name as an id: lower case, words joined by hyphens.
pub(super) fn slug(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    let slug: String = words.collect::<Vec<_>>().join("-").chars().take(ID_CHARS_MAX).collect();
    if slug.is_empty() { "music".to_owned() } else { slug }
}

/// An id that is not taken, and is from now on.
fn free(id: &str, taken: &mut HashSet<String>) -> String {
    let mut candidates = std::iter::once(id.to_owned()).chain((2..).map(|nth: u32| format!("{id}-{nth}")));
    let found = candidates.find(|candidate| !taken.contains(candidate)).unwrap_or_default();
    taken.insert(found.clone());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_folder_becomes_a_playlist_with_an_id_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let music = base.join("music");
        for file in
            ["Jazz & Soul/a.flac", "jazz-soul/b.mp3", "All/deep/c.ogg", "d.wav", "covers/x.jpg", "!/e.mp3"]
        {
            let path = music.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let shelf = Shelf::read(&music, &base).unwrap();
        let ids: Vec<(&str, &str)> =
            shelf.lists.iter().map(|list| (list.id.as_str(), list.folder.as_str())).collect();
        let expected = [
            ("music", "music/!"),
            ("all-2", "music/All"),
            ("jazz-soul", "music/Jazz & Soul"),
            ("jazz-soul-2", "music/jazz-soul"),
        ];
        assert_eq!(ids, expected);
        assert_eq!((shelf.songs, shelf.folder.as_str()), (5, "music"));
        assert_eq!(Shelf::read(&music, &music).unwrap().folder, ".");
        let words = Shelf::read(&music.join("covers"), &base).unwrap_err();
        assert!(words.contains("holds no music"), "{words}");
    }

    #[test]
    fn with_very_many_folders_there_is_one_playlist() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..=LISTS_MAX {
            std::fs::create_dir(dir.path().join(n.to_string())).unwrap();
            std::fs::write(dir.path().join(format!("{n}/a.mp3")), "").unwrap();
        }
        let base = dir.path().canonicalize().unwrap();
        let shelf = Shelf::read(&base, &base).unwrap();
        assert_eq!((shelf.songs, shelf.lists.len()), (LISTS_MAX + 1, 0));
    }
}

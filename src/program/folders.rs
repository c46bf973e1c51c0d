//! What lies in the folders that playlists and loops name: recordings, by their tags.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use orchestrion_program::model::{Library, LoopItem, Recording, RecordingId, TURNS_MAX};

use super::below;
use crate::audio::tags;
use crate::library::walk_up_to;
use crate::video::films_in;

/// Files that a playlist takes from its folder, at most.
pub const FOLDER_SONGS_MAX: usize = 100_000;

/// Makes recordings of the files in folders of playlists and loops. `false`: it was stopped.
pub(crate) fn take_folders(
    library: &mut Library,
    base: &Path,
    stopped: &dyn Fn() -> bool,
    warnings: &mut Vec<String>,
) -> bool {
    let mut by_file: HashMap<String, RecordingId> = HashMap::new();
    for recording in &library.recordings {
        by_file.extend(recording.files.iter().map(|file| (file.clone(), recording.id.clone())));
    }
    let of_screens: Vec<PathBuf> =
        library.loops.iter().filter_map(|shown| below(base, shown.folder.as_ref()?)).collect();
    for at in 0..library.playlists.len() {
        let Some(folder) = library.playlists[at].folder.clone() else { continue };
        let told = format!("library.playlists[{at}].folder");
        let Some(place) = place_of(base, &folder, &told, warnings) else { continue };
        let mut songs = Vec::new();
        // A film is no song because it lies in a folder of the music; but one whose own folder is meant is.
        let is_film =
            |song: &Path| of_screens.iter().any(|films| song.starts_with(films) && !place.starts_with(films));
        let mut found = |batch: Vec<PathBuf>| songs.extend(batch.into_iter().filter(|song| !is_film(song)));
        let walked = walk_up_to(FOLDER_SONGS_MAX, std::slice::from_ref(&place), &mut found, stopped);
        let Some(problems) = walked else {
            return false;
        };
        warnings.extend(problems.into_iter().map(|problem| format!("{told}: {problem}")));
        for song in songs {
            if stopped() {
                return false;
            }
            let Some(id) = take(&song, base, (library, &mut by_file), warnings) else { continue };
            library.playlists[at].recordings.push(id);
        }
    }
    for at in 0..library.loops.len() {
        let Some(folder) = library.loops[at].folder.clone() else { continue };
        let told = format!("library.loops[{at}].folder");
        let Some(place) = place_of(base, &folder, &told, warnings) else { continue };
        let (films, problems) = films_in(&place, TURNS_MAX as usize);
        warnings.extend(problems.into_iter().map(|problem| format!("{told}: {problem}")));
        for film in films {
            if stopped() {
                return false;
            }
            let Some(id) = take(&film, base, (library, &mut by_file), warnings) else { continue };
            // What is named as well has its own time and weight.
            if library.loops[at].items.iter().all(|item| item.recording != id) {
                library.loops[at].items.push(LoopItem::of(id));
            }
        }
    }
    true
}

fn place_of(base: &Path, folder: &str, told: &str, warnings: &mut Vec<String>) -> Option<PathBuf> {
    let place = below(base, folder);
    if place.is_none() {
        warnings.push(format!("{told}: {folder} leads out of the program's folder"));
    }
    place
}

/// The recording that a file is; a new one, if nothing names it yet.
fn take(
    path: &Path,
    base: &Path,
    (library, by_file): (&mut Library, &mut HashMap<String, RecordingId>),
    warnings: &mut Vec<String>,
) -> Option<RecordingId> {
    let Some(file) = path.strip_prefix(base).ok().and_then(Path::to_str).map(str::to_owned) else {
        warnings.push(format!("{} is left out: its name is no UTF-8", path.display()));
        return None;
    };
    if let Some(id) = by_file.get(&file) {
        return Some(id.clone());
    }
    let recording = recording_of(path, &file);
    let id = recording.id.clone();
    by_file.insert(file, id.clone());
    library.recordings.push(recording);
    Some(id)
}

/// A recording by what its file says of it. Its length is the header's word: a deck knows better when it plays it.
fn recording_of(song: &Path, file: &str) -> Recording {
    let (tags, duration_ms) = tags::read_with_length(song);
    let name = || song.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Recording {
        id: RecordingId(file.to_owned()),
        files: vec![file.to_owned()],
        title: tags.title.unwrap_or_else(name),
        artists: tags.artist.into_iter().collect(),
        album: tags.album,
        duration_ms,
        ..Recording::default()
    }
}

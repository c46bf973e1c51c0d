//! What lies beside a program's file: which of its recordings are here, what is in its folders, how much music that is.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use orchestrion_program::Resolved;
use orchestrion_program::check::Finding;
use orchestrion_program::civil::DAY_MS;
use orchestrion_program::model::{Library, Recording, RecordingId};

use crate::audio::tags;
use crate::program::{below, take_folders};

/// How much music of a folder is measured, in ms: no rule that is checked asks for more.
const LENGTH_MS_MAX: u64 = DAY_MS as u64;

/// What there is to play.
pub(super) struct Stock {
    /// As in the document, with what is in the folders, and without what is not here.
    pub(super) library: Library,
    /// Recordings that can be played here.
    pub(super) songs: usize,
    /// Files and folders that are not here.
    pub(super) missing: Vec<Finding>,
}

impl Stock {
    /// Looks for what a document names, from a folder.
    pub(super) fn of(document: &Resolved, folder: &Path) -> Self {
        let mut library = document.library.clone();
        let mut missing = Vec::new();
        if library.is_empty() {
            let message = "it names no recordings and no playlists, so there is nothing to play";
            missing.push(Finding { path: "library".to_owned(), message: message.to_owned() });
        }
        let mut problems = Vec::new();
        // Relative names would be looked for from here, and told so.
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        take_folders(&mut library, &folder, &|| false, &mut problems);
        missing.extend(problems.into_iter().map(finding));
        let mut absent: HashSet<RecordingId> = HashSet::new();
        for (at, recording) in document.library.recordings.iter().enumerate() {
            let found = files(recording, at, &folder, &mut missing);
            if !found {
                absent.insert(recording.id.clone());
            }
        }
        let songs = library.recordings.iter().filter(|one| !absent.contains(&one.id)).count();
        measure(&mut library, &folder);
        for (at, playlist) in library.playlists.iter_mut().enumerate() {
            // Of a folder that is not here it was told already; nobody knows what would be in it.
            let told = format!("library.playlists[{at}].folder");
            if !missing.iter().any(|finding| finding.path == told) {
                playlist.folder = None;
            }
            playlist.recordings.retain(|id| !absent.contains(id));
        }
        for (at, shown) in library.loops.iter_mut().enumerate() {
            let told = format!("library.loops[{at}].folder");
            if !missing.iter().any(|finding| finding.path == told) {
                shown.folder = None;
            }
            shown.items.retain(|item| !absent.contains(&item.recording));
        }
        Self { library, songs, missing }
    }
}

/// Looks for a recording's files; `false`: none of them is here.
fn files(recording: &Recording, at: usize, folder: &Path, missing: &mut Vec<Finding>) -> bool {
    let path = format!("library.recordings[{at}]");
    let mut found = 0;
    for (nth, file) in recording.files.iter().enumerate() {
        match there(folder, file) {
            Ok(()) => found += 1,
            Err(message) => missing.push(Finding { path: format!("{path}.files[{nth}]"), message }),
        }
    }
    if recording.files.is_empty() {
        let message = match recording.blobs.len() {
            0 => "it has no file, so it cannot be played",
            _ => "it has no file, so only a device that has the release can play it",
        };
        missing.push(Finding { path, message: message.to_owned() });
    }
    found > 0
}

/// That a file of a recording is here; else a sentence about it.
fn there(folder: &Path, file: &str) -> Result<(), String> {
    let place = below(folder, file)
        .ok_or_else(|| format!("\"{file}\" leads out of the program's folder, so it is not played"))?;
    match std::fs::metadata(&place) {
        Ok(metadata) if !metadata.is_file() => Err(format!("{} is not a file", place.display())),
        Ok(metadata) if metadata.len() == 0 => Err(format!("{} is empty", place.display())),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(format!("there is no {}", place.display())),
        Err(error) => Err(format!("{} cannot be read: {error}", place.display())),
    }
}

/// A sentence that begins with a path in the document.
fn finding(problem: String) -> Finding {
    match problem.split_once(": ") {
        Some((path, message)) if path.starts_with("library.") => {
            Finding { path: path.to_owned(), message: message.to_owned() }
        }
        _ => Finding { path: "library".to_owned(), message: problem },
    }
}

/// Writes down how long recordings are, playlist by playlist, until each has enough. Those whose length remains unknown keep
/// the rules about lengths from being judged.
fn measure(library: &mut Library, folder: &Path) {
    let mut asked: HashSet<RecordingId> = HashSet::new();
    let places: std::collections::HashMap<RecordingId, usize> =
        library.recordings.iter().enumerate().map(|(at, one)| (one.id.clone(), at)).collect();
    for playlist in &library.playlists {
        let mut length_ms = 0;
        for id in &playlist.recordings {
            let Some(recording) = places.get(id).and_then(|at| library.recordings.get_mut(*at)) else {
                continue;
            };
            if recording.duration_ms.is_none() && asked.insert(id.clone()) {
                let place: Option<PathBuf> = recording.files.iter().find_map(|file| below(folder, file));
                recording.duration_ms = place.and_then(|place| tags::length_ms(&place));
            }
            length_ms += recording.duration_ms.unwrap_or(0);
            if length_ms >= LENGTH_MS_MAX {
                break;
            }
        }
    }
}

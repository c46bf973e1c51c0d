//! A program that was read from a file: its rules, what can be played by them, and where that lies on this device.
//!
//! Without releases a program is a file beside the music: what it names counts from the file's folder. A playlist may be a
//! folder: then its files are its recordings, by their tags; so may a loop of films.

mod folders;
mod kept;
mod reel;
mod released;

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use orchestrion_program as rules;
use orchestrion_protocol::release::Edition;
use rules::model::{Recording, RecordingId};
use rules::rotation::Catalogue;

pub use folders::FOLDER_SONGS_MAX;
pub(crate) use folders::take_folders;
pub use reel::{Reel, ReelItem};

/// Bytes of a program's file.
pub const FILE_LEN_MAX: u64 = rules::check::DOCUMENT_BYTES_MAX as u64;
/// Missing files that are named in the log; the rest is counted.
const MISSING_NAMED_MAX: usize = 5;

/// See the head of this file.
#[derive(Debug)]
pub struct Program {
    /// What is right when.
    pub rules: rules::Program,
    /// What may be chosen.
    pub catalogue: Catalogue,
    /// Where each recording lies; the file is there, or was when the program was read.
    places: HashMap<RecordingId, Arc<Path>>,
    recordings: HashMap<Arc<Path>, RecordingId>,
    /// What is shown.
    reels: reel::Reels,
    /// What its owner should know, a sentence each.
    pub warnings: Vec<String>,
    /// Why it is the copy of the last good one and not what the file says now.
    pub instead_of: Option<ProgramError>,
    /// The release that it is of; `None` for a file's.
    pub edition: Option<Edition>,
}

/// Why a program cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProgramError {
    /// Its file cannot be read.
    #[error("the program {path} cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's words.
        reason: String,
    },
    /// It says something that cannot be.
    #[error("the program {path} is wrong: {problems}")]
    Wrong {
        /// The file.
        path: String,
        /// Each with its place in the document.
        problems: String,
    },
}

impl ProgramError {
    fn unreadable(path: &Path, reason: String) -> Self {
        Self::Unreadable { path: path.display().to_string(), reason }
    }
}

impl Program {
    /// Reads a program and finds its music; gives `None` if it was `stopped`.
    ///
    /// # Errors
    /// The file cannot be read, or what it says cannot be.
    pub fn read(path: &Path, stopped: &dyn Fn() -> bool) -> Result<Option<Self>, ProgramError> {
        let text = read_limited(path).map_err(|reason| ProgramError::unreadable(path, reason))?;
        Self::of_text(&text, path, stopped)
    }

    /// Makes a program of the text of a file, or of one that lay there.
    fn of_text(text: &[u8], path: &Path, stopped: &dyn Fn() -> bool) -> Result<Option<Self>, ProgramError> {
        let shown = path.display().to_string();
        let wrong = |report: rules::check::Report| ProgramError::Wrong {
            path: shown.clone(),
            problems: report.to_string(),
        };
        let mut document = rules::check::parse(text).map_err(wrong)?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let mut warnings = Vec::new();
        if !take_folders(&mut document.library, &folder, stopped, &mut warnings) {
            return Ok(None);
        }
        let mut program =
            Self::assemble(document, &folder, |place| !stopped() && place.is_file()).map_err(wrong)?;
        warnings.append(&mut program.warnings);
        Ok(if stopped() { None } else { Some(Self { warnings, ..program }) })
    }

    /// Makes a program of a document whose files count from `folder`, if they are there.
    ///
    /// # Errors
    /// What the document says cannot be.
    pub fn assemble(
        document: rules::Resolved,
        folder: &Path,
        is_there: impl Fn(&Path) -> bool,
    ) -> Result<Self, rules::check::Report> {
        Self::assemble_by(document, |recording| {
            recording.files.iter().filter_map(|file| below(folder, file)).find(|place| is_there(place))
        })
    }

    /// Makes a program of a document; `find` says where a recording lies.
    fn assemble_by(
        mut document: rules::Resolved,
        find: impl Fn(&Recording) -> Option<PathBuf>,
    ) -> Result<Self, rules::check::Report> {
        let library = std::mem::take(&mut document.library);
        let mut catalogue = Catalogue::new(&document, &library);
        let mut places = HashMap::with_capacity(library.recordings.len());
        let mut missing = Vec::new();
        for recording in &library.recordings {
            match find(recording) {
                Some(place) => {
                    places.insert(recording.id.clone(), Arc::from(place));
                }
                None => {
                    catalogue.quarantine(recording.id.as_str(), Some(i64::MAX));
                    missing.push(recording.id.as_str().to_owned());
                }
            }
        }
        let warnings = if missing.is_empty() { Vec::new() } else { vec![missing_words(&missing)] };
        let recordings = places.iter().map(|(id, place)| (Arc::clone(place), id.clone())).collect();
        let reels = reel::Reels::of(&document, &library, &places);
        document.library = library;
        let rules = rules::Program::compile(document)?;
        Ok(Self { rules, catalogue, places, recordings, reels, warnings, instead_of: None, edition: None })
    }

    /// Where a recording lies.
    pub fn place(&self, recording: &RecordingId) -> Option<&Arc<Path>> {
        self.places.get(recording)
    }

    /// Recordings that somebody means: the one with this id, else all of which title, artists or file say these words.
    pub fn find(&self, words: &str) -> Vec<&Recording> {
        let all = &self.rules.document().library.recordings;
        if let Some(exact) = all.iter().find(|recording| recording.id.as_str() == words) {
            return vec![exact];
        }
        let words = words.to_lowercase();
        let says = |text: &String| text.to_lowercase().contains(&words);
        all.iter()
            .filter(|one| says(&one.title) || one.artists.iter().any(says) || one.files.iter().any(says))
            .collect()
    }

    /// Which recording a file is.
    pub fn recording(&self, place: &Path) -> Option<&RecordingId> {
        self.recordings.get(place)
    }

    /// A file was opened and is so long: what songs last on the average is known better.
    pub fn learn_length(&mut self, place: &Path, duration_ms: u64) {
        if let Some(recording) = self.recordings.get(place) {
            self.catalogue.learn_length(recording.as_str(), duration_ms);
        }
    }

    /// Recordings whose files are there.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// What the catalogue says of a file.
    pub fn entry(&self, place: &Path) -> Option<&Recording> {
        let id = self.recordings.get(place)?;
        self.rules.document().library.recordings.iter().find(|recording| recording.id == *id)
    }

    /// Whether nothing can be played by it.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

/// The text of a program's file; the error is a sentence's end.
pub(crate) fn read_limited(path: &Path) -> Result<Vec<u8>, String> {
    // Should a FIFO stand here, opening it so does not wait for its writer.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path);
    let file = file.map_err(|e| e.to_string())?;
    let metadata = file.metadata().map_err(|e| e.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a file".into());
    }
    let too_long = || format!("it has more than {} MiB", FILE_LEN_MAX / 1024 / 1024);
    if metadata.len() > FILE_LEN_MAX {
        return Err(too_long());
    }
    let mut text = Vec::new();
    file.take(FILE_LEN_MAX + 1).read_to_end(&mut text).map_err(|e| e.to_string())?;
    if text.len() as u64 > FILE_LEN_MAX { Err(too_long()) } else { Ok(text) }
}

/// A place below a folder; `None` for one that leads out of it.
pub(crate) fn below(folder: &Path, file: &str) -> Option<PathBuf> {
    let inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    Path::new(file).components().all(inside).then(|| folder.join(file))
}

fn missing_words(missing: &[String]) -> String {
    let named = missing.iter().take(MISSING_NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match missing.len() {
        1 => format!("the file of the recording {named} is not there"),
        n if n <= MISSING_NAMED_MAX => format!("the files of {n} recordings are not there: {named}"),
        n => format!("the files of {n} recordings are not there: {named}, …"),
    }
}

#[cfg(test)]
mod tests;

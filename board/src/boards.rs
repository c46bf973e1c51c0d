//! Boards as data: what differs between them stands in `boards/*.toml`, one file a board, and in files that an installer adds.
//!
//! A board is found by the device tree's model. Unknown keys, and a line that is used twice, are refused with the file's path and the
//! line in it.

mod file;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use file::{AudioFile, HealthFile, StorageFile, VideoFile, WatchdogFile};

use crate::panel::Plan;

/// The boards that this crate knows: path and text.
const BUILT_IN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/boards.in"));
/// Boards that are read from a folder, at most.
const BOARDS_MAX: usize = 64;
/// A board file is no longer, in bytes.
const FILE_LEN_MAX: u64 = 64 * 1024;
/// Where firmware says what it runs on, from the root.
const MODEL_PATH: &str = "proc/device-tree/model";

/// A board.
#[derive(Debug, Clone)]
pub struct Board {
    /// How the configuration names it: its file's name without the end.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Models in the device tree that begin so are this board.
    pub models: Vec<String>,
    /// What is wired to which line, unless the configuration says otherwise. Its buttons know short presses only.
    pub plan: Plan,
    /// Sound.
    pub audio: AudioFile,
    /// Picture.
    pub video: VideoFile,
    /// The hardware watchdog, if it has one.
    pub watchdog: Option<WatchdogFile>,
    /// Where its health is read.
    pub health: HealthFile,
    /// What its system lies on.
    pub storage: StorageFile,
    /// What of this was never tried on a real one.
    pub never_tried: Vec<String>,
}

/// Why a board cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoardError {
    /// A file or folder cannot be read.
    #[error("{path}: {reason}")]
    Unreadable {
        /// Which.
        path: String,
        /// The system's words.
        reason: String,
    },
    /// A file says what cannot be.
    #[error("{path}: {problem}")]
    Wrong {
        /// Which.
        path: String,
        /// What is wrong, where, and what would be right.
        problem: String,
    },
    /// No board has this name.
    #[error("there is no board \"{id}\"; there are {known}")]
    Unknown {
        /// What was asked for.
        id: String,
        /// What there is.
        known: String,
    },
}

/// All boards.
#[derive(Debug, Clone)]
pub struct Boards(Vec<Board>);

impl Boards {
    /// Those that this crate knows.
    ///
    /// # Errors
    /// One of its files is wrong; the tests see to it that none is.
    pub fn built_in() -> Result<Self, BoardError> {
        BUILT_IN.iter().map(|(path, text)| Board::parse(path, text)).collect::<Result<_, _>>().map(Self)
    }

    /// Adds those in a folder (`*.toml`); one with a name that is known already takes its place. A folder that is not there is empty.
    ///
    /// # Errors
    /// A file cannot be read, or is wrong.
    pub fn with_folder(mut self, folder: &Path) -> Result<Self, BoardError> {
        let unreadable = |path: &Path, e: &std::io::Error| BoardError::Unreadable {
            path: path.display().to_string(),
            reason: e.to_string(),
        };
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(self),
            Err(e) => return Err(unreadable(folder, &e)),
        };
        let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == "toml"));
        paths.sort();
        if paths.len() > BOARDS_MAX {
            let problem = format!("{} boards, {BOARDS_MAX} at most", paths.len());
            return Err(BoardError::Wrong { path: folder.display().to_string(), problem });
        }
        for path in paths {
            let board = Board::read(&path)?;
            self.0.retain(|known| known.id != board.id);
            self.0.push(board);
        }
        Ok(self)
    }

    /// The board of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn named(&self, id: &str) -> Result<&Board, BoardError> {
        self.0.iter().find(|board| board.id == id).ok_or_else(|| {
            let known: Vec<&str> = self.0.iter().map(|board| board.id.as_str()).collect();
            BoardError::Unknown { id: id.to_owned(), known: known.join(", ") }
        })
    }

    /// The board that this is: by the device tree's model under `root` (`/`, or a test's folder), the longest that fits; `pc` where there
    /// is no device tree, `none` where its model is not known. Gives the model too, for the log.
    ///
    /// # Errors
    /// There is no board `pc` or `none`, which are built in.
    pub fn find(&self, root: &Path) -> Result<(&Board, Option<String>), BoardError> {
        let Ok(model) = std::fs::read(root.join(MODEL_PATH)) else { return Ok((self.named("pc")?, None)) };
        let model = String::from_utf8_lossy(&model).trim_end_matches(['\0', '\n']).to_owned();
        let fits = |board: &&Board| {
            board.models.iter().filter(|known| model.starts_with(*known)).map(String::len).max()
        };
        let found = self.0.iter().filter(|board| fits(board).is_some()).max_by_key(fits);
        match found {
            Some(board) => Ok((board, Some(model))),
            None => Ok((self.named("none")?, Some(model))),
        }
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Board] {
        &self.0
    }
}

impl Board {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or is wrong.
    pub fn read(path: &Path) -> Result<Self, BoardError> {
        let shown = path.display().to_string();
        let unreadable =
            |e: std::io::Error| BoardError::Unreadable { path: shown.clone(), reason: e.to_string() };
        if std::fs::metadata(path).map_err(unreadable)?.len() > FILE_LEN_MAX {
            let problem = format!("longer than {FILE_LEN_MAX} bytes; is it a board file?");
            return Err(BoardError::Wrong { path: shown, problem });
        }
        Self::parse(&shown, &std::fs::read_to_string(path).map_err(unreadable)?)
    }

    /// What a board file says; `path` is for the words of an error.
    ///
    /// # Errors
    /// It is wrong.
    pub fn parse(path: &str, text: &str) -> Result<Self, BoardError> {
        let id = Path::new(path).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        file::parse(id.unwrap_or_default(), text)
            .map_err(|problem| BoardError::Wrong { path: path.to_owned(), problem })
    }
}

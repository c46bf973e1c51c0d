//! What a workshop must not forget: the last number that it began, what it was at, results that nobody has heard of.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use orchestrion_protocol::fleet::{CommandRef, Outcome};
use serde::{Deserialize, Serialize};

/// Results that are kept for a server that does not acknowledge them; beyond them the oldest go.
pub const RESULTS_KEPT_MAX: usize = 64;
/// Bytes of the file: 64 results with the longest answers.
const FILE_LEN_MAX: u64 = 4 * 1024 * 1024;
const NAME: &str = "commands.json";

/// See the head of this file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Who did all this; a card that became another device's begins anew.
    #[serde(default)]
    pub device: Option<String>,
    /// The last command that was begun.
    pub cursor: CommandRef,
    /// What was begun and has no result; and whether it was to end the process.
    #[serde(default)]
    pub running: Option<(CommandRef, bool)>,
    /// What nobody has heard of.
    #[serde(default)]
    pub results: VecDeque<Outcome>,
}

impl Kept {
    /// Takes a result.
    pub(super) fn put(&mut self, outcome: Outcome) {
        self.results.push_back(outcome);
        while self.results.len() > RESULTS_KEPT_MAX {
            self.results.pop_front();
        }
    }
}

/// Where that is kept: on the disk of a device, or in the memory of a board that is only pretended.
pub trait Ledger {
    /// What was kept last.
    ///
    /// # Errors
    /// It cannot be read.
    fn load(&mut self) -> Result<Kept, LedgerError>;

    /// Keeps it; when this returns, it outlives a power cut.
    ///
    /// # Errors
    /// The disk refuses; what was kept before is still there.
    fn store(&mut self, kept: &Kept) -> Result<(), LedgerError>;
}

/// The ledger cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be {what}: {source}", path.display())]
pub struct LedgerError {
    path: PathBuf,
    what: &'static str,
    source: io::Error,
}

/// `commands.json` in the state folder: written beside, synced, renamed, the folder synced.
#[derive(Debug)]
pub struct FileLedger {
    folder: PathBuf,
}

impl FileLedger {
    /// In a state folder.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }
}

impl Ledger for FileLedger {
    fn load(&mut self) -> Result<Kept, LedgerError> {
        let path = self.folder.join(NAME);
        let failed = |source| LedgerError { path: path.clone(), what: "read", source };
        let mut text = String::new();
        match File::open(&path) {
            Ok(file) => file.take(FILE_LEN_MAX).read_to_string(&mut text).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
            Err(error) => return Err(failed(error)),
        };
        // A file that is damaged is no reason to begin old commands again: without a cursor none is begun.
        serde_json::from_str(&text).map_err(|error| failed(io::Error::other(error)))
    }

    fn store(&mut self, kept: &Kept) -> Result<(), LedgerError> {
        let path = self.folder.join(NAME);
        let text = serde_json::to_vec(kept).map_err(io::Error::other);
        let written = text.and_then(|text| replace(&path, &text));
        written.map_err(|source| LedgerError { path, what: "written", source })
    }
}

/// Replaces a file whole or not at all; only its owner may read it.
///
/// # Errors
/// The disk refuses.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// In memory only: for a fleet of pretended boards, whose power nobody cuts.
#[derive(Debug, Default)]
pub struct MemoryLedger(Kept);

impl Ledger for MemoryLedger {
    fn load(&mut self) -> Result<Kept, LedgerError> {
        Ok(self.0.clone())
    }

    fn store(&mut self, kept: &Kept) -> Result<(), LedgerError> {
        self.0 = kept.clone();
        Ok(())
    }
}

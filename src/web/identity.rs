//! What a device is to its server: its own key, and what it got when it came in. One file, only for its owner's eyes.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use orchestrion_protocol::fleet::{Admission, Content};
use orchestrion_protocol::release::{Keyring, SecretKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::workshop::replace;

const NAME: &str = "identity.json";
/// Bytes of the file.
const FILE_LEN_MAX: u64 = 64 * 1024;

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be used: {reason}", path.display())]
pub struct IdentityError {
    path: PathBuf,
    reason: String,
}

/// See the head of this file.
#[derive(Debug)]
pub struct Identity {
    /// `None`: in memory only, for boards that are pretended.
    path: Option<PathBuf>,
    key: SecretKey,
    admitted: Option<Admitted>,
}

/// What a device got when it came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admitted {
    /// The server that it belongs to, as it is written in the configuration.
    pub server: String,
    /// What the server said.
    pub admission: Admission,
    /// The keys that it believes; rotations change them.
    pub keys: Keyring,
    /// From one heartbeat to the next, in s, as the server said last.
    #[serde(default)]
    pub next_s: Option<u32>,
    /// What is to be played, as far as the server has said so.
    #[serde(default)]
    pub content: Option<Content>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    key: String,
    admitted: Option<Admitted>,
}

impl Identity {
    /// Reads it from a state folder, or makes a new key there.
    ///
    /// # Errors
    /// The file cannot be read or written. One that is damaged is not replaced: whoever deletes it enrols the device anew.
    pub fn open(folder: &Path) -> Result<Self, IdentityError> {
        let path = folder.join(NAME);
        let failed = |reason: String| IdentityError { path: path.clone(), reason };
        let mut text = String::new();
        match File::open(&path) {
            Ok(file) => {
                file.take(FILE_LEN_MAX)
                    .read_to_string(&mut text)
                    .map_err(|error| failed(error.to_string()))?;
                let damaged = |words: String| failed(format!("{words}; delete it to enrol this device anew"));
                let written: Written =
                    serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
                let key = written.key.parse().map_err(|error| damaged(format!("{error}")))?;
                Ok(Self { path: Some(path), key, admitted: written.admitted })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut chance = [0; 32];
                File::open("/dev/urandom")
                    .and_then(|mut file| file.read_exact(&mut chance))
                    .map_err(|error| failed(format!("no chance to make a key of: {error}")))?;
                let identity =
                    Self { path: Some(path), key: SecretKey::from_chance(&chance), admitted: None };
                identity.keep()?;
                Ok(identity)
            }
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// What a device kept of this server, without making anything; `None` where it kept nothing that can be used.
    pub fn kept(folder: &Path, server: &str) -> Option<Admitted> {
        let mut text = String::new();
        File::open(folder.join(NAME)).ok()?.take(FILE_LEN_MAX).read_to_string(&mut text).ok()?;
        let written: Written = serde_json::from_str(&text).ok()?;
        written.admitted.filter(|admitted| admitted.server == server)
    }

    /// One in memory only.
    pub fn pretended(chance: &[u8; 32]) -> Self {
        Self { path: None, key: SecretKey::from_chance(chance), admitted: None }
    }

    /// Its key.
    pub fn key(&self) -> &SecretKey {
        &self.key
    }

    /// A number of its own, by which it is apart from the others of its fleet.
    pub fn seed(&self) -> u64 {
        let text = self.key.public().to_string();
        let hash = Sha256::digest(text.as_bytes());
        hash.iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte))
    }

    /// What it got from this server, if it is in.
    pub fn admitted(&self, server: &str) -> Option<&Admitted> {
        self.admitted.as_ref().filter(|admitted| admitted.server == server)
    }

    /// It is in, or has a newer token, or other keys.
    ///
    /// # Errors
    /// The disk refuses; then it is as before.
    pub fn admit(&mut self, admitted: Admitted) -> Result<(), IdentityError> {
        let before = self.admitted.replace(admitted);
        self.keep().inspect_err(|_| self.admitted = before)
    }

    /// It is not itself any more: another board has its card. A new key makes it another device.
    ///
    /// # Errors
    /// The disk refuses; then it is as before.
    pub fn forget(&mut self, chance: &[u8; 32]) -> Result<(), IdentityError> {
        self.key = SecretKey::from_chance(chance);
        self.admitted = None;
        self.keep()
    }

    fn keep(&self) -> Result<(), IdentityError> {
        let Some(path) = &self.path else { return Ok(()) };
        let written = Written { key: self.key.reveal(), admitted: self.admitted.clone() };
        let text = serde_json::to_vec(&written).map_err(io::Error::other);
        let kept = text.and_then(|text| replace(path, &text));
        kept.map_err(|error| IdentityError { path: path.clone(), reason: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = Identity::open(dir.path()).unwrap().key().public();
        assert_eq!(Identity::open(dir.path()).unwrap().key().public(), first);
        let mode = std::fs::metadata(dir.path().join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mut ours = Identity::open(dir.path()).unwrap();
        ours.forget(&[9; 32]).unwrap();
        assert_ne!(Identity::open(dir.path()).unwrap().key().public(), first);
    }

    #[test]
    fn a_damaged_file_is_named_and_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(NAME), b"{").unwrap();
        let error = Identity::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains(NAME) && error.contains("delete it"), "{error}");
        assert_eq!(std::fs::read(dir.path().join(NAME)).unwrap(), b"{");
    }
}

//! A release as it lies in a folder.

use std::path::{Path, PathBuf};

use orchestrion_protocol::release::{
    Keyring, MANIFEST_LEN_MAX, Manifest, OFFER_LEN_MAX, OFFER_NAME, Offer, ROTATION_LEN_MAX, ROTATIONS_MAX,
    Rotation, manifest_path, rotation_path,
};

use super::write::read_limited;

/// What is in a folder, believed or not.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) offer: Offer,
    pub(super) manifest_bytes: Vec<u8>,
}

impl Folder {
    /// Reads offer and manifest of a folder, or of its `release.json`.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let path = match path.file_name() {
            Some(name) if name == OFFER_NAME => path.parent().unwrap_or(Path::new("")).to_owned(),
            _ => path.to_owned(),
        };
        let file = path.join(OFFER_NAME);
        let offer = Offer::read(&read_limited(&file, OFFER_LEN_MAX)?)
            .map_err(|refusal| format!("{}: {refusal}", file.display()))?;
        let file = path.join(manifest_path(&offer.manifest));
        let manifest_bytes = read_limited(&file, MANIFEST_LEN_MAX)?;
        Ok(Self { path, offer, manifest_bytes })
    }

    /// The manifest, whoever signed it.
    pub(super) fn peek(&self) -> Result<Manifest, String> {
        Manifest::peek(&self.manifest_bytes).map_err(|refusal| format!("{}: {refusal}", self.path.display()))
    }
}

/// A manifest of a folder, or of a file: for people who look at it.
pub(super) fn look(path: &Path) -> Result<Manifest, String> {
    if path.is_dir() || path.file_name().is_some_and(|name| name == OFFER_NAME) {
        return Folder::read(path)?.peek();
    }
    let bytes = read_limited(path, MANIFEST_LEN_MAX)?;
    Manifest::peek(&bytes).map_err(|refusal| format!("{}: {refusal}", path.display()))
}

/// The keys that the last rotation in a folder names; `None` where keys were never rotated.
pub(super) fn last_keys(folder: &Path) -> Result<Option<Keyring>, String> {
    let mut last = None;
    for serial in 1..=ROTATIONS_MAX {
        let file = folder.join(rotation_path(serial));
        if !file.exists() {
            break;
        }
        let bytes = read_limited(&file, ROTATION_LEN_MAX)?;
        last = Some(Rotation::peek(&bytes).map_err(|refusal| format!("{}: {refusal}", file.display()))?);
    }
    Ok(last)
}

/// The keys after all rotations in a folder, as a device follows them.
pub(super) fn follow(folder: &Path, pinned: Keyring, until: u64) -> Result<Keyring, String> {
    let mut keys = pinned;
    for serial in keys.serial() + 1..=until.min(ROTATIONS_MAX) {
        let file = folder.join(rotation_path(serial));
        let bytes = read_limited(&file, ROTATION_LEN_MAX)?;
        keys = keys.follow(&bytes).map_err(|refusal| format!("{}: {refusal}", file.display()))?;
    }
    Ok(keys)
}

//! Generations: made beside, renamed; and the pointer to the one that plays.

use std::io;
use std::path::Path;
use std::sync::Arc;

use orchestrion_protocol::release::{
    Edition, Expected, Held, Keyring, MANIFEST_LEN_MAX, Manifest, OFFER_LEN_MAX, OFFER_NAME, Offer, Refusal,
    manifest_path,
};

use super::{
    Accepted, Disk, Generation, Keys, SMALL_LEN_MAX, Store, StoreError, ensure_dir, forget, read_small,
    write_synced,
};

/// The files of a generation.
const MANIFEST: &str = "manifest.json";
const ACCEPTED: &str = "accepted.json";
/// The pointer, and how it is called before it is one.
pub(super) const CURRENT: &str = "current";
const CURRENT_NEW: &str = "current.new";
pub(super) const GENERATIONS: &str = "generations";
/// What a generation is called until it is whole, and from when on it is to go.
pub(super) const NEW_END: &str = ".new";
pub(super) const GONE_END: &str = ".gone";
/// The keys after rotations.
pub(super) const KEYS: &str = "keys.json";

impl Store {
    /// Makes a generation of a release whose blobs are all there. It is not played yet, and may be made again.
    ///
    /// # Errors
    /// The release is refused, a blob is missing, or the disk refuses.
    pub fn prepare(
        &mut self,
        bytes: &[u8],
        offer: &Offer,
        expected: &Expected<'_>,
    ) -> Result<Generation, StoreError> {
        let manifest = Manifest::open(bytes, offer, &self.ring, expected)?;
        let key = *self.ring.key(offer.key).ok_or(Refusal::UnknownKey { key: offer.key })?;
        let missing = self.missing(&manifest);
        if let Some(first) = missing.first() {
            let (missing, first) = (missing.len(), first.sha256);
            return Err(StoreError::Incomplete { edition: manifest.edition, missing, first });
        }
        let held = Held { edition: manifest.edition, manifest: offer.manifest };
        let generation = Generation { held, manifest: Arc::new(manifest), is_factory: false };
        if !open(&*self.disk, self.root(), held.edition).is_ok_and(|there| there.held == held) {
            self.write_generation(held.edition, bytes, &Accepted { offer: offer.clone(), key })?;
        }
        Ok(generation)
    }

    fn write_generation(
        &self,
        edition: Edition,
        bytes: &[u8],
        accepted: &Accepted,
    ) -> Result<(), StoreError> {
        let (disk, all) = (&*self.disk, self.root().join(GENERATIONS));
        let path = all.join(name(edition));
        let new = all.join(name(edition) + NEW_END);
        // Made of texts and numbers only; it cannot fail.
        let accepted = serde_json::to_vec(accepted).unwrap_or_default();
        // One that is damaged gives way under its name; should the power be cut now, the one before is there.
        if disk.stat(&path).is_ok() {
            discard(disk, &all, &name(edition))?;
        }
        remove(disk, &new)?;
        disk.create_dir(&new).map_err(StoreError::disk("cannot make", &new))?;
        write_synced(disk, &new.join(MANIFEST), bytes)?;
        write_synced(disk, &new.join(ACCEPTED), &accepted)?;
        disk.sync_dir(&new).map_err(StoreError::disk("cannot sync", &new))?;
        disk.rename(&new, &path).map_err(StoreError::disk("cannot name", &path))?;
        disk.sync_dir(&all).map_err(StoreError::disk("cannot sync", &all))
    }

    /// Makes a prepared generation the one that plays. When this returns, it is so after any power cut. It takes two
    /// renames and a sync, however much is in it.
    ///
    /// # Errors
    /// It is not there, or the disk refuses; then the one before goes on, and this may be tried again.
    pub fn switch(&mut self, to: &Generation) -> Result<(), StoreError> {
        let (disk, edition) = (&*self.disk, to.held.edition);
        let root = self.root();
        let (current, new) = (root.join(CURRENT), root.join(CURRENT_NEW));
        let target = Path::new(GENERATIONS).join(name(edition));
        disk.stat(&root.join(&target)).map_err(|_| StoreError::NoGeneration { edition })?;
        forget(disk, &new).map_err(StoreError::disk("cannot remove", &new))?;
        disk.symlink(&target, &new).map_err(StoreError::disk("cannot make", &new))?;
        disk.rename(&new, &current).map_err(StoreError::disk("cannot replace", &current))?;
        disk.sync_dir(root).map_err(StoreError::disk("cannot sync", root))?;
        let before = self.current.replace(to.clone()).filter(|before| !before.is_factory);
        let before = before.map(|before| before.held.edition).filter(|before| *before != edition);
        self.previous = before.or(self.previous).filter(|before| *before != edition);
        Ok(())
    }

    /// Takes away generations other than the one that plays and the one before. What the disk keeps is tried again the
    /// next time.
    pub fn tidy(&mut self) {
        let all = self.root().join(GENERATIONS);
        let kept = [self.held().map(|held| held.edition), self.previous];
        let kept: Vec<String> = kept.into_iter().flatten().map(name).collect();
        for found in self.disk.list(&all).unwrap_or_default() {
            if !kept.contains(&found) {
                let _ = discard(&*self.disk, &all, &found);
            }
        }
    }

    /// Follows a rotation of keys, and remembers it.
    ///
    /// # Errors
    /// It is not signed by a key that is believed, does not follow, or the disk refuses.
    pub fn follow(&mut self, message: &[u8]) -> Result<(), StoreError> {
        let ring = self.ring.follow(message)?;
        let keys = Keys { pinned: self.settings.pinned.clone(), ring };
        let (disk, root) = (&*self.disk, self.root());
        let (path, new) = (root.join(KEYS), root.join(KEYS.to_owned() + NEW_END));
        // Made of texts and numbers only; it cannot fail.
        write_synced(disk, &new, &serde_json::to_vec(&keys).unwrap_or_default())?;
        disk.rename(&new, &path).map_err(StoreError::disk("cannot replace", &path))?;
        disk.sync_dir(root).map_err(StoreError::disk("cannot sync", root))?;
        self.ring = keys.ring;
        Ok(())
    }
}

/// What a generation's folder is called.
pub(super) fn name(edition: Edition) -> String {
    format!("{}.{}", edition.epoch, edition.number)
}

/// Which generation a folder is, by its name.
pub(super) fn edition(name: &str) -> Option<Edition> {
    let (epoch, number) = name.split_once('.')?;
    let edition = Edition { epoch: epoch.parse().ok()?, number: number.parse().ok()? };
    (self::name(edition) == name).then_some(edition)
}

/// Opens a generation of a store, and asks again whether it is what was accepted.
pub(super) fn open(disk: &dyn Disk, root: &Path, edition: Edition) -> Result<Generation, StoreError> {
    let path = root.join(GENERATIONS).join(name(edition));
    let file = path.join(ACCEPTED);
    let accepted = read_small(disk, &file, SMALL_LEN_MAX).map_err(StoreError::disk("cannot read", &file))?;
    let accepted: Accepted = serde_json::from_slice(&accepted).map_err(|error| {
        StoreError::disk("cannot read", &file)(io::Error::new(io::ErrorKind::InvalidData, error))
    })?;
    let keys = Keyring::pinned(vec![accepted.key])?;
    let generation = open_by(disk, &path.join(MANIFEST), &accepted.offer, &keys)?;
    if generation.held.edition != edition {
        return Err(StoreError::NoGeneration { edition });
    }
    Ok(generation)
}

/// Opens the release of a folder as a server would serve it.
pub(super) fn open_factory(disk: &dyn Disk, root: &Path, keys: &Keyring) -> Result<Generation, StoreError> {
    let file = root.join(OFFER_NAME);
    let bytes = read_small(disk, &file, OFFER_LEN_MAX).map_err(StoreError::disk("cannot read", &file))?;
    let offer = Offer::read(&bytes)?;
    let generation = open_by(disk, &root.join(manifest_path(&offer.manifest)), &offer, keys)?;
    Ok(Generation { is_factory: true, ..generation })
}

fn open_by(disk: &dyn Disk, file: &Path, offer: &Offer, keys: &Keyring) -> Result<Generation, StoreError> {
    let mut opened = Err(StoreError::NoGeneration { edition: offer.edition });
    // A disk that fails once may give other bytes the next time.
    for _ in 0..super::READ_TRIES {
        let bytes = read_small(disk, file, MANIFEST_LEN_MAX).map_err(StoreError::disk("cannot read", file));
        opened = bytes.and_then(|bytes| Ok(Manifest::open(&bytes, offer, keys, &Expected::default())?));
        if opened.is_ok() {
            break;
        }
    }
    let held = Held { edition: offer.edition, manifest: offer.manifest };
    Ok(Generation { held, manifest: Arc::new(opened?), is_factory: false })
}

/// Takes a generation away that had its name: it loses that first, so that no cut leaves half of it under it.
fn discard(disk: &dyn Disk, all: &Path, name: &str) -> Result<(), StoreError> {
    let gone = all.join(name.trim_end_matches(GONE_END).to_owned() + GONE_END);
    if all.join(name) != gone {
        remove(disk, &gone)?;
        disk.rename(&all.join(name), &gone).map_err(StoreError::disk("cannot rename", &gone))?;
        disk.sync_dir(all).map_err(StoreError::disk("cannot sync", all))?;
    }
    remove(disk, &gone)
}

/// Takes a folder of a generation away, whole or what there is of it.
pub(super) fn remove(disk: &dyn Disk, path: &Path) -> Result<(), StoreError> {
    let removed = || {
        match ensure_gone(disk.list(path))? {
            None => return Ok(()),
            Some(names) => names.iter().try_for_each(|name| forget(disk, &path.join(name)))?,
        }
        disk.remove_dir(path)
    };
    removed().map_err(StoreError::disk("cannot remove", path))
}

fn ensure_gone<T>(listed: io::Result<T>) -> io::Result<Option<T>> {
    match listed {
        Ok(names) => Ok(Some(names)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes the folders of a store; gives whether any was made.
pub(super) fn lay(disk: &dyn Disk, root: &Path) -> io::Result<bool> {
    let mut made = false;
    for folder in ["blobs", "partial", GENERATIONS] {
        made |= ensure_dir(disk, &root.join(folder))?;
    }
    Ok(made)
}

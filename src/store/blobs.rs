//! Blobs: begun, finished, taken away.

use std::collections::HashSet;
use std::path::PathBuf;

use orchestrion_protocol::release::{Blob, Digest, Manifest};

use super::{Entry, Partial, Store, StoreError, ensure_dir, forget};

impl Store {
    /// What of a manifest's blobs is not there, or damaged.
    pub fn missing<'a>(&self, manifest: &'a Manifest) -> Vec<&'a Blob> {
        let is_there = |blob: &&Blob| {
            let entry = self.blobs.get(&blob.sha256).filter(|entry| entry.size == blob.size);
            entry.is_none() || self.damaged.contains(&blob.sha256)
        };
        manifest.blobs.iter().filter(is_there).collect()
    }

    /// Opens what is there of a blob, or begins it; the disk reserves room for the whole first.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn begin(&self, blob: &Blob) -> Result<Partial, StoreError> {
        Partial::open(&*self.disk, self.partial_path(&blob.sha256), blob.clone())
    }

    /// Forgets what is there of a blob.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn abandon(&self, name: &Digest) -> Result<(), StoreError> {
        let path = self.partial_path(name);
        forget(&*self.disk, &path).map_err(StoreError::disk("cannot remove", &path))
    }

    /// Gives a blob its name. After this it is there, whatever is cut.
    ///
    /// # Errors
    /// It has other content, or the disk refuses. Then it has to be begun anew: after a failed sync nobody knows which
    /// of its bytes are on the disk, and syncing again would not tell.
    pub fn finish(&mut self, mut partial: Partial) -> Result<(), StoreError> {
        let (name, found) = (partial.blob().sha256, partial.digest());
        if found != name {
            drop(partial);
            self.abandon(&name)?;
            return Err(StoreError::OtherContent { name, found });
        }
        if let Err(error) = partial.file.sync() {
            let _ = self.abandon(&name);
            return Err(StoreError::disk("cannot sync", &partial.path)(error));
        }
        let (path, size) = (self.blob_path(&name), partial.len());
        let folder = path.parent().unwrap_or(self.root()).to_owned();
        let blobs = self.root().join("blobs");
        let made = ensure_dir(&*self.disk, &folder).map_err(StoreError::disk("cannot make", &folder))?;
        self.disk.rename(&partial.path, &path).map_err(StoreError::disk("cannot name", &path))?;
        self.disk.sync_dir(&folder).map_err(StoreError::disk("cannot sync", &folder))?;
        if made {
            self.disk.sync_dir(&blobs).map_err(StoreError::disk("cannot sync", &blobs))?;
        }
        self.damaged.remove(&name);
        self.blobs.insert(name, Entry { size, modified_s: i64::MAX });
        Ok(())
    }

    /// Takes blobs away. The caller has seen to it that nobody needs them. Those that the disk keeps are kept in the books.
    pub(super) fn take_away(&mut self, names: &[Digest]) -> HashSet<Digest> {
        let mut gone = HashSet::new();
        for name in names {
            if forget(&*self.disk, &self.blob_path(name)).is_ok() {
                self.blobs.remove(name);
                self.damaged.remove(name);
                gone.insert(*name);
            }
        }
        gone
    }

    pub(super) fn partial_path(&self, name: &Digest) -> PathBuf {
        self.root().join("partial").join(name.to_string())
    }
}

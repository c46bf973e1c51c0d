//! A folder with a release that somebody brings, as a USB stick: read as a server would be, and believed as little.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use orchestrion_program::model::PlaceId;
use orchestrion_protocol::release::{
    Blob, Expected, Held, MANIFEST_LEN_MAX, Manifest, OFFER_LEN_MAX, OFFER_NAME, Offer, ROTATION_LEN_MAX,
    ROTATIONS_MAX, blob_path, manifest_path, rotation_path,
};

use super::work::Talk;
use crate::download::{Progress, Room};
use crate::store::{Generation, Store};

/// Bytes that are read at once.
const READ_LEN: usize = 256 * 1024;

/// See the head of this file.
pub(super) struct Stick {
    folder: PathBuf,
    /// The offer that was dealt with; it is looked at again when it is another one, or the folder was away.
    seen: Option<Vec<u8>>,
}

impl Stick {
    pub(super) fn at(folder: PathBuf) -> Self {
        Self { folder, seen: None }
    }

    /// How it is called for people.
    pub(super) fn shown(&self) -> String {
        format!("the folder {}", self.folder.display())
    }

    /// It is to be looked at again, whatever was in it.
    pub(super) fn forget(&mut self) {
        self.seen = None;
    }

    /// Takes what it has, if it is there and has something new: gives a generation to switch to, or the held one mended.
    ///
    /// # Errors
    /// What stands against it, in words. It is tried again when the folder was away, or has something else.
    pub(super) fn look(
        &mut self,
        store: &mut Store,
        place: Option<&PlaceId>,
        ready: Option<Held>,
        talk: &mut Talk<'_, '_>,
    ) -> Result<Option<Generation>, String> {
        let bytes = match read(&self.folder.join(OFFER_NAME), OFFER_LEN_MAX) {
            Ok(bytes) => bytes,
            // Not there, or just being pulled out.
            Err(_) => {
                self.seen = None;
                return Ok(None);
            }
        };
        if self.seen.as_ref() == Some(&bytes) {
            return Ok(None);
        }
        self.seen = Some(bytes.clone());
        let taken = self.take(&bytes, store, (place, ready), talk);
        if talk.is_stopped() {
            self.seen = None;
        }
        taken
    }

    fn take(
        &self,
        bytes: &[u8],
        store: &mut Store,
        (place, ready): (Option<&PlaceId>, Option<Held>),
        talk: &mut Talk<'_, '_>,
    ) -> Result<Option<Generation>, String> {
        let expected = Expected { place, held: store.held() };
        let offer = Offer::read(bytes).map_err(words)?;
        offer.expect(&expected).map_err(words)?;
        let is_held = store.held().is_some_and(|held| held.manifest == offer.manifest);
        let is_whole = store.current().is_some_and(|current| store.missing(&current.manifest).is_empty());
        let is_ready = ready.is_some_and(|ready| offer.edition <= ready.edition);
        if is_held && is_whole || is_ready {
            return Ok(None);
        }
        for serial in store.keys().serial() + 1..=offer.keys_serial.min(ROTATIONS_MAX) {
            let message = self.document(&rotation_path(serial), ROTATION_LEN_MAX)?;
            store.follow(&message).map_err(words)?;
        }
        let bytes = self.document(&manifest_path(&offer.manifest), MANIFEST_LEN_MAX)?;
        let manifest = Manifest::open(&bytes, &offer, store.keys(), &expected).map_err(words)?;
        store.make_room(&manifest, &talk.used()).map_err(words)?;
        let missing: Vec<Blob> = store.missing(&manifest).into_iter().cloned().collect();
        let missing_bytes: u64 = missing.iter().map(|blob| blob.size).sum();
        let mut progress = Progress {
            edition: Some(manifest.edition),
            files_done: manifest.blobs.len() - missing.len(),
            files: manifest.blobs.len(),
            bytes_done: manifest.blob_bytes().saturating_sub(missing_bytes),
            bytes: manifest.blob_bytes(),
            ..Progress::default()
        };
        for blob in &missing {
            talk.told(&progress);
            if !self.copy(blob, store, talk)? {
                return Ok(None);
            }
            progress.files_done += 1;
            progress.bytes_done = progress.bytes_done.saturating_add(blob.size);
        }
        store.prepare(&bytes, &offer, &expected).map(Some).map_err(words)
    }

    /// Copies a blob; `false` if it was broken off.
    fn copy(&self, blob: &Blob, store: &mut Store, talk: &Talk<'_, '_>) -> Result<bool, String> {
        let path = self.folder.join(blob_path(&blob.sha256));
        let failed = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
        // What a server began is of no use here: it would have to be skipped in the file.
        store.abandon(&blob.sha256).map_err(words)?;
        let mut partial = store.begin(blob).map_err(words)?;
        let mut file = File::open(&path).map_err(failed)?;
        let mut buffer = vec![0; READ_LEN];
        loop {
            if talk.is_stopped() {
                return Ok(false);
            }
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => partial.write(&buffer[..read]).map_err(words)?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
        }
        store.finish(partial).map_err(words)?;
        Ok(true)
    }

    fn document(&self, name: &str, max: usize) -> Result<Vec<u8>, String> {
        read(&self.folder.join(name), max)
    }
}

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn read(path: &Path, max: usize) -> Result<Vec<u8>, String> {
    let failed = |problem: String| format!("{} cannot be read: {problem}", path.display());
    let metadata = fs::metadata(path).map_err(|error| failed(error.to_string()))?;
    if !metadata.is_file() || metadata.len() > max as u64 {
        return Err(failed(format!("it is no file of at most {max} bytes")));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    file.take(max as u64).read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
    Ok(bytes)
}

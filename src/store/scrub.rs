//! Reading everything again, slowly, blob after blob: a card forgets. What is found wrong is named, is played no more, and
//! is fetched again over the damaged file, which stays until then under whoever holds it open.

use std::collections::VecDeque;
use std::io::Read;

use orchestrion_protocol::release::{Digest, Hasher};

use super::Store;

/// Bytes that are read at once.
pub const PIECE_LEN: usize = 64 * 1024;

/// Where the reading is.
#[derive(Default)]
pub(super) struct Cursor {
    waiting: VecDeque<Digest>,
    in_round: bool,
    reading: Option<Reading>,
}

struct Reading {
    name: Digest,
    file: Box<dyn Read + Send>,
    hasher: Hasher,
}

/// What a piece of reading came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scrubbed {
    /// So many bytes, and nothing to tell.
    Read(u64),
    /// This blob is whole.
    Whole(Digest),
    /// This one is not, or cannot be read. It counts as missing from now on.
    Damaged(Digest),
    /// All blobs of the generation that plays were read; the next call begins anew.
    Complete,
}

impl Store {
    /// Begins the reading anew, somewhere: a device that is switched off each night reads everything all the same.
    pub fn begin_scrub_at(&mut self, chance: u64) {
        self.scrub = Cursor::default();
        let current = self.current.as_ref().filter(|current| !current.is_factory);
        let names = current.iter().flat_map(|current| current.manifest.blobs.iter());
        self.scrub.waiting = names.map(|blob| blob.sha256).collect();
        let len = self.scrub.waiting.len().max(1) as u64;
        self.scrub
            .waiting
            .rotate_left(usize::try_from(chance % len).unwrap_or(0).min(self.scrub.waiting.len()));
        self.scrub.in_round = true;
    }

    /// Reads the next piece of the generation that plays. Whoever calls it decides how often, and so how fast.
    pub fn scrub(&mut self) -> Scrubbed {
        if self.scrub.reading.is_none() {
            if !self.scrub.in_round {
                let current = self.current.as_ref().filter(|current| !current.is_factory);
                let names = current.iter().flat_map(|current| current.manifest.blobs.iter());
                self.scrub.waiting = names.map(|blob| blob.sha256).collect();
                self.scrub.in_round = true;
            }
            let Some(name) = self.scrub.waiting.pop_front() else {
                self.scrub.in_round = false;
                return Scrubbed::Complete;
            };
            if !self.has(&name) {
                return Scrubbed::Read(0);
            }
            let Ok(file) = self.disk.read(&self.blob_path(&name)) else { return self.found_damaged(name) };
            self.scrub.reading = Some(Reading { name, file, hasher: Hasher::default() });
        }
        let Some(mut reading) = self.scrub.reading.take() else { return Scrubbed::Complete };
        let mut buffer = vec![0; PIECE_LEN];
        match reading.file.read(&mut buffer) {
            Ok(0) if reading.hasher.clone().digest() == reading.name => Scrubbed::Whole(reading.name),
            Ok(0) => self.found_damaged(reading.name),
            Ok(read) => {
                reading.hasher.update(&buffer[..read]);
                self.scrub.reading = Some(reading);
                Scrubbed::Read(read as u64)
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {
                self.scrub.reading = Some(reading);
                Scrubbed::Read(0)
            }
            Err(_) => self.found_damaged(reading.name),
        }
    }

    fn found_damaged(&mut self, name: Digest) -> Scrubbed {
        self.damaged.insert(name);
        Scrubbed::Damaged(name)
    }

    /// Counts a blob as damaged: whoever played it found it so.
    pub fn doubt(&mut self, name: Digest) {
        if self.blobs.contains_key(&name) {
            self.damaged.insert(name);
        }
    }
}

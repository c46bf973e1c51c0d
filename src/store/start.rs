//! A start: what is there, what of it can be believed, and which generation plays.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use orchestrion_protocol::release::{Digest, Edition, Keyring};

use super::generations::{self, CURRENT, GENERATIONS, GONE_END, KEYS, NEW_END};
use super::{
    Disk, Entry, GENERATIONS_MAX, Generation, Keys, SMALL_LEN_MAX, Settings, Store, StoreError, read_small,
    scrub,
};

/// Findings that are told one by one; the rest is counted.
const TOLD_MAX: usize = 20;

/// What a start found wrong; empty after any power cut.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// A sentence each.
    pub problems: Vec<String>,
    /// Blobs of the generation that plays that are missing or have another size.
    pub missing: Vec<Digest>,
    /// Nothing can be written: what is there plays.
    pub read_only: bool,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("; "))?;
        if !self.missing.is_empty() {
            let named: Vec<String> = self.missing.iter().take(TOLD_MAX).map(Digest::to_string).collect();
            write!(f, "{} files are missing or cut: {}", self.missing.len(), named.join(", "))?;
        }
        Ok(())
    }
}

impl Store {
    /// Opens a store, or begins one; and takes the generation that plays: the current one, else the newest that can be
    /// believed, else the factory's, else none.
    ///
    /// # Errors
    /// There are no keys. Whatever the disk does is told as a finding, since what can be read shall play.
    pub fn open(disk: Arc<dyn Disk>, settings: Settings) -> Result<(Self, Findings), StoreError> {
        let mut findings = Findings::default();
        let root = settings.root.clone();
        lay(&*disk, &root, &mut findings);
        let ring = ring(&*disk, &settings)?;
        let blobs = blobs(&*disk, &root, &mut findings);
        let mut store = Self {
            disk,
            settings,
            blobs,
            damaged: HashSet::new(),
            current: None,
            previous: None,
            ring,
            scrub: scrub::Cursor::default(),
        };
        store.choose(&mut findings);
        store.sweep();
        Ok((store, findings))
    }

    /// Chooses the generation that plays.
    fn choose(&mut self, findings: &mut Findings) {
        let all = listed(&*self.disk, &self.root().join(GENERATIONS), findings);
        let mut editions: Vec<Edition> = all.iter().filter_map(|name| generations::edition(name)).collect();
        editions.sort_unstable_by(|a, b| b.cmp(a));
        editions.truncate(GENERATIONS_MAX);
        let pointed = self.pointed(!editions.is_empty(), findings);
        // Nothing newer than the pointer was ever switched to; it comes last, before silence.
        let (older, newer): (Vec<_>, Vec<_>) = editions
            .into_iter()
            .filter(|one| Some(*one) != pointed)
            .partition(|one| pointed.is_none_or(|at| *one < at));
        let order = pointed.into_iter().chain(older).chain(newer);
        let mut opened = Vec::new();
        for edition in order {
            match generations::open(&*self.disk, self.root(), edition) {
                Ok(generation) => opened.push(generation),
                Err(error) => findings.problems.push(format!("{edition} cannot be played: {error}")),
            }
        }
        // The one that is pointed to plays even if files of it are missing; but not if none of them is there.
        let is_playable = |generation: &Generation| {
            generation.manifest.blobs.is_empty()
                || generation.manifest.blobs.iter().any(|blob| self.has(&blob.sha256))
        };
        let at = opened.iter().position(is_playable);
        if let Some(at) = at {
            let current = opened.remove(at);
            findings.missing = self.missing(&current.manifest).iter().map(|blob| blob.sha256).collect();
            if pointed.is_some() && pointed != Some(current.held.edition) {
                findings.problems.push(format!("{} plays in its place", current.held.edition));
            }
            let held = current.held.edition;
            let whole = |one: &&Generation| one.held.edition < held && self.missing(&one.manifest).is_empty();
            self.previous = opened.iter().filter(whole).map(|one| one.held.edition).max();
            self.current = Some(current);
        } else if let Some(factory) = &self.settings.factory {
            match generations::open_factory(&*self.disk, factory, &self.ring) {
                Ok(generation) => self.current = Some(generation),
                Err(error) => {
                    findings.problems.push(format!("the factory's release cannot be played: {error}"))
                }
            }
        }
    }

    /// Which generation the pointer names.
    fn pointed(&self, has_generations: bool, findings: &mut Findings) -> Option<Edition> {
        let path = self.root().join(CURRENT);
        let target = match self.disk.read_link(&path).or_else(|_| self.disk.read_link(&path)) {
            Ok(target) => target,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // Before the first switch there is none; a generation may have been made already.
                if has_generations && !self.blobs.is_empty() {
                    log::info!("{} is not there: nothing was switched to yet", path.display());
                }
                return None;
            }
            Err(error) => {
                findings.problems.push(format!("{} cannot be read: {error}", path.display()));
                return None;
            }
        };
        let name = target.strip_prefix(GENERATIONS).ok().and_then(Path::to_str);
        let edition = name.and_then(generations::edition);
        if edition.is_none() {
            findings.problems.push(format!(
                "{} leads to {}, which is no generation",
                path.display(),
                target.display()
            ));
        }
        edition
    }

    /// Takes away what an interrupted write left. It is tried at each start, and nothing depends on it.
    fn sweep(&mut self) {
        let all = self.root().join(GENERATIONS);
        for name in self.disk.list(&all).unwrap_or_default() {
            if name.ends_with(NEW_END) || name.ends_with(GONE_END) {
                let _ = generations::remove(&*self.disk, &all.join(name));
            }
        }
        let partial = self.root().join("partial");
        for name in self.disk.list(&partial).unwrap_or_default() {
            let is_needed = name.parse::<Digest>().is_ok_and(|name| !self.has(&name));
            if !is_needed {
                let _ = super::forget(&*self.disk, &partial.join(name));
            }
        }
    }
}

/// Makes the folders; a disk that refuses is told.
fn lay(disk: &dyn Disk, root: &Path, findings: &mut Findings) {
    let laid = generations::lay(disk, root).and_then(|made| if made { disk.sync_dir(root) } else { Ok(()) });
    if let Err(error) = laid {
        findings.read_only = true;
        findings.problems.push(format!(
            "{} cannot be written: {error}{}",
            root.display(),
            super::remedy(&error)
        ));
    }
}

/// The keys that are believed.
fn ring(disk: &dyn Disk, settings: &Settings) -> Result<Keyring, StoreError> {
    let stored = read_small(disk, &settings.root.join(KEYS), SMALL_LEN_MAX).ok();
    let stored = stored.and_then(|bytes| serde_json::from_slice::<Keys>(&bytes).ok());
    match stored.filter(|keys| keys.pinned == settings.pinned) {
        Some(keys) => Ok(keys.ring),
        // What is lost is followed again from the first message on.
        None => Ok(Keyring::pinned(settings.pinned.clone())?),
    }
}

/// All blobs by name.
fn blobs(disk: &dyn Disk, root: &Path, findings: &mut Findings) -> HashMap<Digest, Entry> {
    let mut found = HashMap::new();
    let all = root.join("blobs");
    for folder in listed(disk, &all, findings) {
        let path = all.join(&folder);
        for name in listed(disk, &path, findings) {
            let Ok(digest) = name.parse::<Digest>() else { continue };
            let stat = disk.stat(&path.join(&name)).or_else(|_| disk.stat(&path.join(&name)));
            if let Ok(stat) = stat.map(|stat| (stat.is_file && digest.folder() == folder).then_some(stat)) {
                found
                    .extend(stat.map(|stat| (digest, Entry { size: stat.len, modified_s: stat.modified_s })));
            }
        }
    }
    found
}

/// The names in a folder; one that cannot be read is tried again, and told.
fn listed(disk: &dyn Disk, path: &Path, findings: &mut Findings) -> Vec<String> {
    disk.list(path).or_else(|_| disk.list(path)).unwrap_or_else(|error| {
        findings.problems.push(format!(
            "{} cannot be read: {error}{}",
            path.display(),
            super::remedy(&error)
        ));
        Vec::new()
    })
}

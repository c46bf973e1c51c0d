//! The queue: entries, the order of adding, the order of playing. An entry's number, its place in either order and the
//! current one are three different things.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use orchestrion_protocol::limits::QUEUE_LEN_MAX;
use orchestrion_protocol::method::Place;
use orchestrion_protocol::status::{EntryId, Repeat};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::audio::Tags;
use crate::storage::{KeptEntry, QueueSnapshot};

/// A song in the queue. Tags and duration are known once it was opened.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) path: Arc<Path>,
    pub(super) tags: Option<Tags>,
    pub(super) duration_ms: Option<u64>,
    /// Not kept over a restart.
    is_passing: bool,
}

/// Why the queue does not do what it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum QueueError {
    #[error("there is no entry {0} in the queue; `queue list` shows them")]
    Unknown(EntryId),
    #[error("entry {0} is the current one; skip it first")]
    Current(EntryId),
}

/// What adding came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) added: usize,
    pub(super) first: Option<EntryId>,
    pub(super) last: Option<EntryId>,
    pub(super) no_room: usize,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Queue {
    entries: HashMap<EntryId, Entry>,
    added: Vec<EntryId>,
    order: Vec<EntryId>,
    current: Option<EntryId>,
    next_entry: u64,
    repeat: Repeat,
    shuffle: bool,
    chance: ChaCha8Rng,
}

impl Queue {
    pub(super) fn new(kept: &QueueSnapshot, repeat: Repeat, shuffle: bool, seed: u64) -> Self {
        let mut queue = Self {
            entries: HashMap::new(),
            added: Vec::new(),
            order: Vec::new(),
            current: None,
            next_entry: kept.next_entry.max(1),
            repeat,
            shuffle,
            chance: ChaCha8Rng::seed_from_u64(seed),
        };
        for entry in kept.entries.iter().take(QUEUE_LEN_MAX) {
            let song =
                Entry { path: Arc::clone(&entry.path), tags: None, duration_ms: None, is_passing: false };
            if queue.entries.insert(entry.id, song).is_none() {
                queue.added.push(entry.id);
                queue.next_entry = queue.next_entry.max(entry.id.0 + 1);
            }
        }
        // What is kept may be from another version: the order must hold each entry once.
        let mut missing: std::collections::HashSet<EntryId> = queue.added.iter().copied().collect();
        queue.order = kept.order.iter().copied().filter(|id| missing.remove(id)).collect();
        queue.order.extend(queue.added.iter().copied().filter(|id| missing.contains(id)));
        queue.current = kept.current.filter(|id| queue.entries.contains_key(id));
        queue
    }

    pub(super) fn snapshot(&self) -> QueueSnapshot {
        let lasts = |id: &EntryId| self.entries.get(id).is_some_and(|entry| !entry.is_passing);
        let kept = |id: &EntryId| {
            let entry = self.entries.get(id).filter(|entry| !entry.is_passing)?;
            Some(KeptEntry { id: *id, path: Arc::clone(&entry.path) })
        };
        // Instead of a current one that passes: what follows it, else what was heard before it.
        let current = self.current.and_then(|current| {
            let at = self.order.iter().position(|id| *id == current)?;
            let (before, from) = self.order.split_at(at);
            from.iter().chain(before.iter().rev()).copied().find(lasts)
        });
        QueueSnapshot {
            entries: Arc::new(self.added.iter().filter_map(kept).collect()),
            order: Arc::new(self.order.iter().copied().filter(|id| lasts(id)).collect()),
            current,
            next_entry: self.next_entry,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn repeat(&self) -> Repeat {
        self.repeat
    }

    pub(super) fn set_repeat(&mut self, repeat: Repeat) {
        self.repeat = repeat;
    }

    pub(super) fn is_shuffled(&self) -> bool {
        self.shuffle
    }

    pub(super) fn current(&self) -> Option<EntryId> {
        self.current
    }

    pub(super) fn get(&self, id: EntryId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: EntryId) -> Option<&mut Entry> {
        self.entries.get_mut(&id)
    }

    pub(super) fn page(&self, offset: usize, limit: usize) -> &[EntryId] {
        let from = offset.min(self.order.len());
        &self.order[from..from.saturating_add(limit).min(self.order.len())]
    }

    /// All entries in the order of adding.
    pub(super) fn iter(&self) -> impl Iterator<Item = (EntryId, &Entry)> {
        self.added.iter().filter_map(|id| self.entries.get(id).map(|entry| (*id, entry)))
    }

    /// Whether this one is kept over a restart: not what is only chosen and may be chosen anew.
    pub(super) fn set_passing(&mut self, id: EntryId, is_passing: bool) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.is_passing = is_passing;
        }
    }

    /// What was heard before the current one, but for the last so many: the oldest first.
    pub(super) fn heard_before(&self, len_max: usize) -> Vec<EntryId> {
        let here = self.current.and_then(|id| self.order.iter().position(|other| *other == id)).unwrap_or(0);
        self.order[..here.saturating_sub(len_max)].to_vec()
    }

    /// An entry became the current one. Where a shuffled queue begins anew it is shuffled anew.
    pub(super) fn set_current(&mut self, id: EntryId) {
        if !self.entries.contains_key(&id) {
            return;
        }
        let wrapped = self.current == self.order.last().copied() && self.order.first() == Some(&id);
        self.current = Some(id);
        if wrapped && self.shuffle {
            self.shuffle_upcoming();
        }
    }

    /// Adds songs. What finds no room is counted, never silently dropped.
    pub(super) fn add(
        &mut self,
        paths: impl IntoIterator<Item = Arc<Path>>,
        at: Place,
    ) -> Result<Outcome, QueueError> {
        let added_at = self.place_in(&self.added, at)?;
        let order_at = self.place_in(&self.order, at)?;
        let mut outcome = Outcome::default();
        let mut ids = Vec::new();
        for path in paths {
            if self.entries.len() >= QUEUE_LEN_MAX {
                outcome.no_room += 1;
                continue;
            }
            let id = EntryId(self.next_entry);
            self.next_entry += 1;
            self.entries.insert(id, Entry { path, tags: None, duration_ms: None, is_passing: false });
            ids.push(id);
        }
        outcome.added = ids.len();
        outcome.first = ids.first().copied();
        outcome.last = ids.last().copied();
        if self.shuffle && at == Place::Last {
            // Among all that is still to come, not in a heap at the end.
            self.added.extend(&ids);
            self.order.extend(&ids);
            let upcoming = self.upcoming_from();
            self.order[upcoming..].shuffle(&mut self.chance);
            return Ok(outcome);
        }
        self.added.splice(added_at..added_at, ids.iter().copied());
        self.order.splice(order_at..order_at, ids);
        Ok(outcome)
    }

    pub(super) fn remove(&mut self, id: EntryId) -> Result<(), QueueError> {
        self.check_movable(id)?;
        self.entries.remove(&id);
        self.added.retain(|other| *other != id);
        self.order.retain(|other| *other != id);
        Ok(())
    }

    pub(super) fn move_to(&mut self, id: EntryId, at: Place) -> Result<(), QueueError> {
        self.check_movable(id)?;
        if at == Place::After(id) {
            return Ok(());
        }
        self.place_in(&self.order, at)?;
        for orders in [true, false] {
            let mut list = std::mem::take(if orders { &mut self.order } else { &mut self.added });
            list.retain(|other| *other != id);
            let to = self.place_in(&list, at)?;
            list.insert(to, id);
            *(if orders { &mut self.order } else { &mut self.added }) = list;
        }
        Ok(())
    }

    /// Takes out all but the current entry.
    pub(super) fn clear(&mut self) {
        let current = self.current;
        self.entries.retain(|id, _| Some(*id) == current);
        self.added.retain(|id| Some(*id) == current);
        self.order.retain(|id| Some(*id) == current);
    }

    pub(super) fn set_shuffle(&mut self, shuffle: bool) {
        if self.shuffle == shuffle {
            return;
        }
        self.shuffle = shuffle;
        if shuffle {
            self.shuffle_upcoming();
        } else {
            self.order.clone_from(&self.added);
        }
    }

    /// What plays after `id`, or first: the first entry on the way that is `allowed`. With repeat, the way leads round
    /// once and back to `id` itself.
    pub(super) fn after(
        &self,
        id: Option<EntryId>,
        skip_one: bool,
        allowed: impl Fn(&Entry) -> bool,
    ) -> Option<EntryId> {
        let is_allowed = |id: &EntryId| self.entries.get(id).is_some_and(&allowed);
        let at = id.and_then(|id| self.order.iter().position(|other| *other == id));
        let Some(at) = at else { return self.order.iter().copied().find(is_allowed) };
        if self.repeat == Repeat::One && !skip_one && is_allowed(&self.order[at]) {
            return Some(self.order[at]);
        }
        let later = self.order[at + 1..].iter();
        let around = if self.repeat == Repeat::Off { &[][..] } else { &self.order[..=at] };
        later.chain(around).copied().find(is_allowed)
    }

    /// The files that are played from `id` on, that one first, at most `len_max`; with repeat the way leads round once.
    pub(super) fn ahead(&self, id: Option<EntryId>, len_max: usize) -> impl Iterator<Item = &Arc<Path>> {
        let at = id.and_then(|id| self.order.iter().position(|other| *other == id)).unwrap_or(0);
        let around = if self.repeat == Repeat::Off { 0 } else { at };
        let ids = self.order[at..].iter().chain(&self.order[..around]).take(len_max);
        ids.filter_map(|id| self.entries.get(id).map(|entry| &entry.path))
    }

    /// What plays before `id`.
    pub(super) fn before(&self, id: EntryId, allowed: impl Fn(&Entry) -> bool) -> Option<EntryId> {
        let at = self.order.iter().position(|other| *other == id)?;
        let around = if self.repeat == Repeat::Off { &[][..] } else { &self.order[at + 1..] };
        self.order[..at]
            .iter()
            .rev()
            .chain(around.iter().rev())
            .copied()
            .find(|id| self.entries.get(id).is_some_and(&allowed))
    }

    /// Whether an entry comes after another one, or after the beginning.
    pub(super) fn is_after(&self, id: EntryId, here: Option<EntryId>) -> bool {
        let at = |id: EntryId| self.order.iter().position(|other| *other == id);
        match (at(id), here.and_then(at)) {
            (Some(id), Some(here)) => id > here,
            (id, None) => id.is_some(),
            (None, _) => false,
        }
    }

    fn check_movable(&self, id: EntryId) -> Result<(), QueueError> {
        if !self.entries.contains_key(&id) {
            return Err(QueueError::Unknown(id));
        }
        if self.current == Some(id) {
            return Err(QueueError::Current(id));
        }
        Ok(())
    }

    fn place_in(&self, list: &[EntryId], at: Place) -> Result<usize, QueueError> {
        let behind = |id: EntryId| list.iter().position(|other| *other == id).map(|at| at + 1);
        match at {
            Place::Last => Ok(list.len()),
            Place::Next => Ok(self.current.and_then(behind).unwrap_or(0)),
            Place::After(id) => behind(id).ok_or(QueueError::Unknown(id)),
        }
    }

    fn upcoming_from(&self) -> usize {
        self.current.and_then(|id| self.order.iter().position(|other| *other == id)).map_or(0, |at| at + 1)
    }

    fn shuffle_upcoming(&mut self) {
        // The current one comes first, so that all others are still to come.
        if let Some(current) = self.current {
            self.order.retain(|id| *id != current);
            self.order.insert(0, current);
        }
        let from = self.upcoming_from();
        self.order[from..].shuffle(&mut self.chance);
    }
}

#[cfg(test)]
mod tests;

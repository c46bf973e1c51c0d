//! The queue in its tables: what is there is remembered, so that a snapshot of 20,000 entries writes only what changed.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use orchestrion_protocol::limits::QUEUE_LEN_MAX;
use orchestrion_protocol::status::EntryId;
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::rows::{number, path_bytes, path_of, unsigned, unsigned_or_null};
use super::{KeptEntry, QueueSnapshot, ranks};

/// The queue as it stands in the tables.
#[derive(Debug, Default)]
pub(super) struct SavedQueue {
    snapshot: QueueSnapshot,
    /// Whether the row of `queue` is there.
    has_head: bool,
    paths: HashMap<EntryId, Arc<Path>>,
    added: HashMap<EntryId, i64>,
    places: HashMap<EntryId, i64>,
}

/// What has to be written, and what stands in the tables afterwards.
#[derive(Debug, Default)]
pub(super) struct QueueChange {
    removed: Vec<EntryId>,
    entries: Vec<(KeptEntry, i64)>,
    places: Vec<(EntryId, i64)>,
    removed_places: Vec<EntryId>,
    head: bool,
    /// Takes the place of the one before once this is committed.
    pub(super) after: SavedQueue,
}

impl SavedQueue {
    /// Reads the queue. Entries without a place come last; places without an entry are passed over.
    pub(super) fn load(connection: &Connection) -> Result<Self> {
        let limit = number(QUEUE_LEN_MAX as u64);
        let mut saved = Self::default();
        let mut entries = Vec::new();
        let mut statement =
            connection.prepare("SELECT id, path, added FROM entries ORDER BY added, id LIMIT ?1")?;
        let mut rows = statement.query([limit])?;
        while let Some(row) = rows.next()? {
            let id = EntryId(unsigned(row, "id")?);
            let path: Arc<Path> = path_of(row, "path")?.into();
            saved.paths.insert(id, Arc::clone(&path));
            saved.added.insert(id, row.get("added")?);
            entries.push(KeptEntry { id, path });
        }
        let mut order = Vec::with_capacity(entries.len());
        let mut statement = connection.prepare("SELECT entry, place FROM places ORDER BY place, entry")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let id = EntryId(unsigned(row, "entry")?);
            saved.places.insert(id, row.get("place")?);
            if saved.paths.contains_key(&id) {
                order.push(id);
            }
        }
        order.extend(entries.iter().map(|entry| entry.id).filter(|id| !saved.places.contains_key(id)));
        let head = connection
            .query_row("SELECT current, next_entry FROM queue WHERE one = 1", [], |row| {
                Ok((unsigned_or_null(row, "current")?, unsigned(row, "next_entry")?))
            })
            .optional()?;
        saved.has_head = head.is_some();
        let (current, next_entry) = head.unwrap_or_default();
        let beyond = entries.iter().map(|entry| entry.id.0.saturating_add(1)).max().unwrap_or(0);
        saved.snapshot = QueueSnapshot {
            current: current.map(EntryId).filter(|id| saved.paths.contains_key(id)),
            next_entry: next_entry.max(beyond),
            entries: Arc::new(entries),
            order: Arc::new(order),
        };
        Ok(saved)
    }

    /// The queue that stands there.
    pub(super) fn snapshot(&self) -> &QueueSnapshot {
        &self.snapshot
    }

    /// What makes the tables say `wanted`. An entry that is named twice counts once, one in the order that is no entry
    /// counts nothing.
    pub(super) fn change_to(&self, wanted: &QueueSnapshot) -> QueueChange {
        let head = !self.has_head
            || self.snapshot.current != wanted.current
            || self.snapshot.next_entry != wanted.next_entry;
        let mut change = QueueChange { head, ..QueueChange::default() };
        let same_entries = Arc::ptr_eq(&self.snapshot.entries, &wanted.entries);
        let same_order = Arc::ptr_eq(&self.snapshot.order, &wanted.order);
        let (paths, added) = if same_entries {
            (self.paths.clone(), self.added.clone())
        } else {
            self.entries_changed(wanted, &mut change)
        };
        let places = if same_entries && same_order {
            self.places.clone()
        } else {
            self.places_changed(wanted, &paths, &mut change)
        };
        change.after = Self { snapshot: wanted.clone(), has_head: true, paths, added, places };
        change
    }

    fn entries_changed(
        &self,
        wanted: &QueueSnapshot,
        change: &mut QueueChange,
    ) -> (HashMap<EntryId, Arc<Path>>, HashMap<EntryId, i64>) {
        let mut paths: HashMap<EntryId, Arc<Path>> = HashMap::with_capacity(wanted.entries.len());
        let mut entries = Vec::with_capacity(wanted.entries.len());
        for entry in wanted.entries.iter() {
            if paths.insert(entry.id, Arc::clone(&entry.path)).is_none() {
                entries.push(entry);
            }
        }
        let old: Vec<Option<i64>> = entries.iter().map(|entry| self.added.get(&entry.id).copied()).collect();
        let mut added = HashMap::with_capacity(entries.len());
        for (entry, (old, new)) in entries.into_iter().zip(old.iter().zip(ranks::assign(&old))) {
            let same_path = self.paths.get(&entry.id).is_some_and(|path| same(path, &entry.path));
            if *old != Some(new) || !same_path {
                change.entries.push((entry.clone(), new));
            }
            added.insert(entry.id, new);
        }
        change.removed.extend(self.paths.keys().filter(|id| !paths.contains_key(id)));
        (paths, added)
    }

    fn places_changed(
        &self,
        wanted: &QueueSnapshot,
        paths: &HashMap<EntryId, Arc<Path>>,
        change: &mut QueueChange,
    ) -> HashMap<EntryId, i64> {
        let mut seen = HashSet::with_capacity(wanted.order.len());
        let order: Vec<EntryId> =
            wanted.order.iter().copied().filter(|id| paths.contains_key(id) && seen.insert(*id)).collect();
        let old: Vec<Option<i64>> = order.iter().map(|id| self.places.get(id).copied()).collect();
        let mut places = HashMap::with_capacity(order.len());
        for (id, (old, new)) in order.into_iter().zip(old.iter().zip(ranks::assign(&old))) {
            if *old != Some(new) {
                change.places.push((id, new));
            }
            places.insert(id, new);
        }
        change.removed_places.extend(self.places.keys().filter(|id| !places.contains_key(id)));
        places
    }
}

/// Paths are mostly the same allocation; then their bytes need not be looked at.
fn same(a: &Arc<Path>, b: &Arc<Path>) -> bool {
    Arc::ptr_eq(a, b) || path_bytes(a) == path_bytes(b)
}

impl QueueChange {
    /// Writes it; within a transaction.
    pub(super) fn write(&self, connection: &Connection) -> Result<()> {
        let mut delete = connection.prepare_cached("DELETE FROM entries WHERE id = ?1")?;
        for id in &self.removed {
            delete.execute([number(id.0)])?;
        }
        let mut delete = connection.prepare_cached("DELETE FROM places WHERE entry = ?1")?;
        for id in &self.removed_places {
            delete.execute([number(id.0)])?;
        }
        let mut put = connection.prepare_cached(
            "INSERT INTO entries (id, path, added) VALUES (?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET path = excluded.path, added = excluded.added",
        )?;
        for (entry, rank) in &self.entries {
            put.execute(params![number(entry.id.0), path_bytes(&entry.path), rank])?;
        }
        let mut put = connection.prepare_cached(
            "INSERT INTO places (entry, place) VALUES (?1, ?2)
             ON CONFLICT (entry) DO UPDATE SET place = excluded.place",
        )?;
        for (id, rank) in &self.places {
            put.execute(params![number(id.0), rank])?;
        }
        if self.head {
            let head = &self.after.snapshot;
            connection
                .prepare_cached(
                    "INSERT INTO queue (one, current, next_entry) VALUES (1, ?1, ?2)
                     ON CONFLICT (one) DO UPDATE SET current = excluded.current, next_entry = excluded.next_entry",
                )?
                .execute(params![head.current.map(|id| number(id.0)), number(head.next_entry)])?;
        }
        Ok(())
    }

    /// How many rows it writes or deletes.
    #[cfg(test)]
    pub(super) fn rows(&self) -> usize {
        self.removed.len()
            + self.removed_places.len()
            + self.entries.len()
            + self.places.len()
            + usize::from(self.head)
    }
}

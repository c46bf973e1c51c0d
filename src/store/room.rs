//! Room: how much a release may take, and what goes for it. Oldest first, and never what plays, comes next, or is
//! needed by the generation that is held.

use std::collections::HashSet;

use orchestrion_protocol::release::{Digest, Edition, Manifest};

use super::{Store, StoreError, generations};

/// What became of a wish for room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// Bytes that are still to be fetched.
    pub needed: u64,
    /// Bytes that were taken away for them.
    pub freed: u64,
    /// Whether the generation before can be gone back to no more.
    pub lost_previous: bool,
}

impl Store {
    /// Sees to it that all missing blobs of a release fit: takes away what no generation needs, then what only the
    /// generation before needs. `used` is what plays or comes next.
    ///
    /// # Errors
    /// They do not fit; then nothing was taken away.
    pub fn make_room(&mut self, wanted: &Manifest, used: &HashSet<Digest>) -> Result<Room, StoreError> {
        let missing = self.missing(wanted);
        let begun = |name: &Digest| self.disk.stat(&self.partial_path(name)).map_or(0, |stat| stat.len);
        let sum = |sizes: &mut dyn Iterator<Item = u64>| sizes.fold(0, u64::saturating_add);
        // Of a blob that is begun the disk has a part already.
        let to_write = sum(&mut missing.iter().map(|blob| blob.size.saturating_sub(begun(&blob.sha256))));
        let needed = sum(&mut missing.iter().map(|blob| blob.size));
        let free = self.disk.free_bytes(self.root()).map_err(StoreError::disk("cannot ask", self.root()))?;
        let on_disk = free.saturating_sub(self.settings.reserve_bytes);
        let in_quota = self.settings.quota_bytes.map(|quota| quota.saturating_sub(self.used_bytes()));
        let short_on_disk = to_write.saturating_sub(on_disk);
        let short_in_quota = in_quota.map_or(0, |room| needed.saturating_sub(room));
        let short = short_on_disk.max(short_in_quota);
        if short == 0 {
            return Ok(Room { needed, ..Room::default() });
        }
        let mut kept: HashSet<Digest> = wanted.blobs.iter().map(|blob| blob.sha256).collect();
        kept.extend(used);
        if let Some(current) = self.current.as_ref() {
            kept.extend(current.manifest.blobs.iter().map(|blob| blob.sha256));
        }
        let before = self.previous_blobs();
        let mut spare: Vec<(bool, i64, Digest, u64)> = self
            .blobs
            .iter()
            .filter(|(name, _)| !kept.contains(*name))
            .map(|(name, entry)| (before.contains(name), entry.modified_s, *name, entry.size))
            .collect();
        let spare_bytes = sum(&mut spare.iter().map(|spare| spare.3));
        if spare_bytes < short {
            let available = needed.saturating_sub(short).saturating_add(spare_bytes);
            let limit = if short_on_disk > short_in_quota { "the disk's room" } else { "the quota" };
            return Err(StoreError::NoRoom { needed, available, limit });
        }
        spare.sort_unstable();
        let mut freed = 0_u64;
        let mut going = Vec::new();
        let mut lost_previous = false;
        for (of_previous, _, name, size) in spare {
            if freed >= short {
                break;
            }
            freed = freed.saturating_add(size);
            lost_previous |= of_previous;
            going.push(name);
        }
        if lost_previous {
            self.previous = None;
        }
        let gone = self.take_away(&going);
        if gone.len() < going.len() {
            let (missing, available) = (going.len() - gone.len(), needed.saturating_sub(short));
            log::warn!("{missing} files that nothing needs cannot be removed from the store");
            return Err(StoreError::NoRoom { needed, available, limit: "files that cannot be removed" });
        }
        Ok(Room { needed, freed, lost_previous })
    }

    fn previous_blobs(&self) -> HashSet<Digest> {
        let open = |edition: Edition| generations::open(&*self.disk, self.root(), edition).ok();
        let before = self.previous.and_then(open);
        before
            .map(|before| before.manifest.blobs.iter().map(|blob| blob.sha256).collect())
            .unwrap_or_default()
    }
}

//! What of a loop can be shown now: where its films and pictures lie, in the order in which they come.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use orchestrion_program::Date;
use orchestrion_program::model::{Library, LoopId, LoopItem, RecordingId, ScreenLoop};
use orchestrion_program::rotation::may_show;

use super::Program;

/// See the head of this file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reel {
    /// The loop's id.
    pub id: String,
    /// Each as often as its weight says.
    pub items: Vec<ReelItem>,
    by_path: HashMap<Arc<Path>, usize>,
}

/// A film or picture of a reel.
#[derive(Debug, Clone, PartialEq)]
pub struct ReelItem {
    /// Where it lies.
    pub path: Arc<Path>,
    /// What people call it: in a release a file's name is its content.
    pub title: String,
    /// How long it is held if it is a picture, if the program says so.
    pub hold_ms: Option<u64>,
}

/// An item of a loop whose file is here.
#[derive(Debug)]
pub(super) struct Part {
    recording: RecordingId,
    item: ReelItem,
}

/// All loops of a library, each in the order in which it is shown; made when the program is read, since titles are looked up.
pub(super) fn parts(
    library: &Library,
    places: &HashMap<RecordingId, Arc<Path>>,
) -> HashMap<LoopId, Vec<Part>> {
    let items = library.loops.iter().flat_map(|shown| &shown.items);
    let shown: HashSet<&RecordingId> = items.map(|item| &item.recording).collect();
    let known = library.recordings.iter().filter(|recording| shown.contains(&recording.id));
    let titles: HashMap<&RecordingId, &str> =
        known.map(|recording| (&recording.id, recording.title.as_str())).collect();
    let part = |item: &LoopItem| {
        let path = Arc::clone(places.get(&item.recording)?);
        let title = titles.get(&item.recording).copied().filter(|title| !title.is_empty());
        let title = title.unwrap_or(item.recording.as_str()).to_owned();
        let hold_ms = item.hold_s.map(|hold_s| (hold_s * 1000.0) as u64);
        Some(Part { recording: item.recording.clone(), item: ReelItem { path, title, hold_ms } })
    };
    let of_loop =
        |shown: &ScreenLoop| (shown.id.clone(), shown.turns().into_iter().filter_map(part).collect());
    library.loops.iter().map(of_loop).collect()
}

impl Program {
    /// A loop, if the program has it: what of it is here and may be shown on this day.
    pub fn reel(&self, id: &LoopId, today: Option<Date>) -> Option<Reel> {
        let document = self.rules.document();
        let parts = self.reels.get(id)?.iter();
        let allowed =
            parts.filter(|part| may_show(document, &self.catalogue, part.recording.as_str(), today, 0));
        Some(Reel::of(id.as_str(), allowed.map(|part| part.item.clone()).collect()))
    }
}

impl Reel {
    /// Of these.
    pub fn of(id: &str, items: Vec<ReelItem>) -> Self {
        let by_path = items.iter().enumerate().map(|(at, item)| (Arc::clone(&item.path), at)).collect();
        Self { id: id.to_owned(), items, by_path }
    }

    /// What it says of a file.
    pub fn item(&self, path: &Path) -> Option<&ReelItem> {
        self.items.get(*self.by_path.get(path)?)
    }
}

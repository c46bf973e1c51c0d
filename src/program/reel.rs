//! What of a loop, or with a spot, can be shown now: where its films and pictures lie, in the order in which they come.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use orchestrion_program::Date;
use orchestrion_program::Resolved;
use orchestrion_program::model::{Library, LoopId, LoopItem, RecordingId, ScreenLoop, Spot, SpotId};
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

/// Something to show whose file is here.
#[derive(Debug)]
pub(super) struct Part {
    recording: RecordingId,
    item: ReelItem,
}

/// What of a program is shown; made when it is read, since titles are looked up.
#[derive(Debug)]
pub(super) struct Reels {
    /// Each in the order in which it is shown.
    loops: HashMap<LoopId, Vec<Part>>,
    /// While they are said.
    spots: HashMap<SpotId, Part>,
}

impl Reels {
    pub(super) fn of(
        program: &Resolved,
        library: &Library,
        places: &HashMap<RecordingId, Arc<Path>>,
    ) -> Self {
        let shown: HashSet<&RecordingId> = program.shown(library).collect();
        let known = library.recordings.iter().filter(|recording| shown.contains(&recording.id));
        let titles: HashMap<&RecordingId, &str> =
            known.map(|recording| (&recording.id, recording.title.as_str())).collect();
        let part = |recording: &RecordingId, hold_s: Option<f64>| {
            let path = Arc::clone(places.get(recording)?);
            let title = titles.get(recording).copied().filter(|title| !title.is_empty());
            let title = title.unwrap_or(recording.as_str()).to_owned();
            let hold_ms = hold_s.map(|hold_s| (hold_s * 1000.0) as u64);
            Some(Part { recording: recording.clone(), item: ReelItem { path, title, hold_ms } })
        };
        let of_item = |item: &LoopItem| part(&item.recording, item.hold_s);
        let of_loop =
            |shown: &ScreenLoop| (shown.id.clone(), shown.turns().into_iter().filter_map(of_item).collect());
        let of_spot = |spot: &Spot| Some((spot.id.clone(), part(spot.screen.as_ref()?, None)?));
        Self {
            loops: library.loops.iter().map(of_loop).collect(),
            spots: program.spots.iter().filter_map(of_spot).collect(),
        }
    }
}

impl Program {
    /// A loop, if the program has it: what of it is here and may be shown on this day.
    pub fn reel(&self, id: &LoopId, today: Option<Date>) -> Option<Reel> {
        let parts = self.reels.loops.get(id)?.iter();
        let allowed = parts.filter(|part| self.lets_see(part, today));
        Some(Reel::of(id.as_str(), allowed.map(|part| part.item.clone()).collect()))
    }

    /// What is shown while a spot is said.
    pub fn seen_with(&self, spot: &SpotId, today: Option<Date>) -> Option<&ReelItem> {
        let part = self.reels.spots.get(spot)?;
        self.lets_see(part, today).then_some(&part.item)
    }

    fn lets_see(&self, part: &Part, today: Option<Date>) -> bool {
        may_show(self.rules.document(), &self.catalogue, part.recording.as_str(), today, 0)
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

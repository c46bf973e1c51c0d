//! What `App` is told of what is on the screen: what begins, what goes, and its frames.

use super::super::{Event, Frames, Kind, OnScreen, Shows};
use super::Work;
use crate::media::screen::message::Health;

impl Work<'_> {
    /// Something is on the screen, for the play log. One of a loop before is soon followed by one of this.
    pub(super) fn tell_shows(&mut self, id: u32, kind: Kind) {
        let Some((place, found)) = self.place(id).and_then(|place| Some((place, self.list.get(place)?)))
        else {
            return;
        };
        let on_screen = OnScreen {
            path: found.path.clone(),
            title: found.title.clone(),
            kind,
            size: found.size,
            modified_ms: found.modified_ms,
        };
        if !matches!(self.shown, Shows::Item(_)) {
            self.left_at = Some((self.shown.clone(), place));
        }
        self.tell_frames();
        self.told_shows = true;
        // What was counted until now was the one before's. A picture is one frame, and the sink has it when this is told.
        let frames = u64::from(kind == Kind::Picture);
        (self.health.item_expected, self.health.item_presented) = (frames, frames);
        self.service.tell(Event::Shows(Some(Box::new(on_screen))));
        self.tell_frames();
    }

    pub(super) fn tell_not_shown(&self) {
        if let Shows::Item(item) = &self.shown {
            self.service.tell(Event::NotShown(item.path.to_path_buf()));
        }
    }

    /// Nothing of what was wanted is on the screen any more.
    pub(super) fn tell_bare(&mut self) {
        self.tell_frames();
        if std::mem::take(&mut self.told_shows) {
            self.service.tell(Event::Shows(None));
        }
    }

    pub(super) fn tell_frames(&self) {
        if self.told_shows {
            let Health { item_expected: expected, item_presented: presented, .. } = self.health;
            self.service.tell(Event::Frames(Frames { expected, presented }));
        }
    }
}

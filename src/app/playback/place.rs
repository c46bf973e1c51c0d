//! The place in the song, as it is kept: a restart goes on from there.

use orchestrion_protocol::status::EntryId;

use super::Transport;
use crate::app::{App, Effect};
use crate::audio::{Heard, LoadId};
use crate::storage::{Checkpoint, OpenPlay};
use crate::time::Now;

impl App {
    /// Keeps the place in the song.
    pub(in crate::app) fn checkpoint(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.playback.last_checkpoint = now.monotonic;
        let (current, incoming) = (self.playback.current.as_ref(), self.playback.incoming.as_ref());
        // A jump counts from its first sample on; before, what is heard is the place. What goes on after a restart and
        // is still being opened stands where it stood.
        let (entry, position_ms, play) = match (current, incoming) {
            (Some(current), _) => (current.entry, current.heard.position_ms, self.plays.so_far(current.load)),
            (None, Some(incoming)) => {
                let before = incoming.continues.map(|key| OpenPlay { key, heard_ms: 0, audible_ms: 0 });
                let play = self.plays.so_far(incoming.load).or(before);
                (incoming.entry, incoming.start_ms(), play)
            }
            (None, None) => match self.queue.current() {
                Some(entry) => (entry, 0, None),
                None => return,
            },
        };
        let playing = self.playback.transport == Transport::Playing;
        let checkpoint = Checkpoint { at: now.monotonic, entry, position_ms, playing, play };
        effects.push(Effect::Storage(crate::storage::Command::Checkpoint(checkpoint)));
    }

    /// The last place of the song that a shutdown cut off.
    pub(super) fn last_checkpoint(
        &self,
        now: Now,
        load: LoadId,
        entry: EntryId,
        heard: Heard,
        effects: &mut Vec<Effect>,
    ) {
        let Some(key) = self.plays.key_of(load) else { return };
        let checkpoint = Checkpoint {
            at: now.monotonic,
            entry,
            position_ms: heard.position_ms,
            playing: self.playback.transport == Transport::Playing,
            play: Some(OpenPlay { key, heard_ms: heard.heard_ms, audible_ms: heard.audible_ms }),
        };
        effects.push(Effect::Storage(crate::storage::Command::Checkpoint(checkpoint)));
    }
}

//! The open plays: which loads belong to one, and what was heard of it. A play may span several loads, since a seek
//! opens the file anew.

use std::collections::HashMap;

use crate::audio::{Heard, LoadId};
use crate::storage::{HowEnded, OpenPlay, PlayEnd, PlayKey};
use crate::time::Mono;

#[derive(Debug)]
struct Play {
    key: PlayKey,
    /// Loads that are heard; the play ends with the last of them.
    loads: Vec<LoadId>,
    /// Of loads that have ended.
    heard_ms: u64,
    audible_ms: u64,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Plays {
    run: u64,
    count: u64,
    open: Vec<Play>,
    live: HashMap<LoadId, Heard>,
    /// Of loads that have ended in this run.
    ended_ms: u64,
}

impl Plays {
    pub(super) fn new(run: u64) -> Self {
        Self { run, count: 0, open: Vec::new(), live: HashMap::new(), ended_ms: 0 }
    }

    /// Plays that this run has opened.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The number of one that no load belongs to.
    pub(super) fn number(&mut self) -> PlayKey {
        self.count += 1;
        PlayKey { run: self.run, seq: self.count }
    }

    /// A new play begins with this load.
    pub(super) fn begin(&mut self, load: LoadId) -> PlayKey {
        let key = self.number();
        self.open.push(Play { key, loads: vec![load], heard_ms: 0, audible_ms: 0 });
        key
    }

    /// A load that was never one.
    pub(super) fn forget(&mut self, load: LoadId) {
        self.open.retain(|play| play.loads != [load]);
    }

    /// A play goes on with another load; `false` when it has ended meanwhile.
    pub(super) fn go_on(&mut self, key: PlayKey, load: LoadId) -> bool {
        let Some(play) = self.open.iter_mut().find(|play| play.key == key) else { return false };
        play.loads.push(load);
        true
    }

    pub(super) fn key_of(&self, load: LoadId) -> Option<PlayKey> {
        self.open.iter().find(|play| play.loads.contains(&load)).map(|play| play.key)
    }

    pub(super) fn progressed(&mut self, load: LoadId, heard: Heard) {
        if self.key_of(load).is_some() {
            self.live.insert(load, heard);
        }
    }

    /// What was heard so far of the play that this load belongs to.
    pub(super) fn so_far(&self, load: LoadId) -> Option<OpenPlay> {
        let play = self.open.iter().find(|play| play.loads.contains(&load))?;
        let live = play.loads.iter().filter_map(|load| self.live.get(load));
        let (heard_ms, audible_ms) = live.fold((play.heard_ms, play.audible_ms), |sum, heard| {
            (sum.0 + heard.heard_ms, sum.1 + heard.audible_ms)
        });
        Some(OpenPlay { key: play.key, heard_ms, audible_ms })
    }

    /// A load has ended; gives the end of its play, if this was its last load.
    pub(super) fn end(
        &mut self,
        now: Mono,
        load: LoadId,
        heard: Heard,
        how: HowEnded,
        reason: &str,
    ) -> Option<PlayEnd> {
        self.ended_ms += heard.heard_ms.max(self.live.remove(&load).unwrap_or_default().heard_ms);
        let at = self.open.iter().position(|play| play.loads.contains(&load))?;
        let play = &mut self.open[at];
        play.loads.retain(|other| *other != load);
        play.heard_ms += heard.heard_ms;
        play.audible_ms += heard.audible_ms;
        if !play.loads.is_empty() {
            return None;
        }
        let play = self.open.swap_remove(at);
        Some(PlayEnd {
            key: play.key,
            ended: now,
            heard_ms: play.heard_ms,
            audible_ms: play.audible_ms,
            how,
            reason: reason.to_owned(),
            viewed: None,
        })
    }

    /// Milliseconds that were mixed in this run, of all songs and all that was said.
    pub(super) fn heard_in_all_ms(&self) -> u64 {
        self.ended_ms + self.live.values().map(|heard| heard.heard_ms).sum::<u64>()
    }

    /// The loads of all open plays, with what was last heard of each.
    pub(super) fn live(&self) -> Vec<(LoadId, Heard)> {
        let loads = self.open.iter().flat_map(|play| play.loads.iter());
        loads.map(|load| (*load, self.live.get(load).copied().unwrap_or_default())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(ms: u64) -> Heard {
        Heard { position_ms: 0, heard_ms: ms, audible_ms: ms / 2, ..Heard::default() }
    }

    #[test]
    fn a_seek_stays_one_play_and_adds_up() {
        let mut plays = Plays::new(3);
        let key = plays.begin(LoadId(1));
        plays.progressed(LoadId(1), heard(1000));
        assert!(plays.go_on(key, LoadId(2)));
        assert_eq!(plays.end(Mono(0), LoadId(1), heard(1200), HowEnded::Skipped, ""), None);
        plays.progressed(LoadId(2), heard(400));
        assert_eq!(plays.so_far(LoadId(2)).unwrap().heard_ms, 1600);
        let end = plays.end(Mono(9), LoadId(2), heard(800), HowEnded::Finished, "").unwrap();
        assert_eq!((end.key, end.heard_ms, end.audible_ms), (PlayKey { run: 3, seq: 1 }, 2000, 1000));
        assert_eq!(plays.end(Mono(9), LoadId(2), heard(800), HowEnded::Finished, ""), None);
    }
}

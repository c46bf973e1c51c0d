//! Snapshots that the child is asked for: how many, and how long each may take.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Under way, at most.
const SNAPSHOTS_MAX: usize = 4;
/// How long one may take.
const SNAPSHOT_MAX: Duration = Duration::from_secs(5);

/// Those that are under way, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Snapshots(VecDeque<(u32, Instant)>);

impl Snapshots {
    /// One is asked for; `false` if there are too many already.
    pub(super) fn begin(&mut self, serial: u32) -> bool {
        let has_room = self.0.len() < SNAPSHOTS_MAX;
        if has_room {
            self.0.push_back((serial, Instant::now()));
        }
        has_room
    }

    /// One came, or cannot; `false` if nobody waits for it any more.
    pub(super) fn end(&mut self, serial: u32) -> bool {
        let before = self.0.len();
        self.0.retain(|(asked, _)| *asked != serial);
        self.0.len() < before
    }

    /// The next that has taken too long.
    pub(super) fn too_slow(&mut self) -> Option<u32> {
        self.0.pop_front_if(|(_, asked)| asked.elapsed() > SNAPSHOT_MAX).map(|(serial, _)| serial)
    }

    /// All of them, which nobody will make now.
    pub(super) fn take(&mut self) -> Vec<u32> {
        self.0.drain(..).map(|(serial, _)| serial).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_waited_for_once_and_only_so_many_at_a_time() {
        let mut snapshots = Snapshots::default();
        assert!((0..4).all(|serial| snapshots.begin(serial)));
        assert!(!snapshots.begin(4) && snapshots.too_slow().is_none());
        assert!(snapshots.end(1) && !snapshots.end(1));
        assert_eq!(snapshots.take(), [0, 2, 3]);
        assert!(!snapshots.end(0));
    }
}

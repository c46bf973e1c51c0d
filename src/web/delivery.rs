//! The play log on its way to the server: what is next, and what has arrived.
//!
//! Rows lie in `state.sqlite`, which only the storage thread writes. `delivered.json` beside it has the **mark**: all rows up to it
//! are with the server. Rows beyond it that are, too, since one before them was still open, are known in memory only. The mark is written
//! seldom, since a row that is sent again is counted once.
//!
//! **Bound and rule**: the play log keeps the last [`crate::storage::PLAYS_LEN_MAX`] rows, about three years of music; beyond them the
//! oldest go, whether they were delivered or not, and the log says so.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use orchestrion_protocol::fleet::{BATCH_PLAYS_MAX, PlayRecord, PlayRef};
use serde::{Deserialize, Serialize};

use crate::storage::{PLAYS_LEN_MAX, PlayKey, database_path, read_closed};
use crate::workshop::replace;

/// The name of the file with the mark.
const NAME: &str = "delivered.json";
/// Bytes of it.
const FILE_LEN_MAX: u64 = 4096;
/// As often is the mark written, if it has moved.
const WRITE_EVERY: Duration = Duration::from_secs(600);
/// Rows beyond the mark that are with the server; what is more waits until the open row before them is closed.
const AHEAD_MAX: usize = 2_000;
/// A row of this boot without a time of day waits so long for somebody to tell the time, in ms.
const TIMELESS_MS_MAX: u64 = 600_000;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Delivery {
    state_dir: PathBuf,
    mark: Mark,
    ahead: BTreeSet<PlayRef>,
    waiting: u64,
    written: Instant,
    is_new: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    run: u64,
    seq: u64,
}

impl Delivery {
    /// Goes on where the mark is; a mark that cannot be read is none, and all that is there is sent again.
    pub(super) fn open(state_dir: &Path) -> Self {
        let path = state_dir.join(NAME);
        let is_small = fs::metadata(&path).is_ok_and(|told| told.len() <= FILE_LEN_MAX);
        let text = if is_small { fs::read_to_string(&path).unwrap_or_default() } else { String::new() };
        Self {
            state_dir: state_dir.to_owned(),
            mark: serde_json::from_str(&text).unwrap_or_default(),
            ahead: BTreeSet::new(),
            waiting: 0,
            written: Instant::now(),
            is_new: false,
        }
    }

    /// Rows that wait to be sent, as they were counted last.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting
    }

    /// What is to be sent next; `now_ms` is the time since the boot, and `run` this run.
    ///
    /// # Errors
    /// The play log cannot be read now.
    pub(super) fn next(&mut self, run: u64, now_ms: u64) -> Result<Vec<PlayRecord>, String> {
        let after = PlayKey { run: self.mark.run, seq: self.mark.seq };
        let len = BATCH_PLAYS_MAX + self.ahead.len();
        let closed = read_closed(&database_path(&self.state_dir), after, len, PLAYS_LEN_MAX)
            .map_err(|error| error.to_string())?;
        let is_timeless = |row: &PlayRecord| {
            let ended_ms = row.ended_mono_ms.unwrap_or(row.started_mono_ms);
            row.started_utc_ms.is_none()
                && row.name.run == run
                && now_ms.saturating_sub(ended_ms) < TIMELESS_MS_MAX
        };
        let ahead = self.ahead.len() as u64;
        let open = closed.first_open.map(|key| PlayRef { run: key.run, seq: key.seq });
        let mut may_move = true;
        let mut next = Vec::new();
        for row in closed.rows {
            may_move &= open.is_none_or(|open| row.name < open);
            if self.ahead.contains(&row.name) {
                if may_move {
                    self.ahead.remove(&row.name);
                    self.mark = Mark { run: row.name.run, seq: row.name.seq };
                    self.is_new = true;
                }
                continue;
            }
            may_move = false;
            if !is_timeless(&row) && next.len() + self.ahead.len() < AHEAD_MAX && next.len() < BATCH_PLAYS_MAX
            {
                next.push(row);
            }
        }
        self.waiting = closed.len.saturating_sub(ahead);
        if self.is_new && self.written.elapsed() >= WRITE_EVERY {
            self.write();
        }
        Ok(next)
    }

    /// The server has these.
    pub(super) fn kept(&mut self, plays: &[PlayRecord]) {
        self.ahead.extend(plays.iter().map(|play| play.name));
        self.waiting = self.waiting.saturating_sub(plays.len() as u64);
    }

    /// Writes the mark, if it has moved.
    pub(super) fn write(&mut self) {
        if !std::mem::take(&mut self.is_new) {
            return;
        }
        self.written = Instant::now();
        let text = serde_json::to_vec(&self.mark).unwrap_or_default();
        if let Err(error) = replace(&self.state_dir.join(NAME), &text) {
            // What is sent again is counted once.
            log::warn!("how far plays were delivered cannot be kept: {error}; some are sent again");
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, params};

    use super::*;
    use crate::storage::restore;
    use crate::time::{Mono, Now};

    /// A play log as a device leaves it, of run 1.
    fn log(dir: &Path) -> Connection {
        drop(restore(dir, None, "boot-1", Now { monotonic: Mono(0), wall: None }).unwrap());
        Connection::open(database_path(dir)).unwrap()
    }

    fn play(log: &Connection, seq: i64, wall_ms: Option<i64>, how: Option<&str>) {
        let sql = "INSERT OR REPLACE INTO plays (run, seq, path, size, modified_ms, started_mono_ms, started_wall_ms,
                start_offset_ms, output, chosen_by, ended_mono_ms, heard_ms, audible_ms, how, reason)
            VALUES (1, ?1, CAST('/m/Bourrée.flac' AS BLOB), 1, 1, 1000, ?2, 0, 'null', 'queue', 2000, 900, 950, ?3, '')";
        log.execute(sql, params![seq, wall_ms, how]).unwrap();
    }

    fn seqs(plays: &[PlayRecord]) -> Vec<u64> {
        plays.iter().map(|play| play.name.seq).collect()
    }

    #[test]
    fn what_the_server_has_is_not_sent_again_and_an_open_row_is_sent_when_it_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let log = log(dir.path());
        for seq in 1..=4 {
            play(&log, seq, Some(1_000), (seq != 3).then_some("finished"));
        }
        let mut ours = Delivery::open(dir.path());
        let first = ours.next(1, 2_000).unwrap();
        assert_eq!((seqs(&first), ours.waiting()), (vec![1, 2, 4], 3));
        let row = &first[0];
        row.judge().unwrap();
        assert_eq!(
            (row.boot_id.as_str(), row.title.as_str(), row.kind.as_str()),
            ("boot-1", "Bourrée", "music")
        );
        ours.kept(&first);
        assert_eq!(seqs(&ours.next(1, 2_000).unwrap()), [0; 0]);
        play(&log, 3, Some(1_000), Some("skipped"));
        let last = ours.next(1, 2_000).unwrap();
        assert_eq!(seqs(&last), [3]);
        ours.kept(&last);
        assert_eq!((seqs(&ours.next(1, 2_000).unwrap()), ours.waiting()), (Vec::new(), 0));
        assert_eq!((ours.mark, ours.ahead.len()), (Mark { run: 1, seq: 4 }, 0));
        ours.write();
        play(&log, 5, Some(1_000), Some("finished"));
        assert_eq!(seqs(&Delivery::open(dir.path()).next(2, 2_000).unwrap()), [5]);
        fs::write(dir.path().join(NAME), b"{\"run\":").unwrap();
        assert_eq!(seqs(&Delivery::open(dir.path()).next(2, 2_000).unwrap()), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_row_of_this_boot_without_a_time_waits_for_it_and_not_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let log = log(dir.path());
        play(&log, 1, None, Some("finished"));
        play(&log, 2, Some(5_000), Some("finished"));
        let mut ours = Delivery::open(dir.path());
        assert_eq!(seqs(&ours.next(1, 3_000).unwrap()), [2]);
        assert_eq!(seqs(&ours.next(1, 2_000 + TIMELESS_MS_MAX).unwrap()), [1, 2]);
        assert_eq!(
            seqs(&ours.next(2, 3_000).unwrap()),
            [1, 2],
            "of a run that is over nobody will know more"
        );
    }

    #[test]
    fn many_rows_go_in_batches_in_their_order() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = log(dir.path());
        let whole = log.transaction().unwrap();
        for seq in 1..=1_234 {
            play(&whole, seq, Some(1), Some("finished"));
        }
        whole.commit().unwrap();
        let mut ours = Delivery::open(dir.path());
        let mut all = Vec::new();
        for waiting in [1_234, 734, 234, 0] {
            let batch = ours.next(2, 1).unwrap();
            assert!(batch.len() <= BATCH_PLAYS_MAX);
            assert_eq!(ours.waiting(), waiting);
            ours.kept(&batch);
            all.extend(seqs(&batch));
        }
        assert_eq!(all, (1..=1_234).collect::<Vec<_>>());
    }
}

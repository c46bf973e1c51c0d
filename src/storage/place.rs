//! `NAME.place` beside the socket, in memory on a real device: where in the song it plays, every two seconds. Through the
//! database each of these would cost the card some kilobytes, 200 MB a day, and wear it out; in memory it costs nothing
//! and outlives everything but the power. The database has the place of a minute and a half ago at most, for that case.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use orchestrion_protocol::status::EntryId;
use serde::{Deserialize, Serialize};

use super::{Checkpoint, OpenPlay, PlayKey};
use crate::time::Mono;

/// The oldest place that the database may have while a song plays on, in milliseconds: a song of ordinary length has its
/// beginning in it and two places more, each of which costs the card some 17 kB.
pub(super) const DATABASE_EVERY_MS: u64 = 90_000;
/// More than the file ever has, in bytes.
const LEN_MAX: u64 = 4096;
/// Another version's file is none.
const VERSION: u32 = 1;

/// Where the place is kept between writes of the database.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    /// Whose place it is.
    whose: Whose,
    /// The last one that is in the database.
    saved: Option<Checkpoint>,
    /// A later one, that is only in the file.
    unsaved: Option<Checkpoint>,
    /// Whether the file could be written the last time.
    is_kept: bool,
}

/// Whose place it is: of which state, boot and run. Another's says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Whose {
    pub(super) state_dir: PathBuf,
    pub(super) boot_id: String,
    pub(super) run: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    v: u32,
    whose: Whose,
    at_ms: u64,
    entry: u64,
    position_ms: u64,
    playing: bool,
    play: Option<Open>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Open {
    run: u64,
    seq: u64,
    heard_ms: u64,
    audible_ms: u64,
}

impl Place {
    pub(super) fn new(path: PathBuf, whose: Whose) -> Self {
        Self { path, whose, saved: None, unsaved: None, is_kept: false }
    }

    /// Keeps a place. `false` where the database must have it too: at the beginning, when something else than time has
    /// passed since it had the last, when that was long ago, or where the file cannot be written.
    pub(super) fn keep(&mut self, checkpoint: Checkpoint) -> bool {
        self.is_kept = self.write(&checkpoint).is_ok();
        let goes_on = self.saved.is_some_and(|saved| {
            let is_same = saved.entry == checkpoint.entry && saved.playing == checkpoint.playing;
            let is_same_play = saved.play.map(|play| play.key) == checkpoint.play.map(|play| play.key);
            is_same && is_same_play && checkpoint.at.since_ms(saved.at) < DATABASE_EVERY_MS
        });
        if self.is_kept && goes_on {
            self.unsaved = Some(checkpoint);
        }
        self.is_kept && goes_on
    }

    /// Whether the database is written seldom enough that each time may be synced: not where the file cannot be written.
    pub(super) fn spares_the_database(&self) -> bool {
        self.is_kept
    }

    /// The database has this one now.
    pub(super) fn is_saved(&mut self, checkpoint: Checkpoint) {
        self.saved = Some(checkpoint);
        self.unsaved.take_if(|unsaved| unsaved.at <= checkpoint.at);
    }

    /// The last one, if the database does not have it.
    pub(super) fn unsaved(&self) -> Option<Checkpoint> {
        self.unsaved
    }

    /// The database has all: the file has said what it had to.
    pub(super) fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }

    /// By a new name: whoever is killed in the middle leaves the old one.
    fn write(&self, checkpoint: &Checkpoint) -> io::Result<()> {
        let beside = self.path.with_extension("place.new");
        fs::write(&beside, serde_json::to_vec(&Content::of(&self.whose, checkpoint))?)?;
        fs::rename(beside, &self.path)
    }
}

/// The place that a run left which nobody ended, if it is later than `known`, the database's.
pub(super) fn left_by(path: &Path, whose: &Whose, known: Option<&Checkpoint>) -> Option<Checkpoint> {
    if whose.boot_id.is_empty() || fs::metadata(path).ok()?.len() > LEN_MAX {
        return None;
    }
    let content: Content = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let left = content.of_whom(whose)?;
    // By another boot's clock the older may seem to be the later.
    let is_later =
        |known: &Checkpoint| left.at > known.at || known.play.is_some_and(|play| play.key.run < whose.run);
    known.is_none_or(is_later).then_some(left)
}

impl Content {
    fn of(whose: &Whose, checkpoint: &Checkpoint) -> Self {
        Self {
            v: VERSION,
            whose: whose.clone(),
            at_ms: checkpoint.at.0,
            entry: checkpoint.entry.0,
            position_ms: checkpoint.position_ms,
            playing: checkpoint.playing,
            play: checkpoint.play.map(|play| Open {
                run: play.key.run,
                seq: play.key.seq,
                heard_ms: play.heard_ms,
                audible_ms: play.audible_ms,
            }),
        }
    }

    fn of_whom(self, whose: &Whose) -> Option<Checkpoint> {
        (self.v == VERSION && self.whose == *whose).then(|| Checkpoint {
            at: Mono(self.at_ms),
            entry: EntryId(self.entry),
            position_ms: self.position_ms,
            playing: self.playing,
            play: self.play.map(|open| OpenPlay {
                key: PlayKey { run: open.run, seq: open.seq },
                heard_ms: open.heard_ms,
                audible_ms: open.audible_ms,
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{checkpoint, key};
    use super::*;

    fn whose(run: u64) -> Whose {
        Whose { state_dir: "/state".into(), boot_id: "boot".into(), run }
    }

    fn at(ms: u64) -> Checkpoint {
        Checkpoint { at: Mono(ms), position_ms: ms, ..checkpoint(1, Some((key(3, 1), 4))) }
    }

    #[test]
    fn while_a_song_plays_on_the_database_is_spared_for_a_while() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.place");
        let mut place = Place::new(path.clone(), whose(3));
        assert!(!place.keep(at(1000)), "the first is for the database too");
        place.is_saved(at(1000));
        for ms in (3000..91_000).step_by(2000) {
            assert!(place.keep(at(ms)), "{ms}");
            assert_eq!(left_by(&path, &whose(3), Some(&at(1000))), Some(at(ms)));
        }
        assert_eq!(place.unsaved(), Some(at(89_000)));
        assert!(!place.keep(at(91_000)));
        place.is_saved(at(91_000));
        assert_eq!(place.unsaved(), None);
        let paused = Checkpoint { playing: false, ..at(92_000) };
        let another = Checkpoint { entry: EntryId(9), ..at(92_000) };
        let again = Checkpoint { play: None, ..at(92_000) };
        for news in [paused, another, again] {
            assert!(!place.keep(news), "{news:?}");
        }
        place.remove();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left");
    }

    #[test]
    fn another_runs_boots_or_states_place_an_older_one_and_a_damaged_one_say_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.place");
        Place::new(path.clone(), whose(3)).keep(at(5000));
        assert_eq!(left_by(&path, &whose(3), None), Some(at(5000)));
        assert_eq!(left_by(&path, &whose(4), None), None);
        assert_eq!(left_by(&path, &Whose { boot_id: "other".into(), ..whose(3) }, None), None);
        assert_eq!(left_by(&path, &Whose { boot_id: String::new(), ..whose(3) }, None), None);
        assert_eq!(left_by(&path, &Whose { state_dir: "/other".into(), ..whose(3) }, None), None);
        assert_eq!(left_by(&path, &whose(3), Some(&at(5000))), None);
        let of_run_2 = Checkpoint { play: checkpoint(1, Some((key(2, 1), 4))).play, ..at(9000) };
        assert_eq!(
            left_by(&path, &whose(3), Some(&of_run_2)),
            Some(at(5000)),
            "that was another boot's clock"
        );
        let whole = fs::read(&path).unwrap();
        for len in 0..whole.len() {
            fs::write(&path, &whole[..len]).unwrap();
            assert_eq!(left_by(&path, &whose(3), None), None, "{len} bytes of it");
        }
        fs::write(&path, vec![b' '; 1 << 20]).unwrap();
        assert_eq!(left_by(&path, &whose(3), None), None);
    }

    #[test]
    fn where_there_is_no_room_for_the_file_the_database_has_each_place() {
        let dir = tempfile::tempdir().unwrap();
        let mut place = Place::new(dir.path().join("missing/a.place"), whose(3));
        for ms in [1000, 3000, 5000] {
            assert!(!place.keep(at(ms)));
            assert!(!place.spares_the_database());
            place.is_saved(at(ms));
        }
    }
}

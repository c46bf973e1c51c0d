//! The open database: one transaction for all that waits, with as much syncing as that needs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::open::{self, Opened};
use super::pending::Pending;
use super::place::Place;
use super::queue::{QueueChange, SavedQueue};
use super::rows::number;
use super::{
    Checkpoint, Command, Memories, PieceMemories, PlayEnd, PlayKey, PlayStart, QueueSnapshot, Settings,
    damage, rows, times,
};
use crate::time::Now;

/// Rows of the play log; beyond them the oldest go. 200 bytes each, so about 100 MB or three years of music.
pub const PLAYS_LEN_MAX: u64 = 500_000;
/// How many go at once, so that it is not done with every play.
const PLAYS_GO_LEN: u64 = 1_000;
/// Runs without plays that are remembered.
const RUNS_LEN_MAX: u64 = 10_000;
/// Open plays that are remembered in case the file has to be made anew; two can be open in a crossfade.
const OPEN_PLAYS_LEN_MAX: usize = 8;

/// `state.sqlite`, open, with this run counted in it.
#[derive(Debug)]
pub struct Database {
    /// `None` after damage, until it is opened again.
    connection: Option<Connection>,
    state_dir: PathBuf,
    start: RunStart,
    /// Whether `start` is on the disk.
    started: bool,
    /// Whether commits are synced, as SQLite was told last.
    synced: Option<bool>,
    /// What the queue's tables say; `None` when that has to be read first.
    saved: Option<SavedQueue>,
    plays_len: u64,
    plays_len_max: u64,
    known: Known,
    /// Where the place in the song is kept between two writes; `None` where that is only here.
    place: Option<Place>,
    /// The file is a new one and lacks what is `known`.
    lost: bool,
}

/// This run, and what earlier ones left to do.
#[derive(Debug)]
pub(super) struct RunStart {
    pub(super) run: u64,
    pub(super) boot_id: String,
    pub(super) started: Now,
    pub(super) closings: Vec<PlayEnd>,
}

/// What must stand in a new file, if the old one turns out to be damaged while the device runs.
#[derive(Debug, Default)]
struct Known {
    queue: Option<QueueSnapshot>,
    checkpoint: Option<Checkpoint>,
    settings: Option<Settings>,
    memories: Memories,
    pieces: PieceMemories,
    open: BTreeMap<PlayKey, PlayStart>,
}

/// Why a transaction did not go through.
enum Trouble {
    Sqlite(rusqlite::Error),
    Reopening(String),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Database {
    pub(super) fn new(state_dir: &Path, opened: Opened, start: RunStart) -> Self {
        let found = opened.found;
        let known = Known {
            queue: Some(found.queue.snapshot().clone()),
            checkpoint: found.checkpoint,
            settings: found.settings,
            memories: found.memories,
            pieces: found.pieces,
            open: BTreeMap::new(),
        };
        Self {
            connection: Some(opened.connection),
            state_dir: state_dir.to_owned(),
            start,
            started: false,
            synced: None,
            saved: Some(found.queue),
            plays_len: found.plays_len,
            plays_len_max: PLAYS_LEN_MAX,
            known,
            place: None,
            lost: false,
        }
    }

    pub(super) fn keep_place_in(&mut self, place: Place) {
        self.place = Some(place);
    }

    /// Counts this run, and writes what is to be told with that. A disk that is full or fails is no error: it is counted
    /// with the first write that succeeds.
    pub(super) fn begin_run(&mut self, first: &Pending) -> Result<(), String> {
        match self.attempt_or_replace(first) {
            Ok(()) => Ok(()),
            Err(Trouble::Sqlite(error)) if damage::is_disk_trouble(&error) => {
                log::error!("run {} could not be counted yet: {}", self.start.run, damage::words(&error));
                Ok(())
            }
            Err(trouble) => Err(words(&trouble)),
        }
    }

    /// Writes all that waits, or nothing. With a play, a queue or settings among it, it is on the disk afterwards; a
    /// checkpoint alone goes to [`Place`], and now and then to the disk as well. Where there is no place for it, it is only
    /// given to the kernel, and may be lost with the power.
    ///
    /// A file that turns out to be damaged is put aside, and what is known of it goes into a new one.
    ///
    /// # Errors
    /// A sentence: why the disk refuses, and what to do about it.
    pub(super) fn write(&mut self, pending: &Pending) -> Result<(), String> {
        if let (Some(place), Some(checkpoint)) = (&mut self.place, pending.checkpoint())
            && place.keep(*checkpoint)
            && !pending.must_last()
            && self.started
        {
            return Ok(());
        }
        self.attempt_or_replace(pending).map_err(|trouble| words(&trouble))
    }

    /// Forgets what may not be true any more after the thread died in the middle of something.
    pub(super) fn settle(&mut self) {
        self.saved = None;
        self.synced = None;
        if let Some(connection) = self.connection.as_ref().filter(|connection| !connection.is_autocommit()) {
            let _ = connection.execute_batch("ROLLBACK");
        }
    }

    /// Moves the write-ahead log into the database, so that a device that is switched off leaves one tidy file.
    pub(super) fn tidy(&mut self) {
        if let Some(last) = self.place.as_ref().and_then(Place::unsaved) {
            let mut pending = Pending::default();
            pending.add(Command::Checkpoint(last));
            match self.attempt_or_replace(&pending) {
                Ok(()) => {}
                Err(trouble) => log::error!("the place in the song is not kept: {}", words(&trouble)),
            }
        }
        if let Some(place) = self.place.as_ref().filter(|place| place.unsaved().is_none()) {
            place.remove();
        }
        if let Some(connection) = &self.connection {
            // A reader may hold it; the next start does it then.
            let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
    }

    fn attempt_or_replace(&mut self, pending: &Pending) -> Result<(), Trouble> {
        match self.attempt(pending) {
            Err(Trouble::Sqlite(error)) if damage::is_damage(&error) => {
                log::error!("state.sqlite is damaged: {error}; it is checked and, if need be, made anew");
                // Closed before its files are moved: on closing, SQLite removes them by their names.
                self.connection = None;
                self.attempt(pending)
            }
            outcome => outcome,
        }
    }

    fn attempt(&mut self, pending: &Pending) -> Result<(), Trouble> {
        let outcome = self.reopen().map_err(Trouble::Reopening).and_then(|()| self.transact(pending));
        if outcome.is_err() {
            self.settle();
        }
        outcome
    }

    fn reopen(&mut self) -> Result<(), String> {
        if self.connection.is_some() {
            return Ok(());
        }
        let opened = open::open_or_replace(&self.state_dir, true)?;
        if let Some(damage) = &opened.damage {
            log::error!("{damage}");
            self.lost = true;
        }
        self.connection = Some(opened.connection);
        self.saved = Some(opened.found.queue);
        self.plays_len = opened.found.plays_len;
        self.started = false;
        self.synced = None;
        Ok(())
    }

    fn transact(&mut self, pending: &Pending) -> Result<(), Trouble> {
        let Some(connection) = self.connection.as_mut() else {
            return Err(Trouble::Reopening("it is not open".to_owned()));
        };
        let is_rare = self.place.as_ref().is_some_and(Place::spares_the_database);
        let sync = pending.must_last() || !self.started || self.lost || is_rare;
        if self.synced != Some(sync) {
            connection.pragma_update(None, "synchronous", if sync { "FULL" } else { "NORMAL" })?;
            self.synced = Some(sync);
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if !self.started {
            begin(&transaction, &self.start)?;
        }
        let lost = self.lost.then_some(&self.known);
        let plays_len = self.plays_len + write_plays(&transaction, pending, lost)?;
        if let Some(known) = pending.known_time() {
            times::complete(&transaction, known, &self.start.boot_id, self.start.run)?;
        }
        let removed = retain(&transaction, plays_len, self.plays_len_max)?;
        let queue = write_state(&transaction, pending, lost, self.saved.as_ref())?;
        transaction.commit()?;
        self.plays_len = plays_len.saturating_sub(removed);
        self.started = true;
        self.lost = false;
        if let Some(change) = queue {
            self.saved = Some(change.after);
        }
        self.known.learn(pending);
        if let (Some(place), Some(checkpoint)) = (&mut self.place, pending.checkpoint()) {
            place.is_saved(*checkpoint);
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("it is open")
    }

    #[cfg(test)]
    pub(super) fn set_plays_len_max(&mut self, len: u64) {
        self.plays_len_max = len;
    }
}

impl Known {
    fn learn(&mut self, written: &Pending) {
        self.queue = written.queue().cloned().or(self.queue.take());
        self.settings = written.settings().copied().or(self.settings);
        self.memories.extend(written.memories().clone());
        for (whose, pieces) in written.pieces() {
            let known = self.pieces.entry(*whose).or_default();
            for (name, text) in pieces {
                match text {
                    Some(text) => drop(known.insert(name.clone(), text.clone())),
                    None => drop(known.remove(name)),
                }
            }
        }
        self.checkpoint = written.checkpoint().copied().or(self.checkpoint);
        for (key, play) in written.plays() {
            match (&play.start, &play.end) {
                (_, Some(_)) => drop(self.open.remove(key)),
                (Some(start), None) => drop(self.open.insert(*key, PlayStart::clone(start))),
                (None, None) => {}
            }
        }
        while self.open.len() > OPEN_PLAYS_LEN_MAX {
            self.open.pop_first();
        }
    }
}

fn words(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Sqlite(error) => damage::words(error),
        Trouble::Reopening(words) => words.clone(),
    }
}

/// Counts the run, closes what earlier ones left open, and forgets those of long ago that played nothing.
fn begin(transaction: &Transaction<'_>, start: &RunStart) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT OR IGNORE INTO runs (run, boot_id, started_mono_ms, started_wall_ms, version)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            number(start.run),
            start.boot_id,
            number(start.started.monotonic.0),
            start.started.wall.map(|wall| wall.0),
            env!("CARGO_PKG_VERSION"),
        ],
    )?;
    for end in &start.closings {
        rows::close_play(transaction, end)?;
    }
    transaction.execute(
        "DELETE FROM runs WHERE run <= ?1 AND NOT EXISTS (SELECT 1 FROM plays WHERE plays.run = runs.run)",
        [number(start.run.saturating_sub(RUNS_LEN_MAX))],
    )?;
    Ok(())
}

/// Writes the plays that wait; says how many rows are new.
fn write_plays(
    transaction: &Transaction<'_>,
    pending: &Pending,
    lost: Option<&Known>,
) -> rusqlite::Result<u64> {
    let mut new = 0;
    for start in lost.iter().flat_map(|known| known.open.values()) {
        new += u64::from(rows::open_play(transaction, start)?);
    }
    for (_, play) in pending.plays() {
        if let Some(start) = &play.start {
            new += u64::from(rows::open_play(transaction, start)?);
        }
        if let Some(end) = &play.end {
            rows::close_play(transaction, end)?;
        }
    }
    Ok(new)
}

/// Writes the queue, the settings, the memories and the checkpoint: what waits of them, else what was `lost`.
fn write_state(
    transaction: &Transaction<'_>,
    pending: &Pending,
    lost: Option<&Known>,
    saved: Option<&SavedQueue>,
) -> rusqlite::Result<Option<QueueChange>> {
    if let Some(settings) = pending.settings().or_else(|| lost?.settings.as_ref()) {
        rows::save_settings(transaction, settings)?;
    }
    for (whose, text) in lost.iter().flat_map(|known| &known.memories).chain(pending.memories()) {
        rows::save_memory(transaction, *whose, text)?;
    }
    for (whose, pieces) in lost.iter().flat_map(|known| &known.pieces) {
        for (name, text) in pieces {
            rows::save_piece(transaction, *whose, name, Some(text))?;
        }
    }
    for (whose, pieces) in pending.pieces() {
        for (name, text) in pieces {
            rows::save_piece(transaction, *whose, name, text.as_deref())?;
        }
    }
    if let Some(checkpoint) = pending.checkpoint().or_else(|| lost?.checkpoint.as_ref()) {
        rows::save_checkpoint(transaction, checkpoint)?;
    }
    let Some(wanted) = pending.queue().or_else(|| lost?.queue.as_ref()) else { return Ok(None) };
    let change = match saved {
        Some(saved) => saved.change_to(wanted),
        None => SavedQueue::load(transaction)?.change_to(wanted),
    };
    change.write(transaction)?;
    Ok(Some(change))
}

/// Lets the oldest closed plays go when there are more than `max`; says how many went.
fn retain(transaction: &Transaction<'_>, len: u64, max: u64) -> rusqlite::Result<u64> {
    if len <= max {
        return Ok(0);
    }
    let removed = transaction.execute(
        "DELETE FROM plays WHERE (run, seq) IN
             (SELECT run, seq FROM plays WHERE how IS NOT NULL ORDER BY run, seq LIMIT ?1)",
        [number(len - max + PLAYS_GO_LEN.min(max / 2))],
    )?;
    log::warn!("the play log has more than {max} rows; the oldest {removed} were removed");
    Ok(removed as u64)
}

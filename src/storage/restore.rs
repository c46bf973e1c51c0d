//! A start: opens the database, counts the run, closes what earlier runs left open, and tells what there was.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::database::{Database, RunStart};
use super::open::{self, Found, LeftOpen};
use super::pending::Pending;
use super::place::{self, Place, Whose};
use super::{Checkpoint, Command, Error, HowEnded, PlayEnd, PlayKey, Restored, past, rows, run_number};
use crate::time::Now;

/// Others have no business in here: the play log tells what was played when.
pub(super) const DIR_MODE: u32 = 0o750;

/// Opens `state.sqlite` in `state_dir` (both are made where they are missing) and counts this run in it. Called once,
/// by the main thread, before any service runs; it reads the whole file once to see whether it is sound.
///
/// Between its writes of the database the place in the song is kept in the file `place`, which should lie in memory; without
/// one the database has each.
///
/// `boot_id` tells a crash of the process (the same boot) from a power cut; empty means that it is not known.
///
/// A file that is damaged is put aside and a new one made, which [`Restored::damage`] tells. A disk that is full does
/// not keep the device from starting: the run is then counted with the first write that goes through, before any play
/// of it.
///
/// # Errors
/// [`Error::Unusable`] when the folder cannot be made or written to.
pub fn restore(
    state_dir: &Path,
    place: Option<&Path>,
    boot_id: &str,
    now: Now,
) -> Result<(Database, Restored), Error> {
    let unusable = |cause: String| Error::Unusable { dir: state_dir.to_owned(), cause };
    prepare(state_dir).map_err(unusable)?;
    let counted = run_number::read(state_dir);
    let mut opened = open::open_or_replace(state_dir, counted > 0).map_err(unusable)?;
    let last_run = opened.found.last_run.max(counted);
    let run = last_run + 1;
    let whose = |run| Whose { state_dir: state_dir.to_owned(), boot_id: boot_id.to_owned(), run };
    let left =
        place.and_then(|place| place::left_by(place, &whose(last_run), opened.found.checkpoint.as_ref()));
    let mut first = Pending::default();
    if let Some(left) = left {
        let end = left.play.map(|play| rows::end_of(&opened.connection, play.key));
        opened.found.checkpoint_end = end.and_then(Result::ok).flatten();
        opened.found.checkpoint = Some(left);
        // The file is of a run that is over; from now on the database says it.
        first.add(Command::Checkpoint(left));
    }
    let closings: Vec<PlayEnd> = opened
        .found
        .left_open
        .iter()
        .map(|row| closing(row, opened.found.checkpoint.as_ref(), boot_id, run))
        .collect();
    let past = past::read(&opened.connection, boot_id).unwrap_or_else(|error| {
        log::error!("what was played before cannot be read: {error}; rotation begins afresh");
        past::Past::default()
    });
    let restored = Restored {
        run,
        boot_id: boot_id.to_owned(),
        queue: opened.found.queue.snapshot().clone(),
        checkpoint: opened.found.checkpoint,
        settings: opened.found.settings,
        memories: opened.found.memories.clone(),
        pieces: opened.found.pieces.clone(),
        unfinished: unfinished(&opened.found, &closings),
        past,
        damage: opened.damage.clone(),
    };
    let start = RunStart { run, boot_id: boot_id.to_owned(), started: now, closings };
    let mut database = Database::new(state_dir, opened, start);
    if let Err(error) = run_number::write(state_dir, run) {
        log::warn!("state.run could not be written: {error}; the count of runs stands in state.sqlite only");
    }
    if let Some(place) = place {
        let mut place = Place::new(place.to_owned(), whose(run));
        // In this run's name, in case that the database refuses and this run does not live long.
        left.map(|left| place.keep(left));
        database.keep_place_in(place);
    }
    database.begin_run(&first).map_err(unusable)?;
    sync_dir(state_dir).map_err(|error| unusable(error.to_string()))?;
    Ok((database, restored))
}

fn prepare(state_dir: &Path) -> Result<(), String> {
    match fs::metadata(state_dir) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err("it is not a folder; move it away".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => DirBuilder::new()
            .recursive(true)
            .mode(DIR_MODE)
            .create(state_dir)
            .map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// How a row that was left open is closed: by the checkpoint where that is about it, else as if nothing was heard.
fn closing(row: &LeftOpen, checkpoint: Option<&Checkpoint>, boot_id: &str, run: u64) -> PlayEnd {
    let same_boot = !boot_id.is_empty() && row.boot_id == boot_id;
    let known = checkpoint.and_then(|checkpoint| Some((checkpoint.at, checkpoint.play?)));
    let (ended, heard_ms, audible_ms) = match known {
        Some((at, play)) if play.key == row.key => (at.max(row.started), play.heard_ms, play.audible_ms),
        _ => (row.started, 0, 0),
    };
    PlayEnd {
        key: row.key,
        ended,
        heard_ms,
        audible_ms,
        how: if same_boot { HowEnded::Crash } else { HowEnded::Power },
        reason: format!("found open by run {run}"),
        viewed: None,
    }
}

/// The play that the checkpoint names, if the device ended in the middle of it.
fn unfinished(found: &Found, closings: &[PlayEnd]) -> Option<PlayKey> {
    let key = found.checkpoint.as_ref()?.play?.key;
    let left_open = closings.iter().any(|end| end.key == key);
    let broken_off =
        found.checkpoint_end.as_ref().is_some_and(|(how, reason)| rows::is_unfinished(how, reason));
    (left_open || broken_off).then_some(key)
}

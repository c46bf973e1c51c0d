//! The threads that measure: each takes the next file until there are none.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use super::Song;
use crate::audio::{Tags, tags};
use crate::measure::{Failure, FileId, Measurement, give_way, measure};
use crate::storage::Measurements;

/// Files that were done and not taken yet, at most.
const DONE_LEN_MAX: usize = 64;
/// How often `take` is called when nothing is done.
const TICK: Duration = Duration::from_millis(100);

/// A file that is done.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) path: PathBuf,
    /// Bytes, as they were counted.
    pub(super) size: u64,
    pub(super) outcome: Outcome,
    /// Where they were asked for.
    pub(super) tags: Option<Tags>,
}

#[derive(Debug)]
pub(super) enum Outcome {
    /// It has not changed since it was measured.
    Known(FileId, Measurement),
    Measured(FileId, Measurement),
    Failed(String),
}

/// Measures all, unless `stop` is set or `take` fails; `take` is called on this thread with each file that is done, and now and then with
/// none.
///
/// # Errors
/// That of `take`, or no thread could be started.
pub(super) fn on_threads(
    songs: &[Song],
    state_dir: &Path,
    jobs: usize,
    with_tags: bool,
    stop: &AtomicBool,
    take: &mut dyn FnMut(Option<Done>) -> Result<(), String>,
) -> Result<(), String> {
    let next = AtomicUsize::new(0);
    let gave_up = AtomicBool::new(false);
    let stopped = || stop.load(Ordering::Relaxed) || gave_up.load(Ordering::Relaxed);
    thread::scope(|scope| {
        let (sender, done) = bounded(DONE_LEN_MAX);
        for job in 0..jobs {
            let worker = Worker {
                songs,
                next: &next,
                known: Measurements::new(state_dir),
                with_tags,
                stopped: &stopped,
            };
            let sender = sender.clone();
            let started = thread::Builder::new()
                .name(format!("scan_{job}"))
                .spawn_scoped(scope, move || worker.run(&sender));
            if let Err(error) = started {
                // Fewer do as well.
                if job == 0 {
                    return Err(format!("no thread to measure on: {error}"));
                }
                break;
            }
        }
        drop(sender);
        let mut outcome = Ok(());
        loop {
            let done = match done.recv_timeout(TICK) {
                Ok(done) => Some(done),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return outcome,
            };
            if outcome.is_ok() {
                outcome = take(done);
                gave_up.store(outcome.is_err(), Ordering::Relaxed);
            }
        }
    })
}

struct Worker<'a> {
    songs: &'a [Song],
    /// The first song that nobody has taken.
    next: &'a AtomicUsize,
    known: Measurements,
    with_tags: bool,
    stopped: &'a (dyn Fn() -> bool + Sync),
}

impl Worker<'_> {
    fn run(mut self, done: &Sender<Done>) {
        give_way();
        while !(self.stopped)() {
            let Some((path, size)) = self.songs.get(self.next.fetch_add(1, Ordering::Relaxed)) else {
                return;
            };
            let Some(outcome) = self.outcome(path) else { return };
            let tags = self.with_tags.then(|| tags::read(path));
            if done.send(Done { path: path.clone(), size: *size, outcome, tags }).is_err() {
                return;
            }
        }
    }

    /// `None`: stopped.
    fn outcome(&mut self, path: &Path) -> Option<Outcome> {
        let file = match FileId::of(path) {
            Ok(file) => file,
            Err(error) => return Some(Outcome::Failed(error.to_string())),
        };
        if let Some(measurement) = self.known.lookup(path, file) {
            return Some(Outcome::Known(file, measurement));
        }
        let known = &mut |blob: &_| self.known.of_blob(blob);
        match measure(path, known, &|| (self.stopped)()) {
            Ok((file, measurement)) => Some(Outcome::Measured(file, measurement)),
            Err(Failure::Load(error)) => Some(Outcome::Failed(error.to_string())),
            Err(Failure::Stopped) => None,
        }
    }
}

//! Looking through folders on threads of its own: the thread that carries the sound of films waits for no disk. A disk that does
//! not answer keeps its thread; what is asked for meanwhile gets another, up to a limit.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::list::{Found, look};
use crate::media::screen::message::ITEMS_MAX;

/// Disks that are waited for at once, at most.
const THREADS_MAX: usize = 4;
/// After so long without an answer it is said that the disk is slow.
const SLOW: Duration = Duration::from_secs(5);

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub found: Vec<Found>,
    /// What stands against it, in words.
    pub problems: Vec<String>,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Looking {
    /// Counts what was asked for; what was found for another is dropped.
    serial: u64,
    /// When the last was asked for, while nothing was found for it.
    since: Option<Instant>,
    /// It was not even begun: too many disks are waited for.
    is_stuck: bool,
    answer: Sender<(u64, Seen)>,
    answers: Receiver<(u64, Seen)>,
    /// Each thread holds one until it ends.
    alive: Arc<()>,
}

impl Looking {
    pub(super) fn new() -> Self {
        let (answer, answers) = bounded(THREADS_MAX);
        Self { serial: 0, since: None, is_stuck: false, answer, answers, alive: Arc::default() }
    }

    /// Has these looked through, instead of what was asked for before; `ring` is called when it is done.
    pub(super) fn begin(&mut self, files: Vec<PathBuf>, ring: impl FnOnce() + Send + 'static) {
        self.forget();
        // One is held here.
        if Arc::strong_count(&self.alive) > THREADS_MAX {
            self.is_stuck = true;
            return;
        }
        self.answers.try_iter().for_each(drop);
        let (serial, answer, alive) = (self.serial, self.answer.clone(), Arc::clone(&self.alive));
        let work = move || {
            let (found, problems) = look(&files, ITEMS_MAX);
            // There is room for as many as there are threads; nobody may hear it any more.
            let _ = answer.try_send((serial, Seen { found, problems }));
            drop(alive);
            ring();
        };
        let is_started = thread::Builder::new().name("films".into()).spawn(work).is_ok();
        (self.since, self.is_stuck) = (Some(Instant::now()).filter(|_| is_started), !is_started);
    }

    /// What was asked for is not wanted any more.
    pub(super) fn forget(&mut self) {
        self.serial += 1;
        (self.since, self.is_stuck) = (None, false);
    }

    /// What was found for what was asked for last.
    pub(super) fn seen(&mut self) -> Option<Seen> {
        let seen = self.answers.try_iter().filter(|(of, _)| *of == self.serial).map(|(_, seen)| seen).last();
        if seen.is_some() {
            self.since = None;
        }
        seen
    }

    /// Whether what was asked for last is being looked through.
    pub(super) fn is_under_way(&self) -> bool {
        self.since.is_some()
    }

    /// Whether that takes longer than it should.
    pub(super) fn is_slow(&self) -> bool {
        self.is_stuck || self.since.is_some_and(|since| since.elapsed() >= SLOW)
    }

    /// When it is slow, if it is not done before.
    pub(super) fn slow_in(&self) -> Option<Duration> {
        let since = self.since?;
        Some((since + SLOW).saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_that_was_asked_for_is_found_and_what_was_asked_before_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.mp4"), "a").unwrap();
        let mut looking = Looking::new();
        let (done, is_done) = bounded(2);
        let ring = || {
            let done = done.clone();
            move || done.send(()).unwrap()
        };
        looking.begin(vec![folder.path().join("none")], ring());
        looking.begin(vec![folder.path().into()], ring());
        assert!(looking.is_under_way() && !looking.is_slow());
        for _ in 0..2 {
            is_done.recv_timeout(Duration::from_secs(60)).unwrap();
        }
        let seen = looking.seen().unwrap();
        assert_eq!((seen.found.len(), seen.problems.len()), (1, 0));
        assert!(!looking.is_under_way() && looking.seen().is_none());
    }

    #[test]
    fn only_so_many_disks_are_waited_for() {
        let mut looking = Looking::new();
        let held: Vec<_> = (0..THREADS_MAX).map(|_| Arc::clone(&looking.alive)).collect();
        looking.begin(vec!["/".into()], || {});
        assert!(looking.is_slow() && !looking.is_under_way());
        drop(held);
        let (done, is_done) = bounded(1);
        looking.begin(Vec::new(), move || done.send(()).unwrap());
        is_done.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(looking.seen().is_some() && !looking.is_slow());
    }
}

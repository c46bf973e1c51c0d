//! A deck: a thread that decodes one song at a time into a ring.
//!
//! It owns the decoder and the ring's writing end. It decodes far ahead and sleeps until half of the ring is played, so
//! that it wakes about once a second. A decoder that panics fails its song, not the deck.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::feed::{Counters, Feed, FeedId, FeedWriter, feed};
use super::resample::Resampler;
use super::song::{Progress, Song};
use super::{LoadError, Media, StartAt};
use crate::measure::{FileId, Measurement};
use crate::service::panic_words;
use crate::storage::Measurements;

/// Sound that the ring holds.
const RING_MS: u64 = 2000;
/// Sound that is decoded before a song counts as ready.
const PRIMED_MS: u64 = 200;
/// Frames that are decoded between two looks at the tasks. Twice as many are no cheaper, and lie in memory.
const PUMP_FRAMES: usize = 2048;
/// The tail that is held back until it is known whether the song ended well; if not, it is faded out.
const TAIL_MS: u64 = 10;
/// Tasks that wait, at most.
const TASKS_MAX: usize = 16;

/// What a deck is told.
#[derive(Debug)]
pub(super) enum Task {
    /// Drop what there is and open this.
    Load { feed: FeedId, path: Arc<Path>, start: StartAt, out_hz: u32 },
    /// When the song of `after` ends well, go on with this one in the same ring.
    Splice { after: FeedId, counters: Arc<Counters>, path: Arc<Path> },
    /// Drop what there is.
    Drop,
}

/// What a deck reports.
#[derive(Debug)]
pub(super) enum Report {
    Ready {
        feed: Feed,
        media: Box<Media>,
    },
    Failed {
        feed: FeedId,
        error: LoadError,
    },
    /// All of it is in the ring.
    Decoded {
        feed: FeedId,
        error: Option<LoadError>,
    },
}

/// The audio thread's end of a deck.
#[derive(Debug)]
pub(super) struct Deck {
    tasks: SyncSender<Task>,
    thread: JoinHandle<()>,
}

impl Deck {
    /// Starts the thread; `report` is called on it. It looks files up in `measurements`.
    pub(super) fn start(
        name: &str,
        measurements: Measurements,
        report: impl Fn(Report) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (tasks, waiting) = sync_channel(TASKS_MAX);
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || run(&waiting, measurements, &report))?;
        Ok(Self { tasks, thread })
    }

    /// `false`: the thread is stuck in a file and does not take tasks.
    pub(super) fn send(&self, task: Task) -> bool {
        self.tasks.try_send(task).is_ok()
    }

    /// Whether the thread still runs.
    pub(super) fn is_alive(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Lets the thread end when it can, and gives it away. As when a deck is dropped it is not waited for: it may be stuck
    /// in a read that never comes back.
    pub(super) fn leave(self) -> JoinHandle<()> {
        self.thread
    }
}

fn look_up(known: &mut Measurements, path: &Path) -> Option<Measurement> {
    known.lookup(path, FileId::of(path).ok()?)
}

fn run(tasks: &Receiver<Task>, mut measurements: Measurements, report: &impl Fn(Report)) {
    let mut job: Option<Job> = None;
    loop {
        let wait = job.as_ref().map_or(Duration::MAX, Job::wait);
        let task = match tasks.recv_timeout(wait) {
            Ok(task) => Some(task),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        match task {
            Some(Task::Load { feed, path, start, out_hz }) => {
                drop(job.take());
                let measurement = look_up(&mut measurements, &path);
                let start_ms = match start {
                    StartAt::Place(ms) => ms,
                    StartAt::Music => measurement.as_ref().map_or(0, |found| found.cues.head_ms),
                };
                match guarded(|| Job::open(feed, &path, start_ms, out_hz)) {
                    Ok((opened, feed, mut media)) => {
                        (media.start_ms, media.measurement) = (start_ms, measurement);
                        report(Report::Ready { feed, media });
                        job = Some(opened);
                    }
                    Err(error) => report(Report::Failed { feed, error }),
                }
            }
            Some(Task::Splice { after, counters, path }) => {
                if let Some(job) = job.as_mut().filter(|job| job.feed == after) {
                    job.splice = Some((counters, path));
                }
            }
            Some(Task::Drop) => job = None,
            None => {}
        }
        let Some(running) = job.as_mut() else { continue };
        if running.writer.is_abandoned() {
            job = None;
            continue;
        }
        match running.pump() {
            None => {}
            Some(Milestone::Spliced { ended }) => report(Report::Decoded { feed: ended, error: None }),
            Some(Milestone::Ended(error)) => {
                report(Report::Decoded { feed: running.feed, error });
                job = None;
            }
        }
    }
}

/// Turns a panic inside a decoder into an error of its file.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, LoadError>) -> Result<T, LoadError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(LoadError::NotDecodable(format!("its decoder gave up: {}", panic_words(panic.as_ref()))))
    })
}

/// What a pump came to.
pub(super) enum Milestone {
    Spliced { ended: FeedId },
    Ended(Option<LoadError>),
}

/// A song on its way into a ring.
pub(super) struct Job {
    feed: FeedId,
    song: Song,
    resampler: Resampler,
    out_hz: u32,
    writer: FeedWriter,
    /// Resampled and not in the ring.
    staged: Vec<f32>,
    /// Set when the song is over and only `staged` is left.
    over: Option<Option<LoadError>>,
    /// The ring is being filled up, and not yet full.
    is_filling: bool,
    /// What follows in the same ring.
    splice: Option<(Arc<Counters>, Arc<Path>)>,
    /// Frames that may still be pushed of the song before, and what begins then.
    boundary: Option<(u64, Arc<Counters>)>,
}

impl Job {
    pub(super) fn open(
        id: FeedId,
        path: &Path,
        start_ms: u64,
        out_hz: u32,
    ) -> Result<(Self, Feed, Box<Media>), LoadError> {
        let (song, media) = Song::open(path, start_ms)?;
        let resampler = Resampler::new(song.format().rate_hz, out_hz).map_err(LoadError::NotDecodable)?;
        let frames = |ms: u64| ms * u64::from(out_hz) / 1000;
        let (writer, feed) = feed(Counters::new(id, frames(start_ms)), frames(RING_MS) as usize);
        let mut job = Self {
            feed: id,
            song,
            resampler,
            out_hz,
            writer,
            staged: Vec::new(),
            over: None,
            is_filling: true,
            splice: None,
            boundary: None,
        };
        while job.over.is_none() && (job.writer.fill_frames() as u64) < frames(PRIMED_MS) {
            job.decode()?;
            job.flush();
        }
        Ok((job, feed, Box::new(media)))
    }

    /// Whether there is room in the ring and more to come.
    pub(super) fn is_filling(&self) -> bool {
        self.is_filling || self.writer.fill_frames() + PUMP_FRAMES < self.writer.len_frames()
    }

    /// How long nothing needs to be done.
    fn wait(&self) -> Duration {
        let half = self.writer.len_frames() / 2;
        let fill = self.writer.fill_frames();
        if self.is_filling || fill <= half {
            return Duration::ZERO;
        }
        Duration::from_micros((fill - half) as u64 * 1_000_000 / u64::from(self.out_hz))
    }

    /// One step towards a full ring; between two of them the deck looks at its tasks.
    pub(super) fn pump(&mut self) -> Option<Milestone> {
        let is_flushed = self.flush();
        if let (true, Some(error)) = (is_flushed, &self.over) {
            return Some(Milestone::Ended(error.clone()));
        }
        self.is_filling = is_flushed && self.writer.fill_frames() + PUMP_FRAMES < self.writer.len_frames();
        if !self.is_filling {
            return None;
        }
        let whole = self.staged.len();
        match guarded(|| self.decode()) {
            Ok(ended) => ended.map(|ended| Milestone::Spliced { ended }),
            Err(error) => {
                // What came before a panic may end within a frame.
                self.staged.truncate(whole);
                self.give_up(error);
                None
            }
        }
    }

    /// One step of decoding; gives the feed that ended when the next song began in the same ring.
    fn decode(&mut self) -> Result<Option<FeedId>, LoadError> {
        let song = &mut self.song;
        let read = |input: &mut Vec<f32>| song.read(PUMP_FRAMES, input);
        match self.resampler.take(&mut self.staged, read).map_err(LoadError::Damaged)? {
            Progress::More => Ok(None),
            Progress::FormatChanged => {
                self.resampler.finish(&mut self.staged).map_err(LoadError::Damaged)?;
                self.resampler =
                    Resampler::new(self.song.format().rate_hz, self.out_hz).map_err(LoadError::Damaged)?;
                Ok(None)
            }
            Progress::Ended => self.end(),
        }
    }

    fn end(&mut self) -> Result<Option<FeedId>, LoadError> {
        let verdict = self.song.verdict();
        let is_clean = verdict.is_none() && !self.song.breaks_off();
        if is_clean && let Some(ended) = self.go_on() {
            return Ok(Some(ended));
        }
        self.resampler.finish(&mut self.staged).map_err(LoadError::Damaged)?;
        if !is_clean {
            self.fade_tail();
        }
        self.over = Some(verdict);
        Ok(None)
    }

    /// Ends the song where it is: its decoder cannot go on, or panicked.
    fn give_up(&mut self, error: LoadError) {
        self.fade_tail();
        self.over = Some(Some(error));
    }

    /// Goes on with what was spliced, through the same resampler, so that the join has no edge. Only a resampled song
    /// needs that; unequal rates cannot.
    fn go_on(&mut self) -> Option<FeedId> {
        let (counters, path) = self.splice.take()?;
        if self.resampler.is_transparent() || self.boundary.is_some() {
            return None;
        }
        let (next, _) = Song::open(&path, 0).ok()?;
        if next.format().rate_hz != self.song.format().rate_hz {
            return None;
        }
        let frames_left =
            (self.staged.len() / 2) as u64 + self.resampler.due_frames() - self.resampler.out_frames();
        let feed = counters.feed;
        self.boundary = Some((frames_left, counters));
        self.song = next;
        Some(std::mem::replace(&mut self.feed, feed))
    }

    /// Moves what is staged into the ring, but for the tail while the song goes on. `false`: the ring is full.
    fn flush(&mut self) -> bool {
        let tail =
            if self.over.is_some() { 0 } else { (TAIL_MS * u64::from(self.out_hz) / 1000) as usize * 2 };
        let mut ready = self.staged.len().saturating_sub(tail);
        let mut moved = 0;
        while moved < ready {
            let until = match &self.boundary {
                Some((0, counters)) => {
                    if self.writer.splice(Arc::clone(counters)).is_err() {
                        break;
                    }
                    self.boundary = None;
                    ready
                }
                Some((frames, _)) => ready.min(moved + *frames as usize * 2),
                None => ready,
            };
            let pushed = self.writer.push(&self.staged[moved..until]);
            if pushed == 0 && moved < until {
                break;
            }
            moved += pushed;
            if let Some((frames, _)) = &mut self.boundary {
                *frames -= (pushed / 2) as u64;
            }
        }
        ready -= moved;
        self.staged.drain(..moved);
        ready == 0
    }

    fn fade_tail(&mut self) {
        let frames = (TAIL_MS * u64::from(self.out_hz) / 1000) as usize;
        let from = self.staged.len().saturating_sub(frames * 2);
        let tail = &mut self.staged[from..];
        let len = tail.len() / 2;
        for (i, frame) in tail.chunks_exact_mut(2).enumerate() {
            let gain = (len - i - 1) as f32 / len as f32;
            frame[0] *= gain;
            frame[1] *= gain;
        }
    }
}

#[cfg(test)]
mod tests;

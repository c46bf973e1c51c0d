//! The deep ring between a deck's thread and the callback, with what both must know of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use rtrb::{Consumer, Producer, RingBuffer};

/// How many feeds may be waiting inside one ring, joined sample by sample.
const SPLICES_MAX: usize = 4;

/// What a ring, or a part of one, carries: one load by one way. The audio thread gives the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FeedId(pub(super) u64);

/// What was mixed of one feed, which the callback writes and everyone may read; and how loud it is to be, which goes the
/// other way.
#[derive(Debug)]
pub(super) struct Counters {
    pub(super) feed: FeedId,
    /// The place in the file where it began, in frames of the output.
    pub(super) start_frames: u64,
    heard_frames: AtomicU64,
    audible_frames: AtomicU64,
    ducked_frames: AtomicU64,
    gain: AtomicU32,
}

impl Counters {
    pub(super) fn new(feed: FeedId, start_frames: u64) -> Arc<Self> {
        Arc::new(Self {
            feed,
            start_frames,
            heard_frames: AtomicU64::new(0),
            audible_frames: AtomicU64::new(0),
            ducked_frames: AtomicU64::new(0),
            gain: AtomicU32::new(1.0f32.to_bits()),
        })
    }

    pub(super) fn heard_frames(&self) -> u64 {
        self.heard_frames.load(Ordering::Relaxed)
    }

    pub(super) fn audible_frames(&self) -> u64 {
        self.audible_frames.load(Ordering::Relaxed)
    }

    /// Of those that were heard, those under an announcement, ramps included.
    pub(super) fn ducked_frames(&self) -> u64 {
        self.ducked_frames.load(Ordering::Relaxed)
    }

    pub(super) fn add_ducked(&self, frames: usize) {
        self.ducked_frames.fetch_add(frames as u64, Ordering::Relaxed);
    }

    pub(super) fn position_frames(&self) -> u64 {
        self.start_frames + self.heard_frames()
    }

    /// The song's own gain, as an amplitude.
    pub(super) fn gain(&self) -> f32 {
        f32::from_bits(self.gain.load(Ordering::Relaxed))
    }

    /// The callback takes it when the feed begins; later it glides there.
    pub(super) fn set_gain(&self, gain: f32) {
        self.gain.store(gain.to_bits(), Ordering::Relaxed);
    }
}

/// From this frame of the ring on it is another feed.
#[derive(Debug)]
struct Splice {
    at_frames: u64,
    counters: Arc<Counters>,
}

/// The callback's end of the ring.
#[derive(Debug)]
pub(super) struct Feed {
    ring: Consumer<f32>,
    ended: Arc<AtomicBool>,
    splices: Consumer<Splice>,
    next: Option<Splice>,
    pulled_frames: u64,
    pub(super) counters: Arc<Counters>,
}

/// The deck thread's end of the ring.
#[derive(Debug)]
pub(super) struct FeedWriter {
    ring: Producer<f32>,
    ended: Arc<AtomicBool>,
    splices: Producer<Splice>,
    pushed_frames: u64,
    len_frames: usize,
}

/// A ring of `len_frames` stereo frames for a load that begins at `start_frames` of its file.
pub(super) fn feed(counters: Arc<Counters>, len_frames: usize) -> (FeedWriter, Feed) {
    let (producer, consumer) = RingBuffer::new(len_frames * 2);
    let (splice_in, splice_out) = RingBuffer::new(SPLICES_MAX);
    let ended = Arc::new(AtomicBool::new(false));
    let writer = FeedWriter {
        ring: producer,
        ended: Arc::clone(&ended),
        splices: splice_in,
        pushed_frames: 0,
        len_frames,
    };
    let feed = Feed { ring: consumer, ended, splices: splice_out, next: None, pulled_frames: 0, counters };
    (writer, feed)
}

impl Feed {
    pub(super) fn id(&self) -> FeedId {
        self.counters.feed
    }

    /// Frames that can be pulled of the current load, and whether there will be no more of it.
    pub(super) fn available(&mut self) -> (usize, bool) {
        // The flag first: what was pushed before it was raised is then seen too.
        let ended = self.ended.load(Ordering::Acquire);
        // The frames before the splices: a splice is put in before the first frame behind it.
        let frames = self.ring.slots() / 2;
        if self.next.is_none() {
            self.next = self.splices.pop().ok();
        }
        match &self.next {
            Some(splice) => {
                let left = splice.at_frames.saturating_sub(self.pulled_frames) as usize;
                (frames.min(left), frames >= left)
            }
            None => (frames, ended),
        }
    }

    /// When all of the current feed was pulled and the `wanted` one follows in the same ring: goes over to it and gives
    /// the counters of the one that ended.
    pub(super) fn cross(&mut self, wanted: FeedId) -> Option<Arc<Counters>> {
        let due = |splice: &Splice| splice.at_frames == self.pulled_frames && splice.counters.feed == wanted;
        let due = self.next.as_ref().is_some_and(due);
        let splice = if due { self.next.take()? } else { return None };
        Some(std::mem::replace(&mut self.counters, splice.counters))
    }

    /// Gives `frames`, of which [`Feed::available`] said that they are there, in at most two pieces.
    pub(super) fn pull(&mut self, frames: usize, audible: bool, mut piece: impl FnMut(&[f32])) {
        let Ok(chunk) = self.ring.read_chunk(frames * 2) else { return };
        let (first, second) = chunk.as_slices();
        piece(first);
        if !second.is_empty() {
            piece(second);
        }
        chunk.commit_all();
        self.pulled_frames += frames as u64;
        self.counters.heard_frames.fetch_add(frames as u64, Ordering::Relaxed);
        if audible {
            self.counters.audible_frames.fetch_add(frames as u64, Ordering::Relaxed);
        }
    }
}

impl FeedWriter {
    /// Puts in what there is room for, whole frames only; gives how many samples that were.
    pub(super) fn push(&mut self, stereo: &[f32]) -> usize {
        let room = self.ring.slots() & !1;
        let samples = stereo.len().min(room);
        if self.ring.push_entire_slice(&stereo[..samples]).is_err() {
            return 0;
        }
        self.pushed_frames += (samples / 2) as u64;
        samples
    }

    /// Frames that wait to be played.
    pub(super) fn fill_frames(&self) -> usize {
        self.len_frames - self.ring.slots() / 2
    }

    pub(super) fn len_frames(&self) -> usize {
        self.len_frames
    }

    /// What is pushed from now on is another load. Refused when too many wait inside the ring already.
    pub(super) fn splice(&mut self, counters: Arc<Counters>) -> Result<(), ()> {
        self.splices.push(Splice { at_frames: self.pushed_frames, counters }).map_err(|_| ())
    }

    /// Nobody will pull any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.ring.is_abandoned()
    }
}

impl Drop for FeedWriter {
    /// There will be no more, whether the song is over or its thread died.
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
    }
}

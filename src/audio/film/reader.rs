//! The reading end of the ring: what is due next, how far it goes on, and what is left out.

use rtrb::Consumer;

use super::{Block, FRAME_NS};

/// Blocks follow each other if their moments differ by so little from what their lengths say, in nanoseconds: some files
/// count time in milliseconds.
const JOIN_NS: f64 = 10e6;
/// So much must be there for sound to begin, 40 ms: what always comes too late is not heard in shreds.
pub(super) const BEGIN_FRAMES: usize = 1920;

/// See the head of this file. It never allocates, waits or fails.
#[derive(Debug)]
pub(crate) struct Reader {
    ring: Consumer<Block>,
    /// Frames of the first block that were taken.
    taken: usize,
}

/// How far it goes on without a gap, in frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Stretch {
    /// Until something else is heard, or nothing.
    pub(super) heard: usize,
    /// That can be read, though the end of it may not be wanted.
    pub(super) there: usize,
}

impl Block {
    fn end_ns(&self) -> f64 {
        self.due_ns as f64 + self.frames as f64 * FRAME_NS
    }
}

impl Reader {
    pub(super) fn new(ring: Consumer<Block>) -> Self {
        Self { ring, taken: 0 }
    }

    /// Nobody writes any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.ring.is_abandoned()
    }

    /// When the next frame is due; the end of a film has none.
    pub(super) fn due_ns(&self) -> Option<f64> {
        let head = self.ring.peek().ok().filter(|head| head.frames > 0)?;
        Some(head.due_ns as f64 + self.taken as f64 * FRAME_NS)
    }

    pub(super) fn stretch(&mut self) -> Stretch {
        let is_abandoned = self.is_abandoned();
        let Ok(chunk) = self.ring.read_chunk(self.ring.slots()) else { return Stretch::default() };
        let (first, second) = chunk.as_slices();
        let mut blocks = first.iter().chain(second);
        let Some(head) = blocks.next() else { return Stretch::default() };
        let at_ns = head.due_ns as f64 + self.taken as f64 * FRAME_NS;
        let (mut there, mut end_ns, mut follows) =
            (head.frames.saturating_sub(self.taken), head.end_ns(), true);
        let mut until_ns = if is_abandoned { f64::MIN } else { f64::MAX };
        for block in blocks {
            if block.film != head.film {
                until_ns = until_ns.min(block.due_ns as f64);
                continue;
            }
            follows &= (block.due_ns as f64 - end_ns).abs() <= JOIN_NS;
            if follows {
                (there, end_ns) = (there + block.frames, block.end_ns());
            }
        }
        // A float that is out of range becomes the nearest whole number.
        Stretch { heard: there.min(((until_ns - at_ns) / FRAME_NS) as usize), there }
    }

    /// Leaves out what was due before this moment and what is not heard any more. Gives how many frames of silence come
    /// before the next, or `None` if too little is there.
    pub(super) fn seek(&mut self, moment_ns: f64) -> Option<usize> {
        loop {
            let head = self.ring.peek().ok()?;
            let past = ((moment_ns - head.due_ns as f64) / FRAME_NS).ceil() as usize;
            if past >= head.frames {
                self.leave_out();
                continue;
            }
            self.taken = self.taken.max(past);
            match self.stretch().heard {
                0 => self.leave_out(),
                BEGIN_FRAMES.. => break,
                _ => return None,
            }
        }
        let due_ns = self.due_ns()?;
        Some(((due_ns - moment_ns) / FRAME_NS) as usize)
    }

    /// Fills `stereo` from the first block, as far as that goes; gives how many frames that were.
    pub(super) fn take(&mut self, stereo: &mut [f32]) -> usize {
        let Ok(head) = self.ring.peek() else { return 0 };
        let frames = (stereo.len() / 2).min(head.frames.saturating_sub(self.taken));
        stereo[..frames * 2].copy_from_slice(&head.samples[self.taken * 2..][..frames * 2]);
        self.taken += frames;
        if self.taken >= head.frames {
            self.leave_out();
        }
        frames
    }

    fn leave_out(&mut self) {
        self.taken = 0;
        if let Ok(chunk) = self.ring.read_chunk(1) {
            chunk.commit_all();
        }
    }
}

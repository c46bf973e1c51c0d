//! From the gains that single peaks need to one that moves smoothly. Gains are whole numbers, [`ONE`] is 1.

/// A gain of 1.
pub(super) const ONE: u32 = 1 << 30;

/// How long the gain takes to fall, at most, in milliseconds.
const ATTACK_MS: f32 = 1.5;
/// The shortest moving average.
const AVERAGE_FRAMES_MIN: usize = 4;
/// Frames around a peak in which the gain stands still.
const GUARD_FRAMES: usize = 4;
/// How long the least gain is kept before it rises: half a wave of 42 Hz.
const HOLD_MS: f32 = 12.0;
/// How long it takes to come back up by 1 − 1/e, in milliseconds.
const RELEASE_MS: f32 = 150.0;
/// The last thousandth rises evenly, so that it ends.
const LAST: u64 = ONE as u64 / 1000;

/// What a peak needs, rounded down.
pub(super) fn needed_gain(gain: f32) -> u32 {
    (gain * ONE as f32) as u32
}

/// See the head of this file.
#[derive(Debug, Clone)]
pub(super) struct Envelope {
    window: Minimum,
    /// The released gain.
    level: u32,
    /// What it rises by in a frame, of what is missing, in 1/2³².
    release: u64,
    averages: [Average; 2],
    /// Frames since `level` was last below 1; more than the averages are long: all is at 1.
    open_frames: usize,
}

impl Envelope {
    pub(super) fn new(rate_hz: u32) -> Self {
        let frames = |ms: f32| (ms * rate_hz as f32 / 1000.0) as usize;
        // A power of two, so that a sum of ones divided by its length is exactly one.
        let wanted = (frames(ATTACK_MS) / 2).max(AVERAGE_FRAMES_MIN);
        let average_frames = 1 << wanted.ilog2();
        let smooth_frames = 2 * average_frames - 1;
        let release = 1.0 - (-1000.0 / (f64::from(RELEASE_MS) * f64::from(rate_hz.max(1)))).exp();
        Self {
            window: Minimum::new(smooth_frames + 2 * GUARD_FRAMES + 1 + frames(HOLD_MS)),
            level: ONE,
            release: (release * f64::from(u32::MAX)) as u64,
            averages: [Average::new(average_frames), Average::new(average_frames)],
            open_frames: smooth_frames,
        }
    }

    /// How much later than a peak was told of its gain is there.
    pub(super) fn delay_frames(&self) -> usize {
        self.smooth_frames() - 1 + GUARD_FRAMES
    }

    fn smooth_frames(&self) -> usize {
        self.averages.iter().map(|average| average.past.len()).sum::<usize>() - 1
    }

    /// The gain is 1, and stays so while no peak needs less.
    pub(super) fn is_open(&self) -> bool {
        self.open_frames >= self.smooth_frames()
    }

    pub(super) fn clear(&mut self) {
        self.window.clear();
        self.level = ONE;
        for average in &mut self.averages {
            average.clear();
        }
        self.open_frames = self.smooth_frames();
    }

    /// Takes what one frame needs and gives the gain of the one [`Envelope::delay_frames`] before it.
    pub(super) fn next_gain(&mut self, needed: u32) -> f32 {
        let least = self.window.next(needed);
        if least <= self.level {
            self.level = least;
        } else {
            let missing = u64::from(least - self.level);
            let step = ((missing.max(LAST) * self.release) >> 32) + 1;
            self.level += step.min(missing) as u32;
        }
        self.open_frames = if self.level < ONE { 0 } else { self.open_frames + 1 };
        let [first, second] = &mut self.averages;
        second.next(first.next(self.level)) as f32 / ONE as f32
    }
}

/// The least of the last gains, by a queue that holds only what can become the least: each is higher than those before
/// it. What needs nothing is not kept.
#[derive(Debug, Clone)]
struct Minimum {
    /// When each came, and what it is. The front is at `front`, `len` follow.
    queue: Vec<(u64, u32)>,
    front: usize,
    len: usize,
    now: u64,
    window_frames: u64,
}

impl Minimum {
    fn new(window_frames: usize) -> Self {
        let queue = vec![(0, ONE); window_frames.next_power_of_two()];
        Self { queue, front: 0, len: 0, now: 0, window_frames: window_frames as u64 }
    }

    fn clear(&mut self) {
        self.len = 0;
    }

    fn place(&self, index: usize) -> usize {
        (self.front + index) & (self.queue.len() - 1)
    }

    fn next(&mut self, gain: u32) -> u32 {
        self.now += 1;
        if self.len > 0 && self.queue[self.front].0 + self.window_frames <= self.now {
            self.front = self.place(1);
            self.len -= 1;
        }
        while self.len > 0 && self.queue[self.place(self.len - 1)].1 >= gain {
            self.len -= 1;
        }
        if gain < ONE {
            let back = self.place(self.len);
            self.queue[back] = (self.now, gain);
            self.len += 1;
        }
        if self.len == 0 { ONE } else { self.queue[self.front].1 }
    }
}

/// A moving average over a power of two of frames.
#[derive(Debug, Clone)]
struct Average {
    past: Vec<u32>,
    at: usize,
    sum: u64,
}

impl Average {
    fn new(frames: usize) -> Self {
        Self { past: vec![ONE; frames], at: 0, sum: u64::from(ONE) * frames as u64 }
    }

    fn clear(&mut self) {
        *self = Self { past: std::mem::take(&mut self.past), at: 0, sum: 0 };
        self.past.fill(ONE);
        self.sum = u64::from(ONE) * self.past.len() as u64;
    }

    fn next(&mut self, gain: u32) -> u32 {
        let oldest = std::mem::replace(&mut self.past[self.at], gain);
        self.at = (self.at + 1) & (self.past.len() - 1);
        self.sum = self.sum + u64::from(gain) - u64::from(oldest);
        (self.sum >> self.past.len().ilog2()) as u32
    }
}

//! Gains over time: ramps for what is turned up and down, glides for how loud a song is, equal-power fades for what goes
//! over into something else.

use std::f64::consts::FRAC_PI_2;

/// A gain that never steps: it goes to its target in a straight line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ramp {
    gain: f32,
    target: f32,
    left_frames: u32,
}

impl Ramp {
    pub(super) fn at(gain: f32) -> Self {
        Self { gain, target: gain, left_frames: 0 }
    }

    /// From wherever it is to `target` within `frames`.
    pub(super) fn go(&mut self, target: f32, frames: u32) {
        self.target = target;
        self.left_frames = frames;
        if frames == 0 {
            self.gain = target;
        }
    }

    pub(super) fn is_silent(&self) -> bool {
        self.left_frames == 0 && self.gain == 0.0
    }

    /// To its target once more, from silence.
    pub(super) fn begin_anew(&mut self, frames: u32) {
        self.gain = 0.0;
        self.go(self.target, frames);
    }

    /// Frames until it is silent, while it goes there.
    pub(super) fn frames_to_silence(&self) -> Option<usize> {
        (self.target == 0.0 && self.left_frames > 0).then_some(self.left_frames as usize)
    }

    /// Scales interleaved stereo and moves on by as many frames.
    pub(super) fn apply(&mut self, stereo: &mut [f32]) {
        let mut frames = stereo.chunks_exact_mut(2);
        while self.left_frames > 0 {
            let Some(frame) = frames.next() else { return };
            self.step();
            frame[0] *= self.gain;
            frame[1] *= self.gain;
        }
        if self.gain != 1.0 {
            for frame in frames {
                frame[0] *= self.gain;
                frame[1] *= self.gain;
            }
        }
    }

    fn step(&mut self) {
        self.gain += (self.target - self.gain) / self.left_frames as f32;
        self.left_frames -= 1;
        if self.left_frames == 0 {
            self.gain = self.target;
        }
    }
}

/// A gain above 0 that stands still, or goes to another one evenly in dB, so that nobody hears when it began.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Glide {
    gain: f32,
    target: f32,
    /// The gain, finer: rounded 100,000 times it would not arrive where it should.
    exact: f64,
    ratio: f64,
    left_frames: u32,
}

impl Glide {
    pub(super) fn at(gain: f32) -> Self {
        Self { gain, target: gain, exact: gain.into(), ratio: 1.0, left_frames: 0 }
    }

    pub(super) fn gain(&self) -> f32 {
        self.gain
    }

    /// From wherever it is to `target` within `frames`; on its way there already, it stays on it.
    pub(super) fn go(&mut self, target: f32, frames: u32) {
        if target == self.target {
            return;
        }
        if frames == 0 {
            *self = Self::at(target);
            return;
        }
        self.target = target;
        self.ratio = (f64::from(target) / self.exact).powf(1.0 / f64::from(frames));
        self.left_frames = frames;
    }

    pub(super) fn is_still(&self) -> bool {
        self.left_frames == 0
    }

    /// Frames until it is where it goes.
    pub(super) fn frames_left(&self) -> u32 {
        self.left_frames
    }

    /// It is where it goes.
    pub(super) fn settle(&mut self) {
        if !self.is_still() {
            *self = Self::at(self.target);
        }
    }

    /// Scales interleaved stereo and moves on by as many frames.
    pub(super) fn apply(&mut self, stereo: &mut [f32]) {
        if self.is_still() && self.gain == 1.0 {
            return;
        }
        for frame in stereo.chunks_exact_mut(2) {
            let gain = self.next_gain();
            frame[0] *= gain;
            frame[1] *= gain;
        }
    }

    fn next_gain(&mut self) -> f32 {
        if self.left_frames > 1 {
            self.left_frames -= 1;
            self.exact *= self.ratio;
            self.gain = self.exact as f32;
        } else if self.left_frames == 1 {
            *self = Self::at(self.target);
        }
        self.gain
    }
}

/// The gain of one side of a fade. Two sides of the same length that begin in the same frame have equal power:
/// cos² + sin² = 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fade {
    /// Gain 1.
    Open,
    /// Rising as a sine.
    In { at_frames: u32, len_frames: u32 },
    /// Falling as a cosine.
    Out { at_frames: u32, len_frames: u32 },
}

impl Fade {
    pub(super) fn rising(len_frames: u32) -> Self {
        if len_frames == 0 { Self::Open } else { Self::In { at_frames: 0, len_frames } }
    }

    /// Falling from wherever this fade is now, so that a fade that is cut short does not click.
    pub(super) fn falling(self, len_frames: u32) -> Self {
        let len_frames = len_frames.max(1);
        let gain = self.gain();
        if gain >= 1.0 {
            return Self::Out { at_frames: 0, len_frames };
        }
        // cos(at / len · π/2) = gain, with as many frames left as were asked for.
        let done = (f64::from(gain).acos() / FRAC_PI_2).clamp(0.0, 0.99);
        let whole = f64::from(len_frames) / (1.0 - done);
        Self::Out { at_frames: whole as u32 - len_frames, len_frames: whole as u32 }
    }

    pub(super) fn gain(&self) -> f32 {
        match *self {
            Self::Open => 1.0,
            Self::In { .. } | Self::Out { .. } => self.gains().now(),
        }
    }

    /// Frames until a falling fade is at 0.
    pub(super) fn frames_to_silence(&self) -> Option<usize> {
        match *self {
            Self::Out { .. } => Some(self.frames_left() as usize),
            Self::Open | Self::In { .. } => None,
        }
    }

    /// Adds `source` to `target`, both interleaved stereo of the same length, with this fade and `glide` as gains, and moves
    /// both on by as many frames.
    pub(super) fn mix(&mut self, glide: &mut Glide, source: &[f32], target: &mut [f32]) {
        if *self == Self::Open && glide.is_still() {
            let gain = glide.gain;
            for (from, to) in source.iter().zip(target) {
                *to += from * gain;
            }
            return;
        }
        let fading = self.frames_left().min(source.len() as u32 / 2);
        let gains = self.gains().take(fading as usize);
        self.advance(fading);
        let gains = gains.chain(std::iter::repeat(self.gain()));
        for ((from, to), gain) in source.chunks_exact(2).zip(target.chunks_exact_mut(2)).zip(gains) {
            let gain = gain * glide.next_gain();
            to[0] += from[0] * gain;
            to[1] += from[1] * gain;
        }
    }

    fn frames_left(&self) -> u32 {
        match *self {
            Self::Open => 0,
            Self::In { at_frames, len_frames } | Self::Out { at_frames, len_frames } => {
                len_frames - at_frames
            }
        }
    }

    /// Its gains from here on, frame by frame, until it has come to its end.
    fn gains(self) -> Gains {
        let (at_frames, len_frames, is_rising) = match self {
            Self::Open => (1, 1, true),
            Self::In { at_frames, len_frames } => (at_frames, len_frames, true),
            Self::Out { at_frames, len_frames } => (at_frames, len_frames, false),
        };
        let turn = FRAC_PI_2 / f64::from(len_frames);
        Gains { vector: (f64::from(at_frames) * turn).sin_cos(), turn: turn.sin_cos(), is_rising }
    }

    fn advance(&mut self, frames: u32) {
        *self = match *self {
            Self::In { at_frames, len_frames } if at_frames + frames >= len_frames => Self::Open,
            Self::In { at_frames, len_frames } => Self::In { at_frames: at_frames + frames, len_frames },
            Self::Out { at_frames, len_frames } => {
                Self::Out { at_frames: (at_frames + frames).min(len_frames), len_frames }
            }
            Self::Open => Self::Open,
        };
    }
}

/// The gains of a fade by turning a vector: four multiplications a frame, where a sine costs many times that. It is made anew for each
/// block, so that nothing adds up.
#[derive(Debug, Clone, Copy)]
struct Gains {
    /// Sine and cosine of where the fade is, a quarter of a turn being all of it …
    vector: (f64, f64),
    /// … and of one frame.
    turn: (f64, f64),
    is_rising: bool,
}

impl Gains {
    fn now(&self) -> f32 {
        let (sine, cosine) = self.vector;
        (if self.is_rising { sine } else { cosine }) as f32
    }
}

impl Iterator for Gains {
    type Item = f32;

    fn next(&mut self) -> Option<f32> {
        let gain = self.now();
        let ((sine, cosine), (by_sine, by_cosine)) = (self.vector, self.turn);
        self.vector = (sine * by_cosine + cosine * by_sine, cosine * by_cosine - sine * by_sine);
        Some(gain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_arrives_exactly_and_never_steps() {
        let mut ramp = Ramp::at(1.0);
        ramp.go(0.25, 100);
        let mut block = vec![1.0; 240];
        ramp.apply(&mut block);
        let gains: Vec<f32> = block.chunks(2).map(|f| f[0]).collect();
        assert!(gains.windows(2).all(|w| (w[1] - w[0]).abs() <= 0.0076));
        assert_eq!(gains[99], 0.25);
        assert_eq!(gains[119], 0.25);
    }

    #[test]
    fn a_glide_moves_evenly_in_db_and_arrives_exactly() {
        let mut glide = Glide::at(0.25);
        glide.go(1.9, 144_000);
        // Told again it does not begin again.
        let gains: Vec<f32> = (0..144_010)
            .map(|_| {
                glide.go(1.9, 144_000);
                glide.next_gain()
            })
            .collect();
        let db = |gain: f32| 20.0 * f64::from(gain).log10();
        let step = (db(1.9) - db(0.25)) / 144_000.0;
        for (i, pair) in gains[..144_000].windows(2).enumerate() {
            assert!((db(pair[1]) - db(pair[0]) - step).abs() < 1.2e-6, "frame {i}");
        }
        assert!((db(gains[71_999]) - (db(1.9) + db(0.25)) / 2.0).abs() < 1e-5);
        assert_eq!(gains[143_999..], [1.9; 11]);
        glide.go(0.001, 0);
        assert_eq!(glide.next_gain(), 0.001);
    }

    #[test]
    fn the_two_sides_of_a_fade_have_equal_power_in_every_frame() {
        let (mut rising, mut falling) = (Fade::rising(1000), Fade::Open.falling(1000));
        for _ in 0..1000 {
            let power = rising.gain().powi(2) + falling.gain().powi(2);
            assert!((power - 1.0).abs() < 1e-5);
            rising.advance(1);
            falling.advance(1);
        }
        assert_eq!(rising, Fade::Open);
        assert_eq!(falling.frames_to_silence(), Some(0));
    }

    #[test]
    fn a_fade_in_blocks_of_any_length_is_a_sine_and_stays_at_its_end() {
        const LEN: u32 = 100_000;
        let (mut rising, mut falling) = (Fade::rising(LEN), Fade::Open.falling(LEN));
        let (mut at, mut block) = (0u32, 1);
        while at < LEN + 1000 {
            let ones = vec![1.0; block * 2];
            let (mut up, mut down) = (vec![0.0; block * 2], vec![0.0; block * 2]);
            rising.mix(&mut Glide::at(1.0), &ones, &mut up);
            falling.mix(&mut Glide::at(1.0), &ones, &mut down);
            for (up, down) in up.chunks(2).zip(down.chunks(2)) {
                let (sine, cosine) = (f64::from(at.min(LEN)) / f64::from(LEN) * FRAC_PI_2).sin_cos();
                assert!((f64::from(up[0]) - sine).abs() < 1e-7 && up[0] == up[1], "{at}: {} {sine}", up[0]);
                assert!(
                    (f64::from(down[0]) - cosine).abs() < 1e-7 && down[0] == down[1],
                    "{at}: {}",
                    down[0]
                );
                at += 1;
            }
            block = block % 257 + 13;
        }
        assert_eq!((rising, falling.frames_to_silence()), (Fade::Open, Some(0)));
    }

    #[test]
    fn a_fade_that_is_cut_short_goes_on_from_its_gain() {
        let mut rising = Fade::rising(1000);
        for _ in 0..300 {
            rising.advance(1);
        }
        let before = rising.gain();
        let falling = rising.falling(480);
        assert!((falling.gain() - before).abs() < 0.01, "{before} {}", falling.gain());
        assert!(falling.frames_to_silence().is_some_and(|left| left.abs_diff(480) <= 1));
    }
}

//! A touch of a room: Schroeder's reverb, four combs and two allpasses a side.

/// Delays of the combs and allpasses in seconds; the right side's are a little longer.
const COMBS_S: [f64; 4] = [0.029_7, 0.037_1, 0.041_1, 0.043_7];
const ALLPASSES_S: [f64; 2] = [0.005_0, 0.001_7];
const RIGHT_LONGER: f64 = 1.013;
/// How long the room takes to fall by 60 dB, in seconds.
const FALL_S: f64 = 1.4;
/// How much of its highs each echo loses.
const DAMPING: f32 = 0.35;
const ALLPASS_GAIN: f32 = 0.6;

/// Adds `wet` of the room to interleaved stereo.
pub(super) fn add(samples: &mut [f32], rate_hz: u32, wet: f32) {
    for (side, longer) in [1.0, RIGHT_LONGER].into_iter().enumerate() {
        let frames = |seconds: f64| ((seconds * longer * f64::from(rate_hz)) as usize).max(1);
        let mut combs = COMBS_S.map(|delay_s| Comb::new(frames(delay_s), delay_s));
        let mut allpasses = ALLPASSES_S.map(|delay_s| Allpass::new(frames(delay_s)));
        for x in samples.iter_mut().skip(side).step_by(2) {
            let echoes: f32 = combs.iter_mut().map(|comb| comb.next(*x)).sum();
            let diffuse = allpasses.iter_mut().fold(echoes, |y, allpass| allpass.next(y));
            *x += wet * 0.25 * diffuse;
        }
    }
}

struct Comb {
    line: Vec<f32>,
    at: usize,
    feedback: f32,
    smooth: f32,
}

impl Comb {
    fn new(frames: usize, delay_s: f64) -> Self {
        let feedback = 1e-3_f64.powf(delay_s / FALL_S) as f32;
        Self { line: vec![0.0; frames], at: 0, feedback, smooth: 0.0 }
    }

    fn next(&mut self, x: f32) -> f32 {
        let y = self.line[self.at];
        self.smooth = y * (1.0 - DAMPING) + self.smooth * DAMPING;
        self.line[self.at] = x + self.smooth * self.feedback;
        self.at = (self.at + 1) % self.line.len();
        y
    }
}

struct Allpass {
    line: Vec<f32>,
    at: usize,
}

impl Allpass {
    fn new(frames: usize) -> Self {
        Self { line: vec![0.0; frames], at: 0 }
    }

    fn next(&mut self, x: f32) -> f32 {
        let delayed = self.line[self.at];
        let inner = x + ALLPASS_GAIN * delayed;
        self.line[self.at] = inner;
        self.at = (self.at + 1) % self.line.len();
        delayed - ALLPASS_GAIN * inner
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{peak, rms_db};

    #[test]
    fn a_clap_rings_out_on_both_sides() {
        let mut clap = vec![0.0; 2 * 48_000 * 3];
        clap[..2].fill(1.0);
        add(&mut clap, 48_000, 0.2);
        assert_eq!(clap[..2], [1.0, 1.0]);
        let second = |n: usize| rms_db(&clap[n * 96_000 + 2..(n + 1) * 96_000]);
        assert!(second(0) < -40.0 && second(1) < second(0) - 20.0 && second(2) < second(1) - 20.0);
        assert!(peak(&clap[2..]) < 0.2);
        assert_ne!(clap[9600], clap[9601]);
    }
}

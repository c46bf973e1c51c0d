//! The meter: stereo in, loudness, peaks and cue points out. Pure.

use ebur128::{EbuR128, Mode};

use super::levels::{Levels, WINDOW_MS};
use super::true_peak::TruePeak;
use super::{CUE_FLOOR_LUFS, CUE_RANGE_LU, Cues, HEAD_MARGIN_MS, Loudness, SILENCE_KEPT_MS, TAIL_MARGIN_MS};

/// Longer files are not measured: each hour is kept in 290 kB. (ebur128 0.1.11 has a limit of its own, `set_max_history`, which
/// fills the history with silence that lowers the relative gate: 0.1 LU off.)
const DURATION_HOURS_MAX: u32 = 24;
/// Slower is no music, and its windows would have too few samples.
const RATE_HZ_MIN: u32 = 1000;
/// Windows in 100 ms, the step of EBU R128.
const STEP_WINDOWS: usize = 100 / WINDOW_MS as usize;
/// Steps in the window of momentary loudness, 400 ms (EBU Tech 3341, section 2.2).
const MOMENTARY_STEPS: usize = 4;
/// Steps in that of short-term loudness, 3 s.
const SHORT_TERM_STEPS: usize = 30;
/// How far below the whole a song is no longer in full swing, in LU. The level that the users of Liquidsoap's autocue
/// settled on for letting the next song in.
const SWING_RANGE_LU: f32 = 8.0;
/// BS.1770's constant: the loudness of the power 1 is −0.691 LUFS.
const OFFSET_LU: f64 = 0.691;

/// What cannot be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("{0} frames a second cannot be measured")]
    Rate(u32),
    #[error("it is longer than {DURATION_HOURS_MAX} hours")]
    TooLong,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Meter {
    rate_hz: u32,
    loudness: EbuR128,
    peaks: [TruePeak; 2],
    highest: f32,
    levels: Levels,
    /// The powers of the windows of the step that is not complete.
    step: Vec<f64>,
    /// The powers of the last steps.
    steps: [f64; SHORT_TERM_STEPS],
    steps_len: usize,
    momentary_max: f64,
    short_term_max: f64,
    /// The sum over all windows, for files that are too short for a gate.
    power_sum: f64,
    windows: u64,
    /// Frames at this rate, and seconds at rates before.
    frames: u64,
    seconds_before: f64,
    planes: [Vec<f32>; 2],
}

impl Meter {
    /// # Errors
    /// The rate is none.
    pub(super) fn new(rate_hz: u32) -> Result<Self, Refusal> {
        let loudness = (rate_hz >= RATE_HZ_MIN).then(|| EbuR128::new(2, rate_hz, Mode::I).ok()).flatten();
        Ok(Self {
            rate_hz,
            loudness: loudness.ok_or(Refusal::Rate(rate_hz))?,
            peaks: [TruePeak::new(rate_hz), TruePeak::new(rate_hz)],
            highest: 0.0,
            levels: Levels::new(),
            step: Vec::with_capacity(STEP_WINDOWS),
            steps: [0.0; SHORT_TERM_STEPS],
            steps_len: 0,
            momentary_max: 0.0,
            short_term_max: 0.0,
            power_sum: 0.0,
            windows: 0,
            frames: 0,
            seconds_before: 0.0,
            planes: [Vec::new(), Vec::new()],
        })
    }

    /// Takes interleaved stereo at a rate, which may change on the way.
    ///
    /// # Errors
    /// The rate is none, or there is too much.
    pub(super) fn push(&mut self, rate_hz: u32, stereo: &[f32]) -> Result<(), Refusal> {
        if stereo.is_empty() {
            return Ok(());
        }
        if rate_hz != self.rate_hz {
            self.change_rate(rate_hz)?;
        }
        if self.seconds() > f64::from(DURATION_HOURS_MAX) * 3600.0 {
            return Err(Refusal::TooLong);
        }
        let mut planes = std::mem::take(&mut self.planes);
        for (channel, plane) in planes.iter_mut().enumerate() {
            plane.clear();
            plane.extend(stereo.chunks_exact(2).map(|frame| frame[channel]));
        }
        for (peak, plane) in self.peaks.iter_mut().zip(&planes) {
            peak.push(plane, self.highest);
            self.highest = peak.highest();
        }
        let len = planes[0].len();
        let mut at = 0;
        while at < len {
            let due = self.window_end() - self.frames;
            let end = len.min(at + due as usize);
            let windows = [&planes[0][at..end], &planes[1][at..end]];
            // Both planes are as long, and there are two.
            let _ = self.loudness.add_frames_planar_f32(&windows);
            self.frames += (end - at) as u64;
            if (end - at) as u64 == due {
                self.end_window();
            }
            at = end;
        }
        self.planes = planes;
        Ok(())
    }

    /// The frame at which the window ends; windows of 10 ms do not have the same number of frames at every rate.
    fn window_end(&self) -> u64 {
        let per_second = 1000 / WINDOW_MS;
        let rate = u64::from(self.rate_hz);
        let window = self.frames * per_second / rate;
        ((window + 1) * rate).div_ceil(per_second)
    }

    fn change_rate(&mut self, rate_hz: u32) -> Result<(), Refusal> {
        let is_possible = rate_hz >= RATE_HZ_MIN && self.loudness.change_parameters(2, rate_hz).is_ok();
        if !is_possible {
            return Err(Refusal::Rate(rate_hz));
        }
        self.seconds_before = self.seconds();
        self.frames = 0;
        self.rate_hz = rate_hz;
        self.peaks = [TruePeak::new(rate_hz), TruePeak::new(rate_hz)];
        Ok(())
    }

    fn end_window(&mut self) {
        let lufs = self.loudness.loudness_window(WINDOW_MS as u32).unwrap_or(f64::NEG_INFINITY);
        self.levels.push(lufs as f32);
        let power = power_of(lufs);
        self.power_sum += power;
        self.windows += 1;
        self.step.push(power);
        if self.step.len() == STEP_WINDOWS {
            let power = self.step.iter().sum::<f64>() / STEP_WINDOWS as f64;
            self.step.clear();
            self.end_step(power);
        }
    }

    fn end_step(&mut self, power: f64) {
        self.steps.rotate_left(1);
        self.steps[SHORT_TERM_STEPS - 1] = power;
        self.steps_len += 1;
        let mean = |len: usize| self.steps[SHORT_TERM_STEPS - len..].iter().sum::<f64>() / len as f64;
        if self.steps_len >= MOMENTARY_STEPS {
            self.momentary_max = self.momentary_max.max(mean(MOMENTARY_STEPS));
        }
        if self.steps_len >= SHORT_TERM_STEPS {
            self.short_term_max = self.short_term_max.max(mean(SHORT_TERM_STEPS));
        }
    }

    fn seconds(&self) -> f64 {
        self.seconds_before + self.frames as f64 / f64::from(self.rate_hz)
    }

    /// How long it was, rounded to a millisecond.
    pub(super) fn duration_ms(&self) -> u64 {
        (self.seconds() * 1000.0).round() as u64
    }

    /// How loud it was; `None` for silence.
    pub(super) fn loudness(&self) -> Option<Loudness> {
        let gated = self.loudness.loudness_global().unwrap_or(f64::NEG_INFINITY);
        let whole = lufs_of(self.power_sum / self.windows.max(1) as f64);
        // Below 400 ms there is no gating block.
        let integrated = if self.steps_len >= MOMENTARY_STEPS { gated } else { whole };
        let loudest = match self.steps_len {
            ..MOMENTARY_STEPS => whole,
            MOMENTARY_STEPS..SHORT_TERM_STEPS => lufs_of(self.momentary_max),
            _ => lufs_of(self.short_term_max),
        };
        let is_heard = integrated > f64::from(CUE_FLOOR_LUFS) && self.highest > 0.0;
        is_heard.then(|| Loudness {
            integrated_lufs: integrated as f32,
            loudest_lufs: loudest as f32,
            true_peak_dbtp: 20.0 * self.highest.log10(),
        })
    }

    /// Where it begins and ends; a file of silence is left as it is.
    pub(super) fn cues(&self) -> Cues {
        let duration_ms = self.duration_ms();
        let all = Cues { head_ms: 0, tail_ms: duration_ms, swing_end_ms: duration_ms, silence_ms: 0 };
        let Some(loudness) = self.loudness() else { return all };
        let threshold = (loudness.integrated_lufs - CUE_RANGE_LU).max(CUE_FLOOR_LUFS);
        let Some(sound) = self.levels.above(threshold) else { return all };
        let head_ms = Some(sound.from_ms.saturating_sub(HEAD_MARGIN_MS)).filter(|ms| *ms >= SILENCE_KEPT_MS);
        let tail_ms = Some(sound.to_ms + TAIL_MARGIN_MS).filter(|ms| ms + SILENCE_KEPT_MS <= duration_ms);
        let tail_ms = tail_ms.unwrap_or(duration_ms);
        let swing = self.levels.above(loudness.integrated_lufs - SWING_RANGE_LU);
        Cues {
            head_ms: head_ms.unwrap_or(0).min(tail_ms),
            tail_ms,
            swing_end_ms: swing.map_or(tail_ms, |swing| swing.to_ms.min(tail_ms)),
            silence_ms: sound.gap_ms,
        }
    }
}

fn power_of(lufs: f64) -> f64 {
    10f64.powf((lufs + OFFSET_LU) / 10.0)
}

fn lufs_of(power: f64) -> f64 {
    10.0 * power.log10() - OFFSET_LU
}

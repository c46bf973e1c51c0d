//! Jumps in a tone's phase: frames that were lost or put in where two halves of it should join.

use std::f64::consts::TAU;

use super::tone::phasors;

/// What is smaller is not told from noise.
pub const JUMP_FRAMES_MIN: f64 = 0.5;

/// How many periods a phase is measured over.
const WINDOW_PERIODS: f64 = 8.0;
/// A step between neighbouring windows that belongs to a jump; a clock 500 ppm off makes smaller ones.
const STEP_FRAMES: f64 = 0.25;

/// Frames lost or put in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PhaseJump {
    /// Where, to some periods of the tone.
    pub frame: usize,
    /// By how many frames the tone leapt ahead: positive if frames were lost, negative if there are
    /// too many. Known only up to whole periods of the tone, so it lies within ± half a period.
    pub jump_frames: f64,
}

/// Where a tone of `freq_hz` that should run through does not. Take a tone with a period longer than
/// twice the jump that you expect, or look at [`super::silence_runs`] and the whole length as well.
///
/// `None` if `samples` hold no such tone, or fewer than some 30 periods.
#[must_use]
pub fn phase_jumps(samples: &[f32], rate_hz: u32, freq_hz: f64) -> Option<Vec<PhaseJump>> {
    let period_frames = f64::from(rate_hz) / freq_hz;
    let hop = (period_frames * WINDOW_PERIODS / 2.0).round() as usize;
    let windows: Vec<(f64, f64)> = phasors(samples, rate_hz, freq_hz, hop * 2, hop).collect();
    let mut levels: Vec<f64> = windows.iter().map(|(re, im)| re.hypot(*im)).collect();
    if levels.len() < 6 {
        return None;
    }
    levels.sort_by(f64::total_cmp);
    let usual = levels[levels.len() / 2];
    if usual < 1e-4 {
        return None;
    }

    // Where the tone is weak its phase means nothing.
    let phases: Vec<(usize, f64)> = windows
        .iter()
        .enumerate()
        .filter(|(_, (re, im))| re.hypot(*im) > usual / 2.0)
        .map(|(n, (re, im))| (n * hop + hop, im.atan2(*re) / TAU * period_frames))
        .collect();
    let ahead =
        |a: f64, b: f64| (b - a + period_frames / 2.0).rem_euclid(period_frames) - period_frames / 2.0;

    let mut jumps = Vec::new();
    // A window that holds a little of both sides can pass for steady: measure from one further out.
    let mut start = None;
    for n in 1..phases.len() {
        let is_step = ahead(phases[n - 1].1, phases[n].1).abs() > STEP_FRAMES;
        match (is_step, start) {
            (true, None) => start = Some(phases[n.saturating_sub(2)]),
            (false, Some(before)) => {
                jumps.extend(jump(before, phases[n], ahead(before.1, phases[n].1)));
                start = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    if let (Some(before), Some(&after)) = (start, phases.last()) {
        jumps.extend(jump(before, after, ahead(before.1, after.1)));
    }
    Some(jumps)
}

fn jump(before: (usize, f64), after: (usize, f64), jump_frames: f64) -> Option<PhaseJump> {
    let frame = usize::midpoint(before.0, after.0);
    (jump_frames.abs() >= JUMP_FRAMES_MIN).then_some(PhaseJump { frame, jump_frames })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::sine;

    /// A tone of 441 Hz (period 100 frames) whose second half is `ahead` frames further.
    fn halves(ahead: i32) -> Vec<f32> {
        let mut tone = sine(441.0, 0.5, 0.2, 44_100, 44_100);
        let second = sine(441.0, 0.5, 0.2 + TAU * f64::from(44_100 + ahead) / 100.0, 44_100, 44_100);
        tone.extend(second);
        tone
    }

    #[test]
    fn a_tone_that_runs_through_has_no_jumps() {
        assert_eq!(phase_jumps(&halves(0), 44_100, 441.0), Some(vec![]));
    }

    #[test]
    fn lost_and_added_frames_are_counted() {
        for expected in [-40, -3, -1, 1, 7, 30, 45] {
            let jumps = phase_jumps(&halves(expected), 44_100, 441.0).unwrap();
            assert_eq!(jumps.len(), 1, "{expected}: {jumps:?}");
            let jump = jumps[0];
            assert!((jump.jump_frames - f64::from(expected)).abs() < 0.1, "{expected}: {jump:?}");
            assert!(jump.frame.abs_diff(44_100) < 1200, "{jump:?}");
        }
    }

    #[test]
    fn a_gap_of_silence_is_a_jump_back() {
        let mut tone = halves(0);
        tone.splice(44_100..44_100, std::iter::repeat_n(0.0, 1230));
        let jumps = phase_jumps(&tone, 44_100, 441.0).unwrap();
        assert_eq!(jumps.len(), 1, "{jumps:?}");
        assert!((jumps[0].jump_frames + 30.0).abs() < 0.5, "1230 is 30 up to whole periods: {jumps:?}");
    }

    #[test]
    fn a_slow_clock_is_no_jump_and_silence_is_no_tone() {
        let slow = sine(441.0 * (1.0 + 200e-6), 0.5, 0.0, 44_100, 88_200);
        assert_eq!(phase_jumps(&slow, 44_100, 441.0), Some(vec![]));
        assert_eq!(phase_jumps(&[0.0; 88_200], 44_100, 441.0), None);
    }
}

//! Where the music begins and ends.

use orchestrion_rig::signal::{self, doubled, frames_of_ms};

use super::*;

const RATE_HZ: u32 = 44_100;

fn silence(ms: f64) -> Vec<f32> {
    signal::silence(1, frames_of_ms(ms, RATE_HZ))
}

fn tone(ms: f64, amplitude: f64) -> Vec<f32> {
    signal::sine(1000.0, amplitude, 0.0, RATE_HZ, frames_of_ms(ms, RATE_HZ))
}

fn measured(parts: &[Vec<f32>]) -> Measurement {
    of_samples(&doubled(&parts.concat()), RATE_HZ)
}

fn near(is: u64, ought: u64, by: u64) {
    assert!(is.abs_diff(ought) <= by, "{is} ms, not {ought} ms");
}

#[test]
fn silence_at_both_ends_is_cut_with_a_margin() {
    let found = measured(&[silence(3000.0), tone(5000.0, 0.5), silence(4000.0)]);
    assert_eq!(found.duration_ms, 12_000);
    near(found.cues.head_ms, 3000 - HEAD_MARGIN_MS, 10);
    near(found.cues.tail_ms, 8000 + TAIL_MARGIN_MS, 20);
    near(found.cues.swing_end_ms, 8000, 20);
    assert_eq!(found.cues.silence_ms, 0);
    // Noise of a 16 bit converter, rumble and an offset are silence too.
    let mut dirty = [silence(3000.0), tone(5000.0, 0.5), silence(4000.0)].concat();
    let hiss = signal::white_noise(1.0 / 32768.0, 1, dirty.len());
    let rumble = signal::sine(8.0, 0.01, 0.0, RATE_HZ, dirty.len());
    dirty.iter_mut().zip(hiss.iter().zip(&rumble)).for_each(|(x, (hiss, rumble))| *x += hiss + rumble + 0.02);
    let dirty = measured(&[dirty]);
    // The offset sets in with the file, which is a step that the filter rings after.
    near(dirty.cues.head_ms, 3000 - HEAD_MARGIN_MS, 10);
    near(dirty.cues.tail_ms, 8000 + TAIL_MARGIN_MS, 20);
}

#[test]
fn a_soft_attack_and_a_reverb_are_kept_and_a_tick_is_not_music() {
    let mut swell = tone(6000.0, 0.5);
    signal::fade_in(&mut swell, 1, frames_of_ms(3000.0, RATE_HZ), signal::FadeShape::Linear);
    let mut decay = tone(6000.0, 0.5);
    for (n, x) in decay.iter_mut().enumerate() {
        // 60 dB in 4 s, as in a church.
        *x *= 10f32.powf(-3.0 * n as f32 / RATE_HZ as f32 / 4.0);
    }
    let mut before = silence(2000.0);
    before[20_000] = 0.9;
    let found = measured(&[before, swell, decay, silence(3000.0)]);
    // 40 LU below the whole is 1 % of the amplitude: 30 ms into a swell of 3 s.
    near(found.cues.head_ms, 2030 - HEAD_MARGIN_MS, 30);
    // It decays by 15 dB a second from −6 LUFS; the whole has about −9.
    assert!((10_900..11_300).contains(&found.cues.tail_ms), "{}", found.cues.tail_ms);
    assert!(found.cues.swing_end_ms < 9000, "{}", found.cues.swing_end_ms);
}

#[test]
fn a_file_without_silence_is_left_as_it_is() {
    let found = measured(&[tone(5000.0, 0.5)]);
    let whole = Cues { head_ms: 0, tail_ms: 5000, swing_end_ms: 5000, silence_ms: 0 };
    assert_eq!(found.cues, whole);
    let found = measured(&[silence(240.0), tone(5000.0, 0.5), silence(440.0)]);
    assert_eq!((found.cues.head_ms, found.cues.tail_ms), (0, 5680), "not worth a cut");
}

#[test]
fn a_song_hidden_behind_minutes_of_silence_is_told() {
    let found = measured(&[tone(3000.0, 0.5), silence(60_000.0), tone(3000.0, 0.5)]);
    near(found.cues.silence_ms, 60_000, 30);
    assert_eq!((found.cues.head_ms, found.cues.tail_ms), (0, 66_000));
}

#[test]
fn soft_music_is_not_taken_for_silence() {
    let found = measured(&[silence(2000.0), tone(3000.0, 0.0008), tone(3000.0, 0.01), silence(2000.0)]);
    near(found.cues.head_ms, 2000 - HEAD_MARGIN_MS, 10);
}

#[test]
fn silence_has_no_loudness_and_no_cues() {
    for level in [0.0, 1e-5] {
        let found = measured(&[tone(3000.0, level)]);
        assert_eq!(found.loudness, None);
        assert_eq!(found.cues, Cues { head_ms: 0, tail_ms: 3000, swing_end_ms: 3000, silence_ms: 0 });
    }
}

#[test]
fn clips_that_are_too_short_for_a_gate_are_measured_too() {
    for ms in [20.0, 300.0, 500.0, 2000.0, 4000.0] {
        let loudness = measured(&[tone(ms, 0.5)]).loudness.unwrap();
        // A sine of 1 kHz at −6 dBFS on both sides is −6 LUFS (EBU Tech 3341, test 1, and 3 dB).
        assert!((loudness.integrated_lufs + 6.0).abs() < 0.7, "{ms}: {loudness:?}");
        assert!((loudness.loudest_lufs + 6.0).abs() < 0.7, "{ms}: {loudness:?}");
        assert!((loudness.true_peak_dbtp + 6.0).abs() < 0.5, "{ms}: {loudness:?}");
    }
}

#[test]
fn rates_that_are_no_multiple_of_anything_keep_their_time() {
    for rate_hz in [8000, 11_025, 22_050, 37_801, 96_000, 192_000] {
        let at = |ms: f64| frames_of_ms(ms, rate_hz);
        let tone = signal::sine(500.0, 0.5, 0.0, rate_hz, at(30_000.0));
        let parts = [signal::silence(1, at(2000.0)), tone, signal::silence(1, at(5000.0))];
        let found = of_samples(&doubled(&parts.concat()), rate_hz);
        near(found.duration_ms, 37_000, 1);
        near(found.cues.head_ms, 2000 - HEAD_MARGIN_MS, 10);
        near(found.cues.tail_ms, 32_000 + TAIL_MARGIN_MS, 20);
    }
}

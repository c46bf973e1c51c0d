//! Signals through the limiter, their peaks looked at by others: the `ebur128` crate as any meter would, and the ideal
//! band limit of the rig.

use std::f64::consts::TAU;

use assert_no_alloc::assert_no_alloc;
use ebur128::{EbuR128, Mode};
use orchestrion_rig::analysis::{thd_n_db, true_peak};
use orchestrion_rig::signal;

use super::*;

const RATE_HZ: u32 = 48_000;
/// How far the waveform may rise above the ceiling, in dB.
const OVER_DB_MAX: f64 = 0.1;

/// What comes out for `left` and half of it on the right, pulled in blocks; the delay is taken off.
fn limited(limiter: &mut Limiter, left: &[f32], block_frames: usize) -> (Vec<f32>, Vec<f32>) {
    let delay = limiter.delay_frames();
    let padded = left.iter().copied().chain(std::iter::repeat_n(0.0, delay));
    let mut stereo: Vec<f32> = padded.flat_map(|sample| [sample, sample * 0.5]).collect();
    for block in stereo.chunks_mut(block_frames * 2) {
        let highest = assert_no_alloc(|| limiter.apply(block));
        assert_eq!(highest, orchestrion_rig::analysis::peak(block));
    }
    let channel = |index| signal::channel(&stereo[delay * 2..], 2, index);
    (channel(0), channel(1))
}

fn through(left: &[f32]) -> Vec<f32> {
    limited(&mut Limiter::new(RATE_HZ), left, 1024).0
}

fn over_db(amplitude: f64, ceiling_dbtp: f32) -> f64 {
    20.0 * amplitude.log10() - f64::from(ceiling_dbtp)
}

fn metered(samples: &[f32]) -> f64 {
    let mut meter = EbuR128::new(1, RATE_HZ, Mode::TRUE_PEAK).unwrap();
    meter.add_frames_f32(samples).unwrap();
    meter.true_peak(0).unwrap()
}

fn tone(hz: f64, amplitude: f64, frames: usize) -> Vec<f32> {
    signal::sine(hz, amplitude, 0.3, RATE_HZ, frames)
}

/// Without what is above 20 kHz, which nothing that a person hears holds.
fn audible(samples: &[f32]) -> Vec<f32> {
    const HALF: i64 = 200;
    let turns = 20_000.0 / f64::from(RATE_HZ);
    let taps: Vec<f64> = (-HALF..=HALF)
        .map(|k| {
            let sinc =
                if k == 0 { 2.0 * turns } else { (TAU * turns * k as f64).sin() / (TAU / 2.0 * k as f64) };
            sinc * (0.5 + 0.5 * (TAU / 2.0 * k as f64 / (HALF + 1) as f64).cos())
        })
        .collect();
    let padded: Vec<f64> = std::iter::repeat_n(0.0, HALF as usize)
        .chain(samples.iter().map(|s| f64::from(*s)))
        .chain(std::iter::repeat_n(0.0, HALF as usize))
        .collect();
    padded
        .windows(taps.len())
        .map(|w| w.iter().zip(&taps).map(|(x, tap)| x * tap).sum::<f64>() as f32)
        .collect()
}

fn square(hz: usize, amplitude: f32, frames: usize) -> Vec<f32> {
    let half = RATE_HZ as usize / hz / 2;
    (0..frames).map(|i| if (i / half).is_multiple_of(2) { amplitude } else { -amplitude }).collect()
}

/// Tones that come and go as fast as a thirtieth of a second.
fn swells(hz: f64, amplitude: f64, frames: usize) -> Vec<f32> {
    let swell = |i: usize| (i as f64 / 1600.0 * TAU / 2.0).sin().powi(2) as f32;
    tone(hz, amplitude, frames).into_iter().enumerate().map(|(i, s)| s * swell(i)).collect()
}

/// One song fading into the other, both at their full level: +3 dB for noise, +6 dB where they agree.
fn crossfade(a: &[f32], b: &[f32]) -> Vec<f32> {
    signal::crossfaded(a, b, 1, a.len() / 2, signal::FadeShape::EqualPower)
}

/// Pieces of noise, each with another gain.
fn changes(frames: usize) -> Vec<f32> {
    let gains = [0.2, 3.0, 0.7, 16.0, 1.0, 0.05, 6.0];
    let noise = signal::white_noise(1.0, 5, frames);
    noise.iter().enumerate().map(|(i, s)| s * gains[i / 1111 % gains.len()]).collect()
}

fn within_the_audible(frames: usize) -> Vec<(String, Vec<f32>)> {
    let mut signals = vec![
        ("changes of gain".into(), audible(&changes(frames))),
        ("square of 100 Hz".into(), audible(&square(100, 1.0, frames))),
        ("square of 1 kHz, +12 dB".into(), audible(&square(1000, 4.0, frames))),
        ("two tones fading".into(), crossfade(&swells(440.0, 1.0, frames), &swells(440.0, 1.0, frames))),
        ("fs/4 at 45°".into(), audible(&signal::sine(12_000.0, 1.42, TAU / 8.0, RATE_HZ, frames))),
        ("direct current".into(), audible(&vec![2.0; frames])),
    ];
    for gain in [1.0f32, 4.0, 16.0] {
        let noise: Vec<f32> = signal::white_noise(1.0, 7, frames).iter().map(|s| s * gain).collect();
        signals.push((format!("noise × {gain}"), audible(&noise)));
        let signs: Vec<f32> = noise.iter().map(|s| s.signum() * gain).collect();
        signals.push((format!("signs × {gain}"), audible(&signs)));
    }
    for hz in [50.0, 997.0, 5000.0, 12_345.0, 18_000.0, 19_900.0] {
        signals.push((format!("swells of {hz} Hz"), swells(hz, 2.0, frames)));
    }
    signals
}

#[test]
fn what_stays_below_the_ceiling_comes_out_bit_by_bit_and_late_by_a_constant() {
    let soft: Vec<f32> = swells(997.0, 0.85, 20_000);
    for block in [1, 7, 32, 100, 1024, 20_000] {
        let mut limiter = Limiter::new(RATE_HZ);
        assert_eq!(limiter.delay_frames(), 78);
        assert!(limited(&mut limiter, &soft, block).0 == soft, "blocks of {block}");
    }
    for rate_hz in [8_000, 22_050, 44_100, 96_000, 192_000] {
        let mut limiter = Limiter::new(rate_hz);
        let delay_ms = limiter.delay_frames() as f64 * 1000.0 / f64::from(rate_hz);
        assert!(delay_ms < 2.0 || rate_hz < 44_100, "{rate_hz} Hz: {delay_ms} ms");
        assert!(limited(&mut limiter, &soft, 480).0 == soft, "{rate_hz} Hz");
    }
}

#[test]
fn no_waveform_rises_above_the_ceiling_by_a_tenth_of_a_decibel() {
    let mut worst = (f64::MIN, String::new());
    for (name, samples) in within_the_audible(24_000) {
        let out = through(&samples);
        assert!(over_db(true_peak(&samples).unwrap(), CEILING_DBTP) > 0.0, "{name} needs no limiter");
        for over in [true_peak(&out).unwrap(), metered(&out)].map(|peak| over_db(peak, CEILING_DBTP)) {
            assert!(over < OVER_DB_MAX, "{name}: {over:.3} dB over the ceiling");
            assert!(over > -3.0 || name.contains("changes"), "{name}: {over:.3} dB, turned down too far");
            if over > worst.0 {
                worst = (over, name.clone());
            }
        }
    }
    println!("highest: {:+.3} dB, {}", worst.0, worst.1);
}

/// These hold all frequencies up to half the rate, where no two meters agree; here the standard's counts.
#[test]
fn a_meter_finds_no_peak_above_the_ceiling_in_what_no_converter_can_play() {
    let frames = 24_000;
    let mut signals = vec![
        ("changes of gain", changes(frames)),
        ("square of 100 Hz", square(100, 1.0, frames)),
        ("square of 1 kHz, +12 dB", square(1000, 4.0, frames)),
        ("impulses", (0..frames).map(|i| if i % 997 == 0 { 3.0 } else { 0.0 }).collect()),
        ("direct current", [vec![0.0; 5000], vec![2.0; frames]].concat()),
        ("fs/4 at 45°", signal::sine(12_000.0, 1.42, TAU / 8.0, RATE_HZ, frames)),
        ("half the rate", (0..frames).map(|i| if i % 2 == 0 { 2.0 } else { -2.0 }).collect()),
    ];
    for gain in [1.0f64, 4.0, 16.0] {
        signals.push(("noise", signal::white_noise(gain, 7, frames)));
    }
    for (name, samples) in signals {
        let over = over_db(metered(&through(&samples)), CEILING_DBTP);
        assert!(over < OVER_DB_MAX, "{name}: {over:.3} dB over the ceiling");
    }
}

#[test]
fn a_tone_above_the_ceiling_stays_a_tone() {
    for (hz, most_db) in [(1000.0, -120.0), (997.0, -120.0), (100.0, -120.0), (50.0, -120.0), (30.0, -75.0)] {
        let loud = tone(hz, 2.0 * f64::from(volume::of_decibels(CEILING_DBTP)), RATE_HZ as usize * 4);
        let out = through(&loud);
        let settled = &out[RATE_HZ as usize..RATE_HZ as usize * 3];
        let db = thd_n_db(settled, RATE_HZ, hz).unwrap();
        println!("{hz} Hz, 6 dB above the ceiling: {db:.1} dB");
        assert!(db < most_db, "{hz} Hz: {db} dB");
    }
}

#[test]
fn the_gain_falls_before_the_peak_rises_slowly_never_steps_and_is_the_same_on_both_sides() {
    // A constant shows the gain; in its middle a burst that needs another.
    let mut samples = vec![0.1; 96_000];
    samples[20_000..20_480].copy_from_slice(&tone(1000.0, 3.0, 480));
    let mut limiter = Limiter::new(RATE_HZ);
    let (left, right) = limited(&mut limiter, &samples, 1024);
    assert!(left.iter().zip(&right).all(|(left, right)| left * 0.5 == *right));
    let gains: Vec<f32> = left.iter().zip(&samples).map(|(out, given)| out / given).collect();
    assert_eq!(gains[19_900], 1.0);
    assert!(gains[19_999] < 0.5, "before the peak");
    let steepest = |gains: &[f32]| gains.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
    assert!(steepest(&gains[19_900..20_000]) < 0.03, "{}", steepest(&gains[19_900..20_000]));
    let after = &gains[20_490..];
    assert!(steepest(after) < 1.5e-4, "{}", steepest(after));
    assert!(after.windows(2).all(|w| w[1] >= w[0] - 1e-6));
    // 12 ms and 150 ms later two thirds of the way back; at last all of it, bit by bit.
    let third = 20_480 + RATE_HZ as usize * 162 / 1000;
    let back = (gains[third] - gains[20_490]) / (1.0 - gains[20_490]);
    assert!((back - 0.632).abs() < 0.03, "{back}");
    assert!(left[90_000..] == samples[90_000..]);
    assert!(limiter.envelope.is_open());
}

#[test]
fn the_blocks_in_which_it_is_pulled_do_not_matter() {
    let samples = changes(20_000);
    let whole = through(&samples);
    for block in [1, 7, 32, 100, 20_000] {
        assert!(limited(&mut Limiter::new(RATE_HZ), &samples, block).0 == whole, "blocks of {block}");
    }
}

#[test]
fn a_ceiling_holds_once_what_was_taken_before_is_out() {
    let mut limiter = Limiter::new(RATE_HZ);
    let samples = audible(&signal::white_noise(1.0, 3, 24_000));
    for ceiling_dbtp in [0.0f32, -12.0, -3.0, -30.0] {
        limiter.set_ceiling(volume::of_decibels(ceiling_dbtp));
        let delay = limiter.delay_frames();
        let (left, _) = limited(&mut limiter, &samples, 512);
        let over = over_db(true_peak(&left[delay..]).unwrap(), ceiling_dbtp);
        assert!((-3.0..OVER_DB_MAX).contains(&over), "{ceiling_dbtp} dBTP: {over} dB over it");
    }
}

#[test]
fn what_is_no_number_is_silent_and_does_no_harm_to_what_comes_after() {
    let mut samples = tone(440.0, 0.5, 120_000);
    let clean = samples.clone();
    samples[1000] = f32::NAN;
    samples[2000] = f32::INFINITY;
    samples[3000] = f32::MIN;
    let (left, right) = limited(&mut Limiter::new(RATE_HZ), &samples, 1024);
    assert!(left.iter().chain(&right).all(|sample| sample.abs() < 0.9));
    assert_eq!(left[1000], 0.0);
    assert!(left[100_000..] == clean[100_000..]);
}

#[test]
fn what_was_taken_is_forgotten_when_told() {
    let mut limiter = Limiter::new(RATE_HZ);
    limiter.apply(&mut [2.0; 2000]);
    limiter.clear();
    let soft = tone(440.0, 0.5, 5000);
    assert!(limited(&mut limiter, &soft, 100).0 == soft);
}

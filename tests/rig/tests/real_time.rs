//! The rig tried on itself: what is played to its sound server comes back as it was, at the right
//! time, and the analysis sees what is wrong and nothing else.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use orchestrion_rig::analysis::{
    crossfade, dominant_frequency, first_above, last_above, phase_jumps, residual_peak, silence_runs,
    thd_n_db,
};
use orchestrion_rig::signal::{FadeShape, crossfaded, doubled, sine};
use orchestrion_rig::sound_server::{RATE_HZ, SoundServer};
use orchestrion_rig::{Error, wav};

const TIMEOUT: Duration = Duration::from_secs(20);

fn can_run(player: &str) -> bool {
    let is_there = Command::new(player).arg("--version").stdout(Stdio::null()).status().is_ok();
    if !is_there || !SoundServer::available() {
        eprintln!("skipped: PulseAudio and {player} are not installed; script/setup installs them");
    }
    is_there && SoundServer::available()
}

fn play(server: &SoundServer, command: &[&str], path: &Path) -> std::io::Result<Child> {
    Command::new(command[0]).args(&command[1..]).arg(path).envs(server.env()).spawn()
}

fn is_silent(window: &[f32]) -> bool {
    first_above(window, 1e-4).is_none()
}

#[test]
fn a_crossfade_comes_back_whole_and_at_the_right_time() {
    if !can_run("paplay") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fade.wav");
    let a = sine(440.0, 0.5, 0.0, RATE_HZ, 96_000);
    let b = sine(1000.0, 0.4, 0.0, RATE_HZ, 96_000);
    let played = crossfaded(&a, &b, 1, 48_000, FadeShape::EqualPower);
    // The server may swallow a stream's first milliseconds: let them be silent.
    let with_head = [vec![0.0; 9600], doubled(&played)].concat();
    wav::write(&path, &with_head, 2, RATE_HZ, wav::SampleFormat::Float32).unwrap();

    let server = SoundServer::start().unwrap();
    let capture = server.capture().unwrap();
    let started = Instant::now();
    let mut player = play(&server, &["paplay"], &path).unwrap();
    let is_high = |window: &[f32]| {
        let left: Vec<f32> = window.iter().step_by(2).copied().collect();
        dominant_frequency(&left, RATE_HZ).is_some_and(|freq_hz| (freq_hz - 1000.0).abs() < 5.0)
    };
    let high_at = capture.wait_until(2400, TIMEOUT, is_high).unwrap();
    player.wait().unwrap();
    capture.wait_until(4800, TIMEOUT, is_silent).unwrap();
    let captured = capture.stop();

    let left = captured.channel(0);
    assert_eq!(left, captured.channel(1));
    let (first, last) = (first_above(&left, 1e-3).unwrap(), last_above(&left, 1e-3).unwrap());
    let sound = &left[first..=last];
    assert!(sound.len().abs_diff(played.len()) < 4, "{} frames instead of {}", sound.len(), played.len());

    let begun_s = captured.instant_of(first).saturating_duration_since(started).as_secs_f64();
    assert!((0.0..1.5).contains(&begun_s), "the sound began after {begun_s} s");
    let seen_s = high_at.duration_since(captured.instant_of(first)).as_secs_f64();
    assert!((1.4..2.6).contains(&seen_s), "the second tone was the louder one after {seen_s} s");

    let worst = residual_peak(sound, RATE_HZ, &[440.0, 1000.0]).unwrap();
    assert!(worst.peak < 0.0015, "{worst:?}");
    let fade = crossfade(&left, RATE_HZ, 440.0, 1000.0).unwrap();
    assert!((fade.fitted_length_s - 1.0).abs() < 0.005, "{}", fade.fitted_length_s);
    assert!(fade.power_min_db > -0.1 && fade.power_max_db < 0.1, "{fade:?}");
    assert!(thd_n_db(&sound[..40_000], RATE_HZ, 440.0).unwrap() < -140.0);
}

#[test]
fn a_gap_is_seen_as_a_gap() {
    if !can_run("aplay") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gap.wav");
    let mut played = sine(480.0, 0.5, 0.0, RATE_HZ, 48_000);
    played.extend([0.0; 1230]);
    played.extend(sine(480.0, 0.5, 0.0, RATE_HZ, 48_000));
    wav::write(&path, &doubled(&played), 2, RATE_HZ, wav::SampleFormat::Int16).unwrap();

    let server = SoundServer::start().unwrap();
    for device in ["default", "pa"] {
        let capture = server.capture().unwrap();
        let mut player = play(&server, &["aplay", "-q", "-D", device], &path).unwrap();
        assert!(player.wait().unwrap().success(), "aplay -D {device}");
        capture.wait_until(4800, TIMEOUT, is_silent).unwrap();
        let left = capture.stop().channel(0);
        let (first, last) = (first_above(&left, 1e-3).unwrap(), last_above(&left, 1e-3).unwrap());
        let sound = &left[first..=last];
        let runs = silence_runs(sound, 1e-4, 100);
        assert_eq!(runs.len(), 1, "{runs:?}");
        assert!(runs[0].len().abs_diff(1231) < 3, "{runs:?}");
        let jumps = phase_jumps(sound, RATE_HZ, 480.0).unwrap();
        assert_eq!(jumps.len(), 1, "{jumps:?}");
        assert!((jumps[0].jump_frames + 30.0).abs() < 0.5, "{jumps:?}");
        let worst = residual_peak(sound, RATE_HZ, &[480.0]).unwrap();
        assert!(worst.peak > 0.1 && worst.frame.abs_diff(48_000) < 2500, "{worst:?}");
    }
}

#[test]
fn a_dead_server_ends_the_recorder_and_a_new_one_records_again() {
    if !SoundServer::available() {
        return;
    }
    let mut server = SoundServer::start().unwrap();
    let capture = server.capture().unwrap();
    assert!(matches!(
        capture.wait_until(480, Duration::from_millis(200), |window| !is_silent(window)),
        Err(Error::TimedOut { .. })
    ));
    server.kill();
    assert!(matches!(capture.wait_until(480_000, TIMEOUT, |_| true), Err(Error::CaptureEnded)));
    assert!(capture.stop().frames() > 0);
    server.restart().unwrap();
    let capture = server.capture().unwrap();
    capture.wait_frames(4800, TIMEOUT).unwrap();
    assert!(capture.frames() >= 4800);
}

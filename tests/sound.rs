//! Real sound: the device plays into a private sound server, and what comes out of it is looked at.
//!
//! Skipped loudly where there is no PulseAudio; `script/setup` installs it.
#![cfg(test)]
#![cfg(feature = "sound")]

use std::path::Path;
use std::time::Duration;

use orchestrion_rig::analysis::{clicks, crossfade, first_above, phase_jumps, silence_runs};
use orchestrion_rig::device::{Device, Setup};
use orchestrion_rig::encode::{Album, Format, encode, gapless_album};
use orchestrion_rig::sound_server::{RATE_HZ, SoundServer};
use orchestrion_rig::{analysis, signal};
use serde_json::json;

const A_HZ: f64 = 440.0;
const B_HZ: f64 = 1000.0;
const PLAYS_WAIT: Duration = Duration::from_secs(30);

/// A sound server and a device's folder.
struct Room {
    server: SoundServer,
    dir: tempfile::TempDir,
}

impl Room {
    fn new() -> Option<Self> {
        if !SoundServer::available() {
            eprintln!("SKIPPED: there is no PulseAudio here; script/setup installs it");
            return None;
        }
        Some(Self { server: SoundServer::start().unwrap(), dir: tempfile::tempdir().unwrap() })
    }

    fn music(&self) -> std::path::PathBuf {
        let music = self.dir.path().join("music");
        std::fs::create_dir_all(&music).unwrap();
        music
    }

    fn setup(&self) -> Setup {
        Setup {
            program: env!("CARGO_BIN_EXE_orchestrion").into(),
            folder: self.dir.path().into(),
            env: self.server.env(),
        }
    }

    fn play(&self, words: &[&str]) -> Device {
        let music = self.music().display().to_string();
        let mut all = vec!["play", &music, "--output", "alsa:pa", "--volume", "100"];
        if !words.contains(&"--loudness") {
            // What is analysed must keep its level.
            all.extend(["--loudness", "off"]);
        }
        all.extend(words);
        self.setup().start(&all).unwrap()
    }
}

/// A tone of `seconds` with 150 ms of silence at its head, which a starting stream may swallow.
fn tone_file(path: &Path, hz: f64, seconds: f64, rate_hz: u32, format: Format) {
    let mut mono = signal::silence(1, signal::frames_of_ms(150.0, rate_hz));
    let mut tone = signal::sine(hz, 0.4, 0.0, rate_hz, (seconds * f64::from(rate_hz)) as usize);
    let edge = signal::frames_of_ms(30.0, rate_hz);
    signal::fade_in(&mut tone, 1, edge, signal::FadeShape::EqualPower);
    signal::fade_out(&mut tone, 1, edge, signal::FadeShape::EqualPower);
    mono.extend(tone);
    encode(&signal::doubled(&mono), 2, rate_hz, format, path).unwrap();
}

#[test]
fn a_captured_crossfade_has_equal_power_its_length_and_no_click() {
    let Some(room) = Room::new() else { return };
    // Of another format and rate each: anything fades into anything.
    tone_file(&room.music().join("1.flac"), A_HZ, 8.0, 44_100, Format::Flac);
    tone_file(&room.music().join("2.wav"), B_HZ, 8.0, 48_000, Format::Wav);
    let capture = room.server.capture().unwrap();
    let device = room.play(&["--crossfade", "2.5"]);
    assert!(device.wait_within(PLAYS_WAIT).unwrap().success());
    let left = capture.stop().channel(0);
    let start = first_above(&left, 0.01).unwrap();
    let heard = &left[start + 4800..];
    // The device ends by itself after the second tone; look up to well before its end.
    let heard = &heard[..(RATE_HZ as usize * 12).min(heard.len())];
    let fade = crossfade(heard, RATE_HZ, A_HZ, B_HZ).unwrap();
    assert!(fade.power_min_db > -0.1 && fade.power_max_db < 0.1, "{fade:?}");
    // The second file is silent for its first 150 ms, so what is fitted is the rest of the curve.
    assert!((fade.fitted_length_s - 2.5).abs() < 0.05, "{fade:?}");
    let found = clicks(heard, RATE_HZ, &[A_HZ, B_HZ], 0.003);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn an_album_in_order_is_heard_without_a_gap_though_it_is_resampled() {
    let Some(room) = Room::new() else { return };
    let mono = signal::sine(A_HZ, 0.4, 0.0, 44_100, 44_100 * 12);
    let album = Album { title: "Whole".into(), artist: "Rig".into(), track_count: 3, format: Format::Flac };
    gapless_album(&room.music(), &signal::doubled(&mono), 2, 44_100, &album).unwrap();
    let capture = room.server.capture().unwrap();
    let device = room.play(&["--crossfade", "5"]);
    assert!(device.wait_within(PLAYS_WAIT).unwrap().success());
    let left = capture.stop().channel(0);
    let (start, end) = (first_above(&left, 0.1).unwrap(), analysis::last_above(&left, 0.1).unwrap());
    let heard = &left[start + 4800..end - 4800];
    assert!((heard.len() as f64 / f64::from(RATE_HZ) - 11.8).abs() < 0.1, "{} frames", heard.len());
    assert_eq!(phase_jumps(heard, RATE_HZ, A_HZ).unwrap(), []);
    let found = clicks(heard, RATE_HZ, &[A_HZ], 0.003);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn songs_that_differ_by_20_lu_are_heard_equally_loud() {
    let Some(room) = Room::new() else { return };
    let rate_hz = 48_000;
    for (name, level) in [("1.flac", 0.5), ("2.flac", 0.05), ("3.flac", 0.2)] {
        // Noise of the level, with a rhythm, so that its loudness is not that of a plain tone.
        let mut noise = signal::white_noise(level, 7, rate_hz * 12);
        for (at, sample) in noise.iter_mut().enumerate() {
            *sample *= if at / 12_000 % 4 == 3 { 0.3 } else { 1.0 };
        }
        encode(&signal::doubled(&noise), 2, rate_hz as u32, Format::Flac, &room.music().join(name)).unwrap();
    }
    // Measured before, as `orchestrion scan` does for a shelf.
    let scan = std::process::Command::new(env!("CARGO_BIN_EXE_orchestrion"))
        .args(["scan", "--state-dir"])
        .arg(room.setup().state_dir())
        .arg(room.music())
        .output()
        .unwrap();
    assert!(scan.status.success(), "{scan:?}");
    let capture = room.server.capture().unwrap();
    let device = room.play(&["--loudness", "-20", "--crossfade", "0"]);
    assert!(device.wait_within(PLAYS_WAIT * 2).unwrap().success());
    let captured = capture.stop();
    let (left, right) = (captured.channel(0), captured.channel(1));
    let start = first_above(&left, 0.001).unwrap();
    let loudness: Vec<f64> = (0..3)
        .map(|song| {
            // Inside of each, away from the joins.
            let range = start + rate_hz * (12 * song + 1)..start + rate_hz * (12 * song + 11);
            let mut meter = ebur128::EbuR128::new(2, rate_hz as u32, ebur128::Mode::I).unwrap();
            meter.add_frames_planar_f32(&[&left[range.clone()], &right[range]]).unwrap();
            meter.loudness_global().unwrap()
        })
        .collect();
    for lufs in &loudness {
        assert!((lufs + 20.0).abs() < 1.0, "asked for −20 LUFS, heard {loudness:?}");
    }
}

#[test]
fn pause_skip_seek_volume_mute_and_stop_do_not_click() {
    let Some(room) = Room::new() else { return };
    for name in ["1.flac", "2.flac", "3.flac"] {
        tone_file(&room.music().join(name), A_HZ, 30.0, 48_000, Format::Flac);
    }
    let capture = room.server.capture().unwrap();
    let device = room.play(&["--crossfade", "2"]);
    let steps = [
        ("pause", json!({})),
        ("play", json!({})),
        ("seek", json!({"position_ms": 10_000})),
        ("volume", json!({"percent": 60})),
        ("volume", json!({"percent": 100})),
        ("mute", json!({"on": true})),
        ("mute", json!({"on": false})),
        ("seek", json!({"by_ms": 3000})),
        ("skip", json!({})),
        ("seek", json!({"position_ms": 5000})),
        ("previous", json!({})),
        ("seek", json!({"position_ms": 9000})),
        ("stop", json!({})),
    ];
    for (method, params) in steps {
        capture.wait_frames(RATE_HZ as usize / 2, PLAYS_WAIT).unwrap();
        device.ask(method, params).unwrap();
    }
    capture.wait_frames(RATE_HZ as usize / 2, PLAYS_WAIT).unwrap();
    assert!(device.terminate().unwrap().success());
    let left = capture.stop().channel(0);
    let start = first_above(&left, 0.01).unwrap();
    // One tone throughout, so that any step shows: 440 Hz at 0.4 moves 0.023 a frame; two of them in a fade 0.046, and a
    // ramp of 10 ms from full adds 0.001.
    let steepest = left[start..].windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
    assert!(steepest < 0.048, "a step of {steepest}");
    assert!(silence_runs(&left[start..], 1e-4, RATE_HZ as usize / 4).len() >= 2, "pause and mute were heard");
}

#[test]
fn a_sound_server_that_goes_and_comes_back_is_survived_in_the_same_song() {
    let Some(mut room) = Room::new() else { return };
    tone_file(&room.music().join("1.flac"), A_HZ, 60.0, 48_000, Format::Flac);
    let device = room.play(&["--repeat"]);
    device.wait_for(PLAYS_WAIT, |status| status["position_ms"].as_u64() > Some(1000)).unwrap();
    room.server.kill();
    let lost = device.wait_for(PLAYS_WAIT, |status| status["output"]["name"] == "null").unwrap();
    assert_eq!(lost["output"]["audible"], false);
    assert!(lost["why"].as_str().unwrap().contains("nobody hears"), "{lost}");
    room.server.restart().unwrap();
    let capture = room.server.capture().unwrap();
    let back = device.wait_for(PLAYS_WAIT, |status| status["output"]["name"] == "alsa:pa").unwrap();
    assert_eq!((&back["state"], &back["plays"]), (&json!("playing"), &json!(1)), "{back}");
    capture.wait_until(4800, PLAYS_WAIT, |samples| analysis::peak(samples) > 0.3).unwrap();
    device.terminate().unwrap();
    let plays = orchestrion::storage::read_plays(&room.dir.path().join("state/state.sqlite")).unwrap();
    let end = plays[0].end.as_ref().unwrap();
    assert_eq!(plays.len(), 1);
    assert!(end.audible_ms < end.heard_ms, "what went to nobody is not audible: {end:?}");
}

#[test]
fn the_doctors_tone_is_a_soft_chord_left_then_right_then_both_without_a_click() {
    let Some(room) = Room::new() else { return };
    let capture = room.server.capture().unwrap();
    let mut doctor = std::process::Command::new(env!("CARGO_BIN_EXE_orchestrion"));
    doctor.args(["doctor", "--tone", "alsa:pa", "--socket", "/nowhere/s"]).envs(room.server.env());
    let output = doctor.arg("--state-dir").arg(room.dir.path()).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("now alsa:pa: left right both\n"), "{told}");
    assert!(told.contains("alsa:pa took the tone") && told.contains("output alsa:pa: "), "{told}");
    let captured = capture.stop();
    let channels = [captured.channel(0), captured.channel(1)];
    let begins = channels.each_ref().map(|channel| first_above(channel, 0.001).unwrap());
    // The right one comes in a chord and a silence after the left one.
    let later_s = (begins[1] - begins[0]) as f64 / f64::from(RATE_HZ);
    assert!((later_s - 1.35).abs() < 0.05, "{later_s}");
    let chord = orchestrion::audio::tone::CHORD_HZ;
    // The silence after the stream's start is 350 ms long, of which the recorder may miss the first ten.
    let from = begins[0] - 4800;
    for (side, channel) in channels.iter().enumerate() {
        let end = analysis::last_above(channel, 0.001).unwrap() + 4800;
        let heard = &channel[from..end.min(channel.len())];
        assert_eq!(clicks(heard, RATE_HZ, &chord, 0.002), [], "channel {side}");
        let peak_db = 20.0 * analysis::peak(heard).log10();
        assert!((-24.0..=-19.9).contains(&peak_db), "channel {side}: {peak_db} dB");
        let silent = silence_runs(heard, 0.0005, RATE_HZ as usize / 5);
        assert_eq!(silent.len(), 1 + side, "channel {side}: {silent:?}");
        let middle = begins[side] + RATE_HZ as usize * 3 / 10 - from;
        let window = RATE_HZ as usize / 5;
        for hz in chord {
            let amplitude =
                analysis::tone_amplitudes(&heard[middle..middle + window], RATE_HZ, hz, window)[0];
            assert!((amplitude - 0.1 / 3.0).abs() < 0.002, "channel {side}: {hz} Hz with {amplitude}");
        }
    }
}

#[test]
fn a_sound_server_that_never_answers_is_told_and_the_doctor_ends() {
    let Some(room) = Room::new() else { return };
    let path = room.dir.path().join("deaf.sock");
    let _deaf = std::os::unix::net::UnixListener::bind(&path).unwrap();
    for words in [&[][..], &["--tone", "alsa:pa"]] {
        let mut doctor = std::process::Command::new(env!("CARGO_BIN_EXE_orchestrion"));
        doctor.args(["doctor", "--socket", "/nowhere/s"]).args(words).envs(room.server.env());
        doctor
            .env("PULSE_SERVER", format!("unix:{}", path.display()))
            .arg("--state-dir")
            .arg(room.dir.path());
        let begun = std::time::Instant::now();
        let output = doctor.output().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
        let told = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        let hangs = told.lines().find(|line| line.contains("neither opens nor refuses")).unwrap();
        assert!(hangs.contains("alsa:pa"), "{told}");
        assert_eq!(told.contains("alsa:pa: it hangs"), !words.is_empty(), "{told}");
    }
}

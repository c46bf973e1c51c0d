//! Real sound: the device plays into a private sound server, and what comes out of it is looked at.
//!
//! Skipped loudly where there is no PulseAudio; `script/setup` installs it.
#![cfg(test)]
#![cfg(feature = "sound")]

use std::path::Path;
use std::time::Duration;

use orchestrion_board::sim::SimChip;
use orchestrion_rig::analysis::{clicks, crossfade, first_above, phase_jumps, silence_runs};
use orchestrion_rig::device::{Device, Setup};
use orchestrion_rig::encode::{Album, Format, encode, gapless_album};
use orchestrion_rig::sound_server::{RATE_HZ, SoundServer};
use orchestrion_rig::stall::on_a_steady_machine;
use orchestrion_rig::{analysis, signal};
use serde_json::json;

const A_HZ: f64 = 440.0;
const B_HZ: f64 = 1000.0;
const PLAYS_WAIT: Duration = Duration::from_secs(30);

/// The sound server through ALSA, and without.
const OUTPUTS: [&str; 2] = ["alsa:pa", "pulse:nul"];

/// A sound server and a device's folder.
struct Room {
    output: &'static str,
    server: SoundServer,
    dir: tempfile::TempDir,
}

impl Room {
    fn new(output: &'static str) -> Option<Self> {
        if !SoundServer::available() {
            eprintln!("SKIPPED: there is no PulseAudio here; script/setup installs it");
            return None;
        }
        Some(Self { output, server: SoundServer::start().unwrap(), dir: tempfile::tempdir().unwrap() })
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
        let mut all = vec!["play", &music, "--output", self.output, "--volume", "100"];
        if !words.contains(&"--loudness") {
            // What is analysed must keep its level.
            all.extend(["--loudness", "off"]);
        }
        all.extend(words);
        self.setup().start(&all).unwrap()
    }
}

/// Listens in a room of its own.
fn in_a_room(listen: impl Fn(Room)) {
    listen_to(OUTPUTS[0], listen);
}

/// The same for each output, one after the other.
fn through_each(listen: impl Fn(Room)) {
    OUTPUTS.into_iter().for_each(|output| listen_to(output, &listen));
}

fn listen_to(output: &'static str, listen: impl Fn(Room)) {
    on_a_steady_machine(|| {
        if let Some(room) = Room::new(output) {
            listen(room);
        }
    });
}

/// A tone of `seconds` with 150 ms of silence at its head, which a starting stream may swallow.
fn tone_file(path: &Path, hz: f64, seconds: f64, rate_hz: u32, format: Format) {
    let mono = signal::soft_tone(hz, 0.4, seconds, 150.0, rate_hz);
    encode(&signal::doubled(&mono), 2, rate_hz, format, path).unwrap();
}

#[test]
fn a_captured_crossfade_has_equal_power_its_length_and_no_click() {
    through_each(|room| {
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
    });
}

#[test]
fn an_album_in_order_is_heard_without_a_gap_though_it_is_resampled() {
    through_each(|room| {
        let mono = signal::sine(A_HZ, 0.4, 0.0, 44_100, 44_100 * 12);
        let album =
            Album { title: "Whole".into(), artist: "Rig".into(), track_count: 3, format: Format::Flac };
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
    });
}

#[test]
fn songs_that_differ_by_20_lu_are_heard_equally_loud() {
    in_a_room(|room| {
        let rate_hz = 48_000;
        for (name, level) in [("1.flac", 0.5), ("2.flac", 0.05), ("3.flac", 0.2)] {
            // Noise of the level, with a rhythm, so that its loudness is not that of a plain tone.
            let mut noise = signal::white_noise(level, 7, rate_hz * 12);
            for (at, sample) in noise.iter_mut().enumerate() {
                *sample *= if at / 12_000 % 4 == 3 { 0.3 } else { 1.0 };
            }
            encode(&signal::doubled(&noise), 2, rate_hz as u32, Format::Flac, &room.music().join(name))
                .unwrap();
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
    });
}

#[test]
fn pause_skip_seek_volume_mute_and_stop_do_not_click() {
    through_each(|room| {
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
        assert!(
            silence_runs(&left[start..], 1e-4, RATE_HZ as usize / 4).len() >= 2,
            "pause and mute were heard"
        );
    });
}

#[test]
fn a_spot_of_the_program_is_said_at_its_minute_and_ducks_the_captured_music() {
    in_a_room(|room| {
        tone_file(&room.music().join("1.flac"), A_HZ, 120.0, 48_000, Format::Flac);
        tone_file(&room.dir.path().join("spot.wav"), B_HZ, 2.0, 48_000, Format::Wav);
        // The next minute that is not too near.
        let now_s = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let due_s = (now_s + 10).next_multiple_of(60);
        let time = format!("{:02}:{:02}", due_s / 3600 % 24, due_s / 60 % 60);
        let program = json!({
            "v": 1, "place": {"id": "test"}, "clockless": {"allowed": true}, "fallback": "all",
            "zone": {"id": "UTC", "tzdb": "2025b", "offset_s": 0, "transitions": []},
            "hours": {"sound": [{"days": ["daily"], "from": "00:00", "to": "24:00"}]},
            "dayparts": [{"id": "always", "days": ["daily"], "from": "00:00", "to": "24:00",
                          "playlists": [{"id": "all"}], "volume": {"set": 100}, "crossfade_s": 0}],
            "spots": [{"id": "hint", "recording": "spot", "class": "house", "how": {"duck": {"db": 15}},
                       "when": {"at": {"days": ["daily"], "time": time}}}],
            "library": {"playlists": [{"id": "all", "folder": "music"}],
                        "recordings": [{"id": "spot", "files": ["spot.wav"], "artists": []}]},
        });
        std::fs::write(room.dir.path().join("program.json"), program.to_string()).unwrap();
        let capture = room.server.capture().unwrap();
        let config = "outputs = [\"alsa:pa\"]\nprogram = \"program.json\"\neven_loudness = false\nclock = \"trusted\"\n";
        let device = room.setup().run(config).unwrap();
        device.wait_for(PLAYS_WAIT * 3, |status| status["said"] == "hint").unwrap();
        device.wait_for(PLAYS_WAIT, |status| status["said"].is_null()).unwrap();
        capture.wait_frames(RATE_HZ as usize * 2, PLAYS_WAIT).unwrap();
        assert!(device.terminate().unwrap().success());
        let left = capture.stop().channel(0);
        let window = RATE_HZ as usize / 50;
        let music = analysis::tone_amplitudes(&left, RATE_HZ, A_HZ, window);
        let voice = analysis::tone_amplitudes(&left, RATE_HZ, B_HZ, window);
        let begins = voice.iter().position(|level| *level > 0.2).unwrap();
        let ends = voice.iter().rposition(|level| *level > 0.2).unwrap();
        assert!((ends - begins).abs_diff(100) <= 4, "the spot lasts {} windows of 20 ms", ends - begins);
        let full = music[begins - 50];
        for level in &music[begins + 3..ends - 3] {
            let depth_db = 20.0 * (level / full).log10();
            assert!((depth_db + 15.0).abs() < 0.3, "{depth_db} dB");
        }
        assert!((music[ends + 75] / full - 1.0).abs() < 0.01, "it is back after 1.5 s");
        let plays = orchestrion::storage::read_plays(&room.dir.path().join("state/state.sqlite")).unwrap();
        let spot = plays.iter().find(|play| play.path.ends_with("spot.wav")).unwrap();
        assert_eq!((spot.chosen_by.as_str(), spot.end.as_ref().unwrap().how.as_str()), ("spot", "finished"));
        let late_ms = spot.started_wall.unwrap().0 - i64::try_from(due_s * 1000).unwrap();
        assert!((0..1000).contains(&late_ms), "it began {late_ms} ms after its time");
    });
}

#[test]
fn a_sound_server_that_goes_and_comes_back_is_survived_in_the_same_song() {
    in_a_room(|mut room| {
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
    });
}

#[test]
fn the_doctors_tone_is_a_soft_chord_left_then_right_then_both_without_a_click() {
    in_a_room(|room| {
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
    });
}

#[test]
fn a_sound_server_that_never_answers_is_told_and_the_doctor_ends() {
    in_a_room(|room| {
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
    });
}

#[test]
fn an_alarm_contact_silences_what_is_captured_and_its_release_brings_it_back() {
    in_a_room(|room| {
        const ALARM: u32 = 22;
        tone_file(&room.music().join("1.wav"), A_HZ, 60.0, 48_000, Format::Wav);
        let chip = SimChip::listen(&room.dir.path().join("pins.sock")).unwrap();
        let capture = room.server.capture().unwrap();
        let device = room
            .setup()
            .run(&format!(
                "outputs = [\"alsa:pa\"]\nmusic = [\"music\"]\nvolume = 100\neven_loudness = false\n\
                 [board]\nchip = \"{}\"\n[board.alarm]\nline = {ALARM}\ncontact = \"closing\"\n",
                chip.chip()
            ))
            .unwrap();
        let second = RATE_HZ as usize;
        let sounds = |samples: &[f32]| first_above(samples, 0.1).is_some();
        assert!(chip.wait_until_read(ALARM, PLAYS_WAIT));
        capture.wait_until(second / 10, PLAYS_WAIT, sounds).unwrap();
        let mut to_silence_ms = Vec::new();
        let mut moments = Vec::new();
        for _ in 0..5 {
            capture.wait_frames(second, PLAYS_WAIT).unwrap();
            moments.push(chip.press(ALARM));
            capture.wait_frames(second, PLAYS_WAIT).unwrap();
            chip.let_go(ALARM);
            device.wait_for(PLAYS_WAIT, |status| status["hands"]["alarm"] != json!(true)).unwrap();
        }
        capture.wait_frames(second, PLAYS_WAIT).unwrap();
        device.terminate().unwrap();
        let captured = capture.stop();
        let left = captured.channel(0);
        for at in moments {
            let from = captured.frame_at(at);
            // The last sample above the silence within the second for which the contact was closed.
            let closed = &left[from..(from + second * 9 / 10).min(left.len())];
            let last = closed.iter().rposition(|sample| sample.abs() > 0.001).unwrap_or(0);
            to_silence_ms.push(last * 1000 / second);
            assert!(last < closed.len() / 2, "it is not silent: {to_silence_ms:?}");
        }
        eprintln!("alarm contact to silence: {to_silence_ms:?} ms");
        assert!(sounds(&left[left.len() - second..]), "it is heard again");
    });
}

#[test]
fn a_press_is_heard_soon() {
    in_a_room(|room| {
        const PLAY: u32 = 17;
        /// 5 ms.
        const WINDOW_FRAMES: usize = 240;
        tone_file(&room.music().join("1.wav"), A_HZ, 60.0, 48_000, Format::Wav);
        let chip = SimChip::listen(&room.dir.path().join("pins.sock")).unwrap();
        let capture = room.server.capture().unwrap();
        let config = format!(
            "outputs = [\"alsa:pa\"]\nmusic = [\"music\"]\nvolume = 100\neven_loudness = false\n\
             [board]\nchip = \"{}\"\n[board.button.play]\nline = {PLAY}\n",
            chip.chip()
        );
        let device = room.setup().run(&config).unwrap();
        let second = RATE_HZ as usize;
        assert!(chip.wait_until_read(PLAY, PLAYS_WAIT));
        capture.wait_until(second / 10, PLAYS_WAIT, |samples| first_above(samples, 0.1).is_some()).unwrap();
        let mut moments = Vec::new();
        for round in 0..11 {
            // Another place in the buffer each time.
            capture.wait_frames(second + round * 97, PLAYS_WAIT).unwrap();
            moments.push(chip.press(PLAY));
            device.wait_for(PLAYS_WAIT, |status| status["state"] == "paused").unwrap();
            chip.let_go(PLAY);
            capture.wait_frames(second / 2, PLAYS_WAIT).unwrap();
            chip.press(PLAY);
            device.wait_for(PLAYS_WAIT, |status| status["state"] == "playing").unwrap();
            capture.wait_frames(second / 10, PLAYS_WAIT).unwrap();
            chip.let_go(PLAY);
        }
        device.terminate().unwrap();
        let captured = capture.stop();
        let left = captured.channel(0);
        let peak =
            |from: usize| left[from..from + WINDOW_FRAMES].iter().fold(0.0_f32, |most, s| most.max(s.abs()));
        let (mut ms, mut tones): (Vec<usize>, Vec<f32>) = (Vec::new(), Vec::new());
        for at in moments {
            let from = captured.frame_at(at);
            let usual = peak(from - WINDOW_FRAMES);
            // The middle of the first window that is a tenth softer.
            let softer = (from..from + second / 2).step_by(48).find(|frame| peak(*frame) < usual * 0.9);
            let softer = softer.expect("nothing is heard of a press");
            ms.push((softer - from + WINDOW_FRAMES / 2) * 1000 / second);
            // The music has faded within 50 ms; the tone that confirms the press lasts 90.
            tones.push(peak(softer + second * 55 / 1000));
        }
        ms.sort_unstable();
        eprintln!("press to audible change: median {} ms of {ms:?}", ms[ms.len() / 2]);
        assert!(tones.iter().all(|tone| (0.008..0.026).contains(tone)), "each press is confirmed: {tones:?}");
    });
}

#[test]
fn a_release_that_is_changed_over_to_is_heard_as_a_crossfade_without_a_gap_or_a_click() {
    in_a_room(|room| {
        use orchestrion_rig::http_server::HttpServer;

        let dir = room.dir.path();
        let release = |words: &[&str]| {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_orchestrion"));
            let output = command.arg("release").args(words).current_dir(dir).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        let publish = |name: &str, hz: f64| {
            let songs = dir.join(name).join("songs");
            std::fs::create_dir_all(&songs).unwrap();
            tone_file(&songs.join(format!("{name}.flac")), hz, 24.0, 48_000, Format::Flac);
            let program = json!({
                "v": 1,
                "place": {"id": "room"},
                "zone": {"id": "UTC", "tzdb": "2025b", "offset_s": 0, "transitions": []},
                "hours": {"sound": [{"days": ["daily"], "from": "00:00", "to": "24:00"}]},
                "dayparts": [{"id": "always", "days": ["daily"], "from": "00:00", "to": "24:00",
                              "playlists": [{"id": "all"}], "volume": {"set": 100}, "crossfade_s": 2.5}],
                "clockless": {"allowed": true},
                "fallback": "all",
                "library": {"playlists": [{"id": "all", "folder": "songs"}]},
            });
            std::fs::write(dir.join(name).join("program.json"), program.to_string()).unwrap();
            release(&["build", name, "--key", "k.key", "--out", "www"]);
        };
        release(&["keygen", "k"]);
        publish("first", A_HZ);
        let server = HttpServer::start().unwrap();
        server.serve_folder(&dir.join("www"));
        let config = format!(
            "outputs = [\"alsa:pa\"]\nclock = \"trusted\"\neven_loudness = false\nvolume = 100\n[release]\n\
             servers = [\"{}\"]\nkeys = [\"k.pub\"]\n",
            server.url("")
        );
        let capture = room.server.capture().unwrap();
        let device = room.setup().run(&config).unwrap();
        device.wait_for(PLAYS_WAIT, |status| status["state"] == "playing").unwrap();
        publish("second", B_HZ);
        device.ask("update", json!({})).unwrap();
        device.wait_for(PLAYS_WAIT, |status| status["release"]["held"]["number"] == 2).unwrap();
        // On a slow machine the first release's song may have come round again before the second release was whole.
        device.wait_for(PLAYS_WAIT, |status| status["current"]["title"] == "second").unwrap();
        capture.wait_frames(RATE_HZ as usize * 6, PLAYS_WAIT).unwrap();
        let left = capture.stop().channel(0);
        device.kill().unwrap();
        // A part of the first tone, the fade, and a part of the second tone.
        let heard = &left[left.len() - RATE_HZ as usize * 14..];
        assert!(silence_runs(heard, 1e-3, RATE_HZ as usize / 100).is_empty(), "there is a gap");
        let fade = crossfade(heard, RATE_HZ, A_HZ, B_HZ).unwrap();
        assert!(fade.power_min_db > -0.1 && fade.power_max_db < 0.1, "{fade:?}");
        assert!((fade.fitted_length_s - 2.5).abs() < 0.05, "{fade:?}");
        let found = clicks(heard, RATE_HZ, &[A_HZ, B_HZ], 0.003);
        assert!(found.is_empty(), "{found:?}");
    });
}

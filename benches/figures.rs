//! The figures of `docs/PERFORMANCE.md`, as a table. `script/test bench` runs it.
//!
//! Offline figures come from the decoders and the mixer pulled into memory; real-time ones from the program playing into a
//! private sound server's null sink, recorded at its monitor, 1024 frames a buffer. Times are of this machine.

use std::path::Path;
use std::time::{Duration, Instant};

use orchestrion::audio::JoinAt;
use orchestrion::audio::offline::{Next, render};
use orchestrion_board::sim::SimChip;
use orchestrion_rig::analysis::{clicks, first_above, power_db, rms_db, thd_n_db, tone_amplitudes};
use orchestrion_rig::device::{Device, Setup};
use orchestrion_rig::encode::{Format, encode};
use orchestrion_rig::signal;
use orchestrion_rig::sound_server::{Captured, RATE_HZ, SoundServer};
use orchestrion_rig::wish::variable;
use serde_json::json;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const A_HZ: f64 = 440.0;
const B_HZ: f64 = 1000.0;
const FADE_MS: u32 = 3000;
/// How often each latency is measured.
const ROUNDS: usize = 15;
/// Analysis windows for latencies, in frames: 2 ms.
const WINDOW_FRAMES: usize = 96;
const WAIT: Duration = Duration::from_secs(60);

fn main() -> Outcome<()> {
    // Run as a test (`cargo test --benches`) there is nothing to measure.
    if !std::env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    println!("| what | goal | measured |\n| --- | --- | --- |");
    offline(dir.path())?;
    if !SoundServer::available() {
        println!("\nSKIPPED: real-time figures; there is no PulseAudio here (script/setup installs it)");
        return Ok(());
    }
    real_time(dir.path())
}

/// `FIGURES_OUTPUT`, or ALSA's device that plays to the private sound server.
fn output() -> String {
    variable("FIGURES_OUTPUT").unwrap_or_else(|| "alsa:pa".into())
}

fn row(what: &str, goal: &str, measured: &str) {
    println!("| {what} | {goal} | {measured} |");
}

fn offline(dir: &Path) -> Outcome<()> {
    let seconds = 10;
    let frames = RATE_HZ as usize * seconds;
    let noise = |seed| signal::white_noise(0.25, seed, frames);
    let (a, b) = (dir.join("na.wav"), dir.join("nb.wav"));
    encode(&signal::doubled(&noise(1)), 2, RATE_HZ, Format::Wav, &a)?;
    encode(&signal::doubled(&noise(2)), 2, RATE_HZ, Format::Wav, &b)?;
    let fade_frames = RATE_HZ as usize * FADE_MS as usize / 1000;
    let at_ms = seconds as u64 * 1000 - u64::from(FADE_MS);
    let next = [Next { path: &b, at: JoinAt::Position(at_ms), fade_ms: FADE_MS }];
    let left = signal::channel(&render(&a, &next, RATE_HZ)?, 2, 0);
    let ideal = signal::crossfaded(&noise(1), &noise(2), 1, fade_frames, signal::FadeShape::EqualPower);
    let start = frames - fade_frames;
    let worst = power_db(&left[start..frames], 14_400)
        .into_iter()
        .zip(power_db(&ideal[start..frames], 14_400))
        .map(|(is, ought)| (is - ought).abs())
        .fold(0.0, f64::max);
    row("crossfade power against the ideal, noise, 3 s", "± 0.1 dB", &format!("± {worst:.4} dB"));
    let off = left.len() as i64 - (2 * frames - fade_frames) as i64;
    row("crossfade length", "exact", &format!("{off:+} frames"));

    let (a, b) = (dir.join("ta.flac"), dir.join("tb.flac"));
    encode(&signal::doubled(&signal::sine(A_HZ, 0.4, 0.0, 44_100, 441_000)), 2, 44_100, Format::Flac, &a)?;
    encode(&signal::doubled(&signal::sine(B_HZ, 0.4, 0.0, RATE_HZ, frames)), 2, RATE_HZ, Format::Flac, &b)?;
    let next = [Next { path: &b, at: JoinAt::Position(at_ms), fade_ms: FADE_MS }];
    let left = signal::channel(&render(&a, &next, RATE_HZ)?, 2, 0);
    let inner = &left[4800..left.len() - 4800];
    let found = clicks(inner, RATE_HZ, &[A_HZ, B_HZ], 0.003);
    row("clicks in a crossfade, 44.1 kHz into 48 kHz (residual over 0.003)", "0", &found.len().to_string());

    for hz in [1000.0, 10_000.0] {
        let tone = dir.join(format!("{hz}.wav"));
        let samples = signal::doubled(&signal::sine(hz, 0.5, 0.0, 44_100, 44_100 * 4));
        encode(&samples, 2, 44_100, Format::Wav, &tone)?;
        let left = signal::channel(&render(&tone, &[], RATE_HZ)?, 2, 0);
        let db = thd_n_db(&left[9600..left.len() - 9600], RATE_HZ, hz).ok_or("no tone")?;
        row(&format!("THD+N of 44.1 → 48 kHz at {hz} Hz"), "≤ −120 dB", &format!("{db:.1} dB"));
    }
    Ok(())
}

fn real_time(dir: &Path) -> Outcome<()> {
    let server = SoundServer::start()?;
    let music = dir.join("music");
    std::fs::create_dir_all(&music)?;
    for (name, hz) in [("1.flac", A_HZ), ("2.flac", B_HZ)] {
        tone_file(&music.join(name), hz, 12.0)?;
    }
    latencies(&server, dir, &music)?;
    presses(&server, dir, &music)?;
    starts(&server, dir)?;
    memory(&server, dir, &music)
}

/// A tone with 200 ms of silence at its head, which a starting stream may swallow.
fn tone_file(path: &Path, hz: f64, seconds: f64) -> Outcome<()> {
    let mono = signal::soft_tone(hz, 0.4, seconds, 200.0, RATE_HZ);
    Ok(encode(&signal::doubled(&mono), 2, RATE_HZ, Format::Flac, path)?)
}

fn setup(server: &SoundServer, folder: &Path) -> Setup {
    Setup { program: env!("CARGO_BIN_EXE_orchestrion").into(), folder: folder.into(), env: server.env() }
}

fn play(server: &SoundServer, folder: &Path, music: &Path, words: &[&str]) -> Outcome<Device> {
    let (music, output) = (music.display().to_string(), output());
    let mut all = vec!["play", &music, "--output", &output, "--volume", "100", "--loudness", "off"];
    all.extend(words);
    Ok(setup(server, folder).start(&all)?)
}

/// From the moment at which a client writes its command to the first window in which the sound is another.
fn latencies(server: &SoundServer, dir: &Path, music: &Path) -> Outcome<()> {
    let capture = server.capture()?;
    let device = play(server, dir, music, &["--repeat", "--crossfade", "0"])?;
    let mut asked: Vec<(&str, Instant)> = Vec::new();
    let second = RATE_HZ as usize;
    let mut ask = |method: &'static str, params| -> Outcome<()> {
        capture.wait_frames(second * 2 / 5 + asked.len() * 37, WAIT)?;
        asked.push((method, Instant::now()));
        device.ask(method, params)?;
        Ok(())
    };
    for _ in 0..ROUNDS {
        // Past the silent head of the songs.
        ask("seek", json!({"position_ms": 2000}))?;
        ask("volume", json!({"percent": 70}))?;
        ask("volume", json!({"percent": 100}))?;
        ask("pause", json!({}))?;
        ask("play", json!({}))?;
        ask("skip", json!({}))?;
    }
    capture.wait_frames(second, WAIT)?;
    device.terminate()?;
    let captured = capture.stop();
    let left = captured.channel(0);
    for what in ["skip", "pause", "play", "volume"] {
        let moments = asked.iter().filter(|(method, _)| *method == what).map(|(_, at)| *at);
        let mut ms: Vec<f64> = moments.filter_map(|at| change_ms(&captured, &left, at)).collect();
        let goal = if what == "play" { "" } else { "median ≤ 50 ms" };
        row(&format!("command to audible change: {what}"), goal, &spread(&mut ms));
    }
    Ok(())
}

fn spread(ms: &mut [f64]) -> String {
    ms.sort_by(f64::total_cmp);
    match ms {
        [] => "nothing was heard".into(),
        all => {
            let (low, mid, high) = (all[0], all[all.len() / 2], all[all.len() - 1]);
            format!("median {mid:.0} ms ({low:.0}–{high:.0}, n = {})", all.len())
        }
    }
}

/// From a pin of a simulated chip to the sound.
fn presses(server: &SoundServer, dir: &Path, music: &Path) -> Outcome<()> {
    const SKIP: u32 = 27;
    const ALARM: u32 = 22;
    let folder = tempfile::tempdir_in(dir)?;
    let chip = SimChip::listen(&folder.path().join("pins.sock"))?;
    let setup = setup(server, folder.path());
    let capture = server.capture()?;
    let device = setup.run(&format!(
        "outputs = [{:?}]\nmusic = [\"{}\"]\ncrossfade_s = 0\nvolume = 100\neven_loudness = false\n[board]\ntone = false\n\
         chip = \"{}\"\n[board.button.skip]\nline = {SKIP}\n[board.alarm]\nline = {ALARM}\ncontact = \"closing\"\n",
        output(),
        music.display(),
        chip.chip()
    ))?;
    device.wait_for(WAIT, |status| status["state"] == "playing")?;
    let second = RATE_HZ as usize;
    let (mut pressed, mut alarms) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        device.ask("seek", json!({"position_ms": 2000}))?;
        capture.wait_frames(second * 3 / 5 + round * 37, WAIT)?;
        pressed.push(chip.press(SKIP));
        capture.wait_frames(second * 3 / 5, WAIT)?;
        chip.let_go(SKIP);
        device.ask("seek", json!({"position_ms": 2000}))?;
        capture.wait_frames(second * 3 / 5, WAIT)?;
        alarms.push(chip.press(ALARM));
        capture.wait_frames(second * 2 / 5, WAIT)?;
        chip.let_go(ALARM);
        // Its end is believed after a second of rest.
        device.wait_for(WAIT, |status| status["hands"]["alarm"] != json!(true))?;
    }
    device.terminate()?;
    let captured = capture.stop();
    let left = captured.channel(0);
    for (what, goal, moments) in [
        ("button to audible change: skip", "median ≤ 50 ms", pressed),
        ("alarm contact to audible change", "≤ 100 ms", alarms),
    ] {
        let mut ms: Vec<f64> = moments.into_iter().filter_map(|at| change_ms(&captured, &left, at)).collect();
        row(what, goal, &spread(&mut ms));
    }
    Ok(())
}

/// Milliseconds until the amplitude of either tone has changed by 10 % of what is usual.
fn change_ms(captured: &Captured, left: &[f32], at: Instant) -> Option<f64> {
    let from = captured.frame_at(at);
    // Windows of whole periods of neither tone: an envelope by power over 10 ms, moved on by 2 ms.
    let power = |frame: usize| rms_db(&left[frame..(frame + 480).min(left.len())]);
    let tone = |hz, frame: usize| {
        tone_amplitudes(&left[frame..(frame + 480).min(left.len())], RATE_HZ, hz, 480)
            .first()
            .copied()
            .unwrap_or(0.0)
    };
    let before = from.checked_sub(1440)?;
    let (usual_db, a, b) = (power(before), tone(A_HZ, before), tone(B_HZ, before));
    (0..150).map(|step| from + step * WINDOW_FRAMES).find_map(|frame| {
        if frame + 480 > left.len() {
            return None;
        }
        let louder = (power(frame) - usual_db).abs() > 1.0;
        let other = (tone(A_HZ, frame) - a).abs() > 0.04 || (tone(B_HZ, frame) - b).abs() > 0.04;
        // The window looks 10 ms ahead; its middle is where the change is.
        (louder || other).then(|| (frame - from + 240) as f64 * 1000.0 / f64::from(RATE_HZ))
    })
}

fn starts(server: &SoundServer, dir: &Path) -> Outcome<()> {
    let head = dir.join("head");
    std::fs::create_dir_all(&head)?;
    let tone = signal::doubled(&signal::sine(A_HZ, 0.4, 0.0, RATE_HZ, RATE_HZ as usize * 5));
    encode(&tone, 2, RATE_HZ, Format::Flac, &head.join("1.flac"))?;
    let mut ms = Vec::new();
    for _ in 0..ROUNDS {
        let capture = server.capture()?;
        let started = Instant::now();
        let device = play(server, dir, &head, &[])?;
        let heard = capture.wait_until(WINDOW_FRAMES, WAIT, |samples| first_above(samples, 0.01).is_some());
        capture.wait_frames(RATE_HZ as usize / 5, WAIT)?;
        device.terminate()?;
        heard?;
        let captured = capture.stop();
        let left = captured.channel(0);
        let first = first_above(&left, 0.01).ok_or("nothing was heard")?;
        ms.push(captured.instant_of(first).saturating_duration_since(started).as_secs_f64() * 1000.0);
    }
    ms.sort_by(f64::total_cmp);
    let measured =
        format!("median {:.0} ms ({:.0}–{:.0}, n = {})", ms[ms.len() / 2], ms[0], ms[ms.len() - 1], ms.len());
    row("process start to first sample heard", "≤ 100 ms", &measured);
    Ok(())
}

fn memory(server: &SoundServer, dir: &Path, music: &Path) -> Outcome<()> {
    let device = play(server, dir, music, &["--repeat", "--crossfade", "5"])?;
    let capture = server.capture()?;
    capture.wait_frames(RATE_HZ as usize * 20, WAIT)?;
    let peak_kib = status_kib(device.pid(), "VmHWM:").ok_or("no VmHWM")?;
    device.terminate()?;
    row("peak RSS on FLAC with crossfades", "≤ 20 MiB", &format!("{:.1} MiB", peak_kib as f64 / 1024.0));
    Ok(())
}

fn status_kib(pid: u32, key: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(key))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

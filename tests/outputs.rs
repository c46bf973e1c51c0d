//! Outputs that go and come back: the sound server killed at random moments, its sink taken away, a second one as fallback.
//! `KILLS` says how often (10 where it is not set), `KILL_SEED` repeats a run that failed.
//!
//! Skipped loudly where there is no PulseAudio; `script/setup` installs it.
#![cfg(test)]
#![cfg(feature = "sound")]

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use orchestrion::storage::{PlayRow, database_path, read_plays};
use orchestrion_rig::analysis::{dominant_frequency, peak};
use orchestrion_rig::device::{Device, Setup};
use orchestrion_rig::signal;
use orchestrion_rig::sound_server::{Capture, RATE_HZ, SINK, SoundServer};
use orchestrion_rig::wav::{self, SampleFormat};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

const KILLS: u64 = 10;
/// Songs are sweeps, so that what is heard tells its place.
const SONG_S: f64 = 24.0;
const SWEEP_FROM_HZ: f64 = 300.0;
const SWEEP_HZ_PER_S: f64 = 40.0;
/// How late after its server the sound may be back.
const BACK_MAX: Duration = Duration::from_secs(2);
/// How far from the place at which it would be, had nothing happened, the sound may go on: twice the output's buffer, which
/// is lost with it, is 43 ms; so much again is what recorders differ by.
const OFF_S_MAX: f64 = 0.1;
/// How much further behind it may be: the music stands until the loss is noticed, which on a busy machine waits for a processor.
const UNNOTICED_S_MAX: f64 = 0.2;
/// How old the place in a status may be, with all buffers.
const STALE_S_MAX: f64 = 0.8;
/// How much of each loss may count as audible: what lay in the output's buffers, and the time until it was noticed.
const UNNOTICED: Duration = Duration::from_millis(100);
/// How much of one processor may be used while nobody hears.
const CPU_AWAY_MAX: f64 = 0.1;
/// How late after a loss the next output may be heard.
const FALLBACK_MAX: Duration = Duration::from_secs(1);
const WAIT: Duration = Duration::from_secs(20);
/// What is looked at to tell a place: 100 ms.
const WINDOW_FRAMES: usize = RATE_HZ as usize / 10;
/// Ticks a second in which `/proc` tells CPU times.
const USER_HZ: f64 = 100.0;

fn sweep(path: &Path) {
    let angle = |t: f64| (SWEEP_FROM_HZ + SWEEP_HZ_PER_S * t / 2.0) * t * std::f64::consts::TAU;
    let frames = (SONG_S * f64::from(RATE_HZ)) as usize;
    let mono: Vec<f32> =
        (0..frames).map(|i| (angle(i as f64 / f64::from(RATE_HZ)).sin() * 0.4) as f32).collect();
    wav::write(path, &signal::doubled(&mono), 2, RATE_HZ, SampleFormat::Int16).unwrap();
}

/// The first server's sink without ALSA between.
const DIRECT: &str = "pulse:nul";

/// A folder with songs and a device that plays them to ALSA's outputs `a` and `b`, one for each server, or to the first without ALSA.
struct Room {
    dir: tempfile::TempDir,
    setup: Setup,
}

impl Room {
    fn new(songs: usize, servers: &[&SoundServer]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let music = dir.path().join("music");
        std::fs::create_dir(&music).unwrap();
        let first = music.join("000.wav");
        sweep(&first);
        for song in 1..songs {
            std::fs::hard_link(&first, music.join(format!("{song:03}.wav"))).unwrap();
        }
        let mut asound = "</usr/share/alsa/alsa.conf>\n".to_owned();
        for (server, name) in servers.iter().zip(["a", "b"]) {
            let socket = server.socket();
            asound += &format!(
                "pcm.{name} {{ type pulse server \"unix:{}\" device \"{SINK}\" hint {{ show on description \"{name}\" }} }}\n",
                socket.display()
            );
        }
        let alsa = dir.path().join("asound.conf");
        std::fs::write(&alsa, asound).unwrap();
        let mut env = servers.first().map_or_else(Vec::new, |server| server.env());
        env.retain(|(key, _)| key != "ALSA_CONFIG_PATH");
        env.push(("ALSA_CONFIG_PATH".into(), alsa.display().to_string()));
        let program = env!("CARGO_BIN_EXE_orchestrion").into();
        let setup = Setup { program, folder: dir.path().into(), env };
        Self { dir, setup }
    }

    fn run(&self, outputs: &str) -> Device {
        let music = self.dir.path().join("music");
        let config = format!(
            "music = [{music:?}]\noutputs = [{outputs}]\nvolume = 100\nrepeat = \"off\"\ncrossfade_s = 0\neven_loudness = false\n"
        );
        self.setup.run(&config).unwrap()
    }

    fn plays(&self) -> Vec<PlayRow> {
        read_plays(&database_path(&self.setup.state_dir())).unwrap()
    }

    /// Warnings are expected here, errors are not.
    fn check_log(&self) {
        let log = self.setup.log();
        let errors: Vec<&str> = log.lines().filter(|line| line.contains("error:")).collect();
        assert_eq!(errors, Vec::<&str>::new());
    }
}

/// Waits until a tone is heard; gives the moment, and the place in its song that it tells, in seconds.
fn heard(capture: &Capture) -> (Instant, f64) {
    let mut place_s = 0.0;
    let at = capture.wait_until(WINDOW_FRAMES, WAIT, |stereo| {
        let left = signal::channel(stereo, 2, 0);
        // All of the window must be sound.
        if left.chunks(WINDOW_FRAMES / 10).any(|piece| peak(piece) < 0.3) {
            return false;
        }
        let Some(hz) = dominant_frequency(&left, RATE_HZ) else { return false };
        // The tone is that of the window's middle.
        place_s = (hz - SWEEP_FROM_HZ) / SWEEP_HZ_PER_S + WINDOW_FRAMES as f64 / f64::from(RATE_HZ) / 2.0;
        true
    });
    (at.unwrap(), place_s)
}

/// How far the device says it is, over all songs, in seconds.
fn place_s(status: &Value) -> f64 {
    let songs_before = status["plays"].as_u64().unwrap().saturating_sub(1);
    songs_before as f64 * SONG_S + status["position_ms"].as_u64().unwrap() as f64 / 1000.0
}

fn status(device: &Device) -> Value {
    device.ask("status", json!({})).unwrap()
}

fn cpu_s(device: &Device) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", device.pid())).unwrap();
    let fields = stat.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2);
    fields.map(|field| field.parse::<f64>().unwrap()).sum::<f64>() / USER_HZ
}

/// One at a time, since they look at times. `None` where there is no sound server.
fn alone() -> Option<MutexGuard<'static, ()>> {
    static ALONE: Mutex<()> = Mutex::new(());
    if !SoundServer::available() {
        eprintln!("SKIPPED: there is no PulseAudio here; script/setup installs it");
        return None;
    }
    Some(ALONE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// How far the second place is from where the sound would be by then, had it gone on from the first.
fn off_s(first: (Instant, f64), second: (Instant, f64)) -> f64 {
    let ought_s = first.1 + (second.0 - first.0).as_secs_f64();
    (second.1 - ought_s + SONG_S / 2.0).rem_euclid(SONG_S) - SONG_S / 2.0
}

/// How far apart two places are; in one and the same song, or in songs that are all alike.
fn apart_s(a: f64, b: f64) -> f64 {
    let apart = (a - b).rem_euclid(SONG_S);
    apart.min(SONG_S - apart)
}

/// A duration, half of the time so short that what begins has not yet come to an end.
fn moment(chance: &mut ChaCha8Rng, max_ms: u64) -> Duration {
    let max_ms = if chance.random_bool(0.5) { max_ms / 10 } else { max_ms };
    Duration::from_millis(chance.random_range(0..max_ms))
}

#[test]
fn whenever_the_sound_server_is_killed_the_music_is_back_with_it_and_the_log_says_what_was_heard() {
    the_server_is_killed("alsa:a");
}

#[test]
fn the_same_holds_for_who_talks_to_the_sound_server_itself() {
    the_server_is_killed(DIRECT);
}

fn the_server_is_killed(output: &str) {
    let Some(_alone) = alone() else { return };
    let number = |name: &str, usual: u64| std::env::var(name).map_or(usual, |text| text.parse().unwrap());
    let seed = number("KILL_SEED", u64::from(std::process::id()));
    let kills = number("KILLS", KILLS);
    println!("KILL_SEED={seed} KILLS={kills}");
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let mut server = SoundServer::start_wakeful().unwrap();
    // A kill takes 8 s at most.
    let room = Room::new(2 + kills as usize * 8 / SONG_S as usize, &[&server]);
    let capture = server.capture().unwrap();
    let device = room.run(&format!("{output:?}"));
    let mut last = heard(&capture);
    drop(capture);
    let (mut silent, mut away, mut cpu_away_s) = (Duration::ZERO, Duration::ZERO, 0.0);
    for kill in 1..=kills {
        // Also while the output is still opening.
        std::thread::sleep(moment(&mut chance, 2500));
        server.kill();
        let killed = Instant::now();
        let cpu_before_s = cpu_s(&device);
        std::thread::sleep(moment(&mut chance, 3000));
        cpu_away_s += cpu_s(&device) - cpu_before_s;
        away += killed.elapsed();
        server.restart().unwrap();
        let back = Instant::now();
        let capture = server.capture().unwrap();
        let (at, place) = heard(&capture);
        let now = status(&device);
        let late = at.saturating_duration_since(back);
        silent += at - killed;
        // The music goes on while nobody hears it: nothing is skipped or played twice.
        let off_s = off_s(last, (at, place));
        last = (at, place);
        println!(
            "kill {kill}: away for {} ms, heard {} ms after it was back, {:+.0} ms from its place",
            (back - killed).as_millis(),
            late.as_millis(),
            off_s * 1000.0,
        );
        assert!(late <= BACK_MAX, "it was back after {late:?}: {now}\n{}", room.setup.log());
        let is_near = (-OFF_S_MAX - UNNOTICED_S_MAX..=OFF_S_MAX).contains(&off_s);
        assert!(is_near, "{off_s} s from its place: {now}\n{}", room.setup.log());
        assert_eq!(
            (&now["output"]["name"], &now["output"]["audible"]),
            (&json!(output), &json!(true)),
            "{now}"
        );
        assert!(apart_s(place_s(&now), place) < STALE_S_MAX, "it plays {place} s and says {now}");
    }
    let spun = cpu_away_s / away.as_secs_f64();
    println!("CPU while the server was away: {:.1} % of one processor", spun * 100.0);
    assert!(spun < CPU_AWAY_MAX, "{cpu_away_s} s of CPU in {away:?}");
    let last = status(&device);
    device.terminate().unwrap();
    room.check_log();
    let plays = room.plays();
    assert_eq!(Some(plays.len() as u64), last["plays"].as_u64(), "{plays:?}");
    let (mut heard_ms, mut audible_ms) = (0, 0);
    for (index, play) in plays.iter().enumerate() {
        let end = play.end.as_ref().unwrap_or_else(|| panic!("it is open: {play:?}"));
        assert!(play.path.ends_with(format!("{index:03}.wav")), "song {index} is lost: {play:?}");
        if index + 1 < plays.len() {
            assert_eq!(end.how, "finished", "{play:?}");
            assert!(end.heard_ms.abs_diff((SONG_S * 1000.0) as u64) < 50, "{play:?}");
        }
        heard_ms += end.heard_ms;
        audible_ms += end.audible_ms;
    }
    let inaudible = Duration::from_millis(heard_ms - audible_ms);
    println!("inaudible by the log: {inaudible:?}; silent: {silent:?}; server away: {away:?}");
    assert!(
        inaudible + UNNOTICED * kills as u32 > away && inaudible < silent,
        "{inaudible:?} of {silent:?}, {away:?} without a server"
    );
}

#[test]
fn an_output_whose_sink_is_taken_away_is_used_again_as_soon_as_it_is_back() {
    let Some(_alone) = alone() else { return };
    let server = SoundServer::start_wakeful().unwrap();
    for output in ["alsa:a", DIRECT] {
        let room = Room::new(2, &[&server]);
        let device = room.run(&format!("{output:?}"));
        a_sink_is_taken_away(&server, &device, output);
        device.terminate().unwrap();
        room.check_log();
    }
}

fn a_sink_is_taken_away(server: &SoundServer, device: &Device, output: &str) {
    for away_ms in [100, 1500, 4000] {
        device.wait_for(WAIT, |status| status["output"]["name"] == output).unwrap();
        server.remove_sink().unwrap();
        // The server is there all the while, so that the output looks as if it could be opened.
        device.wait_for(WAIT, |status| status["output"]["name"] == "null").unwrap();
        std::thread::sleep(Duration::from_millis(away_ms));
        server.add_sink().unwrap();
        let back = Instant::now();
        let capture = server.capture().unwrap();
        let late = heard(&capture).0.saturating_duration_since(back);
        println!("{output}: away for {away_ms} ms, heard {} ms after it was back", late.as_millis());
        assert!(late <= BACK_MAX, "{late:?}: {}", status(device));
    }
}

#[test]
fn a_stream_that_the_server_moves_to_another_sink_goes_on_there() {
    let Some(_alone) = alone() else { return };
    let server = SoundServer::start_wakeful().unwrap();
    let pactl = |words: &[&str]| {
        let done = Command::new("pactl").args(words).envs(server.env()).output().unwrap();
        assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    let room = Room::new(2, &[&server]);
    pactl(&["load-module", "module-null-sink", "sink_name=other", "rate=44100"]);
    pactl(&["set-default-sink", "other"]);
    let device = room.run("\"pulse:default\"");
    device.wait_for(WAIT, |status| status["output"]["name"] == "pulse:default").unwrap();
    let streams = pactl(&["list", "short", "sink-inputs"]);
    let stream = streams.split_whitespace().next().unwrap();
    for _ in 0..3 {
        pactl(&["move-sink-input", stream, SINK]);
        let capture = server.capture().unwrap();
        let (_, place) = heard(&capture);
        println!("heard in the other sink at {place:.1} s");
        pactl(&["move-sink-input", stream, "other"]);
    }
    assert_eq!(status(&device)["output"]["name"], "pulse:default");
    let streams = pactl(&["list", "short", "sink-inputs"]);
    assert_eq!(streams.split_whitespace().next(), Some(stream), "it is the same stream: {streams}");
    device.terminate().unwrap();
}

/// Its socket is there, and nobody ever answers.
#[test]
fn a_sound_server_that_does_not_answer_is_asked_now_and_then_and_keeps_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(dir.path().join("native")).unwrap();
    let mut room = Room::new(2, &[]);
    room.setup.env.push(("PULSE_SERVER".into(), format!("unix:{}/native", dir.path().display())));
    let device = room.run("\"pulse:default\", \"null\"");
    device.wait_for(WAIT, |status| status["output"]["name"] == "null").unwrap();
    // The first look is at the start; the next ones are those for a better output.
    let mut asked = Vec::new();
    let _kept: Vec<_> = (0..4)
        .map(|_| {
            let stream = listener.accept().unwrap().0;
            asked.push(Instant::now());
            stream
        })
        .collect();
    let rest = asked[3] - asked[2];
    println!("asked again after {rest:?}");
    assert!(rest > Duration::from_secs(3), "its thread does nothing else: {rest:?}");
    assert_eq!(status(&device)["output"]["name"], "null");
    device.terminate().unwrap();
}

#[test]
fn a_fallback_output_takes_over_while_the_better_one_is_away() {
    let Some(_alone) = alone() else { return };
    let (mut better, fallback) =
        (SoundServer::start_wakeful().unwrap(), SoundServer::start_wakeful().unwrap());
    let room = Room::new(2, &[&better, &fallback]);
    // One of each kind.
    let device = room.run("\"pulse:nul\", \"alsa:b\"");
    device.wait_for(WAIT, |status| status["output"]["name"] == DIRECT).unwrap();
    device.wait_for(WAIT, |status| status["position_ms"].as_u64() > Some(500)).unwrap();
    for _ in 0..3 {
        let capture = better.capture().unwrap();
        let before = heard(&capture);
        drop(capture);
        let capture = fallback.capture().unwrap();
        better.kill();
        let killed = Instant::now();
        let during = heard(&capture);
        let (late, off) = (during.0 - killed, off_s(before, during));
        let now = status(&device);
        println!("the fallback was heard after {} ms, {:+.0} ms off", late.as_millis(), off * 1000.0);
        assert!(late <= FALLBACK_MAX && off.abs() <= OFF_S_MAX, "{late:?}, {off} s off");
        assert_eq!(
            (&now["output"]["name"], &now["output"]["audible"]),
            (&json!("alsa:b"), &json!(true)),
            "{now}"
        );
        drop(capture);
        better.restart().unwrap();
        let back = Instant::now();
        let capture = better.capture().unwrap();
        let after = heard(&capture);
        let (late, off) = (after.0.saturating_duration_since(back), off_s(during, after));
        let now = status(&device);
        println!("the better one was heard after {} ms, {:+.0} ms off", late.as_millis(), off * 1000.0);
        assert!(late <= BACK_MAX && off.abs() <= OFF_S_MAX, "{late:?}, {off} s off");
        assert_eq!(now["output"]["name"], DIRECT, "{now}");
    }
    device.terminate().unwrap();
    room.check_log();
    let play = &room.plays()[0];
    let end = play.end.as_ref().unwrap();
    // Both are outputs that somebody hears.
    assert!(end.audible_ms + 300 > end.heard_ms, "{end:?}");
}

//! An announcement over music, captured: by how much and how fast the music goes down, and that it comes back.
//!
//! Skipped loudly where there is no PulseAudio; `script/setup` installs it.
#![cfg(test)]
#![cfg(feature = "sound")]

use std::path::Path;
use std::process::Command as Process;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded};
use orchestrion::app;
use orchestrion::audio::{
    AudioPlayer, Command, Event, Heard, Join, JoinAt, LoadId, SaidEnd, Say, SayAt, Setup, StartAt,
};
use orchestrion::service::Service;
use orchestrion_rig::analysis::{peak, tone_amplitudes};
use orchestrion_rig::signal;
use orchestrion_rig::sound_server::{RATE_HZ, SoundServer};
use orchestrion_rig::wav::{self, SampleFormat};

/// Tells the process that plays where its files are.
const FOLDER_VARIABLE: &str = "ORCHESTRION_ANNOUNCE_FOLDER";
const MUSIC_HZ: f64 = 1000.0;
const MUSIC: f64 = 0.4;
const VOICE_HZ: f64 = 440.0;
const VOICE: f64 = 0.3;
const VOICE_MS: u64 = 3000;
const DUCK_DB: f32 = 12.0;
/// What a level is taken over: 20 ms.
const WINDOW_FRAMES: usize = RATE_HZ as usize / 50;
const WINDOW_S: f64 = 0.02;
const EVENT_WAIT: Duration = Duration::from_secs(30);

fn tone(path: &Path, hz: f64, amplitude: f64, ms: u64) {
    let mut mono = signal::sine(hz, amplitude, 0.0, RATE_HZ, signal::frames_of_ms(ms as f64, RATE_HZ));
    let edge = signal::frames_of_ms(10.0, RATE_HZ);
    signal::fade_in(&mut mono, 1, edge, signal::FadeShape::EqualPower);
    signal::fade_out(&mut mono, 1, edge, signal::FadeShape::EqualPower);
    wav::write(path, &signal::doubled(&mono), 2, RATE_HZ, SampleFormat::Int24).unwrap();
}

fn db(ratio: f64) -> f64 {
    20.0 * ratio.log10()
}

#[test]
fn a_captured_announcement_ducks_the_music_by_its_depth_and_the_music_comes_back() {
    if !SoundServer::available() {
        eprintln!("SKIPPED: there is no PulseAudio here; script/setup installs it");
        return;
    }
    let server = SoundServer::start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    tone(&dir.path().join("music.wav"), MUSIC_HZ, MUSIC, 20_000);
    tone(&dir.path().join("voice.wav"), VOICE_HZ, VOICE, VOICE_MS);
    let capture = server.capture().unwrap();
    // A process of its own, since ALSA looks for its devices in the environment.
    let played = Process::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_process_that_plays", "--ignored", "--nocapture"])
        .envs(server.env())
        .env(FOLDER_VARIABLE, dir.path())
        .output()
        .unwrap();
    assert!(played.status.success(), "{}", String::from_utf8_lossy(&played.stderr));
    let left = capture.stop().channel(0);

    let music = tone_amplitudes(&left, RATE_HZ, MUSIC_HZ, WINDOW_FRAMES);
    let voice = tone_amplitudes(&left, RATE_HZ, VOICE_HZ, WINDOW_FRAMES);
    let begins = voice.iter().position(|level| *level > VOICE / 2.0).unwrap();
    let ends = voice.iter().rposition(|level| *level > VOICE / 2.0).unwrap() + 1;
    let said_s = (ends - begins) as f64 * WINDOW_S;
    assert!((said_s - VOICE_MS as f64 / 1000.0).abs() <= 0.04, "{said_s}");
    // Inside, away from the edges of the voice.
    for (at, level) in music.iter().enumerate().take(ends - 2).skip(begins + 2) {
        let depth_db = db(level / MUSIC);
        assert!((depth_db + f64::from(DUCK_DB)).abs() < 0.1, "window {at}: {depth_db} dB");
        assert!(db(voice[at] / VOICE).abs() < 0.1, "window {at}: the voice has {}", voice[at]);
    }
    let is_full = |at: &usize| db(music[*at] / MUSIC).abs() < 0.05;
    let goes_down = (0..begins).rfind(is_full).unwrap() + 1;
    let down_s = (begins - goes_down) as f64 * WINDOW_S;
    assert!((down_s - 0.2).abs() <= 0.04, "down within {down_s} s");
    let is_back = (ends..music.len()).find(is_full).unwrap();
    let up_s = (is_back - ends) as f64 * WINDOW_S;
    assert!((up_s - 1.0).abs() <= 0.04, "up within {up_s} s");
    let half_db = db(music[(ends + is_back) / 2] / MUSIC);
    assert!((half_db + 6.0).abs() < 0.5, "half the way up it is at {half_db} dB");
    // A second before it and a second after it nothing is different.
    let second = (1.0 / WINDOW_S) as usize;
    assert!((goes_down - second..goes_down).chain(is_back..is_back + second).all(|at| is_full(&at)));
    println!("{DUCK_DB} dB down within {down_s:.2} s, said for {said_s:.2} s, up within {up_s:.2} s");
    // Neither tone alone moves faster than this, and together, ducked, they do not either.
    let heard = &left[(goes_down - second) * WINDOW_FRAMES..(is_back + second) * WINDOW_FRAMES];
    let steepest = heard.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
    assert!(steepest < 0.054 && peak(heard) < 0.42, "a step of {steepest}, a peak of {}", peak(heard));
}

fn wait_for<T>(events: &Receiver<app::Event>, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
    loop {
        if let app::Event::Audio(event) = events.recv_timeout(EVENT_WAIT).unwrap()
            && let Some(found) = wanted(event)
        {
            return found;
        }
    }
}

#[test]
#[ignore = "the other test runs it, in a process with a sound server of its own"]
fn the_process_that_plays() {
    let Some(folder) = std::env::var_os(FOLDER_VARIABLE) else {
        eprintln!("SKIPPED: {FOLDER_VARIABLE} names no folder");
        return;
    };
    let folder = Path::new(&folder);
    let (to_app, events) = bounded(1024);
    let (service, handle) = AudioPlayer::new(Setup::default(), folder.to_owned(), to_app);
    let running = Arc::clone(&service);
    let thread = thread::spawn(move || running.run());
    let (music, voice) = (LoadId(1), LoadId(2));
    handle.send(Command::Outputs(vec!["alsa:pa".into()])).unwrap();
    handle.send(Command::Volume { percent: 100, muted: false }).unwrap();
    let path = folder.join("music.wav").as_path().into();
    handle.send(Command::Load { load: music, path, start: StartAt::Place(0) }).unwrap();
    wait_for(&events, |event| matches!(event, Event::Loaded { .. }).then_some(()));
    handle.send(Command::Join(Join { from: None, to: music, at: JoinAt::Now, fade_ms: 0 })).unwrap();
    let plays_for = |ms: u64| {
        wait_for(&events, |event| {
            let Event::Progressed { heard, .. } = event else { return None };
            (heard.heard_ms >= ms).then_some(heard.heard_ms)
        })
    };
    plays_for(2000);
    let path = folder.join("voice.wav").as_path().into();
    let say =
        Say { load: voice, path, gain_db: 0.0, duck_db: DUCK_DB, pierces_pause: true, at: SayAt::Ready };
    handle.send(Command::Say(say)).unwrap();
    let said = wait_for(&events, |event| {
        let Event::Said { load, heard, end } = event else { return None };
        Some((load, heard, end))
    });
    let heard = Heard { position_ms: VOICE_MS, heard_ms: VOICE_MS, audible_ms: VOICE_MS, ..Heard::default() };
    assert_eq!(said, (voice, heard, SaidEnd::Finished));
    let now = plays_for(0);
    plays_for(now + 3000);
    handle.send(Command::Unload { load: music, fade_ms: 10 }).unwrap();
    let heard = wait_for(&events, |event| {
        let Event::Ended { heard, .. } = event else { return None };
        Some(heard)
    });
    assert_eq!(heard.ducked_ms, 200 + VOICE_MS + 1000);
    service.stop();
    thread.join().unwrap().unwrap();
}

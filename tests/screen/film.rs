//! The sound of films, captured from a private sound server while the screen is watched: both together, what the music does
//! meanwhile, and what becomes of both when the process that shows is killed.
//!
//! Skipped loudly where there is no PulseAudio or no Xvfb; `script/setup` installs them.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use orchestrion::media::screen::Said;
use orchestrion::media::screen::message::{Event, SOUND_FRAME_LEN, SOUND_FRAMES_MAX, Setup};
use orchestrion_rig::analysis::tone_amplitudes;
use orchestrion_rig::device::Device;
use orchestrion_rig::dying_disk::DyingDisk;
use orchestrion_rig::films::{Film, flashes, is_like, picture};
use orchestrion_rig::signal::{doubled, sine};
use orchestrion_rig::sound_server::{Captured, RATE_HZ, SoundServer};
use orchestrion_rig::stall::on_a_steady_machine;
use orchestrion_rig::wav::{self, SampleFormat};
use orchestrion_rig::x_server::XServer;
use serde_json::Value;

use crate::device::place::{Place, position_ms};
use crate::device::{BLUE, Chance, KILL_EVERY_MS, see, shower};
use crate::stage::{HEIGHT, PATIENCE, Stage, WIDTH, can_show, program};

const MUSIC_HZ: f64 = 1000.0;
const MUSIC: f64 = 0.4;
/// What ffmpeg's tone is.
const FILM_HZ: f64 = 440.0;
const FILM: f64 = 0.125;
/// How far a film turns the music down.
const DUCK_DB: f64 = 12.0;
/// How long before it is due sound is wanted.
const LEAD_MS: u32 = 300;
/// What a level is taken over: 20 ms.
const WINDOW_FRAMES: usize = RATE_HZ as usize / 50;
const WINDOW_MS: usize = 20;
/// The steepest that both tones together may be.
const STEP_MAX: f32 = 0.065;
/// How far sound and picture may be from each other, in milliseconds.
const APART_MS_MAX: f64 = 40.0;

/// A place with a screen and a sound server.
struct Hall {
    screen: XServer,
    server: SoundServer,
    place: Place,
}

impl Hall {
    fn new() -> Option<Self> {
        if !can_show() {
            return None;
        }
        if !SoundServer::available() {
            eprintln!("SKIPPED: there is no PulseAudio here; script/setup installs it");
            return None;
        }
        let (screen, server) = (XServer::start(WIDTH, HEIGHT).unwrap(), SoundServer::start().unwrap());
        let mut place = Place::new();
        place.setup.env = server.env();
        place.setup.env.push(("ORCHESTRION_MEDIA".into(), program().display().to_string()));
        fs::create_dir(place.path().join("films")).unwrap();
        Some(Self { screen, server, place })
    }

    fn music(&self) {
        self.music_of(120);
    }

    fn music_of(&self, seconds: usize) {
        let tone = sine(MUSIC_HZ, MUSIC, 0.0, RATE_HZ, RATE_HZ as usize * seconds);
        wav::write(&self.place.path().join("music/a.wav"), &doubled(&tone), 2, RATE_HZ, SampleFormat::Int16)
            .unwrap();
    }

    /// A film with a tone beside it.
    fn film(&self, name: &str, seconds: u32) {
        let film = Film {
            width: 320,
            height: 180,
            rate: 25,
            frames: 25 * seconds,
            colour: [30, 30, 200],
            has_sound: true,
        };
        film.write(&self.place.path().join("films").join(name), "libx264").unwrap();
    }

    fn run(&self, more: &str) -> Device {
        self.run_as("even_loudness = false", more)
    }

    fn run_as(&self, how: &str, more: &str) -> Device {
        self.run_to("alsa:pa", how, more)
    }

    fn run_to(&self, output: &str, how: &str, more: &str) -> Device {
        let screen = self.screen.display();
        let toml = format!(
            "outputs = [{output:?}]\nmusic = [\"music\"]\nvolume = 100\n{how}\n\
             [screen]\nshow = [\"films\"]\nsink = \"x11\"\ndisplay = \"{screen}\"\n{more}\n"
        );
        self.place.setup.run(&toml).unwrap()
    }
}

fn in_a_hall(listen: impl Fn(&Hall)) {
    on_a_steady_machine(|| {
        if let Some(hall) = Hall::new() {
            listen(&hall);
        }
    });
}

/// The levels of the music and of the film, a window each.
fn levels(left: &[f32]) -> (Vec<f64>, Vec<f64>) {
    let of = |hz| tone_amplitudes(left, RATE_HZ, hz, WINDOW_FRAMES);
    (of(MUSIC_HZ), of(FILM_HZ))
}

fn db(ratio: f64) -> f64 {
    20.0 * ratio.max(1e-9).log10()
}

fn steepest(samples: &[f32]) -> f32 {
    samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
}

/// From where the film is heard to where it is not any more, in windows; those that were captured whole.
fn hearings(film: &[f64]) -> Vec<std::ops::Range<usize>> {
    let is_heard: Vec<bool> = film.iter().map(|level| *level > FILM / 2.0).collect();
    let mut hearings = Vec::new();
    let mut begun = None;
    for at in 1..is_heard.len() {
        match (is_heard[at - 1], is_heard[at]) {
            (false, true) => begun = Some(at),
            (true, false) => hearings.extend(begun.take().map(|begun| begun..at)),
            _ => {}
        }
    }
    hearings
}

/// When it gets loud after 200 ms of silence.
fn beeps(captured: &Captured) -> Vec<Instant> {
    let mut beeps = Vec::new();
    let mut quiet = 0;
    for (frame, sample) in captured.channel(0).iter().enumerate() {
        if sample.abs() > 0.05 {
            if quiet > RATE_HZ as usize / 5 {
                beeps.push(captured.instant_of(frame));
            }
            quiet = 0;
        } else {
            quiet += 1;
        }
    }
    beeps
}

/// Milliseconds from `a` to `b`; negative if that was before.
fn ms_between(a: Instant, b: Instant) -> f64 {
    let after = b.saturating_duration_since(a).as_secs_f64();
    (after - a.saturating_duration_since(b).as_secs_f64()) * 1000.0
}

/// A stage that wants sound.
fn stage() -> Stage {
    Stage::new(Setup { sound_lead_ms: LEAD_MS, ..Setup::default() })
}

fn tinted(colour: [u8; 3], has_sound: bool) -> Film {
    Film { width: 320, height: 180, rate: 25, frames: 50, colour, has_sound }
}

/// The clock that moments of sound are told by, in milliseconds.
fn monotonic_ms() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as f64 * 1000.0 + now.tv_nsec as f64 / 1e6
}

#[test]
fn sound_is_sent_in_one_piece_a_bounded_time_before_it_is_due_and_none_for_a_film_without() {
    if !can_show() {
        return;
    }
    on_a_steady_machine(|| [true, false].into_iter().for_each(sent));
}

fn sent(has_sound: bool) {
    let mut stage = stage();
    tinted([30, 30, 200], has_sound).write(&stage.path("a.mp4"), "libx264").unwrap();
    stage.show(&["a.mp4"], 1000);
    // Until it has begun three times; that none comes is believed after a while.
    let until = Instant::now() + if has_sound { PATIENCE } else { Duration::from_secs(7) };
    let (mut films, mut last) = (Vec::new(), None);
    let (mut pieces, mut frames_of) = (0, Vec::new());
    while films.len() <= 3
        && let Some(said) = stage.player.receive(until).unwrap()
    {
        let Said::Sound { film, due_ns, bytes } = said else { continue };
        if bytes.is_empty() {
            continue;
        }
        let (due_ms, frames) = (due_ns as f64 / 1e6, bytes.len() / SOUND_FRAME_LEN);
        let ahead_ms = due_ms - monotonic_ms();
        assert!((-100.0..f64::from(LEAD_MS) + 1.0).contains(&ahead_ms), "{ahead_ms} ms ahead");
        assert!(frames <= SOUND_FRAMES_MAX);
        if let Some((_, end_ms)) = last.filter(|(before, _)| *before == film) {
            let gap_ms: f64 = due_ms - end_ms;
            assert!(gap_ms.abs() < 2.1, "a gap of {gap_ms} ms");
        } else {
            films.push(film);
            frames_of.push(0);
        }
        *frames_of.last_mut().unwrap() += frames;
        last = Some((film, due_ms + frames as f64 * 1000.0 / f64::from(RATE_HZ)));
        pieces += 1;
    }
    println!("{pieces} pieces of {} films", films.len());
    assert_eq!(films.len() >= 3, has_sound, "each time it begins anew: {films:?}");
    assert!(films.is_sorted(), "{films:?}");
    assert!(pieces == 0 || has_sound);
    // Those that ended: 2 s each, to the last packet of AAC.
    let whole = &frames_of[1.min(frames_of.len())..frames_of.len().saturating_sub(1)];
    assert!(whole.iter().all(|frames| frames.abs_diff(2 * RATE_HZ as usize) <= 96), "{frames_of:?}");
}

#[test]
fn a_film_whose_sound_nothing_decodes_is_seen_and_says_why_it_is_silent() {
    if !can_show() {
        return;
    }
    let mut stage = stage();
    let path = stage.path("a.mp4");
    tinted([200, 30, 30], true).write(&path, "libx264").unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let codecs: Vec<usize> = (0..bytes.len() - 4).filter(|at| bytes[*at..].starts_with(b"mp4a")).collect();
    assert!(!codecs.is_empty());
    for at in codecs {
        bytes[at..at + 4].copy_from_slice(b"zzzz");
    }
    fs::write(&path, bytes).unwrap();
    stage.show(&["a.mp4"], 1000);
    let silent = stage.hear(|event| matches!(event, Event::Silent { .. }));
    assert!(matches!(&silent, Event::Silent { id: 0, reason } if reason.contains("decoder")), "{silent:?}");
    stage.see((20, 20), [200, 30, 30]);
    for _ in 0..3 {
        stage.hear(|event| matches!(event, Event::Shown { .. }));
    }
    let failed = stage.said.iter().find(|event| matches!(event, Event::Failed { .. }));
    assert_eq!(failed, None, "{:?}", stage.said);
}

/// By how many milliseconds the sound of each flash that is seen in this time is heard after it.
fn apart_ms(hall: &Hall, within: Duration) -> Vec<f64> {
    let capture = hall.server.capture().unwrap();
    let until = Instant::now() + within;
    let mut flashes: Vec<Instant> = Vec::new();
    let mut was_light = true;
    while Instant::now() < until {
        let pixel = hall.screen.pixel(WIDTH / 2, HEIGHT / 2).unwrap();
        let is_light = pixel[0] > 128;
        if is_light && !was_light {
            flashes.push(Instant::now());
        }
        was_light = is_light;
        std::thread::sleep(Duration::from_micros(500));
    }
    // The sound of the last may come after it.
    capture.wait_frames(RATE_HZ as usize / 5, PATIENCE).unwrap();
    let captured = capture.stop();
    // And that of the first may have come before there was a recording.
    flashes.retain(|flash| ms_between(captured.instant_of(0), *flash) > 2.0 * APART_MS_MAX);
    let beeps = beeps(&captured);
    let nearest = |flash: &Instant| {
        let all = beeps.iter().map(|beep| ms_between(*flash, *beep));
        all.min_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap()
    };
    let mut apart: Vec<f64> = flashes.iter().map(nearest).collect();
    apart.sort_by(f64::total_cmp);
    apart
}

/// Looks at what [`apart_ms`] found.
fn expect_together(what: &str, apart: &[f64], flashes_min: usize) {
    assert!(apart.len() >= flashes_min, "{what}: {} flashes", apart.len());
    let (first, last, median) = (apart[0], apart[apart.len() - 1], apart[apart.len() / 2]);
    println!(
        "{what}: sound after picture by {first:.1} to {last:.1} ms, median {median:.1} ms, of {} flashes",
        apart.len()
    );
    assert!(apart.iter().all(|apart_ms| apart_ms.abs() <= APART_MS_MAX), "{what}: {apart:?}");
}

#[test]
fn the_sound_of_a_film_is_heard_with_its_picture() {
    let all = [
        ("a.mp4", "aac", "alsa:pa"),
        ("a.mkv", "libopus", "alsa:pa"),
        // It asks the sound server itself when what it gives will be heard.
        ("a.mp4", "aac", "pulse:nul"),
    ];
    for (name, sound, output) in all {
        in_a_hall(|hall| {
            flashes(&hall.place.path().join("films").join(name), 8, sound).unwrap();
            let device = hall.run_to(output, "even_loudness = false", "");
            device.wait_for(PATIENCE, |status| status["screen"]["is_heard"] == true).unwrap();
            // It begins anew twice meanwhile.
            let apart = apart_ms(hall, Duration::from_secs(22));
            assert!(device.terminate().unwrap().success());
            expect_together(&format!("{name} through {output}"), &apart, 19);
        });
    }
}

/// A film of half a minute; `FILM_S=3600` plays one of an hour. It is looked at now and then, since a recording of an hour has
/// a clock of its own.
#[test]
fn sound_and_picture_stay_together_to_the_end_of_a_long_film() {
    let film_s: u32 = std::env::var("FILM_S").map_or(30, |text| text.parse().unwrap());
    let (looks, look) = (2.max(film_s / 300), Duration::from_secs(10));
    in_a_hall(|hall| {
        flashes(&hall.place.path().join("films/a.mp4"), film_s, "aac").unwrap();
        let device = hall.run("");
        device.wait_for(PATIENCE, |status| status["screen"]["is_heard"] == true).unwrap();
        let begun = Instant::now();
        for nth in 0..looks {
            // The last look ends a little before the film does.
            let at_s = f64::from(nth * (film_s - 14)) / f64::from(looks - 1) - look.as_secs_f64();
            let at = begun + Duration::from_secs_f64(at_s.max(1.0));
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            let apart = apart_ms(hall, look);
            expect_together(&format!("after {:.0} s", begun.elapsed().as_secs_f64()), &apart, 9);
        }
        assert!(device.terminate().unwrap().success());
    });
}

#[test]
fn a_loud_film_and_one_of_a_tenth_of_its_amplitude_are_equally_loud_when_both_are_measured() {
    in_a_hall(|hall| {
        let films = hall.place.path().join("films");
        let plain = hall.place.path().join("plain.mp4");
        let film =
            Film { width: 320, height: 180, rate: 25, frames: 75, colour: [30, 30, 200], has_sound: true };
        film.write(&plain, "libx264").unwrap();
        // A picture between them, so that one is told from the other.
        for (name, volume) in [("a.mp4", "volume=6dB"), ("c.mp4", "volume=-14dB")] {
            let mut make = Command::new("ffmpeg");
            make.args(["-nostdin", "-loglevel", "error", "-y", "-i"]).arg(&plain);
            make.args(["-c:v", "copy", "-af", volume]).arg(films.join(name));
            assert!(make.status().unwrap().success());
        }
        for name in ["b.png", "d.png"] {
            picture(&films.join(name), (64, 36), [[200, 30, 30]; 4]).unwrap();
        }
        let capture = hall.server.capture().unwrap();
        let device = hall.run_as("even_loudness = true", "hold_s = 1");
        device.wait_for(PATIENCE, |status| status["screen"]["is_heard"] == true).unwrap();
        capture.wait_frames(RATE_HZ as usize * 35, PATIENCE).unwrap();
        let (_, film) = levels(&capture.stop().channel(0));
        assert!(device.terminate().unwrap().success());
        let hearings = hearings(&film);
        assert!(hearings.len() >= 4, "{hearings:?}");
        let level_db = |hearing: &std::ops::Range<usize>| {
            // Past where it begins and before where it ends.
            let inside = &film[hearing.start + 10..hearing.end - 5];
            db(inside.iter().sum::<f64>() / inside.len() as f64)
        };
        let levels_db: Vec<f64> = hearings[hearings.len() - 4..].iter().map(level_db).collect();
        println!("in dB of full scale: {levels_db:.2?}");
        let (least, most) =
            levels_db.iter().fold((f64::MAX, f64::MIN), |(a, b), db| (a.min(*db), b.max(*db)));
        assert!(most - least < 1.0, "{levels_db:?}");
        // Each follows the one before after a second: none was left out as too quiet.
        let starts: Vec<usize> = hearings[hearings.len() - 4..].iter().map(|hearing| hearing.start).collect();
        assert!(starts.windows(2).all(|two| two[1] - two[0] < 5000 / WINDOW_MS), "{starts:?}");
    });
}

#[test]
fn a_film_turns_the_music_down_and_it_comes_back_after_it() {
    in_a_hall(|hall| {
        hall.music();
        hall.film("a.mp4", 4);
        picture(&hall.place.path().join("films/b.png"), (64, 36), [[200, 30, 30]; 4]).unwrap();
        let capture = hall.server.capture().unwrap();
        let device = hall.run("hold_s = 4");
        device.wait_for(PATIENCE, |status| status["screen"]["is_heard"] == true).unwrap();
        capture.wait_frames(RATE_HZ as usize * 25, PATIENCE).unwrap();
        let left = capture.stop().channel(0);
        assert!(device.terminate().unwrap().success());
        let (music, film) = levels(&left);
        let hearings = hearings(&film);
        assert!(hearings.len() >= 3, "{hearings:?}");
        // The first has begun before its sound was open.
        for hearing in &hearings[1..3] {
            assert!((190..=201).contains(&hearing.len()), "4 s are 200 windows: {hearing:?}");
            let under = &music[hearing.start + 10..hearing.end - 2];
            let is_down = |level: &f64| (db(level / MUSIC) + DUCK_DB).abs() < 0.5;
            assert!(under.iter().all(is_down), "under {hearing:?}: {under:?}");
            // It waits for half a second and rises for one.
            let up = hearing.end + 1700 / WINDOW_MS;
            let back: Vec<f64> = (up..up + 1500 / WINDOW_MS).map(|at| db(music[at] / MUSIC)).collect();
            assert!(back.iter().all(|level_db| level_db.abs() < 0.2), "after {hearing:?}: {back:?}");
        }
        let inside = hearings[0].start * WINDOW_FRAMES..(hearings[2].end + 50) * WINDOW_FRAMES;
        assert!(steepest(&left[inside.clone()]) < STEP_MAX, "a step of {}", steepest(&left[inside]));
    });
}

#[test]
fn films_that_are_not_to_be_heard_leave_the_music_alone() {
    in_a_hall(|hall| {
        hall.music();
        hall.film("a.mp4", 4);
        let capture = hall.server.capture().unwrap();
        let device = hall.run("film_sound = \"off\"");
        device.wait_for(PATIENCE, |status| status["screen"]["shows"] == "a.mp4").unwrap();
        device.wait_for(PATIENCE, |status| status["state"] == "playing").unwrap();
        let begun = capture.frames() + RATE_HZ as usize;
        capture.wait_frames(RATE_HZ as usize * 7, PATIENCE).unwrap();
        let left = capture.stop().channel(0);
        let status =
            device.wait_for(PATIENCE, |status| status["screen"]["presented"].as_u64() > Some(30)).unwrap();
        assert!(status["screen"]["is_heard"].is_null(), "{status}");
        assert!(device.terminate().unwrap().success());
        let (music, film) = levels(&left[begun..]);
        assert!(film.iter().all(|level| *level < 0.002), "{film:?}");
        assert!(music.iter().all(|level| db(level / MUSIC).abs() < 0.1), "{music:?}");
    });
}

#[test]
fn the_music_is_held_in_its_place_while_a_film_is_heard_where_that_is_wanted() {
    in_a_hall(|hall| {
        hall.music();
        hall.film("a.mp4", 5);
        picture(&hall.place.path().join("films/b.png"), (64, 36), [[200, 30, 30]; 4]).unwrap();
        let capture = hall.server.capture().unwrap();
        let device = hall.run("hold_s = 5\nfilm_sound = \"pause\"");
        device.wait_for(PATIENCE, |status| status["screen"]["is_heard"] == true).unwrap();
        device.wait_for(PATIENCE, |status| status["screen"]["is_heard"].is_null()).unwrap();
        device.wait_for(PATIENCE, |status| position_ms(status) > 1500).unwrap();
        device.wait_for(PATIENCE, |status| status["screen"]["is_heard"] == true).unwrap();
        capture.wait_frames(RATE_HZ as usize * 3 / 2, PATIENCE).unwrap();
        let place = position_ms(&device.ask("status", serde_json::json!({})).unwrap());
        capture.wait_frames(RATE_HZ as usize, PATIENCE).unwrap();
        assert_eq!(position_ms(&device.ask("status", serde_json::json!({})).unwrap()), place, "it stands");
        device.wait_for(PATIENCE, |status| status["screen"]["is_heard"].is_null()).unwrap();
        let status = device.wait_for(PATIENCE, |status| position_ms(status) > place).unwrap();
        assert!(position_ms(&status) < place + 1000, "it goes on where it was, at {place}: {status}");
        assert_eq!(status["state"], "playing");
        capture.wait_frames(RATE_HZ as usize * 5 / 2, PATIENCE).unwrap();
        let left = capture.stop().channel(0);
        assert!(device.terminate().unwrap().success());
        let (music, film) = levels(&left);
        let hearings = hearings(&film);
        let last = hearings.last().unwrap();
        // The news goes through two threads before it fades within half a second.
        let held = &music[last.start + 1000 / WINDOW_MS..last.end - 2];
        assert!(held.iter().all(|level| *level < 0.003), "{held:?}");
        // Half a second after it the mixer says so, and what is held rises for a second.
        let back = last.end + 2200 / WINDOW_MS;
        assert!(db(music[back] / MUSIC).abs() < 0.2, "{:?}", &music[last.end..back]);
    });
}

#[test]
fn when_the_process_that_shows_is_killed_its_sound_falls_the_music_goes_on_and_both_come_back() {
    in_a_hall(|hall| {
        hall.music();
        hall.film("a.mp4", 30);
        let capture = hall.server.capture().unwrap();
        let device = hall.run("");
        device.wait_for(PATIENCE, |status| status["screen"]["is_heard"] == true).unwrap();
        let begun = capture.frames() + RATE_HZ as usize;
        capture.wait_frames(RATE_HZ as usize * 3, PATIENCE).unwrap();
        let process = shower(device.pid()).expect("a process shows");
        let killed = Instant::now();
        assert!(Command::new("kill").args(["-9", &process.to_string()]).status().unwrap().success());
        device.wait_for(PATIENCE, |status| status["screen"]["restarts"] == 1).unwrap();
        device.wait_for(PATIENCE, |status| status["screen"]["shows"] == "a.mp4").unwrap();
        capture.wait_frames(RATE_HZ as usize * 4, PATIENCE).unwrap();
        let captured = capture.stop();
        assert!(device.terminate().unwrap().success());
        let left = captured.channel(0);
        let (music, film) = levels(&left[begun..]);
        let gone = film.iter().position(|level| *level < FILM / 2.0).expect("it is silent for a moment");
        let gone_ms = ms_between(killed, captured.instant_of(begun + gone * WINDOW_FRAMES));
        let back = gone + film[gone..].iter().position(|level| *level > FILM / 2.0).expect("it is back");
        println!("silent {gone_ms:.0} ms after the kill, for {} ms", (back - gone) * WINDOW_MS);
        // What lies in the output's buffers is heard.
        assert!((-20.0..=200.0).contains(&gone_ms), "{gone_ms} ms");
        assert!(film[back + 5..].iter().all(|level| db(level / FILM).abs() < 1.0), "{film:?}");
        let softest_db = music.iter().map(|level| db(level / MUSIC)).fold(0.0, f64::min);
        assert!(softest_db > -DUCK_DB - 0.5, "the music has a hole of {softest_db} dB");
        assert!(steepest(&left[begun..]) < STEP_MAX, "a step of {}", steepest(&left[begun..]));
    });
}

/// 20 times; `SCREEN_KILLS=100` for as many.
#[test]
fn the_process_that_shows_is_killed_at_random_and_the_music_has_no_gap() {
    let kills: u32 = std::env::var("SCREEN_KILLS").map_or(20, |text| text.parse().unwrap());
    in_a_hall(|hall| {
        hall.music_of(60 + 3 * kills as usize);
        hall.film("a.mp4", 4);
        let device = hall.run("film_sound = \"off\"");
        device.wait_for(PATIENCE, |status| status["screen"]["shows"] == "a.mp4").unwrap();
        device.wait_for(PATIENCE, |status| status["position_ms"].as_u64() > Some(2000)).unwrap();
        let capture = hall.server.capture().unwrap();
        let mut chance = Chance::new();
        let mut darks = Vec::new();
        for _ in 0..kills {
            std::thread::sleep(Duration::from_millis(chance.below(KILL_EVERY_MS)));
            let process = shower(device.pid()).expect("a process shows");
            assert!(Command::new("kill").args(["-9", &process.to_string()]).status().unwrap().success());
            see(&hall.screen, |pixel| !is_like(pixel, BLUE));
            darks.push(see(&hall.screen, |pixel| is_like(pixel, BLUE)));
        }
        let left = capture.stop().channel(0);
        assert!(device.terminate().unwrap().success());
        darks.sort();
        println!(
            "{kills} kills: without a picture {:?} (median), {:?} at the longest",
            darks[darks.len() / 2],
            darks.last()
        );
        // Nothing that was captured before the recorder was filled.
        let left = &left[RATE_HZ as usize / 2..];
        let (music, _) = levels(left);
        let off = music.iter().map(|level| db(level / MUSIC).abs()).fold(0.0, f64::max);
        assert!(off < 0.2, "the music is {off} dB off");
        assert!(steepest(left) < STEP_MAX, "a step of {}", steepest(left));
        println!("{:.0} s of music without a gap", left.len() as f64 / f64::from(RATE_HZ));
    });
}

#[test]
fn a_disk_that_does_not_say_which_films_it_has_makes_no_hole_in_the_sound_of_one() {
    /// Far more than a machine stands still while its real disk is busy.
    const BUFFER_FRAMES: u32 = 9600;
    if !DyingDisk::is_available() {
        eprintln!("SKIPPED: a disk that does not answer needs root and /dev/fuse");
        return;
    }
    in_a_hall(|hall| {
        hall.film("a.mp4", 60);
        let slow = hall.place.path().join("slow");
        fs::create_dir(&slow).unwrap();
        let disk = DyingDisk::mount(&slow, vec![("notes.txt".into(), b"nothing".to_vec())]).unwrap();
        let screen = hall.screen.display();
        // From before there is any sound: a recorder that comes later makes the server change its buffers.
        let capture = hall.server.capture().unwrap();
        let device = hall.place.setup.run(&format!(
            "outputs = [\"alsa:pa\"]\nbuffer_frames = {BUFFER_FRAMES}\nvolume = 100\neven_loudness = false\n\
             [screen]\nsink = \"x11\"\nshow = [\"films\", \"slow\"]\ndisplay = \"{screen}\"\n"
        ));
        // Dropped before the device, which cannot end while somebody waits for the disk.
        let (device, disk) = (device.unwrap(), disk);
        device.wait_for(PATIENCE, |status| status["screen"]["is_heard"] == true).unwrap();
        disk.hang_folder();
        // Folders are looked through each 10 s, and after 5 s without an answer it is said.
        let status = device.wait_for(PATIENCE, |status| status["screen"]["problem"].is_string()).unwrap();
        assert!(status["screen"]["problem"].as_str().unwrap().contains("does not answer"), "{status}");
        assert_eq!(status["screen"]["shows"], "a.mp4", "{status}");
        assert!(disk.waiting() > 0);
        let (_, film) = levels(&capture.stop().channel(0));
        let begun = film.iter().position(|level| *level > FILM / 2.0).unwrap();
        // But for where it begins, and the recorder's last moments.
        let heard = &film[begun + 5..film.len() - 5];
        let holes: Vec<usize> = (0..heard.len()).filter(|at| heard[*at] < FILM / 2.0).collect();
        let holes_ms: Vec<usize> = holes.iter().map(|at| at * WINDOW_MS).collect();
        println!("{} ms of a film, holes at {holes_ms:?} ms", heard.len() * WINDOW_MS);
        assert!(heard.len() * WINDOW_MS > 4000 && holes.is_empty(), "holes at {holes_ms:?} ms");
        disk.fail();
        let is_over = |status: &Value| {
            status["screen"]["problem"].as_str().is_none_or(|words| !words.contains("does not answer"))
        };
        device.wait_for(PATIENCE, is_over).unwrap();
        assert!(device.terminate().unwrap().success());
    });
}

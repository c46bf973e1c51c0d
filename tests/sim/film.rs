//! The sound of films in virtual time: when it may be heard, and when the music is held for it.

use orchestrion::audio::Event as Sound;
use orchestrion::media::screen::words::Overlay;
use orchestrion::video::{self, FilmSound, Wanted};
use orchestrion_protocol::method::EmergencyParams;

use super::programs::{document, put_on, run_until};
use super::*;

const SONG_MS: u64 = 61_000;

fn with_screen(film_sound: FilmSound) -> Start {
    let screen = Wanted { film_sound, ..Wanted::default() };
    Start { screen: Some(Box::new(screen)), ..start(Repeat::All, 0) }
}

fn playing(film_sound: FilmSound) -> Sim {
    let mut sim = Sim::new(1, &[good(SONG_MS); 3], with_screen(film_sound));
    sim.run_ms(3000);
    sim
}

impl Sim {
    fn film(&mut self, is_heard: bool) {
        self.hear(Event::Audio(Sound::Film { is_heard }));
    }

    /// Whether films may be heard, and by how much they turn the music down.
    fn film_mix(&self) -> (bool, f32) {
        let mix = self.world.film.unwrap();
        (mix.gain_db.is_some(), mix.duck_db)
    }
}

#[test]
fn films_are_heard_as_the_configuration_says_and_turn_the_music_down_or_hold_it_in_its_place() {
    assert_eq!(playing(FilmSound::Off).world.film, None);
    let mut sim = playing(FilmSound::Duck);
    assert_eq!(sim.film_mix(), (true, 12.0));
    sim.film(true);
    assert!(!sim.world.held);

    let mut sim = playing(FilmSound::Pause);
    assert_eq!(sim.film_mix(), (true, 0.0));
    sim.film(true);
    assert!(sim.world.held);
    sim.run_ms(20_000);
    assert_eq!(sim.status(), "playing");
    sim.film(false);
    assert!(!sim.world.held);
    sim.run_ms(5000);
    assert_eq!(sim.witness.opened(), 1, "it is the same play");
}

#[test]
fn who_pauses_silences_films_too_and_what_holds_the_music_for_several_reasons_goes_on_after_the_last() {
    let mut sim = playing(FilmSound::Pause);
    sim.film(true);
    sim.ask(Method::Pause);
    assert_eq!((sim.film_mix().0, sim.world.held), (false, true));
    // The mixer says that nothing of it is heard any more.
    sim.film(false);
    assert!(sim.world.held, "somebody has paused it");
    sim.ask(Method::Play(PlayParams::default()));
    assert_eq!((sim.film_mix().0, sim.world.held), (true, false));
    sim.film(true);
    assert!(sim.world.held);
    // What people do to the queue does not let it be heard.
    sim.ask(Method::Skip);
    sim.run_ms(2000);
    assert!(sim.world.held);
    // Nor does an audio thread that has forgotten everything: it says anew what is heard.
    sim.hear(Event::Service(service::Event::Restarted { service: Name::Audio }));
    assert_eq!(sim.film_mix(), (true, 0.0), "it is told again");
    sim.film(true);
    assert!(sim.world.held);
    sim.film(false);
    sim.run_ms(2000);
    assert!(!sim.world.held);
}

#[test]
fn nothing_of_a_film_is_heard_under_an_emergency_or_while_it_is_closed() {
    let mut sim = Sim::new(
        2,
        &[good(SONG_MS); 10],
        Start { program: Some("/music/program.json".into()), ..with_screen(FilmSound::Duck) },
    );
    assert!(sim.world.film.is_none_or(|mix| mix.gain_db.is_none()), "not before the program is read");
    put_on(&mut sim, &document());
    run_until(&mut sim, "14:14");
    assert!(sim.film_mix().0);
    let emergency = EmergencyParams { path: "/music/3".into(), for_s: 60, picture: None };
    sim.ask(Method::Voice(VoiceMethod::Emergency(emergency)));
    sim.run_ms(3000);
    assert!(!sim.film_mix().0);
    sim.run_ms(70_000);
    assert!(sim.film_mix().0, "it is over");
    run_until(&mut sim, "14:21");
    assert!(!sim.film_mix().0, "closed");
}

#[test]
fn a_daypart_says_what_becomes_of_the_sound_of_films_and_what_is_written_over_them() {
    let mut sim = Sim::new(
        2,
        &[good(SONG_MS); 10],
        Start { program: Some("/music/program.json".into()), ..with_screen(FilmSound::Off) },
    );
    assert_eq!(sim.sends_sound(), Some(false), "the configuration has it off");
    let mut program = document();
    let mut later = program["dayparts"][0].clone();
    later["id"] = "later".into();
    (later["from"], later["priority"]) = ("14:16".into(), 5.into());
    later["screen"] =
        serde_json::json!({"film_sound": "pause", "ticker": "Last orders", "now_playing": true});
    program["dayparts"].as_array_mut().unwrap().push(later);
    put_on(&mut sim, &program);
    assert_eq!(sim.sends_sound(), Some(true), "some daypart lets it be heard");
    run_until(&mut sim, "14:14");
    assert!(sim.world.film.is_none_or(|mix| mix.gain_db.is_none()), "this one does not");
    assert_eq!(sim.overlay().unwrap_or_default().ticker, None);
    run_until(&mut sim, "14:17");
    assert_eq!(sim.film_mix(), (true, 0.0));
    sim.film(true);
    assert!(sim.world.held);
    sim.film(false);
    sim.run_ms(1000);
    let overlay = sim.overlay().unwrap();
    assert_eq!(overlay.ticker.as_deref(), Some("Last orders"));
    assert!(overlay.now_playing.is_some_and(|song| song.starts_with('♫')));
    assert_eq!(overlay.song.as_ref().map(PathBuf::from).as_deref(), Some(sim.witness.last_path()));
}

impl Sim {
    /// Whether the video thread was told last that the sound of films is wanted.
    fn sends_sound(&self) -> Option<bool> {
        let told = self.told_video.iter().rev().find_map(|command| match command {
            video::Command::Wire(wanted) => Some(wanted.as_ref()),
            _ => None,
        });
        told.map(|wanted| wanted.is_some_and(|wanted| wanted.film_sound != FilmSound::Off))
    }

    /// What it was told last to write.
    fn overlay(&self) -> Option<Overlay> {
        self.told_video.iter().rev().find_map(|command| match command {
            video::Command::Overlay(overlay) => Some(overlay.clone()),
            _ => None,
        })
    }
}

#[test]
fn a_film_is_as_loud_as_a_song_once_it_is_measured_and_again_when_it_comes_back() {
    let mut sim = playing(FilmSound::Duck);
    let gain = |sim: &Sim| sim.world.film.unwrap().gain_db.unwrap();
    let shows = |sim: &mut Sim, name: &str| {
        let path = PathBuf::from(name);
        let what = video::OnScreen { path, title: None, kind: video::Kind::Film, size: 1, modified_ms: 2 };
        sim.hear(Event::Video(video::Event::Shows(Some(Box::new(what)))));
    };
    let measured = |sim: &mut Sim, name: &str, modified_ms: i64, lufs: Option<f32>| {
        let cues = measure::Cues { head_ms: 0, tail_ms: 1000, swing_end_ms: 1000, silence_ms: 0 };
        let loudness = lufs.map(|integrated_lufs| measure::Loudness {
            integrated_lufs,
            loudest_lufs: integrated_lufs,
            true_peak_dbtp: -1.0,
        });
        let blob = measure::Blob([7; 32]);
        let result = Ok(Box::new(measure::Measurement { blob, duration_ms: 1000, loudness, cues }));
        let file = Some(measure::FileId { size: 1, modified_ms });
        sim.hear(Event::Measure(measure::Event::Measured { path: Path::new(name).into(), file, result }));
    };
    let unknown = gain(&sim);
    shows(&mut sim, "/films/loud");
    assert_eq!(gain(&sim), unknown);
    measured(&mut sim, "/films/loud", 1, Some(-3.0));
    measured(&mut sim, "/films/soft", 2, Some(-3.0));
    assert_eq!(gain(&sim), unknown, "neither that content nor that film");
    measured(&mut sim, "/films/loud", 2, Some(-10.0));
    let loud = gain(&sim);
    shows(&mut sim, "/films/soft");
    assert_eq!(gain(&sim), unknown);
    measured(&mut sim, "/films/soft", 2, Some(-20.0));
    assert!((gain(&sim) - loud - 10.0).abs() < 0.01, "{} and {loud}", gain(&sim));
    shows(&mut sim, "/films/loud");
    assert_eq!(gain(&sim), loud);
}

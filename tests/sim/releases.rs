//! Releases on a device in virtual time: when it changes over, and what plays until it does.

use std::collections::BTreeMap;

use orchestrion::program::Program;
use orchestrion::releases::{Command, Event as Released, Held, Ready, Told, Wanted};
use orchestrion_program::Resolved;
use orchestrion_program::model::{BlobId, Library, Playlist, Recording};
use orchestrion_protocol::release::{Digest, Edition, Manifest, RELEASE_VERSION, SecretKey};
use serde_json::json;

use super::*;

/// What the store of the world does with what it is told.
#[derive(Debug, Default)]
pub struct StoreWorld {
    pub configured: usize,
    pub looked: usize,
    /// Each time it was asked to change over: to what, and when.
    pub asked: Vec<(Edition, Mono)>,
    pub used: Vec<Arc<Path>>,
}

impl Sim {
    pub fn store_is_told(&mut self, command: Command) {
        match command {
            Command::Configure(_) => self.store.configured += 1,
            Command::Look => self.store.looked += 1,
            Command::Switch(edition) => self.store.asked.push((edition, self.now.monotonic)),
            Command::Used(list) => self.store.used = list,
        }
    }

    fn released(&mut self, event: Released) {
        self.hear(Event::Release(event));
    }
}

fn edition(number: u64) -> Edition {
    Edition { epoch: 1, number }
}

/// A release of songs of the world, each called by its number.
fn program(number: u64, songs: std::ops::Range<usize>, volume: u8) -> Program {
    let rules: Resolved = serde_json::from_value(json!({
        "v": 1,
        "place": {"id": "test"},
        "zone": {"id": "UTC", "tzdb": "2025b", "offset_s": 0, "transitions": []},
        "hours": {"sound": [{"days": ["daily"], "from": "00:00", "to": "24:00"}]},
        "dayparts": [{"id": format!("of {number}"), "days": ["daily"], "from": "00:00", "to": "24:00",
                      "playlists": [{"id": "all"}], "volume": {"set": volume}, "crossfade_s": 3}],
        "rotation": {"song": {"count": 1, "minutes": 0}},
        "clockless": {"allowed": true},
        "fallback": "all",
    }))
    .unwrap();
    let names: BTreeMap<String, usize> =
        songs.clone().map(|n| (Digest::of(&[n as u8]).to_string(), n)).collect();
    let recordings: Vec<Recording> = names
        .iter()
        .map(|(name, n)| Recording {
            id: format!("r{n}").as_str().into(),
            title: format!("song {n}"),
            blobs: vec![BlobId(name.clone())],
            ..Recording::default()
        })
        .collect();
    let all = recordings.iter().map(|one| one.id.clone()).collect();
    let list = Playlist { id: "all".into(), recordings: all, ..Playlist::default() };
    let manifest = Manifest {
        v: RELEASE_VERSION,
        edition: edition(number),
        place: "test".into(),
        made_utc_ms: None,
        starts_utc_ms: None,
        program: rules,
        catalogue: Library { recordings, playlists: vec![list], ..Library::default() },
        blobs: Vec::new(),
    };
    Program::of_release(&manifest, |name| {
        names.get(&name.to_string()).map(|n| PathBuf::from(format!("/music/{n}")))
    })
    .unwrap()
}

fn held(number: u64, songs: std::ops::Range<usize>) -> Released {
    let program = program(number, songs, 40);
    Released::Opened(Some(Box::new(Held {
        edition: edition(number),
        is_factory: false,
        since: None,
        program,
    })))
}

fn ready(number: u64, songs: std::ops::Range<usize>, starts: Option<Wall>) -> Released {
    let program = program(number, songs, 70);
    Released::Ready(Box::new(Ready { edition: edition(number), starts, program }))
}

fn wanted() -> Wanted {
    let key = SecretKey::from_chance(&[1; 32]).public();
    toml::from_str(&format!("servers = [\"http://127.0.0.1/\"]\nkeys = [\"{key}\"]")).unwrap()
}

const SONG_MS: u64 = 60_000;

/// Ten songs; `music` is what plays without releases.
fn device(seed: u64, music: bool) -> Sim {
    let music = if music { vec!["/music".into()] } else { vec![] };
    let start = Start { release: Some(Box::new(wanted())), music, afresh: false, ..start(Repeat::All, 0) };
    Sim::new(seed, &[good(SONG_MS); 10], start)
}

fn numbers(sim: &Sim) -> Vec<usize> {
    let number = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().parse().unwrap();
    sim.witness.paths().iter().map(number).collect()
}

#[test]
fn a_release_that_is_ready_is_changed_over_to_at_the_songs_end_without_silence() {
    for seed in 0..20 {
        let mut sim = device(seed, false);
        assert_eq!(sim.store.configured, 1);
        sim.released(held(1, 0..5));
        sim.run_ms(20_000 + seed * 1700);
        sim.released(ready(2, 5..10, None));
        let before = numbers(&sim).len();
        let began = sim.now.monotonic;
        while sim.store.asked.is_empty() {
            sim.step();
            assert!(sim.now.monotonic.since_ms(began) < 2 * SONG_MS, "it never changes over");
        }
        assert_eq!(sim.volume(), 40, "until then the old rules hold");
        assert_eq!(sim.store.asked[0].0, edition(2));
        sim.released(Released::Switched(edition(2)));
        let mut longest = 0;
        for _ in 0..12_000 {
            sim.step();
            longest = longest.max(sim.world.silence_ms());
        }
        assert!(longest < 500, "seed {seed}: {longest} ms of silence");
        let songs = numbers(&sim);
        assert!(songs[..before].iter().all(|n| *n < 5), "{songs:?}");
        let first = songs.iter().position(|n| *n >= 5).unwrap();
        assert!(first <= before + 1, "at a song's end, and not later than that of the next: {songs:?}");
        assert!(songs[first..].iter().all(|n| *n >= 5), "never a mixture: {songs:?}");
        // The last one plays; in a crossfade the last two do.
        assert!(sim.witness.closed_as("finished") + 2 >= songs.len(), "{songs:?}");
        let otherwise: usize =
            ["skipped", "cut", "failed"].map(|how| sim.witness.closed_as(how)).iter().sum();
        assert_eq!(otherwise, 0, "no song was cut");
        assert_eq!(sim.volume(), 70);
    }
}

#[test]
fn until_the_store_says_that_it_has_nothing_it_waits_and_then_the_configured_music_plays_until_there_is_a_release()
 {
    let mut sim = device(1, true);
    sim.run_ms(500);
    assert_eq!(sim.witness.opened(), 0);
    sim.released(Released::Opened(None));
    sim.run_ms(70_000);
    assert_eq!((sim.status().as_str(), sim.witness.opened()), ("playing", 2));
    sim.released(ready(1, 5..10, None));
    sim.run_ms(45_000);
    sim.released(Released::Switched(edition(1)));
    sim.run_ms(3 * SONG_MS);
    let songs = numbers(&sim);
    assert_eq!(songs[..2], [0, 1]);
    assert!(
        songs.len() >= 4 && songs[2..].iter().all(|n| *n >= 5),
        "the queue of before gave way: {songs:?}"
    );
    assert!(sim.world.silence_ms() < 500);
}

/// What the queue does now.
fn queue_modes(sim: &mut Sim) -> (Repeat, bool) {
    let id = Some(Id::Number(2));
    let mut effects = Vec::new();
    let asked = control::Event::Asked { client: ClientId(2), id, method: Method::Status };
    sim.app.handle(sim.now, Event::Control(asked), &mut effects);
    let told = effects.into_iter().find_map(|effect| match effect {
        Effect::Control(control::Command::Reply { outcome: Ok(value), .. }) => Some(value),
        _ => None,
    });
    let told = told.unwrap();
    (serde_json::from_value(told["repeat"].clone()).unwrap(), told["shuffle"].as_bool().unwrap())
}

/// What the disk was told last of what people set.
fn settings(sim: &Sim) -> storage::Settings {
    sim.witness.settings().unwrap()
}

#[test]
fn what_people_set_outlives_starts_without_a_release_and_a_release_that_comes_in_between() {
    let begin = |restored: &Restored| {
        let music = vec!["/music".into()];
        let start =
            Start { release: Some(Box::new(wanted())), music, afresh: false, ..start(Repeat::All, 0) };
        Sim::restart(1, &[good(SONG_MS); 10], start, restored)
    };
    let modes = |sim: &Sim| {
        let set = settings(sim);
        (set.repeat, set.shuffle)
    };
    let mut sim = begin(&Restored { run: 1, ..Restored::default() });
    sim.released(Released::Opened(None));
    sim.run_ms(3_000);
    sim.ask(Method::Queue(QueueMethod::Shuffle(SwitchParams { on: true })));
    sim.ask(Method::Queue(QueueMethod::Repeat(RepeatParams { mode: Repeat::One })));
    assert_eq!(modes(&sim), (Repeat::One, true));
    // Once more without a release, once with one that comes, once without again.
    for (run, has_release) in [(2, false), (3, true), (4, false)] {
        let restored = Restored { run, settings: Some(settings(&sim)), ..Restored::default() };
        sim = begin(&restored);
        sim.released(if has_release { held(1, 5..10) } else { Released::Opened(None) });
        sim.run_ms(3_000);
        assert_eq!(
            queue_modes(&mut sim),
            if has_release { (Repeat::Off, false) } else { (Repeat::One, true) },
            "run {run}"
        );
        sim.ask(Method::Volume(VolumeParams { percent: Some(30 + run as u8), by: None }));
        assert_eq!(modes(&sim), (Repeat::One, true), "run {run}: what is kept");
    }
}

#[test]
fn the_led_says_that_nobody_can_be_reached_while_it_plays_and_nothing_else_needs_a_look() {
    use orchestrion::buttons::{Event as Hand, Pattern, Wanted as Board};
    let board = Board { name: Some("pc".into()), ..Board::default() };
    let start = Start { release: Some(Box::new(wanted())), board, afresh: false, ..start(Repeat::All, 0) };
    let mut sim = Sim::new(5, &[good(SONG_MS); 10], start);
    let told = |is_cut_off| Released::Told(Box::new(Told { is_cut_off, ..Told::default() }));
    sim.released(held(1, 0..5));
    sim.released(told(true));
    assert_ne!(sim.led, Some(Pattern::NoNetwork), "it does not play yet");
    sim.run_ms(3000);
    assert_eq!((sim.status().as_str(), sim.led), ("playing", Some(Pattern::NoNetwork)));
    sim.ask(Method::Pause);
    sim.run_ms(1000);
    assert_eq!(sim.led, Some(Pattern::Closed));
    sim.ask(Method::Play(PlayParams::default()));
    sim.run_ms(1000);
    sim.hear(Event::Buttons(Hand::Lost { what: "button \"play\"".into(), reason: "gone".into() }));
    assert_eq!(sim.led, Some(Pattern::Fault), "a fault is worse");
    sim.hear(Event::Buttons(Hand::Back { what: "button \"play\"".into() }));
    assert_eq!(sim.led, Some(Pattern::NoNetwork));
    sim.released(told(false));
    assert_eq!(sim.led, Some(Pattern::Playing));
    let link = |is_cut_off| orchestrion::web::Told { is_cut_off, ..Default::default() };
    sim.hear(Event::Web(orchestrion::web::Event::Told(Box::new(link(true)))));
    assert_eq!(sim.led, Some(Pattern::NoNetwork), "the control server");
    sim.hear(Event::Web(orchestrion::web::Event::Told(Box::new(link(false)))));
    assert_eq!(sim.led, Some(Pattern::Playing));
}

#[test]
fn a_store_that_does_not_answer_is_not_waited_for_and_heard_when_it_does() {
    let mut sim = device(2, true);
    sim.run_ms(9_000);
    assert_eq!(sim.witness.opened(), 0);
    sim.run_ms(3_000);
    assert_eq!((sim.status().as_str(), sim.witness.opened()), ("playing", 1));
    sim.released(held(3, 5..10));
    sim.run_ms(3 * SONG_MS);
    let songs = numbers(&sim);
    assert!(songs[1..].iter().all(|n| *n >= 5), "{songs:?}");
    assert!(sim.witness.closed_as("finished") + 2 >= songs.len(), "what played went on to its end");
}

#[test]
fn a_stated_time_is_kept_to_and_what_plays_makes_way() {
    let mut sim = device(3, false);
    sim.released(held(1, 0..5));
    sim.run_ms(10_000);
    let starts = Wall(sim.now.wall.unwrap().0 + 200_000);
    sim.released(ready(2, 5..10, Some(starts)));
    sim.run_ms(199_000);
    assert!(sim.store.asked.is_empty(), "not before its time");
    assert!(numbers(&sim).iter().all(|n| *n < 5));
    sim.run_ms(1_100);
    assert_eq!(sim.store.asked.len(), 1);
    sim.released(Released::Switched(edition(2)));
    sim.run_ms(5_000);
    assert!(*numbers(&sim).last().unwrap() >= 5, "{:?}", numbers(&sim));
    assert!(sim.world.silence_ms() < 500);
}

#[test]
fn a_change_over_that_fails_leaves_what_is_held_and_is_tried_again() {
    let mut sim = device(4, false);
    sim.released(held(1, 0..5));
    sim.run_ms(10_000);
    sim.released(ready(2, 5..10, None));
    sim.run_ms(60_000);
    assert_eq!(sim.store.asked.len(), 1);
    sim.released(Released::NotSwitched(edition(2), "the disk is full".into()));
    sim.run_ms(4 * SONG_MS);
    assert!(numbers(&sim).iter().all(|n| *n < 5) && sim.world.silence_ms() < 500);
    assert!(sim.store.asked.len() >= 2, "{:?}", sim.store.asked);
    sim.released(Released::Switched(edition(2)));
    sim.run_ms(SONG_MS);
    assert!(*numbers(&sim).last().unwrap() >= 5);
}

#[test]
fn what_plays_and_comes_next_is_told_so_that_it_is_not_taken_away_and_again_to_a_thread_that_died() {
    let mut sim = device(5, false);
    sim.released(held(1, 0..5));
    sim.run_ms(5_000);
    let playing = sim.witness.paths().last().unwrap().clone();
    assert!(sim.store.used.len() >= 2 && sim.store.used.iter().any(|path| **path == *playing));
    sim.store.used.clear();
    sim.hear(Event::Service(service::Event::Restarted { service: Name::Download }));
    sim.released(held(1, 0..5));
    sim.run_ms(1_000);
    assert!(sim.store.used.iter().any(|path| **path == *playing), "{:?}", sim.store.used);
    assert_eq!(sim.witness.opened(), 1, "what plays goes on");
}

/// Whatever people press and whichever thread dies: never silent, never back, and a song of a release that is not held is
/// begun only if it was chosen before.
#[test]
fn under_any_presses_and_deaths_the_newest_release_that_the_store_holds_is_the_one_that_plays() {
    for seed in 0..60 {
        let mut chance = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
        let mut sim = device(seed, true);
        let (mut store_has, mut newest) = (None, 0);
        let mut answered = 0;
        sim.released(Released::Opened(None));
        let mut quiet = false;
        for _ in 0..400 {
            if chance.random_bool(0.03) {
                newest += 1;
                let starts = chance
                    .random_bool(0.3)
                    .then(|| Wall(sim.now.wall.unwrap().0 + chance.random_range(-60_000..120_000)));
                sim.released(ready(newest, songs_of(newest), starts));
            }
            if chance.random_bool(0.05) {
                sim.ask(any_method(&mut chance, 10));
            }
            if chance.random_bool(0.01) {
                sim.hear(Event::Service(service::Event::Restarted { service: Name::Download }));
                let opened = store_has.map(|number| held(number, songs_of(number)));
                sim.released(opened.unwrap_or(Released::Opened(None)));
            }
            sim.run_ms(500);
            while answered < sim.store.asked.len() {
                let (edition, _) = sim.store.asked[answered];
                answered += 1;
                if edition.number < newest || chance.random_bool(0.2) {
                    sim.released(Released::NotSwitched(edition, "as chance wants it".into()));
                } else {
                    store_has = Some(edition.number);
                    sim.released(Released::Switched(edition));
                }
            }
            let status = sim.status();
            if (status == "playing" || status == "waiting") && !quiet {
                let silent_ms = sim.world.silence_ms();
                assert!(silent_ms < 2000, "seed {seed}: {silent_ms} ms of silence while {status}");
            }
            quiet = status == "paused" || status == "stopped";
            sim.world.check();
        }
        sim.hear(Event::Signal(Signal::Terminate));
        sim.run_ms(3000);
        sim.witness.check_all_closed();
    }
}

fn songs_of(number: u64) -> std::ops::Range<usize> {
    let from = (number as usize % 3) * 3;
    from..from + 3
}

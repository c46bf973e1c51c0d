//! What is said over and between songs, in virtual time: announcements that people ask for, spots, emergencies.

use orchestrion_protocol::method::{AnnounceParams, EmergencyParams, VoiceMethod};
use serde_json::{Value, json};

use super::programs::{at_ms, document, put_on, run_until};
use super::voice_world::WasSaid;
use super::*;

const SONG_MS: u64 = 61_000;
const SPOT_MS: u64 = 8000;
/// Ten songs and two spots; another one that cannot be opened.
const SPOT: &str = "/music/10";
const SECOND_SPOT: &str = "/music/11";
const BROKEN_SPOT: &str = "/music/12";

pub fn songs() -> Vec<SongKind> {
    let mut songs = vec![good(SONG_MS); 10];
    songs.extend([good(SPOT_MS), good(SPOT_MS), SongKind::Bad]);
    songs
}

/// The program of the other tests, with spots.
pub fn with_spots(spots: Value) -> Value {
    let mut document = document();
    for song in document["library"]["recordings"].as_array_mut().unwrap() {
        song["duration_ms"] = json!(SONG_MS);
    }
    for id in 10..13 {
        let name = id.to_string();
        let recording = json!({"id": name, "files": [name], "artists": [], "duration_ms": SPOT_MS});
        document["library"]["recordings"].as_array_mut().unwrap().push(recording);
    }
    document["spots"] = spots;
    document
}

pub fn on_air(seed: u64, document: &Value) -> Sim {
    let start = Start { program: Some("/music/program.json".into()), seed, ..start(Repeat::All, 0) };
    let mut sim = Sim::new(seed, &songs(), start);
    put_on(&mut sim, document);
    sim
}

fn announce(sim: &mut Sim, path: &str) {
    let params = AnnounceParams { path: path.into(), duck_db: None };
    sim.ask(Method::Voice(VoiceMethod::Announce(params)));
}

impl Sim {
    /// What the device says of why it is as it is.
    fn why(&mut self) -> String {
        let mut effects = Vec::new();
        let method = Method::Program(ProgramMethod::Why(WhyParams { song: None }));
        let asked = control::Event::Asked { client: ClientId(3), id: Some(Id::Number(3)), method };
        self.app.handle(self.now, Event::Control(asked), &mut effects);
        let reply = effects.into_iter().find_map(|effect| match effect {
            Effect::Control(control::Command::Reply { outcome: Ok(value), .. }) => Some(value.to_string()),
            _ => None,
        });
        reply.unwrap()
    }
}

fn times(said: &[WasSaid], sim: &Sim) -> Vec<i64> {
    let now = sim.now;
    said.iter()
        .map(|one| now.wall.unwrap().0 - i64::try_from(now.monotonic.since_ms(one.from)).unwrap())
        .collect()
}

#[test]
fn an_announcement_is_said_over_the_music_and_whoever_asked_is_told_when_it_begins() {
    let mut sim = Sim::new(1, &songs(), start(Repeat::All, 0));
    sim.run_ms(3000);
    announce(&mut sim, SPOT);
    sim.run_ms(200);
    assert_eq!((sim.asked, sim.replies), (1, 1));
    sim.run_ms(SPOT_MS);
    let said = &sim.world.voice.said[0];
    assert_eq!((said.duck_db, said.was_held, said.heard_ms), (12.0, false, SPOT_MS));
    assert_eq!(sim.witness.closed_as("finished"), 1, "the announcement, not the song");
    assert_eq!(sim.status(), "playing");
    sim.hear(Event::Signal(Signal::Terminate));
    sim.run_ms(1000);
    sim.witness.check_all_closed();
}

#[test]
fn what_cannot_be_said_is_answered_so_and_the_next_one_follows() {
    let mut sim = Sim::new(2, &songs(), start(Repeat::All, 0));
    sim.run_ms(3000);
    announce(&mut sim, BROKEN_SPOT);
    announce(&mut sim, SPOT);
    announce(&mut sim, SECOND_SPOT);
    sim.run_ms(2 * SPOT_MS + 1000);
    assert_eq!((sim.asked, sim.replies), (3, 3));
    let paths: Vec<_> = sim.world.voice.said.iter().map(|said| said.path.to_str().unwrap()).collect();
    assert_eq!(paths, [SPOT, SECOND_SPOT]);
    let [first, second] = &sim.world.voice.said[..] else { panic!("two are said") };
    assert!(first.to <= second.from, "one after the other");
}

#[test]
fn hush_takes_away_what_is_said_and_what_waits_and_answers_all_of_them() {
    let mut sim = Sim::new(3, &songs(), start(Repeat::All, 0));
    sim.run_ms(3000);
    (0..20).for_each(|_| announce(&mut sim, SPOT));
    assert_eq!(sim.replies, 3, "one is said, sixteen wait, three find no room");
    sim.run_ms(1000);
    sim.ask(Method::Voice(VoiceMethod::Hush));
    sim.run_ms(SPOT_MS);
    assert_eq!((sim.asked, sim.replies, sim.world.voice.said.len()), (21, 21, 1));
    assert_eq!(sim.witness.closed_as("cut"), 1);
}

#[test]
fn an_announcement_pierces_a_pause_and_the_pause_stays() {
    let mut sim = Sim::new(4, &songs(), start(Repeat::All, 0));
    sim.run_ms(3000);
    sim.ask(Method::Pause);
    sim.run_ms(1000);
    announce(&mut sim, SPOT);
    sim.run_ms(SPOT_MS + 1000);
    assert_eq!(sim.world.voice.said.len(), 1);
    assert_eq!(sim.status(), "paused");
    assert!(sim.world.silence_ms() > 500);
}

#[test]
fn a_spot_that_ducks_is_said_at_its_clock_time_to_the_second() {
    for seed in 0..5 {
        let spots = json!([{"id": "noon", "recording": "10", "class": "house",
            "when": {"at": {"days": ["daily"], "time": "14:16"}}, "how": {"duck": {"db": 15}}}]);
        let mut sim = on_air(seed, &with_spots(spots));
        run_until(&mut sim, "14:17");
        let said = sim.world.voice.said.clone();
        assert_eq!(said.len(), 1, "seed {seed}");
        assert_eq!((said[0].duck_db, said[0].was_held, said[0].heard_ms), (15.0, false, SPOT_MS));
        let late_ms = times(&said, &sim)[0] - at_ms("14:16");
        assert!((0..1000).contains(&late_ms), "{late_ms} ms late");
        run_until(&mut sim, "14:19");
        assert_eq!(sim.world.voice.said.len(), 1, "once");
    }
}

#[test]
fn a_spot_that_cuts_holds_the_music_and_the_song_goes_on_where_it_was() {
    let spots = json!([{"id": "cut", "recording": "10", "class": "house",
        "when": {"at": {"days": ["daily"], "time": "14:16"}}, "how": "cut"}]);
    let mut sim = on_air(1, &with_spots(spots));
    run_until(&mut sim, "14:19");
    let said = sim.world.voice.said.clone();
    assert_eq!((said.len(), said[0].was_held), (1, true));
    // Songs of 61 s with a fade of 2 s, and 8 s of silence for the spot: none of them was cut.
    assert_eq!((sim.witness.closed_as("skipped"), sim.witness.closed_as("cut")), (0, 0));
    let songs = sim.witness.paths().iter().filter(|path| path.to_str() != Some(SPOT)).count();
    assert_eq!(songs, 6);
}

#[test]
fn spots_between_songs_are_said_alone_after_every_second_song() {
    let spots = json!([{"id": "every two", "recording": "10", "class": "house",
        "when": {"songs": 2}, "how": {"between": {"window_s": 600, "else": "miss"}}}]);
    for seed in 0..5 {
        let mut sim = on_air(seed, &with_spots(spots.clone()));
        let mut silence_ms = 0;
        while sim.now.wall.unwrap().0 < at_ms("14:19") {
            sim.step();
            silence_ms = silence_ms.max(sim.world.silence_ms());
        }
        assert!(silence_ms < 500, "{silence_ms} ms of silence");
        let is_spot = |path: &PathBuf| path.to_str() == Some(SPOT);
        let order: Vec<bool> = sim.witness.paths().iter().map(is_spot).collect();
        assert_eq!(order[..6], [false, false, true, false, false, true], "seed {seed}: {order:?}");
        let overlaps = order.windows(2).filter(|pair| !pair[0] && !pair[1]).count();
        assert_eq!(sim.world.fades_ms, vec![2000; overlaps], "nothing is spoken over the end of a song");
    }
}

#[test]
fn a_song_that_an_announcement_has_made_late_does_not_begin_shortly_before_closing() {
    let spots = json!([{"id": "each", "recording": "10", "class": "house",
        "when": {"songs": 1}, "how": {"between": {"window_s": 600, "else": "miss"}}}]);
    let document = with_spots(spots);
    let mut latest_ms = i64::MAX;
    for delay_ms in (0..70_000).step_by(3_000) {
        let start = Start { program: Some("/music/program.json".into()), ..start(Repeat::All, 0) };
        let mut sim = Sim::new(1, &songs(), start);
        sim.disk = Some(disk::Disk::new());
        sim.run_ms(delay_ms);
        put_on(&mut sim, &document);
        run_until(&mut sim, "14:20");
        let disk = sim.disk.as_mut().unwrap();
        disk.settle();
        for row in disk.rows.values().filter(|row| row.start.kind == storage::PlayKind::Music) {
            let left_ms = at_ms("14:20") - row.start.started_wall.unwrap().0;
            assert!(left_ms >= 30_000, "a song begins {left_ms} ms before closing, {delay_ms} ms later");
            latest_ms = latest_ms.min(left_ms);
        }
    }
    assert!(latest_ms < 40_000, "no song begins in the last {latest_ms} ms");
}

#[test]
fn a_skip_leads_into_what_is_due_and_a_spot_is_not_skipped() {
    let spots = json!([{"id": "soon", "recording": "10", "class": "house",
        "when": {"at": {"days": ["daily"], "time": "14:16"}},
        "how": {"between": {"window_s": 600, "else": "miss"}}}]);
    let mut sim = on_air(1, &with_spots(spots));
    run_until(&mut sim, "14:16");
    sim.ask(Method::Skip);
    sim.run_ms(500);
    assert_eq!(sim.witness.last_path(), Path::new(SPOT));
    sim.ask(Method::Skip);
    sim.run_ms(500);
    assert_eq!(sim.witness.last_path(), Path::new(SPOT), "it is said to its end");
    sim.run_ms(SPOT_MS);
    assert_ne!(sim.witness.last_path(), Path::new(SPOT));
    assert_eq!((sim.asked, sim.replies), (2, 2));
}

#[test]
fn what_is_due_while_it_is_closed_is_a_row_with_its_reason() {
    let spots = json!([{"id": "closed", "recording": "10", "class": "house",
        "when": {"at": {"days": ["daily"], "time": "14:25"}}, "how": "cut"}]);
    let mut sim = on_air(1, &with_spots(spots));
    run_until(&mut sim, "14:35");
    assert_eq!((sim.world.voice.said.len(), sim.witness.closed_as("missed")), (0, 1));
}

#[test]
fn a_spot_that_cannot_be_opened_is_missed_and_the_music_goes_on() {
    let spots = json!([
        {"id": "between", "recording": "12", "class": "house", "when": {"songs": 1},
         "how": {"between": {"window_s": 600, "else": "miss"}}},
        {"id": "duck", "recording": "12", "class": "house",
         "when": {"at": {"days": ["daily"], "time": "14:16"}}, "how": {"duck": {"db": 15}}}]);
    let mut sim = on_air(1, &with_spots(spots));
    while sim.now.wall.unwrap().0 < at_ms("14:19") {
        sim.step();
        assert!(sim.now.monotonic.0 < 1_003_000 || sim.world.silence_ms() < 500);
    }
    assert!(sim.witness.closed_as("missed") >= 2);
}

#[test]
fn a_restart_says_nothing_twice_and_forgets_nothing() {
    let spots = json!([
        {"id": "once", "recording": "10", "class": "house",
         "when": {"at": {"days": ["daily"], "time": "14:14"}}, "how": {"duck": {"db": 15}}},
        {"id": "every three", "recording": "11", "class": "house", "when": {"songs": 3},
         "how": {"between": {"window_s": 600, "else": "miss"}}}]);
    let mut sim = on_air(1, &with_spots(spots.clone()));
    // One song was heard whole; the second is being heard.
    run_until(&mut sim, "14:14");
    sim.run_ms(50_000);
    assert_eq!(sim.world.voice.said.len(), 1);
    let heard = sim.witness.closed_as("finished");
    let restored = Restored { run: 2, pieces: sim.witness.pieces(), ..Restored::default() };
    let again = Start {
        program: Some("/music/program.json".into()),
        afresh: false,
        music: vec![],
        ..start(Repeat::All, 0)
    };
    let mut sim = Sim::restart(2, &songs(), again, &restored);
    sim.now.wall = Some(Wall(at_ms("14:15")));
    put_on(&mut sim, &with_spots(spots));
    sim.run_ms((4 - heard as u64) * SONG_MS);
    assert_eq!(sim.world.voice.said.len(), 0, "14:14 was said before the restart");
    let paths = sim.witness.paths();
    let second = paths.iter().position(|path| path.to_str() == Some(SECOND_SPOT));
    // One of the plays before the restart was the announcement.
    assert_eq!(second, Some(3 - (heard - 1)), "songs of both runs count: {paths:?}");
}

#[test]
fn what_was_due_while_the_device_was_off_is_a_row_with_its_reason_once() {
    let spots = json!([{"id": "off", "recording": "10", "class": "house",
        "when": {"at": {"days": ["daily"], "time": "14:18"}}, "how": {"duck": {"db": 15}}}]);
    let started_at = |run: u64, time: &str, pieces| {
        let restored = Restored { run, pieces, ..Restored::default() };
        let again = Start {
            program: Some("/music/program.json".into()),
            afresh: false,
            music: vec![],
            ..start(Repeat::All, 0)
        };
        let mut sim = Sim::restart(run, &songs(), again, &restored);
        sim.now.wall = Some(Wall(at_ms(time)));
        put_on(&mut sim, &with_spots(spots.clone()));
        sim.run_ms(60_000);
        sim
    };
    let mut sim = on_air(1, &with_spots(spots.clone()));
    run_until(&mut sim, "14:15");
    let sim = started_at(2, "14:35", sim.witness.pieces());
    assert_eq!((sim.world.voice.said.len(), sim.witness.closed_as("missed")), (0, 1));
    assert!(sim.witness.reasons().iter().any(|why| why.contains("off")), "{:?}", sim.witness.reasons());
    let sim = started_at(3, "14:40", sim.witness.pieces());
    assert_eq!(sim.witness.closed_as("missed"), 0, "it is told once");
}

#[test]
fn an_emergency_is_said_over_everything_until_its_end_also_while_it_is_closed() {
    let mut sim = on_air(1, &document());
    run_until(&mut sim, "14:19");
    let params = EmergencyParams { path: SPOT.into(), for_s: 120, picture: None };
    sim.ask(Method::Voice(VoiceMethod::Emergency(params)));
    sim.run_ms(1000);
    announce(&mut sim, SECOND_SPOT);
    sim.ask(Method::Play(PlayParams::default()));
    sim.ask(Method::Skip);
    while sim.now.wall.unwrap().0 < at_ms("14:20") + 58_000 {
        sim.step();
        assert!(sim.world.voice.sounds(true) || sim.world.silence_ms() < 200, "{:?}", sim.now);
        assert!(!sim.world.is_music(), "music under an emergency");
    }
    sim.run_ms(10_000);
    assert!(!sim.world.voice.sounds(true) && sim.world.silence_ms() > 2000);
    assert_eq!(sim.status(), "closed", "what is right now goes on");
    assert!(sim.world.voice.said.iter().all(|said| said.path.to_str() == Some(SPOT)));
    run_until(&mut sim, "14:31");
    assert_eq!((sim.status().as_str(), sim.world.silence_ms() < 500), ("playing", true));
    assert_eq!(sim.asked, sim.replies);
}

#[test]
fn what_somebody_wants_to_be_said_is_measured_first_but_not_waited_for_for_long() {
    for measures in [true, false] {
        let mut sim = Sim::new(1, &songs(), start(Repeat::All, 0));
        sim.measures = measures;
        sim.run_ms(3000);
        announce(&mut sim, SPOT);
        sim.run_ms(if measures { 200 } else { 1400 });
        assert_eq!(sim.replies, usize::from(measures));
        sim.run_ms(200 + SPOT_MS);
        assert_eq!(sim.replies, 1, "it is said all the same");
        // Measured at −30 LUFS it is made as loud as the music; unmeasured it is taken for a song of which nothing is known.
        assert_eq!(sim.world.voice.said[0].gain_db, if measures { 14.0 } else { -2.0 });
    }
}

#[test]
fn an_emergency_whose_file_cannot_be_opened_says_so_and_the_music_goes_on_until_it_can() {
    let mut sim = Sim::new(1, &songs(), start(Repeat::All, 0));
    sim.run_ms(3000);
    let loudness = sim.world.loudness;
    sim.ask(Method::Voice(VoiceMethod::Emergency(EmergencyParams {
        path: BROKEN_SPOT.into(),
        for_s: 60,
        picture: None,
    })));
    sim.run_ms(200);
    let refused = sim.last_reply.clone().unwrap().unwrap_err();
    assert!(refused.message.contains(BROKEN_SPOT) && refused.message.contains("tried again"), "{refused:?}");
    while sim.now.monotonic.0 < 1_020_000 {
        sim.step();
        assert!(sim.world.is_music(), "the music goes on");
        assert_eq!(sim.world.loudness, loudness, "and no louder");
    }
    assert!(sim.why().contains("EMERGENCY"), "{}", sim.why());
    // Somebody puts the file right.
    sim.world.change(Path::new(BROKEN_SPOT), good(SPOT_MS));
    sim.run_ms(2500);
    assert!(sim.world.voice.sounds(true) && !sim.world.is_music());
    assert_eq!(sim.world.loudness, Some((100, false)));
    assert!(!sim.why().contains("cannot be said"), "{}", sim.why());
    // And it is gone again.
    sim.world.change(Path::new(BROKEN_SPOT), SongKind::Bad);
    sim.run_ms(SPOT_MS);
    let mut silence_ms = 0;
    for _ in 0..1000 {
        sim.step();
        silence_ms = silence_ms.max(sim.world.silence_ms());
    }
    assert!(sim.world.is_music() && (4000..5200).contains(&silence_ms), "{silence_ms} ms of silence");
    assert_eq!(sim.world.loudness, loudness);
    sim.run_ms(30_000);
    assert!(sim.world.is_music() && !sim.why().contains("EMERGENCY"), "it is over");
    assert_eq!(sim.asked, sim.replies);
}

#[test]
fn an_emergency_survives_a_restart_and_ends_when_it_would_have() {
    let mut sim = Sim::new(1, &songs(), start(Repeat::All, 0));
    sim.run_ms(3000);
    let params = EmergencyParams { path: SPOT.into(), for_s: 60, picture: None };
    sim.ask(Method::Voice(VoiceMethod::Emergency(params)));
    sim.run_ms(20_000);
    let restored = Restored { run: 2, memories: sim.witness.memories(), ..Restored::default() };
    let mut sim = Sim::restart(2, &songs(), Start { afresh: false, ..start(Repeat::All, 0) }, &restored);
    sim.run_ms(2000);
    assert!(sim.world.voice.sounds(true) && !sim.world.is_music());
    // The clock that counts began anew in this world, as after a reboot: it lasts its whole length again.
    sim.run_ms(70_000);
    assert!(!sim.world.voice.sounds(true) && sim.world.is_music());
    sim.ask(Method::Voice(VoiceMethod::Emergency(EmergencyParams {
        path: SPOT.into(),
        for_s: 60,
        picture: None,
    })));
    sim.run_ms(2000);
    sim.ask(Method::Voice(VoiceMethod::EndEmergency));
    sim.run_ms(2000);
    assert!(!sim.world.voice.sounds(true) && sim.world.is_music());
    let restored = Restored { run: 3, memories: sim.witness.memories(), ..Restored::default() };
    let mut sim = Sim::restart(3, &songs(), Start { afresh: false, ..start(Repeat::All, 0) }, &restored);
    sim.run_ms(2000);
    assert!(!sim.world.voice.sounds(true), "one that was ended does not come back");
}

//! Programs on a device in virtual time: hours, dayparts, rotation, pauses by staff.

use orchestrion::app::Start;
use orchestrion::program::Program;
use orchestrion_program::check::parse;
use orchestrion_protocol::limits::INHERITED_LEN_MAX;
use orchestrion_protocol::method::{InheritParams, InheritedPlay};
use orchestrion_protocol::status::ProgramPage;
use serde_json::{Value, json};

use super::*;

/// 2026-09-21T14:13:20Z, a Monday.
const BEGIN_MS: i64 = 1_790_000_000_000;
const SONG_MS: u64 = 61_000;

pub fn at_ms(time: &str) -> i64 {
    let parts: Vec<i64> = time.split(':').map(|part| part.parse().unwrap()).collect();
    let midnight = BEGIN_MS - BEGIN_MS % 86_400_000;
    midnight + (parts[0] * 3600 + parts[1] * 60) * 1000
}

/// Ten songs of five artists; open from 14:00 to 14:20 and from 14:30 to 15:00; two dayparts.
pub fn document() -> Value {
    let recordings: Vec<Value> = (0..10)
        .map(|n| json!({"id": n.to_string(), "files": [n.to_string()], "artists": [format!("artist {}", n % 5)]}))
        .collect();
    let ids = |range: std::ops::Range<usize>| range.map(|n| n.to_string()).collect::<Vec<_>>();
    json!({
        "v": 1,
        "place": {"id": "test"},
        "zone": {"id": "UTC", "tzdb": "2025b", "offset_s": 0, "transitions": []},
        "hours": {"sound": [
            {"days": ["daily"], "from": "14:00", "to": "14:20"},
            {"days": ["daily"], "from": "14:30", "to": "15:00"},
        ]},
        "dayparts": [
            {"id": "soft", "days": ["daily"], "from": "14:00", "to": "14:40", "playlists": [{"id": "first"}],
             "volume": {"set": 40, "min": 20, "max": 60}, "crossfade_s": 2},
            {"id": "loud", "days": ["daily"], "from": "14:40", "to": "15:00", "playlists": [{"id": "second"}],
             "volume": {"set": 90}, "crossfade_s": 4, "boundary": {"mode": "fade"}},
        ],
        "rotation": {"song": {"count": 3, "minutes": 0}, "artist": {"count": 1, "minutes": 0}},
        "staff": {"pause_max_s": 120},
        "clockless": {"allowed": false},
        "fallback": "first",
        "library": {
            "recordings": recordings,
            "playlists": [{"id": "first", "recordings": ids(0..5)}, {"id": "second", "recordings": ids(5..10)}],
        },
    })
}

fn on_air(seed: u64, document: &Value) -> Sim {
    let start = Start { program: Some("/music/program.json".into()), seed, ..start(Repeat::All, 0) };
    let mut sim = Sim::new(seed, &[good(SONG_MS); 10], start);
    assert_eq!(sim.status(), "closed", "nothing sounds before the program is read");
    put_on(&mut sim, document);
    sim
}

pub fn put_on(sim: &mut Sim, document: &Value) {
    let document = parse(document.to_string().as_bytes()).unwrap();
    let program = Program::assemble(document, Path::new("/music"), |_| true).unwrap();
    sim.hear(Event::Program(Ok(Box::new(program))));
}

pub fn run_until(sim: &mut Sim, time: &str) {
    let now_ms = sim.now.wall.unwrap().0;
    sim.run_ms(u64::try_from(at_ms(time) - now_ms).unwrap());
}

#[test]
fn it_plays_while_it_is_open_ends_with_a_fade_at_closing_and_goes_on_at_the_opening() {
    for seed in 0..5 {
        let mut sim = on_air(seed, &document());
        sim.run_ms(2000);
        while sim.now.wall.unwrap().0 < at_ms("14:20") - 31_000 {
            sim.step();
            assert!(sim.world.silence_ms() < 500, "silent at {:?}", sim.now.wall);
        }
        run_until(&mut sim, "14:20");
        sim.run_ms(STEP_MS);
        assert_eq!(sim.status(), "closed");
        let closed_at = sim.now.wall.unwrap().0;
        while sim.now.wall.unwrap().0 < at_ms("14:30") - 20 {
            sim.step();
            let since = u64::try_from(sim.now.wall.unwrap().0 - closed_at).unwrap();
            assert!(sim.world.silence_ms() >= since, "it sounds at {:?}", sim.now.wall);
        }
        sim.run_ms(2000);
        assert_eq!((sim.status().as_str(), sim.world.silence_ms() < 500), ("playing", true));
        sim.hear(Event::Signal(Signal::Terminate));
        sim.run_ms(3000);
        sim.witness.check_all_closed();
    }
}

#[test]
fn another_daypart_brings_its_volume_its_playlist_and_its_fade() {
    let mut sim = on_air(1, &document());
    run_until(&mut sim, "14:39");
    let songs = |sim: &Sim| sim.witness.paths();
    let number = |path: &PathBuf| -> usize { path.file_name().unwrap().to_str().unwrap().parse().unwrap() };
    assert!(songs(&sim).iter().all(|path| number(path) < 5), "{:?}", songs(&sim));
    assert_eq!(sim.volume(), 40);
    sim.ask(Method::Volume(VolumeParams { percent: Some(90), by: None }));
    assert_eq!(sim.volume(), 60, "staff may not go over what the daypart allows");
    run_until(&mut sim, "14:40");
    let before = songs(&sim).len();
    sim.run_ms(6000);
    assert_eq!(sim.volume(), 90);
    let after = songs(&sim);
    assert_eq!((after.len(), number(after.last().unwrap()) >= 5), (before + 1, true), "{after:?}");
    assert!(sim.world.silence_ms() < 500);
    run_until(&mut sim, "14:55");
    assert!(songs(&sim)[before..].iter().all(|path| number(path) >= 5), "{:?}", songs(&sim));
}

#[test]
fn the_same_artist_does_not_come_twice_in_a_row_and_a_song_not_within_three() {
    for seed in 0..10 {
        let mut sim = on_air(seed, &document());
        run_until(&mut sim, "14:20");
        let songs = sim.witness.paths();
        assert!(songs.len() >= 5, "{songs:?}");
        assert!(songs.windows(3).all(|three| three[0] != three[1] && three[0] != three[2]), "{songs:?}");
    }
}

#[test]
fn a_pause_by_staff_ends_by_itself() {
    let mut sim = on_air(3, &document());
    run_until(&mut sim, "14:31");
    sim.ask(Method::Pause);
    sim.run_ms(118_000);
    assert_eq!(sim.status(), "paused");
    sim.run_ms(4000);
    assert_eq!(sim.status(), "playing");
}

#[test]
fn a_pause_of_before_closing_is_over_at_the_next_opening() {
    let mut document = document();
    document["staff"]["pause_max_s"] = json!(36_000);
    let mut sim = on_air(3, &document);
    run_until(&mut sim, "14:19");
    sim.ask(Method::Pause);
    run_until(&mut sim, "14:30");
    sim.run_ms(3000);
    assert_eq!((sim.status().as_str(), sim.world.silence_ms() < 500), ("playing", true));
}

#[test]
fn what_was_chosen_next_is_chosen_anew_after_a_restart() {
    let loud = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().parse::<usize>().unwrap() >= 5;
    let mut sim = on_air(1, &document());
    run_until(&mut sim, "14:36");
    // Somewhere in a song the next one is chosen.
    for _ in 0..SONG_MS / 3000 {
        sim.run_ms(3000);
        // It changes nothing, and lets the queue be kept as it is now.
        sim.ask(Method::Queue(QueueMethod::Repeat(RepeatParams { mode: Repeat::Off })));
        let restored = Restored {
            run: 2,
            queue: sim.witness.queue(),
            checkpoint: sim.witness.checkpoint(),
            pieces: sim.witness.pieces(),
            unfinished: sim.witness.checkpoint().and_then(|place| Some(place.play?.key)),
            ..Restored::default()
        };
        let begun = Start {
            program: Some("/music/program.json".into()),
            afresh: false,
            music: vec![],
            ..start(Repeat::All, 0)
        };
        let mut sim = Sim::restart(2, &[good(SONG_MS); 10], begun, &restored);
        sim.now.wall = Some(Wall(at_ms("14:45")));
        put_on(&mut sim, &document());
        sim.run_ms(3 * SONG_MS);
        let paths = sim.witness.paths();
        // What had begun is heard to its end; what follows is the daypart's that holds now.
        assert!(paths.len() >= 3 && paths[1..].iter().all(loud), "{paths:?}");
    }
}

#[test]
fn a_wrong_program_is_refused_and_the_one_before_goes_on() {
    let mut sim = on_air(4, &document());
    run_until(&mut sim, "14:31");
    let wrong = orchestrion::program::ProgramError::Wrong { path: "p".into(), problems: "zone: none".into() };
    sim.hear(Event::Program(Err(wrong)));
    sim.run_ms(10_000);
    assert_eq!(sim.status(), "playing");
    // A right one is taken over at the song's end.
    let mut other = document();
    other["dayparts"][0]["playlists"] = json!([{"id": "second"}]);
    let before = sim.witness.paths();
    put_on(&mut sim, &other);
    sim.run_ms(STEP_MS);
    assert_eq!(sim.witness.paths(), before, "what plays goes on");
    sim.run_ms(SONG_MS);
    let last = sim.witness.last_path().to_owned();
    assert!(["/music/5", "/music/6", "/music/7", "/music/8", "/music/9"].contains(&last.to_str().unwrap()));
}

#[test]
fn nothing_that_somebody_presses_sounds_while_it_is_closed() {
    let mut sim = on_air(5, &document());
    run_until(&mut sim, "14:21");
    for method in [
        Method::Play(PlayParams { entry: None }),
        Method::Skip,
        Method::Previous,
        Method::Queue(QueueMethod::PlayNow(orchestrion_protocol::method::PathsParams {
            paths: vec!["/music/1".into()],
        })),
    ] {
        sim.ask(method);
        sim.run_ms(2000);
        assert_eq!(sim.status(), "closed");
        assert!(sim.world.silence_ms() > 50_000);
    }
    assert_eq!(sim.asked, sim.replies);
}

#[test]
fn a_clock_that_is_set_by_minutes_or_years_in_mid_song_neither_stops_nor_repeats_anything() {
    const YEAR_MS: i64 = 365 * 86_400_000;
    for jump_ms in [3 * 60_000, -60_000, YEAR_MS, -YEAR_MS, 30 * YEAR_MS] {
        let mut sim = on_air(6, &document());
        run_until(&mut sim, "14:35");
        let opened = sim.witness.opened();
        sim.now.wall = Some(Wall(sim.now.wall.unwrap().0 + jump_ms));
        sim.run_ms(1000);
        assert_eq!((sim.witness.opened(), sim.status().as_str()), (opened, "playing"), "{jump_ms}");
        assert!(sim.world.silence_ms() < 500, "{jump_ms}");
        sim.run_ms(3 * SONG_MS);
        let songs = sim.witness.paths();
        assert!(songs.len() >= opened + 2);
        assert!(songs.windows(3).all(|three| three[0] != three[1] && three[0] != three[2]), "{songs:?}");
    }
}

#[test]
fn a_clock_that_is_lost_and_found_again_closes_and_opens_what_may_not_play_without_one() {
    let mut sim = on_air(7, &document());
    run_until(&mut sim, "14:31");
    let wall = sim.now.wall.take();
    sim.run_ms(1000);
    assert_eq!(sim.status(), "closed");
    let completed = sim.witness.completed;
    sim.now.wall = wall;
    sim.hear(Event::Clock(orchestrion::clock::Event::Changed { uncertainty_ms: 20 }));
    sim.run_ms(2000);
    assert_eq!((sim.status().as_str(), sim.witness.completed), ("playing", completed + 1));
}

impl Sim {
    pub fn volume(&mut self) -> u64 {
        let mut effects = Vec::new();
        let asked =
            control::Event::Asked { client: ClientId(2), id: Some(Id::Number(2)), method: Method::Status };
        self.app.handle(self.now, Event::Control(asked), &mut effects);
        effects
            .iter()
            .find_map(|effect| match effect {
                Effect::Control(control::Command::Reply { outcome: Ok(value), .. }) => {
                    value["volume"].as_u64()
                }
                _ => None,
            })
            .unwrap()
    }
}

#[test]
fn a_song_that_does_not_come_says_what_keeps_it_away() {
    let mut sim = on_air(6, &document());
    run_until(&mut sim, "14:15");
    let mut why = |song: &str| why_of(&mut sim, song);
    assert!(why("7").unwrap().contains("no playlist that is asked now has it"), "{:?}", why("7"));
    assert!(why("nobody").unwrap_err().contains("no song"), "{:?}", why("nobody"));
    let several = why("artist").unwrap();
    assert!(several.contains("5 more songs are meant"), "{several}");
    let plays = sim.witness.last_path().file_name().unwrap().to_str().unwrap().to_owned();
    let kept = why_of(&mut sim, &plays).unwrap();
    assert!(
        kept.contains("song") && kept.contains("until"),
        "what plays now does not come again yet: {kept}"
    );
}

fn why_of(sim: &mut Sim, song: &str) -> Result<String, String> {
    let method = Method::Program(ProgramMethod::Why(WhyParams { song: Some(song.into()) }));
    let asked = control::Event::Asked { client: ClientId(2), id: Some(Id::Number(2)), method };
    let mut effects = Vec::new();
    sim.app.handle(sim.now, Event::Control(asked), &mut effects);
    let reply = effects.into_iter().find_map(|effect| match effect {
        Effect::Control(control::Command::Reply { outcome, .. }) => Some(outcome),
        _ => None,
    });
    reply.unwrap().map(|value| value.to_string()).map_err(|error| error.message)
}

#[test]
fn what_the_device_before_has_played_holds_songs_back_also_after_a_restart() {
    let mut document = document();
    document["rotation"] =
        json!({"song": {"count": 0, "minutes": 600}, "artist": {"count": 0, "minutes": 0}});
    let mut sim = on_air(6, &document);
    let earlier = |hours: i64, recordings: &[&str]| {
        let play = |recording: &&str| InheritedPlay {
            recording: (*recording).into(),
            at_utc_ms: BEGIN_MS - hours * 3_600_000,
            playlist: Some("first".into()),
        };
        Method::Program(ProgramMethod::Inherit(InheritParams {
            plays: recordings.iter().map(play).collect(),
        }))
    };
    let may_come = |sim: &mut Sim, song: &str| why_of(sim, song).unwrap().contains("nothing keeps it away");
    sim.run_ms(1000);
    // Three that nothing keeps away.
    let free: Vec<String> =
        (0..5).map(|song: u32| song.to_string()).filter(|song| may_come(&mut sim, song)).take(3).collect();
    let [a, b, c] = [&free[0], &free[1], &free[2]].map(String::as_str);
    // The last list first, and one that the program does not know; `c` was heard too long ago.
    sim.ask(earlier(1, &["gone", a]));
    sim.ask(earlier(9, &[b]));
    sim.ask(earlier(11, &[c]));
    assert_eq!([a, b, c].map(|song| may_come(&mut sim, song)), [false, false, true]);
    let many = (0..=INHERITED_LEN_MAX).map(|_| "1").collect::<Vec<_>>();
    sim.ask(earlier(1, &many));
    assert!(sim.last_reply.take().unwrap().unwrap_err().message.contains("100 at most"));

    let restored = Restored { run: 2, memories: sim.witness.memories(), ..Restored::default() };
    let begun = Start { program: Some("/music/program.json".into()), ..start(Repeat::All, 0) };
    let mut again = Sim::restart(2, &[good(SONG_MS); 10], begun, &restored);
    again.now.wall = Some(Wall(at_ms("14:15")));
    put_on(&mut again, &document);
    again.run_ms(1);
    assert_eq!([a, b].map(|song| may_come(&mut again, song)), [false, false]);
    let others = (0..5).map(|song: u32| song.to_string()).filter(|song| may_come(&mut again, song)).count();
    assert!(others >= 2, "nothing but one that has begun is kept away besides: {others}");
}

#[test]
fn what_was_chosen_before_it_was_known_what_the_device_before_has_played_gives_way() {
    let mut document = document();
    document["rotation"] =
        json!({"song": {"count": 0, "minutes": 600}, "artist": {"count": 0, "minutes": 0}});
    for seed in 0..8 {
        let mut sim = on_air(seed, &document);
        sim.run_ms(1000);
        let plays: String = sim.witness.last_path().file_name().unwrap().to_str().unwrap().into();
        let mut others: Vec<String> = (0..5).map(|n| n.to_string()).filter(|song| *song != plays).collect();
        let free = others.remove(seed as usize % 4);
        let play =
            |recording: String| InheritedPlay { recording, at_utc_ms: BEGIN_MS - 3_600_000, playlist: None };
        let params = InheritParams { plays: others.into_iter().map(play).collect() };
        sim.ask(Method::Program(ProgramMethod::Inherit(params)));
        assert_eq!(Some(plays.as_str()), sim.witness.last_path().file_name().unwrap().to_str());
        sim.run_ms(SONG_MS + 1000);
        assert_eq!(sim.witness.last_path().file_name().unwrap(), free.as_str(), "seed {seed}");
    }
}

#[test]
fn the_next_24_hours_are_told() {
    let mut sim = on_air(6, &document());
    run_until(&mut sim, "14:15");
    sim.ask(Method::Program(ProgramMethod::Ahead));
    let page: ProgramPage = serde_json::from_value(sim.last_reply.take().unwrap().unwrap()).unwrap();
    assert_eq!((page.place.as_str(), page.zone.as_str(), page.left_out), ("test", "UTC", 0));
    let rows: Vec<_> = page
        .rows
        .iter()
        .map(|row| (row.from.as_str(), row.to.as_str(), row.name.as_str(), row.volume))
        .collect();
    assert_eq!(
        rows[..4],
        [
            ("2026-09-21 14:15", "2026-09-21 14:20", "soft", Some(40)),
            ("2026-09-21 14:20", "2026-09-21 14:30", "closed", None),
            ("2026-09-21 14:30", "2026-09-21 14:40", "soft", Some(40)),
            ("2026-09-21 14:40", "2026-09-21 15:00", "loud", Some(90)),
        ]
    );
    assert_eq!(rows.last().unwrap().1, "2026-09-22 14:15");
    assert!(page.rows.windows(2).all(|pair| pair[0].to_utc_ms == pair[1].from_utc_ms), "{rows:?}");
}

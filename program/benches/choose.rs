//! How long it takes to choose a song, after a year of history, and when every song is kept away by some rule.
//!
//! `cargo bench -p orchestrion-program --bench choose`. The goals are for a choice among 10,000 and 100,000 recordings.

use std::time::{Duration, Instant};

use orchestrion_program::model::{Library, Order, Playlist, Recording, Rights};
use orchestrion_program::rotation::{Asked, Catalogue, Chance, History, Source, choose_next};
use orchestrion_program::{Absolute, Date, Resolved};
use serde_json::json;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const START: Absolute = Absolute(1_803_895_200_000);
const SONG_MS: i64 = 210_000;
const DAY_MS: i64 = 86_400_000;
/// Choices that are timed one by one.
const ROUNDS: usize = 2000;

fn main() -> Outcome<()> {
    // Run as a test (`cargo test --benches`) there is nothing to measure.
    if !std::env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    println!("| recordings | what | goal | median | 99 % | worst |\n| --- | --- | --- | --- | --- | --- |");
    for (count, goal) in [(1_000, "100 µs"), (10_000, "100 µs"), (100_000, "1 ms")] {
        for (name, order, years) in [
            ("shuffle", Order::Shuffle, 1),
            ("album first", Order::AlbumFirst, 1),
            ("in order", Order::InOrder, 1),
        ] {
            measure(count, goal, name, &mut room(count, order, years)?);
        }
        // Rules that nobody can keep: all songs are weighed each time.
        let mut tight = room(count, Order::Shuffle, 1)?;
        tight.program.rotation.artist.minutes = 366 * 24 * 60;
        measure(count, goal, "shuffle, every artist was heard too lately", &mut tight);
        tight.program.rotation.song.minutes = 366 * 24 * 60;
        measure(count, goal, "shuffle, every song too", &mut tight);
        let mut ended = room(count, Order::Shuffle, 1)?;
        ended.library.recordings.iter_mut().skip(3).for_each(|song| song.rights.last = Date::new(2020, 1, 1));
        ended.renew();
        measure(count, goal, "shuffle, all rights but three have ended", &mut ended);
    }
    Ok(())
}

struct Room {
    program: Resolved,
    library: Library,
    catalogue: Catalogue,
    history: History,
    chance: Chance,
    now: Absolute,
}

impl Room {
    fn renew(&mut self) {
        self.catalogue = Catalogue::new(&self.program, &self.library);
        self.history = self.history.renumbered(&self.catalogue);
    }

    /// Chooses and plays a song; how long the choice took.
    fn play(&mut self) -> Duration {
        let Some(daypart) = self.program.dayparts.first() else { return Duration::ZERO };
        let asked = Asked {
            source: Source::Daypart(daypart),
            at: self.now,
            today: Date::new(2027, 3, 1),
            offline_days: 0,
        };
        let begun = Instant::now();
        let choice = choose_next(&self.program, &self.catalogue, &self.history, &asked, &mut self.chance);
        let took = begun.elapsed();
        if let Some(choice) = choice {
            self.history.heard(&self.catalogue, choice.heard(self.now));
        }
        self.now = self.now.plus_ms(SONG_MS);
        took
    }
}

/// As many recordings, six of an artist and twelve of an album, in three playlists, and so many years of twelve hours a day.
fn room(count: usize, order: Order, years: i64) -> Outcome<Room> {
    let song = |n: usize| Recording {
        id: format!("018f3a52-7c1e-7{:03x}-8000-{n:012x}", n % 4096).as_str().into(),
        artists: vec![format!("Artist Number {}", n / 6)],
        album: Some(format!("Album Number {}", n / 12)),
        rights: Rights { last: Date::new(2030, 1, 1), offline_days: Some(30), ..Rights::default() },
        ..Recording::default()
    };
    let recordings: Vec<Recording> = (0..count).map(song).collect();
    let list = |id: &str, range: std::ops::Range<usize>| Playlist {
        id: id.into(),
        recordings: recordings[range].iter().map(|song| song.id.clone()).collect(),
        ..Playlist::default()
    };
    let playlists = vec![list("a", 0..count / 2), list("b", count / 2..count), list("c", 0..count)];
    let mut program: Resolved = serde_json::from_value(json!({
        "v": 1, "place": {"id": "room"}, "zone": {"id": "UTC", "tzdb": "2026a", "offset_s": 0}, "hours": {"sound": []},
        "dayparts": [{"id": "day", "days": ["mon"], "from": "10:00", "to": "20:00",
            "playlists": [{"id": "a", "weight": 5}, {"id": "b", "weight": 3}, {"id": "c", "weight": 1}]}],
        "clockless": {"allowed": true}, "fallback": "c"
    }))?;
    let library = Library { recordings, playlists, ..Library::default() };
    let catalogue = Catalogue::new(&program, &library);
    let history = History::new(&catalogue);
    let mut room =
        Room { program: program.clone(), library, catalogue, history, chance: Chance::new(1), now: START };
    for day in 0..years * 365 {
        room.now = START.plus_ms(day * DAY_MS);
        for _ in 0..12 * 3_600_000 / SONG_MS {
            room.play();
        }
    }
    program.dayparts[0].order = order;
    room.program = program;
    Ok(room)
}

fn measure(count: usize, goal: &str, name: &str, room: &mut Room) {
    let mut times: Vec<Duration> = (0..ROUNDS).map(|_| room.play()).collect();
    times.sort();
    let at = |part: usize| times[(ROUNDS - 1) * part / 1000].as_nanos() as f64 / 1000.0;
    println!("| {count} | {name} | {goal} | {:.1} µs | {:.1} µs | {:.1} µs |", at(500), at(990), at(1000));
}

//! A place with spots, where time passes as the test says.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::civil::Absolute;
use crate::model::{Library, SpotId};
use crate::program::Program;
use crate::spots::{Ask, Break, During, Memory, Missed, Span, Spots, Why};

pub(super) const MINUTE_MS: i64 = 60_000;

/// A spot that waits an hour for a song's end, with these keys over it.
pub(super) fn spot(id: &str, when: Value, over: Value) -> Value {
    let mut spot = json!({
        "id": id, "recording": id, "class": "house", "when": when,
        "how": {"between": {"window_s": 3600, "else": "miss"}}
    });
    for (key, value) in over.as_object().unwrap() {
        spot[key] = value.clone();
    }
    spot
}

/// Minutes and hours of 1 March 2027, a Monday, in UTC.
pub(super) fn at(hour: i64, minute: i64) -> Absolute {
    Absolute(1_803_859_200_000 + (hour * 60 + minute) * MINUTE_MS)
}

pub(super) struct Shop {
    pub program: Program,
    pub library: Library,
    pub spots: Spots,
    pub now: Absolute,
    pub missed: Vec<Missed>,
    pub paused: bool,
    pub trusted: bool,
    pub daypart: Option<&'static str>,
    pub broken: Vec<&'static str>,
    pub mean_song_ms: u64,
    pub disk: BTreeMap<String, String>,
}

impl Shop {
    /// Open every day from 10:00 to `closes`; each spot's recording has so many seconds.
    pub(super) fn new(spots: Vec<Value>, breaks: Value, (closes, length_s): (&str, u64)) -> Self {
        let recordings: Vec<Value> = spots
            .iter()
            .map(|spot| json!({"id": spot["recording"], "duration_ms": length_s * 1000}))
            .collect();
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let document = serde_json::from_value(json!({
            "v": 1, "place": {"id": "shop"}, "zone": {"id": "UTC", "tzdb": "2026a", "offset_s": 0},
            "hours": {"sound": [{"days": days, "from": "10:00", "to": closes}]},
            "dayparts": [], "spots": spots, "breaks": breaks,
            "clockless": {"allowed": true}, "fallback": "fallback"
        }))
        .unwrap();
        let program = Program::assemble(document);
        let library: Library = serde_json::from_value(json!({"recordings": recordings})).unwrap();
        let spots = Spots::new(&program, &library);
        Self {
            program,
            library,
            spots,
            now: at(10, 0),
            missed: Vec::new(),
            paused: false,
            trusted: true,
            daypart: None,
            broken: Vec::new(),
            mean_song_ms: 4 * 60_000,
            disk: BTreeMap::new(),
        }
    }

    pub(super) fn pass(&mut self, to: Absolute, during: During) {
        let span = Span { from: self.now, to, during, daypart: self.daypart, trusted: self.trusted };
        self.missed.extend(self.spots.pass(&self.program, &span));
        self.now = to;
    }

    /// Music plays until then.
    pub(super) fn play_to(&mut self, to: Absolute) {
        let aired_ms = to.since_ms(self.now) as u64;
        self.pass(to, During::Open { aired_ms });
    }

    fn until_close_ms(&self) -> Option<i64> {
        let closes = self.program.closes(crate::Kind::Sound, self.now).filter(|_| self.trusted);
        closes.map(|closes| closes.since_ms(self.now))
    }

    fn asking<T>(&mut self, what: impl FnOnce(&mut Spots, &Ask<'_>) -> T) -> T {
        let broken = self.broken.clone();
        let playable = move |id: &str| !broken.contains(&id);
        let ask = Ask {
            mean_song_ms: self.mean_song_ms,
            until_close_ms: self.until_close_ms(),
            daypart: self.daypart,
            paused: self.paused,
            trusted: self.trusted,
            offline_days: 0,
            safety_only: false,
            playable: &playable,
        };
        what(&mut self.spots, &ask)
    }

    /// A break now; all of it is heard. Gives the ids.
    pub(super) fn say(&mut self) -> Vec<String> {
        let all = self.due();
        self.heard(all)
    }

    /// What cuts in now; all of it is heard.
    pub(super) fn cut_in(&mut self) -> Vec<String> {
        let all = self.cut_in_all();
        self.heard(all)
    }

    pub(super) fn next_cut_in(&mut self) -> Option<Absolute> {
        self.asking(|spots, ask| spots.next_cut_in(ask))
    }

    pub(super) fn due(&mut self) -> Break {
        self.asking(|spots, ask| spots.due(ask))
    }

    pub(super) fn cut_in_all(&mut self) -> Break {
        self.asking(|spots, ask| spots.cut_in(ask))
    }

    fn heard(&mut self, all: Break) -> Vec<String> {
        self.missed.extend(all.missed);
        for said in &all.spots {
            assert_eq!(self.spots.said(&said.spot, true), None);
        }
        all.spots.into_iter().map(|said| said.spot.0).collect()
    }

    /// A song of so many minutes is heard to its end, and what comes after it.
    pub(super) fn song(&mut self, minutes: i64) -> Vec<String> {
        self.play_to(self.now.plus_ms(minutes * MINUTE_MS));
        self.missed.extend(self.spots.song_heard(minutes as u64 * 60_000, self.daypart, self.trusted));
        self.say()
    }

    /// Songs of so many minutes until then, and what was said: id and minute of the hour.
    pub(super) fn songs_to(&mut self, to: Absolute, minutes: i64) -> Vec<(String, i64)> {
        let mut said = Vec::new();
        while self.now < to {
            let spots = self.song(minutes);
            let minute = self.now.since_ms(at(10, 0)) / MINUTE_MS;
            said.extend(spots.into_iter().map(|id| (id, minute)));
        }
        said
    }

    /// The power fails; what is remembered comes back as it was written down.
    pub(super) fn restart(&mut self) {
        self.store();
        let pieces = self.disk.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let memory = Memory::of_pieces(pieces).unwrap();
        assert_eq!(memory, self.spots.memory(), "the pieces that changed are all that did");
        let (spots, missed) = Spots::resume(&self.program, &self.library, memory);
        self.spots = spots;
        self.missed.extend(missed);
    }

    /// Writes what has changed; says how many bytes that was.
    pub(super) fn store(&mut self) -> usize {
        let changes = self.spots.changes().unwrap();
        let written =
            changes.iter().map(|(name, text)| name.len() + text.as_deref().unwrap_or("").len()).sum();
        for (name, text) in changes {
            match text {
                Some(text) => drop(self.disk.insert(name, text)),
                None => drop(self.disk.remove(&name)),
            }
        }
        written
    }

    /// How often a spot was missed, for each reason.
    pub(super) fn missed(&self, id: &str) -> Vec<(Why, u64)> {
        let mut all: Vec<(Why, u64)> = Vec::new();
        for row in self.missed.iter().filter(|row| row.spot == SpotId::from(id)) {
            match all.iter_mut().find(|(why, _)| *why == row.why) {
                Some((_, times)) => *times += row.times,
                None => all.push((row.why, row.times)),
            }
        }
        all
    }
}

//! A place with a program, a library and a history, for the tests of this folder.

use serde_json::{Value, json};

use crate::civil::{Absolute, Date};
use crate::model::{Library, Playlist, Recording, Resolved};
use crate::rotation::{Asked, Catalogue, Chance, Choice, Heard, History, Loosened, Source, choose_next};

pub(super) const MINUTE_MS: i64 = 60_000;
/// 2027-03-01 10:00 UTC.
pub(super) const START: Absolute = Absolute(1_803_895_200_000);

pub(super) fn recording(id: &str, artist: &str, album: &str) -> Recording {
    Recording {
        id: id.into(),
        artists: if artist.is_empty() { Vec::new() } else { vec![artist.to_owned()] },
        album: (!album.is_empty()).then(|| album.to_owned()),
        ..Recording::default()
    }
}

/// `Playlist` by id and recordings.
pub(super) fn playlist(id: &str, recordings: &[&str]) -> Playlist {
    let recordings = recordings.iter().map(|id| (*id).into()).collect();
    Playlist { id: id.into(), recordings, ..Playlist::default() }
}

pub(super) struct Room {
    pub program: Resolved,
    pub library: Library,
    pub catalogue: Catalogue,
    pub history: History,
    pub chance: Chance,
    pub now: Absolute,
    pub today: Option<Date>,
    pub offline_days: u32,
    pub lapsed: bool,
}

impl Room {
    /// One daypart, with these playlists and weights; the fallback is `fallback`.
    pub(super) fn new(recordings: Vec<Recording>, playlists: Vec<Playlist>, weights: &[(&str, u32)]) -> Self {
        let shares: Vec<Value> =
            weights.iter().map(|(id, weight)| json!({"id": id, "weight": weight})).collect();
        let program: Resolved = serde_json::from_value(json!({
            "v": 1, "place": {"id": "room", "territory": "DE"},
            "zone": {"id": "UTC", "tzdb": "2026a", "offset_s": 0}, "hours": {"sound": []},
            "dayparts": [{"id": "day", "days": ["mon"], "from": "10:00", "to": "20:00", "playlists": shares}],
            "clockless": {"allowed": true}, "fallback": "fallback"
        }))
        .unwrap();
        let library = Library { recordings, playlists, ..Library::default() };
        let catalogue = Catalogue::new(&program, &library);
        let history = History::new(&catalogue);
        let (chance, today) = (Chance::new(1), Date::new(2027, 3, 1));
        Self {
            program,
            library,
            catalogue,
            history,
            chance,
            now: START,
            today,
            offline_days: 0,
            lapsed: false,
        }
    }

    /// After the program or the library was changed.
    pub(super) fn released(mut self) -> Self {
        self.catalogue = Catalogue::new(&self.program, &self.library);
        self.history = self.history.renumbered(&self.catalogue);
        self
    }

    pub(super) fn asked(&self) -> Asked<'_> {
        let source = match self.program.dayparts.first() {
            _ if self.lapsed => Source::Lapse,
            Some(daypart) => Source::Daypart(daypart),
            None => Source::Fallback,
        };
        Asked { source, at: self.now, today: self.today, offline_days: self.offline_days }
    }

    pub(super) fn choose(&mut self) -> Option<Choice> {
        let mut chance = self.chance;
        let choice = choose_next(&self.program, &self.catalogue, &self.history, &self.asked(), &mut chance);
        self.chance = chance;
        choice
    }

    /// Chooses a song and plays it for so many minutes.
    pub(super) fn play(&mut self, minutes: i64) -> Option<Choice> {
        let choice = self.choose()?;
        self.history.heard(&self.catalogue, choice.heard(self.now));
        self.now = self.now.plus_ms(minutes * MINUTE_MS);
        Some(choice)
    }

    /// The ids of the next songs, each so many minutes long.
    pub(super) fn play_ids(&mut self, count: usize, minutes: i64) -> Vec<String> {
        (0..count).map(|_| self.play(minutes).map_or("-".to_owned(), |choice| choice.recording.0)).collect()
    }

    /// Somebody played this, chosen by nobody.
    pub(super) fn hear(&mut self, recording: &str, minutes: i64) {
        self.history.heard(&self.catalogue, Heard { recording, at_ms: self.now.0, from: None });
        self.now = self.now.plus_ms(minutes * MINUTE_MS);
    }
}

/// Whether any rule of rotation is among these.
pub(super) fn names_a_rule(loosened: &[Loosened]) -> bool {
    loosened.iter().any(|one| matches!(one, Loosened::Rule { .. }))
}

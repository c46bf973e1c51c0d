//! What was played lately, as the rules ask for it: not a list of plays, but when each song, artist and album was last
//! heard. So a year of plays costs as much as a day, and nothing is ever searched.
//!
//! It goes by recording, never by path. It is not stored itself: at a start it is restored from the play log.

use std::collections::HashMap;
use std::sync::Arc;

use super::catalogue::{Catalogue, NOBODY, Numbering, SongNo};

/// Songs, artists and albums that the catalogue does not know any more and that are remembered all the same, of each kind:
/// a release that is rolled back must not bring back this morning's songs. The least recent go first.
pub const GONE_MAX: usize = 10_000;
/// Playlists whose place is remembered.
pub const PLACES_MAX: usize = 1_000;
/// Plays of one artist or album whose times are remembered: `us114` asks for the fourth last.
pub(super) const TIMES: usize = 4;
/// The time of a play that never was.
const NEVER_MS: i64 = i64::MIN;

/// A song was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard<'a> {
    /// What was played; one that the catalogue does not know still counts as a song between others.
    pub recording: &'a str,
    /// When it began, in ms since 1970 as the device believes it. Time that goes backwards is taken as standing still.
    pub at_ms: i64,
    /// The playlist that it was chosen from, and its place there, so that a playlist in order goes on after it.
    pub from: Option<(&'a str, Option<u32>)>,
}

/// When a song was last heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Last {
    /// The number of the play, from 1; 0 is never.
    pub play: u64,
    pub at_ms: i64,
}

/// When an artist or an album was last heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lately {
    /// The number of the last play, from 1; 0 is never.
    pub play: u64,
    /// Songs in a row, up to that play.
    pub row: u32,
    /// When the last ones began, the last first.
    pub times_ms: [i64; TIMES],
}

impl Last {
    const NEVER: Self = Self { play: 0, at_ms: NEVER_MS };
}

impl Lately {
    const NEVER: Self = Self { play: 0, row: 0, times_ms: [NEVER_MS; TIMES] };

    fn heard(&mut self, play: u64, at_ms: i64) {
        self.row = if self.play + 1 == play { self.row.saturating_add(1) } else { 1 };
        self.play = play;
        self.times_ms.rotate_right(1);
        self.times_ms[0] = at_ms;
    }
}

impl Lately {
    /// As if this had been heard after `earlier`, behind which there were so many plays in all.
    fn follow(&mut self, earlier: &Self, plays: u64) {
        if self.play == 0 {
            *self = *earlier;
            return;
        }
        // A row that began with the first play goes on what was the last one before it.
        if self.play == u64::from(self.row) && earlier.play == plays {
            self.row = self.row.saturating_add(earlier.row);
        }
        self.play += plays;
        let known = self.times_ms.iter().take_while(|ms| **ms != NEVER_MS).count();
        for (own, ms) in self.times_ms.iter_mut().skip(known).zip(earlier.times_ms) {
            *own = ms;
        }
    }
}

/// What a kind of thing (songs, artists, albums) remembers: by number what the catalogue knows, by name what it does not.
#[derive(Debug, Clone)]
struct Table<T> {
    known: Vec<T>,
    gone: HashMap<String, T>,
}

impl<T: Copy> Table<T> {
    fn new(len: usize, never: T) -> Self {
        Self { known: vec![never; len], gone: HashMap::new() }
    }

    /// Brings each value together with that of another table of the same numbering, or with `never`.
    fn follow(&mut self, before: &Self, never: T, together: impl Fn(&mut T, &T)) {
        for (own, earlier) in self.known.iter_mut().zip(&before.known) {
            together(own, earlier);
        }
        for (name, own) in &mut self.gone {
            together(own, before.gone.get(name).unwrap_or(&never));
        }
        for (name, earlier) in &before.gone {
            if self.gone.len() < GONE_MAX && !self.gone.contains_key(name) {
                self.gone.insert(name.clone(), *earlier);
            }
        }
    }

    /// The same under another numbering. `play` tells how recent something is, 0 being never.
    fn renumbered(
        &self,
        old: &[String],
        new: &HashMap<String, u32>,
        len: usize,
        never: T,
        play: fn(&T) -> u64,
    ) -> Self {
        let mut table = Self::new(len, never);
        let known = old.iter().zip(&self.known).map(|(name, value)| (name, *value));
        let all = known.chain(self.gone.iter().map(|(name, value)| (name, *value)));
        let mut gone = Vec::new();
        for (name, value) in all.filter(|(_, value)| play(value) > 0) {
            match new.get(name).and_then(|number| table.known.get_mut(*number as usize)) {
                Some(slot) => *slot = value,
                None => gone.push((name, value)),
            }
        }
        gone.sort_by_key(|(_, value)| std::cmp::Reverse(play(value)));
        table.gone = gone.into_iter().take(GONE_MAX).map(|(name, value)| (name.clone(), value)).collect();
        table
    }
}

/// Where a playlist in order stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub song: SongNo,
    /// The song's place in the list when it was chosen.
    pub position: Option<u32>,
    play: u64,
}

/// See the head of this file.
#[derive(Debug, Clone)]
pub struct History {
    numbering: Arc<Numbering>,
    songs: Table<Last>,
    artists: Table<Lately>,
    albums: Table<Lately>,
    places: HashMap<String, Place>,
    /// How many songs were heard; the number of the last.
    plays: u64,
    newest_ms: i64,
    /// What is added to the device's time, because its clock was set back.
    shift_ms: i64,
}

impl History {
    /// Nothing was heard yet.
    pub fn new(catalogue: &Catalogue) -> Self {
        let numbering = Arc::clone(catalogue.numbering());
        Self {
            songs: Table::new(numbering.songs.names.len(), Last::NEVER),
            artists: Table::new(numbering.artists.names.len(), Lately::NEVER),
            albums: Table::new(numbering.albums.names.len(), Lately::NEVER),
            places: HashMap::new(),
            plays: 0,
            newest_ms: NEVER_MS,
            shift_ms: 0,
            numbering,
        }
    }

    /// What these plays leave behind, the oldest first.
    pub fn restore<'a>(catalogue: &Catalogue, plays: impl IntoIterator<Item = Heard<'a>>) -> Self {
        let mut history = Self::new(catalogue);
        plays.into_iter().for_each(|play| history.heard(catalogue, play));
        history
    }

    /// The same for another catalogue, when a release has brought one. What it does not know any more is remembered by
    /// name, up to [`GONE_MAX`].
    pub fn renumbered(&self, catalogue: &Catalogue) -> Self {
        let (old, new) = (&*self.numbering, catalogue.numbering());
        let songs = self.songs.renumbered(
            &old.songs.names,
            &new.songs.numbers,
            new.songs.names.len(),
            Last::NEVER,
            |last| last.play,
        );
        let lately = |table: &Table<Lately>, old: &[String], new: &super::catalogue::Names| {
            table.renumbered(old, &new.numbers, new.names.len(), Lately::NEVER, |lately| lately.play)
        };
        let place = |(list, place): (&String, &Place)| {
            let song = *new.songs.numbers.get(old.songs.names.get(place.song as usize)?)?;
            Some((list.clone(), Place { song, ..place.clone() }))
        };
        Self {
            songs,
            artists: lately(&self.artists, &old.artists.names, &new.artists),
            albums: lately(&self.albums, &old.albums.names, &new.albums),
            places: self.places.iter().filter_map(place).collect(),
            numbering: Arc::clone(new),
            ..*self
        }
    }

    /// The same as if all that `before` remembers had been heard before it. Both are of this catalogue, or go over to it.
    pub fn after(&self, before: &Self, catalogue: &Catalogue) -> Self {
        let mut merged = self.renumbered(catalogue);
        let before = before.renumbered(catalogue);
        let shift = before.plays;
        let last = |own: &mut Last, earlier: &Last| match own.play {
            0 => *own = *earlier,
            _ => own.play += shift,
        };
        let lately = |own: &mut Lately, earlier: &Lately| own.follow(earlier, shift);
        merged.songs.follow(&before.songs, Last::NEVER, last);
        merged.artists.follow(&before.artists, Lately::NEVER, lately);
        merged.albums.follow(&before.albums, Lately::NEVER, lately);
        merged.places.values_mut().for_each(|place| place.play += shift);
        for (list, place) in &before.places {
            if merged.places.len() < PLACES_MAX {
                merged.places.entry(list.clone()).or_insert_with(|| place.clone());
            }
        }
        merged.plays += shift;
        merged.newest_ms = merged.newest_ms.max(before.newest_ms);
        merged
    }

    /// Whether its numbers are this catalogue's.
    pub(super) fn fits(&self, catalogue: &Catalogue) -> bool {
        Arc::ptr_eq(&self.numbering, catalogue.numbering())
    }

    /// A song was begun. Told of a catalogue that it was not made for, it goes over to it first.
    pub fn heard(&mut self, catalogue: &Catalogue, heard: Heard<'_>) {
        if !self.fits(catalogue) {
            *self = self.renumbered(catalogue);
        }
        let shifted = heard.at_ms.saturating_add(self.shift_ms);
        if shifted < self.newest_ms {
            self.shift_ms = self.shift_ms.saturating_add(self.newest_ms.saturating_sub(shifted));
        }
        let at_ms = shifted.max(self.newest_ms);
        self.newest_ms = at_ms;
        self.plays += 1;
        let play = self.plays;
        let Some(song) = catalogue.number(heard.recording) else { return };
        if let Some(last) = self.songs.known.get_mut(song as usize) {
            *last = Last { play, at_ms };
        }
        let entry = catalogue.entry(song);
        for artist in catalogue.artists(entry) {
            if let Some(lately) = self.artists.known.get_mut(*artist as usize) {
                lately.heard(play, at_ms);
            }
        }
        if entry.album != NOBODY
            && let Some(lately) = self.albums.known.get_mut(entry.album as usize)
        {
            lately.heard(play, at_ms);
        }
        if let Some((list, position)) = heard.from {
            self.move_to(list, Place { song, position, play });
        }
    }

    fn move_to(&mut self, list: &str, place: Place) {
        if let Some(known) = self.places.get_mut(list) {
            *known = place;
            return;
        }
        if self.places.len() >= PLACES_MAX {
            let oldest = self.places.iter().min_by_key(|(_, place)| place.play).map(|(list, _)| list.clone());
            oldest.map(|list| self.places.remove(&list));
        }
        self.places.insert(list.to_owned(), place);
    }

    /// How many songs were heard.
    pub fn plays(&self) -> u64 {
        self.plays
    }

    /// A moment in the history's own time, which never runs backwards.
    pub(super) fn time_ms(&self, at_ms: i64) -> i64 {
        at_ms.saturating_add(self.shift_ms).max(self.newest_ms)
    }

    /// The device's time of a moment in the history's own.
    pub(super) fn device_ms(&self, at_ms: i64) -> i64 {
        at_ms.saturating_sub(self.shift_ms)
    }

    pub(super) fn song(&self, song: SongNo) -> Last {
        self.songs.known.get(song as usize).copied().unwrap_or(Last::NEVER)
    }

    pub(super) fn artist(&self, artist: u32) -> &Lately {
        self.artists.known.get(artist as usize).unwrap_or(&Lately::NEVER)
    }

    pub(super) fn album(&self, album: u32) -> &Lately {
        self.albums.known.get(album as usize).unwrap_or(&Lately::NEVER)
    }

    pub(super) fn place(&self, list: &str) -> Option<&Place> {
        self.places.get(list)
    }
}

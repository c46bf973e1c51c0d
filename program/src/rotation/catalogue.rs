//! The recordings and playlists of a release, numbered, so that a choice compares numbers and not names. Made once for
//! each release; only what is kept away for a while changes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::names;
use crate::civil::Date;
use crate::model::{Library, Rating, Recording, Resolved};
use crate::shelf::Shelf;

/// A recording's number in its catalogue.
pub(crate) type SongNo = u32;
/// The number of no album and no list.
pub(super) const NOBODY: u32 = u32::MAX;

/// Names of one kind, numbered.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    pub names: Vec<String>,
    pub numbers: HashMap<String, u32>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }
}

/// What the numbers of a catalogue mean. A history holds on to those that it was made with.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Numbering {
    pub songs: Names,
    pub artists: Names,
    pub albums: Names,
}

/// Why a song may not be played whatever is loosened, as far as the catalogue alone can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Barred {
    Territory,
    Explicit,
    Never,
}

/// One recording.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// `NOBODY` without one.
    pub album: u32,
    artists_from: u32,
    artists_len: u8,
    pub barred: Option<Barred>,
    /// Kept away for a while: look into `held`.
    held: bool,
    /// Of `LIKING_MAX`: how often it is taken when chance falls on it.
    pub liking: u8,
    /// Days since 1970, both inclusive.
    pub first_day: i32,
    pub last_day: i32,
    pub offline_days: u32,
}

/// A recording, as the catalogue takes it up.
#[derive(Debug, Clone)]
struct Recorded<'a> {
    id: &'a str,
    artists: Vec<String>,
    /// What tells albums apart, folded; empty for none.
    album: String,
    barred: Option<Barred>,
    liking: u8,
    first_day: i32,
    last_day: i32,
    offline_days: u32,
    /// Whether it may come when nothing else may.
    music: bool,
}

/// A playlist: its songs in order, and the same by album.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct List {
    pub id: String,
    pub songs: Vec<SongNo>,
    /// Positions in `songs`, those of an album beside each other.
    by_album: Vec<u32>,
    /// Where each album begins in `by_album`, and the end.
    albums: Vec<u32>,
}

impl List {
    pub(super) fn new(id: &str, songs: Vec<SongNo>, entries: &[Entry]) -> Self {
        // A song without an album is an album of its own.
        let album = |position: &u32| {
            let song = songs[*position as usize];
            match entries[song as usize].album {
                NOBODY => (1, song),
                album => (0, album),
            }
        };
        let mut by_album: Vec<u32> = (0..songs.len() as u32).collect();
        by_album.sort_by_key(album);
        let changes = by_album.windows(2).enumerate().filter(|(_, pair)| album(&pair[0]) != album(&pair[1]));
        let mut albums: Vec<u32> = std::iter::once(0).chain(changes.map(|(at, _)| at as u32 + 1)).collect();
        albums.push(by_album.len() as u32);
        Self { id: id.to_owned(), songs, by_album, albums }
    }

    /// The positions of the songs of each album.
    pub(super) fn albums(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        self.albums.windows(2).map(|ends| &self.by_album[ends[0] as usize..ends[1] as usize])
    }

    /// The positions of the songs of one album; there are `albums().len()`.
    pub(super) fn album(&self, index: usize) -> &[u32] {
        match self.albums.get(index..index + 2) {
            Some(ends) => &self.by_album[ends[0] as usize..ends[1] as usize],
            None => &[],
        }
    }
}

/// See the head of this file.
#[derive(Debug, Clone)]
pub struct Catalogue {
    numbering: Arc<Numbering>,
    entries: Vec<Entry>,
    artists: Vec<u32>,
    lists: Vec<List>,
    list_numbers: HashMap<String, u32>,
    /// All music, in its order: what is left when nothing else may be played.
    everything: List,
    /// Until when a song is kept away, in ms since 1970.
    held: HashMap<SongNo, i64>,
    /// How long each recording is, in ms; 0 where that is not known.
    lengths_ms: Vec<u64>,
    /// Of the music: of how many it is known, and the sum.
    known_lengths: (u64, u128),
}

/// How long a song is taken to be where no recording says how long it is, in ms.
pub const SONG_MS_DEFAULT: u64 = 210_000;

/// How often a song is taken when chance falls on it, of [`LIKING_MAX`](super::choose::LIKING_MAX).
const fn liking(rating: Rating) -> u8 {
    match rating {
        Rating::Never => 0,
        Rating::Less => 1,
        Rating::Normal => 2,
        Rating::More => 4,
    }
}

impl Catalogue {
    /// Numbers the recordings and playlists of a release, for its place. With 100,000 recordings it takes a tenth of a
    /// second: it is made once, when the release comes.
    pub fn new<'a>(program: &Resolved, library: &'a Library) -> Self {
        let shelf = Shelf::new(library);
        let songs = |id: &str| shelf.songs(id).into_iter().map(|recording| recording.id.as_str()).collect();
        let playlists: Vec<(&str, Vec<&str>)> =
            library.playlists.iter().map(|list| (list.id.as_str(), songs(list.id.as_str()))).collect();
        let named: HashSet<&str> = playlists.iter().flat_map(|(_, songs)| songs.iter().copied()).collect();
        let spots = program.spots.iter().map(|spot| spot.recording.as_str());
        let shown = program.shown(library).map(|recording| recording.as_str());
        // What is said or shown is no music, unless a playlist says so.
        let others: HashSet<&str> = spots.chain(shown).collect();
        let here = program.place.territory.as_ref();
        let recorded = |recording: &'a Recording| {
            let (rights, id) = (&recording.rights, recording.id.as_str());
            let elsewhere =
                !rights.territories.is_empty() && !here.is_some_and(|here| rights.territories.contains(here));
            let barred = if elsewhere {
                Some(Barred::Territory)
            } else if recording.rating == Rating::Never {
                Some(Barred::Never)
            } else {
                recording.explicit.then_some(Barred::Explicit)
            };
            Recorded {
                id,
                artists: recording.artists.clone(),
                album: names::folded(recording.album.as_deref().unwrap_or_default()),
                barred,
                liking: liking(recording.rating),
                first_day: rights.first.unwrap_or(Date::MIN).days(),
                last_day: rights.last.unwrap_or(Date::MAX).days(),
                offline_days: rights.offline_days.unwrap_or(u32::MAX),
                music: named.contains(id) || !others.contains(id),
            }
        };
        let mut catalogue = Self::build(library.recordings.iter().map(recorded), playlists);
        for recording in &library.recordings {
            if let Some(duration_ms) = recording.duration_ms {
                catalogue.learn_length(recording.id.as_str(), duration_ms);
            }
        }
        catalogue
    }

    /// Takes up recordings (a repeated id counts once) and playlists (a song that is not recorded is passed over).
    fn build<'a>(
        recordings: impl IntoIterator<Item = Recorded<'a>>,
        playlists: impl IntoIterator<Item = (&'a str, Vec<&'a str>)>,
    ) -> Self {
        let mut numbering = Numbering::default();
        let (mut entries, mut artists, mut music) = (Vec::new(), Vec::new(), Vec::new());
        for recorded in recordings {
            if numbering.songs.number(recorded.id) as usize != entries.len() {
                continue;
            }
            if recorded.music {
                music.push(entries.len() as u32);
            }
            let artists_from = artists.len() as u32;
            let names = names::artists(&recorded.artists);
            artists.extend(names.iter().map(|name| numbering.artists.number(name)));
            let album =
                if recorded.album.is_empty() { NOBODY } else { numbering.albums.number(&recorded.album) };
            entries.push(Entry {
                album,
                artists_from,
                artists_len: names.len() as u8,
                barred: recorded.barred,
                held: false,
                liking: recorded.liking,
                first_day: recorded.first_day,
                last_day: recorded.last_day,
                offline_days: recorded.offline_days,
            });
        }
        let (mut lists, mut list_numbers) = (Vec::new(), HashMap::new());
        for (id, songs) in playlists {
            let songs = songs.iter().filter_map(|song| numbering.songs.numbers.get(*song).copied()).collect();
            list_numbers.entry(id.to_owned()).or_insert(lists.len() as u32);
            lists.push(List::new(id, songs, &entries));
        }
        let everything = List::new("", music, &entries);
        let lengths_ms = vec![0; entries.len()];
        let numbering = Arc::new(numbering);
        Self {
            numbering,
            entries,
            artists,
            lists,
            list_numbers,
            everything,
            held: HashMap::new(),
            lengths_ms,
            known_lengths: (0, 0),
        }
    }

    /// How long a song is on the average, in ms: of the music of which it is known, [`SONG_MS_DEFAULT`] where it is of none.
    pub fn mean_song_ms(&self) -> u64 {
        let (count, sum_ms) = self.known_lengths;
        u64::try_from(sum_ms.checked_div(count.into()).unwrap_or(SONG_MS_DEFAULT.into())).unwrap_or(u64::MAX)
    }

    /// A recording is so long: what a file that was opened says, if its owner did not. A length of 0 says nothing.
    pub fn learn_length(&mut self, recording: &str, length_ms: u64) {
        let Some(song) = self.number(recording) else { return };
        let is_music = self.everything.songs.binary_search(&song).is_ok();
        let Some(known) = self.lengths_ms.get_mut(song as usize) else { return };
        if length_ms == 0 || *known > 0 {
            return;
        }
        *known = length_ms;
        if is_music {
            let (count, sum_ms) = self.known_lengths;
            self.known_lengths = (count + 1, sum_ms.saturating_add(length_ms.into()));
        }
    }

    /// How many recordings it has.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Keeps a recording away until then, in ms since 1970 as the device believes it: a file that failed, or that is not
    /// on the disk. `None` lets it come again. A recording that is not known is none to keep away.
    pub fn quarantine(&mut self, recording: &str, until_ms: Option<i64>) {
        let Some(song) = self.number(recording) else { return };
        self.entries[song as usize].held = until_ms.is_some();
        match until_ms {
            Some(until_ms) => self.held.insert(song, until_ms),
            None => self.held.remove(&song),
        };
    }

    pub(super) fn numbering(&self) -> &Arc<Numbering> {
        &self.numbering
    }

    pub(super) fn number(&self, recording: &str) -> Option<SongNo> {
        self.numbering.songs.numbers.get(recording).copied()
    }

    pub(super) fn id(&self, song: SongNo) -> &str {
        self.numbering.songs.names.get(song as usize).map_or("", String::as_str)
    }

    /// A song of this catalogue; numbers come from nowhere else.
    pub(super) fn entry(&self, song: SongNo) -> &Entry {
        &self.entries[song as usize]
    }

    pub(super) fn artists(&self, entry: &Entry) -> &[u32] {
        let from = entry.artists_from as usize;
        &self.artists[from..from + usize::from(entry.artists_len)]
    }

    pub(super) fn artist_name(&self, artist: u32) -> &str {
        self.numbering.artists.names.get(artist as usize).map_or("", String::as_str)
    }

    /// Until when a song is kept away, if it is.
    pub(super) fn held_until_ms(&self, song: SongNo) -> Option<i64> {
        self.entry(song).held.then(|| self.held.get(&song).copied()).flatten()
    }

    pub(super) fn list(&self, id: &str) -> Option<&List> {
        self.lists.get(*self.list_numbers.get(id)? as usize)
    }

    pub(super) fn everything(&self) -> &List {
        &self.everything
    }

    /// How many artists and albums it numbers.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.numbering.artists.names.len(), self.numbering.albums.names.len())
    }

    /// How many different artists and albums these songs have, of which none is named twice; a song that matches nobody is
    /// somebody of its own.
    pub(super) fn distinct(&self, songs: impl ExactSizeIterator<Item = SongNo>) -> Distinct {
        let mut seen = Seen {
            artists: Bits::new(self.numbering.artists.names.len()),
            albums: Bits::new(self.numbering.albums.names.len()),
        };
        let mut distinct = Distinct { songs: songs.len() as u64, ..Distinct::default() };
        for song in songs {
            let entry = self.entry(song);
            let artists = self.artists(entry);
            distinct.artists += match artists {
                [] => 1,
                artists => artists.iter().filter(|artist| seen.artists.insert(**artist)).count() as u64,
            };
            distinct.albums += u64::from(entry.album == NOBODY || seen.albums.insert(entry.album));
        }
        distinct
    }
}

/// How many different ones there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Distinct {
    pub songs: u64,
    pub artists: u64,
    pub albums: u64,
}

struct Seen {
    artists: Bits,
    albums: Bits,
}

/// Small numbers that were met.
struct Bits(Vec<u64>);

impl Bits {
    fn new(len: usize) -> Self {
        Self(vec![0; len.div_ceil(64)])
    }

    /// Whether this one is new.
    fn insert(&mut self, number: u32) -> bool {
        let Some(word) = self.0.get_mut(number as usize / 64) else { return false };
        let bit = 1 << (number % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

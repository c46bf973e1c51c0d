//! All songs of a pool, weighed at once: what is asked when no song that was tried by chance may come.
//!
//! It is the slowest of all choices, and the one that a room with too strict rules makes each time. So each song is weighed
//! once however many playlists name it, and what its artists and its album break is asked once for all of their songs.

use super::catalogue::{Catalogue, Entry, List, NOBODY, SongNo};
use super::choose::Rank;
use super::rules::{Broken, Caps, Kind, Rules};

/// What a song breaks by the rules as they were said, and by what they are capped at.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Breaks {
    pub said: Broken,
    pub capped: Broken,
}

impl Breaks {
    fn and(self, other: Self) -> Self {
        Self { said: self.said.and(other.said), capped: self.capped.and(other.capped) }
    }

    fn rank(self) -> Rank {
        if self.said.none() { Rank::CLEAN } else { Rank::capped(self.capped.depth()) }
    }
}

/// See the head of this file.
pub(super) struct Weighed {
    /// Of each song of the catalogue; of those that no playlist of the pool names it means nothing.
    ranks: Vec<Rank>,
}

impl Weighed {
    pub(super) fn new(rules: &Rules<'_>, pool: &[&List]) -> Self {
        let catalogue = rules.catalogue;
        let mut ranks = vec![Rank::NOT_ASKED; catalogue.len()];
        let mut permitted: Vec<SongNo> = Vec::with_capacity(catalogue.len());
        for song in pool.iter().flat_map(|list| &list.songs) {
            let rank = &mut ranks[*song as usize];
            if *rank == Rank::NOT_ASKED {
                *rank = Rank::NOT_AT_ALL;
                if rules.permits(*song) {
                    permitted.push(*song);
                }
            }
        }
        let caps = Caps::of(catalogue.distinct(permitted.iter().copied()));
        let mut scales = Scales::new(rules, &caps);
        for song in permitted {
            ranks[song as usize] = scales.rank(song);
        }
        Self { ranks }
    }

    pub(super) fn rank(&self, song: SongNo) -> Rank {
        self.ranks[song as usize]
    }

    /// The best of a playlist.
    pub(super) fn best(&self, list: &List) -> Rank {
        list.songs.iter().map(|song| self.rank(*song)).min().unwrap_or(Rank::NOT_AT_ALL)
    }
}

/// Remembers what artists and albums break.
struct Scales<'a> {
    rules: &'a Rules<'a>,
    caps: &'a Caps,
    artists: Vec<Option<Breaks>>,
    albums: Vec<Option<Breaks>>,
}

impl<'a> Scales<'a> {
    fn new(rules: &'a Rules<'a>, caps: &'a Caps) -> Self {
        let (artists, albums) = rules.catalogue.counts();
        Self { rules, caps, artists: vec![None; artists], albums: vec![None; albums] }
    }

    fn rank(&mut self, song: SongNo) -> Rank {
        let own = self.rules.breaks(Kind::Song, song, self.caps);
        // The rules of songs are loosened last: what its artists and its album break does not make it worse.
        if own.capped.none() { self.with_others(song, own).rank() } else { own.rank() }
    }

    fn with_others(&mut self, song: SongNo, mut breaks: Breaks) -> Breaks {
        let catalogue: &Catalogue = self.rules.catalogue;
        let entry: &Entry = catalogue.entry(song);
        for artist in catalogue.artists(entry) {
            breaks = breaks.and(of(self.rules, self.caps, (Kind::Artist, *artist), &mut self.artists));
        }
        if entry.album != NOBODY {
            breaks = breaks.and(of(self.rules, self.caps, (Kind::Album, entry.album), &mut self.albums));
        }
        breaks
    }
}

fn of(rules: &Rules<'_>, caps: &Caps, (kind, number): (Kind, u32), known: &mut [Option<Breaks>]) -> Breaks {
    let slot = &mut known[number as usize];
    *slot.get_or_insert_with(|| rules.breaks(kind, number, caps))
}

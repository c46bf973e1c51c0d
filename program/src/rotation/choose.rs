//! The choice itself, among numbers.
//!
//! First a few songs of the drawn playlist are tried by chance, under the rules as they were said: in nearly every choice
//! one of them may come, and it costs the same for a hundred songs and for a hundred thousand. Only when none may, all songs
//! of the pool are weighed once.

use super::catalogue::{Catalogue, List, SongNo};
use super::chance::Draws;
use super::rules::{Broken, Caps, Rule, Rules};
use super::weigh::Weighed;

/// Songs that are tried by chance before all are weighed. A normal song is liked half, so with half of the songs kept away
/// one choice in a hundred million weighs them all.
const TRIES: usize = 64;
/// A song's liking is out of this.
pub(super) const LIKING_MAX: u8 = 4;

/// How songs of a playlist follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Shuffle,
    InOrder,
    AlbumFirst,
}

/// Why the rules that a song breaks could not keep it away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freedom {
    /// It breaks none.
    Clean,
    /// There are fewer different ones than the rule wants in between.
    Capped,
    /// Nothing else was left.
    Loosened,
    /// The playlist goes in order.
    InOrder,
}

/// What was found, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub song: SongNo,
    pub position: u32,
    /// Which of the pool's playlists.
    pub list: usize,
    /// Of the rules as they were said.
    pub broken: Broken,
    pub freedom: Freedom,
    /// It was not drawn: it was heard longest ago.
    pub least_recent: bool,
}

/// How good a candidate is: less is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank(u8);

impl Rank {
    pub(super) const CLEAN: Self = Self(0);
    const CAPPED: Self = Self(1);
    /// Only the song's own count is left; the least recent wins.
    const LEAST_RECENT: Self = Self(1 + Rule::ALL.len() as u8);
    /// Nobody has looked yet.
    pub(super) const NOT_ASKED: Self = Self(u8::MAX - 1);
    pub(super) const NOT_AT_ALL: Self = Self(u8::MAX);

    /// It breaks a rule as it was said; so much has to be loosened when the rules are capped.
    pub(super) fn capped(depth: u8) -> Self {
        Self(Self::CAPPED.0 + depth)
    }
}

/// Chooses among playlists, in the order in which they were drawn.
pub(super) fn choose(rules: &Rules<'_>, pool: &[&List], manner: Manner, draws: &mut Draws) -> Option<Found> {
    if manner == Manner::InOrder {
        return pool.iter().enumerate().find_map(|(list, songs)| in_order(rules, list, songs));
    }
    let first = pool.first()?;
    try_some(rules, first, manner, draws).or_else(|| weigh_all(rules, pool, manner, draws))
}

fn in_order(rules: &Rules<'_>, list: usize, songs: &List) -> Option<Found> {
    let after = rules.history.place(&songs.id).map_or(0, |place| {
        let at = |position: &usize| songs.songs.get(*position) == Some(&place.song);
        // Where it was, if the playlist is still the same there; else where the song stands now.
        let position = place.position.map(|position| position as usize).filter(at);
        position.or_else(|| songs.songs.iter().position(|song| *song == place.song)).map_or(0, |at| at + 1)
    });
    let count = songs.songs.len();
    let turn = (after..count).chain(0..after.min(count));
    turn.map(|position| (position, songs.songs[position])).find(|(_, song)| rules.permits(*song)).map(
        |(position, song)| {
            let broken = rules.broken(song, &Caps::NONE);
            let freedom = if broken.none() { Freedom::Clean } else { Freedom::InOrder };
            Found { song, position: position as u32, list, broken, freedom, least_recent: false }
        },
    )
}

fn try_some(rules: &Rules<'_>, list: &List, manner: Manner, draws: &mut Draws) -> Option<Found> {
    if list.songs.is_empty() {
        return None;
    }
    for _ in 0..TRIES {
        let position = match manner {
            Manner::AlbumFirst => {
                let album = list.album(draws.index(list.albums().len()));
                album[draws.index(album.len())]
            }
            Manner::Shuffle | Manner::InOrder => draws.index(list.songs.len()) as u32,
        };
        let song = list.songs[position as usize];
        let liked = draws.below(LIKING_MAX.into()) < rules.catalogue.entry(song).liking.into();
        if liked && rules.broken(song, &Caps::NONE).none() && rules.permits(song) {
            return Some(Found {
                song,
                position,
                list: 0,
                broken: Broken::default(),
                freedom: Freedom::Clean,
                least_recent: false,
            });
        }
    }
    None
}

fn weigh_all(rules: &Rules<'_>, pool: &[&List], manner: Manner, draws: &mut Draws) -> Option<Found> {
    let weighed = Weighed::new(rules, pool);
    // Of equals the one that was drawn first: a rule is kept before a weight is.
    let (list, rank) = pool
        .iter()
        .map(|list| weighed.best(list))
        .enumerate()
        .min_by_key(|(_, rank)| *rank)
        .filter(|(_, rank)| *rank != Rank::NOT_AT_ALL)?;
    let (list, position) = if rank == Rank::LEAST_RECENT {
        least_recent(rules, pool, &weighed)?
    } else {
        (list, draw(rules.catalogue, pool[list], &weighed, (rank, manner), draws)?)
    };
    let song = pool[list].songs[position as usize];
    let freedom = match rank {
        Rank::CLEAN => Freedom::Clean,
        Rank::CAPPED => Freedom::Capped,
        _ => Freedom::Loosened,
    };
    let broken = rules.broken(song, &Caps::NONE);
    Some(Found { song, position, list, broken, freedom, least_recent: rank == Rank::LEAST_RECENT })
}

/// The song that was heard longest ago, of those that may come at all.
fn least_recent(rules: &Rules<'_>, pool: &[&List], weighed: &Weighed) -> Option<(usize, u32)> {
    let all = pool.iter().enumerate().flat_map(|(list, songs)| {
        let songs = songs.songs.iter().enumerate();
        let permitted = songs.filter(|(_, song)| weighed.rank(**song) == Rank::LEAST_RECENT);
        permitted.map(move |(position, song)| (list, position, *song))
    });
    let oldest = all.min_by_key(|(_, _, song)| rules.history.song(*song).play)?;
    Some((oldest.0, oldest.1 as u32))
}

/// One of the songs of this rank, by chance; with albums first, an album and then one of its songs.
fn draw(
    catalogue: &Catalogue,
    list: &List,
    weighed: &Weighed,
    (rank, manner): (Rank, Manner),
    draws: &mut Draws,
) -> Option<u32> {
    let is_one = |position: &u32| weighed.rank(list.songs[*position as usize]) == rank;
    match manner {
        Manner::AlbumFirst => {
            let with_one = || list.albums().filter(|album| album.iter().any(is_one));
            let album = with_one().nth(draws.index(with_one().count()))?;
            draw_liked(catalogue, list, album.iter().copied().filter(is_one), draws)
        }
        Manner::Shuffle | Manner::InOrder => {
            draw_liked(catalogue, list, (0..list.songs.len() as u32).filter(is_one), draws)
        }
    }
}

/// One of these positions, each as likely as its song is liked.
fn draw_liked(
    catalogue: &Catalogue,
    list: &List,
    positions: impl Iterator<Item = u32> + Clone,
    draws: &mut Draws,
) -> Option<u32> {
    let liking = |position: u32| u64::from(catalogue.entry(list.songs[position as usize]).liking);
    let mut left = draws.below(positions.clone().map(liking).sum());
    for position in positions.clone() {
        match left.checked_sub(liking(position)) {
            Some(rest) => left = rest,
            None => return Some(position),
        }
    }
    positions.last()
}

//! Which rules a song would break if it came now. What may never be broken is asked first; the rest is weighed.

use super::catalogue::{Barred, Catalogue, Distinct, Entry, NOBODY, SongNo};
use super::history::{History, Lately};
use super::weigh::Breaks;

/// The window of `us114`: 17 U.S.C. § 114(j)(13), the "sound recording performance complement".
const US114_WINDOW_MS: i64 = 3 * 60 * 60 * 1000;
/// In that window: of an artist, and of those in a row.
const US114_ARTIST: (usize, u32) = (4, 3);
/// In that window: of an album, and of those in a row.
const US114_ALBUM: (usize, u32) = (3, 2);

/// A rule that may be loosened, in the order in which they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Minutes since another song of the album.
    AlbumMinutes,
    /// Minutes since another song of the artist.
    ArtistMinutes,
    /// Songs since another one of the artist.
    ArtistCount,
    /// Songs since another one of the album.
    AlbumCount,
    /// Minutes since the same song.
    SongMinutes,
    /// Songs since the same song.
    SongCount,
}

impl Rule {
    /// All, in the order in which they are loosened.
    pub const ALL: [Self; 6] = [
        Self::AlbumMinutes,
        Self::ArtistMinutes,
        Self::ArtistCount,
        Self::AlbumCount,
        Self::SongMinutes,
        Self::SongCount,
    ];

    /// What people call it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::AlbumMinutes => "minutes between songs of an album",
            Self::ArtistMinutes => "minutes between songs of an artist",
            Self::ArtistCount => "songs between those of an artist",
            Self::AlbumCount => "songs between those of an album",
            Self::SongMinutes => "minutes until a song comes again",
            Self::SongCount => "songs until a song comes again",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.title())
    }
}

/// Rules that a song breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Broken(u8);

impl Broken {
    fn add(&mut self, rule: Rule, broken: bool) {
        if broken {
            self.0 |= rule.bit();
        }
    }

    /// What either breaks.
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn none(self) -> bool {
        self.0 == 0
    }

    /// How far must be loosened for it: 0, or 1 and more by the last rule in the order.
    pub(super) fn depth(self) -> u8 {
        8 - self.0.leading_zeros() as u8
    }

    pub(super) fn has(self, rule: Rule) -> bool {
        self.0 & rule.bit() != 0
    }

    pub(super) fn rules(self) -> impl Iterator<Item = Rule> {
        Rule::ALL.into_iter().filter(move |rule| self.has(*rule))
    }
}

/// What is kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Song,
    Artist,
    Album,
}

/// Why a song may not come at all, and when it may again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forbidden {
    /// For as long as the release says so.
    Barred(Barred),
    /// The right begins on this day, in days since 1970.
    NotYet(i32),
    /// The right ended with this day.
    Ended(i32),
    /// Too long without the server: this many days are allowed.
    Offline(u32),
    /// Kept away until then, in the device's ms since 1970.
    Held(i64),
    /// As many of the artist as `us114` allows; until then, in the history's ms.
    ArtistWindow { artist: u32, until_ms: i64 },
    /// As many of the artist in a row; until then or another's song.
    ArtistRow { artist: u32, until_ms: i64 },
    /// As many of the album.
    AlbumWindow { until_ms: i64 },
    /// As many of the album in a row.
    AlbumRow { until_ms: i64 },
}

/// One limit: this many songs, and this long, in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Apart {
    pub count: u64,
    pub minutes: u64,
}

impl Apart {
    pub(super) fn ms(self) -> i64 {
        i64::try_from(self.minutes.saturating_mul(60_000)).unwrap_or(i64::MAX)
    }
}

/// The rotation rules of a program, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    pub song: Apart,
    pub album: Apart,
    pub artist: Apart,
    pub us114: bool,
}

/// What each rule is capped at: one less than there are to choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Caps {
    pub song: u64,
    pub album: u64,
    pub artist: u64,
}

impl Caps {
    /// The rules as they were said.
    pub(super) const NONE: Self = Self { song: u64::MAX, album: u64::MAX, artist: u64::MAX };

    pub(super) fn of(distinct: Distinct) -> Self {
        Self {
            song: distinct.songs.saturating_sub(1),
            album: distinct.albums.saturating_sub(1),
            artist: distinct.artists.saturating_sub(1),
        }
    }
}

/// The rules at a moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    pub catalogue: &'a Catalogue,
    pub history: &'a History,
    pub limits: Limits,
    /// In the device's ms since 1970.
    pub at_ms: i64,
    pub moment: Moment,
}

/// What rights are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// Whether what is explicit may come.
    pub explicit: bool,
    /// Days since 1970.
    pub today: i32,
    /// Since the server last answered.
    pub offline_days: u32,
}

impl Moment {
    /// Why its owner or its rights forbid something then.
    pub(super) fn forbids(&self, entry: &Entry) -> Option<Forbidden> {
        if let Some(barred) = entry.barred.filter(|barred| *barred != Barred::Explicit || !self.explicit) {
            return Some(Forbidden::Barred(barred));
        }
        if self.today < entry.first_day {
            return Some(Forbidden::NotYet(entry.first_day));
        }
        if self.today > entry.last_day {
            return Some(Forbidden::Ended(entry.last_day));
        }
        (self.offline_days > entry.offline_days).then_some(Forbidden::Offline(entry.offline_days))
    }
}

impl Rules<'_> {
    /// Whether a song may come at all.
    pub(super) fn permits(&self, song: SongNo) -> bool {
        self.forbidden(song).is_none()
    }

    /// Why it may not come at all.
    #[inline]
    pub(super) fn forbidden(&self, song: SongNo) -> Option<Forbidden> {
        let entry = self.catalogue.entry(song);
        if let Some(forbidden) = self.moment.forbids(entry) {
            return Some(forbidden);
        }
        if let Some(until_ms) = self.catalogue.held_until_ms(song).filter(|until_ms| self.at_ms < *until_ms) {
            return Some(Forbidden::Held(until_ms));
        }
        if self.limits.us114 { self.us114(entry) } else { None }
    }

    fn us114(&self, entry: &Entry) -> Option<Forbidden> {
        for artist in self.catalogue.artists(entry) {
            let lately = self.history.artist(*artist);
            if let Some(until_ms) = self.full(lately, US114_ARTIST.0) {
                return Some(Forbidden::ArtistWindow { artist: *artist, until_ms });
            }
            if let Some(until_ms) = self.full_row(lately, US114_ARTIST.1) {
                return Some(Forbidden::ArtistRow { artist: *artist, until_ms });
            }
        }
        if entry.album == NOBODY {
            return None;
        }
        let lately = self.history.album(entry.album);
        if let Some(until_ms) = self.full(lately, US114_ALBUM.0) {
            return Some(Forbidden::AlbumWindow { until_ms });
        }
        self.full_row(lately, US114_ALBUM.1).map(|until_ms| Forbidden::AlbumRow { until_ms })
    }

    /// Until when, if so many were heard in the window.
    fn full(&self, lately: &Lately, most: usize) -> Option<i64> {
        let oldest_ms = *lately.times_ms.get(most - 1)?;
        let until_ms = oldest_ms.saturating_add(US114_WINDOW_MS);
        // A time that never was is so far back that it stays in the past.
        (self.now_ms() < until_ms).then_some(until_ms)
    }

    /// Until when, if the last songs were so many of these, all in the window.
    fn full_row(&self, lately: &Lately, most: u32) -> Option<i64> {
        let in_row = lately.play > 0 && lately.play == self.history.plays() && lately.row >= most;
        if in_row { self.full(lately, most as usize) } else { None }
    }

    /// Which rules it would break if they were capped so.
    pub(super) fn broken(&self, song: SongNo, caps: &Caps) -> Broken {
        let entry = self.catalogue.entry(song);
        let mut broken = self.breaks(Kind::Song, song, caps).capped;
        for artist in self.catalogue.artists(entry) {
            broken = broken.and(self.breaks(Kind::Artist, *artist, caps).capped);
        }
        if entry.album != NOBODY {
            broken = broken.and(self.breaks(Kind::Album, entry.album, caps).capped);
        }
        broken
    }

    /// What a song alone, an artist or an album would break by having been heard, as the rules were said and if they were
    /// capped so.
    pub(super) fn breaks(&self, kind: Kind, number: u32, caps: &Caps) -> Breaks {
        let (apart, cap, rules) = match kind {
            Kind::Song => (self.limits.song, caps.song, (Rule::SongCount, Rule::SongMinutes)),
            Kind::Artist => (self.limits.artist, caps.artist, (Rule::ArtistCount, Rule::ArtistMinutes)),
            Kind::Album => (self.limits.album, caps.album, (Rule::AlbumCount, Rule::AlbumMinutes)),
        };
        let lately = |lately: &Lately| (lately.play, lately.times_ms[0]);
        let (play, at_ms) = match kind {
            Kind::Song => {
                let last = self.history.song(number);
                (last.play, last.at_ms)
            }
            Kind::Artist => lately(self.history.artist(number)),
            Kind::Album => lately(self.history.album(number)),
        };
        let mut breaks = Breaks::default();
        if play == 0 {
            return breaks;
        }
        let (since, soon) = (self.since(play), self.now_ms().saturating_sub(at_ms) < apart.ms());
        breaks.said.add(rules.0, since < apart.count);
        breaks.said.add(rules.1, soon);
        breaks.capped.add(rules.0, since < apart.count.min(cap));
        breaks.capped.add(rules.1, since < cap && soon);
        breaks
    }

    /// Songs that were heard after that play.
    pub(super) fn since(&self, play: u64) -> u64 {
        self.history.plays().saturating_sub(play)
    }

    /// Now, in the history's time.
    pub(super) fn now_ms(&self) -> i64 {
        self.history.time_ms(self.at_ms)
    }
}

//! Which song comes next, and why; and what keeps a song away.
//!
//! A [`Catalogue`] is made once for a release, a [`History`] is told of each song that begins, [`Chance`] is a stored seed.
//! [`choose_next`] asks the three and changes only the last. All numbers are whole: the same choice on every machine.
//!
//! # What was decided where the agreed meaning is silent
//! - **Minutes** are from the start of one song to the start of the next, for `us114` too: when a song is chosen, nobody
//!   knows how long the one before will have been.
//! - **The cap.** A rule asks for no more songs in between than there are different ones (songs, artists, albums) to choose
//!   from, less one, among all that the daypart's playlists may play now. That holds for minutes too: after so many other
//!   songs they have been kept. A song without an artist is an artist of its own here. As long as one song keeps the rules
//!   as they were said, such a song is taken; what a cap lets through is noted like what was loosened.
//! - **Weights** are loosened first: before a rule of rotation is broken, the daypart's other playlists are asked. So the
//!   rules bind more than the weights, and loosening is common to all playlists of the daypart; the drawn one goes first.
//!   *The daypart's other playlists*, at the end, are then those of weight 0: a reserve.
//! - **Album first** draws an album and then a song of it, each album as often as another. It never has to be loosened.
//! - **In order** is the owner's own order: it goes before the rules that can be loosened (what it breaks is noted), never
//!   before the others; what may not come is passed over. It goes on after the last song that was heard from the playlist.
//! - **An album** is told by its title alone, since a compilation has many artists.
//! - **Rating**: *less* comes half as often as *normal*, *more* twice as often.
//! - **Any permitted recording** is one that is no spot's and for no screen, or that a playlist names all the same.
//! - **When the service has ended**, nothing but the lapse playlist is asked.
//! - **us114** counts "in a row" within its three hours, and holds in every playlist, the fallback too.

mod catalogue;
mod chance;
mod choose;
mod history;
mod names;
mod rules;
mod weigh;
mod why;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use catalogue::List;
pub use catalogue::{Catalogue, SONG_MS_DEFAULT};
pub use chance::Chance;
use chance::Draws;
use choose::{Found, Freedom, Manner};
pub use history::{GONE_MAX, Heard, History, PLACES_MAX};
pub use names::ARTISTS_MAX;
pub use rules::Rule;
use rules::{Apart, Limits, Moment, Rules};
pub use why::{Kept, Until, why_not};

use crate::civil::{Absolute, Date};
use crate::model::{
    Daypart, DaypartId, ExplicitRule, Order, PlaylistId, RecordingId, Resolved, Rotation, Ruleset, Spacing,
};
use crate::now::{self, Open};
use crate::program::Program;

/// Where a song is to come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Source<'a> {
    /// A daypart's playlists.
    Daypart(&'a Daypart),
    /// No daypart: the fallback.
    Fallback,
    /// The service has ended: the lapse playlist, and nothing else.
    Lapse,
}

impl<'a> Source<'a> {
    /// Where the music comes from when this is right; none while something else goes before it: ask again without that.
    pub fn of(program: &'a Program, open: &Open) -> Option<Self> {
        match open.source {
            now::Source::Daypart => {
                open.daypart.and_then(|number| program.daypart(number)).map(Self::Daypart)
            }
            now::Source::Lapse => Some(Self::Lapse),
            now::Source::Fallback => Some(Self::Fallback),
            now::Source::PlayedNow | now::Source::Spot | now::Source::Request => None,
        }
    }
}

/// The moment for which a song is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked<'a> {
    /// Where it is to come from.
    pub source: Source<'a>,
    /// When it will begin, on the same clock on which the history is told.
    pub at: Absolute,
    /// The local date, or without a trusted clock that of the floor: a right that has not begun for certain has not begun,
    /// one that has not ended for certain has not ended.
    pub today: Option<Date>,
    /// Days since the server last answered.
    pub offline_days: u32,
}

/// A song, and how it came to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What to play.
    pub recording: RecordingId,
    /// The daypart that asked.
    pub daypart: Option<DaypartId>,
    /// The playlist that it comes from; none if it is any permitted recording.
    pub playlist: Option<PlaylistId>,
    /// Its place there, from 0.
    pub position: u32,
    /// How it was found.
    pub why: Vec<Reason>,
    /// What was not kept.
    pub loosened: Vec<Loosened>,
}

impl Choice {
    /// What the history is told when the song begins.
    pub fn heard(&self, at: Absolute) -> Heard<'_> {
        let from = self.playlist.as_ref().map(|list| (list.as_str(), Some(self.position)));
        Heard { recording: self.recording.as_str(), at_ms: at.0, from }
    }
}

/// How a song was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its playlist was drawn, or came as the next, with this weight among all of the daypart.
    Drawn {
        /// Its weight.
        weight: u64,
        /// All of them.
        of: u64,
    },
    /// It was drawn among those that the rules allow.
    Shuffled,
    /// Its album was drawn, and then the song.
    AlbumFirst,
    /// It is the next in its playlist's order.
    InOrder,
    /// It was heard longest ago.
    LeastRecent,
}

/// Something that was wanted and not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loosened {
    /// Another playlist of the daypart came than the weights had drawn.
    Weights,
    /// The song breaks this rule.
    Rule {
        /// Which.
        rule: Rule,
        /// Why it could not keep the song away.
        because: Because,
    },
    /// It comes from one of the daypart's playlists of weight 0.
    OtherPlaylists,
    /// It comes from the fallback though a daypart asked.
    Fallback,
    /// It comes from no playlist that was asked.
    AnyPermitted,
}

/// Why a rule could not keep a song away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// There are too few different ones to choose from.
    TooFew,
    /// Every song that may be played breaks it, or one that is loosened later.
    NothingElse,
    /// The playlist is played in order.
    InOrder,
}

impl fmt::Display for Loosened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weights => f.write_str("another playlist than the weights had drawn"),
            Self::OtherPlaylists => f.write_str("a playlist of weight 0"),
            Self::Fallback => f.write_str("the fallback"),
            Self::AnyPermitted => f.write_str("any permitted recording"),
            Self::Rule { rule, because } => {
                let because = match because {
                    Because::TooFew => "too few to choose from",
                    Because::NothingElse => "nothing else may be played",
                    Because::InOrder => "the playlist is played in order",
                };
                write!(f, "{rule}: {because}")
            }
        }
    }
}

/// One round of asking: these playlists, in this order, and what it means that they are asked.
struct Pool<'a> {
    lists: Vec<&'a List>,
    /// Of each list, when the daypart's weights drew it.
    weights: Option<Vec<u64>>,
    manner: Manner,
    step: Option<Loosened>,
}

/// Chooses the next song. `None` when nothing at all may be played; [`why_not`] tells of a song why.
///
/// A history that was made for another catalogue costs a copy each time: go over to the new one when a release brings it
/// ([`History::renumbered`]).
pub fn choose_next(
    program: &Resolved,
    catalogue: &Catalogue,
    history: &History,
    asked: &Asked<'_>,
    chance: &mut Chance,
) -> Option<Choice> {
    let mut draws = chance.next_choice();
    let history = fitting(history, catalogue);
    let rules = rules(program, catalogue, &history, asked);
    for pool in pools(program, catalogue, asked.source, &mut draws) {
        if let Some(found) = choose::choose(&rules, &pool.lists, pool.manner, &mut draws) {
            return Some(told(catalogue, asked.source, &pool, &found));
        }
    }
    None
}

fn fitting<'a>(history: &'a History, catalogue: &Catalogue) -> Cow<'a, History> {
    if history.fits(catalogue) { Cow::Borrowed(history) } else { Cow::Owned(history.renumbered(catalogue)) }
}

fn rules<'a>(
    program: &Resolved,
    catalogue: &'a Catalogue,
    history: &'a History,
    asked: &Asked<'_>,
) -> Rules<'a> {
    Rules {
        catalogue,
        history,
        limits: limits(&program.rotation),
        at_ms: asked.at.0,
        moment: moment(program, asked.today, asked.offline_days),
    }
}

fn moment(program: &Resolved, today: Option<Date>, offline_days: u32) -> Moment {
    let explicit = program.rotation.explicit == ExplicitRule::Allow;
    Moment { explicit, today: today.unwrap_or(Date::MIN).days(), offline_days }
}

/// Whether a film or picture may be shown: what rights, its owner and the program say; rotation is for music. `today` and
/// `offline_days` are as in [`Asked`].
pub fn may_show(
    program: &Resolved,
    catalogue: &Catalogue,
    recording: &str,
    today: Option<Date>,
    offline_days: u32,
) -> bool {
    let number = catalogue.number(recording);
    let entry = number.map(|number| catalogue.entry(number));
    entry.is_some_and(|entry| moment(program, today, offline_days).forbids(entry).is_none())
}

fn limits(rotation: &Rotation) -> Limits {
    let apart = |spacing: &Spacing| Apart { count: spacing.count.into(), minutes: spacing.minutes.into() };
    Limits {
        song: apart(&rotation.song),
        album: apart(&rotation.album),
        artist: apart(&rotation.artist),
        us114: rotation.ruleset == Ruleset::Us114,
    }
}

/// What is asked, one after the other.
fn pools<'a>(
    program: &Resolved,
    catalogue: &'a Catalogue,
    source: Source<'_>,
    draws: &mut Draws,
) -> Vec<Pool<'a>> {
    let single = |id: &PlaylistId, step| Pool {
        lists: catalogue.list(id.as_str()).into_iter().collect(),
        weights: None,
        manner: Manner::Shuffle,
        step,
    };
    let mut pools = Vec::new();
    match source {
        Source::Lapse => {
            return program.lapse.iter().map(|lapse| single(&lapse.playlist, None)).collect();
        }
        Source::Daypart(daypart) => {
            let manner = match daypart.order {
                Order::Shuffle => Manner::Shuffle,
                Order::AlbumFirst => Manner::AlbumFirst,
                Order::InOrder => Manner::InOrder,
            };
            let known = daypart
                .playlists
                .iter()
                .filter_map(|share| Some((catalogue.list(share.id.as_str())?, share.weight)));
            let (drawn, reserve): (Vec<_>, Vec<_>) = known.partition(|(_, weight)| *weight > 0);
            let drawn = in_drawn_order(drawn, draws);
            let (lists, weights) = drawn.into_iter().unzip();
            pools.push(Pool { lists, weights: Some(weights), manner, step: None });
            let lists = reserve.into_iter().map(|(list, _)| list).collect();
            pools.push(Pool { lists, weights: None, manner, step: Some(Loosened::OtherPlaylists) });
            pools.push(single(&program.fallback, Some(Loosened::Fallback)));
        }
        Source::Fallback => pools.push(single(&program.fallback, None)),
    }
    let lists = vec![catalogue.everything()];
    let step = Some(Loosened::AnyPermitted);
    pools.push(Pool { lists, weights: None, manner: Manner::Shuffle, step });
    pools
}

/// Playlists in the order in which chance draws them by their weights, none twice.
fn in_drawn_order<'a>(mut lists: Vec<(&'a List, u32)>, draws: &mut Draws) -> Vec<(&'a List, u64)> {
    let mut order = Vec::with_capacity(lists.len());
    while !lists.is_empty() {
        let weights: Vec<u64> = lists.iter().map(|(_, weight)| u64::from(*weight)).collect();
        let (list, weight) = lists.remove(draws.weighted(&weights).unwrap_or(0));
        order.push((list, u64::from(weight)));
    }
    order
}

fn told(catalogue: &Catalogue, source: Source<'_>, pool: &Pool<'_>, found: &Found) -> Choice {
    let mut why = Vec::new();
    if let Some(weights) = &pool.weights {
        let weight = weights.get(found.list).copied().unwrap_or_default();
        why.push(Reason::Drawn { weight, of: weights.iter().sum() });
    }
    why.push(match pool.manner {
        Manner::InOrder => Reason::InOrder,
        _ if found.least_recent => Reason::LeastRecent,
        Manner::AlbumFirst => Reason::AlbumFirst,
        Manner::Shuffle => Reason::Shuffled,
    });
    let mut loosened: Vec<Loosened> = pool.step.into_iter().collect();
    if pool.weights.is_some() && found.list > 0 {
        loosened.push(Loosened::Weights);
    }
    let because = match found.freedom {
        Freedom::Clean | Freedom::Loosened => Because::NothingElse,
        Freedom::Capped => Because::TooFew,
        Freedom::InOrder => Because::InOrder,
    };
    loosened.extend(found.broken.rules().map(|rule| Loosened::Rule { rule, because }));
    let playlist = pool.lists.get(found.list).filter(|list| !list.id.is_empty());
    Choice {
        recording: catalogue.id(found.song).into(),
        daypart: match source {
            Source::Daypart(daypart) => Some(daypart.id.clone()),
            Source::Fallback | Source::Lapse => None,
        },
        playlist: playlist.map(|list| list.id.as_str().into()),
        position: found.position,
        why,
        loosened,
    }
}

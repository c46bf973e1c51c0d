//! What keeps a song away, for whoever asks why it does not come.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::catalogue::{Barred, SongNo};
use super::rules::{Apart, Caps, Forbidden, Rule, Rules};
use super::{Asked, Catalogue, History, Source, fitting, rules};
use crate::civil::{Absolute, Date};
use crate::model::{RecordingId, Resolved};

/// What keeps a song away. All but [`Kept::Rule`] are never loosened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// The release does not have it.
    Unknown,
    /// No playlist that is asked now has it.
    NotInPlaylists,
    /// It may not be played in this country.
    Territory,
    /// Explicit songs are not played here.
    Explicit,
    /// Its owner has rated it *never*.
    Never,
    /// Its right begins later.
    NotYet(Date),
    /// Its right ended with this date.
    Ended(Date),
    /// The server has not answered for more than so many days.
    Offline(u32),
    /// Its file failed, or is not there.
    Quarantine,
    /// In three hours there were as many of this artist as `us114` allows.
    ArtistWindow(String),
    /// As many of this artist came in a row as `us114` allows.
    ArtistRow(String),
    /// In three hours there were as many of its album as `us114` allows.
    AlbumWindow,
    /// As many of its album came in a row as `us114` allows.
    AlbumRow,
    /// A rule of rotation, which gives way if nothing else may be played.
    Rule(Rule),
}

/// When something keeps a song away no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Until {
    /// At this instant.
    pub at: Option<Absolute>,
    /// On this date.
    pub date: Option<Date>,
    /// After so many other songs. With an instant too: whichever of them comes first.
    pub songs: Option<u64>,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("the release does not have it"),
            Self::NotInPlaylists => f.write_str("no playlist that is asked now has it"),
            Self::Territory => f.write_str("it may not be played in this country"),
            Self::Explicit => f.write_str("it is explicit, and the program plays no such songs"),
            Self::Never => f.write_str("it is rated \"never\""),
            Self::NotYet(date) => write!(f, "its right begins on {date}"),
            Self::Ended(date) => write!(f, "its right ended with {date}"),
            Self::Offline(days) => write!(f, "the server has not answered for more than {days} days"),
            Self::Quarantine => f.write_str("its file failed or is missing"),
            Self::ArtistWindow(artist) => write!(f, "us114: four of {artist} in three hours"),
            Self::ArtistRow(artist) => write!(f, "us114: three of {artist} in a row"),
            Self::AlbumWindow => f.write_str("us114: three of its album in three hours"),
            Self::AlbumRow => f.write_str("us114: two of its album in a row"),
            Self::Rule(rule) => write!(f, "{rule}"),
        }
    }
}

/// What keeps a recording away now, and until when; empty if nothing does, and only chance has passed it by.
pub fn why_not(
    program: &Resolved,
    catalogue: &Catalogue,
    history: &History,
    asked: &Asked<'_>,
    recording: &RecordingId,
) -> Vec<(Kept, Until)> {
    let Some(song) = catalogue.number(recording.as_str()) else {
        return vec![(Kept::Unknown, Until::default())];
    };
    let history = fitting(history, catalogue);
    let rules = rules(program, catalogue, &history, asked);
    let mut kept = Vec::new();
    let lists = asked_lists(program, asked.source);
    let has = |id: &str| catalogue.list(id).is_some_and(|list| list.songs.contains(&song));
    if !lists.iter().any(|id| has(id)) {
        kept.push((Kept::NotInPlaylists, Until::default()));
    }
    kept.extend(rules.forbidden(song).map(|forbidden| forever_or(&rules, forbidden)));
    // In order, the rules that can be loosened are not asked.
    let in_order =
        matches!(asked.source, Source::Daypart(daypart) if daypart.order == crate::model::Order::InOrder);
    if !in_order {
        let pool =
            lists.iter().filter_map(|id| catalogue.list(id)).flat_map(|list| list.songs.iter().copied());
        let permitted: BTreeSet<SongNo> = pool.filter(|song| rules.permits(*song)).collect();
        let caps = Caps::of(catalogue.distinct(permitted.into_iter()));
        let broken = rules.broken(song, &caps);
        kept.extend(broken.rules().map(|rule| (Kept::Rule(rule), until(&rules, song, rule, &caps))));
    }
    kept
}

/// The playlists whose songs are asked before anything is loosened.
fn asked_lists<'a>(program: &'a Resolved, source: Source<'a>) -> Vec<&'a str> {
    match source {
        Source::Daypart(daypart) => {
            daypart.playlists.iter().filter(|share| share.weight > 0).map(|share| share.id.as_str()).collect()
        }
        Source::Fallback => vec![program.fallback.as_str()],
        Source::Lapse => program.lapse.iter().map(|lapse| lapse.playlist.as_str()).collect(),
    }
}

fn forever_or(rules: &Rules<'_>, forbidden: Forbidden) -> (Kept, Until) {
    let name = |artist| rules.catalogue.artist_name(artist).to_owned();
    let at_ms = |ms| Until { at: Some(Absolute(ms)), ..Until::default() };
    let window = |ms| at_ms(rules.history.device_ms(ms));
    let row = |ms| Until { songs: Some(1), ..window(ms) };
    match forbidden {
        Forbidden::Barred(Barred::Territory) => (Kept::Territory, Until::default()),
        Forbidden::Barred(Barred::Explicit) => (Kept::Explicit, Until::default()),
        Forbidden::Barred(Barred::Never) => (Kept::Never, Until::default()),
        Forbidden::NotYet(day) => {
            let date = Date::from_days(day.into());
            (Kept::NotYet(date), Until { date: Some(date), ..Until::default() })
        }
        Forbidden::Ended(day) => (Kept::Ended(Date::from_days(day.into())), Until::default()),
        Forbidden::Offline(days) => (Kept::Offline(days), Until::default()),
        Forbidden::Held(until_ms) => (Kept::Quarantine, at_ms(until_ms)),
        Forbidden::ArtistWindow { artist, until_ms } => (Kept::ArtistWindow(name(artist)), window(until_ms)),
        Forbidden::ArtistRow { artist, until_ms } => (Kept::ArtistRow(name(artist)), row(until_ms)),
        Forbidden::AlbumWindow { until_ms } => (Kept::AlbumWindow, window(until_ms)),
        Forbidden::AlbumRow { until_ms } => (Kept::AlbumRow, row(until_ms)),
    }
}

/// When the song keeps a rule again that it would break now.
fn until(rules: &Rules<'_>, song: SongNo, rule: Rule, caps: &Caps) -> Until {
    let (entry, history, limits) = (rules.catalogue.entry(song), rules.history, &rules.limits);
    // The last of its artists to be free decides.
    let artist =
        rules.catalogue.artists(entry).iter().map(|artist| history.artist(*artist)).max_by_key(|a| a.play);
    let album = || history.album(entry.album);
    let song = history.song(song);
    let artist = artist.map_or((0, 0), |artist| (artist.play, artist.times_ms[0]));
    let (apart, (play, at_ms), cap): (Apart, _, _) = match rule {
        Rule::SongCount | Rule::SongMinutes => (limits.song, (song.play, song.at_ms), caps.song),
        Rule::ArtistCount | Rule::ArtistMinutes => (limits.artist, artist, caps.artist),
        Rule::AlbumCount | Rule::AlbumMinutes => {
            (limits.album, (album().play, album().times_ms[0]), caps.album)
        }
    };
    let since = rules.since(play);
    match rule {
        Rule::SongCount | Rule::ArtistCount | Rule::AlbumCount => {
            Until { songs: Some(apart.count.min(cap).saturating_sub(since)), ..Until::default() }
        }
        Rule::SongMinutes | Rule::ArtistMinutes | Rule::AlbumMinutes => {
            let at = Absolute(history.device_ms(at_ms.saturating_add(apart.ms())));
            Until { at: Some(at), songs: Some(cap.saturating_sub(since)), date: None }
        }
    }
}

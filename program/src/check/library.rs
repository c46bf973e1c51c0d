//! Recordings and playlists, and what names them.

use std::collections::{HashMap, HashSet};

use super::{Judge, screen};
use crate::civil::{DAY_MS, MINUTE_MS};
use crate::model::{Daypart, Library, PLAYLISTS_MAX, PlaylistId, RECORDINGS_MAX, Recording, Resolved};
use crate::shelf::Shelf;
use crate::windows::Span;

pub(super) fn judge(judge: &mut Judge, document: &Resolved, library: &Library, shelf: &Shelf<'_>) {
    recordings(judge, library);
    playlists(judge, library, shelf);
    screen::judge(judge, document, library, shelf);
    // Many dayparts name the same playlists, and a playlist can be long.
    let mut empty: HashMap<String, bool> = HashMap::new();
    let mut playlist = |judge: &mut Judge, path: String, id: &PlaylistId| {
        if shelf.playlist(id.as_str()).is_none() {
            judge.error(path, format!("there is no playlist \"{id}\""));
            return;
        }
        let is_empty = || shelf.songs(id.as_str()).is_empty() && !shelf.has_folder(id.as_str());
        if *empty.entry(id.to_string()).or_insert_with(is_empty) {
            judge.warning(path, format!("the playlist \"{id}\" is empty"));
        }
    };
    for (at, daypart) in document.dayparts.iter().enumerate() {
        for (share, of) in daypart.playlists.iter().enumerate() {
            playlist(judge, format!("dayparts[{at}].playlists[{share}].id"), &of.id);
        }
    }
    playlist(judge, "fallback".to_owned(), &document.fallback);
    if let Some(lapse) = &document.lapse {
        playlist(judge, "lapse.playlist".to_owned(), &lapse.playlist);
    }
    for (at, spot) in document.spots.iter().enumerate() {
        if shelf.recording(spot.recording.as_str()).is_none() {
            let message = format!("there is no recording \"{}\"", spot.recording);
            judge.error(format_args!("spots[{at}].recording"), message);
        }
        if let Some(seen) = spot.screen.as_ref().filter(|seen| shelf.recording(seen.as_str()).is_none()) {
            judge.error(format_args!("spots[{at}].screen"), format!("there is no recording \"{seen}\""));
        }
    }
    let mut stocks = HashMap::new();
    for (at, daypart) in document.dayparts.iter().enumerate() {
        let mut shares: Vec<&str> = daypart.playlists.iter().map(|share| share.id.as_str()).collect();
        shares.sort_unstable();
        let stock = stocks.entry(shares).or_insert_with_key(|shares| Stock::of(shares, shelf));
        if let Some(stock) = stock {
            enough(judge, document, (at, daypart), stock);
        }
    }
}

fn recordings(judge: &mut Judge, library: &Library) {
    judge.count("library.recordings", library.recordings.len(), RECORDINGS_MAX);
    judge.unique("library.recordings", library.recordings.iter().map(|recording| &recording.id));
    for (at, recording) in library.recordings.iter().enumerate().take(RECORDINGS_MAX) {
        if let Some((path, message)) = wrong(recording) {
            judge.error(format_args!("library.recordings[{at}].{path}"), message);
        }
        if recording.id.as_str().trim().is_empty() {
            judge.id(format_args!("library.recordings[{at}].id"), recording.id.as_str());
        }
        for (nth, territory) in recording.rights.territories.iter().enumerate() {
            judge.territory(format_args!("library.recordings[{at}].rights.territories[{nth}]"), territory);
        }
        if recording.isrc.as_ref().is_some_and(|isrc| !is_isrc(isrc)) {
            judge.warning(format_args!("library.recordings[{at}].isrc"), "an ISRC has 12 letters and digits");
        }
    }
}

fn is_isrc(isrc: &str) -> bool {
    let letters: Vec<char> = isrc.chars().filter(|letter| *letter != '-').collect();
    letters.len() == 12 && letters.iter().all(char::is_ascii_alphanumeric)
}

fn wrong(recording: &Recording) -> Option<(String, String)> {
    let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    for (at, blob) in recording.blobs.iter().enumerate() {
        let text = blob.as_str();
        if text.len() != 64 || !text.bytes().all(lower_hex) {
            let message = "a blob is the SHA-256 of a file in 64 lower-case hexadecimal digits".to_owned();
            return Some((format!("blobs[{at}]"), message));
        }
    }
    let (first, last) = (recording.rights.first?, recording.rights.last?);
    (last < first).then(|| ("rights.last".to_owned(), format!("{last} is before the first day, {first}")))
}

fn playlists(judge: &mut Judge, library: &Library, shelf: &Shelf<'_>) {
    judge.count("library.playlists", library.playlists.len(), PLAYLISTS_MAX);
    judge.unique("library.playlists", library.playlists.iter().map(|playlist| &playlist.id));
    for (at, playlist) in library.playlists.iter().enumerate() {
        let path = format!("library.playlists[{at}]");
        judge.id(format_args!("{path}.id"), playlist.id.as_str());
        for (nth, recording) in playlist.recordings.iter().enumerate() {
            if shelf.recording(recording.as_str()).is_none() {
                judge.error(
                    format_args!("{path}.recordings[{nth}]"),
                    format!("there is no recording \"{recording}\""),
                );
            }
        }
        for (nth, included) in playlist.playlists.iter().enumerate() {
            if shelf.playlist(included.as_str()).is_none() {
                judge.error(
                    format_args!("{path}.playlists[{nth}]"),
                    format!("there is no playlist \"{included}\""),
                );
            }
        }
    }
    for (at, nth) in shelf.circles() {
        let included = &library.playlists[at].playlists[nth];
        let message = format!("\"{included}\" includes this playlist, so they go in a circle");
        judge.error(format_args!("library.playlists[{at}].playlists[{nth}]"), message);
    }
}

/// What a daypart has to choose from.
struct Stock {
    songs: usize,
    artists: usize,
    /// All together, if that is known of each.
    length_ms: Option<u64>,
}

impl Stock {
    /// Of these playlists; `None` where nobody knows here what they have, or where they have nothing.
    fn of(playlists: &[&str], shelf: &Shelf<'_>) -> Option<Self> {
        if playlists.iter().any(|id| shelf.has_folder(id)) {
            return None;
        }
        let mut songs: Vec<&Recording> = playlists.iter().flat_map(|id| shelf.songs(id)).collect();
        songs.sort_unstable_by_key(|song| &song.id);
        songs.dedup_by_key(|song| &song.id);
        let artists: HashSet<&str> =
            songs.iter().flat_map(|song| song.artists.iter().map(String::as_str)).collect();
        let mut lengths = songs.iter().map(|song| song.duration_ms);
        let length_ms = lengths.try_fold(0u64, |sum, length| Some(sum.saturating_add(length?)));
        (!songs.is_empty()).then_some(Self { songs: songs.len(), artists: artists.len(), length_ms })
    }
}

/// That a daypart has enough to keep its rules.
fn enough(judge: &mut Judge, document: &Resolved, (at, daypart): (usize, &Daypart), stock: &Stock) {
    let path = format!("dayparts[{at}].playlists");
    let rules = &document.rotation;
    if stock.songs <= rules.song.count as usize {
        let (wanted, count) = (rules.song.count, stock.songs);
        judge.warning(
            &path,
            format!("a song shall not come again within {wanted} others, but there are {count} songs"),
        );
    }
    if stock.artists > 0 && stock.artists <= rules.artist.count as usize {
        let (wanted, count) = (rules.artist.count, stock.artists);
        let message =
            format!("an artist shall not come again within {wanted} others, but there are {count} artists");
        judge.warning(&path, message);
    }
    let window_ms = Span::new(daypart.from, daypart.to).map_or(DAY_MS, |span| span.to_ms - span.from_ms);
    let wanted_ms = window_ms.min(i64::from(rules.song.minutes) * MINUTE_MS);
    if let Some(length_ms) = stock.length_ms.and_then(|length| i64::try_from(length).ok())
        && length_ms < wanted_ms
    {
        let (has, wanted) = (length_ms / MINUTE_MS, wanted_ms / MINUTE_MS);
        let message =
            format!("there are {has} minutes of music for {wanted}, so songs come again earlier than asked");
        judge.warning(&path, message);
    }
}

//! What is told to whoever asks why a song does not come.

use super::room::{MINUTE_MS, Room, START, playlist, recording};
use crate::civil::{Absolute, Date};
use crate::model::Ruleset;
use crate::rotation::{Kept, Rule, Until, why_not};

fn room() -> Room {
    let songs: Vec<_> =
        (0..10).map(|n| recording(&format!("s{n}"), &format!("artist {}", n % 5), "")).collect();
    let ids: Vec<&str> = songs.iter().map(|song| song.id.as_str()).collect();
    let list = playlist("all", &ids);
    Room::new(songs.clone(), vec![list], &[("all", 1)])
}

fn why(room: &Room, id: &str) -> Vec<(Kept, Until)> {
    why_not(&room.program, &room.catalogue, &room.history, &room.asked(), &id.into())
}

fn at(minutes: i64) -> Option<Absolute> {
    Some(START.plus_ms(minutes * MINUTE_MS))
}

#[test]
fn a_song_that_nothing_keeps_away_has_no_reasons_and_an_unknown_one_says_so() {
    let room = room();
    assert_eq!(why(&room, "s1"), []);
    assert_eq!(why(&room, "nobody"), [(Kept::Unknown, Until::default())]);
}

#[test]
fn rules_say_until_when_they_keep_a_song_away() {
    let mut room = room();
    room.hear("s1", 4);
    let kept = why(&room, "s1");
    let find = |rule| kept.iter().find(|(kept, _)| *kept == Kept::Rule(rule)).map(|(_, until)| *until);
    assert_eq!(find(Rule::SongCount), Some(Until { songs: Some(5), ..Until::default() }));
    let day = Until { at: at(24 * 60), songs: Some(9), date: None };
    assert_eq!(find(Rule::SongMinutes), Some(day), "a day, or nine songs: there are but ten");
    assert_eq!(find(Rule::ArtistCount), Some(Until { songs: Some(2), ..Until::default() }));
    assert_eq!(find(Rule::ArtistMinutes), Some(Until { at: at(60), songs: Some(4), date: None }));
    assert_eq!(why(&room, "s6").len(), 2, "the artist's other song");
    assert_eq!(why(&room, "s2"), []);
    assert_eq!(kept[0].0.to_string(), "minutes between songs of an artist");
}

#[test]
fn what_is_never_loosened_says_so_too() {
    let mut room = room();
    room.library.recordings[0].rights.first = Date::new(2027, 4, 1);
    room.library.recordings[1].rights.last = Date::new(2027, 2, 1);
    room.library.playlists[0].recordings.retain(|id| id.as_str() != "s4");
    room.program.rotation.ruleset = Ruleset::Us114;
    let mut room = room.released();
    room.catalogue.quarantine("s3", at(7).map(|at| at.0));
    let april = Date::new(2027, 4, 1).unwrap();
    assert_eq!(why(&room, "s0"), [(Kept::NotYet(april), Until { date: Some(april), ..Until::default() })]);
    assert_eq!(why(&room, "s1"), [(Kept::Ended(Date::new(2027, 2, 1).unwrap()), Until::default())]);
    assert_eq!(why(&room, "s3"), [(Kept::Quarantine, Until { at: at(7), ..Until::default() })]);
    assert_eq!(why(&room, "s4"), [(Kept::NotInPlaylists, Until::default())]);
    for _ in 0..3 {
        room.hear("s2", 10);
    }
    let (kept, until) = why(&room, "s7").remove(0);
    assert_eq!(kept, Kept::ArtistRow("artist 2".to_owned()));
    assert_eq!(until, Until { at: at(180), songs: Some(1), date: None });
    room.hear("s1", 10);
    room.hear("s2", 10);
    let (kept, until) = why(&room, "s7").remove(0);
    assert_eq!((kept.to_string().as_str(), until.at), ("us114: four of artist 2 in three hours", at(180)));
}

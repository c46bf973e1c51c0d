//! Weights, orders, and the steps after them.

use std::collections::HashMap;

use super::room::{Room, playlist, recording};
use crate::model::{Order, Playlist, Rating, Share};
use crate::rotation::{Because, Chance, Loosened, Reason, Rule};

/// So many songs of an artist each, named by a letter.
fn songs(letter: char, count: usize) -> Vec<crate::model::Recording> {
    (0..count).map(|n| recording(&format!("{letter}{n}"), &format!("{letter} artist {n}"), "")).collect()
}

fn list(id: &str, songs: &[crate::model::Recording]) -> Playlist {
    playlist(id, &songs.iter().map(|song| song.id.as_str()).collect::<Vec<_>>())
}

fn two_lists(a: usize, b: usize, weights: (u32, u32)) -> Room {
    let (a, b) = (songs('a', a), songs('b', b));
    let lists = vec![list("a", &a), list("b", &b)];
    Room::new([a, b].concat(), lists, &[("a", weights.0), ("b", weights.1)])
}

#[test]
fn the_choices_of_a_seed_are_these_for_ever() {
    let mut room = two_lists(20, 20, (2, 1));
    room.library.recordings[3].rating = Rating::More;
    room.library.recordings[4].rating = Rating::Less;
    let mut room = room.released();
    room.chance = Chance::new(2026);
    // Written down once: when these change, a device and the server's preview part ways.
    assert_eq!(room.play_ids(16, 4).join(" "), "b14 a5 a3 a19 a7 a2 a11 b8 b9 a1 b13 b1 b6 a10 a12 a14");
    room.program.dayparts[0].order = Order::AlbumFirst;
    assert_eq!(room.play_ids(8, 4).join(" "), "a18 a9 a8 a15 a0 a17 b16 a16");
}

#[test]
fn playlists_come_as_often_as_their_weights_say() {
    let mut room = two_lists(300, 300, (3, 1));
    room.program.rotation.song.minutes = 0;
    let from_a = (0..4000).filter(|_| room.play(4).unwrap().playlist.unwrap().as_str() == "a").count();
    assert!((2900..3100).contains(&from_a), "{from_a}");
}

#[test]
fn weights_give_way_before_a_rule_of_rotation_does() {
    let mut room = two_lists(1, 300, (1000, 1));
    let first = room.play(4).unwrap();
    for _ in 0..100 {
        let choice = room.play(4).unwrap();
        if choice.playlist.as_ref().is_some_and(|list| list.as_str() == "a") {
            assert_eq!(choice.loosened, []);
        } else if choice.why.contains(&Reason::Drawn { weight: 1, of: 1001 }) {
            assert!(choice.loosened.iter().all(|one| *one == Loosened::Weights), "{choice:?}");
        }
        assert_ne!((&choice.recording, first.recording.as_str()), (&first.recording, "a0"));
    }
}

#[test]
fn a_playlist_of_weight_0_is_a_reserve() {
    let mut room = two_lists(3, 3, (1, 0));
    for _ in 0..50 {
        assert_eq!(room.play(4).unwrap().playlist.unwrap().as_str(), "a");
    }
    for song in 0..3 {
        room.library.recordings[song].rating = Rating::Never;
    }
    let choice = room.released().choose().unwrap();
    assert_eq!(choice.playlist.unwrap().as_str(), "b");
    assert!(choice.loosened.contains(&Loosened::OtherPlaylists));
}

#[test]
fn in_order_goes_on_where_it_was_passes_over_what_may_not_come_and_starts_again() {
    let mut room = Room::new(
        ["a", "b", "c", "d"].map(|id| recording(id, "One", "Album")).to_vec(),
        vec![playlist("all", &["a", "b", "a", "c", "d"])],
        &[("all", 1)],
    );
    room.program.dayparts[0].order = Order::InOrder;
    assert_eq!(room.play_ids(7, 4), ["a", "b", "a", "c", "d", "a", "b"]);
    let choice = room.choose().unwrap();
    assert_eq!((choice.recording.as_str(), choice.position), ("a", 2));
    let because = Because::InOrder;
    assert!(choice.loosened.contains(&Loosened::Rule { rule: Rule::ArtistCount, because }));
    room.catalogue.quarantine("a", Some(i64::MAX));
    assert_eq!(room.play_ids(3, 4), ["c", "d", "b"]);
    // The playlist is another one now: it goes on after the song, where that stands now.
    room.library.playlists[0] = playlist("all", &["d", "b", "c"]);
    let mut room = room.released();
    assert_eq!(room.play_ids(3, 4), ["c", "d", "b"]);
}

#[test]
fn with_albums_first_a_long_album_is_not_heard_more_often() {
    let mut songs: Vec<_> = (0..90).map(|n| recording(&format!("l{n}"), "", "long")).collect();
    songs.extend((0..10).map(|n| recording(&format!("s{n}"), "", "short")));
    songs.extend((0..2).map(|n| recording(&format!("n{n}"), "", "")));
    let all = list("all", &songs);
    let mut room = Room::new(songs, vec![all], &[("all", 1)]);
    room.program.dayparts[0].order = Order::AlbumFirst;
    let mut counts: HashMap<char, u32> = HashMap::new();
    for seed in 0..4000 {
        room.chance = Chance::new(seed);
        let choice = room.choose().unwrap();
        assert!(choice.why.contains(&Reason::AlbumFirst));
        *counts.entry(choice.recording.0.chars().next().unwrap()).or_default() += 1;
    }
    // Four albums: the long, the short, and two songs that have none.
    for (kind, expected) in [('l', 1000), ('s', 1000), ('n', 2000)] {
        assert!(counts[&kind].abs_diff(expected) < 150, "{counts:?}");
    }
}

#[test]
fn what_is_liked_comes_more_often() {
    let mut room = two_lists(3, 1, (1, 0));
    room.library.recordings[0].rating = Rating::Less;
    room.library.recordings[2].rating = Rating::More;
    let mut room = room.released();
    let mut counts = [0u32; 3];
    for seed in 0..7000 {
        room.chance = Chance::new(seed);
        counts[room.choose().unwrap().position as usize] += 1;
    }
    for (count, expected) in counts.iter().zip([1000, 2000, 4000]) {
        assert!(count.abs_diff(expected) < 200, "{counts:?}");
    }
}

#[test]
fn playlists_may_include_others_and_a_circle_ends() {
    let mut lists = vec![playlist("a", &["a"]), playlist("b", &["b"]), playlist("c", &["c"])];
    lists[0].playlists = vec!["b".into(), "c".into(), "missing".into()];
    lists[1].playlists = vec!["c".into(), "a".into()];
    let songs = ["a", "b", "c"].map(|id| recording(id, id, "")).to_vec();
    let mut room = Room::new(songs, lists, &[("a", 1)]);
    room.program.dayparts[0].order = Order::InOrder;
    assert_eq!(room.play_ids(4, 4), ["a", "b", "c", "a"]);
    room.program.dayparts[0].playlists = vec![Share { id: "b".into(), weight: 1 }];
    assert_eq!(room.play_ids(4, 4), ["b", "c", "a", "b"]);
}

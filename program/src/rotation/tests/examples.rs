//! Worked example 12, and what stands beside it.

use super::room::{MINUTE_MS, Room, START, names_a_rule, playlist, recording};
use crate::civil::Date;
use crate::model::{ExplicitRule, LoopItem, Rating, Rights, Ruleset, ScreenLoop};
use crate::rotation::{Because, Chance, Heard, History, Loosened, Rule, may_show};

fn three_of_one() -> Room {
    let songs = ["a", "b", "c"].map(|id| recording(id, "One", "")).to_vec();
    Room::new(songs, vec![playlist("all", &["a", "b", "c"])], &[("all", 1)])
}

#[test]
fn three_songs_of_one_artist_come_in_turn_and_what_is_loosened_is_noted() {
    for seed in 0..50 {
        let mut room = three_of_one();
        room.chance = Chance::new(seed);
        let first = room.play_ids(3, 4);
        let mut sorted = first.clone();
        sorted.sort();
        assert_eq!(sorted, ["a", "b", "c"], "seed {seed}");
        for turn in 0..20 {
            let choice = room.play(4).unwrap();
            assert_eq!(choice.recording.0, first[turn % 3], "seed {seed}");
            let noted = |rule| choice.loosened.contains(&Loosened::Rule { rule, because: Because::TooFew });
            assert!(noted(Rule::SongCount) && noted(Rule::SongMinutes), "{:?}", choice.loosened);
            assert!(noted(Rule::ArtistCount) && noted(Rule::ArtistMinutes), "{:?}", choice.loosened);
        }
    }
}

fn us114() -> Room {
    let mut songs: Vec<_> = ["a", "b", "c", "d", "e"].map(|id| recording(id, "One", "")).to_vec();
    songs.extend(["x", "y"].map(|id| recording(id, id, "")));
    songs.extend(["f", "g"].map(|id| recording(id, "", "")));
    let lists = vec![
        playlist("one", &["a", "b", "c", "d", "e"]),
        playlist("others", &["x", "y"]),
        playlist("fallback", &["f", "g"]),
    ];
    let mut room = Room::new(songs, lists, &[("one", 1)]);
    room.program.rotation.ruleset = Ruleset::Us114;
    room
}

#[test]
fn under_us114_another_artist_comes_after_three_in_a_row() {
    let mut room = us114();
    room.program.dayparts[0].playlists.push(crate::model::Share { id: "others".into(), weight: 1 });
    for song in ["a", "b", "c"] {
        room.hear(song, 4);
    }
    for seed in 0..50 {
        room.chance = Chance::new(seed);
        let choice = room.choose().unwrap();
        assert!(["x", "y"].contains(&choice.recording.as_str()), "{choice:?}");
    }
}

#[test]
fn under_us114_after_the_fourth_none_comes_until_the_first_is_three_hours_old_else_the_fallback() {
    let mut room = us114();
    // 10:00, 10:10, 10:20, another artist, 10:40.
    for song in ["a", "b", "c", "x", "d"] {
        room.hear(song, 10);
    }
    assert_eq!(room.now, START.plus_ms(50 * MINUTE_MS));
    while room.now < START.plus_ms(180 * MINUTE_MS) {
        let choice = room.play(10).unwrap();
        assert!(["f", "g"].contains(&choice.recording.as_str()), "{choice:?} at {}", room.now);
        assert!(choice.loosened.contains(&Loosened::Fallback));
    }
    // The first of them is three hours old now.
    let choice = room.play(10).unwrap();
    assert_eq!(choice.recording.0, "e");
    assert!(!choice.loosened.contains(&Loosened::Fallback));
    // And that was the fourth again: the second began at 10:10, and ten minutes have passed.
    let choice = room.play(10).unwrap();
    assert!(["a", "b", "c", "d", "e"].contains(&choice.recording.as_str()), "{choice:?}");
}

#[test]
fn under_us114_two_of_an_album_may_follow_each_other_and_three_may_come_in_three_hours() {
    let songs: Vec<_> = ["a", "b", "c", "d", "e"].iter().map(|id| recording(id, id, "Hits")).collect();
    let mut room = Room::new(songs, vec![playlist("all", &["a", "b", "c", "d", "e"])], &[("all", 1)]);
    room.program.rotation.ruleset = Ruleset::Us114;
    assert!(room.play(10).is_some() && room.play(10).is_some());
    assert_eq!(room.choose(), None, "two in a row");
    room.hear("unknown to the release", 10);
    assert!(room.play(10).is_some(), "a third after another song");
    room.hear("unknown to the release", 10);
    assert_eq!(room.choose(), None, "three in three hours");
    room.now = START.plus_ms(180 * MINUTE_MS);
    assert!(room.choose().is_some());
}

type Change = fn(&mut Room);

#[test]
fn rights_country_words_and_ratings_are_never_loosened() {
    let changes: [(&str, Change); 8] = [
        ("ended", |room| room.library.recordings[0].rights.last = Date::new(2027, 2, 28)),
        ("not begun", |room| room.library.recordings[0].rights.first = Date::new(2027, 3, 2)),
        ("no clock", |room| {
            room.library.recordings[0].rights.first = Date::new(2020, 1, 1);
            room.today = None;
        }),
        ("elsewhere", |room| room.library.recordings[0].rights.territories = vec!["FR".into()]),
        ("nowhere known", |room| {
            room.library.recordings[0].rights.territories = vec!["DE".into()];
            room.program.place.territory = None;
        }),
        ("offline", |room| {
            room.library.recordings[0].rights.offline_days = Some(30);
            room.offline_days = 31;
        }),
        ("explicit", |room| {
            room.library.recordings[0].explicit = true;
            room.program.rotation.explicit = ExplicitRule::Never;
        }),
        ("never", |room| room.library.recordings[0].rating = Rating::Never),
    ];
    for (name, change) in changes {
        let mut room = Room::new(vec![recording("a", "A", "")], vec![playlist("all", &["a"])], &[("all", 1)]);
        assert_eq!(room.play(1).unwrap().recording.0, "a");
        change(&mut room);
        assert_eq!(room.released().choose(), None, "{name}");
    }
}

#[test]
fn the_first_and_the_last_day_of_a_right_count() {
    let mut room = Room::new(vec![recording("a", "A", "")], vec![playlist("all", &["a"])], &[("all", 1)]);
    let rights = &mut room.library.recordings[0].rights;
    (rights.first, rights.last) = (Date::new(2027, 3, 1), Date::new(2027, 3, 1));
    (rights.territories, rights.offline_days) = (vec!["FR".into(), "DE".into()], Some(0));
    assert!(room.released().choose().is_some());
}

#[test]
fn a_song_in_quarantine_stays_away_until_its_time_is_over() {
    let mut room = three_of_one();
    room.catalogue.quarantine("a", Some(START.plus_ms(30_000).0));
    room.catalogue.quarantine("b", Some(i64::MAX));
    assert_eq!(room.play_ids(3, 0), ["c", "c", "c"]);
    room.now = START.plus_ms(30_000);
    assert_eq!(room.play_ids(1, 4), ["a"]);
    room.catalogue.quarantine("b", None);
    assert_eq!(room.play_ids(1, 4), ["b"]);
    room.catalogue.quarantine("nobody", Some(0));
}

#[test]
fn a_guest_is_an_artist_and_an_artist_left_empty_matches_nobody() {
    let mut songs = vec![recording("a", "Anna feat. Ben", ""), recording("b", "BEN", "")];
    songs.extend((0..4).map(|n| recording(&format!("n{n}"), "", "")));
    let mut room =
        Room::new(songs, vec![playlist("all", &["a", "b", "n0", "n1", "n2", "n3"])], &[("all", 1)]);
    room.hear("a", 4);
    for seed in 0..100 {
        room.chance = Chance::new(seed);
        let choice = room.choose().unwrap();
        assert!(choice.recording.0.starts_with('n') && choice.loosened.is_empty(), "{choice:?}");
    }
}

#[test]
fn a_clock_that_is_set_back_or_years_ahead_does_not_stop_or_repeat_anything() {
    let ids: Vec<String> = (0..50).map(|n| format!("s{n}")).collect();
    let songs = ids.iter().map(|id| recording(id, id, "")).collect();
    let names: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut room = Room::new(songs, vec![playlist("all", &names)], &[("all", 1)]);
    let year_ms = 365 * 24 * 60 * MINUTE_MS;
    let mut last = Vec::new();
    for jump_ms in [0, -2 * 60 * MINUTE_MS, -year_ms, 40 * year_ms, -41 * year_ms, i64::MIN, i64::MAX, 0] {
        room.now = room.now.plus_ms(jump_ms);
        for _ in 0..8 {
            let choice = room.play(4).unwrap();
            assert!(!last.contains(&choice.recording), "{choice:?} after {jump_ms}");
            last.push(choice.recording);
            if last.len() > 5 {
                last.remove(0);
            }
        }
    }
}

#[test]
fn a_restored_history_is_the_one_that_was_lived_and_survives_another_release() {
    let ids: Vec<String> = (0..30).map(|n| format!("s{n}")).collect();
    let songs: Vec<_> = ids.iter().map(|id| recording(id, id, &id[..2])).collect();
    let names: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut lived = Room::new(songs, vec![playlist("all", &names)], &[("all", 1)]);
    let mut plays = Vec::new();
    for _ in 0..25 {
        let at = lived.now;
        plays.push((lived.play(4).unwrap(), at));
    }
    let mut restored =
        Room::new(lived.library.recordings.clone(), lived.library.playlists.clone(), &[("all", 1)]);
    restored.history =
        History::restore(&restored.catalogue, plays.iter().map(|(choice, at)| choice.heard(*at)));
    (restored.chance, restored.now) = (lived.chance, lived.now);
    // A release with other numbers, and the old one again: nobody notices.
    let back = {
        let mut other = Room::new(
            lived.library.recordings[10..].iter().rev().cloned().collect(),
            vec![playlist("all", &names[5..])],
            &[("all", 1)],
        );
        other.history = lived.history.renumbered(&other.catalogue);
        other.history.renumbered(&lived.catalogue)
    };
    let expected = lived.play_ids(40, 4);
    assert_eq!(restored.play_ids(40, 4), expected);
    let mut again =
        Room::new(lived.library.recordings.clone(), lived.library.playlists.clone(), &[("all", 1)]);
    (again.history, again.chance, again.now) =
        (back, Chance { seed: 1, choices: 25 }, START.plus_ms(100 * MINUTE_MS));
    // A history of another catalogue is taken over, not believed by number.
    assert_eq!(again.play_ids(40, 4), expected);
}

#[test]
fn what_is_remembered_of_songs_that_are_gone_has_an_end() {
    let many: Vec<String> = (0..crate::rotation::GONE_MAX + 500).map(|n| format!("s{n}")).collect();
    let songs: Vec<_> = many.iter().map(|id| recording(id, id, id)).collect();
    let mut room = Room::new(songs.clone(), vec![], &[]);
    for id in &many {
        let heard = Heard { recording: id, at_ms: room.now.0, from: Some((id, Some(0))) };
        room.history.heard(&room.catalogue, heard);
    }
    let empty = Room::new(vec![], vec![], &[]);
    let gone = room.history.renumbered(&empty.catalogue);
    let back = gone.renumbered(&room.catalogue);
    let number = |at: usize| room.catalogue.number(&many[at]).unwrap();
    assert_eq!(back.song(number(499)).play, 0, "the least recent is forgotten");
    assert_eq!(back.song(number(500)).play, 501);
}

#[test]
fn nothing_to_play_is_no_choice_and_any_permitted_recording_is_better_than_none() {
    let mut empty = Room::new(vec![], vec![], &[("missing", 1)]);
    assert_eq!(empty.choose(), None);
    let mut room = Room::new(vec![recording("a", "A", "")], vec![], &[("missing", 1)]);
    let choice = room.choose().unwrap();
    assert_eq!((choice.recording.as_str(), choice.playlist), ("a", None));
    assert_eq!(choice.loosened, [Loosened::AnyPermitted]);
    // An announcement is no music, unless a playlist says so.
    room.program.spots = vec![
        serde_json::from_value(serde_json::json!({
            "id": "s", "recording": "a", "class": "house", "when": {"songs": 3}, "how": "cut"
        }))
        .unwrap(),
    ];
    assert_eq!(room.released().choose(), None);
    // Nor is a film.
    let mut room = Room::new(vec![recording("a", "A", "")], vec![], &[("missing", 1)]);
    let items = vec![LoopItem::of("a".into())];
    room.library.loops = vec![ScreenLoop { id: "window".into(), items, ..ScreenLoop::default() }];
    assert_eq!(room.released().choose(), None);
}

#[test]
fn a_film_is_shown_where_and_when_its_rights_say_and_rotation_is_not_asked() {
    let mut room = Room::new(vec![recording("film", "A", "")], vec![], &[]);
    let (first, last) = (Date::new(2027, 3, 1), Date::new(2027, 3, 9));
    room.library.recordings[0].rights = Rights { first, last, ..Rights::default() };
    let mut room = room.released();
    let may = |room: &Room, day: Option<Date>| may_show(&room.program, &room.catalogue, "film", day, 0);
    room.hear("film", 1);
    assert!(may(&room, first) && may(&room, last));
    assert!(!may(&room, Date::new(2027, 2, 28)) && !may(&room, Date::new(2027, 3, 10)));
    assert!(!may(&room, None), "that it has begun is not certain");
    room.library.recordings[0].rights = Rights { territories: vec!["FR".into()], ..Rights::default() };
    let mut room = room.released();
    assert!(!may(&room, first));
    room.library.recordings[0].rights = Rights::default();
    room.library.recordings[0].explicit = true;
    room.program.rotation.explicit = ExplicitRule::Never;
    assert!(!may(&room.released(), first));
}

#[test]
fn one_song_alone_plays_again_and_again_and_that_is_noted() {
    let mut room =
        Room::new(vec![recording("a", "A", "Album")], vec![playlist("all", &["a"])], &[("all", 1)]);
    assert_eq!(room.play(4).unwrap().loosened, []);
    let choice = room.play(4).unwrap();
    assert_eq!(choice.recording.0, "a");
    assert!(names_a_rule(&choice.loosened));
}

#[test]
fn when_the_service_has_ended_nothing_but_the_lapse_playlist_plays() {
    let songs = vec![recording("a", "A", ""), recording("free", "F", "")];
    let lists = vec![playlist("all", &["a"]), playlist("free", &["free"])];
    let mut room = Room::new(songs, lists, &[("all", 1)]);
    room.lapsed = true;
    assert_eq!(room.choose(), None);
    room.program.lapse =
        Some(serde_json::from_value(serde_json::json!({"grace_days": 3, "playlist": "free"})).unwrap());
    assert_eq!(room.play_ids(3, 4), ["free", "free", "free"]);
}

#[test]
fn what_was_heard_before_by_another_counts_as_if_it_had_been_heard_here() {
    // Few artists and albums, so that there are many in a row.
    let songs: Vec<_> = (0..12)
        .map(|n| {
            let mut song = recording(&format!("s{n}"), &format!("s{n}"), &format!("a{}", n % 3));
            song.album = Some(format!("album {}", n % 2));
            song
        })
        .collect();
    let names: Vec<String> = songs.iter().map(|song| song.id.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let room = Room::new(songs, vec![playlist("all", &names)], &[("all", 1)]);
    let catalogue = &room.catalogue;
    let mut seed = 7_u64;
    let plays: Vec<Heard<'_>> = (0..24_u32)
        .map(|nth| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let recording = if nth % 7 == 6 { "unknown" } else { names[(seed >> 33) as usize % 5] };
            let from = (nth % 3 != 0).then_some((if nth % 2 == 0 { "all" } else { "other" }, Some(nth)));
            Heard { recording, at_ms: i64::from(nth) * 200_000, from }
        })
        .collect();
    let lived = History::restore(catalogue, plays.iter().copied());
    for cut in 0..=plays.len() {
        let (before, own) = plays.split_at(cut);
        let before = History::restore(catalogue, before.iter().copied());
        let own = History::restore(catalogue, own.iter().copied());
        let inherited = own.after(&before, catalogue);
        assert_eq!(inherited.plays(), lived.plays());
        for number in 0..12 {
            assert_eq!(inherited.song(number), lived.song(number), "song {number}, cut at {cut}");
            assert_eq!(inherited.artist(number), lived.artist(number), "artist {number}, cut at {cut}");
            assert_eq!(inherited.album(number), lived.album(number), "album {number}, cut at {cut}");
        }
        for list in ["all", "other"] {
            assert_eq!(inherited.place(list), lived.place(list), "{list}, cut at {cut}");
        }
        assert_eq!(inherited.time_ms(0), lived.time_ms(0));
    }
}

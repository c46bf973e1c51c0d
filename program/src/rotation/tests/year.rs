//! A year of choosing, in a loop.

use std::time::Instant;

use super::laws::judge;
use super::room::{MINUTE_MS, Room, names_a_rule, playlist, recording};
use crate::civil::DAY_MS;
use crate::model::{Order, Rating};

/// A thousand songs of 150 artists on 250 albums, in three playlists.
fn thousand() -> Room {
    let songs: Vec<_> = (0..1000)
        .map(|n| recording(&format!("s{n}"), &format!("artist {}", n % 150), &format!("album {}", n % 250)))
        .collect();
    let ids: Vec<&str> = songs.iter().map(|song| song.id.as_str()).collect();
    let lists = vec![
        playlist("soft", &ids[..500]),
        playlist("loud", &ids[400..800]),
        playlist("few", &ids[800..]),
        playlist("fallback", &ids[..50]),
    ];
    Room::new(songs.clone(), lists, &[("soft", 5), ("loud", 4), ("few", 1)])
}

#[test]
fn a_year_of_choosing_keeps_the_laws_and_is_quick() {
    let mut room = thousand();
    let mut plays = Vec::new();
    let (mut choices, mut spent, mut loosened) = (0u64, std::time::Duration::ZERO, 0u64);
    let start = room.now;
    for day in 0..365 {
        room.now = start.plus_ms(day * DAY_MS);
        let closing = room.now.plus_ms(12 * 60 * MINUTE_MS);
        while room.now < closing {
            let begun = Instant::now();
            let choice = room.choose();
            spent += begun.elapsed();
            // Each choice of one day in thirty is held against the slow reading of the rules: that takes much longer.
            if day % 30 == 0 {
                judge(&room, &plays, choice.as_ref()).unwrap();
            }
            let choice = choice.expect("there is always something to play");
            loosened += u64::from(names_a_rule(&choice.loosened));
            choices += 1;
            let begun = Instant::now();
            room.history.heard(&room.catalogue, choice.heard(room.now));
            spent += begun.elapsed();
            plays.push((choice.recording.0, room.now.0));
            if plays.len() > 600 {
                plays.drain(..100);
            }
            room.now = room.now.plus_ms((2 + (choices as i64 * 7) % 4) * MINUTE_MS);
        }
    }
    println!("{choices} choices of a year in {spent:?}, {loosened} broke a rule");
    assert_eq!(loosened, 0, "a thousand songs are enough for the rules");
    assert!(spent.as_secs() < 10, "{spent:?}");
}

/// The songs that a room chooses which breaks a rule each time: all are weighed, capped, loosened, by chance and by age.
fn tight(order: Order, song_minutes: u32, artist_minutes: u32) -> Room {
    let mut room = thousand();
    room.program.dayparts[0].order = order;
    room.program.rotation.song.minutes = song_minutes;
    room.program.rotation.song.count = 5_000;
    room.program.rotation.artist.minutes = artist_minutes;
    for (n, song) in room.library.recordings.iter_mut().enumerate() {
        song.rating = [Rating::Normal, Rating::Less, Rating::More, Rating::Normal, Rating::Never][n * 7 % 5];
        if n % 9 == 0 {
            song.artists.push(format!("artist {}", n % 31));
        }
        if n % 11 == 0 {
            song.album = None;
        }
    }
    room.released()
}

#[test]
fn what_is_chosen_when_all_songs_are_weighed_is_this_for_ever() {
    let mut sums = Vec::new();
    for (order, song_minutes, artist_minutes) in [
        (Order::Shuffle, 60_000, 60_000),
        (Order::AlbumFirst, 60_000, 60_000),
        (Order::Shuffle, 30, 60_000),
        (Order::Shuffle, 60_000, 5),
    ] {
        let mut room = tight(order, song_minutes, artist_minutes);
        // FNV-1a over what was chosen and why; from the version that weighed each place of each playlist by itself.
        let mut sum = 0xcbf2_9ce4_8422_2325_u64;
        for _ in 0..1500 {
            let choice = serde_json::to_string(&room.play(4)).unwrap();
            sum =
                choice.bytes().fold(sum, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        }
        sums.push(sum);
    }
    let expected = [
        587_581_559_289_764_713,
        13_958_865_963_282_871_035,
        17_282_247_946_186_175_059,
        7_187_449_769_133_885_474,
    ];
    assert_eq!(sums, expected);
}

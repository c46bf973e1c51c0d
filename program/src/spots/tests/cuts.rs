//! Spots that do not wait for a song's end, and what happens at the end of a window.

use serde_json::json;

use super::shop::{Shop, at, spot};
use crate::civil::Absolute;
use crate::model::{DUCK_DB_DEFAULT, How};
use crate::spots::{Ask, During, Why};

fn two_pm() -> serde_json::Value {
    json!({"at": {"days": ["daily"], "time": "14:00"}})
}

#[test]
fn a_ducked_spot_is_seen_coming_to_the_millisecond_and_plays_once() {
    let duck = json!({"how": {"duck": {"db": 15}}});
    let mut shop = Shop::new(vec![spot("gong", two_pm(), duck)], json!({}), ("20:00", 20));
    shop.play_to(at(13, 58));
    assert_eq!(shop.say(), [""; 0], "a break does not take it early");
    assert_eq!(shop.next_cut_in(), Some(at(14, 0)));
    shop.play_to(Absolute(at(14, 0).0 - 1));
    assert_eq!(shop.cut_in(), [""; 0]);
    shop.play_to(at(14, 0));
    assert_eq!(shop.cut_in(), ["gong"]);
    assert_eq!(shop.cut_in(), [""; 0]);
    assert_eq!(shop.next_cut_in(), None, "no more before it closes");
    shop.play_to(at(20, 0));
    shop.pass(at(20, 1), During::Closed);
    assert_eq!(shop.missed, []);
    assert_eq!(shop.next_cut_in(), Some(at(38, 0)), "tomorrow");
}

#[test]
fn at_the_end_of_its_window_a_spot_ducks_cuts_or_is_missed() {
    for (otherwise, expected) in
        [("duck", Some(How::Duck { db: DUCK_DB_DEFAULT })), ("cut", Some(How::Cut)), ("miss", None)]
    {
        let how = json!({"how": {"between": {"window_s": 120, "else": otherwise}}});
        let mut shop = Shop::new(vec![spot("gong", two_pm(), how)], json!({}), ("20:00", 20));
        shop.play_to(at(13, 59));
        assert_eq!(shop.next_cut_in(), expected.map(|_| at(14, 2)));
        shop.play_to(at(14, 1));
        assert_eq!(shop.cut_in(), [""; 0]);
        shop.play_to(at(14, 2));
        let playable = |_: &str| true;
        let ask = Ask {
            mean_song_ms: 0,
            until_close_ms: None,
            daypart: None,
            paused: false,
            trusted: true,
            offline_days: 0,
            safety_only: false,
            playable: &playable,
        };
        let said = shop.spots.cut_in(&ask);
        assert_eq!(said.spots.first().map(|said| said.how), expected);
        shop.play_to(at(15, 0));
        let missed = if expected.is_some() { vec![] } else { vec![(Why::NoRoom, 1)] };
        assert_eq!(shop.missed("gong"), missed);
    }
}

#[test]
fn within_its_window_a_spot_takes_the_nearest_song_s_end() {
    let how = json!({"how": {"between": {"window_s": 300, "else": "cut"}}});
    for (song_ends, said) in [(at(13, 57), false), (at(13, 58), true), (at(14, 5), true)] {
        let mut shop = Shop::new(vec![spot("gong", two_pm(), how.clone())], json!({}), ("20:00", 20));
        shop.play_to(song_ends);
        assert_eq!(!shop.say().is_empty(), said, "{song_ends}");
        if said {
            shop.play_to(at(15, 0));
            assert_eq!(shop.say().len(), 0, "once");
        }
    }
}

#[test]
fn a_pause_keeps_all_away_but_what_pierces_it() {
    let safety = json!({"how": "cut", "class": "safety", "pierces_pause": true});
    let house = json!({"how": "cut"});
    let spots = vec![spot("fire", two_pm(), safety), spot("gong", two_pm(), house)];
    let mut shop = Shop::new(spots, json!({}), ("20:00", 20));
    shop.play_to(at(13, 50));
    shop.paused = true;
    assert_eq!(shop.next_cut_in(), Some(at(14, 0)));
    shop.pass(at(14, 0), During::Paused);
    assert_eq!(shop.cut_in(), ["fire"]);
    assert_eq!(shop.next_cut_in(), None, "nothing to come back for");
    shop.pass(at(14, 30), During::Paused);
    assert_eq!(shop.missed("gong"), [(Why::Off, 1)]);
    assert_eq!(shop.missed("fire"), []);
}

#[test]
fn nothing_is_said_over_closing() {
    let spots = vec![
        spot("long", json!({"before_close": 1}), json!({"how": "cut"})),
        spot("break", json!({"songs": 1}), json!({})),
    ];
    let mut shop = Shop::new(spots, json!({}), ("20:00", 70));
    shop.play_to(at(19, 50));
    assert_eq!(shop.next_cut_in(), None, "it would not end in time");
    shop.play_to(at(19, 59));
    assert_eq!(shop.cut_in(), [""; 0]);
    shop.missed.extend(shop.spots.song_heard(60_000, None, true));
    assert_eq!(shop.say(), [""; 0]);
    shop.play_to(at(20, 0));
    shop.pass(at(21, 0), During::Closed);
    assert_eq!(shop.missed("long"), [(Why::Closed, 1)]);
    assert_eq!(shop.missed("break"), [(Why::Closed, 1)]);
}

#[test]
fn air_is_counted_by_what_was_on_it_and_needs_no_clock() {
    let mut shop = Shop::new(
        vec![spot("id", json!({"air": 30}), json!({"how": {"duck": {"db": 6}}}))],
        json!({}),
        ("20:00", 5),
    );
    shop.trusted = false;
    shop.pass(at(10, 20), During::Open { aired_ms: 20 * 60_000 });
    shop.pass(at(11, 0), During::Paused);
    assert_eq!(shop.next_cut_in(), Some(at(11, 10)));
    // A clock that jumps changes nothing.
    shop.now = at(0, 0);
    shop.pass(at(0, 10), During::Open { aired_ms: 10 * 60_000 });
    assert_eq!(shop.cut_in(), ["id"]);
    assert_eq!(shop.missed, []);
}

//! What becomes of spots that could not play.

use serde_json::json;

use super::shop::{MINUTE_MS, Shop, at, spot};
use crate::civil::Absolute;
use crate::spots::{During, ROWS_MAX, Spots, TAKEN_MAX, Why};

fn noon() -> serde_json::Value {
    json!({"at": {"days": ["daily"], "time": "12:00"}})
}

fn off(shop: &mut Shop, from: Absolute, to: Absolute) {
    let missed = shop.spots.absent(&shop.program, from, to);
    shop.missed.extend(missed);
    shop.now = to;
}

#[test]
fn what_was_due_while_off_is_dropped_or_said_within_its_time() {
    let spots = vec![
        spot("drop", noon(), json!({})),
        spot("within", noon(), json!({"missed": {"within": 1800}})),
        spot("cut", noon(), json!({"missed": {"within": 1800}, "how": "cut"})),
    ];
    for (back, said) in [(at(12, 20), true), (at(12, 40), false)] {
        let mut shop = Shop::new(spots.clone(), json!({}), ("20:00", 10));
        shop.play_to(at(11, 0));
        off(&mut shop, at(11, 0), back);
        assert_eq!(shop.missed("drop"), [(Why::Off, 1)]);
        assert_eq!(shop.cut_in(), if said { vec!["cut"] } else { vec![] });
        shop.play_to(back.plus_ms(4 * MINUTE_MS));
        assert_eq!(shop.say(), if said { vec!["within"] } else { vec![] });
        assert_eq!(shop.missed("within"), if said { vec![] } else { vec![(Why::Off, 1)] });
    }
}

#[test]
fn a_clock_time_while_it_is_closed_is_missed_for_that_reason() {
    let early = json!({"at": {"days": ["daily"], "time": "09:00"}});
    let mut shop = Shop::new(vec![spot("early", early, json!({}))], json!({}), ("20:00", 10));
    shop.now = at(8, 0);
    shop.pass(at(10, 0), During::Closed);
    assert_eq!(shop.missed("early"), [(Why::Closed, 1)]);
}

#[test]
fn without_a_clock_there_is_no_clock_time_and_no_dated_advertisement_and_both_say_so() {
    let dates = json!({"dates": {"first": "2027-01-01"}, "class": "ad"});
    let spots = vec![
        spot("news", noon(), json!({})),
        spot("dated", json!({"per_hour": 1}), dates),
        spot("house", json!({"per_hour": 1}), json!({})),
    ];
    let mut shop = Shop::new(spots, json!({}), ("20:00", 10));
    shop.play_to(at(10, 2));
    shop.trusted = false;
    let said = shop.songs_to(at(13, 2), 4);
    assert_eq!(said.iter().filter(|said| said.0 == "house").count(), 3);
    assert_eq!(said.len(), 3);
    assert_eq!(shop.missed("dated"), [(Why::Clock, 3)]);
    assert_eq!(shop.missed("news"), []);
    shop.trusted = true;
    shop.play_to(at(13, 10));
    assert_eq!(shop.missed("news"), [(Why::Clock, 1)], "now it is known that it was noon");
}

#[test]
fn a_clock_that_jumps_over_a_clock_time_misses_it() {
    let mut shop = Shop::new(vec![spot("news", noon(), json!({}))], json!({}), ("20:00", 10));
    shop.play_to(at(11, 0));
    shop.now = at(13, 0);
    shop.play_to(at(13, 1));
    assert_eq!(shop.missed("news"), [(Why::Clock, 1)]);
    // Years ahead, and back: nothing hangs, and tomorrow's comes.
    shop.now = Absolute(200_000 * 86_400_000);
    shop.play_to(shop.now.plus_ms(MINUTE_MS));
    shop.now = at(35, 0);
    shop.play_to(at(36, 0));
    assert_eq!(shop.say(), ["news"]);
}

#[test]
fn what_is_missed_is_made_up_for_within_the_hour_or_the_day() {
    for (makeup, made_up, missed) in [("none", 0, 4), ("hour", 4, 0), ("day", 4, 0)] {
        let ad = spot("ad", json!({"per_hour": 6}), json!({"makeup": makeup}));
        let mut shop = Shop::new(vec![ad], json!({}), ("20:00", 10));
        off(&mut shop, at(10, 0), at(10, 40));
        let said = shop.songs_to(at(11, 0), 2).len();
        assert_eq!(said, made_up + 2, "{makeup}");
        assert_eq!(shop.missed("ad"), if missed == 0 { vec![] } else { vec![(Why::Off, missed)] });
    }
    // Too little of the hour is left.
    for (makeup, missed) in [("hour", 6), ("day", 0)] {
        let ad = spot("ad", json!({"per_hour": 6}), json!({"makeup": makeup}));
        let mut shop = Shop::new(vec![ad], json!({}), ("20:00", 10));
        off(&mut shop, at(10, 0), at(10, 56));
        let said = shop.songs_to(at(12, 0), 4).len();
        assert_eq!(said as u64 + missed, 12, "{makeup}: {:?}", shop.missed("ad"));
        assert_eq!(shop.missed("ad"), if missed == 0 { vec![] } else { vec![(Why::Off, missed)] });
    }
}

#[test]
fn a_day_s_debt_ends_with_the_day() {
    let ad = spot("ad", json!({"per_hour": 1}), json!({"makeup": "day"}));
    let mut shop = Shop::new(vec![ad], json!({}), ("20:00", 10));
    off(&mut shop, at(10, 0), at(19, 59));
    shop.play_to(at(20, 0));
    shop.pass(at(23, 59), During::Closed);
    assert_eq!(shop.missed("ad"), []);
    shop.pass(at(24, 1), During::Closed);
    assert_eq!(shop.missed("ad"), [(Why::Off, 10)]);
}

#[test]
fn what_finds_no_place_stays_due_and_the_most_important_goes_first() {
    let due = json!({"songs": 2});
    let spots = vec![
        spot("ad", due.clone(), json!({"class": "ad"})),
        spot("house b", due.clone(), json!({})),
        spot("house a", due.clone(), json!({})),
        spot("safety", due, json!({"class": "safety"})),
    ];
    let mut shop = Shop::new(spots, json!({"max_spots": 3, "max_s": 25}), ("20:00", 10));
    shop.song(4);
    assert_eq!(shop.song(4), ["safety", "house a"], "two of 10 s are what 25 s hold");
    assert_eq!(shop.song(4), ["house b", "ad"]);
    assert_eq!(shop.missed, []);
    // A spot alone may be longer than a break.
    let mut shop =
        Shop::new(vec![spot("long", json!({"songs": 1}), json!({}))], json!({"max_s": 5}), ("20:00", 60));
    assert_eq!(shop.song(4), ["long"]);
}

#[test]
fn one_of_a_spot_waits_and_the_one_before_is_missed_with_its_reason() {
    let spots = vec![
        spot("first", json!({"songs": 1}), json!({"advertiser": "x", "class": "safety"})),
        spot("second", json!({"songs": 2}), json!({"advertiser": "x"})),
    ];
    let breaks = json!({"separate": [{"by": "advertiser", "minutes": 60}]});
    let mut shop = Shop::new(spots, breaks, ("20:00", 10));
    assert_eq!(shop.song(4), ["first"]);
    for _ in 0..5 {
        assert_eq!(shop.song(4), [""; 0]);
    }
    assert_eq!(shop.missed("first"), [(Why::Separation, 4)]);
    assert_eq!(shop.missed("second"), [(Why::Separation, 2)]);
}

#[test]
fn a_spot_keeps_its_gap_and_its_most_for_a_day() {
    let mut shop = Shop::new(
        vec![spot("ad", json!({"songs": 1}), json!({"min_gap_s": 900, "max_day": 3}))],
        json!({}),
        ("20:00", 10),
    );
    let said = shop.songs_to(at(13, 0), 5);
    assert_eq!(said.iter().map(|said| said.1).collect::<Vec<_>>(), [5, 20, 35]);
    shop.pass(at(34, 0), During::Closed);
    assert_eq!(shop.song(5), ["ad"], "another day");
}

#[test]
fn a_file_that_fails_or_is_not_there_is_a_row() {
    let mut shop = Shop::new(vec![spot("ad", json!({"songs": 1}), json!({}))], json!({}), ("20:00", 10));
    shop.broken = vec!["ad"];
    assert_eq!(shop.song(5), [""; 0]);
    assert_eq!(shop.song(5), [""; 0]);
    assert_eq!(shop.missed("ad"), [(Why::File, 1)]);
    shop.broken.clear();
    let taken = shop.due();
    let failed = shop.spots.said(&taken.spots[0].spot, false).unwrap();
    assert_eq!((failed.why, failed.times), (Why::File, 1));
    assert_eq!(shop.spots.said(&taken.spots[0].spot, true), None, "told once");
}

#[test]
fn what_was_being_said_when_the_power_failed_is_missed() {
    let mut shop = Shop::new(vec![spot("ad", json!({"songs": 1}), json!({}))], json!({}), ("20:00", 10));
    shop.missed.extend(shop.spots.song_heard(60_000, None, true));
    assert_eq!(shop.due().spots.len(), 1);
    shop.restart();
    assert_eq!(shop.missed("ad"), [(Why::Off, 1)]);
    shop.restart();
    assert_eq!(shop.missed("ad"), [(Why::Off, 1)]);
}

#[test]
fn a_release_keeps_what_is_remembered_of_spots_that_stay() {
    let spots =
        vec![spot("stays", json!({"songs": 3}), json!({})), spot("goes", json!({"songs": 1}), json!({}))];
    let mut shop = Shop::new(spots, json!({}), ("20:00", 10));
    shop.song(4);
    shop.song(4);
    let other = Shop::new(vec![spot("stays", json!({"songs": 3}), json!({}))], json!({}), ("20:00", 10));
    shop.spots.renew(&other.program, &other.library);
    shop.program = other.program;
    assert_eq!(shop.song(4), ["stays"]);
}

#[test]
fn dayparts_dates_and_countries_hold() {
    let spots = vec![
        spot("lunch", json!({"songs": 1}), json!({"dayparts": ["lunch"]})),
        spot("over", json!({"songs": 1}), json!({"dates": {"last": "2027-02-28"}})),
        spot("today", json!({"songs": 1}), json!({"dates": {"first": "2027-03-01", "last": "2027-03-01"}})),
    ];
    let mut shop = Shop::new(spots, json!({}), ("20:00", 10));
    assert_eq!(shop.song(4), ["today"]);
    shop.daypart = Some("lunch");
    assert_eq!(shop.song(4), ["lunch", "today"]);
    assert_eq!(shop.missed, []);
}

#[test]
fn a_share_is_the_part_of_open_time_that_it_fills() {
    let mut shop = Shop::new(vec![spot("ad", json!({"share": 5}), json!({}))], json!({}), ("20:00", 30));
    let said = shop.songs_to(at(20, 0), 3).len();
    assert_eq!(said, 60, "5 % of ten hours are 30 min");
    let mut nothing = Shop::new(vec![spot("ad", json!({"share": 5}), json!({}))], json!({}), ("20:00", 0));
    assert_eq!(nothing.songs_to(at(20, 0), 3), []);
}

#[test]
fn a_month_of_being_off_has_an_end_and_every_miss_is_counted() {
    let spots = (0..20).map(|n| spot(&format!("s{n}"), json!({"per_hour": 60}), json!({}))).collect();
    let mut shop = Shop::new(spots, json!({}), ("20:00", 10));
    shop.play_to(at(10, 0));
    off(&mut shop, at(10, 0), at(10 + 24 * 20, 0));
    assert!(shop.missed.len() <= ROWS_MAX + 20 * 6, "{}", shop.missed.len());
    for n in 0..20 {
        assert_eq!(shop.missed(&format!("s{n}")), [(Why::Off, 20 * 10 * 60)]);
    }
    // A year: only the last month is looked at.
    let from = shop.now;
    off(&mut shop, from, from.plus_ms(365 * 86_400_000));
}

#[test]
fn what_is_handed_out_and_never_told_of_has_an_end() {
    let mut shop =
        Shop::new(vec![spot("ad", json!({"songs": 1}), json!({"how": "cut"}))], json!({}), ("20:00", 10));
    let mut handed = 0;
    for _ in 0..TAKEN_MAX + 10 {
        shop.missed.extend(shop.spots.song_heard(60_000, None, true));
        shop.pass(shop.now.plus_ms(1000), During::Open { aired_ms: 1000 });
        let all = shop.due();
        handed += all.spots.len();
        shop.missed.extend(all.missed);
    }
    assert_eq!(handed, TAKEN_MAX);
    assert!(serde_json::to_string(&shop.spots.memory()).unwrap().len() < 40_000);
}

#[test]
fn a_memory_of_another_version_is_forgotten() {
    let mut shop = Shop::new(vec![spot("ad", json!({"songs": 2}), json!({}))], json!({}), ("20:00", 10));
    shop.song(4);
    let mut memory = shop.spots.memory();
    memory.head.v += 1;
    (shop.spots, _) = Spots::resume(&shop.program, &shop.library, memory);
    assert_eq!(shop.song(4), [""; 0]);
    assert_eq!(shop.song(4), ["ad"]);
}

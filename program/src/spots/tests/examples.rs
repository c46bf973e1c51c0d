//! Worked examples 6, 8, 9, 10 and 11.

use serde_json::json;

use super::shop::{MINUTE_MS, Shop, at, spot};
use crate::spots::{During, Why};

#[test]
fn example_6_before_closing_goes_by_the_closing_of_that_day() {
    let gong = spot("gong", json!({"before_close": 10}), json!({"how": {"duck": {"db": 12}}}));
    let mut shop = Shop::new(vec![gong], json!({}), ("20:00", 20));
    let mut document = shop.program.document().clone();
    document.exceptions = serde_json::from_value(json!([
        {"date": "2027-03-01", "sound": [{"from": "10:00", "to": "14:00"}]}
    ]))
    .unwrap();
    shop.program = crate::program::Program::assemble(document);
    shop.play_to(at(13, 0));
    assert_eq!(shop.next_cut_in(), Some(at(13, 50)));
    shop.play_to(at(13, 50));
    assert_eq!(shop.cut_in(), ["gong"]);
    assert_eq!(shop.cut_in(), [""; 0]);
    shop.play_to(at(14, 0));
    shop.pass(at(24, 0), During::Closed);
    assert_eq!(shop.missed, []);
    shop.pass(at(34, 0), During::Closed);
    shop.play_to(at(43, 0));
    assert_eq!(shop.next_cut_in(), Some(at(43, 50)), "the next day closes at 20:00");
}

#[test]
fn example_8_songs_count_when_they_were_heard_and_over_a_restart() {
    let mut shop = Shop::new(vec![spot("jingle", json!({"songs": 3}), json!({}))], json!({}), ("20:00", 10));
    assert_eq!(shop.song(4), [""; 0]);
    shop.missed.extend(shop.spots.song_heard(12_000, None, true));
    assert_eq!(shop.say(), [""; 0], "skipped at 12 s");
    assert_eq!(shop.song(4), [""; 0]);
    shop.restart();
    assert_eq!(shop.song(4), ["jingle"]);
    assert_eq!(shop.song(4), [""; 0]);
}

#[test]
fn example_9_equals_are_spread_over_the_interval() {
    let one = |id| spot(id, json!({"per_hour": 3}), json!({"category": "shoes"}));
    let breaks = json!({"separate": [{"by": "category", "minutes": 10}]});
    let mut shop = Shop::new(vec![one("x"), one("y")], breaks, ("11:00", 0));
    let said = shop.songs_to(at(11, 0), 4);
    let minutes = |id: &str| said.iter().filter(|said| said.0 == id).map(|said| said.1).collect::<Vec<_>>();
    assert_eq!(minutes("x"), [4, 24, 44]);
    assert_eq!(minutes("y"), [16, 36, 56]);
    assert_eq!(shop.missed, []);
}

#[test]
fn example_10_what_was_due_while_off_is_missed_once_each() {
    let mut shop = Shop::new(vec![spot("ad", json!({"per_hour": 6}), json!({}))], json!({}), ("20:00", 20));
    shop.restart();
    let missed = shop.spots.absent(&shop.program, at(10, 0), at(10, 40));
    shop.missed.extend(missed);
    shop.now = at(10, 40);
    let said = shop.songs_to(at(11, 0), 4);
    assert_eq!(shop.missed("ad"), [(Why::Off, 4)]);
    assert_eq!(shop.missed.iter().map(|row| row.at).collect::<Vec<_>>(), [5, 15, 25, 35].map(|m| at(10, m)));
    assert_eq!(said, [("ad".to_owned(), 44), ("ad".to_owned(), 56)]);
}

#[test]
fn example_11_a_clock_time_fires_once_although_the_clock_jumps_back() {
    let day = json!({"at": {"days": ["mon"], "time": "14:00"}});
    let mut shop = Shop::new(vec![spot("news", day, json!({"how": "cut"}))], json!({}), ("20:00", 20));
    shop.play_to(at(14, 0));
    assert_eq!(shop.cut_in(), ["news"]);
    shop.play_to(at(15, 30));
    shop.now = at(13, 30);
    assert_eq!(shop.next_cut_in(), None);
    shop.restart();
    for _ in 0..120 {
        shop.play_to(shop.now.plus_ms(MINUTE_MS));
        assert_eq!(shop.cut_in(), [""; 0]);
        assert_eq!(shop.say(), [""; 0]);
    }
    assert_eq!(shop.missed, []);
}

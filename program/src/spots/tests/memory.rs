//! What is stored: only what has changed, and all of it.

use serde_json::json;

use super::shop::{MINUTE_MS, Shop, at, spot};
use crate::spots::{During, Why};

#[test]
fn ten_thousand_spots_write_what_changed_with_a_song_and_no_more() {
    let whens = [json!({"per_hour": 1}), json!({"air": 600}), json!({"songs": 5000}), json!({"share": 0.01})];
    let spots = (0..10_000).map(|n| {
        spot(&format!("spot number {n}"), whens[n % 4].clone(), json!({"category": format!("c{n}")}))
    });
    let mut shop = Shop::new(spots.collect(), json!({"max_spots": 3}), ("20:00", 10));
    shop.song(4);
    shop.store();
    for _ in 0..10 {
        let to = shop.now.plus_ms(4 * MINUTE_MS);
        shop.pass(to, During::Open { aired_ms: 240_000 });
        shop.missed.extend(shop.spots.song_heard(240_000, None, true));
        let due = shop.due();
        let (said, bytes) = (due.spots.len(), shop.store());
        // Of the 2,500 that are due in an hour some 170 are in four minutes: these and what was said, not ten thousand.
        assert!(said == 3 && bytes < 60_000, "{bytes} bytes for {said} spots");
    }
    // Time alone is one small piece.
    let mut quiet = Shop::new(
        (0..10_000).map(|n| spot(&n.to_string(), json!({"songs": 900}), json!({}))).collect(),
        json!({}),
        ("20:00", 10),
    );
    quiet.song(4);
    quiet.store();
    quiet.song(4);
    let bytes = quiet.store();
    assert!(bytes < 1000, "{bytes} bytes");
}

#[test]
fn a_spot_counts_nothing_before_its_first_day() {
    for when in [json!({"air": 60}), json!({"songs": 10})] {
        let dates = json!({"dates": {"first": "2027-03-03"}});
        let mut shop = Shop::new(vec![spot("later", when, dates)], json!({}), ("20:00", 10));
        // Two days of ten hours, fifteen songs in each hour.
        for _ in 0..2 {
            let to = shop.now.plus_ms(10 * 60 * MINUTE_MS);
            assert_eq!(shop.songs_to(to, 4), []);
            shop.pass(to.plus_ms(14 * 60 * MINUTE_MS), During::Closed);
        }
        assert_eq!(shop.now, at(58, 0));
        let said = shop.songs_to(shop.now.plus_ms(60 * MINUTE_MS), 4);
        assert_eq!(said.len(), 1, "{said:?}");
        assert_eq!(shop.missed("later"), [] as [(Why, u64); 0]);
    }
}

#[test]
fn what_the_program_has_no_more_is_taken_off_the_disk() {
    let spots =
        |ids: &[&str]| ids.iter().map(|id| spot(id, json!({"songs": 2}), json!({"category": id}))).collect();
    let breaks = json!({"separate": [{"by": "category", "minutes": 1}]});
    let mut shop = Shop::new(spots(&["one", "two"]), breaks.clone(), ("20:00", 10));
    shop.songs_to(at(11, 0), 4);
    shop.store();
    assert!(
        ["stwo", "ccategory two"].iter().all(|piece| shop.disk.contains_key(*piece)),
        "{:?}",
        shop.disk.keys()
    );
    let other = Shop::new(spots(&["one"]), breaks, ("20:00", 10));
    shop.spots.renew(&other.program, &other.library);
    shop.store();
    assert!(shop.disk.keys().all(|piece| !piece.contains("two")), "{:?}", shop.disk.keys());
    (shop.program, shop.library) = (other.program, other.library);
    shop.restart();
}

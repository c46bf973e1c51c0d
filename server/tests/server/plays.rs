//! The play log: counted exactly once.

use orchestrion_protocol::fleet::{PlayRecord, PlayRef};
use serde_json::{Value, json};

use super::board::Board;
use super::house::House;

const T0: i64 = 1_790_000_000_000;

pub fn play(run: u64, seq: u64) -> PlayRecord {
    let record = json!({
        "run": run, "seq": seq, "boot_id": "b", "kind": "music", "started_utc_ms": T0 + seq as i64 * 200_000,
        "clock": "trusted", "started_mono_ms": seq * 200_000, "ended_mono_ms": seq * 200_000 + 180_000,
        "title": "Crosby, Stills \"& Nash\"", "recording": format!("r{seq}"), "heard_ms": 180_000, "audible_ms": 170_000,
        "how": "finished", "chosen_by": "queue"
    });
    serde_json::from_value(record).unwrap()
}

pub fn sums(house: &House) -> (i64, i64) {
    let hours = house.get("/api/v1/plays/hours?from_utc_ms=-3600000").ok().json;
    hours.as_array().unwrap().iter().fold((0, 0), |(plays, heard), hour| {
        (plays + hour["plays"].as_i64().unwrap(), heard + hour["heard_ms"].as_i64().unwrap())
    })
}

#[test]
fn batches_that_come_twice_late_in_any_order_and_overlapping_are_counted_once() {
    let mut house = House::new();
    let board = Board::admitted(&house, 1, None);
    let rows = |range: std::ops::Range<u64>| range.map(|seq| play(1, seq)).collect::<Vec<_>>();
    let answer = board.play(&house, rows(50..100)).ok().json;
    assert_eq!((answer["kept"].as_u64(), answer["known"].as_u64()), (Some(50), Some(0)));
    let answer = board.play(&house, rows(1..60)).ok().json;
    assert_eq!((answer["kept"].as_u64(), answer["known"].as_u64()), (Some(49), Some(10)));
    house.restart();
    let mut backwards = rows(1..100);
    backwards.reverse();
    assert_eq!(board.play(&house, backwards).ok().json["known"], 99);
    // Another run of the same device counts anew.
    board.play(&house, vec![play(2, 1)]).ok();
    assert_eq!(sums(&house), (100, 100 * 180_000));
}

#[test]
fn the_same_batch_from_many_threads_at_once_is_counted_once() {
    let house = House::new();
    let board = Board::admitted(&house, 1, None);
    let kept: u64 = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let rows = (1..=40).map(|seq| play(1, seq)).collect();
                    board.play(&house, rows).ok().json["kept"].as_u64().unwrap()
                })
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).sum()
    });
    assert_eq!((kept, sums(&house).0), (40, 40));
}

#[test]
fn rows_outlive_their_device_and_are_exported_whole() {
    let house = House::new();
    let board = Board::admitted(&house, 1, None);
    let mut odd = play(1, 2);
    (odd.started_utc_ms, odd.title) = (None, orchestrion_protocol::fleet::Line::cut("=SUM(A1)"));
    board.play(&house, vec![play(1, 1), odd]).ok();
    house.delete(&format!("/api/v1/devices/{}", board.id())).ok();
    let csv = house.get("/api/v1/plays").ok();
    assert!(csv.kind.starts_with("text/csv"));
    let lines: Vec<_> = csv.text.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[1].contains("\"Crosby, Stills \"\"& Nash\"\"\""), "{}", lines[1]);
    assert!(lines[2].contains(",'=SUM(A1),"), "{}", lines[2]);
    let jsonl = house.get("/api/v1/plays?format=jsonl").ok();
    let rows: Vec<Value> = jsonl.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&rows[0]["recording"], &rows[0]["seq"], &rows[0]["audible_ms"]),
        (&json!("r1"), &json!(1), &json!(170_000))
    );
    let bounded = house.get(&format!("/api/v1/plays?format=jsonl&from_utc_ms={}", T0 + 10_000_000)).ok();
    assert_eq!(bounded.text.lines().count(), 1, "rows without a time are always in");
}

#[test]
fn an_export_of_many_pages_has_each_row_once() {
    let house = House::new();
    let board = Board::admitted(&house, 1, None);
    for from in [0, 500, 1000] {
        board.play(&house, (from + 1..=from + 500).map(|seq| play(1, seq)).collect()).ok();
    }
    let text = house.get("/api/v1/plays?format=jsonl").ok().text;
    let seqs: Vec<u64> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(seqs, (1..=1500).collect::<Vec<_>>());
}

#[test]
fn rows_that_cannot_be_are_named_and_do_not_keep_the_others_back() {
    let house = House::new();
    let board = Board::admitted(&house, 1, None);
    let mut wrong = play(1, 2);
    wrong.audible_ms = wrong.heard_ms + 1;
    let answer = board.play(&house, vec![play(1, 1), wrong]).ok().json;
    assert_eq!((answer["kept"].as_u64(), answer["refused"][0]["seq"].as_u64()), (Some(1), Some(2)));
    assert!(PlayRef { run: 1, seq: 2 } > PlayRef { run: 1, seq: 1 });
}

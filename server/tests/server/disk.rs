//! A database that is locked, a disk that is full: whoever asks is told, nothing is lost, and it goes on by itself.

use orchestrion_protocol::fleet::Report;
use orchestrion_protocol::release::Digest;
use orchestrion_rig::block_log::{BlockLog, Mounted, format};
use rusqlite::Connection;
use serde_json::json;

use super::board::Board;
use super::house::{Answer, House};
use super::plays::{play, sums};

/// The disk of a small server, with room for its database and little more.
const DISK_LEN: u64 = 48 * 1024 * 1024;

/// Told to come again, with words for people.
fn is_told_to_come_again(answer: &Answer, words: &str) {
    assert_eq!(
        (answer.status, answer.json["type"].as_str()),
        (503, Some("/problems/unavailable")),
        "{answer:?}"
    );
    assert!(answer.json["detail"].as_str().unwrap().contains(words), "{answer:?}");
}

#[test]
fn a_locked_database_is_named_heartbeats_go_on_and_nothing_is_lost() {
    let house = House::new();
    house.place("leeds-1");
    let mut board = Board::admitted(&house, 1, Some("leeds-1"));
    // The first of a boot is written.
    board.beat(&house, 0, Report::default());
    let other = Connection::open(house.dir.path().join("state/server.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let rows = || (1..=20).map(|seq| play(1, seq)).collect::<Vec<_>>();
    is_told_to_come_again(&board.play(&house, rows()), "locked");
    is_told_to_come_again(&house.command(&json!({"place": "leeds-1"}), "skip"), "locked");
    // How devices stand is in memory, and what is read needs no lock.
    assert!(board.beat(&house, 0, Report::default()).commands.is_empty(), "half a command was given");
    assert_eq!(house.presence(board.id()), "online");
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(board.play(&house, rows()).ok().json["kept"], 20);
    house.command(&json!({"place": "leeds-1"}), "skip").ok();
    assert_eq!(board.beat(&house, 0, Report::default()).commands.len(), 1);
    assert_eq!(sums(&house).0, 20);
}

#[test]
fn a_full_disk_is_named_heartbeats_go_on_and_nothing_is_lost() {
    if let Err(reason) = BlockLog::is_available() {
        eprintln!("SKIPPED: a full disk: {reason}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("disk.img");
    format(&image, DISK_LEN).unwrap();
    let disk = Mounted::new(&image, &folder.path().join("disk"), "errors=remount-ro").unwrap();
    let mut house = House::with(|settings| settings.state_dir = folder.path().join("disk/state"));
    house.place("leeds-1");
    let mut board = Board::admitted(&house, 1, Some("leeds-1"));
    board.beat(&house, 0, Report::default());
    let rows = |run| (1..=400).map(|seq| play(run, seq)).collect::<Vec<_>>();
    board.play(&house, rows(1)).ok();

    let ballast = disk.fill().unwrap();
    // What was set aside for the database's log may take some of it yet.
    let full = (2..100).find(|run| board.play(&house, rows(*run)).status != 200).unwrap();
    is_told_to_come_again(&board.play(&house, rows(full)), "full");
    let song = vec![7; 300_000];
    let name = Digest::of(&song);
    is_told_to_come_again(&house.put(&format!("/api/v1/blobs/{name}"), &song), "No space left");
    // Too long for what lies between the two: who sends it is still at it when the disk refuses.
    let film = vec![7; 20_000_000];
    let long = house.put(&format!("/api/v1/blobs/{}", Digest::of(&film)), &film);
    is_told_to_come_again(&long, "No space left");
    let left = std::fs::read_dir(folder.path().join("disk/state/blobs").join(name.folder()));
    assert_eq!(left.map_or(0, Iterator::count), 0, "half a file was left");
    board.beat(&house, 0, Report::default());
    let counted = (full - 1) * 400;
    assert_eq!(sums(&house).0, counted as i64);

    std::fs::remove_file(ballast).unwrap();
    let again = board.play(&house, rows(full)).ok();
    assert_eq!(again.json["kept"], 400, "{again:?}");
    house.put(&format!("/api/v1/blobs/{name}"), &song).ok();
    house.restart();
    assert_eq!(board.play(&house, rows(full)).ok().json["known"], 400);
    assert_eq!(sums(&house).0, counted as i64 + 400);
}

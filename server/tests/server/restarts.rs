//! One server a folder; stops, starts, backups.

use orchestrion_protocol::fleet::{Command, CommandRef, Ended, Outcome, Report};
use orchestrion_server::bootstrap::{self, StartError, restore};
use serde_json::json;

use super::board::Board;
use super::house::{House, settings};
use super::plays::play;

#[test]
fn a_second_server_in_one_folder_is_refused_by_the_name_of_the_first() {
    let house = House::new();
    let second = house.wait(bootstrap::start(settings(house.dir.path())));
    let Err(StartError::Lock(error)) = second else { panic!() };
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
}

#[test]
fn a_restart_forgets_no_command_and_answers_who_is_held() {
    let mut house = House::new();
    let mut board = Board::admitted(&house, 1, None);
    let id = board.id().to_owned();
    board.beat(&house, 0, Report::default());
    house.command(&json!({"device": id}), "skip").ok();
    house.restart();
    let commands = board.beat(&house, 0, Report::default()).commands;
    assert_eq!(commands.len(), 1);
    house.restart();
    assert_eq!(
        board.beat(&house, 0, Report::default()).commands,
        commands,
        "the same bytes after every restart"
    );
    board.cursor = CommandRef { epoch: 1, number: 1 };
    board.tell(&house, vec![Outcome::new(board.cursor, Ended::Done, "")]);
    house.restart();
    assert_eq!(house.states(&id), ["done"]);
    house.command(&json!({"device": id}), "skip").ok();
    let next = board.beat(&house, 0, Report::default()).commands;
    assert!(next[0].text.contains("\"number\":2"), "{}", next[0].text);
}

#[test]
fn a_server_restored_from_yesterday_is_heard_and_counts_nothing_twice() {
    let mut house = House::new();
    let mut board = Board::admitted(&house, 1, None);
    let id = board.id().to_owned();
    board.play(&house, vec![play(1, 1)]).ok();
    let backup = house.dir.path().join("backup.sqlite");
    house.wait(house.app().database.copy_to(&backup)).unwrap();
    // After the backup: a command that is done, a play.
    house.command(&json!({"device": id}), "skip").ok();
    board.beat(&house, 0, Report::default());
    board.cursor = CommandRef { epoch: 1, number: 1 };
    board.tell(&house, vec![Outcome::new(board.cursor, Ended::Done, "")]);
    board.play(&house, vec![play(1, 2)]).ok();
    let settings = house.stop();
    house.wait(restore::restore(&settings, &backup)).unwrap();
    house.start(settings).unwrap();
    house.command(&json!({"device": id}), "pause").ok();
    let answer = board.beat(&house, 0, Report::default());
    let key = house.app().key().public();
    let command = Command::open(&answer.commands[0], |found| (found == key.id()).then_some(&key)).unwrap();
    assert!(command.name > board.cursor, "{:?} is newer than what the device has done", command.name);
    assert_eq!((answer.epoch, command.name.epoch), (2, 2));
    assert_eq!(
        board.play(&house, vec![play(1, 1), play(1, 2)]).ok().json["kept"],
        1,
        "what was lost comes again"
    );
}

#[test]
fn what_is_no_backup_changes_nothing() {
    let mut house = House::new();
    let file = house.dir.path().join("holiday.jpg");
    std::fs::write(&file, b"no database").unwrap();
    let settings = house.stop();
    house.wait(restore::restore(&settings, &file)).unwrap_err();
    house.start(settings).unwrap();
    assert_eq!(house.get("/api/v1/accounts").ok().json[0]["name"], "ana");
}

#[test]
fn nothing_is_left_lying_after_a_stop() {
    let mut house = House::new();
    let settings = house.stop();
    assert!(!settings.socket_path().exists());
    assert!(!settings.state_dir.join("server.sqlite-wal").exists(), "the database is one tidy file");
    house.start(settings).unwrap();
}

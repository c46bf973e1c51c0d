//! How devices come in, and how they do not.

use orchestrion_protocol::fleet::{
    EnrolAnswer, EnrolRequest, PlayRecord, PlayRef, Report, SettingsOrder, Word,
};
use serde_json::{Value, json};

use super::board::Board;
use super::commands::opened;
use super::house::House;

#[test]
fn a_device_shows_a_code_and_is_in_when_somebody_accepts_it() {
    let house = House::new();
    house.place("leeds-1");
    let mut board = Board::new(1);
    let EnrolAnswer::Pending(pending) = board.enrol(&house, None) else { panic!() };
    let waiting = house.get("/api/v1/enrolments").ok().json;
    assert_eq!(waiting[0]["code"], pending.code.to_string());
    assert_eq!(waiting[0]["name"], "front");
    // It asks on and gets the same code, until somebody has typed it, in small letters.
    let EnrolAnswer::Pending(again) = board.enrol_with(&house, &pending.challenge, None) else { panic!() };
    assert_eq!(again.code, pending.code);
    let typed = pending.code.to_string().to_lowercase();
    let device =
        house.post("/api/v1/enrolments/accept", &json!({"code": typed, "place": "leeds-1"})).ok().json;
    let EnrolAnswer::Accepted(admission) = board.enrol_with(&house, &again.challenge, None) else { panic!() };
    assert_eq!(admission.device.as_str(), device["device"]);
    assert_eq!(admission.place.as_deref(), Some("leeds-1"));
    assert_eq!(admission.keys, [house.app().key().public()]);
    board.admission = Some(admission);
    board.beat(&house, 0, Report::default());
    // Once only.
    let twice = house.post("/api/v1/enrolments/accept", &json!({"code": typed}));
    assert_eq!(twice.status, 404, "{twice:?}");
}

#[test]
fn what_was_recorded_of_an_enrolment_is_worth_nothing() {
    let house = House::new();
    let board = Board::new(1);
    let first = board.ask(&house, &EnrolRequest::new(&Board::text("", None), &board.key)).ok().json;
    let request = EnrolRequest::new(&Board::text(first["challenge"].as_str().unwrap(), None), &board.key);
    assert_eq!(board.ask(&house, &request).json["state"], "pending");
    assert_eq!(board.ask(&house, &request).json["state"], "challenge", "each challenge counts once");
    // Somebody else's signature, or a challenge that was given to somebody else.
    let other = Board::new(2);
    let forged = EnrolRequest { public: other.key.public(), ..request.clone() };
    assert_eq!(board.ask(&house, &forged).status, 400);
    let EnrolAnswer::Pending(pending) = board.enrol(&house, None) else { panic!() };
    assert!(matches!(other.enrol_with(&house, &pending.challenge, None), EnrolAnswer::Challenge { .. }));
}

#[test]
fn a_token_lets_in_as_many_as_it_says_and_no_more() {
    let house = House::new();
    let wanted = json!({"name": "cafes", "uses": 2, "ends_in_s": 60});
    let token =
        house.post("/api/v1/enrolment-tokens", &wanted).ok().json["token"].as_str().unwrap().to_owned();
    let states: Vec<bool> = (1..=3)
        .map(|n| matches!(Board::new(n).enrol(&house, Some(&token)), EnrolAnswer::Accepted(_)))
        .collect();
    assert_eq!(states, [true, true, false]);
    assert!(matches!(
        Board::new(4).enrol(&house, Some("oet_guessed")),
        EnrolAnswer::Refused { ask_in_s: 3600, .. }
    ));
}

#[test]
fn a_device_that_was_taken_out_is_refused_and_asks_seldom() {
    let house = House::new();
    let mut board = Board::admitted(&house, 1, None);
    house.delete(&format!("/api/v1/devices/{}", board.id())).ok();
    let message = board.message(0, Report::default());
    assert_eq!(board.send(&house, &message).status, 401);
    assert!(matches!(board.enrol(&house, None), EnrolAnswer::Refused { ask_in_s: 3600, .. }));
}

#[test]
fn one_that_lost_its_token_and_has_its_key_comes_back_as_itself() {
    let house = House::new();
    let mut board = Board::admitted(&house, 1, None);
    let id = board.id().to_owned();
    let EnrolAnswer::Accepted(admission) = board.enrol(&house, None) else { panic!() };
    assert_eq!(admission.device.as_str(), id);
    board.beat(&house, 0, Report::default());
    // The old token is taken for a while, and is replaced by the answer.
    let message = board.message(0, Report::default());
    let answer = board.send(&house, &message).ok();
    assert!(answer.json["token"]["token"].as_str().unwrap().starts_with("odt_"), "{}", answer.text);
}

#[test]
fn a_copied_card_is_noticed_also_after_a_restart_of_the_server() {
    let mut house = House::new();
    let mut board = Board::admitted(&house, 1, None);
    board.beat(&house, 0, Report::default());
    // The same card in another board, which boots and counts its run.
    (board.boot_id, board.run) = ("the-copy".into(), 2);
    board.beat(&house, 0, Report::default());
    house.restart();
    (board.boot_id, board.run) = ("boot-1".into(), 1);
    let message = board.message(0, Report::default());
    let answer = board.send(&house, &message);
    assert_eq!((answer.status, answer.json["type"].as_str()), (409, Some("/problems/copied")));
}

#[test]
fn codes_cannot_be_tried_out() {
    let house = House::new();
    let mut statuses = Vec::new();
    for n in 0..32_usize {
        let code: String =
            (0..8).map(|at| char::from(orchestrion_protocol::fleet::CODE_LETTERS[(n + at) % 18])).collect();
        statuses.push(house.post("/api/v1/enrolments/accept", &json!({"code": code})).status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 404).count(), 30);
    assert_eq!(statuses.last(), Some(&429));
}

#[test]
fn a_new_board_takes_over_what_a_dead_one_had() {
    let mut house = House::new();
    house.place("leeds-1");
    let (mut dead, mut new) = (Board::admitted(&house, 1, Some("leeds-1")), Board::admitted(&house, 2, None));
    house.put(&format!("/api/v1/groups/cafes/devices/{}", dead.id()), b"").ok();
    let set = Report {
        settings: Some(SettingsOrder { volume: Some(33), trim_db: Some(-2.0), ..SettingsOrder::default() }),
        ..Report::default()
    };
    let message = dead.message(0, set);
    dead.send(&house, &message).ok();
    let plays = (1..=3_u32).map(|seq| PlayRecord {
        name: PlayRef { run: 1, seq: seq.into() },
        kind: Word::cut("music"),
        how: Word::cut("finished"),
        recording: Some(Word::cut(&format!("r{seq}"))),
        playlist: (seq == 3).then(|| Word::cut("soul")),
        started_utc_ms: Some(1_750_000_000_000 + i64::from(seq)),
        continues: (seq == 2).then_some(PlayRef { run: 1, seq: 1 }),
        ..PlayRecord::default()
    });
    dead.play(&house, plays.collect()).ok();
    // It stays known when the server was started anew, and the dead one says nothing any more.
    house.restart();
    house.post(&format!("/api/v1/devices/{}/replace", dead.id()), &json!({"by": new.id()})).ok();
    // What people had set, and what was played last, come as commands.
    let commands = opened(&house, &new.beat(&house, 0, Report::default()));
    let given: Vec<(&str, &Value)> = commands
        .iter()
        .map(|command| (command.order.method.as_str(), command.order.params.as_ref().unwrap()))
        .collect();
    assert_eq!(given[0], ("settings", &json!({"volume": 33, "trim_db": -2.0})));
    let plays = json!([
        {"recording": "r1", "at_utc_ms": 1_750_000_000_001_i64},
        {"recording": "r3", "at_utc_ms": 1_750_000_000_003_i64, "playlist": "soul"},
    ]);
    assert_eq!(given[1..], [("inherit", &json!({"plays": plays}))]);
    let shown = house.get(&format!("/api/v1/devices/{}", new.id())).ok().json;
    assert_eq!((&shown["place"], &shown["groups"][0]), (&json!("leeds-1"), &json!("cafes")));
    assert_eq!(house.get(&format!("/api/v1/devices/{}", dead.id())).status, 404);
}

//! Commands on their way, and how devices stand.

use std::time::{Duration, Instant};

use orchestrion_protocol::fleet::{Command, Doing, Ended, Outcome, Report};
use serde_json::json;

use super::board::Board;
use super::house::House;

pub fn opened(house: &House, answer: &orchestrion_protocol::fleet::HeartbeatAnswer) -> Vec<Command> {
    let key = house.app().key().public();
    answer
        .commands
        .iter()
        .map(|sealed| Command::open(sealed, |id| (id == key.id()).then_some(&key)).unwrap())
        .collect()
}

#[test]
fn a_request_that_is_held_is_answered_at_once_when_a_command_comes() {
    let house = House::new();
    let mut board = Board::admitted(&house, 1, None);
    let to = json!({"device": board.id()});
    let begin = Instant::now();
    let answer = std::thread::scope(|scope| {
        let held = scope.spawn(|| board.beat(&house, 40, Report::default()));
        // When the server has it, it is held.
        while house.app().fleet.roster.lock().devices().all(|member| member.turn == 0) {
            std::thread::yield_now();
        }
        house.command(&to, "skip").ok();
        held.join().unwrap()
    });
    assert!(begin.elapsed() < Duration::from_secs(30), "it was held to its end");
    let commands = opened(&house, &answer);
    assert_eq!(
        (commands[0].order.method.as_str(), commands[0].name.number, commands[0].by.as_str()),
        ("skip", 1, "ana")
    );
    assert!(answer.held_ms < 30_000 && answer.next_s == 5);
}

#[test]
fn without_a_command_it_is_held_as_long_as_it_asked_and_no_longer() {
    let house = House::new();
    let mut board = Board::admitted(&house, 1, None);
    let begin = Instant::now();
    let answer = board.beat(&house, 1, Report::default());
    assert!(
        begin.elapsed() >= Duration::from_secs(1) && answer.held_ms >= 1000 && answer.commands.is_empty()
    );
}

#[test]
fn a_command_goes_through_its_states_and_a_result_counts_once() {
    let house = House::new();
    let mut board = Board::admitted(&house, 1, None);
    let id = board.id().to_owned();
    for method in ["skip", "pause"] {
        house.command(&json!({"device": id}), method).ok();
    }
    assert_eq!(house.states(&id), ["queued", "queued"]);
    let first = board.beat(&house, 0, Report::default());
    // The answer was lost: what is beyond the cursor comes again, the very same bytes.
    let again = board.beat(&house, 0, Report::default());
    assert_eq!(first.commands, again.commands);
    let names: Vec<_> = opened(&house, &again).iter().map(|command| command.name).collect();
    board.cursor = names[1];
    board.tell(
        &house,
        vec![Outcome::new(names[0], Ended::Done, ""), Outcome::new(names[1], Ended::Failed, "no output")],
    );
    assert_eq!(house.states(&id), ["done", "failed"]);
    // Told again, or otherwise, it stays as it was.
    board.tell(&house, vec![Outcome::new(names[0], Ended::Refused, "replayed")]);
    assert_eq!(house.states(&id), ["done", "failed"]);
    assert!(board.beat(&house, 0, Report::default()).commands.is_empty());
}

#[test]
fn groups_places_and_all_are_meant_and_nobody_else() {
    let house = House::new();
    house.place("leeds-1");
    let boards: Vec<_> = (1..=3).map(|n| Board::admitted(&house, n, (n == 1).then_some("leeds-1"))).collect();
    house.put(&format!("/api/v1/groups/cafes/devices/{}", boards[1].id()), b"").ok();
    for (to, devices) in
        [(json!({"place": "leeds-1"}), 1), (json!({"group": "cafes"}), 1), (json!({"all": true}), 3)]
    {
        assert_eq!(house.command(&to, "skip").ok().json["devices"], devices, "{to}");
    }
    let counts: Vec<_> = boards.iter().map(|board| house.states(board.id()).len()).collect();
    assert_eq!(counts, [2, 2, 1]);
    assert_eq!(house.command(&json!({"group": "nobody"}), "skip").status, 409);
    assert_eq!(house.command(&json!({"device": "d0"}), "skip").status, 404);
    assert_eq!(house.command(&json!({"all": true}), "fly").status, 400);
}

#[test]
fn a_command_that_nobody_comes_for_expires() {
    let house = House::new();
    let mut board = Board::admitted(&house, 1, None);
    let id = board.id().to_owned();
    house.post("/api/v1/commands", &json!({"to": {"device": id}, "method": "skip", "ends_in_s": 1})).ok();
    let begin = Instant::now();
    while house.states(&id) != ["expired"] {
        assert!(begin.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(board.beat(&house, 0, Report::default()).commands.is_empty());
}

#[test]
fn a_device_that_does_not_come_is_not_flooded() {
    let house = House::new();
    let board = Board::admitted(&house, 1, None);
    let to = json!({"device": board.id()});
    let statuses: Vec<_> = (0..66).map(|_| house.command(&to, "skip").status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 64);
    assert_eq!(statuses.last(), Some(&409));
}

#[test]
fn a_question_is_answered_to_who_asks() {
    let house = House::new();
    let mut board = Board::admitted(&house, 1, None);
    let path = format!("/api/v1/devices/{}/ask", board.id());
    let answer = std::thread::scope(|scope| {
        let asked = scope.spawn(|| house.post(&path, &json!({"method": "why"})));
        let commands = opened(&house, &board.beat(&house, 40, Report::default()));
        board.cursor = commands[0].name;
        let outcome = Outcome::new(commands[0].name, Ended::Done, "").with_answer("[\"it is noon\"]".into());
        board.tell(&house, vec![outcome]);
        asked.join().unwrap()
    });
    assert_eq!(answer.ok().json["answer"], "[\"it is noon\"]");
    assert_eq!(house.post(&path, &json!({"method": "skip"})).status, 400);
}

#[test]
fn a_device_plays_only_when_its_samples_moved() {
    let house = House::new();
    let mut board = Board::admitted(&house, 1, None);
    let id = board.id().to_owned();
    let playing = |frames| Report { doing: Doing::Playing, frames, audible: true, ..Report::default() };
    assert_eq!(house.presence(&id), "never_seen");
    board.beat(&house, 0, playing(48_000));
    assert_eq!(house.presence(&id), "online");
    board.beat(&house, 0, playing(96_000));
    assert_eq!(house.presence(&id), "playing");
    board.beat(&house, 0, Report { alarm: true, ..playing(97_000) });
    assert_eq!(house.presence(&id), "muted_by_alarm");
}

//! The server's own binary, killed at any moment: nothing that it answered is lost, nothing is counted twice.

use std::time::Duration;

use orchestrion_protocol::fleet::{
    Admission, CommandRef, Ended, EnrolAnswer, EnrolRequest, FLEET_VERSION, Heartbeat, HeartbeatAnswer,
    Outcome, PlayBatch, Report, Word, pack, written,
};
use serde_json::Value;

use super::board::Board;
use super::house::{agent, read};
use super::plays::play;
use super::process::{Process, admin};

/// Kills; `SERVER_KILLS` of the environment makes it more.
const KILLS: u64 = 20;

/// A send that may find the server killed.
fn send(base: &str, path: &str, token: &str, body: &[u8]) -> Option<Value> {
    let request = agent().post(format!("{base}{path}")).header("authorization", format!("Bearer {token}"));
    let response = request.config().timeout_global(Some(Duration::from_secs(20))).build().send(body).ok()?;
    let mut response = response;
    let text = response.body_mut().read_to_string().ok()?;
    assert_eq!(response.status().as_u16(), 200, "{text}");
    serde_json::from_str(&text).ok()
}

fn enrol(base: &str, token: &str) -> Admission {
    let board = Board::new(1);
    let mut challenge = String::new();
    loop {
        let request = EnrolRequest::new(&Board::text(&challenge, Some(token)), &board.key);
        let answer =
            read(agent().post(format!("{base}/device/v1/enrol")).send(written(&request)).unwrap()).ok();
        match serde_json::from_value(answer.json).unwrap() {
            EnrolAnswer::Challenge { challenge: next, .. } => challenge = next.to_string(),
            EnrolAnswer::Accepted(admission) => return admission,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn killed_at_any_moment_it_loses_nothing_that_it_answered_and_counts_nothing_twice() {
    let kills = std::env::var("SERVER_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("server.toml");
    std::fs::write(
        &config,
        format!("listen = \"127.0.0.1:0\"\nstate_dir = {:?}\n", dir.path().join("state")),
    )
    .unwrap();
    let mut server = Process::start(&config);
    let made = admin(&config, &["device", "token", "t"]);
    let admission = enrol(&server.base, made["token"].as_str().unwrap());
    let (device, token) = (admission.device.clone(), admission.token.to_string());
    let mut cursor = CommandRef::default();
    let (mut given, mut begun, mut results, mut next_play) = (0_u64, Vec::new(), Vec::new(), 1_u64);
    for round in 0..kills {
        admin(&config, &["command", "skip", "--device", &device]);
        given += 1;
        // Killed some steps into a loop of heartbeats and plays, each round at another one.
        let base = server.base.clone();
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(round * 7 % 60));
            server.kill();
        });
        loop {
            let message = Heartbeat {
                v: FLEET_VERSION,
                device: device.clone(),
                run: 1,
                boot_id: Word::cut("b"),
                seq: 1,
                connection: 1,
                hold_s: 0,
                cursor,
                results: results.clone(),
                keys_serial: 0,
                capabilities: Vec::new(),
                report: Report::default(),
            };
            let Some(answer) = send(&base, "/device/v1/heartbeat", &token, &written(&message)) else { break };
            let answer: HeartbeatAnswer = serde_json::from_value(answer).unwrap();
            results.clear();
            for sealed in &answer.commands {
                let number = serde_json::from_str::<Value>(&sealed.text).unwrap()["number"].as_u64().unwrap();
                assert!(number > cursor.number, "command {number} came again after it was begun");
                cursor = CommandRef { epoch: 1, number };
                begun.push(number);
                results.push(Outcome::new(cursor, Ended::Done, ""));
            }
            let plays = (next_play..next_play + 5).map(|seq| play(1, seq)).collect();
            let batch = pack(&written(&PlayBatch { v: FLEET_VERSION, device: device.clone(), plays }));
            let Some(answer) = send(&base, "/device/v1/plays", &token, &batch) else { break };
            assert_eq!(answer["kept"].as_u64().unwrap() + answer["known"].as_u64().unwrap(), 5);
            next_play += 5;
        }
        killer.join().unwrap();
        server = Process::start(&config);
    }
    // Whatever was on its way comes once more, and is counted once.
    let plays = (next_play..next_play + 5).map(|seq| play(1, seq)).collect();
    let batch = pack(&written(&PlayBatch { v: FLEET_VERSION, device: device.clone(), plays }));
    send(&server.base, "/device/v1/plays", &token, &batch).unwrap();
    let hours = admin(&config, &["account", "add", "ana"]);
    let ana = hours["token"].as_str().unwrap();
    let asked = agent()
        .get(format!("{}/api/v1/plays/hours", server.base))
        .header("authorization", format!("Bearer {ana}"));
    let sums = read(asked.call().unwrap()).ok().json;
    let counted: u64 = sums.as_array().unwrap().iter().map(|hour| hour["plays"].as_u64().unwrap()).sum();
    assert_eq!(counted, next_play + 4, "each play once");
    let mut distinct = begun.clone();
    distinct.dedup();
    assert_eq!(begun, distinct, "each command once");
    assert!(begun.len() as u64 <= given);
    println!("{kills} kills: {given} commands given, {} begun, {counted} plays counted", begun.len());
    server.kill();
}

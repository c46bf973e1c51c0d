//! A device is let in by its code, seen, and commanded.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::room::{Room, SOON, connected, entry, is_playing};
use super::server::{PATIENCE, Server};

#[test]
fn a_device_is_let_in_by_its_code_is_seen_playing_and_skips_by_a_command() {
    let server = Server::new();
    let room = Room::new(60.0);
    let device = room.run(&server.base, "name = \"front\"");
    let status = device.wait_for(PATIENCE, |status| status["server"]["code"].is_string()).unwrap();
    let code = status["server"]["code"].as_str().unwrap().to_owned();
    assert!(room.setup.log().contains(&format!("types the code {code}")), "{}", room.setup.log());
    let mut ctl = Command::new(&room.setup.program);
    let ctl = ctl.args(["ctl", "status", "--socket"]).arg(room.setup.socket()).output().unwrap();
    let shown = String::from_utf8(ctl.stdout).unwrap();
    assert!(shown.lines().any(|line| line.starts_with("code ") && line.contains(&code)), "{shown}");
    server.admin(&["device", "accept", &code, "--place", "leeds-1"]);
    let id = connected(&device);
    // What is seen is what happens in the room: it plays, samples move, and `null` is heard by nobody.
    let begin = Instant::now();
    let seen = loop {
        let seen = server.device(&id);
        if seen["report"]["frames"].as_u64() > Some(0) && seen["presence"] == "degraded" {
            break seen;
        }
        assert!(begin.elapsed() < PATIENCE, "{seen}");
        std::thread::sleep(Duration::from_millis(50));
    };
    let report = &seen["report"];
    assert_eq!((&report["doing"], &report["audible"]), (&json!("playing"), &json!(false)), "{report}");
    assert!(report["said"]["title"].is_string() && report["disk"]["total"].as_u64() > Some(0), "{report}");
    assert_eq!(report["clock"], "trusted", "{report}");
    assert!(report["faults"].to_string().contains("nobody hears"), "{report}");
    let before = entry(&device.wait_for(SOON, is_playing).unwrap());
    let done = server.command(&id, "skip", &Value::Null);
    assert_eq!(done["state"], "done", "{done}");
    device.wait_for(SOON, |status| is_playing(status) && entry(status) != before).unwrap();
    let done = server.command(&id, "volume", &json!({"percent": 12}));
    assert_eq!(done["state"], "done", "{done}");
    let asked = server.command(&id, "status", &Value::Null);
    let answer: Value = serde_json::from_str(asked["answer"].as_str().unwrap()).unwrap();
    assert_eq!((&answer["state"], &answer["volume"]), (&json!("playing"), &json!(12)), "{asked}");
    for (method, params, words) in [
        ("snapshot", Value::Null, "no screen"),
        ("play_now", json!({"blob": "a".repeat(64)}), "not on this device"),
    ] {
        let failed = server.command(&id, method, &params);
        let reason = failed["reason"].as_str().unwrap();
        assert!(failed["state"] == "failed" && reason.contains(words), "{failed}");
    }
    // Nobody's machine is to be started anew by a test.
    if !std::path::Path::new("/run/systemd/system").exists() {
        let failed = server.command(&id, "reboot", &Value::Null);
        assert!(failed["reason"].as_str().unwrap().contains("no systemd"), "{failed}");
    }
    // The server that it was let in by gives it its releases too.
    let done = server.command(&id, "content.update", &Value::Null);
    assert_eq!(done["state"], "done", "{done}");
    // It stops as quickly as ever, with a request that is held; and is itself again, without a code.
    assert!(device.terminate().unwrap().success());
    assert!(!room.setup.log().contains("does not stop"), "{}", room.setup.log());
    let device = room.run(&server.base, "");
    assert_eq!(connected(&device), id);
}

#[test]
fn settings_are_set_and_outlive_a_restart_and_the_log_is_sent() {
    let server = Server::new();
    let room = Room::new(60.0);
    let token = server.admin(&["device", "token", "t", "--place", "leeds-1"]);
    let more = format!("token = {}", token["token"]);
    let device = room.run(&server.base, &more);
    let id = connected(&device);
    let wanted = json!({"volume": 31, "mute": true, "crossfade_ms": 1500, "shuffle": true, "repeat": "all"});
    let done = server.command(&id, "settings", &wanted);
    assert_eq!(done["state"], "done", "{done}");
    let is_kept =
        |status: &Value| status["volume"] == 31 && status["muted"] == true && status["crossfade_ms"] == 1500;
    let is_set = |status: &Value| is_kept(status) && status["shuffle"] == true && status["repeat"] == "all";
    device.wait_for(SOON, is_set).unwrap();
    for (params, words) in [
        (json!({}), "nothing is to be set"),
        (json!({"volume": 101}), "from 0 to 100"),
        (json!({"loudness": 3}), "loudness"),
        (json!({"crossfade_ms": 99_999}), "from 0 to 12000"),
    ] {
        let wanted = json!({"to": {"device": id}, "method": "settings", "params": params});
        let refused = server.refused("/api/v1/commands", &wanted);
        assert!(refused.contains(words), "{params}: {refused}");
    }
    let sent = server.command(&id, "logs.send", &json!({"lines": 50}));
    let answer: Value = serde_json::from_str(sent["answer"].as_str().unwrap()).unwrap();
    let lines: Vec<_> =
        answer["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert!(lines.len() <= 50 && lines.iter().any(|line| line.ends_with(": settings")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("info: connected to the server")), "{lines:?}");
    assert!(!sent.to_string().contains("oet_"), "{sent}");
    assert!(device.terminate().unwrap().success());
    let device = room.run(&server.base, &more);
    // The order of the queue is the configuration's again where releases may come from the server.
    device.wait_for(SOON, is_kept).unwrap();
}

#[test]
fn a_device_without_a_clock_takes_the_time_of_a_server_that_it_knows_by_tls_and_of_no_other() {
    let plain = Server::new();
    let room = Room::new(60.0);
    let token =
        |server: &Server| server.admin(&["device", "token", "t", "--place", "leeds-1"])["token"].to_string();
    let device = room.run_without_a_clock(&plain.base, &format!("token = {}", token(&plain)));
    let id = connected(&device);
    let clock = |server: &Server, id: &str| server.device(id)["report"]["clock"].clone();
    let begin = Instant::now();
    // It reports again and again, and it stays so.
    while begin.elapsed() < Duration::from_secs(3) {
        assert_ne!(clock(&plain, &id), "trusted");
        std::thread::sleep(Duration::from_millis(100));
    }
    let server = Server::encrypted();
    let more = format!("token = {}\nfingerprint = \"{}\"", token(&server), server.fingerprint());
    room.configure_without_a_clock(&server.base, &more);
    device.signal("HUP").unwrap();
    let id = super::room::connected_to(&device, &server.base);
    let begin = Instant::now();
    while clock(&server, &id) != "trusted" {
        assert!(begin.elapsed() < PATIENCE, "{}", room.setup.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(room.setup.log().contains("the server has told it"), "{}", room.setup.log());
    super::room::music_goes_on(&device);
    assert!(device.terminate().unwrap().success());
}

#[test]
fn a_device_that_is_commanded_to_restart_ends_in_order_and_tells_that_it_is_back() {
    let server = Server::new();
    let room = Room::new(60.0);
    let token = server.admin(&["device", "token", "t", "--place", "leeds-1"]);
    let more = format!("token = {}", token["token"]);
    let device = room.run(&server.base, &more);
    let id = connected(&device);
    let given = server.admin(&["command", "restart", "--device", &id]);
    assert!(device.wait_within(PATIENCE).unwrap().success());
    let _again = room.run(&server.base, &more);
    let begin = Instant::now();
    loop {
        let all: Value = serde_json::from_str(&server.get(&format!("/api/v1/commands?device={id}"))).unwrap();
        if all[0]["state"] == "done" {
            assert_eq!(all[0]["reason"], "it was started again", "{given} {all}");
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "{all}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn without_a_server_the_music_is_as_it_was_and_the_next_configuration_is_heard() {
    let room = Room::new(60.0);
    // Nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let device = room.run(&format!("http://{free}"), "");
    super::room::music_goes_on(&device);
    let status = device.wait_for(SOON, |status| status["server"]["problem"].is_string()).unwrap();
    assert!(status["server"]["problem"].as_str().unwrap().contains("cannot be reached"), "{status}");
    let config = room.path().join("orchestrion.toml");
    std::fs::write(&config, "outputs = [\"null\"]\nmusic = [\"music\"]\ncrossfade_s = 0\n").unwrap();
    device.signal("HUP").unwrap();
    device.wait_for(SOON, |status| status["server"].is_null()).unwrap();
    super::room::music_goes_on(&device);
    assert!(device.terminate().unwrap().success());
}

#[test]
fn a_disk_that_cannot_keep_what_was_commanded_is_named_and_not_the_network() {
    let server = Server::new();
    let room = Room::new(60.0);
    let token = server.admin(&["device", "token", "t", "--place", "leeds-1"]);
    // Where the numbers of commands are to be kept stands a folder.
    std::fs::create_dir_all(room.setup.state_dir().join("commands.json")).unwrap();
    let device = room.run(&server.base, &format!("token = {}", token["token"]));
    let status = device.wait_for(SOON, |status| status["server"]["problem"].is_string()).unwrap();
    let problem = status["server"]["problem"].as_str().unwrap();
    assert!(problem.contains("cannot keep") && !problem.contains("be reached"), "{status}");
    super::room::music_goes_on(&device);
    assert!(device.terminate().unwrap().success());
}

//! What does not keep to anything: bytes, tokens, roles, slowness.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use orchestrion_protocol::fleet::{BATCH_UNPACKED_LEN_MAX, REQUEST_LEN_MAX, Report, pack, written};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

use super::board::Board;
use super::house::{House, agent, read};
use super::process::{Process, admin};

fn post(house: &House, board: &Board, path: &str, body: &[u8]) -> super::house::Answer {
    let token = board.admission.as_ref().map_or("none", |admission| admission.token.as_str());
    let request = board.agent.post(house.url(path)).header("authorization", format!("Bearer {token}"));
    read(request.send(body).unwrap())
}

#[test]
fn whatever_is_sent_is_answered_by_a_problem_that_names_it() {
    let house = House::new();
    let mut board = Board::admitted(&house, 1, None);
    let whole = written(&board.message(0, Report::default()));
    let mut newer: Value = serde_json::from_slice(&whole).unwrap();
    newer["v"] = json!(2);
    let bomb = pack(&vec![b' '; BATCH_UNPACKED_LEN_MAX + 1]);
    for (path, body, status, named) in [
        ("/device/v1/heartbeat", whole[..whole.len() / 2].to_vec(), 400, "heartbeat"),
        ("/device/v1/heartbeat", b"\xff\x00".to_vec(), 400, "heartbeat"),
        ("/device/v1/heartbeat", newer.to_string().into_bytes(), 400, "update the older one"),
        ("/device/v1/heartbeat", vec![b' '; REQUEST_LEN_MAX + 1], 413, "heartbeat"),
        ("/device/v1/enrol", b"{}".to_vec(), 400, "enrolment"),
        ("/device/v1/plays", b"no zlib".to_vec(), 400, "batch of plays"),
        ("/device/v1/plays", bomb, 413, "batch of plays"),
        ("/device/v1/nothing", Vec::new(), 404, "route"),
    ] {
        let answer = post(&house, &board, path, &body);
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert_eq!(answer.kind, "application/problem+json", "{path}");
        assert_eq!(answer.json["status"], status);
        assert!(answer.json["detail"].as_str().unwrap().contains(named), "{path}: {}", answer.text);
    }
    // After all that it still listens.
    board.beat(&house, 0, Report::default());
}

#[test]
fn flipped_bits_never_break_the_server() {
    let house = House::new();
    let mut board = Board::admitted(&house, 1, None);
    let whole = written(&board.message(0, Report::default()));
    for bit in (0..whole.len() * 8).step_by(7) {
        let mut body = whole.clone();
        body[bit / 8] ^= 1 << (bit % 8);
        let status = post(&house, &board, "/device/v1/heartbeat", &body).status;
        assert!([200, 400, 403, 409].contains(&status), "bit {bit}: {status}");
    }
}

#[test]
fn only_who_may_may() {
    let house = House::new();
    let board = Board::admitted(&house, 1, None);
    let viewer = house.put("/api/v1/accounts/ben", br#"{"role":"viewer"}"#).ok().json["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let asked = |token: &str, path: &str| {
        let request = board.agent.get(house.url(path)).header("authorization", format!("Bearer {token}"));
        read(request.call().unwrap()).status
    };
    assert_eq!(asked(&viewer, "/api/v1/devices"), 200);
    assert_eq!(asked(&viewer, "/api/v1/accounts"), 403);
    assert_eq!(asked("oat_guessed", "/api/v1/devices"), 401);
    assert_eq!(asked(board.admission.as_ref().unwrap().token.as_str(), "/api/v1/devices"), 401);
    let give =
        board.agent.post(house.url("/api/v1/commands")).header("authorization", format!("Bearer {viewer}"));
    assert_eq!(read(give.send(r#"{"to":{"all":true},"method":"skip"}"#).unwrap()).status, 403);
    // What stops the server is not on the network.
    assert_eq!(house.post("/ctl/v1/stop", &json!({})).status, 404);
    house.delete("/api/v1/accounts/ben").ok();
    assert_eq!(asked(&viewer, "/api/v1/devices"), 401);
}

#[test]
fn one_device_cannot_speak_for_another() {
    let house = House::new();
    let (mut one, two) = (Board::admitted(&house, 1, None), Board::admitted(&house, 2, None));
    let mut message = one.message(0, Report::default());
    message.device = two.admission.as_ref().unwrap().device.clone();
    assert_eq!(one.send(&house, &message).status, 403);
}

#[test]
fn many_connections_that_say_nothing_do_not_keep_others_out() {
    let house = House::with(|settings| settings.connections_max = 512);
    let address = house.url("").trim_start_matches("http://").to_owned();
    let mut silent: Vec<TcpStream> = (0..300).map(|_| TcpStream::connect(&address).unwrap()).collect();
    for stream in &mut silent {
        stream.write_all(b"POST /device/v1/heartbeat HTTP/1.1\r\nContent-Le").unwrap();
    }
    let mut board = Board::admitted(&house, 1, None);
    board.beat(&house, 0, Report::default());
}

#[test]
fn twenty_thousand_connections_in_the_middle_of_a_request_keep_nobody_out() {
    const WANTED: u64 = 20_000;
    // What a process has open besides.
    const BESIDE: u64 = 500;
    let limit = getrlimit(Resource::Nofile).maximum;
    let silent = limit.map_or(WANTED, |limit| WANTED.min(limit.saturating_sub(BESIDE)));
    if silent < WANTED {
        eprintln!(
            "FEWER: {silent} connections and not {WANTED}, since a process may not open more files here"
        );
    }
    // The server's process takes the limit over.
    setrlimit(Resource::Nofile, Rlimit { current: Some(silent + BESIDE), maximum: limit }).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("server.toml");
    let (state, most) = (dir.path().join("state"), silent + 100);
    let text = format!("listen = \"127.0.0.1:0\"\nstate_dir = {state:?}\nconnections_max = {most}\n");
    std::fs::write(&config, text).unwrap();
    let server = Process::start(&config);
    let health = || read(agent().get(format!("{}/health", server.base)).call().unwrap()).status;
    let address = server.base.trim_start_matches("http://");
    let mut open = Vec::new();
    for n in 0..silent {
        let mut stream = TcpStream::connect(address).unwrap();
        // Half of them have begun to say something.
        if n % 2 == 0 {
            stream.write_all(b"POST /device/v1/heartbeat HTTP/1.1\r\nContent-Le").unwrap();
        }
        open.push(stream);
        if n % 5_000 == 0 {
            assert_eq!(health(), 200, "with {n}");
        }
    }
    assert_eq!(health(), 200);
    admin(&config, &["place", "add", "leeds-1", "--name", "Leeds"]);
    drop(open);
    assert_eq!(health(), 200);
}

#[test]
fn a_head_without_end_is_cut() {
    let house = House::new();
    let address = house.url("").trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let _ = stream.write_all(b"GET /health HTTP/1.1\r\n");
    let line = format!("X: {}\r\n", "x".repeat(1000));
    for _ in 0..2000 {
        if stream.write_all(line.as_bytes()).is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    // It answers 431 or just hangs up; it does not read on for ever.
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
}

//! What lines mean: requests, notifications, errors, rubbish.

use orchestrion_protocol::limits::LINE_LEN_MAX;
use rand::{Rng, RngExt, SeedableRng};

use super::*;

#[test]
fn a_request_goes_to_app_and_its_answer_comes_back() {
    let device = Device::start();
    let mut peer = device.connect();
    peer.say(b"{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"volume\",\"params\":{\"percent\":40}}\n");
    let (client, id, method) = device.asked();
    assert!(matches!(method, Method::Volume(params) if params.percent == Some(40)));
    device.answer(client, id, Ok(json!({"done": 1})));
    assert_eq!(peer.hear(), json!({"jsonrpc": "2.0", "id": "x", "result": {"done": 1}}));

    peer.ask(2, "skip");
    let (client, id, _) = device.asked();
    device.answer(client, id, Err(RpcError::new(code::REFUSED, "not now")));
    assert_eq!(peer.hear()["error"], json!({"code": code::REFUSED, "message": "not now"}));
}

#[test]
fn answers_go_to_whom_they_belong_in_whatever_order_they_are_given() {
    let device = Device::start();
    let (mut one, mut two) = (device.connect(), device.connect());
    one.ask(1, "status");
    let first = device.asked();
    two.ask(1, "status");
    let second = device.asked();
    assert_ne!(first.0, second.0);
    device.answer(second.0, second.1, Ok(json!("two")));
    device.answer(first.0, first.1, Ok(json!("one")));
    assert_eq!((one.hear()["result"].clone(), two.hear()["result"].clone()), (json!("one"), json!("two")));
}

#[test]
fn subscribers_are_notified_and_others_are_not() {
    let device = Device::start();
    let (mut one, mut two) = (device.connect(), device.connect());
    one.ask(1, "subscribe");
    assert_eq!(one.hear()["result"], json!({"subscribed": true}));
    two.check();
    device.notify("{\"method\":\"A\"}");
    assert_eq!(one.hear()["method"], "A");
    one.ask(2, "unsubscribe");
    assert_eq!(one.hear()["result"], json!({"subscribed": false}));
    device.notify("{\"method\":\"B\"}");
    one.check();
    two.check();
    assert!(device.events.is_empty(), "App is not asked for what the control thread answers");
}

#[test]
fn a_malformed_line_gets_its_error_and_the_connection_lives() {
    let device = Device::start();
    let mut peer = device.connect();
    let cases: [(&[u8], Value, i32); 7] = [
        (b"play", Value::Null, code::PARSE_ERROR),
        (b"\xff\xfe{}", Value::Null, code::PARSE_ERROR),
        (b"[]", Value::Null, code::INVALID_REQUEST),
        (b"{\"jsonrpc\":\"2.0\"}", Value::Null, code::INVALID_REQUEST),
        (b"{\"jsonrpc\":\"1.0\",\"id\":3,\"method\":\"play\"}", json!(3), code::INVALID_REQUEST),
        (b"{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"fly\"}", json!(4), code::METHOD_NOT_FOUND),
        (b"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"mute\"}", json!(5), code::INVALID_PARAMS),
    ];
    for (line, id, code) in cases {
        peer.say(line);
        peer.say(b"\n");
        assert_eq!(peer.hear_code(), (id, error_code(code)), "{}", String::from_utf8_lossy(line));
    }
    peer.check();
    assert!(device.events.is_empty());
}

#[test]
fn a_notification_is_carried_out_and_never_answered() {
    let device = Device::start();
    let mut peer = device.connect();
    peer.say(b"{\"jsonrpc\":\"2.0\",\"method\":\"skip\"}\n");
    assert_eq!((device.asked().1, device.events.is_empty()), (None, true));
    // Neither are its errors, nor what the control thread answers itself.
    peer.say(b"{\"jsonrpc\":\"2.0\",\"method\":\"fly\"}\n{\"jsonrpc\":\"2.0\",\"method\":\"mute\"}\n");
    peer.say(
        b"{\"jsonrpc\":\"2.0\",\"method\":\"methods\"}\n{\"jsonrpc\":\"2.0\",\"method\":\"subscribe\"}\n",
    );
    peer.check();
    device.notify("{\"method\":\"A\"}");
    assert_eq!(peer.hear()["method"], "A");
    peer.say(b"{\"jsonrpc\":\"2.0\",\n");
    assert_eq!(peer.hear_code(), (Value::Null, error_code(code::PARSE_ERROR)));
}

#[test]
fn empty_lines_are_ignored_and_lines_may_end_as_on_windows() {
    let device = Device::start();
    let mut peer = device.connect();
    peer.say(b"\n\r\n   \n\t\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"subscribe\"}\r\n\r\n");
    assert_eq!(peer.hear()["id"], 1);
    peer.check();
}

#[test]
fn a_line_cut_into_single_bytes_is_understood() {
    let device = Device::start();
    device.answer_all();
    let mut peer = device.connect();
    for round in 0..20 {
        for byte in format!("{}\r\n", json!({"jsonrpc": "2.0", "id": round, "method": "pause"})).bytes() {
            peer.say([byte]);
        }
        assert_eq!(peer.hear(), json!({"jsonrpc": "2.0", "id": round, "result": "pause"}));
    }
    // Many lines in one packet are the opposite case.
    let many: String =
        (0..30).map(|id| format!("{}\n", json!({"jsonrpc": "2.0", "id": id, "method": "stop"}))).collect();
    peer.say(many);
    assert!((0..30).all(|id| peer.hear()["id"] == id));
}

#[test]
fn a_line_of_two_hundred_thousand_bytes_is_refused_once_and_the_next_line_is_heard() {
    let device = Device::start();
    let mut peer = device.connect();
    peer.say(vec![b'x'; 100_000]);
    assert_eq!(peer.hear_code(), (Value::Null, error_code(code::LINE_TOO_LONG)), "before its end has come");
    peer.say(vec![b'x'; 100_000]);
    peer.say(b"\n");
    peer.check();

    // As long as allowed, by white space that JSON permits.
    let request = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"subscribe\"}";
    let blanks = " ".repeat(LINE_LEN_MAX - request.len());
    peer.say(format!("{request}{blanks}\n"));
    assert_eq!(peer.hear()["id"], 1);
    peer.say(format!("{request}{blanks} \n"));
    assert_eq!(peer.hear_code(), (Value::Null, error_code(code::LINE_TOO_LONG)));
    peer.check();
}

#[test]
fn an_answer_too_long_for_a_line_is_replaced_by_an_error() {
    let device = Device::start();
    let mut peer = device.connect();
    peer.ask(9, "queue.list");
    let (client, id, _) = device.asked();
    device.answer(client, id, Ok(json!("x".repeat(LINE_LEN_MAX))));
    assert_eq!(peer.hear_code(), (json!(9), error_code(code::LINE_TOO_LONG)));
    device.notify(&"x".repeat(LINE_LEN_MAX + 1));
    peer.check();
}

#[test]
fn garbage_in_any_form_leaves_the_device_serving() {
    let seed = 0x0c7e_5721;
    let mut chance = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let device = Device::start();
    device.answer_all();
    let mut witness = device.connect();
    let valid =
        json!({"jsonrpc": "2.0", "id": 1, "method": "queue.add", "params": {"paths": ["/a"], "at": "next"}});
    for round in 0..60 {
        let mut peer = device.connect();
        let mut reader = peer.stream.try_clone().unwrap();
        let sink = thread::spawn(move || io::copy(&mut reader, &mut io::sink()));
        for _ in 0..chance.random_range(1..20) {
            let mut line = match chance.random_range(0..3) {
                0 => valid.to_string().into_bytes(),
                1 => "[".repeat(chance.random_range(1..5000)).into_bytes(),
                _ => vec![0; chance.random_range(0..3000)],
            };
            if line.first() == Some(&0) {
                chance.fill_bytes(&mut line);
            }
            for _ in 0..chance.random_range(0..4) {
                let at = chance.random_range(0..=line.len());
                line.insert(at, chance.random_range(0..=255));
            }
            line.push(b'\n');
            for piece in line.chunks(chance.random_range(1..2000)) {
                peer.stream.write_all(piece).unwrap_or_else(|e| panic!("seed {seed}, round {round}: {e}"));
            }
        }
        if chance.random() {
            peer.stream.shutdown(Shutdown::Both).unwrap();
        } else {
            peer.stream.shutdown(Shutdown::Write).unwrap();
        }
        sink.join().unwrap().unwrap();
        witness.check();
    }
}

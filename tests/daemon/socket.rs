//! What travels over the socket, and what `ctl` makes of it.

use super::*;

#[test]
fn a_subscriber_is_told_changes_at_once_and_the_time_each_second() {
    let (_place, device, entries) = with_five_songs();
    let subscriber = Subscriber::of(&device);
    let told = subscriber.all_within(Duration::from_millis(3400));
    let times: Vec<_> = told.iter().filter(|(_, told)| told["method"] == "TimeChanged").collect();
    assert!((3..=4).contains(&times.len()), "{told:?}");
    for pair in times.windows(2) {
        let gap = pair[1].0 - pair[0].0;
        let by_ms = position_ms(&pair[1].1["params"]) - position_ms(&pair[0].1["params"]);
        assert!((700..1400).contains(&gap.as_millis()) && (700..1400).contains(&by_ms), "{gap:?} {by_ms} ms");
        assert_eq!(pair[1].1["params"]["entry"], entries[0]);
    }
    assert_eq!(told.len(), times.len(), "nothing but the time has changed: {told:?}");

    ok(&device, "volume", json!({"percent": 12}));
    let (_, told) = subscriber.next_until(Instant::now() + SOON).unwrap();
    assert_eq!((&told["method"], &told["params"]["volume"]), (&json!("StatusChanged"), &json!(12)));
    ok(&device, "skip", json!({}));
    let is_next = |(_, told): &(Instant, Value)| {
        told["method"] == "StatusChanged" && entry(&told["params"]) == entries[1]
    };
    let deadline = Instant::now() + SOON;
    assert!(std::iter::from_fn(|| subscriber.next_until(deadline)).any(|told| is_next(&told)));
}

#[test]
fn a_malformed_line_gets_its_error_and_the_connection_lives() {
    let (_place, device, _) = with_five_songs();
    let mut wire = Wire::to(&device);
    let too_long = "x".repeat(70_000);
    for (line, id, code) in [
        ("not JSON", Value::Null, -32700),
        ("[]", Value::Null, -32600),
        ("{}", Value::Null, -32600),
        (r#"{"jsonrpc":"1.0","id":5,"method":"status"}"#, json!(5), -32600),
        (r#"{"jsonrpc":"2.0","id":"a","method":"fly"}"#, json!("a"), -32601),
        (r#"{"jsonrpc":"2.0","id":7,"method":"volume","params":{"percnt":4}}"#, json!(7), -32602),
        (r#"{"jsonrpc":"2.0","id":8,"method":"queue.remove","params":{"entry":-1}}"#, json!(8), -32602),
        (r#"{"jsonrpc":"2.0","id":9,"method":"queue.remove","params":{"entry":4711}}"#, json!(9), -32001),
        ("\u{0}\u{1b}[2J", Value::Null, -32700),
        (&too_long, Value::Null, -32004),
    ] {
        wire.send(line);
        let answer = wire.receive();
        let short: String = line.chars().take(80).collect();
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&id, &json!(code)), "{short}: {answer}");
        wire.send(r#"{"jsonrpc":"2.0","id":1,"method":"status"}"#);
        assert_eq!(wire.receive()["result"]["state"], "playing", "after {short}");
    }
    // Nobody waits for these: no answer, right or wrong.
    wire.send(r#"{"jsonrpc":"2.0","method":"fly"}"#);
    wire.send(r#"{"jsonrpc":"2.0","method":"volume","params":{"percent":9}}"#);
    wire.send(r#"{"jsonrpc":"2.0","id":2,"method":"status"}"#);
    let answer = wire.receive();
    assert_eq!((&answer["id"], &answer["result"]["volume"]), (&json!(2), &json!(9)));
}

#[test]
fn ctl_tells_by_its_exit_code_how_it_went() {
    let (place, device, entries) = with_five_songs();
    let output = place.ctl(&["status", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&status["state"], entry(&status)), (&json!("playing"), entries[0]));
    assert_eq!(place.ctl(&["skip"]).status.code(), Some(0));
    wait_for_entry(&device, entries[1]);

    let output = place.ctl(&["play", "4711"]);
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && words.contains("no entry 4711"), "{words}");
    let missing = place.path().join("missing.mp3").display().to_string();
    let output = place.ctl(&["queue", "add", &missing]);
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && words.contains(&missing), "{words}");
    assert_eq!(place.ctl(&["volume", "101"]).status.code(), Some(2));
    assert_eq!(place.ctl(&["fly"]).status.code(), Some(2));

    let output = place.ctl(&["shutdown"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(device.wait().unwrap().code(), Some(0));
    let output = place.ctl(&["status"]);
    let words = String::from_utf8(output.stderr).unwrap();
    let socket = place.setup.socket().display().to_string();
    assert!(output.status.code() == Some(3) && words.contains(&socket), "{words}");
}

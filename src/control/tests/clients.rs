//! Clients that are many, slow, deaf or gone.

use orchestrion_protocol::limits::{CLIENT_BACKLOG_LEN_MAX, CLIENTS_MAX};

use super::*;

#[test]
fn sixty_four_clients_are_served_and_the_next_one_is_told_why_not() {
    let device = Device::start();
    device.answer_all();
    let mut peers: Vec<Peer> = (0..CLIENTS_MAX).map(|_| device.connect()).collect();
    for (id, peer) in peers.iter_mut().enumerate() {
        peer.ask(id as i64, "toggle");
    }
    for (id, peer) in peers.iter_mut().enumerate() {
        assert_eq!(peer.hear(), json!({"jsonrpc": "2.0", "id": id, "result": "toggle"}));
    }
    let mut late = device.connect();
    assert_eq!(late.hear_code(), (Value::Null, error_code(code::TOO_MANY_CLIENTS)));
    assert_eq!(late.drain(), 0);

    peers.pop();
    // The device needs a moment to notice; until then it says no.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut next = device.connect();
        let _ = next.stream.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"methods\"}\n");
        if next.hear()["result"].is_array() {
            break;
        }
        assert!(Instant::now() < deadline);
    }
    peers.iter_mut().for_each(Peer::check);
}

#[test]
fn a_client_that_does_not_read_is_dropped_and_makes_nobody_wait() {
    let device = Device::start();
    let (mut deaf, mut other) = (device.connect(), device.connect());
    let flood = "rubbish\n".repeat(10_000);
    deaf.stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    // Each of these lines earns an error that nobody reads.
    let _ = deaf.stream.write_all(flood.as_bytes());
    for _ in 0..50 {
        other.check();
    }
    let received = deaf.drain();
    assert!(received < CLIENT_BACKLOG_LEN_MAX, "{received}");
    other.check();
}

#[test]
fn answers_to_much_that_was_sent_at_once_wait_until_the_client_reads() {
    let device = Device::start();
    let mut peer = device.connect();
    peer.say("rubbish\n".repeat(3_000));
    thread::sleep(Duration::from_millis(50));
    for _ in 0..3_000 {
        assert_eq!(peer.hear_code().1, error_code(code::PARSE_ERROR));
    }
    peer.check();
}

#[test]
fn a_subscriber_that_is_slow_misses_notifications_and_gets_them_again_once_it_reads() {
    let device = Device::start();
    let mut slow = device.connect();
    slow.ask(1, "subscribe");
    slow.hear();
    let big = json!({"method": "Big", "fill": "x".repeat(60_000)}).to_string();
    for _ in 0..60 {
        device.notify(&big);
    }
    device.connect().check();
    device.notify("{\"method\":\"Missed\"}");
    slow.ask(2, "unsubscribe");
    let mut heard = Vec::new();
    loop {
        let line = slow.hear();
        if line["id"] == 2 {
            break;
        }
        heard.push(line["method"].clone());
    }
    assert!(heard.len() < 60 && heard.iter().all(|name| name == "Big"), "{heard:?}");
    slow.ask(3, "subscribe");
    assert_eq!(slow.hear()["id"], 3);
    device.notify("{\"method\":\"Again\"}");
    assert_eq!(slow.hear()["method"], "Again");
}

#[test]
fn a_subscriber_that_never_reads_is_dropped_in_the_end() {
    let device = Device::start();
    let mut deaf = device.connect();
    deaf.ask(1, "subscribe");
    deaf.hear();
    let big = json!({"method": "Big", "fill": "x".repeat(60_000)}).to_string();
    for _ in 0..200 {
        device.notify(&big);
    }
    let received = deaf.drain();
    assert!(received < 2 * CLIENT_BACKLOG_LEN_MAX, "{received}");
}

#[test]
fn a_client_that_has_said_all_still_gets_its_answers_and_is_closed_then() {
    let device = Device::start();
    let mut peer = device.connect();
    peer.ask(1, "status");
    // The last line lacks its line feed, as `printf` leaves it.
    peer.say(b"{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"pause\"}");
    peer.stream.shutdown(Shutdown::Write).unwrap();
    let (first, second) = (device.asked(), device.asked());
    thread::sleep(Duration::from_millis(50));
    device.answer(first.0, first.1, Ok(json!("a")));
    assert_eq!(peer.hear()["result"], "a");
    device.answer(second.0, second.1, Ok(json!("b")));
    assert_eq!(peer.hear()["result"], "b");
    assert_eq!(peer.drain(), 0);
}

#[test]
fn a_subscriber_that_has_said_all_is_notified_until_it_goes() {
    let device = Device::start();
    let mut peer = device.connect();
    peer.ask(1, "subscribe");
    peer.stream.shutdown(Shutdown::Write).unwrap();
    peer.hear();
    thread::sleep(Duration::from_millis(20));
    device.notify("{\"method\":\"A\"}");
    assert_eq!(peer.hear()["method"], "A");
}

#[test]
fn what_a_client_said_before_it_went_is_still_heard() {
    let device = Device::start();
    for round in 0..50 {
        let mut peer = device.connect();
        // Answers to the first lines meet a closed connection.
        peer.say("rubbish\n".repeat(20));
        peer.say(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"skip\"}\n");
        drop(peer);
        let (client, id, method) = device.asked();
        assert_eq!(method, Method::Skip, "round {round}");
        device.answer(client, id, Ok(Value::Null));
    }
    device.connect().check();
}

#[test]
fn when_app_has_no_room_the_client_is_told_to_try_again() {
    let device = Device::start_with_room_for(1);
    let mut peer = device.connect();
    peer.ask(1, "play");
    peer.ask(2, "play");
    let answer = peer.hear();
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(2), &json!(code::REFUSED)));
    assert_eq!(answer["error"]["message"], "busy, try again");
    let (client, id, _) = device.asked();
    device.answer(client, id, Ok(Value::Null));
    assert_eq!(peer.hear()["id"], 1);
}

#[test]
fn a_client_may_have_so_many_requests_unanswered_and_no_more() {
    let device = Device::start();
    let (mut peer, mut other) = (device.connect(), device.connect());
    for id in 0..=IN_FLIGHT_MAX {
        peer.ask(id as i64, "status");
    }
    assert_eq!(peer.hear_code(), (json!(IN_FLIGHT_MAX), error_code(code::REFUSED)));
    peer.check();
    let (client, id, _) = device.asked();
    device.answer(client, id, Ok(Value::Null));
    assert_eq!(peer.hear()["id"], 0);
    peer.ask(100, "status");
    other.ask(200, "status");
    for _ in 0..IN_FLIGHT_MAX + 1 {
        let (client, id, _) = device.asked();
        device.answer(client, id, Ok(Value::Null));
    }
    for id in (1..IN_FLIGHT_MAX as i64).chain([100]) {
        assert_eq!(peer.hear()["id"], id);
    }
    assert_eq!(other.hear()["id"], 200);
}

#[test]
fn a_thousand_clients_that_come_and_go_at_once_leave_nothing_behind() {
    let device = Device::start();
    device.connect().check();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let socket = device.socket.clone();
            thread::spawn(move || {
                for _ in 0..250 {
                    if let Ok(mut stream) = UnixStream::connect(&socket) {
                        let _ = stream.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"methods\"}\n");
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    thread::sleep(Duration::from_millis(100));
    let mut peers: Vec<Peer> = (0..CLIENTS_MAX).map(|_| device.connect()).collect();
    peers.iter_mut().for_each(Peer::check);
}

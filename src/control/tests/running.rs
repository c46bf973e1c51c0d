//! The thread: how it starts, stops, sleeps and comes back.

use super::*;

#[test]
fn the_thread_sleeps_when_nothing_happens_or_a_client_does_not_read() {
    let device = Device::start();
    let mut deaf = device.connect();
    deaf.ask(1, "subscribe");
    let mut half_closed = device.connect();
    half_closed.ask(1, "status");
    half_closed.stream.shutdown(Shutdown::Write).unwrap();
    let big = json!({"method": "Big", "fill": "x".repeat(60_000)}).to_string();
    for _ in 0..20 {
        device.notify(&big);
    }
    thread::sleep(Duration::from_millis(1500));
    let cpu = device.stop();
    assert!(cpu < Duration::from_millis(150), "{cpu:?} of processor time in 1.5 s of nothing");
}

#[test]
fn a_stop_answers_what_was_answered_and_removes_the_socket() {
    let device = Device::start();
    let socket = device.socket.clone();
    let mut peer = device.connect();
    peer.ask(1, "shutdown");
    let (client, id, _) = device.asked();
    device.answer(client, id, Ok(json!("goodbye")));
    device.stop();
    assert_eq!(peer.hear()["result"], "goodbye");
    assert_eq!(peer.drain(), 0);
    assert!(!socket.exists());
}

#[test]
fn a_thread_that_died_serves_again_and_never_gives_a_number_twice() {
    let mut device = Device::prepare(10);
    std::fs::write(&device.socket, "").unwrap();
    let error = device.service.run().unwrap_err();
    assert!(error.contains("not a socket"), "{error}");
    // What is sent meanwhile waits; whom it was for has gone.
    device.answer(ClientId(7), Some(Id::Null), Ok(Value::Null));
    std::fs::remove_file(&device.socket).unwrap();
    let before = device.service.next_client();
    device.run();
    let mut peer = device.connect();
    peer.ask(1, "status");
    assert!(device.asked().0 > before);
    device.stop();
}

#[test]
fn commands_for_a_thread_that_does_not_run_are_bounded_and_never_block() {
    let device = Device::prepare(1);
    let line: Arc<str> = "{}".into();
    for _ in 0..COMMANDS_LEN_MAX {
        device.handle.send(Command::Notify(Arc::clone(&line))).unwrap();
    }
    assert_eq!(device.handle.send(Command::Notify(line)), Err(Full));
}

#[test]
fn news_without_anybody_to_hear_them_do_not_wake_the_thread_and_a_subscriber_hears_the_next() {
    use orchestrion_protocol::status::{EntryId, Time};
    let news = |position_ms| {
        let time = Time { entry: EntryId(1), position_ms, duration_ms: None, level_db: None };
        Command::Tell(News::Time(time))
    };
    let mut device = Device::prepare(1);
    for _ in 0..=COMMANDS_LEN_MAX {
        device.handle.send(news(1000)).unwrap();
    }
    assert!(device.service.commands.is_empty());
    device.run();
    let mut peer = device.connect();
    peer.ask(1, "subscribe");
    assert_eq!(peer.hear()["result"]["subscribed"], true);
    device.handle.send(news(2000)).unwrap();
    assert_eq!(peer.hear()["params"]["position_ms"], 2000);
    device.stop();
}

#[test]
fn every_event_and_command_may_come_before_any_client() {
    let device = Device::start();
    device.notify("{}");
    device.answer(ClientId(0), Some(Id::Number(1)), Ok(Value::Null));
    device.connect().check();
}

/// Runs in a process of its own, since the limit of file descriptors is the process's.
#[test]
#[ignore = "started by the test after it"]
fn inner_out_of_file_descriptors() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let device = Device::start();
    let mut first = device.connect();
    first.check();
    let used = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    setrlimit(Resource::Nofile, Rlimit { current: Some(used + 4), maximum: Some(used + 4) }).unwrap();
    // Client and device share the limit: some of these connections cannot be accepted any more.
    let mut streams = Vec::new();
    while let Ok(stream) = UnixStream::connect(&device.socket) {
        streams.push(stream);
    }
    thread::sleep(Duration::from_millis(1500));
    first.check();
    drop(streams);
    // Accepted once there is room again, although no new event tells so.
    let mut next = device.connect();
    next.check();
    let cpu = device.stop();
    assert!(cpu < Duration::from_millis(150), "{cpu:?} of processor time in 1.5 s of waiting for room");
}

#[test]
fn without_file_descriptors_the_thread_waits_and_then_accepts_again() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "control::tests::running::inner_out_of_file_descriptors",
            "--ignored",
            "--nocapture",
        ])
        .output()
        .unwrap();
    // A name that matches nothing would succeed as well.
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("1 passed"), "{told}{errors}");
}

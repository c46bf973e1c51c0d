//! The whole service with real sockets; `App` is played by the test.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use orchestrion_protocol::limits::{CLIENT_BACKLOG_LEN_MAX, CLIENTS_MAX, LINE_LEN_MAX};
use orchestrion_protocol::method::Method;
use orchestrion_protocol::rpc::{Id, RpcError, code};
use rand::{Rng, RngExt, SeedableRng};
use serde_json::{Value, json};

use super::*;

/// Long enough for a slow machine under load; nothing waits that long when all is well.
const PATIENCE: Duration = Duration::from_secs(20);

struct Device {
    handle: Handle,
    service: Arc<ExternalControl>,
    events: Receiver<app::Event>,
    socket: PathBuf,
    thread: Option<JoinHandle<(Result<(), String>, Duration)>>,
    _folder: tempfile::TempDir,
}

impl Device {
    fn start() -> Self {
        Self::start_with_room_for(1000)
    }

    fn start_with_room_for(events: usize) -> Self {
        let mut device = Self::prepare(events);
        device.run();
        device
    }

    fn prepare(events: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("control.sock");
        let (sender, events) = crossbeam_channel::bounded(events);
        let settings = Settings { socket: socket.clone(), group: None };
        let (service, handle) = ExternalControl::new(settings, sender).unwrap();
        Self { handle, service, events, socket, thread: None, _folder: folder }
    }

    fn run(&mut self) {
        let service = Arc::clone(&self.service);
        self.thread = Some(thread::spawn(move || {
            let outcome = service.run();
            (outcome, thread_cpu_time())
        }));
    }

    fn connect(&self) -> Peer {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match UnixStream::connect(&self.socket) {
                Ok(stream) => return Peer::new(stream),
                Err(e) if Instant::now() > deadline => panic!("{e}"),
                Err(_) => thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    fn asked(&self) -> (ClientId, Option<Id>, Method) {
        match self.events.recv_timeout(PATIENCE).unwrap() {
            app::Event::Control(Event::Asked { client, id, method }) => (client, id, method),
            other => panic!("{other:?}"),
        }
    }

    fn answer(&self, client: ClientId, id: Option<Id>, outcome: Result<Value, RpcError>) {
        self.handle.send(Command::Reply { client, id: id.unwrap(), outcome }).unwrap();
    }

    fn notify(&self, line: &str) {
        self.handle.send(Command::Notify(line.into())).unwrap();
    }

    /// Answers each request with the name of its method until the device is dropped.
    fn answer_all(&self) {
        let (events, handle) = (self.events.clone(), self.handle.clone());
        thread::spawn(move || {
            while let Ok(app::Event::Control(Event::Asked { client, id, method })) = events.recv() {
                if let Some(id) = id {
                    let outcome = Ok(json!(method.name_and_params().0));
                    handle.send(Command::Reply { client, id, outcome }).unwrap();
                }
            }
        });
    }

    /// Ends it and gives the processor time that its thread has used.
    fn stop(mut self) -> Duration {
        self.service.stop();
        let (outcome, cpu) = self.thread.take().unwrap().join().unwrap();
        outcome.unwrap();
        cpu
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.service.stop();
    }
}

fn thread_cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

struct Peer {
    stream: UnixStream,
    reader: BufReader<UnixStream>,
}

impl Peer {
    fn new(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        Self { stream, reader }
    }

    fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    fn ask(&mut self, id: i64, method: &str) {
        self.say(format!("{}\n", json!({"jsonrpc": "2.0", "id": id, "method": method})));
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line:?}"))
    }

    fn hear_code(&mut self) -> (Value, i64) {
        let answer = self.hear();
        (answer["id"].clone(), answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("{answer}")))
    }

    /// Proves that the connection lives and that nothing else was waiting.
    fn check(&mut self) {
        self.ask(4242, "methods");
        let answer = self.hear();
        assert_eq!((&answer["id"], answer["result"].is_array()), (&json!(4242), true), "{answer}");
    }

    /// Reads until the device closes the connection and gives the number of bytes that came.
    fn drain(&mut self) -> usize {
        let mut len = 0;
        loop {
            match self.reader.fill_buf() {
                Ok([]) => return len,
                Ok(bytes) => {
                    let got = bytes.len();
                    len += got;
                    self.reader.consume(got);
                }
                Err(e) if e.kind() == ErrorKind::ConnectionReset => return len,
                Err(e) => panic!("the connection was not closed: {e}"),
            }
        }
    }
}

fn error_code(expected: i32) -> i64 {
    i64::from(expected)
}

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
        .args(["--exact", "control::tests::inner_out_of_file_descriptors", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

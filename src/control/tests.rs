//! The whole service with real sockets; `App` is played by the test.

mod clients;
mod lines;
mod running;

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use orchestrion_protocol::method::Method;
use orchestrion_protocol::rpc::{Id, RpcError, code};
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

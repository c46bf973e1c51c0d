//! A server that lies: it lets a device in, and then answers what a test wants it to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use orchestrion_protocol::fleet::{
    Admission, Command, CommandRef, EnrolAnswer, FLEET_VERSION, Heartbeat, HeartbeatAnswer, Line, OrderText,
    Sealed, Word, written,
};
use orchestrion_protocol::release::SecretKey;

use super::server::PATIENCE;

/// What is answered to a heartbeat.
#[derive(Debug, Clone)]
pub enum Lie {
    /// A page for people.
    Html,
    /// Bytes that do not end.
    Endless,
    /// An answer that breaks off.
    Cut,
    /// Nothing, and the connection stays.
    Silent,
    /// These commands, each time.
    Commands(Vec<Sealed>),
}

pub struct Liar {
    pub url: String,
    heartbeats: Receiver<Heartbeat>,
}

impl Liar {
    pub fn new(lie: Lie) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, heartbeats) = channel();
        // It ends with the process of the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (lie, sender) = (lie.clone(), sender.clone());
                std::thread::spawn(move || answer(stream, &lie, &sender));
            }
        });
        Self { url, heartbeats }
    }

    /// The next heartbeat.
    pub fn heartbeat(&self) -> Heartbeat {
        self.heartbeats.recv_timeout(PATIENCE).unwrap()
    }
}

pub fn key() -> SecretKey {
    SecretKey::from_chance(&[7; 32])
}

/// A command for the device that a liar lets in.
pub fn command(number: u64, method: &str, key: &SecretKey) -> Sealed {
    let command = Command {
        v: FLEET_VERSION,
        device: Word::cut("d-1"),
        name: CommandRef { epoch: 1, number },
        given_utc_ms: 0,
        ends_utc_ms: 4_000_000_000_000,
        by: Line::cut("nobody"),
        order: OrderText::plain(method),
    };
    Command::seal(command.text(), key)
}

fn answer(stream: TcpStream, lie: &Lie, heartbeats: &Sender<Heartbeat>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut len = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            len = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; len];
    reader.read_exact(&mut body).ok()?;
    if path.ends_with("/enrol") {
        let admission = Admission {
            v: FLEET_VERSION,
            device: Word::cut("d-1"),
            token: Line::cut("odt_1"),
            epoch: 1,
            keys: vec![key().public()],
            keys_serial: 0,
            place: None,
        };
        return json(&mut stream, &written(&EnrolAnswer::Accepted(admission)));
    }
    if path.ends_with("/plays") {
        return json(&mut stream, b"{\"v\":1,\"kept\":0,\"known\":1}");
    }
    let _ = heartbeats.send(serde_json::from_slice(&body).ok()?);
    match lie {
        Lie::Html => {
            let page = "<html><body>Sign in to the guest network</body></html>";
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{page}", page.len()).ok()
        }
        Lie::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"v\":1,\"commands\":[").ok()?;
            loop {
                stream.write_all(&[b' '; 8192]).ok()?;
            }
        }
        Lie::Cut => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"v\":1").ok(),
        Lie::Silent => {
            std::thread::sleep(Duration::from_secs(600));
            None
        }
        Lie::Commands(commands) => {
            let answer = HeartbeatAnswer {
                v: FLEET_VERSION,
                server_utc_ms: 2_000_000_000_000,
                held_ms: 0,
                next_s: 1,
                epoch: 1,
                commands: commands.clone(),
                token: None,
                rotations: Vec::new(),
                content: None,
            };
            json(&mut stream, &written(&answer))
        }
    }
}

fn json(stream: &mut TcpStream, body: &[u8]) -> Option<()> {
    write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len()).ok()?;
    stream.write_all(body).ok()
}

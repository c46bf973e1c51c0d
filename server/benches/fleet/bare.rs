//! Requests a second: heartbeats that are not held, beside a bare axum handler that takes the same bytes and gives as many.
//!
//! Both are asked by the same threads over as many connections, one after the other, in several rounds; each is a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::routing::post;
use orchestrion_protocol::fleet::{
    EnrolAnswer, EnrolRequest, EnrolText, FLEET_VERSION, Heartbeat, Line, Report, Word, written,
};
use orchestrion_protocol::release::SecretKey;

use crate::Fallible;
use crate::house::{House, Killed, Used};

/// How this program is started as the bare server.
pub const SERVE: &str = "--bare";
/// Connections, each a board, and threads that ask over them.
const CONNECTIONS: usize = 32;
/// How long each is asked in a round.
const ROUND: Duration = Duration::from_secs(5);
/// Rounds, of which the median counts.
const ROUNDS: usize = 5;
/// Bytes of an answer.
const ANSWER_LEN_MAX: usize = 64 * 1024;

/// The bare server: reads a body, answers as many bytes as it is told to.
pub fn serve() -> Fallible<()> {
    let len: usize = std::env::args().nth(2).ok_or("how long its answer is")?.parse()?;
    let answer = "x".repeat(len);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}", listener.local_addr()?);
        let handler = post(move |_: Bytes| async move { answer });
        let router = axum::Router::new().route("/device/v1/heartbeat", handler);
        loop {
            let (stream, _) = listener.accept().await?;
            let _ = stream.set_nodelay(true);
            let router = router.clone();
            tokio::spawn(async move {
                let service = hyper_util::service::TowerToHyperService::new(router);
                let io = hyper_util::rt::TokioIo::new(stream);
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
            });
        }
    })
}

/// Asks both and prints what they bear.
pub fn compare() -> Fallible<()> {
    let house = House::new()?;
    let requests = boards(&house)?;
    let mut probe = Asked::new(&house.base)?;
    let len = probe.ask(&requests[0])?;
    let mut command = Command::new(std::env::current_exe()?);
    let mut child = command.arg(SERVE).arg(len.to_string()).stdout(Stdio::piped()).spawn()?;
    let pipe = child.stdout.take().ok_or("a server without words")?;
    let bare = Killed(child);
    let mut base = String::new();
    BufReader::new(pipe).read_line(&mut base)?;
    let mut all = Vec::new();
    for _ in 0..ROUNDS {
        let theirs = load(base.trim(), bare.0.id(), &requests)?;
        let ours = load(&house.base, house.pid(), &requests)?;
        all.push((ours, theirs));
    }
    all.sort_by(|a, b| (a.0.per_s / a.1.per_s).total_cmp(&(b.0.per_s / b.1.per_s)));
    let (ours, theirs) = &all[ROUNDS / 2];
    let ratios: Vec<String> = all.iter().map(|(a, b)| format!("{:.2}", a.per_s / b.per_s)).collect();
    println!();
    println!(
        "| {CONNECTIONS} connections, heartbeats of {} bytes, not held, answers of {len} | server | bare axum | ratio |",
        requests[0].len()
    );
    println!("| --- | --- | --- | --- |");
    println!(
        "| requests a second (goal: ≥ 0.5 of it); the median of {ROUNDS} rounds, all: {} | {:.0} | {:.0} | {:.2} |",
        ratios.join(", "),
        ours.per_s,
        theirs.per_s,
        ours.per_s / theirs.per_s
    );
    println!(
        "| the server's processor time a request | {:.1} µs | {:.1} µs | {:.2} |",
        ours.cpu_us,
        theirs.cpu_us,
        ours.cpu_us / theirs.cpu_us
    );
    Ok(())
}

struct Load {
    per_s: f64,
    cpu_us: f64,
}

/// The bytes of a heartbeat of each board, with head and token.
fn boards(house: &House) -> Fallible<Vec<Vec<u8>>> {
    let token = house.token(CONNECTIONS)?;
    let agent = ureq::Agent::new_with_defaults();
    let mut requests = Vec::new();
    for n in 0..CONNECTIONS as u8 {
        let key = SecretKey::from_chance(&[n + 1; 32]);
        let mut challenge = Word::default();
        let admission = loop {
            let text = EnrolText {
                v: FLEET_VERSION,
                challenge,
                token: Some(Line::cut(&token)),
                name: Line::cut(&format!("board-{n}")),
                board: Line::cut("none"),
                version: Word::cut("0"),
            };
            let url = format!("{}/device/v1/enrol", house.base);
            let answer = agent
                .post(url)
                .send(written(&EnrolRequest::new(&text, &key)))?
                .body_mut()
                .read_to_string()?;
            match serde_json::from_str(&answer)? {
                EnrolAnswer::Challenge { challenge: next, .. } => challenge = next,
                EnrolAnswer::Accepted(admission) => break admission,
                other => return Err(format!("a board is not let in: {other:?}").into()),
            }
        };
        let message = Heartbeat {
            v: FLEET_VERSION,
            device: admission.device,
            run: 1,
            boot_id: Word::cut("boot"),
            seq: 1,
            connection: 1,
            hold_s: 0,
            cursor: Default::default(),
            results: Vec::new(),
            keys_serial: 0,
            capabilities: vec![Word::cut("sound")],
            report: Report { volume: 50, audible: true, ..Report::default() },
        };
        let body = written(&message);
        let mut bytes = format!(
            "POST /device/v1/heartbeat HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n",
            admission.token,
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(&body);
        requests.push(bytes);
    }
    Ok(requests)
}

/// One connection, as raw as can be, so that asking costs little.
struct Asked {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Asked {
    fn new(base: &str) -> Fallible<Self> {
        let stream = TcpStream::connect(base.trim_start_matches("http://"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self { stream, buffer: vec![0; ANSWER_LEN_MAX] })
    }

    /// Bytes of the answer's body.
    fn ask(&mut self, request: &[u8]) -> Fallible<usize> {
        self.stream.write_all(request)?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..])?;
            if read == 0 {
                return Err("the server hung up".into());
            }
            filled += read;
            let Some(head) = self.buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            let text = String::from_utf8_lossy(&self.buffer[..head]).to_ascii_lowercase();
            if !text.starts_with("http/1.1 200") {
                return Err(format!("the server answers {text}").into());
            }
            let len = text.lines().find_map(|line| line.strip_prefix("content-length:"));
            let len: usize = len.ok_or("an answer without its length")?.trim().parse()?;
            if filled >= head + 4 + len {
                return Ok(len);
            }
        }
    }
}

fn load(base: &str, pid: u32, requests: &[Vec<u8>]) -> Fallible<Load> {
    let (over, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let asked: Vec<Asked> = requests.iter().map(|_| Asked::new(base)).collect::<Fallible<_>>()?;
    std::thread::scope(|scope| {
        let threads: Vec<_> = asked
            .into_iter()
            .zip(requests)
            .map(|(mut asked, request)| {
                let (over, count) = (&over, &count);
                scope.spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        asked.ask(request).map_err(|error| error.to_string())?;
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok::<(), String>(())
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(500));
        let (before, begin, used) = (count.load(Ordering::Relaxed), Instant::now(), Used::by(pid));
        std::thread::sleep(ROUND);
        let done = (count.load(Ordering::Relaxed) - before) as f64;
        let (seconds, after) = (begin.elapsed().as_secs_f64(), Used::by(pid));
        over.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().map_err(|_| "a thread that asks died")??;
        }
        Ok(Load { per_s: done / seconds, cpu_us: after?.since(used?) * 1e6 / done })
    })
}

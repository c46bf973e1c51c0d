//! `orchestrion fleet`: many pretended boards in one process, to see what a server can bear.
//!
//! Each is the device's own client and workshop, with its key and its commands in memory and without sound. What it reports
//! as played is made up.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use orchestrion_protocol::fleet::{
    Doing, Fingerprint, Order, PlayAnswer, PlayRecord, PlayRef, Report, Said, Word,
};
use orchestrion_protocol::method::Method;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;

use super::exit_code;
use crate::tls::{Tls, Trust};
use crate::web::{Body, Failure, Http, Identity, Link, WebClient, WebEvent, about};
use crate::workshop::{Did, Doer, MemoryLedger};

/// Boards of one process: each is a thread and a connection.
const DEVICES_MAX: usize = 16_000;
/// Bytes of a thread's stack.
const STACK_LEN: usize = 512 * 1024;
/// Open files beside the boards' connections: standard streams, libraries, what resolves names.
const FILES_BESIDE: u64 = 64;
/// Latencies that are counted one by one, in ms; what is slower counts as this.
const LATE_MS_MAX: usize = 60_000;

/// `orchestrion fleet`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  TOKEN=$(orchestrion-server admin device token load --uses 1000 | grep -o 'oet_[0-9a-f]*')
  orchestrion fleet --devices 1000 --server http://127.0.0.1:8470 --token $TOKEN --for-s 120

Each board enrols by the token, sends heartbeats, does commands, sends plays. A server for tests says
enrolments_per_minute = 1000000 in its settings, since all come from one address. It raises its
limit of open files itself, as far as it may.

Exit codes: 0 no errors, 1 some requests failed.")]
pub struct FleetArgs {
    /// How many boards
    #[arg(long)]
    devices: usize,
    /// The server, as http://127.0.0.1:8470
    #[arg(long)]
    server: String,
    /// The server's certificate (sha256:…), where it is one of its own
    #[arg(long)]
    fingerprint: Option<Fingerprint>,
    /// A token that lets them in
    #[arg(long)]
    token: String,
    /// For how many seconds, from when the last one is in
    #[arg(long, default_value_t = 60)]
    for_s: u64,
    /// So many times that long, each with figures of its own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Each makes a row of its play log every so many seconds; 0: none
    #[arg(long, default_value_t = 200)]
    play_s: u64,
    /// The figures as JSON
    #[arg(long)]
    json: bool,
}

/// What all of them came to.
#[derive(Debug, Default)]
struct Counts {
    admitted: AtomicU64,
    heartbeats: AtomicU64,
    errors: AtomicU64,
    commands: AtomicU64,
    plays: AtomicU64,
    first_error: Mutex<Option<String>>,
    late: Mutex<Vec<u32>>,
}

/// The figures.
#[derive(Debug, Serialize)]
struct Figures {
    devices: usize,
    seconds: f64,
    admitted: u64,
    heartbeats: u64,
    heartbeats_per_s: f64,
    errors: u64,
    p50_ms: usize,
    p99_ms: usize,
    max_ms: usize,
    commands: u64,
    plays: u64,
    first_error: Option<String>,
}

/// A board that is not there.
struct Pretended {
    counts: Arc<Counts>,
    began: Instant,
    run: u64,
    play_s: u64,
    sent: u64,
    is_paused: bool,
    volume: u8,
}

impl Doer for Pretended {
    fn carry_out(&mut self, order: &Order) -> Option<Did> {
        self.counts.commands.fetch_add(1, Ordering::Relaxed);
        if let Order::Local(method) = order {
            match method {
                Method::Pause => self.is_paused = true,
                Method::Play(_) => self.is_paused = false,
                Method::Volume(params) => self.volume = params.percent.unwrap_or(self.volume),
                Method::Status | Method::Program(_) => {
                    return Some(Ok(Some("\"a board that is not there\"".to_owned())));
                }
                _ => {}
            }
        }
        Some(Ok(None))
    }
}

impl Body for Pretended {
    fn report(&mut self) -> Report {
        let since_ms = self.began.elapsed().as_millis() as u64;
        let said = Said {
            title: orchestrion_protocol::fleet::Line::cut("Made up"),
            position_ms: since_ms % 180_000,
            ..Said::default()
        };
        Report {
            doing: if self.is_paused { Doing::Paused } else { Doing::Playing },
            said: Some(said),
            frames: since_ms * 48,
            audible: true,
            volume: self.volume,
            ..Report::default()
        }
    }

    fn capabilities(&self) -> Vec<Word> {
        vec![Word::cut("sound")]
    }

    fn plays(&mut self) -> Vec<PlayRecord> {
        let due = self.began.elapsed().as_secs().checked_div(self.play_s).unwrap_or(0);
        (self.sent + 1..=due).take(100).map(|seq| made_up(self.run, seq, self.play_s)).collect()
    }

    fn kept(&mut self, plays: &[PlayRecord], answer: &PlayAnswer) {
        self.sent += plays.len() as u64;
        self.counts.plays.fetch_add(u64::from(answer.kept), Ordering::Relaxed);
    }

    fn told(&mut self, event: &WebEvent) {
        match event {
            WebEvent::Admitted(_) => {
                self.counts.admitted.fetch_add(1, Ordering::Relaxed);
            }
            WebEvent::Answered { late_ms } => {
                self.counts.heartbeats.fetch_add(1, Ordering::Relaxed);
                let at = usize::try_from(*late_ms).unwrap_or(LATE_MS_MAX).min(LATE_MS_MAX);
                let mut late = self.counts.late.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(count) = late.get_mut(at) {
                    *count += 1;
                }
            }
            WebEvent::Failed(failure) => {
                // Being told to come later is what a server is for.
                if !matches!(failure, Failure::Later { .. }) {
                    self.counts.errors.fetch_add(1, Ordering::Relaxed);
                    let mut first = self.counts.first_error.lock().unwrap_or_else(PoisonError::into_inner);
                    first.get_or_insert_with(|| failure.to_string());
                }
            }
            WebEvent::Link(Link::AutoConnecting | Link::Connecting | Link::Connected) => {}
            WebEvent::Link(Link::Disconnecting | Link::Disconnected)
            | WebEvent::Code(_)
            | WebEvent::Content(_)
            | WebEvent::Kept(_)
            | WebEvent::Time { .. } => {}
        }
    }
}

fn made_up(run: u64, seq: u64, play_s: u64) -> PlayRecord {
    let started_mono_ms = (seq - 1) * play_s * 1000;
    let heard_ms = play_s * 1000;
    PlayRecord {
        name: PlayRef { run, seq },
        kind: Word::cut("music"),
        how: Word::cut("finished"),
        chosen_by: Word::cut("queue"),
        started_mono_ms,
        ended_mono_ms: Some(started_mono_ms + heard_ms),
        heard_ms,
        audible_ms: heard_ms,
        ..PlayRecord::default()
    }
}

impl FleetArgs {
    /// Does it.
    pub fn run(self) -> ExitCode {
        if self.devices == 0 || self.devices > DEVICES_MAX {
            log::error!("--devices goes from 1 to {DEVICES_MAX}");
            return ExitCode::from(exit_code::USAGE);
        }
        if let Err(error) = Http::judge(&self.server) {
            log::error!("{error}");
            return ExitCode::from(exit_code::USAGE);
        }
        let tls = match Tls::new(&self.fingerprint.map_or(Trust::Web, Trust::Pinned)) {
            Ok(tls) => tls,
            Err(words) => {
                log::error!("{words}");
                return ExitCode::from(exit_code::FAILED);
            }
        };
        if let Err(words) = raise_files(self.devices as u64 + FILES_BESIDE) {
            log::error!("{words}");
            return ExitCode::from(exit_code::FAILED);
        }
        match self.measure(&tls) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(exit_code::FAILED),
            Err(words) => {
                log::error!("{words}");
                ExitCode::from(exit_code::FAILED)
            }
        }
    }

    /// Whether nothing failed.
    fn measure(&self, tls: &Tls) -> Result<bool, String> {
        let counts = Arc::new(Counts { late: Mutex::new(vec![0; LATE_MS_MAX + 1]), ..Counts::default() });
        let mut stops = Vec::with_capacity(self.devices);
        let mut threads = Vec::with_capacity(self.devices);
        // Another process has other boards.
        let salt = u64::from(std::process::id()) << 32;
        for n in 0..self.devices {
            let mut client = self.client(salt + n as u64, tls)?;
            stops.push(client.stopper());
            let mut body = Pretended {
                counts: Arc::clone(&counts),
                began: Instant::now(),
                run: 1,
                play_s: self.play_s,
                sent: 0,
                is_paused: false,
                volume: 50,
            };
            let thread = std::thread::Builder::new().stack_size(STACK_LEN).name(format!("board-{n}"));
            let spawned = thread.spawn(move || client.run(&mut body));
            threads.push(spawned.map_err(|error| format!("board {n} cannot be begun: {error}"))?);
        }
        let enrolment = Instant::now();
        let limit = Duration::from_secs(60 + self.devices as u64 / 10);
        while counts.admitted.load(Ordering::Relaxed) < self.devices as u64 && enrolment.elapsed() < limit {
            std::thread::sleep(Duration::from_millis(100));
        }
        eprintln!(
            "{} of {} boards are in, after {:.1} s",
            counts.admitted.load(Ordering::Relaxed),
            self.devices,
            enrolment.elapsed().as_secs_f64()
        );
        let mut is_whole = true;
        for _ in 0..self.rounds {
            counts.late.lock().unwrap_or_else(PoisonError::into_inner).fill(0);
            let before = counts.heartbeats.load(Ordering::Relaxed);
            let began = Instant::now();
            std::thread::sleep(Duration::from_secs(self.for_s));
            let figures = self.figures(&counts, before, began.elapsed().as_secs_f64());
            self.tell(&figures);
            is_whole &= figures.errors == 0 && figures.admitted == self.devices as u64;
        }
        for stop in &stops {
            stop.stop();
        }
        // Those that are held end with the process; they have nothing to lose.
        Ok(is_whole)
    }

    fn client(&self, n: u64, tls: &Tls) -> Result<WebClient<MemoryLedger>, String> {
        use sha2::Digest;
        let http = Http::new(&self.server, tls).map_err(|error| error.to_string())?;
        let mut chance = [0; 32];
        chance.copy_from_slice(&sha2::Sha256::digest(format!(
            "a pretended board {n} of {}",
            crate::time::boot_id()
        )));
        let identity = Identity::pretended(&chance);
        let text = about(&format!("pretended-{n}"), "none", Some(&self.token));
        let which = (1, format!("boot-{n}"), n);
        Ok(WebClient::new(
            (http, &self.server),
            identity,
            MemoryLedger::default(),
            text,
            (which.0, &which.1, which.2),
        ))
    }

    fn figures(&self, counts: &Counts, before: u64, seconds: f64) -> Figures {
        let late = counts.late.lock().unwrap_or_else(PoisonError::into_inner);
        let all: u64 = late.iter().map(|count| u64::from(*count)).sum();
        let at = |share: f64| {
            let wanted = (all as f64 * share).ceil() as u64;
            let mut sum = 0;
            late.iter().position(|count| {
                sum += u64::from(*count);
                sum >= wanted && sum > 0
            })
        };
        let heartbeats = counts.heartbeats.load(Ordering::Relaxed) - before;
        Figures {
            devices: self.devices,
            seconds,
            admitted: counts.admitted.load(Ordering::Relaxed),
            heartbeats,
            heartbeats_per_s: heartbeats as f64 / seconds,
            errors: counts.errors.load(Ordering::Relaxed),
            p50_ms: at(0.5).unwrap_or(0),
            p99_ms: at(0.99).unwrap_or(0),
            max_ms: late.iter().rposition(|count| *count > 0).unwrap_or(0),
            commands: counts.commands.load(Ordering::Relaxed),
            plays: counts.plays.load(Ordering::Relaxed),
            first_error: counts.first_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    fn tell(&self, figures: &Figures) {
        if self.json {
            println!("{}", serde_json::to_string(figures).unwrap_or_default());
        } else {
            println!("boards          {} of {}", figures.admitted, figures.devices);
            println!(
                "heartbeats      {} in {:.0} s, {:.1} a second",
                figures.heartbeats, figures.seconds, figures.heartbeats_per_s
            );
            println!(
                "answered late   p50 {} ms, p99 {} ms, at most {} ms",
                figures.p50_ms, figures.p99_ms, figures.max_ms
            );
            println!("commands        {}", figures.commands);
            println!("plays           {}", figures.plays);
            println!(
                "errors          {}{}",
                figures.errors,
                figures.first_error.as_ref().map_or_else(String::new, |e| format!("; the first: {e}"))
            );
        }
    }
}

/// Lets this process open so many files.
fn raise_files(wanted: u64) -> Result<(), String> {
    let is_enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= wanted);
    let now = getrlimit(Resource::Nofile);
    if is_enough(now.current) {
        return Ok(());
    }
    // Who may not raise what it may at the most (root may) takes that as it is.
    let maximum = if is_enough(now.maximum) { now.maximum } else { Some(wanted) };
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).map_err(|error| {
        format!(
            "so many boards need {wanted} open files and this process may open {} ({error}); \
             raise its limit first (as root: ulimit -n {wanted}), or take fewer boards",
            now.maximum.map_or_else(|| "any number".to_owned(), |limit| limit.to_string())
        )
    })
}

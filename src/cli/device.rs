//! `orchestrion run` and `orchestrion play`: the device itself. `play` is `run` with a queue made up on the spot.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use log::LevelFilter;
use orchestrion_protocol::limits::{CROSSFADE_MS_MAX, VOLUME_MAX};
use orchestrion_protocol::status::Repeat;

use super::client::Client;
use super::{exit_code, live};
use crate::app::{Asked, Defaults, Exit, Start};
use crate::bootstrap::{self, BootError, Options, places};
use crate::buttons::Wanted;
use crate::clock::{self, Belief};
use crate::config::{Config, LOUDNESS_LUFS};
use crate::releases;
use crate::web::{self, Identity};

/// How long the live line waits for the socket.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(5);

/// Where everything lies.
#[derive(Debug, Args)]
struct Places {
    /// Folder for the queue, the place in the song and the play log
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Socket for `orchestrion ctl`
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// What is logged: off, error, warn, info, debug
    #[arg(long, value_name = "LEVEL")]
    log: Option<LevelFilter>,
}

/// `orchestrion run`.
#[derive(Debug, Args)]
#[command(after_help = "\
A configuration:
  music = [\"/srv/music\"]            # files, folders, .m3u8 lists
  outputs = [\"alsa:default\"]        # best first; `orchestrion outputs` lists them
  volume = 70
  repeat = \"all\"                    # off, all, one
  shuffle = true
  crossfade_s = 5
  loudness_lufs = -16                # every song as loud; even_loudness = false: as they are
  trim_db = 0                        # this place louder or softer, in dB
  ceiling_dbtp = -1                  # what the waveform never exceeds
  volume_max = 100                   # what no volume exceeds

With [server] a control server sees what it does and commands it; `docs/OPERATIONS.md` says how:
  [server]
  url = \"https://music.example\"    # token = \"oet_…\" lets it in; without, it shows a code
                                   # fingerprint = \"sha256:…\" pins a certificate of the server's own

With [screen] films and pictures are shown beside the music:
  [screen]
  show = [\"/srv/films\"]            # files and folders; fit, rotation, hold_s: see the README

With [release] it gets program and music from servers; `docs/RELEASES.md` says how.
SIGHUP reads it again; SIGTERM and Ctrl-C end it in good order.
Exit codes: 0 ended, 1 failed, 2 the configuration is wrong, 4 another one runs here.")]
pub struct RunArgs {
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Where it says for `orchestrion-watchdog` that it moves; under systemd `moved` in its runtime folder
    #[arg(long, value_name = "FILE")]
    moved: Option<PathBuf>,
    #[command(flatten)]
    places: Places,
}

/// `orchestrion play`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrion play ~/Music
  orchestrion play --shuffle --repeat --crossfade 8 party.m3u8
  orchestrion play                   # goes on with what played last

From a second terminal: `orchestrion ctl pause`, `orchestrion ctl skip`, `orchestrion ctl volume 40`.
Exit codes: 0 played, 1 nothing could be played, 4 another one runs here.")]
pub struct PlayArgs {
    /// Files, folders and .m3u8 lists; without any it goes on with what played last
    #[arg(value_name = "FOLDER|FILE|LIST")]
    paths: Vec<PathBuf>,
    /// Begin anew at the end
    #[arg(long)]
    repeat: bool,
    /// In a random order
    #[arg(long)]
    shuffle: bool,
    /// Seconds that songs overlap, 0 to 12
    #[arg(long, value_name = "SECONDS", value_parser = crossfade_ms)]
    crossfade: Option<u32>,
    /// 0 to 100
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=i64::from(VOLUME_MAX)))]
    volume: Option<u8>,
    /// How loud every song is made, in LUFS (-16); `off` leaves songs as they are
    #[arg(long, value_name = "LUFS|off", allow_negative_numbers = true, value_parser = target)]
    loudness: Option<Target>,
    /// An output of `orchestrion outputs`; may be given several times, best first
    #[arg(long, value_name = "NAME")]
    output: Vec<String>,
    #[command(flatten)]
    places: Places,
}

fn crossfade_ms(text: &str) -> Result<u32, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds, as 5 or 2.5".to_owned())?;
    let ms = seconds * 1000.0;
    if (0.0..=f64::from(CROSSFADE_MS_MAX)).contains(&ms) {
        Ok(ms.round() as u32)
    } else {
        Err(format!("it goes from 0 to {} seconds", CROSSFADE_MS_MAX / 1000))
    }
}

/// The loudness that songs are brought to, if any.
#[derive(Debug, Clone, Copy)]
struct Target(Option<f32>);

fn target(text: &str) -> Result<Target, String> {
    if text == "off" {
        return Ok(Target(None));
    }
    let lufs: f32 = text.parse().map_err(|_| "a number of LUFS, as -16, or `off`".to_owned())?;
    if LOUDNESS_LUFS.contains(&lufs) {
        Ok(Target(Some(lufs)))
    } else {
        Err(format!("it goes from {} to {} LUFS", LOUDNESS_LUFS.start(), LOUDNESS_LUFS.end()))
    }
}

/// Releases of the control server, by what it said in an earlier run.
fn of_server(config: &Config, state_dir: &Path) -> Option<releases::Wanted> {
    let server = config.server.as_ref()?;
    web::source(server, &Identity::kept(state_dir, server.url())?)
}

impl RunArgs {
    /// Runs the device until it is told to end.
    pub fn run(self) -> ExitCode {
        bootstrap::logger::install(self.places.log.unwrap_or(LevelFilter::Info));
        let moved = self.moved.or_else(places::moved);
        let config = match Config::read(&self.config) {
            Ok(config) => config,
            Err(error) => {
                log::error!("{error}");
                bootstrap::will_not_move(moved);
                return ExitCode::from(exit_code::USAGE);
            }
        };
        let state_dir =
            self.places.state_dir.or_else(|| config.state_dir.clone()).unwrap_or_else(places::state_dir);
        let start = Start {
            music: config.music.clone(),
            afresh: false,
            plays: false,
            exits_at_end: false,
            defaults: config.defaults(),
            asked: Asked::default(),
            levels: config.levels,
            outputs: config.outputs.clone(),
            program: config.program.clone(),
            release: config.release.clone().or_else(|| of_server(&config, &state_dir)).map(Box::new),
            server: config.server.clone(),
            server_gives_releases: config.server.is_some() && config.release.is_none(),
            board: config.board.clone(),
            screen: config.screen.clone().map(Box::new),
            seed: new_seed(),
            floor: clock::floor(),
        };
        let socket = self.places.socket.or_else(|| config.socket.clone()).unwrap_or_else(places::socket);
        let options = Options { config, config_path: Some(self.config), start, state_dir, socket, moved };
        log::info!("Orchestrion {} starts; socket {}", env!("CARGO_PKG_VERSION"), options.socket.display());
        ended(bootstrap::run(options, || {}))
    }
}

impl PlayArgs {
    /// Plays until the end of the queue, with a live line where there is a terminal.
    pub fn run(self) -> ExitCode {
        bootstrap::logger::install(self.places.log.unwrap_or(LevelFilter::Warn));
        let usual = Config::default();
        let outputs = if self.output.is_empty() { usual.outputs.clone() } else { self.output };
        // Without a program nothing goes by the time of day.
        let clock = Belief { always: true, ..Belief::default() };
        let mut config = Config { outputs: outputs.clone(), clock, ..usual };
        if let Some(Target(lufs)) = self.loudness {
            config.levels.target_lufs = lufs;
        }
        let start = Start {
            music: self.paths.iter().map(|path| absolute(path)).collect(),
            afresh: !self.paths.is_empty(),
            plays: true,
            exits_at_end: !self.repeat,
            defaults: Defaults::default(),
            asked: Asked {
                volume: self.volume,
                repeat: self.repeat.then_some(Repeat::All),
                shuffle: self.shuffle.then_some(true),
                crossfade_ms: self.crossfade,
            },
            levels: config.levels,
            outputs,
            program: None,
            release: None,
            server: None,
            server_gives_releases: false,
            board: Wanted::default(),
            screen: None,
            seed: new_seed(),
            floor: clock::floor(),
        };
        // Its own state: trying something out must not change what a device plays.
        let state_dir = self.places.state_dir.unwrap_or_else(|| places::state_dir().join("play"));
        let socket = self.places.socket.unwrap_or_else(places::socket);
        let options =
            Options { config, config_path: None, start, state_dir, socket: socket.clone(), moved: None };
        let ends = Arc::new(AtomicBool::new(false));
        let (line_ends, mut line) = (Arc::clone(&ends), None);
        let outcome = bootstrap::run(options, || line = show_live_line(socket, line_ends));
        ends.store(true, Ordering::Relaxed);
        if let Some(line) = line {
            // The device has closed its connection, which ends the line.
            let _ = line.join();
        }
        ended(outcome)
    }
}

/// The live line is a client like any other, on a thread of this process.
fn show_live_line(socket: PathBuf, ends: Arc<AtomicBool>) -> Option<thread::JoinHandle<()>> {
    let line = thread::Builder::new().name("live_line".into()).spawn(move || {
        let deadline = Instant::now() + CONNECT_WAIT_MAX;
        // The socket is made on another thread, in a moment.
        let mut client = loop {
            match Client::connect(Some(&socket)) {
                Ok(client) => break client,
                Err(error) if Instant::now() > deadline => return log::debug!("no live line: {error}"),
                Err(_) if ends.load(Ordering::Relaxed) => return,
                Err(_) => thread::sleep(Duration::from_millis(5)),
            }
        };
        if let Err(error) = live::watch(&mut client, &ends) {
            log::debug!("the live line ended: {error}");
        }
    });
    line.ok()
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn ended(outcome: Result<Exit, BootError>) -> ExitCode {
    match outcome {
        Ok(Exit::Done) => ExitCode::SUCCESS,
        Ok(Exit::NothingPlayed) => {
            log::error!("nothing could be played");
            ExitCode::from(exit_code::FAILED)
        }
        Err(error) => {
            log::error!("{error}");
            let is_second = matches!(error, BootError::Locked(bootstrap::LockError::Held { .. }));
            ExitCode::from(if is_second { exit_code::RUNS_ALREADY } else { exit_code::FAILED })
        }
    }
}

/// Where chance begins on a new device.
fn new_seed() -> u64 {
    let mut bytes = [0u8; 8];
    match std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)) {
        Ok(()) => u64::from_le_bytes(bytes),
        Err(_) => u64::from(std::process::id()),
    }
}

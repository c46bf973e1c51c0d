//! The device beside MPD, cmus and mpv: what each costs while it plays, and what is heard at a crossfade and at an album's joints.
//! `script/test peers` installs them and runs this.
//!
//! All of them play the same files at the same time into one private sound server at 48 kHz, so that the machine's noise is
//! shared: the peers, and the device once more, through ALSA's pulse plug-in, where their buffer can be chosen; the order in which they start goes round. One format after another: a board plays
//! one stream, and the more there are at once, the less each wake-up costs. Each window ([`WINDOW_S`]) has three whole
//! songs with their crossfades, for those that can. CPU is utime + stime of all threads and ended children; the sound
//! server, which resamples for MPD, is counted apart.
//!
//! Environment: `PEERS_ROUNDS` (2, of 22 minutes each; 0 measures only what is heard); `PEERS_BUFFERS_MS` (`45,500`);
//! `PEERS_PLAYERS` (all; e.g. `orchestrion,MPD`); `PEERS_SHELVES` (all; e.g. `FLAC 48,Opus 48`, and then nothing is recorded);
//! `PEERS_TOGETHER=1` lets all formats play at once; `PEERS_BASE`, another build of the device, which plays beside this one
//! as `base`; `PEERS_LOCK`, a file that is locked during each window, for a machine shared with compilers.

mod captured;
mod players;
mod shelves;
mod table;

use std::thread::sleep;
use std::time::{Duration, Instant};

use orchestrion_rig::sound_server::SoundServer;
use orchestrion_rig::usage::Usage;
use orchestrion_rig::wish::{quiet, variable};
use players::{Kind, Player, Request};
use shelves::Shelf;
use table::Sample;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// How long is measured: three songs, less the crossfade into each.
const WINDOW_S: u64 = 3 * (shelves::SONG_S - CROSSFADE_S as u64);
/// What fades, fades so long.
const CROSSFADE_S: u32 = 5;
/// What is not counted: starting, priming of rings, the first seconds of all.
const WARM_UP: Duration = Duration::from_secs(12);
const ROUNDS: usize = 2;
/// A little more than twice 1024 frames at 48 kHz, and half a second.
const BUFFERS_MS: [u32; 2] = [45, 500];

fn main() -> Outcome<()> {
    // Run as a test (`cargo test --benches`) there is nothing to measure.
    if !std::env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    if !SoundServer::available() {
        println!("SKIPPED: there is no PulseAudio here (script/setup peers installs it)");
        return Ok(());
    }
    let rounds = variable("PEERS_ROUNDS").map_or(Ok(ROUNDS), |text| text.parse())?;
    let buffers_ms: Vec<u32> = match variable("PEERS_BUFFERS_MS") {
        Some(text) => text.split(',').map(str::parse).collect::<Result<_, _>>()?,
        None => BUFFERS_MS.to_vec(),
    };
    let dir = tempfile::Builder::new().prefix("peers-").tempdir()?;
    let shelves = shelves::fill(dir.path(), variable("PEERS_SHELVES").as_deref())?;
    let kinds = players::installed(variable("PEERS_PLAYERS").as_deref());
    if kinds.is_empty() || shelves.is_empty() {
        return Err("PEERS_PLAYERS or PEERS_SHELVES names nothing that is there".into());
    }
    let at_once = if variable("PEERS_TOGETHER").is_some() { shelves.len() } else { 1 };
    let mut samples = Vec::new();
    for round in 0..rounds {
        for &buffer_ms in &buffers_ms {
            for shelves in shelves.chunks(at_once) {
                let _quiet = quiet("PEERS_LOCK")?;
                let window = Window { round, buffer_ms, shelves, kinds: &kinds };
                samples.extend(window.measure()?);
                let names: Vec<&str> = shelves.iter().map(|shelf| shelf.name.as_str()).collect();
                eprintln!("round {} of {rounds}, {buffer_ms} ms, {}: measured", round + 1, names.join(", "));
            }
        }
    }
    if !samples.is_empty() {
        table::print(&samples, &buffers_ms);
    }
    // Who measures one format wants to know what it costs.
    if variable("PEERS_SHELVES").is_none() { captured::print(&kinds) } else { Ok(()) }
}

/// All players with some shelves at once, for as long as is measured.
struct Window<'a> {
    round: usize,
    buffer_ms: u32,
    shelves: &'a [Shelf],
    kinds: &'a [Kind],
}

impl Window<'_> {
    fn measure(&self) -> Outcome<Vec<Sample>> {
        let server = SoundServer::start()?;
        let dir = tempfile::Builder::new().prefix("peers-run-").tempdir()?;
        let mut order: Vec<(Kind, &Shelf)> =
            self.shelves.iter().flat_map(|shelf| self.kinds.iter().map(move |kind| (*kind, shelf))).collect();
        let turn = self.round * (order.len() / 3 + 1) % order.len();
        order.rotate_left(turn);
        let mut playing: Vec<(Player, &Shelf)> = Vec::new();
        for (kind, shelf) in order {
            let folder = dir.path().join(playing.len().to_string());
            std::fs::create_dir_all(&folder)?;
            let request = Request {
                kind,
                music: &shelf.folder,
                folder: &folder,
                buffer_ms: self.buffer_ms,
                crossfade_s: CROSSFADE_S,
                repeats: true,
                env: server.env(),
            };
            match Player::start(&request) {
                Ok(player) => playing.push((player, shelf)),
                Err(error) => eprintln!("{} on {}: {error}", kind.name(), shelf.name),
            }
        }
        sleep(WARM_UP);
        let server_pid = server.pid().ok_or("the sound server is gone")?;
        let begun = Instant::now();
        let before = usages(&playing);
        let server_before = Usage::of(server_pid)?;
        let sounded_before = sounding(&server)?;
        sleep(Duration::from_secs(WINDOW_S));
        let sounded_after = sounding(&server)?;
        let server_cpu_s = Usage::of(server_pid)?.cpu_s - server_before.cpu_s;
        let minutes = begun.elapsed().as_secs_f64() / 60.0;
        let after = usages(&playing);
        let mut samples = Vec::new();
        for (((player, shelf), before), after) in playing.iter().zip(before).zip(after) {
            let (Some(before), Some(after)) = (before, after) else {
                eprintln!("{} on {} has ended", player.kind.name(), shelf.name);
                continue;
            };
            let is_heard = |pids: &[u32]| pids.contains(&player.pid);
            let plays = is_heard(&sounded_before) && is_heard(&sounded_after) && player.still_plays();
            samples.push(Sample {
                buffer_ms: self.buffer_ms,
                shelf: shelf.name.clone(),
                kind: player.kind,
                streams_len: playing.len(),
                plays,
                cpu_s_per_min: (after.cpu_s - before.cpu_s) / minutes,
                threads: after.threads_since(&before, minutes),
                peak_kib: after.peak_kib,
                pss_kib: after.pss_kib,
                server_cpu_s_per_min: server_cpu_s / minutes,
            });
        }
        Ok(samples)
    }
}

fn usages(playing: &[(Player, &Shelf)]) -> Vec<Option<Usage>> {
    playing.iter().map(|(player, _)| Usage::of(player.pid).ok()).collect()
}

/// Processes from which sound arrives: of streams that are there and not held.
fn sounding(server: &SoundServer) -> Outcome<Vec<u32>> {
    let listed =
        std::process::Command::new("pactl").args(["list", "sink-inputs"]).envs(server.env()).output()?;
    let text = String::from_utf8_lossy(&listed.stdout);
    let streams = text.split("Sink Input #").filter(|stream| stream.contains("Corked: no"));
    let pid = |stream: &str| {
        let line = stream.lines().find(|line| line.contains("application.process.id"))?;
        line.split('"').nth(1)?.parse().ok()
    };
    Ok(streams.filter_map(pid).collect())
}

/// Waits until something is so, or gives up.
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) -> Outcome<()> {
    const WAIT_MAX: Duration = Duration::from_secs(20);
    const LOOK_EVERY: Duration = Duration::from_millis(50);
    let deadline = Instant::now() + WAIT_MAX;
    while !is_so() {
        if Instant::now() > deadline {
            return Err(format!("{what} did not come").into());
        }
        sleep(LOOK_EVERY);
    }
    Ok(())
}

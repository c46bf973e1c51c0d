//! Figures of releases: changing over, what a download costs beside `curl | sha256sum`, what is written when nothing changes.
//!
//! `cargo bench --bench releases`, or only parts of it: `-- switch download rest`. Needs curl. Takes some twenty minutes, most
//! of them listening to four songs for what is written at rest.

use std::collections::HashSet;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orchestrion::download::{Address, Clockwork, Download, Limits, Outcome, Progress, Room, Settings};
use orchestrion::store::{self, RealDisk, Store};
use orchestrion_program::Resolved;
use orchestrion_program::model::{BlobId, Library, Playlist, Recording};
use orchestrion_protocol::release::{
    Blob, Digest, Edition, Expected, Kind, Manifest, OFFER_NAME, RELEASE_VERSION, SecretKey, blob_path,
    manifest_path,
};
use orchestrion_rig::device::{Device, Setup};
use orchestrion_rig::http_server::HttpServer;
use orchestrion_rig::{signal, wav};
use serde_json::json;

type Fallible<T> = Result<T, Box<dyn Error>>;

/// Bytes of the file that is downloaded.
const FILE_LEN: usize = 256 * 1024 * 1024;
/// Files of the release that is changed over to.
const BLOBS: usize = 10_000;
/// The songs that are played at rest, and how long each is, in seconds: what is written is written with each song and with each
/// minute, so a day is as these are.
const SONGS: u32 = 4;
const SONG_S: u32 = 210;
/// How long it is watched what is written at rest: each song once.
const REST: Duration = Duration::from_secs((SONGS * SONG_S) as u64);
/// What has measured nothing for so long has measured all.
const SETTLED: Duration = Duration::from_secs(70);

fn main() -> Fallible<()> {
    // Run as a test (`cargo test --benches`) there is nothing to measure.
    if !std::env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    // Not in memory: a card is a disk.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    println!("| what | goal | measured |\n| --- | --- | --- |");
    let is_wanted = |part: &str| {
        let mut parts = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).peekable();
        parts.peek().is_none() || parts.any(|arg| arg == part)
    };
    if is_wanted("switch") {
        switching(folder.path())?;
    }
    if is_wanted("download") {
        downloading(folder.path())?;
    }
    if is_wanted("rest") {
        on_a_device(folder.path())?;
    }
    Ok(())
}

fn row(what: &str, goal: &str, measured: &str) {
    println!("| {what} | {goal} | {measured} |");
}

fn key() -> SecretKey {
    SecretKey::from_chance(&[1; 32])
}

/// A release of these blobs, each a recording of its own.
fn manifest(number: u64, blobs: Vec<Blob>) -> Fallible<Manifest> {
    let program: Resolved = serde_json::from_value(json!({
        "v": 1,
        "place": {"id": "bench"},
        "zone": {"id": "UTC", "tzdb": "2026a", "offset_s": 0, "transitions": []},
        "hours": {"sound": [{"days": ["daily"], "from": "00:00", "to": "24:00"}]},
        "dayparts": [],
        "clockless": {"allowed": true},
        "fallback": "all",
    }))?;
    let recordings: Vec<Recording> = blobs
        .iter()
        .enumerate()
        .map(|(n, blob)| Recording {
            id: format!("r{n}").as_str().into(),
            blobs: vec![BlobId(blob.sha256.to_string())],
            ..Recording::default()
        })
        .collect();
    let all = recordings.iter().map(|one| one.id.clone()).collect();
    let list = Playlist { id: "all".into(), recordings: all, ..Playlist::default() };
    Ok(Manifest {
        v: RELEASE_VERSION,
        edition: Edition { epoch: 1, number },
        place: "bench".into(),
        made_utc_ms: None,
        starts_utc_ms: None,
        program,
        catalogue: Library { recordings, playlists: vec![list], ..Library::default() },
        blobs,
    })
}

fn blob(content: &[u8]) -> Blob {
    Blob { sha256: Digest::of(content), size: content.len() as u64, duration_ms: None, kind: Kind::Audio }
}

fn open(root: &Path) -> Fallible<Store> {
    std::fs::create_dir_all(root)?;
    let settings = store::Settings {
        root: root.to_owned(),
        factory: None,
        quota_bytes: None,
        reserve_bytes: 0,
        pinned: vec![key().public()],
    };
    Ok(Store::open(Arc::new(RealDisk), settings)?.0)
}

fn switching(folder: &Path) -> Fallible<()> {
    let root = folder.join("many");
    open(&root)?;
    let contents: Vec<Vec<u8>> = (0..BLOBS as u64).map(|n| n.to_le_bytes().to_vec()).collect();
    for content in &contents {
        let path = root.join(blob_path(&Digest::of(content)));
        path.parent().map(std::fs::create_dir_all).transpose()?;
        std::fs::write(path, content)?;
    }
    rustix::fs::sync();
    let mut store = open(&root)?;
    let (mut worst, mut sum, rounds) = (Duration::ZERO, Duration::ZERO, 20);
    for number in 1..=rounds {
        let manifest = manifest(number, contents.iter().map(|content| blob(content)).collect())?;
        let (bytes, offer) = manifest.seal(&key(), 0)?;
        let generation = store.prepare(&bytes, &offer, &Expected { place: None, held: store.held() })?;
        let begin = Instant::now();
        store.switch(&generation)?;
        worst = worst.max(begin.elapsed());
        sum += begin.elapsed();
        store.tidy();
    }
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let measured = format!("{:.1} ms, worst of {rounds}: {:.1} ms", ms(sum) / rounds as f64, ms(worst));
    row(&format!("changing over to a release of {BLOBS} files"), "≤ 50 ms", &measured);
    let begin = Instant::now();
    drop(open(&root)?);
    row("opening the store of it", "", &format!("{:.0} ms", ms(begin.elapsed())));
    Ok(())
}

struct Nobody;

impl Room for Nobody {
    fn told(&mut self, _: &Progress) {}

    fn used(&mut self) -> HashSet<Digest> {
        HashSet::new()
    }
}

/// Content that cannot be packed.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        // Knuth's MMIX generator; its upper bits.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

fn publish(server: &HttpServer, manifest: &Manifest) -> Fallible<()> {
    let (bytes, offer) = manifest.seal(&key(), 0)?;
    server.put(&format!("/{}", manifest_path(&offer.manifest)), bytes);
    server.put(&format!("/{OFFER_NAME}"), offer.bytes());
    Ok(())
}

fn downloading(folder: &Path) -> Fallible<()> {
    let content = noise(FILE_LEN);
    let server = HttpServer::start()?;
    let file = blob(&content);
    let path = blob_path(&file.sha256);
    server.put(&format!("/{path}"), content);
    publish(&server, &manifest(1, vec![file])?)?;
    let (mut ours, mut theirs) = (f64::MAX, f64::MAX);
    for round in 0..3 {
        let settings = Settings {
            addresses: vec![server.url("").parse::<Address>()?],
            communicate: None,
            bearer: None,
            place: None,
            proxy: None,
            trust: orchestrion::tls::Trust::Web,
            private_redirects: false,
            rate_max: None,
            windows: Vec::new(),
            limits: Limits::default(),
        };
        let mut store = open(&folder.join(format!("one-{round}")))?;
        let mut download = Download::new(settings, 1)?;
        let begin = cpu_s();
        let outcome = download.run(&mut store, &mut Clockwork::default(), &mut Nobody)?;
        ours = ours.min(cpu_s() - begin);
        assert!(matches!(outcome, Outcome::Ready(_)));
        theirs = theirs.min(curl(&format!("{}{path}", server.url("")), folder)?);
        std::fs::remove_dir_all(folder.join(format!("one-{round}")))?;
    }
    let measured =
        format!("{:.2} ({ours:.2} s against {theirs:.2} s, {} MiB)", ours / theirs, FILE_LEN >> 20);
    row("CPU of a download, of `curl | tee FILE | sha256sum`'s", "≤ 1.5", &measured);
    Ok(())
}

/// The calling thread's.
fn cpu_s() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// What curl and sha256sum take for the same, writing the file as well.
fn curl(url: &str, folder: &Path) -> Fallible<f64> {
    let file = folder.join("curl.out");
    let script = "curl -s \"$0\" | tee \"$1\" | sha256sum >/dev/null; times";
    let output = Command::new("bash").args(["-c", script, url]).arg(&file).output()?;
    let text = String::from_utf8(output.stdout)?;
    // The second line: user and system time of the children, as 0m0.123s.
    let line = text.lines().nth(1).ok_or("bash says no times; is curl there?")?;
    let seconds = |word: &str| -> Option<f64> {
        let (minutes, seconds) = word.trim_end_matches('s').split_once('m')?;
        Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
    };
    Ok(line.split(' ').filter_map(seconds).sum())
}

/// A number that the kernel has of a process, in bytes.
fn of_process(device: &Device, file: &str, name: &str) -> Fallible<u64> {
    let text = std::fs::read_to_string(format!("/proc/{}/{file}", device.pid()))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line")?;
    let mut words = line.trim_start_matches(':').split_whitespace();
    let number: u64 = words.next().ok_or("no number")?.parse()?;
    Ok(if words.next() == Some("kB") { number * 1024 } else { number })
}

/// What a thread of a device has written, in bytes.
fn written_by(device: &Device, thread: &str) -> Fallible<u64> {
    for task in std::fs::read_dir(format!("/proc/{}/task", device.pid()))? {
        let task = task?.path();
        if std::fs::read_to_string(task.join("comm"))?.trim() == thread {
            let io = std::fs::read_to_string(task.join("io"))?;
            let number =
                io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).ok_or("no such line")?;
            return Ok(number.parse()?);
        }
    }
    Err(format!("no thread {thread}").into())
}

fn on_a_device(folder: &Path) -> Fallible<()> {
    // As on a board: the state on the disk, socket and log in memory.
    let memory = tempfile::tempdir_in("/dev/shm")?;
    let setup = Setup {
        program: PathBuf::from(env!("CARGO_BIN_EXE_orchestrion")),
        folder: memory.path().into(),
        env: Vec::new(),
    };
    std::fs::create_dir_all(folder.join("device"))?;
    std::os::unix::fs::symlink(folder.join("device"), setup.state_dir())?;
    let server = HttpServer::start()?;
    let mut blobs = Vec::new();
    for n in 0..SONGS {
        let song = folder.join(format!("{n}.wav"));
        let tone = signal::sine(300.0 + f64::from(n), 0.3, 0.0, 48_000, 48_000 * SONG_S as usize);
        wav::write(&song, &tone, 1, 48_000, wav::SampleFormat::Int16)?;
        let content = std::fs::read(&song)?;
        blobs.push(blob(&content));
        server.put(&format!("/{}", blob_path(&blob(&content).sha256)), content);
    }
    publish(&server, &manifest(1, blobs.clone())?)?;
    let config = format!(
        "outputs = [\"null\"]\nclock = \"trusted\"\n[release]\nservers = [\"{}\"]\nkeys = [\"{}\"]\nevery_min = 1\n",
        server.url(""),
        key().public()
    );
    let device = setup.run(&config)?;
    let wait = Duration::from_secs(60);
    device
        .wait_for(wait, |status| status["state"] == "playing" && status["release"]["held"]["number"] == 1)?;
    // What is written of a song once in its life is not what is written at rest.
    let mut measured = None;
    while measured != Some(written_by(&device, "measure")?) {
        measured = Some(written_by(&device, "measure")?);
        std::thread::sleep(SETTLED);
    }
    let (before, rss) = (of_process(&device, "io", "write_bytes")?, of_process(&device, "status", "VmRSS")?);
    std::thread::sleep(REST);
    let written = of_process(&device, "io", "write_bytes")? - before;
    let day_mb = written as f64 / REST.as_secs_f64() * 86_400.0 / 1e6;
    let measured =
        format!("{day_mb:.1} MB (over {} s, songs of {SONG_S} s, asked each minute)", REST.as_secs());
    row("written in a day when content rests", "≤ 50 MB", &measured);

    let content = noise(FILE_LEN);
    blobs.push(blob(&content));
    server.put(&format!("/{}", blob_path(&blob(&content).sha256)), content);
    publish(&server, &manifest(2, blobs)?)?;
    device.ask("update", json!({}))?;
    let mut most = 0;
    device.wait_for(wait, |status| {
        most = of_process(&device, "status", "VmRSS").unwrap_or(0).max(most);
        status["release"]["waits"].as_str().is_some_and(|waits| waits.contains("is whole"))
    })?;
    let more = most.saturating_sub(rss) as f64 / (1024.0 * 1024.0);
    row(
        "memory of a download",
        "≤ 4 MiB",
        &format!("{more:.1} MiB more than the {} MiB of playing", rss >> 20),
    );
    device.terminate()?;
    Ok(())
}

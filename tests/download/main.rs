//! Releases over HTTP on 127.0.0.1, from servers that are good, and from all the others.

#![cfg(test)]

mod hostile;
mod https;
mod network;
mod whole;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orchestrion::download::{
    Address, Communicate, Download, Limits, Outcome, Pace, Problem, Progress, Room, Settings,
};
use orchestrion::store::{self, RealDisk, Store};
use orchestrion_program::Resolved;
use orchestrion_program::model::{BlobId, Library, Playlist, Recording};
use orchestrion_protocol::release::{
    Blob, Digest, Edition, Keyring, Kind, Manifest, OFFER_NAME, RELEASE_VERSION, SecretKey, blob_path,
    manifest_path, rotation_path,
};
use orchestrion_rig::http_server::{Act, Asked, HttpServer};
use serde_json::json;
use tempfile::TempDir;

const SONG_LEN: usize = 300_000;

fn key(n: u8) -> SecretKey {
    SecretKey::from_chance(&[n; 32])
}

/// Content that nobody can pack, and that tells songs apart.
fn song(n: usize) -> Vec<u8> {
    let mut state = n as u64 + 1;
    let mut next = || {
        // Knuth's MMIX generator; its upper bits.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..SONG_LEN + n).map(|_| next()).collect()
}

fn name(n: usize) -> Digest {
    Digest::of(&song(n))
}

fn path(n: usize) -> String {
    format!("/leeds/{}", blob_path(&name(n)))
}

fn manifest(number: u64, songs: &[usize]) -> Manifest {
    let program: Resolved = serde_json::from_value(json!({
        "v": 1,
        "place": {"id": "leeds-1"},
        "zone": {"id": "UTC", "tzdb": "2026a", "offset_s": 0, "transitions": []},
        "hours": {"sound": [{"days": ["daily"], "from": "00:00", "to": "24:00"}]},
        "dayparts": [],
        "clockless": {"allowed": true},
        "fallback": "all",
    }))
    .unwrap();
    let recording = |n: &usize| Recording {
        id: format!("r{n}").as_str().into(),
        blobs: vec![BlobId(name(*n).to_string())],
        ..Recording::default()
    };
    let recordings: Vec<Recording> = songs.iter().map(recording).collect();
    let ids = recordings.iter().map(|one| one.id.clone()).collect();
    let all = Playlist { id: "all".into(), recordings: ids, ..Playlist::default() };
    let blob = |n: &usize| Blob {
        sha256: name(*n),
        size: song(*n).len() as u64,
        duration_ms: None,
        kind: Kind::Audio,
    };
    Manifest {
        v: RELEASE_VERSION,
        edition: Edition { epoch: 1, number },
        place: "leeds-1".into(),
        made_utc_ms: None,
        starts_utc_ms: None,
        program,
        catalogue: Library { recordings, playlists: vec![all], ..Library::default() },
        blobs: songs.iter().map(blob).collect(),
    }
}

/// Serves a release.
fn publish(server: &HttpServer, manifest: &Manifest, by: &SecretKey, keys_serial: u64) {
    let (bytes, offer) = manifest.seal(by, keys_serial).unwrap();
    server.put(&format!("/leeds/{}", manifest_path(&offer.manifest)), bytes);
    server.put(&format!("/leeds/{OFFER_NAME}"), offer.bytes());
}

fn serve(songs: &[usize]) -> HttpServer {
    let server = HttpServer::start().unwrap();
    for n in songs {
        server.put(&path(*n), song(*n));
    }
    publish(&server, &manifest(1, songs), &key(1), 0);
    server
}

/// Real time, but nothing is waited for: the time that a wait would take is added.
struct Quick {
    begin: Instant,
    waits: Vec<Duration>,
    local_ms: Option<i64>,
    /// More waits than so many are a hang.
    waits_max: usize,
}

impl Quick {
    fn new() -> Self {
        Self { begin: Instant::now(), waits: Vec::new(), local_ms: None, waits_max: 1000 }
    }
}

impl Pace for Quick {
    fn now_ms(&self) -> u64 {
        (self.begin.elapsed() + self.waits.iter().sum::<Duration>()).as_millis() as u64
    }

    fn local_ms(&self) -> Option<i64> {
        self.local_ms
    }

    fn wait(&mut self, how_long: Duration) -> bool {
        self.waits.push(how_long);
        self.waits.len() <= self.waits_max
    }

    fn is_stopped(&self) -> bool {
        false
    }
}

#[derive(Default)]
struct Told {
    progress: Vec<Progress>,
    used: HashSet<Digest>,
}

impl Room for Told {
    fn told(&mut self, progress: &Progress) {
        self.progress.push(progress.clone());
    }

    fn used(&mut self) -> HashSet<Digest> {
        self.used.clone()
    }
}

/// A device's part.
struct Device {
    folder: TempDir,
    store: Store,
    download: Download,
    pace: Quick,
    told: Told,
}

fn settings(addresses: &[String]) -> Settings {
    Settings {
        addresses: addresses.iter().map(|text| text.parse::<Address>().unwrap()).collect(),
        communicate: None,
        bearer: None,
        place: Some("leeds-1".into()),
        proxy: None,
        trust: orchestrion::tls::Trust::Web,
        private_redirects: false,
        rate_max: None,
        windows: Vec::new(),
        limits: Limits::default(),
    }
}

fn store_settings(folder: &TempDir) -> store::Settings {
    store::Settings {
        root: folder.path().to_owned(),
        factory: None,
        quota_bytes: None,
        reserve_bytes: 0,
        pinned: vec![key(1).public()],
    }
}

impl Device {
    fn new(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(Arc::new(RealDisk), store_settings(&folder)).unwrap().0;
        let download = Download::new(settings, 7).unwrap();
        Self { folder, store, download, pace: Quick::new(), told: Told::default() }
    }

    fn of(server: &HttpServer) -> Self {
        Self::new(settings(&[server.url("leeds/")]))
    }

    fn update(&mut self) -> Result<Outcome, Problem> {
        self.download.update(&mut self.store, &mut self.pace, &mut self.told, &mut Progress::default())
    }

    fn run(&mut self) -> Result<Outcome, Problem> {
        self.download.run(&mut self.store, &mut self.pace, &mut self.told)
    }

    fn fails(&mut self) -> String {
        self.update().unwrap_err().to_string()
    }

    /// Fetches until it is there, and switches; everything is right then.
    fn take(&mut self) -> u64 {
        if let Outcome::Ready(generation) = self.run().unwrap() {
            self.store.switch(&generation).unwrap();
        }
        self.whole()
    }

    /// The number of the release that is held, each file of which is right.
    fn whole(&self) -> u64 {
        let current = self.store.current().unwrap();
        for blob in &current.manifest.blobs {
            let file = self.store.blob(&blob.sha256).unwrap();
            assert_eq!(Digest::of(&std::fs::read(file).unwrap()), blob.sha256);
        }
        current.held.edition.number
    }

    /// Starts anew on the same disk.
    fn restart(&mut self, settings: Settings) {
        self.store = Store::open(Arc::new(RealDisk), store_settings(&self.folder)).unwrap().0;
        self.download = Download::new(settings, 7).unwrap();
    }
}

fn sent(asked: &[Asked], path: &str) -> u64 {
    asked.iter().filter(|one| one.path == path).map(|one| one.sent).sum()
}

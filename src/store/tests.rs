//! The store on a disk that fails, that is cut off, and that is well.

mod blocks;
mod crash;
mod faults;
mod model;
mod rig_disk;
mod starts;
mod storing;

use std::collections::HashSet;
use std::path::Path;

use orchestrion_program::Resolved;
use orchestrion_program::model::{BlobId, Library, Playlist, Recording};
use orchestrion_protocol::release::{Blob, Expected, Kind, RELEASE_VERSION, SecretKey};
use serde_json::json;
use tempfile::TempDir;

use super::*;

/// Memory, where there is some: these tests make thousands of folders.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn key(n: u8) -> SecretKey {
    SecretKey::from_chance(&[n; 32])
}

fn settings(root: &Path) -> Settings {
    Settings {
        root: root.to_owned(),
        factory: None,
        quota_bytes: None,
        reserve_bytes: 0,
        pinned: vec![key(1).public()],
    }
}

/// The content of a song: some 3,000 bytes that tell songs apart.
fn song(n: usize) -> Vec<u8> {
    (0..3000 + n).map(|at| (at * 7 + n * 131 + at / 256) as u8).collect()
}

fn blob(n: usize) -> Blob {
    let bytes = song(n);
    Blob { sha256: Digest::of(&bytes), size: bytes.len() as u64, duration_ms: None, kind: Kind::Audio }
}

/// A release and its bytes.
struct Release {
    manifest: Manifest,
    bytes: Vec<u8>,
    offer: Offer,
    songs: Vec<usize>,
}

fn release_by(by: &SecretKey, number: u64, songs: &[usize]) -> Release {
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
        blobs: vec![BlobId(blob(*n).sha256.to_string())],
        ..Recording::default()
    };
    let recordings: Vec<Recording> = songs.iter().map(recording).collect();
    let ids = recordings.iter().map(|one| one.id.clone()).collect();
    let all = Playlist { id: "all".into(), recordings: ids, ..Playlist::default() };
    let manifest = Manifest {
        v: RELEASE_VERSION,
        edition: Edition { epoch: 1, number },
        place: "leeds-1".into(),
        made_utc_ms: None,
        starts_utc_ms: None,
        program,
        catalogue: Library { recordings, playlists: vec![all], ..Library::default() },
        blobs: songs.iter().map(|n| blob(*n)).collect(),
    };
    let (bytes, offer) = manifest.seal(by, 0).unwrap();
    Release { manifest, bytes, offer, songs: songs.to_vec() }
}

fn release(number: u64, songs: &[usize]) -> Release {
    release_by(&key(1), number, songs)
}

/// Stores a song in a few writes.
fn fetch(store: &mut Store, n: usize) -> Result<(), StoreError> {
    let mut partial = store.begin(&blob(n))?;
    let bytes = song(n);
    for piece in bytes[partial.len() as usize..].chunks(1100) {
        partial.write(piece)?;
    }
    store.finish(partial)
}

/// Takes a release over as a device does; `told` hears of what is reported.
fn take(store: &mut Store, release: &Release, told: &mut dyn FnMut(Told)) -> Result<(), StoreError> {
    let used = HashSet::new();
    store.make_room(&release.manifest, &used)?;
    for n in &release.songs {
        if !store.has(&blob(*n).sha256) {
            fetch(store, *n)?;
            told(Told::Stored(*n));
        }
    }
    let expected = Expected { place: None, held: store.held() };
    let generation = store.prepare(&release.bytes, &release.offer, &expected)?;
    store.switch(&generation)?;
    told(Told::Switched(release.manifest.edition.number));
    store.tidy();
    Ok(())
}

/// What a store said was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Stored(usize),
    Switched(u64),
    Followed(u64),
    /// Room is being made: what no generation needs may go.
    MakingRoom,
}

/// Everything that the generation that plays needs is there and right; gives its number.
fn number_played(store: &Store) -> Option<u64> {
    let current = store.current()?;
    for blob in &current.manifest.blobs {
        let path = store.blob(&blob.sha256).unwrap_or_else(|| panic!("{} is missing", blob.sha256));
        assert_eq!(Digest::of(&std::fs::read(path).unwrap()), blob.sha256, "torn");
    }
    Some(current.held.edition.number)
}

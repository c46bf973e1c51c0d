//! Whole releases, and everything that can be wrong with one.

mod refused;
mod rotated;

use orchestrion_program::Resolved;
use orchestrion_program::model::{BlobId, Library, Playlist, Recording};
use serde_json::json;

use super::*;

pub(super) fn key(n: u8) -> SecretKey {
    SecretKey::from_chance(&[n; 32])
}

pub(super) fn ring(keys: &[&SecretKey]) -> Keyring {
    Keyring::pinned(keys.iter().map(|key| key.public()).collect()).unwrap()
}

pub(super) fn program() -> Resolved {
    serde_json::from_value(json!({
        "v": 1,
        "place": {"id": "leeds-1", "name": "Leeds, ground floor"},
        "zone": {"id": "UTC", "tzdb": "2026a", "offset_s": 0, "transitions": []},
        "hours": {"sound": [{"days": ["mon","tue","wed","thu","fri","sat","sun"], "from": "00:00", "to": "24:00"}]},
        "dayparts": [],
        "clockless": {"allowed": true},
        "fallback": "all",
    }))
    .unwrap()
}

pub(super) fn manifest(number: u64, songs: usize) -> Manifest {
    let name = |n: usize| Digest::of(format!("song {n}").as_bytes());
    let recording = |n: usize| Recording {
        id: format!("r{n}").as_str().into(),
        blobs: vec![BlobId(name(n).to_string())],
        title: format!("Song {n}"),
        ..Recording::default()
    };
    let all = Playlist {
        id: "all".into(),
        recordings: (0..songs).map(|n| recording(n).id).collect(),
        ..Playlist::default()
    };
    let blob = |n: usize| Blob {
        sha256: name(n),
        size: 1000 + n as u64,
        duration_ms: Some(180_000),
        kind: Kind::Audio,
    };
    Manifest {
        v: RELEASE_VERSION,
        edition: Edition { epoch: 1, number },
        place: "leeds-1".into(),
        made_utc_ms: None,
        starts_utc_ms: None,
        program: program(),
        catalogue: Library {
            recordings: (0..songs).map(recording).collect(),
            playlists: vec![all],
            ..Library::default()
        },
        blobs: (0..songs).map(blob).collect(),
    }
}

#[test]
fn what_was_sealed_is_opened_and_is_the_same() {
    let (key, manifest) = (key(1), manifest(17, 20));
    let (bytes, offer) = manifest.seal(&key, 0).unwrap();
    let offer = Offer::read(&offer.bytes()).unwrap();
    let held = Held { edition: Edition { epoch: 1, number: 16 }, manifest: Digest([0; 32]) };
    let expected = Expected { place: Some(&"leeds-1".into()), held: Some(held) };
    offer.expect(&expected).unwrap();
    assert_eq!(Manifest::open(&bytes, &offer, &ring(&[&key]), &expected).unwrap(), manifest);
    assert_eq!(manifest.blob_bytes(), (0..20).map(|n| 1000 + n).sum::<u64>());
}

#[test]
fn the_paths_of_a_release_are_what_servers_serve() {
    let name = Digest([0xab; 32]);
    assert_eq!(blob_path(&name), format!("blobs/ab/{}", "ab".repeat(32)));
    assert_eq!(manifest_path(&name), format!("manifests/{}.json", "ab".repeat(32)));
    assert_eq!(rotation_path(3), "keys/3.json");
}

#[test]
fn a_digest_has_one_spelling() {
    let text = Digest::of(b"abc").to_string();
    assert_eq!(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "FIPS 180-4");
    assert_eq!(text.parse(), Ok(Digest::of(b"abc")));
    for wrong in
        [&text[1..], &text.to_uppercase(), &format!("{text}0"), &text.replace('b', "g"), "", "../../x"]
    {
        assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
    }
    let mut hasher = Hasher::default();
    hasher.update(b"a");
    hasher.update(b"bc");
    assert_eq!(hasher.digest(), Digest::of(b"abc"));
}

#[test]
fn a_secret_key_where_a_public_one_belongs_is_told_and_never_shown() {
    let key = key(7);
    let error = key.reveal().parse::<PublicKey>().unwrap_err();
    assert!(error.to_string().contains("secret"), "{error}");
    assert!(!format!("{key:?}").contains(&"07".repeat(8)), "{key:?}");
    assert_eq!(key.reveal().parse::<SecretKey>().unwrap().public(), key.public());
    assert_eq!(key.public().to_string().parse::<PublicKey>().unwrap(), key.public());
    let weak = format!("ed25519:01{}", "00".repeat(31));
    assert!(weak.parse::<PublicKey>().is_err(), "the neutral point fits many signatures");
}

#[test]
fn what_a_later_version_adds_is_passed_over() {
    let (key, manifest) = (key(1), manifest(3, 2));
    let mut value = serde_json::to_value(&manifest).unwrap();
    value["colour"] = json!("red");
    value["blobs"][0]["kind"] = json!("hologram");
    value["blobs"][0]["hint"] = json!(1);
    let bytes = serde_json::to_vec(&value).unwrap();
    let (_, offer) = manifest.seal(&key, 0).unwrap();
    let offer = Offer {
        manifest: Digest::of(&bytes),
        size: bytes.len() as u64,
        signature: key.sign(Context::Manifest, &bytes),
        ..offer
    };
    let opened = Manifest::open(&bytes, &offer, &ring(&[&key]), &Expected::default()).unwrap();
    assert_eq!(opened.blobs[0].kind, Kind::Other);
}

//! From a program and a place to what a device fetches and believes.

use orchestrion_protocol::fleet::{Download, Report};
use orchestrion_protocol::release::{
    Digest, Edition, Expected, Keyring, Kind, Manifest, Offer, manifest_path,
};
use serde_json::{Value, json};

use super::board::Board;
use super::house::{Answer, House, read};

fn program(blobs: &[Digest]) -> Value {
    let recordings: Vec<Value> = blobs
        .iter()
        .enumerate()
        .map(|(n, blob)| json!({"id": format!("r{n}"), "title": format!("Song {n}"), "blobs": [blob.to_string()]}))
        .collect();
    let ids: Vec<String> = (0..blobs.len()).map(|n| format!("r{n}")).collect();
    json!({
        "v": 1,
        "place": {"id": "chain", "name": "whatever the chain calls it"},
        "zone": {"id": "UTC", "tzdb": "2026a", "offset_s": 0, "transitions": []},
        "hours": {"sound": [{"days": ["mon","tue","wed","thu","fri","sat","sun"], "from": "00:00", "to": "24:00"}]},
        "dayparts": [],
        "clockless": {"allowed": true},
        "fallback": "all",
        "library": {"recordings": recordings, "playlists": [{"id": "all", "recordings": ids}]}
    })
}

fn put(house: &House, content: &[u8]) -> Digest {
    let digest = Digest::of(content);
    house.put(&format!("/api/v1/blobs/{digest}"), content).ok();
    digest
}

fn fetch(house: &House, board: &Board, path: &str, range: Option<&str>) -> Answer {
    let token = &board.admission.as_ref().unwrap().token;
    let mut request = board.agent.get(house.url(path)).header("authorization", format!("Bearer {token}"));
    if let Some(range) = range {
        request = request.header("range", range);
    }
    read(request.call().unwrap())
}

#[test]
fn a_device_of_the_place_fetches_and_believes_what_was_published() {
    let house = House::new();
    house.place("leeds-1");
    let board = Board::admitted(&house, 1, Some("leeds-1"));
    let blobs = [put(&house, b"song one"), put(&house, b"song two, longer")];
    let published = house.post("/api/v1/places/leeds-1/publish", &program(&blobs)).ok().json;
    assert_eq!(
        (published["edition"]["number"].as_u64(), published["bytes_new"].as_u64()),
        (Some(1), Some(24))
    );
    let offer =
        Offer::read(fetch(&house, &board, "/releases/leeds-1/release.json", None).ok().text.as_bytes())
            .unwrap();
    let path = format!("/releases/leeds-1/{}", manifest_path(&offer.manifest));
    let bytes = fetch(&house, &board, &path, None).ok().text;
    let keys = Keyring::pinned(board.admission.as_ref().unwrap().keys.clone()).unwrap();
    let expected = Expected { place: Some(&"leeds-1".into()), held: None };
    let manifest = Manifest::open(bytes.as_bytes(), &offer, &keys, &expected).unwrap();
    assert_eq!(manifest.program.zone.id, "Europe/London", "the zone is the place's own");
    assert_eq!(manifest.program.place.name, "Leeds, ground floor");
    for (blob, content) in blobs.iter().zip(["song one", "song two, longer"]) {
        let path = format!("/releases/leeds-1/blobs/{}/{blob}", blob.folder());
        assert_eq!(fetch(&house, &board, &path, None).ok().text, content);
        let part = fetch(&house, &board, &path, Some("bytes=5-"));
        assert_eq!((part.status, part.text.as_str()), (206, &content[5..]));
        assert_eq!(fetch(&house, &board, &path, Some("bytes=900-")).status, 416);
    }
}

#[test]
fn numbers_rise_also_when_it_goes_back_and_only_what_is_new_is_counted() {
    let mut house = House::new();
    house.place("leeds-1");
    let (one, two) = (put(&house, b"one"), put(&house, b"two"));
    house.post("/api/v1/places/leeds-1/publish", &program(&[one])).ok();
    let second = house.post("/api/v1/places/leeds-1/publish", &program(&[one, two])).ok().json;
    assert_eq!((second["blobs"].as_u64(), second["blobs_new"].as_u64()), (Some(2), Some(1)));
    house.restart();
    let back = house.post("/api/v1/places/leeds-1/roll-back", &json!({"number": 1})).ok().json;
    assert_eq!((back["edition"]["number"].as_u64(), back["blobs"].as_u64()), (Some(3), Some(1)));
    assert_eq!(house.post("/api/v1/places/leeds-1/roll-back", &json!({"number": 9})).status, 404);
}

#[test]
fn what_is_wrong_is_named_and_publishes_nothing() {
    let house = House::new();
    house.place("leeds-1");
    let missing = Digest::of(b"never sent");
    let answer = house.post("/api/v1/places/leeds-1/publish", &program(&[missing]));
    assert_eq!(answer.status, 409);
    assert!(answer.text.contains(&missing.to_string()), "{}", answer.text);
    let mut wrong = program(&[]);
    wrong["fallback"] = json!("no such list");
    assert_eq!(house.post("/api/v1/places/leeds-1/publish", &wrong).status, 400);
    assert_eq!(house.post("/api/v1/places/nowhere/publish", &program(&[])).status, 404);
    let changed = house.put(&format!("/api/v1/blobs/{missing}"), b"something else");
    assert_eq!(changed.status, 400);
    let folder = house.dir.path().join("state/blobs").join(missing.folder());
    let left = std::fs::read_dir(folder).map_or(0, Iterator::count);
    assert_eq!(left, 0, "what was refused is not left lying");
}

#[test]
fn a_large_file_that_is_there_already_may_be_sent_again() {
    let house = House::new();
    let song = vec![7; 8 * 1024 * 1024];
    for _ in 0..5 {
        put(&house, &song);
    }
}

#[test]
fn a_device_of_another_place_gets_nothing() {
    let house = House::new();
    house.place("leeds-1");
    house.place("york-1");
    let board = Board::admitted(&house, 1, Some("york-1"));
    house.post("/api/v1/places/leeds-1/publish", &program(&[put(&house, b"song")])).ok();
    assert_eq!(fetch(&house, &board, "/releases/leeds-1/release.json", None).status, 403);
    assert_eq!(fetch(&house, &board, "/releases/york-1/release.json", None).status, 404);
    assert_eq!(fetch(&house, &board, "/releases/york-1/..%2f..%2fserver.key", None).status, 404);
}

#[test]
fn readiness_is_told_in_percent_and_the_answer_names_the_newest_release() {
    let house = House::new();
    house.place("leeds-1");
    let mut boards: Vec<_> = (1..=2).map(|n| Board::admitted(&house, n, Some("leeds-1"))).collect();
    house.post("/api/v1/places/leeds-1/publish", &program(&[put(&house, b"song")])).ok();
    let edition = Edition { epoch: 1, number: 1 };
    let answer = boards[0].beat(&house, 0, Report { release: Some(edition), ..Report::default() });
    let content = answer.content.unwrap();
    assert_eq!((content.path.as_str(), content.edition), ("/releases/leeds-1/", Some(edition)));
    let download = Download { edition, bytes_done: 1, bytes: 4 };
    boards[1].beat(&house, 0, Report { download: Some(download), ..Report::default() });
    let ready = house.get("/api/v1/readiness?place=leeds-1").ok().json;
    assert_eq!(
        (ready["devices"].as_u64(), ready["ready"].as_u64(), ready["percent"].as_f64()),
        (Some(2), Some(1), Some(62.5))
    );
    assert_eq!(ready["behind"][0]["device"], boards[1].id());
}

/// How a PNG and an MP4 begin.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and more";
const MP4: &[u8] = b"\0\0\0\x20ftypisom and more";

#[test]
fn films_and_pictures_of_loops_are_among_the_blobs_as_what_they_are_and_anything_else_is_refused() {
    let house = House::new();
    house.place("leeds-1");
    let board = Board::admitted(&house, 1, Some("leeds-1"));
    let (song, film, menu) = (put(&house, b"song"), put(&house, MP4), put(&house, PNG));
    let mut program = program(&[song]);
    for (id, blob) in [("film", film), ("menu", menu)] {
        let recording = json!({"id": id, "title": id, "blobs": [blob.to_string()]});
        program["library"]["recordings"].as_array_mut().unwrap().push(recording);
    }
    let items = json!([{"recording": "film"}, {"recording": "menu", "hold_s": 5}]);
    program["library"]["loops"] = json!([{"id": "window", "items": items}]);
    let published = house.post("/api/v1/places/leeds-1/publish", &program).ok().json;
    assert_eq!(published["blobs"].as_u64(), Some(3));
    let offer = fetch(&house, &board, "/releases/leeds-1/release.json", None).ok().text;
    let offer = Offer::read(offer.as_bytes()).unwrap();
    let path = format!("/releases/leeds-1/{}", manifest_path(&offer.manifest));
    let manifest = Manifest::peek(fetch(&house, &board, &path, None).ok().text.as_bytes()).unwrap();
    let kind = |blob: Digest| manifest.blobs.iter().find(|one| one.sha256 == blob).unwrap().kind;
    assert_eq!((kind(song), kind(film), kind(menu)), (Kind::Audio, Kind::Film, Kind::Picture));
    assert_eq!(manifest.catalogue.loops[0].items.len(), 2);
    // Going back publishes the loops again.
    let back = house.post("/api/v1/places/leeds-1/roll-back", &json!({"number": 1})).ok().json;
    assert_eq!((back["blobs"].as_u64(), back["blobs_new"].as_u64()), (Some(3), Some(0)));

    let text = put(&house, b"This is no film.");
    program["library"]["recordings"][1]["blobs"] = json!([text.to_string()]);
    let answer = house.post("/api/v1/places/leeds-1/publish", &program);
    assert!(answer.status == 400 && answer.text.contains("no film and no picture"), "{}", answer.text);
    assert!(answer.text.contains("the recording film"), "{}", answer.text);
    program["library"]["loops"][0]["items"][0]["recording"] = json!("nobody");
    assert_eq!(house.post("/api/v1/places/leeds-1/publish", &program).status, 400);
}

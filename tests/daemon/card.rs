//! A card that is full, and one that is slow: a real ext4 on which a device lives.

use std::collections::HashSet;

use orchestrion_protocol::release::Digest;
use orchestrion_rig::block_log::{BlockLog, Mounted, format};

use super::releases::{House, LONG, held, problem};
use super::*;

/// What a device leaves free on its card.
const RESERVE_LEN: u64 = 256 * 1024 * 1024;
/// The card: the reserve, and a little for releases.
const CARD_LEN: u64 = RESERVE_LEN + 40 * 1024 * 1024;
/// Bytes of a second of a song, as `House` writes them.
const SECOND_LEN: f64 = 32_000.0;

/// The files of the release that is offered.
fn blobs(house: &House) -> HashSet<Digest> {
    house.manifest().blobs.iter().map(|blob| blob.sha256).collect()
}

fn are_there(house: &House, blobs: &HashSet<Digest>) -> bool {
    blobs.iter().all(|name| house.blob(name).exists())
}

/// Waits until so many other songs were heard to play.
fn plays_on(device: &Device, songs: usize) {
    let mut entries = HashSet::new();
    device
        .wait_for(LONG, |status| {
            if plays(status) {
                entries.insert(entry(status));
            }
            entries.len() > songs
        })
        .unwrap();
}

#[test]
fn on_a_full_card_what_nothing_needs_makes_room_what_plays_stays_and_what_never_fits_is_said() {
    if let Err(reason) = BlockLog::is_available() {
        eprintln!("SKIPPED: a full card: {reason}");
        return;
    }
    let house = House::new();
    let state = house.place.setup.state_dir();
    let image = house.place.path().join("card.img");
    format(&image, CARD_LEN).unwrap();
    let card = Mounted::new(&image, &state, "errors=remount-ro").unwrap();
    // Long ones that no playlist names, of two fifths of the room each.
    let room = card.free_bytes().unwrap() - RESERVE_LEN;
    let long_s = room as f64 * 0.4 / SECOND_LEN;
    let short = 1.5;

    house.write_with("r1", &[("anna", short), ("bert", short)], &[("old", long_s)]);
    house.publish("r1");
    let first = blobs(&house);
    let device = house.run("");
    device.wait_for(LONG, |status| plays(status) && held(status) == Some(1)).unwrap();
    house.write_with("r2", &[("carl", short), ("dora", short)], &[("middle", long_s)]);
    house.publish("r2");
    let second = blobs(&house);
    ok(&device, "update", json!({}));
    device.wait_for(LONG, |status| held(status) == Some(2)).unwrap();
    assert!(are_there(&house, &first), "there is room for the release before");

    // The third fits if the first goes, which nobody needs any more; the second plays meanwhile.
    house.write_with("r3", &[("emil", short), ("fred", short)], &[("new", long_s)]);
    house.publish("r3");
    let third = blobs(&house);
    ok(&device, "update", json!({}));
    device
        .wait_for(LONG, |status| {
            assert!(are_there(&house, &second), "something of what plays has gone");
            held(status) == Some(3)
        })
        .unwrap();
    assert!(!are_there(&house, &first) && are_there(&house, &third));
    assert!(card.free_bytes().unwrap() >= RESERVE_LEN, "{} bytes are left", card.free_bytes().unwrap());

    // This one never fits: it is said, nothing goes for it, and what is there plays.
    house.write_with("r4", &[("gina", short)], &[("huge", room as f64 * 1.2 / SECOND_LEN)]);
    house.publish("r4");
    ok(&device, "update", json!({}));
    let seen = device.wait_for(LONG, |status| problem(status).contains("room")).unwrap();
    assert!(problem(&seen).contains("the disk's room") && held(&seen) == Some(3), "{seen}");
    assert!(are_there(&house, &second) && are_there(&house, &third));
    plays_on(&device, 2);

    // Somebody fills the card to its last block.
    let ballast = card.fill().unwrap();
    assert!(card.free_bytes().unwrap() < 64 * 1024, "{} bytes are left", card.free_bytes().unwrap());
    house.write("r5", &["hugo", "ida"], short);
    house.publish("r5");
    ok(&device, "update", json!({}));
    let seen = device.wait_for(LONG, |status| !problem(status).is_empty() && plays(status)).unwrap();
    assert_eq!(held(&seen), Some(3), "{seen}");
    plays_on(&device, 3);
    assert!(are_there(&house, &third));

    // There is room again: it goes on by itself, and no play was lost.
    std::fs::remove_file(ballast).unwrap();
    ok(&device, "update", json!({}));
    device.wait_for(LONG, |status| held(status) == Some(5)).unwrap();
    plays_on(&device, 1);
    assert_eq!(house.held_whole(), Some(5));
    end(device, "TERM");
    let rows = house.place.plays();
    let ends: Vec<&str> = rows.iter().map(|row| row.end.as_ref().unwrap().how.as_str()).collect();
    let (last, before) = ends.split_last().unwrap();
    assert!(before.iter().all(|how| *how == "finished") && ["cut", "finished"].contains(last), "{rows:?}");
    let numbers: Vec<u64> = rows.iter().map(|row| row.key.seq).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "a play is missing");
}

#[test]
fn the_end_waits_for_a_slow_card_to_take_the_last_play() {
    if let Err(reason) = BlockLog::is_available() {
        eprintln!("SKIPPED: a slow card: {reason}");
        return;
    }
    // Longer than any other service is waited for at the end.
    const SLOW: Duration = Duration::from_secs(3);
    let place = Place::new();
    let image = place.path().join("card.img");
    format(&image, 24 * 1024 * 1024).unwrap();
    let card = Mounted::new(&image, &place.setup.state_dir(), "errors=remount-ro").unwrap();
    place.song("music/long.wav", 60.0);
    let device = place.run("");
    device.wait_for(SOON, |status| plays(status) && place.plays().len() == 1).unwrap();

    let frozen = card.freeze().unwrap();
    device.signal("TERM").unwrap();
    std::thread::sleep(SLOW);
    drop(frozen);
    assert_eq!(device.wait().unwrap().code(), Some(0));
    let rows = place.plays();
    let end = rows[0].end.as_ref().expect("the play that was cut off has no end");
    assert_eq!((rows.len(), end.how.as_str(), end.reason.as_str()), (1, "cut", "shutdown"));
}

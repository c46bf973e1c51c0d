//! Servers that lie, break off, never end. What is held stays, nothing wrong is kept, and it is told what was wrong.

use super::*;

fn answer(status: &str, headers: &[&str], body: &[u8]) -> Act {
    Act::Answer(status.into(), headers.iter().map(|line| (*line).to_owned()).collect(), body.to_vec())
}

const PAGE: &[u8] = b"<!DOCTYPE html><html><title>Welcome to our WLAN</title></html>";

#[test]
fn each_kind_of_bad_answer_is_told_leaves_what_is_held_and_is_overcome() {
    let cases = [
        (Act::SayLength(SONG_LEN as u64 * 2), "bytes, and 300002 are due"),
        (Act::SayLength(1000), "it says 1000 bytes"),
        (Act::Endless, "has more than its"),
        (Act::Longer(1), "has more than its"),
        (Act::Changed(1), "has other content"),
        (Act::Nothing, "cannot be reached"),
        (Act::CutAfter(0), "broke off after 0 of"),
        (answer("200 OK", &["Content-Type: text/html; charset=utf-8"], PAGE), "log this device in"),
        (answer("511 Network Authentication Required", &[], PAGE), "log this device in"),
        (answer("200 OK", &[], b""), "broke off after 0 of"),
        (answer("404 Not Found", &[], b"no"), "it is not there; is the address right"),
        (answer("403 Forbidden", &[], b"no"), "may not have it"),
        (answer("416 Range Not Satisfiable", &[], b""), "(416)"),
        (answer("429 Too Many Requests", &["Retry-After: 77"], b""), "to be asked again in 77 s"),
        (answer("500 Internal Server Error", &[], b"oh"), "answers 500"),
        (answer("503 Service Unavailable", &["Retry-After: soon"], b""), "answers 503"),
        (answer("204 No Content", &[], b""), "status 204"),
        (
            answer("206 Partial Content", &["Content-Range: bytes 5-9/10"], b"56789"),
            "bytes from 0 were asked for",
        ),
        (answer("206 Partial Content", &[], &song(2)), "bytes from 0 were asked for"),
        (answer("302 Found", &["Location: http://192.168.1.1/x"], b""), "in the local network"),
        (answer("302 Found", &["Location: http://[::1]/x"], b""), "in the local network"),
        (
            answer("302 Found", &["Location: http://169.254.169.254/latest/meta-data"], b""),
            "in the local network",
        ),
        (answer("302 Found", &["Location: http://localhost:1/x"], b""), "an address of the local network"),
        (answer("302 Found", &["Location: file:///etc/passwd"], b""), "which is not followed"),
        (answer("302 Found", &[], b""), "it names no address"),
        (answer("302 Found", &[&format!("Location: {}", path(2))], b""), "it leads on and on"),
        (answer("OK", &[], b""), "cannot be reached"),
    ];
    let mut wrong: Vec<String> = Vec::new();
    for (act, words) in cases {
        let server = serve(&[1]);
        let mut device = Device::of(&server);
        device.take();
        server.put(&path(2), song(2));
        publish(&server, &manifest(2, &[1, 2]), &key(1), 0);
        server.always(&path(2), act.clone());
        let said = device.fails();
        if !said.contains(words) {
            wrong.push(format!("{act:.60?}\n  says {said}\n  not  {words}"));
        }
        assert_eq!(device.whole(), 1, "{act:.60?}");
        server.always(&path(2), Act::Serve);
        assert_eq!(device.take(), 2, "{act:.60?}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_server_that_confuses_its_ranges_spoils_nothing() {
    for honest in [true, false] {
        let server = serve(&[1]);
        server.next(&path(1), [Act::CutAfter(100_000), Act::WrongRange { honest }]);
        let mut device = Device::of(&server);
        assert!(device.fails().contains("broke off"));
        let words = device.fails();
        let due = if honest { "bytes from" } else { "has other content" };
        assert!(words.contains(due), "{words}");
        assert_eq!(device.take(), 1);
    }
}

#[test]
fn content_that_changes_under_its_name_between_two_parts_is_noticed_by_its_validator() {
    let server = serve(&[1]);
    server.next(&path(1), [Act::CutAfter(100_000), Act::Changed(3), Act::Serve]);
    let mut device = Device::of(&server);
    assert!(device.fails().contains("broke off"));
    let words = device.fails();
    assert!(words.contains("has other content"), "{words}");
    assert_eq!(device.take(), 1);
    assert!(server.take_asked().iter().any(|one| one.if_range.is_some()));
}

#[test]
fn a_server_that_says_nothing_or_hardly_anything_is_left() {
    let limits = Limits {
        silence: Duration::from_millis(1500),
        slow: Duration::from_millis(1500),
        document: Duration::from_secs(3),
        ..Limits::default()
    };
    for (act, words) in [(Act::Silence, "no answer in time"), (Act::Drip(20), "less than 256 bytes a second")]
    {
        let (bad, good) = (serve(&[1]), serve(&[1]));
        bad.always(&path(1), act.clone());
        let only = Settings { limits, ..settings(&[bad.url("leeds/")]) };
        let mut device = Device::new(only);
        let said = device.fails();
        assert!(said.contains(words), "{act:?}: {said}");
        let both = Settings { limits, ..settings(&[bad.url("leeds/"), good.url("leeds/")]) };
        device.restart(both);
        assert_eq!(device.take(), 1);
    }
    // The same for the small documents.
    let server = serve(&[1]);
    server.always("/leeds/release.json", Act::Drip(100));
    let mut device = Device::new(Settings { limits, ..settings(&[server.url("leeds/")]) });
    assert!(device.fails().contains("a second"));
}

#[test]
fn offers_and_manifests_are_as_little_believed_as_files() {
    let server = serve(&[1]);
    let mut device = Device::of(&server);
    device.take();
    let old = manifest(2, &[1]);
    let (bytes, offer) = old.seal(&key(1), 0).unwrap();
    let offer_path = "/leeds/release.json";
    let manifest_path = format!("/leeds/{}", manifest_path(&offer.manifest));
    publish(&server, &old, &key(1), 0);
    let mut flipped = bytes.clone();
    flipped[50] ^= 1;
    let of_other_place = {
        let mut other = manifest(3, &[1]);
        other.place = "york-1".into();
        other.program.place.id = "york-1".into();
        other.seal(&key(1), 0).unwrap().1.bytes()
    };
    let later_version =
        String::from_utf8(offer.bytes()).unwrap().replace("\"v\": 1", "\"v\": 2").into_bytes();
    let cases = [
        (offer_path, answer("200 OK", &[], PAGE), "log this device in"),
        (offer_path, answer("200 OK", &[], b""), "cannot be read"),
        (offer_path, answer("200 OK", &[], &offer.bytes()[..50]), "cut off"),
        (offer_path, answer("200 OK", &[], &vec![b' '; 5000]), "more than 4096 bytes"),
        (offer_path, Act::Endless, "more than 4096 bytes"),
        (offer_path, answer("200 OK", &[], &of_other_place), "for the place \"york-1\""),
        (offer_path, answer("200 OK", &[], &later_version), "version 2"),
        (
            offer_path,
            answer("200 OK", &[], &manifest(0, &[1]).seal(&key(1), 0).map_or(vec![], |it| it.1.bytes())),
            "cannot be read",
        ),
        (
            offer_path,
            answer("200 OK", &[], &manifest(2, &[1]).seal(&key(9), 0).unwrap().1.bytes()),
            "does not know",
        ),
        (&manifest_path, answer("200 OK", &[], &bytes[..100]), "cut off"),
        (&manifest_path, answer("200 OK", &[], &flipped), "not the one that is offered"),
        (&manifest_path, Act::CutAfter(100), "broke off"),
        (&manifest_path, Act::Endless, "more than 33554432 bytes"),
        (&manifest_path, answer("404 Not Found", &[], b""), "it is not there"),
    ];
    for (path, act, words) in cases {
        server.next(path, [act.clone()]);
        let said = device.fails();
        assert!(said.contains(words), "{act:.80?}\n  says {said}\n  not  {words}");
        assert_eq!(device.whole(), 1);
    }
    assert_eq!(device.take(), 2);
    publish(&server, &manifest(1, &[1]), &key(1), 0);
    assert!(device.fails().contains("older than release 2"));
}

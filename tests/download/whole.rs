//! What comes whole, once, and goes on where it was.

use super::*;

#[test]
fn a_release_arrives_and_nothing_of_it_is_fetched_twice() {
    let server = serve(&[1, 2, 3]);
    let mut device = Device::of(&server);
    assert_eq!(device.take(), 1);
    let last = device.told.progress.last().unwrap();
    assert_eq!((last.percent(), last.files_done, last.files), (100, 3, 3));
    let asked = server.take_asked();
    assert_eq!(asked.len(), 5, "offer, manifest, three songs: {asked:?}");
    assert!(matches!(device.update(), Ok(Outcome::Current)));
    assert_eq!(server.take_asked().len(), 1, "the offer alone");
    // The next release shares two songs.
    server.put(&path(4), song(4));
    publish(&server, &manifest(2, &[2, 3, 4]), &key(1), 0);
    assert_eq!(device.take(), 2);
    let asked = server.take_asked();
    assert_eq!(asked.iter().filter(|one| one.path.contains("/blobs/")).count(), 1, "{asked:?}");
    // Going back costs no file at all.
    publish(&server, &manifest(3, &[1, 2]), &key(1), 0);
    assert_eq!(device.take(), 3);
    assert_eq!(server.take_asked().len(), 2);
}

#[test]
fn ten_cuts_a_file_cost_at_most_a_twentieth_more_than_its_bytes() {
    let server = serve(&[1]);
    let whole = song(1).len();
    server.next(&path(1), (0..10).map(|_| Act::CutAfter(whole / 11)));
    let mut device = Device::of(&server);
    assert_eq!(device.take(), 1);
    let asked = server.take_asked();
    let sent = sent(&asked, &path(1));
    let tries = asked.iter().filter(|one| one.path == path(1)).count();
    println!("{tries} requests, {sent} bytes sent for {whole}: {:.3}", sent as f64 / whole as f64);
    assert!(tries >= 11 && sent as f64 <= 1.05 * whole as f64, "{sent} of {whole}: {asked:?}");
    assert!(asked.iter().filter(|one| one.if_range.is_some()).count() >= 10, "by the strong validator");
    let waited: Duration = device.pace.waits.iter().sum();
    assert!(
        waited <= Duration::from_secs(10),
        "while bytes come it does not wait longer and longer: {waited:?}"
    );
}

#[test]
fn a_file_cut_at_each_tenth_goes_on_also_after_a_restart() {
    for tenth in 0..10 {
        let server = serve(&[1]);
        let cut = song(1).len() * tenth / 10;
        server.next(&path(1), [Act::CutAfter(cut)]);
        let mut device = Device::of(&server);
        let words = device.fails();
        assert!(words.contains("broke off") || words.contains("cannot be reached"), "{tenth}: {words}");
        device.restart(settings(&[server.url("leeds/")]));
        assert_eq!(device.take(), 1, "{tenth}");
        let sent = sent(&server.take_asked(), &path(1));
        assert!(sent <= song(1).len() as u64 + 64 * 1024, "{tenth}: {sent}");
    }
}

#[test]
fn a_server_without_ranges_is_good_enough() {
    let server = serve(&[1, 2]);
    server.next(&path(1), [Act::CutAfter(100_000), Act::WithoutRanges]);
    let mut device = Device::of(&server);
    assert_eq!(device.take(), 1);
}

#[test]
fn what_is_damaged_on_the_disk_is_fetched_again_and_nothing_else() {
    let server = serve(&[1, 2, 3]);
    let mut device = Device::of(&server);
    device.take();
    let _ = server.take_asked();
    let file = device.store.blob(&name(2)).unwrap();
    std::fs::write(&file, b"rot").unwrap();
    device.restart(settings(&[server.url("leeds/")]));
    assert!(matches!(device.run(), Ok(Outcome::Ready(_))));
    assert_eq!(device.whole(), 1);
    let asked = server.take_asked();
    let blobs: Vec<&Asked> = asked.iter().filter(|one| one.path.contains("/blobs/")).collect();
    assert_eq!(blobs.len(), 1, "{asked:?}");
    assert_eq!(blobs[0].path, path(2));
}

#[test]
fn keys_that_were_rotated_are_followed_one_by_one() {
    let server = serve(&[1]);
    let mut device = Device::of(&server);
    device.take();
    let mut ring = Keyring::pinned(vec![key(1).public()]).unwrap();
    for serial in 1..=3_u8 {
        let message = ring.rotate(vec![key(serial + 1).public()], &key(serial)).unwrap().bytes();
        server.put(&format!("/leeds/{}", rotation_path(u64::from(serial))), message.clone());
        ring = ring.follow(&message).unwrap();
    }
    publish(&server, &manifest(2, &[1]), &key(4), 3);
    assert_eq!(device.take(), 2);
    publish(&server, &manifest(3, &[1]), &key(1), 3);
    assert!(device.fails().contains("does not know"));
    device.restart(settings(&[server.url("leeds/")]));
    assert!(device.fails().contains("does not know"), "also after a restart");
    assert_eq!(device.whole(), 2);
}

#[test]
fn what_does_not_fit_is_told_before_a_byte_of_it_is_fetched() {
    let server = serve(&[1, 2]);
    let mut device = Device::of(&server);
    let small = store::Settings { quota_bytes: Some(400_000), ..store_settings(&device.folder) };
    device.store = Store::open(Arc::new(RealDisk), small).unwrap().0;
    let words = device.fails();
    assert!(words.contains("600003 more bytes") && words.contains("raise the quota"), "{words}");
    assert!(!server.take_asked().iter().any(|one| one.path.contains("/blobs/")));
}

#[test]
fn a_rate_is_kept_and_progress_tells_how_long_it_takes() {
    let server = serve(&[1]);
    let mut device = Device::new(Settings { rate_max: Some(50_000), ..settings(&[server.url("leeds/")]) });
    let begin = device.pace.now_ms();
    assert_eq!(device.take(), 1);
    let took_ms = device.pace.now_ms() - begin;
    assert!(took_ms >= 5_500, "{SONG_LEN} bytes at 50,000 a second took {took_ms} ms");
    let told = &device.told.progress;
    assert!(
        told.iter().any(|one| one.percent() > 10 && one.percent() < 90 && one.left_ms().is_some()),
        "{told:?}"
    );
}

#[test]
fn outside_of_the_windows_nothing_is_fetched_and_it_says_until_when() {
    let server = serve(&[1]);
    let window = ("02:00".parse().unwrap(), "05:00".parse().unwrap());
    let mut device = Device::new(Settings { windows: vec![window], ..settings(&[server.url("leeds/")]) });
    device.pace.local_ms = Some(23 * 3600 * 1000);
    let words = device.fails();
    assert!(words.contains("opens in 180 min"), "{words}");
    assert_eq!(sent(&server.take_asked(), &path(1)), 0, "not even begun");
    device.pace.waits_max = 0;
    assert!(matches!(device.run(), Err(Problem::Stopped)));
    let (why, ms) = device.told.progress.last().unwrap().waiting.clone().unwrap();
    assert!(why.contains("window") && ms >= 3 * 3600 * 1000, "{why} {ms}");
    device.pace.local_ms = Some(3 * 3600 * 1000);
    device.pace.waits_max = 1000;
    assert_eq!(device.take(), 1);
}

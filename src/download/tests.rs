//! The pure parts: patience, rates, windows, addresses.

use std::net::IpAddr;

use super::address::{is_private, redirected};
use super::*;

#[test]
fn waits_are_spread_over_a_bound_that_doubles_and_ends() {
    let bounds_s = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900];
    let mut longest = [Duration::ZERO; 13];
    for seed in 0..200 {
        let mut backoff = Backoff::new(seed);
        for (longest, bound_s) in longest.iter_mut().zip(bounds_s) {
            let wait = backoff.next_wait(Wait::Jitter).unwrap();
            assert!(wait <= Duration::from_secs(bound_s), "{wait:?} of {bound_s}");
            *longest = wait.max(*longest);
        }
    }
    for (longest, bound_s) in longest.iter().zip(bounds_s) {
        assert!(
            *longest > Duration::from_secs(bound_s).mul_f64(0.9),
            "{longest:?} of {bound_s}: full jitter"
        );
    }
    let waits = |seed| {
        let mut backoff = Backoff::new(seed);
        [(); 9].map(|()| backoff.next_wait(Wait::Jitter))
    };
    assert_eq!(waits(7), waits(7), "a seed repeats");
    assert_ne!(waits(7), waits(8), "devices differ");
}

#[test]
fn success_makes_patience_short_again_and_what_a_server_asks_for_is_kept() {
    let mut backoff = Backoff::new(1);
    for _ in 0..20 {
        assert!(backoff.next_wait(Wait::Jitter).is_some());
    }
    backoff.succeeded();
    assert!(backoff.next_wait(Wait::Jitter).unwrap() <= Duration::from_secs(1));
    let asked = Duration::from_secs(77);
    for _ in 0..30 {
        let wait = backoff.next_wait(Wait::AtLeast(asked)).unwrap();
        assert!(wait >= asked && wait <= asked + Duration::from_secs(60), "{wait:?}");
        assert!(backoff.next_wait(Wait::Seldom).unwrap() >= Duration::from_secs(300));
    }
    assert_eq!(backoff.next_wait(Wait::Over), None);
}

#[test]
fn a_rate_is_kept_over_time_whatever_the_pieces() {
    for piece in [1, 100, 1000, 65_536] {
        let mut rate = Rate::new(10_000, 0);
        let (mut now_ms, mut taken) = (0, 0);
        while taken < 1_000_000 {
            now_ms += rate.take(piece, now_ms).as_millis() as u64;
            taken += piece;
        }
        let due_ms = taken * 1000 / 10_000;
        assert!(now_ms.abs_diff(due_ms) <= 260, "{piece}: {now_ms} of {due_ms} ms");
    }
    let mut rate = Rate::new(1000, 0);
    assert_eq!(
        rate.take(250, 100_000),
        Duration::ZERO,
        "a pause is not saved up beyond a quarter of a second"
    );
    assert!(rate.take(1000, 100_000) >= Duration::from_millis(999));
}

#[test]
fn files_are_fetched_in_the_windows_also_over_midnight_and_while_nobody_knows_the_time() {
    let time = |text: &str| text.parse::<TimeOfDay>().unwrap();
    let windows = Windows::new(&[(time("22:00"), time("06:00")), (time("12:00"), time("13:00"))]);
    let at = |text: &str| windows.wait(Some(i64::from(time(text).seconds()) * 1000));
    for open in ["22:00", "23:59", "00:00", "05:59", "12:30"] {
        assert_eq!(at(open), None, "{open}");
    }
    assert_eq!(at("06:00"), Some(Duration::from_secs(6 * 3600)));
    assert_eq!(at("13:00"), Some(Duration::from_secs(9 * 3600)));
    assert_eq!(windows.wait(None), None);
    assert_eq!(Windows::new(&[]).wait(Some(0)), None);
}

#[test]
fn addresses_are_folders_of_servers() {
    for text in [
        "https://music.example/leeds",
        "https://music.example/leeds/",
        "https://music.example/leeds/release.json",
    ] {
        let address: Address = text.parse().unwrap();
        assert_eq!(address.beside("release.json"), "https://music.example/leeds/release.json");
    }
    for text in [
        "",
        "music.example",
        "ftp://music.example/",
        "http://",
        "file:///etc/passwd",
        "http://a b/",
        "http://x/?a=1",
    ] {
        let error = text.parse::<Address>().unwrap_err().to_string();
        assert!(error.contains("https://music.example/leeds-1/"), "{error}");
    }
}

#[test]
fn redirects_stay_what_they_are() {
    let to =
        |from: &str, location: &str| redirected(&from.parse().unwrap(), location).map(|uri| uri.to_string());
    assert_eq!(to("https://a/b/c", "/d"), Ok("https://a/d".into()));
    assert_eq!(to("https://a/b/c", "d"), Ok("https://a/b/d".into()));
    assert_eq!(to("https://a/b/c", "//e/f"), Ok("https://e/f".into()));
    assert_eq!(to("http://a/b/c", "https://e/f?g=h"), Ok("https://e/f?g=h".into()));
    assert_eq!(to("https://a/b", "http://a/b"), Err("it would leave the encryption"));
    assert!(to("http://a/b", "file:///etc/passwd").is_err());
    assert!(to("http://a/b", "gopher://a/b").is_err());
    assert!(to("http://a/b", &"x".repeat(5000)).is_err());
}

#[test]
fn addresses_of_local_networks_are_known_as_such() {
    let private = [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "198.18.0.1",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
    ];
    for text in private {
        assert!(is_private(text.parse::<IpAddr>().unwrap()), "{text}");
    }
    for text in
        ["93.184.215.14", "8.8.8.8", "100.128.0.1", "172.32.0.1", "2606:2800:220:1::1", "::ffff:8.8.8.8"]
    {
        assert!(!is_private(text.parse::<IpAddr>().unwrap()), "{text}");
    }
}

#[test]
fn progress_is_a_hundred_only_when_all_is_there() {
    let mut progress = Progress { bytes: 1000, bytes_done: 999, rate: 10, ..Progress::default() };
    assert_eq!((progress.percent(), progress.left_ms()), (99, Some(100)));
    progress.bytes_done = 1000;
    assert_eq!((progress.percent(), progress.left_ms()), (100, Some(0)));
    assert_eq!(Progress::default().left_ms(), None);
}

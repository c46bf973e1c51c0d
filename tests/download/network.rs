//! Several servers, proxies, names, certificates.

use super::*;

#[test]
fn several_servers_are_asked_in_turn_and_each_file_comes_once() {
    let (first, second) = (serve(&[1, 2, 3]), serve(&[1, 2, 3]));
    first.always(&path(2), Act::Answer("404 Not Found".into(), vec![], vec![]));
    first.next(&path(3), [Act::CutAfter(150_000)]);
    let mut device = Device::new(settings(&[first.url("leeds/"), second.url("leeds/")]));
    assert_eq!(device.take(), 1);
    assert!(device.pace.waits.is_empty(), "nothing is waited for while a server is left");
    let asked: Vec<Asked> = second.take_asked();
    let paths: Vec<&str> = asked.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(paths, [path(2), path(3)]);
    assert!(asked[1].range.is_some(), "the second goes on where the first broke off: {asked:?}");
}

#[test]
fn a_server_that_is_behind_the_others_does_not_keep_the_new_release_away() {
    let (behind, ahead) = (serve(&[1]), serve(&[1]));
    let mut device = Device::new(settings(&[behind.url("leeds/"), ahead.url("leeds/")]));
    device.take();
    publish(&ahead, &manifest(2, &[1]), &key(1), 0);
    assert_eq!(device.take(), 2, "the first one says that nothing is new");
    publish(&ahead, &manifest(3, &[1]), &key(1), 0);
    assert_eq!(device.take(), 3, "the first one offers what is older");
    drop(behind);
    assert!(matches!(device.update(), Ok(Outcome::Current)), "one that answers is enough");
}

#[test]
fn a_redirect_to_a_configured_server_is_followed_and_to_a_local_one_only_if_allowed() {
    let (server, other) = (serve(&[1]), serve(&[1]));
    let location = format!("Location: http://localhost:{}{}", other.address().port(), path(1));
    server.always(&path(1), Act::Answer("307 Temporary Redirect".into(), vec![location], vec![]));
    let mut device = Device::of(&server);
    let words = device.fails();
    assert!(words.contains("local network"), "{words}");
    assert!(other.take_asked().is_empty(), "it is not even asked");
    device.restart(Settings { private_redirects: true, ..settings(&[server.url("leeds/")]) });
    assert_eq!(device.take(), 1);
    assert_eq!(other.take_asked().len(), 1);
}

#[test]
fn everything_goes_through_a_proxy_that_is_configured() {
    let (server, proxy) = (serve(&[1]), HttpServer::start().unwrap());
    let through = |proxy: String| Settings { proxy: Some(proxy), ..settings(&[server.url("leeds/")]) };
    let mut device = Device::new(through(format!("http://{}", proxy.address())));
    assert_eq!(device.take(), 1);
    let asked = proxy.take_asked();
    assert!(
        !asked.is_empty() && asked.iter().all(|one| one.path == server.address().to_string()),
        "{asked:?}"
    );
    let _ = server.take_asked();
    proxy.everywhere(Some(Act::Answer("407 Proxy Authentication Required".into(), vec![], vec![])));
    device.restart(through(format!("http://{}", proxy.address())));
    let words = device.fails();
    assert!(words.contains("proxy"), "{words}");
    assert!(server.take_asked().is_empty(), "never around it");
    let error = Download::new(through("nonsense://x".into()), 1).err().unwrap().to_string();
    assert!(error.contains("http://proxy.example:3128"), "{error}");
}

#[test]
fn names_that_nobody_knows_and_ports_where_nobody_listens_are_told() {
    let free = HttpServer::start().unwrap().address();
    for (address, words) in [
        ("http://no-such-server.invalid/leeds/".to_owned(), "no-such-server.invalid cannot be reached"),
        (format!("http://{free}/leeds/"), "refused"),
    ] {
        let mut device = Device::new(settings(&[address]));
        let said = device.fails();
        assert!(said.contains(words), "{said}");
        device.pace.waits_max = 3;
        assert!(matches!(device.run(), Err(Problem::Stopped)), "it is tried again for ever");
        assert_eq!(device.pace.waits.len(), 4);
    }
    // A good server behind a bad one.
    let server = serve(&[1]);
    let mut device =
        Device::new(settings(&["http://no-such-server.invalid/leeds/".into(), server.url("leeds/")]));
    assert_eq!(device.take(), 1);
}

#[test]
fn certificates_that_are_none_are_told_with_their_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    for text in ["", "no certificate", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
        std::fs::write(&file, text).unwrap();
        let with = Settings {
            trust: orchestrion::tls::Trust::Certificates(file.clone()),
            ..settings(&["https://music.example/".into()])
        };
        let error = Download::new(with, 1).err().unwrap().to_string();
        assert!(error.contains("ca.pem"), "{error}");
    }
    let server = serve(&[1]);
    let encrypted = server.url("leeds/").replace("http://", "https://");
    let mut device = Device::new(settings(&[encrypted]));
    let said = device.fails();
    assert!(said.contains("certificate or encryption") || said.contains("cannot be reached"), "{said}");
}

#[test]
fn a_server_that_is_asked_for_each_files_address_is_asked_with_the_token_and_its_answer_is_believed_as_little()
 {
    let server = serve(&[1, 2]);
    let answer = |url: String| {
        let body = json!({"url": url, "expires_utc_ms": 5}).to_string().into_bytes();
        Act::Answer("200 OK".into(), vec!["Content-Type: application/json".into()], body)
    };
    // The files lie elsewhere, under names that tell nothing.
    for (n, hidden) in [(1, "/hidden/a?until=9"), (2, "/hidden/b?until=9")] {
        server.put(hidden, song(n));
        server.always(&path(n), Act::Answer("403 Forbidden".into(), vec![], vec![]));
    }
    // The blobs are asked for in the order of the manifest.
    let urls = ["hidden/a?until=9", "hidden/b?until=9"].map(|path| answer(server.url(path)));
    server.next("/ask", urls);
    let communicate = Communicate { url: server.url("ask"), token: "t0ken".into() };
    let settings = Settings { communicate: Some(communicate), ..settings(&[server.url("leeds/")]) };
    let mut device = Device::new(settings.clone());
    assert_eq!(device.take(), 1);
    let asked = server.take_asked();
    assert_eq!(asked.iter().filter(|one| one.path == "/ask").count(), 2);
    assert!(!format!("{settings:?}").contains("t0ken"), "the token is in no log");

    // What it names in the local network is not fetched, and what it does not know is fetched beside the release.
    let other = HttpServer::start().unwrap();
    let server = serve(&[3]);
    other.put("/x", song(3));
    server.always("/ask", answer(other.url("x").replace("127.0.0.1", "127.0.0.2")));
    let communicate = Communicate { url: server.url("ask"), token: "t".into() };
    let mut device =
        Device::new(Settings { communicate: Some(communicate), ..self::settings(&[server.url("leeds/")]) });
    assert_eq!(device.take(), 1);
    assert!(other.take_asked().is_empty());
}

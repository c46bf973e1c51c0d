//! Whom a device believes to be its server: over real connections, with certificates that are right, wrong, old and new.

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde_json::Value;

use super::room::{Room, SOON, connected, music_goes_on};
use super::server::Server;

fn token(server: &Server) -> String {
    let token = server.admin(&["device", "token", "t", "--place", "leeds-1"]);
    format!("token = {}", token["token"])
}

/// Key and certificate for a name, of these years.
fn certificate(name: &str, years: (i32, i32)) -> String {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(years.0, 1, 1);
    params.not_after = date_time_ymd(years.1, 1, 1);
    let key = KeyPair::generate().unwrap();
    format!("{}{}", key.serialize_pem(), params.self_signed(&key).unwrap().pem())
}

/// A server that shows a certificate of a file, which is made here.
fn with_file(pem: &str) -> Server {
    Server::with("https", |dir| {
        let path = dir.join("certificate.pem");
        std::fs::write(&path, pem).unwrap();
        format!("certificate = {path:?}\n")
    })
}

fn problem(device: &orchestrion_rig::device::Device) -> String {
    let status = device.wait_for(SOON, |status| status["server"]["problem"].is_string()).unwrap();
    status["server"]["problem"].as_str().unwrap().to_owned()
}

#[test]
fn a_device_with_the_right_pin_is_let_in_commanded_and_asks_for_releases_by_tls() {
    let server = Server::encrypted();
    let room = Room::new(60.0);
    let more = format!("{}\nfingerprint = \"{}\"", token(&server), server.fingerprint());
    let device = room.run(&server.base, &more);
    let id = connected(&device);
    let done = server.command(&id, "volume", &serde_json::json!({"percent": 17}));
    assert_eq!(done["state"], "done", "{done}");
    // The thread that downloads goes by the same pin.
    let done = server.command(&id, "content.update", &Value::Null);
    assert_eq!(done["state"], "done", "{done}");
    assert!(!room.setup.log().contains("certificate"), "{}", room.setup.log());
    music_goes_on(&device);
    assert!(device.terminate().unwrap().success());
}

#[test]
fn a_device_without_a_pin_says_what_it_met_and_what_to_write() {
    let server = Server::encrypted();
    let room = Room::new(60.0);
    let device = room.run(&server.base, &token(&server));
    let words = problem(&device);
    let advice = format!("write fingerprint = \"{}\" in [server]", server.fingerprint());
    assert!(words.contains("not believed") && words.contains(&advice), "{words}");
    assert!(words.contains("nobody whom this device knows has signed it"), "{words}");
    assert!(room.setup.log().contains(&advice), "{}", room.setup.log());
    // Nothing was told to whoever that was.
    let known: Value = serde_json::from_str(&server.get("/api/v1/devices")).unwrap();
    assert_eq!(known.as_array().unwrap().len(), 0, "{known}");
    music_goes_on(&device);
    assert!(device.terminate().unwrap().success());
}

#[test]
fn a_wrong_pin_is_refused_and_the_music_goes_on() {
    let server = Server::encrypted();
    let room = Room::new(60.0);
    let pinned = format!("sha256:{}", "ab".repeat(32));
    let device = room.run(&server.base, &format!("{}\nfingerprint = \"{pinned}\"", token(&server)));
    let words = problem(&device);
    assert!(words.contains(&server.fingerprint()) && words.contains(&pinned), "{words}");
    assert!(words.contains("somebody stands in between"), "{words}");
    let known: Value = serde_json::from_str(&server.get("/api/v1/devices")).unwrap();
    assert_eq!(known.as_array().unwrap().len(), 0, "{known}");
    music_goes_on(&device);
    assert!(device.terminate().unwrap().success());
}

#[test]
fn a_certificate_that_changes_is_refused_until_the_new_one_is_pinned() {
    let mut server = Server::encrypted();
    let before = server.fingerprint();
    let room = Room::new(60.0);
    let more = format!("{}\nfingerprint = \"{before}\"", token(&server));
    let device = room.run(&server.base, &more);
    let id = connected(&device);
    // The same certificate after a start: as if nothing had been.
    server.kill();
    server.start();
    assert_eq!(server.fingerprint(), before);
    server.command(&id, "status", &Value::Null);
    server.kill();
    std::fs::remove_file(server.dir.path().join("state/tls.pem")).unwrap();
    server.start();
    let after = server.fingerprint();
    assert_ne!(after, before);
    let is_told =
        |status: &Value| status["server"]["problem"].as_str().is_some_and(|words| words.contains(&after));
    let status = device.wait_for(super::server::PATIENCE, is_told).unwrap();
    assert!(status["server"]["problem"].as_str().unwrap().contains(&before), "{status}");
    music_goes_on(&device);
    room.configure(&server.base, &more.replace(&before, &after));
    device.signal("HUP").unwrap();
    assert_eq!(connected(&device), id, "the same device as before");
    assert!(device.terminate().unwrap().success());
}

#[test]
fn a_pin_goes_before_names_and_dates_and_a_file_of_certificates_does_not() {
    // For another name than it is reached by, and its time is long over.
    let pem = certificate("other.example", (2001, 2002));
    let server = with_file(&pem);
    let room = Room::new(60.0);
    let token = token(&server);
    let device = room.run(&server.base, &format!("{token}\nfingerprint = \"{}\"", server.fingerprint()));
    connected(&device);
    // The same certificate in a file speaks for that name and those years only.
    std::fs::write(room.path().join("server.pem"), &pem).unwrap();
    room.configure(&server.base, &format!("{token}\ncertificates = \"server.pem\""));
    device.signal("HUP").unwrap();
    let words = problem(&device);
    assert!(words.contains("its time is over") || words.contains("for another name"), "{words}");
    assert!(device.terminate().unwrap().success());

    let pem = certificate("127.0.0.1", (2001, 4000));
    let server = with_file(&pem);
    let room = Room::new(60.0);
    std::fs::write(room.path().join("server.pem"), &pem).unwrap();
    let more = format!("{}\ncertificates = \"server.pem\"", super::tls::token(&server));
    let device = room.run(&server.base, &more);
    connected(&device);
    assert!(device.terminate().unwrap().success());
}

#[test]
fn plain_http_to_another_machine_is_warned_of_in_the_log() {
    let room = Room::new(60.0);
    // No name server knows this one (RFC 2606).
    let device = room.run("http://music.invalid", "token = \"oet_1\"");
    problem(&device);
    let log = room.setup.log();
    assert!(log.contains("http://music.invalid is plain HTTP") && log.contains("write https"), "{log}");
    assert!(!log.contains("oet_1"), "{log}");
    assert!(device.terminate().unwrap().success());
}

//! What the server shows of itself by TLS, and what it refuses.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use orchestrion_server::bootstrap::StartError;
use orchestrion_server::settings::{Settings, TlsKind};
use rcgen::{CertificateParams, KeyPair};

use super::house::{House, read, settings};

fn own() -> House {
    House::with(|settings| settings.tls = Some(TlsKind::Own))
}

/// A client that believes the certificate of a file.
fn believer(pem: &std::path::Path) -> ureq::Agent {
    let text = std::fs::read(pem).unwrap();
    let found = ureq::tls::parse_pem(&text).filter_map(|item| match item.unwrap() {
        ureq::tls::PemItem::Certificate(certificate) => Some(certificate),
        _ => None,
    });
    let found: Vec<_> = found.collect();
    let tls =
        ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::new_with_certs(&found)).build();
    ureq::Agent::config_builder().tls_config(tls).http_status_as_error(false).build().into()
}

#[test]
fn the_certificate_of_its_own_is_kept_for_its_owner_and_shown_after_each_start() {
    let mut house = own();
    let pem = house.dir.path().join("state/tls.pem");
    assert_eq!(std::fs::metadata(&pem).unwrap().permissions().mode() & 0o777, 0o600);
    let fingerprint = house.app().tls().unwrap().fingerprint;
    assert!(house.url("").starts_with("https://127.0.0.1:"));
    assert_eq!(read(believer(&pem).get(house.url("/health")).call().unwrap()).text, "ok\n");
    house.restart();
    assert_eq!(house.app().tls().unwrap().fingerprint, fingerprint);
    assert_eq!(read(believer(&pem).get(house.url("/health")).call().unwrap()).text, "ok\n");
    assert!(super::house::agent().get(house.url("/health")).call().is_err(), "nobody has signed it");
}

#[test]
fn a_client_that_speaks_plain_http_or_rubbish_to_it_is_told_and_harms_nobody() {
    let house = own();
    let address = house.url("").replace("https://", "");
    let mut plain = TcpStream::connect(&address).unwrap();
    plain.write_all(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    plain.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("write https://"), "{answer}");
    for bytes in [&b"\x16\x03\x01\xff\xff"[..], b"\0\0\0\0\0\0\0", b"\x16\x03\x01\0\x05hello"] {
        let mut rubbish = TcpStream::connect(&address).unwrap();
        rubbish.write_all(bytes).unwrap();
        rubbish.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = rubbish.read_to_end(&mut Vec::new());
    }
    // Says nothing, and is not waited for at the end.
    let _silent = TcpStream::connect(&address).unwrap();
    let pem = house.dir.path().join("state/tls.pem");
    assert_eq!(read(believer(&pem).get(house.url("/health")).call().unwrap()).text, "ok\n");
}

#[test]
fn plain_http_is_refused_where_others_can_reach_it_unless_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let open =
        Settings { listen: "0.0.0.0:0".parse().unwrap(), tls: Some(TlsKind::Off), ..settings(dir.path()) };
    let mut house = House::new();
    let error = house.start(open.clone()).unwrap_err();
    assert!(matches!(error, StartError::Settings(_)), "{error}");
    let words = error.to_string();
    for word in ["0.0.0.0", "plain_http = true", "leave tls out", "127.0.0.1"] {
        assert!(words.contains(word), "{words}");
    }
    assert!(!dir.path().join("state").exists(), "nothing was begun");
    Settings { plain_http: true, ..open }.judge().unwrap();
}

#[test]
fn a_renewed_certificate_is_shown_after_a_reload_and_a_broken_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let pem = dir.path().join("certificate.pem");
    let make = || {
        let key = KeyPair::generate().unwrap();
        let made = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
        std::fs::write(&pem, format!("{}{}", key.serialize_pem(), made.pem())).unwrap();
    };
    make();
    let house = House::with(|settings| settings.certificate = Some(pem.clone()));
    let settings = Settings::clone(&house.app().settings());
    let before = house.app().tls().unwrap().fingerprint;
    make();
    assert_eq!(house.app().reload(settings.clone()).unwrap(), Vec::<&str>::new());
    assert_ne!(house.app().tls().unwrap().fingerprint, before);
    assert_eq!(read(believer(&pem).get(house.url("/health")).call().unwrap()).text, "ok\n");
    let good = std::fs::read(&pem).unwrap();
    std::fs::write(&pem, "no certificate").unwrap();
    let words = house.app().reload(settings).unwrap_err().to_string();
    assert!(words.contains("certificate.pem"), "{words}");
    std::fs::write(&pem, good).unwrap();
    assert_eq!(read(believer(&pem).get(house.url("/health")).call().unwrap()).text, "ok\n");
}

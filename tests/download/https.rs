//! HTTPS with certificates of one's own: a real server, `openssl s_server`. Skipped loudly where there is none.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::*;

/// A server of files by HTTPS; killed when it is dropped.
struct Https {
    child: Child,
    port: u16,
}

impl Drop for Https {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn openssl(folder: &Path, words: &str) -> bool {
    let mut command = Command::new("openssl");
    command.args(words.split(' ')).current_dir(folder).stdin(Stdio::null()).stderr(Stdio::null());
    command.stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

impl Https {
    /// Serves a folder, under a certificate that an authority in it has signed.
    fn start(folder: &Path) -> Option<Self> {
        let new = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj";
        if !openssl(folder, &format!("req -x509 {new} /CN=Ours -days 2 -keyout ca.key -out ca.pem")) {
            eprintln!("SKIPPED: there is no openssl here; script/setup installs it");
            return None;
        }
        assert!(openssl(folder, &format!("req {new} /CN=localhost -keyout server.key -out server.csr")));
        std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
        let sign = "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2";
        assert!(openssl(folder, &format!("{sign} -extfile names -out server.pem")));
        let words = "s_server -accept 127.0.0.1:0 -cert server.pem -key server.key -WWW";
        let mut command = Command::new("openssl");
        command.args(words.split(' ')).current_dir(folder).stdin(Stdio::null()).stderr(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let line = lines.find(|line| line.starts_with("ACCEPT")).unwrap();
        // What it says further is read, lest it waits for somebody who reads.
        std::thread::spawn(move || lines.for_each(drop));
        let port = line.rsplit(':').next().unwrap().trim().parse().unwrap();
        Some(Self { child, port })
    }
}

#[test]
fn over_https_a_certificate_of_ones_own_authority_is_believed_and_nobody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Https::start(folder.path()) else { return };
    let (bytes, offer) = manifest(1, &[1, 2]).seal(&key(1), 0).unwrap();
    let put = |path: &str, bytes: &[u8]| {
        let path = folder.path().join("leeds").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    put(&manifest_path(&offer.manifest), &bytes);
    put(OFFER_NAME, &offer.bytes());
    [1, 2].iter().for_each(|n| put(&blob_path(&name(*n)), &song(*n)));
    let address = format!("https://127.0.0.1:{}/leeds/", server.port);
    let mut stranger = Device::new(settings(std::slice::from_ref(&address)));
    let words = stranger.fails();
    assert!(words.contains("certificate"), "{words}");
    let trust = orchestrion::tls::Trust::Certificates(folder.path().join("ca.pem"));
    let mut device = Device::new(Settings { trust, ..settings(&[address]) });
    assert_eq!(device.take(), 1);
}

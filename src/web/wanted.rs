//! What the configuration says of a control server: `[server]`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use orchestrion_protocol::fleet::Fingerprint;
use serde::Deserialize;

use super::{Http, NoServer};
use crate::tls::{Tls, Trust};

/// Bytes of a file with a token.
const TOKEN_FILE_LEN_MAX: u64 = 4096;

/// See the head of this file.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// `https://music.example`.
    url: String,
    /// What lets it in without somebody who types a code.
    token: Option<String>,
    /// A file with that.
    token_file: Option<PathBuf>,
    /// What people call it; its host name where nothing is said.
    name: Option<String>,
    /// A file of certificates (PEM) that are believed instead of the web's.
    certificates: Option<PathBuf>,
    /// The certificate that is believed, and no other, whoever has signed it.
    fingerprint: Option<Fingerprint>,
}

impl std::fmt::Debug for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token is nobody's business, and least of all the log's.
        f.debug_struct("Wanted").field("url", &self.url).field("name", &self.name).finish_non_exhaustive()
    }
}

impl Wanted {
    /// Makes paths count from the folder of the configuration.
    pub fn resolve(&mut self, folder: &Path) {
        let paths = [&mut self.token_file, &mut self.certificates];
        paths.into_iter().flatten().for_each(|path| *path = folder.join(&*path));
    }

    /// Whether what it says can be.
    ///
    /// # Errors
    /// What cannot, and what would be right.
    pub fn judge(&self) -> Result<(), String> {
        let uri = Http::judge(&self.url).map_err(|error: NoServer| format!("[server] url: {error}"))?;
        if self.fingerprint.is_some() && self.certificates.is_some() {
            return Err(
                "[server] fingerprint and certificates are both there; a fingerprint alone is enough".into(),
            );
        }
        if self.fingerprint.is_some() && uri.scheme_str() != Some("https") {
            return Err(
                "[server] fingerprint: only https shows a certificate; write url = \"https://…\"".into()
            );
        }
        if self.token.is_some() && self.token_file.is_some() {
            return Err("[server] token and token_file are both there; one of them is right".into());
        }
        if self.token.as_deref().is_some_and(str::is_empty) {
            return Err("[server] token is empty; leave it out to be let in by a code".into());
        }
        Ok(())
    }

    /// The server, as it is written in the configuration but for a slash at its end.
    pub fn url(&self) -> &str {
        self.url.trim_end_matches('/')
    }

    /// What people call this device, if the configuration says.
    pub fn given_name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What it is called.
    pub(super) fn name(&self) -> String {
        let host = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        self.name.clone().unwrap_or_else(|| host().trim().to_owned())
    }

    /// What lets it in, if there is something.
    ///
    /// # Errors
    /// Its file cannot be read.
    pub(super) fn token(&self) -> Result<Option<String>, String> {
        let Some(path) = &self.token_file else { return Ok(self.token.clone()) };
        let wrong = |words: String| format!("[server] token_file: {}: {words}", path.display());
        let len = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
        if len > TOKEN_FILE_LEN_MAX {
            return Err(wrong(format!("it has {len} bytes; it is to have one line")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        Ok(Some(text.trim().to_owned()).filter(|token| !token.is_empty()))
    }

    /// Who asks it.
    ///
    /// # Errors
    /// The certificates cannot be read.
    pub(super) fn http(&self) -> Result<Http, String> {
        let tls = Tls::new(&self.trust()).map_err(|words| format!("[server] certificates: {words}"))?;
        Http::new(self.url(), &tls).map_err(|error| error.to_string())
    }

    /// Which certificates are believed.
    pub fn trust(&self) -> Trust {
        match (&self.fingerprint, &self.certificates) {
            (Some(fingerprint), _) => Trust::Pinned(*fingerprint),
            (None, Some(path)) => Trust::Certificates(path.clone()),
            (None, None) => Trust::Web,
        }
    }

    /// Whether what goes to and fro can be read and changed by whoever is on the way.
    pub fn is_open(&self) -> bool {
        let Ok(uri) = Http::judge(&self.url) else { return false };
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let is_here = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        uri.scheme_str() == Some("http") && !is_here
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Wanted, String> {
        let wanted: Wanted = toml::from_str(text).map_err(|error| error.to_string())?;
        wanted.judge()?;
        Ok(wanted)
    }

    #[test]
    fn what_is_wrong_is_named_with_what_would_be_right() {
        for (text, words) in [
            ("token = \"t\"", "url"),
            ("url = \"music.example\"", "https://music.example"),
            ("url = \"http://a\"\ntoken = \"t\"\ntoken_file = \"f\"", "one of them"),
            ("url = \"http://a\"\ntoken = \"\"", "by a code"),
            ("url = \"http://a\"\nkey = 3", "unknown field"),
            ("url = \"https://a\"\nfingerprint = \"sha256:12\"", "admin fingerprint"),
            (&format!("url = \"http://a\"\nfingerprint = \"{}\"", Fingerprint::of(b"")), "https"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(words), "{text:?}: {error}");
        }
    }

    #[test]
    fn only_a_server_elsewhere_by_plain_http_can_be_listened_to() {
        for (url, is_open) in [
            ("http://music.example", true),
            ("http://10.0.0.2:8470/", true),
            ("https://music.example", false),
            ("http://127.0.0.1:8470", false),
            ("http://[::1]:8470", false),
            ("http://localhost", false),
        ] {
            assert_eq!(parse(&format!("url = \"{url}\"")).unwrap().is_open(), is_open, "{url}");
        }
    }

    #[test]
    fn a_token_is_a_text_or_a_file_and_stands_in_no_log() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("token"), "oet_1\n").unwrap();
        let mut wanted = parse("url = \"https://a/\"\ntoken_file = \"token\"").unwrap();
        wanted.resolve(dir.path());
        assert_eq!((wanted.token().unwrap().as_deref(), wanted.url()), (Some("oet_1"), "https://a"));
        let wanted = parse("url = \"https://a\"\ntoken = \"oet_2\"").unwrap();
        assert_eq!(wanted.token().unwrap().as_deref(), Some("oet_2"));
        assert!(!format!("{wanted:?}").contains("oet_2"));
        let mut wanted = parse("url = \"https://a\"\ntoken_file = \"nowhere\"").unwrap();
        wanted.resolve(dir.path());
        assert!(wanted.token().unwrap_err().contains("nowhere"));
    }
}

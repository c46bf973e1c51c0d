//! What the configuration says of releases: `[release]`.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use orchestrion_program::TimeOfDay;
use orchestrion_program::model::PlaceId;
use orchestrion_protocol::release::{KEYS_MAX, PublicKey};
use serde::Deserialize;

use crate::download::{self, Address, Bearer, Communicate, SERVERS_MAX, WINDOWS_MAX};
use crate::store::{self, PIECE_LEN, RESERVE_BYTES};
use crate::tls::Trust;

/// Bytes of a file with a key.
const KEY_FILE_LEN_MAX: u64 = 4096;
/// How often servers are asked, in minutes.
const EVERY_MIN: std::ops::RangeInclusive<u64> = 1..=7 * 24 * 60;
/// The same where nobody says it.
const EVERY_MIN_USUAL: u64 = 15;
/// Bytes of a GB and of a kB, as cards and connections are sold.
const GB: u64 = 1_000_000_000;
const KB: u64 = 1000;
/// What is read again in the background where nobody says it, in thousands of bytes a second: 22 GB a day.
const CHECK_KB_S_USUAL: u64 = 256;
/// More no card gives.
const CHECK_KB_S_MAX: u64 = 1_000_000;
/// What releases are kept in, in the state folder.
const STORE_NAME: &str = "store";

/// See the head of this file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The addresses of the release's folder; the same release on each.
    #[serde(default)]
    servers: Vec<Server>,
    /// The publishers' public keys, each as its text or as a file.
    keys: Vec<Key>,
    /// The place that this device is bound to; without one a release of any place is taken.
    place: Option<PlaceId>,
    /// How often servers are asked, in minutes.
    every_min: Option<u64>,
    /// Whom to ask for each file's address, instead of fetching it beside the release.
    communicate: Option<Asked>,
    /// When files may be fetched, in the place's time; none: always.
    #[serde(default)]
    windows: Vec<Window>,
    /// Thousands of bytes a second at most.
    rate_kb_s: Option<u64>,
    /// `http://[user:password@]host:port`.
    proxy: Option<String>,
    /// A file of certificates (PEM) that are believed instead of the web's.
    certificates: Option<PathBuf>,
    /// Whether servers of the local network may be redirected to.
    #[serde(default)]
    local_redirects: bool,
    /// Thousands of millions of bytes that files of releases may have.
    quota_gb: Option<f64>,
    /// A release in a folder that plays where nothing else does.
    factory: Option<PathBuf>,
    /// The folder of a release that somebody brings, as a USB stick; it need not be there.
    stick: Option<PathBuf>,
    /// Thousands of bytes a second that are read again in the background; 0: none.
    check_kb_s: Option<u64>,
    /// What its control server knows this device by, where releases come from that.
    #[serde(skip)]
    bearer: Option<Bearer>,
    /// Which certificates are believed, where releases come from that.
    #[serde(skip)]
    trust: Option<Trust>,
}

/// A control server that gives this device its releases.
#[derive(Debug)]
pub struct Giver<'a> {
    /// Its address, without a slash at its end.
    pub url: &'a str,
    /// The folder there, from a slash on.
    pub path: &'a str,
    /// The place that it has bound this device to.
    pub place: &'a str,
    /// What it knows this device by.
    pub token: &'a str,
    /// The keys that were told when it let this device in.
    pub keys: &'a [PublicKey],
    /// Which certificates are believed.
    pub trust: Trust,
}

/// A server that knows where files are to be had.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    url: Server,
    /// The file of what this device is known by.
    token_file: PathBuf,
    #[serde(skip)]
    token: Token,
}

/// What nobody should find in a log.
#[derive(Clone, PartialEq, Eq, Default)]
struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// A server's address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Server(Address);

impl TryFrom<String> for Server {
    type Error = download::NoAddress;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

/// A key, or where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
enum Key {
    Known(PublicKey),
    In(PathBuf),
}

impl TryFrom<String> for Key {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.starts_with("ed25519") {
            return text
                .parse()
                .map(Self::Known)
                .map_err(|error: <PublicKey as FromStr>::Err| error.to_string());
        }
        Ok(Self::In(text.into()))
    }
}

/// Hours of the day, as `02:00-05:30`; one that ends before it begins is over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Window(TimeOfDay, TimeOfDay);

impl TryFrom<String> for Window {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let read = || {
            let (from, to) = text.split_once('-')?;
            let (from, to) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
            (from != to).then_some(Self(from, to))
        };
        read().ok_or_else(|| format!("\"{text}\" is no window; write it as 02:00-05:30"))
    }
}

impl Wanted {
    /// Releases of the device's control server; `None` where it says what cannot be.
    pub fn of_server(giver: &Giver<'_>) -> Option<Self> {
        let is_folder = giver.path.starts_with('/') && giver.path.ends_with('/');
        let address = format!("{}{}", giver.url, giver.path).parse().ok().filter(|_| is_folder)?;
        let wanted = Self {
            servers: vec![Server(address)],
            keys: giver.keys.iter().copied().map(Key::Known).collect(),
            place: Some(giver.place.into()),
            every_min: None,
            communicate: None,
            windows: Vec::new(),
            rate_kb_s: None,
            proxy: None,
            certificates: None,
            local_redirects: false,
            quota_gb: None,
            factory: None,
            stick: None,
            check_kb_s: None,
            bearer: Some(Bearer(giver.token.to_owned())),
            trust: Some(giver.trust.clone()),
        };
        wanted.judge().ok().map(|()| wanted)
    }

    /// Makes paths count from the folder of the configuration, and reads the keys' files.
    ///
    /// # Errors
    /// What of it cannot be, and what would be right; without the file's name.
    pub fn resolve(&mut self, folder: &Path) -> Result<(), String> {
        let paths = [&mut self.certificates, &mut self.factory, &mut self.stick];
        paths.into_iter().flatten().for_each(|path| *path = folder.join(&*path));
        if let Some(asked) = &mut self.communicate {
            asked.token_file = folder.join(&asked.token_file);
            let token = read_line(&asked.token_file);
            let path = asked.token_file.display();
            asked.token = Token(
                token.map_err(|problem| format!("[release] communicate.token_file: {path}: {problem}"))?,
            );
        }
        for key in &mut self.keys {
            if let Key::In(path) = key {
                let path = folder.join(path);
                let known = read_key(&path)
                    .map_err(|problem| format!("[release] keys: {}: {problem}", path.display()))?;
                *key = Key::Known(known);
            }
        }
        Ok(())
    }

    /// Whether what it says can be.
    ///
    /// # Errors
    /// What cannot, and what would be right.
    pub fn judge(&self) -> Result<(), String> {
        if self.keys.is_empty() || self.keys.len() > KEYS_MAX {
            return Err(format!(
                "[release] keys: there are {}; name 1 to {KEYS_MAX}: `orchestrion release keygen` makes one, and its .pub belongs here",
                self.keys.len()
            ));
        }
        if self.servers.is_empty() && self.stick.is_none() && self.factory.is_none() {
            return Err(
                "[release] says from nowhere where releases come from: it takes servers, stick or factory"
                    .into(),
            );
        }
        if self.servers.len() > SERVERS_MAX {
            return Err(format!(
                "[release] servers: there are {}; {SERVERS_MAX} at most",
                self.servers.len()
            ));
        }
        if self.windows.len() > WINDOWS_MAX {
            return Err(format!(
                "[release] windows: there are {}; {WINDOWS_MAX} at most",
                self.windows.len()
            ));
        }
        if self.every_min.is_some_and(|every| !EVERY_MIN.contains(&every)) {
            return Err(format!(
                "[release] every_min goes from {} to {}",
                EVERY_MIN.start(),
                EVERY_MIN.end()
            ));
        }
        if self.rate_kb_s == Some(0) {
            return Err(
                "[release] rate_kb_s is 0, so nothing would ever come; leave it out for no limit".into()
            );
        }
        if self.quota_gb.is_some_and(|quota| !quota.is_finite() || quota < 0.0) {
            return Err("[release] quota_gb is a number of 0 and more".into());
        }
        if self.check_kb_s.is_some_and(|rate| rate > CHECK_KB_S_MAX) {
            return Err(format!("[release] check_kb_s goes from 0 to {CHECK_KB_S_MAX}"));
        }
        Ok(())
    }

    /// How to download, if there is anybody to download from.
    pub(super) fn download(&self) -> Option<download::Settings> {
        (!self.servers.is_empty()).then(|| download::Settings {
            addresses: self.servers.iter().map(|server| server.0.clone()).collect(),
            communicate: self.communicate.as_ref().map(|asked| Communicate {
                url: asked.url.0.to_string().trim_end_matches('/').to_owned(),
                token: asked.token.0.clone(),
            }),
            bearer: self.bearer.clone(),
            place: self.place.clone(),
            proxy: self.proxy.clone(),
            trust: self.trust(),
            private_redirects: self.local_redirects,
            rate_max: self.rate_kb_s.map(|rate| rate.saturating_mul(KB)),
            windows: self.windows.iter().map(|window| (window.0, window.1)).collect(),
            limits: download::Limits::default(),
        })
    }

    fn trust(&self) -> Trust {
        let of_file = || self.certificates.clone().map_or(Trust::Web, Trust::Certificates);
        self.trust.clone().unwrap_or_else(of_file)
    }

    /// How the store is to be.
    pub(super) fn store(&self, state_dir: &Path) -> store::Settings {
        let known = |key: &Key| match key {
            Key::Known(key) => Some(*key),
            // Resolved long ago.
            Key::In(_) => None,
        };
        store::Settings {
            root: store_dir(state_dir),
            factory: self.factory.clone(),
            quota_bytes: self.quota_gb.map(|quota| (quota * GB as f64) as u64),
            reserve_bytes: RESERVE_BYTES,
            pinned: self.keys.iter().filter_map(known).collect(),
        }
    }

    /// Whether they come from the device's control server.
    pub fn is_of_server(&self) -> bool {
        self.bearer.is_some()
    }

    /// How often servers are asked, in ms.
    pub(super) fn every_ms(&self) -> u64 {
        self.every_min.unwrap_or(EVERY_MIN_USUAL).saturating_mul(60_000)
    }

    /// How often so many pieces of the store are read again; `None`: never.
    pub(super) fn check_every(&self, pieces: u32) -> Option<Duration> {
        let bytes = u64::from(pieces).saturating_mul(PIECE_LEN as u64);
        bytes
            .saturating_mul(1000)
            .checked_div(self.check_kb_s.unwrap_or(CHECK_KB_S_USUAL) * KB)
            .map(Duration::from_millis)
    }

    /// The folder of a release that somebody brings.
    pub(super) fn stick(&self) -> Option<&Path> {
        self.stick.as_deref()
    }

    /// The place that this device is bound to.
    pub(super) fn place(&self) -> Option<&PlaceId> {
        self.place.as_ref()
    }
}

/// Where releases are kept.
pub fn store_dir(state_dir: &Path) -> PathBuf {
    state_dir.join(STORE_NAME)
}

fn read_line(path: &Path) -> Result<String, String> {
    let len = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if len > KEY_FILE_LEN_MAX {
        return Err(format!("it has {len} bytes; it is to have one line"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    match text.trim() {
        "" => Err("it is empty".into()),
        line if line.contains(char::is_control) => Err("it has more than one line".into()),
        line => Ok(line.to_owned()),
    }
}

fn read_key(path: &Path) -> Result<PublicKey, String> {
    read_line(path)?.parse().map_err(|error: <PublicKey as FromStr>::Err| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use orchestrion_protocol::release::SecretKey;

    fn parse(text: &str) -> Result<Wanted, String> {
        let wanted: Wanted = toml::from_str(text).map_err(|error| error.to_string())?;
        wanted.judge()?;
        Ok(wanted)
    }

    fn key() -> String {
        SecretKey::from_chance(&[1; 32]).public().to_string()
    }

    #[test]
    fn what_is_wrong_is_named_with_what_would_be_right() {
        let key = key();
        for (text, words) in [
            (format!("keys = [\"{key}\"]"), "servers, stick or factory"),
            ("keys = []\nservers = [\"http://a/\"]".into(), "release keygen"),
            (format!("keys = [\"{key}\"]\nservers = [\"ftp://a/\"]"), "https://music.example/leeds-1/"),
            (format!("keys = [\"{key}\"]\nservers = [\"http://a\"]\nwindows = [\"2-5\"]"), "02:00-05:30"),
            (format!("keys = [\"{key}\"]\nservers = [\"http://a\"]\nevery_min = 0"), "from 1 to 10080"),
            (format!("keys = [\"{key}\"]\nservers = [\"http://a\"]\nserver = 1"), "unknown field"),
            (format!("keys = [\"{key}\"]\nservers = [\"http://a\"]\nrate_kb_s = 0"), "no limit"),
            ("keys = [\"ed25519-secret:00\"]\nservers = [\"http://a\"]".into(), "the secret key"),
            ("servers = [\"http://a\"]".into(), "keys"),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.contains(words), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_key_is_a_text_or_a_file_and_paths_count_from_the_configuration() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("cafes.pub"), format!("{}\n", key())).unwrap();
        let text = "keys = [\"cafes.pub\"]\nservers = [\"https://a/b\"]\nfactory = \"f\"\nquota_gb = 1.5\nrate_kb_s = 3";
        let mut wanted = parse(text).unwrap();
        wanted.resolve(dir.path()).unwrap();
        let store = wanted.store(Path::new("/state"));
        assert_eq!(store.pinned, [SecretKey::from_chance(&[1; 32]).public()]);
        assert_eq!((store.factory, store.quota_bytes), (Some(dir.path().join("f")), Some(1_500_000_000)));
        assert_eq!(wanted.download().unwrap().rate_max, Some(3000));
        let mut wanted = parse("keys = [\"nowhere.pub\"]\nstick = \"/media/usb\"").unwrap();
        let error = wanted.resolve(dir.path()).unwrap_err();
        assert!(error.contains("nowhere.pub") && error.contains("keys"), "{error}");
        assert!(wanted.download().is_none());
    }
}

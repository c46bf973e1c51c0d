//! `server.toml`: what an administrator sets. Every key has a default that works.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// How a server speaks, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsKind {
    /// With a certificate of its own, which is made at the first start.
    Own,
    /// With the certificate of `certificate` and the key of `certificate_key`.
    Files,
    /// Not: plain HTTP.
    Off,
}

/// How a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speech<'a> {
    /// Plain HTTP.
    Plain,
    /// TLS with a certificate of its own.
    Own,
    /// TLS with that of files.
    Files {
        /// Of the certificates.
        certificate: &'a Path,
        /// Of the key.
        key: &'a Path,
    },
}

/// What an administrator sets.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// How it speaks; if not said: TLS where a certificate is named or others can reach it, plain HTTP on loopback.
    pub tls: Option<TlsKind>,
    /// A file of certificates (PEM), the server's own first.
    pub certificate: Option<PathBuf>,
    /// The file of its key (PEM); that of the certificates if not said.
    pub certificate_key: Option<PathBuf>,
    /// Plain HTTP on an address that others can reach: for a proxy in front that does TLS.
    pub plain_http: bool,
    /// Where database, blobs and keys lie.
    pub state_dir: PathBuf,
    /// The socket for `ctl` and `admin`; beside the database if not said.
    pub socket: Option<PathBuf>,
    /// From one heartbeat of a device to the next, in s: 1 to 3600.
    pub interval_s: u32,
    /// Longest that a heartbeat is held, in s: 0 to 50. A proxy that cuts sooner needs less.
    pub hold_s_max: u32,
    /// Connections at once: 16 to 200,000.
    pub connections_max: usize,
    /// Requests to come in that one address may make in a minute: 1 to 1,000,000. A house with many devices behind one address
    /// needs two each.
    pub enrolments_per_minute: u32,
    /// What is kept how long.
    pub kept: Kept,
}

/// `[kept]`: how long, in days since it came, and how many rows at the most; what is older or more goes, the oldest first. 0 days:
/// for ever.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kept {
    /// Rows of the play log: 0 to 36,500 days.
    pub plays_days: u32,
    /// The same: 1,000 to 1,000,000,000 rows.
    pub plays_len_max: u64,
    /// None of them goes before an export of all was read to its end that had it.
    pub plays_until_exported: bool,
    /// Commands that have ended: 0 to 36,500 days.
    pub commands_days: u32,
    /// The same: 1,000 to 1,000,000,000 rows.
    pub commands_len_max: u64,
    /// What devices answered, as their logs: 0 to 36,500 days.
    pub answers_days: u32,
    /// Changes of how devices stand: 0 to 36,500 days.
    pub presences_days: u32,
    /// The same: 1,000 to 1,000,000,000 rows.
    pub presences_len_max: u64,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            plays_days: 5 * 366,
            plays_len_max: 20_000_000,
            plays_until_exported: false,
            commands_days: 366,
            commands_len_max: 2_000_000,
            answers_days: 30,
            presences_days: 90,
            presences_len_max: 5_000_000,
        }
    }
}

impl Kept {
    fn judge(&self) -> Result<(), String> {
        for (key, found) in [
            ("plays_days", self.plays_days),
            ("commands_days", self.commands_days),
            ("answers_days", self.answers_days),
            ("presences_days", self.presences_days),
        ] {
            if found > 36_500 {
                return Err(format!("kept.{key} is {found}; it goes from 0 (for ever) to 36500"));
            }
        }
        for (key, found) in [
            ("plays_len_max", self.plays_len_max),
            ("commands_len_max", self.commands_len_max),
            ("presences_len_max", self.presences_len_max),
        ] {
            if !(1_000..=1_000_000_000).contains(&found) {
                return Err(format!("kept.{key} is {found}; it goes from 1000 to 1000000000"));
            }
        }
        Ok(())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8470)),
            tls: None,
            certificate: None,
            certificate_key: None,
            plain_http: false,
            state_dir: PathBuf::from("/var/lib/orchestrion-server"),
            socket: None,
            interval_s: 30,
            hold_s_max: 50,
            connections_max: 20_000,
            enrolments_per_minute: 300,
            kept: Kept::default(),
        }
    }
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("the settings {} cannot be read: {reason}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// It says what cannot be.
    #[error("{}: {reason}", path.display())]
    Wrong {
        /// Which file.
        path: PathBuf,
        /// What, and what would be right.
        reason: String,
    },
}

impl Settings {
    /// Reads them; without a file, the defaults.
    ///
    /// # Errors
    /// The file cannot be read, or a key says what cannot be; the words name line and key.
    pub fn read(path: Option<&Path>) -> Result<Self, SettingsError> {
        let Some(path) = path else { return Ok(Self::default()) };
        let unreadable = |reason: String| SettingsError::Unreadable { path: path.to_owned(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        let wrong = |reason: String| SettingsError::Wrong { path: path.to_owned(), reason };
        let settings: Self = toml::from_str(&text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start).min(text.len());
            let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
            let said: String =
                text.lines().nth(line - 1).unwrap_or_default().trim().chars().take(80).collect();
            wrong(format!("line {line}, `{said}`: {}", error.message()))
        })?;
        settings.judge().map_err(wrong)?;
        Ok(settings)
    }

    /// Whether they can be used.
    ///
    /// # Errors
    /// What cannot be, and what would be right.
    pub fn judge(&self) -> Result<(), String> {
        let range = |key: &str, found: usize, (from, to): (usize, usize)| {
            if (from..=to).contains(&found) {
                Ok(())
            } else {
                Err(format!("{key} is {found}; it goes from {from} to {to}"))
            }
        };
        range("interval_s", self.interval_s as usize, (1, 3600))?;
        range("hold_s_max", self.hold_s_max as usize, (0, 50))?;
        range("connections_max", self.connections_max, (16, 200_000))?;
        range("enrolments_per_minute", self.enrolments_per_minute as usize, (1, 1_000_000))?;
        self.kept.judge()?;
        if self.certificate.is_none() && (self.tls == Some(TlsKind::Files) || self.certificate_key.is_some())
        {
            return Err(
                "certificate is not said: name the file with the certificate (PEM), or say tls = \"own\""
                    .into(),
            );
        }
        if self.certificate.is_some() && self.tls == Some(TlsKind::Own) {
            return Err(
                "certificate names a file, and tls = \"own\" makes another; leave one of them out".into()
            );
        }
        let is_open = self.speech() == Speech::Plain && !self.listen.ip().is_loopback();
        if is_open && !self.plain_http {
            return Err(format!(
                "listen is {}, which others can reach, and tls is \"off\": leave tls out for a certificate of its own, or put a proxy \
                 with TLS in front and listen on 127.0.0.1, or say plain_http = true where the network itself is trusted",
                self.listen
            ));
        }
        Ok(())
    }

    /// How it speaks.
    pub fn speech(&self) -> Speech<'_> {
        let of_files = self.certificate.as_deref().map(|certificate| Speech::Files {
            certificate,
            key: self.certificate_key.as_deref().unwrap_or(certificate),
        });
        match (self.tls, of_files) {
            (Some(TlsKind::Off), _) => Speech::Plain,
            (_, Some(files)) => files,
            (Some(TlsKind::Own | TlsKind::Files), None) => Speech::Own,
            (None, None) if self.plain_http || self.listen.ip().is_loopback() => Speech::Plain,
            (None, None) => Speech::Own,
        }
    }

    /// Where `ctl` and `admin` connect.
    pub fn socket_path(&self) -> PathBuf {
        self.socket.clone().unwrap_or_else(|| self.state_dir.join("control.sock"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_named_with_what_would_be_right() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server.toml");
        for (text, named) in [
            ("interval_s = 0", "interval_s is 0; it goes from 1 to 3600"),
            ("hold_s_max = 51", "hold_s_max"),
            ("listen = \"0.0.0.0:80\"\ntls = \"off\"", "plain_http = true"),
            ("tls = \"files\"", "certificate is not said"),
            ("certificate_key = \"a\"", "certificate is not said"),
            ("tls = \"own\"\ncertificate = \"a\"", "leave one of them out"),
            ("tls = \"yes\"", "line 1, `tls = \"yes\"`: unknown variant"),
            ("[kept]\nplays_days = 40000", "kept.plays_days is 40000; it goes from 0"),
            ("[kept]\ncommands_len_max = 10", "kept.commands_len_max is 10; it goes from 1000"),
            ("[kept]\nplay_days = 1", "line 2, `play_days = 1`: unknown field `play_days`"),
            ("[kept]\n\nplays_days = -1", "line 3, `plays_days = -1`: "),
            ("lisen = \"127.0.0.1:1\"", "lisen"),
            ("listen = 3", "listen"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Settings::read(Some(&path)).unwrap_err().to_string();
            assert!(error.contains(named) && error.contains("server.toml"), "{text}: {error}");
        }
        for (text, speech) in [
            ("listen = \"0.0.0.0:80\"", Speech::Own),
            ("listen = \"[::]:80\"\nplain_http = true", Speech::Plain),
            ("", Speech::Plain),
            ("tls = \"own\"", Speech::Own),
            ("certificate = \"a\"", Speech::Files { certificate: Path::new("a"), key: Path::new("a") }),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(Settings::read(Some(&path)).unwrap().speech(), speech, "{text}");
        }
        std::fs::write(&path, "").unwrap();
        assert_eq!(Settings::read(Some(&path)).unwrap(), Settings::default());
        let error = Settings::read(Some(&dir.path().join("no.toml"))).unwrap_err().to_string();
        assert!(error.contains("no.toml"), "{error}");
    }
}

//! TLS by rustls: with the certificate of files, or with one of its own, made at the first start, that devices pin.
//!
//! The own one lies in `tls.pem` in the state folder, key and certificate in one file, so that the two can only be there
//! together. It does not end: whoever pins it compares it by its bytes.

use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use orchestrion_protocol::fleet::Fingerprint;
use rcgen::{CertificateParams, DnType, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, version};

use crate::settings::{Settings, Speech};

/// The own certificate's name in the state folder.
pub const OWN_NAME: &str = "tls.pem";
/// Bytes of a file with a certificate or a key.
const FILE_LEN_MAX: u64 = 1024 * 1024;
/// The years of the own certificate: clocks of boards are off, and it is compared by its bytes.
const YEARS: (i32, i32) = (2000, 4000);

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be used.
    #[error("{file}: {reason}")]
    File {
        /// Which.
        file: String,
        /// Why, and what would be right.
        reason: String,
    },
    /// None could be made.
    #[error("a certificate of its own cannot be made: {0}")]
    Make(String),
}

/// What a server shows, and speaks with.
#[derive(Clone)]
pub struct Tls {
    /// Takes connections.
    pub acceptor: TlsAcceptor,
    /// Of the certificate that is shown.
    pub fingerprint: Fingerprint,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tls").field(&self.fingerprint).finish()
    }
}

impl Tls {
    /// As the settings say; `None`: plain HTTP.
    ///
    /// # Errors
    /// A file that cannot be used, by its name.
    pub fn open(settings: &Settings) -> Result<Option<Self>, TlsError> {
        match settings.speech() {
            Speech::Plain => Ok(None),
            Speech::Own => own(&settings.state_dir.join(OWN_NAME)).map(Some),
            Speech::Files { certificate, key } => Self::of(certificate, key).map(Some),
        }
    }

    /// With the certificates of one file, the server's own first, and the key of another or of the same.
    fn of(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let text = read(certificate)?;
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let chain = found.map_err(|error| wrong(certificate, error))?;
        let Some(first) = chain.first() else {
            return Err(wrong(
                certificate,
                "there is no certificate in it; it has to be PEM, with BEGIN CERTIFICATE",
            ));
        };
        let fingerprint = Fingerprint::of(first);
        let secret = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| {
            wrong(key, "there is no key in it that can be read; it has to be PEM, without a password")
        })?;
        let built = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret));
        let mut config = built.map_err(|error| {
            wrong(certificate, format!("with the key of {} it cannot be used: {error}", key.display()))
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), fingerprint })
    }
}

fn wrong(file: &Path, reason: impl ToString) -> TlsError {
    TlsError::File { file: file.display().to_string(), reason: reason.to_string() }
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    let len = std::fs::metadata(file).map_err(|error| wrong(file, error))?.len();
    if len > FILE_LEN_MAX {
        return Err(wrong(file, format!("more than {FILE_LEN_MAX} bytes")));
    }
    std::fs::read(file).map_err(|error| wrong(file, error))
}

/// The own certificate, made where there is none.
fn own(path: &Path) -> Result<Tls, TlsError> {
    match std::fs::metadata(path) {
        Ok(found) if found.permissions().mode() & 0o077 != 0 => {
            log::warn!("others could read the key in {}; from now on only its owner can", path.display());
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
                .map_err(|error| wrong(path, error))?;
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            write(path, &make()?).map_err(|error| wrong(path, error))?;
            log::info!("made a certificate of its own in {}", path.display());
        }
        Err(error) => return Err(wrong(path, error)),
    }
    Tls::of(path, path).map_err(|error| match error {
        TlsError::File { file, reason } => TlsError::File {
            file,
            reason: format!(
                "{reason}. Put its copy back; without one, delete it, and pin the new one on each device"
            ),
        },
        TlsError::Make(words) => TlsError::Make(words),
    })
}

/// Key and certificate, as PEM.
fn make() -> Result<String, TlsError> {
    let failed = |error: rcgen::Error| TlsError::Make(error.to_string());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    names.extend(Some(host.trim().to_owned()).filter(|host| !host.is_empty()));
    let mut params = match CertificateParams::new(names) {
        Ok(params) => params,
        // A host may have a name that no certificate can bear.
        Err(_) => CertificateParams::new(vec!["localhost".to_owned()]).map_err(failed)?,
    };
    params.distinguished_name.push(DnType::CommonName, "Orchestrion control server");
    params.not_before = rcgen::date_time_ymd(YEARS.0, 1, 1);
    params.not_after = rcgen::date_time_ymd(YEARS.1, 1, 1);
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = params.self_signed(&key).map_err(failed)?;
    Ok(format!("{}{}", key.serialize_pem(), certificate.pem()))
}

/// Beside, synced, renamed: it is there whole or not at all, and from its first byte only its owner's.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    let _ = std::fs::remove_file(&beside);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    match path.parent() {
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_certificate_is_made_once_for_its_owners_eyes_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(OWN_NAME);
        let first = own(&path).unwrap().fingerprint;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(own(&path).unwrap().fingerprint, first);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::remove_file(&path).unwrap();
        assert_ne!(own(&path).unwrap().fingerprint, first);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn files_that_are_no_certificate_or_not_its_key_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            std::fs::write(dir.path().join(name), text).unwrap();
            dir.path().join(name)
        };
        let (one, other, none) =
            (file("one", &make().unwrap()), file("other", &make().unwrap()), file("none", "x"));
        let words = |certificate: &Path, key: &Path| Tls::of(certificate, key).unwrap_err().to_string();
        assert!(words(&none, &one).contains("none: there is no certificate"));
        assert!(words(&one, &none).contains("none: there is no key"));
        assert!(words(&one, &other).contains("with the key of"));
        assert!(words(&one, &dir.path().join("gone")).contains("gone"));
        assert!(own(&none).unwrap_err().to_string().contains("Put its copy back"));
    }
}

//! Which servers are believed by `https`: those that the web's certificates speak for, those that the certificates of a file
//! speak for, or the one whose certificate is pinned. Whoever meets one that is not believed is told what it showed and what to do.
//!
//! A pin goes before names and dates: whoever has the key of that certificate is the server, also where it is reached by a
//! number, and for a board whose clock stands in another year. That it has the key is looked at as ever.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use orchestrion_protocol::fleet::Fingerprint;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, OtherError,
    RootCertStore, SignatureScheme, StreamOwned,
};
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout,
    TcpConnector, Transport, TransportAdapter,
};

/// Bytes of a file with certificates.
const CERTIFICATES_LEN_MAX: u64 = 4 * 1024 * 1024;

/// Who is believed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Trust {
    /// Whom the web's certificates speak for.
    #[default]
    Web,
    /// Whom the certificates of this file (PEM) speak for, and nobody else.
    Certificates(PathBuf),
    /// Whoever has the key of this certificate.
    Pinned(Fingerprint),
}

/// A server that is not believed; the words say what it showed and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stranger {
    /// It has another certificate than the one that is pinned.
    #[error(
        "its certificate is {found}, and {pinned} is pinned: either it has a new certificate, or somebody stands in between. \
         If `orchestrion-server admin fingerprint`, asked at the server itself, tells {found}, write that as fingerprint in [server]"
    )]
    NotPinned {
        /// What it showed.
        found: Fingerprint,
        /// What is believed.
        pinned: Fingerprint,
    },
    /// Nobody who is believed speaks for it.
    #[error(
        "its certificate {found} is not believed: {why}. If `orchestrion-server admin fingerprint`, asked at the server itself, \
         tells the same, write fingerprint = \"{found}\" in [server]; for any other server, name its certificate's file as certificates"
    )]
    Unknown {
        /// What it showed.
        found: Fingerprint,
        /// Why not.
        why: String,
    },
}

impl Stranger {
    /// The one that a request failed for, if it did.
    pub fn of(error: &ureq::Error) -> Option<&Self> {
        match error {
            ureq::Error::Other(error) => error.downcast_ref(),
            _ => None,
        }
    }
}

/// Makes connections of a belief. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
}

impl Tls {
    /// For a belief.
    ///
    /// # Errors
    /// Why its file cannot be used, in words that name it.
    pub fn new(trust: &Trust) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let by_roots = |roots: RootCertStore| {
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .map(Rule::Roots)
                .map_err(|error| error.to_string())
        };
        let rule = match trust {
            Trust::Pinned(pinned) => Rule::Pinned(*pinned),
            Trust::Certificates(path) => by_roots(certificates(path)?)?,
            Trust::Web => by_roots(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })?,
        };
        let config = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Judge { rule, provider }))
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config) })
    }

    /// What connects, by TCP or through a proxy's CONNECT.
    pub fn connector(&self) -> impl Connector {
        ().chain(ConnectProxyConnector::default()).chain(TcpConnector::default()).chain(self.clone())
    }
}

/// The certificates of a file.
fn certificates(path: &Path) -> Result<RootCertStore, String> {
    let wrong = |why: String| format!("the certificates of {}: {why}", path.display());
    let len = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
    if len > CERTIFICATES_LEN_MAX {
        return Err(wrong(format!("more than {CERTIFICATES_LEN_MAX} bytes")));
    }
    let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        found.push(certificate.map_err(|error| wrong(error.to_string()))?);
    }
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found);
    if added == 0 {
        return Err(wrong("there is none in it; it has to be PEM, with BEGIN CERTIFICATE".into()));
    }
    Ok(roots)
}

#[derive(Debug)]
enum Rule {
    Pinned(Fingerprint),
    Roots(Arc<WebPkiServerVerifier>),
}

#[derive(Debug)]
struct Judge {
    rule: Rule,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found = Fingerprint::of(end_entity);
        let stranger = |stranger: Stranger| Err(Error::Other(OtherError(Arc::new(stranger))));
        match &self.rule {
            Rule::Pinned(pinned) if *pinned == found => Ok(ServerCertVerified::assertion()),
            Rule::Pinned(pinned) => stranger(Stranger::NotPinned { found, pinned: *pinned }),
            Rule::Roots(roots) => roots
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .or_else(|error| stranger(Stranger::Unknown { found, why: why(&error, server_name) })),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Why a certificate is not believed, in words.
fn why(error: &Error, name: &ServerName<'_>) -> String {
    use CertificateError as Wrong;
    let Error::InvalidCertificate(wrong) = error else { return error.to_string() };
    match wrong {
        Wrong::UnknownIssuer => "nobody whom this device knows has signed it".into(),
        Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => {
            format!("it is for another name than {}", name.to_str())
        }
        Wrong::Expired | Wrong::ExpiredContext { .. } => {
            "its time is over, or the clock of this board is wrong".into()
        }
        Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => {
            "its time has not begun, or the clock of this board is wrong".into()
        }
        other => other.to_string(),
    }
}

impl<In: Transport> Connector<In> for Tls {
    type Out = Either<In, Encrypted>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(transport) = chained else { return Ok(None) };
        if !details.needs_tls() || transport.is_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let host = details.uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(host).map_err(|_| ureq::Error::HostNotFound)?;
        let mut conn = ClientConnection::new(self.config.clone(), name)?;
        let mut sock =
            TransportAdapter::new(Box::new(transport) as Box<dyn Transport>, details.current_time.clone());
        sock.set_timeout(details.timeout);
        conn.complete_io(&mut sock).map_err(refused)?;
        let (input, output) = (details.config.input_buffer_size(), details.config.output_buffer_size());
        let buffers = LazyBuffers::new(input, output);
        Ok(Some(Either::B(Encrypted { buffers, stream: StreamOwned { conn, sock } })))
    }
}

/// Who was refused in an exchange of certificates that failed.
fn refused(error: std::io::Error) -> ureq::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match inner {
        Some(Error::Other(OtherError(other))) => match other.downcast_ref::<Stranger>() {
            Some(stranger) => ureq::Error::Other(Box::new(stranger.clone())),
            None => ureq::Error::Io(error),
        },
        Some(inner) => ureq::Error::Rustls(inner.clone()),
        None => ureq::Error::Io(error),
    }
}

/// A connection that nobody on the way reads.
pub struct Encrypted {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl std::fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Encrypted").field(self.stream.sock.inner()).finish()
    }
}

impl Transport for Encrypted {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        use std::io::Write;
        self.stream.sock.set_timeout(timeout);
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        self.stream.write_all(output)?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        use std::io::Read;
        self.stream.sock.set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.sock.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

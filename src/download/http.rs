//! HTTP: one request, its redirects, and what the answer is. Built on ureq with rustls.

use std::collections::HashSet;
use std::io::{self, Read};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::header::{
    AUTHORIZATION, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, IF_RANGE, LOCATION, RANGE,
    RETRY_AFTER,
};
use ureq::http::{Response, Uri};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use ureq::{Agent, Body, Proxy, ProxyProtocol};

use super::address::{is_private, redirected};
use super::problem::{io_reason, reason};
use super::{Bearer, Communicate, Problem, REDIRECTS_MAX, Settings};
use crate::tls::Tls;

/// Bytes of a header of an answer, all lines together.
const HEADER_LEN_MAX: usize = 32 * 1024;
/// Bytes of a validator that is remembered.
const ETAG_LEN_MAX: usize = 200;
/// What the resolver says of an address that it must not give.
const PRIVATE: &str =
    "its name leads to an address of the local network, which only configured servers may have";

/// The same of an address that is a number.
const PRIVATE_NAMED: &str = "it is in the local network, which only configured servers may be";

/// Asks servers.
#[derive(Debug, Clone)]
pub struct Client {
    agent: Agent,
    /// Servers that were configured, and so may be local.
    known: Arc<HashSet<String>>,
    private: bool,
    /// What is shown to these servers, each by its scheme, name and port.
    bearer: Option<(Arc<HashSet<String>>, Bearer)>,
}

/// What of a file is wanted.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// From this byte on.
    pub(super) from: u64,
    /// A validator of the server's that the bytes before came with.
    pub(super) etag: Option<String>,
}

/// An answer with bytes in it.
pub(super) struct Answer {
    /// Where its bytes begin: as wanted, or 0.
    pub(super) from: u64,
    /// Its validator, if it is a strong one.
    pub(super) etag: Option<String>,
    /// The bytes that are left, if it says so.
    pub(super) len: Option<u64>,
    pub(super) body: Body,
}

impl Client {
    /// With these settings.
    ///
    /// # Errors
    /// A proxy that is none, certificates that cannot be read.
    pub fn new(settings: &Settings) -> Result<Self, Problem> {
        let proxy = match &settings.proxy {
            Some(text) => Some(http_proxy(text).ok_or_else(|| {
                Problem::Settings("the proxy is no address; write it as http://proxy.example:3128".into())
            })?),
            None => None,
        };
        let mut known: HashSet<String> =
            settings.addresses.iter().map(|address| address.host().to_owned()).collect();
        known.extend(settings.communicate.as_ref().and_then(Communicate::host));
        known.extend(proxy.as_ref().map(|proxy| proxy.host().to_owned()));
        let tls = Tls::new(&settings.trust).map_err(Problem::Settings)?;
        let limits = settings.limits;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(HEADER_LEN_MAX)
            .max_idle_connections(2)
            .max_idle_connections_per_host(1)
            .proxy(proxy)
            .timeout_resolve(Some(limits.resolve))
            .timeout_connect(Some(limits.connect))
            .timeout_recv_response(Some(limits.silence))
            .timeout_per_read(Some(limits.silence))
            .timeout_per_write(Some(limits.silence))
            .user_agent(concat!("orchestrion/", env!("CARGO_PKG_VERSION")))
            .build();
        let (known, private) = (Arc::new(known), settings.private_redirects);
        let resolver = Careful { known: Arc::clone(&known), private, inner: DefaultResolver::default() };
        let own = settings.addresses.iter().filter_map(|address| origin(&address.to_string().parse().ok()?));
        let bearer = settings.bearer.as_ref().map(|bearer| (Arc::new(own.collect()), bearer.clone()));
        Ok(Self { agent: Agent::with_parts(config, tls.connector(), resolver), known, private, bearer })
    }

    /// Breaks off whatever is going on; the client is of no use afterwards.
    pub fn shutdown(&self) {
        self.agent.clone().shutdown();
    }

    /// Asks for a file, follows redirects, and judges the answer. `size` is what the whole file must have, if known.
    pub(super) fn get(&self, url: &str, wanted: &Wanted, size: Option<u64>) -> Result<Answer, Problem> {
        let mut uri: Uri = url.parse().map_err(|_| Problem::Settings(format!("{url} is no address")))?;
        if !self.may_ask(&uri) {
            // What a server named, and nobody configured.
            let server = uri.host().unwrap_or_default().to_owned();
            return Err(Problem::Redirect { target: server.clone(), server, reason: PRIVATE_NAMED });
        }
        for _ in 0..=REDIRECTS_MAX {
            let server = uri.host().unwrap_or_default().to_owned();
            let response = self
                .request(&uri, wanted)
                .map_err(|error| Problem::Unreachable { server: server.clone(), reason: reason(&error) })?;
            match response.status().as_u16() {
                301 | 302 | 303 | 307 | 308 => {
                    let location = text(response.headers(), &LOCATION).unwrap_or_default();
                    let refused = |reason| Problem::Redirect {
                        server: server.clone(),
                        target: location.chars().take(200).collect(),
                        reason,
                    };
                    if location.is_empty() {
                        return Err(refused("it names no address"));
                    }
                    uri = redirected(&uri, &location).map_err(refused)?;
                    // A proxy would look names up itself; numbers are seen here already.
                    if !self.may_ask(&uri) {
                        return Err(refused(PRIVATE_NAMED));
                    }
                }
                _ => return judge(response, &server, uri.path(), wanted, size),
            }
        }
        Err(Problem::Redirect {
            server: uri.host().unwrap_or_default().to_owned(),
            target: uri.to_string(),
            reason: "it leads on and on",
        })
    }

    /// Sends a document and gives the answer's, which has at most `max` bytes. Redirects are not followed: the token is for
    /// this server only.
    pub(super) fn post(&self, url: &str, token: &str, body: String, max: usize) -> Result<Vec<u8>, Problem> {
        let uri: Uri = url.parse().map_err(|_| Problem::Settings(format!("{url} is no address")))?;
        let server = uri.host().unwrap_or_default().to_owned();
        let request = self.agent.post(uri.clone()).header("Accept-Encoding", "identity");
        let request =
            request.header(AUTHORIZATION, format!("Bearer {token}")).content_type("application/json");
        let response = request
            .send(body)
            .map_err(|error| Problem::Unreachable { server: server.clone(), reason: reason(&error) })?;
        let answer = judge(response, &server, uri.path(), &Wanted::default(), None)?;
        let mut bytes = Vec::new();
        let reader = answer.body.into_with_config().limit(u64::MAX).reader();
        let read = reader.take(max as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|error| Problem::Unreachable { server: server.clone(), reason: io_reason(&error) })?;
        if bytes.len() > max {
            return Err(Problem::Wrong { server, reason: format!("its answer has more than {max} bytes") });
        }
        Ok(bytes)
    }

    fn may_ask(&self, uri: &Uri) -> bool {
        let host = uri.host().unwrap_or_default();
        let number: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        self.private || self.known.contains(host) || !number.is_some_and(is_private)
    }

    fn request(&self, uri: &Uri, wanted: &Wanted) -> Result<Response<Body>, ureq::Error> {
        // What is packed on the way has another length and other bytes.
        let mut request = self.agent.get(uri.clone()).header("Accept-Encoding", "identity");
        if let Some((own, token)) = &self.bearer
            && origin(uri).is_some_and(|origin| own.contains(&origin))
        {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.0));
        }
        if wanted.from > 0 {
            request = request.header(RANGE, format!("bytes={}-", wanted.from));
            if let Some(etag) = &wanted.etag {
                request = request.header(IF_RANGE, etag);
            }
        }
        request.call()
    }
}

/// A proxy that is asked by CONNECT.
fn http_proxy(text: &str) -> Option<Proxy> {
    Proxy::new(text)
        .ok()
        .filter(|proxy| matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https))
}

/// A server by its scheme, name and port.
fn origin(uri: &Uri) -> Option<String> {
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
}

/// What an answer is.
fn judge(
    response: Response<Body>,
    server: &str,
    path: &str,
    wanted: &Wanted,
    size: Option<u64>,
) -> Result<Answer, Problem> {
    let server = server.to_owned();
    let headers = response.headers();
    let status = response.status().as_u16();
    let is_page = text(headers, &CONTENT_TYPE).is_some_and(|mime| mime.trim_start().starts_with("text/html"));
    let etag = text(headers, &ETAG).filter(|etag| etag.starts_with('"') && etag.len() <= ETAG_LEN_MAX);
    match status {
        511 => return Err(Problem::Portal { server, hint: "status 511".into() }),
        200 | 206 if is_page => return Err(Problem::Portal { server, hint: "text/html".into() }),
        200 | 206 => {}
        408 | 425 | 429 | 500..=599 => {
            let after = text(headers, &RETRY_AFTER).and_then(|text| text.trim().parse().ok());
            return Err(Problem::Busy { server, status, after: after.map(Duration::from_secs) });
        }
        // Our own copy is longer than theirs, or they count otherwise.
        416 => {
            return Err(Problem::Wrong { server, reason: "the rest of the file is not there (416)".into() });
        }
        401 | 403 | 404 | 407 | 410 => {
            return Err(Problem::Refused { server, status, path: path.to_owned() });
        }
        _ => return Err(Problem::Wrong { server, reason: format!("status {status}") }),
    }
    let from = if status == 206 { wanted.from } else { 0 };
    if status == 206 {
        let said = text(headers, &CONTENT_RANGE).unwrap_or_default();
        let (first, total) = range(&said).unwrap_or((None, None));
        if first != Some(wanted.from) || size.is_some() && total.is_some() && total != size {
            let reason = format!("bytes from {} were asked for, it sends \"{said}\"", wanted.from);
            return Err(Problem::Wrong { server, reason });
        }
    }
    let len = response.body().content_length();
    if let (Some(len), Some(size)) = (len, size)
        && len != size.saturating_sub(from)
    {
        let reason = format!("it says {len} bytes, and {} are due", size.saturating_sub(from));
        return Err(Problem::Wrong { server, reason });
    }
    Ok(Answer { from, etag, len, body: response.into_body() })
}

/// The first byte and the whole length of `bytes 5-9/10`.
fn range(text: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (bytes, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = bytes.split_once('-')?;
    Some((first.trim().parse().ok(), total.trim().parse().ok()))
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// Finds addresses, and gives none of the local network for names that nobody configured.
#[derive(Debug)]
struct Careful {
    known: Arc<HashSet<String>>,
    private: bool,
    inner: DefaultResolver,
}

impl Resolver for Careful {
    fn resolve(
        &self,
        uri: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        if self.private || uri.host().is_some_and(|host| self.known.contains(host)) {
            return Ok(found);
        }
        let mut public = self.empty();
        for address in found.iter().filter(|address| !is_private(address.ip())) {
            public.push(*address);
        }
        if public.is_empty() {
            return Err(ureq::Error::Io(io::Error::new(io::ErrorKind::PermissionDenied, PRIVATE)));
        }
        Ok(public)
    }
}

//! One request and its answer, over ureq with rustls. Nothing that comes is believed before it was read within its bound.

use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{bounded, select};
use orchestrion_protocol::fleet::{
    ANSWER_LEN_MAX, EnrolAnswer, EnrolRequest, Heartbeat, HeartbeatAnswer, PlayAnswer, PlayBatch, pack, read,
    written,
};
use ureq::http::Uri;
use ureq::http::header::RETRY_AFTER;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::{Agent, Body};

use super::Stop;
use crate::download::{io_reason, reason};
use crate::service::moves::Moves;
use crate::tls::{Stranger, Tls};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer that is not held may take.
const ANSWER: Duration = Duration::from_secs(30);
/// Bytes of a buffer of a connection: a heartbeat is small, and a fleet of pretended boards has ten thousand.
const BUFFER_LEN: usize = 8 * 1024;
/// Bytes of a header of an answer, all lines together.
const HEADER_LEN_MAX: usize = 32 * 1024;
/// Characters that are kept of what a server says.
const WORDS_MAX: usize = 200;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nobody there, or no answer in time.
    #[error("the server cannot be reached: {0}")]
    Away(String),
    /// Somebody is there who is not believed to be it.
    #[error("the server is not believed: {0}")]
    Untrusted(String),
    /// The disk of this device does not take what must not be forgotten, or gives it back damaged.
    #[error("this device cannot keep what it has to for its server: {0}")]
    NotKept(String),
    /// It says that it cannot now.
    #[error("{words}; it is asked again in {} s", .after_ms.div_ceil(1000))]
    Later {
        /// When it wants to be asked again, in ms.
        after_ms: u64,
        /// What it said.
        words: String,
    },
    /// It does not know this device any more.
    #[error("the server does not know this device: {0}")]
    Unknown(String),
    /// Another board shows this device's identity.
    #[error("another board shows the identity of this one: {0}")]
    Copied(String),
    /// It does not want this device.
    #[error("the server refuses this device: {0}")]
    Refused(String),
    /// What it says cannot be understood, or it did not understand.
    #[error("the server and this device do not understand each other: {0}")]
    NotUnderstood(String),
}

/// A text that is no server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no address of a server; write it as https://music.example")]
pub struct NoServer(String);

/// Asks a server.
#[derive(Debug, Clone)]
pub struct Http {
    agent: Agent,
    base: String,
    is_authentic: bool,
    apart: Option<Apart>,
}

/// Who waits for a request that a thread of its own sends.
#[derive(Debug, Clone)]
struct Apart {
    stop: Stop,
    moves: Moves,
}

impl Http {
    /// Whether it can be a server's address: `http://…` or `https://…`.
    ///
    /// # Errors
    /// It is none.
    pub fn judge(server: &str) -> Result<Uri, NoServer> {
        let wrong = || NoServer(server.chars().take(WORDS_MAX).collect());
        let uri: Uri = server.trim_end_matches('/').parse().map_err(|_| wrong())?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
            return Err(wrong());
        }
        Ok(uri)
    }

    /// For a server; by `https` it is who `tls` believes.
    ///
    /// # Errors
    /// It is no address.
    pub fn new(server: &str, tls: &Tls) -> Result<Self, NoServer> {
        let base = server.trim_end_matches('/').to_owned();
        let is_authentic = Self::judge(server)?.scheme_str() == Some("https");
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(1)
            .max_idle_connections_per_host(1)
            .input_buffer_size(BUFFER_LEN)
            .output_buffer_size(BUFFER_LEN)
            .timeout_connect(Some(CONNECT))
            .max_response_header_size(HEADER_LEN_MAX)
            .user_agent(concat!("orchestrion/", env!("CARGO_PKG_VERSION")))
            .build();
        let agent = Agent::with_parts(config, tls.connector(), DefaultResolver::default());
        Ok(Self { agent, base, is_authentic, apart: None })
    }

    /// Whether what is answered is the server's own word, which nobody on the way can change.
    pub fn is_authentic(&self) -> bool {
        self.is_authentic
    }

    /// The same, whose requests are sent by threads of their own: whoever waits for one turns meanwhile, and leaves it when it is
    /// to stop. A request that was left ends by its time.
    #[must_use]
    pub fn apart(self, stop: Stop, moves: Moves) -> Self {
        Self { apart: Some(Apart { stop, moves }), ..self }
    }

    /// Asks to come in.
    ///
    /// # Errors
    /// As [`Failure`] says.
    pub fn enrol(&self, request: &EnrolRequest) -> Result<EnrolAnswer, Failure> {
        let bytes = self.post("/device/v1/enrol", None, (&written(request), ANSWER))?;
        understood("answer to an enrolment", &bytes)
    }

    /// Says what the device does; the answer may be held.
    ///
    /// # Errors
    /// As [`Failure`] says.
    pub fn heartbeat(
        &self,
        token: &str,
        message: &Heartbeat,
        patience: Duration,
    ) -> Result<HeartbeatAnswer, Failure> {
        let wait = Duration::from_secs(u64::from(message.hold_s)) + patience;
        let bytes = self.post("/device/v1/heartbeat", Some(token), (&written(message), wait))?;
        understood("answer to a heartbeat", &bytes)
    }

    /// Sends rows of the play log.
    ///
    /// # Errors
    /// As [`Failure`] says.
    pub fn plays(&self, token: &str, batch: &PlayBatch) -> Result<PlayAnswer, Failure> {
        let bytes = self.post("/device/v1/plays", Some(token), (&pack(&written(batch)), ANSWER))?;
        understood("answer to plays", &bytes)
    }

    fn post(
        &self,
        path: &str,
        token: Option<&str>,
        (body, wait): (&[u8], Duration),
    ) -> Result<Vec<u8>, Failure> {
        let url = format!("{}{path}", self.base);
        let Some(apart) = &self.apart else { return post(&self.agent, &url, token, (body, wait)) };
        let (agent, token, body) = (self.agent.clone(), token.map(str::to_owned), body.to_owned());
        let (sender, answered) = bounded(1);
        let sent = thread::Builder::new().name("web-http".into()).spawn(move || {
            let _ = sender.send(post(&agent, &url, token.as_deref(), (&body, wait)));
        });
        sent.map_err(|error| Failure::Away(format!("no thread to ask it: {error}")))?;
        let begin = Instant::now();
        loop {
            apart.moves.moved();
            if apart.stop.is_stopped() {
                return Err(Failure::Away("it is not waited for any more".into()));
            }
            if begin.elapsed() > wait.saturating_add(CONNECT) {
                return Err(Failure::Away("its answer does not end".into()));
            }
            select! {
                recv(answered) -> answer => {
                    return answer.unwrap_or_else(|_| Err(Failure::Away("asking it failed by a fault of this program".into())));
                }
                recv(apart.stop.woken()) -> _ => {}
                default(apart.moves.turn_every()) => {}
            }
        }
    }
}

fn post(
    agent: &Agent,
    url: &str,
    token: Option<&str>,
    (body, wait): (&[u8], Duration),
) -> Result<Vec<u8>, Failure> {
    let mut request = agent.post(url);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.config().timeout_global(Some(wait)).build();
    let response = request.send(body).map_err(|error| match Stranger::of(&error) {
        Some(stranger) => Failure::Untrusted(stranger.to_string()),
        None => Failure::Away(reason(&error)),
    })?;
    let status = response.status().as_u16();
    let after_ms = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok())
        .map(|s| s.saturating_mul(1000));
    let bytes = whole(response.into_body())?;
    match status {
        200..=299 => Ok(bytes),
        _ => Err(refusal(status, after_ms, &bytes)),
    }
}

/// The body, within its bound.
fn whole(body: Body) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = body.into_reader().take(ANSWER_LEN_MAX as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::Away(io_reason(&error)))?;
    if bytes.len() > ANSWER_LEN_MAX {
        return Err(Failure::NotUnderstood(format!("its answer has more than {ANSWER_LEN_MAX} bytes")));
    }
    Ok(bytes)
}

fn understood<T: serde::de::DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, Failure> {
    read(what, bytes, ANSWER_LEN_MAX).map_err(|error| Failure::NotUnderstood(error.to_string()))
}

/// What a status other than success means.
fn refusal(status: u16, after_ms: Option<u64>, bytes: &[u8]) -> Failure {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Problem {
        #[serde(rename = "type")]
        kind: String,
        detail: String,
    }
    let problem: Problem = serde_json::from_slice(bytes).unwrap_or_default();
    let words: String = if problem.detail.is_empty() {
        format!("it answers {status}")
    } else {
        problem.detail.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS_MAX).collect()
    };
    match (status, after_ms) {
        (401, _) => Failure::Unknown(words),
        // Only a server of this kind says so; a page of a guest network must not make a device forget itself.
        (404, _) if problem.kind == "/problems/not-found" => Failure::Unknown(words),
        (409, _) if problem.kind == "/problems/copied" => Failure::Copied(words),
        (403, _) => Failure::Refused(words),
        (429 | 503, Some(after_ms)) => Failure::Later { after_ms, words },
        (408 | 429 | 500..=599, _) => Failure::Away(words),
        _ => Failure::NotUnderstood(words),
    }
}

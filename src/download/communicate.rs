//! `communicate`: a server that is asked for each file where it is to be had, and answers with an address that ends.

use orchestrion_protocol::release::Digest;
use serde::{Deserialize, Serialize};

use super::address::Address;
use super::fetch::Fetch;
use super::{Client, Problem};

/// Bytes of an answer.
const ANSWER_LEN_MAX: usize = 8 * 1024;
/// Characters of an address.
const URL_LEN_MAX: usize = 4_000;

/// Whom to ask, and with what it knows this device.
#[derive(Clone, PartialEq, Eq)]
pub struct Communicate {
    /// Where.
    pub url: String,
    /// What is sent as `Authorization: Bearer`.
    pub token: String,
}

impl std::fmt::Debug for Communicate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token is nobody's business, and least of all the log's.
        f.debug_struct("Communicate").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Communicate {
    /// Its server's name.
    pub(super) fn host(&self) -> Option<String> {
        self.url.parse::<Address>().ok().map(|address| address.host().to_owned())
    }
}

/// What is asked.
#[derive(Serialize)]
struct Asked<'a> {
    v: u32,
    blob: &'a Digest,
}

/// What is answered. When the address ends is not looked at: it is used at once, and asked for again after that.
#[derive(Deserialize)]
struct Answered {
    url: String,
}

impl Client {
    /// Where a blob is to be had now.
    pub(super) fn communicate(&self, asked: &Communicate, blob: &Digest) -> Result<String, Problem> {
        let body = serde_json::to_string(&Asked { v: 1, blob }).unwrap_or_default();
        let bytes = self.post(&asked.url, &asked.token, body, ANSWER_LEN_MAX)?;
        let server = asked.host().unwrap_or_default();
        let wrong = |reason: String| Problem::Wrong { server: server.clone(), reason };
        let answered: Answered = serde_json::from_slice(&bytes)
            .map_err(|error| wrong(format!("its answer names no address: {error}")))?;
        if answered.url.len() > URL_LEN_MAX || !answered.url.starts_with("http") {
            return Err(wrong("its answer names no address of http or https".into()));
        }
        Ok(answered.url)
    }
}

impl Fetch<'_> {
    /// The same, unless it was told to stop.
    pub(super) fn whereabouts(&mut self, asked: &Communicate, blob: &Digest) -> Result<String, Problem> {
        if self.pace.is_stopped() {
            return Err(Problem::Stopped);
        }
        self.client.communicate(asked, blob)
    }
}

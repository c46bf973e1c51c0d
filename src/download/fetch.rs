//! One file: asked for, read, written down while it is hashed.

use std::io::Read;
use std::time::Duration;

use orchestrion_protocol::release::{Blob, Digest};

use super::http::{Client, Wanted};
use super::pace::{Pace, Rate, Windows};
use super::problem::io_reason;
use super::{BYTES_PER_S_MIN, Limits, Problem};
use crate::store::{Store, StoreError};

/// Bytes that are read at once.
const READ_LEN: usize = 64 * 1024;
/// Files whose validators are remembered.
const VALIDATORS_MAX: usize = 256;

/// What a fetch works with.
pub(super) struct Fetch<'a> {
    pub(super) client: &'a Client,
    pub(super) pace: &'a mut dyn Pace,
    pub(super) limits: Limits,
    pub(super) windows: &'a Windows,
    pub(super) rate: &'a mut Option<Rate>,
    pub(super) validators: &'a mut Validators,
}

/// Strong validators of the bytes that are there already, by file and server.
#[derive(Debug, Default)]
pub(super) struct Validators(Vec<(Digest, String, String)>);

impl Validators {
    fn of(&self, name: &Digest, url: &str) -> Option<String> {
        let found = self.0.iter().find(|(of, server, _)| of == name && server == url);
        found.map(|(_, _, etag)| etag.clone())
    }

    fn remember(&mut self, name: Digest, url: &str, etag: Option<String>) {
        self.0.retain(|(of, server, _)| *of != name || server != url);
        if let Some(etag) = etag {
            self.0.truncate(VALIDATORS_MAX - 1);
            self.0.insert(0, (name, url.to_owned(), etag));
        }
    }

    fn forget(&mut self, name: &Digest) {
        self.0.retain(|(of, _, _)| of != name);
    }
}

/// How fast it goes, and whether that is too slow.
struct Flow {
    since_ms: u64,
    bytes: u64,
}

impl Fetch<'_> {
    /// Fetches what is not there of a blob from one server, and stores it. `told` hears of each piece.
    pub(super) fn blob(
        &mut self,
        store: &mut Store,
        blob: &Blob,
        url: &str,
        told: &mut dyn FnMut(u64, u64, u64),
    ) -> Result<(), Problem> {
        let mut partial = store.begin(blob)?;
        if !partial.is_full() {
            self.may_go_on()?;
            let wanted = Wanted { from: partial.len(), etag: self.validators.of(&blob.sha256, url) };
            let answer = self.client.get(url, &wanted, Some(blob.size)).inspect_err(|problem| {
                // Whatever is there does not fit to what they have: the next try begins anew.
                if wanted.from > 0 && matches!(problem, Problem::Wrong { .. }) {
                    let _ = store.abandon(&blob.sha256);
                    self.validators.forget(&blob.sha256);
                }
            })?;
            if answer.from < partial.len() {
                // They give no parts, or it is another file than before.
                drop(partial);
                store.abandon(&blob.sha256)?;
                partial = store.begin(blob)?;
            }
            self.validators.remember(blob.sha256, url, answer.etag);
            let server = server_of(url);
            let mut reader = answer.body.into_with_config().limit(u64::MAX).reader();
            let mut buffer = vec![0; READ_LEN];
            let mut flow = Flow { since_ms: self.pace.now_ms(), bytes: 0 };
            while !partial.is_full() {
                self.may_go_on()?;
                let broken = |got: u64, reason: String| Problem::Broken {
                    server: server.clone(),
                    got,
                    size: blob.size,
                    reason,
                };
                let read = match reader.read(&mut buffer) {
                    Ok(0) => return Err(broken(partial.len(), "it ended".into())),
                    Ok(read) => read,
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(broken(partial.len(), io_reason(&error))),
                };
                match partial.write(&buffer[..read]) {
                    Err(error @ StoreError::TooLong { .. }) => {
                        // More than was signed: nothing of it is believed.
                        drop(partial);
                        store.abandon(&blob.sha256)?;
                        return Err(error.into());
                    }
                    written => written?,
                }
                told(partial.len(), read as u64, self.pace.now_ms());
                self.keep_rate(read as u64)?;
                self.flows(&mut flow, read as u64, &server)?;
            }
        }
        self.validators.forget(&blob.sha256);
        Ok(store.finish(partial)?)
    }

    /// A small document, whole, with at most `max` bytes.
    pub(super) fn document(&mut self, url: &str, max: usize) -> Result<Vec<u8>, Problem> {
        let answer = self.client.get(url, &Wanted::default(), None)?;
        let server = server_of(url);
        let too_long = || Problem::Wrong {
            server: server.clone(),
            reason: format!("{} has more than {max} bytes", url.rsplit('/').next().unwrap_or_default()),
        };
        if answer.len.is_some_and(|len| len > max as u64) {
            return Err(too_long());
        }
        let mut reader = answer.body.into_with_config().limit(u64::MAX).reader();
        let (mut bytes, mut buffer) = (Vec::new(), vec![0; READ_LEN]);
        let begin_ms = self.pace.now_ms();
        loop {
            if self.pace.is_stopped() {
                return Err(Problem::Stopped);
            }
            if self.pace.now_ms().saturating_sub(begin_ms) > self.limits.document.as_millis() as u64 {
                return Err(Problem::TooSlow { server });
            }
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) if bytes.len() + read > max => return Err(too_long()),
                Ok(read) => bytes.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let (got, size, reason) =
                        (bytes.len() as u64, answer.len.unwrap_or(0), io_reason(&error));
                    return Err(Problem::Broken { server, got, size, reason });
                }
            }
        }
        let begin = bytes.trim_ascii_start();
        if begin.starts_with(b"<") {
            let hint = String::from_utf8_lossy(&begin[..begin.len().min(40)]).escape_debug().to_string();
            return Err(Problem::Portal { server, hint });
        }
        Ok(bytes)
    }

    fn may_go_on(&self) -> Result<(), Problem> {
        if self.pace.is_stopped() {
            return Err(Problem::Stopped);
        }
        self.windows.wait(self.pace.local_ms()).map_or(Ok(()), |wait| Err(Problem::Closed(wait)))
    }

    fn keep_rate(&mut self, bytes: u64) -> Result<(), Problem> {
        let Some(rate) = self.rate.as_mut() else { return Ok(()) };
        let wait = rate.take(bytes, self.pace.now_ms());
        if wait > Duration::ZERO && !self.pace.wait(wait) { Err(Problem::Stopped) } else { Ok(()) }
    }

    /// Leaves a server that sends hardly anything.
    fn flows(&self, flow: &mut Flow, bytes: u64, server: &str) -> Result<(), Problem> {
        flow.bytes += bytes;
        let elapsed_ms = self.pace.now_ms().saturating_sub(flow.since_ms);
        if elapsed_ms < self.limits.slow.as_millis() as u64 {
            return Ok(());
        }
        // Whoever sets a lower rate than that waits for it.
        let least = self.rate.as_ref().map_or(BYTES_PER_S_MIN, |rate| BYTES_PER_S_MIN.min(rate.per_s() / 2));
        if flow.bytes < least.saturating_mul(elapsed_ms) / 1000 {
            return Err(Problem::TooSlow { server: server.to_owned() });
        }
        *flow = Flow { since_ms: self.pace.now_ms(), bytes: 0 };
        Ok(())
    }
}

/// The server's name in an address.
fn server_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or_default().to_owned()
}

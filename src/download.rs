//! Downloads: from the address of a release to a generation that can be switched to.
//!
//! [`Download::update`] does one pass: it asks for the offer, follows rotated keys, fetches the manifest, makes room, and
//! fetches each blob that is not there, from several servers in turn, going on where it was. It fails with what is to be
//! waited for; [`Download::run`] waits and tries again. Nothing is fetched twice, nothing longer than it may be is written,
//! and nothing that a server says is believed: content is what its SHA-256 says.
//!
//! Time, chance and patience come from a [`Pace`], so that tests need no clock. Runs on a thread that may wait; it never
//! touches what plays.

mod address;
mod communicate;
mod fetch;
mod http;
mod pace;
mod problem;
mod update;

use std::collections::HashSet;
use std::time::Duration;

use orchestrion_program::TimeOfDay;
use orchestrion_program::model::PlaceId;
use orchestrion_protocol::release::{Digest, Edition};

use crate::tls::Trust;

pub use address::{Address, NoAddress};
pub use communicate::Communicate;
pub use http::Client;
pub use pace::{Backoff, Clockwork, Pace, Rate, Windows};
pub use problem::{Problem, Wait};
pub(crate) use problem::{io_reason, reason};
pub use update::{Download, Outcome};

/// Servers of one release.
pub const SERVERS_MAX: usize = 8;
/// Redirects that are followed for one file.
pub const REDIRECTS_MAX: usize = 5;
/// The longest that a server's `Retry-After` is obeyed.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);
/// A server that sends less than this for [`Limits::slow`] is left for the next one.
pub const BYTES_PER_S_MIN: u64 = 256;
/// Time windows of a day.
pub const WINDOWS_MAX: usize = 24;

/// How to download.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where releases are, the same on each server; asked in this order.
    pub addresses: Vec<Address>,
    /// Whom to ask for each file's address before it is asked for beside the release.
    pub communicate: Option<Communicate>,
    /// What the servers of `addresses`, and nobody else, are shown as `Authorization: Bearer`.
    pub bearer: Option<Bearer>,
    /// The place that the device is bound to.
    pub place: Option<PlaceId>,
    /// `http://[user:password@]host:port`; connections go through it by CONNECT.
    pub proxy: Option<String>,
    /// Which certificates are believed.
    pub trust: Trust,
    /// Whether servers of the local network may be redirected to. The configured addresses themselves may always be local.
    pub private_redirects: bool,
    /// Bytes a second at most; `None`: as fast as it comes.
    pub rate_max: Option<u64>,
    /// When files may be fetched, in local time; none: always.
    pub windows: Vec<(TimeOfDay, TimeOfDay)>,
    /// How long things may take.
    pub limits: Limits,
}

/// What nobody should find in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Bearer(pub String);

impl std::fmt::Debug for Bearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Finding a server's address.
    pub resolve: Duration,
    /// Connecting, with the exchange of certificates.
    pub connect: Duration,
    /// Until an answer begins, and between two pieces of it.
    pub silence: Duration,
    /// How long it may be slower than [`BYTES_PER_S_MIN`].
    pub slow: Duration,
    /// An offer, a manifest or a rotation of keys, whole.
    pub document: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            resolve: Duration::from_secs(20),
            connect: Duration::from_secs(20),
            silence: Duration::from_secs(30),
            slow: Duration::from_secs(60),
            document: Duration::from_secs(120),
        }
    }
}

/// What is told while it downloads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Which release.
    pub edition: Option<Edition>,
    /// Files that are there, of all.
    pub files_done: usize,
    /// Files of the release.
    pub files: usize,
    /// Bytes that are there, of all.
    pub bytes_done: u64,
    /// Bytes of the release.
    pub bytes: u64,
    /// Bytes a second, lately.
    pub rate: u64,
    /// What it waits for, and how long still, in ms.
    pub waiting: Option<(String, u64)>,
}

impl Progress {
    /// From 0 to 100, and 100 only when all is there.
    pub fn percent(&self) -> u8 {
        match self.bytes_done.min(self.bytes).saturating_mul(100).checked_div(self.bytes) {
            Some(percent) => u8::try_from(percent).unwrap_or(100),
            None => 100,
        }
    }

    /// How long it will take at this rate, in ms.
    pub fn left_ms(&self) -> Option<u64> {
        self.bytes.saturating_sub(self.bytes_done).saturating_mul(1000).checked_div(self.rate)
    }
}

/// What goes on outside: who is told, what plays.
pub trait Room {
    /// Hears how far it is, several times a second.
    fn told(&mut self, progress: &Progress);
    /// What plays or comes next, and so may not be taken away.
    fn used(&mut self) -> HashSet<Digest>;
}

#[cfg(test)]
mod tests;

//! WebClient: keeps a device in step with its server, by asking and never being asked.
//!
//! [`Machine`] decides when to ask and what, and is pure; [`Http`] asks; [`Identity`] is what a device is to its server, on its
//! disk; [`WebClient`] is a loop over the three, and [`Body`] the device that it speaks for. Thread `web` ([`Web`]) runs that loop for the
//! daemon. Whatever the server says, does or does not do, nothing here stops what plays.

mod board;
mod client;
mod daemon;
mod delivery;
mod http;
mod identity;
mod machine;
mod orders;
mod reboot;
mod service;
mod wanted;

use orchestrion_protocol::fleet::{Code, Report, Word};
use orchestrion_protocol::release::Edition;
use orchestrion_protocol::rpc::RpcError;
use orchestrion_protocol::status::ServerLink;
use serde_json::Value;

use crate::releases;

pub use client::{Body, Stop, WebClient, WebEvent, about};
pub use http::{Failure, Http, NoServer};
pub use identity::{Admitted, Identity, IdentityError};
pub use machine::{Answered, BACKOFF_MAX_MS, Link, Machine, Step};
pub use service::{COMMANDS_LEN_MAX, Full, Handle, Task, Web};
pub use wanted::Wanted;

/// Where the server gives this device its releases, by what was kept of it.
pub fn source(wanted: &Wanted, admitted: &Admitted) -> Option<releases::Wanted> {
    let content = admitted.content.as_ref()?;
    releases::Wanted::of_server(&releases::Giver {
        url: wanted.url(),
        path: &content.path,
        place: &content.place,
        token: &admitted.admission.token,
        keys: &admitted.admission.keys,
        trust: wanted.trust(),
    })
}

/// What the web thread is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// The configuration says this of a server.
    Configure(Option<Box<Task>>),
    /// What became of a method that it asked for as [`crate::control::ClientId::SERVER`].
    Reply {
        /// Which.
        ask: i64,
        /// What.
        outcome: Result<Value, RpcError>,
    },
    /// Answers [`Event::Asked`].
    Report {
        /// Which.
        ask: i64,
        /// What the device does, as far as `App` knows it.
        report: Box<Report>,
    },
}

/// What the web thread reports.
#[derive(Debug)]
pub enum Event {
    /// It wants to know what the device does; answered by [`Command::Report`].
    Asked(i64),
    /// How it stands with the server.
    Told(Box<Told>),
    /// The server gives this device its releases; they lie there.
    Source(Box<releases::Wanted>),
    /// The newest of them.
    Newest(Edition),
}

/// How it stands between the device and its server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// The server.
    pub url: String,
    /// The connection.
    pub link: ServerLink,
    /// What the server calls this device.
    pub device: Option<Word>,
    /// The place that it is bound to.
    pub place: Option<Word>,
    /// Somebody has to type this there.
    pub code: Option<Code>,
    /// Why it does not work, in words.
    pub problem: Option<String>,
    /// Whether nobody could be reached when it was last tried.
    pub is_cut_off: bool,
}

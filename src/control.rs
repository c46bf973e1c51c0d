//! ExternalControl: local clients on a UNIX socket.
//!
//! Thread `control` owns the socket and every connection. It reads lines, answers what is malformed itself and hands
//! the rest to `App` as [`Event::Asked`]; `App` answers by [`Command::Reply`]. A client that does not read is dropped;
//! nothing that a client does can make another one wait.

use std::sync::Arc;

use orchestrion_protocol::method::Method;
use orchestrion_protocol::rpc::{Id, RpcError};
use serde_json::Value;

/// A connection; never used again within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub u64);

/// What the control thread is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Answer a request. A client that has gone is no error.
    Reply {
        /// Whom.
        client: ClientId,
        /// Which request.
        id: Id,
        /// What.
        outcome: Result<Value, RpcError>,
    },
    /// Send a notification line to every subscriber.
    Notify(Arc<str>),
}

/// What the control thread reports.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A client asks for something that only `App` can answer.
    Asked {
        /// Who.
        client: ClientId,
        /// `None`: a notification, not to be answered.
        id: Option<Id>,
        /// What.
        method: Method,
    },
}

//! What travels between an Orchestrion device, its server and its local clients.
//!
//! JSON-RPC 2.0 over a UNIX stream socket, one object a line ([`rpc`]); the methods and their parameters
//! ([`method`]); what a device says of itself ([`status`]); every bound with a name ([`limits`]).
//! What a device is to play and show, signed ([`release`]). What a device and its server tell each other ([`fleet`]).
//! Types that travel ignore unknown keys in what they are told and never fail on a newer peer's additions;
//! parameters of a method refuse them, since there an unknown key is a typing error.

pub mod fleet;
pub mod limits;
pub mod location;
pub mod method;
pub mod release;
pub mod rpc;
pub mod status;

/// Version of this protocol. It rises when a client that knows the old one would misunderstand the new one.
pub const VERSION: u32 = 1;

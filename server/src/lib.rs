//! The control server of a fleet of Orchestrions.
//!
//! One process, one folder: SQLite and blobs. Devices ask it, it never connects to a device. [`http`] is everything that is
//! asked of it; [`fleet`] who there is, what they do and what they are to do; [`playlog`] what was heard; [`programs`] from a
//! program and a place to a signed release; [`library`] files by their content; [`accounts`] who may ask; [`retention`]
//! what is kept how long; [`database`] the only door to SQLite, [`objects`] to files; [`bootstrap`] starts and stops it all.

pub mod accounts;
pub mod bootstrap;
pub mod chance;
pub mod database;
pub mod error;
pub mod fleet;
pub mod http;
pub mod library;
pub mod objects;
pub mod playlog;
pub mod programs;
pub mod retention;
pub mod server;
pub mod settings;
pub mod time;
pub mod tls;

pub use error::{Error, Result};
pub use server::{App, Server};

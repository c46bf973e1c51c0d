//! DownloadManager: releases on this device, from the servers to the disk.
//!
//! Thread `download` owns the store and whatever asks servers. It opens the store, says what it holds, looks for something
//! newer now and then, fetches it, and says when it is whole; `App` decides when to change over and tells it to. Between
//! all that it reads the store again, slowly, and fetches what the card has forgotten. It never touches what plays:
//! whatever happens to it, the music goes on with what is there.

mod disk;
mod service;
mod stick;
mod wanted;
mod work;

use std::path::Path;
use std::sync::Arc;

use orchestrion_protocol::release::Edition;

use crate::program::Program;
use crate::time::{Mono, Wall};

pub use service::{COMMANDS_LEN_MAX, DownloadManager, Full, Handle};
pub use wanted::{Giver, Wanted, store_dir};

/// Files of which it is told that they play or come next, at most.
pub const USED_LEN_MAX: usize = 64;

/// What the download thread is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// The configuration says this of releases; answered by [`Event::Opened`].
    Configure(Option<Box<Wanted>>),
    /// Ask the servers now.
    Look,
    /// Make the release that is ready the one that is held.
    Switch(Edition),
    /// These files play or come next: they stay, and whoever reads in the background rests for a while. Only the last
    /// list counts.
    Used(Vec<Arc<Path>>),
}

/// What the download thread reports.
#[derive(Debug)]
pub enum Event {
    /// The store was opened. A store that has nothing says so.
    Opened(Option<Box<Held>>),
    /// A newer release is there, whole: it can be switched to.
    Ready(Box<Ready>),
    /// It is the one that is held from now on, after any power cut.
    Switched(Edition),
    /// It is not, and why; what was held is.
    NotSwitched(Edition, String),
    /// Files of the release that is held were found damaged, or are whole again: this is to be played.
    Mended(Box<Program>),
    /// How things stand.
    Told(Box<Told>),
}

/// A release that is held.
#[derive(Debug)]
pub struct Held {
    /// Which.
    pub edition: Edition,
    /// Whether it is the factory's.
    pub is_factory: bool,
    /// Since when, as far as the card knows.
    pub since: Option<Wall>,
    /// What it plays.
    pub program: Program,
}

/// A release that can be switched to.
#[derive(Debug)]
pub struct Ready {
    /// Which.
    pub edition: Edition,
    /// From when on it is to be played; without it, as soon as it is there.
    pub starts: Option<Wall>,
    /// What it plays.
    pub program: Program,
}

/// How things stand with releases, as far as the download thread knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// The last that was offered.
    pub offered: Option<Edition>,
    /// Who has it: a server's address, or a folder that somebody brought.
    pub from: Option<String>,
    /// What is being fetched.
    pub fetching: Option<Fetching>,
    /// What is waited for, in words.
    pub waits: Option<String>,
    /// What stands against it, in words; of the release that is offered, or of the way to it.
    pub problem: Option<String>,
    /// Whether nobody could be reached when it was last tried: what people call "no network".
    pub is_cut_off: bool,
    /// When it looks again.
    pub again: Option<Mono>,
    /// When somebody answered last.
    pub answered: Option<Mono>,
    /// Files of the release that is held that are damaged or missing.
    pub damaged: usize,
    /// What is wrong with the store, in words.
    pub store: Option<String>,
}

/// A release on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetching {
    /// From 0 to 100.
    pub percent: u8,
    /// Files that are there.
    pub files_done: usize,
    /// Files in all.
    pub files: usize,
    /// Bytes that are there.
    pub bytes_done: u64,
    /// Bytes in all.
    pub bytes: u64,
    /// Bytes a second, lately.
    pub rate: u64,
    /// How long it will still take at this rate, in ms.
    pub left_ms: Option<u64>,
}

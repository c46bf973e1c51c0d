//! Decoding by `orchestrion-media`: what travels between it and the daemon, and the daemon's side of it.
//!
//! What Rust cannot decode is decoded by a child process, one for each file, so that no C decoder can take the music
//! down. The child is the second program of this package and the only one that loads GStreamer; nothing in this module
//! does. (The same program shows films and pictures, as another child: [`screen`].) The two share a UNIX socket pair, which is the child's standard input:
//!
//! ```text
//! daemon                                   orchestrion-media decode --serve
//!   Open, with the file's descriptor  ──→
//!                                     ←──  Hello (which version it speaks)
//!                                     ←──  Format, Samples, Samples, …     as fast as they are read
//!   Seek { serial }                   ──→
//!                                     ←──  (Samples that were on the way: dropped)
//!                                     ←──  Sought { serial }, Format, Samples, …
//!                                     ←──  End, or Failed with words
//! ```
//!
//! The socket's buffer is the back-pressure. End of file means that the other is gone: the child ends itself, the daemon
//! fails the file. Nothing here starts a thread; who calls waits, with a limit to each wait.

mod decoding;
mod link;
pub mod message;
mod process;
mod program;
pub mod screen;

use std::path::PathBuf;
use std::time::Duration;

pub use decoding::Decoding;
pub use link::any_readable;
pub use program::{PROGRAM, PROGRAM_VAR, find};

/// What a child may allocate, in MiB (private writable memory, stacks and all): far above what a decoder needs (77 were
/// measured, of which 20 are touched), far below what a small board has.
pub const MEMORY_MIB_MAX: u64 = 256;

/// How long a child may take, and how much memory. Tests make them shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the start of the process to its first word.
    pub hello: Duration,
    /// From there to the first sample, and from a seek to the answer.
    pub first_sample: Duration,
    /// Without a sample while one is wanted.
    pub stall: Duration,
    /// What it may allocate, in MiB.
    pub memory_mib: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A board that just started reads the libraries from a slow card, and the other deck does so too.
            hello: Duration::from_secs(10),
            first_sample: Duration::from_secs(10),
            stall: Duration::from_secs(5),
            memory_mib: MEMORY_MIB_MAX,
        }
    }
}

/// What the samples of a file are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Frames a second, from [`message::RATE_HZ_MIN`] to [`message::RATE_HZ_MAX`].
    pub rate_hz: u32,
    /// Interleaved channels, from 1 to [`message::CHANNELS_MAX`], in the order of WAVE files.
    pub channels: u16,
}

/// Why a file cannot be decoded by a child, in words for whoever owns the machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The program is not there.
    #[error(
        "it needs `{PROGRAM}`, which is neither {} nor in PATH: install the part of Orchestrion that decodes with \
         GStreamer (`cargo build --release --features media` builds it)",
        looked.display()
    )]
    NoProgram {
        /// Where it would be, beside the daemon.
        looked: PathBuf,
    },
    /// The variable that names the program names something else.
    #[error("{PROGRAM_VAR} names {}, which is no program", program.display())]
    WrongProgram {
        /// What it names.
        program: PathBuf,
    },
    /// It cannot be started.
    #[error("cannot start {}: {why}", program.display())]
    NotStarted {
        /// The program.
        program: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Children that were killed are still there.
    #[error("{0} decoders hang in the kernel and cannot be killed; is a disk dead?")]
    Undead(usize),
    /// It says that it cannot.
    #[error("{0}")]
    Refused(String),
    /// It is gone.
    #[error("its decoder died: {0}")]
    Died(String),
    /// It says nothing.
    #[error("its decoder {what} within {limit_ms} ms")]
    TooSlow {
        /// What it did not do.
        what: &'static str,
        /// How long it had, in milliseconds.
        limit_ms: u128,
    },
    /// It breaks the rules.
    #[error("its decoder talks nonsense: {0}")]
    Nonsense(#[from] message::Nonsense),
    /// The socket refuses.
    #[error("cannot talk to its decoder: {0}")]
    Socket(String),
}

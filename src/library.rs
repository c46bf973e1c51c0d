//! The library thread turns what people name (files, folders, lists) into songs, in batches, so that a large folder
//! is heard before it is wholly read. It reads names and lists, programs and the tags that these ask for, never sound.

mod list;
mod order;
mod problems;
mod service;
#[cfg(test)]
mod tests;
mod walk;

use std::path::PathBuf;

pub use service::{COMMANDS_LEN_MAX, Full, Handle, Library};
pub use walk::{BATCH_LEN_MAX, DEPTH_MAX, FOLDER_LEN_MAX, NAMES_LEN_MAX, walk_up_to};

/// Which wish an answer belongs to; given by `App`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WishId(pub u64);

/// What the library thread is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Find the songs that these paths mean.
    Expand {
        /// Carried by the answers.
        wish: WishId,
        /// Absolute paths of files, folders and lists.
        paths: Vec<PathBuf>,
    },
    /// Read this program, and find its music; answered by [`crate::app::Event::Program`].
    ReadProgram {
        /// Its file.
        path: PathBuf,
        /// If it cannot be used, the copy of the last good one will do.
        needs_one: bool,
    },
}

/// What the library thread reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Some of the songs, in order; more may follow.
    Found {
        /// Which wish.
        wish: WishId,
        /// Absolute paths.
        songs: Vec<PathBuf>,
    },
    /// There are no more.
    Expanded {
        /// Which wish.
        wish: WishId,
        /// What could not be taken, a sentence each; at most `PROBLEMS_LEN_MAX`.
        problems: Vec<String>,
    },
}

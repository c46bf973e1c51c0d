//! What can go wrong on the rig, and what whoever runs it can do about it.

use std::io;
use std::path::{Path, PathBuf};

/// The rig's result.
pub type Result<T> = std::result::Result<T, Error>;

/// Why the rig could not do its work. The cause is in `source()`, not in the message.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A command that the rig calls is not on the `PATH`.
    #[error("`{tool}` is not installed: run script/setup")]
    ToolMissing {
        /// The command's name.
        tool: &'static str,
    },
    /// A command ended with a failure.
    #[error("`{tool}` failed: {said}")]
    ToolFailed {
        /// The command's name.
        tool: &'static str,
        /// What it wrote to standard error, or how it ended.
        said: String,
    },
    /// A file, a folder or a pipe refused.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried, as it fits behind "cannot".
        what: &'static str,
        /// What it was tried on.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// These bytes are no WAV file that the rig reads.
    #[error("not a WAV file that the rig can read: {why}")]
    Wav {
        /// What is wrong with them.
        why: &'static str,
    },
    /// The format has no room for this sound.
    #[error("{channels} channels at {rate_hz} Hz cannot be written: {why}")]
    Unsupported {
        /// Channels asked for.
        channels: u16,
        /// Rate asked for.
        rate_hz: u32,
        /// The limit that was broken.
        why: &'static str,
    },
    /// Tags could not be written.
    #[error("cannot tag {}", path.display())]
    Tags {
        /// The file.
        path: PathBuf,
        /// What lofty said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A cover could not be encoded.
    #[error("cannot draw a cover picture")]
    Cover(#[from] png::EncodingError),
    /// A score is written wrongly: correct it in `tunes/`.
    #[error("the score of {tune} is wrong at token {token} ({text:?}): {why}")]
    Score {
        /// The tune.
        tune: &'static str,
        /// The token's number, from 1.
        token: usize,
        /// The token itself.
        text: String,
        /// What is wrong.
        why: &'static str,
    },
    /// Something that was waited for did not happen.
    #[error("waited {waited_ms} ms in vain for {what}")]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        waited_ms: u128,
    },
    /// The recorder stopped by itself, mostly because the sound server is gone.
    #[error("the recorder ended: is the sound server still alive?")]
    CaptureEnded,
}

impl Error {
    /// For `map_err`: an I/O error with what was tried, and on what.
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_path_buf();
        move |source| Error::Io { what, path, source }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        io::Error::other(error)
    }
}

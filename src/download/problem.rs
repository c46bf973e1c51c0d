//! What stands against a download, and what is to be done: wait and try again, or tell somebody.

use std::io;
use std::time::Duration;

use orchestrion_protocol::release::Refusal;

use crate::store::StoreError;

/// See the head of this file.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It was told to stop.
    #[error("stopped")]
    Stopped,
    /// Nothing is fetched at this time.
    #[error("nothing is fetched at this hour; the next window opens in {} min", .0.as_secs() / 60)]
    Closed(Duration),
    /// No connection.
    #[error("{server} cannot be reached: {reason}")]
    Unreachable {
        /// Whom.
        server: String,
        /// Why.
        reason: String,
    },
    /// It ended before its end.
    #[error("{server} broke off after {got} of {size} bytes: {reason}")]
    Broken {
        /// Who.
        server: String,
        /// Bytes that are there.
        got: u64,
        /// Bytes in all.
        size: u64,
        /// Why.
        reason: String,
    },
    /// It sends hardly anything.
    #[error("{server} sends less than {} bytes a second", super::BYTES_PER_S_MIN)]
    TooSlow {
        /// Who.
        server: String,
    },
    /// Somebody answers in its place: a page to log in.
    #[error(
        "something between here and {server} answers with a web page ({hint}): log this device in to the network, or give it a way around the login page"
    )]
    Portal {
        /// Who should have answered.
        server: String,
        /// What it looked like.
        hint: String,
    },
    /// It says that it cannot now.
    #[error("{server} answers {status}{}", later(.after))]
    Busy {
        /// Who.
        server: String,
        /// What it answered.
        status: u16,
        /// When it wants to be asked again.
        after: Option<Duration>,
    },
    /// It does not have it, or does not give it.
    #[error("{server} answers {status} for {path}: {}", refused(.status))]
    Refused {
        /// Who.
        server: String,
        /// What it answered.
        status: u16,
        /// For what.
        path: String,
    },
    /// It answers something that is none.
    #[error("{server} answers wrongly: {reason}")]
    Wrong {
        /// Who.
        server: String,
        /// What.
        reason: String,
    },
    /// It sends elsewhere, and that is not followed.
    #[error("{server} redirects to {target}, which is not followed: {reason}")]
    Redirect {
        /// Who.
        server: String,
        /// Where to.
        target: String,
        /// Why not.
        reason: &'static str,
    },
    /// The release is not for this device, or not believed.
    #[error(transparent)]
    Release(#[from] Refusal),
    /// The disk refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The settings cannot be used.
    #[error("{0}")]
    Settings(String),
}

/// When it is worth trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Soon, and then less and less often.
    Jitter,
    /// Not before so long.
    AtLeast(Duration),
    /// When somebody changed something; it is asked seldom.
    Seldom,
    /// Never.
    Over,
}

impl Problem {
    /// Whether the network is in the way, and not whom it leads to.
    pub fn is_cut_off(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Portal { .. })
    }

    /// What is to be done.
    pub fn wait(&self) -> Wait {
        match self {
            Self::Stopped | Self::Settings(_) => Wait::Over,
            Self::Closed(after) => Wait::AtLeast(*after),
            Self::Busy { after: Some(after), .. } => Wait::AtLeast((*after).min(super::RETRY_AFTER_MAX)),
            Self::Unreachable { .. } | Self::Broken { .. } | Self::TooSlow { .. } | Self::Busy { .. } => {
                Wait::Jitter
            }
            Self::Wrong { .. } | Self::Portal { .. } => Wait::Jitter,
            Self::Refused { .. } | Self::Redirect { .. } => Wait::Seldom,
            Self::Release(refusal) if refusal.is_transient() => Wait::Jitter,
            Self::Release(_) => Wait::Seldom,
            Self::Store(StoreError::OtherContent { .. }) => Wait::Jitter,
            Self::Store(_) => Wait::Seldom,
        }
    }
}

/// The system's or the library's words, once.
pub(crate) fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => io_reason(error),
        ureq::Error::Timeout(what) => format!("no answer in time ({what})"),
        ureq::Error::HostNotFound => {
            "its name is not known; is the network there, and its name server?".into()
        }
        ureq::Error::Other(error) => error.to_string(),
        ureq::Error::Rustls(error) => format!("its certificate or encryption is refused: {error}"),
        ureq::Error::ConnectProxyFailed(words) => format!("the proxy refuses: {words}"),
        other => other.to_string(),
    }
}

pub(crate) fn io_reason(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
        Some(inner) => reason(inner),
        None => error.to_string(),
    }
}

fn later(after: &Option<Duration>) -> String {
    after.map_or_else(String::new, |after| format!(", to be asked again in {} s", after.as_secs()))
}

fn refused(status: &u16) -> &'static str {
    match status {
        401 | 403 => "this device may not have it",
        404 | 410 => "it is not there; is the address right, and was everything copied?",
        407 => "the proxy wants a name and a password",
        _ => "it does not give it",
    }
}

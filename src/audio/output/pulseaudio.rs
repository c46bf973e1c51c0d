//! Outputs of a sound server that speaks PulseAudio's protocol, as PipeWire does too: `link` talks to it, `stream` writes to one of
//! its sinks.
//!
//! ALSA reaches it as well, by a plug-in. That loads PulseAudio's client library, which holds 3 MiB and wakes a thread of its own
//! several times a period (`docs/PERFORMANCE.md`); here a period costs one wake-up.

mod link;
mod stream;

use std::ffi::CString;

use pulseaudio::protocol::{Command, DEFAULT_SINK, LookupReply, SinkInfoList};

use super::writer::Writer;
use super::{Listed, Loan, Wanted};
use link::Link;

/// What the names of these outputs begin with.
pub(super) const PREFIX: &str = "pulse:";
/// Whatever the server itself has chosen, and wherever it moves it.
const DEFAULT: &str = "default";

/// The sinks of the server, if there is one.
pub(super) fn list() -> Vec<Listed> {
    let Ok(mut link) = Link::open() else { return Vec::new() };
    let sinks = link.ask::<SinkInfoList>(&Command::GetSinkInfoList).unwrap_or_else(|error| {
        log::warn!("the sound server's sinks cannot be listed: {error}");
        Vec::new()
    });
    let default = ("default".to_owned(), "the sound server's own choice".to_owned());
    let named = sinks.iter().map(|sink| {
        let description = sink.description.as_ref().unwrap_or(&sink.name);
        (sink.name.to_string_lossy().into_owned(), description.to_string_lossy().into_owned())
    });
    let listed = |(name, description)| Listed { name: format!("{PREFIX}{name}"), description };
    [default].into_iter().chain(named).map(listed).collect()
}

pub(super) fn is_there(name: &str) -> bool {
    let Ok(sink) = sink(name) else { return false };
    let asked = Command::LookupSink(sink.unwrap_or_else(|| DEFAULT_SINK.to_owned()));
    Link::open().is_ok_and(|mut link| link.ask::<LookupReply>(&asked).is_ok())
}

/// What the server calls it; `None` is its own choice.
fn sink(name: &str) -> Result<Option<CString>, String> {
    let name = name.strip_prefix(PREFIX).unwrap_or(name);
    if name == DEFAULT || name.is_empty() {
        return Ok(None);
    }
    CString::new(name).map(Some).map_err(|_| "no sink has such a name".to_owned())
}

/// A stream that the server knows; it does not play yet.
pub(super) struct Waiting {
    stream: stream::Waiting,
    rate_hz: u32,
}

impl Waiting {
    pub(super) fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    pub(super) fn start(self, loan: Loan) -> Result<Writer, String> {
        self.stream.start(loan).map_err(|error| error.to_string())
    }
}

/// Has the server make a stream of floats; it resamples for sinks of other rates.
///
/// # Errors
/// There is no server, or its words.
pub(super) fn open(name: &str, wanted: Wanted) -> Result<Waiting, String> {
    let stream = stream::Waiting::new(Link::open()?, sink(name)?, wanted)?;
    Ok(Waiting { stream, rate_hz: wanted.rate_hz })
}

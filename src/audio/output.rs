//! Where the sound goes: a list of outputs by stable name, of which the first that opens is used; `null` is the last.
//!
//! An output borrows the mixer and gives it back when it is dropped, so that the music goes on from the same frame on
//! another one. All of it is called on the audio thread only.

#[cfg(feature = "sound")]
mod alsa;
mod null;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::mixer::Mixer;

/// How long a dropped output may take to give the mixer back.
const RETURN_MAX: Duration = Duration::from_secs(2);
const STUCK: &str = "the output before does not let go of the mixer";

/// The name of the output that nobody hears.
pub const NULL: &str = "null";

/// An output as a person may choose it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What to write into the configuration.
    pub name: String,
    /// What it is.
    pub description: String,
}

/// All outputs of this machine; `null` is the last.
pub fn list() -> Vec<Listed> {
    let null = Listed { name: NULL.into(), description: "keeps the time, but nobody hears it".into() };
    #[cfg(feature = "sound")]
    return alsa::list().into_iter().chain([null]).collect();
    #[cfg(not(feature = "sound"))]
    vec![null]
}

/// Whether an output could be opened now; it is not used.
pub(crate) fn is_there(name: &str) -> bool {
    #[cfg(feature = "sound")]
    return name == NULL || alsa::is_there(name);
    #[cfg(not(feature = "sound"))]
    return name == NULL;
}

/// What an output tells without words: that it pulls, and that it fails.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    callbacks: AtomicU64,
    errors: AtomicU64,
}

impl Pulse {
    pub(super) fn callbacks(&self) -> u64 {
        self.callbacks.load(Ordering::Relaxed)
    }

    pub(super) fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }
}

/// An open output. It pulls the mixer until it is dropped.
pub(super) struct Opened {
    pub(super) name: String,
    pub(super) audible: bool,
    pub(super) rate_hz: u32,
    pub(super) pulse: Arc<Pulse>,
    _pull: Pull,
}

enum Pull {
    #[cfg(feature = "sound")]
    Alsa(#[expect(dead_code, reason = "held for its drop")] cpal::Stream),
    Null(#[expect(dead_code, reason = "held for its drop")] null::NullOutput),
}

/// How an output is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) rate_hz: u32,
    pub(super) buffer_frames: u32,
}

/// Where the mixer is while no output pulls it.
pub(super) struct Dock {
    home: Sender<Box<Mixer>>,
    returned: Receiver<Box<Mixer>>,
}

impl Dock {
    pub(super) fn new(mixer: Box<Mixer>) -> Self {
        let (home, returned) = bounded(1);
        let dock = Self { home, returned };
        let _ = dock.home.send(mixer);
        dock
    }

    /// Lends the mixer to an output; `None` when an output that was dropped does not give it back.
    fn lend(&self) -> Option<Loan> {
        let mut mixer = self.returned.recv_timeout(RETURN_MAX).ok()?;
        mixer.begin_output();
        Some(Loan { mixer: Some(mixer), home: self.home.clone(), pulse: Arc::default() })
    }

    /// Opens an output and lets it pull the mixer.
    ///
    /// # Errors
    /// The output's words; the mixer is home again.
    pub(super) fn open(&self, name: &str, wanted: Wanted) -> Result<Opened, String> {
        if name == NULL {
            let loan = self.lend().ok_or(STUCK)?;
            let pulse = Arc::clone(&loan.pulse);
            let pull = null::NullOutput::start(wanted, loan).map_err(|e| e.to_string())?;
            let pull = Pull::Null(pull);
            return Ok(Opened {
                name: name.into(),
                audible: false,
                rate_hz: wanted.rate_hz,
                pulse,
                _pull: pull,
            });
        }
        #[cfg(feature = "sound")]
        return alsa::open(name, wanted, self);
        #[cfg(not(feature = "sound"))]
        Err("this program was built without sound; build it with the feature `sound`".into())
    }
}

/// The mixer, lent. Whoever drops it sends it home.
struct Loan {
    mixer: Option<Box<Mixer>>,
    home: Sender<Box<Mixer>>,
    pulse: Arc<Pulse>,
}

impl Loan {
    /// Fills interleaved stereo. Called by callbacks: see the rules in [`super::mixer`].
    fn render(&mut self, stereo: &mut [f32]) {
        if let Some(mixer) = &mut self.mixer {
            mixer.render(stereo);
        }
        self.pulse.callbacks.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(mixer) = self.mixer.take() {
            let _ = self.home.send(mixer);
        }
    }
}

/// Errors of outputs that must not go to the terminal go to the log instead, for the calling thread.
pub(super) fn quiet_thread() -> Quiet {
    #[cfg(feature = "sound")]
    return Quiet(::alsa::Output::local_error_handler().ok());
    #[cfg(not(feature = "sound"))]
    Quiet(())
}

/// Keeps the calling thread's outputs from writing to the terminal.
#[cfg(feature = "sound")]
pub(super) struct Quiet(
    #[expect(dead_code, reason = "held for its drop")]
    Option<std::rc::Rc<std::cell::RefCell<::alsa::Output>>>,
);
/// Keeps the calling thread's outputs from writing to the terminal.
#[cfg(not(feature = "sound"))]
pub(super) struct Quiet(());

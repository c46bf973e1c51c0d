//! Where the sound goes: a list of outputs by stable name, of which the first that opens is used; `null` is the last.
//!
//! An output borrows the mixer and gives it back when it is dropped, so that the music goes on from the same frame on
//! another one. All of it is called on the audio thread only.

#[cfg(feature = "sound")]
mod alsa;
mod null;
#[cfg(feature = "sound")]
mod pulseaudio;
#[cfg(feature = "sound")]
mod writer;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::film::monotonic_ns;
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
    return alsa::list().into_iter().chain(pulseaudio::list()).chain([null]).collect();
    #[cfg(not(feature = "sound"))]
    vec![null]
}

/// Whether an output could be opened now; it is not used.
pub(crate) fn is_there(name: &str) -> bool {
    #[cfg(feature = "sound")]
    return name == NULL
        || if name.starts_with(pulseaudio::PREFIX) {
            pulseaudio::is_there(name)
        } else {
            alsa::is_there(name)
        };
    #[cfg(not(feature = "sound"))]
    return name == NULL;
}

/// Called on the output's thread when it is lost, and when the mixer has something to report: whoever watches them need not look
/// again and again.
pub(super) type Wake = Arc<dyn Fn() + Send + Sync>;

/// What an output tells without words: that it pulls, and that it is lost.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    callbacks: AtomicU64,
    lost: OnceLock<String>,
}

impl Pulse {
    pub(super) fn callbacks(&self) -> u64 {
        self.callbacks.load(Ordering::Relaxed)
    }

    /// Why it pulls no more and never will.
    pub(super) fn lost(&self) -> Option<&str> {
        self.lost.get().map(String::as_str)
    }

    #[cfg(feature = "sound")]
    fn lose(&self, words: String, wake: &Wake) {
        if self.lost.set(words).is_ok() {
            wake();
        }
    }
}

#[cfg(feature = "sound")]
enum Waiting {
    Alsa(alsa::Waiting),
    Pulse(pulseaudio::Waiting),
}

#[cfg(feature = "sound")]
impl Waiting {
    fn rate_hz(&self) -> u32 {
        match self {
            Self::Alsa(waiting) => waiting.rate_hz(),
            Self::Pulse(waiting) => waiting.rate_hz(),
        }
    }

    fn start(self, loan: Loan) -> Result<writer::Writer, String> {
        match self {
            Self::Alsa(waiting) => waiting.start(loan),
            Self::Pulse(waiting) => waiting.start(loan),
        }
    }
}

/// An output that can be used: its device is open, and nothing pulls the mixer yet.
pub(super) struct Ready {
    name: String,
    wanted: Wanted,
    pulse: Arc<Pulse>,
    wake: Wake,
    /// `None`: the output that nobody hears.
    #[cfg(feature = "sound")]
    stream: Option<Waiting>,
}

impl Ready {
    /// Opens the device, but does not let it play: if this fails, what plays meanwhile is not disturbed.
    ///
    /// # Errors
    /// The output's words.
    #[cfg(feature = "sound")]
    pub(super) fn new(name: &str, wanted: Wanted, wake: &Wake) -> Result<Self, String> {
        let pulse = Arc::default();
        let stream = if name == NULL {
            None
        } else if name.starts_with(pulseaudio::PREFIX) {
            Some(Waiting::Pulse(pulseaudio::open(name, wanted)?))
        } else {
            Some(Waiting::Alsa(alsa::open(name, wanted, &pulse, wake)?))
        };
        Ok(Self { name: name.to_owned(), wanted, pulse, wake: Arc::clone(wake), stream })
    }

    /// Opens nothing: there are no devices in this program.
    ///
    /// # Errors
    /// What to do about it.
    #[cfg(not(feature = "sound"))]
    pub(super) fn new(name: &str, wanted: Wanted, wake: &Wake) -> Result<Self, String> {
        if name == NULL {
            return Ok(Self { name: name.to_owned(), wanted, pulse: Arc::default(), wake: Arc::clone(wake) });
        }
        Err("this program was built without sound; build it with the feature `sound`".into())
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
    Writer(#[expect(dead_code, reason = "held for its drop")] writer::Writer),
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
    fn lend(&self, pulse: Arc<Pulse>, wake: Wake) -> Option<Loan> {
        let mut mixer = self.returned.recv_timeout(RETURN_MAX).ok()?;
        mixer.begin_output();
        Some(Loan { mixer: Some(mixer), home: self.home.clone(), pulse, wake })
    }

    /// Lets an output pull the mixer; the one before must have been dropped.
    ///
    /// # Errors
    /// The output's words; the mixer is home again.
    pub(super) fn start(&self, ready: Ready) -> Result<Opened, String> {
        let Ready { name, wanted, pulse, wake, .. } = ready;
        let loan = self.lend(Arc::clone(&pulse), wake).ok_or(STUCK)?;
        #[cfg(feature = "sound")]
        if let Some(waiting) = ready.stream {
            let rate_hz = waiting.rate_hz();
            let pull = Pull::Writer(waiting.start(loan)?);
            return Ok(Opened { name, audible: true, rate_hz, pulse, _pull: pull });
        }
        let pull = null::NullOutput::start(wanted, loan).map_err(|e| e.to_string())?;
        let (rate_hz, pull) = (wanted.rate_hz, Pull::Null(pull));
        Ok(Opened { name, audible: false, rate_hz, pulse, _pull: pull })
    }
}

/// The mixer, lent. Whoever drops it sends it home.
struct Loan {
    mixer: Option<Box<Mixer>>,
    home: Sender<Box<Mixer>>,
    pulse: Arc<Pulse>,
    wake: Wake,
}

impl Loan {
    /// The next frame that is rendered will be heard so much later. Called by outputs, once before what they render,
    /// if anything wants to know.
    fn begin(&mut self, latency: Duration, rate_hz: u32) {
        if let Some(mixer) = &mut self.mixer {
            let latency_ns = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
            mixer.observe(monotonic_ns().saturating_add(latency_ns), rate_hz);
        }
    }

    /// Whether anything needs to know when what it renders is heard.
    #[cfg(feature = "sound")]
    fn wants_moments(&self) -> bool {
        self.mixer.as_ref().is_some_and(|mixer| mixer.wants_moments())
    }

    /// Fills interleaved stereo. Called by outputs: see the rules in [`super::mixer`].
    fn render(&mut self, stereo: &mut [f32]) {
        if let Some(mixer) = &mut self.mixer {
            mixer.render(stereo);
        }
        self.pulse.callbacks.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells that the output is lost.
    #[cfg(feature = "sound")]
    fn lose(&self, words: String) {
        self.pulse.lose(words, &self.wake);
    }

    /// Lets the mixer's reports be heard. Called by outputs when what they rendered is on its way.
    fn report(&self) {
        if self.mixer.as_ref().is_some_and(|mixer| mixer.has_reports()) {
            (self.wake)();
        }
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

//! What `App` hears and what it wants done.

use crate::config::{Config, ConfigError};
use crate::program::{Program, ProgramError};
use crate::{audio, buttons, clock, control, library, measure, releases, service, storage, video, web};

/// What happened. Closed, past tense.
#[derive(Debug)]
pub enum Event {
    /// The audio thread reports.
    Audio(audio::Event),
    /// The storage thread reports.
    Storage(storage::Event),
    /// The library thread reports.
    Library(library::Event),
    /// A program was read.
    Program(Result<Box<Program>, ProgramError>),
    /// The measuring thread reports.
    Measure(measure::Event),
    /// The download thread reports.
    Release(releases::Event),
    /// The web thread reports or asks.
    Web(web::Event),
    /// Hands, the alarm contact, or their lines.
    Buttons(buttons::Event),
    /// The video thread reports.
    Video(video::Event),
    /// A local client asks.
    Control(control::Event),
    /// A service died or runs again.
    Service(service::Event),
    /// The clock was set, or is believed or not.
    Clock(clock::Event),
    /// The process was told something.
    Signal(Signal),
    /// The configuration was read again.
    Reloaded(Result<Box<Config>, ConfigError>),
}

/// What the process was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or Ctrl-C: end.
    Terminate,
    /// SIGHUP: read the configuration again.
    Reload,
}

/// What is to be done. Closed, by target.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Tell the audio thread.
    Audio(audio::Command),
    /// Tell the storage thread.
    Storage(storage::Command),
    /// Tell the library thread.
    Library(library::Command),
    /// Tell the measuring thread.
    Measure(measure::Command),
    /// Tell the download thread.
    Release(releases::Command),
    /// Tell the web thread.
    Web(web::Command),
    /// Tell the buttons thread.
    Buttons(buttons::Command),
    /// Tell the video thread.
    Video(video::Command),
    /// Tell the control thread.
    Control(control::Command),
    /// Read the configuration again; answered by [`Event::Reloaded`].
    Reload,
    /// End the process; everything is in good order.
    Exit(Exit),
}

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// As it should.
    Done,
    /// The queue ended and not one song of it could be played.
    NothingPlayed,
}

//! One file being decoded by a child.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use super::link::{Link, Silence};
use super::message::{Command, Event, Lasts, Nonsense};
use super::process::Process;
use super::{Error, Format, Limits};

/// See the head of this file. Dropping it ends the child.
#[derive(Debug)]
pub struct Decoding {
    process: Process,
    link: Link,
    limits: Limits,
    format: Format,
    duration: Option<Lasts>,
    serial: u32,
    /// The first samples, which had to be heard to know that there are any.
    ahead: Vec<f32>,
    state: State,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Running,
    Ended,
    Failed(Error),
}

impl Decoding {
    /// Starts `program` for a regular file and waits for the first sound. The descriptor goes to the child, so that it
    /// needs no path; the file may be renamed or deleted meanwhile. Where the file is read does not matter.
    ///
    /// # Errors
    /// The program cannot be started, or the file cannot be decoded, or not in time.
    pub fn start(program: &Path, file: &File, limits: Limits) -> Result<Self, Error> {
        let (process, stream) = Process::start(program, &arguments(&limits))?;
        let link = Link::new(stream).map_err(|e| Error::Socket(e.to_string()))?;
        let mut decoding = Self {
            process,
            link,
            limits,
            format: Format { rate_hz: 0, channels: 0 },
            duration: None,
            serial: 0,
            ahead: Vec::new(),
            state: State::Running,
        };
        let opened = decoding.open(file);
        opened.map_err(|error| decoding.fail(error))?;
        Ok(decoding)
    }

    fn open(&mut self, file: &File) -> Result<(), Error> {
        // A child that could not start has closed its end already: it is heard first, it says more than a refused write.
        let sent = self.link.send(Command::Open, Some(file.as_fd()));
        match self.hear(Instant::now() + self.limits.hello, ("did not start", self.limits.hello))? {
            Heard::Hello => sent.map_err(|e| Error::Socket(e.to_string()))?,
            other => return Err(Nonsense::OutOfTurn(other.name()).into()),
        }
        let mut ahead = Vec::new();
        let is_sound = self.next_samples(self.limits.first_sample, "gave no sound", &mut ahead)?;
        if !is_sound {
            return Err(Error::Refused("there is no sound in it".into()));
        }
        self.ahead = ahead;
        Ok(())
    }

    /// What the next samples are like.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// How long the file is.
    #[must_use]
    pub fn duration(&self) -> Option<Lasts> {
        self.duration
    }

    /// The child's process number, while it runs.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Whether there is no more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state != State::Running
    }

    /// Takes the next samples, whole frames, in place of what is in `samples`; [`Self::format`] says what they are like.
    /// `false`: there are no more, until a seek.
    ///
    /// # Errors
    /// The child is gone, or hangs, or cannot go on; then each read says so again.
    pub fn read(&mut self, samples: &mut Vec<f32>) -> Result<bool, Error> {
        samples.clear();
        match &self.state {
            State::Running => {}
            State::Ended => return Ok(false),
            State::Failed(error) => return Err(error.clone()),
        }
        if !self.ahead.is_empty() {
            std::mem::swap(samples, &mut self.ahead);
            self.ahead = Vec::new();
            return Ok(true);
        }
        let more = self.next_samples(self.limits.stall, "gave no sound", samples);
        match more {
            Ok(true) => {}
            Ok(false) => self.state = State::Ended,
            Err(error) => return Err(self.fail(error)),
        }
        more
    }

    /// Goes to a place; gives the first frame that follows, counted from the start of the file. Also after the end.
    ///
    /// # Errors
    /// As for `read`.
    pub fn seek(&mut self, position_ms: u64) -> Result<u64, Error> {
        if let State::Failed(error) = &self.state {
            return Err(error.clone());
        }
        let position_frames = self.sought(position_ms).map_err(|error| self.fail(error))?;
        self.ahead.clear();
        self.state = State::Running;
        Ok(position_frames)
    }

    fn sought(&mut self, position_ms: u64) -> Result<u64, Error> {
        self.serial = self.serial.wrapping_add(1);
        let seek = Command::Seek { serial: self.serial, position_ms };
        // When the child is gone, what it said last is heard below.
        let sent = self.link.send(seek, None);
        let limit = self.limits.first_sample;
        let deadline = Instant::now() + limit;
        loop {
            match self.hear(deadline, ("did not come to the place", limit))? {
                Heard::Sought { serial, position_frames } if serial == self.serial => {
                    sent.map_err(|e| Error::Socket(e.to_string()))?;
                    return Ok(position_frames);
                }
                // On the way before the seek. Only the seek before this one may have been given up.
                Heard::Samples | Heard::End | Heard::Format | Heard::Sought { .. } => {}
                Heard::Hello => return Err(Nonsense::OutOfTurn(Heard::Hello.name()).into()),
            }
        }
    }

    /// Waits for samples, past changes of the format. `false`: the end.
    fn next_samples(
        &mut self,
        limit: Duration,
        what: &'static str,
        samples: &mut Vec<f32>,
    ) -> Result<bool, Error> {
        let deadline = Instant::now() + limit;
        loop {
            let event = self.link.receive(deadline);
            let event = match event {
                Ok(Event::Samples(fresh)) => {
                    let channels = usize::from(self.format.channels);
                    if channels == 0 || !fresh.count().is_multiple_of(channels) {
                        return Err(Nonsense::Value("samples that are no whole frames").into());
                    }
                    samples.extend(fresh.iter());
                    return Ok(true);
                }
                other => heard(other),
            };
            match self.note(event, (what, limit))? {
                Heard::End => return Ok(false),
                Heard::Format => {}
                other => return Err(Nonsense::OutOfTurn(other.name()).into()),
            }
        }
    }

    /// The next message, when its samples are not wanted.
    fn hear(&mut self, deadline: Instant, limit: (&'static str, Duration)) -> Result<Heard, Error> {
        let event = heard(self.link.receive(deadline));
        self.note(event, limit)
    }

    fn note(
        &mut self,
        event: Result<Said, Silence>,
        (what, limit): (&'static str, Duration),
    ) -> Result<Heard, Error> {
        match event {
            Ok(Said::Plain(heard)) => Ok(heard),
            Ok(Said::Format(format, duration)) => {
                (self.format, self.duration) = (format, duration);
                Ok(Heard::Format)
            }
            Ok(Said::Failed(words)) => Err(Error::Refused(words)),
            Err(Silence::Gone) => Err(Error::Died(self.process.fell().words)),
            Err(Silence::TimedOut) => Err(Error::TooSlow { what, limit_ms: limit.as_millis() }),
            Err(Silence::Nonsense(nonsense)) => Err(nonsense.into()),
            Err(Silence::Io(e)) => Err(Error::Socket(e.to_string())),
        }
    }

    /// After an error the child is not listened to any more.
    fn fail(&mut self, error: Error) -> Error {
        self.process.end();
        self.ahead.clear();
        self.state = State::Failed(error.clone());
        error
    }
}

/// How the program is called to decode.
fn arguments(limits: &Limits) -> [String; 3] {
    ["decode".into(), "--serve".into(), format!("--memory-mib={}", limits.memory_mib)]
}

/// A message without what it borrows.
enum Said {
    Plain(Heard),
    Format(Format, Option<Lasts>),
    Failed(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Hello,
    Format,
    Samples,
    Sought { serial: u32, position_frames: u64 },
    End,
}

impl Heard {
    fn name(self) -> &'static str {
        match self {
            Self::Hello => "Hello",
            Self::Format => "Format",
            Self::Samples => "Samples",
            Self::Sought { .. } => "Sought",
            Self::End => "End",
        }
    }
}

fn heard(event: Result<Event<'_>, Silence>) -> Result<Said, Silence> {
    Ok(match event? {
        Event::Hello => Said::Plain(Heard::Hello),
        Event::Format { format, duration } => Said::Format(format, duration),
        Event::Samples(_) => Said::Plain(Heard::Samples),
        Event::Sought { serial, position_frames } => Said::Plain(Heard::Sought { serial, position_frames }),
        Event::End => Said::Plain(Heard::End),
        // They go into a log line.
        Event::Failed(words) => Said::Failed(words.chars().filter(|c| !c.is_control()).collect()),
    })
}

//! The child itself: takes a file from the socket on standard input, and says what is in it.
//!
//! The main thread turns what the pipeline and the daemon want into messages; it sleeps until one of them rings. A daemon that
//! does not listen stops it in a write, and so the pipeline, until there is room again.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use orchestrion::media::Format;
use orchestrion::media::message::{Command, Event, Lasts, encode_samples};

use super::confine;
use super::listen::{Speaker, end, listen, opened};
use super::pipeline::{Heard, Pipeline, Sound};
use super::plugins::{self, Loaded};

/// Commands that wait, at most; the daemon sends one at a time.
const COMMANDS_MAX: usize = 4;
/// Pieces of sound that are held back at the start while the length of the file is not known; a parser of bare packets can
/// estimate it after 50.
const HELD_MAX: usize = 64;
/// How long after an error sound may still come out of the decoder, one piece after another.
const LINGER: Duration = Duration::from_millis(150);
/// A seek that finds nothing, though the file says that it goes on for so long after it, is done again by decoding.
const EMPTY_SEEK_MS: u64 = 1000;

/// Serves until the daemon is gone.
pub fn run(memory_mib: u64) -> ExitCode {
    confine::confine(memory_mib);
    let served = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from).and_then(serve);
    match served {
        // Without the clean-up of libraries, which may hang: the daemon waits for this end.
        Ok(()) => end(),
        // The daemon reads it when it finds the socket closed.
        Err(error) => {
            eprintln!("orchestrion-media: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(socket: UnixStream) -> io::Result<()> {
    let mut speaker = Speaker::new(socket.try_clone()?);
    speaker.say(&Event::Hello)?;
    let file = opened(&socket)?;
    let (commands, orders) = bounded(COMMANDS_MAX);
    let (wake, woken) = bounded(1);
    listen(socket, commands, wake.clone())?;
    let child = plugins::load().and_then(|plugins| {
        let pipeline = Pipeline::start(file.as_fd(), &wake)?;
        Ok(Child {
            speaker: &mut speaker,
            file,
            plugins,
            pipeline,
            wake,
            told: None,
            lasts: None,
            held: Vec::new(),
            seek: None,
            is_over: false,
        })
    });
    let words = match child {
        Ok(mut child) => child.run(&orders, &woken)?,
        Err(words) => words,
    };
    speaker.say(&Event::Failed(&words))?;
    // The daemon ends this process, and so nothing that it has said is lost.
    for () in woken {}
    Ok(())
}

struct Child<'a> {
    speaker: &'a mut Speaker,
    file: OwnedFd,
    plugins: Loaded,
    pipeline: Pipeline,
    wake: Sender<()>,
    /// The format that the daemon knows.
    told: Option<Format>,
    /// How long the file is, once that is known.
    lasts: Option<Lasts>,
    /// What is held back until then.
    held: Vec<Sound>,
    /// The seek that is not answered yet.
    seek: Option<Seek>,
    /// Nothing comes until the next seek.
    is_over: bool,
}

#[derive(Clone, Copy)]
struct Seek {
    serial: u32,
    position_ms: u64,
    /// The file cannot be sought in: what lies before the place is decoded and dropped.
    by_decoding: bool,
}

impl Child<'_> {
    /// Runs until it cannot go on, and says why.
    fn run(&mut self, orders: &Receiver<Command>, woken: &Receiver<()>) -> io::Result<String> {
        let mut last_sound = Instant::now();
        loop {
            if let Ok(command) = orders.try_recv() {
                match command {
                    Command::Seek { serial, position_ms } => {
                        if let Err(words) = self.begin_seek(serial, position_ms) {
                            return Ok(words);
                        }
                    }
                    Command::Open => return Ok("a file was opened already".into()),
                }
                continue;
            }
            let heard = if self.is_over { Heard::Nothing } else { self.pipeline.next(&self.plugins) };
            match heard {
                Heard::Sound(sound) => {
                    self.sound(sound)?;
                    last_sound = Instant::now();
                }
                Heard::End => {
                    self.let_go()?;
                    match self.end_of_file() {
                        Ok(events) => self.say_all(&events)?,
                        Err(words) => return Ok(words),
                    }
                }
                Heard::Failing(words) => {
                    // Any ring may be a sound; if it is none, the time still runs out.
                    let left = LINGER.saturating_sub(last_sound.elapsed());
                    if (left.is_zero() || woken.recv_timeout(left).is_err())
                        && let Some(words) = self.failed(words)?
                    {
                        return Ok(words);
                    }
                }
                Heard::Failed(words) => {
                    if let Some(words) = self.failed(words)? {
                        return Ok(words);
                    }
                }
                Heard::Nothing => {
                    if woken.recv().is_err() {
                        return Ok("nothing is left that could ring".into());
                    }
                    last_sound = Instant::now();
                }
            }
        }
    }

    /// The pipeline has failed; gives the words unless there is another way.
    fn failed(&mut self, words: String) -> io::Result<Option<String>> {
        self.let_go()?;
        match self.seek {
            // Some demuxers break where they should say that they cannot seek.
            Some(seek) if !seek.by_decoding => Ok(self.decode_to(seek).err()),
            _ => Ok(Some(words)),
        }
    }

    fn begin_seek(&mut self, serial: u32, position_ms: u64) -> Result<(), String> {
        self.is_over = false;
        let seek = Seek { serial, position_ms, by_decoding: false };
        if self.pipeline.seek(position_ms) {
            self.seek = Some(seek);
            return Ok(());
        }
        self.decode_to(seek)
    }

    /// Begins anew and drops what is before the place.
    fn decode_to(&mut self, seek: Seek) -> Result<(), String> {
        self.pipeline = Pipeline::start(self.file.as_fd(), &self.wake)?;
        self.seek = Some(Seek { by_decoding: true, ..seek });
        Ok(())
    }

    fn sound(&mut self, mut sound: Sound) -> io::Result<()> {
        if let Some(seek) = self.seek {
            let frame = seek.position_ms * u64::from(sound.format.rate_hz) / 1000;
            if seek.by_decoding && !sound.drop_before(frame) {
                return Ok(());
            }
            let position_frames = sound.at_frames.unwrap_or(frame);
            self.seek = None;
            self.speaker.say(&Event::Sought { serial: seek.serial, position_frames })?;
        }
        if self.lasts.is_none() && self.told.is_none() {
            self.lasts = self.pipeline.lasts();
            if self.lasts.is_none() && self.held.len() < HELD_MAX {
                self.held.push(sound);
                return Ok(());
            }
        }
        self.let_go()?;
        self.play(&sound)
    }

    /// Says what was held back.
    fn let_go(&mut self) -> io::Result<()> {
        std::mem::take(&mut self.held).iter().try_for_each(|sound| self.play(sound))
    }

    fn play(&mut self, sound: &Sound) -> io::Result<()> {
        if self.told != Some(sound.format) {
            self.told = Some(sound.format);
            self.speaker.say(&Event::Format { format: sound.format, duration: self.lasts })?;
        }
        let mut said = Ok(());
        encode_samples(sound.bytes(), sound.format.channels, |event| {
            if said.is_ok() {
                said = self.speaker.say(&event);
            }
        });
        said
    }

    /// What is to be said at the end of the file.
    fn end_of_file(&mut self) -> Result<Vec<Event<'static>>, String> {
        let mut events = Vec::new();
        if let Some(seek) = self.seek {
            let is_early = self.lasts.is_some_and(|lasts| seek.position_ms + EMPTY_SEEK_MS < lasts.ms());
            if is_early && !seek.by_decoding {
                self.decode_to(seek)?;
                return Ok(events);
            }
            let rate_hz = self.told.map_or(0, |format| u64::from(format.rate_hz));
            let position_frames = seek.position_ms * rate_hz / 1000;
            self.seek = None;
            events.push(Event::Sought { serial: seek.serial, position_frames });
        }
        self.is_over = true;
        events.push(Event::End);
        Ok(events)
    }

    fn say_all(&mut self, events: &[Event<'_>]) -> io::Result<()> {
        events.iter().try_for_each(|event| self.speaker.say(event))
    }
}

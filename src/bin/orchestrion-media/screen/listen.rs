//! The socket to the daemon: a thread that hears and one that speaks, so that what is on the screen waits for neither.
//!
//! When the daemon is gone the one that hears ends the process at once.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use orchestrion::media::screen::message::{Command, Event, LINE_LEN_MAX, line, parse, reason};

use crate::decode::listen::{end, ring};

/// Commands that wait, at most.
const COMMANDS_MAX: usize = 16;
/// What waits to be said, at most; a daemon that does not listen for so long misses the rest.
const SAYINGS_MAX: usize = 64;
/// Of these, pieces of sound; what finds no room is said later, and the decoder waits so long.
const SOUNDS_MAX: usize = 32;

/// Starts the thread that hears. `wake` is rung after each command.
pub fn start(socket: UnixStream, wake: Sender<()>) -> io::Result<Receiver<Command>> {
    let (commands, heard) = bounded(COMMANDS_MAX);
    thread::Builder::new().name("listen".into()).spawn(move || {
        if let Err(error) = relay(socket, &commands, &wake) {
            eprintln!("orchestrion-media: {error}");
        }
        end();
    })?;
    Ok(heard)
}

fn relay(socket: UnixStream, commands: &Sender<Command>, wake: &Sender<()>) -> io::Result<()> {
    let mut reader = BufReader::new(socket);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let len = (&mut reader).take(LINE_LEN_MAX as u64).read_until(b'\n', &mut bytes)?;
        if len == 0 {
            return Ok(());
        }
        if bytes.last() != Some(&b'\n') {
            return Err(io::Error::other("a line without an end"));
        }
        let command: Command = parse(&bytes).map_err(io::Error::other)?;
        commands.send(command).map_err(io::Error::other)?;
        ring(wake);
    }
}

enum Saying {
    Event(Event),
    Snapshot { serial: u32, jpeg: Vec<u8> },
    Sound { film: u64, due_ns: u64, bytes: Vec<u8> },
}

/// Tells the daemon. Cheap to clone.
#[derive(Clone)]
pub struct Speaker {
    sayings: Sender<Saying>,
}

impl Speaker {
    /// Starts the thread that speaks.
    pub fn start(mut socket: UnixStream) -> io::Result<Self> {
        let (sayings, said) = bounded(SAYINGS_MAX);
        thread::Builder::new().name("speak".into()).spawn(move || {
            for saying in said {
                // Who does not hear any more is gone; the other thread notices.
                let _ = speak(&mut socket, saying);
            }
        })?;
        Ok(Self { sayings })
    }

    /// Says something, if there is room to.
    pub fn say(&self, event: Event) {
        let _ = self.sayings.try_send(Saying::Event(event));
    }

    /// Gives sound of a film; `false`: there is no room, it is to be given again a little later.
    pub fn sound(&self, film: u64, due_ns: u64, bytes: &[u8]) -> bool {
        if self.sayings.len() >= SOUNDS_MAX {
            return false;
        }
        self.sayings.try_send(Saying::Sound { film, due_ns, bytes: bytes.to_vec() }).is_ok()
    }

    /// Ends the sound of a film.
    pub fn silence(&self, film: u64, due_ns: u64) {
        let _ = self.sayings.try_send(Saying::Sound { film, due_ns, bytes: Vec::new() });
    }

    /// Gives a snapshot.
    pub fn show(&self, serial: u32, jpeg: Vec<u8>) {
        let _ = self.sayings.try_send(Saying::Snapshot { serial, jpeg });
    }
}

fn speak(socket: &mut UnixStream, saying: Saying) -> io::Result<()> {
    let (event, rest) = match saying {
        Saying::Event(Event::NoSnapshot { serial, reason: words }) => {
            (Event::NoSnapshot { serial, reason: reason(&words) }, Vec::new())
        }
        Saying::Event(Event::Silent { id, reason: words }) => {
            (Event::Silent { id, reason: reason(&words) }, Vec::new())
        }
        Saying::Event(event) => (event, Vec::new()),
        Saying::Sound { film, due_ns, bytes } => (Event::Sound { film, due_ns, len: bytes.len() }, bytes),
        Saying::Snapshot { serial, jpeg } => (Event::Snapshot { serial, len: jpeg.len() }, jpeg),
    };
    socket.write_all(&line(&event).map_err(io::Error::other)?)?;
    socket.write_all(&rest)
}

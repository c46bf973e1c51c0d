//! A chip whose pins a test presses. It listens on a UNIX socket, so a whole device can be put on it: a board file or a
//! configuration names it as chip `unix:PATH`. What it speaks is told in `chip/socket.rs`.
//!
//! Pins have voltages, as real ones do: what is not driven is held by the resistor that the device asked for, and floats low
//! without one. So a wrong polarity or pull shows in a test as it would on a board.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Connections that a chip takes, at most.
const CONNECTIONS_MAX: usize = 64;
/// Changes of an output that are remembered, at most.
const CHANGES_MAX: usize = 10_000;

/// A chip.
#[derive(Debug)]
pub struct SimChip {
    path: PathBuf,
    listener: UnixListener,
    inner: Arc<Inner>,
    accept: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: HashMap<String, Line>,
    connections: Vec<UnixStream>,
    closed: bool,
}

#[derive(Debug, Default)]
struct Line {
    /// What a test drives it to.
    driven: Option<bool>,
    /// What holds it when nothing drives it.
    held_high: bool,
    /// Who else has it.
    holder: Option<String>,
    /// Where edges go, and as which line of its group.
    reader: Option<(UnixStream, usize)>,
    /// What the device makes of it, with the moments.
    output: Vec<(Instant, bool)>,
}

impl Line {
    fn is_high(&self) -> bool {
        self.driven.unwrap_or(self.held_high)
    }
}

impl SimChip {
    /// A chip that listens at `path`.
    ///
    /// # Errors
    /// Nobody can listen there.
    pub fn listen(path: &Path) -> std::io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        let accepting = listener.try_clone()?;
        let inner = Arc::new(Inner::default());
        let theirs = Arc::clone(&inner);
        let accept = std::thread::Builder::new().name("sim-chip".into()).spawn(move || {
            let mut talks: Vec<JoinHandle<()>> = Vec::new();
            for stream in accepting.incoming() {
                if theirs.lock().closed {
                    break;
                }
                talks.retain(|talk| !talk.is_finished());
                let Ok(stream) = stream else { continue };
                if talks.len() >= CONNECTIONS_MAX {
                    continue;
                }
                let inner = Arc::clone(&theirs);
                let talk = std::thread::Builder::new().name("sim-line".into());
                talks.extend(talk.spawn(move || serve(&inner, stream)));
            }
            for talk in talks {
                let _ = talk.join();
            }
        })?;
        Ok(Self { path: path.to_owned(), listener, inner, accept: Some(accept) })
    }

    /// What a configuration calls it.
    #[must_use]
    pub fn chip(&self) -> String {
        format!("{}{}", crate::chip::SOCKET_PREFIX, self.path.display())
    }

    /// Drives a line to a voltage; gives the moment at which it changed.
    pub fn drive(&self, line: u32, high: bool) -> Instant {
        self.change(line, Some(high))
    }

    /// Nothing drives a line any more: its resistor holds it.
    pub fn let_go(&self, line: u32) -> Instant {
        self.change(line, None)
    }

    /// Closes a button: the line is driven to the other level than its resistor holds it at.
    pub fn press(&self, line: u32) -> Instant {
        let high = !self.inner.lock().line(line).held_high;
        self.change(line, Some(high))
    }

    /// Somebody else has the line, or nobody any more.
    pub fn hold(&self, line: u32, holder: Option<&str>) {
        self.inner.lock().line(line).holder = holder.map(str::to_owned);
    }

    /// Waits until the device has asked for a line.
    #[must_use]
    pub fn wait_until_read(&self, line: u32, wait_max: Duration) -> bool {
        self.inner.wait(wait_max, |state| state.line(line).reader.is_some())
    }

    /// Waits until an output has this voltage.
    #[must_use]
    pub fn wait_for_output(&self, line: u32, high: bool, wait_max: Duration) -> bool {
        self.inner.wait(wait_max, |state| state.line(line).output.last().is_some_and(|(_, is)| *is == high))
    }

    /// What the device has made of an output so far: moments and voltages.
    #[must_use]
    pub fn output(&self, line: u32) -> Vec<(Instant, bool)> {
        self.inner.lock().line(line).output.clone()
    }

    /// Cuts all connections, as a chip does that is unplugged; with the chip dropped nobody listens either.
    pub fn cut(&self) {
        let mut state = self.inner.lock();
        for stream in state.connections.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        for line in state.lines.values_mut() {
            line.reader = None;
        }
    }

    fn change(&self, line: u32, driven: Option<bool>) -> Instant {
        let mut state = self.inner.lock();
        let line = state.line(line);
        let was_high = line.is_high();
        line.driven = driven;
        let high = line.is_high();
        let (at, ns) = (Instant::now(), now_ns());
        if let Some((stream, index)) = line.reader.as_mut().filter(|_| high != was_high) {
            // A device that has gone reads nothing any more.
            let _ = stream.write_all(format!("edge {index} {} {ns}\n", u8::from(high)).as_bytes());
        }
        at
    }
}

impl Drop for SimChip {
    fn drop(&mut self) {
        self.inner.lock().closed = true;
        self.cut();
        // Wakes the thread that listens, also when its folder has gone meanwhile.
        let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
        let _ = std::fs::remove_file(&self.path);
        if let Some(accept) = self.accept.take() {
            let _ = accept.join();
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn wait(&self, wait_max: Duration, mut is_so: impl FnMut(&mut State) -> bool) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), wait_max, |state| !is_so(state));
        waited.is_ok_and(|(_, timeout)| !timeout.timed_out())
    }
}

impl State {
    fn line(&mut self, line: u32) -> &mut Line {
        self.lines.entry(line.to_string()).or_default()
    }
}

fn now_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    (now.tv_sec as u64) * 1_000_000_000 + now.tv_nsec as u64
}

/// One connection: a request, its answer, then what an output is set to.
fn serve(inner: &Inner, stream: UnixStream) {
    let Ok(own) = stream.try_clone() else { return };
    {
        let mut state = inner.lock();
        if state.closed {
            return;
        }
        state.connections.extend(stream.try_clone());
    }
    let mut lines = BufReader::new(own).lines().map_while(Result::ok);
    let Some(request) = lines.next() else { return };
    let words: Vec<&str> = request.split(' ').collect();
    let (wanted, output) = match words.as_slice() {
        ["in", wanted @ ..] => (wanted.iter().filter_map(|word| word.split_once(':')).collect(), None),
        ["out", line] => (vec![(*line, "none")], Some((*line).to_owned())),
        _ => return,
    };
    if !grant(inner, &wanted, output.is_none(), &stream) {
        let _ = stream.shutdown(Shutdown::Both);
        return;
    }
    inner.changed.notify_all();
    for said in lines {
        let mut state = inner.lock();
        if let Some(line) = output.as_ref().and_then(|line| state.lines.get_mut(line))
            && let Some(high) = said.strip_prefix("set ")
        {
            if line.output.len() < CHANGES_MAX {
                line.output.push((Instant::now(), high == "1"));
            }
            drop(state);
            inner.changed.notify_all();
        }
    }
    let mut state = inner.lock();
    for (line, _) in wanted {
        if let Some(line) = state.lines.get_mut(line) {
            line.holder = line.holder.take().filter(|holder| holder != "this device");
            line.reader = None;
        }
    }
}

/// Answers a request; whether it was granted.
fn grant(inner: &Inner, wanted: &[(&str, &str)], is_input: bool, mut stream: &UnixStream) -> bool {
    let mut state = inner.lock();
    for (line, _) in wanted {
        if let Some(holder) = state.lines.get(*line).and_then(|line| line.holder.clone()) {
            let _ = stream.write_all(format!("busy {line} {holder}\n").as_bytes());
            return false;
        }
    }
    let mut levels = String::new();
    for (index, (name, bias)) in wanted.iter().enumerate() {
        let line = state.lines.entry((*name).to_owned()).or_default();
        line.held_high = *bias == "up";
        line.holder = Some("this device".into());
        line.reader = if is_input { stream.try_clone().ok().map(|stream| (stream, index)) } else { None };
        levels += if line.is_high() { " 1" } else { " 0" };
    }
    stream.write_all(format!("levels {}{levels}\n", now_ns()).as_bytes()).is_ok()
}

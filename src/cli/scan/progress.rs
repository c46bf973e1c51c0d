//! The bar: how far it is, how fast, how long it will take. Drawn over itself on standard error, where that is a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use super::super::live::width_of;
use super::super::text::{clean, clock, columns, fit};
use super::report::{Tally, thousands};
use super::work::{Done, Outcome};

const BAR_CELLS: usize = 16;
/// Before so much time nobody knows how long it will take.
const SETTLED: Duration = Duration::from_secs(2);

/// See the head of this file.
pub(super) struct Progress {
    is_shown: bool,
    /// Whether a line stands there.
    stands: bool,
    drawn: Option<Instant>,
    pub(super) pace: Pace,
    name: String,
}

/// How far it is and how fast it goes.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    begin: Instant,
    files: usize,
    bytes: u64,
    done_bytes: u64,
    /// Of these, the bytes that had to be measured; what is known takes no time.
    measured_bytes: u64,
    known_bytes: u64,
}

impl Progress {
    pub(super) fn new() -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            is_shown: io::stderr().is_terminal() && !dumb,
            stands: false,
            drawn: None,
            pace: Pace::new(0, 0),
            name: String::new(),
        }
    }

    pub(super) fn begin(&mut self, files: usize, bytes: u64) {
        self.pace = Pace::new(files, bytes);
    }

    pub(super) fn finding(&mut self, found: usize) {
        self.show(&format!("looking for music: {} files", thousands(found as u64)));
    }

    pub(super) fn done(&mut self, done: &Done) {
        self.name = done.path.file_name().map(|name| clean(&name.to_string_lossy())).unwrap_or_default();
        self.pace.done(done.size, matches!(done.outcome, Outcome::Known(..)));
    }

    /// Draws the bar, if it was not drawn for so long.
    pub(super) fn draw(&mut self, tally: &Tally, every: Duration) {
        if self.stands && self.drawn.is_some_and(|drawn| drawn.elapsed() < every) {
            return;
        }
        let line = self.pace.render(tally, self.pace.begin.elapsed());
        let line = format!("{line}  {}", self.name);
        self.show(&line);
        self.drawn = Some(Instant::now());
    }

    /// Takes the line away, so that another can be written.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.stands) {
            let _ = write!(io::stderr(), "\r\x1b[K").and_then(|()| io::stderr().flush());
        }
    }

    fn show(&mut self, line: &str) {
        if self.is_shown {
            // A full last column would make some terminals go on to the next line.
            let width = width_of(io::stderr()).saturating_sub(1);
            let _ = write!(io::stderr(), "\r{}\x1b[K", fit(line, width)).and_then(|()| io::stderr().flush());
            self.stands = true;
        }
    }
}

impl Pace {
    pub(super) fn new(files: usize, bytes: u64) -> Self {
        Self { begin: Instant::now(), files, bytes, done_bytes: 0, measured_bytes: 0, known_bytes: 0 }
    }

    pub(super) fn done(&mut self, size: u64, is_known: bool) {
        self.done_bytes += size;
        *(if is_known { &mut self.known_bytes } else { &mut self.measured_bytes }) += size;
    }

    /// The time that what is left will take, if it is like what was measured; `None` while that is not known.
    fn left(&self, elapsed: Duration) -> Option<Duration> {
        let settled = elapsed >= SETTLED && self.measured_bytes > 0;
        let bytes_left = self.bytes.saturating_sub(self.done_bytes);
        settled.then(|| elapsed.mul_f64(bytes_left as f64 / self.measured_bytes as f64))
    }

    pub(super) fn render(&self, tally: &Tally, elapsed: Duration) -> String {
        let share =
            if self.bytes == 0 { 1.0 } else { self.done_bytes.min(self.bytes) as f64 / self.bytes as f64 };
        let halves = (share * (2 * BAR_CELLS) as f64) as usize;
        let bar = "█".repeat(halves / 2) + if halves % 2 == 1 { "▌" } else { "" };
        let pad = " ".repeat(BAR_CELLS.saturating_sub(columns(&bar)));
        let mut line = format!(
            "▐{bar}{pad}▌  {}/{} files",
            thousands(tally.done() as u64),
            thousands(self.files as u64)
        );
        if let Some(rate) = tally.rate(elapsed) {
            line.push_str(&format!("  {rate}"));
        }
        if let Some(left) = self.left(elapsed) {
            line.push_str(&format!("  {} left", clock(left.as_millis() as u64)));
        }
        if tally.failed() > 0 {
            line.push_str(&format!("  {} failed", thousands(tally.failed() as u64)));
        }
        line
    }
}

//! How far it is: drawn over itself on standard error, where that is a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use super::super::live::width_of;
use super::super::text::{clean, clock, fit};
use super::{bytes, thousands};

/// How often it is drawn.
const EVERY: Duration = Duration::from_millis(200);
/// Before so much time nobody knows how long it will take.
const SETTLED: Duration = Duration::from_secs(2);

pub(super) struct Progress {
    what: &'static str,
    files: usize,
    done_files: usize,
    bytes: u64,
    done_bytes: u64,
    begin: Instant,
    drawn: Option<Instant>,
    is_shown: bool,
}

impl Progress {
    /// `what` is done with so many files of so many bytes.
    pub(super) fn new(what: &'static str, files: usize, bytes: u64) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let is_shown = io::stderr().is_terminal() && !dumb;
        Self {
            what,
            files,
            done_files: 0,
            bytes,
            done_bytes: 0,
            begin: Instant::now(),
            drawn: None,
            is_shown,
        }
    }

    pub(super) fn bytes(&mut self, count: u64, name: &str) {
        self.done_bytes += count;
        if self.is_shown && self.drawn.is_none_or(|drawn| drawn.elapsed() >= EVERY) {
            let width = width_of(io::stderr()).saturating_sub(1);
            let line = format!("{}  {}", self.line(self.begin.elapsed()), clean(name));
            let _ = write!(io::stderr(), "\r{}\x1b[K", fit(&line, width)).and_then(|()| io::stderr().flush());
            self.drawn = Some(Instant::now());
        }
    }

    pub(super) fn file_done(&mut self) {
        self.done_files += 1;
    }

    fn line(&self, elapsed: Duration) -> String {
        let done = self.done_bytes.min(self.bytes);
        let percent = (done * 100).checked_div(self.bytes).unwrap_or(100);
        let mut line = format!(
            "{} {percent:3} %  {}/{} files  {}",
            self.what,
            thousands(self.done_files as u64),
            thousands(self.files as u64),
            bytes(done)
        );
        if elapsed >= SETTLED && done > 0 {
            let left = elapsed.mul_f64((self.bytes - done) as f64 / done as f64);
            line.push_str(&format!("  {} left", clock(left.as_millis() as u64)));
        }
        line
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K").and_then(|()| io::stderr().flush());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_how_far_it_is_and_how_long_it_will_take() {
        let mut progress = Progress::new("copying", 1200, 4 << 20);
        progress.bytes(1 << 20, "a");
        progress.file_done();
        assert_eq!(progress.line(Duration::from_secs(1)), "copying  25 %  1/1,200 files  1.0 MiB");
        assert_eq!(
            progress.line(Duration::from_secs(20)),
            "copying  25 %  1/1,200 files  1.0 MiB  1:00 left"
        );
        assert_eq!(Progress::new("copying", 0, 0).line(Duration::ZERO), "copying 100 %  0/0 files  0 bytes");
    }
}

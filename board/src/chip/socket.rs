//! Lines that another process has, behind a UNIX socket. Tests press pins by it ([`crate::sim`]); it is spoken in lines of text:
//!
//! ```text
//! device → chip   in 17:up 5:none      asks for inputs, with what holds them    (a name instead of a number: GPIO17:up)
//! chip → device   levels NS 1 0        the voltages at that moment (CLOCK_MONOTONIC, nanoseconds)
//!                 edge INDEX 0 NS      a change
//!                 busy LINE HOLDER     or why not
//!                 missing LINE
//! device → chip   out 27               asks for an output; answered by `levels NS 0`
//! device → chip   set 1                the voltage that it is to have
//! ```

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use embedded_hal::digital::{Error, ErrorType, OutputPin};

use super::{EDGES_MAX, GroupEdge, Inputs, LineError, SOCKET_PREFIX};
use crate::line::{Bias, LineId, LineSpec, Polarity};
use crate::time::Moment;

/// As long may the other process take to answer.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(1);
/// As much is read at once, in bytes.
const READ_LEN_MAX: usize = 4096;
/// As much is kept of a line that has not ended, in bytes.
const LINE_LEN_MAX: usize = 256;

/// What the other process says.
struct Talk {
    stream: UnixStream,
    pending: Vec<u8>,
    chip: String,
}

impl Talk {
    /// Connects, says `words`, and hears the levels.
    fn open(path: &str, words: &str) -> Result<(Self, Moment, Vec<bool>), LineError> {
        let chip = format!("{SOCKET_PREFIX}{path}");
        let stream = UnixStream::connect(path).map_err(|e| match e.kind() {
            ErrorKind::PermissionDenied => LineError::Denied { chip: chip.clone() },
            _ => LineError::NoChip { chip: chip.clone(), known: format!("nobody there: {e}") },
        })?;
        let mut talk = Self { stream, pending: Vec::new(), chip };
        let timeout = Some(ANSWER_WAIT_MAX);
        talk.stream.set_read_timeout(timeout).map_err(|e| talk.gone(&e))?;
        talk.stream.set_write_timeout(timeout).map_err(|e| talk.gone(&e))?;
        talk.stream.write_all(format!("{words}\n").as_bytes()).map_err(|e| talk.gone(&e))?;
        let answer = loop {
            if let Some(line) = talk.next_line() {
                break line;
            }
            // Not a byte more than the answer: an edge that came with it would lie here, and its reader would sleep.
            talk.fill(1)?;
        };
        let words: Vec<&str> = answer.split(' ').collect();
        let chip = talk.chip.clone();
        match words.as_slice() {
            ["levels", ns, levels @ ..] => {
                let at = ns.parse().map(Moment::from_ns).map_err(|_| talk.babble(&answer))?;
                let levels = levels.iter().map(|level| *level == "1").collect();
                talk.stream.set_nonblocking(true).map_err(|e| talk.gone(&e))?;
                Ok((talk, at, levels))
            }
            ["busy", line, holder @ ..] => {
                Err(LineError::Busy { chip, line: (*line).to_owned(), holder: holder.join(" ") })
            }
            ["missing", line] => Err(LineError::NoLine { chip, line: (*line).to_owned() }),
            _ => Err(talk.babble(&answer)),
        }
    }

    /// Reads once, so many bytes at most; an error also at the end.
    fn fill(&mut self, len_max: usize) -> Result<(), LineError> {
        let mut bytes = [0; READ_LEN_MAX];
        let count = self.stream.read(&mut bytes[..len_max.min(READ_LEN_MAX)]).map_err(|e| self.gone(&e))?;
        if count == 0 {
            return Err(LineError::Gone {
                chip: self.chip.clone(),
                reason: "it has closed the socket".into(),
            });
        }
        self.pending.extend(bytes.iter().take(count));
        Ok(())
    }

    fn next_line(&mut self) -> Option<String> {
        let end = self.pending.iter().position(|byte| *byte == b'\n')?;
        let line: Vec<u8> = self.pending.drain(..=end).collect();
        Some(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    fn gone(&self, error: &std::io::Error) -> LineError {
        LineError::Gone { chip: self.chip.clone(), reason: error.to_string() }
    }

    fn babble(&self, line: &str) -> LineError {
        let shown: String = line.chars().take(40).collect();
        LineError::Gone {
            chip: self.chip.clone(),
            reason: format!("it says \"{shown}\", which means nothing"),
        }
    }
}

/// Inputs behind a socket.
pub struct SocketInputs {
    talk: Talk,
    /// When and what the levels were last.
    levels: (Moment, Vec<bool>),
    polarity: Vec<Polarity>,
}

impl SocketInputs {
    /// Asks for the lines.
    pub fn open(path: &str, lines: &[LineSpec]) -> Result<Self, LineError> {
        let words = lines.iter().map(|line| {
            let bias = match line.bias {
                Bias::Up => "up",
                Bias::Down => "down",
                Bias::None => "none",
            };
            format!(" {}:{bias}", word(&line.line))
        });
        let (talk, at, high) = Talk::open(path, &format!("in{}", words.collect::<String>()))?;
        if high.len() != lines.len() {
            return Err(talk.babble("levels of other lines"));
        }
        let polarity: Vec<Polarity> = lines.iter().map(|line| line.polarity).collect();
        let levels = high.iter().zip(&polarity).map(|(high, p)| *high == (*p == Polarity::High)).collect();
        Ok(Self { talk, levels: (at, levels), polarity })
    }

    fn hear(&mut self, line: &str) -> Result<GroupEdge, LineError> {
        let words: Vec<&str> = line.split(' ').collect();
        if let ["edge", index, level, ns] = words.as_slice()
            && let (Ok(index), Ok(ns)) = (index.parse::<usize>(), ns.parse())
            && let (Some(polarity), Some(known)) = (self.polarity.get(index), self.levels.1.get_mut(index))
        {
            let edge = GroupEdge {
                index,
                at: Moment::from_ns(ns),
                active: (*level == "1") == (*polarity == Polarity::High),
            };
            *known = edge.active;
            self.levels.0 = edge.at;
            return Ok(edge);
        }
        Err(self.talk.babble(line))
    }
}

impl Inputs for SocketInputs {
    fn levels(&mut self) -> Result<(Moment, Vec<bool>), LineError> {
        Ok(self.levels.clone())
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.talk.stream.as_fd()
    }

    fn read(&mut self, edges: &mut Vec<GroupEdge>) -> Result<(), LineError> {
        let mut bytes = [0; 4096];
        match self.talk.stream.read(&mut bytes) {
            Ok(0) => {
                return Err(LineError::Gone {
                    chip: self.talk.chip.clone(),
                    reason: "it has closed the socket".into(),
                });
            }
            Ok(count) => self.talk.pending.extend(bytes.iter().take(count)),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(e) => return Err(self.talk.gone(&e)),
        }
        while let Some(line) = self.talk.next_line() {
            let edge = self.hear(&line)?;
            edges.push(edge);
            debug_assert!(edges.len() <= EDGES_MAX * 16, "4 kB hold fewer edges");
        }
        if self.talk.pending.len() > LINE_LEN_MAX {
            return Err(self.talk.babble("a line without an end"));
        }
        Ok(())
    }
}

/// An output behind a socket.
pub struct SocketPin {
    talk: Talk,
}

/// The other process has gone, or does not read.
#[derive(Debug)]
pub struct SocketPinError(
    /// The system's words; only the debug form is shown, as `embedded_hal` asks for no other.
    #[allow(dead_code)]
    std::io::Error,
);

impl SocketPin {
    /// Asks for the line.
    pub fn open(path: &str, line: &LineSpec) -> Result<Self, LineError> {
        let (talk, ..) = Talk::open(path, &format!("out {}", word(&line.line)))?;
        Ok(Self { talk })
    }

    fn set(&mut self, high: bool) -> Result<(), SocketPinError> {
        let words = if high { "set 1\n" } else { "set 0\n" };
        // An LED is no reason to wait: who does not read has gone.
        self.talk.stream.write_all(words.as_bytes()).map_err(SocketPinError)
    }
}

impl Error for SocketPinError {
    fn kind(&self) -> embedded_hal::digital::ErrorKind {
        embedded_hal::digital::ErrorKind::Other
    }
}

impl ErrorType for SocketPin {
    type Error = SocketPinError;
}

impl OutputPin for SocketPin {
    fn set_low(&mut self) -> Result<(), Self::Error> {
        self.set(false)
    }

    fn set_high(&mut self) -> Result<(), Self::Error> {
        self.set(true)
    }
}

/// A line as the other process is asked for it.
fn word(line: &LineId) -> String {
    match line {
        LineId::Offset(offset) => offset.to_string(),
        LineId::Name(name) => name.clone(),
    }
}

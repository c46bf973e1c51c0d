//! Where lines really are: the kernel's GPIO character device (feature `cdev`), or another process behind a UNIX socket.
//!
//! A group of inputs is asked for in one piece and has one descriptor that wakes its reader. Whatever goes wrong with it is an error
//! that names the chip and the line; the caller closes the group and tries again later.

#[cfg(feature = "cdev")]
mod cdev;
mod socket;

use std::os::fd::BorrowedFd;

use embedded_hal::digital::OutputPin;

use crate::line::{LineSpec, Polarity};
use crate::time::Moment;

/// What a chip's name begins with when it is a socket.
pub const SOCKET_PREFIX: &str = "unix:";
/// Under this name the lines are held; `gpioinfo` shows it.
pub const CONSUMER: &str = "orchestrion";
/// Edges that are taken from a group at once, at most; the rest wait in the kernel.
pub const EDGES_MAX: usize = 256;

/// Why a line cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// There is no such chip.
    #[error(
        "there is no GPIO chip {chip} (there is {known}); name another, or take the line out of the configuration"
    )]
    NoChip {
        /// What was asked for.
        chip: String,
        /// What there is.
        known: String,
    },
    /// The chip has no such line.
    #[error("GPIO chip {chip} has no {line}; `gpioinfo` lists those that it has")]
    NoLine {
        /// The chip.
        chip: String,
        /// The line.
        line: String,
    },
    /// Somebody else has it.
    #[error("{line} of GPIO chip {chip} is held by {holder}; end that, or use another line")]
    Busy {
        /// The chip.
        chip: String,
        /// The line.
        line: String,
        /// Who.
        holder: String,
    },
    /// The chip may not be used.
    #[error("GPIO chip {chip} may not be opened; the user that plays must be in the group that owns it")]
    Denied {
        /// The chip.
        chip: String,
    },
    /// The chip cannot do what the line is asked for.
    #[error(
        "GPIO chip {chip} cannot do this with {line}: {reason}; if it has no resistors of its own, set pull = \"none\" and put one in"
    )]
    Refused {
        /// The chip.
        chip: String,
        /// The line.
        line: String,
        /// The system's words.
        reason: String,
    },
    /// It was there, and is no more.
    #[error("GPIO chip {chip} has gone: {reason}")]
    Gone {
        /// The chip.
        chip: String,
        /// The system's words.
        reason: String,
    },
    /// This program was built without the kernel's chips.
    #[error("this program was built without GPIO (feature `cdev`), so chip {chip} cannot be used")]
    NotBuilt {
        /// The chip.
        chip: String,
    },
}

/// Inputs that were asked for in one piece.
pub trait Inputs: Send {
    /// Whether each is active now, and when that was read.
    ///
    /// # Errors
    /// The chip has gone.
    fn levels(&mut self) -> Result<(Moment, Vec<bool>), LineError>;

    /// Readable when edges wait, or when the chip has gone.
    fn fd(&self) -> BorrowedFd<'_>;

    /// Takes the edges that wait, at most [`EDGES_MAX`], and does not wait for any. Where some were lost, it tells the levels instead.
    ///
    /// # Errors
    /// The chip has gone.
    fn read(&mut self, edges: &mut Vec<GroupEdge>) -> Result<(), LineError>;
}

/// An edge of one line of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupEdge {
    /// Which line of the group.
    pub index: usize,
    /// When.
    pub at: Moment,
    /// Whether it is active from now on.
    pub active: bool,
}

/// Asks for inputs of one chip.
///
/// # Errors
/// Why they cannot be had.
pub fn open_inputs(lines: &[LineSpec]) -> Result<Box<dyn Inputs>, LineError> {
    let chip = lines.first().map(|line| line.chip.clone()).unwrap_or_default();
    if let Some(other) = lines.iter().find(|line| line.chip != chip) {
        return Err(LineError::Refused {
            chip: other.chip.clone(),
            line: other.line.to_string(),
            reason: format!("its other line is on chip {chip}, and both must be on one"),
        });
    }
    if let Some(path) = chip.strip_prefix(SOCKET_PREFIX) {
        return Ok(Box::new(socket::SocketInputs::open(path, lines)?));
    }
    #[cfg(feature = "cdev")]
    return Ok(Box::new(cdev::CdevInputs::open(&chip, lines)?));
    #[cfg(not(feature = "cdev"))]
    Err(LineError::NotBuilt { chip })
}

/// An output: something that is lit or not.
pub struct Output {
    pin: Box<dyn Drive>,
    polarity: Polarity,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").field("polarity", &self.polarity).finish_non_exhaustive()
    }
}

impl Output {
    /// Asks for a line as an output, and makes it dark.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub fn open(line: &LineSpec) -> Result<Self, LineError> {
        let pin: Box<dyn Drive> = if let Some(path) = line.chip.strip_prefix(SOCKET_PREFIX) {
            Box::new(Pin { pin: socket::SocketPin::open(path, line)?, chip: line.chip.clone() })
        } else {
            #[cfg(feature = "cdev")]
            {
                Box::new(Pin { pin: cdev::open_output(line)?, chip: line.chip.clone() })
            }
            #[cfg(not(feature = "cdev"))]
            return Err(LineError::NotBuilt { chip: line.chip.clone() });
        };
        let mut output = Self { pin, polarity: line.polarity };
        output.set(false)?;
        Ok(output)
    }

    /// Lit, or dark.
    ///
    /// # Errors
    /// The chip has gone.
    pub fn set(&mut self, lit: bool) -> Result<(), LineError> {
        self.pin.drive(lit == (self.polarity == Polarity::High))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // A device that does not run says nothing. A chip that has gone shows nothing anyway.
        let _ = self.set(false);
    }
}

/// An [`OutputPin`] of any error, so that one type holds them all.
trait Drive: Send {
    fn drive(&mut self, high: bool) -> Result<(), LineError>;
}

struct Pin<P> {
    pin: P,
    chip: String,
}

impl<P: OutputPin + Send> Drive for Pin<P> {
    fn drive(&mut self, high: bool) -> Result<(), LineError> {
        let set = if high { self.pin.set_high() } else { self.pin.set_low() };
        set.map_err(|e| LineError::Gone { chip: self.chip.clone(), reason: format!("{e:?}") })
    }
}

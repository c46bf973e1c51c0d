//! The kernel's chips. Inputs by its second interface (edges, bias), which `gpiocdev` speaks; outputs by `linux-embedded-hal`.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use gpiocdev::line::{Bias as KernelBias, EdgeDetection, EdgeKind, EventClock, Offset, Value, Values};
use gpiocdev::{Request, chip::Chip};
use linux_embedded_hal::CdevPin;
use linux_embedded_hal::gpio_cdev::{Chip as OutputChip, LineRequestFlags};

use super::{CONSUMER, EDGES_MAX, GroupEdge, Inputs, LineError};
use crate::line::{Bias, LineId, LineSpec, Polarity};
use crate::time::Moment;

/// Edges that the kernel keeps for each line until they are read.
const KERNEL_EDGES: u32 = 64;

/// Inputs of one of the kernel's chips.
pub struct CdevInputs {
    request: Request,
    chip: String,
    offsets: Vec<Offset>,
    polarity: Vec<Polarity>,
    /// The number that the next edge of the group has.
    seqno: u32,
}

impl CdevInputs {
    /// Asks for the lines.
    pub fn open(name: &str, lines: &[LineSpec]) -> Result<Self, LineError> {
        let chip = find(name)?;
        let offsets: Vec<Offset> =
            lines.iter().map(|line| offset_of(&chip, name, &line.line)).collect::<Result<_, _>>()?;
        let mut builder = Request::builder();
        builder.on_chip(chip.path()).with_consumer(CONSUMER).with_kernel_event_buffer_size(KERNEL_EDGES);
        for (offset, line) in offsets.iter().zip(lines) {
            builder.with_line(*offset).as_input().with_edge_detection(EdgeDetection::BothEdges);
            builder.with_event_clock(EventClock::Monotonic);
            builder.with_bias(match line.bias {
                Bias::Up => KernelBias::PullUp,
                Bias::Down => KernelBias::PullDown,
                Bias::None => KernelBias::Disabled,
            });
        }
        let request = builder.request().map_err(|e| {
            let busy = offsets.iter().zip(lines).find(|(offset, _)| holder_of(&chip, **offset).is_some());
            let (offset, line) = busy.or_else(|| offsets.iter().zip(lines).next()).unzip();
            let line = line.map(|line| line.line.to_string()).unwrap_or_default();
            refused(&chip, name, (offset.copied().unwrap_or_default(), line), &e)
        })?;
        let polarity = lines.iter().map(|line| line.polarity).collect();
        Ok(Self { request, chip: name.to_owned(), offsets, polarity, seqno: 1 })
    }

    fn is_active(&self, index: usize, high: bool) -> bool {
        high == (self.polarity.get(index) == Some(&Polarity::High))
    }

    fn gone(&self, error: &gpiocdev::Error) -> LineError {
        LineError::Gone { chip: self.chip.clone(), reason: error.to_string() }
    }
}

impl Inputs for CdevInputs {
    fn levels(&mut self) -> Result<(Moment, Vec<bool>), LineError> {
        // The moment comes first: an edge between the two is told as well, and repeats the level.
        let at = Moment::now();
        let mut values = Values::from_offsets(&self.offsets);
        self.request.values(&mut values).map_err(|e| self.gone(&e))?;
        let high = self.offsets.iter().map(|offset| values.get(*offset) == Some(Value::Active));
        let levels = high.enumerate().map(|(index, high)| self.is_active(index, high)).collect();
        Ok((at, levels))
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.request.as_fd()
    }

    fn read(&mut self, edges: &mut Vec<GroupEdge>) -> Result<(), LineError> {
        let mut lost = false;
        for _ in 0..EDGES_MAX {
            if !self.request.has_edge_event().map_err(|e| self.gone(&e))? {
                break;
            }
            let event = self.request.read_edge_event().map_err(|e| self.gone(&e))?;
            lost |= event.seqno != self.seqno;
            self.seqno = event.seqno.wrapping_add(1);
            if let Some(index) = self.offsets.iter().position(|offset| *offset == event.offset) {
                let active = self.is_active(index, event.kind == EdgeKind::Rising);
                edges.push(GroupEdge { index, at: Moment::from_ns(event.timestamp_ns), active });
            }
        }
        if lost {
            let (at, levels) = self.levels()?;
            edges.extend(levels.into_iter().enumerate().map(|(index, active)| GroupEdge {
                index,
                at,
                active,
            }));
        }
        Ok(())
    }
}

/// A line as an output, dark until it is told otherwise. The polarity is the caller's: `CdevPin` speaks of volts.
pub fn open_output(line: &LineSpec) -> Result<CdevPin, LineError> {
    let chip = find(&line.chip)?;
    let offset = offset_of(&chip, &line.chip, &line.line)?;
    let words = |e: &dyn std::fmt::Display| match holder_of(&chip, offset) {
        Some(holder) => LineError::Busy { chip: line.chip.clone(), line: line.line.to_string(), holder },
        None => {
            LineError::Refused { chip: line.chip.clone(), line: line.line.to_string(), reason: e.to_string() }
        }
    };
    let dark = u8::from(line.polarity == Polarity::Low);
    let mut output = OutputChip::new(chip.path()).map_err(|e| words(&e))?;
    let pin = output.get_line(offset).and_then(|l| l.request(LineRequestFlags::OUTPUT, dark, CONSUMER));
    CdevPin::new(pin.map_err(|e| words(&e))?).map_err(|e| words(&e))
}

/// The chip of this label, name or path. A label stays when chips are numbered otherwise by the next kernel.
fn find(name: &str) -> Result<Chip, LineError> {
    if name.starts_with('/') {
        return Chip::from_path(PathBuf::from(name)).map_err(|e| not_opened(name, &e));
    }
    // Without `/dev/gpiochip*` this is no error worth more words than "there is none".
    let paths = gpiocdev::chip::chips().unwrap_or_default();
    let (mut known, mut denied) = (Vec::new(), false);
    for path in paths {
        match Chip::from_path(&path) {
            Ok(chip) => {
                let label = chip.info().map(|info| info.label).unwrap_or_default();
                if label == name || chip.name() == name {
                    return Ok(chip);
                }
                known.push(format!("{} \"{label}\"", chip.name()));
            }
            Err(error) => denied |= is_denied(&error),
        }
    }
    if known.is_empty() && denied {
        return Err(LineError::Denied { chip: name.to_owned() });
    }
    let known = if known.is_empty() { "none".into() } else { known.join(", ") };
    Err(LineError::NoChip { chip: name.to_owned(), known })
}

fn not_opened(name: &str, error: &gpiocdev::Error) -> LineError {
    if is_denied(error) {
        return LineError::Denied { chip: name.to_owned() };
    }
    LineError::NoChip { chip: name.to_owned(), known: format!("not it: {error}") }
}

fn is_denied(error: &gpiocdev::Error) -> bool {
    errno_of(error).is_some_and(|errno| [rustix::io::Errno::ACCESS, rustix::io::Errno::PERM].contains(&errno))
}

fn errno_of(error: &gpiocdev::Error) -> Option<rustix::io::Errno> {
    match error {
        gpiocdev::Error::Os(errno) | gpiocdev::Error::Uapi(_, gpiocdev_error::Os(errno)) => {
            Some(rustix::io::Errno::from_raw_os_error(errno.0))
        }
        _ => None,
    }
}

use gpiocdev_uapi::Error as gpiocdev_error;

fn offset_of(chip: &Chip, name: &str, line: &LineId) -> Result<Offset, LineError> {
    let found = match line {
        LineId::Offset(offset) => chip.info().ok().filter(|info| *offset < info.num_lines).map(|_| *offset),
        LineId::Name(line) => chip.find_line_info(line).map(|info| info.offset),
    };
    found.ok_or_else(|| LineError::NoLine { chip: name.to_owned(), line: line.to_string() })
}

/// Who has a line.
fn holder_of(chip: &Chip, offset: Offset) -> Option<String> {
    let info = chip.line_info(offset).ok().filter(|info| info.used)?;
    Some(if info.consumer.is_empty() { "the kernel".into() } else { format!("\"{}\"", info.consumer) })
}

fn refused(chip: &Chip, name: &str, (offset, line): (Offset, String), error: &gpiocdev::Error) -> LineError {
    match holder_of(chip, offset) {
        Some(holder) => LineError::Busy { chip: name.to_owned(), line, holder },
        None => LineError::Refused { chip: name.to_owned(), line, reason: error.to_string() },
    }
}

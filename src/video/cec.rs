//! Switches a TV by its own line in the HDMI cable (Consumer Electronics Control), where the kernel has one: `/dev/cec*`.
//!
//! `cec-ctl` of v4l-utils speaks it, a process of its own: claiming an address on the line and saying a word there are ioctls,
//! which need `unsafe`, and it is written by who wrote the kernel's side. It ends with 0 also where the TV did not answer, so
//! that what it prints is read. A line may take seconds, so a thread has it done; the video thread never waits for it.

use std::fs;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::power::Switch;
use crate::media;
use crate::media::screen::connectors;

/// Where the kernel has the lines.
const DEVICES: &str = "/dev";
/// Lines that are used, at most.
const LINES_MAX: usize = 8;
/// What speaks.
pub(crate) const PROGRAM: &str = "cec-ctl";
/// The package that has it.
pub(crate) const PACKAGE: &str = "v4l-utils";
/// What the TV calls this machine, at most 14 letters.
const NAME: &str = "Orchestrion";
/// The TV's address on each line.
const TV: &str = "0";
/// How long one call may take: an address is claimed within two seconds, a word is said three times at the most.
const CALL_MAX: Duration = Duration::from_secs(10);
/// Bytes of what it prints that are read, at most.
const PRINTED_LEN_MAX: u64 = 16 * 1024;
/// Orders that wait; of more only the last counts.
const ORDERS_MAX: usize = 4;

/// What is ordered, by its number.
type Order = (u64, bool);
/// What came of it.
type Answer = (u64, Result<bool, String>);

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Cec {
    orders: Sender<Order>,
    answers: Receiver<Answer>,
    /// Counts the orders, so that what came of one before is not taken for this one's.
    serial: u64,
    /// The thread's other ends, until it is started.
    thread: Option<(Receiver<Order>, Sender<Answer>)>,
}

impl Cec {
    /// Where there is a line; nothing is said on it yet.
    pub(super) fn new() -> Self {
        let (orders, ordered) = bounded(ORDERS_MAX);
        let (answer, answers) = bounded(ORDERS_MAX);
        Self { orders, answers, serial: 0, thread: Some((ordered, answer)) }
    }
}

impl Switch for Cec {
    fn switch(&mut self, is_on: bool) {
        if let Some((orders, answers)) = self.thread.take() {
            let work = move || serve(&orders, &answers);
            if let Err(error) = thread::Builder::new().name("cec".into()).spawn(work) {
                log::error!("the TV cannot be switched: no thread: {error}");
            }
        }
        self.serial += 1;
        match self.orders.try_send((self.serial, is_on)) {
            // It says nothing then, and is told again later.
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }

    fn heard(&mut self) -> Option<Result<bool, String>> {
        let serial = self.serial;
        self.answers.try_iter().filter(|(of, _)| *of == serial).map(|(_, answer)| answer).last()
    }
}

/// Carries out the last of what was ordered, until nobody can order any more.
fn serve(orders: &Receiver<Order>, answers: &Sender<Answer>) {
    while let Ok(first) = orders.recv() {
        let (serial, is_on) = orders.try_iter().last().unwrap_or(first);
        let answer = switch_all(&lines(), is_on);
        if answers.send((serial, answer)).is_err() {
            return;
        }
    }
}

/// The kernel's lines, one a connector.
pub(crate) fn lines() -> Vec<PathBuf> {
    lines_in(&connectors::place(DEVICES))
}

fn lines_in(devices: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(devices) else { return Vec::new() };
    let is_line = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.strip_prefix("cec").is_some_and(|number| number.parse::<u8>().is_ok())
    };
    let mut lines: Vec<_> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_line).take(LINES_MAX).collect();
    lines.sort();
    lines
}

/// Says it on every line; one TV that heard is enough. Without a line there is nothing to switch, and the screen stays on.
fn switch_all(lines: &[PathBuf], is_on: bool) -> Result<bool, String> {
    let word = if is_on { "on" } else { "off" };
    let (mut outcome, mut was_heard) = (Ok(true), false);
    for line in lines {
        match switch(line, is_on) {
            Ok(()) => {
                log::info!("the TV at {} is switched {word}", line.display());
                was_heard = true;
            }
            Err(words) => outcome = Err(format!("{}: {words}", line.display())),
        }
    }
    if was_heard { Ok(is_on) } else { outcome }
}

fn switch(line: &Path, is_on: bool) -> Result<(), String> {
    let line = line.display().to_string();
    let word = if is_on { "--image-view-on" } else { "--standby" };
    // It takes an address anew each time: the one before is gone with the cable, and with a TV that lets go of the line in its sleep.
    let printed = call(&["-d", &line, "--playback", "-o", NAME, "--to", TV, word])?;
    understood(&printed)?;
    // Some TVs wake with the input that was seen last.
    if let Some(address) = physical_address(&printed).filter(|_| is_on) {
        let source = format!("phys-addr={address}");
        understood(&call(&["-d", &line, "-s", "--active-source", &source])?)?;
    }
    Ok(())
}

/// Whether what was said was heard, as `cec-ctl` prints it: a word that was sent has a `Sequence`, one that went wrong a `Tx` too.
fn understood(printed: &str) -> Result<(), String> {
    let lines = || printed.lines().map(str::trim);
    if let Some(failed) = lines().find(|line| line.starts_with("Tx,")) {
        return Err(format!("the TV does not answer ({failed})"));
    }
    match lines().any(|line| line.starts_with("Sequence:")) {
        true => Ok(()),
        false => Err("nothing can be said on the line: no TV is on it, or it does not speak CEC".into()),
    }
}

/// Where this machine is in the tree of cables, if that is known.
fn physical_address(printed: &str) -> Option<&str> {
    let line = printed.lines().map(str::trim).find(|line| line.starts_with("Physical Address"))?;
    let address = line.split_once(':')?.1.trim();
    let is_known = address != "f.f.f.f" && address.split('.').count() == 4;
    is_known.then_some(address)
}

/// Runs it; gives what it printed.
fn call(args: &[&str]) -> Result<String, String> {
    let mut command = Command::new(PROGRAM);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let child = command.spawn().map_err(|e| format!("{PROGRAM} does not start ({e}): install {PACKAGE}"))?;
    finish(child, CALL_MAX)
}

fn finish(mut child: Child, limit: Duration) -> Result<String, String> {
    let gone = pidfd_open(Pid::from_child(&child), PidfdFlags::empty());
    let is_over =
        gone.is_ok_and(|gone| media::any_readable(&[gone.as_fd()], Instant::now() + limit).unwrap_or(false));
    if !is_over {
        let _ = child.kill();
    }
    let status = child.wait().map_err(|e| e.to_string())?;
    if !is_over {
        return Err(format!("{PROGRAM} takes longer than {} s", limit.as_secs()));
    }
    let mut printed = Vec::new();
    if let Some(out) = child.stdout.take() {
        out.take(PRINTED_LEN_MAX).read_to_end(&mut printed).map_err(|e| e.to_string())?;
    }
    if !status.success() {
        return Err(format!("{PROGRAM}: {status}"));
    }
    Ok(String::from_utf8_lossy(&printed).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `cec-ctl` 1.22 prints it.
    const HEARD: &str = "Driver Info:\n\tDriver Name                : vc4_hdmi\n\tPhysical Address           : 1.0.0.0\n\
         \nTransmit from Playback Device 1 to TV (4 to 0):\nSTANDBY (0x36)\n\tSequence: 5 Tx Timestamp: 1.234s\n";
    const UNHEARD: &str = "\tPhysical Address           : 2.1.0.0\n\nTransmit from Playback Device 1 to TV (4 to 0):\n\
         IMAGE_VIEW_ON (0x04)\n\tSequence: 5 Tx Timestamp: 1.234s\n\tTx, Not Acknowledged (2), Max Retries\n";
    const UNPLUGGED: &str = "\tPhysical Address           : f.f.f.f\n\tLogical Address Mask       : 0x0000\n";

    #[test]
    fn what_it_prints_says_whether_the_tv_heard() {
        assert_eq!(understood(HEARD), Ok(()));
        assert!(understood(UNHEARD).unwrap_err().contains("Not Acknowledged"));
        assert!(understood(UNPLUGGED).unwrap_err().contains("no TV"));
        assert!(understood("").is_err());
        assert_eq!(
            [HEARD, UNHEARD, UNPLUGGED, "Physical Address: 1.0"].map(physical_address),
            [Some("1.0.0.0"), Some("2.1.0.0"), None, None]
        );
    }

    #[test]
    fn lines_are_the_kernels_and_without_one_nothing_is_switched_and_nothing_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["cec1", "cec0", "cecX", "cec", "null"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let names: Vec<_> =
            lines_in(folder.path()).iter().map(|line| line.file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["cec0", "cec1"]);
        assert_eq!(lines_in(&folder.path().join("none")), Vec::<PathBuf>::new());
        assert_eq!(switch_all(&[], false), Ok(true));
    }

    #[test]
    fn a_call_that_does_not_end_by_itself_is_ended() {
        let child =
            |script: &str| Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        assert_eq!(finish(child("echo heard"), CALL_MAX).as_deref(), Ok("heard\n"));
        assert!(finish(child("exit 3"), CALL_MAX).unwrap_err().contains('3'));
        assert!(finish(child("exec sleep 600"), Duration::from_millis(10)).unwrap_err().contains("longer"));
    }
}

//! The hardware watchdog: found by what it calls itself, with a timeout that it can, petted by a byte, closed by the magic one.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// What the kernel's own watchdog calls itself. It ends with the kernel, so it comes last.
const SOFTWARE: &str = "Software Watchdog";
/// Watchdogs that are looked at.
const DEVICES_MAX: usize = 16;
/// Who writes it before closing does not want a reset.
const MAGIC: &[u8] = b"V";

/// An open watchdog: from now on it must be petted.
#[derive(Debug)]
pub struct Watchdog {
    file: File,
    pub name: String,
    pub identity: String,
    /// It resets so long after the last pet, in seconds.
    pub timeout_s: u32,
}

/// Opens the watchdog of this identity, or the best there is, and sets its timeout.
pub fn open(root: &Path, wanted: Option<&str>, timeout_s: u32) -> Result<Watchdog, String> {
    let found = find(root);
    let all = || {
        let all: Vec<String> = found.iter().map(|(path, is)| format!("{} \"{is}\"", name_of(path))).collect();
        if all.is_empty() { "there is none".into() } else { format!("there is {}", all.join(", ")) }
    };
    let choice = match wanted {
        Some(wanted) => found.iter().find(|(_, is)| is == wanted),
        None => found.iter().find(|(_, is)| is != SOFTWARE).or_else(|| found.first()),
    };
    let Some((path, identity)) = choice else {
        let which = wanted.map(|wanted| format!(" \"{wanted}\"")).unwrap_or_default();
        return Err(format!(
            "no watchdog{which} in {}: {}",
            root.join("sys/class/watchdog").display(),
            all()
        ));
    };
    let name = name_of(path);
    let device = root.join("dev").join(&name);
    let file = OpenOptions::new().write(true).open(&device).map_err(|e| match e.kind() {
        ErrorKind::ResourceBusy => format!(
            "{} is held by somebody else; is RuntimeWatchdogSec= set in systemd's system.conf?",
            device.display()
        ),
        _ => format!("{} cannot be opened: {e}", device.display()),
    })?;
    let range = |which: &str| read_number(&path.join(which)).filter(|limit| *limit > 0);
    let can = timeout_s.max(range("min_timeout").unwrap_or(1)).min(range("max_timeout").unwrap_or(u32::MAX));
    let timeout_s = match set_timeout(&file, can) {
        Ok(granted) => granted,
        // One that cannot be told has one of its own.
        Err(error) => range("timeout").ok_or_else(|| {
            // Open, it would bite: close it as one that is not wanted.
            let _ = (&file).write_all(MAGIC);
            format!("{} takes no timeout ({error}) and tells none", device.display())
        })?,
    };
    Ok(Watchdog { file, name, identity: identity.clone(), timeout_s })
}

impl Watchdog {
    /// It is not to bite for another timeout.
    pub fn pet(&mut self) -> std::io::Result<()> {
        self.file.write_all(b".")
    }

    /// It is not to bite at all any more.
    pub fn close(mut self) -> std::io::Result<()> {
        self.file.write_all(MAGIC)
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The watchdogs in sysfs with what they call themselves, in order.
fn find(root: &Path) -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(root.join("sys/class/watchdog")).into_iter().flatten().take(DEVICES_MAX);
    let mut found: Vec<(PathBuf, String)> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let identity = std::fs::read_to_string(path.join("identity")).ok()?.trim().to_owned();
            Some((path, identity))
        })
        .collect();
    found.sort();
    found
}

fn read_number(path: &Path) -> Option<u32> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Asks for a timeout in seconds; gives the one that the chip took.
#[allow(unsafe_code)]
fn set_timeout(file: &File, timeout_s: u32) -> Result<u32, String> {
    let mut seconds = i32::try_from(timeout_s).unwrap_or(i32::MAX);
    // SAFETY: WDIOC_SETTIMEOUT reads and writes one int, which `seconds` is and stays for the call; the descriptor is open. The tests let
    // the real program do it on a file that answers ioctls.
    unsafe { ioctl::set_timeout(file.as_raw_fd(), &raw mut seconds) }.map_err(|e| e.desc().to_owned())?;
    u32::try_from(seconds).ok().filter(|s| *s > 0).ok_or_else(|| format!("it made {seconds} s of it"))
}

/// Linux has no safe call for it, and no crate of ours either.
#[allow(unsafe_code, missing_docs)]
mod ioctl {
    // linux/watchdog.h: WDIOC_SETTIMEOUT _IOWR('W', 6, int)
    nix::ioctl_readwrite!(set_timeout, b'W', 6, i32);
}

//! The device's address, said: an installer who has no screen presses a button and hears where to find it.
//!
//! `espeak-ng` says it where it is installed. Else it is told by beeps to count: as many as the digit, one long low one for
//! a nought, a low short one for a dot.

use std::fs::{self, File};
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The program that speaks.
const SPEAKER: &str = "espeak-ng";
/// As long may it take.
const SPEAKER_WAIT: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Where Linux tells its addresses.
const ADDRESSES: &str = "proc/net/fib_trie";
/// Addresses that are said, one after another.
const ADDRESSES_MAX: usize = 2;

const RATE_HZ: u32 = 16_000;
/// Half of full scale; how loud an announcement is its loudness decides.
const PEAK: f64 = 0.5;
const HIGH_HZ: f64 = 880.0;
const LOW_HZ: f64 = 440.0;
const BEEP_MS: u32 = 120;
const LONG_MS: u32 = 450;
const BETWEEN_BEEPS_MS: u32 = 110;
const BETWEEN_DIGITS_MS: u32 = 500;
const BETWEEN_ADDRESSES_MS: u32 = 1500;
/// A beep swells and dies away.
const EDGE_MS: u32 = 10;

/// Makes a file in `folder` that says the addresses of the machine whose root is `root`. It blocks for as long as the speaker takes.
///
/// # Errors
/// There is no address, or the file cannot be written: in words for whoever pressed.
pub(super) fn say_address(root: &Path, folder: &Path) -> Result<PathBuf, String> {
    let addresses = of_machine(root).map_err(|error| format!("/{ADDRESSES}: {error}"))?;
    if addresses.is_empty() {
        return Err("it has no address: no network is connected".into());
    }
    let path = file(folder);
    // What is being said from the file of before keeps it.
    let _ = fs::remove_file(&path);
    if !speak(&addresses, &path) {
        write_new(&path, &wav(&beeps(&addresses))).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(path)
}

/// Takes the file away again, if there is one.
pub(super) fn forget(folder: &Path) {
    let _ = fs::remove_file(file(folder));
}

fn file(folder: &Path) -> PathBuf {
    folder.join(format!("orchestrion-address-{}.wav", std::process::id()))
}

/// The first addresses of the machine whose root is `root`.
pub(super) fn of_machine(root: &Path) -> std::io::Result<Vec<Ipv4Addr>> {
    fs::read_to_string(root.join(ADDRESSES)).map(|text| addresses(&text))
}

/// The addresses in the kernel's table of routes: those that are `LOCAL`, without the loopback's.
fn addresses(fib_trie: &str) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    let mut last = None;
    for line in fib_trie.lines().map(str::trim) {
        if let Some(leaf) = line.strip_prefix("|-- ") {
            last = leaf.parse::<Ipv4Addr>().ok();
        } else if line.starts_with("/32 host LOCAL")
            && let Some(address) = last.filter(|address| !address.is_loopback())
            && !found.contains(&address)
            && found.len() < ADDRESSES_MAX
        {
            found.push(address);
        }
    }
    found
}

/// Lets the speaker write the file; whether it did.
fn speak(addresses: &[Ipv4Addr], path: &Path) -> bool {
    let words: Vec<String> = addresses.iter().map(words).collect();
    let child = Command::new(SPEAKER)
        .args(["-s", "110", "-w"])
        .arg(path)
        .arg(words.join("; "))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else { return false };
    let is_said = ends_well(&mut child);
    let is_there = fs::metadata(path).is_ok_and(|metadata| metadata.len() > 44);
    if !(is_said && is_there) {
        log::warn!("{SPEAKER} did not say the address; it is told by beeps");
        let _ = fs::remove_file(path);
    }
    is_said && is_there
}

fn ends_well(child: &mut Child) -> bool {
    let end = Instant::now() + SPEAKER_WAIT;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if Instant::now() < end => thread::sleep(LOOK_EVERY),
            Ok(None) | Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                return false;
            }
        }
    }
}

/// Digit by digit: who writes it down follows more easily.
fn words(address: &Ipv4Addr) -> String {
    let spoken = |letter: char| if letter == '.' { ", point, ".to_owned() } else { format!("{letter} ") };
    address.to_string().chars().map(spoken).collect()
}

/// Samples in −1 to 1 at [`RATE_HZ`].
fn beeps(addresses: &[Ipv4Addr]) -> Vec<f64> {
    let mut samples = Vec::new();
    for address in addresses {
        for letter in address.to_string().chars() {
            match letter.to_digit(10) {
                None => beep(LOW_HZ, BEEP_MS, &mut samples),
                Some(0) => beep(LOW_HZ, LONG_MS, &mut samples),
                Some(digit) => (0..digit).for_each(|_| beep(HIGH_HZ, BEEP_MS, &mut samples)),
            }
            silence(BETWEEN_DIGITS_MS - BETWEEN_BEEPS_MS, &mut samples);
        }
        silence(BETWEEN_ADDRESSES_MS, &mut samples);
    }
    samples
}

fn frames(ms: u32) -> usize {
    (RATE_HZ / 1000 * ms) as usize
}

fn silence(ms: u32, samples: &mut Vec<f64>) {
    samples.resize(samples.len() + frames(ms), 0.0);
}

/// A beep, and the silence after it.
fn beep(hz: f64, ms: u32, samples: &mut Vec<f64>) {
    let (frames, edge) = (frames(ms), frames(EDGE_MS) as f64);
    let sample = |at: usize| {
        let to_edge = at.min(frames - at) as f64;
        let swell = (to_edge / edge).min(1.0);
        PEAK * swell * (std::f64::consts::TAU * hz * at as f64 / f64::from(RATE_HZ)).sin()
    };
    samples.extend((0..frames).map(sample));
    silence(BETWEEN_BEEPS_MS, samples);
}

/// A WAV of 16 bits, mono.
fn wav(samples: &[f64]) -> Vec<u8> {
    let data_len = u32::try_from(samples.len() * 2).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(44 + samples.len() * 2);
    bytes.extend(b"RIFF");
    bytes.extend((36 + data_len).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend(RATE_HZ.to_le_bytes());
    bytes.extend((RATE_HZ * 2).to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend(data_len.to_le_bytes());
    for sample in samples {
        bytes.extend(((sample * f64::from(i16::MAX)) as i16).to_le_bytes());
    }
    bytes
}

/// Writes a file that was not there: nobody's link is followed.
fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    File::options().write(true).create_new(true).open(path)?.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Linux 6.1 writes it, shortened.
    const TRIE: &str = "\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
     +-- 192.168.1.0/24 2 0 2
        |-- 192.168.1.0
           /24 link UNICAST
        |-- 192.168.1.20
           /32 host LOCAL
        |-- 192.168.1.255
           /32 link BROADCAST
Local:
  +-- 0.0.0.0/0 3 0 5
        |-- 192.168.1.20
           /32 host LOCAL
";

    /// How often a beep begins, above or below the pitch that lies between both.
    fn beeps_in(samples: &[f64]) -> (usize, usize) {
        let loud: Vec<usize> = (0..samples.len()).filter(|at| samples[*at].abs() > 1e-3).collect();
        let mut pieces: Vec<(usize, usize)> = Vec::new();
        for at in loud {
            match pieces.last_mut() {
                Some((_, end)) if at - *end < frames(BETWEEN_BEEPS_MS) / 2 => *end = at,
                _ => pieces.push((at, at)),
            }
        }
        let hz = |(from, to): (usize, usize)| {
            let crossings = samples[from..to].windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0).count();
            crossings as f64 * f64::from(RATE_HZ) / (to - from) as f64
        };
        let high = pieces.iter().filter(|piece| hz(**piece) > 660.0).count();
        (high, pieces.len() - high)
    }

    #[test]
    fn the_address_is_that_of_the_network_once_and_no_broadcast_or_loopback() {
        assert_eq!(addresses(TRIE), [Ipv4Addr::new(192, 168, 1, 20)]);
        assert!(addresses("Main:\n |-- 999.1.1.1\n /32 host LOCAL\n/32 host LOCAL\n").is_empty());
    }

    #[test]
    fn the_beeps_count_each_digit() {
        let samples = beeps(&[Ipv4Addr::new(192, 168, 1, 20)]);
        // 1+9+2+1+6+8+1+2 high; three dots and a nought low.
        assert_eq!(beeps_in(&samples), (30, 4));
        let seconds = samples.len() as f64 / f64::from(RATE_HZ);
        assert!(seconds < 20.0, "{seconds} s");
    }

    #[test]
    fn it_is_read_out_digit_by_digit() {
        assert_eq!(words(&Ipv4Addr::new(10, 0, 0, 7)).replace(' ', ""), "10,point,0,point,0,point,7");
    }

    #[test]
    fn without_a_network_it_says_so_and_with_one_there_is_a_file_that_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("proc/net")).unwrap();
        fs::write(root.join(ADDRESSES), "Main:\n").unwrap();
        assert!(say_address(root, root).unwrap_err().contains("no network"));
        fs::write(root.join(ADDRESSES), TRIE).unwrap();
        let path = say_address(root, root).unwrap();
        let first = File::open(&path).unwrap();
        assert_eq!(say_address(root, root).unwrap(), path);
        let bytes = fs::read(&path).unwrap();
        assert!(bytes.starts_with(b"RIFF") && bytes.len() > 44 + 16_000);
        assert_eq!(first.metadata().unwrap().len(), bytes.len() as u64, "what is being said stays");
    }
}

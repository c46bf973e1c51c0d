//! The few words on its command line.

use std::path::PathBuf;

/// What `--help` says.
pub const HELP: &str =
    "orchestrion-watchdog: owns the hardware watchdog, and lets it bite when the player cannot be revived

  --identity TEXT        the watchdog that calls itself so (default: any of hardware, else the kernel's own)
  --timeout-s N          the hardware resets so long after the last pet, within what it can (default 15)
  --patience-s N         the player may be without motion so long (default 180)
  --start-patience-s N   and so long after the start (default 300)
  --systemd-patience-s N systemd may not answer so long (default 60)
  --moved FILE           where the player says that it moved (default /run/orchestrion/moved)
  --state FILE           where this says how it is (default /run/orchestrion-watchdog/state)
  --resets FILE          where resets are recorded (default /var/lib/orchestrion-watchdog/resets)
  --root DIR             where dev/ and sys/ are (default /)";

/// What it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    pub identity: Option<String>,
    pub timeout_s: u32,
    pub patience_ms: u64,
    pub start_patience_ms: u64,
    pub systemd_patience_ms: u64,
    pub moved: PathBuf,
    pub state: PathBuf,
    pub resets: PathBuf,
    pub root: PathBuf,
}

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    Run(Arguments),
    Help,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            identity: None,
            timeout_s: 15,
            patience_ms: 180_000,
            start_patience_ms: 300_000,
            systemd_patience_ms: 60_000,
            moved: "/run/orchestrion/moved".into(),
            state: "/run/orchestrion-watchdog/state".into(),
            resets: "/var/lib/orchestrion-watchdog/resets".into(),
            root: "/".into(),
        }
    }
}

impl Arguments {
    /// The words after the program's name.
    pub fn parse(words: impl Iterator<Item = String>) -> Result<Parsed, String> {
        let mut arguments = Self::default();
        let mut words = words;
        while let Some(word) = words.next() {
            if word == "--help" || word == "-h" {
                return Ok(Parsed::Help);
            }
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--identity" => arguments.identity = Some(value()?),
                "--timeout-s" => arguments.timeout_s = (seconds_ms(&word, &value()?)? / 1000).max(1) as u32,
                "--patience-s" => arguments.patience_ms = seconds_ms(&word, &value()?)?,
                "--start-patience-s" => arguments.start_patience_ms = seconds_ms(&word, &value()?)?,
                "--systemd-patience-s" => arguments.systemd_patience_ms = seconds_ms(&word, &value()?)?,
                "--moved" => arguments.moved = value()?.into(),
                "--state" => arguments.state = value()?.into(),
                "--resets" => arguments.resets = value()?.into(),
                "--root" => arguments.root = value()?.into(),
                _ => return Err(format!("\"{word}\" is no option")),
            }
        }
        Ok(Parsed::Run(arguments))
    }
}

/// Seconds, also with a point in them, in milliseconds: 0.1 s to a day.
fn seconds_ms(option: &str, text: &str) -> Result<u64, String> {
    let seconds: Option<f64> = text.parse().ok().filter(|seconds| (0.1..=86_400.0).contains(seconds));
    let seconds =
        seconds.ok_or_else(|| format!("{option} is \"{text}\", and must be 0.1 to 86400 seconds"))?;
    Ok((seconds * 1000.0) as u64)
}

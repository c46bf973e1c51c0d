//! A server as a process, what it costs, and the boards' program.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use crate::Fallible;

/// In which the kernel tells processor time (USER_HZ), on every architecture that this runs on.
const TICKS_PER_S: f64 = 100.0;

/// Killed when it is dropped.
pub struct Killed(pub Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a process has used of the processors, at a moment.
#[derive(Clone, Copy)]
pub struct Used {
    cpu_s: f64,
    at: Instant,
}

impl Used {
    /// By the kernel's account.
    pub fn by(pid: u32) -> Fallible<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name in the second field may have spaces.
        let rest = text.rsplit_once(')').ok_or("a process without a name")?.1;
        let ticks: u64 = rest.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
        Ok(Self { cpu_s: ticks as f64 / TICKS_PER_S, at: Instant::now() })
    }

    /// Since then, in s.
    pub fn since(self, before: Self) -> f64 {
        self.cpu_s - before.cpu_s
    }

    /// Since then, in percent of one core.
    pub fn percent_since(self, before: Self) -> f64 {
        100.0 * self.since(before) / (self.at - before.at).as_secs_f64()
    }
}

/// Resident memory of a process, in MiB; the highest if `is_peak`.
pub fn memory_mib(pid: u32, is_peak: bool) -> Fallible<u64> {
    let key = if is_peak { "VmHWM:" } else { "VmRSS:" };
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)).ok_or("no memory told")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? / 1024)
}

/// A server with its folder.
pub struct House {
    process: Killed,
    config: PathBuf,
    /// Where it listens.
    pub base: String,
    /// Where its database lies.
    pub state_dir: PathBuf,
    _dir: TempDir,
}

impl House {
    /// A new one. Its folder is on a disk, not in memory: what it answers it has synced.
    pub fn new() -> Fallible<Self> {
        let dir = tempfile::Builder::new().prefix("fleet-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let (config, state_dir) = (dir.path().join("server.toml"), dir.path().join("state"));
        fs::write(
            &config,
            format!(
                "listen = \"127.0.0.1:0\"\nstate_dir = {state_dir:?}\nsocket = {:?}\nenrolments_per_minute = 1000000\n",
                dir.path().join("s")
            ),
        )?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrion-server"));
        command.arg("--config").arg(&config).arg("serve").env_remove("NOTIFY_SOCKET");
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        let pipe = child.stderr.take().ok_or("a server without words")?;
        let process = Killed(child);
        let mut lines = BufReader::new(pipe).lines();
        let base = loop {
            let line = lines.next().ok_or("the server ended at its start")??;
            if let Some((_, base)) = line.split_once("listens on ") {
                break base.to_owned();
            }
        };
        // Kept open, or the server would not be able to say anything.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok).filter(|line| line.contains("ERROR")) {
                eprintln!("server: {line}");
            }
        });
        Ok(Self { process, config, base, state_dir, _dir: dir })
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// What an administrator types.
    pub fn admin(&self, words: &[&str]) -> Fallible<Value> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrion-server"));
        let output = command.arg("--config").arg(&self.config).arg("admin").args(words).output()?;
        if !output.status.success() {
            return Err(format!("{words:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let text = || Value::String(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        Ok(serde_json::from_slice(&output.stdout).unwrap_or_else(|_| text()))
    }

    /// A token that lets so many boards in.
    pub fn token(&self, uses: usize) -> Fallible<String> {
        let told = self.admin(&["device", "token", "load", "--uses", &uses.to_string()])?.to_string();
        let begin = told.find("oet_").ok_or("no token told")?;
        Ok(told[begin..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect())
    }
}

/// Builds the device's program, which is of another package, and gives where it lies; `ORCHESTRION_DEVICE` names one that is built.
pub fn build_device() -> Fallible<PathBuf> {
    if let Some(path) = std::env::var_os("ORCHESTRION_DEVICE") {
        return Ok(path.into());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--release", "--locked", "-p", "orchestrion", "--bin", "orchestrion"]);
    if !build.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).status()?.success() {
        return Err("the device's program cannot be built".into());
    }
    Ok(Path::new(env!("CARGO_BIN_EXE_orchestrion-server")).with_file_name("orchestrion"))
}

//! The server's own program as a process, which can be killed and started again.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// Killed when it is dropped.
pub struct Process {
    child: Child,
    /// Where it listens.
    pub base: String,
}

impl Process {
    /// Gives it once it listens.
    pub fn start(config: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_orchestrion-server"))
            .arg("--config")
            .arg(config)
            .arg("serve")
            .env_remove("NOTIFY_SOCKET")
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut seen = Vec::new();
        let base = loop {
            let line = lines.next().unwrap_or_else(|| panic!("it ended: {seen:?}")).unwrap();
            if let Some((_, base)) = line.split_once("listens on ") {
                break base.to_owned();
            }
            seen.push(line);
        };
        // Kept open, or the server would not be able to say anything.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, base }
    }

    /// `kill -9`.
    pub fn kill(self) {}
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Has the server's program do what an administrator types.
pub fn admin(config: &Path, words: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrion-server"));
    let output = command.arg("--config").arg(config).arg("admin").args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    let words = || Value::String(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| words())
}

//! Starting the board anew: systemd is asked to, which stops all in order.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The program that asks it.
pub(super) const PROGRAM: &str = "systemctl";
/// How long it may take to be taken: what follows is not waited for.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// How often it is looked whether it was.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Bytes of what it says.
const WORDS_LEN_MAX: u64 = 400;

/// Whether there is a systemd that could do it.
pub(super) fn is_possible(root: &Path) -> bool {
    root.join("run/systemd/system").is_dir()
}

/// Asks for it; the end of this process comes soon after.
///
/// # Errors
/// Nobody can do it here, or this device may not ask.
pub(super) fn begin(root: &Path, program: &str) -> Result<(), String> {
    if !is_possible(root) {
        return Err(
            "there is no systemd here that could start the board anew; `restart` starts the program anew"
                .into(),
        );
    }
    let failed = |words: String| {
        let words = words.trim().lines().next().unwrap_or_default().to_owned();
        Err(format!(
            "{program} does not start the board anew: {words}; docs/OPERATIONS.md says how it is allowed to"
        ))
    };
    let mut command = Command::new(program);
    command.args(["--no-ask-password", "--no-wall", "reboot"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return failed(error.to_string()),
    };
    let until = Instant::now() + ANSWER_MAX;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < until => thread::sleep(LOOK_EVERY),
            Ok(None) | Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                return failed("it does not answer".into());
            }
        }
    };
    if status.success() {
        return Ok(());
    }
    let mut words = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        let _ = stderr.take(WORDS_LEN_MAX).read_to_end(&mut words);
    }
    failed(String::from_utf8_lossy(&words).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn systemd_is_asked_where_it_is_and_what_stands_against_it_is_told() {
        let root = tempfile::tempdir().unwrap();
        let program = root.path().join("systemctl");
        let write = |script: &str| {
            std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        let asked = root.path().join("asked");
        write(&format!("echo \"$*\" > {}", asked.display()));
        let name = program.to_str().unwrap();
        assert!(begin(root.path(), name).unwrap_err().contains("no systemd"));
        assert!(!asked.exists());
        std::fs::create_dir_all(root.path().join("run/systemd/system")).unwrap();
        begin(root.path(), name).unwrap();
        assert_eq!(std::fs::read_to_string(&asked).unwrap(), "--no-ask-password --no-wall reboot\n");
        write("echo 'Access denied' >&2; echo more >&2; exit 1");
        let words = begin(root.path(), name).unwrap_err();
        assert!(words.contains("Access denied; docs") && !words.contains("more"), "{words}");
        assert!(begin(root.path(), "/nothing/systemctl").unwrap_err().contains("/nothing/systemctl"));
    }
}

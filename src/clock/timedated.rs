//! What systemd-timedated says of the clock, where a sandbox keeps the kernel's own word from us: it asks the kernel, and
//! anybody may ask it. So a board with chrony alone is believed under our unit, which protects the clock.

use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The program that asks it, of the package systemd.
pub(super) const PROGRAM: &str = "timedatectl";
/// How long it may take: the service may have to be started for it.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// How often it is looked whether it has answered.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Whether somebody keeps the clock; `None` where nobody answers.
pub(super) fn ask(program: &str) -> Option<bool> {
    let mut child = Command::new(program)
        .args(["show", "--property=NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let until = Instant::now() + ANSWER_MAX;
    let ended = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.success(),
            Ok(None) if Instant::now() < until => thread::sleep(LOOK_EVERY),
            Ok(None) | Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                break false;
            }
        }
    };
    let mut answer = String::new();
    child.stdout.take()?.take(16).read_to_string(&mut answer).ok()?;
    match answer.trim() {
        "yes" if ended => Some(true),
        "no" if ended => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_is_asked_in_its_own_words_and_one_that_is_not_there_or_hangs_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let answers = |name: &str, script: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            ask(path.to_str().unwrap())
        };
        let real = r#"[ "$*" = "show --property=NTPSynchronized --value" ] && echo "#;
        assert_eq!(answers("yes", &format!("{real} yes")), Some(true));
        assert_eq!(answers("no", &format!("{real} no")), Some(false));
        assert_eq!(answers("fails", "echo yes; exit 1"), None);
        assert_eq!(answers("other", "echo perhaps"), None);
        assert_eq!(ask("/nothing/timedatectl"), None);
        let began = Instant::now();
        assert_eq!(answers("hangs", "exec sleep 600"), None);
        assert!(began.elapsed() >= ANSWER_MAX);
    }
}

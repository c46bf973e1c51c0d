//! Commands that the rig calls: started with nothing to read, told apart when they are missing.

use std::ffi::OsStr;
use std::io;
use std::process::{Command, Stdio};

use crate::{Error, Result};

/// Runs `tool` to its end.
///
/// # Errors
/// [`Error::ToolMissing`] if it is not installed, [`Error::ToolFailed`] with its own words if it fails.
pub(crate) fn run<S: AsRef<OsStr>>(tool: &'static str, args: impl IntoIterator<Item = S>) -> Result<()> {
    let output = Command::new(tool)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| not_started(tool, &error))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::ToolFailed { tool, said: if said.is_empty() { output.status.to_string() } else { said } })
}

/// Whether `tool` is on the `PATH`.
pub(crate) fn is_installed(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(tool).is_file())
}

/// The error for a command that could not be started.
pub(crate) fn not_started(tool: &'static str, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::ToolMissing { tool },
        _ => Error::ToolFailed { tool, said: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_says_what_to_do() {
        let error = run("orchestrion-no-such-tool", ["x"]).unwrap_err();
        assert_eq!(error.to_string(), "`orchestrion-no-such-tool` is not installed: run script/setup");
    }

    #[test]
    fn a_failing_tool_is_quoted() {
        let error = run("sh", ["-c", "echo no room >&2; exit 3"]).unwrap_err();
        assert_eq!(error.to_string(), "`sh` failed: no room");
    }
}

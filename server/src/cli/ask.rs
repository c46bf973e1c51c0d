//! Asking the server that runs here, over its UNIX socket: HTTP/1.1, one request a connection.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;

use super::exit_code;

/// How long an answer may take: a backup of a large database, a command to a whole fleet.
const WAIT: Duration = Duration::from_secs(120);
/// Bytes of an answer.
const ANSWER_LEN_MAX: u64 = 64 * 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// Nobody listens.
    #[error("there is no server at {}: {source}; start it with `orchestrion-server serve`, and name the same --config", path.display())]
    NoServer {
        /// The socket.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// It broke off.
    #[error("the server did not answer: {0}")]
    Broken(String),
    /// It refused.
    #[error("{0}")]
    Refused(String),
}

/// Asks; gives what was answered.
pub(super) fn ask(socket: &Path, method: &str, path: &str, body: Option<&Value>) -> Result<String, AskError> {
    let body = body.map(ToString::to_string).unwrap_or_default();
    let len = body.len() as u64;
    send(socket, (method, path), &mut body.as_bytes(), len)
}

/// Sends a file.
pub(super) fn put_file(socket: &Path, path: &str, file: &Path) -> Result<(), AskError> {
    let broken = |error: io::Error| AskError::Broken(format!("{}: {error}", file.display()));
    let mut opened = File::open(file).map_err(broken)?;
    let len = opened.metadata().map_err(broken)?.len();
    send(socket, ("PUT", path), &mut opened, len).map(|_| ())
}

fn send(
    socket: &Path,
    (method, path): (&str, &str),
    body: &mut dyn Read,
    len: u64,
) -> Result<String, AskError> {
    let no_server = |source| AskError::NoServer { path: socket.to_owned(), source };
    let mut stream = UnixStream::connect(socket).map_err(no_server)?;
    let broken = |error: io::Error| AskError::Broken(error.to_string());
    stream.set_read_timeout(Some(WAIT)).map_err(broken)?;
    stream.set_write_timeout(Some(WAIT)).map_err(broken)?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: local\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {len}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).map_err(broken)?;
    // A server that refuses early stops reading; what it says counts.
    let _ = io::copy(&mut body.take(len), &mut stream);
    let mut answer = Vec::new();
    stream.take(ANSWER_LEN_MAX).read_to_end(&mut answer).map_err(broken)?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| AskError::Broken("it hung up".into()))?;
    let status: u16 = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    if (200..300).contains(&status) {
        return Ok(body.to_owned());
    }
    let problem: Option<Value> = serde_json::from_str(body).ok();
    let detail = problem.as_ref().and_then(|problem| problem["detail"].as_str());
    Err(AskError::Refused(detail.map_or_else(|| format!("it answers {status}"), str::to_owned)))
}

/// Prints an answer, or why there is none.
pub(super) fn print(answer: Result<String, AskError>) -> ExitCode {
    match answer {
        Ok(text) => {
            let told: Option<Value> = serde_json::from_str(&text).ok();
            let text = match told {
                Some(Value::String(words)) => words,
                Some(value) => serde_json::to_string_pretty(&value).unwrap_or(text),
                None => text,
            };
            if !text.is_empty() {
                // Whoever closed it does not want to know.
                let _ = writeln!(io::stdout(), "{text}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            log::error!("{error}");
            ExitCode::from(match error {
                AskError::NoServer { .. } => exit_code::NO_SERVER,
                AskError::Broken(_) | AskError::Refused(_) => exit_code::FAILED,
            })
        }
    }
}

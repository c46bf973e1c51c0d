//! A client of a running device: it finds the socket, asks and waits for the answer, and hears notifications.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use orchestrion_protocol::limits::LINE_LEN_MAX;
use orchestrion_protocol::method::Method;
use orchestrion_protocol::rpc::{Id, Incoming, RpcError, request_line};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use serde_json::Value;

use super::text::clean;
use crate::bootstrap::places::{is_trustworthy, socket_candidates};
use crate::control::group;
use crate::control::lines::{Line, Lines};

/// How long an answer may take.
pub const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// Notifications kept while an answer is waited for; the oldest go first, since each newer one tells more.
const NOTIFICATIONS_KEPT_MAX: usize = 256;

/// Why the device could not be asked, or what it refused.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nothing listens on any of the sockets.
    #[error("no Orchestrion runs here ({looked}); start one with `orchestrion play FOLDER`")]
    NoDevice {
        /// Where it was looked for.
        looked: String,
    },
    /// It listens, but not to this user.
    #[error("permission denied: {path} is open to {open_to}; {remedy}")]
    Denied {
        /// The socket.
        path: PathBuf,
        /// Who may use it.
        open_to: String,
        /// What to do.
        remedy: String,
    },
    /// It did not answer.
    #[error("Orchestrion did not answer within {} s; it may be overloaded or hang", .0.as_secs())]
    TimedOut(Duration),
    /// It went while it was talked to.
    #[error(
        "Orchestrion has closed the connection; it may have ended, or this client did not read fast enough"
    )]
    Closed,
    /// The kernel refuses.
    #[error("cannot talk to Orchestrion at {path}: {source}")]
    Io {
        /// The socket.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What listens is no Orchestrion, or one that speaks otherwise.
    #[error("what listens at {path} does not speak like Orchestrion: {problem}")]
    Garbled {
        /// The socket.
        path: PathBuf,
        /// What was wrong.
        problem: String,
    },
    /// The device says no.
    #[error("{}", clean(&.0.message))]
    Refused(RpcError),
}

/// What the device tells subscribers.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// One of [`orchestrion_protocol::status::notification`], or one that is not known yet.
    pub name: String,
    /// Its content.
    pub params: Value,
}

/// A connection to a device.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    path: PathBuf,
    lines: Lines,
    next_id: i64,
    /// Lines that came and were not looked at yet.
    incoming: VecDeque<Incoming>,
    notifications: VecDeque<Notification>,
}

impl Client {
    /// Connects to the device that listens at `socket`, or else to the first that can be found.
    ///
    /// # Errors
    /// None listens, or not to this user.
    pub fn connect(socket: Option<&Path>) -> Result<Self, ClientError> {
        match socket {
            Some(path) => Self::connect_to_first(&[path.to_owned()]),
            None => {
                let user = rustix::process::geteuid().as_raw();
                let found = socket_candidates().into_iter().filter(|path| is_trustworthy(path, user));
                Self::connect_to_first(&found.collect::<Vec<_>>())
            }
        }
    }

    fn connect_to_first(paths: &[PathBuf]) -> Result<Self, ClientError> {
        let mut looked = Vec::new();
        let mut denied = None;
        for path in paths {
            match open(path) {
                Ok(stream) => return Ok(Self::over(stream, path)),
                Err(Errno::NOENT | Errno::NOTDIR) => looked.push(format!("no socket at {}", path.display())),
                Err(Errno::CONNREFUSED) => {
                    looked.push(format!("nothing listens at {} any more", path.display()))
                }
                // The device of the system may be closed to a user who runs one of their own.
                Err(Errno::ACCESS | Errno::PERM) => denied = denied.or_else(|| Some(explain_denial(path))),
                Err(Errno::AGAIN) => return Err(ClientError::TimedOut(ANSWER_WAIT)),
                Err(errno) => return Err(ClientError::Io { path: path.clone(), source: errno.into() }),
            }
        }
        Err(denied.unwrap_or_else(|| ClientError::NoDevice { looked: looked.join(", ") }))
    }

    fn over(stream: UnixStream, path: &Path) -> Self {
        Self {
            stream,
            path: path.to_owned(),
            lines: Lines::default(),
            next_id: 1,
            incoming: VecDeque::new(),
            notifications: VecDeque::new(),
        }
    }

    /// Asks and waits for the answer, for [`ANSWER_WAIT`] at most.
    ///
    /// # Errors
    /// The device refuses, does not answer or has gone.
    pub fn ask(&mut self, method: &Method) -> Result<Value, ClientError> {
        self.ask_within(method, ANSWER_WAIT)
    }

    /// The same, for what may take longer.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub fn ask_within(&mut self, method: &Method, wait: Duration) -> Result<Value, ClientError> {
        let deadline = Instant::now() + wait;
        let id = self.next_id;
        self.next_id += 1;
        let asked = self.send(&request_line(id, method), wait);
        loop {
            let incoming = match (self.next_incoming(deadline)?, &asked) {
                (Some(incoming), _) => incoming,
                (None, Ok(())) => return Err(ClientError::TimedOut(wait)),
                (None, Err(_)) => return asked.map(|()| Value::Null),
            };
            match incoming {
                Incoming { method: Some(name), params, .. } => self.keep(name, params),
                Incoming { id: Some(Id::Number(theirs)), error, result, .. } if theirs == id => {
                    return error
                        .map_or_else(|| Ok(result.unwrap_or_default()), |e| Err(ClientError::Refused(e)));
                }
                // Without an id: the connection as a whole is refused, or the line was.
                Incoming { id: None | Some(Id::Null), error: Some(error), .. } => {
                    return Err(ClientError::Refused(error));
                }
                // The answer to a request that was given up.
                Incoming { .. } => {}
            }
        }
    }

    /// The next notification, or `None` when none came within `wait`. They come after `subscribe`.
    ///
    /// # Errors
    /// The device has gone.
    pub fn next_notification(&mut self, wait: Duration) -> Result<Option<Notification>, ClientError> {
        let deadline = Instant::now() + wait;
        loop {
            if let Some(notification) = self.notifications.pop_front() {
                return Ok(Some(notification));
            }
            match self.next_incoming(deadline)? {
                Some(Incoming { method: Some(name), params, .. }) => self.keep(name, params),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// All notifications until the device goes; the error that ends them is the last item.
    pub fn notifications(&mut self) -> impl Iterator<Item = Result<Notification, ClientError>> + '_ {
        let mut ended = false;
        std::iter::from_fn(move || {
            while !ended {
                match self.next_notification(ANSWER_WAIT) {
                    Ok(Some(notification)) => return Some(Ok(notification)),
                    Ok(None) => {}
                    Err(error) => {
                        ended = true;
                        return Some(Err(error));
                    }
                }
            }
            None
        })
    }

    /// The socket.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The error for an answer that does not have the form which it should have.
    pub(crate) fn garbled(&self, problem: impl std::fmt::Display) -> ClientError {
        ClientError::Garbled { path: self.path.clone(), problem: problem.to_string() }
    }

    fn keep(&mut self, name: String, params: Option<Value>) {
        if self.notifications.len() == NOTIFICATIONS_KEPT_MAX {
            self.notifications.pop_front();
        }
        self.notifications.push_back(Notification { name, params: params.unwrap_or_default() });
    }

    fn send(&mut self, line: &str, wait: Duration) -> Result<(), ClientError> {
        let written = self
            .stream
            .set_write_timeout(Some(wait))
            .and_then(|()| self.stream.write_all(line.as_bytes()))
            .and_then(|()| self.stream.write_all(b"\n"));
        written.map_err(|source| self.failed(source, wait))
    }

    /// The next line, or `None` at the deadline.
    fn next_incoming(&mut self, deadline: Instant) -> Result<Option<Incoming>, ClientError> {
        loop {
            if let Some(incoming) = self.incoming.pop_front() {
                return Ok(Some(incoming));
            }
            let wait = deadline.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                return Ok(None);
            }
            self.read_within(wait)?;
        }
    }

    fn read_within(&mut self, wait: Duration) -> Result<(), ClientError> {
        let mut bytes = [0; 16 * 1024];
        let read = self.stream.set_read_timeout(Some(wait)).and_then(|()| self.stream.read(&mut bytes));
        let len = match read {
            Ok(0) => return Err(ClientError::Closed),
            Ok(len) => len,
            // The last of these tells that a signal came; whoever waits looks whether it was meant for it.
            Err(e)
                if matches!(
                    e.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) =>
            {
                return Ok(());
            }
            Err(e) => return Err(self.failed(e, wait)),
        };
        let mut problem = None;
        let incoming = &mut self.incoming;
        self.lines.feed(bytes.get(..len).unwrap_or_default(), |line| match line {
            Line::TooLong => problem = Some(format!("a line has more than {LINE_LEN_MAX} bytes")),
            Line::Text(text) => match serde_json::from_slice(text) {
                Ok(line) => incoming.push_back(line),
                Err(error) => problem = Some(error.to_string()),
            },
        });
        problem.map_or(Ok(()), |problem| Err(self.garbled(problem)))
    }

    fn failed(&self, source: io::Error, wait: Duration) -> ClientError {
        match source.kind() {
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => ClientError::Closed,
            ErrorKind::WouldBlock | ErrorKind::TimedOut => ClientError::TimedOut(wait),
            _ => ClientError::Io { path: self.path.clone(), source },
        }
    }
}

/// Connects. A device whose queue of connections is full is waited for, which std's connect would do without an end.
fn open(path: &Path) -> Result<UnixStream, Errno> {
    let address = SocketAddrUnix::new(path)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    let deadline = Instant::now() + ANSWER_WAIT;
    loop {
        match rustix::net::connect(&socket, &address) {
            Err(Errno::AGAIN) if Instant::now() < deadline => thread::sleep(Duration::from_millis(20)),
            connected => break connected?,
        }
    }
    rustix::io::ioctl_fionbio(&socket, false)?;
    Ok(UnixStream::from(socket))
}

fn explain_denial(path: &Path) -> ClientError {
    let (open_to, remedy) = match fs::metadata(path) {
        Ok(socket) if socket.mode() & 0o060 == 0o060 => {
            let group = group::name_of(socket.gid());
            let remedy = format!("use sudo, or `sudo usermod -aG {group} $USER` and log in again");
            (format!("the group {group}"), remedy)
        }
        _ => ("its owner only".to_owned(), "use sudo".to_owned()),
    };
    ClientError::Denied { path: path.to_owned(), open_to, remedy }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::unix::net::UnixListener;
    use std::thread::JoinHandle;

    use orchestrion_protocol::rpc::code;
    use serde_json::json;

    use super::*;

    /// A server that reads a line and says `answers`, once for each line of them.
    fn server(answers: &'static [&'static str]) -> (tempfile::TempDir, PathBuf, JoinHandle<Vec<String>>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let thread = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut heard = Vec::new();
            for answer in answers {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                heard.push(line);
                stream.write_all(answer.as_bytes()).unwrap();
            }
            heard
        });
        (folder, path, thread)
    }

    #[test]
    fn an_answer_is_found_among_notifications_and_late_answers() {
        let (_folder, path, thread) = server(&[concat!(
            "{\"jsonrpc\":\"2.0\",\"method\":\"StatusChanged\",\"params\":{\"a\":1}}\n",
            "{\"jsonrpc\":\"2.0\",\"id\":77,\"result\":\"late\"}\n\n",
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"b\":2},\"unknown\":true}\n",
            "{\"jsonrpc\":\"2.0\",\"method\":\"Newer\"}\n",
        )]);
        let mut client = Client::connect(Some(&path)).unwrap();
        assert_eq!(client.ask(&Method::Status).unwrap(), json!({"b": 2}));
        let names: Vec<_> = client.notifications().take(2).map(|n| n.unwrap().name).collect();
        assert_eq!(names, ["StatusChanged", "Newer"]);
        assert_eq!(thread.join().unwrap(), ["{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"status\"}\n"]);
        assert!(matches!(client.notifications().last(), Some(Err(ClientError::Closed))));
    }

    #[test]
    fn a_result_of_null_is_an_answer() {
        let (_folder, path, _thread) = server(&["{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":null}\n"]);
        assert_eq!(Client::connect(Some(&path)).unwrap().ask(&Method::Skip).unwrap(), Value::Null);
    }

    #[test]
    fn a_refusal_is_told_in_the_words_of_the_device() {
        let (_folder, path, _thread) = server(&[
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32000,\"message\":\"not\\u001b now\"}}\n",
            "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32003,\"message\":\"too many\"}}\n",
        ]);
        let mut client = Client::connect(Some(&path)).unwrap();
        let error = client.ask(&Method::Skip).unwrap_err();
        assert!(matches!(&error, ClientError::Refused(e) if e.code == code::REFUSED));
        assert_eq!(error.to_string(), "not now", "without what could control the terminal");
        assert!(matches!(client.ask(&Method::Skip), Err(ClientError::Refused(e)) if e.message == "too many"));
    }

    #[test]
    fn the_words_of_a_server_that_turns_the_client_away_are_heard() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let mut client = Client::connect(Some(&path)).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        stream
            .write_all(
                b"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32003,\"message\":\"full\"}}\n",
            )
            .unwrap();
        drop(stream);
        assert!(matches!(client.ask(&Method::Skip), Err(ClientError::Refused(e)) if e.message == "full"));
    }

    #[test]
    fn a_server_that_goes_is_told_from_one_that_is_slow_and_from_one_that_talks_nonsense() {
        let (_folder, path, _thread) = server(&[""]);
        assert!(matches!(Client::connect(Some(&path)).unwrap().ask(&Method::Skip), Err(ClientError::Closed)));

        let (_folder, path, _thread) = server(&["hello\n"]);
        let error = Client::connect(Some(&path)).unwrap().ask(&Method::Skip).unwrap_err();
        assert!(matches!(error, ClientError::Garbled { .. }));

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let _silent = UnixListener::bind(&path).unwrap();
        let mut client = Client::connect(Some(&path)).unwrap();
        let begin = Instant::now();
        let error = client.ask_within(&Method::Skip, Duration::from_millis(100)).unwrap_err();
        assert!(matches!(error, ClientError::TimedOut(_)) && begin.elapsed() < Duration::from_secs(2));
        assert_eq!(client.next_notification(Duration::from_millis(10)).unwrap(), None);
    }

    #[test]
    fn without_a_device_the_error_says_where_it_looked_and_how_to_start_one() {
        let folder = tempfile::tempdir().unwrap();
        let (missing, stale) = (folder.path().join("missing"), folder.path().join("stale"));
        drop(UnixListener::bind(&stale).unwrap());
        let error = Client::connect_to_first(&[missing.clone(), stale.clone()]).unwrap_err().to_string();
        assert!(error.contains("missing") && error.contains("stale"), "{error}");
        assert!(error.contains("orchestrion play FOLDER"), "{error}");

        let live = folder.path().join("live");
        let _listener = UnixListener::bind(&live).unwrap();
        assert_eq!(Client::connect_to_first(&[missing, stale, live.clone()]).unwrap().path, live);
    }

    #[test]
    fn a_denial_names_the_group_that_may() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let _listener = UnixListener::bind(&path).unwrap();
        let mode =
            |mode| fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        let group = group::name_of(fs::metadata(&path).unwrap().gid());
        mode(0o660);
        let error = explain_denial(&path).to_string();
        assert!(error.contains(&format!("the group {group}")) && error.contains("usermod"), "{error}");
        mode(0o600);
        assert!(explain_denial(&path).to_string().contains("its owner only"));
    }
}

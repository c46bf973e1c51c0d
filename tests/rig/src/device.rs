//! A device as a process: started in folders of its own, asked over its socket, ended by its id.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long a device may take until it answers.
const READY_WAIT_MAX: Duration = Duration::from_secs(20);
/// How long one answer may take.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long a device may take to end.
const END_WAIT_MAX: Duration = Duration::from_secs(10);
/// How often what gives no event is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// How a device is started.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The program.
    pub program: PathBuf,
    /// Folder for its state, its socket and its log; it must exist.
    pub folder: PathBuf,
    /// More of its environment, as [`crate::sound_server::SoundServer::env`] gives it.
    pub env: Vec<(String, String)>,
}

impl Setup {
    /// The device's state folder.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// The device's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    /// Where its log lines go, of all starts one after another.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        self.folder.join("log.txt")
    }

    /// The program with its places, as a command that has not been started: `words` come first.
    ///
    /// # Errors
    /// The log cannot be opened.
    pub fn command(&self, words: &[&str]) -> std::io::Result<Command> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log_path())?;
        let mut command = Command::new(&self.program);
        command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command.arg("--state-dir").arg(self.state_dir()).arg("--socket").arg(self.socket());
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        Ok(command)
    }

    /// `orchestrion run` with a configuration (TOML).
    ///
    /// # Errors
    /// It cannot be started, or does not answer.
    pub fn run(&self, config: &str) -> std::io::Result<Device> {
        let path = self.folder.join("orchestrion.toml");
        std::fs::write(&path, config)?;
        let path = path.display().to_string();
        self.start(&["run", "--config", &path, "--log", "info"])
    }

    /// Starts the device and waits until it answers.
    ///
    /// # Errors
    /// It cannot be started, or does not answer.
    pub fn start(&self, words: &[&str]) -> std::io::Result<Device> {
        let child = self.command(words)?.spawn()?;
        let mut device = Device { child, socket: self.socket() };
        let deadline = Instant::now() + READY_WAIT_MAX;
        while device.ask("status", json!({})).is_err() {
            if let Some(status) = device.child.try_wait()? {
                return Err(std::io::Error::other(format!("the device ended with {status}: {}", self.log())));
            }
            if Instant::now() > deadline {
                return Err(std::io::Error::other(format!("the device does not answer: {}", self.log())));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(device)
    }

    /// What the device has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read(self.log_path())
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }
}

/// A running device; it is killed when it is dropped.
#[derive(Debug)]
pub struct Device {
    child: Child,
    socket: PathBuf,
}

impl Device {
    /// The id of its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A connection to its socket.
    ///
    /// # Errors
    /// Nobody listens.
    pub fn connect(&self) -> std::io::Result<UnixStream> {
        connect(&self.socket)
    }

    /// Asks one thing on a connection of its own.
    ///
    /// # Errors
    /// No answer, or a refusal, whose text is the error's.
    pub fn ask(&self, method: &str, params: Value) -> std::io::Result<Value> {
        Self::ask_at(&self.socket, method, params)
    }

    /// Asks whoever listens at a socket, on a connection of its own.
    ///
    /// # Errors
    /// No answer, or a refusal, whose text is the error's.
    pub fn ask_at(socket: &Path, method: &str, params: Value) -> std::io::Result<Value> {
        let mut stream = connect(socket)?;
        let line = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        stream.write_all(format!("{line}\n").as_bytes())?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer)?;
        let answer: Value = serde_json::from_str(&answer)?;
        match answer.get("result") {
            Some(result) => Ok(result.clone()),
            None => Err(std::io::Error::other(
                answer["error"]["message"].as_str().unwrap_or("no answer").to_owned(),
            )),
        }
    }

    /// Waits until the status is as `wanted`, and gives it.
    ///
    /// # Errors
    /// It never was; the last status is in the error.
    pub fn wait_for(
        &self,
        wait_max: Duration,
        mut wanted: impl FnMut(&Value) -> bool,
    ) -> std::io::Result<Value> {
        let deadline = Instant::now() + wait_max;
        loop {
            let status = self.ask("status", json!({}))?;
            if wanted(&status) {
                return Ok(status);
            }
            if Instant::now() > deadline {
                return Err(std::io::Error::other(format!("it never came to that: {status}")));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Sends a signal by its name ("TERM", "HUP", "KILL", "STOP").
    ///
    /// # Errors
    /// There is no such process any more.
    pub fn signal(&self, name: &str) -> std::io::Result<()> {
        use rustix::process::{Pid, Signal, kill_process};
        let signal = match name {
            "TERM" => Signal::TERM,
            "INT" => Signal::INT,
            "HUP" => Signal::HUP,
            "STOP" => Signal::STOP,
            "CONT" => Signal::CONT,
            _ => Signal::KILL,
        };
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| std::io::Error::other("no process id"))?;
        Ok(kill_process(pid, signal)?)
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// It does not.
    pub fn wait(self) -> std::io::Result<ExitStatus> {
        self.wait_within(END_WAIT_MAX)
    }

    /// Waits until it has ended by itself, but no longer than so.
    ///
    /// # Errors
    /// It does not.
    pub fn wait_within(mut self, wait_max: Duration) -> std::io::Result<ExitStatus> {
        self.wait_until_ended(wait_max)
    }

    /// `kill -9`, at once.
    ///
    /// # Errors
    /// There is no such process any more.
    pub fn kill(mut self) -> std::io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(|_| ())
    }

    /// SIGTERM, and how it ended.
    ///
    /// # Errors
    /// It does not end.
    pub fn terminate(mut self) -> std::io::Result<ExitStatus> {
        self.signal("TERM")?;
        self.wait_until_ended(END_WAIT_MAX)
    }

    fn wait_until_ended(&mut self, wait_max: Duration) -> std::io::Result<ExitStatus> {
        let deadline = Instant::now() + wait_max;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                return Err(std::io::Error::other("the device does not end"));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn connect(socket: &Path) -> std::io::Result<UnixStream> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(ANSWER_WAIT_MAX))?;
    stream.set_write_timeout(Some(ANSWER_WAIT_MAX))?;
    Ok(stream)
}

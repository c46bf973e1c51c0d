//! A private sound card: a PulseAudio of its own with a null sink `nul`, for one test or one demo.
//!
//! Owns the server process and a temporary folder with its socket, log and ALSA configuration;
//! both are gone when it is dropped. It runs in real time. [`Capture`] records what is played to it.
//!
//! Start the recorder before the player and keep it: a null sink that nobody listens to sleeps, and
//! wakes up to two seconds late. Never compile while capturing. When a *stream* starts, the server
//! goes back over what it has just played, which the recorder has heard already: up to 10 ms of the
//! stream's beginning are not recorded. From there on every frame is. So give what is to be counted
//! a head of 100 ms of silence, or a player that keeps its stream open.

mod capture;

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub use capture::{Capture, Captured};

use crate::{Error, Result, tool};

/// The null sink's name; what is played to it is recorded from `nul.monitor`.
pub const SINK: &str = "nul";
/// The sink's rate in Hz: at this rate nothing is resampled on the way.
pub const RATE_HZ: u32 = 48_000;
/// The sink's channels. Its samples are `f32`.
pub const CHANNELS: u16 = 2;

/// How long a server may take until it answers; it takes some 100 ms.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// How often it is asked whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(20);
/// How much of a dead server's log is shown.
const LOG_SHOWN_BYTES: usize = 600;

/// A running PulseAudio with a null sink. Dropping it kills it.
pub struct SoundServer {
    folder: tempfile::TempDir,
    server: Option<Child>,
    sink_arguments: String,
}

impl SoundServer {
    /// Whether the commands it needs are installed; a test may skip itself when not.
    #[must_use]
    pub fn available() -> bool {
        ["pulseaudio", "pactl", "parec"].into_iter().all(tool::is_installed)
    }

    /// Starts a server and returns when it takes sound.
    ///
    /// # Errors
    /// [`Error::ToolMissing`] without PulseAudio, [`Error::ToolFailed`] with its log if it ends at
    /// once, [`Error::TimedOut`] if it does not answer.
    pub fn start() -> Result<Self> {
        Self::start_with(String::new())
    }

    /// The same with a sink that never plays more than 50 ms ahead, so that a stream is heard as soon as it starts, even
    /// if nobody was listening. It costs the server more.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_wakeful() -> Result<Self> {
        Self::start_with(" norewinds=1".into())
    }

    fn start_with(more: String) -> Result<Self> {
        let sink_arguments =
            format!("sink_name={SINK} format=float32le rate={RATE_HZ} channels={CHANNELS}{more}");
        let folder = tempfile::Builder::new()
            .prefix("rig-sound-")
            .tempdir()
            .map_err(Error::io("make a temporary folder in", &std::env::temp_dir()))?;
        for name in ["run", "home"] {
            let path = folder.path().join(name);
            fs::DirBuilder::new().mode(0o700).create(&path).map_err(Error::io("make the folder", &path))?;
        }
        let alsa = folder.path().join("asound.conf");
        fs::write(&alsa, alsa_configuration()).map_err(Error::io("write", &alsa))?;
        let mut sound_server = Self { folder, server: None, sink_arguments };
        sound_server.restart()?;
        Ok(sound_server)
    }

    /// What a child process needs in its environment to play to this server, through PulseAudio or
    /// through ALSA (devices `pa` and `default`).
    #[must_use]
    pub fn env(&self) -> Vec<(String, String)> {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        vec![
            ("PULSE_SERVER".into(), format!("unix:{}", text(self.socket()))),
            ("ALSA_CONFIG_PATH".into(), text(self.folder.path().join("asound.conf"))),
            ("XDG_RUNTIME_DIR".into(), text(self.folder.path().join("run"))),
        ]
    }

    /// The server's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("run/pa.sock")
    }

    /// The id of its process; `None` while it is killed.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Child::id)
    }

    /// Takes the sink away, as if a sound card were pulled out; the server goes on.
    ///
    /// # Errors
    /// [`Error::ToolFailed`] with the server's words.
    pub fn remove_sink(&self) -> Result<()> {
        self.pactl(&["unload-module", "module-null-sink"])
    }

    /// Brings the sink back.
    ///
    /// # Errors
    /// As [`remove_sink`](Self::remove_sink).
    pub fn add_sink(&self) -> Result<()> {
        let mut words = vec!["load-module", "module-null-sink"];
        words.extend(self.sink_arguments.split_whitespace());
        self.pactl(&words)
    }

    fn pactl(&self, words: &[&str]) -> Result<()> {
        let done = Command::new("pactl")
            .args(words)
            .envs(self.env())
            .stdin(Stdio::null())
            .output()
            .map_err(|error| tool::not_started("pactl", &error))?;
        if done.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
        Err(Error::ToolFailed { tool: "pactl", said })
    }

    /// Starts recording; returns when the first sound (or silence) has arrived.
    ///
    /// # Errors
    /// As [`Capture::start`].
    pub fn capture(&self) -> Result<Capture> {
        Capture::start(self)
    }

    /// Kills the server as a power cut would: players lose their output, recorders end.
    /// [`restart`](Self::restart) brings it back.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            // It may have died by itself; it is gone either way.
            let _ = server.kill();
            let _ = server.wait();
        }
        let _ = fs::remove_file(self.socket());
    }

    /// Starts the server anew on the same socket, killing one that still runs.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        self.server = Some(self.spawn()?);
        let started = Instant::now();
        while !self.takes_sound()? {
            let waited = started.elapsed();
            if waited > READY_WITHIN {
                self.kill();
                let what = format!("pulseaudio to answer; its log ends: {}", self.log_end());
                return Err(Error::TimedOut { what, waited_ms: waited.as_millis() });
            }
            if let Some(status) = self.server.as_mut().and_then(|server| server.try_wait().ok()?) {
                let said = format!("{status}; its log ends: {}", self.log_end());
                self.kill();
                return Err(Error::ToolFailed { tool: "pulseaudio", said });
            }
            thread::sleep(ASK_EVERY);
        }
        Ok(())
    }

    /// The arguments are those that were measured to work without a sound card, a user session and
    /// real-time rights.
    fn spawn(&self) -> Result<Child> {
        let folder = self.folder.path();
        Command::new("pulseaudio")
            .args(["-n", "--daemonize=no", "--exit-idle-time=-1", "--realtime=no", "--high-priority=no"])
            .args(["--use-pid-file=no", "--system=no"])
            .arg(format!("--log-target=file:{}", self.log().display()))
            .arg("-L")
            .arg(format!("module-native-protocol-unix auth-anonymous=1 socket={}", self.socket().display()))
            .arg("-L")
            .arg(format!("module-null-sink {}", self.sink_arguments))
            .env("XDG_RUNTIME_DIR", folder.join("run"))
            .env("HOME", folder.join("home"))
            .env_remove("PULSE_SERVER")
            .env_remove("DISPLAY")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| tool::not_started("pulseaudio", &error))
    }

    /// Asks for the sink: the socket is there before the sink is.
    fn takes_sound(&self) -> Result<bool> {
        if !self.socket().exists() {
            return Ok(false);
        }
        let answer = Command::new("pactl")
            .args(["list", "short", "sinks"])
            .envs(self.env())
            .stdin(Stdio::null())
            .output()
            .map_err(|error| tool::not_started("pactl", &error))?;
        Ok(String::from_utf8_lossy(&answer.stdout).split_whitespace().any(|word| word == SINK))
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("pulseaudio.log")
    }

    fn log_end(&self) -> String {
        end_of(&self.log())
    }
}

impl Drop for SoundServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn end_of(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let shown = &bytes[bytes.len().saturating_sub(LOG_SHOWN_BYTES)..];
    String::from_utf8_lossy(shown).trim().to_owned()
}

/// ALSA's own definitions first, since this file replaces them; `hint` is what makes ALSA list a device.
fn alsa_configuration() -> String {
    let device = |name: &str, shown: &str| {
        format!("pcm.{name} {{ type pulse device \"{SINK}\" hint {{ show on description \"{shown}\" }} }}\n")
    };
    format!(
        "</usr/share/alsa/alsa.conf>\n{}{}ctl.!default {{ type pulse }}\n",
        device("pa", "pa"),
        device("!default", "default")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_can_be_killed_and_comes_back_on_the_same_socket() {
        if !SoundServer::available() {
            return;
        }
        let mut server = SoundServer::start().unwrap();
        let socket = server.socket();
        assert!(server.takes_sound().unwrap());
        server.kill();
        assert!(!server.takes_sound().unwrap());
        server.restart().unwrap();
        assert!(server.takes_sound().unwrap());
        assert_eq!(socket, server.socket());
        let folder = server.folder.path().to_path_buf();
        drop(server);
        assert!(!folder.exists());
    }
}

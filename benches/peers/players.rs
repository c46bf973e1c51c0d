//! Each program as a process of its own that plays a folder, in a folder of its own: the device straight to the sound server, the
//! others, and the device once more, through ALSA's device `pa`, where a buffer can be chosen.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use orchestrion_rig::device::{Device, Setup};
use orchestrion_rig::sound_server::SINK;
use orchestrion_rig::usage;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Outcome, wait_for};

/// ALSA's device that plays to the private sound server.
const ALSA_DEVICE: &str = "pa";
/// A file system in memory.
const MEMORY: &str = "/dev/shm";
/// The rate of the sound server.
const RATE_HZ: u32 = 48_000;

/// Who plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// As its own client of the sound server.
    Orchestrion,
    /// Through ALSA, as the peers.
    OrchestrionAlsa,
    /// Another build of it.
    Base,
    /// With a buffer of the same length, in as many periods as it likes: four.
    Mpd,
    /// With two periods, as Orchestrion has them.
    MpdTwoPeriods,
    /// It gives what the sound server plays, as Orchestrion does, and leaves it no rate to change.
    MpdResampling,
    /// As a client of the sound server, by PulseAudio's library; its buffer, of two seconds, cannot be chosen.
    MpdPulse,
    /// Its buffer cannot be chosen.
    Cmus,
    Mpv,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Orchestrion => "orchestrion",
            Self::OrchestrionAlsa => "orchestrion ALSA",
            Self::Base => "base",
            Self::Mpd => "MPD",
            Self::MpdTwoPeriods => "MPD 2 periods",
            Self::MpdResampling => "MPD resampling",
            Self::MpdPulse => "MPD pulse",
            Self::Cmus => "cmus",
            Self::Mpv => "mpv",
        }
    }

    /// Of the device.
    fn output(self) -> String {
        match self {
            Self::Orchestrion => format!("pulse:{SINK}"),
            _ => format!("alsa:{ALSA_DEVICE}"),
        }
    }

    fn program(self) -> Option<PathBuf> {
        match self {
            Self::Orchestrion | Self::OrchestrionAlsa => Some(env!("CARGO_BIN_EXE_orchestrion").into()),
            Self::Base => std::env::var_os("PEERS_BASE").filter(|path| !path.is_empty()).map(PathBuf::from),
            Self::Mpd | Self::MpdTwoPeriods | Self::MpdResampling | Self::MpdPulse => Some("mpd".into()),
            Self::Cmus => Some("cmus".into()),
            Self::Mpv => Some("mpv".into()),
        }
    }

    fn is_installed(self) -> bool {
        let Some(program) = self.program() else { return false };
        let path = std::env::var_os("PATH").unwrap_or_default();
        program.is_file() || std::env::split_paths(&path).any(|dir| dir.join(&program).is_file())
    }
}

/// Those of which `only` speaks, or all; says which are missing.
pub fn installed(only: Option<&str>) -> Vec<Kind> {
    let all = [
        Kind::Orchestrion,
        Kind::OrchestrionAlsa,
        Kind::Base,
        Kind::Mpd,
        Kind::MpdTwoPeriods,
        Kind::MpdResampling,
        Kind::MpdPulse,
        Kind::Cmus,
        Kind::Mpv,
    ];
    let wanted = |kind: &Kind| only.is_none_or(|only| only.split(',').any(|one| one.trim() == kind.name()));
    let (found, missing): (Vec<Kind>, Vec<Kind>) =
        all.into_iter().filter(wanted).partition(|kind| kind.is_installed());
    for kind in missing.iter().filter(|kind| **kind != Kind::Base) {
        println!("SKIPPED: {} is not installed (script/setup peers installs it)\n", kind.name());
    }
    found
}

/// What is to be played, and how.
pub struct Request<'a> {
    pub kind: Kind,
    pub music: &'a Path,
    pub folder: &'a Path,
    pub buffer_ms: u32,
    /// What fades, fades so long.
    pub crossfade_s: u32,
    /// Whether the folder begins again at its end.
    pub repeats: bool,
    /// See [`orchestrion_rig::sound_server::SoundServer::env`].
    pub env: Vec<(String, String)>,
}

/// A program that plays; it is ended when it is dropped.
pub struct Player {
    pub kind: Kind,
    /// The process that decodes and plays.
    pub pid: u32,
    process: Process,
}

enum Process {
    /// With the folder of its socket.
    Device(Device, #[expect(dead_code, reason = "removed with it")] TempDir),
    Child(Child),
}

impl Player {
    /// Starts it and lets it play.
    pub fn start(request: &Request) -> Outcome<Self> {
        match request.kind {
            Kind::Orchestrion | Kind::OrchestrionAlsa | Kind::Base => orchestrion(request),
            Kind::Mpd | Kind::MpdTwoPeriods | Kind::MpdResampling | Kind::MpdPulse => mpd(request),
            Kind::Cmus => cmus(request),
            Kind::Mpv => mpv(request),
        }
    }

    /// A program whose `words` and environment are set; what it says goes nowhere.
    fn spawn(request: &Request, command: &mut Command) -> Outcome<Self> {
        let child = command
            .envs(request.env.iter().map(|(key, value)| (key, value)))
            .env("HOME", request.folder)
            // cmus ends with its terminal's input; this one stays open and says nothing.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { kind: request.kind, pid: child.id(), process: Process::Child(child) })
    }

    /// Whether songs go on. That a stream is there does not tell: the device's own may carry silence.
    pub fn still_plays(&self) -> bool {
        match &self.process {
            Process::Device(device, _) => device
                .ask("status", serde_json::json!({}))
                .is_ok_and(|status| status["state"] == "playing" && status["plays"].as_u64() >= Some(2)),
            Process::Child(_) => true,
        }
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        if let Process::Child(child) = &mut self.process {
            // cmus runs below a process that gives it a terminal.
            let below = i32::try_from(self.pid).ok().filter(|_| child.id() != self.pid);
            if let Some(pid) = below.and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::TERM);
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn orchestrion(request: &Request) -> Outcome<Player> {
    let program = request.kind.program().ok_or("no program")?;
    let mut env = request.env.clone();
    // As its unit has it.
    env.push(("MALLOC_ARENA_MAX".into(), "1".into()));
    // As on a board: the socket's folder, where the place in the song is kept, lies in memory, and the state on a disk.
    let run_dir = tempfile::Builder::new().prefix("peers-").tempdir_in(MEMORY)?;
    std::os::unix::fs::symlink(request.folder, run_dir.path().join("state"))?;
    let setup = Setup { program, folder: run_dir.path().into(), env };
    let buffer_frames = request.buffer_ms * RATE_HZ / 1000 / 2;
    let device = setup.run(&format!(
        "music = [{:?}]\noutputs = [{:?}]\nvolume = 100\nrepeat = \"{}\"\n\
         even_loudness = {}\ncrossfade_s = {}\nbuffer_frames = {buffer_frames}\n",
        request.music,
        request.kind.output(),
        if request.repeats { "all" } else { "off" },
        // What is compared sample by sample stays as it is.
        request.repeats,
        request.crossfade_s,
    ))?;
    Ok(Player { kind: request.kind, pid: device.pid(), process: Process::Device(device, run_dir) })
}

fn mpd(request: &Request) -> Outcome<Player> {
    let (home, socket) = (request.folder.display(), request.folder.join("socket"));
    let config = request.folder.join("mpd.conf");
    let buffer_us = request.buffer_ms * 1000;
    let more = match request.kind {
        Kind::MpdTwoPeriods => format!(" period_time \"{}\"\n", buffer_us / 2),
        Kind::MpdResampling => format!(" format \"{RATE_HZ}:*:*\"\n"),
        _ => String::new(),
    };
    let output = match request.kind {
        Kind::MpdPulse => format!(" type \"pulse\"\n sink \"{SINK}\"\n"),
        _ => format!(" type \"alsa\"\n device \"{ALSA_DEVICE}\"\n buffer_time \"{buffer_us}\"\n{more}"),
    };
    let text = format!(
        "music_directory {:?}\ndb_file \"{home}/db\"\nbind_to_address {socket:?}\naudio_output {{\n name \"p\"\n \
         mixer_type \"none\"\n{output}}}\n",
        request.music,
    );
    std::fs::write(&config, text)?;
    let player = Player::spawn(request, Command::new("mpd").args(["--no-daemon", "--stderr"]).arg(&config))?;
    wait_for("MPD's socket", || socket.exists())?;
    let (crossfade_s, repeat) = (request.crossfade_s.to_string(), if request.repeats { "on" } else { "off" });
    let steps: [&[&str]; 5] =
        [&["update", "--wait"], &["crossfade", &crossfade_s], &["repeat", repeat], &["add", "/"], &["play"]];
    for step in steps {
        let done = Command::new("mpc").arg("-q").args(step).env("MPD_HOST", &socket).output()?;
        if !done.status.success() {
            return Err(format!("mpc {step:?}: {}", String::from_utf8_lossy(&done.stderr)).into());
        }
    }
    Ok(player)
}

fn cmus(request: &Request) -> Outcome<Player> {
    let socket = request.folder.join("socket");
    let settings = format!(
        "set mpris=false\nset output_plugin=alsa\nset dsp.alsa.device={ALSA_DEVICE}\nset softvol=true\nset softvol_state=100 100\n\
         set continue=true\nset repeat=true\nset shuffle=off\nset resume=false\n"
    );
    std::fs::write(request.folder.join("rc"), settings)?;
    // It wants a terminal.
    let mut command = Command::new("script");
    command
        .args(["-qfc", "stty rows 24 cols 80; exec cmus --listen \"$CMUS_SOCKET\"", "/dev/null"])
        .env("CMUS_HOME", request.folder)
        .env("CMUS_SOCKET", &socket)
        .env("SHELL", "/bin/sh")
        .env("TERM", "xterm");
    let mut player = Player::spawn(request, &mut command)?;
    wait_for("cmus's socket", || socket.exists())?;
    let child = player.pid;
    player.pid = usage::descendant(child, "cmus").ok_or("cmus has ended")?;
    let remote =
        |words: &[&str]| Command::new("cmus-remote").arg("--server").arg(&socket).args(words).output();
    remote(&["-C", &format!("add -l {}", request.music.display())])?;
    // It scans the folder in its own time.
    wait_for("cmus's music", || {
        let _ = remote(&["-n"]);
        let _ = remote(&["-p"]);
        remote(&["-Q"]).is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains("status playing"))
    })?;
    Ok(player)
}

fn mpv(request: &Request) -> Outcome<Player> {
    let mut songs: Vec<PathBuf> =
        std::fs::read_dir(request.music)?.flatten().map(|entry| entry.path()).collect();
    songs.sort();
    let buffer_us = request.buffer_ms * 1000;
    let mut command = Command::new("mpv");
    command
        .args(["--no-config", "--no-video", "--no-terminal", "--loop-playlist=inf", "--ao=alsa"])
        .args([format!("--audio-device=alsa/{ALSA_DEVICE}"), format!("--alsa-buffer-time={buffer_us}")])
        .args(songs);
    Player::spawn(request, &mut command)
}

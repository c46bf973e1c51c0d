//! The players: how each is started so that it does its best, and what it uses.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use orchestrion::media::screen::message::{Command as Order, Item, SNAPSHOT_LEN_MAX, Setup, Sink};
use orchestrion::media::screen::{Player, Said};
use orchestrion_rig::usage::Usage;
use orchestrion_rig::x_server::XServer;

use super::Outcome;

/// How often a snapshot is asked for, and how wide it is, in pixels.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(1);
const SNAPSHOT_WIDTH: u32 = 640;
/// gst-play knows no loop: it gets the list so often.
const TIMES: usize = 100;
/// VLC does not run as root: nobody's number on Debian.
const NOBODY: &str = "65534";

/// See the head of this file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Orchestrion,
    /// The same with a snapshot each second.
    Snapshots,
    Mpv,
    Vlc,
    GstPlay,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Orchestrion, Self::Snapshots, Self::Mpv, Self::Vlc, Self::GstPlay];

    pub fn name(self) -> &'static str {
        match self {
            Self::Orchestrion => "Orchestrion",
            Self::Snapshots => "Orchestrion, a snapshot each second",
            Self::Mpv => "mpv",
            Self::Vlc => "VLC",
            Self::GstPlay => "gst-play",
        }
    }

    fn program(self) -> Option<&'static str> {
        match self {
            Self::Orchestrion | Self::Snapshots => None,
            Self::Mpv => Some("mpv"),
            Self::Vlc => Some("vlc"),
            Self::GstPlay => Some("gst-play-1.0"),
        }
    }
}

/// Those that are wanted and here; who is missing is said.
pub fn installed(wanted: Option<&str>) -> Vec<Kind> {
    let is_wanted =
        |kind: &Kind| wanted.is_none_or(|wanted| wanted.split(',').any(|name| name == kind.name()));
    let is_here = |kind: &Kind| {
        let here = kind.program().is_none_or(|name| {
            let path = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
        });
        if !here {
            println!("SKIPPED: {} is not installed (script/setup peers installs it)", kind.name());
        }
        here
    };
    Kind::ALL.into_iter().filter(is_wanted).filter(is_here).collect()
}

/// A player that runs. Dropping it ends it.
pub struct Running {
    process: Process,
    process_id: u32,
    /// When the next snapshot is due, of whom one is wanted.
    snapshot: Option<Instant>,
    serial: u32,
}

enum Process {
    Ours(Player),
    Theirs(Child),
}

impl Running {
    /// # Errors
    /// It cannot be started.
    pub fn start(kind: Kind, films: &[PathBuf], screen: &XServer) -> Outcome<Self> {
        let (process, process_id) = match kind.program() {
            None => {
                let display = Some(screen.display().into());
                let setup = Setup { sink: Sink::X11, display, ..Setup::default() };
                let mut player = Player::start(Path::new(env!("CARGO_BIN_EXE_orchestrion-media")), &setup)?;
                let items = films.iter().zip(0..).map(|(film, id)| Item::new(id, film, 0, 1000)).collect();
                player.send(&Order::Show { items })?;
                let process_id = player.process_id().ok_or("it has ended")?;
                (Process::Ours(player), process_id)
            }
            Some(_) => {
                let child = command(kind, films)
                    .env("DISPLAY", screen.display())
                    .env_remove("WAYLAND_DISPLAY")
                    .env("HOME", films[0].parent().unwrap_or(Path::new("/")))
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()?;
                let process_id = child.id();
                (Process::Theirs(child), process_id)
            }
        };
        let snapshot = (kind == Kind::Snapshots).then(Instant::now);
        Ok(Self { process, process_id, snapshot, serial: 0 })
    }

    /// Hears what it says, and asks for a snapshot when one is due.
    ///
    /// # Errors
    /// It has ended.
    pub fn listen(&mut self) -> Outcome<()> {
        match &mut self.process {
            Process::Ours(player) => {
                while let Some(said) = player.receive(Instant::now())? {
                    drop::<Said>(said);
                }
                if self.snapshot.is_some_and(|due| due <= Instant::now()) {
                    self.serial += 1;
                    player.send(&Order::Snapshot {
                        serial: self.serial,
                        width_max: SNAPSHOT_WIDTH,
                        len_max: SNAPSHOT_LEN_MAX,
                    })?;
                    self.snapshot = Some(Instant::now() + SNAPSHOT_EVERY);
                }
            }
            Process::Theirs(child) => {
                if let Some(status) = child.try_wait()? {
                    return Err(format!("the player ended: {status}").into());
                }
            }
        }
        Ok(())
    }

    /// What it has used until now.
    ///
    /// # Errors
    /// It has ended.
    pub fn usage(&self) -> Outcome<Usage> {
        Ok(Usage::of(self.process_id)?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Process::Theirs(child) = &mut self.process {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Full screen, over and over, without sound, and whatever it knows against gaps.
fn command(kind: Kind, films: &[PathBuf]) -> Command {
    let program = kind.program().unwrap_or_default();
    let mut command = Command::new(program);
    match kind {
        Kind::Mpv => command
            .args(["--no-config", "--vo=x11", "--hwdec=no", "--no-audio", "--really-quiet", "--osd-level=0"])
            .args(["--no-osc", "--force-window=immediate", "--prefetch-playlist=yes", "--loop-playlist=inf"])
            .args(["--no-border", "--geometry=100%x100%+0+0"])
            .args(films),
        Kind::Vlc => {
            if rustix::process::geteuid().is_root() {
                command = Command::new("setpriv");
                let nobody = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")];
                command.args(nobody).args(["--clear-groups", program]);
            }
            command
                .args(["-I", "dummy", "--no-audio", "--loop", "--no-video-title-show", "--no-osd", "--quiet"])
                .args(["--fullscreen", "--vout=xcb_x11", "--no-video-deco"])
                .args(films)
        }
        Kind::GstPlay => command
            .args(["--quiet", "--no-interactive", "--gapless", "--videosink=ximagesink"])
            .args(["--audiosink=fakesink", "--no-position"])
            .args(films.iter().cycle().take(films.len() * TIMES)),
        Kind::Orchestrion | Kind::Snapshots => &mut command,
    };
    command
}

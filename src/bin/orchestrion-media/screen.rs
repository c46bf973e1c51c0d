//! `orchestrion-media screen`: for people a loop of films and pictures until they end it; for the device, with `--serve`, what
//! it says. What people see goes through the same two processes and the same socket as in the device.

mod canvas;
mod card;
mod confine;
mod cover;
mod fit;
mod hands;
mod lettering;
mod listen;
mod output;
mod overlay;
mod pace;
mod plug;
mod plugins;
mod serve;
mod shape;
mod show;
mod sinks;
mod snapshot;
mod sound;
mod source;
mod splash;
mod track;
mod upright;
mod writing;
mod x11;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, UNIX_EPOCH};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use orchestrion::media::screen::message::{
    Colour, Command, Event, Fit, ITEMS_MAX, Item, Rotation, SNAPSHOT_LEN_MAX, SNAPSHOT_WIDTH_MAX, Setup,
    Sink, Size,
};
use orchestrion::media::screen::{Player, Said};

/// `orchestrion-media screen`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrion-media screen films/*.mp4 logo.png
  orchestrion-media screen --sink kms --rotation 90 poster.jpg
  orchestrion-media screen --seconds 5 --snapshot seen.jpg a.mp4

Exit codes: 0 it ended when it should, 1 it could not go on, 2 the command line is wrong.")]
pub struct ScreenArgs {
    /// Films and pictures; whatever their names, what is in them counts
    #[arg(value_name = "FILE", required_unless_present = "serve")]
    files: Vec<PathBuf>,
    /// Where to show
    #[arg(long, value_enum, default_value_t = SinkWord::Auto)]
    sink: SinkWord,
    /// The X server, instead of what DISPLAY says
    #[arg(long, value_name = ":N")]
    display: Option<String>,
    /// How large, instead of the screen's own size
    #[arg(long, value_name = "WxH", value_parser = |text: &str| Size::try_from(text.to_owned()))]
    size: Option<Size>,
    /// What is done with films of another shape
    #[arg(long, value_enum, default_value_t = FitWord::Contain)]
    fit: FitWord,
    /// Turn everything clockwise, in degrees
    #[arg(long, default_value = "0", value_parser = |text: &str| text.parse().ok().and_then(|degrees: u16| Rotation::try_from(degrees).ok()).ok_or("0, 90, 180 or 270"))]
    rotation: Rotation,
    /// What is seen beside films of another shape
    #[arg(long, value_name = "#RRGGBB", default_value = "#000000", value_parser = |text: &str| Colour::try_from(text.to_owned()))]
    background: Colour,
    /// How long a picture is held, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    hold: f64,
    /// End after so many seconds
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    /// At the end, write there what is on the screen (JPEG)
    #[arg(long, value_name = "OUT", requires = "seconds")]
    snapshot: Option<PathBuf>,
    /// For the device only: take commands from the socket on standard input
    #[arg(long, conflicts_with_all = ["files", "seconds", "snapshot"])]
    serve: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SinkWord {
    Auto,
    Kms,
    Wayland,
    X11,
    Null,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FitWord {
    Contain,
    Cover,
    Stretch,
}

impl ScreenArgs {
    /// Does it.
    pub fn run(self) -> ExitCode {
        if self.serve {
            return serve::run();
        }
        match self.show() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("orchestrion-media: {error:#}");
                ExitCode::FAILURE
            }
        }
    }

    fn show(&self) -> anyhow::Result<()> {
        let items = self.items()?;
        let mut player = Player::start(&std::env::current_exe()?, &self.setup())?;
        player.send(&Command::Show { items })?;
        let end =
            self.seconds.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds.clamp(0.0, 1e9)));
        loop {
            let patience = end.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            match player.receive(patience)? {
                Some(Said::Event(event)) => self.print(&event),
                Some(Said::Snapshot { .. } | Said::Sound { .. }) => {}
                None if end.is_some() => break,
                None => {}
            }
        }
        match &self.snapshot {
            Some(out) => write_snapshot(&mut player, out),
            None => Ok(()),
        }
    }

    fn items(&self) -> anyhow::Result<Vec<Item>> {
        anyhow::ensure!(self.files.len() <= ITEMS_MAX, "at most {ITEMS_MAX} files");
        let hold_ms = (self.hold.max(0.0) * 1000.0) as u64;
        let item = |(id, file): (usize, &PathBuf)| {
            let path = std::path::absolute(file).with_context(|| file.display().to_string())?;
            let changed = path.metadata().and_then(|meta| meta.modified()).unwrap_or(UNIX_EPOCH);
            let stamp = changed.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
            Ok(Item::new(id as u32, &path, stamp, hold_ms))
        };
        self.files.iter().enumerate().map(item).collect()
    }

    fn setup(&self) -> Setup {
        let sink = match self.sink {
            SinkWord::Auto => Sink::Auto,
            SinkWord::Kms => Sink::Kms,
            SinkWord::Wayland => Sink::Wayland,
            SinkWord::X11 => Sink::X11,
            SinkWord::Null => Sink::Null,
        };
        let fit = match self.fit {
            FitWord::Contain => Fit::Contain,
            FitWord::Cover => Fit::Cover,
            FitWord::Stretch => Fit::Stretch,
        };
        let display = self.display.clone();
        let (size, rotation, background) = (self.size, self.rotation, self.background);
        // Nobody would hear it here.
        Setup { sink, display, size, fit, rotation, background, sound_lead_ms: 0 }
    }

    fn name(&self, id: u32) -> String {
        self.files.get(id as usize).map_or_else(String::new, |file| file.display().to_string())
    }

    fn print(&self, event: &Event) {
        match event {
            Event::Opened { sink, size, passed_over } => {
                println!("on {} at {}x{}", sink.as_str(), size.width, size.height);
                for why in passed_over {
                    println!("  not on {why}");
                }
            }
            Event::Shown { id, kind } => println!("{}: {kind:?}", self.name(*id)),
            Event::Failed { id, reason, passed_over_ms } => {
                println!("{}: {reason}; passed over for {} s", self.name(*id), passed_over_ms / 1000);
            }
            Event::Silent { id, reason } => {
                println!("{}: its sound cannot be heard: {reason}", self.name(*id))
            }
            Event::Nothing => println!("nothing of this can be shown"),
            Event::Health(health) if health.is_moving => println!(
                "{} frames, {} late, {} left out; the last is {} ms old",
                health.presented, health.late, health.dropped, health.frame_age_ms
            ),
            Event::Health(_)
            | Event::Splash
            | Event::Power { .. }
            | Event::Hello { .. }
            | Event::Preparing { .. }
            | Event::Sound { .. }
            | Event::Snapshot { .. }
            | Event::NoSnapshot { .. } => {}
        }
    }
}

fn write_snapshot(player: &mut Player, out: &Path) -> anyhow::Result<()> {
    player.send(&Command::Snapshot {
        serial: 1,
        width_max: SNAPSHOT_WIDTH_MAX,
        len_max: SNAPSHOT_LEN_MAX,
    })?;
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match player.receive(deadline)? {
            Some(Said::Snapshot { jpeg, .. }) => {
                return std::fs::write(out, jpeg).with_context(|| out.display().to_string());
            }
            Some(Said::Event(Event::NoSnapshot { reason, .. })) => bail!("no snapshot: {reason}"),
            Some(Said::Event(_) | Said::Sound { .. }) => {}
            None => bail!("no snapshot within 5 s"),
        }
    }
}

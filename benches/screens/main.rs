//! The screen beside mpv, VLC and gst-play: the same films, each player alone on a screen of memory (Xvfb) whose pixels are
//! read at 2 kHz. `script/test peers` installs them and runs this.
//!
//! What is measured of a player: from its start to the first frame seen; for how long the last frame of a film stands (or
//! something else is seen) before the next film's first; for how long anything is seen that is of no film; processor time of
//! its process with all children, without the X server's; the highest RSS. The films are of the screen's size, so that
//! nobody scales and a window without a window manager is as good as a full screen.
//!
//! Environment: `SCREENS_ROUNDS` (3); `SCREENS_PLAYERS` (all; e.g. `Orchestrion,mpv`); `SCREENS_LOCK`, a file that is locked
//! during each window, for a machine shared with compilers.

mod players;
mod table;
mod watch;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use orchestrion_rig::films::Film;
use orchestrion_rig::wish::{quiet, variable};
use orchestrion_rig::x_server::XServer;
use players::{Kind, Running};
use table::Sample;
use watch::{Seen, SeenFilm};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// The screen and the films, in pixels.
const SIZE: (u32, u32) = (1280, 720);
/// Frames a second.
const RATE: u32 = 30;
/// How long a film is: many changes in little time.
const FILM_S: u32 = 2;
/// How long is measured, after the start: fifteen changes.
const WINDOW: Duration = Duration::from_secs(30);
/// What is not counted: loading, the first films.
const WARM_UP: Duration = Duration::from_secs(5);
/// How long a player may take to its first frame.
const START_MAX: Duration = Duration::from_secs(20);
const ROUNDS: usize = 3;
/// The films' names, encoders and colours.
const FILMS: [(&str, &str, [u8; 3]); 4] = [
    ("a.mp4", "libx264", [200, 30, 30]),
    ("b.webm", "libvpx", [30, 180, 30]),
    ("c.mkv", "libx264", [30, 30, 200]),
    ("d.avi", "mpeg4", [200, 200, 40]),
];

fn main() -> Outcome<()> {
    // Run as a test (`cargo test --benches`) there is nothing to measure.
    if !std::env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    if !XServer::available() {
        println!("SKIPPED: there is no Xvfb here (script/setup peers installs it)");
        return Ok(());
    }
    let rounds = variable("SCREENS_ROUNDS").map_or(Ok(ROUNDS), |text| text.parse())?;
    let kinds = players::installed(variable("SCREENS_PLAYERS").as_deref());
    let folder = tempfile::Builder::new().prefix("screens-").tempdir()?;
    // A player that will not run as root runs as nobody, who must get at the films.
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), everybody)?;
    let films = FILMS.map(|(_, _, colour)| film(colour));
    let mut paths = Vec::new();
    for (film, (name, codec, _)) in films.iter().zip(FILMS) {
        let path = folder.path().join(name);
        film.write(&path, codec)?;
        paths.push(path);
    }
    let mut samples = Vec::new();
    for round in 0..rounds {
        for turn in 0..kinds.len() {
            let kind = kinds[(turn + round) % kinds.len()];
            let _quiet = quiet("SCREENS_LOCK")?;
            samples.push(measure(kind, &paths, &films)?);
            eprintln!("round {} of {rounds}: {} is measured", round + 1, kind.name());
        }
    }
    table::print(&samples, Duration::from_secs(1) / RATE);
    Ok(())
}

fn film(colour: [u8; 3]) -> Film {
    Film { width: SIZE.0, height: SIZE.1, rate: RATE, frames: RATE * FILM_S, colour, has_sound: false }
}

/// One player, alone on a screen of its own.
fn measure(kind: Kind, paths: &[PathBuf], films: &[Film]) -> Outcome<Sample> {
    let screen = XServer::start(SIZE.0, SIZE.1)?;
    let begun = Instant::now();
    let mut player = Running::start(kind, paths, &screen)?;
    let first = watch::until(&screen, &mut player, films, begun + START_MAX, |seen| seen.of.is_some())?;
    let to_first = first.last().filter(|seen| seen.of.is_some()).map(|seen| seen.at - begun);
    watch::until(&screen, &mut player, films, Instant::now() + WARM_UP, |_| false)?;
    let (before, since) = (player.usage()?, Instant::now());
    let seen: Vec<Seen> = watch::until(&screen, &mut player, films, since + WINDOW, |_| false)?;
    let after = player.usage()?;
    let cpu = (after.cpu_s - before.cpu_s) / since.elapsed().as_secs_f64();
    Ok(Sample {
        kind,
        to_first,
        stands: watch::stands(&seen),
        foreign: watch::foreign(&seen, Instant::now()),
        frames: seen.iter().filter(|seen| matches!(seen.of, Some(SeenFilm { .. }))).count(),
        cpu,
        peak_kib: after.peak_kib,
    })
}

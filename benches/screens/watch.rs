//! What is seen in the middle of the screen, and what it says of the player.

use std::time::{Duration, Instant};

use orchestrion_rig::films::{Film, is_like};
use orchestrion_rig::x_server::XServer;

use super::players::Running;
use super::{Outcome, SIZE};

/// How often the screen is looked at.
const LOOK_EVERY: Duration = Duration::from_micros(500);

/// A frame of a film.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenFilm {
    /// Which.
    film: usize,
    /// Which of its two kinds of frames.
    is_odd: bool,
}

/// What was seen, from when.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub at: Instant,
    /// `None`: nothing of a film.
    pub of: Option<SeenFilm>,
}

/// Watches until something is seen or until a time; gives each change, the first being what was there.
///
/// # Errors
/// The screen cannot be read; the player has ended.
pub fn until(
    screen: &XServer,
    player: &mut Running,
    films: &[Film],
    end: Instant,
    is_over: impl Fn(&Seen) -> bool,
) -> Outcome<Vec<Seen>> {
    let mut seen: Vec<Seen> = Vec::new();
    while Instant::now() < end {
        let pixel = screen.pixel(SIZE.0 / 2, SIZE.1 / 2)?;
        let of = films.iter().enumerate().find_map(|(film, like)| {
            let is_odd = [false, true].into_iter().find(|odd| is_like(pixel, like.middle((*odd).into())))?;
            Some(SeenFilm { film, is_odd })
        });
        let now = Seen { at: Instant::now(), of };
        if seen.last().is_none_or(|last| last.of != of) {
            seen.push(now);
        }
        if is_over(&now) {
            break;
        }
        player.listen()?;
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(seen)
}

/// At each change from one film to another: the time from the first film's last frame to the second's first.
pub fn stands(seen: &[Seen]) -> Vec<Duration> {
    let frames: Vec<(Instant, usize)> =
        seen.iter().filter_map(|seen| Some((seen.at, seen.of?.film))).collect();
    let changes = frames.windows(2).filter(|pair| pair[0].1 != pair[1].1);
    changes.map(|pair| pair[1].0 - pair[0].0).collect()
}

/// For how long something was seen that is of no film, in all, until the end of watching.
pub fn foreign(seen: &[Seen], end: Instant) -> Duration {
    let ends = seen.iter().skip(1).map(|seen| seen.at).chain([end]);
    let times = seen.iter().zip(ends).filter(|(seen, _)| seen.of.is_none());
    times.map(|(seen, end)| end - seen.at).sum()
}

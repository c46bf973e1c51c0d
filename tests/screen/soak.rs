//! Hundreds of short films and pictures, one after the other: what the process that shows has at the end is what it had soon
//! after its beginning. `SCREEN_CLIPS=1000` shows as many; without it they are 200.

use std::fs;

use orchestrion::media::screen::message::{Event, Setup};
use orchestrion_rig::films::{Film, picture};

use crate::stage::{Stage, can_show};

/// Shown until it is seen what it takes to show them: every codec's tables, every pool of frames.
const WARM: usize = 100;
/// How much the process may grow with each hundred after that, in KiB, seen over a thousand.
const GROWTH_KIB_MAX: f64 = 1024.0;
/// The same over a few hundred, where films that come and go weigh more than what stays: a frame that is lost with each clip is 23 MiB.
const GROWTH_SHORT_KIB_MAX: f64 = 8.0 * 1024.0;
/// Threads and descriptors that may be there for a moment, since a film is being opened or closed on one.
const PASSING: usize = 40;
/// By how many the fewest of a part may differ by chance. What leaks with each film, or with each of a kind, is far more.
const BY_CHANCE: usize = 4;
/// How long a picture is held, in milliseconds.
const HOLD_MS: u64 = 200;

/// What the process has at a moment.
#[derive(Debug, Clone, Copy)]
struct Has {
    shown: usize,
    rss_kib: u64,
    threads: usize,
    files: usize,
}

fn has(process: u32, shown: usize) -> Has {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let number = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let files = fs::read_dir(format!("/proc/{process}/fd")).unwrap().count();
    Has { shown, rss_kib: number("VmRSS:"), threads: number("Threads:") as usize, files }
}

/// By how much a line through these rises, a hundred at a time (least squares).
fn growth(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let along: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let both: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    100.0 * both / along
}

/// The fewest of a part of all that was seen: what is not there only for a moment.
fn fewest(seen: &[Has], of: fn(&Has) -> usize) -> usize {
    seen.iter().map(of).min().unwrap()
}

#[test]
fn hundreds_of_clips_and_pictures_leave_neither_memory_nor_threads_nor_descriptors_behind() {
    if !can_show() {
        return;
    }
    let clips = std::env::var("SCREEN_CLIPS").map_or(200, |text| text.parse().unwrap());
    let mut stage = Stage::new(Setup { sound_lead_ms: 300, ..Setup::default() });
    // Half a second each.
    let films = [
        ("a.mp4", "libx264", (320, 180), 24, true),
        ("b.avi", "mpeg4", (640, 480), 30, false),
        ("d.mkv", "libx264", (180, 320), 50, true),
        ("e.webm", "libvpx", (352, 288), 30, false),
        ("f.mpg", "mpeg2video", (320, 180), 24, false),
    ];
    for (name, codec, (width, height), rate, has_sound) in films {
        let film = Film { width, height, rate, frames: rate / 2, colour: [30, 30, 200], has_sound };
        film.write(&stage.path(name), codec).unwrap();
    }
    for name in ["c.jpg", "g.png"] {
        picture(&stage.path(name), (320, 180), [[200, 30, 30], [30, 180, 30], [30, 30, 200], [200, 200, 40]])
            .unwrap();
    }
    stage.show(&["a.mp4", "b.avi", "c.jpg", "d.mkv", "e.webm", "f.mpg", "g.png"], HOLD_MS);
    let process = stage.player.process_id().unwrap();
    let mut seen = Vec::new();
    for shown in 1..=clips {
        let event = stage.hear(|event| matches!(event, Event::Shown { .. } | Event::Failed { .. }));
        assert!(matches!(event, Event::Shown { .. }), "{event:?}");
        stage.said.clear();
        seen.push(has(process, shown));
    }
    let warm = &seen[WARM.min(clips / 2)..];
    let points: Vec<_> = warm.iter().map(|has| (has.shown as f64, has.rss_kib as f64)).collect();
    let growth_kib = growth(&points);
    let (first, last) = (warm[0], warm[warm.len() - 1]);
    println!(
        "{clips} shown; from {} on {growth_kib:.0} KiB in each hundred, {} to {} KiB, {} to {} threads, {} to {} descriptors",
        first.shown, first.rss_kib, last.rss_kib, first.threads, last.threads, first.files, last.files
    );
    let growth_kib_max = if clips < 1000 { GROWTH_SHORT_KIB_MAX } else { GROWTH_KIB_MAX };
    assert!(growth_kib <= growth_kib_max, "{growth_kib} KiB in each hundred: {points:?}");
    let (begin, end) = (&warm[..warm.len() / 4], &warm[warm.len() - warm.len() / 4..]);
    for (what, of) in [("threads", (|has| has.threads) as fn(&Has) -> usize), ("files", |has| has.files)] {
        assert!(fewest(end, of) <= fewest(begin, of) + BY_CHANCE, "{what}: {begin:?} and then {end:?}");
        let most = warm.iter().map(of).max().unwrap();
        assert!(most <= fewest(begin, of) + PASSING, "{what}: {most} at the most");
    }
}

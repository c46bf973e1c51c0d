//! What is seen of a loop: nothing but what belongs there, and no gap between.

use std::time::Duration;

use orchestrion::media::screen::message::{Colour, Event, Kind, Setup};
use orchestrion_rig::films::{Film, is_like, picture};
use orchestrion_rig::x_server::Pixel;

use crate::stage::{HEIGHT, Seen, Stage, WIDTH, can_show, shown};

const MIDDLE: (u32, u32) = (WIDTH / 2, HEIGHT / 2);
const RED: Pixel = [200, 30, 30];
const GREEN: Pixel = [30, 180, 30];
const BLUE: Pixel = [30, 30, 200];
const YELLOW: Pixel = [200, 200, 40];
const PURPLE: Pixel = [160, 40, 160];
const BACKGROUND: Colour = Colour { red: 90, green: 90, blue: 90 };
const GREY: Pixel = [90, 90, 90];

fn film(size: (u32, u32), rate: u32, colour: Pixel) -> Film {
    Film { width: size.0, height: size.1, rate, frames: rate, colour, has_sound: false }
}

/// Which of these films or pictures a colour in the middle belongs to.
fn whose(pixel: Pixel, films: &[Film]) -> Option<usize> {
    films.iter().position(|film| is_like(pixel, film.middle(0)) || is_like(pixel, film.middle(1)))
}

/// For how long, at each change from one film to another, the frame before stood there.
fn gaps(seen: &[Seen], films: &[Film]) -> Vec<Duration> {
    let pairs = seen.windows(3).filter(|seen| {
        let (before, after) = (whose(seen[1].pixel, films), whose(seen[2].pixel, films));
        before.is_some() && after.is_some() && before != after
    });
    pairs.map(|seen| seen[2].at - seen[1].at).collect()
}

#[test]
fn films_of_any_size_rate_and_codec_follow_each_other_and_nothing_else_is_ever_seen() {
    if !can_show() {
        return;
    }
    let mut stage = Stage::new(Setup { background: BACKGROUND, ..Setup::default() });
    let films = [
        film((320, 180), 25, RED),
        film((640, 480), 30, GREEN),
        Film { has_sound: true, ..film((180, 320), 50, BLUE) },
        film((352, 288), 24, YELLOW),
        film((64, 36), 25, PURPLE),
    ];
    let files = [
        ("a.mp4", "libx264"),
        ("b.avi", "mpeg4"),
        ("c.mkv", "libx264"),
        ("d.webm", "libvpx"),
        ("e.mpg", "mpeg2video"),
    ];
    for (film, (name, codec)) in films.iter().zip(files) {
        film.write(&stage.path(name), codec).unwrap();
    }
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    stage.show(&names, 1000);
    stage.hear(|event| matches!(event, Event::Shown { id: 0, kind: Kind::Film }));
    stage.see(MIDDLE, RED);
    let seen = stage.watch(MIDDLE, |said| shown(said) > 2 * names.len());
    let foreign: Vec<_> = seen.iter().filter(|seen| whose(seen.pixel, &films).is_none()).collect();
    assert!(foreign.is_empty(), "colours of no film: {foreign:?}");
    let mut order: Vec<_> = seen.iter().filter_map(|seen| whose(seen.pixel, &films)).collect();
    order.dedup();
    assert_eq!(order[..6], [0, 1, 2, 3, 4, 0], "{order:?}");
    let mut gaps = gaps(&seen, &films);
    gaps.sort();
    println!("longest stand at {} switches: {gaps:?}; {} changes seen", gaps.len(), seen.len());
    // On a machine that others use the longest says nothing; the shortest half does.
    assert!(gaps.len() >= 8, "{gaps:?}");
    assert!(gaps[gaps.len() / 2] <= Duration::from_millis(100), "{gaps:?}");
    let failed = stage.said.iter().find(|event| matches!(event, Event::Failed { .. }));
    assert_eq!(failed, None);
}

#[test]
fn a_film_that_is_alone_repeats_without_a_gap() {
    if !can_show() {
        return;
    }
    let mut stage = Stage::new(Setup::default());
    // An even number of frames: each differs from the one before, also where it begins again.
    let alone = Film { frames: 20, ..film((320, 180), 25, RED) };
    alone.write(&stage.path("a.mp4"), "libx264").unwrap();
    stage.show(&["a.mp4"], 1000);
    stage.see(MIDDLE, RED);
    let seen = stage.watch(MIDDLE, |said| shown(said) >= 6);
    assert!(seen.iter().all(|seen| whose(seen.pixel, &[alone]).is_some()), "{seen:?}");
    let mut stands: Vec<_> = seen.windows(2).map(|seen| seen[1].at - seen[0].at).collect();
    stands.sort();
    println!("stands: median {:?}, longest {:?}", stands[stands.len() / 2], stands[stands.len() - 1]);
    assert!(stands.len() >= 40, "its frames are seen: {}", stands.len());
}

#[test]
fn pictures_of_all_formats_are_shown_between_films_for_their_time() {
    if !can_show() {
        return;
    }
    let mut stage = Stage::new(Setup { background: BACKGROUND, ..Setup::default() });
    film((320, 180), 25, PURPLE).write(&stage.path("a.mp4"), "libx264").unwrap();
    let names = ["p.jpg", "q.png", "r.webp", "s.gif"];
    for name in names {
        picture(&stage.path(name), (320, 180), [RED, GREEN, BLUE, YELLOW]).unwrap();
    }
    stage.show(&["p.jpg", "q.png", "a.mp4", "r.webp", "s.gif"], 500);
    let corner = (WIDTH / 4, HEIGHT / 4);
    stage.hear(|event| matches!(event, Event::Shown { id: 0, kind: Kind::Picture }));
    stage.see(corner, RED);
    for (id, kind) in [(1, Kind::Picture), (2, Kind::Film), (3, Kind::Picture), (4, Kind::Picture)] {
        stage.hear(|event| *event == Event::Shown { id, kind });
        let colour = if kind == Kind::Film { PURPLE } else { RED };
        stage.see(corner, colour);
        if kind == Kind::Picture {
            stage.see((WIDTH * 3 / 4, HEIGHT / 4), GREEN);
            stage.see((WIDTH / 4, HEIGHT * 3 / 4), BLUE);
            stage.see((WIDTH * 3 / 4, HEIGHT * 3 / 4), YELLOW);
        }
    }
    let seen = stage.watch(corner, |said| shown(said) >= 5);
    let foreign: Vec<_> =
        seen.iter().filter(|seen| !is_like(seen.pixel, RED) && !is_like(seen.pixel, PURPLE)).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

#[test]
fn a_picture_that_is_held_costs_nothing_and_stays() {
    if !can_show() {
        return;
    }
    let mut stage = Stage::new(Setup { background: BACKGROUND, ..Setup::default() });
    picture(&stage.path("p.png"), (200, 200), [RED, GREEN, BLUE, YELLOW]).unwrap();
    stage.show(&["p.png"], 1000);
    stage.hear(|event| matches!(event, Event::Shown { .. }));
    stage.see((WIDTH / 2 - 50, HEIGHT / 4), RED);
    stage.see((10, 10), GREY);
    let before = stage.cpu_ms();
    let seen = stage.watch((WIDTH / 2 - 50, HEIGHT / 4), |said| shown(said) >= 3);
    let spent = stage.cpu_ms() - before;
    println!("{spent} ms of CPU in 3 s");
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert!(spent <= 60, "{spent} ms of CPU for a picture that does not move");
}

//! What is written over films and pictures.

use std::fs;
use std::path::Path;
use std::process::Command as Tool;
use std::time::Instant;

use orchestrion::media::screen::message::{Command, Event, FilePath, Setup};
use orchestrion::media::screen::words::Overlay;
use orchestrion_rig::films::{Film, is_like, picture};

use crate::stage::{HEIGHT, PATIENCE, Stage, WIDTH, can_show};

const RED: [u8; 3] = [200, 30, 30];
const BLUE: [u8; 3] = [30, 30, 200];
/// Strips at the bottom, as high as a thirteenth of the screen.
const STRIP: u32 = HEIGHT / 13;
/// As light are letters.
const INK: u8 = 225;
/// Longest CPU time in two seconds, in milliseconds, of a picture under a text that stands.
const CPU_MS_MAX: u64 = 60;

fn overlay(now_playing: Option<&str>, ticker: Option<&str>) -> Command {
    with_cover(now_playing, None, ticker)
}

fn with_cover(now_playing: Option<&str>, song: Option<&Path>, ticker: Option<&str>) -> Command {
    let (now_playing, ticker) = (now_playing.map(Into::into), ticker.map(Into::into));
    Command::Overlay(Overlay { now_playing, song: song.map(FilePath::from), ticker })
}

/// A song with this picture as its cover, whatever it is.
fn song(path: &Path, cover: &Path) {
    let mut make = Tool::new("ffmpeg");
    make.args(["-nostdin", "-loglevel", "error", "-y", "-f", "lavfi", "-i", "sine=duration=1", "-i"])
        .arg(cover);
    make.args(["-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic"]).arg(path);
    assert!(make.status().unwrap().success(), "{}", path.display());
}

/// How many pixels of the nth strip from the bottom are ink.
fn ink(stage: &Stage, nth: u32) -> usize {
    let light = stage.light((0, HEIGHT - nth * STRIP), (WIDTH, STRIP));
    light.into_iter().filter(|light| *light >= INK).count()
}

/// Waits until each strip, from the bottom, has ink or none.
fn await_ink(stage: &Stage, wanted: [bool; 2]) {
    let until = Instant::now() + PATIENCE;
    loop {
        let seen = [ink(stage, 1), ink(stage, 2)];
        if seen.map(|ink| ink > 100) == wanted {
            return;
        }
        assert!(Instant::now() < until, "{seen:?} and never {wanted:?}");
    }
}

#[test]
fn over_a_film_that_runs_and_a_picture_that_stands_texts_come_and_go_in_all_scripts() {
    if !can_show() {
        return;
    }
    let mut stage = Stage::new(Setup::default());
    let film = Film { width: 320, height: 180, rate: 25, frames: 50, colour: BLUE, has_sound: false };
    film.write(&stage.path("a.mp4"), "libx264").unwrap();
    picture(&stage.path("p.png"), (64, 36), [RED; 4]).unwrap();
    for (file, colour) in [("a.mp4", BLUE), ("p.png", RED)] {
        stage.show(&[file], 60_000);
        stage.see((20, 20), colour);
        await_ink(&stage, [false, false]);
        stage.player.send(&overlay(Some("♫ Für Elise & <more> – L. v. Beethoven"), None)).unwrap();
        await_ink(&stage, [true, false]);
        stage.player.send(&overlay(Some("♫ 茉莉花 – 佚名"), Some("مرحبا بكم في المقهى"))).unwrap();
        await_ink(&stage, [true, true]);
        stage.keep(&format!("overlay-{file}.png"));
        // Above it nothing is changed, and behind it the film is seen.
        stage.see((20, HEIGHT - 2 * STRIP - 4), colour);
        let behind = stage.screen.pixel(WIDTH - 4, HEIGHT - STRIP / 2).unwrap();
        assert!(behind.iter().zip(colour).all(|(seen, clear)| *seen < clear / 2 + 8), "{behind:?}");
        stage.player.send(&overlay(None, Some("Soup of the day: Kürbis"))).unwrap();
        await_ink(&stage, [true, false]);
        stage.player.send(&overlay(None, None)).unwrap();
        await_ink(&stage, [false, false]);
        stage.see((20, HEIGHT - 4), colour);
    }
}

#[test]
fn the_cover_of_the_song_stands_beside_its_line_and_one_that_is_broken_costs_only_itself() {
    if !can_show() {
        return;
    }
    let mut stage = Stage::new(Setup::default());
    picture(&stage.path("p.png"), (64, 36), [RED; 4]).unwrap();
    // Wider than high: of its left and right an eighth each is cut.
    let green = [30, 180, 30];
    picture(&stage.path("front.png"), (400, 300), [green, BLUE, green, BLUE]).unwrap();
    picture(&stage.path("front.jpg"), (300, 300), [BLUE, green, BLUE, green]).unwrap();
    song(&stage.path("a.flac"), &stage.path("front.png"));
    song(&stage.path("b.mp3"), &stage.path("front.jpg"));
    stage.show(&["p.png"], 60_000);
    stage.see((20, 20), RED);
    let line = HEIGHT - STRIP / 2;
    for (name, [left, right]) in [("a.flac", [green, BLUE]), ("b.mp3", [BLUE, green])] {
        let path = stage.path(name);
        stage.player.send(&with_cover(Some("♫ Für Elise – L. v. Beethoven"), Some(&path), None)).unwrap();
        stage.see((STRIP / 8, line), left);
        stage.see((STRIP - STRIP / 8, line), right);
        await_ink(&stage, [true, false]);
        // Above it is the picture, beside it the text on its dark strip.
        stage.see((STRIP / 2, HEIGHT - STRIP - 4), RED);
        let beside = stage.screen.pixel(STRIP + 2, line).unwrap();
        assert!(beside.iter().zip(RED).all(|(seen, clear)| *seen < clear / 2 + 8), "{beside:?}");
    }
    stage.keep("cover.png");

    // The same song with rubbish where its cover was.
    let mut bytes = fs::read(stage.path("a.flac")).unwrap();
    let data = bytes.windows(4).position(|bytes| bytes == b"IDAT").unwrap();
    bytes[data..data + 100].fill(0x55);
    fs::write(stage.path("c.flac"), bytes).unwrap();
    fs::write(stage.path("d.flac"), b"no song at all").unwrap();
    for name in ["c.flac", "d.flac", "gone.flac"] {
        let path = stage.path(name);
        stage.player.send(&with_cover(Some(&format!("♫ {name}")), Some(&path), None)).unwrap();
        let until = Instant::now() + PATIENCE;
        while stage.screen.pixel(STRIP - STRIP / 8, line).unwrap() == green {
            assert!(Instant::now() < until, "{name}: the cover before it");
        }
        await_ink(&stage, [true, false]);
    }
    stage.player.send(&overlay(None, None)).unwrap();
    stage.see((STRIP / 2, line), RED);
}

#[test]
fn a_text_that_fits_costs_nothing_over_a_picture_and_one_that_is_too_long_moves() {
    if !can_show() {
        return;
    }
    let mut stage = Stage::new(Setup::default());
    picture(&stage.path("p.png"), (64, 36), [RED; 4]).unwrap();
    stage.show(&["p.png"], 60_000);
    stage.player.send(&overlay(None, Some("Soup of the day"))).unwrap();
    await_ink(&stage, [true, false]);
    let before = stage.cpu_ms();
    std::thread::sleep(std::time::Duration::from_secs(2));
    let spent_ms = stage.cpu_ms() - before;
    assert!(spent_ms <= CPU_MS_MAX, "{spent_ms} ms in 2 s");

    stage.player.send(&overlay(None, Some(&"Soup of the day; ".repeat(10)))).unwrap();
    await_ink(&stage, [true, false]);
    let until = Instant::now() + PATIENCE;
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 10 {
        seen.insert(stage.light((0, HEIGHT - STRIP / 2), (WIDTH, 1)));
        assert!(Instant::now() < until, "it stands");
    }
    stage.keep("overlay-moves.png");
    // A snapshot has it, too, and the picture itself is not lost under it.
    assert!(stage.snapshot(1, 640).len() > 1000);
    stage.player.send(&overlay(None, None)).unwrap();
    stage.hear(|event| matches!(event, Event::Health(_)));
    await_ink(&stage, [false, false]);
    let pixel = stage.screen.pixel(20, HEIGHT - 4).unwrap();
    assert!(is_like(pixel, RED), "{pixel:?}");
}

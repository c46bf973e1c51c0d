//! What is on the screen while there is nothing to show: words that can be read, and a code that a camera reads.

use std::fs;
use std::time::{Duration, Instant};

use orchestrion::media::screen::message::{Command, Event, Rotation, Setup};
use orchestrion::media::screen::words::Splash;
use orchestrion_rig::films::picture;

use crate::stage::{HEIGHT, PATIENCE, Stage, WIDTH, can_show};

const QR: &str = "https://music.example:8470/#code=BCDF-GHJK";
const RED: [u8; 3] = [200, 30, 30];
/// What is behind the words.
const BEHIND: [u8; 3] = [20, 27, 38];
/// As light are letters.
const INK: u8 = 200;
/// Longest CPU time in two seconds, in milliseconds, of a splash that stands: its health is told each second.
const CPU_MS_MAX: u64 = 60;

fn splash() -> Splash {
    Splash {
        title: "Café Zum Löwen <Bar> & Küche".into(),
        code: Some("BCDF-GHJK".into()),
        qr: Some(QR.into()),
        lines: vec![
            "Type this code at https://music.example:8470, and this device belongs there".into(),
            "Network: 192.168.1.17".into(),
            "مرحبا بكم · Καλώς ήρθατε · Добро пожаловать · 欢迎光临 · いらっしゃいませ".into(),
            "a.mp4: it is no film that can be read".into(),
        ],
    }
}

/// What a camera reads on the screen.
fn read(stage: &Stage) -> Option<String> {
    let light = stage.light((0, 0), (WIDTH, HEIGHT));
    let at = |x: usize, y: usize| light[y * WIDTH as usize + x];
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(WIDTH as usize, HEIGHT as usize, at);
    image.detect_grids().first().and_then(|grid| grid.decode().ok()).map(|(_, text)| text)
}

fn await_reading(stage: &Stage, wanted: Option<&str>) {
    let until = Instant::now() + PATIENCE;
    while read(stage).as_deref() != wanted {
        assert!(Instant::now() < until, "it reads {:?} and never {wanted:?}", read(stage));
    }
}

/// How many pixels of a part of the screen are ink.
fn ink(stage: &Stage, place: (u32, u32), size: (u32, u32)) -> usize {
    stage.light(place, size).into_iter().filter(|light| *light >= INK).count()
}

#[test]
fn when_every_file_is_bad_the_splash_says_so_and_its_code_can_be_read() {
    if !can_show() {
        return;
    }
    let mut stage = Stage::new(Setup::default());
    stage.player.send(&Command::Splash(splash())).unwrap();
    fs::write(stage.path("a.mp4"), "This is no film.").unwrap();
    stage.show(&["a.mp4"], 1000);
    stage.hear(|event| *event == Event::Splash);
    assert!(stage.said.contains(&Event::Nothing), "{:?}", stage.said);
    await_reading(&stage, Some(QR));
    stage.keep("splash.png");
    // Words on the left side, in its upper and its lower half.
    let half = (WIDTH / 2, HEIGHT / 2);
    let lines = [ink(&stage, (0, 0), half), ink(&stage, (0, HEIGHT / 2), half)];
    assert!(lines.iter().all(|ink| (500..20_000).contains(ink)), "{lines:?}");

    // It stands, and costs nothing.
    let before = stage.cpu_ms();
    std::thread::sleep(Duration::from_secs(2));
    let spent_ms = stage.cpu_ms() - before;
    assert!(spent_ms <= CPU_MS_MAX, "{spent_ms} ms in 2 s");

    // Other words take their place, and something to show takes the place of them all.
    let other = Splash { qr: None, code: None, ..splash() };
    stage.player.send(&Command::Splash(other)).unwrap();
    await_reading(&stage, None);
    stage.see((WIDTH - 60, HEIGHT / 2), BEHIND);
    picture(&stage.path("p.png"), (64, 36), [RED; 4]).unwrap();
    stage.show(&["p.png"], 2000);
    stage.see((20, 20), RED);
    stage.player.send(&Command::Splash(splash())).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    stage.see((WIDTH - 60, HEIGHT / 2), RED);
    // A loop of which nothing is left.
    stage.show(&[], 1000);
    await_reading(&stage, Some(QR));
}

#[test]
fn a_screen_that_is_dark_on_purpose_shows_no_splash() {
    if !can_show() {
        return;
    }
    let mut stage = Stage::new(Setup::default());
    stage.player.send(&Command::Splash(splash())).unwrap();
    stage.show(&[], 1000);
    stage.hear(|event| *event == Event::Splash);
    await_reading(&stage, Some(QR));
    stage.player.send(&Command::Blank).unwrap();
    await_reading(&stage, None);
    stage.player.send(&Command::Splash(Splash { title: "Other".into(), ..splash() })).unwrap();
    let told = stage.said.len();
    // As long as it would take.
    for _ in 0..2 {
        stage.hear(|event| matches!(event, Event::Health(_)));
    }
    assert!(!stage.said[told..].contains(&Event::Splash), "{:?}", &stage.said[told..]);
    assert_eq!(ink(&stage, (0, 0), (WIDTH, HEIGHT)), 0);
    stage.show(&[], 1000);
    await_reading(&stage, Some(QR));
}

#[test]
fn on_a_screen_that_stands_upright_the_code_is_below_the_words() {
    if !can_show() {
        return;
    }
    let mut stage = Stage::new(Setup { rotation: Rotation::Right, ..Setup::default() });
    stage.player.send(&Command::Splash(splash())).unwrap();
    stage.show(&[], 1000);
    stage.hear(|event| *event == Event::Splash);
    await_reading(&stage, Some(QR));
    stage.keep("splash-upright.png");
    // Turned to the right, what people see at the top lies at the right.
    let third = (WIDTH / 3, HEIGHT);
    let (top, bottom) = (ink(&stage, (WIDTH - WIDTH / 3, 0), third), ink(&stage, (0, 0), third));
    assert!(top > 500 && bottom > 5000, "{top} above, {bottom} below");
}

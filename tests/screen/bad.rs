//! Files that are none: named with a reason, passed over, and never seen.

use std::fs;

use orchestrion::media::screen::message::{Event, Setup};
use orchestrion_rig::films::{Film, is_like, picture};

use crate::stage::{HEIGHT, Stage, WIDTH, can_show, shown};

const RED: [u8; 3] = [200, 30, 30];

/// The checksum of PNG (its specification, annex D).
fn crc32(bytes: &[u8]) -> u32 {
    let divide = |crc: u32, _| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), divide))
}

#[test]
fn bad_files_are_named_with_a_reason_and_the_good_ones_go_on() {
    if !can_show() {
        return;
    }
    let mut stage = Stage::new(Setup::default());
    let good = Film { width: 320, height: 180, rate: 25, frames: 25, colour: RED, has_sound: true };
    good.write(&stage.path("good.mp4"), "libx264").unwrap();
    let whole = fs::read(stage.path("good.mp4")).unwrap();
    let noise: Vec<u8> = (0..50_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(stage.path("empty.mp4"), b"").unwrap();
    fs::write(stage.path("noise.mp4"), &noise).unwrap();
    fs::write(stage.path("text.mp4"), b"This is no film at all.\n".repeat(40)).unwrap();
    let moov = whole.windows(4).position(|four| four == b"moov").unwrap();
    fs::write(stage.path("no-moov.mp4"), &whole[..moov - 4]).unwrap();
    fs::write(stage.path("empty.jpg"), b"").unwrap();
    picture(&stage.path("whole.png"), (64, 64), [RED; 4]).unwrap();
    let png = fs::read(stage.path("whole.png")).unwrap();
    fs::write(stage.path("cut.png"), &png[..40]).unwrap();
    // 20,000 by 20,000, as its header says: the size stands at its bytes 16 to 24, behind it a checksum.
    let mut huge = png.clone();
    huge[16..20].copy_from_slice(&20_000u32.to_be_bytes());
    huge[20..24].copy_from_slice(&20_000u32.to_be_bytes());
    let checksum = crc32(&huge[12..29]);
    huge[29..33].copy_from_slice(&checksum.to_be_bytes());
    fs::write(stage.path("huge.png"), &huge).unwrap();
    let fifo = stage.path("fifo.mp4");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    fs::create_dir(stage.path("folder.mp4")).unwrap();
    let tone = orchestrion_rig::signal::sine(440.0, 0.3, 0.0, 48_000, 48_000);
    let wav = stage.path("sound.wav");
    orchestrion_rig::wav::write(&wav, &tone, 1, 48_000, orchestrion_rig::wav::SampleFormat::Int16).unwrap();

    let names = [
        "good.mp4",
        "empty.mp4",
        "noise.mp4",
        "text.mp4",
        "no-moov.mp4",
        "empty.jpg",
        "cut.png",
        "huge.png",
        "fifo.mp4",
        "folder.mp4",
        "sound.wav",
        "missing.mp4",
    ];
    stage.show(&names, 500);
    stage.see((WIDTH / 2, HEIGHT / 2), RED);
    let bad = names.len() as u32 - 1;
    let seen = stage.watch((WIDTH / 2, HEIGHT / 2), |said| {
        let failed =
            |id| said.iter().any(|event| matches!(event, Event::Failed { id: ours, .. } if *ours == id));
        (1..=bad).all(failed) && shown(said) >= 3
    });
    let foreign: Vec<_> = seen
        .iter()
        .filter(|seen| !is_like(seen.pixel, good.middle(0)) && !is_like(seen.pixel, good.middle(1)))
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    for event in &stage.said {
        if let Event::Failed { id, reason, passed_over_ms } = event {
            println!("{}: {reason} ({passed_over_ms} ms)", names[*id as usize]);
            assert_ne!(*id, 0, "the good one fails: {reason}");
            assert!(reason.len() > 8, "{reason:?}");
        }
    }
    let reason = |id| {
        stage.said.iter().find_map(|event| match event {
            Event::Failed { id: ours, reason, .. } if *ours == id => Some(reason.as_str()),
            _ => None,
        })
    };
    assert_eq!(reason(1), Some("it is empty"));
    assert!(reason(7).unwrap().contains("too large (20000x20000)"), "{:?}", reason(7));
    assert_eq!((reason(8), reason(9)), (Some("it is not a file"), Some("it is not a file")));
    assert_eq!(reason(10), Some("there is no picture in it"));
}

#[test]
fn a_film_cut_off_anywhere_or_with_flipped_bytes_never_stops_the_loop() {
    if !can_show() {
        return;
    }
    let mut stage = Stage::new(Setup::default());
    let good = Film { width: 160, height: 90, rate: 25, frames: 25, colour: RED, has_sound: false };
    good.write(&stage.path("good.mkv"), "libx264").unwrap();
    let whole = fs::read(stage.path("good.mkv")).unwrap();
    let mut names = vec!["good.mkv".to_owned()];
    for tenth in 1..10 {
        let name = format!("cut{tenth}.mkv");
        fs::write(stage.path(&name), &whole[..whole.len() * tenth / 10]).unwrap();
        names.push(name);
    }
    for turn in 0..4usize {
        let mut bytes = whole.clone();
        let places = (200 + turn * 31..bytes.len()).step_by(97);
        places.for_each(|at| bytes[at] ^= 0x55);
        let name = format!("flipped{turn}.mkv");
        fs::write(stage.path(&name), &bytes).unwrap();
        names.push(name);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    stage.show(&names, 500);
    stage.see((5, HEIGHT / 2), RED);
    // Twice through what is not passed over.
    stage.watch((5, HEIGHT / 2), |said| {
        said.iter().filter(|event| matches!(event, Event::Shown { id: 0, .. })).count() >= 3
    });
    let black = stage.screen.pixel(5, HEIGHT / 2).unwrap();
    assert_ne!(black, [0, 0, 0]);
}

#[test]
fn when_nothing_can_be_shown_that_is_said_and_the_last_picture_stays() {
    if !can_show() {
        return;
    }
    let mut stage = Stage::new(Setup::default());
    picture(&stage.path("good.png"), (64, 36), [RED; 4]).unwrap();
    fs::write(stage.path("bad.mp4"), b"no").unwrap();
    stage.show(&["good.png"], 500);
    stage.see((WIDTH / 2, HEIGHT / 2), RED);
    stage.show(&["bad.mp4"], 500);
    stage.hear(|event| matches!(event, Event::Failed { passed_over_ms, .. } if *passed_over_ms > 0));
    stage.see((WIDTH / 2, HEIGHT / 2), RED);
}

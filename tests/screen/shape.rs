//! Fit, rotation, background and snapshots: where which colour is.

use std::fs;

use orchestrion::media::screen::message::{Colour, Event, Fit, Rotation, Setup};
use orchestrion_rig::films::{is_like, picture, pixel_of};
use orchestrion_rig::x_server::Pixel;

use crate::stage::{HEIGHT, Stage, WIDTH, can_show};

const RED: Pixel = [200, 30, 30];
const GREEN: Pixel = [30, 180, 30];
const BLUE: Pixel = [30, 30, 200];
const YELLOW: Pixel = [200, 200, 40];
const BACKGROUND: Colour = Colour { red: 20, green: 120, blue: 140 };
const PETROL: Pixel = [20, 120, 140];

/// Shows one picture of four quarters.
fn shown(size: (u32, u32), fit: Fit, rotation: Rotation) -> Stage {
    let mut stage = Stage::new(Setup { fit, rotation, background: BACKGROUND, ..Setup::default() });
    picture(&stage.path("p.png"), size, [RED, GREEN, BLUE, YELLOW]).unwrap();
    stage.show(&["p.png"], 60_000);
    stage.hear(|event| matches!(event, Event::Shown { .. }));
    stage
}

fn corners(stage: &Stage, inset: u32, wanted: [Pixel; 4]) {
    let (right, bottom) = (WIDTH - 1 - inset, HEIGHT - 1 - inset);
    for (place, colour) in
        [(inset, inset), (right, inset), (inset, bottom), (right, bottom)].into_iter().zip(wanted)
    {
        stage.see(place, colour);
    }
}

#[test]
fn contain_shows_all_before_the_background_and_cover_and_stretch_leave_none() {
    if !can_show() {
        return;
    }
    let square = (200, 200);
    let stage = shown(square, Fit::Contain, Rotation::None);
    corners(&stage, 2, [PETROL; 4]);
    // The square is 360 wide, from 140 to 500.
    for (x, colour) in [(137, PETROL), (143, RED), (497, GREEN), (503, PETROL)] {
        stage.see((x, 20), colour);
    }
    stage.see((143, HEIGHT - 3), BLUE);
    drop(stage);
    let stage = shown(square, Fit::Cover, Rotation::None);
    corners(&stage, 2, [RED, GREEN, BLUE, YELLOW]);
    drop(stage);
    let stage = shown((400, 100), Fit::Stretch, Rotation::None);
    corners(&stage, 2, [RED, GREEN, BLUE, YELLOW]);
}

#[test]
fn everything_is_turned_clockwise() {
    if !can_show() {
        return;
    }
    let turned = [
        (Rotation::Right, [BLUE, RED, YELLOW, GREEN]),
        (Rotation::Half, [YELLOW, BLUE, GREEN, RED]),
        (Rotation::Left, [GREEN, YELLOW, RED, BLUE]),
    ];
    for (rotation, colours) in turned {
        let stage = shown((360, 640), Fit::Stretch, rotation);
        corners(&stage, 2, colours);
    }
    let stage = shown((360, 640), Fit::Contain, Rotation::Right);
    corners(&stage, 2, [BLUE, RED, YELLOW, GREEN]);
}

#[test]
fn a_snapshot_is_a_jpeg_of_what_is_on_the_screen() {
    if !can_show() {
        return;
    }
    let mut stage = shown((640, 360), Fit::Contain, Rotation::None);
    corners(&stage, 2, [RED, GREEN, BLUE, YELLOW]);
    let begun = std::time::Instant::now();
    let jpeg = stage.snapshot(3, 320);
    println!("{} bytes after {:?}", jpeg.len(), begun.elapsed());
    let path = stage.path("snapshot.jpg");
    fs::write(&path, &jpeg).unwrap();
    for (place, colour) in [((10, 10), RED), ((90, 10), GREEN), ((10, 90), BLUE), ((90, 90), YELLOW)] {
        let seen = pixel_of(&path, place).unwrap();
        assert!(is_like(seen, colour), "{seen:?} at {place:?}, not {colour:?}");
    }
    let short = stage.snapshot_within(5, 320, jpeg.len() - 1);
    assert!(short.len() < jpeg.len(), "{} and {}", short.len(), jpeg.len());
    let wide = stage.snapshot(4, 1920);
    assert!(wide.len() > jpeg.len(), "as wide as the screen, and no wider");
    if let Some(out) = std::env::var_os("ORCHESTRION_SCREENSHOT") {
        stage.screen.screenshot(out.as_ref()).unwrap();
    }
}

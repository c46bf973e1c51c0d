//! Covers: a simple geometric design for each album, drawn by arithmetic.

use std::f64::consts::{PI, TAU};

use super::Album;
use crate::Result;

const SIDE_PIXELS: u32 = 300;
/// Points looked at in each pixel, along each side: soft edges.
const FINER: u32 = 3;

type Colour = [u8; 3];

const NIGHT: Colour = [24, 32, 54];
const BRASS: Colour = [214, 168, 84];
const CREAM: Colour = [244, 234, 212];
const OXBLOOD: Colour = [120, 32, 40];
const FOREST: Colour = [26, 70, 62];
const SLATE: Colour = [70, 88, 110];

/// The cover as a PNG file.
pub(super) fn draw(album: Album) -> Result<Vec<u8>> {
    let design: fn(f64, f64) -> Colour = match album {
        Album::MusicalClock => clock,
        Album::BarrelAndPipes => pipes,
        Album::PluckedAndStruck => strings,
    };
    let mut pixels = Vec::with_capacity((SIDE_PIXELS * SIDE_PIXELS * 3) as usize);
    for y in 0..SIDE_PIXELS {
        for x in 0..SIDE_PIXELS {
            pixels.extend(pixel(design, x, y));
        }
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, SIDE_PIXELS, SIDE_PIXELS);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(file)
}

/// The mean colour of a pixel's points, with the picture from −1 to 1 and y upwards.
fn pixel(design: fn(f64, f64) -> Colour, x: u32, y: u32) -> Colour {
    let place = |pixel: u32, point: u32| {
        2.0 * (f64::from(pixel) + (f64::from(point) + 0.5) / f64::from(FINER)) / f64::from(SIDE_PIXELS) - 1.0
    };
    let mut sum = [0_u32; 3];
    for point in 0..FINER * FINER {
        let colour = design(place(x, point % FINER), -place(y, point / FINER));
        sum.iter_mut().zip(colour).for_each(|(sum, part)| *sum += u32::from(part));
    }
    sum.map(|part| (part / (FINER * FINER)) as u8)
}

/// A cogwheel with twelve marks and two hands.
fn clock(x: f64, y: f64) -> Colour {
    let (radius, angle) = (x.hypot(y), y.atan2(x));
    let teeth = if (angle * 24.0).sin() > 0.0 { 0.9 } else { 0.82 };
    let mark = (angle / TAU * 12.0 - (angle / TAU * 12.0).round()).abs() * TAU / 12.0 * radius;
    let hand = |turns: f64, length: f64, width: f64| {
        let (sin, cos) = (turns * TAU).sin_cos();
        let along = x * sin + y * cos;
        (x * cos - y * sin).abs() < width && (-0.08..length).contains(&along)
    };
    let is_hand = hand(10.0 / 12.0 + 0.014, 0.36, 0.035) || hand(0.17, 0.56, 0.022);
    let is_mark = (0.58..0.68).contains(&radius) && mark < 0.018;
    if radius < 0.06 {
        OXBLOOD
    } else if is_hand || is_mark {
        NIGHT
    } else if radius < 0.72 {
        CREAM
    } else if radius < teeth {
        BRASS
    } else {
        NIGHT
    }
}

/// A row of organ pipes, tallest at the sides, each with its mouth.
fn pipes(x: f64, y: f64) -> Colour {
    const COUNT: f64 = 11.0;
    let slot = (x / 0.88 * COUNT / 2.0).round().clamp(-5.0, 5.0);
    let across = (x - slot * 0.88 * 2.0 / COUNT).abs();
    let half_width = 0.062;
    let top = 0.25 + 0.45 * (slot / 5.0).powi(2);
    let foot = -0.72 + 0.25 * (1.0 - (slot / 5.0).abs());
    let cap = half_width * (1.0 - (across / half_width).powi(2)).max(0.0).sqrt();
    if y < -0.78 {
        if y > -0.84 { BRASS } else { NIGHT }
    } else if across < half_width && y < top + cap && y > foot {
        let is_mouth = (y - foot - 0.12).abs() < 0.035 && across < half_width * 0.6;
        if is_mouth {
            NIGHT
        } else if across < half_width * 0.35 {
            CREAM
        } else {
            BRASS
        }
    } else if across < half_width * ((y + 0.78) / (foot + 0.78)) && y <= foot {
        BRASS
    } else {
        OXBLOOD
    }
}

/// Six strings over a sound hole, swinging.
fn strings(x: f64, y: f64) -> Colour {
    let radius = x.hypot(y);
    for string in 0..6 {
        let n = f64::from(string);
        let swing = 0.07 * ((y + 1.0) / 2.0 * PI).sin() * (PI * (y + 1.0) * (n + 1.0) / 2.0).sin();
        let width = 0.017 - 0.002 * n;
        if (x - (n - 2.5) * 0.2 - swing * 0.6).abs() < width {
            return CREAM;
        }
    }
    if radius < 0.5 {
        NIGHT
    } else if (0.55..0.6).contains(&radius) || (0.64..0.655).contains(&radius) {
        BRASS
    } else if (x + y).rem_euclid(0.5) < 0.25 {
        FOREST
    } else {
        let [r, g, b] = FOREST;
        let [sr, sg, sb] = SLATE;
        [r / 4 * 3 + sr / 4, g / 4 * 3 + sg / 4, b / 4 * 3 + sb / 4]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_album_has_a_picture_of_its_own() {
        let covers: Vec<Vec<u8>> = [Album::MusicalClock, Album::BarrelAndPipes, Album::PluckedAndStruck]
            .into_iter()
            .map(|album| draw(album).unwrap())
            .collect();
        for cover in &covers {
            let reader = png::Decoder::new(std::io::Cursor::new(cover)).read_info().unwrap();
            assert_eq!((reader.info().width, reader.info().height), (300, 300));
            assert!(cover.len() < 100_000, "{} bytes", cover.len());
        }
        assert!(covers[0] != covers[1] && covers[1] != covers[2] && covers[0] != covers[2]);
    }
}

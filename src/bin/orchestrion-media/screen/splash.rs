//! The splash: what is seen while there is nothing to show. Drawn once, and again only when its words change.

use orchestrion::media::screen::message::{Rotation, Size};
use orchestrion::media::screen::words::Splash;
use qrcode::{Color, QrCode};

use super::upright::{PIXEL_LEN, Upright};
use super::writing::{Ink, Lines, escaped, write};

/// Blue, green, red of what is behind the words, and of the words.
const BEHIND: [u8; 3] = [38, 27, 20];
const WORDS: [u8; 3] = [245, 245, 245];
/// Light modules around a QR code (ISO/IEC 18004: four).
const QUIET: usize = 4;

/// Draws it as a frame of the screen: blue, green, red and nothing. Words that cannot be written are told beside it.
pub fn draw(splash: &Splash, screen: Size, rotation: Rotation) -> (Vec<u8>, Option<String>) {
    let upright = Upright::of(screen, rotation);
    let (width, height) = (upright.width, upright.height);
    let mut frame = vec![u8::MAX; PIXEL_LEN * width * height];
    for pixel in frame.chunks_exact_mut(PIXEL_LEN) {
        pixel[..3].copy_from_slice(&BEHIND);
    }
    let short = width.min(height);
    let margin = short / 12;
    // The words beside the code, or above it where the screen stands upright.
    let code = splash.qr.as_deref().and_then(|text| QrCode::new(text).ok());
    let side = if code.is_some() { short * 9 / 20 } else { 0 };
    let beside = side + if side > 0 { margin } else { 0 };
    let is_wide = width >= height;
    let (room_right, room_below) = if is_wide { (beside, 0) } else { (0, beside) };
    if let Some(code) = &code {
        let left = if is_wide { width - margin - side } else { (width - side) / 2 };
        let top = if is_wide { (height - side) / 2 } else { height - margin - side };
        put_code(&mut frame, upright, code, (left, top, side));
    }
    let room = (
        width.saturating_sub(2 * margin + room_right).max(16) as u32,
        height.saturating_sub(2 * margin + room_below).max(16) as u32,
    );
    let written =
        write(&markup(splash, short), &format!("Sans {}px", (short / 24).max(8)), room, Lines::Many);
    match written {
        Ok(ink) => {
            put_ink(&mut frame, upright, &ink, (margin, margin));
            (frame, None)
        }
        Err(words) => (frame, Some(words)),
    }
}

fn markup(splash: &Splash, short: usize) -> String {
    let px = |part: usize| (short / part).max(8);
    let mut text = format!("<span font_desc=\"Sans Bold {}px\">{}</span>", px(14), escaped(&splash.title));
    if let Some(code) = &splash.code {
        text += &format!("\n<span font_desc=\"Monospace Bold {}px\">{}</span>", px(9), escaped(code));
    }
    for line in &splash.lines {
        text += &format!("\n<span font_desc=\"Sans {}px\"> </span>\n{}", px(60), escaped(line));
    }
    text
}

fn put_ink(frame: &mut [u8], upright: Upright, ink: &Ink, (left, top): (usize, usize)) {
    for y in 0..ink.height {
        for x in 0..ink.width {
            let share = u32::from(ink.at(x, y));
            let Some(pixel) = upright.pixel(frame, (left + x, top + y)).filter(|_| share > 0) else {
                continue;
            };
            for ((out, words), behind) in pixel.iter_mut().zip(WORDS).zip(BEHIND) {
                *out = ((u32::from(words) * share + u32::from(behind) * (255 - share) + 127) / 255) as u8;
            }
        }
    }
}

/// The code in a light square, each module of as many whole pixels as there are.
fn put_code(frame: &mut [u8], upright: Upright, code: &QrCode, (left, top, side): (usize, usize, usize)) {
    let modules = code.width() + 2 * QUIET;
    let scale = side / modules;
    if scale == 0 {
        return;
    }
    let edge = (side - scale * modules) / 2;
    for y in 0..scale * modules {
        for x in 0..scale * modules {
            let within = |at: usize| (at / scale).checked_sub(QUIET).filter(|at| *at < code.width());
            let is_dark = within(x).zip(within(y)).is_some_and(|place| code[place] == Color::Dark);
            if let Some(pixel) = upright.pixel(frame, (left + edge + x, top + edge + y)) {
                pixel.fill(if is_dark { 0 } else { u8::MAX });
            }
        }
    }
}

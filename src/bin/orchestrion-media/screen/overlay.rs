//! What is written over films and pictures: a dark strip at the bottom for each text, drawn on each frame.
//!
//! A text that is wider than the screen moves through it; over a held picture, which costs nothing else, that takes a frame
//! now and then.

use gstreamer as gst;
use orchestrion::media::screen::message::{Rotation, Size};
use orchestrion::media::screen::words::Overlay;

use super::cover::Cover;
use super::upright::Upright;
use super::writing::{Ink, Lines, escaped, write};

/// Widest text, in pixels; what is beyond it is cut.
const WIDTH_MAX: usize = 16 * 1024;
/// How much of a film is seen through a strip, of 256.
const THROUGH: u32 = 80;
/// How far a text that moves comes in a second, in heights of its strip.
const SPEED: u64 = 2;

/// The strips, as they lie on the screen.
#[derive(Debug, Default)]
pub struct Strips {
    upright: Upright,
    strips: Vec<Strip>,
}

#[derive(Debug)]
struct Strip {
    ink: Ink,
    top: usize,
    height: usize,
    /// At its left end.
    cover: Option<Cover>,
    /// Empty at both sides of a text that stands.
    margin: usize,
    moves: bool,
}

/// How high a strip is, in pixels.
pub fn height(screen: Size) -> usize {
    (screen.width.min(screen.height) as usize / 13).max(16)
}

/// Draws the texts; the cover is as high as a strip.
///
/// # Errors
/// In words: they cannot be written here.
pub fn draw(
    overlay: &Overlay,
    cover: Option<Cover>,
    screen: Size,
    rotation: Rotation,
) -> Result<Strips, String> {
    let upright = Upright::of(screen, rotation);
    let height = height(screen);
    let font_px = height * 11 / 20;
    let mut strips = Vec::new();
    let mut top = upright.height;
    let texts = [(&overlay.ticker, None), (&overlay.now_playing, cover)];
    for (text, cover) in texts.into_iter().filter_map(|(text, cover)| Some((text.as_ref()?, cover))) {
        top = top.saturating_sub(height);
        // No letter of any script is wider than two of its heights.
        let room = (2 * font_px * (text.chars().count() + 2)).clamp(64, WIDTH_MAX);
        let ink =
            write(&escaped(text), &format!("Sans {font_px}px"), (room as u32, height as u32), Lines::One)?;
        let margin = height / 2;
        let free = upright.width.saturating_sub(cover.as_ref().map_or(0, |cover| cover.side));
        let moves = ink.width + 2 * margin > free;
        strips.push(Strip { ink, top, height, cover, margin, moves });
    }
    Ok(Strips { upright, strips })
}

impl Strips {
    /// Whether a text moves.
    pub fn move_along(&self) -> bool {
        self.strips.iter().any(|strip| strip.moves)
    }

    /// Puts them on a frame as large as the screen, as they are at this moment (nanoseconds of any clock).
    ///
    /// # Errors
    /// In words: the frame cannot be changed.
    pub fn put(&self, mut frame: gst::Buffer, at_ns: u64) -> Result<gst::Buffer, String> {
        if self.strips.is_empty() {
            return Ok(frame);
        }
        // A frame that others have, too, is copied by this.
        let mut pixels = frame.make_mut().map_writable().map_err(|e| e.to_string())?;
        for strip in &self.strips {
            strip.put(&mut pixels, self.upright, at_ns);
        }
        drop(pixels);
        Ok(frame)
    }
}

impl Strip {
    fn put(&self, frame: &mut [u8], upright: Upright, at_ns: u64) {
        // The end of the text, a gap, and its beginning again.
        let period = self.ink.width + 2 * self.height;
        let gone = (u128::from(at_ns) * u128::from(SPEED) * self.height as u128 / 1_000_000_000) as usize;
        let begin = self.cover.as_ref().map_or(0, |cover| cover.side);
        for y in 0..self.height {
            for x in 0..upright.width {
                let Some(pixel) = upright.pixel(frame, (x, self.top + y)) else { continue };
                let Some(x) = x.checked_sub(begin) else {
                    if let Some(seen) = self.cover.as_ref().and_then(|cover| cover.at(x, y)) {
                        pixel.copy_from_slice(seen);
                    }
                    continue;
                };
                let ink = match self.moves {
                    true => self.ink.at((x + gone) % period, y),
                    false => x.checked_sub(self.margin).map_or(0, |x| self.ink.at(x, y)),
                };
                for part in pixel {
                    let dark = u32::from(*part) * THROUGH / 256;
                    *part = (dark + (255 - dark) * u32::from(ink) / 255) as u8;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strips(ink_width: usize) -> Strips {
        let upright = Upright::of(Size { width: 40, height: 20 }, Rotation::None);
        let ink = Ink { width: ink_width, height: 4, pixels: vec![255; 4 * ink_width] };
        let moves = ink_width > 40;
        Strips { upright, strips: vec![Strip { ink, top: 16, height: 4, cover: None, margin: 2, moves }] }
    }

    fn row(strips: &Strips, at_ms: u64, y: usize) -> Vec<u8> {
        gst::init().unwrap();
        let frame = gst::Buffer::from_mut_slice(vec![200; 4 * 40 * 20]);
        let put = strips.put(frame, at_ms * 1_000_000).unwrap();
        let pixels = put.map_readable().unwrap();
        (0..40).map(|x| pixels[4 * (40 * y + x)]).collect()
    }

    #[test]
    fn a_text_stands_in_its_strip_and_the_film_above_it_is_untouched() {
        let strips = strips(10);
        assert_eq!(row(&strips, 0, 15), [200; 40]);
        let seen = row(&strips, 5000, 17);
        assert_eq!((seen[1], seen[2], seen[11], seen[12]), (62, 255, 255, 62));
        assert!(!strips.move_along());
    }

    #[test]
    fn a_cover_stands_at_the_left_and_the_text_beside_it() {
        let mut strips = strips(10);
        strips.strips[0].cover = Some(Cover { side: 4, pixels: [[7; 4]; 16].concat() });
        let seen = row(&strips, 0, 17);
        assert_eq!((seen[0], seen[3], seen[4], seen[5], seen[6], seen[16]), (7, 7, 62, 62, 255, 62));
        assert_eq!(row(&strips, 0, 15), [200; 40]);
    }

    #[test]
    fn a_text_that_is_too_wide_moves_and_comes_again() {
        let strips = strips(50);
        assert!(strips.move_along());
        assert_eq!(row(&strips, 0, 16), [255; 40]);
        // 8 pixels a second; a period has 50 of ink and 8 without.
        let seen = row(&strips, 2000, 16);
        assert_eq!((seen[33], seen[34]), (255, 62));
        assert_eq!(row(&strips, 7250, 16), [255; 40]);
    }

    #[test]
    fn a_frame_that_others_have_is_copied() {
        gst::init().unwrap();
        let frame = gst::Buffer::from_mut_slice(vec![200; 4 * 40 * 20]);
        let put = strips(10).put(frame.clone(), 0).unwrap();
        assert_eq!(frame.map_readable().unwrap()[4 * 40 * 17], 200);
        assert_eq!(put.map_readable().unwrap()[4 * 40 * 17], 62);
    }
}

//! Pixels of a frame of the screen, by their place in what people see, however the screen is turned.

use orchestrion::media::screen::message::{Rotation, Size};

/// Bytes of a pixel.
pub const PIXEL_LEN: usize = 4;

/// Where the pixel (0, 0) of what people see lies in a frame, and how far it is to the next one to the right and below, in
/// bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Upright {
    /// As people see it.
    pub width: usize,
    pub height: usize,
    first: isize,
    right: isize,
    below: isize,
}

impl Upright {
    pub fn of(screen: Size, rotation: Rotation) -> Self {
        let (across, down) = (screen.width as isize, screen.height as isize);
        let (pixel, line) = (PIXEL_LEN as isize, PIXEL_LEN as isize * across);
        let (width, height) = (screen.width as usize, screen.height as usize);
        match rotation {
            Rotation::None => Self { width, height, first: 0, right: pixel, below: line },
            Rotation::Right => {
                let first = (across - 1) * pixel;
                Self { width: height, height: width, first, right: line, below: -pixel }
            }
            Rotation::Half => {
                let first = (down - 1) * line + (across - 1) * pixel;
                Self { width, height, first, right: -pixel, below: -line }
            }
            Rotation::Left => {
                let first = (down - 1) * line;
                Self { width: height, height: width, first, right: -line, below: pixel }
            }
        }
    }

    /// The blue, green and red of a place in a frame; `None` beside it.
    pub fn pixel<'a>(&self, frame: &'a mut [u8], (x, y): (usize, usize)) -> Option<&'a mut [u8]> {
        if x >= self.width || y >= self.height {
            return None;
        }
        let at = self.first + x as isize * self.right + y as isize * self.below;
        let at = usize::try_from(at).ok()?;
        frame.get_mut(at..at + 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_at_the_top_left_lies_where_the_screen_is_turned_to() {
        let screen = Size { width: 20, height: 16 };
        // The places of what people see at the top left, top right and bottom left.
        let corners = |rotation| {
            let upright = Upright::of(screen, rotation);
            let mut frame = vec![0; PIXEL_LEN * 20 * 16];
            let (right, low) = (upright.width - 1, upright.height - 1);
            [(0, 0), (right, 0), (0, low)].map(|place| {
                upright.pixel(&mut frame, place).unwrap()[0] = 1;
                let at = frame.iter().position(|byte| *byte == 1).unwrap() / PIXEL_LEN;
                frame.fill(0);
                (at % 20, at / 20)
            })
        };
        assert_eq!(corners(Rotation::None), [(0, 0), (19, 0), (0, 15)]);
        assert_eq!(corners(Rotation::Right), [(19, 0), (19, 15), (0, 0)]);
        assert_eq!(corners(Rotation::Half), [(19, 15), (0, 15), (19, 0)]);
        assert_eq!(corners(Rotation::Left), [(0, 15), (0, 0), (19, 15)]);
        let upright = Upright::of(screen, Rotation::Right);
        assert_eq!((upright.width, upright.height), (16, 20));
        assert!(upright.pixel(&mut vec![0; PIXEL_LEN * 320], (16, 0)).is_none());
    }
}

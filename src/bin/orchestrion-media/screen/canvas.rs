//! One frame as large as the screen: puts a scaled picture in its place before the background.
//!
//! Everything leaves here in one format and one size, so that the sink never has to change. Pixels are four bytes: blue,
//! green, red, and nothing or how much of the picture is seen.

use gstreamer as gst;
use gstreamer::prelude::*;
use orchestrion::media::screen::message::{Colour, Size};

use super::fit::Place;

/// Bytes of a pixel.
const PIXEL_LEN: usize = 4;

/// See the head of this file.
#[derive(Debug)]
pub struct Canvas {
    pub size: Size,
    background: [u8; PIXEL_LEN],
    pool: gst::BufferPool,
    row: Vec<u8>,
}

impl Canvas {
    /// # Errors
    /// In words: there is no memory.
    pub fn new(size: Size, background: Colour) -> Result<Self, String> {
        let len = PIXEL_LEN * size.width as usize * size.height as usize;
        let pool = gst::BufferPool::new();
        let mut config = pool.config();
        let size_in_pool = u32::try_from(len).map_err(|_| "the screen is too large".to_owned())?;
        config.set_params(Some(&caps("BGRx", size.width, size.height)), size_in_pool, 0, 0);
        pool.set_config(config).and_then(|()| pool.set_active(true)).map_err(|e| e.to_string())?;
        let background = [background.blue, background.green, background.red, u8::MAX];
        let row = background.repeat(size.width as usize);
        Ok(Self { size, background, pool, row })
    }

    /// What the sink gets.
    pub fn caps(&self) -> gst::Caps {
        caps("BGRx", self.size.width, self.size.height)
    }

    /// Nothing but background.
    ///
    /// # Errors
    /// In words.
    pub fn empty(&self) -> Result<gst::Buffer, String> {
        self.draw(|pixels, row| {
            for line in pixels.chunks_exact_mut(row.len()) {
                line.copy_from_slice(row);
            }
            Ok(())
        })
    }

    /// A frame of the size of its place, on the background. One that covers all of the screen is not copied.
    ///
    /// # Errors
    /// In words: the frame is not what was asked for.
    pub fn put(&self, frame: gst::Buffer, place: Place, is_see_through: bool) -> Result<gst::Buffer, String> {
        if place == self.whole() && !is_see_through {
            return Ok(frame);
        }
        let frame = frame.map_readable().map_err(|e| e.to_string())?;
        let line_len = PIXEL_LEN * place.width as usize;
        if frame.len() < line_len * place.height as usize {
            return Err(format!("a frame of {} bytes for {}x{}", frame.len(), place.width, place.height));
        }
        let mut lines = frame.chunks_exact(line_len);
        let from = PIXEL_LEN * place.x as usize;
        let rows = place.y as usize..(place.y + place.height) as usize;
        self.draw(|pixels, row| {
            for (y, line) in pixels.chunks_exact_mut(row.len()).enumerate() {
                let Some(picture) = rows.contains(&y).then(|| lines.next()).flatten() else {
                    line.copy_from_slice(row);
                    continue;
                };
                let until = from + line_len;
                line[..from].copy_from_slice(&row[..from]);
                line[until..].copy_from_slice(&row[until..]);
                if is_see_through {
                    self.lay_over(&mut line[from..until], picture);
                } else {
                    line[from..until].copy_from_slice(picture);
                }
            }
            Ok(())
        })
    }

    fn whole(&self) -> Place {
        Place { x: 0, y: 0, width: self.size.width, height: self.size.height }
    }

    fn draw(&self, fill: impl FnOnce(&mut [u8], &[u8]) -> Result<(), String>) -> Result<gst::Buffer, String> {
        let mut buffer = self.pool.acquire_buffer(None).map_err(|e| e.to_string())?;
        let fresh = buffer.get_mut().ok_or("a frame from the pool is in use")?;
        let mut pixels = fresh.map_writable().map_err(|e| e.to_string())?;
        fill(&mut pixels, &self.row)?;
        drop(pixels);
        Ok(buffer)
    }

    /// A line of a picture that can be seen through, over the background.
    fn lay_over(&self, line: &mut [u8], picture: &[u8]) {
        for (out, pixel) in line.chunks_exact_mut(PIXEL_LEN).zip(picture.chunks_exact(PIXEL_LEN)) {
            let opaque = u32::from(pixel[3]);
            for ((out, above), below) in out.iter_mut().zip(pixel).zip(self.background) {
                let sum = u32::from(*above) * opaque + u32::from(below) * (255 - opaque);
                *out = ((sum + 127) / 255) as u8;
            }
        }
    }
}

impl Drop for Canvas {
    fn drop(&mut self) {
        let _ = self.pool.set_active(false);
    }
}

/// Frames of a format and size, with square pixels and any rate.
pub fn caps(format: &str, width: u32, height: u32) -> gst::Caps {
    gst::Caps::builder("video/x-raw")
        .field("format", format)
        .field("width", width.cast_signed())
        .field("height", height.cast_signed())
        .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canvas() -> Canvas {
        gst::init().unwrap();
        let background = Colour { red: 10, green: 20, blue: 30 };
        Canvas::new(Size { width: 18, height: 16 }, background).unwrap()
    }

    fn pixel(buffer: &gst::Buffer, x: usize, y: usize) -> [u8; 3] {
        let map = buffer.map_readable().unwrap();
        let at = PIXEL_LEN * (y * 18 + x);
        [map[at + 2], map[at + 1], map[at]]
    }

    #[test]
    fn a_picture_lies_in_its_place_before_the_background() {
        let canvas = canvas();
        let place = Place { x: 3, y: 2, width: 5, height: 4 };
        let frame = gst::Buffer::from_slice([3, 2, 1, 0].repeat(20));
        let put = canvas.put(frame, place, false).unwrap();
        for (x, y) in [(2, 3), (8, 3), (5, 1), (5, 6), (0, 0), (17, 15)] {
            assert_eq!(pixel(&put, x, y), [10, 20, 30], "{x},{y}");
        }
        for (x, y) in [(3, 2), (7, 5)] {
            assert_eq!(pixel(&put, x, y), [1, 2, 3], "{x},{y}");
        }
        assert_eq!(pixel(&canvas.empty().unwrap(), 4, 4), [10, 20, 30]);
        assert!(canvas.put(gst::Buffer::from_slice([0; 79]), place, false).unwrap_err().contains("5x4"));
    }

    #[test]
    fn what_can_be_seen_through_shows_the_background() {
        let canvas = canvas();
        let place = Place { x: 0, y: 0, width: 2, height: 1 };
        let frame = gst::Buffer::from_slice([200, 100, 0, 0, 230, 220, 210, 128]);
        let put = canvas.put(frame, place, true).unwrap();
        assert_eq!(pixel(&put, 0, 0), [10, 20, 30]);
        assert_eq!(pixel(&put, 1, 0), [110, 120, 130]);
    }

    #[test]
    fn a_frame_that_covers_the_screen_is_not_copied() {
        let canvas = canvas();
        let frame = gst::Buffer::with_size(PIXEL_LEN * 18 * 16).unwrap();
        let before = frame.as_ptr();
        assert_eq!(canvas.put(frame, canvas.whole(), false).unwrap().as_ptr(), before);
    }
}

//! The cover of the song that is heard, out of the song's own tags: a square of the height of a strip.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use orchestrion::audio::tags;
use orchestrion::media::screen::message::{Fit, Rotation, Size};
use rustix::fs::{MemfdFlags, memfd_create};

use super::source::{Heard, Source, Wanted};
use super::upright::PIXEL_LEN;

/// How long decoding it may take.
const DECODE_MAX: Duration = Duration::from_secs(3);

/// Blue, green and red of each pixel, and a byte that means nothing, line by line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cover {
    pub side: usize,
    pub pixels: Vec<u8>,
}

impl Cover {
    /// The blue, green and red there.
    pub fn at(&self, x: usize, y: usize) -> Option<&[u8]> {
        let at = PIXEL_LEN * (y * self.side + x);
        self.pixels.get(at..at + 3)
    }
}

/// Draws it, `side` pixels wide and high; what is not square is cut. `None` where the song has none.
///
/// # Errors
/// In words: it has one that cannot be shown.
pub fn draw(song: &Path, side: u32) -> Result<Option<Cover>, String> {
    let Some(cover) = tags::cover(song) else { return Ok(None) };
    let mut file: File = memfd_create("cover", MemfdFlags::CLOEXEC).map_err(|e| e.to_string())?.into();
    file.write_all(&cover.bytes).map_err(|e| e.to_string())?;
    let wanted =
        Wanted { screen: Size { width: side, height: side }, fit: Fit::Cover, rotation: Rotation::None };
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let (wake, woken) = bounded(1);
    let mut source = Source::open(&path, wanted, &wake)?;
    let until = Instant::now() + DECODE_MAX;
    loop {
        match source.next() {
            Heard::Frame(frame) => {
                let pixels = frame.buffer.map_readable().map_err(|e| e.to_string())?;
                let side = side as usize;
                return match pixels.len() == PIXEL_LEN * side * side {
                    true => Ok(Some(Cover { side, pixels: opaque(&pixels) })),
                    false => Err(format!("{} bytes for {side}x{side} pixels", pixels.len())),
                };
            }
            Heard::End => return Err("there is no picture in it".into()),
            Heard::Failed(words) => return Err(words),
            Heard::Nothing => {
                woken.recv_deadline(until).map_err(|_| "it takes too long to decode".to_owned())?;
            }
        }
    }
}

/// What can be seen through lies on black.
fn opaque(pixels: &[u8]) -> Vec<u8> {
    let (pixels, _) = pixels.as_chunks::<PIXEL_LEN>();
    let over_black = |&[blue, green, red, alpha]: &[u8; PIXEL_LEN]| {
        [blue, green, red, 255].map(|part| (u16::from(part) * u16::from(alpha) / 255) as u8)
    };
    pixels.iter().flat_map(over_black).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_seen_through_lies_on_black() {
        assert_eq!(opaque(&[200, 100, 50, 255, 200, 100, 50, 0]), [200, 100, 50, 255, 0, 0, 0, 0]);
    }
}

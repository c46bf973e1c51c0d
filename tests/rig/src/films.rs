//! Films and pictures of plain colours, encoded by ffmpeg from frames made here, so that a test knows each pixel.
//!
//! A film has its colour all over, but for a square in its middle, a quarter of each side, which is a little brighter in
//! each second frame: whoever watches a pixel of the square sees each frame come.

use std::fs;
use std::path::Path;

use crate::{Error, Result, tool};

/// By how much the square is brighter in odd frames, of 255.
pub const BLINK: u8 = 40;
/// What a codec may change of a colour, of 255; less than half of [`BLINK`].
pub const CODEC_ERROR: u8 = 18;

/// The highest film of standard definition, in pixels: a higher one has the colours of ITU-R BT.709.
const SD_HEIGHT_MAX: u32 = 576;

/// What a film is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Film {
    /// In pixels, even.
    pub width: u32,
    /// In pixels, even.
    pub height: u32,
    /// Frames a second.
    pub rate: u32,
    /// How many.
    pub frames: u32,
    /// Red, green, blue; each at most 255 − [`BLINK`].
    pub colour: [u8; 3],
    /// With a tone beside it.
    pub has_sound: bool,
}

impl Film {
    /// The colour of its middle in a frame.
    #[must_use]
    pub fn middle(&self, frame: u32) -> [u8; 3] {
        self.colour.map(|part| part.saturating_add(if frame % 2 == 1 { BLINK } else { 0 }))
    }

    /// Encodes it; the name's ending says the container, `codec` is ffmpeg's name of one.
    ///
    /// # Errors
    /// ffmpeg is missing or refuses; the file cannot be written.
    pub fn write(&self, out: &Path, codec: &str) -> Result<()> {
        let raw = out.with_extension("rgb");
        let pixels: Vec<u8> = (0..2).flat_map(|frame| self.frame(frame)).collect();
        fs::write(&raw, &pixels).map_err(Error::io("write", &raw))?;
        let size = format!("{}x{}", self.width, self.height);
        let rate = self.rate.to_string();
        // The two frames again and again, for so long.
        let length = ((f64::from(self.frames) - 0.5) / f64::from(self.rate)).to_string();
        let input = raw.display().to_string();
        let mut args = vec!["-nostdin", "-loglevel", "error", "-y"];
        args.extend([
            "-stream_loop",
            "-1",
            "-t",
            &length,
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
            "-s",
            &size,
            "-r",
            &rate,
            "-i",
            &input,
        ]);
        // As long as the picture.
        let seconds = f64::from(self.frames) / f64::from(self.rate);
        let tone = format!("sine=frequency=440:sample_rate=48000:duration={seconds}");
        if self.has_sound {
            args.extend(["-f", "lavfi", "-i", &tone]);
        }
        if self.height > SD_HEIGHT_MAX {
            // What everybody takes for granted of a film of this size that says nothing, and ffmpeg does not make by itself.
            args.extend(["-vf", "scale=out_color_matrix=bt709", "-colorspace", "bt709"]);
            args.extend(["-color_primaries", "bt709", "-color_trc", "bt709"]);
        }
        let target = out.display().to_string();
        args.extend(["-c:v", codec, "-pix_fmt", "yuv420p", "-g", "12", "-q:v", "2"]);
        if codec.starts_with("lib") {
            args.extend(["-crf", "12", "-b:v", "2M"]);
        }
        args.push(&target);
        let made = tool::run("ffmpeg", args);
        let _ = fs::remove_file(&raw);
        made
    }

    fn frame(&self, frame: u32) -> Vec<u8> {
        let is_middle = |at: u32, side: u32| (side * 3 / 8..side * 5 / 8).contains(&at);
        let pixels = (0..self.height).flat_map(|y| (0..self.width).map(move |x| (x, y)));
        pixels
            .flat_map(|(x, y)| {
                if is_middle(x, self.width) && is_middle(y, self.height) {
                    self.middle(frame)
                } else {
                    self.colour
                }
            })
            .collect()
    }
}

/// Encodes a picture of four colours, a quarter each: top left, top right, bottom left, bottom right. The name's ending says
/// the format.
///
/// # Errors
/// ffmpeg is missing or refuses; the file cannot be written.
pub fn picture(out: &Path, (width, height): (u32, u32), quarters: [[u8; 3]; 4]) -> Result<()> {
    let raw = out.with_extension("rgb");
    let pixels: Vec<u8> = (0..height)
        .flat_map(|y| (0..width).map(move |x| usize::from(x >= width / 2) + 2 * usize::from(y >= height / 2)))
        .flat_map(|quarter| quarters[quarter])
        .collect();
    fs::write(&raw, &pixels).map_err(Error::io("write", &raw))?;
    let (size, input) = (format!("{width}x{height}"), raw.display().to_string());
    let target = out.display().to_string();
    let mut args = vec!["-nostdin", "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"];
    args.extend(["-s", &size, "-i", &input, "-frames:v", "1", "-q:v", "1"]);
    if out.extension().is_some_and(|end| end == "webp") {
        args.extend(["-c:v", "libwebp", "-lossless", "1"]);
    }
    if out.extension().is_some_and(|end| end == "gif") {
        // Else ffmpeg takes eight shades of red.
        args.extend([
            "-vf",
            "split[a][b];[a]palettegen=reserve_transparent=0[p];[b][p]paletteuse=dither=none",
        ]);
    }
    args.push(&target);
    let made = tool::run("ffmpeg", args);
    let _ = fs::remove_file(&raw);
    made
}

/// The colour of a pixel of a picture that any encoder made (a snapshot, say), at a place in per cent of its sides.
///
/// # Errors
/// ffmpeg is missing or cannot read it.
pub fn pixel_of(file: &Path, (x_percent, y_percent): (u32, u32)) -> Result<[u8; 3]> {
    const SIDE: u32 = 100;
    let raw = file.with_extension("seen");
    let (input, target) = (file.display().to_string(), raw.display().to_string());
    let scale = format!("scale={SIDE}:{SIDE}:flags=neighbor,format=rgb24");
    let args = [
        "-nostdin",
        "-loglevel",
        "error",
        "-y",
        "-i",
        &input,
        "-vf",
        &scale,
        "-frames:v",
        "1",
        "-f",
        "rawvideo",
    ];
    tool::run("ffmpeg", args.into_iter().chain([target.as_str()]))?;
    let bytes = fs::read(&raw).map_err(Error::io("read", &raw))?;
    let _ = fs::remove_file(&raw);
    let at = 3 * (y_percent.min(SIDE - 1) * SIDE + x_percent.min(SIDE - 1)) as usize;
    let pixel = bytes.get(at..at + 3).and_then(|pixel| pixel.try_into().ok());
    pixel.ok_or(Error::ToolFailed { tool: "ffmpeg", said: "the picture is cut off".into() })
}

/// Whether two colours are the same but for what a codec does to them.
#[must_use]
pub fn is_like(seen: [u8; 3], wanted: [u8; 3]) -> bool {
    seen.iter().zip(wanted).all(|(seen, wanted)| seen.abs_diff(wanted) <= CODEC_ERROR)
}

/// Encodes a film of 320×180 at 25 fps that is white for its first 120 ms of each second and black else, with a beep of
/// 1000 Hz beside each flash, as long. The name's ending says the container.
///
/// # Errors
/// ffmpeg is missing or refuses; the file cannot be written.
pub fn flashes(out: &Path, seconds: u32, sound_codec: &str) -> Result<()> {
    let length = seconds.to_string();
    let target = out.display().to_string();
    let mut args = vec!["-nostdin", "-loglevel", "error", "-y", "-f", "lavfi", "-i"];
    // Frames at 0, 40 and 80 ms.
    args.push(
        "color=black:size=320x180:rate=25,drawbox=color=white:thickness=fill:enable='lt(mod(t,1),0.1)'",
    );
    args.extend(["-f", "lavfi", "-i"]);
    args.push("aevalsrc='0.5*sin(2*PI*1000*t)*lt(mod(t,1),0.12)':sample_rate=48000:channel_layout=mono");
    args.extend([
        "-t",
        &length,
        "-c:v",
        "libx264",
        "-pix_fmt",
        "yuv420p",
        "-g",
        "25",
        "-c:a",
        sound_codec,
        &target,
    ]);
    tool::run("ffmpeg", args)
}

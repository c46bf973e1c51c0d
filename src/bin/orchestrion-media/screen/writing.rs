//! Text as pixels: GStreamer's `textoverlay` writes it by Pango, in any script for which there is a font, on one black
//! frame, whose light is how much of each pixel is ink.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};

use super::canvas::caps;

/// How long it may take: the first time, fonts are read from a slow card.
const WRITE_MAX: gst::ClockTime = gst::ClockTime::from_seconds(10);

/// How much ink lies on each pixel, 0–255, line by line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ink {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<u8>,
}

impl Ink {
    /// How much lies there.
    pub fn at(&self, x: usize, y: usize) -> u8 {
        if x < self.width { self.pixels.get(y * self.width + x).copied().unwrap_or(0) } else { 0 }
    }

    /// The same without what is empty on its right side.
    fn trim(mut self) -> Self {
        let last = |line: &[u8]| line.iter().rposition(|ink| *ink > 0).map_or(0, |at| at + 1);
        let width = self.pixels.chunks_exact(self.width.max(1)).map(last).max().unwrap_or(0).max(1);
        let lines = self.pixels.chunks_exact(self.width.max(1));
        self.pixels = lines.flat_map(|line| line[..width].iter().copied()).collect();
        self.width = width;
        self
    }
}

/// How lines are broken, and where they lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// One, as long as it is, in the middle of the height.
    One,
    /// As many as it takes, from the top.
    Many,
}

/// Writes a text (Pango markup) into so many pixels; `font` is in Pango's words. What does not fit is not there.
///
/// # Errors
/// In words: it cannot be written here.
pub fn write(markup: &str, font: &str, (width, height): (u32, u32), lines: Lines) -> Result<Ink, String> {
    let sample = draw(markup, font, (width, height), lines).map_err(|e| e.to_string())?;
    let frame = sample.buffer().and_then(|buffer| buffer.map_readable().ok()).ok_or("an empty frame")?;
    let pixels: Vec<u8> = frame.chunks_exact(4).map(|pixel| pixel[0].max(pixel[1]).max(pixel[2])).collect();
    let (width, height) = (width as usize, height as usize);
    if pixels.len() != width * height {
        return Err(format!("a frame of {} pixels for {width}x{height}", pixels.len()));
    }
    let ink = Ink { width, height, pixels };
    Ok(match lines {
        Lines::One => ink.trim(),
        Lines::Many => ink,
    })
}

/// A text that means itself in markup.
pub fn escaped(text: &str) -> String {
    gst::glib::markup_escape_text(text).into()
}

fn draw(
    markup: &str,
    font: &str,
    (width, height): (u32, u32),
    lines: Lines,
) -> Result<gst::Sample, gst::glib::BoolError> {
    let (wrap, place) = match lines {
        Lines::One => ("none", "center"),
        Lines::Many => ("wordchar", "top"),
    };
    let pipeline = gst::Pipeline::new();
    let mut caps = caps("BGRx", width, height);
    caps.make_mut().set("framerate", gst::Fraction::new(1, 1));
    let source = AppSrc::builder().format(gst::Format::Time).caps(&caps).build();
    let text = gst::ElementFactory::make("textoverlay")
        .property("text", markup)
        .property("font-desc", font)
        .property("auto-resize", false)
        .property("draw-shadow", false)
        .property("draw-outline", false)
        .property("xpad", 0)
        .property("ypad", 0)
        .property_from_str("halignment", "left")
        .property_from_str("valignment", place)
        .property_from_str("line-alignment", "left")
        .property_from_str("wrap-mode", wrap)
        .build()?;
    let sink = AppSink::builder().sync(false).caps(&caps).build();
    let chain = [source.upcast_ref(), &text, sink.upcast_ref()];
    pipeline.add_many(chain)?;
    gst::Element::link_many(chain)?;
    let stopped = Stopped(pipeline);
    let failed = |_| gst::glib::bool_error!("the writer does not start");
    stopped.0.set_state(gst::State::Playing).map_err(failed)?;
    let mut frame = gst::Buffer::from_mut_slice(vec![0; 4 * width as usize * height as usize]);
    let fresh = frame.make_mut();
    fresh.set_pts(gst::ClockTime::ZERO);
    fresh.set_duration(gst::ClockTime::SECOND);
    let pushed = source.push_buffer(frame).and_then(|_| source.end_of_stream());
    pushed.map_err(|e| gst::glib::bool_error!("the writer takes no frame: {}", e))?;
    sink.try_pull_sample(WRITE_MAX).ok_or(gst::glib::bool_error!("the writer gives no frame"))
}

/// Stops its pipeline when it is dropped.
struct Stopped(gst::Pipeline);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.set_state(gst::State::Null);
    }
}

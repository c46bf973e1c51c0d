//! A JPEG of what is on the screen, made on a thread of its own.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};
use orchestrion::media::screen::message::{SIDE_MIN, SNAPSHOT_LEN_MAX, SNAPSHOT_WIDTH_MAX};

use super::canvas::caps;

/// How long the encoder may take.
const ENCODE_MAX: gst::ClockTime = gst::ClockTime::from_seconds(2);

/// How it is made smaller and coarser until it is short enough: parts of the width in 12ths, and JPEG's quality.
const COARSER: [(u32, i32); 6] = [(12, 85), (12, 60), (12, 35), (8, 35), (6, 30), (4, 25)];

/// Makes a JPEG, at most so wide and so long, of what the sink showed last.
///
/// # Errors
/// In words.
pub fn jpeg(sample: &gst::Sample, (width_max, len_max): (u32, usize)) -> Result<Vec<u8>, String> {
    let structure = sample.caps().and_then(|caps| caps.structure(0)).ok_or("a frame without a format")?;
    let side = |name| structure.get::<i32>(name).ok().and_then(|side| u32::try_from(side).ok());
    let (width, height) = side("width").zip(side("height")).ok_or("a frame without a size")?;
    let narrow = width.min(width_max.clamp(SIDE_MIN, SNAPSHOT_WIDTH_MAX));
    let mut len = 0;
    for (twelfths, quality) in COARSER {
        let narrow = (narrow * twelfths / 12).max(SIDE_MIN);
        let low = (u64::from(height) * u64::from(narrow) / u64::from(width.max(1))).max(1) as u32;
        let made = encode(sample, (narrow, low), quality).map_err(|e| e.to_string())?;
        let bytes = made.buffer().and_then(|buffer| buffer.map_readable().ok()).ok_or("an empty picture")?;
        len = bytes.len();
        if len <= len_max.min(SNAPSHOT_LEN_MAX) {
            return Ok(bytes.to_vec());
        }
    }
    Err(format!("a picture of {len} bytes, of which {len_max} are allowed"))
}

fn encode(
    sample: &gst::Sample,
    (width, height): (u32, u32),
    quality: i32,
) -> Result<gst::Sample, gst::glib::BoolError> {
    let pipeline = gst::Pipeline::new();
    let source = AppSrc::builder()
        .format(gst::Format::Time)
        .caps(&sample.caps_owned().unwrap_or_else(gst::Caps::new_any))
        .build();
    let scale = gst::ElementFactory::make("videoconvertscale").build()?;
    let filter =
        gst::ElementFactory::make("capsfilter").property("caps", caps("I420", width, height)).build()?;
    let encoder = gst::ElementFactory::make("jpegenc").property("quality", quality).build()?;
    let sink = AppSink::builder().sync(false).build();
    let chain = [source.upcast_ref(), &scale, &filter, &encoder, sink.upcast_ref()];
    pipeline.add_many(chain)?;
    gst::Element::link_many(chain)?;
    let stopped = Stopped(pipeline);
    stopped
        .0
        .set_state(gst::State::Playing)
        .map_err(|_| gst::glib::bool_error!("the encoder does not start"))?;
    let mut buffer = sample.buffer_owned().ok_or(gst::glib::bool_error!("no frame"))?;
    buffer.make_mut().set_pts(gst::ClockTime::ZERO);
    let pushed = source.push_buffer(buffer).and_then(|_| source.end_of_stream());
    pushed.map_err(|e| gst::glib::bool_error!("the encoder takes no frame: {}", e))?;
    sink.try_pull_sample(ENCODE_MAX).ok_or(gst::glib::bool_error!("the encoder gives no picture"))
}

/// Stops its pipeline when it is dropped.
struct Stopped(gst::Pipeline);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.set_state(gst::State::Null);
    }
}

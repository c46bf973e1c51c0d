//! One GStreamer pipeline from a descriptor to floats.
//!
//! `filesrc ! decodebin ! audioconvert ! audioresample ! F32LE ! appsink`, at the file's own rate and channels. Its threads only
//! ring a bell; everything is asked for from one thread.

use std::os::fd::{AsRawFd, BorrowedFd};

use crossbeam_channel::Sender;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks};
use orchestrion::media::Format;
use orchestrion::media::message::{CHANNELS_MAX, DURATION_MS_MAX, RATE_HZ_MAX, RATE_HZ_MIN};

use super::listen::ring;
use super::plugins::Loaded;

/// Buffers that wait in the sink, at most.
const BUFFERS_MAX: u32 = 4;
/// What decoders make; the rest of a file is not decoded.
const RAW: &str = "audio/x-raw";
/// Why a part of the pipeline cannot be made: the list of plugins is ours.
const MISMADE: &str = "cannot make the pipeline";

/// See the head of this file. Dropping it stops its threads.
pub struct Pipeline {
    pipeline: gst::Pipeline,
    sink: AppSink,
}

/// What the pipeline has to say.
pub enum Heard {
    /// Sound.
    Sound(Sound),
    /// The end, after all sound.
    End,
    /// It cannot, in words.
    Failed(String),
    /// Nothing for now; the bell will be rung.
    Nothing,
}

/// A piece of sound, cut to what the file wants to be heard.
pub struct Sound {
    pub format: Format,
    /// Its first frame, counted from the start of the file; `None` where the file has no times.
    pub at_frames: Option<u64>,
    buffer: gst::MappedBuffer<gst::buffer::Readable>,
    from: usize,
    until: usize,
}

impl Sound {
    /// 32 bit floats, little endian, interleaved.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.from..self.until]
    }

    fn frame_len(&self) -> usize {
        usize::from(self.format.channels) * 4
    }

    /// Drops what lies before a frame of the file; `false` if nothing is left.
    pub fn drop_before(&mut self, frame: u64) -> bool {
        if let Some(at) = self.at_frames {
            let early = usize::try_from(frame.saturating_sub(at)).unwrap_or(usize::MAX);
            let early = early.min((self.until - self.from) / self.frame_len());
            self.from += early * self.frame_len();
            self.at_frames = Some(at + early as u64);
        }
        self.from < self.until
    }
}

impl Pipeline {
    /// Makes it and lets it run.
    ///
    /// # Errors
    /// In words.
    pub fn start(file: BorrowedFd<'_>, wake: &Sender<()>) -> Result<Self, String> {
        let made = Self::make(file, wake).map_err(|e| format!("{MISMADE}: {e}"))?;
        // What is wrong with the file comes over the bus.
        let _ = made.pipeline.set_state(gst::State::Playing);
        Ok(made)
    }

    fn make(file: BorrowedFd<'_>, wake: &Sender<()>) -> Result<Self, gst::glib::BoolError> {
        let pipeline = gst::Pipeline::new();
        // By this name the file is opened again without its path, with a place of its own to read at.
        let source = gst::ElementFactory::make("filesrc")
            .property("location", format!("/proc/self/fd/{}", file.as_raw_fd()))
            .build()?;
        let decode = gst::ElementFactory::make("decodebin")
            .property("caps", gst::Caps::new_empty_simple(RAW))
            // Pictures in a file are not decoded.
            .property("expose-all-streams", false)
            .build()?;
        let convert = gst::ElementFactory::make("audioconvert").build()?;
        let resample = gst::ElementFactory::make("audioresample").build()?;
        let caps = gst::Caps::builder(RAW)
            .field("format", "F32LE")
            .field("layout", "interleaved")
            .field("rate", gst::IntRange::new(RATE_HZ_MIN as i32, RATE_HZ_MAX as i32))
            .field("channels", gst::IntRange::new(1, i32::from(CHANNELS_MAX)))
            .build();
        let (sound, end, message) = (wake.clone(), wake.clone(), wake.clone());
        let callbacks = AppSinkCallbacks::builder()
            .new_sample(move |_| {
                ring(&sound);
                Ok(gst::FlowSuccess::Ok)
            })
            .eos(move |_| ring(&end))
            .build();
        let sink =
            AppSink::builder().caps(&caps).sync(false).max_buffers(BUFFERS_MAX).callbacks(callbacks).build();
        pipeline.add_many([&source, &decode, &convert, &resample, sink.upcast_ref()])?;
        source.link(&decode)?;
        gst::Element::link_many([&convert, &resample, sink.upcast_ref()])?;
        let entry =
            convert.static_pad("sink").ok_or(gst::glib::bool_error!("audioconvert without an entry"))?;
        // The first sound of a file; others stay unlinked.
        decode.connect_pad_added(move |_, pad| {
            if !entry.is_linked() {
                let _ = pad.link(&entry);
            }
        });
        if let Some(bus) = pipeline.bus() {
            bus.set_sync_handler(move |_, _| {
                ring(&message);
                gst::BusSyncReply::Pass
            });
        }
        Ok(Self { pipeline, sink })
    }

    /// What is next, without waiting.
    pub fn next(&mut self, plugins: &Loaded) -> Heard {
        loop {
            if let Some(sample) = self.sink.try_pull_sample(gst::ClockTime::ZERO) {
                match sound(&sample) {
                    Some(sound) => return Heard::Sound(sound),
                    None => continue,
                }
            }
            if let Some(words) = self.failure(plugins) {
                return Heard::Failed(words);
            }
            return if self.sink.is_eos() { Heard::End } else { Heard::Nothing };
        }
    }

    /// The first error on the bus; what is missing comes before it.
    fn failure(&self, plugins: &Loaded) -> Option<String> {
        let bus = self.pipeline.bus()?;
        let mut missing = None;
        while let Some(message) = bus.pop() {
            match message.view() {
                gst::MessageView::Element(element) => {
                    let detail =
                        element.structure().filter(|s| s.name() == "missing-plugin").and_then(missing_detail);
                    missing = missing.or(detail);
                }
                gst::MessageView::Error(error) => {
                    let words = error.error().message().trim_end_matches('.').to_owned();
                    return Some(missing.map_or(words, |detail| plugins.missing(&detail)));
                }
                _ => {}
            }
        }
        // A missing decoder for pictures, or for one of two sounds, is no error.
        None
    }

    /// How long the file says that it is, in milliseconds.
    pub fn duration_ms(&self) -> Option<u64> {
        let duration: gst::ClockTime = self.pipeline.query_duration()?;
        Some(duration.mseconds()).filter(|ms| (1..=DURATION_MS_MAX).contains(ms))
    }

    /// Goes to a place. `false`: this file cannot be sought in; the pipeline is of no use any more.
    pub fn seek(&mut self, position_ms: u64) -> bool {
        let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE;
        self.pipeline.seek_simple(flags, gst::ClockTime::from_mseconds(position_ms)).is_ok()
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// The caps of a missing decoder, or the name of a missing element.
fn missing_detail(structure: &gst::StructureRef) -> Option<String> {
    match structure.value("detail").ok()?.get::<gst::Caps>() {
        Ok(caps) => Some(caps.to_string()),
        Err(_) => structure.get::<String>("detail").ok(),
    }
}

/// Cuts a buffer to its segment: what an edit list, a seek or an encoder's delay leaves out is not heard.
fn sound(sample: &gst::Sample) -> Option<Sound> {
    let caps = sample.caps()?.structure(0)?;
    let rate_hz = u32::try_from(caps.get::<i32>("rate").ok()?).ok()?;
    let channels = u16::try_from(caps.get::<i32>("channels").ok()?).ok()?;
    let buffer = sample.buffer_owned()?;
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    let frames_of = |time: gst::ClockTime| {
        (u128::from(time.nseconds()) * u128::from(rate_hz) + 500_000_000) / 1_000_000_000
    };
    let pts = buffer.pts();
    let buffer = buffer.into_mapped_buffer_readable().ok()?;
    let frame_len = usize::from(channels) * 4;
    let frames = buffer.len().checked_div(frame_len)?;
    let (mut first, mut last) = (0, frames);
    let mut at_frames = None;
    if let Some(pts) = pts {
        let at = frames_of(pts);
        let within = |edge: gst::ClockTime| {
            usize::try_from(frames_of(edge).saturating_sub(at)).unwrap_or(usize::MAX).min(frames)
        };
        first = segment.start().map_or(0, within);
        last = segment.stop().map_or(frames, within).max(first);
        let start = segment.start().unwrap_or_default();
        let stream_time = segment.to_stream_time(pts.max(start))?;
        at_frames = u64::try_from(frames_of(stream_time)).ok();
    }
    let sound = Sound {
        format: Format { rate_hz, channels },
        at_frames,
        buffer,
        from: first * frame_len,
        until: last * frame_len,
    };
    (first < last).then_some(sound)
}

//! One film or picture being decoded: a GStreamer pipeline of its own, from a file to frames of the size of their place.
//!
//! `filesrc ! decodebin ! queue ! videocrop ! videoconvertscale ! videoflip ! appsink`. It decodes ahead until its few places
//! for frames are full, and then stands still by itself: that is how it is prepared. Its threads only ring a bell. It
//! shares nothing with what is on the screen, so that nothing that happens in it can stop that.

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks};
use orchestrion::media::screen::message::{Fit, Kind, Rotation, Size};

use super::canvas::caps;
use super::fit::{Plan, plan};
use super::plugins;
use super::shape::{self, PICTURE_PIXELS_MAX};
use crate::decode::listen::ring;
use crate::fault::Fault;

/// Frames that wait in the sink, and before the scaler, at most.
const FRAMES_MAX: u32 = 2;
/// What is wrong and not yet asked for, at most; the first of it matters.
const FAULTS_MAX: usize = 16;
/// A film that ends by so much before its time is cut off, in nanoseconds.
const CUT_OFF_NS: u64 = 1_000_000_000;
/// Kinds of files that say at their beginning how long they are.
const PROMISING: [&str; 3] = ["video/quicktime", "video/x-matroska", "video/webm"];

/// How frames are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub screen: Size,
    pub fit: Fit,
    pub rotation: Rotation,
}

/// A frame, of the size of its place.
#[derive(Debug)]
pub struct Frame {
    pub buffer: gst::Buffer,
    /// On the film's own timeline, in nanoseconds.
    pub pts: Option<u64>,
    /// In nanoseconds.
    pub length: Option<u64>,
}

/// What is next.
#[derive(Debug)]
pub enum Heard {
    Frame(Frame),
    /// After all frames.
    End,
    /// It cannot go on, in words.
    Failed(String),
    /// Nothing for now; the bell will be rung.
    Nothing,
}

/// What the pipeline's threads find out.
#[derive(Debug, Default)]
struct Found {
    /// The kind of file, as GStreamer names it.
    container: Option<String>,
    has_sound: bool,
    plan: Option<Plan>,
}

/// See the head of this file. Dropping it stops its threads, which may take as long as a disk does.
#[derive(Debug)]
pub struct Source {
    pipeline: gst::Pipeline,
    sink: AppSink,
    faults: Receiver<Fault>,
    found: Arc<Mutex<Found>>,
    missing: Option<String>,
    /// The file, as long as it is read by its number.
    _file: File,
    is_picture: Arc<AtomicBool>,
    /// All frames have come. (A sink that has not started yet says that too.)
    is_over: Arc<AtomicBool>,
    /// Where the last frame ended, and where the file said that it would, in nanoseconds.
    seen: u64,
    promised: Option<u64>,
}

impl Source {
    /// Opens a file and begins to decode it.
    ///
    /// # Errors
    /// In words. What is wrong inside the file is said later, by [`Source::next`].
    pub fn open(path: &Path, wanted: Wanted, wake: &Sender<()>) -> Result<Self, String> {
        let file = open(path)?;
        let source = Self::make(file, wanted, wake).map_err(|e| format!("cannot make the pipeline: {e}"))?;
        // What is wrong with the file comes over the bus.
        let _ = source.pipeline.set_state(gst::State::Playing);
        Ok(source)
    }

    fn make(file: File, wanted: Wanted, wake: &Sender<()>) -> Result<Self, gst::glib::BoolError> {
        let pipeline = gst::Pipeline::new();
        // By this name the file is opened again without its path, which may be changed meanwhile.
        let source = gst::ElementFactory::make("filesrc")
            .property("location", format!("/proc/self/fd/{}", file.as_raw_fd()))
            .build()?;
        let decode = gst::ElementFactory::make("decodebin").build()?;
        let (new, end) = (wake.clone(), wake.clone());
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let callbacks = AppSinkCallbacks::builder()
            .new_sample(move |_| {
                ring(&new);
                Ok(gst::FlowSuccess::Ok)
            })
            .eos(move |_| {
                over.store(true, Ordering::Release);
                ring(&end);
            })
            .build();
        let sink = AppSink::builder().sync(false).max_buffers(FRAMES_MAX).callbacks(callbacks).build();
        pipeline.add_many([&source, &decode])?;
        source.link(&decode)?;
        let (fault, faults) = bounded(FAULTS_MAX);
        let found = Arc::<Mutex<Found>>::default();
        let is_picture = Arc::new(AtomicBool::new(false));
        let say = {
            let (fault, wake) = (fault.clone(), wake.clone());
            move |words: String| {
                let _ = fault.try_send(Fault::Error(words));
                ring(&wake);
            }
        };
        look(&decode, &found, &is_picture, say.clone());
        link_first_picture(&pipeline, &decode, &sink, (wanted, &found, &is_picture), say);
        if let Some(bus) = pipeline.bus() {
            let wake = wake.clone();
            // The bus queues a message only after this: what is rung for must be there before.
            bus.set_sync_handler(move |_, message| {
                if let Some(is_wrong) = Fault::of(message) {
                    let _ = fault.try_send(is_wrong);
                    ring(&wake);
                }
                gst::BusSyncReply::Drop
            });
        }
        Ok(Self {
            pipeline,
            sink,
            faults,
            found,
            missing: None,
            _file: file,
            is_picture,
            is_over,
            seen: 0,
            promised: None,
        })
    }

    /// Whether it is held or moves; known with the first frame.
    pub fn kind(&self) -> Kind {
        if self.is_picture.load(Ordering::Relaxed) { Kind::Picture } else { Kind::Film }
    }

    /// Whether there is sound beside the picture; known with the first frame.
    pub fn has_sound(&self) -> bool {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).has_sound
    }

    /// Where its frames lie on the screen; known with the first of them.
    pub fn plan(&self) -> Option<Plan> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).plan
    }

    /// What is next, without waiting.
    pub fn next(&mut self) -> Heard {
        // Asked first: frames that came before the end are not missed.
        let is_over = self.is_over.load(Ordering::Acquire);
        while let Some(sample) = self.sink.try_pull_sample(gst::ClockTime::ZERO) {
            if let Some(frame) = frame(&sample) {
                if self.seen == 0 {
                    self.promised = self.promise();
                }
                self.seen = frame.pts.unwrap_or(self.seen) + frame.length.unwrap_or(1);
                return Heard::Frame(frame);
            }
        }
        match (self.failure(), is_over) {
            (Some(words), _) => Heard::Failed(words),
            (None, false) => Heard::Nothing,
            (None, true) if self.seen == 0 => Heard::Failed("there is no picture in it".into()),
            (None, true) => match self.promised.filter(|promised| self.seen + CUT_OFF_NS < *promised) {
                Some(promised) => Heard::Failed(format!(
                    "it is cut off: its picture ends after {:.1} s of {:.1} s",
                    self.seen as f64 / 1e9,
                    promised as f64 / 1e9
                )),
                None => Heard::End,
            },
        }
    }

    fn promise(&self) -> Option<u64> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.container.as_deref().filter(|name| PROMISING.contains(name))?;
        drop(found);
        self.pipeline.query_duration::<gst::ClockTime>().map(gst::ClockTime::nseconds)
    }

    /// The first error; what is missing comes before it. A missing decoder for sound is none.
    fn failure(&mut self) -> Option<String> {
        loop {
            match self.faults.try_recv().ok()? {
                Fault::Missing(detail) if detail.starts_with("audio/") || detail.starts_with("text/") => {}
                Fault::Missing(detail) => {
                    self.missing.get_or_insert(detail);
                }
                Fault::Error(words) => {
                    return Some(self.missing.as_deref().map_or(words, plugins::missing));
                }
            }
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// Opens a file that may be anything.
///
/// # Errors
/// In words.
pub fn open(path: &Path) -> Result<File, String> {
    // Opening a FIFO must not wait for a writer.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|e| e.to_string())?;
    let meta = file.metadata().map_err(|e| e.to_string())?;
    if !meta.is_file() {
        return Err("it is not a file".into());
    }
    if meta.len() == 0 {
        return Err("it is empty".into());
    }
    Ok(file)
}

/// Looks at what `decodebin` finds, before it is decoded: the first is the kind of file. Sound is not decoded, and what is
/// far too large neither.
fn look(
    decode: &gst::Element,
    found: &Arc<Mutex<Found>>,
    is_picture: &Arc<AtomicBool>,
    say: impl Fn(String) + Send + Sync + 'static,
) {
    let (found, is_picture) = (Arc::clone(found), Arc::clone(is_picture));
    decode.connect("autoplug-continue", false, move |values| {
        let caps = values.get(2).and_then(|caps| caps.get::<gst::Caps>().ok());
        let Some(structure) = caps.as_ref().and_then(|caps| caps.structure(0)) else {
            return Some(true.to_value());
        };
        let name = structure.name().as_str();
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.container.is_none() {
            found.container = Some(name.to_owned());
            is_picture.store(name.starts_with("image/"), Ordering::Relaxed);
        }
        found.has_sound |= name.starts_with("audio/");
        drop(found);
        if let Err(words) = shape::bearable(structure, is_picture.load(Ordering::Relaxed)) {
            say(words);
            return Some(false.to_value());
        }
        let is_seen =
            !(name.starts_with("audio/") || name.starts_with("text/") || name.starts_with("subpicture/"));
        Some(is_seen.to_value())
    });
}

/// Links the first picture of a file to the sink, by what makes frames of it that fit.
fn link_first_picture(
    pipeline: &gst::Pipeline,
    decode: &gst::Element,
    sink: &AppSink,
    (wanted, found, is_picture): (Wanted, &Arc<Mutex<Found>>, &Arc<AtomicBool>),
    say: impl Fn(String) + Send + Sync + 'static,
) {
    let (pipeline, sink) = (pipeline.downgrade(), sink.downgrade());
    let (found, is_picture) = (Arc::clone(found), Arc::clone(is_picture));
    let end = Arc::new(say);
    let no_more = Arc::clone(&end);
    let has_picture = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&has_picture);
    decode.connect_pad_added(move |_, pad| {
        let (Some(pipeline), Some(sink)) = (pipeline.upgrade(), sink.upgrade()) else { return };
        let Some(caps) = pad.current_caps() else { return };
        let Some(source) = shape::source(pad, &caps) else { return };
        if has_picture.swap(true, Ordering::Relaxed) {
            return;
        }
        if u64::from(source.width) * u64::from(source.height) > PICTURE_PIXELS_MAX {
            return end(shape::too_large(source.width, source.height));
        }
        let plan = plan(source, wanted.screen, wanted.fit, wanted.rotation);
        found.lock().unwrap_or_else(PoisonError::into_inner).plan = Some(plan);
        let format = if is_picture.load(Ordering::Relaxed) { "BGRA" } else { "BGRx" };
        if let Err(error) = link(&pipeline, pad, &sink, (plan, format)) {
            end(format!("its picture cannot be brought to the screen: {error}"));
        }
    });
    decode.connect_no_more_pads(move |_| {
        if !seen.load(Ordering::Relaxed) {
            no_more("there is no picture in it".into());
        }
    });
}

fn link(
    pipeline: &gst::Pipeline,
    pad: &gst::Pad,
    sink: &AppSink,
    (plan, format): (Plan, &str),
) -> Result<(), gst::glib::BoolError> {
    let make = gst::ElementFactory::make;
    let queue = make("queue")
        .property("max-size-buffers", FRAMES_MAX)
        .property("max-size-bytes", 0u32)
        .property("max-size-time", 0u64)
        .build()?;
    let crop = make("videocrop")
        .property("left", plan.crop.left.cast_signed())
        .property("right", plan.crop.right.cast_signed())
        .property("top", plan.crop.top.cast_signed())
        .property("bottom", plan.crop.bottom.cast_signed())
        .build()?;
    // Borders are the canvas's business, and what is scaled has its shape already.
    let scale = make("videoconvertscale").property("add-borders", false).build()?;
    let filter = make("capsfilter").property("caps", caps(format, plan.scaled.0, plan.scaled.1)).build()?;
    let turn = ["identity", "90r", "180", "90l"][usize::from(plan.turn.quarters())];
    let flip = make("videoflip").property_from_str("video-direction", turn).build()?;
    let chain = [&queue, &crop, &scale, &filter, &flip, sink.upcast_ref()];
    pipeline.add_many(chain)?;
    gst::Element::link_many(chain)?;
    for element in chain {
        element.sync_state_with_parent()?;
    }
    let entry = queue.static_pad("sink").ok_or(gst::glib::bool_error!("a queue without an entry"))?;
    pad.link(&entry).map_err(|e| gst::glib::bool_error!("{}", e))?;
    Ok(())
}

/// A frame with its time; `None` if the film's own edit list leaves it out.
fn frame(sample: &gst::Sample) -> Option<Frame> {
    let buffer = sample.buffer_owned()?;
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    let pts = match buffer.pts() {
        Some(pts) => Some(segment.to_running_time(pts)?.nseconds()),
        None => None,
    };
    let length = buffer.duration().map(gst::ClockTime::nseconds);
    Some(Frame { buffer, pts, length })
}

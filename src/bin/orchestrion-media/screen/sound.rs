//! The sound of one film being decoded: a pipeline of its own beside that of the picture.
//!
//! `filesrc ! decodebin ! audioconvert ! audioresample ! appsink`. The file is read a second time for it, which its picture has
//! brought into memory already; so whatever is wrong with the sound, and however long it waits, the picture goes on. Both
//! count time from the same place in the file. It decodes ahead until its few places are full. Its threads only ring a bell.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks};
use orchestrion::media::screen::message::{SOUND_FRAME_LEN, SOUND_RATE_HZ};

use super::plugins;
use super::source::open;
use crate::decode::listen::ring;
use crate::decode::movie::{Longer, correct_reads};
use crate::fault::Fault;

/// Pieces that wait in the sink, at most.
const PIECES_MAX: u32 = 8;
/// What is wrong and not yet asked for, at most; the first of it matters.
const FAULTS_MAX: usize = 16;
/// What decoders make; the rest of a file is not decoded.
const RAW: &str = "audio/x-raw";

/// What is next.
pub enum Heard {
    Piece(Piece),
    /// After all pieces.
    End,
    /// It cannot go on, in words.
    Failed(String),
    /// Nothing for now; the bell will be rung.
    Nothing,
}

/// A piece of sound, cut to what the film wants to be heard.
pub struct Piece {
    /// When its first frame is due, on the film's own timeline, in nanoseconds.
    pub pts: u64,
    buffer: gst::MappedBuffer<gst::buffer::Readable>,
    /// Bytes of it.
    from: usize,
    until: usize,
}

impl Piece {
    /// What is left of it: stereo, 32 bit floats, little endian.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.from..self.until]
    }

    /// Takes frames away at its beginning.
    pub fn skip(&mut self, frames: usize) {
        let frames = frames.min((self.until - self.from) / SOUND_FRAME_LEN);
        self.from += frames * SOUND_FRAME_LEN;
        self.pts += frames_ns(frames);
    }
}

/// How long so many frames last, in nanoseconds.
pub fn frames_ns(frames: usize) -> u64 {
    frames as u64 * 1_000_000_000 / u64::from(SOUND_RATE_HZ)
}

/// How many whole frames lie within so many nanoseconds.
pub fn frames_within(ns: u64) -> usize {
    usize::try_from(u128::from(ns) * u128::from(SOUND_RATE_HZ) / 1_000_000_000).unwrap_or(usize::MAX)
}

/// See the head of this file. Dropping it stops its threads, which may take as long as a disk does.
#[derive(Debug)]
pub struct Sound {
    pipeline: gst::Pipeline,
    sink: AppSink,
    faults: Receiver<Fault>,
    missing: Option<String>,
    /// The file, as long as it is read by its number.
    _file: File,
    is_over: Arc<AtomicBool>,
}

impl Sound {
    /// Opens a film and begins to decode its sound.
    ///
    /// # Errors
    /// In words. What is wrong inside the file is said later, by [`Sound::next`].
    pub fn open(path: &Path, wake: &Sender<()>) -> Result<Self, String> {
        let sound = Self::make(open(path)?, wake).map_err(|e| format!("cannot make the pipeline: {e}"))?;
        // What is wrong with the file comes over the bus.
        let _ = sound.pipeline.set_state(gst::State::Playing);
        Ok(sound)
    }

    fn make(file: File, wake: &Sender<()>) -> Result<Self, gst::glib::BoolError> {
        let make = gst::ElementFactory::make;
        let pipeline = gst::Pipeline::new();
        let source =
            make("filesrc").property("location", format!("/proc/self/fd/{}", file.as_raw_fd())).build()?;
        correct_reads(&source, Longer::of(file.as_fd()));
        let decode = make("decodebin")
            .property("caps", gst::Caps::new_empty_simple(RAW))
            .property("expose-all-streams", false)
            .build()?;
        let (convert, resample) = (make("audioconvert").build()?, make("audioresample").build()?);
        let caps = gst::Caps::builder(RAW)
            .field("format", "F32LE")
            .field("layout", "interleaved")
            .field("rate", SOUND_RATE_HZ.cast_signed())
            .field("channels", 2)
            .build();
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
        let sink =
            AppSink::builder().caps(&caps).sync(false).max_buffers(PIECES_MAX).callbacks(callbacks).build();
        pipeline.add_many([&source, &decode, &convert, &resample, sink.upcast_ref()])?;
        source.link(&decode)?;
        gst::Element::link_many([&convert, &resample, sink.upcast_ref()])?;
        let entry =
            convert.static_pad("sink").ok_or(gst::glib::bool_error!("a converter without an entry"))?;
        // The first of several sounds.
        decode.connect_pad_added(move |_, pad| {
            if !entry.is_linked() {
                let _ = pad.link(&entry);
            }
        });
        let (fault, faults) = bounded(FAULTS_MAX);
        if let Some(bus) = pipeline.bus() {
            let wake = wake.clone();
            bus.set_sync_handler(move |_, message| {
                if let Some(is_wrong) = Fault::of(message) {
                    let _ = fault.try_send(is_wrong);
                    ring(&wake);
                }
                gst::BusSyncReply::Drop
            });
        }
        Ok(Self { pipeline, sink, faults, missing: None, _file: file, is_over })
    }

    /// What is next, without waiting.
    pub fn next(&mut self) -> Heard {
        // Asked first: pieces that came before the end are not missed.
        let is_over = self.is_over.load(Ordering::Acquire);
        while let Some(sample) = self.sink.try_pull_sample(gst::ClockTime::ZERO) {
            if let Some(piece) = piece(&sample) {
                return Heard::Piece(piece);
            }
        }
        match (self.failure(), is_over) {
            (Some(words), _) => Heard::Failed(words),
            (None, true) => Heard::End,
            (None, false) => Heard::Nothing,
        }
    }

    /// The first error; what is missing comes before it. A missing decoder for the picture is none.
    fn failure(&mut self) -> Option<String> {
        loop {
            match self.faults.try_recv().ok()? {
                Fault::Missing(detail) if !detail.starts_with("audio/") => {}
                Fault::Missing(detail) => {
                    self.missing.get_or_insert(detail);
                }
                Fault::Error(words) => return Some(self.missing.as_deref().map_or(words, plugins::missing)),
            }
        }
    }
}

impl Drop for Sound {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// A sample cut to its segment: what an edit list or an encoder's delay leaves out is not heard. `None`: nothing is left, or
/// it has no time.
fn piece(sample: &gst::Sample) -> Option<Piece> {
    let buffer = sample.buffer_owned()?;
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    let pts = buffer.pts()?;
    let buffer = buffer.into_mapped_buffer_readable().ok()?;
    let frames = buffer.len() / SOUND_FRAME_LEN;
    let within = |edge: gst::ClockTime| {
        frames_within(edge.nseconds().saturating_sub(pts.nseconds()).saturating_add(1000)).min(frames)
    };
    let first = segment.start().map_or(0, within);
    let last = segment.stop().map_or(frames, within);
    let start = pts.max(segment.start().unwrap_or_default());
    let pts = segment.to_running_time(start)?.nseconds();
    let (from, until) = (first * SOUND_FRAME_LEN, last * SOUND_FRAME_LEN);
    (from < until).then_some(Piece { pts, buffer, from, until })
}

//! One GStreamer pipeline from a descriptor to floats.
//!
//! `filesrc ! decodebin ! audioconvert ! audioresample ! F32LE ! appsink`, at the file's own rate and channels. Its threads only
//! ring a bell; everything is asked for from one thread.
//!
//! Musepack has `musepackdec` in place of `decodebin`. That one reads the file and decodes it in a thread of its own, which
//! `decodebin` starts before it links it (GStreamer 1.22): now and then the first sound finds nobody and the thread ends, or
//! an error is dropped, and nothing is ever said.

use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks};
use orchestrion::audio::id3v2_len;
use orchestrion::media::Format;
use orchestrion::media::message::{CHANNELS_MAX, DURATION_MS_MAX, Lasts, RATE_HZ_MAX, RATE_HZ_MIN};

use super::join::{Behind, Bytes};
use super::listen::ring;
use super::movie::{Longer, correct_reads};
use super::plugins::Loaded;
use crate::fault::Fault;

/// Buffers that wait in the sink, at most.
const BUFFERS_MAX: u32 = 4;
/// What decoders make; the rest of a file is not decoded.
const RAW: &str = "audio/x-raw";
/// Files that are tags with another file behind them.
const TAGS: [&str; 2] = ["application/x-id3", "application/x-apetag"];
/// How Musepack begins, of the versions 8 and 7.
const MUSEPACK: [&[u8]; 2] = [b"MPCK", b"MP+"];
/// Files that are nothing but packets of sound.
const BARE: [&str; 7] = [
    "audio/mpeg",
    "audio/x-ac3",
    "audio/x-eac3",
    "audio/x-dts",
    "audio/AMR",
    "audio/x-amr-nb-sh",
    "audio/x-amr-wb-sh",
];
/// Reads behind the end of the file, in a row; then it is cut off. gst-libav tells libavformat that nothing could be read where
/// it should say that the end is reached, so that a demuxer asks for the rest of a last packet without an end.
const READS_BEHIND_MAX: u32 = 200;
/// What is wrong, and not yet asked for, at most; the first of it matters.
const FAULTS_MAX: usize = 16;
/// Why a part of the pipeline cannot be made: the list of plugins is ours.
const MISMADE: &str = "cannot make the pipeline";

/// See the head of this file. Dropping it stops its threads.
pub struct Pipeline {
    pipeline: gst::Pipeline,
    sink: AppSink,
    faults: Receiver<Fault>,
    /// The file is nothing but packets of sound; its length is a guess from the first of them.
    is_bare: Arc<AtomicBool>,
    /// How much longer than it is GStreamer takes the file to be.
    longer_by: gst::ClockTime,
    /// What was given last.
    behind: Option<Behind>,
    /// The first decoder that is missing, as GStreamer names it.
    missing: Option<String>,
    /// Why it cannot go on.
    broken: Option<String>,
}

/// What the pipeline has to say.
pub enum Heard {
    /// Sound.
    Sound(Sound),
    /// The end, after all sound.
    End,
    /// It cannot, in words; but what was read before that may still be on its way through the decoder.
    Failing(String),
    /// It cannot, in words, and all sound is out.
    Failed(String),
    /// Nothing for now; the bell will be rung.
    Nothing,
}

/// A piece of sound, cut to what the file wants to be heard.
pub struct Sound {
    pub format: Format,
    /// Its first frame, counted from the start of the file; `None` where the file has no times.
    pub at_frames: Option<u64>,
    /// Something before it may be missing, as the decoder says.
    pub(super) is_torn: bool,
    pub(super) bytes: Bytes,
    pub(super) from: usize,
    pub(super) until: usize,
}

impl Sound {
    /// 32 bit floats, little endian, interleaved.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.from..self.until]
    }

    pub(super) fn frame_len(&self) -> usize {
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
        let len = rustix::fs::fstat(file).map_or(u64::MAX, |stat| stat.st_size.cast_unsigned());
        // By this name the file is opened again without its path, with a place of its own to read at.
        let source = gst::ElementFactory::make("filesrc")
            .property("location", format!("/proc/self/fd/{}", file.as_raw_fd()))
            .build()?;
        let is_bare = Arc::new(AtomicBool::new(false));
        let (decode, is_linked) = match musepackdec(file) {
            Some(decode) => (decode, true),
            None => (decodebin(&is_bare)?, false),
        };
        let convert = gst::ElementFactory::make("audioconvert").build()?;
        let resample = gst::ElementFactory::make("audioresample").build()?;
        let caps = gst::Caps::builder(RAW)
            .field("format", "F32LE")
            .field("layout", "interleaved")
            .field("rate", gst::IntRange::new(RATE_HZ_MIN as i32, RATE_HZ_MAX as i32))
            .field("channels", gst::IntRange::new(1, i32::from(CHANNELS_MAX)))
            .build();
        let (sound, end, wake) = (wake.clone(), wake.clone(), wake.clone());
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
        if is_linked {
            decode.link(&convert)?;
        } else {
            let entry =
                convert.static_pad("sink").ok_or(gst::glib::bool_error!("audioconvert without an entry"))?;
            // The first sound of a file; others stay unlinked.
            decode.connect_pad_added(move |_, pad| {
                if !entry.is_linked() {
                    let _ = pad.link(&entry);
                }
            });
        }
        let (fault, faults) = bounded(FAULTS_MAX);
        watch_reads(&source, len, fault.clone(), wake.clone());
        let longer = Longer::of(file);
        let longer_by = longer.as_ref().map_or(gst::ClockTime::ZERO, |longer| longer.by);
        correct_reads(&source, longer);
        if let Some(bus) = pipeline.bus() {
            // The bus queues a message only after this: what is rung for must be there before.
            bus.set_sync_handler(move |_, message| {
                if let Some(found) = Fault::of(message) {
                    let _ = fault.try_send(found);
                    ring(&wake);
                }
                gst::BusSyncReply::Drop
            });
        }
        Ok(Self { pipeline, sink, faults, is_bare, longer_by, behind: None, missing: None, broken: None })
    }

    /// What is next, without waiting.
    pub fn next(&mut self, plugins: &Loaded) -> Heard {
        loop {
            if let Some(sample) = self.sink.try_pull_sample(gst::ClockTime::ZERO) {
                match sound(&sample) {
                    Some(sound) => {
                        let sound = match self.behind.take() {
                            Some(behind) => behind.join(sound),
                            None => sound,
                        };
                        self.behind = Some(Behind::new(&sound));
                        return Heard::Sound(sound);
                    }
                    None => continue,
                }
            }
            self.broken = self.broken.take().or_else(|| self.failure(plugins));
            return match (&self.broken, self.sink.is_eos()) {
                (Some(words), true) => Heard::Failed(words.clone()),
                (Some(words), false) => Heard::Failing(words.clone()),
                (None, true) => Heard::End,
                (None, false) => Heard::Nothing,
            };
        }
    }

    /// The first error; what is missing comes before it. A missing decoder for pictures, or for one of two sounds, is none.
    fn failure(&mut self, plugins: &Loaded) -> Option<String> {
        loop {
            match self.faults.try_recv().ok()? {
                Fault::Missing(detail) => {
                    self.missing.get_or_insert(detail);
                }
                Fault::Error(words) => {
                    return Some(self.missing.as_deref().map_or(words, |detail| plugins.missing(detail)));
                }
            }
        }
    }

    /// How long the file is, as far as is known by now.
    pub fn lasts(&self) -> Option<Lasts> {
        let duration: gst::ClockTime = self.pipeline.query_duration()?;
        let duration = duration.saturating_sub(self.longer_by);
        let ms = Some(duration.mseconds()).filter(|ms| (1..=DURATION_MS_MAX).contains(ms))?;
        Some(if self.is_bare.load(Ordering::Relaxed) { Lasts::Estimated(ms) } else { Lasts::Promised(ms) })
    }

    /// Goes to a place. `false`: this file cannot be sought in; the pipeline is of no use any more.
    pub fn seek(&mut self, position_ms: u64) -> bool {
        self.behind = None;
        let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE;
        self.pipeline.seek_simple(flags, gst::ClockTime::from_mseconds(position_ms)).is_ok()
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// The decoder of a file that is Musepack, also behind a tag, if that is here.
fn musepackdec(file: BorrowedFd<'_>) -> Option<gst::Element> {
    let file = File::from(file.try_clone_to_owned().ok()?);
    let mut head = [0; 4];
    file.read_exact_at(&mut head, id3v2_len(&file).ok()?).ok()?;
    let is_musepack = MUSEPACK.iter().any(|magic| head.starts_with(magic));
    is_musepack.then(|| gst::ElementFactory::make("musepackdec").build().ok()).flatten()
}

/// What finds the decoders of all other files.
fn decodebin(is_bare: &Arc<AtomicBool>) -> Result<gst::Element, gst::glib::BoolError> {
    let decode = gst::ElementFactory::make("decodebin")
        .property("caps", gst::Caps::new_empty_simple(RAW))
        // Pictures in a file are not decoded.
        .property("expose-all-streams", false)
        .build()?;
    tell_bare(&decode, Arc::clone(is_bare));
    Ok(decode)
}

/// Counts the reads behind the end of the file, which has `len` bytes.
fn watch_reads(source: &gst::Element, len: u64, fault: Sender<Fault>, wake: Sender<()>) {
    let Some(pad) = source.static_pad("src") else { return };
    let behind = AtomicU32::new(0);
    pad.add_probe(gst::PadProbeType::PULL | gst::PadProbeType::BLOCK, move |_, read| {
        if read.offset < len {
            behind.store(0, Ordering::Relaxed);
        } else if behind.fetch_add(1, Ordering::Relaxed) == READS_BEHIND_MAX {
            let _ = fault.try_send(Fault::Error("it is cut off".into()));
            ring(&wake);
        }
        gst::PadProbeReturn::Pass
    });
}

/// Looks at what `decodebin` finds: the first thing that is no tag is the kind of file.
fn tell_bare(decode: &gst::Element, is_bare: Arc<AtomicBool>) {
    let is_told = AtomicBool::new(false);
    decode.connect("autoplug-continue", false, move |values| {
        let caps = values.get(2).and_then(|caps| caps.get::<gst::Caps>().ok());
        let name = caps.as_ref().and_then(|caps| caps.structure(0)).map(|caps| caps.name().as_str());
        if let Some(name) = name.filter(|name| !TAGS.contains(name))
            && !is_told.swap(true, Ordering::Relaxed)
        {
            is_bare.store(BARE.contains(&name), Ordering::Relaxed);
        }
        Some(true.to_value())
    });
}

/// Cuts a buffer to its segment: what an edit list, a seek or an encoder's delay leaves out is not heard.
fn sound(sample: &gst::Sample) -> Option<Sound> {
    let caps = sample.caps()?.structure(0)?;
    let rate_hz = u32::try_from(caps.get::<i32>("rate").ok()?).ok()?;
    let channels = u16::try_from(caps.get::<i32>("channels").ok()?).ok()?;
    let buffer = sample.buffer_owned()?;
    let is_torn = buffer.flags().contains(gst::BufferFlags::DISCONT);
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
        is_torn,
        bytes: Bytes::Mapped(buffer),
        from: first * frame_len,
        until: last * frame_len,
    };
    (first < last).then_some(sound)
}

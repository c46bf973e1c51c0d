//! What is on the screen: one pipeline, `appsrc ! sink`, that lives as long as the process and never changes its format.
//!
//! The sink shows each frame at its time on the pipeline's clock and keeps the last one. Nothing that decodes is part of
//! it.

use std::collections::VecDeque;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSrc;
use orchestrion::media::screen::message::{Setup, Sink};

use super::canvas::Canvas;
use super::card::Card;
use super::plugins::has_sink;
use super::sinks::Candidate;
use crate::decode::listen::ring;

/// How long a sink may take to start.
const START_MAX: gst::ClockTime = gst::ClockTime::from_seconds(5);
/// How long to wait before each try of a sink that may be refused for a moment: an X server starts anew when its last client
/// has gone, which was perhaps the process before this one.
const X11_TRIES: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(50), Duration::from_millis(100), Duration::from_millis(200)];
/// Frames on the way to the sink, at most; a sink that lets more wait does not show any.
const WAITING_MAX: u64 = 32;
/// Moments of frames that are remembered to tell the age of the last.
const DUES_MAX: usize = 64;

/// See the head of this file.
#[derive(Debug)]
pub struct Output {
    pipeline: gst::Pipeline,
    source: AppSrc,
    sink: gst::Element,
    /// What the sink shows on, where that is the board's own connector. It is closed after the sink.
    card: Option<Card>,
    pub canvas: Canvas,
    pub taken: Candidate,
    faults: Receiver<String>,
    /// When the latest frames are due, on the output's clock.
    dues: VecDeque<u64>,
    shown_at: u64,
}

impl Output {
    /// Opens the first of these that works, and shows the background on it.
    ///
    /// # Errors
    /// In words: none works.
    pub fn open(
        candidates: &[Candidate],
        setup: &Setup,
        passed_over: &mut Vec<String>,
        wake: &Sender<()>,
    ) -> Result<Self, String> {
        for candidate in candidates {
            let mut why = String::new();
            for again_in in tries(candidate.sink) {
                thread::sleep(*again_in);
                match Self::open_one(candidate, setup, wake) {
                    Ok(output) => return Ok(output),
                    Err(words) => why = words,
                }
            }
            passed_over.push(format!("{}: {why}", candidate.sink.as_str()));
        }
        Err(format!("there is nothing to show on: {}", passed_over.join("; ")))
    }

    /// Whether one works, without keeping it.
    pub fn can_open(candidate: &Candidate, setup: &Setup) -> bool {
        let (wake, _) = bounded(1);
        Self::open_one(candidate, setup, &wake).is_ok()
    }

    fn open_one(candidate: &Candidate, setup: &Setup, wake: &Sender<()>) -> Result<Self, String> {
        has_sink(candidate.sink)?;
        let canvas = Canvas::new(candidate.size, setup.background)?;
        let card = candidate.connector.as_ref().map(Card::open).transpose()?;
        let mut output = Self::make(candidate, setup, (canvas, card), wake).map_err(|e| e.to_string())?;
        let failed = |output: &Self| output.fault().unwrap_or_else(|| "it does not start".into());
        if output.pipeline.set_state(gst::State::Playing).is_err() {
            return Err(failed(&output));
        }
        let empty = output.canvas.empty()?;
        output.push(empty, 0)?;
        let (started, ..) = output.pipeline.state(START_MAX);
        if started.is_err() || output.pipeline.current_state() != gst::State::Playing {
            return Err(failed(&output));
        }
        match output.fault() {
            Some(words) => Err(words),
            None => Ok(output),
        }
    }

    fn make(
        candidate: &Candidate,
        setup: &Setup,
        (canvas, card): (Canvas, Option<Card>),
        wake: &Sender<()>,
    ) -> Result<Self, gst::glib::BoolError> {
        let pipeline = gst::Pipeline::new();
        let mut caps = canvas.caps();
        caps.make_mut().set("framerate", gst::Fraction::new(0, 1));
        let source = AppSrc::builder().caps(&caps).format(gst::Format::Time).build();
        // Whoever feeds it looks how many wait.
        source.set_max_bytes(0);
        let sink = element(candidate.sink)?;
        if let (Sink::X11, Some(display)) = (candidate.sink, &setup.display) {
            sink.set_property("display", display);
        }
        if let Some(card) = &card {
            sink.set_property("fd", card.number());
            sink.set_property("connector-id", card.connector());
        }
        sink.set_property("sync", true);
        // It goes to playing before the first frame; it drops none, since whoever feeds it decides that.
        sink.set_property("async", false);
        sink.set_property("max-lateness", -1i64);
        sink.set_property("qos", false);
        sink.set_property("enable-last-sample", true);
        pipeline.add_many([source.upcast_ref(), &sink])?;
        source.link(&sink)?;
        // The kernel's monotonic clock.
        pipeline.use_clock(Some(&gst::SystemClock::obtain()));
        let (fault, faults) = bounded(1);
        if let Some(bus) = pipeline.bus() {
            let wake = wake.clone();
            bus.set_sync_handler(move |_, message| {
                if let gst::MessageView::Error(error) = message.view() {
                    let _ = fault.try_send(error.error().message().trim_end_matches('.').to_owned());
                    ring(&wake);
                }
                gst::BusSyncReply::Drop
            });
        }
        let (taken, dues) = (candidate.clone(), VecDeque::new());
        Ok(Self { pipeline, source, sink, card, canvas, taken, faults, dues, shown_at: 0 })
    }

    /// Now, on the output's clock, in nanoseconds.
    pub fn now(&self) -> u64 {
        self.pipeline.current_running_time().map_or(0, gst::ClockTime::nseconds)
    }

    /// A moment of the output's clock, in nanoseconds, as one of the clock that all processes share.
    pub fn moment(&self, at: u64) -> u64 {
        self.pipeline.base_time().map_or(0, gst::ClockTime::nseconds).saturating_add(at)
    }

    /// Has a frame of the size of the screen shown when it is due; it does not wait.
    ///
    /// # Errors
    /// In words: the sink takes no more.
    pub fn push(&mut self, mut frame: gst::Buffer, due: u64) -> Result<(), String> {
        if self.source.property::<u64>("current-level-buffers") >= WAITING_MAX {
            return Err("it takes no more frames".into());
        }
        let changed = frame.make_mut();
        changed.set_pts(gst::ClockTime::from_nseconds(due));
        changed.set_dts(gst::ClockTime::NONE);
        changed.set_duration(gst::ClockTime::NONE);
        self.source.push_buffer(frame).map_err(|e| format!("it takes no frame: {e}"))?;
        if self.dues.len() == DUES_MAX {
            self.dues.pop_front();
        }
        self.dues.push_back(due);
        Ok(())
    }

    /// Switches the screen itself, if that is ours to switch; gives how it is then. While it is off nothing may be pushed.
    ///
    /// # Errors
    /// In words: it is as it was.
    pub fn switch(&self, is_on: bool) -> Result<bool, String> {
        match &self.card {
            Some(card) => card.switch(is_on).map(|()| is_on),
            None => Ok(true),
        }
    }

    /// Has the card look whether a screen is plugged.
    pub fn probe(&self) {
        if let Some(card) = &self.card {
            card.probe();
        }
    }

    /// What is wrong with the sink, if anything is.
    pub fn fault(&self) -> Option<String> {
        self.faults.try_recv().ok()
    }

    /// Frames that the sink has really shown.
    pub fn presented(&self) -> u64 {
        let stats = self.sink.property::<gst::Structure>("stats");
        stats.get::<u64>("rendered").unwrap_or(0)
    }

    /// How long the last frame has been there, in nanoseconds.
    pub fn frame_age(&mut self) -> u64 {
        let now = self.now();
        while self.dues.front().is_some_and(|due| *due <= now) {
            self.shown_at = self.dues.pop_front().unwrap_or(now);
        }
        now.saturating_sub(self.shown_at)
    }

    /// What is on the screen.
    pub fn last_sample(&self) -> Option<gst::Sample> {
        self.sink.property::<Option<gst::Sample>>("last-sample")
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn tries(sink: Sink) -> &'static [Duration] {
    match sink {
        Sink::X11 => &X11_TRIES,
        Sink::Auto | Sink::Kms | Sink::Wayland | Sink::Null => &X11_TRIES[..1],
    }
}

fn element(sink: Sink) -> Result<gst::Element, gst::glib::BoolError> {
    match sink {
        Sink::X11 => gst::ElementFactory::make("ximagesink").build(),
        Sink::Wayland => gst::ElementFactory::make("waylandsink").property("fullscreen", true).build(),
        // The frames have the size of the native mode and never another: it is set once.
        Sink::Kms => gst::ElementFactory::make("kmssink").property("force-modesetting", true).build(),
        Sink::Null | Sink::Auto => gst::ElementFactory::make("fakesink").build(),
    }
}

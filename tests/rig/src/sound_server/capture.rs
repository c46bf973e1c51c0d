//! Recording what is played to the sound server, and when it was.
//!
//! Owns the recorder process `parec` and one thread, `rig-capture`, which reads its output until
//! that ends, and notes when each chunk arrived. It never waits for those who look at the samples.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{CHANNELS, RATE_HZ, SINK, SoundServer};
use crate::{Error, Result, tool};

/// How long the first bytes may take to come.
const FIRST_BYTES_WITHIN: Duration = Duration::from_secs(15);
/// Chunks are 10 ms; a read takes whatever is there.
const READ_BYTES: usize = 64 * 1024;
const FRAME_BYTES: usize = CHANNELS as usize * size_of::<f32>();

/// A running recorder. Dropping it stops it and forgets what it heard.
pub struct Capture {
    recorder: Child,
    reader: Option<JoinHandle<()>>,
    heard: Arc<Heard>,
}

/// What the reader thread and those who ask share.
#[derive(Default)]
struct Heard {
    tape: Mutex<Tape>,
    grew: Condvar,
}

#[derive(Default)]
struct Tape {
    samples: Vec<f32>,
    /// When a chunk arrived, and how many frames there were with it.
    arrivals: Vec<(Instant, usize)>,
    has_ended: bool,
}

impl Capture {
    /// Starts recording from `server`; returns when the first bytes have come.
    ///
    /// # Errors
    /// [`Error::ToolMissing`] without `parec`, [`Error::CaptureEnded`] if it ends at once,
    /// [`Error::TimedOut`] if nothing comes.
    pub fn start(server: &SoundServer) -> Result<Self> {
        let mut recorder = Command::new("parec")
            .args(["-d", &format!("{SINK}.monitor"), "--format=float32le", "--latency-msec=10"])
            .args([format!("--rate={RATE_HZ}"), format!("--channels={CHANNELS}")])
            .envs(server.env())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| tool::not_started("parec", &error))?;
        let heard = Arc::new(Heard::default());
        let pipe = recorder.stdout.take();
        let mut capture = Self { recorder, reader: None, heard: Arc::clone(&heard) };
        let pipe = pipe.ok_or(Error::CaptureEnded)?;
        let reader = thread::Builder::new()
            .name("rig-capture".into())
            .spawn(move || heard.record(pipe))
            .map_err(Error::io("start the thread", Path::new("rig-capture")))?;
        capture.reader = Some(reader);
        capture.wait_until(1, FIRST_BYTES_WITHIN, |_| true)?;
        Ok(capture)
    }

    /// Waits until `is_so` says yes to the newest `window_frames` frames (interleaved stereo), and
    /// gives the moment at which it did. It is asked at each chunk, about every 10 ms, as soon as
    /// so many frames have arrived *since the call*: what was heard before is not looked at.
    ///
    /// # Errors
    /// [`Error::TimedOut`] after `timeout`, [`Error::CaptureEnded`] if the recorder ends.
    pub fn wait_until(
        &self,
        window_frames: usize,
        timeout: Duration,
        mut is_so: impl FnMut(&[f32]) -> bool,
    ) -> Result<Instant> {
        let started = Instant::now();
        let window = window_frames.max(1) * usize::from(CHANNELS);
        let mut tape = self.tape();
        let first = tape.samples.len();
        let mut asked_at = first;
        loop {
            let now_at = tape.samples.len();
            if now_at > asked_at && now_at - first >= window {
                asked_at = now_at;
                if is_so(&tape.samples[now_at - window..]) {
                    return Ok(Instant::now());
                }
            }
            if tape.has_ended {
                return Err(Error::CaptureEnded);
            }
            let Some(left) = timeout.checked_sub(started.elapsed()).filter(|left| !left.is_zero()) else {
                let what = format!("the sound to be as expected over {window_frames} frames");
                return Err(Error::TimedOut { what, waited_ms: timeout.as_millis() });
            };
            tape = self.heard.grew.wait_timeout(tape, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// How many frames have been recorded so far.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.tape().samples.len() / usize::from(CHANNELS)
    }

    /// Waits until `frames` more frames have been recorded: sound passes, so this is no sleep.
    ///
    /// # Errors
    /// As [`wait_until`](Self::wait_until).
    pub fn wait_frames(&self, frames: usize, timeout: Duration) -> Result<Instant> {
        self.wait_until(frames, timeout, |_| true)
    }

    /// Stops and gives what was recorded.
    #[must_use]
    pub fn stop(mut self) -> Captured {
        self.end();
        let tape = std::mem::take(&mut *self.tape());
        Captured::new(tape)
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.heard.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&mut self) {
        // It may have ended by itself; it is gone either way.
        let _ = self.recorder.kill();
        let _ = self.recorder.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.end();
    }
}

impl Heard {
    /// The reader thread: until the pipe ends.
    fn record(&self, mut pipe: ChildStdout) {
        let mut buffer = vec![0; READ_BYTES];
        let mut rest = Vec::with_capacity(READ_BYTES + FRAME_BYTES);
        loop {
            let count = match pipe.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            let arrival = Instant::now();
            rest.extend_from_slice(&buffer[..count]);
            let whole = rest.len() - rest.len() % FRAME_BYTES;
            if whole == 0 {
                continue;
            }
            let mut tape = self.tape.lock().unwrap_or_else(PoisonError::into_inner);
            let samples = rest[..whole].as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
            tape.samples.extend(samples);
            let frames = tape.samples.len() / usize::from(CHANNELS);
            tape.arrivals.push((arrival, frames));
            drop(tape);
            rest.drain(..whole);
            self.grew.notify_all();
        }
        self.tape.lock().unwrap_or_else(PoisonError::into_inner).has_ended = true;
        self.grew.notify_all();
    }
}

/// What was recorded: samples, and the time that each was played at.
#[derive(Debug, Clone)]
pub struct Captured {
    /// Interleaved stereo.
    pub samples: Vec<f32>,
    /// Frames a second.
    pub rate_hz: u32,
    /// Channels of `samples`.
    pub channels: u16,
    /// When frame 0 was there.
    anchor: Instant,
}

impl Captured {
    /// Chunks arrive late by some milliseconds, and by many now and then: the median of (arrival −
    /// frames before it) is a better clock than any one of them.
    fn new(tape: Tape) -> Self {
        let captured = |anchor| Self { samples: tape.samples, rate_hz: RATE_HZ, channels: CHANNELS, anchor };
        let Some(&(first, _)) = tape.arrivals.first() else { return captured(Instant::now()) };
        let mut offsets_s: Vec<f64> = tape
            .arrivals
            .iter()
            .map(|&(arrival, frames)| {
                arrival.duration_since(first).as_secs_f64() - frames as f64 / f64::from(RATE_HZ)
            })
            .collect();
        offsets_s.sort_by(f64::total_cmp);
        captured(moved(first, offsets_s[offsets_s.len() / 2]))
    }

    /// One channel of it; see [`crate::signal::channel`].
    #[must_use]
    pub fn channel(&self, index: u16) -> Vec<f32> {
        crate::signal::channel(&self.samples, self.channels, index)
    }

    /// How many frames it has.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.samples.len() / usize::from(self.channels)
    }

    /// When a frame was heard, to some milliseconds. Frames beyond the end are fine.
    #[must_use]
    pub fn instant_of(&self, frame: usize) -> Instant {
        moved(self.anchor, frame as f64 / f64::from(self.rate_hz))
    }

    /// Which frame was heard at `instant`; 0 for what was before the first.
    #[must_use]
    pub fn frame_at(&self, instant: Instant) -> usize {
        let since_s = instant.saturating_duration_since(self.anchor).as_secs_f64();
        (since_s * f64::from(self.rate_hz)).round() as usize
    }
}

/// `instant` plus or minus seconds.
fn moved(instant: Instant, seconds: f64) -> Instant {
    let by = Duration::try_from_secs_f64(seconds.abs()).unwrap_or_default();
    let there = if seconds < 0.0 { instant.checked_sub(by) } else { instant.checked_add(by) };
    there.unwrap_or(instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_instants_are_two_names_of_one_thing() {
        let start = Instant::now() + Duration::from_secs(10);
        let mut tape = Tape { samples: vec![0.0; 2 * 4800], ..Tape::default() };
        for chunk in 1..=10_u64 {
            let late_ms = if chunk == 3 { 80 } else { 0 };
            tape.arrivals.push((start + Duration::from_millis(chunk * 10 + late_ms), chunk as usize * 480));
        }
        let captured = Captured::new(tape);
        let error = captured.instant_of(0).duration_since(start - Duration::from_secs(1)).as_secs_f64() - 1.0;
        assert!(error.abs() < 1e-6, "{error}");
        assert_eq!(captured.frame_at(captured.instant_of(1234)), 1234);
        assert_eq!(captured.frame_at(start - Duration::from_secs(1)), 0);
        assert_eq!(captured.frames(), 4800);
    }

    #[test]
    fn an_empty_capture_has_a_clock_too() {
        let captured = Captured::new(Tape::default());
        assert_eq!(
            (captured.frames(), captured.frame_at(Instant::now())),
            (0, captured.frame_at(Instant::now()))
        );
    }
}

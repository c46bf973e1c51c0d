//! A stream of the server: a thread that waits until it wants sound, renders as much, sends it, and does nothing else.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, SystemTime};

use pulseaudio::protocol::stream::{BufferAttr, StreamFlags};
use pulseaudio::protocol::{
    ChannelMap, Command, CorkStreamParams, CreatePlaybackStreamReply, LatencyParams, PlaybackLatency,
    PlaybackStreamParams, Prop, Props, SampleFormat, SampleSpec,
};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::link::{Link, Said};
use crate::audio::film::monotonic_ns;
use crate::audio::output::writer::Writer;
use crate::audio::output::{Loan, Wanted};

/// A frame of two floats, in bytes.
const FRAME_LEN: u32 = 8;
/// Periods that the server may hold: it takes no fewer where it asks for one at a time.
const HELD_PERIODS: u32 = 3;
/// Periods that it is given, so that a command is heard soon.
const PERIODS: u32 = 2;
/// The most that the server can hold of one stream, in bytes, as PulseAudio has it.
const HELD_LEN_MAX: u32 = 4 << 20;
/// How often it is asked when what is given to it will be heard, where films need that; between, its clock is believed.
const ASK_EVERY_NS: u64 = 250_000_000;

/// A stream that was made and does not play.
pub(super) struct Waiting {
    link: Link,
    channel: u32,
    /// What the server wants at once, in bytes, less what it never gets.
    wanted_len: i64,
    held: Held,
    how: Wanted,
}

/// What the server holds of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    /// At the most, in bytes; it never wants more.
    len_max: i64,
    /// The part of that which it never gets, in bytes.
    kept_len: i64,
}

impl Held {
    fn of(attr: &BufferAttr, how: Wanted) -> Self {
        let len_max = attr.target_length.min(HELD_LEN_MAX);
        let period_len = period_len(how);
        // It does not begin with less than it says, and asks for no less at once.
        let given_len = period_len.max(attr.minimum_request_length).saturating_mul(PERIODS);
        let kept_len = len_max.saturating_sub(given_len.max(attr.pre_buffering));
        Self { len_max: len_max.into(), kept_len: kept_len.into() }
    }
}

/// A period, in bytes.
fn period_len(how: Wanted) -> u32 {
    how.buffer_frames.saturating_mul(FRAME_LEN)
}

impl Waiting {
    /// Has the server make a stream to this sink, or to the one of its choice.
    ///
    /// # Errors
    /// The server's words.
    pub(super) fn new(mut link: Link, sink: Option<CString>, how: Wanted) -> Result<Self, String> {
        let period_len = period_len(how);
        let format =
            if cfg!(target_endian = "big") { SampleFormat::Float32Be } else { SampleFormat::Float32Le };
        let mut props = Props::new();
        props.set(Prop::MediaName, c"music");
        let params = PlaybackStreamParams {
            sample_spec: SampleSpec { format, channels: 2, sample_rate: how.rate_hz },
            channel_map: ChannelMap::stereo(),
            buffer_attr: BufferAttr {
                target_length: period_len.saturating_mul(HELD_PERIODS),
                pre_buffering: period_len.saturating_mul(PERIODS),
                minimum_request_length: period_len,
                ..BufferAttr::default()
            },
            flags: StreamFlags {
                start_corked: true,
                early_requests: true,
                // Who names a sink wants to know when it has gone.
                no_move: sink.is_some(),
                ..StreamFlags::default()
            },
            sink_name: sink,
            props,
            ..PlaybackStreamParams::default()
        };
        let made: CreatePlaybackStreamReply = link.ask(&Command::CreatePlaybackStream(params))?;
        let held = Held::of(&made.buffer_attr, how);
        let wanted_len = i64::from(made.requested_bytes).min(held.len_max) - held.kept_len;
        Ok(Self { link, channel: made.channel, wanted_len, held, how })
    }

    /// Lets it pull the mixer.
    ///
    /// # Errors
    /// The system has no thread or descriptor left.
    pub(super) fn start(self, loan: Loan) -> io::Result<Writer> {
        Writer::start("pulse_output", move |stop| {
            let mut playing = Playing::new(self, loan);
            if let Err(words) = playing.run(stop) {
                playing.loan.lose(words);
            }
        })
    }
}

struct Playing {
    link: Link,
    channel: u32,
    wanted_len: i64,
    held: Held,
    how: Wanted,
    moments: Moments,
    stereo: Vec<f32>,
    bytes: Vec<u8>,
    loan: Loan,
}

impl Playing {
    fn new(waiting: Waiting, loan: Loan) -> Self {
        let Waiting { link, channel, wanted_len, held, how } = waiting;
        let len = how.buffer_frames as usize * 2;
        let (stereo, bytes) = (vec![0.0; len], vec![0; len * size_of::<f32>()]);
        let moments = Moments::new(how);
        Self { link, channel, wanted_len, held, how, moments, stereo, bytes, loan }
    }

    /// Until it is told to stop.
    ///
    /// # Errors
    /// Why it is lost, in words.
    fn run(&mut self, stop: &OwnedFd) -> Result<(), String> {
        self.feed()?;
        self.link
            .send(&Command::CorkPlaybackStream(CorkStreamParams { channel: self.channel, cork: false }))?;
        loop {
            self.feed()?;
            let (server, interest) = (self.link.as_fd(), self.link.interest());
            let mut sockets = [PollFd::new(stop, PollFlags::IN), PollFd::from_borrowed_fd(server, interest)];
            match poll(&mut sockets, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(io::Error::from(error).to_string()),
            }
            if !sockets[0].revents().is_empty() {
                return Ok(());
            }
            self.link.receive()?;
            while let Some(said) = self.link.next()? {
                self.hear(said)?;
            }
        }
    }

    fn hear(&mut self, said: Said) -> Result<(), String> {
        match said {
            Said::Answer(number, answer) if self.moments.is_asked(number) => {
                let answer: PlaybackLatency = self.link.read(&answer)?;
                self.moments.answered(&answer, monotonic_ns());
            }
            Said::Wants(channel, len) if channel == self.channel => {
                self.wanted_len = (self.wanted_len + i64::from(len)).min(self.held.len_max);
            }
            Said::Ended => return Err("the sink has gone".into()),
            // It asks for so much more or less in all.
            Said::Moved(attr) => {
                let held = Held::of(&attr, self.how);
                self.wanted_len = (self.wanted_len + self.held.kept_len - held.kept_len).min(held.len_max);
                self.held = held;
                self.moments.forget();
            }
            Said::StoodStill => self.moments.forget(),
            Said::Refusal(number, words) if !self.moments.is_asked(number) => return Err(words),
            Said::Answer(..) | Said::Refusal(..) | Said::Wants(..) => {}
        }
        Ok(())
    }

    /// Renders and sends what is wanted, as long as the socket takes it.
    fn feed(&mut self) -> Result<(), String> {
        while self.link.flush()? && self.wanted_len >= FRAME_LEN.into() {
            let wanted = usize::try_from(self.wanted_len / i64::from(FRAME_LEN)).unwrap_or(usize::MAX);
            let frames = wanted.min(self.how.buffer_frames as usize);
            let stereo = &mut self.stereo[..frames * 2];
            if self.loan.wants_moments() {
                self.loan.begin(self.moments.delay(monotonic_ns()), self.how.rate_hz);
            }
            self.loan.render(stereo);
            let bytes = &mut self.bytes[..size_of_val(stereo)];
            for (to, from) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(&*stereo) {
                *to = from.to_ne_bytes();
            }
            self.link.send_sound(self.channel, bytes)?;
            self.moments.sent(frames);
            self.wanted_len -= bytes.len() as i64;
            self.link.flush()?;
            self.loan.report();
        }
        // Whoever reads nothing is asked nothing.
        let is_through = self.link.flush()?;
        if is_through && self.loan.wants_moments() && self.moments.is_due(monotonic_ns()) {
            let asked = LatencyParams { channel: self.channel, now: SystemTime::now() };
            let number = self.link.send(&Command::GetPlaybackLatency(asked))?;
            self.moments.asked(number, monotonic_ns());
        }
        self.link.flush()?;
        Ok(())
    }
}

/// When the frame that is sent next will be heard. The server is asked now and then; between, sound passes as time does.
#[derive(Debug)]
struct Moments {
    how: Wanted,
    /// Of the frame that is sent next.
    next_ns: Option<u64>,
    /// The question that is under way, and when it was asked.
    question: Option<(u32, u64)>,
    /// Frames sent since it was.
    since_frames: usize,
    answered_ns: u64,
}

impl Moments {
    fn new(how: Wanted) -> Self {
        Self { how, next_ns: None, question: None, since_frames: 0, answered_ns: 0 }
    }

    fn frames_ns(&self, frames: u64) -> u64 {
        frames.saturating_mul(1_000_000_000) / u64::from(self.how.rate_hz.max(1))
    }

    fn sent(&mut self, frames: usize) {
        self.since_frames += frames;
        self.next_ns = self.next_ns.map(|at| at.saturating_add(self.frames_ns(frames as u64)));
    }

    fn is_due(&self, now_ns: u64) -> bool {
        self.question.is_none()
            && (self.next_ns.is_none() || now_ns.saturating_sub(self.answered_ns) > ASK_EVERY_NS)
    }

    fn asked(&mut self, number: u32, now_ns: u64) {
        (self.question, self.since_frames) = (Some((number, now_ns)), 0);
    }

    fn is_asked(&self, number: u32) -> bool {
        self.question.is_some_and(|(asked, _)| asked == number)
    }

    /// The server looked somewhere between question and answer.
    fn answered(&mut self, answer: &PlaybackLatency, now_ns: u64) {
        let Some((_, asked_ns)) = self.question.take() else { return };
        let waits_len = u64::try_from(answer.write_offset.saturating_sub(answer.read_offset)).unwrap_or(0);
        let ahead_ns = self
            .frames_ns(waits_len / u64::from(FRAME_LEN) + self.since_frames as u64)
            .saturating_add(answer.sink_usec.saturating_mul(1000));
        self.answered_ns = now_ns;
        self.next_ns = Some((asked_ns + now_ns.saturating_sub(asked_ns) / 2).saturating_add(ahead_ns));
    }

    fn forget(&mut self) {
        (self.next_ns, self.question) = (None, None);
    }

    /// Before the first answer it is what usually waits.
    fn delay(&self, now_ns: u64) -> Duration {
        let usual_ns = self.frames_ns(u64::from(self.how.buffer_frames) * u64::from(PERIODS));
        Duration::from_nanos(self.next_ns.map_or(usual_ns, |at| at.saturating_sub(now_ns)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOW: Wanted = Wanted { rate_hz: 48_000, buffer_frames: 480 };
    const MS: u64 = 1_000_000;

    fn answer(sink_ms: u64, waits_frames: i64) -> PlaybackLatency {
        PlaybackLatency {
            sink_usec: sink_ms * 1000,
            source_usec: 0,
            playing: true,
            local_time: SystemTime::UNIX_EPOCH,
            remote_time: SystemTime::UNIX_EPOCH,
            write_offset: 80_000 + waits_frames * i64::from(FRAME_LEN),
            read_offset: 80_000,
            underrun_for: 0,
            playing_for: 0,
        }
    }

    #[test]
    fn the_next_frame_is_heard_after_all_that_was_sent_before_it() {
        let mut moments = Moments::new(HOW);
        assert_eq!(moments.delay(0), Duration::from_millis(20), "two periods, as long as nobody knows");
        assert!(moments.is_due(0));
        moments.asked(7, 1000 * MS);
        assert!(!moments.is_due(2000 * MS) && moments.is_asked(7) && !moments.is_asked(8));
        moments.sent(480);
        moments.answered(&answer(5, 960), 1002 * MS);
        // It looked at 1001 ms; then 5 ms of the sink, 20 ms of its queue and 10 ms that were under way.
        assert_eq!(moments.delay(1001 * MS), Duration::from_millis(35));
        moments.sent(480);
        assert_eq!(moments.delay(1011 * MS), Duration::from_millis(35));
        assert!(!moments.is_due(1200 * MS) && moments.is_due(1300 * MS));
        assert_eq!(moments.delay(9000 * MS), Duration::ZERO, "what is late is heard at once");
    }

    #[test]
    fn the_server_is_given_two_periods_or_what_it_needs_to_begin_and_to_ask() {
        let held = |target_length, pre_buffering, minimum_request_length| {
            let attr =
                BufferAttr { target_length, pre_buffering, minimum_request_length, ..BufferAttr::default() };
            let Held { len_max, kept_len } = Held::of(&attr, HOW);
            (len_max, len_max - kept_len)
        };
        // A period has 3,840 bytes.
        assert_eq!(held(11_520, 7_680, 3_840), (11_520, 7_680));
        assert_eq!(held(27_360, 9_600, 3_840), (27_360, 9_600), "it does not begin with less");
        assert_eq!(held(27_360, 7_680, 6_000), (27_360, 12_000), "it asks for no less");
        assert_eq!(held(5_000, 7_680, 3_840), (5_000, 5_000), "it does not hold more");
        let (len_max, given) = held(u32::MAX, u32::MAX, u32::MAX);
        assert!(len_max == i64::from(HELD_LEN_MAX) && given == len_max, "nonsense has an end");
    }

    #[test]
    fn what_was_known_before_it_stood_still_is_forgotten_with_the_question() {
        let mut moments = Moments::new(HOW);
        moments.asked(7, 0);
        moments.forget();
        assert!(!moments.is_asked(7) && moments.is_due(0));
        moments.answered(&answer(5, 960), MS);
        assert_eq!(moments.delay(0), Duration::from_millis(20));
        moments.asked(8, 0);
        moments.answered(&answer(0, -960), 0);
        assert_eq!(moments.delay(0), Duration::ZERO, "a queue that ran dry holds nothing");
    }
}

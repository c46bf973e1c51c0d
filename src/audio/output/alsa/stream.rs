//! A device that is written to: a thread that waits until there is room, renders a period, writes it, and does nothing else.
//!
//! cpal's thread asks before each period for the room, the delay and the status. Behind PulseAudio's plug-in each of these waits for a
//! lock that the plug-in's own thread holds just then, so that the two wake each other up some eight times a period
//! (`docs/PERFORMANCE.md`). Here the kernel's or the plug-in's poll says that there is room, what finds none waits for the next,
//! and the delay is asked for only where films need it.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use alsa::pcm::{Access, Format, HwParams, IO, IoFormat, PCM, State};
use alsa::poll::{Descriptors, Flags, poll, pollfd};
use alsa::{Direction, ValueOr};
use cpal::{FromSample, Sample};

use super::troubles::{Trouble, Troubles};
use crate::audio::output::writer::Writer;
use crate::audio::output::{Loan, Wanted};

/// Periods of a buffer.
const PERIODS: u32 = 2;
/// How long a device may be without a sign until its state is looked at: some do not tell of a loss.
const SIGN_WAIT_MS: i32 = 500;

/// How samples are given to a device: what of these it can do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Samples {
    Float,
    Int32,
    Int16,
}

impl Samples {
    /// The best first.
    pub(super) const ALL: [Self; 3] = [Self::Float, Self::Int32, Self::Int16];

    fn format(self) -> Format {
        match self {
            Self::Float => Format::float(),
            Self::Int32 => Format::s32(),
            Self::Int16 => Format::s16(),
        }
    }
}

/// An open device that nobody writes to yet.
pub(super) struct Device {
    pcm: PCM,
    samples: Samples,
    rate_hz: u32,
    period_frames: u32,
}

impl Device {
    /// Opens one by ALSA's name.
    ///
    /// # Errors
    /// It is not there, somebody else has it, or it cannot be as it is wanted (`EINVAL`).
    pub(super) fn open(name: &str, wanted: Wanted, samples: Samples) -> alsa::Result<Self> {
        let pcm = PCM::new(name, Direction::Playback, true)?;
        {
            let hw = HwParams::any(&pcm)?;
            hw.set_access(Access::RWInterleaved)?;
            hw.set_format(samples.format())?;
            hw.set_channels(2)?;
            hw.set_rate(wanted.rate_hz, ValueOr::Nearest)?;
            hw.set_buffer_size_near(alsa::pcm::Frames::from(wanted.buffer_frames * PERIODS))?;
            hw.set_period_size_near(alsa::pcm::Frames::from(wanted.buffer_frames), ValueOr::Nearest)?;
            pcm.hw_params(&hw)?;
        }
        let (buffer_frames, period_frames) = pcm.get_params()?;
        let (buffer, period) = (buffer_frames as alsa::pcm::Frames, period_frames as alsa::pcm::Frames);
        {
            let sw = pcm.sw_params_current()?;
            // It begins when as much waits in it as will wait for good, whatever it makes of the buffer.
            sw.set_start_threshold((period * alsa::pcm::Frames::from(PERIODS)).min(buffer))?;
            sw.set_avail_min(period)?;
            pcm.sw_params(&sw)?;
        }
        pcm.prepare()?;
        let period_frames = u32::try_from(period_frames).unwrap_or(wanted.buffer_frames);
        Ok(Self { pcm, samples, rate_hz: wanted.rate_hz, period_frames })
    }

    /// Lets it pull the mixer.
    ///
    /// # Errors
    /// The system has no thread or descriptor left.
    pub(super) fn start(self, loan: Loan, troubles: Troubles) -> io::Result<Writer> {
        Writer::start("alsa_output", move |stop| match self.samples {
            Samples::Float => self.run::<f32>(stop, loan, troubles),
            Samples::Int32 => self.run::<i32>(stop, loan, troubles),
            Samples::Int16 => self.run::<i16>(stop, loan, troubles),
        })
    }

    /// Until it is told to stop or the device is lost.
    fn run<T: Copy + IoFormat + Sample + FromSample<f32>>(
        &self,
        stop: &OwnedFd,
        mut loan: Loan,
        mut troubles: Troubles,
    ) {
        let opened = self.pcm.io_checked::<T>().and_then(|io| Ok((io, Descriptors::get(&self.pcm)?)));
        let (io, of_device) = match opened {
            Ok(opened) => opened,
            Err(error) => return troubles.lose(error.to_string()),
        };
        let stop = pollfd { fd: stop.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let mut descriptors = vec![stop];
        descriptors.extend(of_device);
        let mut period = Period::<T>::new(self.period_frames as usize);
        loop {
            let woken = poll(&mut descriptors, SIGN_WAIT_MS);
            if descriptors[0].revents != 0 {
                return;
            }
            let done = match woken {
                Ok(0) => self.look(),
                Ok(_) => self.feed(&io, &descriptors[1..], &mut period, &mut loan),
                Err(error) if error.errno() == libc::EINTR => Ok(()),
                Err(error) => Err(Trouble::Error(error.to_string())),
            };
            if done.is_err_and(|trouble| troubles.add(trouble)) {
                return;
            }
        }
    }

    /// Nothing came for a while: some devices lose their sound without a word.
    fn look(&self) -> Result<(), Trouble> {
        match self.pcm.state() {
            State::Disconnected => Err(Trouble::Gone("the device was disconnected".into())),
            State::XRun => self.recover(alsa::Error::new("snd_pcm_state", libc::EPIPE)),
            State::Suspended => self.recover(alsa::Error::new("snd_pcm_state", libc::ESTRPIPE)),
            _ => Ok(()),
        }
    }

    /// Writes what finds room, and renders a period when there is none left to write.
    fn feed<T: Copy + IoFormat + Sample + FromSample<f32>>(
        &self,
        io: &IO<'_, T>,
        descriptors: &[pollfd],
        period: &mut Period<T>,
        loan: &mut Loan,
    ) -> Result<(), Trouble> {
        let said = self.pcm.revents(descriptors).map_err(|error| Trouble::Error(error.to_string()))?;
        if said.is_empty() {
            return Ok(());
        }
        if said.intersects(Flags::HUP | Flags::NVAL) {
            return Err(Trouble::Gone("the device was disconnected".into()));
        }
        if period.is_written() {
            if loan.wants_moments() {
                let delay_frames = u64::try_from(self.pcm.delay().unwrap_or(0)).unwrap_or(0);
                let delay = Duration::from_nanos(delay_frames * 1_000_000_000 / u64::from(self.rate_hz));
                loan.begin(delay, self.rate_hz);
            }
            period.render(loan);
        }
        match io.writei(period.rest()) {
            Ok(frames) => {
                period.written(frames);
                loan.report();
                Ok(())
            }
            Err(error) if error.errno() == libc::EAGAIN => Ok(()),
            Err(error) => self.recover(error),
        }
    }

    /// Lets a device that ran dry or slept begin anew; what was not written is written then.
    fn recover(&self, error: alsa::Error) -> Result<(), Trouble> {
        match error.errno() {
            libc::ENODEV | libc::ENOENT => return Err(Trouble::Gone(error.to_string())),
            libc::EPIPE | libc::ESTRPIPE | libc::EINTR => {}
            _ => return Err(Trouble::Error(error.to_string())),
        }
        self.pcm.try_recover(error, true).map_err(|error| Trouble::Error(error.to_string()))?;
        Err(Trouble::Dry)
    }
}

/// A period that was rendered, and how much of it the device has taken.
struct Period<T> {
    stereo: Vec<f32>,
    samples: Vec<T>,
    written: usize,
}

impl<T: Copy + Sample + FromSample<f32>> Period<T> {
    fn new(frames: usize) -> Self {
        let len = frames * 2;
        Self { stereo: vec![0.0; len], samples: vec![T::EQUILIBRIUM; len], written: len }
    }

    fn is_written(&self) -> bool {
        self.written >= self.samples.len()
    }

    fn render(&mut self, loan: &mut Loan) {
        loan.render(&mut self.stereo);
        for (to, from) in self.samples.iter_mut().zip(&self.stereo) {
            *to = T::from_sample(*from);
        }
        self.written = 0;
    }

    fn rest(&self) -> &[T] {
        self.samples.get(self.written..).unwrap_or_default()
    }

    fn written(&mut self, frames: usize) {
        self.written += frames * 2;
    }
}

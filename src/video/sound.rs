//! The sound of films from the process that shows to the mixer. Nothing here waits: what finds no room is left out.

use std::time::{Duration, Instant};

use crate::audio;
use crate::audio::film::{Writer, monotonic_ns, track};

/// What a film's sound is sent ahead beside what lies in the output's buffers, in milliseconds: it covers a process and two
/// threads that are late, and the time that the music takes to make room.
const AHEAD_MS: u32 = 250;
/// What is due later than this is a mistake, in nanoseconds.
const AHEAD_NS_MAX: u64 = 10_000_000_000;
/// How often a new ring is tried where the audio thread takes none.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Sound {
    audio: audio::Handle,
    lead_ms: u32,
    writer: Option<Writer>,
    try_at: Instant,
}

/// How long before it is due sound must be sent to an output like this.
pub(super) fn lead_ms(setup: audio::Setup) -> u32 {
    // Two of its buffers lie between a command and its sound.
    let buffered_ms = 2 * u64::from(setup.buffer_frames) * 1000 / u64::from(setup.rate_hz.max(1));
    AHEAD_MS.saturating_add(u32::try_from(buffered_ms).unwrap_or(u32::MAX))
}

impl Sound {
    pub(super) fn new(audio: audio::Handle, lead_ms: u32) -> Self {
        Self { audio, lead_ms, writer: None, try_at: Instant::now() }
    }

    /// A piece of a film; without bytes it ends what was given before.
    pub(super) fn take(&mut self, film: u64, due_ns: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return self.cut(due_ns);
        }
        if due_ns > monotonic_ns().saturating_add(AHEAD_NS_MAX) {
            return;
        }
        if self.writer.as_ref().is_none_or(Writer::is_abandoned) && !self.begin() {
            return;
        }
        if let Some(writer) = &mut self.writer
            && !writer.push(film, due_ns, bytes)
        {
            log::debug!("sound of a film finds no room");
        }
    }

    /// Nothing of what was given is heard from this moment on; 0: at once.
    pub(super) fn cut(&mut self, at_ns: u64) {
        if let Some(writer) = &mut self.writer {
            writer.cut(at_ns);
        }
    }

    /// Gives the audio thread a ring: the first, or one for a thread that has taken the place of one that died.
    fn begin(&mut self) -> bool {
        self.writer = None;
        if Instant::now() < self.try_at {
            return false;
        }
        self.try_at = Instant::now() + TRY_EVERY;
        let (writer, films) = track(self.lead_ms);
        if self.audio.hear_films(films).is_err() {
            return false;
        }
        self.writer = Some(writer);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_is_sent_so_early_that_it_is_in_time_behind_the_buffers_of_any_output() {
        assert_eq!(lead_ms(audio::Setup { rate_hz: 48_000, buffer_frames: 1024 }), 292);
        assert_eq!(lead_ms(audio::Setup { rate_hz: 48_000, buffer_frames: 24_000 }), 1250);
    }
}

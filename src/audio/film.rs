//! The sound of films on its way to the mixer: a ring of blocks, each with the moment at which it is due.
//!
//! The video thread writes what the process that shows says; the output's callback reads. All moments are of the kernel's
//! monotonic clock, which all processes share, so that the sound is heard when the picture is seen, whatever each of them
//! has in its buffers. The ring is bounded: what finds no room is left out, and what comes too late too. Either end may die;
//! the other notices by the ring.

mod input;
mod reader;

use rtrb::{Producer, RingBuffer};
use rustix::time::{ClockId, clock_gettime};

pub(super) use input::FilmInput;
pub(crate) use reader::Reader;

use crate::media::screen::message::{SOUND_FRAMES_MAX, SOUND_RATE_HZ};

/// A frame, in nanoseconds.
const FRAME_NS: f64 = 1e9 / SOUND_RATE_HZ as f64;
/// Room in the ring beside what is sent ahead, in blocks: what is small, and what comes in a rush.
const SPARE_BLOCKS: usize = 16;
/// Room that only a cut takes.
const CUTS: usize = 2;
/// The loudest sample that is believed.
const SAMPLE_MAX: f32 = 4.0;

/// How the sound of films is to be heard.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FilmMix {
    /// Its gain, as in `Gain`; `None`: it is not heard.
    pub gain_db: Option<f32>,
    /// By how much the music is turned down while a film is heard, in dB; kept within 0 and [`super::DUCK_DB_MAX`].
    pub duck_db: f32,
}

/// A piece of a film's sound: stereo, at [`SOUND_RATE_HZ`]. A newer film takes the place of an older one from the moment on
/// at which it is due; without frames it is the end of the older one.
#[derive(Debug)]
struct Block {
    film: u32,
    due_ns: u64,
    frames: usize,
    samples: [f32; SOUND_FRAMES_MAX * 2],
}

/// The video thread's end. Dropping it ends the sound within some milliseconds.
#[derive(Debug)]
pub(crate) struct Writer {
    ring: Producer<Block>,
    film: u32,
    /// What its writer calls the film.
    named: Option<u64>,
}

/// A ring for what is sent so much ahead.
pub(crate) fn track(lead_ms: u32) -> (Writer, Reader) {
    let block_ms = SOUND_FRAMES_MAX as u32 * 1000 / SOUND_RATE_HZ;
    let (ring, out) = RingBuffer::new((lead_ms / block_ms) as usize * 3 / 2 + SPARE_BLOCKS);
    (Writer { ring, film: 0, named: None }, Reader::new(out))
}

/// Now, on the clock that all processes share, in nanoseconds.
pub(crate) fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

impl Writer {
    /// Adds interleaved stereo of the film with this name, as little endian floats, at most [`SOUND_FRAMES_MAX`] frames;
    /// `false`: it is left out.
    pub(crate) fn push(&mut self, film: u64, due_ns: u64, bytes: &[u8]) -> bool {
        let (stereo, rest) = bytes.as_chunks::<4>();
        let frames = stereo.len() / 2;
        let is_block = rest.is_empty() && stereo.len().is_multiple_of(2) && frames <= SOUND_FRAMES_MAX;
        if !is_block || self.ring.slots() <= CUTS {
            return false;
        }
        if self.named != Some(film) {
            (self.named, self.film) = (Some(film), self.film.wrapping_add(1));
        }
        let mut block = Block { film: self.film, due_ns, frames, samples: [0.0; SOUND_FRAMES_MAX * 2] };
        for (to, from) in block.samples.iter_mut().zip(stereo) {
            let sample = f32::from_le_bytes(*from);
            *to = if sample.is_finite() { sample.clamp(-SAMPLE_MAX, SAMPLE_MAX) } else { 0.0 };
        }
        self.ring.push(block).is_ok()
    }

    /// Of what was added nothing is heard from this moment on.
    pub(crate) fn cut(&mut self, at_ns: u64) {
        (self.named, self.film) = (None, self.film.wrapping_add(1));
        let samples = [0.0; SOUND_FRAMES_MAX * 2];
        // Where there is not even room for this nobody reads, and what waits is late when somebody does.
        let _ = self.ring.push(Block { film: self.film, due_ns: at_ns, frames: 0, samples });
    }

    /// Nobody reads any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.ring.is_abandoned()
    }
}

#[cfg(test)]
mod tests;

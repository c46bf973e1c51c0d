//! Where one buffer of a decoder does not follow from the one before, since what lies between could not be decoded: the hole is
//! mended as in the daemon's own decoders.

use std::ops::Deref;

use gstreamer as gst;
use orchestrion::audio::mend::{self, HOLE_MS_MAX, LEARNT_FRAMES, mend};
use orchestrion::media::Format;

use super::pipeline::Sound;

/// A buffer that comes no more than this later than the one before ended follows from it: some containers count in milliseconds.
const LATE_MS_MAX: u64 = 5;

/// 32 bit floats, little endian.
pub enum Bytes {
    /// As GStreamer has them.
    Mapped(gst::MappedBuffer<gst::buffer::Readable>),
    /// As they were changed.
    Own(Vec<u8>),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(buffer) => buffer,
            Self::Own(bytes) => bytes,
        }
    }
}

/// The end of what was given last.
pub struct Behind {
    format: Format,
    /// The frame behind it.
    at_frames: Option<u64>,
    samples: Vec<f32>,
}

impl Behind {
    pub fn new(sound: &Sound) -> Self {
        let bytes = sound.bytes();
        let learnt = &bytes[bytes.len().saturating_sub(LEARNT_FRAMES * sound.frame_len())..];
        let frames = (bytes.len() / sound.frame_len()) as u64;
        Self {
            format: sound.format,
            at_frames: sound.at_frames.map(|at| at + frames),
            samples: floats(learnt),
        }
    }

    /// What comes next, with what fills the hole before it, if there is one.
    pub fn join(self, sound: Sound) -> Sound {
        let rate_hz = u64::from(sound.format.rate_hz);
        let late = self.at_frames.zip(sound.at_frames).and_then(|(end, begin)| begin.checked_sub(end));
        let is_late = late.is_some_and(|late| late * 1000 > LATE_MS_MAX * rate_hz);
        if !(sound.is_torn || is_late) || self.format != sound.format {
            return sound;
        }
        let hole = late.filter(|late| is_late && *late * 1000 <= HOLE_MS_MAX * rate_hz).unwrap_or(0);
        let mut samples = floats(sound.bytes());
        let like = mend::Sound::new(sound.format.channels.into(), sound.format.rate_hz);
        mend(&self.samples, usize::try_from(hole).unwrap_or(0), &mut samples, like);
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        Sound {
            at_frames: sound.at_frames.map(|at| at - hole),
            from: 0,
            until: bytes.len(),
            bytes: Bytes::Own(bytes),
            ..sound
        }
    }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|sample| f32::from_le_bytes(*sample)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Format = Format { rate_hz: 48_000, channels: 2 };

    fn sound(at_frames: Option<u64>, is_torn: bool) -> Sound {
        let bytes: Vec<u8> = (0..2000)
            .flat_map(|at| {
                let sample = 0.5 * (at as f32 * 0.05 + at_frames.unwrap_or(0) as f32 * 0.3).sin();
                [sample, -sample]
            })
            .flat_map(f32::to_le_bytes)
            .collect();
        Sound { format: FORMAT, at_frames, is_torn, from: 0, until: bytes.len(), bytes: Bytes::Own(bytes) }
    }

    /// What is played of `next` behind a buffer of 2000 frames that began at 1000, and where it begins.
    fn joined(next: Sound) -> (Vec<f32>, Option<u64>) {
        let joined = Behind::new(&sound(Some(1000), false)).join(next);
        (floats(joined.bytes()), joined.at_frames)
    }

    fn steepest(samples: &[f32]) -> f32 {
        samples.windows(3).map(|w| (w[2] - w[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn what_follows_is_left_alone() {
        let meant = |at| floats(sound(Some(at), false).bytes());
        // To the frame, by less than a container can tell, or behind a seek in a file without times.
        for at in [3000, 3200, 2900] {
            assert_eq!(joined(sound(Some(at), false)), (meant(at), Some(at)));
        }
        assert_eq!(joined(sound(None, false)), (floats(sound(None, false).bytes()), None));
        let mono = Sound { format: Format { channels: 1, ..FORMAT }, ..sound(Some(9000), true) };
        assert_eq!(joined(mono).1, Some(9000));
    }

    #[test]
    fn a_hole_is_filled_one_that_is_too_long_is_left_out_and_neither_has_an_edge() {
        let before = floats(sound(Some(1000), false).bytes());
        for (at, is_torn, filled) in
            [(8000, false, 5000), (8000, true, 5000), (3000, true, 0), (200_000, false, 0)]
        {
            let (samples, begin) = joined(sound(Some(at), is_torn));
            assert_eq!((samples.len(), begin), ((2000 + filled as usize) * 2, Some(at - filled)));
            let whole = [before.clone(), samples].concat();
            assert!(steepest(&whole) < steepest(&before) * 1.5, "{at}: {}", steepest(&whole));
        }
    }
}

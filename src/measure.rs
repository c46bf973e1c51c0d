//! Measuring: how loud a file is, where in it the music begins and ends, and what its content is called.
//!
//! Thread `measure` has the lowest priority of the system and measures ahead of what is played, one file after another,
//! into `measurements.sqlite`; `orchestrion scan` does the same for a whole shelf at once, on all cores. A file is
//! measured as this device plays it: as stereo, mono on both sides.
//!
//! # Cue points
//! Loudness is looked at in windows of 10 ms, weighted as in EBU R128, so that rumble and a constant offset do not count. A window is
//! music when it lies above the loudness of the whole less [`CUE_RANGE_LU`] and above [`CUE_FLOOR_LUFS`], and so do the two windows
//! beside it: a tick is none. The head is the first such moment less [`HEAD_MARGIN_MS`], the tail the last one and [`TAIL_MARGIN_MS`].
//! Where less than [`SILENCE_KEPT_MS`] would be cut, nothing is.
//!
//! Why so: what is 40 LU below the song is, in a room where the song has 70 dB, at 30 dB: below the room's own noise. Liquidsoap's autocue
//! works in the same way (−42 LU to the whole for both ends, in steps of 100 ms); Mixxx takes one sample above −60 dBFS, which an
//! old record's hiss exceeds and a soft song's beginning may not. The floor is R128's own absolute gate: what it calls
//! silence (ITU-R BS.1770-4, section 5.1).

mod hash;
mod levels;
mod meter;
mod service;
#[cfg(test)]
mod tests;

mod true_peak;

use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

pub use service::{AHEAD_LEN_MAX, FAILED_LEN_MAX, Handle, Measure, give_way};

use crate::audio::{LoadError, whole};
use meter::Meter;

/// Rises whenever the same file would be measured with another outcome; older measurements are made again.
pub const VERSION: u32 = 1;
/// What is so far below the loudness of the whole is no music, in LU.
pub const CUE_RANGE_LU: f32 = 40.0;
/// Whatever the loudness of the whole, this is silence, in LUFS.
pub const CUE_FLOOR_LUFS: f32 = -70.0;
/// What is kept before the first moment of music: a soft attack.
pub const HEAD_MARGIN_MS: u64 = 50;
/// What is kept after the last moment of music: the end of a reverb.
pub const TAIL_MARGIN_MS: u64 = 250;
/// Shorter silence at an end is left there: nobody hears it, and a place other than the start costs a seek.
pub const SILENCE_KEPT_MS: u64 = 200;

/// What the measuring thread is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// These files will be played, the next one first: measure what is not known of them. Takes the place of what was told
    /// before; of more than [`AHEAD_LEN_MAX`] the first count.
    Ahead(Ahead),
    /// The same, and somebody waits for the first one: what is being measured now gives way to it, and is measured again later.
    AheadAtOnce(Ahead),
}

/// Files that will be played.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ahead {
    /// Whoever plays them looks up by himself what is known of them.
    pub songs: Vec<Arc<Path>>,
    /// Nobody looks up what is known of films: it is told, whether they have to be measured or not.
    pub films: Vec<Arc<Path>>,
}

/// What the measuring thread reports.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A file was measured that was not known, or it is a film; what succeeded is in `measurements.sqlite` already.
    Measured {
        /// Which.
        path: Arc<Path>,
        /// Which content of it; `None` when not even that could be seen.
        file: Option<FileId>,
        /// What it is, or why it cannot be measured. It is not tried again in this run while its size and time are the same.
        result: Result<Box<Measurement>, LoadError>,
    },
}

/// The identity of a file at a path until it is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    /// Bytes.
    pub size: u64,
    /// When it was changed, milliseconds since 1970.
    pub modified_ms: i64,
}

/// The name of a content: SHA-256 over all bytes of a file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Blob(pub [u8; 32]);

/// What was measured of a content.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// Which content.
    pub blob: Blob,
    /// How long it is, as decoded.
    pub duration_ms: u64,
    /// `None`: it is silence.
    pub loudness: Option<Loudness>,
    /// Where the music begins and ends.
    pub cues: Cues,
}

/// How loud a content is (EBU R128).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loudness {
    /// Of the whole, gated (ITU-R BS.1770-4); ungated for files of less than 400 ms.
    pub integrated_lufs: f32,
    /// The loudest 3 s; of shorter files the loudest 400 ms, or the whole.
    pub loudest_lufs: f32,
    /// The true peak of the louder channel.
    pub true_peak_dbtp: f32,
}

/// Places in a file, in milliseconds from its start. See the head of this file for the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cues {
    /// Where the music begins; 0 where there is hardly any silence.
    pub head_ms: u64,
    /// Where it ends; the file's end where there is hardly any silence.
    pub tail_ms: u64,
    /// The last moment that is no more than 8 LU below the whole: what comes after it only fades out.
    pub swing_end_ms: u64,
    /// The longest silence between head and tail.
    pub silence_ms: u64,
}

/// Why there is no measurement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It was told to stop.
    #[error("stopped")]
    Stopped,
    /// The file cannot be read or decoded to its end.
    #[error(transparent)]
    Load(#[from] LoadError),
}

impl FileId {
    /// Looks at a file.
    ///
    /// # Errors
    /// There is no such file, it may not be read, it is something else than a file, or empty.
    pub fn of(path: &Path) -> Result<Self, LoadError> {
        whole::identify(path).map(|(size, modified_ms)| Self { size, modified_ms })
    }
}

impl fmt::Display for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({self})")
    }
}

/// Measures a file: reads it once for its name, which on a board also brings it into memory, and decodes it only if `known`
/// knows nothing of that content. (Both in one reading would need a decoder that reads from the first byte to the last, and
/// they do not.) Stops within some 100 ms of decoding once `stopped` says so.
///
/// # Errors
/// It was stopped, the file cannot be read or decoded to its end, or it was changed meanwhile.
pub fn measure(
    path: &Path,
    known: &mut dyn FnMut(&Blob) -> Option<Measurement>,
    stopped: &dyn Fn() -> bool,
) -> Result<(FileId, Measurement), Failure> {
    let before = FileId::of(path)?;
    let unreadable = |error: std::io::Error| LoadError::Unreadable(error.to_string());
    let blob = hash::blob_of(path, stopped).map_err(unreadable)?.ok_or(Failure::Stopped)?;
    let measurement = match known(&blob) {
        Some(measurement) => measurement,
        None => listen(path, blob, stopped)?,
    };
    if FileId::of(path)? != before {
        return Err(LoadError::Unreadable("it was changed while it was measured".into()).into());
    }
    Ok((before, measurement))
}

fn listen(path: &Path, blob: Blob, stopped: &dyn Fn() -> bool) -> Result<Measurement, Failure> {
    let mut meter: Option<Result<Meter, _>> = None;
    let mut refused = None;
    let media = whole::listen_to(path, |rate_hz, stereo| {
        if stopped() {
            return ControlFlow::Break(());
        }
        let pushed = match meter.get_or_insert_with(|| Meter::new(rate_hz)) {
            Ok(meter) => meter.push(rate_hz, stereo),
            Err(error) => Err(*error),
        };
        match pushed {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                refused = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    if let Some(error) = refused {
        return Err(LoadError::NotDecodable(error.to_string()).into());
    }
    if media.is_none() {
        return Err(Failure::Stopped);
    }
    let Some(Ok(meter)) = meter.filter(|meter| meter.as_ref().is_ok_and(|meter| meter.duration_ms() > 0))
    else {
        return Err(LoadError::NotDecodable("there is no sound in it".into()).into());
    };
    Ok(Measurement { blob, duration_ms: meter.duration_ms(), loudness: meter.loudness(), cues: meter.cues() })
}

//! A whole file, decoded as fast as it goes, by the same decoders that play it: for measuring it.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::song::{Progress, Song};
use super::{LoadError, Media, file};
use crate::service::panic_words;

/// Frames that are handed over at once, at most.
pub const CHUNK_FRAMES: usize = 4096;

/// A file's size in bytes, and when it was changed, in milliseconds since 1970.
///
/// # Errors
/// There is no such file, it may not be read, it is something else than a file, or empty.
pub fn identify(path: &Path) -> Result<(u64, i64), LoadError> {
    file::open(path).map(|file| (file.size, file.modified_ms))
}

/// Decodes a file from its start to its end and hands it to `listen` as it would be played at its own rate: interleaved
/// stereo, with the frames a second it has, which may change on the way. Gives what the file is; `None` when `listen` broke
/// it off.
///
/// # Errors
/// The file cannot be opened or decoded, it ended early, or its decoder panicked.
pub fn listen_to(
    path: &Path,
    mut listen: impl FnMut(u32, &[f32]) -> ControlFlow<()>,
) -> Result<Option<Media>, LoadError> {
    let pour = || {
        let (mut song, media) = Song::open(path, 0)?;
        let mut stereo = Vec::with_capacity(2 * CHUNK_FRAMES);
        loop {
            stereo.clear();
            // A change of the format is told with the samples before it.
            let rate_hz = song.format().rate_hz;
            let progress = song.read(CHUNK_FRAMES, &mut stereo);
            if listen(rate_hz, &stereo).is_break() {
                return Ok(None);
            }
            if progress == Progress::Ended {
                return song.verdict().map_or(Ok(Some(media)), Err);
            }
        }
    };
    catch_unwind(AssertUnwindSafe(pour)).unwrap_or_else(|panic| {
        Err(LoadError::NotDecodable(format!("its decoder gave up: {}", panic_words(panic.as_ref()))))
    })
}

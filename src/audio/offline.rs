//! The same decoders, rings and mixer without a clock: pulled as fast as they go, into memory. Tests and benches look at
//! the samples that a room would hear.

use std::path::Path;

use super::deck::{Job, Milestone, guarded};
use super::feed::FeedId;
use super::mixer::{Input, MixerCommand, MixerJoin, MixerJoinAt, MixerRemote, MixerReport, mixer};
use super::{JoinAt, LoadError};

/// Frames that are pulled at once, as an output would.
const BLOCK_FRAMES: usize = 1024;

/// How the next song comes in.
#[derive(Debug, Clone, Copy)]
pub struct Next<'a> {
    /// The file.
    pub path: &'a Path,
    /// When it begins.
    pub at: JoinAt,
    /// How long both are heard, in milliseconds.
    pub fade_ms: u32,
}

/// Interleaved stereo of `first` and what comes after it, at `rate_hz`, full volume; the first frame is the first of the
/// song, though the mixer is late.
///
/// # Errors
/// A file cannot be opened or decoded.
pub fn render(first: &Path, next: &[Next<'_>], rate_hz: u32) -> Result<Vec<f32>, LoadError> {
    let mut failures = Vec::new();
    let heard = mix(first, next, rate_hz, &mut failures)?;
    failures.into_iter().next().map_or(Ok(heard), Err)
}

/// As [`render`], also of files that fail on the way: what a room hears of them, and what was wrong with each that failed,
/// in their order.
///
/// # Errors
/// A file cannot be opened.
pub fn render_damaged(
    first: &Path,
    next: &[Next<'_>],
    rate_hz: u32,
) -> Result<(Vec<f32>, Vec<LoadError>), LoadError> {
    let mut failures = Vec::new();
    let heard = mix(first, next, rate_hz, &mut failures)?;
    Ok((heard, failures))
}

fn mix(
    first: &Path,
    next: &[Next<'_>],
    rate_hz: u32,
    failures: &mut Vec<LoadError>,
) -> Result<Vec<f32>, LoadError> {
    let (mut mixer, mut remote) = mixer(rate_hz);
    tell(&mut remote, MixerCommand::Volume { gain: 1.0, ramp_frames: 0 });
    let mut jobs = [None, None];
    let mut playing = 0;
    load(&mut remote, &mut jobs, playing, first, rate_hz)?;
    let begin =
        MixerJoin { from: None, to: FeedId(0), at: MixerJoinAt::Now, fade_frames: 0, or_splice: None };
    tell(&mut remote, MixerCommand::Join(begin));
    let mut out = Vec::new();
    let mut block = [0.0; BLOCK_FRAMES * 2];
    let mut ended = 0;
    let mut next = next.iter();
    // The other deck is free once the first song plays, and again whenever one has ended.
    let mut room = false;
    while ended <= playing || next.len() > 0 {
        if room && let Some(next) = next.next() {
            let to = playing + 1;
            load(&mut remote, &mut jobs, to, next.path, rate_hz)?;
            let frames = |ms: u64| ms * u64::from(rate_hz) / 1000;
            let at = match next.at {
                JoinAt::Now => MixerJoinAt::Now,
                JoinAt::End => MixerJoinAt::End,
                JoinAt::Position(ms) => MixerJoinAt::Frame(frames(ms)),
            };
            let (from, to) = (Some(FeedId(playing as u64)), FeedId(to as u64));
            let fade_frames = frames(next.fade_ms.into()) as u32;
            tell(&mut remote, MixerCommand::Join(MixerJoin { from, to, at, fade_frames, or_splice: None }));
            playing += 1;
            room = false;
        }
        for job in &mut jobs {
            failures.extend(fill(job));
        }
        mixer.render(&mut block);
        out.extend_from_slice(&block);
        while let Ok(report) = remote.reports.pop() {
            match report {
                MixerReport::Started(feed) => room |= feed == FeedId(0),
                MixerReport::Ended(_) => {
                    ended += 1;
                    room = true;
                }
                MixerReport::Crossed { .. } | MixerReport::Film(_) | MixerReport::FilmHeard(_) => {}
            }
        }
    }
    // The rest of the last song is still inside.
    let delay = mixer.delay_frames() * 2;
    let songs_end = out.len();
    out.resize(songs_end + delay, 0.0);
    mixer.render(&mut out[songs_end..]);
    out.drain(..delay);
    // What was pulled behind the last sample is the block's, not the song's.
    let heard = out.chunks_exact(2).rposition(|frame| frame != [0.0, 0.0]).map_or(0, |last| last + 1);
    out.truncate(heard * 2);
    Ok(out)
}

/// Fills a job's ring; a job that is done is dropped, which tells the mixer that there will be no more. Gives what was
/// wrong with it.
fn fill(slot: &mut Option<Job>) -> Option<LoadError> {
    while let Some(job) = slot.as_mut().filter(|job| job.is_filling()) {
        if let Some(Milestone::Ended(error)) = job.pump() {
            *slot = None;
            return error;
        }
    }
    None
}

fn load(
    remote: &mut MixerRemote,
    jobs: &mut [Option<Job>; 2],
    number: usize,
    path: &Path,
    rate_hz: u32,
) -> Result<(), LoadError> {
    let (job, feed, _) = guarded(|| Job::open(FeedId(number as u64), path, 0, rate_hz))?;
    jobs[number % 2] = Some(job);
    tell(remote, MixerCommand::Attach([Input::DeckA, Input::DeckB][number % 2], feed));
    Ok(())
}

fn tell(remote: &mut MixerRemote, command: MixerCommand) {
    // The queue holds far more than is told between two blocks.
    let _ = remote.commands.push(command);
}

#[cfg(test)]
mod tests {
    use orchestrion_rig::encode::{Format, encode};
    use orchestrion_rig::signal;

    use super::*;

    #[test]
    fn songs_are_rendered_with_their_joins_to_the_frame() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wav");
        encode(&signal::doubled(&[0.25; 48_000]), 2, 48_000, Format::Wav, &path).unwrap();
        let next = |at, fade_ms| Next { path: &path, at, fade_ms };
        let joins = [next(JoinAt::End, 0), next(JoinAt::Position(900), 100), next(JoinAt::End, 0)];
        let out = render(&path, &joins, 48_000).unwrap();
        assert_eq!(out.len() / 2, 48_000 * 4 - 4800);
        // Bit by bit from the first frame to the last, but for the fade in the middle.
        assert!(out[..48_000 * 3].iter().chain(&out[48_000 * 4..]).all(|sample| *sample == 0.25));
    }
}

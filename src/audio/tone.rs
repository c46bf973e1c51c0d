//! A soft chord on one output, to hear whether it is the right one and the right way round: left, right, both. It takes
//! the way that music takes: a ring, the mixer, the output.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::Setup;
use super::feed::{Counters, FeedId, feed};
use super::mixer::{Input, MixerCommand, MixerJoin, MixerJoinAt, MixerReport, mixer};
use super::output::{Dock, Ready, Wake, Wanted};

/// The chord, in Hz: A major, of which every loudspeaker in a room can give all.
pub const CHORD_HZ: [f64; 3] = [440.0, 554.365, 659.255];
/// −20 dB of full scale: the highest that the chord can get.
pub const PEAK: f64 = 0.1;

/// The silence before, between and after, which also keeps the end from being cut off by an output that closes.
const SILENCE_MS: u32 = 350;
const CHORD_MS: u32 = 1000;
/// It swells and dies away.
const RISE_MS: u32 = 60;
const FALL_MS: u32 = 400;
/// How long nothing may move before the output is given up.
const STALL_MAX: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Where the chord is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// On the left only.
    Left,
    /// On the right only.
    Right,
    /// On both.
    Both,
}

impl Side {
    /// In the order in which they sound.
    pub const ALL: [Self; 3] = [Self::Left, Self::Right, Self::Both];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
            Self::Both => "both",
        }
    }

    fn gains(self) -> [f64; 2] {
        match self {
            Self::Left => [1.0, 0.0],
            Self::Right => [0.0, 1.0],
            Self::Both => [1.0, 1.0],
        }
    }
}

/// Plays the chord on an output; `begins` is called as each side begins. Takes about four and a half seconds.
///
/// # Errors
/// The output's words: it does not open, or opens and does not pull.
pub fn play(name: &str, begins: &mut dyn FnMut(Side)) -> Result<(), String> {
    let setup = Setup::default();
    let (mixer, mut remote) = mixer(setup.rate_hz);
    let dock = Dock::new(mixer);
    let wanted = Wanted { rate_hz: setup.rate_hz, buffer_frames: setup.buffer_frames };
    // Its end shows by its standing still.
    let opened = dock.start(Ready::new(name, wanted, &(Arc::new(|| {}) as Wake))?)?;
    let samples = chime(opened.rate_hz);
    let id = FeedId(1);
    let counters = Counters::new(id, 0);
    let (mut writer, ring) = feed(Arc::clone(&counters), samples.len() / 2);
    writer.push(&samples);
    // There will be no more.
    drop(writer);
    let join = MixerJoin { from: None, to: id, at: MixerJoinAt::Now, fade_frames: 0, or_splice: None };
    for command in [
        MixerCommand::Volume { gain: 1.0, ramp_frames: 0 },
        MixerCommand::Attach(Input::DeckA, ring),
        MixerCommand::Join(join),
    ] {
        // The queue holds far more than these.
        let _ = remote.commands.push(command);
    }
    let mut sides = Side::ALL.into_iter().zip(0u64..).peekable();
    let (mut heard, mut moved) = (0, Instant::now());
    loop {
        while let Ok(report) = remote.reports.pop() {
            if matches!(report, MixerReport::Ended(_)) {
                return Ok(());
            }
        }
        let now = counters.heard_frames();
        if now > heard {
            (heard, moved) = (now, Instant::now());
        } else if moved.elapsed() > STALL_MAX {
            return Err(format!("it opens, but takes no sound for {} s", STALL_MAX.as_secs()));
        }
        let begin_ms = |index| u64::from(SILENCE_MS) + index * u64::from(SILENCE_MS + CHORD_MS);
        let has_begun =
            |(_, index): &(Side, u64)| heard * 1000 >= begin_ms(*index) * u64::from(opened.rate_hz);
        if let Some((side, _)) = sides.next_if(has_begun) {
            begins(side);
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Silence and chords, interleaved stereo.
fn chime(rate_hz: u32) -> Vec<f32> {
    let frames = |ms: u32| (u64::from(ms) * u64::from(rate_hz) / 1000) as usize;
    let silence = vec![0.0; frames(SILENCE_MS) * 2];
    let mut samples = silence.clone();
    for side in Side::ALL {
        for frame in 0..frames(CHORD_MS) {
            let sample =
                chord(frame, rate_hz) * envelope(frame, frames(RISE_MS), frames(FALL_MS), frames(CHORD_MS));
            samples.extend(side.gains().map(|gain| (sample * gain) as f32));
        }
        samples.extend(&silence);
    }
    samples
}

fn chord(frame: usize, rate_hz: u32) -> f64 {
    let time_s = frame as f64 / f64::from(rate_hz);
    let tones = CHORD_HZ.map(|hz| (std::f64::consts::TAU * hz * time_s).sin());
    PEAK / CHORD_HZ.len() as f64 * tones.into_iter().sum::<f64>()
}

/// Half a cosine up, half a cosine down, 1 in between: no step in it, nor in its slope.
fn envelope(frame: usize, rise: usize, fall: usize, all: usize) -> f64 {
    let smooth =
        |at: usize, len: usize| 0.5 - 0.5 * (std::f64::consts::PI * (at as f64 / len as f64).min(1.0)).cos();
    smooth(frame, rise) * smooth(all - frame, fall)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chime_is_left_then_right_then_both_and_never_louder_than_said() {
        for rate_hz in [44_100, 48_000] {
            let samples = chime(rate_hz);
            assert!(samples.iter().all(|sample| f64::from(sample.abs()) <= PEAK));
            let at = |ms: u32, channel: usize| {
                let from = (u64::from(ms) * u64::from(rate_hz) / 1000) as usize * 2;
                samples[from..from + 4000]
                    .iter()
                    .skip(channel)
                    .step_by(2)
                    .fold(0.0f32, |max, s| max.max(s.abs()))
            };
            for (index, side) in (0..).zip(Side::ALL) {
                let middle_ms = SILENCE_MS + index * (SILENCE_MS + CHORD_MS) + CHORD_MS / 3;
                let heard = [at(middle_ms, 0) > 0.03, at(middle_ms, 1) > 0.03];
                assert_eq!(heard, side.gains().map(|gain| gain > 0.0), "{side:?} at {rate_hz} Hz");
            }
        }
    }

    #[test]
    fn each_side_is_told_as_it_begins_and_an_output_that_is_not_there_is_an_error() {
        let mut told = Vec::new();
        let begun = Instant::now();
        play(super::super::output::NULL, &mut |side| told.push((side, begun.elapsed()))).unwrap();
        assert_eq!(told.iter().map(|(side, _)| *side).collect::<Vec<_>>(), Side::ALL);
        let gaps: Vec<u128> = told.windows(2).map(|pair| (pair[1].1 - pair[0].1).as_millis()).collect();
        assert!(gaps.iter().all(|gap| (1000..2500).contains(gap)), "{gaps:?}");
        assert!(play("alsa:no-such-output-here", &mut |_| {}).is_err());
    }
}

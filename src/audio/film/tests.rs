//! Sound that is written in time, late, with holes, cut and abandoned, pulled as the callback does, under an allocator that
//! refuses.

use std::f64::consts::TAU;

use assert_no_alloc::assert_no_alloc;

use super::*;

const LEAD_MS: u32 = 300;
const TONE_HZ: f64 = 440.0;
/// The steepest that such a tone of 0.5 may be while it rises or falls, with what the filter adds.
const STEP_MAX: f32 = 0.035;
const SECOND_NS: f64 = 1e9;

/// A film being shown in virtual time, and an output that pulls.
struct Hall {
    writer: Option<Writer>,
    input: FilmInput,
    rate_hz: u32,
    /// Frames that were pulled; the first is heard at `BEGIN_NS`.
    heard: Vec<f32>,
}

/// When the first frame is heard.
const BEGIN_NS: u64 = 5_000_000_000;

fn tone(at_ns: f64) -> f32 {
    (0.5 * (at_ns / SECOND_NS * TONE_HZ * TAU).sin()) as f32
}

impl Hall {
    fn new(rate_hz: u32) -> Self {
        let (writer, reader) = track(LEAD_MS);
        let input = FilmInput::new(reader, rate_hz).unwrap();
        Self { writer: Some(writer), input, rate_hz, heard: Vec::new() }
    }

    fn now_ns(&self) -> f64 {
        self.moment_ns(self.heard.len())
    }

    fn moment_ns(&self, frame: usize) -> f64 {
        BEGIN_NS as f64 + frame as f64 * SECOND_NS / f64::from(self.rate_hz)
    }

    fn frame_at(&self, ns: f64) -> usize {
        ((ns - BEGIN_NS as f64) * f64::from(self.rate_hz) / SECOND_NS).round() as usize
    }

    /// A block of `frames` of a film, due so long after the beginning.
    fn write(&mut self, film: u64, due_ns: f64, frames: usize, sample: impl Fn(f64) -> f32) -> bool {
        let bytes: Vec<u8> = (0..frames)
            .map(|frame| sample(due_ns + frame as f64 * FRAME_NS))
            .flat_map(|sample| [sample, sample])
            .flat_map(f32::to_le_bytes)
            .collect();
        self.writer.as_mut().unwrap().push(film, due_ns as u64, &bytes)
    }

    fn pull(&mut self, frames: usize) {
        let mut block = vec![0.0; frames * 2];
        let at_ns = self.now_ns();
        let input = &mut self.input;
        assert_no_alloc(|| input.pull(at_ns, &mut block));
        assert!(block.chunks(2).all(|frame| frame[0] == frame[1]));
        self.heard.extend(block.iter().step_by(2));
    }

    /// Plays films from the first to the last moment, each in blocks of 20 ms that are written in time, but those that `is_lost`.
    fn play(&mut self, film: u64, from_ns: f64, until_ns: f64, is_lost: impl Fn(f64) -> bool) {
        let mut due_ns = from_ns;
        let block_ns = SOUND_FRAMES_MAX as f64 * FRAME_NS;
        while due_ns < until_ns - block_ns / 2.0 {
            while due_ns > self.now_ns() + f64::from(LEAD_MS) * 1e6 {
                self.pull(97);
            }
            if !is_lost(due_ns) {
                assert!(self.write(film, due_ns, SOUND_FRAMES_MAX, tone));
            }
            due_ns += block_ns;
        }
    }

    fn pull_until(&mut self, ns: f64) {
        while self.now_ns() < ns {
            self.pull(97);
        }
    }

    fn steepest(&self) -> f32 {
        self.heard.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
    }

    /// That all between two moments is the tone at its own moment, to two frames.
    fn is_tone(&self, from_ns: f64, until_ns: f64) {
        for frame in self.frame_at(from_ns)..self.frame_at(until_ns) {
            let (is, wanted) = (self.heard[frame], tone(self.moment_ns(frame)));
            assert!((is - wanted).abs() < 0.06, "frame {frame}: {is} and not {wanted}");
        }
    }

    fn is_silent(&self, from_ns: f64, until_ns: f64) {
        let frames = self.frame_at(from_ns)..self.frame_at(until_ns);
        let loud = frames.clone().find(|frame| self.heard[*frame].abs() > 1e-5);
        assert_eq!(loud, None, "of {frames:?}");
    }
}

/// So long after the beginning, in nanoseconds.
fn ms(ms: u32) -> f64 {
    BEGIN_NS as f64 + f64::from(ms) * 1e6
}

#[test]
fn sound_is_heard_at_its_moment_at_any_rate_of_the_output_and_begins_and_ends_softly() {
    for rate_hz in [48_000, 44_100, 96_000] {
        let mut hall = Hall::new(rate_hz);
        hall.play(1, ms(100), ms(600), |_| false);
        hall.pull_until(ms(900));
        hall.is_silent(ms(0), ms(98));
        hall.is_tone(ms(108), ms(592));
        hall.is_silent(ms(602), ms(900));
        assert!(hall.steepest() < STEP_MAX, "{}", hall.steepest());
    }
}

#[test]
fn what_is_missing_or_comes_too_late_is_silence_without_a_click_and_what_follows_is_in_time() {
    let mut hall = Hall::new(48_000);
    hall.play(1, ms(0), ms(1000), |due_ns| (ms(399)..ms(499)).contains(&due_ns));
    hall.pull_until(ms(1100));
    hall.is_tone(ms(10), ms(392));
    hall.is_silent(ms(403), ms(497));
    hall.is_tone(ms(508), ms(990));
    assert!(hall.steepest() < STEP_MAX, "{}", hall.steepest());

    // Each block comes when it should have begun 10 ms ago: nothing is heard in shreds.
    let mut hall = Hall::new(48_000);
    for block in 0..50 {
        hall.pull_until(ms(block * 20 + 10));
        hall.write(1, ms(block * 20), SOUND_FRAMES_MAX, tone);
        assert!(!hall.input.is_near(), "the music makes room for nothing");
    }
    assert!(hall.heard.iter().all(|sample| *sample == 0.0));
}

#[test]
fn a_film_takes_the_place_of_another_in_the_middle_without_a_click() {
    let mut hall = Hall::new(48_000);
    hall.play(1, ms(0), ms(500), |_| false);
    // The next is due while there is more of the one before.
    hall.play(2, ms(400), ms(800), |_| false);
    hall.pull_until(ms(900));
    hall.is_tone(ms(10), ms(392));
    hall.is_tone(ms(408), ms(792));
    assert!(hall.steepest() < STEP_MAX, "{}", hall.steepest());
    let at = hall.frame_at(ms(400));
    let softest =
        hall.heard[at - 120..at + 200].chunks(20).map(|near| near.iter().fold(0.0f32, |a, b| a.max(b.abs())));
    assert!(softest.fold(1.0, f32::min) < 0.1, "between them it is silent for a moment");
}

#[test]
fn what_is_cut_falls_within_milliseconds_and_so_does_what_is_abandoned() {
    for is_cut in [true, false] {
        let mut hall = Hall::new(48_000);
        hall.play(1, ms(0), ms(400), |_| false);
        hall.pull_until(ms(200));
        if is_cut {
            hall.writer.as_mut().unwrap().cut(0);
        } else {
            hall.writer = None;
        }
        hall.pull_until(ms(300));
        hall.is_silent(ms(210), ms(300));
        assert!(hall.steepest() < STEP_MAX, "{}", hall.steepest());
        assert_eq!(hall.input.is_over(), !is_cut);
        if is_cut {
            hall.play(2, ms(320), ms(600), |_| false);
            hall.pull_until(ms(700));
            hall.is_tone(ms(328), ms(592));
        }
    }
}

#[test]
fn a_cut_in_the_future_ends_it_there_and_a_new_cut_before_that_earlier() {
    for (cuts, end) in [(&[350][..], 350), (&[350, 250][..], 250)] {
        let mut hall = Hall::new(48_000);
        hall.play(1, ms(0), ms(500), |_| false);
        for cut in cuts {
            hall.writer.as_mut().unwrap().cut(ms(*cut) as u64);
        }
        hall.pull_until(ms(600));
        hall.is_tone(ms(10), ms(end - 8));
        hall.is_silent(ms(end + 3), ms(600));
        assert!(hall.steepest() < STEP_MAX, "{}", hall.steepest());
    }
}

#[test]
fn times_that_tremble_are_one_film_and_a_jump_begins_anew_in_time() {
    let mut hall = Hall::new(48_000);
    for block in 0..40 {
        // As in a file that counts milliseconds.
        let trembles = f64::from(block % 3 - 1) * 0.5e6;
        hall.pull_until(ms(0) + f64::from(block) * 20e6 - 250e6);
        let due_ns = ms(0) + f64::from(block) * 20e6;
        let sample = |at_ns: f64| tone(at_ns - trembles);
        assert!(hall.write(1, due_ns + trembles, SOUND_FRAMES_MAX, sample));
    }
    hall.play(1, ms(1000), ms(1500), |_| false);
    hall.pull_until(ms(1600));
    let at = hall.frame_at(ms(10));
    let quietest = hall.heard[at..hall.frame_at(ms(790))]
        .chunks(100)
        .map(|near| near.iter().fold(0.0f32, |a, b| a.max(b.abs())));
    assert!(quietest.fold(1.0, f32::min) > 0.45, "it never falls");
    hall.is_silent(ms(803), ms(997));
    hall.is_tone(ms(1008), ms(1490));
    assert!(hall.steepest() < STEP_MAX, "{}", hall.steepest());
}

#[test]
fn what_is_no_sound_is_refused_or_made_harmless_and_a_full_ring_still_takes_a_cut() {
    let (mut writer, mut reader) = track(LEAD_MS);
    assert!(!writer.push(1, 0, &[0; 7]) && !writer.push(1, 0, &[0; 4]));
    assert!(!writer.push(1, 0, &vec![0; SOUND_FRAMES_MAX * 8 + 8]));
    let bytes: Vec<u8> =
        [f32::NAN, f32::INFINITY, -1e9, 0.25].iter().flat_map(|sample| sample.to_le_bytes()).collect();
    assert!(writer.push(1, 1000, &bytes));
    let mut stereo = [1.0; 4];
    assert_eq!((reader.due_ns(), reader.take(&mut stereo)), (Some(1000.0), 2));
    assert_eq!(stereo, [0.0, 0.0, -SAMPLE_MAX, 0.25]);
    let mut pushed = 0;
    while writer.push(1, pushed * 20_000_000, &[0; SOUND_FRAMES_MAX * 8]) {
        pushed += 1;
    }
    assert!((20..60).contains(&pushed), "{pushed} blocks for {LEAD_MS} ms");
    writer.cut(0);
    assert_eq!(reader.stretch().heard, 0);
    assert!(!writer.is_abandoned());
    drop(reader);
    assert!(writer.is_abandoned());
}

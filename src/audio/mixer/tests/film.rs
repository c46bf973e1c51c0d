//! The sound of films over music, under announcements, and over an hour with clocks that differ.

use super::super::film::Presented;
use super::voice::{DUCK_GAIN, say};
use super::*;
use crate::audio::film::{FilmInput, Writer, track};
use crate::media::screen::message::SOUND_FRAMES_MAX;

const LEAD_MS: u32 = 300;
/// What a film sounds like here: a level that stands still.
const FILM: f32 = 0.1;
const MUSIC: f32 = 0.25;
const HANG_FRAMES: usize = 24_000;
const LEVELS: FilmLevels = FilmLevels {
    gain: 1.0,
    ramp_frames: 0,
    duck_gain: DUCK_GAIN,
    down_frames: 9600,
    up_frames: 48_000,
    hang_frames: HANG_FRAMES as u32,
};

fn push(writer: &mut Writer, film: u64, at_frame: usize, frames: usize, level: f32) {
    let bytes: Vec<u8> = (0..frames * 2).flat_map(|_| level.to_le_bytes()).collect();
    let due_ns = at_frame as u64 * 1_000_000_000 / u64::from(RATE_HZ);
    assert!(writer.push(film, due_ns, &bytes));
}

/// A mixer with music, and films that are written to it; its frames are heard at their own number, on the clock of films.
struct Cinema {
    bench: Bench,
    writer: Writer,
}

impl Cinema {
    fn new(levels: FilmLevels) -> Self {
        let mut bench = Bench::new();
        bench.attach(Input::DeckA, 1, &vec![MUSIC; 600_000]);
        bench.join(None, 1, MixerJoinAt::Now, 0);
        let (writer, reader) = track(LEAD_MS);
        let input = FilmInput::new(reader, RATE_HZ).unwrap();
        bench.tell(MixerCommand::Film(Some(Box::new(input))));
        bench.tell(MixerCommand::FilmLevels(levels));
        Self { bench, writer }
    }

    /// Up to this frame, in blocks of 1024, with a film from one frame to another.
    fn pull_until(&mut self, until: usize, film: std::ops::Range<usize>) {
        while self.bench.heard.len() < until {
            let now = self.bench.heard.len();
            let frames = (until - now).min(1024);
            for at in film.clone().step_by(SOUND_FRAMES_MAX) {
                // Each block once: when it is due within 250 ms for the first time.
                if (now + 12_000..now + 12_000 + frames).contains(&at) || now == 0 && at < 12_000 {
                    push(&mut self.writer, 1, at, SOUND_FRAMES_MAX.min(film.end - at), FILM);
                }
            }
            let heard_ns = (now as u64 * 1_000_000_000) / u64::from(RATE_HZ);
            // What is mixed comes out later.
            let delay_ns = self.bench.mixer.delay_frames() as u64 * 1_000_000_000 / u64::from(RATE_HZ);
            self.bench.mixer.observe(heard_ns - delay_ns.min(heard_ns), RATE_HZ);
            self.bench.pull(frames);
        }
    }

    fn level(&self, at: usize) -> f32 {
        self.bench.heard[at]
    }
}

fn is_near(is: f32, wanted: f32) -> bool {
    (is - wanted).abs() < 0.002
}

#[test]
fn music_makes_room_for_a_film_and_comes_back_after_it() {
    let mut cinema = Cinema::new(LEVELS);
    let (from, until) = (48_000, 48_000 + 96_000);
    cinema.pull_until(360_000, from..until);
    let down = MUSIC * DUCK_GAIN;
    assert_eq!(cinema.level(from - 13_000), MUSIC);
    assert!(
        is_near(cinema.level(from - 100), down),
        "it is down before the film: {}",
        cinema.level(from - 100)
    );
    for at in (from + 1000..until - 1000).step_by(100) {
        assert!(is_near(cinema.level(at), down + FILM), "frame {at}: {}", cinema.level(at));
    }
    let ends = until + HANG_FRAMES;
    assert!(is_near(cinema.level(ends - 2000), down), "it waits a moment");
    assert!(is_near(cinema.level(ends + 50_000), MUSIC));
    // That it was the end is no film.
    cinema.writer.cut(360_100 * 1_000_000_000 / u64::from(RATE_HZ));
    cinema.pull_until(362_000, 0..0);
    assert_eq!(cinema.bench.film_heard, [true, false]);
    // No step but those of the ramps: 5 ms for the film.
    let steepest = cinema.bench.heard.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    assert!(steepest < 0.001, "{steepest}");
    drop(cinema.writer);
    cinema.bench.pull(2000);
    assert_eq!(cinema.bench.films_back, 1, "its ring comes back");
}

#[test]
fn a_film_that_is_not_to_be_heard_moves_nothing_and_can_be_let_in_and_out() {
    let mut cinema = Cinema::new(FilmLevels { gain: 0.0, ..LEVELS });
    cinema.pull_until(96_000, 0..144_000);
    assert!(cinema.bench.heard.iter().all(|sample| *sample == MUSIC));
    assert!(cinema.bench.film_heard.is_empty());
    cinema.bench.tell(MixerCommand::FilmLevels(FilmLevels { ramp_frames: 4800, ..LEVELS }));
    cinema.pull_until(130_000, 0..144_000);
    assert!(is_near(cinema.level(125_000), MUSIC * DUCK_GAIN + FILM), "{}", cinema.level(125_000));
    cinema.bench.tell(MixerCommand::FilmLevels(FilmLevels { gain: 0.0, ramp_frames: 4800, ..LEVELS }));
    cinema.pull_until(300_000, 0..144_000);
    assert!(is_near(cinema.level(136_000), MUSIC * DUCK_GAIN), "{}", cinema.level(136_000));
    assert!(is_near(cinema.level(299_000), MUSIC));
    assert_eq!(cinema.bench.film_heard, [true, false]);
}

#[test]
fn an_announcement_goes_over_a_film_and_the_music_does_not_come_up_between_them() {
    let mut cinema = Cinema::new(LEVELS);
    cinema.bench.attach(Input::Voice, 2, &[0.5; 48_000]);
    cinema.pull_until(50_000, 0..250_000);
    cinema.bench.tell(MixerCommand::Say(say(2)));
    cinema.pull_until(400_000, 0..250_000);
    let begins = cinema.bench.heard.iter().position(|sample| *sample > 0.5).unwrap();
    assert!((59_000..61_000).contains(&begins), "when the film is down: {begins}");
    for at in (begins + 10..begins + 47_000).step_by(100) {
        let wanted = 0.5 + (MUSIC + FILM) * DUCK_GAIN;
        assert!(is_near(cinema.level(at), wanted), "frame {at}: {}", cinema.level(at));
    }
    assert!(is_near(cinema.level(begins + 48_000 + 49_000), MUSIC * DUCK_GAIN + FILM));
    assert!(is_near(cinema.level(390_000), MUSIC));
}

#[test]
fn over_an_hour_sound_stays_within_milliseconds_of_its_moment_on_a_card_that_is_200_ppm_fast() {
    plays_for_an_hour(200.0);
}

#[test]
fn over_an_hour_sound_stays_within_milliseconds_of_its_moment_on_a_card_that_is_200_ppm_slow() {
    plays_for_an_hour(-200.0);
}

fn plays_for_an_hour(drift_ppm: f64) {
    let (mut writer, reader) = track(LEAD_MS);
    let mut input = FilmInput::new(reader, RATE_HZ).unwrap();
    let mut presented = Presented::unknown();
    let mut chance = ChaCha8Rng::seed_from_u64(8);
    let begin_ns = 1e9;
    // The card's frames are that much shorter than it says.
    let frame_ns = 1e9 / f64::from(RATE_HZ) / (1.0 + drift_ppm / 1e6);
    let (mut pulled, mut written, mut clicks) = (0usize, 0usize, Vec::<f64>::new());
    let mut block = [0.0; 2048];
    let seconds = 3600;
    while pulled < seconds * RATE_HZ as usize {
        let now_ns = begin_ns + pulled as f64 * frame_ns;
        while begin_ns + written as f64 * 1e9 / f64::from(RATE_HZ) < now_ns + 250e6 {
            // A click in the middle of each second.
            let mut stereo = [0.0f32; SOUND_FRAMES_MAX * 2];
            if written % RATE_HZ as usize == 24_000 / SOUND_FRAMES_MAX * SOUND_FRAMES_MAX {
                (stereo[0], stereo[1]) = (1.0, 1.0);
            }
            let bytes: Vec<u8> = stereo.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            let due_ns = begin_ns + written as f64 * 1e9 / f64::from(RATE_HZ);
            assert!(writer.push(1, due_ns as u64, &bytes));
            written += SOUND_FRAMES_MAX;
        }
        // What an output says of its delay is wrong by some milliseconds each time.
        presented.observe(now_ns + chance.random_range(-3e6..3e6), 1e9 / f64::from(RATE_HZ));
        for piece in block.chunks_mut(512) {
            input.pull(presented.at_ns().unwrap(), piece);
            presented.advance(piece.len() / 2);
        }
        let loudest = block.iter().step_by(2).enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
        let heard_ns = begin_ns + (pulled + loudest.0) as f64 * frame_ns;
        // One that lies in two blocks is one.
        if *loudest.1 > 0.3 && clicks.last().is_none_or(|before| heard_ns - before > 0.5e9) {
            clicks.push(heard_ns);
        }
        pulled += 1024;
    }
    assert!(clicks.len() >= seconds - 1, "{} clicks", clicks.len());
    let late_ms = clicks.iter().enumerate().map(|(second, heard_ns)| {
        let due_ns = begin_ns + second as f64 * 1e9 + 0.5e9;
        (heard_ns - due_ns) / 1e6
    });
    let worst = late_ms.map(f64::abs).fold(0.0, f64::max);
    println!("{drift_ppm} ppm: at most {worst:.2} ms");
    assert!(worst < 4.0, "{drift_ppm} ppm: {worst} ms");
}

//! The mixer pulled block by block, as an output would, under an allocator that refuses.

mod film;
mod voice;

use std::collections::HashMap;
use std::f64::consts::TAU;

use assert_no_alloc::assert_no_alloc;
use orchestrion_rig::analysis::true_peak;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::audio::feed::{FeedWriter, feed};

const RATE_HZ: u32 = 48_000;

/// A mixer that a test pulls, with what it has reported.
struct Bench {
    mixer: Box<Mixer>,
    remote: MixerRemote,
    started: Vec<FeedId>,
    ended: Vec<(FeedId, u64)>,
    /// What was told of films.
    film_heard: Vec<bool>,
    films_back: usize,
    /// What went into the limiter.
    heard: Vec<f32>,
    /// What came out of it.
    out: Vec<f32>,
    /// Nothing that is mixed here reaches the ceiling: what comes out is the same, later.
    is_soft: bool,
}

impl Bench {
    fn new() -> Self {
        let (mixer, remote) = mixer(RATE_HZ);
        let (started, ended, heard, out) = (vec![], vec![], vec![], vec![]);
        let (film_heard, films_back) = (vec![], 0);
        let mut bench =
            Self { mixer, remote, started, ended, film_heard, films_back, heard, out, is_soft: true };
        bench.tell(MixerCommand::Volume { gain: 1.0, ramp_frames: 0 });
        bench.tell(MixerCommand::Audible(true));
        bench
    }

    fn tell(&mut self, command: MixerCommand) {
        self.remote.commands.push(command).unwrap();
    }

    fn join(&mut self, from: Option<u64>, to: u64, at: MixerJoinAt, fade_frames: u32) {
        let from = from.map(FeedId);
        self.tell(MixerCommand::Join(MixerJoin { from, to: FeedId(to), at, fade_frames, or_splice: None }));
    }

    fn pull(&mut self, frames: usize) -> Vec<f32> {
        let (mut mixed, mut out) = (vec![0.0; frames * 2], vec![0.0; frames * 2]);
        // Every test of the mixer proves that it neither allocates nor frees: the allocator aborts here. These are the
        // two halves of its `render`.
        assert_no_alloc(|| {
            self.mixer.mix(&mut mixed);
            out.copy_from_slice(&mixed);
            self.mixer.limit(&mut out);
        });
        while let Ok(report) = self.remote.reports.pop() {
            match report {
                MixerReport::Started(feed) => self.started.push(feed),
                MixerReport::Ended(feed) => self.ended.push((feed.id(), feed.counters.heard_frames())),
                MixerReport::Crossed { ended, started } => {
                    self.ended.push((ended.feed, ended.heard_frames()));
                    self.started.push(started);
                }
                MixerReport::Film(_) => self.films_back += 1,
                MixerReport::FilmHeard(is_heard) => self.film_heard.push(is_heard),
            }
        }
        let left: Vec<f32> = mixed.chunks(2).map(|frame| frame[0]).collect();
        self.heard.extend(&left);
        self.out.extend(out.chunks(2).map(|frame| frame[0]));
        if self.is_soft {
            let delay = self.mixer.delay_frames();
            let new = self.out.len() - frames..self.out.len();
            let late = |at: usize| at.checked_sub(delay).map_or(0.0, |at| self.heard[at]);
            assert!(new.clone().all(|at| self.out[at].to_bits() == late(at).to_bits()), "frames {new:?}");
        }
        left
    }

    /// Attaches a song of `samples`, whole and ended.
    fn attach(&mut self, input: Input, id: u64, samples: &[f32]) -> Arc<Counters> {
        let (writer, feed) = song(id, samples);
        drop(writer);
        let counters = Arc::clone(&feed.counters);
        self.tell(MixerCommand::Attach(input, feed));
        counters
    }
}

fn song(id: u64, samples: &[f32]) -> (FeedWriter, Feed) {
    let (mut writer, feed) = feed(Counters::new(FeedId(id), 0), samples.len().max(1));
    let stereo: Vec<f32> = samples.iter().flat_map(|s| [*s, *s]).collect();
    assert_eq!(writer.push(&stereo), stereo.len());
    (writer, feed)
}

fn tone(hz: f64, amplitude: f64, frames: usize, phase_frames: usize) -> Vec<f32> {
    let sample =
        |i: usize| (amplitude * ((i + phase_frames) as f64 * hz / f64::from(RATE_HZ) * TAU).sin()) as f32;
    (0..frames).map(sample).collect()
}

fn noise(seed: u64, frames: usize) -> Vec<f32> {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    (0..frames).map(|_| chance.random_range(-0.3..0.3)).collect()
}

fn power(samples: &[f32]) -> f64 {
    samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64
}

#[test]
fn a_crossfade_of_uncorrelated_signals_keeps_its_power_and_is_exact_to_the_frame() {
    let (fade, solo) = (96_000usize, 48_000usize);
    let mut bench = Bench::new();
    bench.attach(Input::DeckA, 1, &noise(1, solo + fade));
    bench.attach(Input::DeckB, 2, &noise(2, solo + fade));
    bench.join(None, 1, MixerJoinAt::Now, 0);
    bench.pull(100);
    bench.join(Some(1), 2, MixerJoinAt::Frame(solo as u64), fade as u32);
    let mut pulled = 100;
    while pulled < solo * 2 + fade {
        pulled += bench.pull(997).len();
    }
    // Exact: A ends with the last frame of the fade, B is heard for its whole length.
    assert_eq!(bench.ended, [(FeedId(1), (solo + fade) as u64), (FeedId(2), (solo + fade) as u64)]);
    let end = bench.heard.iter().rposition(|s| *s != 0.0).unwrap() + 1;
    assert_eq!(end, solo * 2 + fade);
    // Windows of a tenth of a fade: the estimate of the power of noise is itself good to 0.1 dB there.
    let (a, b) = (power(&noise(1, solo + fade)), power(&noise(2, solo + fade)));
    assert!((10.0 * (a / b).log10()).abs() < 0.05);
    let (na, nb) = (noise(1, solo + fade), noise(2, solo + fade));
    for window in 0..10 {
        let range = solo + window * fade / 10..solo + (window + 1) * fade / 10;
        let ideal: f64 = range
            .clone()
            .map(|i| {
                let angle = (i - solo) as f64 / fade as f64 * TAU / 4.0;
                let (pa, pb) = (f64::from(na[i]).powi(2), f64::from(nb[i - solo]).powi(2));
                pa * angle.cos().powi(2) + pb * angle.sin().powi(2)
            })
            .sum::<f64>()
            / (fade / 10) as f64;
        let db = 10.0 * (power(&bench.heard[range]) / ideal).log10();
        assert!(db.abs() < 0.1, "window {window}: {db} dB");
    }
}

#[test]
fn songs_join_sample_by_sample_at_the_end_whatever_the_blocks() {
    for block in [1usize, 7, 256, 1000, 4096] {
        let whole = tone(440.0, 0.5, 30_000, 0);
        let mut bench = Bench::new();
        bench.attach(Input::DeckA, 1, &whole[..12_345]);
        bench.attach(Input::DeckB, 2, &whole[12_345..]);
        bench.join(None, 1, MixerJoinAt::Now, 0);
        bench.pull(block);
        bench.join(Some(1), 2, MixerJoinAt::End, 0);
        while bench.heard.len() < whole.len() {
            bench.pull(block);
        }
        assert_eq!(bench.heard[..whole.len()], whole, "blocks of {block}");
    }
}

#[test]
fn a_join_whose_song_ends_early_lets_the_next_begin_at_once() {
    let mut bench = Bench::new();
    bench.attach(Input::DeckA, 1, &[0.25; 1000]);
    bench.attach(Input::DeckB, 2, &[0.5; 1000]);
    bench.join(None, 1, MixerJoinAt::Now, 0);
    bench.pull(100);
    // Planned for a place that never comes: the song is shorter than it said.
    bench.join(Some(1), 2, MixerJoinAt::Frame(5000), 500);
    bench.pull(1900);
    assert_eq!(bench.heard[999], 0.25);
    assert_eq!(bench.heard[1000], 0.5);
    assert_eq!(bench.heard[1999], 0.5);
}

#[test]
fn a_song_of_one_sample_begins_and_ends() {
    let mut bench = Bench::new();
    bench.attach(Input::DeckA, 1, &[0.5]);
    bench.join(None, 1, MixerJoinAt::Now, 0);
    bench.pull(64);
    assert_eq!((bench.started.as_slice(), bench.ended.as_slice()), (&[FeedId(1)][..], &[(FeedId(1), 1)][..]));
}

#[test]
fn a_hold_keeps_the_place_and_a_skip_while_held_is_silent_until_the_release() {
    let mut bench = Bench::new();
    bench.attach(Input::DeckA, 1, &tone(440.0, 0.5, 48_000, 0));
    bench.attach(Input::DeckB, 2, &[0.5; 48_000]);
    bench.join(None, 1, MixerJoinAt::Now, 0);
    bench.pull(1000);
    bench.tell(MixerCommand::Hold { fade_frames: 480 });
    bench.pull(2000);
    assert!(bench.heard[1480..].iter().all(|s| *s == 0.0));
    bench.join(Some(1), 2, MixerJoinAt::Now, 960);
    assert!(bench.pull(1000).iter().all(|s| *s == 0.0));
    assert_eq!(bench.ended, [(FeedId(1), 1480)]);
    assert_eq!(bench.started, [FeedId(1), FeedId(2)]);
    bench.tell(MixerCommand::Release { fade_frames: 480 });
    let heard = bench.pull(1000);
    assert!(heard[0] < 0.01 && heard[600] == 0.5);
}

#[test]
fn a_deck_that_is_late_leaves_silence_and_goes_on_from_its_place() {
    let mut bench = Bench::new();
    let (mut writer, feed) = song(1, &[0.5; 100]);
    bench.tell(MixerCommand::Attach(Input::DeckA, feed));
    bench.join(None, 1, MixerJoinAt::Now, 0);
    assert_eq!(bench.pull(200)[100..], [0.0; 100]);
    writer.push(&[0.25; 100]);
    drop(writer);
    assert_eq!(bench.pull(100)[..50], [0.25; 50]);
    assert_eq!(bench.ended, [(FeedId(1), 150)]);
}

#[test]
fn what_is_spliced_into_a_ring_goes_over_without_an_edge_only_while_it_is_wanted() {
    // Another song may have been spliced in vain meanwhile: then the ring holds what nobody wants any more.
    for spliced in [Some(FeedId(3)), Some(FeedId(4)), None] {
        let wanted = spliced == Some(FeedId(3));
        let whole = tone(440.0, 0.5, 3000, 0);
        let mut bench = Bench::new();
        let (mut writer, ring) = feed(Counters::new(FeedId(1), 0), 3000);
        let stereo = |samples: &[f32]| samples.iter().flat_map(|s| [*s, *s]).collect::<Vec<_>>();
        writer.push(&stereo(&whole[..1000]));
        writer.splice(Counters::new(FeedId(3), 0)).unwrap();
        writer.push(&stereo(&whole[1000..]));
        drop(writer);
        bench.tell(MixerCommand::Attach(Input::DeckA, ring));
        bench.attach(Input::DeckB, 2, &[0.25; 2000]);
        bench.join(None, 1, MixerJoinAt::Now, 0);
        bench.pull(100);
        bench.tell(MixerCommand::Join(MixerJoin {
            from: Some(FeedId(1)),
            to: FeedId(2),
            at: MixerJoinAt::End,
            fade_frames: 0,
            or_splice: spliced,
        }));
        bench.pull(2900);
        if wanted {
            assert_eq!(bench.heard, whole);
            assert_eq!(bench.started, [FeedId(1), FeedId(3)]);
        } else {
            assert_eq!(bench.heard[1000], 0.25);
            assert_eq!(bench.started, [FeedId(1), FeedId(2)]);
        }
        assert_eq!(bench.ended[0], (FeedId(1), 1000));
    }
}

#[test]
fn a_skip_out_of_a_pause_begins_the_next_song_and_nothing_of_the_one_that_was_held() {
    let mut bench = Bench::new();
    bench.attach(Input::DeckA, 1, &[0.4; 48_000]);
    bench.attach(Input::DeckB, 2, &[0.1; 48_000]);
    bench.join(None, 1, MixerJoinAt::Now, 0);
    bench.pull(1000);
    bench.tell(MixerCommand::Hold { fade_frames: 480 });
    bench.pull(1000);
    // In one block, as the device says it.
    bench.join(Some(1), 2, MixerJoinAt::Now, 1440);
    bench.tell(MixerCommand::Release { fade_frames: 1440 });
    let heard = bench.pull(2000);
    assert!(
        heard.iter().all(|s| *s <= 0.1 + 1e-6) && heard[0] < 0.001 && heard[1999] == 0.1,
        "{:?}",
        &heard[..4]
    );
}

#[test]
fn nobody_hears_what_goes_nowhere_or_is_muted() {
    let mut bench = Bench::new();
    let (writer, feed) = song(1, &[0.5; 3000]);
    let counters = Arc::clone(&feed.counters);
    drop(writer);
    bench.tell(MixerCommand::Attach(Input::DeckA, feed));
    bench.join(None, 1, MixerJoinAt::Now, 0);
    bench.pull(1000);
    bench.tell(MixerCommand::Volume { gain: 0.0, ramp_frames: 0 });
    bench.pull(500);
    bench.tell(MixerCommand::Volume { gain: 0.5, ramp_frames: 0 });
    bench.tell(MixerCommand::Audible(false));
    bench.pull(500);
    assert_eq!((counters.heard_frames(), counters.audible_frames()), (2000, 1000));
}

#[test]
fn a_song_begins_with_its_gain_and_glides_to_one_that_is_known_later() {
    let mut bench = Bench::new();
    let frames = GLIDE_FRAMES as usize;
    let counters = bench.attach(Input::DeckA, 1, &vec![0.25; frames + 10_000]);
    counters.set_gain(2.0);
    bench.pull(100);
    counters.set_gain(0.5);
    bench.join(None, 1, MixerJoinAt::Now, 0);
    assert_eq!(bench.pull(1000), [0.125; 1000]);
    counters.set_gain(2.0);
    let heard = [bench.pull(frames / 2), bench.pull(frames / 2), bench.pull(100)].concat();
    assert!(heard.windows(2).all(|w| w[1] >= w[0] && w[1] - w[0] < 6e-6));
    // In its middle in dB.
    assert!((heard[frames / 2] - 0.25).abs() < 1e-5, "{}", heard[frames / 2]);
    assert_eq!(heard[frames - 1..], [0.5; 101]);
    assert!(heard[frames - 10] < 0.5);
}

#[test]
fn songs_with_gains_of_their_own_fade_into_each_other_with_equal_power() {
    let (a, b) = (noise(1, 30_000), noise(2, 30_000));
    let mut bench = Bench::new();
    bench.attach(Input::DeckA, 1, &a).set_gain(0.5);
    bench.attach(Input::DeckB, 2, &b).set_gain(1.5);
    bench.join(None, 1, MixerJoinAt::Now, 0);
    bench.pull(100);
    bench.join(Some(1), 2, MixerJoinAt::Frame(10_000), 20_000);
    while bench.heard.len() < 40_000 {
        bench.pull(333);
    }
    for (i, heard) in bench.heard[..40_000].iter().enumerate() {
        let angle = (i.clamp(10_000, 30_000) - 10_000) as f64 / 20_000.0 * TAU / 4.0;
        let of = |song: &[f32], at: Option<usize>| {
            at.and_then(|at| song.get(at)).map_or(0.0, |sample| f64::from(*sample))
        };
        let ideal = of(&a, Some(i)) * 0.5 * angle.cos() + of(&b, i.checked_sub(10_000)) * 1.5 * angle.sin();
        assert!((f64::from(*heard) - ideal).abs() < 1e-6, "frame {i}: {heard} {ideal}");
    }
}

#[test]
fn at_a_seam_the_gain_goes_over_within_milliseconds_from_the_first_frame_of_the_next_song_on() {
    let (before, after) = (0.5f32, 1.5f32);
    let whole = tone(440.0, 0.5, 4000, 0);
    let stereo = |samples: &[f32]| samples.iter().flat_map(|s| [*s, *s]).collect::<Vec<_>>();
    for is_spliced in [true, false] {
        let mut bench = Bench::new();
        if is_spliced {
            let counters = Counters::new(FeedId(1), 0);
            counters.set_gain(before);
            let (mut writer, ring) = feed(counters, 4000);
            writer.push(&stereo(&whole[..1000]));
            let counters = Counters::new(FeedId(2), 0);
            counters.set_gain(after);
            writer.splice(counters).unwrap();
            writer.push(&stereo(&whole[1000..]));
            drop(writer);
            bench.tell(MixerCommand::Attach(Input::DeckA, ring));
        } else {
            bench.attach(Input::DeckA, 1, &whole[..1000]).set_gain(before);
            bench.attach(Input::DeckB, 2, &whole[1000..]).set_gain(after);
        }
        bench.join(None, 1, MixerJoinAt::Now, 0);
        bench.pull(100);
        let (from, to, or_splice) = (Some(FeedId(1)), FeedId(2), is_spliced.then_some(FeedId(2)));
        let at = MixerJoinAt::End;
        bench.tell(MixerCommand::Join(MixerJoin { from, to, at, fade_frames: 0, or_splice }));
        // The end of a block is the end of the song: the seam is remembered.
        bench.pull(900);
        bench.pull(3000);
        let gains: Vec<f32> = bench.heard.iter().zip(&whole).map(|(out, given)| out / given).collect();
        let seam = 1000 + SEAM_FRAMES as usize;
        let same = |gain: f32, wanted: f32| gain.is_nan() || (gain - wanted).abs() < 1e-6;
        assert!(gains[..1000].iter().all(|gain| same(*gain, before)), "spliced: {is_spliced}");
        assert!(gains[seam..].iter().all(|gain| same(*gain, after)), "spliced: {is_spliced}");
        let between: Vec<f32> = gains[1000..seam].iter().copied().filter(|gain| gain.is_finite()).collect();
        assert!(between[0] < before * 1.01, "{}", between[0]);
        assert!(between.windows(2).all(|w| w[1] > w[0] && w[1] - w[0] < 0.02));
    }
}

#[test]
fn two_full_songs_that_agree_are_turned_down_together_and_not_clipped() {
    let mut bench = Bench::new();
    bench.is_soft = false;
    let mut song = tone(440.0, 1.0, 48_000, 0);
    for i in 0..480 {
        song[i] *= i as f32 / 480.0;
        song[47_999 - i] *= i as f32 / 480.0;
    }
    bench.attach(Input::DeckA, 1, &song);
    bench.attach(Input::DeckB, 2, &song[12_000..]);
    bench.join(None, 1, MixerJoinAt::Now, 0);
    bench.pull(1000);
    bench.join(Some(1), 2, MixerJoinAt::Frame(12_000), 24_000);
    while bench.out.len() < 60_000 {
        bench.pull(1024);
    }
    assert!(bench.heard.iter().any(|sample| *sample > 1.4));
    let peak = true_peak(&bench.out).unwrap();
    assert!((0.85..0.9).contains(&peak), "{peak}");
    bench.tell(MixerCommand::Ceiling(0.25));
    bench.attach(Input::DeckA, 3, &song);
    bench.join(None, 3, MixerJoinAt::Now, 0);
    bench.out.clear();
    bench.pull(20_000);
    let peak = true_peak(&bench.out).unwrap();
    assert!((0.24..0.2525).contains(&peak), "{peak}");
}

#[test]
fn another_output_begins_softly_and_with_nothing_of_what_went_to_the_one_before() {
    let mut bench = Bench::new();
    bench.attach(Input::DeckA, 1, &[0.5; 10_000]);
    bench.join(None, 1, MixerJoinAt::Now, 0);
    bench.pull(1000);
    bench.is_soft = false;
    bench.mixer.begin_output();
    bench.out.clear();
    bench.pull(3000);
    assert!(bench.out.windows(2).all(|w| (0.0..0.0005).contains(&(w[1] - w[0]))));
    assert!(bench.out[0] == 0.0 && bench.out[2000] == 0.5);
    // A volume that was told meanwhile holds.
    bench.tell(MixerCommand::Volume { gain: 0.25, ramp_frames: 100 });
    bench.pull(100);
    bench.mixer.begin_output();
    bench.pull(2000);
    assert_eq!(bench.heard.last(), Some(&0.125));
}

#[test]
fn what_is_held_comes_out_to_its_last_frame_and_goes_on_with_the_next() {
    let mut bench = Bench::new();
    let song = tone(440.0, 0.5, 20_000, 0);
    bench.attach(Input::DeckA, 1, &song);
    bench.join(None, 1, MixerJoinAt::Now, 0);
    bench.pull(1000);
    bench.tell(MixerCommand::Hold { fade_frames: 480 });
    bench.pull(480);
    bench.pull(5000);
    bench.tell(MixerCommand::Release { fade_frames: 480 });
    bench.pull(2000);
    // What comes out is what went in (the bench looks): here, that nothing is missing or there twice.
    let delay = bench.mixer.delay_frames();
    assert_eq!(bench.out[delay + 999], song[999]);
    assert!(bench.out[delay + 1479].abs() < 0.01 && bench.out[delay + 1480..delay + 6480] == [0.0; 5000]);
    assert_eq!(bench.out[delay + 6480 + 1000], song[1480 + 1000]);
}

/// A song begins and ends as it likes; this one softly, so that only what the mixer does can click.
fn soft_tone(amplitude: f64, frames: usize, phase_frames: usize) -> Vec<f32> {
    let mut samples = tone(100.0, amplitude, frames, phase_frames);
    for i in 0..480.min(frames) {
        samples[i] *= i as f32 / 480.0;
        samples[frames - 1 - i] *= i as f32 / 480.0;
    }
    samples
}

/// Whatever is asked whenever, no sample is further from the one before than the steepest place of the tones and the
/// shortest ramp allow: no click, ever.
#[test]
fn no_sequence_of_commands_clicks() {
    for seed in 0..40 {
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let mut bench = Bench::new();
        // Every other one with gains, so that the limiter has something to do.
        let has_gains = seed % 2 == 1;
        bench.is_soft = !has_gains;
        let mut gains = HashMap::new();
        let gain = |chance: &mut ChaCha8Rng| 10.0f32.powf(chance.random_range(-20.0..6.0) / 20.0);
        let (mut next, mut playing, mut busy) = (1u64, None::<u64>, [None::<u64>; 2]);
        let mut said = None::<u64>;
        for _ in 0..400 {
            if said.is_none() && chance.random_bool(0.3) {
                let samples = soft_tone(0.2, chance.random_range(2000..30_000), chance.random_range(0..480));
                let counters = bench.attach(Input::Voice, next, &samples);
                if has_gains {
                    counters.set_gain(gain(&mut chance));
                }
                bench.tell(MixerCommand::Say(MixerSay {
                    feed: FeedId(next),
                    duck_gain: 10.0f32.powf(chance.random_range(-60.0..0.0) / 20.0),
                    down_frames: chance.random_range(4800..20_000),
                    up_frames: chance.random_range(4800..50_000),
                    rise_frames: chance.random_range(0..480),
                    pierces_hold: chance.random_bool(0.5),
                }));
                said = Some(next);
                next += 1;
            } else if let Some(feed) = said.filter(|_| chance.random_bool(0.05)) {
                let fade_frames = chance.random_range(480..5000);
                bench.tell(MixerCommand::Unload { feed: FeedId(feed), fade_frames });
            }
            for (deck, input) in Input::DECKS.into_iter().enumerate() {
                if busy[deck].is_none() && chance.random_bool(0.7) {
                    let phase = chance.random_range(0..480);
                    let samples = soft_tone(0.4, chance.random_range(4800..48_000), phase);
                    let counters = bench.attach(input, next, &samples);
                    if has_gains {
                        counters.set_gain(gain(&mut chance));
                        gains.insert(next, counters);
                    }
                    busy[deck] = Some(next);
                    next += 1;
                }
            }
            let other = busy.iter().flatten().copied().find(|id| Some(*id) != playing);
            if let Some(counters) = other.or(playing).and_then(|song| gains.get(&song))
                && chance.random_bool(0.1)
            {
                counters.set_gain(gain(&mut chance));
            }
            match chance.random_range(0..8) {
                0..3 => {
                    if let Some(to) = other {
                        let at = [
                            MixerJoinAt::Now,
                            MixerJoinAt::End,
                            MixerJoinAt::Frame(chance.random_range(0..20_000)),
                        ];
                        bench.join(
                            playing,
                            to,
                            at[chance.random_range(0..3)],
                            chance.random_range(480..20_000),
                        );
                    }
                }
                3 => bench.tell(MixerCommand::Hold { fade_frames: chance.random_range(480..5000) }),
                4 | 5 => bench.tell(MixerCommand::Release { fade_frames: chance.random_range(480..5000) }),
                6 => {
                    let gain = chance.random_range(0.0..1.0);
                    bench.tell(MixerCommand::Volume { gain, ramp_frames: chance.random_range(480..5000) });
                }
                _ => {
                    if let Some(feed) = playing.filter(|_| chance.random_bool(0.3)) {
                        let fade_frames = chance.random_range(480..5000);
                        bench.tell(MixerCommand::Unload { feed: FeedId(feed), fade_frames });
                    }
                }
            }
            let frames = (chance.next_u32() % 5000 + 1) as usize;
            bench.pull(frames);
            for id in bench.started.drain(..).filter(|id| Some(id.0) != said) {
                playing = Some(id.0);
            }
            for (id, _) in bench.ended.drain(..) {
                for slot in &mut busy {
                    *slot = slot.filter(|busy| *busy != id.0);
                }
                playing = playing.filter(|playing| *playing != id.0);
                said = said.filter(|said| *said != id.0);
            }
        }
        // Two tones of amplitude 0.4 and one of 0.2 at 100 Hz move 0.0131 a frame; ramps of 10 ms add up to 0.0035 each.
        // Gains double both.
        let steepest = bench.out.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        let steepest_max = if has_gains { 0.05 } else { 0.025 };
        assert!(steepest < steepest_max, "seed {seed}: a step of {steepest}");
        if has_gains {
            let is_loud = |piece: &&[f32]| piece.iter().any(|sample| sample.abs() > 0.88);
            let loud = bench.out.chunks(1 << 12).filter(is_loud);
            let loudest = loud.filter_map(true_peak).fold(0.0, f64::max);
            assert!(loudest < 0.902, "seed {seed}: a peak of {loudest}");
        }
        assert!(bench.heard.iter().any(|s| s.abs() > 0.1), "seed {seed}: nothing was heard");
        // Whatever was said, held and ended: the music is not left down.
        bench.tell(MixerCommand::Release { fade_frames: 480 });
        bench.pull(100_000);
        assert!(!bench.mixer.ducking.is_down(), "seed {seed}");
        assert!(bench.mixer.channels[Input::Voice as usize].feed.is_none(), "seed {seed}");
    }
}

#[test]
fn a_press_is_confirmed_by_a_soft_tone_without_an_edge_whatever_plays_and_by_nothing_when_it_is_muted() {
    let mut bench = Bench::new();
    bench.attach(Input::DeckA, 1, &[0.25; 20_000]);
    bench.join(None, 1, MixerJoinAt::Now, 0);
    bench.pull(100);
    bench.tell(MixerCommand::PressTone);
    let heard: Vec<f32> = bench.pull(9_900).iter().map(|sample| sample - 0.25).collect();
    let highest = heard.iter().fold(0.0f32, |most, sample| most.max(sample.abs()));
    assert!((0.02..=0.025).contains(&highest), "{highest}");
    // A sine of 1,568 Hz moves by a fifth of its height from frame to frame, and no more at its ends.
    assert!(heard.windows(2).all(|w| (w[1] - w[0]).abs() < 0.2 * 0.026 + 1e-6));
    let last = heard.iter().rposition(|sample| sample.abs() > 1e-5).unwrap();
    assert!((4000..4320).contains(&last), "{last}");
    // A hold keeps the music, and not the answer; a second press in the first one's tone adds nothing.
    bench.tell(MixerCommand::Hold { fade_frames: 10 });
    bench.pull(100);
    bench.tell(MixerCommand::PressTone);
    let first = bench.pull(2_000);
    bench.tell(MixerCommand::PressTone);
    let rest = bench.pull(3_000);
    assert!(first.iter().any(|sample| sample.abs() > 0.01));
    assert!(rest[2_400..].iter().all(|sample| *sample == 0.0));
    bench.tell(MixerCommand::Volume { gain: 0.0, ramp_frames: 0 });
    bench.tell(MixerCommand::PressTone);
    assert!(bench.pull(5_000).iter().all(|sample| *sample == 0.0));
}

//! Announcements over music, over silence and over music that is held; pulled under the same allocator that refuses.

use super::*;

const DOWN_FRAMES: u32 = 9600;
const UP_FRAMES: u32 = 48_000;
/// −12 dB.
pub(super) const DUCK_GAIN: f32 = 0.251_188_64;

pub(super) fn say(feed: u64) -> MixerSay {
    let (down_frames, up_frames) = (DOWN_FRAMES, UP_FRAMES);
    let feed = FeedId(feed);
    MixerSay { feed, duck_gain: DUCK_GAIN, down_frames, up_frames, rise_frames: 0, pierces_hold: true }
}

impl Bench {
    /// A song of a constant level that plays, and an announcement that waits.
    fn with_music(level: f32, announcement: &[f32]) -> (Self, Arc<Counters>) {
        let mut bench = Self::new();
        let music = bench.attach(Input::DeckA, 1, &vec![level; 400_000]);
        bench.join(None, 1, MixerJoinAt::Now, 0);
        bench.attach(Input::Voice, 2, announcement);
        (bench, music)
    }

    fn say(&mut self, say: MixerSay) {
        self.tell(MixerCommand::Say(say));
    }

    fn pull_in_blocks(&mut self, frames: usize, block: usize) {
        let until = self.heard.len() + frames;
        while self.heard.len() < until {
            self.pull(block.min(until - self.heard.len()));
        }
    }
}

fn db(gain: f32) -> f64 {
    20.0 * f64::from(gain).log10()
}

#[test]
fn music_goes_down_evenly_in_db_to_the_depth_and_comes_back_to_the_frame_whatever_the_blocks() {
    for block in [1, 77, 256, 1024, 5000] {
        let (mut bench, music) = Bench::with_music(0.25, &[0.5; 24_000]);
        bench.pull_in_blocks(1000, block);
        bench.say(say(2));
        bench.pull_in_blocks(120_000, block);
        let (voice, up) = (1000 + DOWN_FRAMES as usize, 1000 + DOWN_FRAMES as usize + 24_000);
        let end = up + UP_FRAMES as usize;
        let heard = &bench.heard;
        assert!(heard[..1000].iter().all(|sample| *sample == 0.25));
        for (from, len, change_db) in [(1000, DOWN_FRAMES, -12.0), (up, UP_FRAMES, 12.0)] {
            let before = if change_db < 0.0 { 0.0 } else { -12.0 };
            for at in [1, len / 4, len / 2, len - 100] {
                let wanted = before + change_db * f64::from(at) / f64::from(len);
                let is = db(heard[from + at as usize - 1] / 0.25);
                assert!(
                    (is - wanted).abs() < 0.001,
                    "blocks of {block}: {is} dB, not {wanted}, {at} frames in"
                );
            }
        }
        let down = 0.25 * DUCK_GAIN;
        assert_eq!((heard[voice - 1], heard[voice]), (down, 0.5 + down), "blocks of {block}");
        assert!(heard[voice..up].iter().all(|sample| *sample == 0.5 + down), "blocks of {block}");
        assert!(heard[up] < 0.0629 && heard[end - 2] < 0.25 && heard[end - 1] == 0.25, "blocks of {block}");
        assert!(heard[end..].iter().all(|sample| *sample == 0.25));
        assert_eq!(
            (&bench.started[1..], bench.ended.as_slice()),
            (&[FeedId(2)][..], &[(FeedId(2), 24_000)][..])
        );
        assert_eq!(music.ducked_frames(), u64::from(DOWN_FRAMES + UP_FRAMES) + 24_000);
        assert_eq!(music.heard_frames(), 121_000);
    }
}

#[test]
fn over_silence_it_begins_at_once_and_what_begins_meanwhile_is_down_from_its_first_frame() {
    let mut bench = Bench::new();
    bench.attach(Input::Voice, 2, &[0.5; 10_000]).set_gain(0.5);
    bench.say(say(2));
    assert_eq!(bench.pull(100), [0.25; 100]);
    bench.attach(Input::DeckB, 3, &[0.4; 100_000]);
    bench.join(None, 3, MixerJoinAt::Now, 0);
    assert_eq!(bench.pull(9900)[..9900], [0.25 + 0.4 * DUCK_GAIN; 9900]);
    bench.pull(UP_FRAMES as usize);
    assert_eq!(bench.pull(1), [0.4]);
}

#[test]
fn over_held_music_an_urgent_one_is_heard_and_another_waits_and_is_held_with_it() {
    let (mut bench, music) = Bench::with_music(0.25, &[0.5; 20_000]);
    bench.pull(1000);
    bench.tell(MixerCommand::Hold { fade_frames: 480 });
    bench.pull(1000);
    bench.say(say(2));
    assert_eq!(bench.pull(20_000), [0.5; 20_000]);
    assert_eq!(bench.pull(1), [0.0]);
    assert_eq!(music.ducked_frames(), 0, "what is held is not softer");
    // The next waits for the release, and stops in the middle when the music does.
    bench.attach(Input::Voice, 3, &[0.5; 2000]);
    bench.say(MixerSay { pierces_hold: false, ..say(3) });
    assert_eq!(bench.pull(5000), [0.0; 5000]);
    bench.tell(MixerCommand::Release { fade_frames: 480 });
    let heard = bench.pull(1000);
    let both = 0.5 + 0.25 * DUCK_GAIN;
    assert!(heard[0] < 0.01 && (heard[600] - both).abs() < 1e-6, "{} {}", heard[0], heard[600]);
    bench.tell(MixerCommand::Hold { fade_frames: 480 });
    assert!(bench.pull(1000)[480..].iter().all(|sample| *sample == 0.0));
    bench.tell(MixerCommand::Release { fade_frames: 0 });
    let heard = bench.pull(1000);
    assert!((heard[519] - both).abs() < 1e-6 && heard[521] < 0.25, "it has 520 frames left");
    assert_eq!(bench.ended, [(FeedId(2), 20_000), (FeedId(3), 2000)]);
}

#[test]
fn one_that_is_ended_while_it_is_held_gives_its_ring_back_at_once() {
    for is_leaving in [true, false] {
        let (mut bench, _) = Bench::with_music(0.25, &[0.5; 200_000]);
        bench.say(MixerSay { pierces_hold: false, ..say(2) });
        bench.pull(DOWN_FRAMES as usize + 1000);
        let unload = MixerCommand::Unload { feed: FeedId(2), fade_frames: 9000 };
        if is_leaving {
            bench.tell(unload);
            bench.pull(100);
            bench.tell(MixerCommand::Hold { fade_frames: 480 });
            bench.pull(1000);
        } else {
            bench.tell(MixerCommand::Hold { fade_frames: 480 });
            bench.pull(1000);
            bench.tell(unload);
            bench.pull(100);
        }
        assert_eq!(bench.ended.len(), 1);
        bench.tell(MixerCommand::Release { fade_frames: 480 });
        assert_eq!(bench.pull(1000)[999], 0.25, "the music is as loud as before when it is let go");
    }
}

#[test]
fn an_end_before_its_beginning_or_in_its_middle_lets_the_music_come_back() {
    for (after, fade_frames) in [(4000, 4800), (DOWN_FRAMES as usize + 3000, 4800), (20_000, 0)] {
        let (mut bench, music) = Bench::with_music(0.25, &[0.25; 200_000]);
        bench.pull(1000);
        bench.say(say(2));
        bench.pull(after);
        bench.tell(MixerCommand::Unload { feed: FeedId(2), fade_frames });
        bench.pull(4800 + UP_FRAMES as usize);
        assert_eq!(bench.ended.len(), 1, "after {after}");
        assert_eq!(bench.heard.last(), Some(&0.25), "after {after}");
        assert_eq!(music.heard_frames() as usize, bench.heard.len());
        let has_begun = after > DOWN_FRAMES as usize;
        assert_eq!(bench.started.contains(&FeedId(2)), has_begun, "after {after}");
        if !has_begun {
            assert!(bench.heard.iter().all(|sample| *sample <= 0.25), "nothing of it was heard");
        }
    }
}

#[test]
fn a_ring_whose_thread_died_or_is_late_does_not_keep_the_music_down() {
    let mut bench = Bench::new();
    bench.attach(Input::DeckA, 1, &[0.25; 200_000]);
    bench.join(None, 1, MixerJoinAt::Now, 0);
    let (writer, ring) = song(2, &[0.5; 1000]);
    bench.tell(MixerCommand::Attach(Input::Voice, ring));
    bench.say(say(2));
    bench.pull(DOWN_FRAMES as usize + 1000);
    assert_eq!(bench.pull(5000), [0.25 * DUCK_GAIN; 5000], "it waits for the rest");
    drop(writer);
    bench.pull(UP_FRAMES as usize);
    assert_eq!(bench.pull(1), [0.25]);
    assert_eq!(bench.ended, [(FeedId(2), 1000)]);
}

#[test]
fn what_has_no_ring_is_not_said_and_a_second_word_about_one_that_is_heard_changes_nothing() {
    let (mut bench, _) = Bench::with_music(0.25, &[0.5; 20_000]);
    bench.say(say(9));
    assert_eq!(bench.pull(1000), [0.25; 1000]);
    bench.say(say(2));
    bench.pull(DOWN_FRAMES as usize);
    bench.pull(1000);
    bench.say(MixerSay { duck_gain: 0.9, ..say(2) });
    assert_eq!(bench.pull(1000), [0.5 + 0.25 * DUCK_GAIN; 1000]);
}

#[test]
fn a_crossfade_under_an_announcement_is_ducked_as_a_whole_and_a_second_one_begins_from_where_the_music_is() {
    let (mut bench, _) = Bench::with_music(0.25, &[0.5; 30_000]);
    let next = bench.attach(Input::DeckB, 3, &[0.25; 400_000]);
    bench.pull(1000);
    bench.say(say(2));
    bench.pull(DOWN_FRAMES as usize);
    bench.join(Some(1), 3, MixerJoinAt::Now, 10_000);
    let faded = bench.pull(30_000);
    for (i, sample) in faded.iter().enumerate() {
        let angle = (i.min(10_000) as f64 / 10_000.0) * TAU / 4.0;
        let wanted = 0.5 + 0.25 * f64::from(DUCK_GAIN) * (angle.cos() + angle.sin());
        assert!((f64::from(*sample) - wanted).abs() < 1e-5, "frame {i}: {sample} {wanted}");
    }
    assert_eq!(next.ducked_frames(), 30_000);
    // While the music comes up the next is said: it goes down again without a step.
    bench.pull(UP_FRAMES as usize / 2);
    bench.attach(Input::Voice, 4, &[0.0; 1000]);
    bench.say(say(4));
    let again = bench.pull(DOWN_FRAMES as usize + 1000);
    let from = db(again[0] / 0.25);
    assert!((from + 6.0).abs() < 0.01, "{from}");
    assert!(again.windows(2).all(|w| w[1] <= w[0]) && again[DOWN_FRAMES as usize] == 0.25 * DUCK_GAIN);
}

#[test]
fn one_that_goes_on_after_another_output_begins_softly() {
    let (mut bench, _) = Bench::with_music(0.0, &[0.5; 20_000]);
    bench.pull(1000);
    bench.say(MixerSay { rise_frames: 480, ..say(2) });
    bench.pull(DOWN_FRAMES as usize);
    let heard = bench.pull(1000);
    assert!(heard[0] < 0.01 && heard[480] == 0.5 && heard.windows(2).all(|w| w[1] >= w[0]));
}

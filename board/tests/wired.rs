//! A panel on lines behind a socket: real descriptors, real time, pins that a test presses.

#![cfg(test)]

use std::time::{Duration, Instant};

use orchestrion_board::panel::{AlarmPlan, ButtonPlan, EncoderPlan};
use orchestrion_board::sim::SimChip;
use orchestrion_board::{
    Bias, Contact, Event, Gesture, Gestures, LineId, LineSpec, Moment, Pattern, Plan, Polarity, Signal,
    Waker, Wired,
};

/// As long may anything take on a loaded machine.
const WAIT_MAX: Duration = Duration::from_secs(20);

struct Rig {
    folder: tempfile::TempDir,
    chip: Option<SimChip>,
    wired: Wired,
    told: Vec<(Moment, Event)>,
    waker: Waker,
}

fn line(chip: &str, offset: u32) -> LineSpec {
    LineSpec { chip: chip.into(), line: LineId::Offset(offset), polarity: Polarity::Low, bias: Bias::Up }
}

/// Play on 17, skip on 27, the knob on 5 and 6, the alarm on 22, the LED on 18.
fn plan(chip: &str) -> Plan {
    let button = |name: &str, offset| ButtonPlan {
        name: name.into(),
        line: line(chip, offset),
        gestures: Gestures::default(),
    };
    Plan {
        buttons: vec![button("play", 17), button("skip", 27)],
        encoder: Some(EncoderPlan {
            a: line(chip, 5),
            b: line(chip, 6),
            detent: orchestrion_board::encoder::Detent::Full,
        }),
        alarm: Some(AlarmPlan { line: line(chip, 22), contact: Contact::Closing }),
        led: Some(LineSpec { polarity: Polarity::High, ..line(chip, 18) }),
    }
}

impl Rig {
    fn new(prepare: impl FnOnce(&SimChip)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let chip = SimChip::listen(&folder.path().join("pins.sock")).unwrap();
        prepare(&chip);
        let waker = Waker::new().unwrap();
        let wired = Wired::new(plan(&chip.chip()), waker.clone());
        Self { folder, chip: Some(chip), wired, told: Vec::new(), waker }
    }

    fn chip(&self) -> &SimChip {
        self.chip.as_ref().unwrap()
    }

    /// Turns until it has told `wanted`, and forgets what was told up to there.
    fn wait_for(&mut self, wanted: impl Fn(&Event) -> bool) -> (Moment, Event) {
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            if let Some(at) = self.told.iter().position(|(_, event)| wanted(event)) {
                return self.told.drain(..=at).next_back().unwrap();
            }
            assert!(Instant::now() < deadline, "only {:?}", self.told);
            self.wired.turn(Some(Duration::from_millis(100)), &mut self.told);
        }
    }

    fn turn_for(&mut self, duration: Duration) {
        let end = Instant::now() + duration;
        while Instant::now() < end {
            self.wired.turn(Some(end.saturating_duration_since(Instant::now())), &mut self.told);
        }
    }
}

fn short(button: usize) -> Event {
    Event::Gesture { button, gesture: Gesture::Short }
}

#[test]
fn a_pressed_pin_is_a_press_and_comes_soon() {
    let mut rig = Rig::new(|_| ());
    rig.wired.turn(Some(Duration::ZERO), &mut rig.told);
    assert_eq!(rig.told, [], "at rest nothing is told");
    let mut waits = Vec::new();
    for _ in 0..21 {
        let pressed = rig.chip().press(27);
        rig.wait_for(|event| *event == short(1));
        waits.push(pressed.elapsed());
        rig.chip().let_go(27);
        rig.turn_for(Duration::from_millis(110));
    }
    waits.sort();
    eprintln!("press to event: median {:?}, worst {:?}", waits[10], waits[20]);
    assert!(waits[10] < Duration::from_millis(250), "{waits:?}");
    assert_eq!(rig.told, []);
}

#[test]
fn two_pins_pressed_at_once_both_count_and_the_knob_turns_meanwhile() {
    let mut rig = Rig::new(|_| ());
    rig.wired.turn(Some(Duration::ZERO), &mut rig.told);
    rig.chip().press(17);
    rig.chip().press(27);
    for (line, closed) in [(5, true), (6, true), (5, false), (6, false)] {
        if closed {
            rig.chip().press(line)
        } else {
            rig.chip().let_go(line)
        };
    }
    rig.turn_for(Duration::from_millis(200));
    let told: Vec<Event> = rig.told.drain(..).map(|(_, event)| event).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    for wanted in [short(0), short(1), Event::Turned(1)] {
        assert!(told.contains(&wanted), "{wanted:?} is not in {told:?}");
    }
}

#[test]
fn what_is_pressed_at_the_start_is_told_so_and_an_alarm_counts_with_its_level() {
    let mut rig = Rig::new(|chip| {
        chip.drive(17, false);
        chip.drive(22, false);
    });
    rig.wired.turn(Some(Duration::ZERO), &mut rig.told);
    let told: Vec<Event> = rig.told.drain(..).map(|(_, event)| event).collect();
    assert_eq!(told, [Event::HeldAtStart { button: 0 }, Event::Alarm(true)]);
    assert!(rig.wired.is_alarm());
    rig.chip().let_go(22);
    rig.wait_for(|event| *event == Event::Alarm(false));
}

#[test]
fn a_busy_line_is_named_with_its_holder_and_takes_no_other_with_it() {
    let mut rig = Rig::new(|chip| chip.hold(17, Some("another-program")));
    let (_, lost) = rig.wait_for(|event| matches!(event, Event::Lost { .. }));
    let Event::Lost { input, reason } = lost else { panic!("{lost:?}") };
    assert_eq!(input, 0);
    assert!(reason.contains("line 17") || reason.contains("17 of GPIO chip"), "{reason}");
    assert!(reason.contains("held by another-program"), "{reason}");
    rig.chip().press(27);
    rig.wait_for(|event| *event == short(1));
    rig.chip().hold(17, None);
    rig.wait_for(|event| *event == Event::Back { input: 0 });
    rig.chip().press(17);
    rig.wait_for(|event| *event == short(0));
}

#[test]
fn a_chip_that_vanishes_is_told_once_a_line_and_works_again_when_it_is_back() {
    let mut rig = Rig::new(|_| ());
    rig.wired.turn(Some(Duration::ZERO), &mut rig.told);
    let path = rig.folder.path().join("pins.sock");
    rig.chip = None;
    rig.turn_for(Duration::from_millis(2_500));
    let lost: Vec<usize> = rig
        .told
        .drain(..)
        .filter_map(|(_, event)| match event {
            Event::Lost { input, reason } => {
                assert!(reason.contains("pins.sock"), "{reason}");
                Some(input)
            }
            Event::LedLost { .. } => None,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(lost, [0, 1, 2, 3, 4]);
    rig.chip = Some(SimChip::listen(&path).unwrap());
    rig.wait_for(|event| *event == Event::Back { input: 4 });
    rig.turn_for(Duration::from_millis(100));
    rig.told.clear();
    rig.chip().press(22);
    rig.wait_for(|event| *event == Event::Alarm(true));
}

#[test]
fn a_missing_chip_is_named_and_nothing_else_happens() {
    let folder = tempfile::tempdir().unwrap();
    let chip = format!("unix:{}", folder.path().join("nobody.sock").display());
    let mut wired = Wired::new(plan(&chip), Waker::new().unwrap());
    let mut told = Vec::new();
    wired.turn(Some(Duration::ZERO), &mut told);
    assert_eq!(told.len(), 6, "five inputs and the LED: {told:?}");
    let Event::Lost { reason, .. } = &told[0].1 else { panic!("{told:?}") };
    assert!(reason.contains("there is no GPIO chip unix:") && reason.contains("nobody.sock"), "{reason}");
}

#[test]
fn a_thousand_presses_a_second_on_one_pin_leave_the_other_its_presses() {
    let mut rig = Rig::new(|_| ());
    rig.wired.turn(Some(Duration::ZERO), &mut rig.told);
    let chip = rig.chip.take().unwrap();
    let flood = std::thread::spawn(move || {
        let begun = Instant::now();
        let mut count = 0u32;
        while begun.elapsed() < Duration::from_secs(2) {
            if count.is_multiple_of(2) {
                chip.press(17)
            } else {
                chip.let_go(17)
            };
            count += 1;
            if count == 2_000 {
                chip.press(27);
            }
            std::thread::sleep(Duration::from_micros(400));
        }
        chip.let_go(17);
        (chip, count)
    });
    rig.wait_for(|event| *event == short(1));
    // Who does not read makes the flood wait, as no real pin would.
    while !flood.is_finished() {
        rig.turn_for(Duration::from_millis(20));
    }
    let (chip, count) = flood.join().unwrap();
    rig.chip = Some(chip);
    rig.turn_for(Duration::from_millis(700));
    eprintln!("{count} edges");
    let presses = rig.told.iter().filter(|(_, event)| *event == short(0)).count();
    assert!(presses <= 2, "{:?}", rig.told);
    rig.chip().press(17);
    rig.wait_for(|event| *event == short(0));
}

#[test]
fn the_led_shows_what_it_is_told_and_goes_dark_with_the_device() {
    let mut rig = Rig::new(|_| ());
    rig.wired.show(Pattern::Playing);
    rig.wired.turn(Some(Duration::ZERO), &mut rig.told);
    assert!(rig.chip().wait_for_output(18, true, WAIT_MAX));
    let before = rig.chip().output(18).len();
    rig.wired.answer(Signal::Refused);
    rig.turn_for(Duration::from_millis(1_200));
    let blinks = rig.chip().output(18).split_off(before);
    assert_eq!(blinks.len(), 12, "five flashes in a dark second: {blinks:?}");
    let Rig { chip, wired, .. } = rig;
    drop(wired);
    assert!(chip.unwrap().wait_for_output(18, false, WAIT_MAX));
}

#[test]
fn another_thread_wakes_a_panel_that_waits() {
    let mut rig = Rig::new(|_| ());
    rig.wired.show(Pattern::Playing);
    rig.turn_for(Duration::from_millis(50));
    let waker = rig.waker.clone();
    let begun = Instant::now();
    let thread = std::thread::spawn(move || waker.wake());
    rig.wired.turn(None, &mut rig.told);
    thread.join().unwrap();
    assert!(begun.elapsed() < WAIT_MAX);
    assert_eq!(rig.told, []);
}

#[cfg(feature = "cdev")]
#[test]
fn a_chip_that_the_kernel_does_not_have_is_named_with_those_that_it_has() {
    let mut wired = Wired::new(plan("no-such-chip"), Waker::new().unwrap());
    let mut told = Vec::new();
    wired.turn(Some(Duration::ZERO), &mut told);
    let Event::Lost { reason, .. } = &told[0].1 else { panic!("{told:?}") };
    assert!(reason.starts_with("there is no GPIO chip no-such-chip (there is "), "{reason}");
    let mut wired = Wired::new(plan("/dev/null"), Waker::new().unwrap());
    wired.turn(Some(Duration::ZERO), &mut told);
    assert!(
        told.iter()
            .any(|(_, event)| matches!(event, Event::Lost { reason, .. } if reason.contains("/dev/null")))
    );
}

#[cfg(not(feature = "cdev"))]
#[test]
fn a_program_without_the_kernels_chips_says_so() {
    let mut wired = Wired::new(plan("some-chip"), Waker::new().unwrap());
    let mut told = Vec::new();
    wired.turn(Some(Duration::ZERO), &mut told);
    let Event::Lost { reason, .. } = &told[0].1 else { panic!("{told:?}") };
    assert!(reason.contains("built without GPIO"), "{reason}");
}

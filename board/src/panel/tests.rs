//! A whole panel in virtual time.

use proptest::prelude::*;

use super::*;
use crate::line::{Bias, LineId, Polarity};

fn line(offset: u32) -> LineSpec {
    LineSpec { chip: "chip".into(), line: LineId::Offset(offset), polarity: Polarity::Low, bias: Bias::Up }
}

fn plan() -> Plan {
    let button = |name: &str, offset| ButtonPlan {
        name: name.into(),
        line: line(offset),
        gestures: Gestures::default(),
    };
    Plan {
        buttons: vec![button("play", 17), button("skip", 27)],
        encoder: Some(EncoderPlan { a: line(5), b: line(6), detent: Detent::Full }),
        alarm: Some(AlarmPlan { line: line(22), contact: Contact::Opening }),
        led: None,
    }
}

/// A panel that is touched by nobody, and no alarm.
fn at_rest() -> Panel {
    let (mut panel, mut told) = (Panel::new(plan(), Moment(0)), Vec::new());
    for (input, active) in [false, false, false, false, true].into_iter().enumerate() {
        panel.begin(Moment(0), input, active, &mut told);
    }
    assert_eq!(told, []);
    panel
}

fn short(button: usize) -> Event {
    Event::Gesture { button, gesture: Gesture::Short }
}

fn events(told: Vec<(Moment, Event)>) -> Vec<Event> {
    told.into_iter().map(|(_, event)| event).collect()
}

#[test]
fn inputs_are_counted_buttons_first_and_the_encoder_is_asked_for_in_one_piece() {
    let plan = plan();
    let parts: Vec<Part> = plan.inputs().into_iter().map(|(part, _)| part).collect();
    assert_eq!(parts, [Part::Button(0), Part::Button(1), Part::EncoderA, Part::EncoderB, Part::Alarm]);
    assert_eq!(plan.groups(), [vec![0], vec![1], vec![2, 3], vec![4]]);
    assert_eq!(plan.name_of(1), "button \"skip\"");
}

#[test]
fn two_buttons_at_once_both_count_once() {
    let (mut panel, mut told) = (at_rest(), Vec::new());
    for input in [1, 0] {
        panel.edge(Edge { input, at: Moment(1_000), active: true }, &mut told);
    }
    panel.advance(Moment(100_000), &mut told);
    for input in [0, 1] {
        panel.edge(Edge { input, at: Moment(200_000), active: false }, &mut told);
    }
    panel.advance(Moment(900_000), &mut told);
    assert_eq!(events(told), [short(0), short(1)]);
}

#[test]
fn an_alarm_is_told_with_the_edge_and_one_that_is_on_at_the_start_with_the_level() {
    let (mut panel, mut told) = (at_rest(), Vec::new());
    panel.edge(Edge { input: 4, at: Moment(7), active: false }, &mut told);
    assert_eq!(told, [(Moment(7), Event::Alarm(true))]);
    let (mut panel, mut told) = (Panel::new(plan(), Moment(0)), Vec::new());
    panel.begin(Moment(3), 4, false, &mut told);
    assert_eq!(told, [(Moment(3), Event::Alarm(true))]);
    panel.end(4);
    assert!(panel.is_alarm(), "a chip that vanishes does not end an alarm");
    panel.begin(Moment(1_000_000), 4, true, &mut told);
    panel.advance(Moment(2_000_000), &mut told);
    assert_eq!(told.last(), Some(&(Moment(2_000_000), Event::Alarm(false))));
}

#[test]
fn a_line_that_vanished_while_pressed_does_not_press_when_it_is_back() {
    let (mut panel, mut told) = (at_rest(), Vec::new());
    panel.edge(Edge { input: 0, at: Moment(1_000), active: true }, &mut told);
    panel.end(0);
    panel.edge(Edge { input: 0, at: Moment(2_000), active: true }, &mut told);
    panel.advance(Moment(1_000_000), &mut told);
    assert_eq!(told, []);
    panel.begin(Moment(2_000_000), 0, true, &mut told);
    panel.advance(Moment(3_000_000), &mut told);
    assert_eq!(events(told), [Event::HeldAtStart { button: 0 }]);
}

#[test]
fn detents_that_are_read_at_once_are_one_event() {
    let (mut panel, mut told) = (at_rest(), Vec::new());
    for turn in 0..5 {
        for (step, (input, active)) in [(2, true), (3, true), (2, false), (3, false)].into_iter().enumerate()
        {
            let at = Moment(turn * 4_000 + step as u64 * 1_000);
            panel.edge(Edge { input, at, active }, &mut told);
        }
    }
    assert_eq!(events(told), [Event::Turned(5)]);
}

#[test]
fn an_edge_of_an_input_that_is_none_is_nothing() {
    let (mut panel, mut told) = (at_rest(), Vec::new());
    panel.edge(Edge { input: 99, at: Moment(1), active: true }, &mut told);
    panel.begin(Moment(1), 99, true, &mut told);
    panel.end(99);
    assert_eq!(told, []);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn one_button_never_hears_what_another_does(
        noise in prop::collection::vec((0u64..5_000_000, any::<bool>()), 0..300),
        presses in 1u64..8,
    ) {
        let mut edges: Vec<Edge> =
            noise.into_iter().map(|(at, active)| Edge { input: 1, at: Moment(at), active }).collect();
        for press in 0..presses {
            edges.push(Edge { input: 0, at: Moment(press * 500_000 + 10), active: true });
            edges.push(Edge { input: 0, at: Moment(press * 500_000 + 200_010), active: false });
        }
        edges.sort_by_key(|edge| edge.at);
        let (mut panel, mut told) = (at_rest(), Vec::new());
        for edge in edges {
            panel.advance(edge.at, &mut told);
            panel.edge(edge, &mut told);
        }
        panel.advance(Moment(30_000_000), &mut told);
        let heard = events(told).into_iter().filter(|event| *event == short(0)).count();
        prop_assert_eq!(heard as u64, presses);
    }
}

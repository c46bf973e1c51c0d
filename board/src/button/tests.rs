//! Buttons in virtual time: by cases, and by properties.

use proptest::prelude::*;

use super::*;

type Edges = Vec<(Moment, bool)>;
type Heard = Vec<(u64, Told)>;

/// What a button tells of these edges, in milliseconds, until `end_ms`.
fn hear(gestures: &Gestures, edges: &Edges, end_ms: u64) -> Heard {
    let (mut told, mut first) = (Vec::new(), Vec::new());
    let mut button = Button::new(Moment(0), false, gestures.clone(), &mut first);
    assert!(first.is_empty());
    for (at, down) in edges {
        button.edge(*at, *down, &mut told);
    }
    button.advance(Moment(end_ms * 1000), &mut told);
    assert!(told.is_sorted_by_key(|(at, _)| *at), "{told:?}");
    told.into_iter().map(|(at, what)| (at.0 / 1000, what)).collect()
}

/// Clean edges at these milliseconds, down first.
fn at_ms(ms: &[u64]) -> Edges {
    ms.iter().enumerate().map(|(index, ms)| (Moment(ms * 1000), index % 2 == 0)).collect()
}

fn gestures_of(heard: &Heard) -> Vec<Gesture> {
    heard
        .iter()
        .map(|(_, told)| match told {
            Told::Gesture(gesture) => *gesture,
            other => panic!("{other:?} in {heard:?}"),
        })
        .collect()
}

const LONG: Hold = Hold::Long { after_ms: 800 };
const REPEAT: Hold = Hold::Repeat { after_ms: 500, every_ms: 200 };

#[test]
fn a_press_that_can_mean_only_one_thing_is_told_as_it_goes_down() {
    let heard = hear(&Gestures::default(), &at_ms(&[1000, 1200]), 5000);
    assert_eq!(heard, [(1002, Told::Gesture(Gesture::Short))]);
}

#[test]
fn with_a_long_press_the_short_one_is_told_when_it_is_let_go() {
    let gestures = Gestures::new(LONG, None);
    assert_eq!(hear(&gestures, &at_ms(&[1000, 1300]), 5000), [(1302, Told::Gesture(Gesture::Short))]);
    assert_eq!(hear(&gestures, &at_ms(&[1000, 3000]), 5000), [(1802, Told::Gesture(Gesture::Long))]);
}

#[test]
fn two_presses_are_double_when_the_second_comes_soon_and_two_short_ones_else() {
    let gestures = Gestures::new(LONG, Some(350));
    let soon = hear(&gestures, &at_ms(&[1000, 1100, 1250, 1350]), 5000);
    assert_eq!(soon, [(1252, Told::Gesture(Gesture::Double))]);
    let late = hear(&gestures, &at_ms(&[1000, 1100, 1500, 1600]), 5000);
    assert_eq!(gestures_of(&late), [Gesture::Short, Gesture::Short]);
    let held = hear(&gestures, &at_ms(&[1000, 1100, 1250, 4000]), 5000);
    assert_eq!(gestures_of(&held), [Gesture::Double], "the second press may last");
}

#[test]
fn a_button_that_is_held_repeats_until_it_is_let_go() {
    let heard = hear(&Gestures::new(REPEAT, None), &at_ms(&[1000, 2000]), 5000);
    let at: Vec<u64> = heard.iter().map(|(at, _)| *at).collect();
    assert_eq!(at, [1002, 1502, 1702, 1902]);
    assert_eq!(gestures_of(&heard)[1..], [1, 2, 3].map(Gesture::Repeat));
}

#[test]
fn a_button_that_is_down_at_the_start_counts_from_when_it_is_let_go() {
    let (mut first, mut told) = (Vec::new(), Vec::new());
    let mut button = Button::new(Moment(0), true, Gestures::new(LONG, None), &mut first);
    assert_eq!(first, [Told::HeldAtStart]);
    // Edges that happened before its level was read, and ones that repeat that level.
    button.edge(Moment(0), true, &mut told);
    button.advance(Moment(9_000_000), &mut told);
    button.edge(Moment(9_000_000), false, &mut told);
    button.edge(Moment(10_000_000), true, &mut told);
    button.edge(Moment(10_200_000), false, &mut told);
    button.advance(Moment(20_000_000), &mut told);
    assert_eq!(told.iter().map(|(_, told)| *told).collect::<Vec<_>>(), [Told::Gesture(Gesture::Short)]);
}

#[test]
fn a_button_that_is_down_for_half_a_minute_is_stuck_and_well_again_when_it_comes_up() {
    let heard = hear(&Gestures::default(), &at_ms(&[1000, 100_000, 101_000, 101_100]), 200_000);
    let told: Vec<_> = heard.into_iter().map(|(_, told)| told).collect();
    let short = Told::Gesture(Gesture::Short);
    assert_eq!(told, [short, Told::Stuck, Told::Well, short]);
    let (mut first, mut told) = (Vec::new(), Vec::new());
    let mut button = Button::new(Moment(0), true, Gestures::default(), &mut first);
    button.advance(Moment(3_600_000_000), &mut told);
    assert_eq!(told, [(Moment(30_000_000), Told::Stuck)], "told once, also in an hour");
    assert_eq!(button.deadline(), None, "and it wakes nobody");
}

#[test]
fn a_thousand_presses_a_second_are_told_once_as_a_restless_line() {
    let edges: Edges = (0..20_000).map(|n| (Moment(1_000_000 + n * 500), n % 2 == 0)).collect();
    let heard = hear(&Gestures::default(), &edges, 20_000);
    assert_eq!(heard, [(2000, Told::Restless), (11_499, Told::Well)]);
}

#[test]
fn the_hum_of_the_mains_on_a_floating_line_is_restless_within_a_second() {
    let edges: Edges = (0..3_000).map(|n| (Moment(1_000_000 + n * 10_000), n % 2 == 0)).collect();
    let heard = hear(&Gestures::default(), &edges, 29_000);
    let presses = heard.iter().filter(|(_, told)| matches!(told, Told::Gesture(_))).count();
    assert!(presses <= 12, "{presses} presses of nobody");
    assert_eq!(heard.last(), Some(&(2000, Told::Restless)));
}

#[test]
fn a_restless_line_that_comes_to_rest_active_is_no_press_until_it_was_let_go() {
    let mut edges: Edges = (0..4_000).map(|n| (Moment(1_000_000 + n * 500), n % 2 == 0)).collect();
    edges.push((Moment(3_000_000), true));
    edges.extend(at_ms(&[0, 6_000, 7_000, 7_100]).into_iter().skip(1));
    let heard: Vec<_> =
        hear(&Gestures::default(), &edges, 20_000).into_iter().map(|(_, told)| told).collect();
    assert_eq!(heard, [Told::Restless, Told::Well, Told::Gesture(Gesture::Short)]);
}

#[test]
fn a_spike_on_the_wire_is_nothing() {
    let edges: Edges = (0..50)
        .flat_map(|n| [(Moment(n * 1_000_000 + 5), true), (Moment(n * 1_000_000 + 900), false)])
        .collect();
    assert_eq!(hear(&Gestures::new(REPEAT, None), &edges, 60_000), []);
}

/// Chatter of a contact that ends at `to`: moments within `len_us`, the last of which leads to `to`.
fn chatter(start_us: u64, offsets_us: &[u64], to: bool) -> Edges {
    let mut offsets: Vec<u64> = offsets_us.to_vec();
    offsets.sort_unstable();
    offsets.dedup();
    // The first edge goes to the new level, so an odd number ends there.
    if offsets.len().is_multiple_of(2) {
        offsets.pop();
    }
    offsets.iter().enumerate().map(|(n, us)| (Moment(start_us + us), (n % 2 == 0) == to)).collect()
}

prop_compose! {
    /// Presses and pauses of 110–700 ms, each change chattering for up to 50 ms.
    fn hand()(presses in prop::collection::vec(
        (110u64..700, 110u64..700, prop::collection::vec(0u64..50_000, 1..80), prop::collection::vec(0u64..50_000, 1..80)),
        1..12,
    )) -> (usize, Edges, u64) {
        let (mut edges, mut at_us) = (Edges::new(), 500_000);
        for (down_ms, up_ms, closing, opening) in &presses {
            edges.extend(chatter(at_us, closing, true));
            at_us += down_ms * 1000;
            edges.extend(chatter(at_us, opening, false));
            at_us += up_ms * 1000;
        }
        (presses.len(), edges, at_us / 1000 + 5_000)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn chatter_of_fifty_milliseconds_makes_no_press_more_and_none_less((presses, edges, end_ms) in hand()) {
        let heard = hear(&Gestures::default(), &edges, end_ms);
        prop_assert_eq!(gestures_of(&heard), vec![Gesture::Short; presses]);
    }

    #[test]
    fn a_press_is_told_two_milliseconds_after_its_chatter_at_the_latest(
        offsets in prop::collection::vec(0u64..50_000, 1..80),
    ) {
        let edges = chatter(1_000_000, &offsets, true);
        let last = edges.last().map_or(0, |(at, _)| at.0);
        let (mut told, mut first) = (Vec::new(), Vec::new());
        let mut button = Button::new(Moment(0), false, Gestures::default(), &mut first);
        for (at, down) in &edges {
            button.edge(*at, *down, &mut told);
        }
        button.advance(Moment(last + 2_000), &mut told);
        prop_assert_eq!(told.len(), 1);
    }

    #[test]
    fn whatever_the_edges_it_tells_a_bounded_number_of_things_and_always_comes_to_rest(
        steps in prop::collection::vec((0u64..200_000, any::<bool>()), 0..400),
        hold in prop_oneof![Just(Hold::Nothing), Just(LONG), Just(REPEAT)],
        double_ms in prop::option::of(1u32..500),
        down_at_start: bool,
    ) {
        let (mut told, mut first) = (Vec::new(), Vec::new());
        let mut button = Button::new(Moment(0), down_at_start, Gestures::new(hold, double_ms), &mut first);
        let mut at = 0;
        for (after, down) in steps {
            at += after;
            button.edge(Moment(at), down, &mut told);
        }
        button.edge(Moment(at + 1), false, &mut told);
        button.advance(Moment(at + 120_000_000), &mut told);
        prop_assert_eq!(button.deadline(), None);
        prop_assert!(told.is_sorted_by_key(|(at, _)| *at));
        // No more than a press in 50 ms and what it can bring with it.
        prop_assert!(told.len() as u64 <= (at / 50_000 + 2) * 3);
    }

    #[test]
    fn seldom_advanced_or_often_it_tells_the_same((_, edges, end_ms) in hand(), step_us in 300u64..30_000) {
        let gestures = Gestures::new(LONG, Some(350));
        let seldom = hear(&gestures, &edges, end_ms);
        let (mut told, mut first) = (Vec::new(), Vec::new());
        let mut button = Button::new(Moment(0), false, gestures, &mut first);
        let (mut edges, mut at) = (edges.into_iter().peekable(), 0);
        while at < end_ms * 1000 {
            at += step_us;
            while let Some((moment, down)) = edges.next_if(|(moment, _)| moment.0 <= at) {
                button.edge(moment, down, &mut told);
            }
            button.advance(Moment(at.min(end_ms * 1000)), &mut told);
        }
        let often: Heard = told.into_iter().map(|(at, what)| (at.0 / 1000, what)).collect();
        prop_assert_eq!(often, seldom);
    }
}

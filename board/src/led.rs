//! What one LED says, by how it blinks.

use serde::{Deserialize, Serialize};

use crate::time::Moment;

/// What the device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// It starts: even, quick blinking.
    #[default]
    Starting,
    /// It plays: lit.
    Playing,
    /// It is closed, or silent because someone wants so: a short flash every 4 s.
    Closed,
    /// It plays, but has no network: lit, with a short gap every 2 s.
    NoNetwork,
    /// Somebody must look: two flashes, a pause.
    Fault,
    /// "Which one are you?": very quick blinking.
    Identify,
}

/// What answers a press, for a moment, over whatever the device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// It is done: one long flash.
    Confirmed,
    /// It is not allowed now: five quick ones.
    Refused,
}

/// Lit and dark in turn, in milliseconds, beginning lit.
type Steps = &'static [u32];

impl Pattern {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Starting, Self::Playing, Self::Closed, Self::NoNetwork, Self::Fault, Self::Identify];

    fn steps(self) -> Steps {
        match self {
            Self::Starting => &[250, 250],
            Self::Playing => &[],
            Self::Closed => &[60, 3_940],
            Self::NoNetwork => &[1_800, 200],
            Self::Fault => &[150, 200, 150, 1_000],
            Self::Identify => &[60, 60],
        }
    }
}

impl Signal {
    /// Dark and lit in turn, in milliseconds, beginning dark, so that it is seen also on an LED that is lit.
    fn steps(self) -> Steps {
        match self {
            Self::Confirmed => &[80, 300, 80],
            Self::Refused => &[80, 70, 80, 70, 80, 70, 80, 70, 80, 70, 80],
        }
    }
}

/// An LED.
#[derive(Debug, Clone)]
pub struct Led {
    pattern: Pattern,
    since: Moment,
    signal: Option<(Signal, Moment)>,
}

impl Led {
    /// One that says that the device starts.
    #[must_use]
    pub fn new(at: Moment) -> Self {
        Self { pattern: Pattern::Starting, since: at, signal: None }
    }

    /// From now on it says this. Saying the same again does not begin anew.
    pub fn show(&mut self, at: Moment, pattern: Pattern) {
        if self.pattern != pattern {
            self.pattern = pattern;
            self.since = at;
        }
    }

    /// Answers a press; it replaces an answer that is not yet through.
    pub fn answer(&mut self, at: Moment, signal: Signal) {
        self.signal = Some((signal, at));
    }

    /// Whether it is lit, and when that changes.
    #[must_use]
    pub fn look(&self, now: Moment) -> (bool, Option<Moment>) {
        if let Some((signal, since)) = self.signal
            && let Some((index, until)) = step(signal.steps(), since, now.since_us(since))
        {
            return (index % 2 == 1, Some(until));
        }
        let steps = self.pattern.steps();
        let round_us: u64 = steps.iter().map(|ms| u64::from(*ms) * 1000).sum();
        if round_us == 0 {
            return (true, None);
        }
        let elapsed_us = now.since_us(self.since);
        let round_since = Moment(self.since.0 + elapsed_us / round_us * round_us);
        match step(steps, round_since, elapsed_us % round_us) {
            Some((index, until)) => (index % 2 == 0, Some(until)),
            None => (true, None),
        }
    }
}

/// In which step `elapsed_us` after `since` lies, and when it ends.
fn step(steps: Steps, since: Moment, elapsed_us: u64) -> Option<(usize, Moment)> {
    let mut end_us = 0;
    for (index, ms) in steps.iter().enumerate() {
        end_us += u64::from(*ms) * 1000;
        if elapsed_us < end_us {
            return Some((index, Moment(since.0 + end_us)));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths of `count` changes from `from` on, in milliseconds, and whether the first was lit.
    fn seen(led: &Led, from: Moment, count: usize) -> (bool, Vec<u64>) {
        let (mut at, mut lengths) = (from, Vec::new());
        let first = led.look(at).0;
        for _ in 0..count {
            let (lit, Some(until)) = led.look(at) else { break };
            assert_ne!(led.look(until).0, lit, "each step is a change");
            lengths.push(until.since_ms(at));
            at = until;
        }
        (first, lengths)
    }

    #[test]
    fn every_pattern_looks_unlike_every_other_within_five_seconds() {
        let looks: Vec<Vec<bool>> = Pattern::ALL
            .iter()
            .map(|pattern| {
                let mut led = Led::new(Moment(0));
                led.show(Moment(0), *pattern);
                (0..500).map(|tick| led.look(Moment(tick * 10_000)).0).collect()
            })
            .collect();
        for (index, look) in looks.iter().enumerate() {
            for (other, other_look) in looks.iter().enumerate().skip(index + 1) {
                let unlike = look.iter().zip(other_look).filter(|(a, b)| a != b).count();
                assert!(unlike >= 40, "{:?} is like {:?}", Pattern::ALL[index], Pattern::ALL[other]);
            }
        }
    }

    #[test]
    fn fault_is_two_flashes_and_a_pause_again_and_again() {
        let mut led = Led::new(Moment(0));
        led.show(Moment(5_000_000), Pattern::Fault);
        let (first, lengths) = seen(&led, Moment(5_000_000), 8);
        assert!(first);
        assert_eq!(lengths, [150, 200, 150, 1_000, 150, 200, 150, 1_000]);
    }

    #[test]
    fn an_answer_is_seen_over_a_steady_light_and_gives_way_to_it_again() {
        let mut led = Led::new(Moment(0));
        led.show(Moment(0), Pattern::Playing);
        assert_eq!(led.look(Moment(1)), (true, None), "a steady light wakes nobody");
        led.answer(Moment(1_000), Signal::Refused);
        assert!(!led.look(Moment(1_000)).0);
        let lit = (0..2_000).map(|ms| led.look(Moment(1_000 + ms * 1_000)).0);
        let flashes = lit.collect::<Vec<_>>().windows(2).filter(|pair| !pair[0] && pair[1]).count();
        assert_eq!(flashes, 6, "five flashes, then steady");
        assert_eq!(led.look(Moment(3_000_000)), (true, None));
    }

    #[test]
    fn showing_the_same_again_does_not_begin_anew() {
        let mut led = Led::new(Moment(0));
        led.show(Moment(0), Pattern::Closed);
        led.show(Moment(30_000), Pattern::Closed);
        assert!(!led.look(Moment(70_000)).0);
    }
}

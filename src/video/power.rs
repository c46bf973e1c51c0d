//! Whether the screen itself is on: what is wanted, who was told, and when one who failed is told again. Who can do it is
//! behind [`Switch`]: the process that shows (the connector's DPMS), and the TV's own line (`cec`).

use crate::time::Mono;

/// Who failed is told again after so long, in milliseconds, twice as long each time.
const AGAIN_MS: u64 = 5_000;
/// But never later than after so long.
const AGAIN_MS_MAX: u64 = 300_000;

/// Somebody who can switch a screen on and off.
pub(super) trait Switch {
    /// Has it switched. Does not wait: [`Switch::heard`] says what came of it. What was begun before does not count any more.
    fn switch(&mut self, is_on: bool);

    /// What came of it: how the screen is now (it may be none of ours to switch, and stay on), or why that failed, in words.
    fn heard(&mut self) -> Option<Result<bool, String>>;
}

/// One who can, and how it went.
#[derive(Debug)]
pub(super) struct Way<S> {
    pub(super) switch: S,
    begin: Mono,
    /// `None`: it was told nothing yet, and the screen counts as on.
    told: Option<bool>,
    is_on: bool,
    failures: u32,
    again: Mono,
    problem: Option<String>,
}

impl<S: Switch> Way<S> {
    /// It is told nothing before `begin`.
    pub(super) fn new(switch: S, begin: Mono) -> Self {
        Self { switch, begin, told: None, is_on: true, failures: 0, again: Mono(0), problem: None }
    }

    /// Hears what came of it, and tells it what is wanted if that is news or it failed. At first it is told in any case: who
    /// switched the screen off may have been the process before this one.
    pub(super) fn see_to(&mut self, now: Mono, wants_on: bool) {
        self.hear(now);
        let is_news = self.told != Some(wants_on);
        if now < self.begin {
            return;
        }
        if is_news || self.failures > 0 && self.again <= now {
            if is_news {
                self.failures = 0;
            }
            // Until it is heard it is not told once more.
            self.again = now.plus_ms(AGAIN_MS_MAX);
            self.told = Some(wants_on);
            self.switch.switch(wants_on);
        }
    }

    /// Hears what came of it.
    pub(super) fn hear(&mut self, now: Mono) {
        while let Some(heard) = self.switch.heard() {
            match heard {
                Ok(is_on) => (self.is_on, self.failures, self.problem) = (is_on, 0, None),
                Err(words) => {
                    if self.problem.as_ref() != Some(&words) {
                        log::warn!("the screen cannot be switched: {words}");
                    }
                    let wait = (AGAIN_MS << self.failures.min(16)).min(AGAIN_MS_MAX);
                    (self.failures, self.again) = (self.failures + 1, now.plus_ms(wait));
                    self.problem = Some(words);
                }
            }
        }
    }

    /// The screen may be another, which is on: what was told does not count any more.
    pub(super) fn forget(&mut self) {
        (self.told, self.is_on, self.failures) = (None, true, 0);
    }

    /// How the screen is, as far as this one knows.
    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Why it is not as it is wanted.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }
}

/// The process that shows, which switches its connector. Whoever talks to it takes what it is to be told and brings what it
/// answers.
#[derive(Debug, Default)]
pub(super) struct Connector {
    order: Option<bool>,
    answer: Option<Result<bool, String>>,
}

impl Connector {
    /// What the process is to be told now.
    pub(super) fn take_order(&mut self) -> Option<bool> {
        self.order.take()
    }

    /// What it answered.
    pub(super) fn answer(&mut self, is_on: bool, problem: Option<String>) {
        self.answer = Some(problem.map_or(Ok(is_on), Err));
    }
}

impl Switch for Connector {
    fn switch(&mut self, is_on: bool) {
        (self.order, self.answer) = (Some(is_on), None);
    }

    fn heard(&mut self) -> Option<Result<bool, String>> {
        self.answer.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A TV that does what it is told, unless its line is cut.
    #[derive(Debug, Default)]
    struct Tv {
        told: Vec<bool>,
        is_cut: bool,
        answer: Option<Result<bool, String>>,
    }

    impl Switch for Tv {
        fn switch(&mut self, is_on: bool) {
            self.told.push(is_on);
            self.answer = Some(if self.is_cut { Err("nobody answers".into()) } else { Ok(is_on) });
        }

        fn heard(&mut self) -> Option<Result<bool, String>> {
            self.answer.take()
        }
    }

    #[test]
    fn it_goes_off_and_on_as_it_is_wanted_and_nothing_is_told_twice() {
        let mut way = Way::new(Tv::default(), Mono(5));
        way.see_to(Mono(4), true);
        assert_eq!((way.switch.told.len(), way.is_on()), (0, true), "a start in the dark does not flash");
        way.see_to(Mono(5), true);
        for (turn, wants_on) in [false, false, false, true, true, false].into_iter().enumerate() {
            way.see_to(Mono(6 + turn as u64), wants_on);
        }
        assert_eq!(way.switch.told, [true, false, true, false]);
        way.see_to(Mono(19), false);
        assert!(!way.is_on() && way.problem().is_none());
        way.forget();
        assert!(way.is_on());
        way.see_to(Mono(20), false);
        assert_eq!(way.switch.told.len(), 5, "a screen that was just plugged is on, and is told");
    }

    #[test]
    fn one_that_fails_is_told_again_ever_less_often_and_at_once_when_something_else_is_wanted() {
        let mut way = Way::new(Tv { is_cut: true, ..Tv::default() }, Mono(0));
        let mut told_at = Vec::new();
        for second in 0..2_000 {
            let before = way.switch.told.len();
            way.see_to(Mono(second * 1000), false);
            if way.switch.told.len() > before {
                told_at.push(second);
            }
        }
        // It is heard in the turn after it was told.
        assert_eq!(told_at[..6], [0, 6, 17, 38, 79, 160], "{told_at:?}");
        assert!(told_at.windows(2).all(|two| two[1] - two[0] <= 301), "{told_at:?}");
        assert!(way.is_on(), "it never went off");
        assert_eq!(way.problem(), Some("nobody answers"));
        way.switch.is_cut = false;
        let told = way.switch.told.len();
        way.see_to(Mono(2_000_000), true);
        assert_eq!(way.switch.told.len(), told + 1);
        way.see_to(Mono(2_000_001), true);
        assert_eq!(way.problem(), None);
    }

    #[test]
    fn what_the_process_that_shows_is_told_is_carried_to_it_and_back() {
        let mut way = Way::new(Connector::default(), Mono(0));
        way.see_to(Mono(0), false);
        assert_eq!((way.switch.take_order(), way.switch.take_order()), (Some(false), None));
        way.switch.answer(false, None);
        way.see_to(Mono(1), false);
        assert!(!way.is_on());
        way.see_to(Mono(2), true);
        assert_eq!(way.switch.take_order(), Some(true));
        way.switch.answer(false, Some("it hangs".into()));
        way.see_to(Mono(3), true);
        assert_eq!((way.is_on(), way.problem()), (false, Some("it hangs")));
    }
}

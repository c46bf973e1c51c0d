//! When what is right changes.

use super::{State, emergency};
use crate::civil::{Absolute, Date, TimeOfDay};
use crate::model::{Clock, Wall};
use crate::program::Program;

/// Days that are looked through before only a special date can bring a change: the week repeats.
const DULL_DAYS_MAX: i64 = 9;
/// Days that are looked at in one go.
const STEP_DAYS: i64 = 2;

impl Program {
    /// The first instant after now at which [`what_now`](Self::what_now) differs, if nobody does anything until then.
    /// `None`: never, or the time of day is not known; see [`next_change_left_ms`](Self::next_change_left_ms) for that.
    pub fn next_change(&self, clock: &Clock, state: &State) -> Option<Absolute> {
        let from = clock.wall.trusted()?;
        let now = self.what_now(clock, state);
        let differs = |at: &Absolute| self.what_now(&later(clock, at.since_ms(from)), state) != now;
        let timers: Vec<Absolute> = timers_ms(clock, state).map(|left_ms| from.plus_ms(left_ms)).collect();
        let specials = self.special_dates();
        let mut begin = from;
        let mut dull_days = 0;
        loop {
            let date = self.zone().local(begin).date;
            let end_date = date.plus_days(STEP_DAYS);
            let last = end_date == Date::MAX;
            let end = if last {
                Absolute(i64::MAX)
            } else {
                self.zone().absolute(end_date.at(TimeOfDay::MIDNIGHT))
            };
            let mut edges = self.edges_between(date, begin, end);
            edges.extend(timers.iter().filter(|at| begin < **at && **at <= end));
            edges.sort_unstable();
            edges.dedup();
            if let Some(change) = edges.into_iter().find(differs) {
                return Some(change);
            }
            if last {
                return None;
            }
            begin = end;
            dull_days += STEP_DAYS;
            if dull_days < DULL_DAYS_MAX {
                continue;
            }
            // What is special in the last week may still have an effect; otherwise the next special date is awaited.
            let after = end_date.plus_days(-DULL_DAYS_MAX);
            let special = specials.get(specials.partition_point(|special| *special < after)).copied();
            let timer = timers.iter().filter(|at| **at > end).min().map(|at| self.zone().local(*at).date);
            let next = [special, timer].into_iter().flatten().min()?.plus_days(-2);
            if next > end_date {
                begin = self.zone().absolute(next.at(TimeOfDay::MIDNIGHT));
                dull_days = 0;
            }
        }
    }

    /// In how many ms what is right changes, if nobody does anything until then; also where the time of day is not known.
    pub fn next_change_left_ms(&self, clock: &Clock, state: &State) -> Option<u64> {
        match clock.wall.trusted() {
            Some(from) => {
                let change = self.next_change(clock, state)?;
                u64::try_from(change.since_ms(from)).ok()
            }
            None => {
                let left_ms = timers_ms(clock, state).min()?;
                u64::try_from(left_ms).ok()
            }
        }
    }

    /// Starts and ends of windows after `begin` and up to `end`, which is a midnight two days after `date` at most.
    fn edges_between(&self, date: Date, begin: Absolute, end: Absolute) -> Vec<Absolute> {
        let mut edges = Vec::new();
        let mut take = |at: Absolute| {
            if begin < at && at <= end {
                edges.push(at);
            }
        };
        for date in (-1..=STEP_DAYS).map(|days| date.plus_days(days)) {
            let spans = self.sound.on(date).iter().chain(self.screen.on(date));
            let tiles = spans.map(|span| span.on(date, self.zone()));
            for tile in tiles.chain(self.daypart_tiles(date).map(|(_, tile)| tile)) {
                take(tile.from);
                take(tile.to);
            }
        }
        if let Some(lapse) = self.lapse {
            take(lapse.0);
        }
        edges
    }

    /// Dates around which the week does not simply repeat, in order.
    fn special_dates(&self) -> Vec<Date> {
        let zone = self.zone();
        let mut dates: Vec<Date> =
            self.sound.exception_dates().chain(self.screen.exception_dates()).collect();
        for span in self.document().dayparts.iter().filter_map(|daypart| daypart.dates) {
            dates.extend(span.first);
            dates.extend(span.last.map(|last| last.plus_days(1)));
        }
        dates.extend(self.document().zone.transitions.iter().map(|shift| zone.local(shift.at_utc_ms).date));
        dates.extend(self.lapse.map(|lapse| zone.local(lapse.0).date));
        dates.sort_unstable();
        dates.dedup();
        dates
    }
}

/// What is left of the timers that run, in ms.
fn timers_ms(clock: &Clock, state: &State) -> impl Iterator<Item = i64> {
    let emergency = emergency(clock, state).map(|emergency| emergency.until.left_ms(clock));
    let pause = state.pause.as_ref().map(|pause| pause.until.left_ms(clock)).filter(|left_ms| *left_ms > 0);
    [emergency, pause].into_iter().flatten().map(|left_ms| i64::try_from(left_ms).unwrap_or(i64::MAX))
}

/// The same clock so many ms later.
pub(crate) fn later(clock: &Clock, ms: i64) -> Clock {
    let mono_ms = clock.mono_ms.saturating_add(u64::try_from(ms).unwrap_or(0));
    let wall = match clock.wall {
        Wall::Trusted { at, uncertainty_ms } => Wall::Trusted { at: at.plus_ms(ms), uncertainty_ms },
        Wall::Floor(at) => Wall::Floor(at.plus_ms(ms)),
        Wall::None => Wall::None,
    };
    Clock { mono_ms, boot: clock.boot.clone(), wall }
}

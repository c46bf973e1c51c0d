//! Time passes: what becomes due, what waits too long, what a new day forgets.

use std::collections::HashMap;

use super::memory::{Count, Due, OWED_MAX, One};
use super::misses::Misses;
use super::rule::{Grid, Pace, Rule};
use super::{During, LATE_MS_MAX, Missed, Span, Spots, Why};
use crate::civil::{Absolute, DAY_MS, Date, Local, TimeOfDay};
use crate::model::{How, Makeup};
use crate::program::Program;

/// How far back it is told what was due while the device was off, in days.
pub const GAP_DAYS_MAX: i64 = 31;
/// How far back a jump of the clock misses clock times, in ms: a longer one was not lived through, it sets a wrong clock right.
const JUMP_MS_MAX: i64 = 2 * DAY_MS;
/// How far ahead clock times are looked up, in ms.
const AHEAD_MS: i64 = 2 * DAY_MS;
/// How much of that must be left.
const AHEAD_MS_MIN: i64 = DAY_MS;
/// Those that one spot has due in one stretch and that are looked at one by one.
const EACH_MAX: u64 = 100;
const HOUR_MS: u64 = 3_600_000;

/// Clock times that were looked up.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    /// From when and to when.
    of: Option<(Absolute, Absolute)>,
    /// In order; the spot by its place in the rules.
    pub moments: Vec<(Absolute, usize, Local)>,
}

impl Plan {
    /// Those from one instant to another, both included.
    pub(super) fn between(&self, from: Absolute, to: Absolute) -> &[(Absolute, usize, Local)] {
        let begin = self.moments.partition_point(|moment| moment.0 < from);
        let end = self.moments.partition_point(|moment| moment.0 <= to);
        self.moments.get(begin..end).unwrap_or_default()
    }
}

impl Spots {
    /// Time has passed. What it made impossible is told as missed.
    ///
    /// Stretches follow each other without a gap. Where the clock jumps, the next one begins at the new time; clock times
    /// that were jumped over are missed.
    pub fn pass(&mut self, program: &Program, span: &Span<'_>) -> Vec<Missed> {
        let mut misses = Misses::default();
        self.pass_all(program, span, &mut misses);
        misses.rows()
    }

    /// The device was off from one instant to another; before the first `pass` after a start. Without a trusted clock
    /// nobody knows how long it was: then do not tell.
    pub fn absent(&mut self, program: &Program, from: Absolute, to: Absolute) -> Vec<Missed> {
        let from = from.max(to.plus_ms(-GAP_DAYS_MAX * DAY_MS));
        let mut misses = Misses::default();
        let mut at = from;
        // At most so many: the timeline has a limit of its own.
        for stretch in program.timeline(from, to) {
            let (open, daypart) = match &stretch.now.sound {
                crate::now::Sound::Open(open) => (true, open.daypart),
                _ => (false, None),
            };
            let daypart =
                daypart.and_then(|number| program.daypart(number)).map(|daypart| daypart.id.as_str());
            let during = if open { During::Off } else { During::Closed };
            let (from, to) = (stretch.tile.from, stretch.tile.to);
            self.pass_all(program, &Span { from, to, during, daypart, trusted: true }, &mut misses);
            at = to;
        }
        if at < to {
            let span = Span { from: at, to, during: During::Closed, daypart: None, trusted: true };
            self.pass_all(program, &span, &mut misses);
        }
        misses.rows()
    }

    /// A stretch, day by day.
    fn pass_all(&mut self, program: &Program, span: &Span<'_>, misses: &mut Misses) {
        let span = &Span { from: span.from.max(span.to.plus_ms(-GAP_DAYS_MAX * DAY_MS)), ..*span };
        let mut from = span.from;
        self.look_up(program, span);
        loop {
            let day = program.zone().local(from).date;
            let midnight = program.zone().absolute(day.plus_days(1).at(TimeOfDay::MIDNIGHT));
            let to = if span.trusted && midnight > from { span.to.min(midnight) } else { span.to };
            self.begin_day(span.trusted, day, misses);
            self.pass_piece(&Span { from, to, ..*span }, misses);
            if to >= span.to {
                return;
            }
            from = to;
        }
    }

    /// Looks clock times up, so far back that a gap is seen and so far ahead that a cut is seen coming.
    fn look_up(&mut self, program: &Program, span: &Span<'_>) {
        if !span.trusted {
            return;
        }
        let begin = self.memory.at.map_or(span.from, |at| at.min(span.from));
        let begin = begin.max(span.from.plus_ms(-JUMP_MS_MAX));
        if self.plan.of.is_some_and(|of| of.0 <= begin && span.to.plus_ms(AHEAD_MS_MIN) <= of.1) {
            return;
        }
        let (from, to) = (begin, span.to.plus_ms(AHEAD_MS));
        let mut moments = Vec::new();
        for (at, rule) in self.rules.list.iter().enumerate().filter(|(_, rule)| rule.pace == Pace::Clock) {
            let Some(spot) = program.spot(&rule.id) else { continue };
            moments.extend(program.moments(spot, from, to).iter().map(|moment| (moment.at, at, moment.key)));
        }
        moments.sort_unstable();
        self.plan = Plan { of: Some((from, to)), moments };
    }

    fn begin_day(&mut self, trusted: bool, day: Date, misses: &mut Misses) {
        // Without a trusted clock a day begun goes on.
        if self.memory.day == Some(day) || (!trusted && self.memory.day.is_some()) {
            return;
        }
        let before = self.memory.day.replace(day);
        self.memory.open_ms = 0;
        self.counts.iter_mut().for_each(|count| count.open_ms = 0);
        for (rule, one) in self.rules.list.iter().zip(&mut self.ones) {
            for owed in one.owed.drain(..) {
                misses.add(&rule.id, owed.at, owed.why(), 1);
            }
            (one.today, one.settled_ms) = (0, 0);
            if rule.is_active(day) && before.is_some_and(|before| !rule.is_active(before)) {
                // What it would have counted before its first day is nothing.
                one.begin_anew(rule, &self.counts);
            }
        }
        self.find_phases();
    }

    /// Gives each spot its rank among its equals.
    pub(super) fn find_phases(&mut self) {
        let day = self.memory.day.unwrap_or(Date::MIN);
        let mut equals: HashMap<(Grid, u32), Vec<usize>> = HashMap::new();
        for (at, rule) in self.rules.list.iter().enumerate().filter(|(_, rule)| rule.is_active(day)) {
            if let Pace::Open(grid) = rule.pace {
                equals.entry((grid, rule.dayparts)).or_default().push(at);
            }
        }
        for mut group in equals.into_values() {
            group.sort_by_key(|at| &self.rules.list[*at].id);
            let count = group.len() as u64;
            for (rank, at) in group.into_iter().enumerate() {
                self.phases[at] = (rank as u64, count);
            }
        }
    }

    fn pass_piece(&mut self, span: &Span<'_>, misses: &mut Misses) {
        let length_ms = span.to.since_ms(span.from).max(0);
        if span.trusted {
            self.jumped_over(span, misses);
        }
        let open = !matches!(span.during, During::Closed);
        let hour = self.memory.open_ms / HOUR_MS;
        self.count_time(span, length_ms as u64);
        for at in 0..self.rules.list.len() {
            let rule = &self.rules.list[at];
            if !self.rules.in_daypart(rule.dayparts, span.daypart) {
                continue;
            }
            match (rule.pace, span.during) {
                (Pace::Air { ms }, During::Open { .. }) => self.air(at, ms, span, misses),
                (Pace::Open(grid), _) if open => self.grow(at, grid, span, misses),
                (Pace::Songs(_) | Pace::Clock | Pace::Air { .. } | Pace::Open(_), _) => {}
            }
        }
        if span.trusted {
            let moments = self.plan.between(span.from, span.to).to_vec();
            for (when, at, key) in moments {
                let lived_ms = self.memory.lived_ms + when.since_ms(span.from);
                self.fire(at, key, span, Due { at: when, lived_ms, hour, late: false, kept: None }, misses);
            }
            self.memory.at = Some(span.to);
        }
        self.now = span.to;
        self.memory.lived_ms = self.memory.lived_ms.saturating_add(length_ms);
        if open {
            self.memory.open_ms = self.memory.open_ms.saturating_add(length_ms as u64);
        }
        self.expire(span.during, misses);
    }

    /// Clock times between the last stretch and this one.
    fn jumped_over(&mut self, span: &Span<'_>, misses: &mut Misses) {
        let Some(last) = self.memory.at.filter(|last| *last < span.from) else { return };
        let last = last.max(span.from.plus_ms(-JUMP_MS_MAX));
        let moments = self.plan.between(last, span.from.plus_ms(-1)).to_vec();
        for (when, at, key) in moments {
            let lived_ms = self.memory.lived_ms.saturating_sub(span.from.since_ms(when));
            let due = Due { at: when, lived_ms, hour: 0, late: true, kept: Some(Why::Clock) };
            self.fire(at, key, span, due, misses);
        }
    }

    fn fire(&mut self, at: usize, key: Local, span: &Span<'_>, due: Due, misses: &mut Misses) {
        let rule = &self.rules.list[at];
        let jumped = due.kept == Some(Why::Clock);
        let here = jumped || self.rules.in_daypart(rule.dayparts, span.daypart);
        if here && !self.ones[at].has_fired(key) {
            self.ones[at].fire(key);
            self.make(at, span, due, misses);
        }
    }

    /// Adds a stretch to what spots with the same dayparts count together.
    fn count_time(&mut self, span: &Span<'_>, length_ms: u64) {
        let (is_open, aired_ms) = match span.during {
            During::Open { aired_ms } => (true, aired_ms),
            During::Paused | During::Off => (true, 0),
            During::Closed => return,
        };
        for (set, count) in self.counts.iter_mut().enumerate() {
            if is_open && self.rules.in_daypart(set as u32, span.daypart) {
                count.open_ms = count.open_ms.saturating_add(length_ms);
                count.air_ms = count.air_ms.saturating_add(aired_ms);
            }
        }
    }

    fn air(&mut self, at: usize, ms: u64, span: &Span<'_>, misses: &mut Misses) {
        let aired_ms = self.air_ms(at);
        let (times, over_ms) = (aired_ms / ms, aired_ms % ms);
        if times == 0 || !self.is_active(at) {
            return;
        }
        self.ones[at].air_ms = Some(self.count_of(at).air_ms.saturating_sub(over_ms));
        self.too_many(at, times.saturating_sub(EACH_MAX), span, misses);
        for n in (0..times.min(EACH_MAX)).rev() {
            let ago_ms = i64::try_from(over_ms.saturating_add(n * ms)).unwrap_or(i64::MAX);
            let length_ms = span.to.since_ms(span.from);
            self.make(at, span, self.due_at(span, length_ms.saturating_sub(ago_ms).max(0)), misses);
        }
    }

    /// Open time goes on for a spot on a grid.
    fn grow(&mut self, at: usize, grid: Grid, span: &Span<'_>, misses: &mut Misses) {
        let length_ms = span.to.since_ms(span.from).max(0) as u64;
        let (end_ms, phase) = (self.count_of(at).open_ms, self.phases[at]);
        let begin_ms = end_ms.saturating_sub(length_ms);
        let settled_ms = self.ones[at].settled_ms.max(begin_ms);
        if settled_ms >= end_ms || !self.is_active(at) {
            return;
        }
        let (first, end) = (grid.first_after(settled_ms, phase), grid.first_after(end_ms, phase));
        let one_by_one = end.saturating_sub(EACH_MAX).max(first);
        self.too_many(at, one_by_one - first, span, misses);
        for index in one_by_one..end {
            let into_ms = grid.due_ms(index, phase).saturating_sub(begin_ms);
            self.make(at, span, self.due_at(span, into_ms as i64), misses);
        }
    }

    /// What is due so long after a stretch began.
    fn due_at(&self, span: &Span<'_>, into_ms: i64) -> Due {
        let open_ms = self.memory.open_ms.saturating_add(into_ms.max(0) as u64);
        let lived_ms = self.memory.lived_ms.saturating_add(into_ms);
        Due { at: span.from.plus_ms(into_ms), lived_ms, hour: open_ms / HOUR_MS, late: false, kept: None }
    }

    /// More were due at once than can have been meant one by one.
    fn too_many(&mut self, at: usize, times: u64, span: &Span<'_>, misses: &mut Misses) {
        let why = if matches!(span.during, During::Off) { Why::Off } else { Why::NoRoom };
        misses.add(&self.rules.list[at].id, span.from, why, times);
    }

    pub(super) fn count_of(&self, at: usize) -> Count {
        self.counts.get(self.rules.list[at].dayparts as usize).copied().unwrap_or_default()
    }

    /// Open time of this day, in the spot's dayparts.
    pub(super) fn open_ms(&self, at: usize) -> u64 {
        self.count_of(at).open_ms
    }

    /// Up to which open time what is due was taken up.
    pub(super) fn settled_ms(&self, at: usize) -> u64 {
        self.ones[at].settled_ms.max(self.open_ms(at))
    }

    /// Time on the air since it was last due.
    pub(super) fn air_ms(&self, at: usize) -> u64 {
        let air_ms = self.count_of(at).air_ms;
        air_ms.saturating_sub(self.ones[at].air_ms.unwrap_or(air_ms))
    }

    pub(super) fn is_active(&self, at: usize) -> bool {
        self.rules.list[at].is_active(self.memory.day.unwrap_or(Date::MIN))
    }

    /// A spot is due.
    pub(super) fn make(&mut self, at: usize, span: &Span<'_>, mut due: Due, misses: &mut Misses) {
        let (rule, one) = (&self.rules.list[at], &mut self.ones[at]);
        if one.today >= rule.max_day || !rule.is_active(self.memory.day.unwrap_or(Date::MIN)) {
            return;
        }
        due.late |= matches!(span.during, During::Off | During::Closed);
        due.kept = due.kept.or(kept_by(span.during));
        if rule.dated_ad && !span.trusted {
            (due.late, due.kept) = (true, Some(Why::Clock));
        }
        if let Some(older) = one.due.take() {
            owe_or_miss(rule, one, older, misses);
        }
        if due.late && rule.within_ms == 0 {
            owe_or_miss(rule, one, due, misses);
        } else {
            one.due = Some(due);
        }
    }

    /// A song was heard.
    pub(super) fn count_song(&mut self, daypart: Option<&str>, trusted: bool, misses: &mut Misses) {
        let now = self.now;
        let span = Span { from: now, to: now, during: During::Open { aired_ms: 0 }, daypart, trusted };
        for (set, count) in self.counts.iter_mut().enumerate() {
            count.songs += u64::from(self.rules.in_daypart(set as u32, daypart));
        }
        for at in 0..self.rules.list.len() {
            let rule = &self.rules.list[at];
            let Pace::Songs(songs) = rule.pace else { continue };
            if !self.rules.in_daypart(rule.dayparts, daypart) || !self.is_active(at) {
                continue;
            }
            let count = self.count_of(at).songs;
            if count.saturating_sub(self.ones[at].songs.unwrap_or(count)) >= u64::from(songs) {
                self.ones[at].songs = Some(count);
                self.make(at, &span, self.due_at(&span, 0), misses);
            }
        }
    }

    /// What has waited too long is missed, or owed; what is owed too long is missed.
    fn expire(&mut self, during: During, misses: &mut Misses) {
        let (now_ms, hour) = (self.memory.lived_ms, self.memory.open_ms / HOUR_MS);
        for (rule, one) in self.rules.list.iter().zip(&mut self.ones) {
            if let Some(due) = &mut one.due {
                let pierced = rule.pierces_pause && during == During::Paused;
                due.kept = kept_by(during).filter(|_| !pierced).or(due.kept);
                // At closing only that waits on which may come within a time of its own.
                let closed = during == During::Closed;
                let waits_ms = if closed { rule.within_ms } else { rule.waits_ms(due) };
                if due.lived_ms.saturating_add(waits_ms) < now_ms {
                    let due = *due;
                    one.due = None;
                    owe_or_miss(rule, one, due, misses);
                }
            }
            let ends = |due: &Due| match rule.makeup {
                Makeup::Hour => due.hour < hour,
                Makeup::Day => false,
                Makeup::None => true,
            };
            while let Some(owed) = one.owed.first().copied().filter(ends) {
                one.owed.remove(0);
                misses.add(&rule.id, owed.at, owed.why(), 1);
            }
        }
    }
}

impl Due {
    /// For the log: what kept it away last; no break came if nothing did.
    pub(super) fn why(&self) -> Why {
        self.kept.unwrap_or(Why::NoRoom)
    }
}

impl Rule {
    /// How long something that is due waits.
    pub(super) fn waits_ms(&self, due: &Due) -> i64 {
        let window_ms = match self.how {
            _ if due.late => 0,
            How::Between { .. } if self.otherwise.is_none() => self.window_ms,
            How::Between { .. } | How::Duck { .. } | How::Cut => self.window_ms.saturating_add(LATE_MS_MAX),
        };
        window_ms.max(self.within_ms)
    }
}

/// What keeps away what is due then.
const fn kept_by(during: During) -> Option<Why> {
    match during {
        During::Open { .. } => None,
        During::Paused | During::Off => Some(Why::Off),
        During::Closed => Some(Why::Closed),
    }
}

fn owe_or_miss(rule: &Rule, one: &mut One, due: Due, misses: &mut Misses) {
    if rule.makeup == Makeup::None {
        misses.add(&rule.id, due.at, due.why(), 1);
        return;
    }
    if one.owed.len() >= OWED_MAX {
        let oldest = one.owed.remove(0);
        misses.add(&rule.id, oldest.at, oldest.why(), 1);
    }
    one.owed.push(due);
}

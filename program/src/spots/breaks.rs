//! What is handed out: breaks at a song's end, and spots that do not wait for one.

use super::memory::{Due, TAKEN_MAX, Taken};
use super::misses::Misses;
use super::rule::{Pace, Rule};
use super::{Ask, Break, Said, Spots, Why};
use crate::civil::{Absolute, Local};
use crate::model::{Class, How, RecordingId, SpotId};

/// Where something that could be handed out comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    /// It waits.
    Waiting,
    /// It is owed.
    Owed,
    /// It is on the grid, at this open time.
    Grid(u64),
    /// It is due after so much time on the air.
    Air,
    /// It is at this clock time.
    Clock(Local),
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    at: usize,
    due: Due,
    from: From,
    how: How,
}

/// How full a break is.
#[derive(Debug, Default)]
struct Full {
    spots: usize,
    ms: u64,
}

impl Spots {
    /// A song has ended: what is to be said before the next one. Tell the song and the time first.
    pub fn due(&mut self, ask: &Ask<'_>) -> Break {
        let half_ms = ask.mean_song_ms / 2;
        let mut candidates: Vec<Candidate> =
            (0..self.ones.len()).filter_map(|at| self.for_break(at, half_ms, ask)).collect();
        self.add_clock_times(half_ms, ask, &mut candidates);
        self.hand_out(candidates, ask, Some((self.rules.max_spots, self.rules.max_ms)))
    }

    /// What cuts into the song now, because its time has come. Tell the time first.
    pub fn cut_in(&mut self, ask: &Ask<'_>) -> Break {
        let now_ms = self.memory.lived_ms;
        let candidates = (0..self.ones.len()).filter_map(|at| {
            let due = self.ones[at].due.filter(|_| self.is_heard_in(at, ask))?;
            let (from_ms, how) = self.rules.list[at].cuts_in(&due)?;
            (from_ms <= now_ms).then_some(Candidate { at, due, from: From::Waiting, how })
        });
        let candidates = candidates.collect();
        self.hand_out(candidates, ask, None)
    }

    /// When `cut_in` is to be asked next, if all goes on as it is: to the millisecond for clock times. `None` if nothing is
    /// in sight before it closes, or for a day.
    pub fn next_cut_in(&self, ask: &Ask<'_>) -> Option<Absolute> {
        let now = self.now;
        let now_ms = self.memory.lived_ms;
        let mut next_ms: Option<i64> = None;
        let mut offer = |at: usize, from_ms: i64, ends_ms: i64| {
            let rule = &self.rules.list[at];
            let from_ms = from_ms.max(self.free_at_ms(rule, at, 0)).max(now_ms);
            if from_ms <= ends_ms
                && self.refused(at, ask).is_none()
                && self.ends_before_closing(rule, from_ms, ask)
            {
                next_ms = Some(next_ms.map_or(from_ms, |next_ms| next_ms.min(from_ms)));
            }
        };
        for at in 0..self.ones.len() {
            let (rule, one) = (&self.rules.list[at], &self.ones[at]);
            if !self.is_heard_in(at, ask) {
                continue;
            }
            if let Some(due) = one.due
                && let Some((from_ms, _)) = rule.cuts_in(&due)
            {
                offer(at, from_ms, due.lived_ms.saturating_add(rule.waits_ms(&due)));
            }
            let to_go_ms = match rule.pace {
                Pace::Open(grid) => {
                    let index = grid.first_after(self.settled_ms(at), self.phases[at]);
                    grid.due_ms(index, self.phases[at]).saturating_sub(self.open_ms(at))
                }
                Pace::Air { ms } => ms.saturating_sub(self.air_ms(at)),
                Pace::Songs(_) | Pace::Clock => continue,
            };
            let due = self.coming(now_ms.saturating_add(i64::try_from(to_go_ms).unwrap_or(i64::MAX)), now);
            if let Some((from_ms, _)) = rule.cuts_in(&due) {
                offer(at, from_ms, i64::MAX);
            }
        }
        let ahead = if ask.trusted { self.plan.between(now, Absolute(i64::MAX)) } else { &[] };
        for (when, at, key) in ahead {
            let due = self.coming(now_ms.saturating_add(when.since_ms(now)), *when);
            if self.ones[*at].has_fired(*key) || !self.is_heard_in(*at, ask) {
                continue;
            }
            if let Some((from_ms, _)) = self.rules.list[*at].cuts_in(&due) {
                offer(*at, from_ms, i64::MAX);
            }
        }
        next_ms.map(|next_ms| now.plus_ms(next_ms.saturating_sub(now_ms)))
    }

    /// Something that will be due.
    fn coming(&self, lived_ms: i64, at: Absolute) -> Due {
        Due { at, lived_ms, hour: self.memory.open_ms / 3_600_000, late: false, kept: None }
    }

    fn is_heard_in(&self, at: usize, ask: &Ask<'_>) -> bool {
        self.is_active(at) && self.rules.in_daypart(self.rules.list[at].dayparts, ask.daypart)
    }

    /// What of this spot a break could take; clock times that are still to come are not among it.
    fn for_break(&self, at: usize, half_ms: u64, ask: &Ask<'_>) -> Option<Candidate> {
        if !self.is_heard_in(at, ask) {
            return None;
        }
        let (rule, one) = (&self.rules.list[at], &self.ones[at]);
        let how = How::Between { window_s: 0, otherwise: crate::model::Else::Miss };
        let candidate = |due, from| Some(Candidate { at, due, from, how });
        if let Some(due) = one.due {
            return candidate(due, From::Waiting);
        }
        if let Some(owed) = one.owed.first() {
            return candidate(*owed, From::Owed);
        }
        if !matches!(rule.how, How::Between { .. }) || one.today >= rule.max_day {
            return None;
        }
        let (now, now_ms) = (self.now, self.memory.lived_ms);
        let (to_go_ms, from) = match rule.pace {
            Pace::Open(grid) => {
                let phase = self.phases[at];
                let due_ms = grid.due_ms(grid.first_after(self.settled_ms(at), phase), phase);
                (due_ms.saturating_sub(self.open_ms(at)), From::Grid(due_ms))
            }
            Pace::Air { ms } => (ms.saturating_sub(self.air_ms(at)), From::Air),
            Pace::Songs(_) | Pace::Clock => return None,
        };
        let ahead_ms = i64::try_from(to_go_ms).ok().filter(|_| to_go_ms <= half_ms)?;
        candidate(self.coming(now_ms.saturating_add(ahead_ms), now.plus_ms(ahead_ms)), from)
    }

    fn add_clock_times(&self, half_ms: u64, ask: &Ask<'_>, candidates: &mut Vec<Candidate>) {
        if !ask.trusted {
            return;
        }
        let now = self.now;
        let (now_ms, half_ms) = (self.memory.lived_ms, i64::try_from(half_ms).unwrap_or(i64::MAX));
        for (when, at, key) in self.plan.between(now, now.plus_ms(half_ms)) {
            let (rule, one) = (&self.rules.list[*at], &self.ones[*at]);
            let free =
                one.due.is_none() && one.owed.is_empty() && !one.has_fired(*key) && one.today < rule.max_day;
            if free && self.is_heard_in(*at, ask) && matches!(rule.how, How::Between { .. }) {
                let due = self.coming(now_ms.saturating_add(when.since_ms(now)), *when);
                candidates.push(Candidate { at: *at, due, from: From::Clock(*key), how: rule.how });
            }
        }
    }

    /// Takes what may be said of these, in their order, up to the limits if there are some.
    fn hand_out(
        &mut self,
        mut candidates: Vec<Candidate>,
        ask: &Ask<'_>,
        limits: Option<(usize, u64)>,
    ) -> Break {
        candidates.sort_by(|a, b| {
            let key = |one: &Candidate| (self.rules.list[one.at].class, one.due.lived_ms);
            key(a).cmp(&key(b)).then_with(|| self.rules.list[a.at].id.cmp(&self.rules.list[b.at].id))
        });
        let mut misses = Misses::default();
        let mut full = Full::default();
        let mut spots: Vec<Said> = Vec::new();
        let mut had: Vec<usize> = Vec::new();
        for candidate in candidates {
            // A spot has several clock times in one break only if they are minutes apart.
            if had.contains(&candidate.at) {
                continue;
            }
            match self.keeps_away(&candidate, ask, &full, limits) {
                Some(why) => self.keep(&candidate, why),
                None => {
                    had.push(candidate.at);
                    spots.push(self.take(&candidate, &full, &mut misses));
                    full.spots += 1;
                    full.ms = full.ms.saturating_add(self.rules.list[candidate.at].length_ms);
                }
            }
        }
        Break { spots, missed: misses.rows() }
    }

    /// Why a spot cannot be said however the break looks.
    fn refused(&self, at: usize, ask: &Ask<'_>) -> Option<Why> {
        let rule = &self.rules.list[at];
        if ask.paused && !rule.pierces_pause || ask.safety_only && rule.class != Class::Safety {
            return Some(Why::Off);
        }
        if rule.dated_ad && !ask.trusted {
            return Some(Why::Clock);
        }
        if ask.offline_days > rule.offline_days || !(ask.playable)(&rule.recording) {
            return Some(Why::File);
        }
        (self.ones[at].today >= rule.max_day).then_some(Why::NoRoom)
    }

    fn keeps_away(
        &self,
        candidate: &Candidate,
        ask: &Ask<'_>,
        full: &Full,
        limits: Option<(usize, u64)>,
    ) -> Option<Why> {
        let rule = &self.rules.list[candidate.at];
        if let Some(why) = self.refused(candidate.at, ask) {
            return Some(why);
        }
        let start_ms = self.memory.lived_ms.saturating_add(i64::try_from(full.ms).unwrap_or(i64::MAX));
        if !self.ends_before_closing(rule, start_ms, ask) {
            return Some(Why::Closed);
        }
        let slack_ms = limits.map_or(0, |_| i64::try_from(ask.mean_song_ms / 2).unwrap_or(i64::MAX));
        if start_ms < self.free_at_ms(rule, candidate.at, slack_ms) {
            return Some(Why::Separation);
        }
        let (max_spots, max_ms) = limits?;
        let long = full.spots > 0 && full.ms.saturating_add(rule.length_ms) > max_ms;
        (full.spots >= max_spots || long || self.memory.taken.len() >= TAKEN_MAX).then_some(Why::NoRoom)
    }

    fn ends_before_closing(&self, rule: &Rule, start_ms: i64, ask: &Ask<'_>) -> bool {
        let length_ms = i64::try_from(rule.length_ms).unwrap_or(i64::MAX);
        let ends_ms = start_ms.saturating_sub(self.memory.lived_ms).saturating_add(length_ms);
        ask.until_close_ms.is_none_or(|until_close_ms| ends_ms <= until_close_ms)
    }

    /// From when on nothing is too near, in lived ms.
    ///
    /// What was said in an earlier break may be nearer by `slack_ms`, but not by more than half of the separation: a break
    /// is at a song's end, and the nearest one is meant, as it is for the due time.
    fn free_at_ms(&self, rule: &Rule, at: usize, slack_ms: i64) -> i64 {
        let own_ms = self.ones[at].last_ms.map(|last_ms| last_ms.saturating_add(rule.min_gap_ms));
        let common = |(number, apart_ms): &(u32, i64)| {
            let last_ms = self.commons.get(*number as usize).copied().flatten()?;
            let slack_ms = if last_ms < self.memory.lived_ms { slack_ms.min(apart_ms / 2) } else { 0 };
            Some(last_ms.saturating_add(apart_ms - slack_ms))
        };
        let others_ms = rule.separate.iter().filter_map(common).max();
        own_ms.max(others_ms).unwrap_or(i64::MIN)
    }

    /// What is not handed out stays, and remembers why.
    fn keep(&mut self, candidate: &Candidate, why: Why) {
        let one = &mut self.ones[candidate.at];
        match candidate.from {
            From::Waiting => {
                if let Some(due) = &mut one.due {
                    due.kept = Some(why);
                }
            }
            // What is owed was missed for a reason that stands.
            From::Owed | From::Grid(_) | From::Air | From::Clock(_) => {}
        }
    }

    fn take(&mut self, candidate: &Candidate, full: &Full, misses: &mut Misses) -> Said {
        let start_ms = self.memory.lived_ms.saturating_add(i64::try_from(full.ms).unwrap_or(i64::MAX));
        let air_ms = self.count_of(candidate.at).air_ms;
        let (rule, one) = (&self.rules.list[candidate.at], &mut self.ones[candidate.at]);
        match candidate.from {
            From::Waiting => one.due = None,
            From::Owed => drop(one.owed.remove(0)),
            From::Grid(due_ms) => one.settled_ms = one.settled_ms.max(due_ms),
            // The next one counts from here.
            From::Air => one.air_ms = Some(air_ms),
            From::Clock(key) => one.fire(key),
        }
        one.last_ms = Some(start_ms);
        one.today = one.today.saturating_add(1);
        for (number, _) in &rule.separate {
            if let Some(last_ms) = self.commons.get_mut(*number as usize) {
                *last_ms = Some(start_ms);
            }
        }
        if self.memory.taken.len() >= TAKEN_MAX {
            let oldest = self.memory.taken.remove(0);
            misses.add(&oldest.spot, oldest.at, Why::Off, 1);
        }
        self.memory.taken.push(Taken { spot: rule.id.clone(), at: candidate.due.at });
        Said {
            spot: SpotId(rule.id.clone()),
            recording: RecordingId(rule.recording.clone()),
            length_ms: rule.length_ms,
            class: rule.class,
            how: candidate.how,
            scheduled_for: candidate.due.at,
            made_up: candidate.from == From::Owed,
            min_volume: rule.min_volume,
        }
    }
}

impl Rule {
    /// From when on, in lived ms, something that is due does not wait for a song's end any more, and how it goes in.
    fn cuts_in(&self, due: &Due) -> Option<(i64, How)> {
        match self.how {
            // What was due while nothing could be said has no window any more: it waits for a song's end.
            How::Between { .. } if due.late => None,
            How::Between { .. } => Some((due.lived_ms.saturating_add(self.window_ms), self.otherwise?)),
            How::Duck { .. } | How::Cut => Some((due.lived_ms, self.how)),
        }
    }
}

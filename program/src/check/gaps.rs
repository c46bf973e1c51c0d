//! Hours with nothing to play, and spots that can never be heard: by the wall clock of an ordinary week.

use super::Judge;
use crate::civil::{DAY_MS, TimeOfDay, Weekday};
use crate::model::{Days, Resolved, Spot, When};
use crate::windows::Span;

/// The length of a week on the wall, in ms.
const WEEK_MS: i64 = 7 * DAY_MS;
/// Gaps that are told.
const GAPS_MAX: usize = 10;

/// Stretches of a week on the wall, in order and apart, in ms after Monday's midnight.
struct Stretches(Vec<(i64, i64)>);

impl Stretches {
    fn new(windows: impl Iterator<Item = (Days, Span)>) -> Self {
        let mut all = Vec::new();
        for (days, span) in windows {
            for day in days.iter() {
                let begin = day.index() as i64 * DAY_MS;
                let (from, to) = (begin + span.from_ms, begin + span.to_ms);
                all.push((from, to.min(WEEK_MS)));
                if to > WEEK_MS {
                    all.push((0, to - WEEK_MS));
                }
            }
        }
        all.sort_unstable();
        let mut merged: Vec<(i64, i64)> = Vec::new();
        for (from, to) in all {
            match merged.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => merged.push((from, to)),
            }
        }
        Self(merged)
    }

    fn has(&self, at_ms: i64) -> bool {
        self.0.iter().any(|(from, to)| (*from..*to).contains(&at_ms.rem_euclid(WEEK_MS)))
    }

    /// What is in these and not in those.
    fn without(&self, others: &Self) -> Vec<(i64, i64)> {
        let mut left = Vec::new();
        for (mut from, to) in self.0.iter().copied() {
            for (other_from, other_to) in others.0.iter().copied() {
                if other_to <= from || other_from >= to {
                    continue;
                }
                if other_from > from {
                    left.push((from, other_from));
                }
                from = other_to;
            }
            if from < to {
                left.push((from, to));
            }
        }
        left
    }
}

pub(super) fn judge(judge: &mut Judge, document: &Resolved) {
    let hours = document.hours.sound.iter();
    let open =
        Stretches::new(hours.filter_map(|window| Some((window.days, Span::new(window.from, window.to)?))));
    let weekly = document.dayparts.iter().filter(|daypart| daypart.dates.is_none());
    let parts = Stretches::new(
        weekly.filter_map(|daypart| Some((daypart.days, Span::new(daypart.from, daypart.to)?))),
    );
    let gaps = open.without(&parts);
    for (from, to) in gaps.iter().take(GAPS_MAX) {
        let (from, to) = (on_the_wall(*from), on_the_wall_end(*to));
        let message = format!("no daypart is for {from} to {to}, when it is open; the fallback plays");
        judge.warning("dayparts", message);
    }
    if gaps.len() > GAPS_MAX {
        judge.warning("dayparts", format!("and {} more such times", gaps.len() - GAPS_MAX));
    }
    if document.hours.sound.is_empty() && document.exceptions.iter().all(|one| one.sound.is_none()) {
        judge.warning("hours.sound", "it is never open");
    }
    let never_closes = open.0 == [(0, WEEK_MS)] && document.exceptions.iter().all(|one| one.sound.is_none());
    for (at, spot) in document.spots.iter().enumerate() {
        if let Some(reason) = never(document, spot, &open, never_closes) {
            judge.warning(format_args!("spots[{at}].when"), format!("it is never heard: {reason}"));
        }
    }
}

/// Why a spot can never be heard, if it is plain.
fn never(document: &Resolved, spot: &Spot, open: &Stretches, never_closes: bool) -> Option<String> {
    match spot.when {
        When::BeforeClose(_) if never_closes => Some("the place never closes".to_owned()),
        When::AfterOpen(_) if never_closes => Some("the place never opens, since it never closes".to_owned()),
        When::At { days, time } => {
            let moments = || days.iter().map(move |day| moment_ms(day, time));
            let by_exception = document.exceptions.iter().any(|exception| {
                let windows = exception.sound.iter().flatten();
                let mut spans = windows.filter_map(|window| Span::new(window.from, window.to));
                let at_ms = i64::from(time.seconds()) * 1000;
                spans.any(|span| {
                    [at_ms, at_ms + DAY_MS].iter().any(|ms| span.from_ms <= *ms && *ms < span.to_ms)
                })
            });
            if !by_exception && !moments().any(|at_ms| open.has(at_ms)) {
                return Some(format!("the place is never open at {time} on {days}"));
            }
            let named = spot.dayparts.as_ref()?;
            let dayparts = document.dayparts.iter().filter(|daypart| named.contains(&daypart.id));
            let within = Stretches::new(
                dayparts.filter_map(|daypart| Some((daypart.days, Span::new(daypart.from, daypart.to)?))),
            );
            (!moments().any(|at_ms| within.has(at_ms)))
                .then(|| format!("none of its dayparts is at {time} on {days}"))
        }
        _ => None,
    }
}

fn moment_ms(day: Weekday, time: TimeOfDay) -> i64 {
    day.index() as i64 * DAY_MS + i64::from(time.seconds()) * 1000
}

/// `Fri 18:00`.
fn on_the_wall(ms: i64) -> String {
    said(ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS))
}

/// The same for an end: midnight is the 24:00 of the day before.
fn on_the_wall_end(ms: i64) -> String {
    said((ms - 1).div_euclid(DAY_MS), (ms - 1).rem_euclid(DAY_MS) + 1)
}

fn said(day: i64, ms: i64) -> String {
    let time = TimeOfDay::from_seconds(u32::try_from(ms / 1000).unwrap_or(0)).unwrap_or(TimeOfDay::MIDNIGHT);
    format!("{} {time}", Weekday::ALL[usize::try_from(day).unwrap_or(0) % 7].title())
}

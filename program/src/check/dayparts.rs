//! Dayparts.

use std::collections::HashSet;

use super::Judge;
use super::hours::window;
use crate::civil::DAY_MS;
use crate::model::{
    BOUNDARY_WAIT_S_MAX, CROSSFADE_S_MAX, DAYPARTS_MAX, Dates, Daypart, Resolved, SHARES_MAX,
    TICKER_CHARS_MAX, VOLUME_MAX, WEIGHT_MAX,
};
use crate::windows::Span;

pub(super) fn judge(judge: &mut Judge, document: &Resolved) {
    let dayparts = &document.dayparts;
    judge.count("dayparts", dayparts.len(), DAYPARTS_MAX);
    judge.unique("dayparts", dayparts.iter().map(|daypart| &daypart.id));
    for (at, daypart) in dayparts.iter().enumerate().take(DAYPARTS_MAX) {
        let path = format!("dayparts[{at}]");
        one(judge, &path, daypart);
        for (before, other) in dayparts[..at].iter().enumerate() {
            if equal(daypart, other) && overlap(daypart, other) {
                let first = other.title();
                judge.warning(
                    &path,
                    format!(
                        "it overlaps dayparts[{before}] with the same priority; \"{first}\" plays, since it comes first"
                    ),
                );
            }
        }
    }
}

fn one(judge: &mut Judge, path: &str, daypart: &Daypart) {
    judge.id(format_args!("{path}.id"), daypart.id.as_str());
    judge.days(format_args!("{path}.days"), daypart.days);
    window(judge, path, daypart.from, daypart.to);
    judge.dates(format_args!("{path}.dates"), daypart.dates.as_ref());
    if let Some(Dates { first: Some(first), last: Some(last) }) = daypart.dates
        && first <= last
        && i64::from(last.days()) - i64::from(first.days()) < 6
        && !(0..=i64::from(last.days() - first.days()))
            .any(|day| daypart.days.has(first.plus_days(day).weekday()))
    {
        judge.warning(format_args!("{path}.dates"), "none of its days is between its dates: it never plays");
    }
    if daypart.playlists.is_empty() {
        judge.error(format_args!("{path}.playlists"), "it has no playlist; name one at least");
    }
    judge.count(format_args!("{path}.playlists"), daypart.playlists.len(), SHARES_MAX);
    let mut named = HashSet::new();
    for (at, share) in daypart.playlists.iter().enumerate().take(SHARES_MAX) {
        let path = format!("{path}.playlists[{at}]");
        judge.id(format_args!("{path}.id"), share.id.as_str());
        judge.whole(format_args!("{path}.weight"), share.weight, 1..=WEIGHT_MAX);
        if !named.insert(&share.id) {
            judge.error(
                format_args!("{path}.id"),
                format!("\"{}\" is named twice; add the weights", share.id),
            );
        }
    }
    let volume = daypart.volume;
    for (name, value) in [("set", volume.set), ("min", volume.min), ("max", volume.max)] {
        judge.whole(format_args!("{path}.volume.{name}"), value.into(), 0..=VOLUME_MAX.into());
    }
    if volume.min > volume.max {
        let (min, max) = (volume.min, volume.max);
        judge.error(format_args!("{path}.volume.min"), format!("the least, {min}, is above the most, {max}"));
    } else if volume.set < volume.min || volume.set > volume.max {
        let (set, min, max) = (volume.set, volume.min, volume.max);
        judge.error(format_args!("{path}.volume.set"), format!("{set} is not between {min} and {max}"));
    }
    let ticker = daypart.screen.as_ref().and_then(|screen| screen.ticker.as_ref());
    if ticker.is_some_and(|ticker| ticker.chars().count() > TICKER_CHARS_MAX) {
        let message = format!("a text on the screen has at most {TICKER_CHARS_MAX} characters");
        judge.error(format_args!("{path}.screen.ticker"), message);
    }
    judge.number(format_args!("{path}.crossfade_s"), daypart.crossfade_s, 0.0..=CROSSFADE_S_MAX);
    judge.whole(
        format_args!("{path}.boundary.max_wait_s"),
        daypart.boundary.max_wait_s,
        0..=BOUNDARY_WAIT_S_MAX,
    );
}

/// Whether nothing but their order says which of them plays.
fn equal(one: &Daypart, other: &Daypart) -> bool {
    one.priority == other.priority && one.dates.is_some() == other.dates.is_some()
}

fn overlap(one: &Daypart, other: &Daypart) -> bool {
    let (Some(one_span), Some(other_span)) = (Span::new(one.from, one.to), Span::new(other.from, other.to))
    else {
        return false;
    };
    if !dates_meet(one.dates, other.dates) {
        return false;
    }
    // A window may reach into the next day; Sunday's next is Monday.
    let shifted = |from: usize, span: Span, days: i64| {
        let begin = from as i64 * DAY_MS + days * 7 * DAY_MS;
        (begin + span.from_ms, begin + span.to_ms)
    };
    one.days.iter().any(|day| {
        let (from, to) = shifted(day.index(), one_span, 0);
        other.days.iter().any(|other_day| {
            [-1, 0, 1].into_iter().any(|week| {
                let (other_from, other_to) = shifted(other_day.index(), other_span, week);
                from < other_to && other_from < to
            })
        })
    })
}

fn dates_meet(one: Option<Dates>, other: Option<Dates>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return true };
    let before = |first: Dates, second: Dates| match (first.last, second.first) {
        (Some(last), Some(first)) => last < first,
        (_, None) | (None, _) => false,
    };
    !before(one, other) && !before(other, one)
}

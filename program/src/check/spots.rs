//! Spots, each alone.

use std::collections::HashSet;

use super::Judge;
use crate::civil::{DAY_S, TimeOfDay};
use crate::model::{DUCK_DB_MAX, How, Missed, Resolved, SPOTS_MAX, Spot, VOLUME_MAX, When};

pub(super) fn judge(judge: &mut Judge, document: &Resolved) {
    let spots = &document.spots;
    judge.count("spots", spots.len(), SPOTS_MAX);
    judge.unique("spots", spots.iter().map(|spot| &spot.id));
    let dayparts: HashSet<&str> = document.dayparts.iter().map(|daypart| daypart.id.as_str()).collect();
    let mut share = 0.0;
    for (at, spot) in spots.iter().enumerate().take(SPOTS_MAX) {
        let path = format!("spots[{at}]");
        one(judge, &path, spot);
        for (named, daypart) in spot.dayparts.iter().flatten().enumerate() {
            if !dayparts.contains(daypart.as_str()) {
                judge.error(
                    format_args!("{path}.dayparts[{named}]"),
                    format!("there is no daypart \"{daypart}\""),
                );
            }
        }
        if spot.dayparts.as_ref().is_some_and(Vec::is_empty) {
            judge.warning(format_args!("{path}.dayparts"), "it names no daypart, so it is never heard");
        }
        if let When::Share(percent) = spot.when {
            share += percent;
        }
    }
    if share > 100.0 {
        judge.warning("spots", format!("their shares add up to {share} percent of the time that it is open"));
    }
}

fn one(judge: &mut Judge, path: &str, spot: &Spot) {
    judge.id(format_args!("{path}.id"), spot.id.as_str());
    judge.id(format_args!("{path}.recording"), spot.recording.as_str());
    judge.dates(format_args!("{path}.dates"), spot.dates.as_ref());
    match spot.when {
        When::Songs(songs) => judge.whole(format_args!("{path}.when.songs"), songs, 1..=10_000),
        When::Air(minutes) => judge.whole(format_args!("{path}.when.air"), minutes, 1..=7 * DAY_S / 60),
        When::At { days, time } => {
            judge.days(format_args!("{path}.when.at.days"), days);
            if time == TimeOfDay::END {
                judge.error(format_args!("{path}.when.at.time"), "write 24:00 as 00:00 of the next day");
            }
        }
        When::BeforeClose(minutes) => {
            judge.whole(format_args!("{path}.when.before_close"), minutes, 0..=DAY_S / 60)
        }
        When::AfterOpen(minutes) => {
            judge.whole(format_args!("{path}.when.after_open"), minutes, 0..=DAY_S / 60)
        }
        When::PerHour(times) => judge.whole(format_args!("{path}.when.per_hour"), times, 1..=60),
        When::Share(percent) => {
            judge.number(format_args!("{path}.when.share"), percent, f64::MIN_POSITIVE..=100.0);
        }
    }
    match spot.how {
        How::Between { window_s, .. } => {
            judge.whole(format_args!("{path}.how.between.window_s"), window_s, 0..=DAY_S);
        }
        How::Duck { db } => judge.number(format_args!("{path}.how.duck.db"), db, 0.0..=DUCK_DB_MAX),
        How::Cut => {}
    }
    if let Missed::Within(seconds) = spot.missed {
        judge.whole(format_args!("{path}.missed.within"), seconds, 1..=DAY_S);
    }
    if let Some(times) = spot.max_day {
        judge.whole(format_args!("{path}.max_day"), times, 1..=10_000);
    }
    judge.whole(format_args!("{path}.min_gap_s"), spot.min_gap_s, 0..=7 * DAY_S);
    if let Some(volume) = spot.min_volume {
        judge.whole(format_args!("{path}.min_volume"), volume.into(), 0..=VOLUME_MAX.into());
    }
}

//! Hours and exceptions.

use std::collections::HashMap;

use super::Judge;
use crate::civil::{Date, TimeOfDay};
use crate::model::{Resolved, WINDOWS_MAX, WeekWindow, Win};
use crate::windows::Span;

pub(super) fn judge(judge: &mut Judge, document: &Resolved) {
    week(judge, "hours.sound", &document.hours.sound);
    if let Some(screen) = &document.hours.screen {
        week(judge, "hours.screen", screen);
    }
    let mut dates: HashMap<Date, usize> = HashMap::new();
    for (at, exception) in document.exceptions.iter().enumerate() {
        let path = format!("exceptions[{at}]");
        if let Some(before) = dates.insert(exception.date, at) {
            let date = exception.date;
            judge.error(
                format_args!("{path}.date"),
                format!("exceptions[{before}] is for {date} already; make it one"),
            );
        }
        for (name, windows) in [("sound", &exception.sound), ("screen", &exception.screen)] {
            if let Some(windows) = windows {
                exception_windows(judge, &format!("{path}.{name}"), windows);
            }
        }
        if exception.sound.is_none() && exception.screen.is_none() {
            judge.warning(&path, "it changes nothing; \"sound\": [] would be closed that day");
        }
    }
}

/// That a window has a length and does not start at 24:00.
pub(super) fn window(judge: &mut Judge, path: &str, from: TimeOfDay, to: TimeOfDay) -> Option<Span> {
    if from == TimeOfDay::END {
        judge.error(format_args!("{path}.from"), "nothing starts at 24:00; write 00:00 of the next day");
    } else if from == to {
        let whole = "for the whole day write 00:00 to 24:00";
        judge.error(format_args!("{path}.to"), format!("it ends when it starts, at {from}; {whole}"));
    }
    Span::new(from, to)
}

fn week(judge: &mut Judge, path: &str, week: &[WeekWindow]) {
    judge.count(path, week.len(), WINDOWS_MAX);
    for (at, window) in week.iter().enumerate().take(WINDOWS_MAX) {
        let path_of = format!("{path}[{at}]");
        judge.days(format_args!("{path_of}.days"), window.days);
        let Some(span) = self::window(judge, &path_of, window.from, window.to) else { continue };
        for (before, other) in week[..at].iter().enumerate() {
            let Some(other_span) = Span::new(other.from, other.to) else { continue };
            if !other.days.and(window.days).is_empty() && overlap(span, other_span) {
                judge.warning(&path_of, format!("it overlaps {path}[{before}]; both are taken as one"));
            }
        }
    }
}

fn exception_windows(judge: &mut Judge, path: &str, windows: &[Win]) {
    judge.count(path, windows.len(), WINDOWS_MAX);
    for (at, window) in windows.iter().enumerate().take(WINDOWS_MAX) {
        let path_of = format!("{path}[{at}]");
        let Some(span) = self::window(judge, &path_of, window.from, window.to) else { continue };
        for (before, other) in windows[..at].iter().enumerate() {
            if Span::new(other.from, other.to).is_some_and(|other| overlap(span, other)) {
                judge.error(&path_of, format!("it overlaps {path}[{before}]"));
            }
        }
    }
}

fn overlap(one: Span, other: Span) -> bool {
    one.from_ms < other.to_ms && other.from_ms < one.to_ms
}

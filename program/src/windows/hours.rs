//! When it is open.

use std::collections::BTreeMap;

use super::{Span, Tile};
use crate::civil::{Absolute, DAY_MS, Date};
use crate::model::{Exception, WeekWindow, Win};
use crate::zone::ZoneMap;

/// How many days back an opening is looked for.
pub(super) const OPENED_DAYS_MAX: i64 = 400;

/// The windows of each weekday, and of the dates that are different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenHours {
    week: [Vec<Span>; 7],
    exceptions: BTreeMap<Date, Vec<Span>>,
    shape: Shape,
}

/// What a week is like, by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    /// It opens and closes.
    Ordinary,
    /// It is always open but for these stretches, which exceptions make.
    AlwaysBut(Vec<Tile>),
    /// It is never open but for these stretches, which exceptions make.
    NeverBut(Vec<Tile>),
}

/// Days without exceptions after which an ordinary week would have opened and closed.
const DULL_DAYS_MAX: u32 = 16;

impl OpenHours {
    pub(crate) fn new(
        week: &[WeekWindow],
        exceptions: &[Exception],
        zone: &ZoneMap,
        windows: impl Fn(&Exception) -> Option<&[Win]>,
    ) -> Self {
        let mut days: [Vec<Span>; 7] = Default::default();
        for window in week {
            let Some(span) = Span::new(window.from, window.to) else { continue };
            for day in window.days.iter() {
                days[day.index()].push(span);
            }
        }
        days.iter_mut().for_each(|spans| spans.sort_unstable());
        let exceptions = exceptions.iter().filter_map(|exception| {
            let windows = windows(exception)?.iter();
            let mut spans: Vec<Span> =
                windows.filter_map(|window| Span::new(window.from, window.to)).collect();
            spans.sort_unstable();
            Some((exception.date, spans))
        });
        let full = is_full(&days);
        let never = days.iter().all(Vec::is_empty);
        let mut hours = Self { week: days, exceptions: exceptions.collect(), shape: Shape::Ordinary };
        if full || never {
            let days = hours.exceptions.keys().flat_map(|date| hours.made_by(*date, full, zone));
            let mut tiles: Vec<Tile> = Vec::new();
            for tile in days {
                match tiles.last_mut() {
                    Some(last) if tile.from <= last.to => last.to = last.to.max(tile.to),
                    _ => tiles.push(tile),
                }
            }
            hours.shape = if full { Shape::AlwaysBut(tiles) } else { Shape::NeverBut(tiles) };
        }
        hours
    }

    /// The stretches in which an exception makes a difference: closed ones where it is open otherwise, or open ones.
    fn made_by(&self, date: Date, full: bool, zone: &ZoneMap) -> Vec<Tile> {
        if !full {
            let tiles = self.on(date).iter().map(|span| span.on(date, zone));
            return tiles.filter(|tile| !tile.is_empty()).collect();
        }
        let midnight = |date: Date| zone.absolute(date.at(crate::TimeOfDay::MIDNIGHT));
        // A window that does not begin on that date is missed on the next one too.
        let end = midnight(date.plus_days(2));
        let mut begin = midnight(date);
        let mut gaps = Vec::new();
        for open in self.between(zone, begin, end) {
            gaps.push(Tile { from: begin, to: open.from });
            begin = open.to;
        }
        gaps.push(Tile { from: begin, to: end });
        gaps.retain(|gap| !gap.is_empty());
        gaps
    }

    /// The windows that start on a date.
    pub(crate) fn on(&self, date: Date) -> &[Span] {
        match self.exceptions.get(&date) {
            Some(spans) => spans,
            None => &self.week[date.weekday().index()],
        }
    }

    /// Whether an exception says when it is open on a date.
    pub(crate) fn is_exception(&self, date: Date) -> bool {
        self.exceptions.contains_key(&date)
    }

    pub(crate) fn exception_dates(&self) -> impl Iterator<Item = Date> {
        self.exceptions.keys().copied()
    }

    /// The date whose window is open at an instant.
    pub(crate) fn open_since(&self, zone: &ZoneMap, at: Absolute) -> Option<Date> {
        let today = zone.local(at).date;
        // A fold over midnight shows yesterday's date again when today's windows have begun already.
        let dates = [-1, 0, 1].map(|days| today.plus_days(days));
        dates.into_iter().find(|date| self.on(*date).iter().any(|span| span.on(*date, zone).has(at)))
    }

    pub(crate) fn is_open(&self, zone: &ZoneMap, at: Absolute) -> bool {
        if let Some(offset_ms) = zone.steady_offset_ms(at) {
            let local = crate::civil::Local::from_ms(at.0.saturating_add(offset_ms));
            let has = |span: &Span, ms: i64| span.from_ms <= ms && ms < span.to_ms;
            return self.on(local.date).iter().any(|span| has(span, local.ms))
                || self.on(local.date.plus_days(-1)).iter().any(|span| has(span, local.ms + DAY_MS));
        }
        self.open_since(zone, at).is_some()
    }

    /// The end of the open stretch around an instant at which it is open.
    pub(crate) fn closes(&self, zone: &ZoneMap, at: Absolute) -> Option<Absolute> {
        self.walk(zone, at).map(|(end, _)| end)
    }

    /// The first opening after an instant; after the closing, if it is open.
    pub(crate) fn opens(&self, zone: &ZoneMap, at: Absolute) -> Option<Absolute> {
        self.walk(zone, at).and_then(|(_, next)| next)
    }

    /// Where the open stretch around an instant ends (the instant itself, if it is closed), and where the next one begins.
    /// `None`: it never ends.
    fn walk(&self, zone: &ZoneMap, at: Absolute) -> Option<(Absolute, Option<Absolute>)> {
        match &self.shape {
            Shape::Ordinary => Some(self.walk_days(zone, at)),
            Shape::AlwaysBut(gaps) => {
                let gap = gaps.get(gaps.partition_point(|gap| gap.to <= at))?;
                Some((gap.from.max(at), Some(gap.to)))
            }
            Shape::NeverBut(tiles) => {
                let next = tiles.partition_point(|tile| tile.to <= at);
                Some(match tiles.get(next) {
                    Some(tile) if tile.from <= at => (tile.to, tiles.get(next + 1).map(|next| next.from)),
                    tile => (at, tile.map(|tile| tile.from)),
                })
            }
        }
    }

    fn walk_days(&self, zone: &ZoneMap, at: Absolute) -> (Absolute, Option<Absolute>) {
        let mut end = at;
        let mut date = zone.local(at).date.plus_days(-1);
        let mut dull_days = 0;
        while dull_days <= DULL_DAYS_MAX && date < Date::MAX {
            for span in self.on(date) {
                let tile = span.on(date, zone);
                if tile.is_empty() || tile.to <= end {
                    continue;
                }
                if tile.from > end {
                    return (end, Some(tile.from));
                }
                end = tile.to;
            }
            dull_days = if self.is_exception(date) { 0 } else { dull_days + 1 };
            date = date.plus_days(1);
        }
        (end, None)
    }

    /// The beginning of the open stretch around an instant at which it is open, if it is not longer ago than
    /// [`OPENED_DAYS_MAX`].
    pub(crate) fn opened(&self, zone: &ZoneMap, at: Absolute) -> Option<Absolute> {
        let mut days = 4;
        while days <= OPENED_DAYS_MAX {
            let from = at.plus_ms(-days * DAY_MS);
            let last = self.between(zone, from, at.plus_ms(1)).last().copied()?;
            if last.from > from {
                return Some(last.from);
            }
            days *= 10;
        }
        None
    }

    /// When it is open between two instants: in order, apart, cut to them.
    pub(crate) fn between(&self, zone: &ZoneMap, from: Absolute, to: Absolute) -> Vec<Tile> {
        let mut tiles: Vec<Tile> = Vec::new();
        let (mut date, last) = (zone.local(from).date.plus_days(-1), zone.local(to).date.plus_days(1));
        while date <= last && from < to {
            for span in self.on(date) {
                let tile = span.on(date, zone);
                let tile = Tile { from: tile.from.max(from), to: tile.to.min(to) };
                match tiles.last_mut() {
                    _ if tile.is_empty() => {}
                    Some(before) if tile.from <= before.to => before.to = before.to.max(tile.to),
                    _ => tiles.push(tile),
                }
            }
            if date == Date::MAX {
                break;
            }
            date = date.plus_days(1);
        }
        tiles
    }
}

/// Whether these windows leave no gap in a week.
fn is_full(week: &[Vec<Span>; 7]) -> bool {
    let mut spans: Vec<(i64, i64)> = Vec::new();
    for (day, windows) in week.iter().enumerate() {
        for window in windows {
            let begin = day as i64 * DAY_MS;
            spans.push((begin + window.from_ms, begin + window.to_ms));
        }
    }
    spans.sort_unstable();
    let week_ms = 7 * DAY_MS;
    // What Sunday leaves over is Monday's.
    let over = spans.iter().map(|(_, to)| to - week_ms).max().unwrap_or(0).max(0);
    let end = spans.iter().fold(over, |end, (from, to)| if *from <= end { end.max(*to) } else { end });
    end >= week_ms
}

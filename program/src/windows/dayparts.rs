//! Which daypart holds at an instant.

use super::{Span, Tile};
use crate::civil::{Absolute, DAY_MS, Date, Local};
use crate::model::{Dates, Daypart};
use crate::program::{DaypartNo, Program};
use crate::zone::ZoneMap;

/// A daypart's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    number: DaypartNo,
    /// The lowest wins: the highest priority, then dated before weekly, then the order of the list.
    rank: u32,
    span: Span,
    dates: Option<Dates>,
}

/// The dayparts that may start on each weekday, those that win first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dayparts {
    week: [Vec<Window>; 7],
}

impl Dayparts {
    pub(crate) fn new(dayparts: &[Daypart]) -> Self {
        let mut order: Vec<usize> = (0..dayparts.len()).collect();
        order.sort_by_key(|at| {
            (std::cmp::Reverse(dayparts[*at].priority), dayparts[*at].dates.is_none(), *at)
        });
        let mut week: [Vec<Window>; 7] = Default::default();
        for (rank, at) in order.into_iter().enumerate() {
            let daypart = &dayparts[at];
            let Some(span) = Span::new(daypart.from, daypart.to) else { continue };
            for day in daypart.days.iter() {
                let number = DaypartNo(at as u32);
                week[day.index()].push(Window { number, rank: rank as u32, span, dates: daypart.dates });
            }
        }
        Self { week }
    }

    fn on(&self, date: Date) -> impl Iterator<Item = &Window> {
        let windows = self.week[date.weekday().index()].iter();
        windows.filter(move |window| window.dates.is_none_or(|dates| dates.has(date)))
    }

    fn best(&self, zone: &ZoneMap, at: Absolute) -> Option<&Window> {
        if let Some(offset_ms) = zone.steady_offset_ms(at) {
            let local = Local::from_ms(at.0.saturating_add(offset_ms));
            let first = |date: Date, ms: i64| {
                self.on(date).find(move |window| window.span.from_ms <= ms && ms < window.span.to_ms)
            };
            let found = [first(local.date, local.ms), first(local.date.plus_days(-1), local.ms + DAY_MS)];
            return found.into_iter().flatten().min_by_key(|window| window.rank);
        }
        let today = zone.local(at).date;
        let dates = [-1, 0, 1].map(|days| today.plus_days(days));
        let firsts = dates.map(|date| self.on(date).find(|window| window.span.on(date, zone).has(at)));
        firsts.into_iter().flatten().min_by_key(|window| window.rank)
    }
}

impl Program {
    /// The daypart that holds at an instant, whether it is open or not.
    pub fn daypart_at(&self, at: Absolute) -> Option<DaypartNo> {
        self.dayparts.best(self.zone(), at).map(|window| window.number)
    }

    /// All dayparts whose window an instant is in, the one that holds first.
    pub fn dayparts_at(&self, at: Absolute) -> Vec<DaypartNo> {
        let today = self.zone().local(at).date;
        let mut found: Vec<&Window> = Vec::new();
        for date in [-1, 0, 1].map(|days| today.plus_days(days)) {
            found.extend(self.dayparts.on(date).filter(|window| window.span.on(date, self.zone()).has(at)));
        }
        found.sort_by_key(|window| window.rank);
        found.iter().map(|window| window.number).collect()
    }

    /// The windows of dayparts that start on a date, empty ones left out.
    pub(crate) fn daypart_tiles(&self, date: Date) -> impl Iterator<Item = (DaypartNo, Tile)> {
        let windows =
            self.dayparts.on(date).map(move |window| (window.number, window.span.on(date, self.zone())));
        windows.filter(|(_, tile)| !tile.is_empty())
    }
}

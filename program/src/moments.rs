//! Spots at clock times, as instants.

use serde::Serialize;

use crate::civil::{Absolute, Date, Local, MINUTE_MS};
use crate::model::{Spot, When};
use crate::program::{Kind, Program};

/// A clock time at which a spot is due.
///
/// A spot fires once for each `(spot, date, time)`: whoever remembers these is not misled by a clock that jumps back, nor by
/// a fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Moment {
    /// When.
    pub at: Absolute,
    /// The local date and time by which it is known: what the document says for `at`, the wall clock otherwise.
    pub key: Local,
}

impl Program {
    /// When a spot with `at`, `before_close` or `after_open` is due, from `from` on and before `to`: by the clock and by its
    /// dates, whether it is open or not for `at`. In order. Spots that go by songs or by spans of time have no moments.
    ///
    /// `before_close` is subtracted on absolute time. Where the place is open for a shorter time than that, it is not due.
    pub fn moments(&self, spot: &Spot, from: Absolute, to: Absolute) -> Vec<Moment> {
        let mut moments = match spot.when {
            When::At { days, time } => {
                let on = |date: Date| {
                    let key = date.at(time);
                    days.has(date.weekday()).then(|| Moment { at: self.zone().absolute(key), key })
                };
                self.dates(from, to).filter_map(on).collect()
            }
            When::BeforeClose(minutes) => {
                let before_ms = i64::from(minutes) * MINUTE_MS;
                self.edges(from, to, before_ms, |opened, closed| {
                    let at = closed?.plus_ms(-before_ms);
                    opened.is_none_or(|opened| opened <= at).then_some(at)
                })
            }
            When::AfterOpen(minutes) => {
                let after_ms = i64::from(minutes) * MINUTE_MS;
                self.edges(from, to, after_ms, |opened, closed| {
                    let at = opened?.plus_ms(after_ms);
                    closed.is_none_or(|closed| at < closed).then_some(at)
                })
            }
            When::Songs(_) | When::Air(_) | When::PerHour(_) | When::Share(_) => Vec::new(),
        };
        moments.retain(|moment: &Moment| {
            from <= moment.at && moment.at < to && spot.dates.is_none_or(|dates| dates.has(moment.key.date))
        });
        moments.sort_unstable();
        moments
    }

    /// The local dates that two instants and all between them may have.
    pub(crate) fn dates(&self, from: Absolute, to: Absolute) -> impl Iterator<Item = Date> {
        let first = self.zone().local(from).date.plus_days(-1).days();
        let last = self.zone().local(to).date.plus_days(1).days();
        let last = if from < to { last } else { first - 1 };
        (first..=last).map(|days| Date::from_days(days.into()))
    }

    /// What `due` makes of each stretch in which it is open and that may have something due between two instants.
    fn edges(
        &self,
        from: Absolute,
        to: Absolute,
        reach_ms: i64,
        due: impl Fn(Option<Absolute>, Option<Absolute>) -> Option<Absolute>,
    ) -> Vec<Moment> {
        // A stretch is cut where it is looked at, so it is looked at in a wider frame than its edges can be in.
        let (begin, end) = (from.plus_ms(-reach_ms - 1), to.plus_ms(reach_ms + 1));
        let tiles = self.open_between(Kind::Sound, begin, end);
        let moments = tiles.into_iter().filter_map(|tile| {
            let opened =
                if tile.from > begin { Some(tile.from) } else { self.opened(Kind::Sound, tile.from) };
            let closed = if tile.to < end { Some(tile.to) } else { self.closes(Kind::Sound, tile.from) };
            let at = due(opened, closed)?;
            Some(Moment { at, key: self.zone().local(at) })
        });
        moments.collect()
    }
}

//! A zone's map between local time and instants.
//!
//! There is one map from local time to instants, and it never goes backwards: a local time is the first instant at which the
//! wall clock shows it *or more*. So a time that a gap swallows is the first instant after the gap, and one that a fold shows
//! twice is the first of the two. Starts and ends go through the same map; therefore windows that touch on the wall touch in
//! time, none overlap, and nothing begins twice.

#[cfg(feature = "tzdb")]
mod tzdb;

#[cfg(feature = "tzdb")]
pub use tzdb::{UnknownZone, ZONE_YEARS, zone};

use crate::civil::{Absolute, DAY_MS, Local, SECOND_MS};
use crate::model::Zone;

/// How far a zone may be from UTC, in seconds: more than any zone ever was.
pub const OFFSET_S_MAX: i32 = 18 * 3600;

/// A zone, compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneMap {
    /// Never empty; in rising order, the first from ever.
    stretches: Vec<Stretch>,
}

/// A time in which the offset stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    /// Its first instant.
    from_ms: i64,
    offset_ms: i64,
    /// The wall clock shows less than this in it.
    local_end_ms: i64,
}

/// A change of the offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shift {
    /// The first instant of the new offset.
    pub at: Absolute,
    /// By how much the wall clock goes forward; negative: back.
    pub forward_ms: i64,
}

impl ZoneMap {
    /// From a document's zone. Transitions out of order are taken in order.
    pub fn new(zone: &Zone) -> Self {
        let mut transitions = zone.transitions.clone();
        transitions.sort_by_key(|transition| transition.at_utc_ms);
        let firsts = std::iter::once((i64::MIN, zone.offset_s));
        let all =
            firsts.chain(transitions.iter().map(|transition| (transition.at_utc_ms.0, transition.offset_s)));
        let mut stretches: Vec<Stretch> = Vec::with_capacity(transitions.len() + 1);
        for (from_ms, offset_s) in all {
            let offset_s = offset_s.clamp(-OFFSET_S_MAX, OFFSET_S_MAX);
            if let Some(last) = stretches.last_mut() {
                last.local_end_ms = from_ms.saturating_add(last.offset_ms);
            }
            let offset_ms = i64::from(offset_s) * SECOND_MS;
            stretches.push(Stretch { from_ms, offset_ms, local_end_ms: i64::MAX });
        }
        Self { stretches }
    }

    /// The instant of a local time: see the head of this file.
    pub fn absolute(&self, local: Local) -> Absolute {
        let local_ms = local.to_ms();
        let stretch = self.stretches.iter().find(|stretch| local_ms < stretch.local_end_ms);
        let stretch = stretch.unwrap_or(&self.stretches[self.stretches.len() - 1]);
        Absolute(local_ms.saturating_sub(stretch.offset_ms).max(stretch.from_ms))
    }

    /// What the wall clock shows at an instant.
    pub fn local(&self, at: Absolute) -> Local {
        Local::from_ms(at.0.saturating_add(self.at(at).offset_ms))
    }

    /// Seconds that local time is ahead of UTC at an instant.
    pub fn offset_s(&self, at: Absolute) -> i32 {
        i32::try_from(self.at(at).offset_ms / SECOND_MS).unwrap_or(0)
    }

    fn at(&self, at: Absolute) -> Stretch {
        let after = self.stretches.partition_point(|stretch| stretch.from_ms <= at.0);
        self.stretches[after.saturating_sub(1)]
    }

    /// The offset in ms, if it stays for three days before and after that instant.
    pub(crate) fn steady_offset_ms(&self, at: Absolute) -> Option<i64> {
        let before = self.at(at.plus_ms(-3 * DAY_MS));
        (before == self.at(at.plus_ms(3 * DAY_MS))).then_some(before.offset_ms)
    }

    /// The changes of the offset from `from` on and before `to`.
    pub fn shifts(&self, from: Absolute, to: Absolute) -> impl Iterator<Item = Shift> {
        self.stretches.windows(2).filter_map(move |pair| {
            let at = Absolute(pair[1].from_ms);
            let forward_ms = pair[1].offset_ms - pair[0].offset_ms;
            (from <= at && at < to && forward_ms != 0).then_some(Shift { at, forward_ms })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Transition;

    fn berlin() -> ZoneMap {
        let transitions = vec![
            Transition { at_utc_ms: Absolute(1_806_195_600_000), offset_s: 7200 }, // 2027-03-28T01:00Z
            Transition { at_utc_ms: Absolute(1_824_944_400_000), offset_s: 3600 }, // 2027-10-31T01:00Z
        ];
        let id = "Europe/Berlin".to_owned();
        ZoneMap::new(&Zone { id, tzdb: "2026a".into(), offset_s: 3600, transitions, until_utc_ms: None })
    }

    fn at(zone: &ZoneMap, date: &str, time: &str) -> String {
        let local = date.parse::<crate::Date>().unwrap().at(time.parse().unwrap());
        zone.absolute(local).to_string()
    }

    #[test]
    fn a_time_in_a_gap_is_the_first_instant_after_it() {
        let zone = berlin();
        for time in ["02:00", "02:15", "02:59:59", "03:00"] {
            assert_eq!(at(&zone, "2027-03-28", time), "2027-03-28T01:00:00Z", "{time}");
        }
        assert_eq!(at(&zone, "2027-03-28", "01:59:59"), "2027-03-28T00:59:59Z");
        assert_eq!(at(&zone, "2027-03-28", "03:00:01"), "2027-03-28T01:00:01Z");
    }

    #[test]
    fn a_time_in_a_fold_is_its_first_occurrence() {
        let zone = berlin();
        assert_eq!(at(&zone, "2027-10-31", "02:00"), "2027-10-31T00:00:00Z");
        assert_eq!(at(&zone, "2027-10-31", "02:59:59"), "2027-10-31T00:59:59Z");
        assert_eq!(at(&zone, "2027-10-31", "03:00"), "2027-10-31T02:00:00Z");
    }

    #[test]
    fn local_and_back_is_the_same_instant_except_in_the_second_half_of_a_fold() {
        let zone = berlin();
        let fold = 1_824_944_400_000;
        for minute in 0..(2 * 366 * 24 * 60) {
            let at = Absolute(1_798_761_600_000 + minute * 60_000);
            let again = zone.absolute(zone.local(at));
            if (fold..fold + 3_600_000).contains(&at.0) {
                assert_eq!(again, at.plus_ms(-3_600_000));
            } else {
                assert_eq!(again, at);
            }
        }
    }
}

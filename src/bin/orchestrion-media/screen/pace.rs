//! When each frame is due: a timeline on which films follow each other without a gap. Pure; times in nanoseconds of the
//! output's running time.

/// How long before it is due a frame is given to the sink.
pub const LEAD_NS: u64 = 60_000_000;
/// A frame that comes so much after it was due counts as late.
pub const LATE_NS: u64 = 40_000_000;
/// A film that is so much behind is not hurried any more: it goes on from here.
const BEHIND_MAX_NS: u64 = 400_000_000;
/// Frames left out in a row, at most, so that a machine that is too slow shows some of them.
const DROPPED_MAX: u32 = 3;
/// The length of a frame while nothing tells it.
const FRAME_NS: u64 = 33_333_333;
/// Longest time that a film may stay on one frame; what is longer is a fault of its times.
const GAP_MAX_NS: u64 = 10_000_000_000;

/// See the head of this file.
#[derive(Debug, Default)]
pub struct Pace {
    /// The end of what was shown before.
    start: u64,
    /// The times of the film's first frame, on its own timeline and on the output's.
    origin: Option<(u64, u64)>,
    /// When the last frame is due, and how long it lasts.
    last: Option<(u64, u64)>,
    dropped: u32,
}

/// What is to be done with a frame that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// Show it at this moment.
    Show { due: u64 },
    /// Show it, though it is late.
    ShowLate { due: u64 },
    /// Leave it out.
    Drop,
}

impl Pace {
    /// Another item begins where the one before ends, or now if that was before.
    pub fn begin(&mut self, now: u64) {
        self.start = self.end().max(now);
        *self = Self { start: self.start, ..Self::default() };
    }

    /// Another item begins at once, whatever the one before still had to show.
    pub fn cut(&mut self, now: u64) {
        *self = Self { start: now, ..Self::default() };
    }

    /// When the last frame has been seen long enough.
    pub fn end(&self) -> u64 {
        self.last.map_or(self.start, |(due, length)| due + length)
    }

    /// When the item that runs begins.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// When sound with this time is due, on the timeline of the frames; `None` before the first of them, or before the
    /// output began.
    pub fn sound_due(&self, pts: u64) -> Option<u64> {
        let (first, at) = self.origin?;
        at.saturating_add(pts).checked_sub(first)
    }

    /// When a frame with this time is due; frames come in this order.
    pub fn due(&mut self, pts: Option<u64>, length: Option<u64>) -> u64 {
        let guess = self.end();
        let (first, at) = *self.origin.get_or_insert((pts.unwrap_or(0), self.start));
        let due = pts.map_or(guess, |pts| at.saturating_add(pts.saturating_sub(first)));
        let earliest = self.last.map_or(self.start, |(due, _)| due);
        let due = due.clamp(earliest, earliest.saturating_add(GAP_MAX_NS));
        if let (Some(pts), true) = (pts, due == earliest + GAP_MAX_NS) {
            // Its times jumped; it goes on from here.
            self.origin = Some((pts, due));
        }
        let before = self.last.map(|(before, _)| due - before).filter(|length| *length > 0);
        let length = length.filter(|length| *length > 0).or(before).unwrap_or(FRAME_NS);
        self.last = Some((due, length.min(GAP_MAX_NS)));
        due
    }

    /// What to do with a frame now.
    pub fn timing(&mut self, now: u64, due: u64) -> Timing {
        let behind = now.saturating_sub(due);
        if behind < LATE_NS {
            self.dropped = 0;
            return Timing::Show { due };
        }
        if behind >= BEHIND_MAX_NS {
            self.shift(behind);
            self.dropped = 0;
            return Timing::ShowLate { due: now };
        }
        if self.dropped < DROPPED_MAX {
            self.dropped += 1;
            return Timing::Drop;
        }
        self.dropped = 0;
        Timing::ShowLate { due }
    }

    fn shift(&mut self, by: u64) {
        self.origin = self.origin.map(|(first, at)| (first, at + by));
        self.last = self.last.map(|(due, length)| (due + by, length));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn films_follow_each_other_without_a_gap_whatever_their_rates_and_first_times() {
        let mut pace = Pace::default();
        pace.begin(100 * MS);
        let dues: Vec<_> = (0..3).map(|n| pace.due(Some(n * 40 * MS + 7 * MS), Some(40 * MS)) / MS).collect();
        assert_eq!(dues, [100, 140, 180]);
        // The next was ready before that ended.
        pace.begin(170 * MS);
        let dues: Vec<_> = (0..3).map(|n| pace.due(Some(n * 20 * MS), None) / MS).collect();
        assert_eq!(dues, [220, 240, 260]);
        assert_eq!(pace.end() / MS, 280);
        // And this one was not.
        pace.begin(1000 * MS);
        assert_eq!(pace.due(None, None) / MS, 1000);
        assert_eq!(pace.due(None, None) / MS, 1033);
        pace.cut(1010 * MS);
        assert_eq!(pace.sound_due(0), None);
        assert_eq!(pace.due(Some(5 * MS), None) / MS, 1010);
        assert_eq!(pace.sound_due(45 * MS), Some(1050 * MS), "sound goes by the first frame");
        assert_eq!(
            (pace.start() / MS, pace.sound_due(0)),
            (1010, Some(1005 * MS)),
            "and may begin before it"
        );
        assert_eq!(Pace { origin: Some((9, 3)), ..Pace::default() }.sound_due(5), None);
    }

    #[test]
    fn times_that_jump_neither_go_back_nor_stand_still() {
        let mut pace = Pace::default();
        pace.begin(0);
        assert_eq!(pace.due(Some(1000 * MS), None), 0);
        assert_eq!(pace.due(Some(0), None), 0);
        assert_eq!(pace.due(Some(1040 * MS), None), 40 * MS);
        // A jump by an hour is a jump by ten seconds.
        let far = 3_600_000 * MS;
        assert_eq!(pace.due(Some(far), None), 40 * MS + GAP_MAX_NS);
        assert_eq!(pace.due(Some(far + 40 * MS), None), 80 * MS + GAP_MAX_NS);
        pace.due(Some(u64::MAX), Some(u64::MAX));
    }

    #[test]
    fn a_slow_machine_shows_some_frames_and_then_goes_on_from_there() {
        let mut pace = Pace::default();
        pace.begin(0);
        let due = pace.due(Some(0), Some(40 * MS));
        assert_eq!(pace.timing(39 * MS, due), Timing::Show { due: 0 });
        let timings: Vec<_> = (0..5).map(|_| pace.timing(100 * MS, due)).collect();
        let late = Timing::ShowLate { due: 0 };
        assert_eq!(timings, [Timing::Drop, Timing::Drop, Timing::Drop, late, Timing::Drop]);
        assert_eq!(pace.timing(2000 * MS, due), Timing::ShowLate { due: 2000 * MS });
        assert_eq!(pace.due(Some(40 * MS), None), 2040 * MS);
    }
}

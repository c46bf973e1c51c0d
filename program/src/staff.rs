//! What staff on the spot may do: skip, go back, pause, change the volume. Operators are not asked here.
//!
//! # What was decided where the agreed meaning is silent
//! - **Skips** are counted over the last hour, whoever pressed, and by the time that the device believes. A clock that is set
//!   back makes a skip as young as it can be, never younger: nobody waits for longer than an hour.
//! - **Going back** leaves a song as a skip does, so it is asked and counted as one.
//! - **A volume** beyond what the daypart allows is held at its end, as a knob is.

use std::collections::VecDeque;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::civil::Absolute;
use crate::model::{Clock, Rights, StaffVolume};
use crate::now::{Pause, Timer};
use crate::program::{DaypartNo, Program};

/// Skips in an hour that a program may allow, and that are remembered; where it sets no limit, older ones are forgotten.
pub const SKIPS_MAX: u32 = 1000;
/// How long a skip counts, in ms.
const HOUR_MS: i64 = 3_600_000;

/// What somebody wants to skip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Playing<'a> {
    /// Music, with these rights.
    Song(&'a Rights),
    /// An announcement or an advertisement.
    Spot,
    /// An emergency.
    Alarm,
}

/// Why staff may not do what they asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// Spots are not skipped.
    Spot,
    /// Alarms are not skipped.
    Alarm,
    /// This recording may not be skipped.
    NotSkippable,
    /// There were as many skips as an hour may have.
    TooMany {
        /// So many.
        per_hour: u32,
        /// When the next one is free; never where none is allowed.
        again: Option<Absolute>,
    },
    /// They may not go back.
    NoPrevious,
    /// They may not change the volume.
    FixedVolume,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spot => f.write_str("announcements are not skipped"),
            Self::Alarm => f.write_str("an alarm is not skipped"),
            Self::NotSkippable => f.write_str("this recording may not be skipped"),
            Self::TooMany { per_hour: 0, .. } => f.write_str("songs are not skipped here"),
            Self::TooMany { per_hour: 1, .. } => f.write_str("one song in an hour may be skipped, and was"),
            Self::TooMany { per_hour, .. } => {
                write!(f, "{per_hour} songs in an hour may be skipped, and were")
            }
            Self::NoPrevious => f.write_str("going back is not allowed here"),
            Self::FixedVolume => f.write_str("the volume is fixed here"),
        }
    }
}

impl std::error::Error for Refused {}

/// The skips of a place in the last hour. Stored, so that a restart gives none back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Skips {
    /// The oldest first.
    times: VecDeque<Absolute>,
}

impl Skips {
    /// Whether staff may skip what plays.
    pub fn ask(&self, program: &Program, playing: Playing<'_>, at: Absolute) -> Result<(), Refused> {
        match playing {
            Playing::Spot => return Err(Refused::Spot),
            Playing::Alarm => return Err(Refused::Alarm),
            Playing::Song(rights) if !rights.skippable => return Err(Refused::NotSkippable),
            Playing::Song(_) => {}
        }
        let Some(per_hour) = program.document().staff.skips_per_hour else { return Ok(()) };
        let ends = |time: &Absolute| (*time).min(at).plus_ms(HOUR_MS);
        let count = self.times.iter().filter(|time| ends(time) > at).count();
        if count < per_hour as usize {
            return Ok(());
        }
        // One is free when so many have ended that one less than the limit is left.
        let mut ends: Vec<Absolute> = self.times.iter().map(ends).filter(|end| *end > at).collect();
        ends.sort_unstable();
        let again = (per_hour > 0).then(|| ends.get(count - per_hour as usize).copied()).flatten();
        Err(Refused::TooMany { per_hour, again })
    }

    /// Whether staff may go back to the song before.
    pub fn ask_previous(&self, program: &Program, playing: Playing<'_>, at: Absolute) -> Result<(), Refused> {
        if program.document().staff.previous {
            self.ask(program, playing, at)
        } else {
            Err(Refused::NoPrevious)
        }
    }

    /// Staff have skipped a song, or gone back from it.
    pub fn skipped(&mut self, at: Absolute) {
        for time in &mut self.times {
            *time = (*time).min(at);
        }
        self.times.retain(|time| time.plus_ms(HOUR_MS) > at);
        if self.times.len() >= SKIPS_MAX as usize {
            self.times.pop_front();
        }
        self.times.push_back(at);
    }
}

/// The pause that begins when staff press it: it ends by itself.
pub fn pause(program: &Program, clock: &Clock, by: &str) -> Pause {
    let length_ms = u64::from(program.document().staff.pause_max_s) * 1000;
    Pause { by: by.to_owned(), since: clock.wall.trusted(), until: Timer::after(clock, length_ms) }
}

/// The volume that staff get when they want this one, in a daypart or outside all.
pub fn volume(program: &Program, daypart: Option<DaypartNo>, wanted: u8) -> Result<u8, Refused> {
    match program.document().staff.volume {
        StaffVolume::Fixed => Err(Refused::FixedVolume),
        StaffVolume::Daypart => {
            let range = daypart.and_then(|number| Some(program.daypart(number)?.volume)).unwrap_or_default();
            Ok(wanted.max(range.min).min(range.max))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Resolved, Wall};
    use crate::now::{Sound, State};
    use crate::{Program, check};

    const NOW: Absolute = Absolute(1_798_797_600_000);

    fn program(change: impl FnOnce(&mut Resolved)) -> Program {
        let mut document = check::parse(include_bytes!("../tests/small.json")).unwrap();
        change(&mut document);
        Program::compile(document).unwrap()
    }

    fn song() -> Rights {
        Rights::default()
    }

    #[test]
    fn skips_roll_over_an_hour_and_say_when_the_next_is_free() {
        let program = program(|document| document.staff.skips_per_hour = Some(2));
        let (mut skips, song) = (Skips::default(), song());
        for minute in [0, 20] {
            assert_eq!(skips.ask(&program, Playing::Song(&song), NOW.plus_ms(minute * 60_000)), Ok(()));
            skips.skipped(NOW.plus_ms(minute * 60_000));
        }
        let refused = skips.ask(&program, Playing::Song(&song), NOW.plus_ms(59 * 60_000));
        let again = Some(NOW.plus_ms(HOUR_MS));
        assert_eq!(refused, Err(Refused::TooMany { per_hour: 2, again }));
        // A restart gives none back.
        let stored: Skips = serde_json::from_str(&serde_json::to_string(&skips).unwrap()).unwrap();
        assert_eq!(stored.ask(&program, Playing::Song(&song), NOW.plus_ms(59 * 60_000)), refused);
        assert_eq!(stored.ask(&program, Playing::Song(&song), NOW.plus_ms(HOUR_MS)), Ok(()));
    }

    #[test]
    fn a_clock_that_is_set_back_by_a_year_locks_skips_for_an_hour_at_most() {
        let program = program(|document| document.staff.skips_per_hour = Some(1));
        let (mut skips, song) = (Skips::default(), song());
        skips.skipped(NOW);
        let back = NOW.plus_ms(-365 * 24 * HOUR_MS);
        assert!(skips.ask(&program, Playing::Song(&song), back).is_err());
        skips.skipped(back);
        assert_eq!(skips.ask(&program, Playing::Song(&song), back.plus_ms(HOUR_MS)), Ok(()));
    }

    #[test]
    fn what_may_not_be_skipped_says_so_and_skips_are_never_too_many_to_keep() {
        let free = program(|_| {});
        let mut skips = Skips::default();
        let fixed = Rights { skippable: false, ..song() };
        assert_eq!(skips.ask(&free, Playing::Song(&fixed), NOW), Err(Refused::NotSkippable));
        assert_eq!(skips.ask(&free, Playing::Spot, NOW), Err(Refused::Spot));
        assert_eq!(skips.ask(&free, Playing::Alarm, NOW), Err(Refused::Alarm));
        (0..5000).for_each(|_| skips.skipped(NOW));
        assert_eq!(skips.times.len(), SKIPS_MAX as usize);
        assert_eq!(skips.ask(&free, Playing::Song(&song()), NOW), Ok(()));
        let none = program(|document| document.staff.skips_per_hour = Some(0));
        let refused = Skips::default().ask(&none, Playing::Song(&song()), NOW);
        assert_eq!(refused, Err(Refused::TooMany { per_hour: 0, again: None }));
        let onwards = program(|document| document.staff.previous = false);
        let refused = Skips::default().ask_previous(&onwards, Playing::Song(&song()), NOW);
        assert_eq!(refused, Err(Refused::NoPrevious));
        assert_eq!(Skips::default().ask_previous(&free, Playing::Song(&song()), NOW), Ok(()));
    }

    #[test]
    fn a_pause_ends_by_itself_after_the_time_that_the_place_allows() {
        let program = program(|document| document.staff.pause_max_s = 600);
        let wall = Wall::Trusted { at: NOW, uncertainty_ms: 5 };
        let clock = Clock { mono_ms: 1000, boot: "one".into(), wall };
        let state = State { pause: Some(pause(&program, &clock, "Ann")), ..State::default() };
        let sound = program.what_now(&clock, &state).sound;
        assert_eq!(sound, Sound::Paused { until: Some(NOW.plus_ms(600_000)) });
        assert_eq!(program.next_change(&clock, &state), Some(NOW.plus_ms(600_000)));
        let stored: State = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        assert_eq!(stored, state);
    }

    #[test]
    fn a_volume_is_held_between_the_daypart_s_least_and_most_or_fixed() {
        let program = program(|document| {
            document.dayparts[0].volume.min = 30;
            document.dayparts[0].volume.max = 80;
        });
        let day = program.daypart_number("day");
        assert_eq!([10, 50, 90].map(|wanted| volume(&program, day, wanted)), [Ok(30), Ok(50), Ok(80)]);
        assert_eq!(volume(&program, None, 10), Ok(10));
        let mut document = program.document().clone();
        document.staff.volume = StaffVolume::Fixed;
        let fixed = Program::compile(document).unwrap();
        assert_eq!(volume(&fixed, day, 50), Err(Refused::FixedVolume));
    }
}

//! What is right at a moment, and when that changes.
//!
//! The order of precedence: alarm mute, emergency, closed, paused by staff, played now by an operator, cut and ducked spots,
//! requests, dayparts, fallback. A service that has ended takes the place of dayparts: while it is open the lapse playlist
//! plays, and never does it fall silent in the middle of a day.

mod change;
mod why;

use serde::{Deserialize, Serialize};

use crate::civil::{Absolute, Local};
use crate::model::{BlobId, Clock, Dates, LoopId, ScreenRules, Volume, Wall};
use crate::program::{DaypartNo, Kind, Program};

pub(crate) use change::later;
pub use why::Reason;

/// What has been done to a device, by people and by itself: what a program does not know.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct State {
    /// An alarm contact is closed: nothing may sound.
    pub alarm_mute: bool,
    /// An emergency that was commanded. It is over by itself.
    pub emergency: Option<Emergency>,
    /// Staff have paused.
    pub pause: Option<Pause>,
    /// What is in front of the program.
    pub front: Front,
    /// Staff have changed the volume, to this. Whoever keeps the state forgets it when the daypart changes.
    pub volume: Option<u8>,
}

/// What is in front of the program, as long as nothing silences it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Front {
    /// Nothing.
    #[default]
    Nothing,
    /// Somebody in the room asked for something.
    Request,
    /// A spot cuts into the music, or is over it.
    Spot,
    /// An operator plays something now.
    PlayedNow,
}

/// Something that everybody must hear and see, until it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emergency {
    /// What is played. It lies on the disk already.
    pub blob: BlobId,
    /// When it ends.
    pub until: Timer,
}

/// Staff have paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Who.
    pub by: String,
    /// When it began, if that was known: it is over at the next opening.
    pub since: Option<Absolute>,
    /// When it is over at the latest. Whoever makes it counts `staff.pause_max_s` from its start.
    pub until: Timer,
}

/// An end by a clock that only counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// The start of the kernel in which it was set.
    pub boot: String,
    /// When it ends, by that start's clock.
    pub mono_ms: u64,
    /// How long it was. After a restart that nobody told it of it ends when the clock has counted so much again: late rather
    /// than never.
    pub length_ms: u64,
}

impl Timer {
    /// One that ends so much after now.
    pub fn after(clock: &Clock, length_ms: u64) -> Self {
        Self { boot: clock.boot.clone(), mono_ms: clock.mono_ms.saturating_add(length_ms), length_ms }
    }

    /// What is left, in ms; 0 when it is over.
    pub fn left_ms(&self, clock: &Clock) -> u64 {
        let end_ms = if self.boot == clock.boot { self.mono_ms } else { self.length_ms };
        end_ms.saturating_sub(clock.mono_ms)
    }
}

/// What is right at a moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Now {
    /// For the ears.
    pub sound: Sound,
    /// For the eyes.
    pub screen: Screen,
}

/// What may be heard.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sound {
    /// Nothing: an alarm contact is closed.
    Muted,
    /// An emergency.
    Emergency(BlobId),
    /// Nothing: it is closed. `until` is the next opening, if there is one and it is known.
    Closed {
        /// Why.
        why: Closed,
        /// The next opening.
        until: Option<Absolute>,
    },
    /// Nothing: staff have paused. `until` is the end, if the time of day is known.
    Paused {
        /// Until then at the latest.
        until: Option<Absolute>,
    },
    /// Something.
    Open(Open),
}

/// Why it is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// By its hours.
    Hours,
    /// Nobody knows what time it is, and then nothing may play here.
    Clockless,
}

/// It is open.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Open {
    /// What plays.
    pub source: Source,
    /// The daypart that holds; `None` between dayparts, and when the service has ended.
    pub daypart: Option<DaypartNo>,
    /// How loud: what the daypart sets, or what staff have made of it.
    pub volume: Volume,
    /// When it closes, if it does and if that is known.
    pub closes: Option<Absolute>,
}

/// Where what plays comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// An operator plays it now.
    PlayedNow,
    /// A spot.
    Spot,
    /// A request.
    Request,
    /// The daypart.
    Daypart,
    /// The playlist for the time after the service.
    Lapse,
    /// The playlist of last resort.
    Fallback,
}

/// What may be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Screen {
    /// An emergency.
    Emergency(BlobId),
    /// Nothing.
    Dark {
        /// The next opening.
        until: Option<Absolute>,
    },
    /// The daypart's loop, if it has one.
    Open {
        /// The loop.
        shows: Option<LoopId>,
        /// When it closes, if it does and if that is known.
        closes: Option<Absolute>,
    },
}

impl Program {
    /// What is right now.
    pub fn what_now(&self, clock: &Clock, state: &State) -> Now {
        Now { sound: self.sound_now(clock, state), screen: self.screen_now(clock, state) }
    }

    fn sound_now(&self, clock: &Clock, state: &State) -> Sound {
        if state.alarm_mute {
            return Sound::Muted;
        }
        if let Some(emergency) = emergency(clock, state) {
            return Sound::Emergency(emergency.blob.clone());
        }
        let at = clock.wall.trusted();
        let closes = match at {
            Some(at) if self.is_open(Kind::Sound, at) => self.closes(Kind::Sound, at),
            Some(at) => return Sound::Closed { why: Closed::Hours, until: self.opens(Kind::Sound, at) },
            None if self.document().clockless.allowed => None,
            None => return Sound::Closed { why: Closed::Clockless, until: None },
        };
        if let Some(left_ms) = self.pause_left_ms(clock, state) {
            let until = at.map(|at| at.plus_ms(i64::try_from(left_ms).unwrap_or(i64::MAX)));
            return Sound::Paused { until };
        }
        let lapsed = self.is_lapsed(&clock.wall);
        let daypart = if lapsed { None } else { self.daypart_now(&clock.wall) };
        let source = match (state.front, daypart) {
            (Front::PlayedNow, _) => Source::PlayedNow,
            (Front::Spot, _) => Source::Spot,
            (Front::Request, _) => Source::Request,
            (Front::Nothing, Some(_)) => Source::Daypart,
            (Front::Nothing, None) if lapsed => Source::Lapse,
            (Front::Nothing, None) => Source::Fallback,
        };
        Sound::Open(Open { source, daypart, volume: self.volume(daypart, at, state), closes })
    }

    fn screen_now(&self, clock: &Clock, state: &State) -> Screen {
        if let Some(emergency) = emergency(clock, state) {
            return Screen::Emergency(emergency.blob.clone());
        }
        let closes = match clock.wall.trusted() {
            Some(at) if self.is_open(Kind::Screen, at) => self.closes(Kind::Screen, at),
            Some(at) => return Screen::Dark { until: self.opens(Kind::Screen, at) },
            None if self.document().clockless.allowed => None,
            None => return Screen::Dark { until: None },
        };
        let daypart = if self.is_lapsed(&clock.wall) { None } else { self.daypart_now(&clock.wall) };
        let shows = daypart.and_then(|daypart| self.daypart(daypart)?.screen_loop.clone());
        Screen::Open { shows, closes }
    }

    /// What the daypart that holds says of the screen.
    pub fn screen_rules(&self, wall: &Wall) -> Option<&ScreenRules> {
        let daypart = if self.is_lapsed(wall) { None } else { self.daypart_now(wall) };
        self.daypart(daypart?)?.screen.as_ref()
    }

    /// The daypart that holds, or the one for the time without a clock.
    fn daypart_now(&self, wall: &Wall) -> Option<DaypartNo> {
        match wall.trusted() {
            Some(at) => self.daypart_at(at),
            None => self.daypart_number(self.document().clockless.daypart.as_ref()?.as_str()),
        }
    }

    /// Whether the service has ended for certain.
    pub fn is_lapsed(&self, wall: &Wall) -> bool {
        matches!((self.lapse, wall.at_least()), (Some(lapse), Some(at)) if lapse.0 <= at)
    }

    /// What is left of a pause, in ms. `None`: nobody has paused, or it is over.
    fn pause_left_ms(&self, clock: &Clock, state: &State) -> Option<u64> {
        let pause = state.pause.as_ref()?;
        let left_ms = Some(pause.until.left_ms(clock)).filter(|left_ms| *left_ms > 0)?;
        let opened_since = match (pause.since, clock.wall.trusted()) {
            (Some(since), Some(at)) => self.opens(Kind::Sound, since).is_some_and(|opens| opens <= at),
            (None, _) | (_, None) => false,
        };
        (!opened_since).then_some(left_ms)
    }

    fn volume(&self, daypart: Option<DaypartNo>, at: Option<Absolute>, state: &State) -> Volume {
        let mut volume = daypart.and_then(|daypart| Some(self.daypart(daypart)?.volume)).unwrap_or_default();
        if at.is_none() {
            let most = self.document().clockless.volume_max;
            volume =
                Volume { set: volume.set.min(most), min: volume.min.min(most), max: volume.max.min(most) };
        }
        if let Some(chosen) = state.volume {
            volume.set = chosen.max(volume.min).min(volume.max);
        }
        volume
    }

    /// What the wall clock shows, if the time is trusted.
    pub fn local_now(&self, clock: &Clock) -> Option<Local> {
        clock.wall.trusted().map(|at| self.zone().local(at))
    }

    /// Whether something with these dates may play, for all that is known of the time: without a trusted clock, nothing that
    /// has begun on a date is known to have begun, and what ended before the floor has ended.
    pub fn dates_hold(&self, dates: &Dates, wall: &Wall) -> bool {
        let date = wall.at_least().map(|at| self.zone().local(at).date);
        match (wall, date) {
            (Wall::Trusted { .. }, Some(date)) => dates.has(date),
            (_, Some(date)) => dates.last.is_none_or(|last| date <= last),
            (_, None) => true,
        }
    }
}

/// The emergency, if it is not over.
fn emergency<'a>(clock: &Clock, state: &'a State) -> Option<&'a Emergency> {
    state.emergency.as_ref().filter(|emergency| emergency.until.left_ms(clock) > 0)
}

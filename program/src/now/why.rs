//! Why it is as it is, for people who ask.

use std::fmt;

use serde::Serialize;

use super::{State, emergency};
use crate::civil::{Absolute, Date, Local};
use crate::model::{Clock, Wall};
use crate::program::{Kind, Program};

/// One reason. Said in order, they answer "why?".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// An alarm contact is closed.
    AlarmMute,
    /// An emergency was commanded.
    Emergency,
    /// Nobody knows what time it is; whether something may play then.
    Clockless {
        /// Whether something may play.
        allowed: bool,
    },
    /// It is open.
    Open {
        /// The date on which the window began.
        since: Date,
        /// Whether an exception says so; its name.
        exception: Option<String>,
        /// Until then.
        closes: Option<Local>,
    },
    /// It is closed.
    Closed {
        /// The date.
        date: Date,
        /// Whether an exception says so; its name.
        exception: Option<String>,
        /// The next opening.
        opens: Option<Local>,
    },
    /// Staff have paused.
    Paused {
        /// Who.
        by: String,
        /// What is left, in seconds.
        left_s: u64,
    },
    /// The contract ended.
    Lapsed {
        /// Its last day.
        last_day: Option<Date>,
    },
    /// A daypart holds.
    Daypart(String),
    /// A daypart would hold, were it not for the one before.
    Beaten(String),
    /// No daypart holds.
    NoDaypart,
    /// The transitions of the zone end before this moment: times may be an hour off.
    ZoneEnded,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |name: &Option<String>| match name.as_deref() {
            None => String::new(),
            Some("") => ", by an exception".to_owned(),
            Some(name) => format!(", by the exception \"{name}\""),
        };
        match self {
            Self::AlarmMute => f.write_str("an alarm contact is closed: nothing may sound"),
            Self::Emergency => f.write_str("an emergency was commanded"),
            Self::Clockless { allowed: true } => {
                f.write_str("the time of day is not known; then the program for that plays")
            }
            Self::Clockless { allowed: false } => {
                f.write_str("the time of day is not known, and then nothing may play")
            }
            Self::Open { since, exception, closes } => {
                write!(f, "it is open by the hours of {} {since}", since.weekday().title())?;
                f.write_str(&named(exception))?;
                closes.map_or(Ok(()), |closes| {
                    write!(f, "; it closes {} {closes}", closes.date.weekday().title())
                })
            }
            Self::Closed { date, exception, opens } => {
                write!(f, "it is closed on {} {date} at this time", date.weekday().title())?;
                f.write_str(&named(exception))?;
                match opens {
                    Some(opens) => write!(f, "; it opens {} {opens}", opens.date.weekday().title()),
                    None => f.write_str("; no opening is planned"),
                }
            }
            Self::Paused { by, left_s } => {
                write!(f, "{by} has paused; it goes on in {left_s} s at the latest")
            }
            Self::Lapsed { last_day: Some(last_day) } => {
                write!(f, "the service ended on {last_day}, and its grace days are over")
            }
            Self::Lapsed { last_day: None } => f.write_str("the service has ended"),
            Self::Daypart(name) => write!(f, "the daypart \"{name}\" holds"),
            Self::Beaten(name) => write!(f, "the daypart \"{name}\" would hold too, but comes after it"),
            Self::NoDaypart => f.write_str("no daypart holds, so the fallback plays"),
            Self::ZoneEnded => {
                f.write_str("the zone's transitions end before this moment; times may be an hour off")
            }
        }
    }
}

impl Program {
    /// Why [`what_now`](Self::what_now) says of the sound what it says, what goes before first.
    pub fn why_now(&self, clock: &Clock, state: &State) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if state.alarm_mute {
            reasons.push(Reason::AlarmMute);
        }
        if emergency(clock, state).is_some() {
            reasons.push(Reason::Emergency);
        }
        let Wall::Trusted { at, .. } = clock.wall else {
            reasons.push(Reason::Clockless { allowed: self.document().clockless.allowed });
            self.why_paused(clock, state, &mut reasons);
            return reasons;
        };
        if self.document().zone.until_utc_ms.is_some_and(|until| until < at) {
            reasons.push(Reason::ZoneEnded);
        }
        reasons.push(self.why_open(at));
        self.why_paused(clock, state, &mut reasons);
        if self.is_lapsed(&clock.wall) {
            reasons.push(Reason::Lapsed {
                last_day: self.document().lapse.as_ref().and_then(|lapse| lapse.last_day),
            });
            return reasons;
        }
        let titles = self
            .dayparts_at(at)
            .into_iter()
            .filter_map(|number| Some(self.daypart(number)?.title().to_owned()));
        let before = reasons.len();
        reasons.extend(titles.enumerate().map(|(at, title)| match at {
            0 => Reason::Daypart(title),
            _ => Reason::Beaten(title),
        }));
        if reasons.len() == before {
            reasons.push(Reason::NoDaypart);
        }
        reasons
    }

    fn why_paused(&self, clock: &Clock, state: &State, reasons: &mut Vec<Reason>) {
        if let (Some(pause), Some(left_ms)) = (&state.pause, self.pause_left_ms(clock, state)) {
            reasons.push(Reason::Paused { by: pause.by.clone(), left_s: left_ms.div_ceil(1000) });
        }
    }

    fn why_open(&self, at: Absolute) -> Reason {
        let exception = |date: Date| {
            let found = self.document().exceptions.iter().find(|one| one.date == date && one.sound.is_some());
            found.map(|exception| exception.name.clone())
        };
        match self.sound.open_since(self.zone(), at) {
            Some(since) => {
                let closes = self.closes(Kind::Sound, at).map(|closes| self.zone().local(closes));
                Reason::Open { since, exception: exception(since), closes }
            }
            None => {
                let date = self.zone().local(at).date;
                let opens = self.opens(Kind::Sound, at).map(|opens| self.zone().local(opens));
                Reason::Closed { date, exception: exception(date), opens }
            }
        }
    }
}

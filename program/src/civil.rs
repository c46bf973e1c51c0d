//! Dates and times of day as a wall calendar and a wall clock show them, and instants. No zone is known here.
//!
//! The calendar is the proleptic Gregorian one. Algorithms: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Milliseconds in a second.
pub const SECOND_MS: i64 = 1000;
/// Milliseconds in a minute.
pub const MINUTE_MS: i64 = 60 * SECOND_MS;
/// Milliseconds in a day that the clock does not change in.
pub const DAY_MS: i64 = 86_400 * SECOND_MS;
/// Seconds in a day.
pub const DAY_S: u32 = 86_400;

/// An instant: milliseconds since 1970-01-01 00:00 UTC, without leap seconds, as Unix counts.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Absolute(pub i64);

impl Absolute {
    /// Later by so many milliseconds; it stops at the ends of what can be counted.
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// How long after `earlier` this is, in ms; negative when it is before.
    pub const fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Absolute {
    /// `2027-03-28T01:00:00Z`; milliseconds only when there are some.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let local = Local::from_ms(self.0);
        let seconds = local.time().seconds;
        write!(f, "{}T{:02}:{:02}:{:02}", local.date, seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        match self.0.rem_euclid(SECOND_MS) {
            0 => write!(f, "Z"),
            ms => write!(f, ".{ms:03}Z"),
        }
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weekday {
    /// The week begins with it.
    Monday,
    /// And so on.
    Tuesday,
    /// And so on.
    Wednesday,
    /// And so on.
    Thursday,
    /// And so on.
    Friday,
    /// And so on.
    Saturday,
    /// And ends with it.
    Sunday,
}

impl Weekday {
    /// All, from Monday.
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    /// How it is written in documents: `mon`.
    pub const fn short(self) -> &'static str {
        match self {
            Self::Monday => "mon",
            Self::Tuesday => "tue",
            Self::Wednesday => "wed",
            Self::Thursday => "thu",
            Self::Friday => "fri",
            Self::Saturday => "sat",
            Self::Sunday => "sun",
        }
    }

    /// How people read it: `Mon`.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Monday => "Mon",
            Self::Tuesday => "Tue",
            Self::Wednesday => "Wed",
            Self::Thursday => "Thu",
            Self::Friday => "Fri",
            Self::Saturday => "Sat",
            Self::Sunday => "Sun",
        }
    }

    /// From [`short`](Self::short).
    pub fn from_short(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|day| day.short() == text)
    }

    /// 0 for Monday to 6 for Sunday.
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// A date, in the years 1 to 9999; written `2026-12-24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    days: i32,
}

impl Date {
    /// 0001-01-01.
    pub const MIN: Self = Self { days: -719_162 };
    /// 9999-12-31.
    pub const MAX: Self = Self { days: 2_932_896 };

    /// The date of a year, a month from 1 and a day from 1, if there is one.
    pub fn new(year: i32, month: u32, day: u32) -> Option<Self> {
        if !(1..=9999).contains(&year)
            || !(1..=12).contains(&month)
            || day < 1
            || day > month_days(year, month)
        {
            return None;
        }
        let (month, day) = (month as i32, day as i32);
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year - era * 400;
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Some(Self { days: era * 146_097 + day_of_era - 719_468 })
    }

    /// The date so many days after 1970-01-01, held within the years 1 to 9999.
    pub fn from_days(days: i64) -> Self {
        let days = days.clamp(i64::from(Self::MIN.days), i64::from(Self::MAX.days));
        Self { days: i32::try_from(days).unwrap_or_default() }
    }

    /// Days since 1970-01-01.
    pub const fn days(self) -> i32 {
        self.days
    }

    /// So many days later, held within the years 1 to 9999.
    pub fn plus_days(self, days: i64) -> Self {
        Self::from_days(i64::from(self.days).saturating_add(days))
    }

    /// Year, month from 1, day from 1.
    pub fn ymd(self) -> (i32, u32, u32) {
        let days = self.days + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days - era * 146_097;
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + i32::from(month <= 2);
        (year, month as u32, day as u32)
    }

    /// The day of the week.
    pub fn weekday(self) -> Weekday {
        // 1970-01-01 was a Thursday.
        Weekday::ALL[(self.days + 3).rem_euclid(7) as usize]
    }

    /// This date at a time of day.
    pub const fn at(self, time: TimeOfDay) -> Local {
        Local { date: self, ms: time.seconds as i64 * SECOND_MS }
    }

    /// The Monday of its week, held within the years 1 to 9999.
    pub fn monday(self) -> Self {
        self.plus_days(-(self.weekday().index() as i64))
    }
}

const fn month_days(year: i32, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// A text that is no date, time or day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// A number of exactly so many digits, and nothing else.
fn digits(text: &str, len: usize) -> Option<u32> {
    (text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// A text for a message: not endless, and in quotes.
fn quoted(text: &str) -> String {
    const SHOWN_MAX: usize = 40;
    let shown: String = text.chars().take(SHOWN_MAX).collect();
    format!("{shown:?}")
}

impl FromStr for Date {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let parts: Vec<&str> = text.splitn(4, '-').collect();
        let date = match parts[..] {
            [year, month, day] => digits(year, 4).zip(digits(month, 2)).zip(digits(day, 2)),
            _ => None,
        };
        let date = date.and_then(|((year, month), day)| Self::new(i32::try_from(year).ok()?, month, day));
        date.ok_or_else(|| {
            Unreadable(format!("{} is no date; a date is written \"2026-12-24\"", quoted(text)))
        })
    }
}

/// A time of day in whole seconds, from 00:00 to 24:00, the midnight after; written `08:30` or `08:30:15`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay {
    seconds: u32,
}

impl TimeOfDay {
    /// 00:00, the midnight at the beginning of a day.
    pub const MIDNIGHT: Self = Self { seconds: 0 };
    /// 24:00, the midnight at the end of a day.
    pub const END: Self = Self { seconds: DAY_S };

    /// So many seconds after midnight on the wall clock, up to [`DAY_S`].
    pub const fn from_seconds(seconds: u32) -> Option<Self> {
        if seconds > DAY_S { None } else { Some(Self { seconds }) }
    }

    /// Seconds after midnight on the wall clock.
    pub const fn seconds(self) -> u32 {
        self.seconds
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (minutes, second) = (self.seconds / 60, self.seconds % 60);
        write!(f, "{:02}:{:02}", minutes / 60, minutes % 60)?;
        if second != 0 {
            write!(f, ":{second:02}")?;
        }
        Ok(())
    }
}

impl FromStr for TimeOfDay {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let parts: Vec<&str> = text.splitn(4, ':').collect();
        let (hour, minute, second) = match parts[..] {
            [hour, minute] => (digits(hour, 2), digits(minute, 2), Some(0)),
            [hour, minute, second] => (digits(hour, 2), digits(minute, 2), digits(second, 2)),
            _ => (None, None, None),
        };
        let seconds = match (hour, minute, second) {
            (Some(hour), Some(minute), Some(second)) if minute < 60 && second < 60 => {
                Some(hour * 3600 + minute * 60 + second)
            }
            _ => None,
        };
        seconds.and_then(Self::from_seconds).ok_or_else(|| {
            let text = quoted(text);
            Unreadable(format!(
                "{text} is no time of day; it is written \"08:30\", from \"00:00\" to \"24:00\""
            ))
        })
    }
}

/// What a calendar and a clock on the wall show, without a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Local {
    /// The date.
    pub date: Date,
    /// Milliseconds after midnight, from 0 to [`DAY_MS`]; more than a day is the next day's.
    pub ms: i64,
}

impl Serialize for Local {
    /// `2027-03-28T02:15:00`: what the wall shows.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seconds = self.time().seconds;
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        serializer.collect_str(&format_args!("{}T{hours:02}:{minutes:02}:{:02}", self.date, seconds % 60))
    }
}

impl Local {
    /// Milliseconds after 1970-01-01 00:00 on the same wall.
    pub const fn to_ms(self) -> i64 {
        self.date.days as i64 * DAY_MS + self.ms
    }

    /// The other way round, held within the years 1 to 9999.
    pub fn from_ms(ms: i64) -> Self {
        Self { date: Date::from_days(ms.div_euclid(DAY_MS)), ms: ms.rem_euclid(DAY_MS) }
    }

    /// The whole second of the day.
    pub fn time(self) -> TimeOfDay {
        let seconds = u32::try_from(self.ms / SECOND_MS).unwrap_or(0);
        TimeOfDay { seconds: seconds.min(DAY_S) }
    }
}

impl fmt::Display for Local {
    /// `2026-12-24 08:30`, seconds only when there are some.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.date, self.time())
    }
}

/// serde and schema for a type that is a string in a document.
macro_rules! as_text {
    ($name:ty, $title:literal, $pattern:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                $title.into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

as_text!(Date, "Date", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$");
as_text!(TimeOfDay, "TimeOfDay", "^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$|^24:00(:00)?$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_the_calendar_follows_the_one_before() {
        let (mut year, mut month, mut day) = (1, 1, 1);
        let mut weekday = 0; // 0001-01-01 was a Monday.
        for days in Date::MIN.days..=Date::MAX.days {
            let date = Date { days };
            assert_eq!(date.ymd(), (year, month, day));
            assert_eq!(date.weekday().index(), weekday);
            assert_eq!(Date::new(year, month, day), Some(date));
            weekday = (weekday + 1) % 7;
            day += 1;
            if day > month_days(year, month) {
                (day, month) = (1, month + 1);
            }
            if month > 12 {
                (month, year) = (1, year + 1);
            }
        }
        assert_eq!(year, 10_000);
    }

    #[test]
    fn dates_and_times_are_read_as_they_are_written_and_nothing_else_is() {
        for text in ["0001-01-01", "2024-02-29", "9999-12-31"] {
            assert_eq!(text.parse::<Date>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "2023-02-29",
            "2024-13-01",
            "24-01-01",
            "+024-01-01",
            "0000-01-01",
            "2024-01-01-",
            "2024-1-01",
        ] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
        for text in ["00:00", "08:30", "23:59:59", "24:00"] {
            assert_eq!(text.parse::<TimeOfDay>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "8:30",
            "24:01",
            "24:00:01",
            "12:60",
            "12:00:60",
            "noon",
            "12",
            "12:00:00:00",
            "-1:00",
            "१२:००",
        ] {
            assert!(text.parse::<TimeOfDay>().is_err(), "{text}");
        }
    }

    #[test]
    fn dates_stop_at_the_ends_of_the_calendar() {
        assert_eq!(Date::MAX.plus_days(1), Date::MAX);
        assert_eq!(Date::MIN.plus_days(i64::MIN), Date::MIN);
        assert_eq!(Local::from_ms(i64::MAX).date, Date::MAX);
        assert_eq!(Local::from_ms(i64::MIN).date, Date::MIN);
    }
}

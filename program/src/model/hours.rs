//! When a place is open.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::civil::{Date, TimeOfDay, Unreadable, Weekday};

/// Opening hours. Sound and screen have their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// When there may be sound.
    pub sound: Week,
    /// When there may be a picture; without it, whenever there may be sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screen: Option<Week>,
}

/// The windows of a week. They may overlap and touch: it is open in any of them. None: always closed.
pub type Week = Vec<WeekWindow>;

/// A window on some days of the week. One that ends before it starts goes over midnight and belongs to the day on which it
/// starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeekWindow {
    /// The days on which it starts.
    pub days: Days,
    /// When it starts; not 24:00.
    pub from: TimeOfDay,
    /// When it is over: this moment is outside.
    pub to: TimeOfDay,
}

/// A window of one date; like [`WeekWindow`] otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Win {
    /// When it starts; not 24:00.
    pub from: TimeOfDay,
    /// When it is over: this moment is outside.
    pub to: TimeOfDay,
}

/// A date with other hours. They replace those of the week that start on this date, and never the end of a window that
/// began the day before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The date. A date has one exception at most.
    pub date: Date,
    /// Windows of sound; `[]` is closed that day; without it, as in the week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sound: Option<Vec<Win>>,
    /// The same for the picture. Where the screen has no hours of its own, it follows the sound's exception.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screen: Option<Vec<Win>>,
    /// Why, for people: "Christmas Eve".
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
}

/// Days of the week; in a document a list of days and ranges: `["mon-fri", "sun"]`, or `["daily"]`. A range may go over the
/// end of the week: `fri-mon`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Days(u8);

impl Days {
    /// Every day.
    pub const DAILY: Self = Self(0x7f);
    /// No day; no document may say so.
    pub const NONE: Self = Self(0);

    /// Whether this day is one of them.
    pub const fn has(self, day: Weekday) -> bool {
        self.0 & (1 << day as u8) != 0
    }

    /// These and one more.
    pub const fn with(self, day: Weekday) -> Self {
        Self(self.0 | 1 << day as u8)
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those in both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those in either.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// All of them, from Monday.
    pub fn iter(self) -> impl Iterator<Item = Weekday> {
        Weekday::ALL.into_iter().filter(move |day| self.has(*day))
    }

    /// As a document says it: ranges of three days and more, else single days.
    fn texts(self) -> Vec<String> {
        if self == Self::DAILY {
            return vec!["daily".to_owned()];
        }
        let mut texts = Vec::new();
        let mut days: Vec<Weekday> = self.iter().collect();
        while let Some(first) = days.first().copied() {
            let run =
                days.iter().enumerate().take_while(|(at, day)| day.index() == first.index() + at).count();
            if run >= 3 {
                texts.push(format!("{}-{}", first.short(), Weekday::ALL[first.index() + run - 1].short()));
            } else {
                texts.extend(days[..run].iter().map(|day| day.short().to_owned()));
            }
            days.drain(..run);
        }
        texts
    }
}

impl FromStr for Days {
    type Err = Unreadable;

    /// One day, one range, or `daily`.
    fn from_str(text: &str) -> Result<Self, Unreadable> {
        if text == "daily" {
            return Ok(Self::DAILY);
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (Some(first), Some(last)) = (Weekday::from_short(first), Weekday::from_short(last)) else {
            let text: String = text.chars().take(40).collect();
            return Err(Unreadable(format!(
                "{text:?} is no day; a day is \"mon\", \"tue\" to \"sun\", a range is \"mon-fri\", all are \"daily\""
            )));
        };
        let mut days = Self::NONE.with(first);
        let mut at = first.index();
        while at != last.index() {
            at = (at + 1) % 7;
            days = days.with(Weekday::ALL[at]);
        }
        Ok(days)
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.texts().join(", "))
    }
}

impl Serialize for Days {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let texts = self.texts();
        let mut list = serializer.serialize_seq(Some(texts.len()))?;
        for text in texts {
            list.serialize_element(&text)?;
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for Days {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let mut days = Self::NONE;
        for text in texts {
            days = days.or(text.parse().map_err(de::Error::custom)?);
        }
        Ok(days)
    }
}

impl JsonSchema for Days {
    fn schema_name() -> Cow<'static, str> {
        "Days".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let day = "(mon|tue|wed|thu|fri|sat|sun)";
        let pattern = format!("^(daily|{day}(-{day})?)$");
        json_schema!({
            "description": "Days of the week: [\"mon-fri\", \"sun\"] or [\"daily\"].",
            "type": "array",
            "minItems": 1,
            "items": { "type": "string", "pattern": pattern }
        })
    }
}

//! Texts, lists and numbers that keep their limits while they are read.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::NUMBER_MAX;

/// A text that is too long or has control characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    /// Too long.
    #[error("a text of {found} characters; {max} at most")]
    Long {
        /// Its characters.
        found: usize,
        /// What would be right.
        max: usize,
    },
    /// Line feeds and their like, which would break a line of a log.
    #[error("a text with a control character (U+{0:04X})")]
    Control(u32),
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $max:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Characters.
            pub const MAX: usize = $max;

            /// A text as it is.
            ///
            /// # Errors
            /// It is too long or has control characters.
            pub fn new(text: impl Into<String>) -> Result<Self, TooMuch> {
                let text = text.into();
                let found = text.chars().count();
                if found > $max {
                    return Err(TooMuch::Long { found, max: $max });
                }
                match text.chars().find(|c| c.is_control()) {
                    Some(c) => Err(TooMuch::Control(u32::from(c))),
                    None => Ok(Self(text)),
                }
            }

            /// As much of a text as may be, with spaces for control characters.
            pub fn cut(text: &str) -> Self {
                Self(text.chars().take($max).map(|c| if c.is_control() { ' ' } else { c }).collect())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(D::Error::custom)
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::Type::String)
                    .max_length(Some($max))
                    .into()
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {}
    };
}
text!(
    /// An id, a version, a name of a capability.
    Word,
    64
);
text!(
    /// A title, a name.
    Line,
    300
);
text!(
    /// One sentence, or a few.
    Sentence,
    1000
);

/// A list of at most `MAX`; the one too many is the last that is read.
pub(super) fn list<'de, D, T, const MAX: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Limited<T, const MAX: usize>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Limited<T, MAX> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MAX}")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut found = Vec::new();
            while let Some(one) = list.next_element()? {
                if found.len() == MAX {
                    return Err(A::Error::custom(format!("a list of more than {MAX}")));
                }
                found.push(one);
            }
            Ok(found)
        }
    }
    deserializer.deserialize_seq(Limited::<T, MAX>(PhantomData))
}

/// A number that every reader of JSON has exactly.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = u64::deserialize(deserializer)?;
    if number > NUMBER_MAX {
        return Err(D::Error::custom(format!("{number} is beyond {NUMBER_MAX}")));
    }
    Ok(number)
}

/// The same where there may be none.
pub(super) fn number_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    match Option::<u64>::deserialize(deserializer)? {
        Some(number) if number > NUMBER_MAX => {
            Err(D::Error::custom(format!("{number} is beyond {NUMBER_MAX}")))
        }
        number => Ok(number),
    }
}

/// The furthest that a time of day may be from 1970, in ms: the year 9999.
const TIME_MS_MAX: i64 = 253_402_300_799_999;

/// A time of day, in ms since 1970.
pub(super) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    match time_or_null(deserializer)? {
        Some(ms) => Ok(ms),
        None => Err(D::Error::custom("a time of day is missing")),
    }
}

/// The same where nobody may know it.
pub(super) fn time_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    match Option::<i64>::deserialize(deserializer)? {
        Some(ms) if !(0..=TIME_MS_MAX).contains(&ms) => {
            Err(D::Error::custom(format!("{ms} ms is no time of day between the years 1970 and 9999")))
        }
        ms => Ok(ms),
    }
}

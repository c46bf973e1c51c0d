//! The code that a new device shows, and that somebody types where they are signed in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a code is made of: letters that nobody takes for another one, and no vowels, so that no word comes out. 18⁸ are 11
/// thousand million codes.
pub const CODE_LETTERS: &[u8; 18] = b"BCDFGHJKMNPRSTVWXZ";
/// Letters of a code.
pub const CODE_LETTERS_LEN: usize = 8;

/// Eight letters, shown as `BCDF-GHJK`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code([u8; CODE_LETTERS_LEN]);

/// A text that is no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a code has 8 letters of BCDFGHJKMNPRSTVWXZ, as in BCDF-GHJK")]
pub struct NoCode;

impl Code {
    /// A code of bytes that nobody can guess. Bytes that would make some letters likelier are passed over; `None` where too few
    /// are left, which 32 bytes practically never are.
    pub fn from_chance(chance: &[u8]) -> Option<Self> {
        let fair = chance.iter().filter(|byte| **byte < 252); // 14 · 18
        let mut letters = fair.map(|byte| CODE_LETTERS[usize::from(*byte) % CODE_LETTERS.len()]);
        let mut code = [0; CODE_LETTERS_LEN];
        for letter in &mut code {
            *letter = letters.next()?;
        }
        Some(Self(code))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, letter) in self.0.iter().enumerate() {
            if at == CODE_LETTERS_LEN / 2 {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(*letter))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Code {
    type Err = NoCode;

    /// Small letters, spaces and hyphens are what people type.
    fn from_str(text: &str) -> Result<Self, NoCode> {
        let mut code = [0; CODE_LETTERS_LEN];
        let mut typed = text.bytes().filter(|c| !matches!(c, b' ' | b'-')).map(|c| c.to_ascii_uppercase());
        for letter in &mut code {
            *letter = typed.next().filter(|c| CODE_LETTERS.contains(c)).ok_or(NoCode)?;
        }
        if typed.next().is_some() { Err(NoCode) } else { Ok(Self(code)) }
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

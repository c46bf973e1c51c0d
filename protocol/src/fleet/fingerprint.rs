//! A certificate by what it is, and not by who has signed it: `sha256:` and the SHA-256 of its bytes (DER).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::release::Digest;

const SCHEME: &str = "sha256:";

/// See the head of this file.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(Digest);

/// A text that is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is no fingerprint of a certificate; it is sha256: and 64 hexadecimal digits, as \
     `orchestrion-server admin fingerprint` tells it"
)]
pub struct NoFingerprint(String);

impl Fingerprint {
    /// That of a certificate.
    pub fn of(der: &[u8]) -> Self {
        Self(Digest::of(der))
    }
}

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    /// Also as other programs print it, with colons and capitals.
    fn from_str(text: &str) -> Result<Self, NoFingerprint> {
        let wrong = || NoFingerprint(text.chars().take(100).collect());
        let lower = text.trim().to_ascii_lowercase();
        let digits: String =
            lower.strip_prefix(SCHEME).ok_or_else(wrong)?.chars().filter(|c| *c != ':').collect();
        digits.parse().map(Self).map_err(|_| wrong())
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = NoFingerprint;

    fn try_from(text: String) -> Result<Self, NoFingerprint> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_written_and_as_others_print_it() {
        let found = Fingerprint::of(b"certificate");
        assert_eq!(found.to_string().parse(), Ok(found));
        let digits: Vec<String> = found.0.0.iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(format!("SHA256:{}", digits.join(":")).parse(), Ok(found));
        for text in ["", "sha256:", "sha256:00", &digits.concat(), "sha1:00", "sha256:zz"] {
            assert!(
                text.parse::<Fingerprint>().unwrap_err().to_string().contains("admin fingerprint"),
                "{text}"
            );
        }
    }
}

//! Keys that sign releases: Ed25519 (RFC 8032), as one line of text each.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Digest;
use super::digest::{hex, unhex};

/// What a public key's text begins with.
const PUBLIC_PREFIX: &str = "ed25519:";
/// What a secret key's text begins with; it says so, lest someone puts it into a configuration.
const SECRET_PREFIX: &str = "ed25519-secret:";
/// What is signed says what it is, so that one kind of document is never taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    Manifest,
    Keys,
    Command,
    Enrolment,
}

impl Context {
    fn words(self) -> &'static [u8] {
        match self {
            Self::Manifest => b"orchestrion release manifest 1\n",
            Self::Keys => b"orchestrion release keys 1\n",
            Self::Command => b"orchestrion command 1\n",
            Self::Enrolment => b"orchestrion enrolment 1\n",
        }
    }

    fn message(self, bytes: &[u8]) -> Vec<u8> {
        [self.words(), bytes].concat()
    }
}

/// A key's name: the first 16 hexadecimal digits of the SHA-256 of its 32 public bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 8]);

/// The half of a key that devices pin: `ed25519:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// The half that signs; whoever has it decides what plays. Forgotten from memory when it is dropped.
pub struct SecretKey(SigningKey);

/// A signature: 128 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

/// Text that is no key, or bytes that are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// It does not look like a public key.
    #[error("a public key is \"{PUBLIC_PREFIX}\" and 64 lower-case hexadecimal digits")]
    Public,
    /// A secret key stands where a public one belongs.
    #[error(
        "this is the secret key, which belongs to nobody but the publisher; the public one begins with \"{PUBLIC_PREFIX}\""
    )]
    SecretShown,
    /// Its digits are no point of the curve, or one of the few that fit any signature.
    #[error("no key has these digits; was it copied whole?")]
    Weak,
    /// It does not look like a secret key.
    #[error("a secret key is \"{SECRET_PREFIX}\" and 64 lower-case hexadecimal digits")]
    Secret,
}

impl PublicKey {
    /// Its name.
    pub fn id(&self) -> KeyId {
        let mut id = [0; 8];
        id.copy_from_slice(&Digest::of(self.0.as_bytes()).0[..8]);
        KeyId(id)
    }

    /// Whether it signed exactly these bytes. Strict: a signature has one form only (RFC 8032, section 5.1.7).
    pub(crate) fn signed(&self, context: Context, bytes: &[u8], signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        self.0.verify_strict(&context.message(bytes), &signature).is_ok()
    }
}

impl SecretKey {
    /// Makes a key of 32 bytes that nobody can guess.
    pub fn from_chance(chance: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(chance))
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Its text, for the file that keeps it.
    pub fn reveal(&self) -> String {
        format!("{SECRET_PREFIX}{}", hex(self.0.as_bytes()))
    }

    pub(crate) fn sign(&self, context: Context, bytes: &[u8]) -> Signature {
        Signature(self.0.sign(&context.message(bytes)).to_bytes())
    }
}

impl FromStr for PublicKey {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Self, NoKey> {
        let text = text.trim();
        if text.starts_with(SECRET_PREFIX) {
            return Err(NoKey::SecretShown);
        }
        let bytes = text.strip_prefix(PUBLIC_PREFIX).and_then(unhex).ok_or(NoKey::Public)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| NoKey::Weak)?;
        if key.is_weak() { Err(NoKey::Weak) } else { Ok(Self(key)) }
    }
}

impl FromStr for SecretKey {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Self, NoKey> {
        let bytes: [u8; 32] = text.trim().strip_prefix(SECRET_PREFIX).and_then(unhex).ok_or(NoKey::Secret)?;
        Ok(Self::from_chance(&bytes))
    }
}

impl FromStr for KeyId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        unhex(text).map(Self).ok_or("a key's id has 16 lower-case hexadecimal digits")
    }
}

impl FromStr for Signature {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        unhex(text).map(Self).ok_or("a signature has 128 lower-case hexadecimal digits")
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC_PREFIX}{}", hex(self.0.as_bytes()))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.public().id())
    }
}

/// Text in JSON, shown as text.
macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}
as_text!(KeyId, PublicKey, Signature);

//! The keys that a device believes, and how they change without anybody going there.

use serde::{Deserialize, Serialize};

use super::keys::Context;
use super::refusal::{parse, version_of};
use super::{
    KEYS_MAX, KeyId, NUMBER_MAX, PublicKey, RELEASE_VERSION, ROTATION_LEN_MAX, Refusal, SecretKey, Signature,
};

/// The pinned keys. At first those of the configuration; later what the last rotation says. Written down only by a device
/// for itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyring {
    /// Of the last rotation; 0 for keys of the configuration.
    serial: u64,
    keys: Vec<PublicKey>,
}

impl Keyring {
    /// The keys of a configuration.
    ///
    /// # Errors
    /// There are none or too many.
    pub fn pinned(keys: Vec<PublicKey>) -> Result<Self, Refusal> {
        Self::new(0, keys)
    }

    fn new(serial: u64, keys: Vec<PublicKey>) -> Result<Self, Refusal> {
        match keys.len() {
            0 => Err(Refusal::wrong("keys", "there is none; without a key nothing can be believed")),
            len if len > KEYS_MAX => {
                Err(Refusal::wrong("keys", format!("there are {len}; {KEYS_MAX} at most")))
            }
            _ => Ok(Self { serial, keys }),
        }
    }

    /// The key of this name, if it is pinned.
    pub fn key(&self, id: KeyId) -> Option<&PublicKey> {
        self.keys.iter().find(|key| key.id() == id)
    }

    /// All of them.
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// Of the last rotation that was followed.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// Follows a rotation, and gives the keys from then on.
    ///
    /// # Errors
    /// It is not signed by one of these keys, or does not follow directly.
    pub fn follow(&self, bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > ROTATION_LEN_MAX {
            return Err(Refusal::too_long("rotation of keys", bytes.len(), ROTATION_LEN_MAX));
        }
        version_of("rotation of keys", bytes)?;
        let Rotation { text, key: id, signature, .. } = parse("rotation of keys", bytes)?;
        let key = self.key(id).ok_or(Refusal::UnknownKey { key: id })?;
        if !key.signed(Context::Keys, text.as_bytes(), &signature) {
            return Err(Refusal::WrongSignature { key: id });
        }
        version_of("rotation of keys", text.as_bytes())?;
        let said: Said = parse("rotation of keys", text.as_bytes())?;
        if said.serial.checked_sub(1) != Some(self.serial) || said.serial > NUMBER_MAX {
            return Err(Refusal::Serial { found: said.serial, held: self.serial });
        }
        Self::new(said.serial, said.keys)
    }

    /// The message that replaces these keys by others, signed by one of these.
    ///
    /// # Errors
    /// There are none or too many, or the one who signs is not of these.
    pub fn rotate(&self, keys: Vec<PublicKey>, by: &SecretKey) -> Result<Rotation, Refusal> {
        let id = by.public().id();
        self.key(id).ok_or(Refusal::UnknownKey { key: id })?;
        let after = Self::new(self.serial + 1, keys)?;
        let said = Said { v: RELEASE_VERSION, serial: after.serial, keys: after.keys };
        // Made of texts and numbers only; it cannot fail.
        let text = serde_json::to_string(&said).unwrap_or_default();
        let signature = by.sign(Context::Keys, text.as_bytes());
        Ok(Rotation { v: RELEASE_VERSION, text, key: id, signature })
    }
}

/// A message that replaces the keys. What is said is a text in it, so that its exact bytes are signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    v: u32,
    text: String,
    key: KeyId,
    signature: Signature,
}

impl Rotation {
    /// The keys that it names, without asking whether it may: for whoever publishes and has them anyway.
    ///
    /// # Errors
    /// It is no rotation.
    pub fn peek(bytes: &[u8]) -> Result<Keyring, Refusal> {
        let Self { text, .. } = parse("rotation of keys", bytes)?;
        let said: Said = parse("rotation of keys", text.as_bytes())?;
        Keyring::new(said.serial, said.keys)
    }

    /// Its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        // Made of texts and numbers only; it cannot fail.
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }
}

/// What a rotation says.
#[derive(Serialize, Deserialize)]
struct Said {
    v: u32,
    /// One more than before.
    serial: u64,
    /// All keys that sign from now on.
    keys: Vec<PublicKey>,
}

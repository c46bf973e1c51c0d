//! A text with a signature over its exact bytes.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{FLEET_VERSION, MessageError, read};
use crate::release::{Context, KeyId, PublicKey, SecretKey, Signature};

/// See the head of this file. The text is JSON that is never written again, so that its bytes are those that were signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Sealed {
    /// What is signed.
    pub text: String,
    /// By which key: the first 16 hexadecimal digits of the SHA-256 of its 32 bytes.
    #[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 16, max_length = 16))]
    pub key: KeyId,
    /// Ed25519, 128 hexadecimal digits.
    #[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 128, max_length = 128))]
    pub signature: Signature,
}

/// Why a sealed text is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealedError {
    /// By a key that is not known here.
    #[error("it is signed by the key {0}, which is not known here")]
    UnknownKey(KeyId),
    /// The signature is none.
    #[error(
        "the signature is not by the key {0} over these bytes: somebody changed it, or signed something else"
    )]
    WrongSignature(KeyId),
    /// Signed, and still nothing that can be understood.
    #[error(transparent)]
    Message(#[from] MessageError),
}

impl Sealed {
    /// Signs a message.
    pub(super) fn seal(context: Context, message: &impl Serialize, key: &SecretKey) -> Self {
        // Made of texts and numbers only; it cannot fail.
        let text = serde_json::to_string(message).unwrap_or_default();
        Self::over(context, text, key)
    }

    /// Signs a text that was written before.
    pub(super) fn over(context: Context, text: String, key: &SecretKey) -> Self {
        let signature = key.sign(context, text.as_bytes());
        Self { text, key: key.public().id(), signature }
    }

    /// The message, if this key signed it.
    pub(super) fn open<T: DeserializeOwned>(
        &self,
        context: Context,
        what: &'static str,
        max: usize,
        key: Option<&PublicKey>,
    ) -> Result<T, SealedError> {
        if self.text.len() > max {
            return Err(MessageError::TooLong { what, max }.into());
        }
        let key = key.filter(|key| key.id() == self.key).ok_or(SealedError::UnknownKey(self.key))?;
        if !key.signed(context, self.text.as_bytes(), &self.signature) {
            return Err(SealedError::WrongSignature(self.key));
        }
        Ok(read(what, self.text.as_bytes(), max)?)
    }
}

/// What `v` is in what is written here.
pub(super) fn v() -> u32 {
    FLEET_VERSION
}

//! The offer: the small document that says which release there is; and the way from it to a manifest that is believed.

use orchestrion_program::model::PlaceId;
use serde::{Deserialize, Serialize};

use super::keys::Context;
use super::refusal::{parse, version_of};
use super::{
    Digest, Edition, KeyId, Keyring, MANIFEST_LEN_MAX, Manifest, OFFER_LEN_MAX, Refusal, Signature, judge,
};

/// See [`super`]. It is not signed itself, and nothing of it is believed before the manifest is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The version of this document.
    pub v: u32,
    /// Which release it says it is.
    #[serde(flatten)]
    pub edition: Edition,
    /// Whose it says it is.
    pub place: PlaceId,
    /// The manifest's name.
    pub manifest: Digest,
    /// The manifest's bytes.
    pub size: u64,
    /// The key that signed it.
    pub key: KeyId,
    /// Over the manifest's exact bytes.
    pub signature: Signature,
    /// The last rotation of keys that lies beside it; 0: none.
    #[serde(default)]
    pub keys_serial: u64,
}

/// A release that a device has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Which.
    pub edition: Edition,
    /// Its manifest.
    pub manifest: Digest,
}

/// What a device asks of a release.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expected<'a> {
    /// Its place; without one, any will do.
    pub place: Option<&'a PlaceId>,
    /// What it has; nothing older is taken.
    pub held: Option<Held>,
}

impl Expected<'_> {
    fn judge(&self, edition: Edition, place: &PlaceId, manifest: Digest) -> Result<(), Refusal> {
        if let Some(ours) = self.place.filter(|ours| *ours != place) {
            return Err(Refusal::OtherPlace { found: place.to_string(), ours: ours.to_string() });
        }
        match self.held {
            Some(held) if edition < held.edition => {
                Err(Refusal::Older { found: edition, held: held.edition })
            }
            Some(held) if edition == held.edition && manifest != held.manifest => {
                Err(Refusal::Changed { edition, found: manifest, held: held.manifest })
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Offer {
    /// Reads one.
    ///
    /// # Errors
    /// It is too long, no JSON, of another version, or says what cannot be.
    pub fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > OFFER_LEN_MAX {
            return Err(Refusal::too_long("offer", bytes.len(), OFFER_LEN_MAX));
        }
        version_of("offer", bytes)?;
        let offer: Self = parse("offer", bytes)?;
        if offer.size > MANIFEST_LEN_MAX as u64 {
            return Err(Refusal::TooLong {
                what: "manifest",
                found: offer.size,
                max: MANIFEST_LEN_MAX as u64,
            });
        }
        Ok(offer)
    }

    /// Its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        // Made of texts and numbers only; it cannot fail.
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }

    /// Whether it is worth fetching the manifest, by what the offer says of itself.
    ///
    /// # Errors
    /// It is for another place, older than what is held, or the same with other content.
    pub fn expect(&self, expected: &Expected<'_>) -> Result<(), Refusal> {
        expected.judge(self.edition, &self.place, self.manifest)
    }
}

impl Manifest {
    /// Opens a manifest that was fetched for an offer: the only way to one.
    ///
    /// # Errors
    /// Each with its own words: cut off, not the one that was offered, signed by nobody who may, of another version, for
    /// another place, older than what is held, or with content that cannot be.
    pub fn open(
        bytes: &[u8],
        offer: &Offer,
        keys: &Keyring,
        expected: &Expected<'_>,
    ) -> Result<Self, Refusal> {
        if bytes.len() > MANIFEST_LEN_MAX {
            return Err(Refusal::too_long("manifest", bytes.len(), MANIFEST_LEN_MAX));
        }
        let len = bytes.len() as u64;
        if len < offer.size {
            return Err(Refusal::CutOff { found: len, said: offer.size });
        }
        let found = Digest::of(bytes);
        if found != offer.manifest {
            return Err(Refusal::OtherContent { found, said: offer.manifest });
        }
        let key = keys.key(offer.key).ok_or(Refusal::UnknownKey { key: offer.key })?;
        if !key.signed(Context::Manifest, bytes, &offer.signature) {
            return Err(Refusal::WrongSignature { key: offer.key });
        }
        // From here on the publisher said it; it may still be wrong, or not for this device.
        version_of("manifest", bytes)?;
        let manifest: Self = parse("manifest", bytes)?;
        if (manifest.edition, &manifest.place) != (offer.edition, &offer.place) {
            let said = format!("{} for {}", offer.edition, offer.place);
            return Err(Refusal::OfferDiffers {
                said,
                found: format!("{} for {}", manifest.edition, manifest.place),
            });
        }
        expected.judge(manifest.edition, &manifest.place, found)?;
        judge::judge(&manifest)?;
        Ok(manifest)
    }
}

/// Where a manifest lies beside its offer.
pub fn manifest_path(name: &Digest) -> String {
    format!("manifests/{name}.json")
}

/// Where a blob lies beside its offer.
pub fn blob_path(name: &Digest) -> String {
    format!("blobs/{}/{name}", name.folder())
}

/// Where a rotation of keys lies beside the offer.
pub fn rotation_path(serial: u64) -> String {
    format!("keys/{serial}.json")
}

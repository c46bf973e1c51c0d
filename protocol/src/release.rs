//! Releases: what a place plays and shows, as one immutable outcome of publishing, numbered and signed.
//!
//! Any server of files can serve one. It is made of
//! - `release.json`, the [`Offer`]: which release there is, the SHA-256 of its manifest, and the signature over the
//!   manifest's exact bytes. It is small, so that a device can ask often, and the only file that is ever replaced, so
//!   that nobody finds half of an old release beside half of a new one;
//! - `manifests/<SHA-256>.json`, the [`Manifest`]: program, catalogue, and the blobs with their sizes;
//! - `blobs/<two digits>/<SHA-256>`: the media files, each named by its content;
//! - `keys/<serial>.json`, a [`Rotation`] each: the keys that sign from then on, signed by one that did until then.
//!
//! Nothing of that is believed: [`Manifest::open`] is the one way to a manifest, and it asks for a signature by a key
//! that the device has pinned, for its own place, and for an [`Edition`] that is not older than what it holds.
//! Signatures are Ed25519 over exact bytes with a word in front that says what is signed; JSON is never written again
//! to be verified. What travels ignores unknown keys; the program in it does not, since it has a version of its own.

mod content;
mod digest;
mod judge;
mod keys;
mod manifest;
mod offer;
mod refusal;
mod rotation;

pub use content::FIRST_LEN;
pub use digest::{Digest, Hasher};
pub(crate) use keys::Context;
pub use keys::{KeyId, NoKey, PublicKey, SecretKey, Signature};
pub use manifest::{Blob, Edition, Kind, Manifest};
pub use offer::{Expected, Held, Offer, blob_path, manifest_path, rotation_path};
pub use refusal::Refusal;
pub use rotation::{Keyring, Rotation};

/// The version of the documents that this crate reads and writes.
pub const RELEASE_VERSION: u32 = 1;
/// The offer's name on a server.
pub const OFFER_NAME: &str = "release.json";

/// Bytes of a manifest. One of 10,000 songs has about 5 MiB.
pub const MANIFEST_LEN_MAX: usize = 32 * 1024 * 1024;
/// Bytes of an offer.
pub const OFFER_LEN_MAX: usize = 4 * 1024;
/// Bytes of a rotation of keys.
pub const ROTATION_LEN_MAX: usize = 8 * 1024;
/// Blobs of a release.
pub const BLOBS_MAX: usize = 100_000;
/// Bytes of a blob: 256 GiB.
pub const BLOB_LEN_MAX: u64 = 256 * 1024 * 1024 * 1024;
/// The longest a blob may last, in ms: a week.
pub const BLOB_MS_MAX: u64 = 7 * 24 * 3600 * 1000;
/// Encodings of one recording.
pub const ENCODINGS_MAX: usize = 16;
/// The highest epoch and number: what every reader of JSON has exactly.
pub const NUMBER_MAX: u64 = (1 << 53) - 1;
/// Keys that may sign at the same time.
pub const KEYS_MAX: usize = 8;
/// Rotations that a device follows at once; one that was away for longer needs its keys by hand.
pub const ROTATIONS_MAX: u64 = 1_000;

#[cfg(test)]
mod tests;

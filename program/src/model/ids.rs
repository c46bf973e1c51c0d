//! Names of things. Each kind has a type of its own, so that one is never taken for another.

use std::borrow::Borrow;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Characters of an id; none of them a control character.
pub const ID_CHARS_MAX: usize = 200;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A place: a site and a zone in it.
    PlaceId
);
id!(
    /// A daypart of a program.
    DaypartId
);
id!(
    /// A spot of a program.
    SpotId
);
id!(
    /// A playlist of a library.
    PlaylistId
);
id!(
    /// A recording. Rotation, rights and reports go by it.
    RecordingId
);
id!(
    /// A media file by the SHA-256 of its bytes, in 64 lower-case hexadecimal digits: one encoding of a recording.
    BlobId
);
id!(
    /// A loop of films and pictures for the screen.
    LoopId
);
id!(
    /// A country by its two letters in ISO 3166-1, as `DE`.
    Territory
);

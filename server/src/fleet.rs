//! The fleet: which devices there are and where, what they do, how they come in, what they are to do.
//!
//! What devices say of themselves is in memory ([`roster`]); what must outlive a restart is written: who they are, commands at once,
//! results in groups ([`results`]), how they stand in batches ([`writer`]).

pub mod commands;
pub mod enrol;
mod group;
pub mod heartbeat;
pub mod load;
pub mod places;
pub mod presence;
pub mod results;
pub mod roster;
pub mod writer;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Error, Result};

/// Devices of a server.
pub const DEVICES_MAX: usize = 1_000_000;
/// Places of a server.
pub const PLACES_MAX: usize = 200_000;
/// Groups that a device is in.
pub const GROUPS_OF_DEVICE_MAX: usize = 32;
/// Commands that wait for a device or for its results.
pub const COMMANDS_WAITING_MAX: usize = 64;

/// Whom something is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum To {
    /// One device.
    Device(String),
    /// All devices of a place.
    Place(String),
    /// All devices of a group.
    Group(String),
    /// Every device; the value is not read.
    All(bool),
}

impl To {
    /// Whether a device is meant.
    pub fn means(&self, id: &str, place: Option<&str>, groups: &BTreeSet<String>) -> bool {
        match self {
            Self::Device(device) => device == id,
            Self::Place(name) => place == Some(name),
            Self::Group(name) => groups.contains(name),
            Self::All(_) => true,
        }
    }
}

/// An id that people give: of a place, a group, an account. It stands in addresses and file names.
///
/// # Errors
/// It is empty, too long, or has other characters than `a-z 0-9 - _ .`.
pub fn name_of(what: &'static str, text: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || text.len() > 64 || text.starts_with('.') || !text.chars().all(fits) {
        return Err(Error::Wrong(format!(
            "\"{}\" cannot be the id of {what}: 1 to 64 of a-z, 0-9, -, _ and ., and not a dot first",
            text.chars().take(80).collect::<String>()
        )));
    }
    Ok(())
}

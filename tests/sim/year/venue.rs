//! A café in Berlin: when it is open, what its program says. Written down twice, as the document and as plain arithmetic.

use orchestrion_program::Absolute;
use orchestrion_program::model::{Resolved, Zone};
use orchestrion_program::zone::zone;
use serde_json::{Value, json};

pub const DAY_MS: i64 = 86_400_000;
pub const HOUR_MS: i64 = 3_600_000;
/// 2026-09-21, a Monday, at 04:00Z, before it opens.
pub const BEGIN_MS: i64 = 1_789_963_200_000;
pub const SONGS: usize = 1000;
pub const ARTISTS: usize = 120;
pub const ALBUMS: usize = 250;
/// The spot at noon, the one that comes twice an hour, the one after each seventh song.
pub const SPOTS: [usize; 3] = [SONGS, SONGS + 1, SONGS + 2];
pub const SONGS_APART: usize = 7;
pub const SPOT_MS: u64 = 12_000;
/// The songs of an hour on Wednesdays: too few for the rules, so that these give way.
pub const TINY: usize = 8;

/// When Berlin's clocks are put forward or back, in seconds since 1970: at 01:00Z on the last Sunday of October, of March, and
/// so on from October 2026 to March 2029. Before and after them it is summer: the program knows no more changes.
const CHANGES_S: [i64; 6] =
    [1_792_890_000, 1_806_195_600, 1_824_944_400, 1_837_645_200, 1_856_394_000, 1_869_094_800];

/// Berlin's time.
pub fn local_ms(utc_ms: i64) -> i64 {
    let is_summer = CHANGES_S.iter().filter(|change_s| **change_s * 1000 <= utc_ms).count() % 2 == 0;
    utc_ms + if is_summer { 2 * HOUR_MS } else { HOUR_MS }
}

/// When it closes, if it is open: daily from 8 to 22, on Fridays until 2 in the night, not on Sundays. In ms from now.
pub fn closes_in_ms(utc_ms: i64) -> Option<i64> {
    let local = local_ms(utc_ms);
    let (day, time) = (local.div_euclid(DAY_MS), local.rem_euclid(DAY_MS));
    // 1970-01-01 was a Thursday; 0 is Monday.
    let weekday = (day + 3).rem_euclid(7);
    let until = |end: i64| Some(end - time).filter(|left| *left > 0);
    match weekday {
        5 if time < 2 * HOUR_MS => until(2 * HOUR_MS),
        6 => None,
        _ if time < 8 * HOUR_MS => None,
        4 => until(26 * HOUR_MS),
        _ => until(22 * HOUR_MS),
    }
}

/// The daypart that holds while it is open, and its volume in percent.
pub fn daypart(utc_ms: i64) -> (&'static str, u8) {
    let local = local_ms(utc_ms);
    let weekday = (local.div_euclid(DAY_MS) + 3).rem_euclid(7);
    match local.rem_euclid(DAY_MS) / HOUR_MS {
        15 if weekday == 2 => ("tiny", 50),
        8..12 => ("morning", 40),
        12..18 => ("day", 60),
        _ => ("night", 80),
    }
}

/// The program, and whether it lets a device play that does not know the time.
pub fn document(lengths_ms: &[u64], clockless: bool) -> Resolved {
    let clockless = if clockless {
        json!({"allowed": true, "daypart": "day", "volume_max": 30})
    } else {
        json!({"allowed": false})
    };
    let berlin: Zone = zone("Europe/Berlin", Absolute(BEGIN_MS)).unwrap();
    let mut recordings: Vec<Value> = (0..SONGS)
        .map(|n| {
            json!({"id": n.to_string(), "files": [n.to_string()], "artists": [format!("artist {}", n % ARTISTS)],
                "album": format!("album {}", n % ALBUMS), "duration_ms": lengths_ms[n]})
        })
        .collect();
    for n in SPOTS {
        let name = n.to_string();
        recordings.push(json!({"id": name, "files": [name], "artists": [], "duration_ms": SPOT_MS}));
    }
    let ids = |keeps: &dyn Fn(usize) -> bool| {
        (0..SONGS).filter(|n| keeps(*n)).map(|n| n.to_string()).collect::<Vec<_>>()
    };
    let document = json!({
        "v": 1,
        "place": {"id": "berlin"},
        "zone": berlin,
        "hours": {"sound": [
            {"days": ["mon", "tue", "wed", "thu", "sat"], "from": "08:00", "to": "22:00"},
            {"days": ["fri"], "from": "08:00", "to": "02:00"},
        ]},
        "dayparts": [
            {"id": "morning", "days": ["daily"], "from": "08:00", "to": "12:00",
             "playlists": [{"id": "soft", "weight": 3}, {"id": "few", "weight": 1}],
             "volume": {"set": 40}, "crossfade_s": 3},
            {"id": "day", "days": ["daily"], "from": "12:00", "to": "18:00", "playlists": [{"id": "all"}],
             "volume": {"set": 60}, "crossfade_s": 4},
            {"id": "tiny", "days": ["wed"], "from": "15:00", "to": "16:00", "priority": 1,
             "playlists": [{"id": "tiny"}], "volume": {"set": 50}, "crossfade_s": 4},
            {"id": "night", "days": ["daily"], "from": "18:00", "to": "02:00", "playlists": [{"id": "loud"}],
             "volume": {"set": 80}, "crossfade_s": 5, "boundary": {"mode": "fade"}},
        ],
        "spots": [
            {"id": "noon", "recording": SPOTS[0].to_string(), "class": "house",
             "when": {"at": {"days": ["daily"], "time": "12:30"}}, "how": {"duck": {"db": 15}}},
            {"id": "often", "recording": SPOTS[1].to_string(), "class": "ad", "when": {"per_hour": 2},
             "how": {"between": {"window_s": 900, "else": "miss"}}},
            {"id": "seventh", "recording": SPOTS[2].to_string(), "class": "house", "when": {"songs": SONGS_APART},
             "how": {"between": {"window_s": 900, "else": "duck"}}},
        ],
        "clockless": clockless,
        "fallback": "all",
        "library": {
            "recordings": recordings,
            "playlists": [
                {"id": "all", "recordings": ids(&|_| true)},
                {"id": "soft", "recordings": ids(&|n| n % 2 == 0)},
                {"id": "loud", "recordings": ids(&|n| n % 2 == 1)},
                {"id": "few", "recordings": ids(&|n| n < 20)},
                {"id": "tiny", "recordings": ids(&|n| n < TINY)},
            ],
        },
    });
    orchestrion_program::check::parse(document.to_string().as_bytes()).unwrap()
}

/// The moment of the spot at noon on a date, by its number since 1970.
pub fn noon_ms(date: i64) -> i64 {
    let local = date * DAY_MS + 12 * HOUR_MS + HOUR_MS / 2;
    // Half past twelve is never in a change.
    let utc = local - HOUR_MS;
    if local_ms(utc) == local { utc } else { utc - HOUR_MS }
}

/// The dates whose spot at noon lies after one moment and not after another.
pub fn noons(after_ms: i64, to_ms: i64) -> impl Iterator<Item = i64> {
    let dates = local_ms(after_ms).div_euclid(DAY_MS)..=local_ms(to_ms).div_euclid(DAY_MS);
    dates.filter(move |date| (after_ms + 1..=to_ms).contains(&noon_ms(*date)))
}

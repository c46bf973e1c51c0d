//! The program that is made: what is sensible for most rooms. Pure.

use std::fmt;

use orchestrion_program::TimeOfDay;
use orchestrion_program::model::{
    Clockless, Daypart, Days, Hours, Library, Place, Playlist, RESOLVED_VERSION, Resolved, Rotation, Share,
    Staff, Volume, WeekWindow, Zone,
};

use super::shelf::{ALL, Shelf, slug};

/// The loudest that music is while nobody knows what time it is.
const CLOCKLESS_VOLUME_MAX: u8 = 60;
/// How long songs are heard together, in seconds.
const CROSSFADE_S: f64 = 4.0;
/// Id, name, start, volume. Together they are the whole day, so that other hours need no other dayparts.
const DAYPARTS: [(&str, &str, &str, u8); 3] =
    [("morning", "Morning", "05:00", 50), ("day", "Day", "12:00", 60), ("evening", "Evening", "18:00", 70)];
/// How far staff may go from a daypart's volume.
const VOLUME_ROOM: u8 = 20;

/// When it is open, every day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OpenHours {
    from: TimeOfDay,
    to: TimeOfDay,
}

impl fmt::Display for OpenHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}–{}", self.from, self.to)
    }
}

/// `08:00-22:00`; `18:00-02:00` is over midnight.
pub(super) fn hours(text: &str) -> Result<OpenHours, String> {
    let wrong = |reason: &str| format!("{reason}; write hours like 08:00-22:00, or 00:00-24:00");
    let (from, to) = text.split_once('-').ok_or_else(|| wrong("there is no \"-\""))?;
    let read = |text: &str| text.trim().parse::<TimeOfDay>().map_err(|error| wrong(&error.to_string()));
    let (from, to) = (read(from)?, read(to)?);
    if from == to || from == TimeOfDay::END {
        return Err(wrong("they have no length"));
    }
    Ok(OpenHours { from, to })
}

/// What was asked for.
pub(super) struct Draft {
    /// The room.
    pub(super) name: String,
    pub(super) zone: Zone,
    pub(super) hours: OpenHours,
    /// Whether it plays while nobody knows what time it is.
    pub(super) clockless: bool,
}

impl Draft {
    /// The program for a shelf.
    pub(super) fn document(self, shelf: &Shelf) -> Resolved {
        let OpenHours { from, to } = self.hours;
        Resolved {
            v: RESOLVED_VERSION,
            place: Place {
                id: slug(&self.name).as_str().into(),
                name: self.name,
                territory: None,
                trim_db: 0.0,
            },
            zone: self.zone,
            hours: Hours { sound: vec![WeekWindow { days: Days::DAILY, from, to }], screen: None },
            exceptions: Vec::new(),
            dayparts: dayparts(shelf),
            spots: Vec::new(),
            breaks: Default::default(),
            rotation: Rotation::default(),
            staff: Staff::default(),
            clockless: Clockless {
                allowed: self.clockless,
                daypart: self.clockless.then(|| DAYPARTS[1].0.into()),
                volume_max: CLOCKLESS_VOLUME_MAX,
            },
            lapse: None,
            fallback: ALL.into(),
            library: library(shelf),
        }
    }
}

fn dayparts(shelf: &Shelf) -> Vec<Daypart> {
    let starts = DAYPARTS.map(|(_, _, from, _)| from.parse().unwrap_or(TimeOfDay::MIDNIGHT));
    let one = |(at, (id, name, _, volume)): (usize, (&str, &str, &str, u8))| {
        let own = shelf.lists.iter().find(|list| list.name.eq_ignore_ascii_case(id));
        Daypart {
            id: id.into(),
            name: name.to_owned(),
            days: Days::DAILY,
            from: starts[at],
            to: starts[(at + 1) % starts.len()],
            dates: None,
            priority: 0,
            playlists: vec![Share { id: own.map_or(ALL, |list| &list.id).into(), weight: 1 }],
            order: Default::default(),
            volume: Volume { set: volume, min: volume - VOLUME_ROOM, max: volume + VOLUME_ROOM },
            crossfade_s: CROSSFADE_S,
            boundary: Default::default(),
            screen_loop: None,
            screen: None,
        }
    };
    DAYPARTS.into_iter().enumerate().map(one).collect()
}

fn library(shelf: &Shelf) -> Library {
    let list = |id: &str, name: &str, folder: &str| Playlist {
        id: id.into(),
        name: name.to_owned(),
        folder: Some(folder.to_owned()),
        ..Playlist::default()
    };
    let mut playlists = vec![list(ALL, "Everything", &shelf.folder)];
    playlists.extend(shelf.lists.iter().map(|one| list(&one.id, &one.name, &one.folder)));
    Library { recordings: Vec::new(), playlists, ..Library::default() }
}

#[cfg(test)]
mod tests {
    use super::super::shelf::List;
    use super::*;
    use orchestrion_program::check;

    fn shelf(names: &[&str]) -> Shelf {
        let list = |name: &&str| List { id: slug(name), name: name.to_string(), folder: name.to_string() };
        Shelf { folder: ".".into(), songs: 100, lists: names.iter().map(list).collect(), problems: vec![] }
    }

    fn document(hours_text: &str, names: &[&str]) -> Resolved {
        let zone = Zone {
            id: "UTC".into(),
            tzdb: "2026a".into(),
            offset_s: 0,
            transitions: vec![],
            until_utc_ms: None,
        };
        let hours = hours(hours_text).unwrap();
        Draft { name: "Café Linden".into(), zone, hours, clockless: true }.document(&shelf(names))
    }

    #[test]
    fn whatever_the_hours_a_draft_is_right_and_leaves_no_gap() {
        for hours in ["08:00-22:00", "18:00-02:00", "00:00-24:00", "05:30-05:00", "23:00-24:00"] {
            let report = check::judge(&document(hours, &["Jazz", "Evening"]));
            assert_eq!(report, check::Report::default(), "{hours}");
        }
    }

    #[test]
    fn a_folder_that_is_called_like_a_daypart_is_played_then() {
        let document = document("08:00-22:00", &["Jazz", "EVENING"]);
        let played = |at: usize| document.dayparts[at].playlists[0].id.as_str();
        assert_eq!([played(0), played(1), played(2)], ["all", "all", "evening"]);
        assert_eq!(document.place.id.as_str(), "café-linden");
        assert_eq!(document.library.playlists.len(), 3);
    }

    #[test]
    fn hours_that_are_none_are_refused_with_an_example() {
        for text in ["", "8-22", "08:00", "08:00-08:00", "24:00-08:00", "08:00-25:00", "all day"] {
            let words = hours(text).unwrap_err();
            assert!(words.contains("08:00-22:00"), "{text}: {words}");
        }
        assert_eq!(hours("18:00 - 02:00").unwrap().to_string(), "18:00–02:00");
    }
}

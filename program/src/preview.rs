//! Previews of a program: rows for a table, and a picture of a week.

mod svg;
mod week;

use serde::Serialize;

use crate::civil::{Absolute, Local};
use crate::model::{Daypart, DaypartId, Days, Share, Spot, When};
use crate::now::{Closed, Open, Sound, Source};
use crate::program::Program;

pub use svg::week_svg;

/// Rows of a table at most; it ends there.
pub const ROWS_MAX: usize = 100_000;

/// A row of a table: a stretch, or a spot at a clock time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// When it begins.
    pub from: Absolute,
    /// When it is over; a spot has the same instant here.
    pub to: Absolute,
    /// Both on the wall.
    pub wall: (Local, Local),
    /// What it is.
    pub what: What,
    /// The id of the daypart or the spot; none where there is none.
    pub id: Option<String>,
    /// Its name, for people: the daypart's, the spot's, or what else there is.
    pub name: String,
    /// The volume, where music plays.
    pub volume: Option<u8>,
}

impl Row {
    /// Whether another row is the same, and begins where this one ends.
    fn goes_on_in(&self, next: &Self) -> bool {
        let same = (self.what, &self.id, self.volume) == (next.what, &next.id, next.volume);
        same && self.name == next.name && self.to == next.from
    }
}

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Music plays.
    Music,
    /// It is closed.
    Closed,
    /// A spot at a clock time.
    Spot,
    /// A spot at a clock time at which it cannot be heard.
    Unheard,
}

/// What would be between two instants, in order: stretches, and spots at clock times among them.
pub fn week_table(program: &Program, from: Absolute, to: Absolute) -> Vec<Row> {
    let wall = |from, to| (program.zone().local(from), program.zone().local(to));
    let stretches = program.timeline(from, to).take(ROWS_MAX).map(|stretch| {
        let (from, to) = (stretch.tile.from, stretch.tile.to);
        let (what, volume) = match &stretch.now.sound {
            Sound::Open(open) => (What::Music, Some(open.volume.set)),
            Sound::Muted | Sound::Emergency(_) | Sound::Closed { .. } | Sound::Paused { .. } => {
                (What::Closed, None)
            }
        };
        let id = match &stretch.now.sound {
            Sound::Open(open) => open.daypart.and_then(|number| program.daypart(number)),
            _ => None,
        };
        let id = id.map(|daypart| daypart.id.to_string());
        Row { from, to, wall: wall(from, to), what, id, name: name(program, &stretch.now.sound), volume }
    });
    let mut rows: Vec<Row> = Vec::new();
    for row in stretches {
        match rows.last_mut() {
            // What differs is the screen, which a table does not show.
            Some(last) if last.goes_on_in(&row) => (last.to, last.wall.1) = (row.to, row.wall.1),
            _ => rows.push(row),
        }
    }
    rows.extend(program.due_between(from, to).into_iter().take(ROWS_MAX).map(|due| {
        let at = due.moment.at;
        let name = program.spot(due.spot.as_str()).map_or("", Spot::title).to_owned();
        let what = if due.heard { What::Spot } else { What::Unheard };
        Row { from: at, to: at, wall: wall(at, at), what, id: Some(due.spot.to_string()), name, volume: None }
    }));
    rows.sort_by_key(|row| row.from);
    rows.truncate(ROWS_MAX);
    rows
}

/// What a stretch is called.
fn name(program: &Program, sound: &Sound) -> String {
    match sound {
        Sound::Muted => "muted".to_owned(),
        Sound::Emergency(_) => "emergency".to_owned(),
        Sound::Closed { why: Closed::Hours, .. } => "closed".to_owned(),
        Sound::Closed { why: Closed::Clockless, .. } => "silent: no clock".to_owned(),
        Sound::Paused { .. } => "paused".to_owned(),
        Sound::Open(open) => open_name(program, open),
    }
}

fn open_name(program: &Program, open: &Open) -> String {
    match (open.daypart.and_then(|number| program.daypart(number)), open.source) {
        (Some(daypart), _) => daypart.title().to_owned(),
        (None, Source::Lapse) => "after the service".to_owned(),
        (None, _) => "fallback".to_owned(),
    }
}

/// What a daypart plays, with the shares where there are several: `soul 67 %, acoustic 33 %`.
pub fn plays_text(daypart: &Daypart) -> String {
    let total: u64 = daypart.playlists.iter().map(|share| u64::from(share.weight)).sum();
    let one = |share: &Share| match daypart.playlists.len() {
        1 => share.id.to_string(),
        _ => format!("{} {} %", share.id, (u64::from(share.weight) * 100 + total / 2) / total.max(1)),
    };
    daypart.playlists.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The dayparts that a spot is bound to, to be said behind when it is due; empty where it is bound to none.
pub fn within_text(program: &Program, spot: &Spot) -> String {
    let Some(dayparts) = &spot.dayparts else { return String::new() };
    let named = |id: &DaypartId| program.daypart(program.daypart_number(id.as_str())?);
    let names: Vec<&str> = dayparts.iter().filter_map(named).map(Daypart::title).collect();
    format!(", in {}", names.join(", "))
}

/// When a spot is due, for people.
pub fn when_text(when: &When) -> String {
    match when {
        When::Songs(1) => "after every song".to_owned(),
        When::Songs(songs) => format!("after every {songs} songs"),
        When::Air(minutes) => format!("every {minutes} min"),
        When::At { days: Days::DAILY, time } => format!("at {time}, daily"),
        When::At { days, time } => format!("at {time}, {days}"),
        When::BeforeClose(minutes) => format!("{minutes} min before closing"),
        When::AfterOpen(minutes) => format!("{minutes} min after opening"),
        When::PerHour(1) => "once an hour".to_owned(),
        When::PerHour(times) => format!("{times} times an hour"),
        When::Share(percent) => format!("{percent} % of the time"),
    }
}

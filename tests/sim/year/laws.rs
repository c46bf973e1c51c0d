//! What must hold of the rows of weeks and years, by rules of their own.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use orchestrion::audio::volume::decibels;
use orchestrion::storage::{ClockState, HowEnded, PlayKind};
use orchestrion_program::rotation::{Loosened, Rule};

use super::venue::{
    ALBUMS, ARTISTS, DAY_MS, HOUR_MS, SONGS_APART, SPOT_MS, TINY, closes_in_ms, daypart, local_ms,
};
use crate::disk::{Disk, Row};

/// How much earlier than foreseen a song may begin, because the one before broke off.
const EARLY_MS: i64 = 300_000;
/// Entries of a queue that a program fills: those that can be gone back to, and some around the current one.
const QUEUE_LEN_MAX: usize = 60;
/// A song counts towards spots when so much of it was heard.
const COUNTS_MS: u64 = 30_000;

/// No song begins with less than this left until closing.
const LEFT_MS_MIN: i64 = 30_000;
/// What is said at a clock time begins within so much of it.
const EXACT_MS: i64 = 1000;
/// Unless another announcement is being said: then after that, and the one behind it.
const WAITS_MS: i64 = 2 * SPOT_MS as i64 + 2 * EXACT_MS;

/// What happened in those weeks, as far as rows are judged by it.
#[derive(Debug, Default)]
pub struct Lived {
    pub days: i64,
    /// How long it was open as the device knew, in ms, also while it was off.
    pub open_ms: i64,
    /// How long it was heard to play, in ms.
    pub heard_ms: i64,
    /// Dates whose noon the device lived through or was off at: each must have its row.
    pub noons: BTreeSet<i64>,
    /// Those of them that passed while it was open and running.
    pub heard_noons: BTreeSet<i64>,
    /// Those that somebody set the clock over: they are missed, also if they come again.
    pub jumped_noons: BTreeSet<i64>,
    /// How often the process ended or the clock was set.
    pub upsets: i64,
}

/// What was heard when, as the rules of this program ask for it: song 5 in between and 24 h, album 1, artist 2 and 60 min.
#[derive(Default)]
struct Heard {
    count: i64,
    /// How much time has passed, as far as a device can know it.
    known_ms: i64,
    last: Option<(u64, u64, Option<i64>)>,
    songs: HashMap<String, (i64, i64)>,
    artists: HashMap<usize, (i64, i64)>,
    albums: HashMap<usize, i64>,
}

impl Heard {
    /// Time passes up to a row: by the monotonic clock in a boot, by the time of day between boots.
    fn pass(&mut self, row: &Row) {
        let (boot, mono_ms, wall_ms) =
            (row.boot, row.start.started.0, row.start.started_wall.map(|wall| wall.0));
        if let Some((last_boot, last_mono_ms, last_wall_ms)) = self.last {
            self.known_ms += if boot == last_boot {
                i64::try_from(mono_ms - last_mono_ms).unwrap()
            } else {
                wall_ms.zip(last_wall_ms).map_or(0, |(wall_ms, last_ms)| (wall_ms - last_ms).max(0))
            };
        }
        self.last = Some((boot, mono_ms, wall_ms));
    }

    /// Takes the next song; says which rule it breaks without a word.
    fn take(&mut self, row: &Row) -> Option<String> {
        self.pass(row);
        if row.start.continues.is_some() {
            return None;
        }
        let program = row.start.program.as_ref()?;
        let recording = program.recording.clone()?;
        let number: usize = recording.parse().ok()?;
        let at_ms = self.known_ms;
        let noted = |wanted: Rule| {
            let loosened = program.choice.iter().flat_map(|choice| &choice.loosened);
            loosened.into_iter().any(|one| matches!(one, Loosened::Rule { rule, .. } if *rule == wanted))
        };
        self.count += 1;
        let near = |last: Option<&(i64, i64)>, count: i64, ms: i64| {
            let between = last.map_or(i64::MAX, |last| self.count - last.0 - 1);
            let since_ms = last.map_or(i64::MAX, |last| at_ms - last.1 + EARLY_MS);
            (between < count, since_ms < ms)
        };
        let (song_count, song_ms) = near(self.songs.get(&recording), 5, 24 * HOUR_MS);
        let (artist_count, artist_ms) = near(self.artists.get(&(number % ARTISTS)), 2, HOUR_MS);
        let album_count = self.albums.get(&(number % ALBUMS)).is_some_and(|last| self.count - last - 1 < 1);
        let broken = [
            (song_count, Rule::SongCount),
            (song_ms, Rule::SongMinutes),
            (artist_count, Rule::ArtistCount),
            (artist_ms, Rule::ArtistMinutes),
            (album_count, Rule::AlbumCount),
        ];
        self.songs.insert(recording.clone(), (self.count, at_ms));
        self.artists.insert(number % ARTISTS, (self.count, at_ms));
        self.albums.insert(number % ALBUMS, self.count);
        if program.choice.is_none() {
            return Some(format!("{recording} was chosen by nobody"));
        }
        let in_playlist = match program.daypart.as_deref() {
            Some("tiny") => number < TINY,
            Some("morning") => number.is_multiple_of(2) || number < 20,
            Some("night") => number % 2 == 1,
            _ => true,
        };
        if !in_playlist {
            return Some(format!("{recording} is in no playlist of {:?}", program.daypart));
        }
        let silently = broken.iter().find(|(broken, rule)| *broken && !noted(*rule))?;
        Some(format!("{:?} is broken by {recording} without a word: {:?}", silently.1, program.choice))
    }
}

fn is_missed(row: &Row) -> bool {
    row.end.as_ref().is_some_and(|end| end.how == HowEnded::Missed)
}

/// Looks at all rows.
pub fn check(disk: &Disk, lived: &Lived) {
    let mut heard = Heard::default();
    for row in disk.rows.values().filter(|row| row.start.kind == PlayKind::Music) {
        if let Some(broken) = heard.take(row) {
            panic!("{broken}, at {} ({:?})", row.true_ms, row.start.key);
        }
    }
    let songs = lived.heard_ms / 260_000;
    assert!(heard.count > songs, "only {} songs in {} min of music", heard.count, lived.heard_ms / 60_000);
    assert!(disk.queue_len() <= QUEUE_LEN_MAX, "the queue has {} entries", disk.queue_len());
    begins(disk, lived);
    dayparts(disk, lived);
    noons(disk, lived);
    exact(disk, lived);
    pace(disk, lived);
    sevenths(disk, lived);
}

fn of<'a>(disk: &'a Disk, id: &'static str) -> impl Iterator<Item = &'a Row> {
    let is_one = move |row: &&Row| {
        let spot = row.start.program.as_ref().and_then(|program| program.spot.as_ref());
        // What was begun again because the output was lost is one with the first.
        spot.is_some_and(|spot| spot.spot == id) && row.start.continues.is_none()
    };
    disk.rows.values().filter(is_one)
}

/// Each noon has one row, said or missed.
fn noons(disk: &Disk, lived: &Lived) {
    let mut rows: BTreeMap<i64, Vec<&Row>> = BTreeMap::new();
    for row in of(disk, "noon") {
        let program = row.start.program.as_ref().unwrap();
        let Some(scheduled) = program.spot.as_ref().unwrap().scheduled else { continue };
        let local = local_ms(scheduled.0);
        assert_eq!(local.rem_euclid(DAY_MS), 12 * HOUR_MS + HOUR_MS / 2, "{row:?}");
        rows.entry(local.div_euclid(DAY_MS)).or_default().push(row);
    }
    for (date, rows) in &rows {
        assert_eq!(rows.len(), 1, "the noon of day {date} has several rows: {rows:?}");
    }
    for date in &lived.noons {
        assert!(rows.contains_key(date), "nobody knows what became of the noon of day {date}");
    }
    let heard: Vec<i64> = lived.heard_noons.difference(&lived.jumped_noons).copied().collect();
    let said = heard.iter().filter(|date| rows.get(date).is_some_and(|rows| !is_missed(rows[0])));
    let (said, all) = (said.count(), heard.len());
    let missed = || -> Vec<_> {
        let rows = heard.iter().filter_map(|date| Some(rows.get(date)?[0]));
        rows.filter(|row| is_missed(row))
            .map(|row| (row.true_ms, row.end.as_ref().map(|end| &end.reason)))
            .collect()
    };
    assert!(said * 100 >= all * 95 || said + 1 >= all, "{said} of {all} noons were said: {:?}", missed());
}

/// Songs that were begun while the time of day was believed, with it; not what goes on after a restart.
fn begun(disk: &Disk) -> impl Iterator<Item = (&Row, i64)> {
    let is_one = |row: &&Row| {
        let is_known = matches!(row.start.clock, ClockState::Trusted { .. });
        row.start.kind == PlayKind::Music && row.start.continues.is_none() && is_known
    };
    disk.rows.values().filter(is_one).filter_map(|row| Some((row, row.start.started_wall?.0)))
}

/// No song begins when it is about to close.
fn begins(disk: &Disk, lived: &Lived) {
    let is_late = |(_, wall_ms): &(&Row, i64)| closes_in_ms(*wall_ms).is_none_or(|left| left < LEFT_MS_MIN);
    let late: Vec<i64> = begun(disk).filter(is_late).map(|(row, _)| row.true_ms).collect();
    // A clock that is set while a song is being opened.
    let slack = usize::try_from(lived.upsets / 50).unwrap();
    assert!(late.len() <= slack, "songs begin when it is about to close, at {late:?}");
}

/// Songs are those of the daypart that holds, and as loud as it says.
fn dayparts(disk: &Disk, lived: &Lived) {
    let is_wrong = |(row, wall_ms): &(&Row, i64)| {
        let (name, percent) = daypart(*wall_ms);
        let told = row.start.program.as_ref().and_then(|program| program.daypart.as_deref());
        told != Some(name) || row.start.volume_db != decibels(percent)
    };
    let wrong: Vec<_> = begun(disk)
        .filter(is_wrong)
        .map(|(row, _)| {
            (row.true_ms, row.start.volume_db, row.start.program.as_ref().map(|one| &one.daypart))
        })
        .collect();
    // What is fading in when a daypart begins, or when the clock is set.
    let slack = usize::try_from(lived.days + lived.upsets).unwrap();
    assert!(wrong.len() <= slack, "{} songs are another daypart's or as loud: {wrong:?}", wrong.len());
}

/// What is said at a clock time is said then.
fn exact(disk: &Disk, lived: &Lived) {
    let said = of(disk, "noon").filter(|row| !is_missed(row));
    let late_ms = |row: &Row| {
        let spot = row.start.program.as_ref()?.spot.as_ref()?;
        Some((row.start.started_wall?.0 - spot.scheduled?.0, row.true_ms))
    };
    let all: Vec<(i64, i64)> = said.filter_map(late_ms).collect();
    let late: Vec<&(i64, i64)> = all.iter().filter(|(late_ms, _)| late_ms.abs() > EXACT_MS).collect();
    let very: Vec<&&(i64, i64)> = late.iter().filter(|(late_ms, _)| late_ms.abs() > WAITS_MS).collect();
    // When the clock is set or a service is started again in that minute.
    assert!(
        late.len() * 10 <= all.len() + 10,
        "{} of {} noons were not said in time: {late:?}",
        late.len(),
        all.len()
    );
    assert!(
        very.len() * 20 <= all.len() + 20,
        "noons were said very late: {very:?} ({} upsets)",
        lived.upsets
    );
}

/// Two in each hour of being open.
fn pace(disk: &Disk, lived: &Lived) {
    let often = i64::try_from(of(disk, "often").count()).unwrap();
    let wanted = 2 * lived.open_ms / HOUR_MS;
    let slack = lived.days + 2 * lived.upsets + 2;
    assert!((often - wanted).abs() <= slack, "{often} of {wanted} (give or take {slack})");
}

/// One after each seventh song of which enough was heard.
fn sevenths(disk: &Disk, lived: &Lived) {
    let counts = |row: &&Row| {
        row.start.kind == PlayKind::Music && row.end.as_ref().is_some_and(|end| end.heard_ms >= COUNTS_MS)
    };
    let songs = disk.rows.values().filter(counts).count();
    let spots = of(disk, "seventh").count();
    let slack = usize::try_from(lived.upsets).unwrap() + 2;
    assert!(spots.abs_diff(songs / SONGS_APART) <= slack, "{spots} after {songs} songs");
}

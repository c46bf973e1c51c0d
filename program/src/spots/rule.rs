//! A spot, compiled: numbers for names, milliseconds for everything.

use std::collections::{BTreeMap, HashMap};

use crate::civil::{Date, MINUTE_MS, SECOND_MS};
use crate::model::{Class, DUCK_DB_DEFAULT, Else, How, Makeup, Missed, Resolved, SeparationBy, Spot, When};
use crate::shelf::Shelf;

/// How long a spot is taken to be when its recording does not say.
pub const LENGTH_UNKNOWN_MS: u64 = 30_000;
/// The shortest interval between two of a share.
const INTERVAL_MS_MIN: u64 = 1000;
const HOUR_MS: u64 = 3_600_000;
/// Shares are told apart to this part of a percent.
const PERCENT_PARTS: f64 = 1000.0;

/// When a spot is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// After so many songs.
    Songs(u32),
    /// After so much time on the air.
    Air { ms: u64 },
    /// At clock times, which are told from outside.
    Clock,
    /// Evenly over the time that it is open.
    Open(Grid),
}

/// An interval of open time, in ms: a fraction, since sevenths of an hour are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Grid {
    pub of_ms: u64,
    pub parts: u64,
}

impl Grid {
    /// The open time at which the `index`-th is due for the `rank`-th of `n` equals: (index + (rank + ½)/n) intervals.
    pub(super) fn due_ms(self, index: u64, (rank, n): (u64, u64)) -> u64 {
        let halves = 2 * u128::from(index) * u128::from(n) + 2 * u128::from(rank) + 1;
        let whole =
            halves * u128::from(self.of_ms) / (2 * u128::from(n.max(1)) * u128::from(self.parts.max(1)));
        u64::try_from(whole).unwrap_or(u64::MAX)
    }

    /// The first one that is due after this open time.
    pub(super) fn first_after(self, open_ms: u64, phase: (u64, u64)) -> u64 {
        // One interval earlier than the quotient, since rounding and phase move less than that.
        let guess = u128::from(open_ms) * u128::from(self.parts) / u128::from(self.of_ms.max(1));
        let mut index = u64::try_from(guess).unwrap_or(u64::MAX).saturating_sub(1);
        while self.due_ms(index, phase) <= open_ms && index < u64::MAX {
            index += 1;
        }
        index
    }
}

/// A spot, compiled.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rule {
    pub id: String,
    pub recording: String,
    pub class: Class,
    pub length_ms: u64,
    pub pace: Pace,
    pub how: How,
    /// How long it waits for a song's end.
    pub window_ms: i64,
    /// How it goes in when no song has ended by then.
    pub otherwise: Option<How>,
    pub within_ms: i64,
    pub makeup: Makeup,
    pub max_day: u32,
    pub min_gap_ms: i64,
    pub min_volume: Option<u8>,
    pub pierces_pause: bool,
    /// Numbers of what it has in common with others, and how far apart these are kept.
    pub separate: Vec<(u32, i64)>,
    /// Its place in the list of daypart sets; 0 is all.
    pub dayparts: u32,
    pub first: Date,
    pub last: Date,
    /// Whether it has dates of its own, and is an advertisement.
    pub dated_ad: bool,
    /// Whether it may be heard in this country.
    pub here: bool,
    pub offline_days: u32,
}

impl Rule {
    pub(super) fn is_active(&self, day: Date) -> bool {
        self.here && self.first <= day && day <= self.last
    }
}

/// All spots of a program, and what they are compared by.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    /// In the order of the program.
    pub list: Vec<Rule>,
    pub by_id: HashMap<String, usize>,
    /// Dayparts that spots name; each set once.
    pub daypart_sets: Vec<Vec<String>>,
    /// Names of what spots have in common, by number.
    pub commons: Vec<String>,
    pub max_spots: usize,
    pub max_ms: u64,
}

impl Rules {
    /// What is wrong in the document has no effect here: a spot that is never due, a repeated id.
    pub(super) fn new(program: &Resolved, shelf: &Shelf<'_>) -> Self {
        let mut rules = Self {
            daypart_sets: vec![Vec::new()],
            max_spots: program.breaks.max_spots as usize,
            max_ms: u64::from(program.breaks.max_s) * 1000,
            ..Self::default()
        };
        let (mut sets, mut commons) = (BTreeMap::new(), BTreeMap::new());
        for spot in &program.spots {
            if rules.by_id.contains_key(spot.id.as_str()) {
                continue;
            }
            rules.by_id.insert(spot.id.0.clone(), rules.list.len());
            let rule = rules.compile(program, shelf, spot, (&mut sets, &mut commons));
            rules.list.push(rule);
        }
        rules
    }

    fn compile(
        &mut self,
        program: &Resolved,
        shelf: &Shelf<'_>,
        spot: &Spot,
        (sets, commons): (&mut BTreeMap<Vec<String>, u32>, &mut BTreeMap<String, u32>),
    ) -> Rule {
        let recording = shelf.recording(spot.recording.as_str());
        let rights = recording.map(|recording| recording.rights.clone()).unwrap_or_default();
        let here = program.place.territory.as_ref();
        let length_ms = recording.and_then(|recording| recording.duration_ms).unwrap_or(LENGTH_UNKNOWN_MS);
        let (window_ms, otherwise) = match spot.how {
            How::Between { window_s, otherwise } => (i64::from(window_s) * SECOND_MS, over(otherwise)),
            How::Duck { .. } | How::Cut => (0, None),
        };
        let mut separate = Vec::new();
        for separation in &program.breaks.separate {
            let (kind, name) = match separation.by {
                SeparationBy::Category => ("category", &spot.category),
                SeparationBy::Advertiser => ("advertiser", &spot.advertiser),
            };
            if let Some(name) = name {
                let name = format!("{kind} {name}");
                let number = *commons.entry(name.clone()).or_insert_with(|| {
                    self.commons.push(name);
                    self.commons.len() as u32 - 1
                });
                separate.push((number, i64::from(separation.minutes) * MINUTE_MS));
            }
        }
        let dayparts = spot.dayparts.as_ref().map_or(0, |dayparts| {
            let mut ids: Vec<String> = dayparts.iter().map(|id| id.0.clone()).collect();
            ids.sort();
            *sets.entry(ids.clone()).or_insert_with(|| {
                self.daypart_sets.push(ids);
                self.daypart_sets.len() as u32 - 1
            })
        });
        let dates = spot.dates.as_ref();
        let first = dates.and_then(|dates| dates.first);
        let last = dates.and_then(|dates| dates.last);
        Rule {
            id: spot.id.0.clone(),
            recording: spot.recording.0.clone(),
            class: spot.class,
            length_ms,
            pace: pace(&spot.when, length_ms),
            how: spot.how,
            window_ms,
            otherwise,
            within_ms: match spot.missed {
                Missed::Drop => 0,
                Missed::Within(seconds) => i64::from(seconds) * SECOND_MS,
            },
            makeup: spot.makeup,
            max_day: spot.max_day.unwrap_or(u32::MAX),
            min_gap_ms: i64::from(spot.min_gap_s) * SECOND_MS,
            min_volume: spot.min_volume,
            pierces_pause: spot.pierces_pause,
            separate,
            dayparts,
            first: first.max(rights.first).unwrap_or(Date::MIN),
            last: last.unwrap_or(Date::MAX).min(rights.last.unwrap_or(Date::MAX)),
            dated_ad: spot.class == Class::Ad && dates.is_some(),
            here: rights.territories.is_empty() || here.is_some_and(|here| rights.territories.contains(here)),
            offline_days: rights.offline_days.unwrap_or(u32::MAX),
        }
    }

    /// The name of a daypart set, by which it is known over a restart.
    pub(super) fn set_name(&self, set: usize) -> String {
        self.daypart_sets.get(set).map(|ids| ids.join("\n")).unwrap_or_default()
    }

    pub(super) fn in_daypart(&self, set: u32, daypart: Option<&str>) -> bool {
        let named = self.daypart_sets.get(set as usize).filter(|_| set > 0);
        named.is_none_or(|named| daypart.is_some_and(|daypart| named.iter().any(|id| id == daypart)))
    }
}

const fn over(otherwise: Else) -> Option<How> {
    match otherwise {
        Else::Duck => Some(How::Duck { db: DUCK_DB_DEFAULT }),
        Else::Cut => Some(How::Cut),
        Else::Miss => None,
    }
}

fn pace(when: &When, length_ms: u64) -> Pace {
    match *when {
        When::Songs(songs) => Pace::Songs(songs.max(1)),
        When::Air(minutes) => Pace::Air { ms: u64::from(minutes.max(1)) * 60_000 },
        When::At { .. } | When::BeforeClose(_) | When::AfterOpen(_) => Pace::Clock,
        When::PerHour(times) => Pace::Open(Grid { of_ms: HOUR_MS, parts: u64::from(times.max(1)) }),
        // Every length × 100 / percent. One product, rounded: the same on every machine.
        When::Share(percent) => {
            let whole = 100.0 * PERCENT_PARTS;
            let parts = ((percent * PERCENT_PARTS).round().clamp(1.0, whole) as u64).max(1);
            // What has no length never fills a share.
            let of_ms = if length_ms == 0 { u64::MAX } else { length_ms.saturating_mul(whole as u64) };
            Pace::Open(Grid { of_ms: of_ms.max(INTERVAL_MS_MIN * parts), parts })
        }
    }
}

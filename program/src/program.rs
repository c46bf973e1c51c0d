//! A document, compiled: what decisions are asked of.

use std::collections::HashMap;

use serde::Serialize;

use crate::check::{self, Report};
use crate::model::{Daypart, DaypartId, PlaylistId, Resolved, Spot, SpotId};
use crate::windows::{Dayparts, OpenHours};
use crate::zone::ZoneMap;

/// A daypart's place in its program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct DaypartNo(pub u32);

/// What sound or screen is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// What is heard.
    Sound,
    /// What is seen.
    Screen,
}

/// A document that was found right, with what makes decisions quick.
#[derive(Debug, Clone)]
pub struct Program {
    document: Resolved,
    zone: ZoneMap,
    pub(crate) sound: OpenHours,
    pub(crate) screen: OpenHours,
    pub(crate) dayparts: Dayparts,
    daypart_numbers: HashMap<DaypartId, DaypartNo>,
    spot_numbers: HashMap<SpotId, usize>,
    pub(crate) lapse: Option<crate::windows::LapseStart>,
}

impl Program {
    /// Judges a document and compiles it. The error is the whole report, with every error in it.
    pub fn compile(document: Resolved) -> Result<Self, Report> {
        let report = check::judge(&document);
        if report.is_wrong() { Err(report) } else { Ok(Self::assemble(document)) }
    }

    /// Compiles whatever it is given; what is wrong in it has no effect.
    pub(crate) fn assemble(document: Resolved) -> Self {
        let zone = ZoneMap::new(&document.zone);
        let sound = OpenHours::new(&document.hours.sound, &document.exceptions, &zone, |exception| {
            exception.sound.as_deref()
        });
        let screen = match &document.hours.screen {
            Some(week) => {
                OpenHours::new(week, &document.exceptions, &zone, |exception| exception.screen.as_deref())
            }
            None => OpenHours::new(&document.hours.sound, &document.exceptions, &zone, |exception| {
                exception.screen.as_deref().or(exception.sound.as_deref())
            }),
        };
        let dayparts = Dayparts::new(&document.dayparts);
        let numbers = document.dayparts.iter().enumerate();
        let daypart_numbers =
            numbers.map(|(at, daypart)| (daypart.id.clone(), DaypartNo(at as u32))).collect();
        let spot_numbers =
            document.spots.iter().enumerate().map(|(at, spot)| (spot.id.clone(), at)).collect();
        let mut program =
            Self { document, zone, sound, screen, dayparts, daypart_numbers, spot_numbers, lapse: None };
        program.lapse = program.lapse_start();
        program
    }

    /// The document.
    pub fn document(&self) -> &Resolved {
        &self.document
    }

    /// The place's zone.
    pub fn zone(&self) -> &ZoneMap {
        &self.zone
    }

    /// A daypart of this program; `None` for another program's number.
    pub fn daypart(&self, number: DaypartNo) -> Option<&Daypart> {
        self.document.dayparts.get(number.0 as usize)
    }

    /// A daypart's number.
    pub fn daypart_number(&self, id: &str) -> Option<DaypartNo> {
        self.daypart_numbers.get(id).copied()
    }

    /// A spot.
    pub fn spot(&self, id: &str) -> Option<&Spot> {
        self.document.spots.get(*self.spot_numbers.get(id)?)
    }

    /// The playlist of last resort.
    pub fn fallback(&self) -> &PlaylistId {
        &self.document.fallback
    }

    pub(crate) fn hours(&self, kind: Kind) -> &OpenHours {
        match kind {
            Kind::Sound => &self.sound,
            Kind::Screen => &self.screen,
        }
    }
}

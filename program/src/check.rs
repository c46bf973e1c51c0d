//! Reads and judges a document. Every finding names the path of what is wrong, as `dayparts[3].from`.
//!
//! What could not be played as it is written is an error, and the document is refused; what can be, but is hardly meant, is
//! a warning. A text that is no document gives one error, the first; a document gives all.

mod dayparts;
mod gaps;
mod hours;
mod library;
mod screen;
mod spots;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::Hash;

use serde_json::error::Category;

use crate::civil::DAY_S;
use crate::model::{
    Breaks, Dates, Days, EXCEPTIONS_MAX, ID_CHARS_MAX, Library, Place, RESOLVED_VERSION, Resolved, Rotation,
    Spacing, Staff, TRANSITIONS_MAX, Territory, VOLUME_MAX, Zone,
};
use crate::shelf::Shelf;
use crate::staff::SKIPS_MAX;
use crate::zone::OFFSET_S_MAX;

/// A document's size at most, in bytes.
pub const DOCUMENT_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Errors that are told of one document, and warnings as well; more are only counted.
pub const FINDINGS_MAX: usize = 100;

/// Something about a document, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The path in the document, as `dayparts[3].from`; empty for the whole.
    pub path: String,
    /// What was found and what would be right.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => write!(f, "{}", self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

/// What there is to say about a document.
#[derive(Debug, Clone, PartialEq, Eq, Default, thiserror::Error)]
pub struct Report {
    /// Why it is refused.
    pub errors: Vec<Finding>,
    /// What is hardly meant.
    pub warnings: Vec<Finding>,
    /// Findings beyond [`FINDINGS_MAX`].
    pub untold: usize,
}

impl Report {
    /// Whether the document is refused.
    pub fn is_wrong(&self) -> bool {
        !self.errors.is_empty()
    }

    fn one(path: String, message: String) -> Self {
        Self { errors: vec![Finding { path, message }], ..Self::default() }
    }
}

impl fmt::Display for Report {
    /// The errors, one a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.errors.iter().map(Finding::to_string).collect();
        f.write_str(&lines.join("\n"))?;
        if self.untold > 0 {
            write!(f, "\n… and {} more", self.untold)?;
        }
        Ok(())
    }
}

/// Reads a document and judges it.
pub fn check(text: &[u8]) -> (Option<Resolved>, Report) {
    match parse(text) {
        Ok(document) => {
            let report = judge(&document);
            (Some(document), report)
        }
        Err(report) => (None, report),
    }
}

/// Reads a document, without judging it.
pub fn parse(text: &[u8]) -> Result<Resolved, Report> {
    read(text)
}

/// Reads the recordings and playlists that come as a document of their own.
pub fn parse_library(text: &[u8]) -> Result<Library, Report> {
    read(text)
}

fn read<T: serde::de::DeserializeOwned>(text: &[u8]) -> Result<T, Report> {
    if text.len() > DOCUMENT_BYTES_MAX {
        let message = format!("it has {} bytes; a document has {DOCUMENT_BYTES_MAX} at most", text.len());
        return Err(Report::one(String::new(), message));
    }
    // Some editors begin a text with a mark of its encoding.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    if text.trim_ascii().is_empty() {
        return Err(Report::one(String::new(), "it is empty".to_owned()));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let document = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = match error.path().to_string() {
            path if path == "." => String::new(),
            path => path,
        };
        Report::one(path, said(error.inner()))
    })?;
    deserializer.end().map_err(|error| Report::one(String::new(), said(&error)))?;
    Ok(document)
}

/// What is wrong with a text: in its writing, or in what it says.
fn said(error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Syntax | Category::Eof => format!("it is no JSON: {error}"),
        Category::Data | Category::Io => error.to_string(),
    }
}

/// Judges a document by itself. Recordings and playlists are judged only where it has them.
pub fn judge(document: &Resolved) -> Report {
    judge_with(document, (!document.library.is_empty()).then_some(&document.library))
}

/// Judges a document together with its recordings and playlists.
pub fn judge_with(document: &Resolved, library: Option<&Library>) -> Report {
    let mut judge = Judge::default();
    if document.v != RESOLVED_VERSION {
        judge.error("v", format!("version {} is not known; this is version {RESOLVED_VERSION}", document.v));
    }
    judge.place(&document.place);
    judge.zone(&document.zone);
    judge.count("exceptions", document.exceptions.len(), EXCEPTIONS_MAX);
    hours::judge(&mut judge, document);
    dayparts::judge(&mut judge, document);
    spots::judge(&mut judge, document);
    judge.breaks(&document.breaks);
    judge.rotation(&document.rotation);
    judge.staff(&document.staff);
    judge.rest(document);
    if let Some(library) = library {
        library::judge(&mut judge, document, library, &Shelf::new(library));
    }
    if !judge.report.is_wrong() {
        gaps::judge(&mut judge, document);
    }
    judge.report
}

/// Collects findings.
#[derive(Default)]
pub(crate) struct Judge {
    report: Report,
}

impl Judge {
    fn error(&mut self, path: impl fmt::Display, message: impl Into<String>) {
        if self.report.errors.len() >= FINDINGS_MAX {
            self.report.untold += 1;
            return;
        }
        self.report.errors.push(Finding { path: path.to_string(), message: message.into() });
    }

    fn warning(&mut self, path: impl fmt::Display, message: impl Into<String>) {
        if self.report.warnings.len() >= FINDINGS_MAX {
            self.report.untold += 1;
            return;
        }
        self.report.warnings.push(Finding { path: path.to_string(), message: message.into() });
    }

    fn count(&mut self, path: impl fmt::Display, count: usize, most: usize) {
        if count > most {
            self.error(path, format!("there are {count}; {most} are the most"));
        }
    }

    fn number(&mut self, path: impl fmt::Display, number: f64, range: std::ops::RangeInclusive<f64>) {
        // Written so that NaN is outside.
        if !range.contains(&number) {
            self.error(
                path,
                format!("{number} is out of range; it goes from {} to {}", range.start(), range.end()),
            );
        }
    }

    fn whole(&mut self, path: impl fmt::Display, number: u32, range: std::ops::RangeInclusive<u32>) {
        self.number(path, f64::from(number), f64::from(*range.start())..=f64::from(*range.end()));
    }

    fn id(&mut self, path: impl fmt::Display, id: &str) {
        if id.trim().is_empty() {
            self.error(path, "an id has at least one letter");
        } else if id.chars().count() > ID_CHARS_MAX || id.chars().any(char::is_control) {
            self.error(
                path,
                format!("an id has up to {ID_CHARS_MAX} characters, none of them a control character"),
            );
        }
    }

    /// That no two are called alike.
    fn unique<'a, T: Eq + Hash + fmt::Display + 'a>(&mut self, list: &str, ids: impl Iterator<Item = &'a T>) {
        let mut first: HashMap<&T, usize> = HashMap::new();
        for (at, id) in ids.enumerate() {
            if let Some(before) = first.get(id) {
                self.error(format_args!("{list}[{at}].id"), format!("\"{id}\" is {list}[{before}] already"));
            } else {
                first.insert(id, at);
            }
        }
    }

    fn days(&mut self, path: impl fmt::Display, days: Days) {
        if days.is_empty() {
            self.error(path, "there is no day; write [\"daily\"] for every day");
        }
    }

    fn dates(&mut self, path: impl fmt::Display, dates: Option<&Dates>) {
        let Some(dates) = dates else { return };
        if let (Some(first), Some(last)) = (dates.first, dates.last)
            && last < first
        {
            self.error(format_args!("{path}.last"), format!("{last} is before the first day, {first}"));
        }
        if *dates == (Dates { first: None, last: None }) {
            self.warning(path, "it has no first and no last day, and so holds for ever");
        }
    }

    fn territory(&mut self, path: impl fmt::Display, territory: &Territory) {
        let text = territory.as_str();
        if text.len() != 2 || !text.bytes().all(|byte| byte.is_ascii_uppercase()) {
            self.error(path, "a country is written by the two letters of ISO 3166, as \"DE\"");
        }
    }

    fn place(&mut self, place: &Place) {
        self.id("place.id", place.id.as_str());
        self.number("place.trim_db", place.trim_db, -40.0..=12.0);
        if let Some(territory) = &place.territory {
            self.territory("place.territory", territory);
        }
    }

    fn zone(&mut self, zone: &Zone) {
        self.id("zone.id", &zone.id);
        let offsets = -OFFSET_S_MAX..=OFFSET_S_MAX;
        let offset = |judge: &mut Self, path: String, offset_s: i32| {
            if !offsets.contains(&offset_s) {
                judge
                    .error(path, format!("{offset_s} s is no offset from UTC; {OFFSET_S_MAX} s is the most"));
            }
        };
        offset(self, "zone.offset_s".to_owned(), zone.offset_s);
        self.count("zone.transitions", zone.transitions.len(), TRANSITIONS_MAX);
        for (at, transition) in zone.transitions.iter().enumerate().take(TRANSITIONS_MAX) {
            let path = format!("zone.transitions[{at}]");
            offset(self, format!("{path}.offset_s"), transition.offset_s);
            if at > 0 && transition.at_utc_ms <= zone.transitions[at - 1].at_utc_ms {
                self.error(format_args!("{path}.at_utc_ms"), "transitions come in rising order");
            }
        }
    }

    fn breaks(&mut self, breaks: &Breaks) {
        self.whole("breaks.max_spots", breaks.max_spots, 1..=100);
        self.whole("breaks.max_s", breaks.max_s, 1..=3600);
        self.count("breaks.separate", breaks.separate.len(), 10);
        for (at, separation) in breaks.separate.iter().enumerate().take(10) {
            self.whole(format_args!("breaks.separate[{at}].minutes"), separation.minutes, 1..=DAY_S / 60);
        }
    }

    fn rotation(&mut self, rotation: &Rotation) {
        let kinds = [("song", rotation.song), ("album", rotation.album), ("artist", rotation.artist)];
        for (name, spacing) in kinds {
            self.whole(format_args!("rotation.{name}.count"), spacing.count, 0..=Spacing::COUNT_MAX);
            self.whole(format_args!("rotation.{name}.minutes"), spacing.minutes, 0..=Spacing::MINUTES_MAX);
        }
    }

    fn staff(&mut self, staff: &Staff) {
        self.whole("staff.pause_max_s", staff.pause_max_s, 1..=DAY_S);
        self.whole("staff.skips_per_hour", staff.skips_per_hour.unwrap_or(0), 0..=SKIPS_MAX);
    }

    /// What names something else.
    fn rest(&mut self, document: &Resolved) {
        let dayparts: HashSet<&str> = document.dayparts.iter().map(|daypart| daypart.id.as_str()).collect();
        self.whole("clockless.volume_max", document.clockless.volume_max.into(), 0..=VOLUME_MAX.into());
        if let Some(daypart) = &document.clockless.daypart
            && !dayparts.contains(daypart.as_str())
        {
            self.error("clockless.daypart", format!("there is no daypart \"{daypart}\""));
        }
        self.id("fallback", document.fallback.as_str());
        if let Some(lapse) = &document.lapse {
            self.id("lapse.playlist", lapse.playlist.as_str());
        }
    }
}

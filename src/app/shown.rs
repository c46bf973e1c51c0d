//! What was on the screen, for the play log.
//!
//! A loop of pictures changes each few seconds, for years; a row written for each change would wear a card out. So showings are counted
//! in memory, one row for each file (and daypart, and release), and written together each half hour. A power cut
//! costs what was not yet written; nothing is ever counted twice.

use std::sync::Arc;

use orchestrion_protocol::release::Digest;

use super::picture::Why;
use super::{App, Effect};
use crate::measure::Blob;
use crate::storage::{ChosenBy, HowEnded, PlayEnd, PlayKey, PlayKind, PlayStart, Viewed};
use crate::time::{Mono, Now, Wall};
use crate::video::{Frames, Kind, OnScreen};

/// So long showings are counted before they are written, in milliseconds; one that began before is not cut in two unless it is
/// that long itself.
pub const SPAN_MS: u64 = 30 * 60 * 1000;
/// Rows that are counted at once; then they are written. Loops have half as many items.
const ROWS_MAX: usize = 2000;
/// What a row says of a showing that goes on in the next.
const GOES_ON: &str = "it goes on in the next row";

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Shown {
    rows: Vec<Row>,
    on: Option<Showing>,
}

/// All showings of a file in a span.
#[derive(Debug)]
struct Row {
    /// Its key is given when it is written.
    start: PlayStart,
    ended: Mono,
    shown_ms: u64,
    audible_ms: u64,
    viewed: Viewed,
    how: HowEnded,
}

/// What is on the screen.
#[derive(Debug)]
struct Showing {
    what: OnScreen,
    /// Its place among the rows.
    row: usize,
    since: Mono,
    /// Until then it is in its row.
    counted: Mono,
    frames: Frames,
    is_visible: bool,
    is_audible: bool,
}

impl Shown {
    /// Counts the time until now by what was so until now.
    fn count(&mut self, now: Mono) {
        let Some(on) = &mut self.on else { return };
        let Some(row) = self.rows.get_mut(on.row) else { return };
        let ms = now.since_ms(on.counted);
        row.shown_ms += ms;
        row.audible_ms += if on.is_audible { ms } else { 0 };
        row.viewed.visible_ms += if on.is_visible { ms } else { 0 };
        (on.counted, row.ended) = (now, now);
    }

    /// Frames of what is on the screen, since it is there.
    fn frames(&mut self, frames: Frames) {
        let Some(on) = &mut self.on else { return };
        let Some(row) = self.rows.get_mut(on.row) else { return };
        let before = std::mem::replace(&mut on.frames, frames);
        row.viewed.frames_expected += frames.expected.saturating_sub(before.expected);
        row.viewed.frames_presented += frames.presented.saturating_sub(before.presented);
    }

    /// It has gone, by itself or not.
    fn end(&mut self, now: Mono, how: HowEnded) {
        self.count(now);
        if let Some(row) = self.on.take().and_then(|on| self.rows.get_mut(on.row)) {
            row.how = how;
        }
    }

    fn begin(&mut self, start: PlayStart, what: OnScreen, showings: u64, frames: Frames) {
        let (now, goes_on) = (start.started, start.continues.is_some());
        let known = self.rows.iter().position(|row| !goes_on && is_same(&row.start, &start));
        let row = known.unwrap_or_else(|| {
            let viewed = Viewed::default();
            let how = HowEnded::Finished;
            self.rows.push(Row { start, ended: now, shown_ms: 0, audible_ms: 0, viewed, how });
            self.rows.len() - 1
        });
        if let Some(row) = self.rows.get_mut(row) {
            row.viewed.showings += showings;
        }
        let (since, counted) = (now, now);
        self.on = Some(Showing { what, row, since, counted, frames, is_visible: false, is_audible: false });
    }

    /// When the rows are to be written, or were to be.
    fn due(&self) -> Option<Mono> {
        Some(self.rows.first()?.start.started.plus_ms(SPAN_MS))
    }

    /// Whether they are to be written now: what runs is left whole, as long as it is short.
    fn is_due(&self, now: Now) -> bool {
        let Some(first) = self.rows.first() else { return false };
        let hour = |wall: Option<Wall>| wall.map(|wall| wall.0.div_euclid(3_600_000));
        let is_late = self.due().is_some_and(|due| due <= now.monotonic);
        let is_other_hour = now.wall.is_some() && hour(first.start.started_wall) != hour(now.wall);
        let may = self.on.as_ref().is_none_or(|on| now.monotonic.since_ms(on.since) >= SPAN_MS);
        may && (is_late || is_other_hour) || self.rows.len() >= ROWS_MAX
    }

    /// When [`Shown::is_due`] may become so without anything else happening.
    pub(super) fn deadline(&self) -> Option<Mono> {
        let due = self.due()?;
        Some(self.on.as_ref().map_or(due, |on| due.max(on.since.plus_ms(SPAN_MS))))
    }
}

/// Whether two showings are counted together.
fn is_same(one: &PlayStart, other: &PlayStart) -> bool {
    let why = |start: &PlayStart| {
        start.program.as_deref().map(|program| {
            let spot = program.spot.as_ref().map(|spot| spot.spot.clone());
            (program.place.clone(), program.recording.clone(), program.daypart.clone(), spot, program.release)
        })
    };
    one.path == other.path
        && (one.size, one.modified_ms) == (other.size, other.modified_ms)
        && (one.kind, one.chosen_by, &one.output) == (other.kind, other.chosen_by, &other.output)
        && why(one) == why(other)
}

impl App {
    /// Something else is on the screen, or nothing of what was wanted.
    pub(super) fn hear_shows(&mut self, now: Now, shows: Option<Box<OnScreen>>, effects: &mut Vec<Effect>) {
        self.dirty |= self.film.is_on(shows.as_deref());
        let how = if shows.is_some() { HowEnded::Finished } else { HowEnded::Cut };
        self.shown.end(now.monotonic, how);
        if shows.is_none() || self.shown.is_due(now) {
            self.write_shown(now, effects);
        }
        if let Some(what) = shows {
            let start = self.showing_start(now, &what);
            self.shown.begin(start, *what, 1, Frames::default());
            self.look_at_shown(now);
        }
    }

    pub(super) fn hear_frames(&mut self, frames: Frames) {
        self.shown.frames(frames);
    }

    /// Looked at after each event and as time passes: whether it can be seen and heard, and whether it is time to write.
    pub(super) fn watch_shown(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.shown.on.is_some() {
            self.look_at_shown(now);
        }
        if self.shown.is_due(now) {
            self.write_shown(now, effects);
        }
    }

    fn look_at_shown(&mut self, now: Now) {
        self.shown.count(now.monotonic);
        let is_visible = self.picture.is_visible();
        let is_heard = self.film.is_heard() && self.volume > 0 && !self.muted && !self.hands.mutes();
        let is_audible = is_heard && self.output.as_ref().is_some_and(|output| output.audible);
        if let Some(on) = &mut self.shown.on {
            (on.is_visible, on.is_audible) = (is_visible, is_audible && on.what.kind == Kind::Film);
        }
    }

    /// Writes what was counted. What runs goes on in a row of its own.
    pub(super) fn write_shown(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.shown.count(now.monotonic);
        let on = self.shown.on.take();
        let mut goes_on: Option<PlayKey> = None;
        for (at, row) in std::mem::take(&mut self.shown.rows).into_iter().enumerate() {
            let key = self.plays.number();
            let is_on = on.as_ref().is_some_and(|on| on.row == at);
            goes_on = if is_on { Some(key) } else { goes_on };
            let end = PlayEnd {
                key,
                ended: row.ended,
                heard_ms: row.shown_ms,
                audible_ms: row.audible_ms,
                how: if is_on { HowEnded::Cut } else { row.how },
                reason: if is_on { GOES_ON.into() } else { String::new() },
                viewed: Some(row.viewed),
            };
            self.keeper.open_play(PlayStart { key, ..row.start }, effects);
            self.keeper.close_play(end, effects);
        }
        if let Some(Showing { what, frames, .. }) = on {
            let start = PlayStart { continues: goes_on, ..self.showing_start(now, &what) };
            self.shown.begin(start, what, 0, frames);
            self.look_at_shown(now);
        }
    }

    /// The process ends: what is on the screen now is not waited for.
    pub(super) fn end_shown(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.shown.end(now.monotonic, HowEnded::Cut);
        self.write_shown(now, effects);
    }

    /// The row of something that begins to be seen.
    fn showing_start(&self, now: Now, what: &OnScreen) -> PlayStart {
        // A file of the store is called by its content.
        let name = what.path.file_name().and_then(|name| name.to_str()?.parse::<Digest>().ok());
        let mut program = self.air.programmed(&self.times, now, &what.path).map(Box::new);
        let chosen_by = match self.picture.why(&what.path) {
            Why::Loop => ChosenBy::Loop,
            Why::User => ChosenBy::User,
            Why::Emergency => ChosenBy::Emergency,
            Why::Spot(spot) => {
                if let Some(program) = &mut program {
                    program.spot = self.air.spot_play(spot, None, None);
                }
                ChosenBy::Spot
            }
        };
        PlayStart {
            key: PlayKey { run: 0, seq: 0 },
            kind: match what.kind {
                Kind::Film => PlayKind::Film,
                Kind::Picture => PlayKind::Picture,
            },
            path: Arc::from(what.path.as_path()),
            size: what.size,
            modified_ms: what.modified_ms,
            title: what.title.clone(),
            artist: None,
            album: None,
            started: now.monotonic,
            started_wall: now.wall,
            clock: self.times.state(now),
            duration_ms: None,
            start_offset_ms: 0,
            output: self.picture.sink().to_owned(),
            volume_db: None,
            chosen_by,
            continues: None,
            blob: name.map(|name| Blob(name.0)),
            program,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::ClockState;

    fn start(name: &str, at: u64) -> (PlayStart, OnScreen) {
        let path = std::path::PathBuf::from(name);
        let what = OnScreen { path, title: None, kind: Kind::Film, size: 1, modified_ms: 2 };
        let start = PlayStart {
            key: PlayKey { run: 0, seq: 0 },
            kind: PlayKind::Film,
            path: Arc::from(what.path.as_path()),
            size: 1,
            modified_ms: 2,
            title: None,
            artist: None,
            album: None,
            started: Mono(at),
            started_wall: None,
            clock: ClockState::None,
            duration_ms: None,
            start_offset_ms: 0,
            output: "x11".into(),
            volume_db: None,
            chosen_by: ChosenBy::Loop,
            continues: None,
            blob: None,
            program: None,
        };
        (start, what)
    }

    #[test]
    fn showings_of_a_file_are_one_row_and_time_counts_as_it_was_when_it_passed() {
        let mut shown = Shown::default();
        let begin = |shown: &mut Shown, name: &str, at: u64| {
            let (start, what) = start(name, at);
            shown.end(Mono(at), HowEnded::Finished);
            shown.begin(start, what, 1, Frames::default());
        };
        begin(&mut shown, "a", 0);
        shown.count(Mono(100));
        shown.on.as_mut().unwrap().is_visible = true;
        shown.frames(Frames { expected: 10, presented: 9 });
        shown.frames(Frames { expected: 25, presented: 23 });
        begin(&mut shown, "b", 1000);
        begin(&mut shown, "a", 2000);
        shown.frames(Frames { expected: 5, presented: 5 });
        shown.end(Mono(2300), HowEnded::Cut);
        let [a, b] = &shown.rows[..] else { panic!("{:?}", shown.rows) };
        assert_eq!((a.shown_ms, a.viewed.visible_ms, a.ended), (1300, 900, Mono(2300)));
        assert_eq!((a.viewed.showings, a.viewed.frames_expected, a.viewed.frames_presented), (2, 30, 28));
        assert_eq!((b.shown_ms, b.viewed.visible_ms, b.how), (1000, 0, HowEnded::Finished));
        assert_eq!(a.how, HowEnded::Cut);
    }

    #[test]
    fn rows_are_written_at_the_change_after_half_an_hour_and_what_is_long_is_written_meanwhile() {
        let at = |ms: u64| Now { monotonic: Mono(ms), wall: None };
        let mut shown = Shown::default();
        assert_eq!((shown.deadline(), shown.is_due(at(SPAN_MS))), (None, false));
        let (first, what) = start("a", 0);
        shown.begin(first, what, 1, Frames::default());
        shown.end(Mono(SPAN_MS - 5000), HowEnded::Finished);
        let (second, what) = start("b", SPAN_MS - 5000);
        shown.begin(second, what, 1, Frames::default());
        assert!(!shown.is_due(at(SPAN_MS)), "what runs is short");
        assert_eq!(shown.deadline(), Some(Mono(2 * SPAN_MS - 5000)));
        assert!(shown.is_due(at(2 * SPAN_MS - 5000)), "and now it is long");
        shown.end(Mono(SPAN_MS + 1), HowEnded::Finished);
        assert!(shown.is_due(at(SPAN_MS + 1)));
    }
}

//! The program that is on the air: whether something may sound now, what it is, and when that changes.
//!
//! With a program the queue is short: what plays and what comes next, chosen song by song. What somebody puts into the queue
//! comes before what the program would choose.

mod ahead;
mod choosing;
mod clock;
mod hours;
mod inherited;
mod memory;
mod spots;
mod staff;
mod taking;
mod words;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use orchestrion_program as rules;
use orchestrion_program::model::{LoopId, Recording, ScreenRules, SpotId, Zone};
use orchestrion_program::now::{Screen, Sound, State};
use orchestrion_program::rotation::{Chance, Choice, History};
use orchestrion_program::spots::{Memory, Said};
use orchestrion_program::{Absolute, Date, DaypartNo, boundary};
use orchestrion_protocol::method::InheritedPlay;
use orchestrion_protocol::status::EntryId;

pub(super) use spots::{Became, SPOTS_AHEAD_LEN_MAX};

use crate::program::{Program, Reel, ReelItem};
use crate::storage::{Past, Remembered, Restored};
use crate::time::{Mono, Now};
use crate::video::Shows;
use clock::left_ms;

/// The fade that ends when it closes, in milliseconds.
const CLOSING_FADE_MS: u32 = 4000;

/// A program and where it stands.
#[derive(Debug)]
pub(super) struct OnAir {
    program: Program,
    history: History,
    chance: Chance,
    state: State,
    sound: Sound,
    /// What the program has put into the queue, in order.
    chosen: VecDeque<Chosen>,
    /// When the song that plays makes way for the daypart that began, and with which fade.
    takeover: Option<(Mono, u32)>,
    /// When a pause by staff is over.
    pause_ends: Option<Mono>,
    /// What is said.
    spotting: spots::Spotting,
    /// When it is to be looked at again.
    look: Mono,
    /// When what is right changes, if that was looked up.
    next_change: Option<hours::NextChange>,
    /// Some daypart lets films be heard.
    lets_films_be_heard: bool,
    /// The loop that is shown, as it is on a day.
    reel: Option<(LoopId, Option<Date>, Arc<Reel>)>,
}

/// What the program has put into the queue.
#[derive(Debug)]
struct Chosen {
    entry: EntryId,
    /// The number of the choice.
    number: u64,
    choice: Choice,
}

/// The program of this device.
#[derive(Debug, Default)]
pub(super) struct Air {
    /// Its file, if the device has a program at all.
    pub(super) path: Option<PathBuf>,
    /// A release decides, or it is not known yet whether there is one.
    pub(super) release: bool,
    on: Option<Box<OnAir>>,
    /// What spots remember of earlier runs, until a program asks for it.
    spots_before: Option<Memory>,
    /// Why what was read last is not on the air.
    problem: Option<String>,
    /// What was heard before there was a program that could be told of it.
    past: Past,
    /// What the device before this one has played, the oldest first.
    inherited: Vec<InheritedPlay>,
}

impl Air {
    pub(super) fn of(path: Option<PathBuf>, restored: &Restored) -> Self {
        let spots_before = restored.pieces.get(&Remembered::Spots).and_then(|pieces| {
            let read = Memory::of_pieces(pieces.iter().map(|(name, text)| (name.as_str(), text.as_str())));
            read.inspect_err(|error| log::error!("what the spots remember is forgotten: {error}")).ok()
        });
        let inherited = restored.memories.get(&Remembered::Inherited).map(|kept| inherited::read(kept));
        let (past, inherited) = (restored.past.clone(), inherited.unwrap_or_default());
        Self { path, spots_before, past, inherited, ..Self::default() }
    }

    /// Whether a program decides what plays.
    pub(super) fn is_programmed(&self) -> bool {
        self.path.is_some() || self.release
    }

    /// Whether somebody has set the volume, and no daypart.
    pub(super) fn volume_is_by_hand(&self) -> bool {
        self.on.as_ref().map_or(!self.is_programmed(), |on| on.state.volume.is_some())
    }

    /// Why what its file says now is not on the air.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// The place's time zone, where a program says it.
    pub(super) fn zone(&self) -> Option<Zone> {
        self.on.as_ref().map(|on| on.program.rules.document().zone.clone())
    }

    /// A moment as clocks on the wall show it there.
    pub(super) fn local(&self, at: Absolute) -> Option<String> {
        let on = self.on.as_ref()?;
        Some(on.program.rules.zone().local(at).to_string())
    }

    /// What a program says of a file.
    pub(super) fn recording(&self, path: &Path) -> Option<&Recording> {
        self.on.as_ref()?.program.entry(path)
    }

    /// Whether something may sound.
    pub(super) fn allows(&self, now: Now) -> bool {
        match &self.on {
            Some(on) => on.allows(now),
            None => !self.is_programmed(),
        }
    }

    /// Whether a song may begin in so many ms: not shortly before closing, however it came to come then. What was chosen in
    /// time may be late, behind an announcement.
    pub(super) fn lets_begin(&self, now: Now, in_ms: u64) -> bool {
        let Some(Sound::Open(open)) = self.on.as_ref().map(|on| &on.sound) else { return true };
        let in_ms = i64::try_from(in_ms).unwrap_or(i64::MAX);
        now.wall.is_none_or(|wall| boundary::song_may_begin(Absolute(wall.0).plus_ms(in_ms), open.closes))
    }

    /// What is to be seen: the loop of the daypart, if it names one, of the program or else of the configuration. Without a program,
    /// or before it is read, what the configuration says.
    pub(super) fn shows(&mut self, clock: &rules::Clock) -> Shows {
        let Some(on) = &mut self.on else { return Shows::Usual };
        match on.program.rules.what_now(clock, &on.state).screen {
            Screen::Open { shows: Some(id), .. } => {
                on.reel(&id, clock).map_or_else(|| Shows::Loop(id.0), Shows::Reel)
            }
            Screen::Open { shows: None, .. } | Screen::Emergency(_) => Shows::Usual,
            Screen::Dark { .. } => Shows::Dark,
        }
    }

    /// What is shown while a spot is said.
    pub(super) fn seen_with(&self, spot: &SpotId, clock: &rules::Clock) -> Option<&ReelItem> {
        let on = self.on.as_ref()?;
        on.program.seen_with(spot, on.today(clock))
    }

    /// What a recording of the program is called.
    pub(super) fn title(&self, path: &Path) -> Option<String> {
        self.recording(path).map(|known| known.title.clone()).filter(|title| !title.is_empty())
    }

    /// What the daypart that holds says of the screen.
    pub(super) fn screen_rules(&self, clock: &rules::Clock) -> Option<&ScreenRules> {
        self.on.as_ref()?.program.rules.screen_rules(&clock.wall)
    }

    /// Whether any daypart lets films be heard.
    pub(super) fn lets_films_be_heard(&self) -> bool {
        self.on.as_ref().is_some_and(|on| on.lets_films_be_heard)
    }

    /// When it is to be looked at again.
    pub(super) fn deadline(&self) -> Option<Mono> {
        let on = self.on.as_ref()?;
        let takeover = on.takeover.map(|(at, _)| at);
        [Some(on.look), takeover, on.pause_ends, on.spotting.deadline()].into_iter().flatten().min()
    }

    /// What somebody chose for the volume, kept within what the daypart lets staff do.
    pub(super) fn take_volume(&mut self, percent: u8) -> u8 {
        let Some(on) = &mut self.on else { return percent };
        let Sound::Open(open) = &on.sound else { return percent };
        let kept = percent.clamp(open.volume.min, open.volume.max.max(open.volume.min));
        on.state.volume = Some(kept);
        kept
    }

    /// A file failed and is to be left alone for a while from this moment of rotation on.
    pub(super) fn quarantine(&mut self, now: Absolute, path: &Path, for_ms: u64) {
        let Some(on) = &mut self.on else { return };
        let Some(recording) = on.program.recording(path).cloned() else { return };
        let until_ms = now.0.saturating_add(i64::try_from(for_ms).unwrap_or(i64::MAX));
        on.program.catalogue.quarantine(recording.as_str(), Some(until_ms));
    }

    /// A file was opened and is so long.
    pub(super) fn learn_length(&mut self, path: &Path, duration_ms: Option<u64>) {
        if let (Some(on), Some(duration_ms)) = (&mut self.on, duration_ms) {
            on.program.learn_length(path, duration_ms);
        }
    }

    /// Staff have paused: that is over some time.
    pub(super) fn paused(&mut self, now: Now) {
        let Some(on) = &mut self.on else { return };
        let longest_s = on.program.rules.document().staff.pause_max_s;
        on.pause_ends = Some(now.monotonic.plus_ms(u64::from(longest_s) * 1000));
    }

    /// Somebody has let it go on.
    pub(super) fn goes_on(&mut self) {
        if let Some(on) = &mut self.on {
            on.pause_ends = None;
        }
    }

    /// The spot that an entry of the queue is.
    pub(super) fn spot(&self, entry: EntryId) -> Option<&Said> {
        self.on.as_ref()?.spotting.of_entry(entry)
    }

    /// Files of spots, for measuring.
    pub(super) fn spot_places(&self) -> Vec<Arc<Path>> {
        self.on.as_ref().map_or_else(Vec::new, |on| on.spot_places().map(Arc::clone).collect())
    }
}

impl OnAir {
    /// The date at the place, or one before it for certain.
    fn today(&self, clock: &rules::Clock) -> Option<Date> {
        clock.wall.at_least().map(|at| self.program.rules.zone().local(at).date)
    }

    /// A loop of the program, made once a day: this is asked with everything that happens.
    fn reel(&mut self, id: &LoopId, clock: &rules::Clock) -> Option<Arc<Reel>> {
        let today = self.today(clock);
        if let Some((_, _, reel)) = self.reel.as_ref().filter(|(of, day, _)| of == id && *day == today) {
            return Some(Arc::clone(reel));
        }
        let reel = Arc::new(self.program.reel(id, today)?);
        self.reel = Some((id.clone(), today, Arc::clone(&reel)));
        Some(reel)
    }

    /// Whether a song may sound: not from the moment on at which the last fade begins.
    fn allows(&self, now: Now) -> bool {
        match &self.sound {
            Sound::Open(open) => left_ms(open, now).is_none_or(|left| left > i64::from(CLOSING_FADE_MS)),
            _ => false,
        }
    }

    fn daypart(&self) -> Option<DaypartNo> {
        match &self.sound {
            Sound::Open(open) => open.daypart,
            _ => None,
        }
    }
}

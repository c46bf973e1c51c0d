//! A program is read and goes on the air, in the place of the one before.

use std::collections::VecDeque;
use std::path::PathBuf;

use orchestrion_program as rules;
use rules::model::{Daypart, FilmSound};
use rules::now::{Closed, Open, Sound, State};
use rules::rotation::Chance;

use super::super::{App, Effect};
use super::spots::Spotting;
use super::{Air, OnAir, inherited, memory};
use crate::library;
use crate::program::{Program, ProgramError};
use crate::time::Now;

impl OnAir {
    /// What is right by this program, as another one would have said it: so that only what differs counts as a change.
    fn seen_by(&self, other: &Program, clock: &rules::Clock) -> Sound {
        let id = |program: &Program, open: &Open| {
            open.daypart.and_then(|number| program.rules.daypart(number)).map(|daypart| daypart.id.clone())
        };
        match (&self.sound, other.rules.what_now(clock, &self.state).sound) {
            (Sound::Open(mine), Sound::Open(theirs)) if id(&self.program, mine) == id(other, &theirs) => {
                Sound::Open(theirs)
            }
            (Sound::Open(mine), _) => Sound::Open(Open { daypart: None, ..mine.clone() }),
            (mine, _) => mine.clone(),
        }
    }
}

impl App {
    /// Lets the program be read; [`App::take_program`] hears of it.
    pub(in crate::app) fn read_program(&self, effects: &mut Vec<Effect>) {
        if let Some(path) = self.air.path.as_ref().filter(|_| !self.air.release) {
            effects.push(Effect::Library(library::Command::ReadProgram {
                path: path.clone(),
                needs_one: self.air.on.is_none(),
            }));
        }
    }

    /// The configuration names a program, or another one, or none any more; what is in its file may have changed.
    pub(in crate::app) fn change_program(
        &mut self,
        now: Now,
        path: Option<PathBuf>,
        effects: &mut Vec<Effect>,
    ) {
        if path.is_none() && self.air.is_programmed() && !self.air.release {
            self.air = Air::default();
            self.take_modes_back();
            self.check_screen(now, effects);
            self.prepare_next(now, effects);
        }
        self.air.path = path;
        self.read_program(effects);
    }

    /// A program was read. One that is wrong is refused, and the one before goes on.
    pub(in crate::app) fn take_program(
        &mut self,
        now: Now,
        read: Result<Box<Program>, ProgramError>,
        effects: &mut Vec<Effect>,
    ) {
        self.dirty = true;
        if self.air.release && !matches!(&read, Ok(program) if program.edition.is_some()) {
            // A file that was being read when a release came.
            return;
        }
        let program = match read {
            Ok(program) => *program,
            Err(error) => {
                let goes_on = if self.air.on.is_some() { "; the one before goes on" } else { "" };
                log::error!("{error}{goes_on}");
                self.air.problem = Some(error.to_string());
                return;
            }
        };
        for warning in &program.warnings {
            log::warn!("the program: {warning}");
        }
        log::info!("the program is on the air: {} recordings can be played", program.len());
        self.air.problem = program.instead_of.as_ref().map(|error| {
            log::error!("{error}; the copy of the last good program plays");
            format!("{error}; the copy of the last good program plays")
        });
        self.tell_spots(now, effects);
        let before = self.air.on.take();
        let sound_before = before.as_ref().map(|on| on.seen_by(&program, &self.times.clock(now)));
        let mut missed = Vec::new();
        let (history, chance, state, chosen, spotting) = match before {
            Some(on) => {
                let mut spotting = on.spotting;
                spotting.renew(&program);
                (on.history.renumbered(&program.catalogue), on.chance, on.state, on.chosen, spotting)
            }
            None => {
                let past = std::mem::take(&mut self.air.past);
                let chance = Chance { seed: self.seed, choices: past.choices };
                let memory = self.air.spots_before.take();
                let (spotting, missed_before) = Spotting::resume(&program, now, memory);
                missed = missed_before;
                let before = inherited::history(&program, &self.air.inherited, self.times.rotation(now));
                let history = memory::restore(&program, &past).after(&before, &program.catalogue);
                (history, chance, State::default(), VecDeque::new(), spotting)
            }
        };
        let closed = Sound::Closed { why: Closed::Hours, until: None };
        let of_films = |daypart: &Daypart| daypart.screen.as_ref().and_then(|screen| screen.film_sound);
        let mut policies = program.rules.document().dayparts.iter().filter_map(of_films);
        let lets_films_be_heard = policies.any(|policy| policy != FilmSound::Off);
        self.air.on = Some(Box::new(OnAir {
            program,
            history,
            chance,
            state,
            // What is right now is found out below, as a change.
            sound: sound_before.unwrap_or(closed),
            chosen,
            takeover: None,
            pause_ends: None,
            spotting,
            look: now.monotonic,
            next_change: None,
            lets_films_be_heard,
            reel: None,
        }));
        self.spots_missed(now, missed, effects);
        self.set_modes_aside();
        // What the program before has chosen next gives way; what plays goes on to its end.
        self.drop_upcoming(effects);
        self.check_allowed(now, effects);
    }
}

//! The sound of films: whether it may be heard now, and what the music does meanwhile. The mixer turns the music down and
//! brings it back by itself; where the music is to be held instead, that is done here.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use orchestrion_program::model::DUCK_DB_DEFAULT;

use super::playback::Transport;
use super::{App, Effect};
use crate::audio::{Command, DUCK_UP_MS, FilmMix, Media};
use crate::measure::{self, FileId, Measurement};
use crate::time::Now;
use crate::video::{FilmSound, Kind, OnScreen};

/// Films whose loudness is remembered; of more the oldest are asked for again.
const MEASURED_LEN_MAX: usize = 256;
/// How long the music takes to go away for a film, in milliseconds.
const HOLD_FADE_MS: u32 = 500;

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Film {
    /// What the audio thread was told last.
    told: Option<FilmMix>,
    /// It says that one is heard.
    is_heard: bool,
    /// The music is held for one.
    holds_music: bool,
    /// The one on the screen.
    on: Option<(Arc<Path>, FileId)>,
    /// What the measuring thread said of films, the oldest first; `None`: it cannot be measured.
    measured: VecDeque<(Arc<Path>, FileId, Option<Measurement>)>,
}

impl Film {
    pub(super) fn is_heard(&self) -> bool {
        self.is_heard
    }

    pub(super) fn holds_music(&self) -> bool {
        self.holds_music
    }

    /// What is on the screen is this file now, or no film.
    /// Gives whether that is news.
    pub(super) fn is_on(&mut self, shows: Option<&OnScreen>) -> bool {
        let film = shows.filter(|shows| shows.kind == Kind::Film);
        let file = |shows: &OnScreen| FileId { size: shows.size, modified_ms: shows.modified_ms };
        let on = film.map(|shows| (Arc::from(shows.path.as_path()), file(shows)));
        std::mem::replace(&mut self.on, on.clone()) != on
    }

    fn known(&self) -> Option<&Option<Measurement>> {
        let (path, file) = self.on.as_ref()?;
        let known = self.measured.iter().find(|(known, as_it_was, _)| known == path && as_it_was == file);
        known.map(|(.., measurement)| measurement)
    }

    /// The audio thread has forgotten what it was told, and what it said is not so any more.
    pub(super) fn forget(&mut self) {
        (self.told, self.is_heard) = (None, false);
    }
}

impl App {
    /// Tells how films are heard, if that has changed: not where nobody wants it, while staff have paused, when it is closed, or
    /// under an emergency. Volume, mute and the alarm contact are for all that is mixed.
    pub(super) fn tell_film(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let policy = self.film_sound();
        let may_sound = policy != FilmSound::Off
            && self.playback.transport != Transport::Paused
            && self.air.allows(now)
            && !self.voice.is_emergency()
            && self.ending.is_none();
        // As loud as a song; until it is measured, as one of which nothing is known.
        let media = Media { measurement: self.film.known().cloned().flatten(), ..Media::default() };
        let mix = FilmMix {
            gain_db: may_sound.then(|| self.levels.gain_db(&media, None)),
            duck_db: if policy == FilmSound::Duck { DUCK_DB_DEFAULT as f32 } else { 0.0 },
        };
        if policy == FilmSound::Off && self.film.told.is_none() {
            return;
        }
        if self.film.told != Some(mix) {
            self.film.told = Some(mix);
            effects.push(Effect::Audio(Command::Film(mix)));
        }
        self.hold_for_film(effects);
    }

    /// The film on the screen, if it may be heard and nobody knows yet how loud it is.
    pub(super) fn unmeasured_film(&self) -> Option<Arc<Path>> {
        let is_wanted = self.film_sound() != FilmSound::Off && self.film.known().is_none();
        self.film.on.as_ref().filter(|_| is_wanted).map(|(path, _)| Arc::clone(path))
    }

    /// A file was measured: it may be the film that is on the screen. The next turn tells its gain.
    pub(super) fn film_measured(&mut self, event: &measure::Event) {
        let measure::Event::Measured { path, file: Some(file), result } = event else { return };
        if self.film.on.as_ref().is_none_or(|(on, as_it_is)| on != path || as_it_is != file) {
            return;
        }
        let measured = &mut self.film.measured;
        measured.retain(|(known, ..)| known != path);
        if measured.len() == MEASURED_LEN_MAX {
            measured.pop_front();
        }
        measured.push_back((Arc::clone(path), *file, result.as_deref().ok().cloned()));
        self.dirty = true;
    }

    pub(super) fn hear_film(&mut self, is_heard: bool, effects: &mut Vec<Effect>) {
        self.film.is_heard = is_heard;
        self.dirty = true;
        self.hold_for_film(effects);
    }

    /// Holds the music while a film is heard, where that is wanted, and lets it go on afterwards.
    fn hold_for_film(&mut self, effects: &mut Vec<Effect>) {
        let is_audible = self.film.told.is_some_and(|told| told.gain_db.is_some());
        // Not while something is said, which would be held with the music in mid-word: afterwards.
        let may_begin = self.film.holds_music || !self.voice.speaks();
        let holds = self.film.is_heard && is_audible && may_begin && self.film_sound() == FilmSound::Pause;
        if std::mem::replace(&mut self.film.holds_music, holds) == holds {
            return;
        }
        if holds {
            self.playback.hold(HOLD_FADE_MS, effects);
        } else {
            self.go_on_after_hold(DUCK_UP_MS, effects);
        }
    }

    fn film_sound(&self) -> FilmSound {
        let wanted = self.picture.wanted().filter(|wanted| wanted.on);
        wanted.map_or(FilmSound::Off, |wanted| self.picture.rules().film_sound.unwrap_or(wanted.film_sound))
    }
}

//! The sound of films: whether it may be heard now, and what the music does meanwhile. The mixer turns the music down and
//! brings it back by itself; where the music is to be held instead, that is done here.

use orchestrion_program::model::DUCK_DB_DEFAULT;

use super::playback::Transport;
use super::{App, Effect};
use crate::audio::{Command, DUCK_UP_MS, FilmMix, Media};
use crate::time::Now;
use crate::video::FilmSound;

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
}

impl Film {
    pub(super) fn is_heard(&self) -> bool {
        self.is_heard
    }

    pub(super) fn holds_music(&self) -> bool {
        self.holds_music
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
        let mix = FilmMix {
            // As loud as a song of which nothing is known.
            gain_db: may_sound.then(|| self.levels.gain_db(&Media::default(), None)),
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

//! The sound of films on the audio thread: it gives the mixer what the video thread writes, made for the output's rate.

use super::{Player, film, volume};
use crate::audio::FilmMix;
use crate::audio::film::FilmInput;
use crate::audio::mixer::{FilmLevels, MixerCommand};
use crate::audio::say::{DUCK_DB_MAX, DUCK_DOWN_MS, DUCK_UP_MS};

/// How long films take to another gain, in milliseconds.
const RAMP_MS: u32 = 200;
/// How long no film is heard before the music comes back, in milliseconds: not between two films of a loop.
const HANG_MS: u32 = 500;

impl Player<'_> {
    /// The video thread has begun to write.
    pub(super) fn take_films(&mut self, films: film::Reader) {
        match FilmInput::new(films, self.rate_hz) {
            Ok(input) => self.mix(MixerCommand::Film(Some(Box::new(input)))),
            Err(error) => log::error!("films are not heard: {error}"),
        }
    }

    /// The mixer has no use for a ring any more: its writer is gone, or the output has another rate.
    pub(super) fn films_back(&mut self, input: FilmInput) {
        if !input.is_abandoned() {
            self.take_films(input.into_reader());
        }
    }

    pub(super) fn set_film_mix(&mut self, mix: FilmMix) {
        let gain_db = mix.gain_db.filter(|gain_db| !gain_db.is_nan());
        let duck_db = if mix.duck_db.is_nan() { 0.0 } else { mix.duck_db.clamp(0.0, DUCK_DB_MAX) };
        let levels = FilmLevels {
            gain: gain_db.map_or(0.0, |gain_db| volume::of_decibels(volume::load_db(gain_db))),
            ramp_frames: self.frames(RAMP_MS),
            duck_gain: volume::of_decibels(-duck_db),
            down_frames: self.frames(DUCK_DOWN_MS),
            up_frames: self.frames(DUCK_UP_MS),
            hang_frames: self.frames(HANG_MS),
        };
        self.mix(MixerCommand::FilmLevels(levels));
    }
}

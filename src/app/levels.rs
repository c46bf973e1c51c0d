//! How loud a song is made, so that all are equally loud: a gain in dB from what was measured of it, else from its tags.
//!
//! Between tracks of an album that play in order the differences are the musicians': they share the album's gain where the
//! tags know it. Where they do not, a track is never made louder than the one before it was made: from the loudest track
//! on, the album keeps its balance.

use orchestrion_protocol::limits::VOLUME_MAX;

use super::playback::Sounding;
use super::{App, Effect, crossfade};
use crate::audio::tags::REFERENCE_LUFS;
use crate::audio::{CEILING_DBTP, Command, Media, StartAt, volume};
use crate::measure;
use crate::time::Now;

/// The loudness of a song of which nothing is known, in LUFS: between an old record and a new one.
const UNKNOWN_LUFS: f32 = -14.0;
/// The range of a song's gain in dB. Beyond it a file is broken, or noise that nobody wants to hear louder.
const GAIN_DB: std::ops::RangeInclusive<f32> = -30.0..=20.0;

/// The most that a spot is made louder because the music is played so softly, in dB.
const BOOST_DB_MAX: f32 = 20.0;

/// Announcements shorter than this have no short-term loudness.
const SPOT_SHORT_MS: u64 = 3000;
/// How far the loudest 3 s of an announcement may be above the target.
const SPOT_PEAK_LU: f32 = 5.0;

/// What the device is to sound like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Levels {
    /// The loudness that every song is brought to, in LUFS; `None` leaves songs as they are.
    pub target_lufs: Option<f32>,
    /// On top of that, for this place, in dB.
    pub trim_db: f32,
    /// What the waveform never exceeds, in dB of full scale, true peak.
    pub ceiling_dbtp: f32,
    /// What no volume exceeds, whoever sets it: 0–100.
    pub volume_max: u8,
}

impl Default for Levels {
    fn default() -> Self {
        // −16 LUFS: what AES TD1004 asks of streams, and what keeps most music away from the limiter.
        Self { target_lufs: Some(-16.0), trim_db: 0.0, ceiling_dbtp: CEILING_DBTP, volume_max: VOLUME_MAX }
    }
}

impl Levels {
    /// The gain of a song, in dB. `before_db` is that of the song before, if this one follows it on an album.
    pub(super) fn gain_db(&self, media: &Media, before_db: Option<f32>) -> f32 {
        let Some(target_lufs) = self.target_lufs else { return self.trim_db };
        let own_db = target_lufs - lufs(media) + self.trim_db;
        let gain_db = match (before_db, media.tags.album_gain) {
            (Some(_), Some(album)) => target_lufs - REFERENCE_LUFS + album.gain_db + self.trim_db,
            (Some(before_db), None) => own_db.min(before_db),
            (None, _) => own_db,
        };
        gain_db.clamp(*GAIN_DB.start(), *GAIN_DB.end())
    }
}

impl Levels {
    /// The gain of an announcement, in dB (EBU R128 s1): one of under 3 s goes by its loudest moment, and the loudest 3 s
    /// of a longer one are at most [`SPOT_PEAK_LU`] above the target.
    pub(super) fn spot_gain_db(&self, media: &Media) -> f32 {
        let gain_db = self.gain_db(media, None);
        let measured = media.measurement.as_ref().and_then(|measurement| {
            let loudness = measurement.loudness?;
            Some((measurement.duration_ms < SPOT_SHORT_MS, loudness))
        });
        match (self.target_lufs, measured) {
            (Some(target_lufs), Some((is_short, loudness))) => {
                let room_lu = if is_short { 0.0 } else { SPOT_PEAK_LU };
                let most_db = target_lufs + room_lu - loudness.loudest_lufs + self.trim_db;
                let gain_db = if is_short { most_db } else { gain_db.min(most_db) };
                gain_db.clamp(*GAIN_DB.start(), *GAIN_DB.end())
            }
            _ => gain_db,
        }
    }
}

/// How loud a song is, by the best that is known of it.
fn lufs(media: &Media) -> f32 {
    let measured = media.measurement.as_ref().and_then(|measurement| measurement.loudness);
    let tagged = media.tags.track_gain.or(media.tags.album_gain);
    measured
        .map(|loudness| loudness.integrated_lufs)
        .or_else(|| tagged.map(|gain| REFERENCE_LUFS - gain.gain_db))
        .unwrap_or(UNKNOWN_LUFS)
}

/// What lifts something that is played at one volume to another, in dB.
pub(super) fn boost_db(volume: u8, least: u8) -> f32 {
    match (volume::decibels(volume), volume::decibels(least)) {
        (Some(is_db), Some(least_db)) => (least_db - is_db).clamp(0.0, BOOST_DB_MAX),
        _ => 0.0,
    }
}

impl App {
    /// Tells how loud the song on its way in is to be.
    pub(super) fn level_incoming(&mut self, effects: &mut Vec<Effect>) {
        let in_order = !self.queue.is_shuffled();
        let Some(incoming) = &mut self.playback.incoming else { return };
        let Some(media) = &incoming.media else { return };
        let follows = |current: &&Sounding| {
            in_order
                && incoming.takes_over_by_itself()
                && crossfade::follows(&current.media.tags, &media.tags)
        };
        let current = self.playback.current.as_ref();
        // After a seek the song goes on as it was.
        let same = current.filter(|current| incoming.same_play.is_some() && current.entry == incoming.entry);
        incoming.before_db = match same {
            Some(current) => current.before_db,
            None => current.filter(follows).map(|current| current.gain_db),
        };
        incoming.gain_db = match self.air.spot(incoming.entry) {
            Some(spot) => {
                let least = spot.min_volume.map_or(0.0, |least| boost_db(self.volume, least));
                self.levels.spot_gain_db(media) + least
            }
            None => self.levels.gain_db(media, incoming.before_db),
        };
        effects.push(Effect::Audio(Command::Gain { load: incoming.load, gain_db: incoming.gain_db }));
    }

    /// Tells it of the song that is heard, which glides there.
    pub(super) fn level_current(&mut self, effects: &mut Vec<Effect>) {
        let Some(current) = &mut self.playback.current else { return };
        let gain_db = self.levels.gain_db(&current.media, current.before_db);
        if gain_db != current.gain_db {
            current.gain_db = gain_db;
            effects.push(Effect::Audio(Command::Gain { load: current.load, gain_db }));
        }
    }

    /// A file was measured: if it plays or comes next, its loudness and its cue points count from now on.
    pub(super) fn hear_measure(&mut self, now: Now, event: measure::Event, effects: &mut Vec<Effect>) {
        self.announcement_measured(&event, effects);
        self.film_measured(&event);
        let measure::Event::Measured { path, file, result } = event;
        let (Ok(measurement), Some(file)) = (result, file) else { return };
        let queue = &self.queue;
        let is_it = |entry, media: &Media| {
            media.measurement.is_none()
                && (media.size, media.modified_ms) == (file.size, file.modified_ms)
                && queue.get(entry).is_some_and(|entry| entry.path == path)
        };
        let (mut learnt, mut begins_silent) = (false, false);
        if let Some(current) = &mut self.playback.current
            && is_it(current.entry, &current.media)
        {
            current.media.measurement = Some((*measurement).clone());
            learnt = true;
        }
        if let Some(incoming) = &mut self.playback.incoming {
            let is_ahead = incoming.takes_over_by_itself() && incoming.start == StartAt::Music;
            if let Some(media) = incoming.media.as_mut().filter(|media| is_it(incoming.entry, media)) {
                begins_silent = is_ahead && measurement.cues.head_ms > 0;
                media.measurement = Some(*measurement);
                learnt = true;
            }
        }
        if !learnt {
            return;
        }
        self.level_current(effects);
        if begins_silent {
            // It was opened at its start; it is opened again where its music begins.
            self.drop_incoming(effects);
        } else {
            self.level_incoming(effects);
        }
        self.prepare_next(now, effects);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{TaggedGain, Tags};
    use crate::measure::{Blob, Cues, Loudness, Measurement};

    fn measured(integrated_lufs: f32) -> Media {
        let loudness = Loudness { integrated_lufs, loudest_lufs: integrated_lufs, true_peak_dbtp: -1.0 };
        let cues = Cues { head_ms: 0, tail_ms: 60_000, swing_end_ms: 60_000, silence_ms: 0 };
        let measurement =
            Measurement { blob: Blob([0; 32]), duration_ms: 60_000, loudness: Some(loudness), cues };
        Media { measurement: Some(measurement), ..Media::default() }
    }

    fn tagged(track_db: f32, album_db: Option<f32>) -> Media {
        let gain = |gain_db| TaggedGain { gain_db, peak: None };
        let tags =
            Tags { track_gain: Some(gain(track_db)), album_gain: album_db.map(gain), ..Tags::default() };
        Media { tags, ..Media::default() }
    }

    const LEVELS: Levels =
        Levels { target_lufs: Some(-16.0), trim_db: 0.0, ceiling_dbtp: -1.0, volume_max: 100 };

    #[test]
    fn songs_are_brought_to_the_target_by_what_was_measured_else_by_their_tags() {
        assert_eq!(LEVELS.gain_db(&measured(-9.0), None), -7.0);
        assert_eq!(LEVELS.gain_db(&measured(-29.0), None), 13.0);
        // −18 LUFS is what tags refer to: a song that asks for −6 dB is at −12 LUFS.
        assert_eq!(LEVELS.gain_db(&tagged(-6.0, None), None), -4.0);
        let both = Media { measurement: measured(-9.0).measurement, ..tagged(3.0, None) };
        assert_eq!(LEVELS.gain_db(&both, None), -7.0);
        assert_eq!(LEVELS.gain_db(&Media::default(), None), -2.0);
    }

    #[test]
    fn an_announcement_is_at_the_target_but_its_loudest_three_seconds_are_not_far_above_it() {
        let spoken = |duration_ms: u64, loudest_lufs: f32| {
            let mut media = measured(-20.0);
            if let Some(measurement) = &mut media.measurement {
                measurement.duration_ms = duration_ms;
                measurement.loudness =
                    measurement.loudness.map(|loudness| Loudness { loudest_lufs, ..loudness });
            }
            media
        };
        assert_eq!(LEVELS.spot_gain_db(&spoken(10_000, -17.0)), 4.0);
        assert_eq!(LEVELS.spot_gain_db(&spoken(10_000, -10.0)), -1.0, "5 LU above the target, no more");
        assert_eq!(LEVELS.spot_gain_db(&spoken(2000, -14.0)), -2.0, "a short one goes by its loudest moment");
        assert_eq!(LEVELS.spot_gain_db(&tagged(-6.0, None)), -4.0);
    }

    #[test]
    fn an_album_in_order_has_one_gain() {
        assert_eq!(LEVELS.gain_db(&tagged(-6.0, Some(-8.0)), Some(-6.0)), -6.0);
        assert_eq!(LEVELS.gain_db(&measured(-30.0), Some(-7.0)), -7.0, "a soft track stays soft");
        assert_eq!(LEVELS.gain_db(&measured(-9.0), Some(10.0)), -7.0, "a loud one is not made louder");
    }

    #[test]
    fn trim_adds_and_nothing_is_made_louder_than_makes_sense() {
        let trimmed = Levels { trim_db: -3.0, ..LEVELS };
        assert_eq!(trimmed.gain_db(&measured(-9.0), None), -10.0);
        assert_eq!(LEVELS.gain_db(&measured(-70.0), None), 20.0);
        let untouched = Levels { target_lufs: None, trim_db: 2.0, ..LEVELS };
        assert_eq!(untouched.gain_db(&measured(-9.0), None), 2.0);
    }
}

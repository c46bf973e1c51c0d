//! What the audio thread reports, and what follows from it: loads that are ready or fail, songs that begin and end.

use std::path::Path;
use std::sync::Arc;

use orchestrion_program::spots::Missed;

use super::{
    CHECKPOINT_EVERY_MS, Incoming, Leaving, PAUSE_FADE_MS, RESUME_FADE_MS, SHUTDOWN, Sounding, TakesOver,
    Transport,
};
use crate::app::{App, Effect, crossfade};
use crate::audio::{self, Heard, LoadError, LoadId, Media, StartAt};
use crate::storage::{ChosenBy, HowEnded, PlayEnd, PlayKind, PlayStart};
use crate::time::Now;

impl App {
    pub(in crate::app) fn hear_audio(&mut self, now: Now, event: audio::Event, effects: &mut Vec<Effect>) {
        match event {
            audio::Event::Loaded { load, media } => self.loaded(load, media, effects),
            audio::Event::Failed { load, error } => self.failed(now, load, &error, effects),
            audio::Event::Started { load } => self.started(now, load, effects),
            audio::Event::Ended { load, heard, error } => self.ended(now, load, heard, error, effects),
            audio::Event::Progressed { load, heard, peak } => {
                self.progressed(now, load, heard, peak, effects)
            }
            audio::Event::OutputChanged(output) => {
                self.output = Some(output);
                self.dirty = true;
            }
            audio::Event::Emptied => self.load_again(now, effects),
            audio::Event::SayReady { load, media } => self.say_ready(now, load, media, effects),
            audio::Event::SayStarted { load } => self.say_started(now, load, effects),
            audio::Event::Said { load, heard, end } => self.say_ended(now, load, heard, end, effects),
            audio::Event::Film { is_heard } => self.hear_film(is_heard, effects),
        }
    }

    /// The audio thread has lost its loads: everything is loaded again where it was.
    pub(in crate::app) fn load_again(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let live = self.plays.live();
        let leaving = std::mem::take(&mut self.playback.leaving);
        for gone in leaving {
            let heard = live.iter().find(|(load, _)| *load == gone.load).map(|(_, heard)| *heard);
            self.close(now, gone.load, heard.unwrap_or_default(), gone.how, gone.reason, effects);
        }
        let incoming = self.playback.incoming.take();
        self.playback.held = false;
        let is_held = self.voice.holds_music() || self.film.holds_music();
        if self.playback.transport == Transport::Paused || is_held {
            self.playback.hold(0, effects);
        }
        if let Some(current) = self.playback.current.take() {
            let key = self.plays.key_of(current.load);
            let takes_over = TakesOver::AtOnce { fade_ms: RESUME_FADE_MS };
            self.load(
                current.entry,
                StartAt::Place(current.heard.position_ms),
                ChosenBy::Resume,
                takes_over,
                effects,
            );
            if let (Some(key), Some(incoming)) = (key, &mut self.playback.incoming) {
                // The same play goes on: its old load counts as far as it was heard.
                let load = incoming.load;
                incoming.same_play = Some(key);
                self.plays.go_on(key, load);
                self.plays.end(now.monotonic, current.load, current.heard, HowEnded::Failed, "");
            } else {
                self.close(
                    now,
                    current.load,
                    current.heard,
                    HowEnded::Failed,
                    "the output was lost",
                    effects,
                );
            }
        } else if let Some(incoming) = incoming {
            self.load(
                incoming.entry,
                incoming.start,
                incoming.chosen_by,
                TakesOver::AtOnce { fade_ms: 0 },
                effects,
            );
            if let Some(again) = &mut self.playback.incoming {
                again.continues = incoming.continues;
            }
        }
        // What was played may have left the queue meanwhile.
        self.prepare_next(now, effects);
    }

    fn loaded(&mut self, load: LoadId, media: Box<Media>, effects: &mut Vec<Effect>) {
        let Some(incoming) = self.playback.incoming.as_mut().filter(|incoming| incoming.load == load) else {
            return;
        };
        if let Some(entry) = self.queue.get_mut(incoming.entry) {
            entry.tags = Some(media.tags.clone());
            entry.duration_ms = media.duration_ms;
            self.air.learn_length(&entry.path, media.duration_ms);
        }
        self.dirty = true;
        let follows = |current: &Sounding| crossfade::follows(&current.media.tags, &media.tags);
        let is_album = !self.queue.is_shuffled() && self.playback.current.as_ref().is_some_and(follows);
        if is_album && incoming.takes_over == TakesOver::ByItself && media.start_ms > 0 {
            // Between tracks of an album silence is music.
            let entry = incoming.entry;
            self.drop_incoming(effects);
            return self.load(entry, StartAt::Place(0), ChosenBy::Queue, TakesOver::ByItself, effects);
        }
        incoming.media = Some(media);
        self.level_incoming(effects);
        self.join_incoming(effects);
    }

    fn started(&mut self, now: Now, load: LoadId, effects: &mut Vec<Effect>) {
        let Some(mut incoming) = self.playback.incoming.take_if(|incoming| incoming.load == load) else {
            return;
        };
        if let Some(before) = self.playback.current.take() {
            let (how, reason) = match (incoming.takes_over, incoming.same_play) {
                (TakesOver::ByItself, _) => (HowEnded::Finished, ""),
                (TakesOver::AtBoundary { .. }, _) => (HowEnded::Cut, "another daypart"),
                (TakesOver::AtOnce { .. }, None) => (HowEnded::Skipped, incoming.skips_as),
                (TakesOver::AtOnce { .. }, Some(_)) => (HowEnded::Skipped, ""),
            };
            self.playback.leaving.push(Leaving { load: before.load, entry: before.entry, how, reason });
        }
        let media = incoming.media.take().unwrap_or_default();
        let goes_on = incoming
            .same_play
            .is_some_and(|key| self.plays.key_of(load) == Some(key) || self.plays.go_on(key, load));
        if !goes_on {
            self.open_play(now, &incoming, &media, effects);
            let is_song = self.air.spot(incoming.entry).is_none();
            // What goes on after a restart was heard before it.
            let is_new = is_song && incoming.continues.is_none();
            if let Some(entry) = self.queue.get(incoming.entry).filter(|_| is_new) {
                self.air.heard(self.times.rotation(now), incoming.entry, &entry.path);
            }
        }
        let heard = Heard { position_ms: media.start_ms, ..Heard::default() };
        self.playback.current = Some(Sounding {
            load,
            entry: incoming.entry,
            media,
            heard,
            gain_db: incoming.gain_db,
            before_db: incoming.before_db,
        });
        self.queue.set_current(incoming.entry);
        self.queue.set_passing(incoming.entry, self.air.spot(incoming.entry).is_some());
        if !goes_on {
            self.releases.song_began();
        }
        self.keeper.save_queue(self.queue.snapshot(), effects);
        self.dirty = true;
        self.checkpoint(now, effects);
        self.prepare_next(now, effects);
    }

    fn open_play(&mut self, now: Now, incoming: &Incoming, media: &Media, effects: &mut Vec<Effect>) {
        let Some(path) = self.queue.get(incoming.entry).map(|entry| Arc::clone(&entry.path)) else { return };
        let is_spot = self.air.spot(incoming.entry).is_some();
        let chosen_by = if is_spot { ChosenBy::Spot } else { incoming.chosen_by };
        let mut start = self.play_start(now, incoming.load, path, media, chosen_by);
        if let Some(program) = &mut start.program {
            self.air.tell_why(program, incoming.entry);
        }
        self.spot_began(incoming.entry, start.key);
        self.keeper.open_play(PlayStart { continues: incoming.continues, ..start }, effects);
    }

    /// The row of a spot of which nothing was heard.
    pub(in crate::app) fn missed_play(
        &mut self,
        now: Now,
        path: Arc<Path>,
        row: &Missed,
    ) -> (PlayStart, PlayEnd) {
        let load = self.number_load();
        let mut start = self.play_start(now, load, path, &Media::default(), ChosenBy::Spot);
        if let Some(program) = &mut start.program {
            program.spot = self.air.spot_play(&row.spot, now.wall.map(|_| row.at), None);
        }
        let times = if row.times > 1 { format!(", {} times", row.times) } else { String::new() };
        let end = PlayEnd {
            key: start.key,
            ended: now.monotonic,
            heard_ms: 0,
            audible_ms: 0,
            how: HowEnded::Missed,
            reason: format!("{}{times}", row.why),
            viewed: None,
        };
        self.plays.forget(load);
        (start, end)
    }

    /// The row of something that begins to be heard.
    pub(in crate::app) fn play_start(
        &mut self,
        now: Now,
        load: LoadId,
        path: Arc<Path>,
        media: &Media,
        chosen_by: ChosenBy,
    ) -> PlayStart {
        // Of a file without tags the program knows more.
        let known = self.air.recording(&path).filter(|_| media.tags.title.is_none());
        let known = known.filter(|known| !known.title.is_empty());
        PlayStart {
            key: self.plays.begin(load),
            kind: if chosen_by.is_spot() { PlayKind::Spot } else { PlayKind::Music },
            size: media.size,
            modified_ms: media.modified_ms,
            title: media.tags.title.clone().or_else(|| known.map(|known| known.title.clone())),
            artist: media
                .tags
                .artist
                .clone()
                .or_else(|| known.and_then(|known| known.artists.first().cloned())),
            album: media.tags.album.clone(),
            started: now.monotonic,
            started_wall: now.wall,
            duration_ms: media.duration_ms,
            start_offset_ms: media.start_ms,
            output: self.output.as_ref().map(|output| output.name.clone()).unwrap_or_default(),
            volume_db: if self.muted || self.hands.mutes() {
                None
            } else {
                audio::volume::decibels(self.volume)
            },
            chosen_by,
            continues: None,
            clock: self.times.state(now),
            blob: media.measurement.as_ref().map(|measurement| measurement.blob),
            program: self.air.programmed(&self.times, now, &path).map(Box::new),
            path,
        }
    }

    fn ended(
        &mut self,
        now: Now,
        load: LoadId,
        heard: Heard,
        error: Option<LoadError>,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(at) = self.playback.leaving.iter().position(|leaving| leaving.load == load) {
            let leaving = self.playback.leaving.swap_remove(at);
            // A song that was asked to go may have been broken further on; that is found when it plays to its end.
            let error = error.filter(|_| leaving.how == HowEnded::Finished);
            if self.ending.is_some() {
                self.last_checkpoint(now, load, leaving.entry, heard, effects);
            }
            self.finish(now, &leaving, heard, error, effects);
        } else if let Some(current) = self.playback.current.take_if(|current| current.load == load) {
            let song = Leaving { load, entry: current.entry, how: HowEnded::Finished, reason: "" };
            self.finish(now, &song, heard, error, effects);
            self.dirty = true;
            match self.playback.incoming.as_mut() {
                // It came too late for its join; let it begin as soon as it is ready.
                Some(incoming) => {
                    if incoming.takes_over == TakesOver::ByItself {
                        incoming.takes_over = TakesOver::AtOnce { fade_ms: 0 };
                        self.join_incoming(effects);
                    }
                }
                None => match self.next_entry(now, Some(current.entry), false) {
                    Some(next) => {
                        self.load(
                            next,
                            StartAt::Music,
                            ChosenBy::Queue,
                            TakesOver::AtOnce { fade_ms: 0 },
                            effects,
                        );
                    }
                    None => self.nothing_follows(now, effects),
                },
            }
        } else if self.playback.incoming.take_if(|incoming| incoming.load == load).is_some() {
            // It began and ended between two reports (a song of one sample), or was dropped for another.
            log::debug!("{load:?} ended before it was heard to begin");
            self.close(now, load, heard, HowEnded::Skipped, "skipped", effects);
        } else {
            // A song that was being loaded again was dropped: its play ends here, with what was heard before.
            let is_cut = self.ending.is_some();
            let (how, reason) =
                if is_cut { (HowEnded::Cut, SHUTDOWN) } else { (HowEnded::Skipped, "skipped") };
            self.close(now, load, heard, how, reason, effects);
        }
        if self.ending.is_none() {
            self.prepare_next(now, effects);
        }
    }

    fn finish(
        &mut self,
        now: Now,
        song: &Leaving,
        heard: Heard,
        error: Option<LoadError>,
        effects: &mut Vec<Effect>,
    ) {
        let path = self.queue.get(song.entry).map(|entry| Arc::clone(&entry.path));
        match (error, path) {
            (Some(error), path) => {
                if let Some(path) = path {
                    self.quarantine_file(now, &path, &error, heard.heard_ms);
                }
                self.close(now, song.load, heard, HowEnded::Failed, &error.to_string(), effects);
            }
            (None, path) => {
                if let Some(path) = path.filter(|_| song.how == HowEnded::Finished) {
                    self.quarantine.succeed(&path);
                }
                self.close(now, song.load, heard, song.how, song.reason, effects);
            }
        }
    }

    pub(super) fn close(
        &mut self,
        now: Now,
        load: LoadId,
        heard: Heard,
        how: HowEnded,
        reason: &str,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(end) = self.plays.end(now.monotonic, load, heard, how, reason) {
            self.deck_play_ended(now, &end, effects);
            self.keeper.close_play(end, effects);
        }
    }

    fn failed(&mut self, now: Now, load: LoadId, error: &LoadError, effects: &mut Vec<Effect>) {
        let Some(incoming) = self.playback.incoming.take_if(|incoming| incoming.load == load) else { return };
        if let Some(path) = self.queue.get(incoming.entry).map(|entry| Arc::clone(&entry.path)) {
            self.quarantine_file(now, &path, error, 0);
        }
        self.dirty = true;
        if incoming.same_play.is_some() && self.playback.current.is_some() {
            // A seek that cannot be done leaves the song where it is.
            self.go_on_after_pause(effects);
            self.prepare_next(now, effects);
            return;
        }
        if let Some(key) = incoming.same_play
            && let Some(end) =
                self.plays.end(now.monotonic, load, Heard::default(), HowEnded::Failed, &error.to_string())
        {
            log::debug!("{key:?} cannot go on");
            self.keeper.close_play(end, effects);
        }
        if incoming.takes_over == TakesOver::ByItself {
            self.prepare_next(now, effects);
            return;
        }
        match self.next_entry(now, Some(incoming.entry), true) {
            Some(next) => self.load(next, StartAt::Music, ChosenBy::Queue, incoming.takes_over, effects),
            None if self.playback.current.is_none() => self.nothing_follows(now, effects),
            None => self.go_on_after_pause(effects),
        }
    }

    /// The jump that was to let the music go after a pause cannot be done.
    pub(in crate::app) fn go_on_after_pause(&mut self, effects: &mut Vec<Effect>) {
        if self.playback.transport == Transport::Playing {
            self.release(PAUSE_FADE_MS, effects);
        }
    }

    fn progressed(&mut self, now: Now, load: LoadId, heard: Heard, peak: f32, effects: &mut Vec<Effect>) {
        self.plays.progressed(load, heard);
        let Some(current) = self.playback.current.as_mut().filter(|current| current.load == load) else {
            return;
        };
        current.heard = heard;
        self.peak = self.peak.max(peak);
        self.tell_time(now, effects);
        self.ask_for_break_in_time(now, effects);
        if now.monotonic.since_ms(self.playback.last_checkpoint) >= CHECKPOINT_EVERY_MS {
            self.checkpoint(now, effects);
        }
    }
}

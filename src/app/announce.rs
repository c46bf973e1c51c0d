//! What is said over the music, one after the other: announcements that people ask for, spots that duck or cut, and an
//! emergency, which goes before all of them and is said again and again until its end.

mod emergency;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use emergency::Emergency;
use orchestrion_program::model::{DUCK_DB_DEFAULT, How, SpotId};
use orchestrion_program::spots::Said as Spot;
use orchestrion_protocol::rpc::{Id, RpcError, code};
use serde_json::json;

use super::hands::MUTED_BY_ALARM;
use super::onair::Became;
use super::{App, Effect, levels};
use crate::audio::{
    Command, DUCK_DB_MAX, DUCK_DOWN_MS, DUCK_UP_MS, Heard, LoadId, Media, SaidEnd, Say, SayAt,
};
use crate::control::{self, ClientId};
use crate::measure;
use crate::storage::{ChosenBy, HowEnded, PlayKey, PlayKind};
use crate::time::{Mono, Now};

/// Announcements that may wait for their turn.
const WAITING_LEN_MAX: usize = 16;
/// The fade of an announcement that somebody takes away, in milliseconds.
const HUSH_FADE_MS: u32 = 100;
/// How long an announcement may be to be measured before it is said, in milliseconds: a longer one cannot be in time.
const MEASURED_MS_MAX: u64 = 120_000;
/// As long does an announcement wait until it is measured, in milliseconds. Then it is as loud as its tags say, or as an
/// unknown song.
const MEASURE_WAIT_MS: u64 = 1500;

/// Something to be said.
#[derive(Debug)]
pub(super) struct Announcement {
    pub(super) path: Arc<Path>,
    pub(super) wanted: Wanted,
    /// By how much the music is turned down, in dB; `None` holds it.
    pub(super) duck_db: Option<f32>,
    /// Heard although somebody has paused the music.
    pub(super) pierces_pause: bool,
    /// The volume at which it is heard at least, 0–100.
    pub(super) min_volume: Option<u8>,
    /// The play of it that was cut off because the output was lost.
    pub(super) continues: Option<PlayKey>,
}

/// Who wants it.
#[derive(Debug)]
pub(super) enum Wanted {
    /// The program.
    Spot {
        spot: Box<Spot>,
        /// From 1.
        position_in_break: u32,
    },
    /// Somebody, who is answered when it begins.
    Person(Option<(ClientId, Id)>),
    /// The emergency of [`Voice::emergency`].
    Emergency,
}

impl Announcement {
    /// A spot of the program that does not wait for a song's end.
    pub(super) fn of_spot(spot: Spot, path: Arc<Path>, position_in_break: u32, pierces_pause: bool) -> Self {
        let duck_db = match spot.how {
            How::Duck { db } => Some(db as f32),
            How::Cut | How::Between { .. } => None,
        };
        let min_volume = spot.min_volume;
        let wanted = Wanted::Spot { spot: Box::new(spot), position_in_break };
        Self { path, wanted, duck_db, pierces_pause, min_volume, continues: None }
    }

    fn is_emergency(&self) -> bool {
        matches!(self.wanted, Wanted::Emergency)
    }
}

#[derive(Debug)]
struct Saying {
    load: LoadId,
    announcement: Announcement,
    media: Option<Box<Media>>,
    /// It is being measured, and is said then at the latest.
    measured_by: Option<Mono>,
    /// Why it was taken away.
    taken_away: Option<&'static str>,
    is_begun: bool,
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Voice {
    waiting: VecDeque<Announcement>,
    saying: Option<Saying>,
    emergency: Option<Emergency>,
    /// The music is held for what is or was said.
    has_held: bool,
}

impl Voice {
    /// Whether something is said, or about to be.
    pub(super) fn speaks(&self) -> bool {
        self.saying.is_some() || !self.waiting.is_empty()
    }

    /// Whether this file is said, or waits for its turn.
    pub(super) fn has(&self, path: &Path) -> bool {
        let saying = self.saying.iter().map(|saying| &saying.announcement);
        self.waiting.iter().chain(saying).any(|announcement| *announcement.path == *path)
    }

    /// Whether the music is held for what is said.
    pub(super) fn holds_music(&self) -> bool {
        let cuts = |saying: &Saying| {
            saying.media.is_some() && saying.taken_away.is_none() && saying.announcement.duck_db.is_none()
        };
        self.is_emergency() || self.saying.as_ref().is_some_and(cuts)
    }

    /// Whether an emergency goes before everything: one whose file cannot be said does not.
    pub(super) fn is_emergency(&self) -> bool {
        self.emergency.as_ref().is_some_and(|emergency| emergency.is_heard)
    }

    /// Whether an emergency was called and is not over.
    pub(super) fn has_emergency(&self) -> bool {
        self.emergency.is_some()
    }

    /// When something is to be done without an event.
    pub(super) fn deadline(&self) -> Option<Mono> {
        let measured_by = self.saying.as_ref().and_then(|saying| saying.measured_by);
        let emergency = self.emergency.as_ref();
        let retry = emergency.map(|emergency| emergency.retry).filter(|_| self.saying.is_none());
        let until = emergency.map(|emergency| emergency.until);
        [measured_by, until, retry, emergency.and_then(Emergency::gives_way)].into_iter().flatten().min()
    }

    /// What is to be measured before it is said.
    pub(super) fn unmeasured(&self) -> Option<&Arc<Path>> {
        let saying = self.saying.as_ref().filter(|saying| saying.measured_by.is_some())?;
        Some(&saying.announcement.path)
    }

    /// The spot of the program that is being said.
    pub(super) fn spot(&self) -> Option<&SpotId> {
        match &self.saying.as_ref().filter(|saying| saying.is_begun)?.announcement.wanted {
            Wanted::Spot { spot, .. } => Some(&spot.spot),
            Wanted::Person(_) | Wanted::Emergency => None,
        }
    }

    /// What is said, for people.
    pub(super) fn shown(&self) -> Option<String> {
        let saying = self.saying.as_ref().filter(|saying| saying.is_begun)?;
        let name = saying.announcement.path.file_stem().map(|name| name.to_string_lossy().into_owned());
        Some(match &saying.announcement.wanted {
            Wanted::Spot { spot, .. } => spot.spot.as_str().to_owned(),
            Wanted::Person(_) => name.unwrap_or_default(),
            Wanted::Emergency => format!("EMERGENCY: {}", name.unwrap_or_default()),
        })
    }
}

impl App {
    /// Somebody wants a file to be said over the music, now.
    ///
    /// # Errors
    /// It may not sound, or too many wait.
    pub(super) fn announce(
        &mut self,
        now: Now,
        path: Arc<Path>,
        duck_db: Option<f32>,
        client: Option<(ClientId, Id)>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), RpcError> {
        if self.hands.is_alarm() {
            return Err(RpcError::new(code::REFUSED, MUTED_BY_ALARM));
        }
        if !self.voice.is_emergency()
            && let Some(why) = self.air.why_silent(now)
        {
            return Err(RpcError::new(code::REFUSED, why));
        }
        if self.voice.waiting.len() >= WAITING_LEN_MAX {
            let text = format!("{WAITING_LEN_MAX} announcements wait already; try again when some were said");
            return Err(RpcError::new(code::REFUSED, text));
        }
        let announcement = Announcement {
            path,
            wanted: Wanted::Person(client),
            duck_db: Some(duck_db.unwrap_or(DUCK_DB_DEFAULT as f32)),
            pierces_pause: true,
            min_volume: None,
            continues: None,
        };
        self.say(now, announcement, effects);
        Ok(())
    }

    /// Says something when what is being said is over.
    pub(super) fn say(&mut self, now: Now, announcement: Announcement, effects: &mut Vec<Effect>) {
        self.voice.waiting.push_back(announcement);
        self.say_next(now, effects);
    }

    /// Takes away what is said, and all that waits. An emergency stays.
    pub(super) fn hush(&mut self, now: Now, reason: &'static str, fade_ms: u32, effects: &mut Vec<Effect>) {
        for waiting in std::mem::take(&mut self.voice.waiting) {
            self.not_said(now, waiting.wanted, &waiting.path, reason, effects);
        }
        if self.voice.saying.as_ref().is_some_and(|saying| !saying.announcement.is_emergency()) {
            self.take_away(reason, fade_ms, effects);
        }
    }

    /// Takes away all that is said, an emergency as well.
    pub(super) fn silence_voice(
        &mut self,
        now: Now,
        reason: &'static str,
        fade_ms: u32,
        effects: &mut Vec<Effect>,
    ) {
        self.hush(now, reason, fade_ms, effects);
        self.take_away(reason, fade_ms, effects);
    }

    fn take_away(&mut self, reason: &'static str, fade_ms: u32, effects: &mut Vec<Effect>) {
        if let Some(saying) = self.voice.saying.as_mut().filter(|saying| saying.taken_away.is_none()) {
            saying.taken_away = Some(reason);
            effects.push(Effect::Audio(Command::Hush { load: saying.load, fade_ms }));
        }
    }

    /// Somebody takes away what is said.
    ///
    /// # Errors
    /// Nothing is said that could be.
    pub(super) fn hush_asked(&mut self, now: Now, effects: &mut Vec<Effect>) -> Result<(), RpcError> {
        if self.voice.is_emergency() {
            return Err(RpcError::new(code::REFUSED, "an emergency; `emergency end` ends it"));
        }
        if !self.voice.speaks() {
            return Err(RpcError::new(code::REFUSED, "nothing is being said"));
        }
        self.hush(now, "hushed", HUSH_FADE_MS, effects);
        Ok(())
    }

    /// Time has passed.
    pub(super) fn watch_voice(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.voice.emergency.as_ref().is_some_and(|emergency| emergency.until <= now.monotonic) {
            self.end_emergency(now, effects);
        }
        self.let_emergency_give_way(now, effects);
        if self
            .voice
            .saying
            .as_ref()
            .is_some_and(|saying| saying.measured_by.is_some_and(|at| at <= now.monotonic))
        {
            log::info!("an announcement is said before it could be measured");
            self.speak(effects);
        }
        self.say_next(now, effects);
    }

    /// The volume as it is to be now: an emergency is as loud as this device may be, whoever has muted it; an alarm mutes all.
    pub(super) fn tell_loudness(&self, effects: &mut Vec<Effect>) {
        let (percent, muted) = if self.hands.mutes() {
            (self.volume, true)
        } else if self.voice.is_emergency() {
            (self.levels.volume_max, false)
        } else {
            (self.volume, self.muted)
        };
        effects.push(Effect::Audio(Command::Volume { percent, muted }));
    }

    fn say_next(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.voice.saying.is_some() || self.ending.is_some() {
            return;
        }
        let emergency = self.voice.emergency.as_ref().filter(|emergency| emergency.retry <= now.monotonic);
        let announcement = match emergency {
            Some(emergency) => Announcement {
                path: Arc::clone(&emergency.path),
                wanted: Wanted::Emergency,
                duck_db: None,
                pierces_pause: true,
                min_volume: None,
                continues: None,
            },
            None if self.voice.is_emergency() => return,
            None => match self.voice.waiting.pop_front() {
                Some(announcement) => announcement,
                None => return,
            },
        };
        let load = self.number_load();
        // What holds the music, or a film does, is no pause.
        let pierces_pause =
            announcement.pierces_pause || announcement.duck_db.is_none() || self.film.holds_music();
        effects.push(Effect::Audio(Command::Say(Say {
            load,
            path: Arc::clone(&announcement.path),
            gain_db: 0.0,
            duck_db: announcement.duck_db.unwrap_or(DUCK_DB_MAX),
            pierces_pause,
            // Its gain is known when it is ready.
            at: SayAt::Told,
        })));
        self.voice.saying = Some(Saying {
            load,
            announcement,
            media: None,
            measured_by: None,
            taken_away: None,
            is_begun: false,
        });
    }

    /// It was opened: now it is known how loud it is. What somebody wants to be said is measured first, if that was not done
    /// before and it is short; a spot was measured ahead of its time, and an emergency waits for nothing.
    pub(super) fn say_ready(&mut self, now: Now, load: LoadId, media: Box<Media>, effects: &mut Vec<Effect>) {
        let Some(saying) = self.voice.saying.as_mut().filter(|saying| saying.load == load) else { return };
        if saying.taken_away.is_some() {
            return;
        }
        let is_wanted = matches!(saying.announcement.wanted, Wanted::Person(_));
        let is_short = media.duration_ms.is_none_or(|ms| ms <= MEASURED_MS_MAX);
        let is_measured = media.measurement.is_some() || self.levels.target_lufs.is_none();
        saying.media = Some(media);
        if is_wanted && is_short && !is_measured {
            saying.measured_by = Some(now.monotonic.plus_ms(MEASURE_WAIT_MS));
            // It goes to the head of what is measured.
            self.dirty = true;
        } else {
            self.speak(effects);
        }
    }

    /// A file was measured, or cannot be: if it waits to be said for that, it does no more.
    pub(super) fn announcement_measured(&mut self, event: &measure::Event, effects: &mut Vec<Effect>) {
        let measure::Event::Measured { path, file, result } = event;
        let waits = |saying: &&mut Saying| saying.measured_by.is_some() && saying.announcement.path == *path;
        let Some(saying) = self.voice.saying.as_mut().filter(waits) else { return };
        if let (Some(media), Some(file), Ok(measurement)) = (&mut saying.media, file, result)
            && (media.size, media.modified_ms) == (file.size, file.modified_ms)
        {
            media.measurement = Some((**measurement).clone());
        }
        self.speak(effects);
    }

    /// What is open is said.
    fn speak(&mut self, effects: &mut Vec<Effect>) {
        let levels = self.levels;
        let Some(saying) = self.voice.saying.as_mut().filter(|saying| saying.taken_away.is_none()) else {
            return;
        };
        let Some(media) = &saying.media else { return };
        saying.measured_by = None;
        let load = saying.load;
        let boost_db =
            saying.announcement.min_volume.map_or(0.0, |least| levels::boost_db(self.volume, least));
        let gain_db = levels.spot_gain_db(media) + boost_db;
        effects.push(Effect::Audio(Command::Gain { load, gain_db }));
        let is_emergency = saying.announcement.is_emergency();
        if saying.announcement.duck_db.is_none() {
            self.voice.has_held = true;
            self.playback.hold(DUCK_DOWN_MS, effects);
        }
        if is_emergency {
            self.emergency_is_heard(effects);
        }
        effects.push(Effect::Audio(Command::Speak { load }));
    }

    pub(super) fn say_started(&mut self, now: Now, load: LoadId, effects: &mut Vec<Effect>) {
        let Some(saying) = self.voice.saying.as_mut().filter(|saying| saying.load == load) else { return };
        saying.is_begun = true;
        self.dirty = true;
        let media = saying.media.clone().unwrap_or_default();
        let path = Arc::clone(&saying.announcement.path);
        let duration_ms = media.duration_ms;
        let scheduled = match &saying.announcement.wanted {
            Wanted::Spot { spot, position_in_break } => {
                Some((spot.spot.clone(), spot.scheduled_for, *position_in_break))
            }
            Wanted::Person(_) | Wanted::Emergency => None,
        };
        let chosen_by = match &mut saying.announcement.wanted {
            Wanted::Person(client) => {
                if let Some((client, id)) = client.take() {
                    let outcome = Ok(json!({"duration_ms": duration_ms}));
                    effects.push(Effect::Control(control::Command::Reply { client, id, outcome }));
                }
                ChosenBy::User
            }
            Wanted::Spot { .. } => ChosenBy::Spot,
            Wanted::Emergency => ChosenBy::Emergency,
        };
        let continues = saying.announcement.continues;
        let mut start = self.play_start(now, load, path, &media, chosen_by);
        (start.kind, start.continues) = (PlayKind::Spot, continues);
        if let Some((spot, ..)) = &scheduled {
            self.spot_begun(spot);
        }
        if let Some(program) = &mut start.program {
            program.spot = scheduled.and_then(|(spot, at, position)| {
                self.air.spot_play(&spot, now.wall.map(|_| at), Some(position))
            });
        }
        self.keeper.open_play(start, effects);
    }

    /// An announcement is over, however it ended.
    pub(super) fn say_ended(
        &mut self,
        now: Now,
        load: LoadId,
        heard: Heard,
        end: SaidEnd,
        effects: &mut Vec<Effect>,
    ) {
        let Some(saying) = self.voice.saying.take_if(|saying| saying.load == load) else { return };
        self.dirty = true;
        let (how, reason) = match &end {
            SaidEnd::Finished => (HowEnded::Finished, String::new()),
            SaidEnd::Cut => (HowEnded::Cut, saying.taken_away.unwrap_or("another one").to_owned()),
            SaidEnd::Failed(error) => {
                log::warn!("{} cannot be said: {error}", saying.announcement.path.display());
                (HowEnded::Failed, error.to_string())
            }
        };
        self.close_announcement(now, load, heard, how, &reason, effects);
        if saying.announcement.is_emergency() {
            let problem = match (&end, saying.taken_away) {
                (SaidEnd::Failed(_), _) | (SaidEnd::Cut, None) => Some(reason.as_str()),
                (SaidEnd::Cut, Some(_)) | (SaidEnd::Finished, _) => None,
            };
            self.emergency_is_silent(now, problem, effects);
        }
        match (saying.announcement.wanted, end) {
            (Wanted::Spot { spot, .. }, SaidEnd::Failed(_)) => {
                self.spot_said(now, &spot.spot, Became::Failed, effects);
            }
            (Wanted::Spot { spot, .. }, _) if saying.is_begun => {
                self.spot_said(now, &spot.spot, Became::Heard, effects);
            }
            (wanted, _) => self.not_said(now, wanted, &saying.announcement.path, &reason, effects),
        }
        self.say_next(now, effects);
        self.let_music_go_on(effects);
    }

    fn let_music_go_on(&mut self, effects: &mut Vec<Effect>) {
        let next_cuts = self.voice.saying.as_ref().is_some_and(|next| next.announcement.duck_db.is_none());
        if !next_cuts && !self.voice.holds_music() && std::mem::take(&mut self.voice.has_held) {
            self.go_on_after_hold(DUCK_UP_MS, effects);
        }
    }

    fn not_said(&mut self, now: Now, wanted: Wanted, path: &Path, reason: &str, effects: &mut Vec<Effect>) {
        match wanted {
            Wanted::Spot { spot, .. } => self.spot_said(now, &spot.spot, Became::TakenAway, effects),
            Wanted::Person(Some((client, id))) => {
                let text = format!("{} is not said: {reason}", path.display());
                let outcome = Err(RpcError::new(code::REFUSED, text));
                effects.push(Effect::Control(control::Command::Reply { client, id, outcome }));
            }
            Wanted::Person(None) | Wanted::Emergency => {}
        }
    }

    /// The audio thread has forgotten everything: what was being said is said again.
    pub(super) fn say_again(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(mut saying) = self.voice.saying.take() else { return };
        let first = saying.announcement.continues;
        saying.announcement.continues = first.or_else(|| self.plays.key_of(saying.load));
        self.close_announcement(
            now,
            saying.load,
            Heard::default(),
            HowEnded::Failed,
            "the output was lost",
            effects,
        );
        match saying.taken_away {
            Some(reason) => {
                let Announcement { wanted, path, .. } = saying.announcement;
                self.not_said(now, wanted, &path, reason, effects);
            }
            None if saying.announcement.is_emergency() => self.emergency_is_silent(now, None, effects),
            None => self.voice.waiting.push_front(saying.announcement),
        }
        self.say_next(now, effects);
    }

    fn close_announcement(
        &mut self,
        now: Now,
        load: LoadId,
        heard: Heard,
        how: HowEnded,
        reason: &str,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(end) = self.plays.end(now.monotonic, load, heard, how, reason) {
            self.keeper.close_play(end, effects);
        }
    }
}

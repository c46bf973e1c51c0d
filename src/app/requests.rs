//! What local clients ask, and what they are answered.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use orchestrion_protocol::limits::{
    CROSSFADE_MS_MAX, DUCK_DB_MAX, EMERGENCY_S_MAX, PATHS_LEN_MAX, PROBLEMS_LEN_MAX, QUEUE_PAGE_LEN_MAX,
    VOLUME_MAX,
};
use orchestrion_protocol::location;
use orchestrion_protocol::method::{
    Method, Place, ProgramMethod, QueueMethod, SeekParams, SessionMethod, VoiceMethod, VolumeParams,
    WhyParams,
};
use orchestrion_protocol::rpc::{Id, RpcError, code};
use orchestrion_protocol::status::{Added, EntryId};
use serde_json::{Value, json};

use super::playback::{SKIPPED, Transport};
use super::queue::QueueError;
use super::{App, Effect};
use crate::audio::StartAt;
use crate::control::{self, ClientId};
use crate::library::{self, WishId};
use crate::storage::ChosenBy;
use crate::time::Now;

/// Wishes for files that may be under way at once.
const WISHES_MAX: usize = 32;

/// Songs that were asked for and are being looked for.
#[derive(Debug)]
pub(super) struct Wish {
    client: Option<(ClientId, Id)>,
    at: Place,
    plays_now: bool,
    added: Added,
    /// Songs that are in the queue already are not added again; so the configured music is taken up after a restart.
    only_new: bool,
}

impl Wish {
    /// Whether it is for the configured music.
    pub(super) fn is_configured(&self) -> bool {
        self.client.is_none()
    }
}

/// An answer, or `None` when it comes later.
type Answer = Result<Option<Value>, RpcError>;

impl App {
    pub(super) fn hear_client(&mut self, now: Now, event: control::Event, effects: &mut Vec<Effect>) {
        let control::Event::Asked { client, id, method } = event;
        let answer = self.carry_out(now, client, id.clone(), method, effects);
        let Some(id) = id else { return };
        let outcome = match answer {
            Ok(None) => return,
            Ok(Some(value)) => Ok(value),
            Err(error) => Err(error),
        };
        effects.push(Effect::Control(control::Command::Reply { client, id, outcome }));
    }

    fn carry_out(
        &mut self,
        now: Now,
        client: ClientId,
        id: Option<Id>,
        method: Method,
        effects: &mut Vec<Effect>,
    ) -> Answer {
        let would_sound = match &method {
            Method::Play(_) | Method::Skip | Method::Previous | Method::Seek(_) => true,
            Method::Toggle => self.playback.transport != Transport::Playing,
            Method::Queue(QueueMethod::PlayNow(_)) => true,
            _ => false,
        };
        if would_sound && let Some(why) = self.air.why_silent(now) {
            return Err(RpcError::new(code::REFUSED, why));
        }
        let current = self.playback.current.as_ref();
        if matches!(method, Method::Skip | Method::Previous | Method::Seek(_))
            && current.is_some_and(|current| self.air.spot(current.entry).is_some())
        {
            return Err(RpcError::new(code::REFUSED, "an announcement is not skipped"));
        }
        match method {
            Method::Status => return written(&self.status(now)),
            Method::Program(method) => return self.ask_program(now, method, effects),
            Method::Play(params) => match params.entry {
                Some(entry) => {
                    self.known(entry)?;
                    self.play_entry(now, entry, effects);
                }
                None => self.play(now, effects),
            },
            Method::Pause => self.pause(now, effects),
            Method::Toggle if self.playback.transport == Transport::Playing => self.pause(now, effects),
            Method::Toggle => self.play(now, effects),
            Method::Stop => self.stop(now, "stopped", effects),
            Method::Skip => self.skip(now, SKIPPED, effects),
            Method::Previous => self.previous(now, SKIPPED, effects),
            Method::Seek(params) => self.seek_by(params, effects)?,
            Method::Volume(params) => return self.change_volume(params, effects),
            Method::Mute(params) => {
                self.muted = params.on;
                self.tell_volume(effects);
            }
            Method::Crossfade(params) => {
                if params.fade_ms > CROSSFADE_MS_MAX {
                    let text = format!(
                        "a crossfade of {} ms is too long; 0 to {CROSSFADE_MS_MAX} ms",
                        params.fade_ms
                    );
                    return Err(RpcError::new(code::INVALID_PARAMS, text));
                }
                self.crossfade_ms = params.fade_ms;
                self.save_settings(effects);
                self.prepare_next(now, effects);
            }
            Method::Trim(params) => return self.set_trim(params.db, effects),
            Method::Voice(method) => return self.speak_for(now, client, id, method, effects),
            Method::Queue(method) => return self.change_queue(now, client, id, method, effects),
            Method::Session(method) => match method {
                SessionMethod::Reload => effects.push(Effect::Reload),
                SessionMethod::Update => self.ask_for_releases(effects)?,
                SessionMethod::Identify => self.identify(now)?,
                SessionMethod::Snapshot => return self.ask_snapshot(client, id, effects),
                SessionMethod::Screen(params) => self.switch_screen(now, params.on, effects)?,
                SessionMethod::ShowNow(params) => self.show_now(now, &params, effects)?,
                SessionMethod::Shutdown => self.terminate(now, effects),
                // The control thread answers these itself.
                SessionMethod::Subscribe | SessionMethod::Unsubscribe | SessionMethod::Methods => {}
            },
        }
        Ok(Some(json!("ok")))
    }

    fn speak_for(
        &mut self,
        now: Now,
        client: ClientId,
        id: Option<Id>,
        method: VoiceMethod,
        effects: &mut Vec<Effect>,
    ) -> Answer {
        match method {
            VoiceMethod::Announce(params) => {
                if let Some(duck_db) = params.duck_db
                    && !(0.0..=DUCK_DB_MAX).contains(&duck_db)
                {
                    let text = format!("music is turned down by 0 to {DUCK_DB_MAX} dB, not {duck_db}");
                    return Err(RpcError::new(code::INVALID_PARAMS, text));
                }
                let path = path_of(&params.path)?;
                self.announce(now, path, params.duck_db, id.map(|id| (client, id)), effects)?;
                return Ok(None);
            }
            VoiceMethod::Hush => self.hush_asked(now, effects)?,
            VoiceMethod::Emergency(params) => {
                if !(1..=EMERGENCY_S_MAX).contains(&params.for_s) {
                    let text = format!("an emergency lasts 1 to {EMERGENCY_S_MAX} s, not {}", params.for_s);
                    return Err(RpcError::new(code::INVALID_PARAMS, text));
                }
                let until = now.monotonic.plus_ms(u64::from(params.for_s) * 1000);
                let asked = id.map(|id| (client, id));
                let picture = params.picture.as_deref().map(path_of).transpose()?;
                self.begin_emergency(now, (path_of(&params.path)?, picture), until, asked, effects);
                return Ok(None);
            }
            VoiceMethod::EndEmergency => {
                if !self.voice.has_emergency() {
                    return Err(RpcError::new(code::REFUSED, "there is no emergency"));
                }
                self.end_emergency(now, effects);
            }
        }
        Ok(Some(json!("ok")))
    }

    fn change_queue(
        &mut self,
        now: Now,
        client: ClientId,
        id: Option<Id>,
        method: QueueMethod,
        effects: &mut Vec<Effect>,
    ) -> Answer {
        match method {
            QueueMethod::List(params) => {
                let limit = params.limit.unwrap_or(QUEUE_PAGE_LEN_MAX).min(QUEUE_PAGE_LEN_MAX);
                return written(&self.page(now, params.offset, limit));
            }
            QueueMethod::Add(params) => {
                if let Place::After(entry) = params.at {
                    self.known(entry)?;
                }
                let client = id.map(|id| (client, id));
                self.wish(client, &params.paths, params.at, false, effects)?;
                return Ok(None);
            }
            QueueMethod::PlayNow(params) => {
                let client = id.map(|id| (client, id));
                self.wish(client, &params.paths, Place::Next, true, effects)?;
                return Ok(None);
            }
            QueueMethod::Remove(params) => self.queue.remove(params.entry).map_err(refused)?,
            QueueMethod::Move(params) => self.queue.move_to(params.entry, params.at).map_err(refused)?,
            QueueMethod::Clear => self.queue.clear(),
            QueueMethod::Shuffle(params) => {
                self.set_shuffle(params.on);
                self.save_settings(effects);
            }
            QueueMethod::Repeat(params) => {
                self.set_repeat(params.mode);
                self.save_settings(effects);
            }
        }
        self.queue_changed(now, effects);
        Ok(Some(json!("ok")))
    }

    /// The queue is another: keep it, and look at what follows.
    pub(super) fn queue_changed(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.dirty = true;
        self.keeper.save_queue(self.queue.snapshot(), effects);
        self.prepare_next(now, effects);
    }

    fn known(&self, entry: EntryId) -> Result<(), RpcError> {
        self.queue.get(entry).map(|_| ()).ok_or_else(|| refused(QueueError::Unknown(entry)))
    }

    fn play_entry(&mut self, now: Now, entry: EntryId, effects: &mut Vec<Effect>) {
        self.playback.transport = Transport::Playing;
        self.jump(entry, StartAt::Music, ChosenBy::User, effects);
        self.checkpoint(now, effects);
    }

    fn seek_by(&mut self, params: SeekParams, effects: &mut Vec<Effect>) -> Result<(), RpcError> {
        let Some(current) = &self.playback.current else {
            return Err(RpcError::new(code::REFUSED, "nothing plays, so there is no place to go to"));
        };
        let target = match (params.position_ms, params.by_ms) {
            (Some(position_ms), None) => position_ms,
            (None, Some(by_ms)) => current.heard.position_ms.saturating_add_signed(by_ms),
            _ => return Err(RpcError::new(code::INVALID_PARAMS, "seek takes either position_ms or by_ms")),
        };
        if let Some(duration_ms) = current.media.duration_ms
            && target >= duration_ms
        {
            let text = format!("the song is {} s long; `skip` goes on to the next", duration_ms / 1000);
            return Err(RpcError::new(code::INVALID_PARAMS, text));
        }
        self.seek(target, effects);
        Ok(())
    }

    fn ask_program(&mut self, now: Now, method: ProgramMethod, effects: &mut Vec<Effect>) -> Answer {
        let refused = |text| RpcError::new(code::REFUSED, text);
        match method {
            ProgramMethod::Why(WhyParams { song: None }) => written(&self.why_all(now)),
            ProgramMethod::Why(WhyParams { song: Some(song) }) => {
                written(&self.air.why_not(&self.times, now, &song).map_err(refused)?)
            }
            ProgramMethod::Ahead => written(&self.air.ahead(now).map_err(refused)?),
            ProgramMethod::Inherit(params) => self.inherit(now, params, effects),
        }
    }

    fn change_volume(&mut self, params: VolumeParams, effects: &mut Vec<Effect>) -> Answer {
        let wanted = match (params.percent, params.by) {
            (Some(percent), None) => i32::from(percent),
            (None, Some(by)) => {
                (i32::from(self.volume) + i32::from(by)).clamp(0, self.levels.volume_max.into())
            }
            _ => return Err(RpcError::new(code::INVALID_PARAMS, "volume takes either percent or by")),
        };
        let volume = u8::try_from(wanted).ok().filter(|volume| *volume <= VOLUME_MAX);
        let volume = volume.ok_or_else(|| {
            RpcError::new(code::INVALID_PARAMS, format!("{wanted} is no volume; 0 to {VOLUME_MAX}"))
        })?;
        if volume > self.levels.volume_max {
            let text = format!(
                "{volume} is louder than this device may be: {} (volume_max of its configuration)",
                self.levels.volume_max
            );
            return Err(RpcError::new(code::REFUSED, text));
        }
        self.volume = self.air.take_volume(volume);
        self.tell_volume(effects);
        Ok(Some(json!({"volume": self.volume})))
    }

    pub(super) fn tell_volume(&mut self, effects: &mut Vec<Effect>) {
        self.dirty = true;
        self.tell_loudness(effects);
        self.save_settings(effects);
    }

    fn wish(
        &mut self,
        client: Option<(ClientId, Id)>,
        paths: &[String],
        at: Place,
        plays_now: bool,
        effects: &mut Vec<Effect>,
    ) -> Result<(), RpcError> {
        if paths.is_empty() || paths.len() > PATHS_LEN_MAX {
            let text = format!("it takes 1 to {PATHS_LEN_MAX} paths, not {}", paths.len());
            return Err(RpcError::new(code::INVALID_PARAMS, text));
        }
        let paths = paths.iter().map(|text| location::from_text(text)).collect::<Result<Vec<_>, _>>();
        let paths = paths.map_err(|e| RpcError::new(code::INVALID_PARAMS, e.to_string()))?;
        if self.wishes.len() >= WISHES_MAX {
            return Err(RpcError::new(
                code::REFUSED,
                "too many folders are being read; try again in a moment",
            ));
        }
        self.look_for(
            Wish { client, at, plays_now, added: Added::default(), only_new: false },
            paths,
            effects,
        );
        Ok(())
    }

    /// Looks for the configured music.
    pub(super) fn look_for_music(&mut self, paths: Vec<PathBuf>, only_new: bool, effects: &mut Vec<Effect>) {
        if paths.is_empty() {
            return;
        }
        if self.wishes.len() >= WISHES_MAX {
            log::warn!("the configured music is not looked for: too many folders are being read");
            return;
        }
        let wish =
            Wish { client: None, at: Place::Last, plays_now: false, added: Added::default(), only_new };
        self.look_for(wish, paths, effects);
    }

    fn look_for(&mut self, wish: Wish, paths: Vec<PathBuf>, effects: &mut Vec<Effect>) {
        let id = WishId(self.next_wish);
        self.next_wish += 1;
        self.dirty = true;
        self.wishes.insert(id, wish);
        effects.push(Effect::Library(library::Command::Expand { wish: id, paths }));
    }

    pub(super) fn hear_library(&mut self, now: Now, event: library::Event, effects: &mut Vec<Effect>) {
        match event {
            library::Event::Found { wish, songs } => self.found(now, wish, songs, effects),
            library::Event::Expanded { wish, problems } => self.expanded(now, wish, problems, effects),
        }
    }

    fn found(&mut self, now: Now, id: WishId, songs: Vec<PathBuf>, effects: &mut Vec<Effect>) {
        let Some(wish) = self.wishes.get_mut(&id) else { return };
        let known: std::collections::HashSet<Arc<Path>> = if wish.only_new {
            self.queue.iter().map(|(_, entry)| Arc::clone(&entry.path)).collect()
        } else {
            std::collections::HashSet::new()
        };
        let songs = songs.into_iter().map(Arc::<Path>::from).filter(|path| !known.contains(path));
        // Where it was to go may have been removed meanwhile; then it goes to the end.
        let songs: Vec<_> = songs.collect();
        let outcome = self
            .queue
            .add(songs.clone(), wish.at)
            .or_else(|_| self.queue.add(songs, Place::Last))
            .unwrap_or_default();
        wish.added.added += outcome.added;
        wish.added.no_room += outcome.no_room;
        let is_first = wish.added.first.is_none();
        wish.added.first = wish.added.first.or(outcome.first);
        if let Some(last) = outcome.last
            && wish.at != Place::Last
        {
            // The next batch goes behind this one.
            wish.at = Place::After(last);
        }
        let Some(first) = outcome.first else { return };
        if wish.plays_now && is_first {
            self.play_entry(now, first, effects);
        }
        self.go_on_with(first, effects);
        self.queue_changed(now, effects);
    }

    fn expanded(&mut self, now: Now, id: WishId, problems: Vec<String>, effects: &mut Vec<Effect>) {
        let Some(wish) = self.wishes.remove(&id) else { return };
        self.dirty = true;
        let mut added = wish.added;
        added.problems = problems;
        if added.no_room > 0 {
            let text = format!("the queue is full: {} songs found no room", added.no_room);
            added.problems.insert(0, text);
        }
        added.problems.truncate(PROBLEMS_LEN_MAX);
        let has_ended = self.playback.is_over && self.playback.transport == Transport::Playing;
        if has_ended && self.playback.is_silent() && self.playback.incoming.is_none() {
            // The queue ended while this was looked for, and it brought nothing.
            self.nothing_follows(now, effects);
        }
        let Some((client, id)) = wish.client else {
            for problem in &added.problems {
                log::warn!("{problem}");
            }
            if self.playback.is_silent() && self.playback.incoming.is_none() {
                self.nothing_found(now, effects);
            }
            return;
        };
        let outcome = if added.added == 0 && added.no_room > 0 {
            Err(RpcError::new(code::QUEUE_FULL, added.problems.join("; ")))
        } else if added.added == 0 {
            Err(RpcError::new(code::REFUSED, format!("nothing was added: {}", added.problems.join("; "))))
        } else {
            Ok(serde_json::to_value(&added).unwrap_or_default())
        };
        effects.push(Effect::Control(control::Command::Reply { client, id, outcome }));
    }
}

fn path_of(text: &str) -> Result<Arc<Path>, RpcError> {
    let path = location::from_text(text).map_err(|e| RpcError::new(code::INVALID_PARAMS, e.to_string()))?;
    Ok(Arc::from(path))
}

fn refused(error: QueueError) -> RpcError {
    let code = match error {
        QueueError::Unknown(_) => code::UNKNOWN_ENTRY,
        QueueError::Current(_) => code::REFUSED,
    };
    RpcError::new(code, error.to_string())
}

fn written(value: &impl serde::Serialize) -> Answer {
    serde_json::to_value(value)
        .map(Some)
        .map_err(|e| RpcError::new(code::REFUSED, format!("the answer cannot be written: {e}")))
}

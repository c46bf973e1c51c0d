//! An emergency: a file that is said again and again, over everything, until its end; it outlives a restart. It goes before
//! everything only while it is heard: one whose file cannot be opened says so and is tried again, and the music goes on.

use std::path::Path;
use std::sync::Arc;

use orchestrion_program::model::{Clock, Wall};
use orchestrion_program::now::Timer;
use orchestrion_protocol::location;
use orchestrion_protocol::rpc::{Id, RpcError, code};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{HUSH_FADE_MS, Voice};
use crate::app::{App, Effect};
use crate::control::{self, ClientId};
use crate::storage::Remembered;
use crate::time::{Mono, Now};

/// How soon an emergency whose file cannot be said is tried again, in milliseconds.
const EMERGENCY_RETRY_MS: u64 = 2000;
/// How long an emergency that was heard may be silent, because its file is tried again, before the music goes on, in milliseconds.
const EMERGENCY_SILENT_MS_MAX: u64 = 5000;

/// An emergency that somebody has called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Emergency {
    pub(super) path: Arc<Path>,
    /// What the screen shows until it is over, heard or not.
    picture: Option<Arc<Path>>,
    pub(super) until: Mono,
    /// A file that cannot be said is not tried before.
    pub(super) retry: Mono,
    /// It goes before everything: from its first sound on, until it is silent for too long.
    pub(super) is_heard: bool,
    /// Since when it is silent.
    silent_since: Option<Mono>,
    /// Why it could not be said the last time.
    problem: Option<String>,
    /// Who is answered when it is heard, or cannot be.
    asked: Option<(ClientId, Id)>,
}

impl Emergency {
    /// When the music goes on, if it stays silent.
    pub(super) fn gives_way(&self) -> Option<Mono> {
        self.silent_since.filter(|_| self.is_heard).map(|since| since.plus_ms(EMERGENCY_SILENT_MS_MAX))
    }
}

/// The same as it outlives a restart.
#[derive(Debug, Serialize, Deserialize)]
struct KeptEmergency {
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    picture: Option<String>,
    timer: Timer,
}

impl Voice {
    /// What the screen shows while an emergency lasts.
    pub(in crate::app) fn emergency_picture(&self) -> Option<&Arc<Path>> {
        self.emergency.as_ref()?.picture.as_ref()
    }

    /// Why an emergency that was called is not heard.
    pub(in crate::app) fn emergency_problem(&self) -> Option<String> {
        let emergency = self.emergency.as_ref()?;
        let problem = emergency.problem.as_ref()?;
        let name = emergency.path.display();
        Some(format!("EMERGENCY: {name} cannot be said: {problem}; it is tried again until it is ended"))
    }
}

impl App {
    /// An emergency: a file that is said again and again, over everything, until its end. Whoever asked is answered when it
    /// is heard, or when its file cannot be opened: then it is tried again, and what is right without it goes on meanwhile.
    pub(in crate::app) fn begin_emergency(
        &mut self,
        now: Now,
        (path, picture): (Arc<Path>, Option<Arc<Path>>),
        until: Mono,
        asked: Option<(ClientId, Id)>,
        effects: &mut Vec<Effect>,
    ) {
        log::warn!("an emergency: {} is said until it is ended", path.display());
        self.silence_voice(now, "an emergency", HUSH_FADE_MS, effects);
        self.answer_emergency(Err("another emergency was called"), effects);
        let length_ms = until.since_ms(now.monotonic);
        let timer = Timer { boot: self.boot.clone(), mono_ms: until.0, length_ms };
        let shown = picture.as_deref().map(location::to_text);
        let kept = KeptEmergency { path: location::to_text(&path), picture: shown, timer };
        self.keeper.remember(Remembered::Emergency, json!(kept).to_string(), effects);
        // One that is heard already stays before everything.
        let is_heard = self.voice.is_emergency();
        self.voice.emergency = Some(Emergency {
            path,
            picture,
            until,
            retry: now.monotonic,
            is_heard,
            silent_since: is_heard.then_some(now.monotonic),
            problem: None,
            asked,
        });
        self.dirty = true;
        self.say_next(now, effects);
    }

    fn answer_emergency(&mut self, outcome: Result<(), &str>, effects: &mut Vec<Effect>) {
        let asked = self.voice.emergency.as_mut().and_then(|emergency| emergency.asked.take());
        let Some((client, id)) = asked else { return };
        let outcome = match outcome {
            Ok(()) => Ok(json!("ok")),
            Err(text) => Err(RpcError::new(code::REFUSED, text)),
        };
        effects.push(Effect::Control(control::Command::Reply { client, id, outcome }));
    }

    /// It is heard from now on: it goes before everything.
    pub(super) fn emergency_is_heard(&mut self, effects: &mut Vec<Effect>) {
        if let Some(emergency) = &mut self.voice.emergency {
            (emergency.is_heard, emergency.silent_since, emergency.problem) = (true, None, None);
        }
        self.tell_loudness(effects);
        self.answer_emergency(Ok(()), effects);
    }

    /// It is not heard any more, at least until it is tried again.
    pub(super) fn emergency_is_silent(&mut self, now: Now, problem: Option<&str>, effects: &mut Vec<Effect>) {
        let Some(emergency) = &mut self.voice.emergency else { return };
        emergency.silent_since.get_or_insert(now.monotonic);
        if let Some(problem) = problem {
            emergency.retry = now.monotonic.plus_ms(EMERGENCY_RETRY_MS);
            let is_new = emergency.problem.as_deref() != Some(problem);
            emergency.problem = Some(problem.to_owned());
            if let Some(words) = self.voice.emergency_problem() {
                if is_new {
                    log::error!("{words}");
                }
                self.answer_emergency(Err(&words), effects);
            }
        }
    }

    /// It has been silent for too long: what is right without it goes on, until it can be said.
    pub(super) fn let_emergency_give_way(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(emergency) = &mut self.voice.emergency else { return };
        if emergency.gives_way().is_none_or(|at| now.monotonic < at) {
            return;
        }
        emergency.is_heard = false;
        log::error!("the emergency is silent; what is right without it goes on, and it is tried again");
        self.dirty = true;
        self.tell_loudness(effects);
        self.let_music_go_on(effects);
        self.check_allowed(now, effects);
        self.prepare_next(now, effects);
    }

    /// An emergency that was not over when the device went off goes on.
    pub(in crate::app) fn resume_emergency(&mut self, now: Now, kept: &str, effects: &mut Vec<Effect>) {
        if kept.is_empty() {
            return;
        }
        let read = serde_json::from_str::<KeptEmergency>(kept).map_err(|error| error.to_string());
        let read = read.and_then(|kept| {
            let path = location::from_text(&kept.path).map_err(|error| error.to_string())?;
            let picture = kept.picture.as_deref().map(location::from_text).transpose();
            // What is heard does not wait for what is seen.
            let picture = picture.inspect_err(|error| log::error!("the picture of the emergency: {error}"));
            Ok(((Arc::from(path), picture.ok().flatten().map(Arc::from)), kept.timer))
        });
        match read {
            Ok((files, timer)) => {
                let clock = Clock { mono_ms: now.monotonic.0, boot: self.boot.clone(), wall: Wall::None };
                let left_ms = timer.left_ms(&clock);
                if left_ms > 0 {
                    let until = now.monotonic.plus_ms(left_ms);
                    self.begin_emergency(now, files, until, None, effects);
                }
            }
            Err(error) => log::error!("an emergency from before the restart cannot be read: {error}"),
        }
    }

    /// The emergency is over: what is right now goes on.
    pub(in crate::app) fn end_emergency(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.answer_emergency(Err("it was ended before it was heard"), effects);
        if self.voice.emergency.take().is_none() {
            return;
        }
        log::warn!("the emergency is over");
        self.keeper.remember(Remembered::Emergency, String::new(), effects);
        self.dirty = true;
        if self.voice.saying.as_ref().is_some_and(|saying| saying.announcement.is_emergency()) {
            self.take_away("the emergency is over", HUSH_FADE_MS, effects);
        }
        self.tell_loudness(effects);
        self.check_allowed(now, effects);
        self.prepare_next(now, effects);
    }
}

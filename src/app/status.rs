//! What the device says of itself, and when.

use std::sync::Arc;

use orchestrion_protocol::location;
use orchestrion_protocol::rpc::notification_line;
use orchestrion_protocol::status::{EntryId, Output, QueuePage, Song, State, Status, Time, notification};

use super::playback::Transport;
use super::{App, Effect};
use crate::control;
use crate::time::{Mono, Now};

/// How often the time is told.
const TIME_EVERY_MS: u64 = 1000;
/// Progress comes twice a second; a report that comes a little early still counts as a second.
const TIME_SLACK_MS: u64 = 130;

impl App {
    /// The status at this moment.
    pub(super) fn status(&self, now: Now) -> Status {
        let current = self.playback.current.as_ref();
        let state = match (self.playback.transport, current) {
            (Transport::Playing, None) if self.air.why_silent(now).is_some() => State::Closed,
            (Transport::Playing, Some(_)) => State::Playing,
            (Transport::Playing, None) => State::Waiting,
            (Transport::Paused, _) => State::Paused,
            (Transport::Stopped, _) => State::Stopped,
        };
        let shown = current.map(|current| current.entry).or_else(|| self.place_in_queue());
        let next = self
            .playback
            .incoming
            .as_ref()
            .map(|incoming| incoming.entry)
            .filter(|id| current.is_some() && Some(*id) != shown);
        Status {
            protocol: orchestrion_protocol::VERSION,
            version: env!("CARGO_PKG_VERSION").into(),
            state,
            why: self.why(now, state),
            current: shown.and_then(|id| self.song(now, id)),
            position_ms: current.map_or(0, |current| current.heard.position_ms),
            next: next.and_then(|id| self.song(now, id)),
            volume: self.volume,
            muted: self.muted,
            repeat: self.queue.repeat(),
            shuffle: self.queue.is_shuffled(),
            crossfade_ms: self.crossfade_ms,
            output: self.output.as_ref().map(|output| Output {
                name: output.name.clone(),
                audible: output.audible,
                rate_hz: output.rate_hz,
                problem: output.problem.clone(),
            }),
            queue_len: self.queue.len(),
            quarantined: self.quarantine.len(now.monotonic),
            plays: self.plays.count(),
            run: self.run,
        }
    }

    /// Why it is as it is, in sentences, the widest reason first.
    pub(super) fn why_all(&self, now: Now) -> Vec<String> {
        let current = self.playback.current.as_ref();
        let mut why = self.air.why(now, current.map(|current| current.entry));
        let status = self.status(now);
        if let (State::Playing, Some(song)) = (status.state, &status.current) {
            why.push(format!("it plays {}", song.title));
        }
        why.extend(status.why.filter(|why| !why.is_empty()));
        if why.is_empty() {
            why.push("no program decides; the queue plays from top to bottom".into());
        }
        why
    }

    /// Why it is silent; `None` when it is not.
    fn why(&self, now: Now, state: State) -> Option<String> {
        let silent_output = self.output.as_ref().is_some_and(|output| !output.audible);
        match state {
            State::Playing if self.muted => Some("muted; `orchestrion ctl mute off` lets it be heard".into()),
            State::Playing if self.volume == 0 => Some("the volume is 0".into()),
            State::Playing if silent_output => Some("no sound output: nobody hears this".into()),
            State::Playing => None,
            State::Paused => Some("paused; `orchestrion ctl play` goes on".into()),
            State::Stopped if self.queue.len() == 0 => {
                Some("the queue is empty; `orchestrion ctl queue add FOLDER` fills it".into())
            }
            State::Stopped if self.playback.is_over => {
                Some("the queue has ended; `orchestrion ctl play` starts it again".into())
            }
            State::Stopped => Some("stopped; `orchestrion ctl play` starts it".into()),
            State::Closed => self.air.why_silent(now),
            State::Waiting if self.playback.incoming.is_some() => Some("opening a song".into()),
            State::Waiting if !self.wishes.is_empty() => Some("looking for music".into()),
            State::Waiting if self.queue.len() == 0 => {
                Some("the queue is empty; `orchestrion ctl queue add FOLDER` fills it".into())
            }
            State::Waiting => {
                let when = self
                    .quarantine
                    .next_release(now.monotonic)
                    .map_or(0, |at| at.since_ms(now.monotonic) / 1000);
                Some(format!("no file in the queue can be played; the first is tried again in {when} s"))
            }
        }
    }

    pub(super) fn song(&self, now: Now, id: EntryId) -> Option<Song> {
        let entry = self.queue.get(id)?;
        let tags = entry.tags.clone().unwrap_or_default();
        let name =
            || entry.path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Some(Song {
            entry: id,
            path: location::to_text(&entry.path),
            title: tags.title.unwrap_or_else(name),
            artist: tags.artist,
            album: tags.album,
            duration_ms: entry.duration_ms,
            quarantined: self.quarantine.reason(now.monotonic, &entry.path).map(str::to_owned),
        })
    }

    pub(super) fn page(&self, now: Now, offset: usize, limit: usize) -> QueuePage {
        let ids = self.queue.page(offset, limit);
        QueuePage {
            offset,
            total: self.queue.len(),
            current: self.place_in_queue(),
            entries: ids.iter().filter_map(|id| self.song(now, *id)).collect(),
        }
    }

    /// Tells subscribers, if anything but the time has changed.
    pub(super) fn tell_status(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        let status = self.status(now);
        let timeless = Status { position_ms: 0, ..status.clone() };
        if self.told_status.as_ref() == Some(&timeless) {
            return;
        }
        self.told_status = Some(timeless);
        notify(notification::STATUS_CHANGED, &status, effects);
    }

    /// Tells subscribers the time, about once a second.
    pub(super) fn tell_time(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if now.monotonic.since_ms(self.told_time) + TIME_SLACK_MS < TIME_EVERY_MS {
            return;
        }
        let Some(current) = &self.playback.current else { return };
        self.told_time = now.monotonic;
        let time = Time {
            entry: current.entry,
            position_ms: current.heard.position_ms,
            duration_ms: current.media.duration_ms,
            level_db: (self.peak > 0.0).then(|| 20.0 * self.peak.log10()),
        };
        self.peak = 0.0;
        notify(notification::TIME_CHANGED, &time, effects);
    }

    /// When the device wants to be woken without an event.
    pub(super) fn next_wake(&self, now: Now) -> Option<Mono> {
        let waits = self.playback.transport == Transport::Playing
            && self.playback.current.is_none()
            && self.playback.incoming.is_none();
        let retry = if waits { self.quarantine.next_release(now.monotonic) } else { None };
        [retry, self.ending, self.air.deadline()].into_iter().flatten().min()
    }
}

fn notify(name: &str, params: &impl serde::Serialize, effects: &mut Vec<Effect>) {
    let line: Arc<str> = notification_line(name, params).into();
    effects.push(Effect::Control(control::Command::Notify(line)));
}

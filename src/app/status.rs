//! What the device says of itself, and when.

use orchestrion_protocol::location;
use orchestrion_protocol::status::{EntryId, Output, QueuePage, Song, State, Status, Time};

use super::hands::MUTED_BY_ALARM;
use super::playback::Transport;
use super::{App, Effect};
use crate::control::{self, News};
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
            said: self.voice.shown(),
            hands: self.hands.status(),
            board: self.hands.board(),
            release: self.release_status(now),
            screen: self.picture.status(self.film.is_heard()),
            server: self.server.status(),
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
        let mut why = self.air.why(&self.times, now, current.map(|current| current.entry));
        let status = self.status(now);
        why.extend(self.why_release());
        why.extend(self.why_no_release());
        if let Some(release) = &status.release {
            why.extend(release.waits.clone());
            why.extend(release.problem.clone());
        }
        if let (State::Playing, Some(song)) = (status.state, &status.current) {
            why.push(format!("it plays {}", song.title));
        }
        why.extend(self.voice.shown().map(|said| format!("over it is said: {said}")));
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
            _ if self.hands.is_alarm() => Some(MUTED_BY_ALARM.into()),
            _ if self.voice.emergency_problem().is_some() => self.voice.emergency_problem(),
            State::Playing if self.muted => Some("muted; `orchestrion ctl mute off` lets it be heard".into()),
            State::Playing if self.volume == 0 => Some("the volume is 0".into()),
            State::Playing if self.air.problem().is_some() => self.air.problem().map(str::to_owned),
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
        let (title, artist) = self.names(id)?;
        let tags = entry.tags.clone().unwrap_or_default();
        let known = self.air.recording(&entry.path).filter(|_| tags.title.is_none());
        Some(Song {
            entry: id,
            path: location::to_text(&entry.path),
            title,
            artist,
            album: tags.album.or_else(|| known.and_then(|known| known.album.clone())),
            duration_ms: entry.duration_ms,
            quarantined: self.quarantine.reason(now.monotonic, &entry.path).map(str::to_owned),
        })
    }

    /// The title and the artist of an entry.
    pub(super) fn names(&self, id: EntryId) -> Option<(String, Option<String>)> {
        let entry = self.queue.get(id)?;
        let tags = entry.tags.clone().unwrap_or_default();
        let name =
            || entry.path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        // A release's files are called by their content; its catalogue knows better.
        let known = self.air.recording(&entry.path).filter(|_| tags.title.is_none());
        let title = known.map(|known| known.title.clone()).filter(|title| !title.is_empty());
        let artist = tags.artist.or_else(|| known.and_then(|known| known.artists.first().cloned()));
        Some((tags.title.or(title).unwrap_or_else(name), artist))
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
        let mut status = self.status(now);
        let position_ms = std::mem::take(&mut status.position_ms);
        // What only time changes is no news.
        let waits = status.release.as_mut().map(|release| (release.asked_s.take(), release.again_s.take()));
        if self.told_status.as_ref() == Some(&status) {
            return;
        }
        self.told_status = Some(status.clone());
        status.position_ms = position_ms;
        if let (Some(release), Some((asked_s, again_s))) = (status.release.as_mut(), waits) {
            (release.asked_s, release.again_s) = (asked_s, again_s);
        }
        tell(News::Status(Box::new(status)), effects);
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
        tell(News::Time(time), effects);
    }

    /// When the device wants to be woken without an event.
    pub(super) fn next_wake(&self, now: Now) -> Option<Mono> {
        let waits = self.playback.transport == Transport::Playing
            && self.playback.current.is_none()
            && self.playback.incoming.is_none();
        let retry = if waits { self.quarantine.next_release(now.monotonic) } else { None };
        // Whoever ends shows nothing else any more.
        let picture = [self.picture.deadline(), self.shown.deadline()].into_iter().flatten().min();
        let picture = picture.filter(|_| self.ending.is_none());
        let parts = [self.air.deadline(), self.voice.deadline(), self.hands.deadline(), picture];
        let parts = parts.into_iter().chain([retry, self.ending, self.releases.deadline(now)]);
        parts.flatten().min()
    }
}

fn tell(news: News, effects: &mut Vec<Effect>) {
    effects.push(Effect::Control(control::Command::Tell(news)));
}

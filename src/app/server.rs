//! The control server, as far as `App` knows of it: what is told to it, and what people are told of it.

use orchestrion_protocol::fleet::{
    ClockTrust, Doing, Download, FAULTS_MAX, Fault, Line, Report, Said, Sentence, SettingsOrder, Versions,
    Word,
};
use orchestrion_protocol::release::Edition;
use orchestrion_protocol::status::{self, State};

use super::{App, Effect, trim};
use crate::releases;
use crate::storage::ClockState;
use crate::time::Now;
use crate::web::{Command, Event, Task, Told, Wanted};

/// Frames of a millisecond, as heartbeats count them: whatever rate an output has, it moves or it does not.
const FRAMES_PER_MS: u64 = 48;

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Server {
    /// What the configuration says.
    wanted: Option<Wanted>,
    told: Option<Told>,
    /// Whether it gives this device its releases: nothing else is configured to.
    pub(super) gives_releases: bool,
    /// Where they lie, as far as it has said so in this run.
    pub(super) source: Option<Box<releases::Wanted>>,
    /// The newest that was looked for at its word.
    looked: Option<Edition>,
    /// Why the disk takes nothing, while it does not.
    pub(super) disk: Option<String>,
}

impl Server {
    pub(super) fn of(wanted: Option<Wanted>, gives_releases: bool) -> Self {
        Self { wanted, gives_releases, ..Self::default() }
    }

    /// Whether it cannot be reached.
    pub(super) fn is_cut_off(&self) -> bool {
        self.told.as_ref().is_some_and(|told| told.is_cut_off)
    }

    /// What people call this device, if the configuration says.
    pub(super) fn name(&self) -> Option<&str> {
        self.wanted.as_ref().and_then(Wanted::given_name)
    }

    /// For the status; `None` where none is configured.
    pub(super) fn status(&self) -> Option<status::Server> {
        let wanted = self.wanted.as_ref()?;
        let Some(told) = &self.told else {
            return Some(status::Server { url: wanted.url().to_owned(), ..status::Server::default() });
        };
        Some(status::Server {
            url: told.url.clone(),
            link: told.link,
            device: told.device.as_ref().map(ToString::to_string),
            place: told.place.as_ref().map(ToString::to_string),
            code: told.code.as_ref().map(ToString::to_string),
            problem: told.problem.clone(),
        })
    }
}

impl App {
    /// At the start.
    pub(super) fn begin_server(&mut self, effects: &mut Vec<Effect>) {
        if self.server.wanted.is_some() {
            self.tell_server_task(effects);
        }
    }

    /// The configuration was read again.
    pub(super) fn change_server(&mut self, wanted: Option<&Wanted>, effects: &mut Vec<Effect>) {
        if self.server.wanted.as_ref() != wanted {
            self.server.wanted = wanted.cloned();
            (self.server.told, self.server.source, self.server.looked) = (None, None, None);
            self.dirty = true;
            self.tell_server_task(effects);
        }
    }

    fn tell_server_task(&self, effects: &mut Vec<Effect>) {
        let task = self.server.wanted.clone().map(|wanted| Box::new(Task { wanted, run: self.run }));
        effects.push(Effect::Web(Command::Configure(task)));
    }

    /// The web thread asks or reports.
    pub(super) fn hear_web(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Asked(ask) => {
                let report = Box::new(self.report(now));
                effects.push(Effect::Web(Command::Report { ask, report }));
            }
            Event::Source(source) => {
                self.server.source = Some(source.clone());
                if self.server.gives_releases {
                    self.want_releases(now, Some(source), effects);
                }
            }
            Event::Newest(edition) => {
                let is_news =
                    self.server.gives_releases && self.server.looked.replace(edition) != Some(edition);
                if is_news && self.releases.are_wanted() {
                    effects.push(Effect::Release(releases::Command::Look));
                }
            }
            Event::Told(told) => {
                self.server.told = Some(*told);
                self.dirty = true;
            }
        }
    }

    /// What the device does, as a heartbeat tells it; what only the board's files know is not in it.
    fn report(&self, now: Now) -> Report {
        let status = self.status(now);
        let output_is_audible = self.output.as_ref().is_some_and(|output| output.audible);
        let is_heard = status.state == State::Playing || self.voice.shown().is_some();
        let (alarm, emergency) = (self.hands.is_alarm(), self.voice.is_emergency());
        let clock = match self.times.state(now) {
            ClockState::Trusted { .. } => ClockTrust::Trusted,
            ClockState::Floor => ClockTrust::Floor,
            ClockState::None => ClockTrust::None,
        };
        Report {
            doing: match status.state {
                State::Playing => Doing::Playing,
                State::Paused => Doing::Paused,
                State::Stopped => Doing::Stopped,
                State::Waiting => Doing::Waiting,
                State::Closed => Doing::Closed,
            },
            why: Some(match &status.why {
                Some(why) => Sentence::cut(why),
                None => Sentence::cut(&self.why_all(now).join("; ")),
            }),
            said: self.heard_now(&status),
            frames: self.plays.heard_in_all_ms().saturating_mul(FRAMES_PER_MS),
            pictures: 0,
            audible: output_is_audible
                && is_heard
                && !alarm
                && (emergency || (!self.muted && self.volume > 0)),
            volume: self.volume,
            muted: self.muted,
            settings: Some(self.settings_by_hand()),
            alarm,
            emergency,
            output: self.output.as_ref().map(|output| Line::cut(&output.name)),
            faults: self.faults(now, &status),
            disk: None,
            memory: None,
            temperature_mc: status
                .board
                .as_ref()
                .and_then(|board| board.temperature_c)
                .map(|heat| (heat * 1000.0) as i32),
            clock,
            clock_utc_ms: now.wall.map(|wall| wall.0.max(0)),
            versions: Versions {
                board: status.board.as_ref().map(|board| Word::cut(&board.name)).unwrap_or_default(),
                ..Versions::default()
            },
            release: status.release.as_ref().and_then(|release| release.held),
            download: self.download(),
            plays_waiting: 0,
        }
    }

    /// What people have set, and no program.
    fn settings_by_hand(&self) -> SettingsOrder {
        let (repeat, shuffle) = self.modes();
        SettingsOrder {
            volume: self.air.volume_is_by_hand().then_some(self.volume),
            mute: Some(self.muted),
            crossfade_ms: (!self.air.is_programmed()).then_some(self.crossfade_ms),
            trim_db: self.trim.map(trim::Trim::db),
            shuffle: Some(shuffle),
            repeat: Some(repeat),
        }
    }

    fn heard_now(&self, status: &status::Status) -> Option<Said> {
        let current = self.playback.current.as_ref()?;
        let song = status.current.as_ref()?;
        let recording = self.queue.get(current.entry).and_then(|entry| self.air.recording(&entry.path));
        Some(Said {
            title: Line::cut(&song.title),
            artist: song.artist.as_deref().map(Line::cut).unwrap_or_default(),
            recording: recording.map(|recording| Word::cut(recording.id.as_str())),
            position_ms: status.position_ms,
            duration_ms: song.duration_ms,
        })
    }

    /// What does not work, the worst first.
    fn faults(&self, now: Now, status: &status::Status) -> Vec<Fault> {
        let fault = |part: &str, words: &str| Fault { part: Word::cut(part), words: Sentence::cut(words) };
        let mut faults = Vec::new();
        faults.extend(self.voice.emergency_problem().map(|words| fault("voice", &words)));
        if let Some(output) = &self.output {
            let words =
                output.problem.as_deref().or((!output.audible).then_some("no sound output: nobody hears it"));
            faults.extend(words.map(|words| fault("audio", words)));
        }
        faults.extend(self.server.disk.iter().map(|words| {
            fault(
                "storage",
                &format!("the disk does not take the play log: {words}; make room, or replace the card"),
            )
        }));
        faults.extend(self.air.problem().map(|words| fault("program", words)));
        faults.extend(status.hands.problems.iter().map(|words| fault("buttons", words)));
        if let Some(board) = &status.board {
            faults.extend(board.problems.iter().map(|words| fault("board", words)));
        }
        if let Some(release) = &status.release {
            let words = [&release.store, &release.problem].into_iter().flatten();
            faults.extend(words.map(|words| fault("release", words)));
            if release.damaged > 0 {
                let words = format!("{} files of the release are damaged or missing", release.damaged);
                faults.push(fault("release", &words));
            }
        }
        let passed_over = self.quarantine.len(now.monotonic);
        if passed_over > 0 {
            faults.push(fault("files", &format!("{passed_over} files cannot be played and are passed over")));
        }
        faults.truncate(FAULTS_MAX);
        faults
    }

    /// A release that is being fetched.
    fn download(&self) -> Option<Download> {
        let told = self.releases.told();
        let (edition, fetching) = (told.offered?, told.fetching?);
        Some(Download { edition, bytes_done: fetching.bytes_done, bytes: fetching.bytes })
    }
}

//! The audio thread as `App` sees it, in virtual time: loads take a while, joins begin at their place, files fail.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use orchestrion::audio::{Command, Event, FilmMix, Heard, Join, JoinAt, LoadError, LoadId, Media, StartAt};
use orchestrion::measure::{self, Blob, Cues, FileId, Loudness, Measurement};
use orchestrion::time::Mono;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::voice_world::VoiceWorld;

/// What a file is like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SongKind {
    Good {
        ms: u64,
    },
    /// Was measured, and begins and ends with silence.
    Measured {
        ms: u64,
        head_ms: u64,
        tail_ms: u64,
    },
    /// Ends early.
    Truncated {
        promised_ms: u64,
        ms: u64,
    },
    /// Cannot be opened.
    Bad,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    Opening { ready: Mono },
    Ready,
    Sounding,
    Leaving { left_ms: u64 },
}

#[derive(Debug)]
struct Load {
    path: Arc<Path>,
    start_ms: u64,
    heard_ms: u64,
    /// What the file was like when it was opened.
    kind: SongKind,
    stage: Stage,
}

impl Load {
    fn length_ms(&self) -> u64 {
        match self.kind {
            SongKind::Good { ms } | SongKind::Measured { ms, .. } | SongKind::Truncated { ms, .. } => ms,
            SongKind::Bad => 0,
        }
    }
}

/// See the head of this file.
pub struct DeckWorld {
    songs: BTreeMap<PathBuf, SongKind>,
    loads: BTreeMap<LoadId, Load>,
    join: Option<Join>,
    pub held: bool,
    silence_ms: u64,
    since_progress_ms: u64,
    chance: ChaCha8Rng,
    events: Vec<Event>,
    pub voice: VoiceWorld,
    /// The volume that it was told last, and whether it is muted.
    pub loudness: Option<(u8, bool)>,
    /// How films are to be heard, as it was told last.
    pub film: Option<FilmMix>,
    /// The gain of a song that it was told last, in dB.
    pub gain_db: Option<f32>,
    /// The fades of all joins that began by themselves.
    pub fades_ms: Vec<u32>,
}

/// What is known of a file that was measured.
fn measurement(kind: SongKind) -> Option<Measurement> {
    let SongKind::Measured { ms, head_ms, tail_ms } = kind else { return None };
    let loudness = Loudness { integrated_lufs: -9.0, loudest_lufs: -7.0, true_peak_dbtp: 0.1 };
    let cues = Cues { head_ms, tail_ms, swing_end_ms: tail_ms, silence_ms: 0 };
    Some(Measurement { blob: Blob([0; 32]), duration_ms: ms, loudness: Some(loudness), cues })
}

impl DeckWorld {
    pub fn new(seed: u64, songs: &[SongKind]) -> Self {
        let songs =
            songs.iter().enumerate().map(|(i, kind)| (crate::path_of(i).to_path_buf(), *kind)).collect();
        Self {
            songs,
            loads: BTreeMap::new(),
            join: None,
            held: false,
            silence_ms: 0,
            since_progress_ms: 0,
            chance: ChaCha8Rng::seed_from_u64(seed),
            events: vec![],
            voice: VoiceWorld::default(),
            loudness: None,
            film: None,
            gain_db: None,
            fades_ms: vec![],
        }
    }

    /// A file that was not measured is.
    pub fn measure(&mut self, chance: &mut ChaCha8Rng) -> Option<measure::Event> {
        let index = chance.random_range(0..self.songs.len());
        let (path, kind) = self.songs.iter_mut().nth(index)?;
        let SongKind::Good { ms } = *kind else { return None };
        let head_ms = chance.random_range(0..ms / 2);
        *kind = SongKind::Measured { ms, head_ms, tail_ms: chance.random_range(head_ms + 100..=ms) };
        let result = Ok(Box::new(measurement(*kind)?));
        let file = Some(FileId { size: 0, modified_ms: 0 });
        Some(measure::Event::Measured { path: path.as_path().into(), file, result })
    }

    /// A file is measured that somebody waits for: it is soft.
    pub fn measure_now(&self, path: &Arc<Path>) -> measure::Event {
        let result = match self.songs.get(&**path) {
            Some(SongKind::Good { ms } | SongKind::Measured { ms, .. }) => {
                let loudness = Loudness { integrated_lufs: -30.0, loudest_lufs: -27.0, true_peak_dbtp: -9.0 };
                let cues = Cues { head_ms: 0, tail_ms: *ms, swing_end_ms: *ms, silence_ms: 0 };
                let blob = Blob([1; 32]);
                Ok(Box::new(Measurement { blob, duration_ms: *ms, loudness: Some(loudness), cues }))
            }
            _ => Err(LoadError::NotDecodable("garbage".into())),
        };
        let file = Some(FileId { size: 0, modified_ms: 0 });
        measure::Event::Measured { path: Arc::clone(path), file, result }
    }

    /// A file becomes like this.
    pub fn change(&mut self, path: &Path, kind: SongKind) {
        self.songs.insert(path.to_owned(), kind);
    }

    /// Where the music of a file begins.
    fn head_ms(&self, path: &Path) -> u64 {
        match self.songs.get(path) {
            Some(SongKind::Measured { head_ms, .. }) => *head_ms,
            _ => 0,
        }
    }

    pub fn paths(&self) -> Vec<PathBuf> {
        self.songs.keys().cloned().collect()
    }

    /// How long nothing has been heard.
    pub fn silence_ms(&self) -> u64 {
        self.silence_ms
    }

    /// Whether a song is heard.
    pub fn is_music(&self) -> bool {
        let sounds = |load: &Load| matches!(load.stage, Stage::Sounding | Stage::Leaving { .. });
        !self.held && self.loads.values().any(sounds)
    }

    /// Whether one of these files is heard.
    pub fn plays(&self, is_one: impl Fn(&Path) -> bool) -> bool {
        self.loads.values().any(|load| load.stage == Stage::Sounding && is_one(&load.path))
    }

    /// All files become like this.
    pub fn heal(&mut self, kind: SongKind) {
        self.songs.values_mut().for_each(|song| *song = kind);
    }

    pub fn is_all_bad(&self) -> bool {
        let heard = |kind: &SongKind| matches!(kind, SongKind::Good { .. } | SongKind::Measured { .. });
        !self.songs.values().any(heard)
    }

    /// The thread died.
    pub fn forget(&mut self) {
        self.loads.clear();
        self.join = None;
        self.held = false;
        self.voice.forget();
        self.events.clear();
    }

    pub fn check(&self) {
        assert!(self.loads.len() <= 3, "too many loads: {:?}", self.loads);
    }

    pub fn obey(&mut self, now: Mono, command: Command) {
        match command {
            Command::Load { load, path, start } => {
                let start_ms = match start {
                    StartAt::Music => self.head_ms(&path),
                    StartAt::Place(ms) => ms,
                };
                let ready = now.plus_ms(self.chance.random_range(1..80));
                let before = self.loads.insert(
                    load,
                    Load {
                        path,
                        start_ms,
                        heard_ms: 0,
                        kind: SongKind::Bad,
                        stage: Stage::Opening { ready },
                    },
                );
                assert!(before.is_none(), "{load:?} was used before");
            }
            Command::Join(join) => self.join = Some(join),
            Command::CancelJoin => self.join = None,
            Command::Unload { load, fade_ms } => {
                let Some(song) = self.loads.get_mut(&load) else { return };
                match song.stage {
                    Stage::Opening { .. } | Stage::Ready => self.end(load, None),
                    Stage::Sounding | Stage::Leaving { .. } if self.held || fade_ms == 0 => {
                        self.end(load, None)
                    }
                    Stage::Sounding | Stage::Leaving { .. } => {
                        song.stage = Stage::Leaving { left_ms: fade_ms.into() }
                    }
                }
            }
            Command::Hold { .. } => self.held = true,
            Command::Release { .. } => self.held = false,
            Command::Gain { load, gain_db } => {
                assert!(
                    (self.loads.contains_key(&load) || self.voice.knows(load)) && gain_db.is_finite(),
                    "{load:?} {gain_db}"
                );
                self.gain_db = Some(gain_db);
                self.voice.set_gain(load, gain_db);
            }
            Command::Say(say) => {
                let opening_ms = self.chance.random_range(1..80);
                let length_ms = match self.songs.get(&*say.path) {
                    Some(SongKind::Good { ms } | SongKind::Measured { ms, .. }) => Some(*ms),
                    _ => None,
                };
                self.voice.say(now, say, opening_ms, length_ms);
            }
            Command::Speak { load } => self.voice.speak(load),
            Command::Hush { load, .. } => self.voice.hush(now, load),
            Command::Volume { percent, muted } => self.loudness = Some((percent, muted)),
            Command::Film(mix) => self.film = Some(mix),
            Command::Ceiling { .. } | Command::PressTone | Command::Outputs(_) => {}
        }
    }

    fn end(&mut self, load: LoadId, error: Option<LoadError>) {
        if let Some(song) = self.loads.remove(&load) {
            let heard = Heard {
                position_ms: song.start_ms + song.heard_ms,
                heard_ms: song.heard_ms,
                audible_ms: song.heard_ms,
                ..Heard::default()
            };
            self.events.push(Event::Ended { load, heard, error });
        }
    }

    /// How long nothing happens that anybody could notice, in milliseconds; more often than that it is told how far a song is.
    pub fn next_ms(&self, now: Mono) -> u64 {
        if !self.events.is_empty() || self.voice.is_busy() {
            return 20;
        }
        let mut next = 60_000;
        for (load, song) in &self.loads {
            let place_ms = song.start_ms + song.heard_ms;
            let left_ms = song.length_ms().saturating_sub(place_ms);
            let wait_ms = match song.stage {
                Stage::Opening { ready } => ready.since_ms(now),
                Stage::Ready => u64::MAX,
                Stage::Sounding | Stage::Leaving { .. } if self.held => u64::MAX,
                Stage::Leaving { left_ms: fade_ms } => fade_ms.min(left_ms),
                // Near the end often: then it is decided what comes after it.
                Stage::Sounding => match left_ms {
                    0..20_000 => left_ms.min(1000),
                    _ => (left_ms - 19_000).min(60_000),
                },
            };
            next = next.min(wait_ms);
            let joins = self.join.filter(|join| join.from == Some(*load) && song.stage == Stage::Sounding);
            if let Some(Join { at: JoinAt::Position(ms), .. }) = joins {
                next = next.min(ms.saturating_sub(place_ms));
            }
        }
        if self.join.is_some_and(|join| join.at == JoinAt::Now) { 1 } else { next.max(1) }
    }

    pub fn step(&mut self, now: Mono, step_ms: u64) -> Vec<Event> {
        self.open(now);
        self.begin_join();
        if !self.held {
            self.play(step_ms);
        }
        self.events.extend(self.voice.step(now, step_ms, self.held));
        let is_music = self.is_music();
        let is_heard = is_music || self.voice.sounds(self.held);
        self.silence_ms = if is_heard { 0 } else { self.silence_ms + step_ms };
        self.since_progress_ms += step_ms;
        if self.since_progress_ms >= 250 {
            self.since_progress_ms = 0;
            for (load, song) in self.loads.iter().filter(|(_, song)| song.stage == Stage::Sounding) {
                let heard = Heard {
                    position_ms: song.start_ms + song.heard_ms,
                    heard_ms: song.heard_ms,
                    audible_ms: song.heard_ms,
                    ..Heard::default()
                };
                self.events.push(Event::Progressed { load: *load, heard, peak: 0.5 });
            }
        }
        std::mem::take(&mut self.events)
    }

    fn open(&mut self, now: Mono) {
        let due: Vec<LoadId> = self
            .loads
            .iter()
            .filter(|(_, song)| matches!(song.stage, Stage::Opening { ready } if ready <= now))
            .map(|(load, _)| *load)
            .collect();
        for load in due {
            let Some(song) = self.loads.get_mut(&load) else { continue };
            song.kind = self.songs[&*song.path];
            let duration_ms = match song.kind {
                SongKind::Good { ms } | SongKind::Measured { ms, .. } => ms,
                SongKind::Truncated { promised_ms, .. } => promised_ms,
                SongKind::Bad => {
                    self.loads.remove(&load);
                    let error = LoadError::NotDecodable("garbage".into());
                    self.events.push(Event::Failed { load, error });
                    continue;
                }
            };
            song.stage = Stage::Ready;
            let measurement = measurement(song.kind);
            let media = Box::new(Media {
                duration_ms: Some(duration_ms),
                start_ms: song.start_ms,
                measurement,
                ..Media::default()
            });
            self.events.push(Event::Loaded { load, media });
        }
    }

    fn begin_join(&mut self) {
        let Some(join) = self.join else { return };
        let from =
            join.from.and_then(|from| self.loads.get(&from)).filter(|song| song.stage == Stage::Sounding);
        let due = match (from, join.at) {
            (None, _) | (_, JoinAt::Now) => true,
            (Some(song), JoinAt::Position(ms)) => song.start_ms + song.heard_ms >= ms,
            (Some(_), JoinAt::End) => false,
        };
        if !due {
            return;
        }
        self.join = None;
        let had_from = from.is_some();
        if let (Some(from), true) = (join.from, had_from) {
            if self.held || join.fade_ms == 0 {
                self.end(from, None);
            } else if let Some(song) = self.loads.get_mut(&from) {
                song.stage = Stage::Leaving { left_ms: join.fade_ms.into() };
            }
        }
        if let Some(song) = self.loads.get_mut(&join.to).filter(|song| song.stage == Stage::Ready) {
            song.stage = Stage::Sounding;
            // Reported before the end of the one that made way.
            self.events.insert(0, Event::Started { load: join.to });
            if had_from && join.at != JoinAt::Now {
                self.fades_ms.push(join.fade_ms);
            }
        }
    }

    fn play(&mut self, step_ms: u64) {
        let mut over = vec![];
        for (load, song) in &mut self.loads {
            let (ms, is_broken) = match song.kind {
                SongKind::Good { ms } | SongKind::Measured { ms, .. } => (ms, None),
                SongKind::Truncated { ms, promised_ms } => {
                    (ms, Some(LoadError::Truncated { got_ms: ms, promised_ms }))
                }
                SongKind::Bad => (0, None),
            };
            match &mut song.stage {
                Stage::Sounding => {}
                Stage::Leaving { left_ms } if *left_ms <= step_ms => {
                    over.push((*load, None));
                    continue;
                }
                Stage::Leaving { left_ms } => *left_ms -= step_ms,
                Stage::Opening { .. } | Stage::Ready => continue,
            }
            song.heard_ms += step_ms;
            if song.start_ms + song.heard_ms >= ms {
                song.heard_ms = ms.saturating_sub(song.start_ms);
                over.push((*load, is_broken));
            }
        }
        let ended = over.iter().any(|(load, _)| self.join.is_some_and(|join| join.from == Some(*load)));
        let at = self.events.len();
        for (load, error) in over {
            self.end(load, error);
        }
        if ended {
            let ends = self.events.split_off(at);
            self.begin_join();
            self.events.extend(ends);
        }
    }
}

//! Announcements as `App` sees them, in virtual time: one at a time, opened in a while, over whatever plays.

use std::path::PathBuf;

use orchestrion::audio::{Event, Heard, LoadError, LoadId, Media, SaidEnd, Say, SayAt};
use orchestrion::time::Mono;

#[derive(Debug)]
struct Saying {
    say: Say,
    ready: Mono,
    /// `None`: it cannot be opened.
    length_ms: Option<u64>,
    is_ready: bool,
    is_told: bool,
    heard_ms: Option<u64>,
}

/// What was said.
#[derive(Debug, Clone, PartialEq)]
pub struct WasSaid {
    pub path: PathBuf,
    pub from: Mono,
    pub to: Mono,
    pub duck_db: f32,
    /// Whether the music was held when it began.
    pub was_held: bool,
    pub heard_ms: u64,
    pub gain_db: f32,
}

/// See the head of this file.
#[derive(Debug, Default)]
pub struct VoiceWorld {
    saying: Option<Saying>,
    begun: Option<(Mono, bool)>,
    events: Vec<Event>,
    pub said: Vec<WasSaid>,
}

impl VoiceWorld {
    /// Is told to say a file of this length, which takes so long to open.
    pub fn say(&mut self, now: Mono, say: Say, opening_ms: u64, length_ms: Option<u64>) {
        self.end(now, SaidEnd::Cut);
        let is_told = say.at == SayAt::Ready;
        let ready = now.plus_ms(opening_ms);
        self.saying = Some(Saying { say, ready, length_ms, is_ready: false, is_told, heard_ms: None });
    }

    pub fn speak(&mut self, load: LoadId) {
        if let Some(saying) = self.saying.as_mut().filter(|saying| saying.say.load == load) {
            saying.is_told = true;
        }
    }

    pub fn hush(&mut self, now: Mono, load: LoadId) {
        if self.knows(load) {
            self.end(now, SaidEnd::Cut);
        }
    }

    pub fn set_gain(&mut self, load: LoadId, gain_db: f32) {
        if let Some(saying) = self.saying.as_mut().filter(|saying| saying.say.load == load) {
            saying.say.gain_db = gain_db;
        }
    }

    pub fn knows(&self, load: LoadId) -> bool {
        self.saying.as_ref().is_some_and(|saying| saying.say.load == load)
    }

    /// Whether something is said, or about to be.
    pub fn is_busy(&self) -> bool {
        self.saying.is_some() || !self.events.is_empty()
    }

    /// Whether something is heard of it.
    pub fn sounds(&self, held: bool) -> bool {
        let heard = |saying: &Saying| saying.heard_ms.is_some() && (!held || saying.say.pierces_pause);
        self.saying.as_ref().is_some_and(heard)
    }

    pub fn forget(&mut self) {
        *self = Self { said: std::mem::take(&mut self.said), ..Self::default() };
    }

    fn end(&mut self, now: Mono, end: SaidEnd) {
        let Some(saying) = self.saying.take() else { return };
        let heard_ms = saying.heard_ms.unwrap_or(0);
        if let Some((from, was_held)) = self.begun.take() {
            let (path, duck_db) = (saying.say.path.to_path_buf(), saying.say.duck_db);
            let gain_db = saying.say.gain_db;
            self.said.push(WasSaid { path, from, to: now, duck_db, was_held, heard_ms, gain_db });
        }
        let heard = Heard { position_ms: heard_ms, heard_ms, audible_ms: heard_ms, ducked_ms: 0 };
        self.events.push(Event::Said { load: saying.say.load, heard, end });
    }

    pub fn step(&mut self, now: Mono, step_ms: u64, held: bool) -> Vec<Event> {
        let mut over = None;
        if let Some(saying) = &mut self.saying {
            let load = saying.say.load;
            match saying.length_ms {
                None if saying.ready <= now => {
                    over = Some(SaidEnd::Failed(LoadError::NotDecodable("garbage".into())));
                }
                Some(length_ms) if saying.ready <= now && !saying.is_ready => {
                    saying.is_ready = true;
                    let media = Box::new(Media { duration_ms: Some(length_ms), ..Media::default() });
                    self.events.push(Event::SayReady { load, media });
                }
                _ => {}
            }
            let waits = held && !saying.say.pierces_pause;
            if let (Some(length_ms), true, true, false) =
                (saying.length_ms, saying.is_ready, saying.is_told, waits)
            {
                if saying.heard_ms.is_none() {
                    self.begun = Some((now, held));
                    self.events.push(Event::SayStarted { load });
                }
                let heard_ms = saying.heard_ms.get_or_insert(0);
                *heard_ms += step_ms;
                if *heard_ms >= length_ms {
                    over = Some(SaidEnd::Finished);
                }
            }
        }
        if let Some(end) = over {
            self.end(now, end);
        }
        std::mem::take(&mut self.events)
    }
}

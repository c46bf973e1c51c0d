//! What may take long, on threads that live for one thing each: opening a file, closing it, encoding a snapshot, writing words.
//! A disk that never answers holds such a thread and nothing else; too many of them end the process, which the daemon then starts anew.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use gstreamer as gst;
use orchestrion::media::screen::message::Event;
use orchestrion::media::screen::words::{Overlay, Splash};

use super::cover::{self, Cover};
use super::listen::Speaker;
use super::overlay::{self, Strips};
use super::plugins::Later;
use super::show::Turn;
use super::snapshot::jpeg;
use super::sound::Sound;
use super::source::{Source, Wanted};
use super::splash;
use crate::decode::listen::ring;

/// Threads at once, at most.
const HANDS_MAX: usize = 24;
/// Of these, covers.
const COVERS_MAX: usize = 2;
/// How long a text waits for its cover.
const COVER_WAIT_MAX: Duration = Duration::from_secs(4);
/// Of these, snapshots.
const SNAPSHOTS_MAX: usize = 2;

/// What came of opening a file.
pub struct Made {
    pub turn: Turn,
    pub source: Result<Source, String>,
}

/// What came of opening the sound of a film.
pub struct MadeSound {
    pub turn: Turn,
    pub sound: Result<Sound, String>,
}

/// Words as pixels.
pub enum Drawn {
    Splash {
        splash: Splash,
        /// As large as the screen.
        frame: Vec<u8>,
        /// Why it has no words.
        problem: Option<String>,
    },
    Overlay {
        overlay: Overlay,
        strips: Result<Strips, String>,
    },
}

/// See the head of this file.
pub struct Hands {
    wanted: Wanted,
    wake: Sender<()>,
    later: Later,
    made: Sender<Made>,
    makes: Receiver<Made>,
    made_sound: Sender<MadeSound>,
    makes_sound: Receiver<MadeSound>,
    drawn: Sender<Drawn>,
    draws: Receiver<Drawn>,
    busy: Arc<AtomicUsize>,
    snapshots: Arc<AtomicUsize>,
    covers: Arc<AtomicUsize>,
}

/// Counts down when its thread ends, however.
struct Busy(Arc<AtomicUsize>);

impl Busy {
    fn begin(count: &Arc<AtomicUsize>) -> (usize, Self) {
        (count.fetch_add(1, Ordering::Relaxed), Self(Arc::clone(count)))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Hands {
    pub fn new(wanted: Wanted, wake: Sender<()>, later: Later) -> Self {
        let (made, makes) = bounded(HANDS_MAX);
        let (made_sound, makes_sound) = bounded(HANDS_MAX);
        let (drawn, draws) = bounded(HANDS_MAX);
        let (busy, snapshots, covers) = (Arc::default(), Arc::default(), Arc::default());
        Self {
            wanted,
            wake,
            later,
            made,
            makes,
            made_sound,
            makes_sound,
            drawn,
            draws,
            busy,
            snapshots,
            covers,
        }
    }

    /// Opens a file; [`Hands::made`] says what came of it.
    ///
    /// # Errors
    /// In words: too many threads hang.
    pub fn open(&self, turn: Turn, path: PathBuf) -> Result<(), String> {
        let (wanted, wake, made) = (self.wanted, self.wake.clone(), self.made.clone());
        self.start("open", move || {
            let source = Source::open(&path, wanted, &wake);
            // There is room for as many as there are threads.
            let _ = made.send(Made { turn, source });
            ring(&wake);
        })
    }

    /// What came of the next file that was opened.
    pub fn made(&self) -> Option<Made> {
        self.makes.try_recv().ok()
    }

    /// Opens the sound of a film; [`Hands::made_sound`] says what came of it.
    ///
    /// # Errors
    /// In words: too many threads hang.
    pub fn open_sound(&self, turn: Turn, path: PathBuf) -> Result<(), String> {
        let (wake, made, later) = (self.wake.clone(), self.made_sound.clone(), self.later.clone());
        self.start("open_sound", move || {
            later.wait();
            let sound = Sound::open(&path, &wake);
            let _ = made.send(MadeSound { turn, sound });
            ring(&wake);
        })
    }

    /// What came of the next sound that was opened.
    pub fn made_sound(&self) -> Option<MadeSound> {
        self.makes_sound.try_recv().ok()
    }

    /// Draws a splash; [`Hands::drawn`] has it then.
    ///
    /// # Errors
    /// In words: too many threads hang.
    pub fn draw_splash(&self, splash: Splash) -> Result<(), String> {
        let (wanted, wake, drawn) = (self.wanted, self.wake.clone(), self.drawn.clone());
        let later = self.later.clone();
        self.start("splash", move || {
            later.wait();
            let (frame, problem) = splash::draw(&splash, wanted.screen, wanted.rotation);
            let _ = drawn.send(Drawn::Splash { splash, frame, problem });
            ring(&wake);
        })
    }

    /// Draws what is written over films and pictures; [`Hands::drawn`] has it then.
    ///
    /// # Errors
    /// In words: too many threads hang.
    pub fn draw_overlay(&self, overlay: Overlay) -> Result<(), String> {
        let (wanted, wake, drawn) = (self.wanted, self.wake.clone(), self.drawn.clone());
        let later = self.later.clone();
        let cover = overlay.song.as_ref().and_then(|song| self.draw_cover(song.into()).ok());
        self.start("overlay", move || {
            later.wait();
            // The text does not wait for a disk that does not answer.
            let cover = cover.and_then(|cover| cover.recv_timeout(COVER_WAIT_MAX).ok()).flatten();
            let strips = overlay::draw(&overlay, cover, wanted.screen, wanted.rotation);
            let _ = drawn.send(Drawn::Overlay { overlay, strips });
            ring(&wake);
        })
    }

    /// Draws the cover of a song, on a thread that its disk may hold.
    fn draw_cover(&self, song: PathBuf) -> Result<Receiver<Option<Cover>>, String> {
        let (side, later) = (overlay::height(self.wanted.screen) as u32, self.later.clone());
        let (send, receive) = bounded(1);
        let (before, busy) = Busy::begin(&self.covers);
        if before >= COVERS_MAX {
            return Err("the covers of other songs are still being read".into());
        }
        self.start("cover", move || {
            let _busy = busy;
            later.wait();
            let drawn = cover::draw(&song, side).unwrap_or_else(|words| {
                eprintln!("orchestrion-media: the cover in {} is not shown: {words}", song.display());
                None
            });
            let _ = send.send(drawn);
        })?;
        Ok(receive)
    }

    /// What was drawn next.
    pub fn drawn(&self) -> Option<Drawn> {
        self.draws.try_recv().ok()
    }

    /// Closes what was opened.
    ///
    /// # Errors
    /// In words: too many threads hang.
    pub fn close(&self, opened: impl Send + 'static) -> Result<(), String> {
        self.start("close", move || drop(opened))
    }

    /// Makes a snapshot and tells it.
    pub fn snapshot(&self, speaker: Speaker, serial: u32, sample: gst::Sample, limits: (u32, usize)) {
        let (before, busy) = Busy::begin(&self.snapshots);
        if before >= SNAPSHOTS_MAX {
            let reason = "others are still being made".into();
            return speaker.say(Event::NoSnapshot { serial, reason });
        }
        let fallback = speaker.clone();
        let started = self.start("snapshot", move || {
            let _busy = busy;
            match jpeg(&sample, limits) {
                Ok(jpeg) => speaker.show(serial, jpeg),
                Err(reason) => speaker.say(Event::NoSnapshot { serial, reason }),
            }
        });
        if let Err(reason) = started {
            fallback.say(Event::NoSnapshot { serial, reason });
        }
    }

    fn start(&self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), String> {
        let (before, busy) = Busy::begin(&self.busy);
        if before >= HANDS_MAX {
            return Err("too many files do not answer; is a disk dead?".into());
        }
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            let _busy = busy;
            work();
        });
        thread.map(|_| ()).map_err(|e| format!("no thread: {e}"))
    }
}

//! AudioPlayer: from files to sound.
//!
//! Thread `audio` owns the output and the bookkeeping of the decks. Three threads `deck_a`, `deck_b` and `voice` decode and
//! resample, each into a deep lock-free ring. The output's callback owns the mixer: it takes from the rings, applies ramps, sums
//! and limits; it never locks, allocates, frees, logs or sends. Commands reach it through a small single-producer queue and
//! spent rings come back the same way.
//!
//! `App` speaks of *loads* only, never of decks: a load is one opening of a file at a place, with a number of its own, and
//! what answers late is told by it and dropped. At most two loads are alive; a third takes the place of the one that leaves.
//! Beside them one announcement is said over whatever they are: see [`Say`]; and the sound of films comes from the video
//! thread, through a ring of its own (`film`).

mod block;
mod deck;
mod decode;
mod feed;
mod file;
pub(crate) mod film;
mod limiter;
pub mod mend;
mod mixer;
pub mod offline;
pub mod output;
mod player;
mod ramp;
mod resample;
mod say;
mod song;
pub mod tags;
pub mod tone;
pub mod volume;
pub mod whole;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use crossbeam_channel::Sender;

use crate::measure::Measurement;
use crate::service::moves::{Moves, Who};
use crate::service::{Name, Service};
pub use file::id3v2_len;
pub use film::FilmMix;
use player::{Message, Player};
pub use say::{DUCK_DB_MAX, DUCK_DOWN_MS, DUCK_UP_MS, SaidEnd, Say, SayAt};

/// Messages that wait for the audio thread, at most.
const MESSAGES_MAX: usize = 256;

/// The least gain of a load.
pub const GAIN_DB_MIN: f32 = -60.0;
/// The highest.
pub const GAIN_DB_MAX: f32 = 24.0;
/// The ceiling of an output that is told nothing else: what EBU R 128 permits at most.
pub const CEILING_DBTP: f32 = -1.0;
/// The lowest ceiling.
pub const CEILING_DBTP_MIN: f32 = -30.0;

/// One opening of a file. Numbers rise and are never used again within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LoadId(pub u64);

/// What the audio thread is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Open a file and make it ready; answered by `Loaded` or `Failed`.
    Load {
        /// Its number.
        load: LoadId,
        /// The file.
        path: Arc<Path>,
        /// Where to begin.
        start: StartAt,
    },
    /// Let a load begin, and another one end for it. A newer one replaces an older one that has not begun.
    Join(Join),
    /// Forget a join that has not begun.
    CancelJoin,
    /// Fade a load out and close it; answered by `Ended`.
    Unload {
        /// Which.
        load: LoadId,
        /// How long the fade takes.
        fade_ms: u32,
    },
    /// Fade the music out and hold it in its place.
    Hold {
        /// How long the fade takes.
        fade_ms: u32,
    },
    /// Let it go on and fade it in.
    Release {
        /// How long the fade takes.
        fade_ms: u32,
    },
    /// The volume of everything, ramped.
    Volume {
        /// 0–100 on the perceptual scale.
        percent: u8,
        /// Silent whatever the percent.
        muted: bool,
    },
    /// How loud a load or an announcement is: its loudness made even, and the device's trim. Any time after `Load`; 0 dB until then. Told before it is
    /// heard it begins so; later it glides there within 3 s.
    Gain {
        /// Which.
        load: LoadId,
        /// In dB; kept within [`GAIN_DB_MIN`] and [`GAIN_DB_MAX`], ignored if it is no number.
        gain_db: f32,
    },
    /// Open an announcement and say it over whatever plays; answered by `SayReady` and, whatever happens, by `Said`.
    Say(Say),
    /// Let an announcement begin that waits for it.
    Speak {
        /// Which.
        load: LoadId,
    },
    /// Fade an announcement out, or forget one that has not begun; the music comes back.
    Hush {
        /// Which.
        load: LoadId,
        /// How long the fade of the voice takes; the music begins to rise after it.
        fade_ms: u32,
    },
    /// What the waveform at the output does not exceed; [`CEILING_DBTP`] until it is told.
    Ceiling {
        /// In dB of full scale, true peak; kept within [`CEILING_DBTP_MIN`] and 0, ignored if it is no number.
        dbtp: f32,
    },
    /// How the sound of films is heard; not at all until it is told.
    Film(FilmMix),
    /// Confirm a press by a soft tone.
    PressTone,
    /// Use these outputs, the first that opens; `null` is always the last.
    Outputs(Vec<String>),
}

/// Where a load begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartAt {
    /// Where the music begins, as far as the file was measured: silence before it is skipped.
    Music,
    /// At this place, in milliseconds from the start of the file.
    Place(u64),
}

/// How one load goes over into another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Join {
    /// The load that ends; `None` when nothing plays.
    pub from: Option<LoadId>,
    /// The load that begins; it must be ready.
    pub to: LoadId,
    /// When.
    pub at: JoinAt,
    /// How long both are heard, with equal power; 0 joins them sample by sample.
    pub fade_ms: u32,
}

/// When a join begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinAt {
    /// At once.
    Now,
    /// When `from` has reached this place, in milliseconds from the start of its file; or at its end, if that is earlier.
    Position(u64),
    /// With the first sample after the last one of `from`.
    End,
}

/// What the audio thread reports.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A load is ready.
    Loaded {
        /// Which.
        load: LoadId,
        /// What it is.
        media: Box<Media>,
    },
    /// A load could not be opened; it is gone.
    Failed {
        /// Which.
        load: LoadId,
        /// Why.
        error: LoadError,
    },
    /// The first sample of a load went to the output.
    Started {
        /// Which.
        load: LoadId,
    },
    /// The last sample of a load went to the output, or it was unloaded; it is gone.
    Ended {
        /// Which.
        load: LoadId,
        /// What was heard of it.
        heard: Heard,
        /// Whether it went wrong on the way.
        error: Option<LoadError>,
    },
    /// Where the load that plays is; about four times a second while samples move.
    Progressed {
        /// Which.
        load: LoadId,
        /// What was heard of it so far.
        heard: Heard,
        /// The highest sample since the last report, 0–1.
        peak: f32,
    },
    /// The sound goes elsewhere now.
    OutputChanged(Output),
    /// All loads are gone, because the new output has another rate: load again. An announcement goes on by itself.
    Emptied,
    /// An announcement is ready; if it is to begin when it is, it begins now.
    SayReady {
        /// Which.
        load: LoadId,
        /// What it is.
        media: Box<Media>,
    },
    /// The first sample of an announcement went to the output.
    SayStarted {
        /// Which.
        load: LoadId,
    },
    /// An announcement is over, and the music comes back.
    Said {
        /// Which.
        load: LoadId,
        /// What was heard of it.
        heard: Heard,
        /// How it ended.
        end: SaidEnd,
    },
    /// The sound of films goes to the output from now on, or none does any more.
    Film {
        /// Which of both.
        is_heard: bool,
    },
}

/// What was heard of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heard {
    /// The place in the file, in milliseconds.
    pub position_ms: u64,
    /// Milliseconds that were mixed.
    pub heard_ms: u64,
    /// Milliseconds of it that went to a real output with a gain above 0.
    pub audible_ms: u64,
    /// Milliseconds of it that were heard under an announcement or a film, with the ramps of 200 ms before and 1 s after it.
    pub ducked_ms: u64,
}

/// What a file turned out to be.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Media {
    /// How long it says it is.
    pub duration_ms: Option<u64>,
    /// Frames a second.
    pub rate_hz: u32,
    /// Channels.
    pub channels: u16,
    /// Bytes.
    pub size: u64,
    /// When it was changed, milliseconds since 1970.
    pub modified_ms: i64,
    /// Its tags.
    pub tags: Tags,
    /// Where this load begins, in milliseconds from the start of the file.
    pub start_ms: u64,
    /// How loud it is, and where its music begins and ends, if it was measured before.
    pub measurement: Option<Measurement>,
}

/// What a file's tags say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tags {
    /// Title.
    pub title: Option<String>,
    /// Artist.
    pub artist: Option<String>,
    /// Album.
    pub album: Option<String>,
    /// Whose the album is, where its tracks are by several.
    pub album_artist: Option<String>,
    /// Disc and track, from 1; tracks of an album play gapless in this order.
    pub disc: Option<u32>,
    /// See `disc`.
    pub track: Option<u32>,
    /// How loud it is, as whoever tagged it has measured.
    pub track_gain: Option<TaggedGain>,
    /// The same for the album as a whole.
    pub album_gain: Option<TaggedGain>,
}

/// The gain that a tag asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TaggedGain {
    /// Decibels that bring it to [`tags::REFERENCE_LUFS`]; so its loudness is that less this.
    pub gain_db: f32,
    /// Its highest sample before the gain, 1 is full scale; `None` where no tag says so.
    pub peak: Option<f32>,
}

/// Where the sound goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its stable name.
    pub name: String,
    /// Whether somebody can hear it.
    pub audible: bool,
    /// Frames a second.
    pub rate_hz: u32,
    /// Why a better one of the list is not used.
    pub problem: Option<String>,
}

/// Why a file does not play, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// It cannot be opened or read.
    #[error("{0}")]
    Unreadable(String),
    /// It is something else than a file.
    #[error("it is {0}, not a file")]
    NotAFile(&'static str),
    /// Nothing that this device can decode.
    #[error("{0}")]
    NotDecodable(String),
    /// It ended early.
    #[error("truncated: it ended after {got_ms} ms of {promised_ms} ms")]
    Truncated {
        /// Milliseconds that could be decoded.
        got_ms: u64,
        /// Milliseconds that it says it has.
        promised_ms: u64,
    },
    /// The decoder gave up inside.
    #[error("damaged: {0}")]
    Damaged(String),
}

/// How the sound is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    /// Frames a second that outputs are asked for.
    pub rate_hz: u32,
    /// Frames that an output pulls at once; two of these lie between a command and its sound.
    pub buffer_frames: u32,
}

impl Default for Setup {
    fn default() -> Self {
        Self { rate_hz: 48_000, buffer_frames: 1024 }
    }
}

/// The service.
#[derive(Debug)]
pub struct AudioPlayer {
    setup: Setup,
    /// Where `measurements.sqlite` lies.
    state_dir: PathBuf,
    /// Only the thread takes them. std's channel sleeps at once where crossbeam's first spins and yields, which twice a second is more
    /// than what the thread then does.
    messages: Mutex<Receiver<Message>>,
    to_self: SyncSender<Message>,
    events: Sender<crate::app::Event>,
    /// Feeds are never numbered twice, so that a report to a thread that died means nothing to the next one.
    next_feed: AtomicU64,
    moves: Moves,
}

/// The audio thread as others see it.
#[derive(Debug, Clone)]
pub struct Handle(SyncSender<Message>);

/// The audio thread takes no more; it hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audio thread does not take commands")]
pub struct Full;

impl AudioPlayer {
    /// Makes the service; nothing is opened before its thread runs. Its decks look files up in
    /// the `measurements.sqlite` of `state_dir`.
    pub fn new(setup: Setup, state_dir: PathBuf, events: Sender<crate::app::Event>) -> (Arc<Self>, Handle) {
        let (to_self, messages) = sync_channel(MESSAGES_MAX);
        let handle = Handle(to_self.clone());
        let next_feed = AtomicU64::new(1);
        let moves = Moves::of(Who::Service(Name::Audio));
        let messages = Mutex::new(messages);
        (Arc::new(Self { setup, state_dir, messages, to_self, events, next_feed, moves }), handle)
    }
}

impl Handle {
    /// Tells the audio thread something; never waits.
    ///
    /// # Errors
    /// It hangs.
    pub fn send(&self, command: Command) -> Result<(), Full> {
        self.0.try_send(Message::Command(command)).map_err(|_| Full)
    }

    /// Has films heard that are written to the other end of this; never waits.
    ///
    /// # Errors
    /// It hangs.
    pub(crate) fn hear_films(&self, films: film::Reader) -> Result<(), Full> {
        self.0.try_send(Message::Films(films)).map_err(|_| Full)
    }
}

impl Service for AudioPlayer {
    fn name(&self) -> Name {
        Name::Audio
    }

    fn run(&self) -> Result<(), String> {
        Player::start(self)?.run()
    }

    fn moves(&self) -> &Moves {
        &self.moves
    }

    fn stop(&self) {
        let _ = self.to_self.try_send(Message::Stop);
    }
}

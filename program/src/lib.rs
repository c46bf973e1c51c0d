//! Programs for public rooms: what they are, and what they mean at a moment.
//!
//! This crate is pure: it has no clock, no disk, no network and no thread, and it knows no other crate of the house. The
//! device decides with it what plays, the server previews with it, and both get the same answers.
//!
//! - [`model`]: the documents, as they are written down and travel. [`Resolved`] is what a release carries for a place.
//! - `check`: reads and judges a document; every error names the path of what is wrong.
//! - `Program`: a document, compiled: what the decisions below are asked of.
//! - [`civil`] and `zone`: dates and times without a zone, and the one map from them to instants.
//! - `windows`: hours, exceptions, dayparts and moments at clock times, as instants.
//! - `now`: what is right at a moment, why, and when that changes; `boundary`: how one thing goes over into the next.
//! - [`rotation`]: which song comes next and why, and what keeps one away.
//! - [`spots`]: announcements and advertisements, when each is due and what became of it.
//! - [`staff`]: what people on the spot may do.
//! - `timeline` and `preview`: what would be, as data, as a table and as a picture.
//!
//! # How a player uses it
//! ```
//! use orchestrion_program::now::{Sound, State};
//! use orchestrion_program::rotation::{self, Asked, Catalogue, Chance, History, choose_next};
//! use orchestrion_program::spots::{Ask, During, Memory, Span, Spots};
//! use orchestrion_program::{Absolute, Clock, Program, Wall, check};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let text = include_bytes!("../tests/small.json");
//! let program = Program::compile(check::parse(text)?)?;
//! let (document, library) = (program.document(), &program.document().library);
//! let catalogue = Catalogue::new(document, library);
//! // At a start: the history from the play log, chance and the spots' memory as they were stored.
//! let mut history = History::new(&catalogue);
//! let mut chance = Chance::new(7);
//! let (mut spots, _missed) = Spots::resume(&program, library, Memory::default());
//!
//! let (at, state) = (Absolute(1_798_797_600_000), State::default());
//! let clock = Clock { mono_ms: 5, boot: "a1".into(), wall: Wall::Trusted { at, uncertainty_ms: 20 } };
//! let Sound::Open(open) = program.what_now(&clock, &state).sound else { return Ok(()) };
//! let next_look = program.next_change(&clock, &state);
//!
//! // At a song's end: time and song are told, then what is to be said is asked, then the next song.
//! let daypart = open.daypart.and_then(|number| program.daypart(number)).map(|daypart| daypart.id.as_str());
//! let during = During::Open { aired_ms: 180_000 };
//! let span = Span { from: at.plus_ms(-180_000), to: at, during, daypart, trusted: true };
//! let mut missed = spots.pass(&program, &span);
//! missed.extend(spots.song_heard(180_000, daypart, true));
//! let until_close_ms = open.closes.map(|closes| closes.since_ms(at));
//! let mean_song_ms = catalogue.mean_song_ms();
//! let (paused, trusted, offline_days, safety_only, playable) = (false, true, 0, false, &|_: &str| true);
//! let ask = Ask { mean_song_ms, until_close_ms, daypart, paused, trusted, offline_days, safety_only, playable };
//! let said = spots.due(&ask);
//! let next_cut = spots.next_cut_in(&ask);
//! if let Some(source) = rotation::Source::of(&program, &open) {
//!     let today = Some(program.zone().local(at).date);
//!     let asked = Asked { source, at, today, offline_days };
//!     if let Some(choice) = choose_next(document, &catalogue, &history, &asked, &mut chance) {
//!         history.heard(&catalogue, choice.heard(at));
//!         println!("{}: {:?}, loosened {:?}", choice.recording, choice.why, choice.loosened);
//!     }
//! }
//! // With the play that begins are stored: chance, the spots' memory, and the missed ones as rows.
//! let stored = serde_json::to_string(&(chance, spots.memory()))?;
//! # assert!(said.spots.is_empty() && missed.is_empty() && next_look.is_some() && next_cut.is_some() && history.plays() == 1);
//! # assert!(stored.len() > 20);
//! # Ok(())
//! # }
//! ```
//!
//! # Where the agreed meaning is silent
//! The documentation of each item says what was decided; the wider decisions:
//! - An instant is a count of milliseconds since 1970 in UTC ([`Absolute`]); local dates run from year 1 to 9999.
//! - A time of day has whole seconds. A window's end of `00:00` is the midnight after its start, as `24:00` is.
//! - The service of a place ends with `lapse.last_day`; the grace days are added to it. What comes then begins when the
//!   place closes for the first time after that, or at that midnight where it does not close within a day.
//! - Alarm mute silences the sound, never the screen. An emergency shows and sounds, closed or not.

pub mod boundary;
pub mod check;
pub mod civil;
pub mod model;
pub mod moments;
pub mod now;
pub mod preview;
mod program;
pub mod rotation;
mod shelf;
pub mod spots;
pub mod staff;
pub mod timeline;
pub mod windows;
pub mod zone;

pub use civil::{Absolute, Date, Local, TimeOfDay, Weekday};
pub use model::{Clock, Resolved, Wall};
pub use now::{Now, State};
pub use program::{DaypartNo, Kind, Program};
pub use shelf::Shelf;

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
//! - `timeline` and `preview`: what would be, as data, as a table and as a picture.
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
pub mod timeline;
pub mod windows;
pub mod zone;

pub use civil::{Absolute, Date, Local, TimeOfDay, Weekday};
pub use model::{Clock, Resolved, Wall};
pub use now::{Now, State};
pub use program::{DaypartNo, Kind, Program};
pub use shelf::Shelf;

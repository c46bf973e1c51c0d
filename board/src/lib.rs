//! What a device knows of its board: pins, and what hands do with them.
//!
//! [`Panel`] is all the logic (buttons, encoder, alarm contact, LED). It is pure: edges and moments go in, events and the LED's
//! level come out, so tests run it on a virtual clock. [`Wired`] lets a panel run on lines: those of the kernel ([`chip`], with the
//! feature `cdev`), or those of another process behind a UNIX socket ([`sim`]), by which tests press pins of a whole device.
//! [`boards`] has what differs between boards, as data; [`health`] reads how the board is.
//!
//! This crate knows pins and gestures. What a press *does* is the device's business.

pub mod alarm;
pub mod boards;
pub mod button;
pub mod chip;
pub mod encoder;
pub mod health;
pub mod led;
pub mod line;
pub mod panel;
pub mod sim;
pub mod time;
pub mod wired;

pub use alarm::Contact;
pub use boards::{Board, BoardError, Boards};
pub use button::{Gesture, Gestures, Hold};
pub use health::Health;
pub use led::{Pattern, Signal};
pub use line::{Bias, Edge, LineId, LineSpec, Polarity};
pub use panel::{Event, Panel, Plan};
pub use time::Moment;
pub use wired::{Waker, Wired};

//! What a device knows of its board: pins, and what hands do with them.
//!
//! [`Panel`] is all the logic (buttons, encoder, alarm contact, LED). It is pure: edges and moments go in, events and the LED's
//! level come out, so tests run it on a virtual clock.
//!
//! This crate knows pins and gestures. What a press *does* is the device's business.

pub mod alarm;
pub mod button;
pub mod encoder;
pub mod led;
pub mod line;
pub mod panel;
pub mod time;

pub use alarm::Contact;
pub use button::{Gesture, Gestures, Hold};
pub use led::{Pattern, Signal};
pub use line::{Bias, Edge, LineId, LineSpec, Polarity};
pub use panel::{Event, Panel, Plan};
pub use time::Moment;

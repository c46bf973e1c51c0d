//! A machine's test rig: what tests, benches and the demo share.
//!
//! - [`signal`] makes sound, [`wav`] and [`encode`] put it into files, [`damage`] breaks files;
//! - [`tunes`] are the demo's music, rendered from scores by a small synthesizer;
//! - [`sound_server`] is a private sound card that records what was played to it;
//! - [`analysis`] says what is true of samples: clicks, gaps, crossfades, distortion.
//!
//! Samples are `f32`, full scale is ±1, interleaved where there is more than one channel. A *frame*
//! is one sample of each channel. Nothing here knows the device's code, so that both can be wrong
//! only independently.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod analysis;
pub mod damage;
pub mod device;
pub mod dying_disk;
pub mod encode;
mod error;
pub mod signal;
pub mod sound_server;
mod tool;
pub mod tunes;
pub mod wav;

pub use error::{Error, Result};

//! A machine's test rig: what tests, benches and the demo share.
//!
//! - [`signal`] makes sound, [`wav`] and [`encode`] put it into files, [`damage`] breaks files;
//! - [`dying_disk`] answers no read, [`block_log`] writes down what is written to it;
//! - [`tunes`] are the demo's music, rendered from scores by a small synthesizer;
//! - [`http_server`] serves files, as well and as badly as servers do;
//! - [`sound_server`] is a private sound card that records what was played to it, [`x_server`] a private screen;
//! - [`stall`] says whether the machine itself stood still meanwhile;
//! - [`films`] makes films and pictures of known colours;
//! - [`device`] is a device as a process, [`supervisor`] who starts it again, as systemd does;
//! - [`usage`] is what a process has used, [`wish`] what whoever measures it wants;
//! - [`analysis`] says what is true of samples: clicks, gaps, crossfades, distortion.
//!
//! Samples are `f32`, full scale is ±1, interleaved where there is more than one channel. A *frame*
//! is one sample of each channel. Nothing here knows the device's code, so that both can be wrong
//! only independently.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod analysis;
pub mod block_log;
pub mod damage;
pub mod device;
pub mod dying_disk;
pub mod encode;
mod error;
pub mod films;
pub mod http_server;
pub mod signal;
pub mod sound_server;
pub mod stall;
pub mod supervisor;
mod tool;
pub mod tunes;
pub mod usage;
pub mod wav;
pub mod wish;
pub mod x_server;

pub use error::{Error, Result};

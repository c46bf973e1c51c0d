//! What is true of captured samples. Pure functions: samples in, numbers out, all computed in `f64`.
//!
//! Unless said otherwise `samples` is **mono** ([`crate::signal::channel`] takes a channel out of a
//! capture), positions are frames from its beginning, levels are peaks of full scale. A function
//! that cannot say anything, because there is too little sound, gives `None`: a test that measures
//! nothing must fail.

mod clicks;
mod crossfade;
mod distortion;
mod fit;
mod found;
mod level;
mod phase;
mod tone;
mod true_peak;

pub use clicks::{FIT_WINDOW_MS, Residual, clicks, residual_peak};
pub use crossfade::{Crossfade, crossfade};
pub use distortion::thd_n_db;
pub use found::{Found, found};
pub use level::{first_above, last_above, peak, power_db, rms_db, silence_runs};
pub use phase::{JUMP_FRAMES_MIN, PhaseJump, phase_jumps};
pub use tone::{dominant_frequency, tone_amplitudes};
pub use true_peak::true_peak;

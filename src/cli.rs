//! The command line: what the binary does when people type it.

pub mod client;
pub mod ctl;
pub mod device;
pub mod doctor;
pub mod fleet;
pub mod install;
pub mod live;
pub mod manual;
pub mod program;
pub mod release;
pub mod scan;
pub mod tables;
pub mod text;
mod values;

/// Exit codes of the binary, beside 0.
pub mod exit_code {
    /// It could not start or could not go on; nothing could be played; the device refused.
    pub const FAILED: u8 = 1;
    /// The command line or the configuration is wrong.
    pub const USAGE: u8 = 2;
    /// There is no device to talk to.
    pub const NO_DEVICE: u8 = 3;
    /// Another device runs here already.
    pub const RUNS_ALREADY: u8 = 4;
}

//! `orchestrion-watchdog` owns the board's hardware watchdog. It pets it while the player moves and systemd answers; when the player
//! cannot be revived, or systemd is dead, it stops, and the hardware resets the board. After three resets in an hour of running it does
//! so no more: the machine stays up and says why, for somebody to look.
//!
//! One thread, no allocation worth the name, no network, nothing of the player's code. What it reads is on tmpfs; the one file on the
//! disk (the resets) is written by a thread of its own, so that a disk that hangs cannot stop the petting by itself.

mod arguments;
mod device;
mod judge;
mod resets;
mod run;
mod systemd;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match arguments::Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments::Parsed::Run(arguments)) => arguments,
        Ok(arguments::Parsed::Help) => {
            println!("{}", arguments::HELP);
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("orchestrion-watchdog: {problem}; --help lists what there is");
            return ExitCode::from(2);
        }
    };
    match run::run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(3, &format!("cannot go on: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// One line for the journal, with its priority: 3 error, 4 warning, 5 notice, 6 information.
fn say(priority: u8, words: &str) {
    eprintln!("<{priority}>{words}");
}

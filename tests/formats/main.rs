//! Every format through the whole way, from the file to the mix: a shelf of them, damaged ones, and decoders that die.

#![cfg(test)]

mod damaged;
mod killed;
#[path = "../place/mod.rs"]
#[allow(dead_code, reason = "shared with tests that need more of it")]
mod place;
mod shelf;

use std::process::Command;

use orchestrion::media::PROGRAM_VAR;

/// Decoders are looked for beside the process, and a test is no daemon: it runs once more as a process that is told where
/// they are. `true`: this is that process.
fn knows_its_decoders(test: &str) -> bool {
    if std::env::var_os(PROGRAM_VAR).is_some() {
        return true;
    }
    let again = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(PROGRAM_VAR, env!("CARGO_BIN_EXE_orchestrion-media"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&again.stdout).into_owned();
    println!("{told}{}", String::from_utf8_lossy(&again.stderr));
    assert!(again.status.success() && told.contains("1 passed"), "see above");
    false
}

/// Whether the encoders are there of which the files are made.
fn can_make_files() -> bool {
    use orchestrion_rig::encode::{Foreign, Format};
    let can = Format::ALL.into_iter().all(Format::is_available)
        && Foreign::ALL.into_iter().all(Foreign::is_available);
    if !can {
        eprintln!("SKIPPED: an encoder is not installed; script/setup installs them all");
    }
    can
}

//! A soft chime on each output, for whoever stands in the room.
//!
//! A thread plays and says how far it is; one that says nothing for `STEP_MAX` is left behind.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use super::report::Finding;
use super::sound::{Tried, real_outputs, try_to_open};
use crate::audio::tone::Side;
use crate::audio::{output, tone};

/// How long an output may take to open, or to begin with the next side.
const STEP_MAX: Duration = Duration::from_secs(10);

/// What the thread says.
enum Step {
    /// It tries this output now.
    Opens(String),
    Begins(Side),
    Ended(Result<(), String>),
}

/// Plays on one output, or on all that this machine has; `tell` says which one sounds now.
pub(super) fn play_all(named: Option<&str>, somebody_runs: bool, tell: &dyn Fn(&str)) -> Vec<Finding> {
    let (steps, said) = channel();
    let named = named.map(str::to_owned);
    // Without a thread the channel ends at once.
    let _ = thread::Builder::new().name("tone".into()).spawn(move || play_each(named, &steps));
    let mut findings = Vec::new();
    let mut trying: Option<String> = None;
    loop {
        match said.recv_timeout(STEP_MAX) {
            Ok(Step::Opens(name)) => {
                tell(&format!("  now {name}:"));
                trying = Some(name);
            }
            Ok(Step::Begins(side)) => tell(&format!(" {}", side.as_str())),
            Ok(Step::Ended(outcome)) => {
                tell("\n");
                findings.extend(trying.take().map(|name| finding(&name, outcome, somebody_runs)));
            }
            Err(RecvTimeoutError::Timeout) => {
                tell("\n");
                let name = trying.unwrap_or_else(|| "the list of outputs".into());
                findings.push(finding(&name, Err("it hangs".into()), somebody_runs));
                break;
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    if findings.is_empty() {
        let none = Finding::wrong("no output can be opened now").costs("no tone was played");
        findings.push(none.remedy("orchestrion outputs; a device that runs here holds its output"));
    }
    findings
}

fn play_each(named: Option<String>, steps: &Sender<Step>) {
    let names: Vec<String> = match named {
        Some(name) => vec![name],
        // What cannot be opened now was told already.
        None => {
            let all: Vec<String> = real_outputs().into_iter().map(|listed| listed.name).collect();
            let tried = try_to_open(&all);
            all.into_iter().zip(tried).filter(|(_, how)| *how == Tried::Opens).map(|(name, _)| name).collect()
        }
    };
    for name in names {
        let say = |step| steps.send(step).is_ok();
        if !say(Step::Opens(name.clone())) {
            return;
        }
        let outcome = tone::play(&name, &mut |side| {
            say(Step::Begins(side));
        });
        say(Step::Ended(outcome));
    }
}

fn finding(name: &str, outcome: Result<(), String>, somebody_runs: bool) -> Finding {
    match outcome {
        Ok(()) if name == output::NULL => Finding::note("null took the tone").costs("nobody hears it"),
        Ok(()) => Finding::fine(format!("{name} took the tone; was it heard left, right, both?")),
        Err(error) if somebody_runs => Finding::note(format!("{name}: {error}"))
            .costs("a device runs here and may hold it")
            .remedy("orchestrion ctl shutdown, then try again"),
        Err(error) => Finding::wrong(format!("{name}: {error}"))
            .costs("nothing plays on it")
            .remedy("is it plugged in, free, and in `orchestrion outputs`?"),
    }
}

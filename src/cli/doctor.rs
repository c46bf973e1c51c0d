//! `orchestrion doctor`: what is missing on this machine, what that costs, and how to get it.
//!
//! It looks and changes nothing; the only thing that it ever writes is a probe file in the state folder, which it
//! removes. Each subject is looked at on a thread of its own and given up after `LOOK_MAX`: a disk or a sound server
//! that hangs is a finding, not a reason to hang as well.
//!
//! Exit codes: 0 all is well or there are only notes, 1 something needs a remedy, 2 typed wrongly.

mod clock;
mod configuration;
mod formats;
mod machine;
mod report;
mod screen;
mod socket;
mod sound;
mod state;
mod tone;

use std::fs::OpenOptions;
use std::io::{Write, stderr};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use rustix::io::fcntl_dupfd_cloexec;
use rustix::stdio::dup2_stderr;

use super::exit_code;
use crate::bootstrap::places;
use crate::config::Config;
use report::{Finding, Group, Letters, Mark, Report};

/// How long all that is looked at may take together.
const LOOK_MAX: Duration = Duration::from_secs(15);

/// `orchestrion doctor`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrion doctor
  orchestrion doctor --config /etc/orchestrion.toml
  orchestrion doctor --tone                  # a soft chime on each output: left, right, both
  orchestrion doctor --tone alsa:default

Marks: fine, ! worth knowing, and what needs a remedy, with the remedy behind it.
Exit codes: 0 all is well or there are only notes, 1 something needs a remedy, 2 typed wrongly.")]
pub struct DoctorArgs {
    /// Check this configuration too, and the places that it names
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Play a soft tone on each output, or on this one
    #[arg(long, value_name = "NAME", num_args = 0..=1)]
    tone: Option<Option<String>>,
    /// Folder of the state, if not the usual one
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Socket of the device, if not the usual one
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Print what was found as one line of JSON
    #[arg(long)]
    json: bool,
}

impl DoctorArgs {
    /// Looks at everything and tells it.
    pub fn run(self) -> ExitCode {
        let _hush = Hush::begin();
        let letters = Letters::of_locale(|name| std::env::var(name).ok());
        let config = self.config.as_deref().map(Config::read);
        let known = config.as_ref().and_then(|config| config.as_ref().ok());
        let named = |place: fn(&Config) -> Option<PathBuf>| known.and_then(place);
        let state_dir = self.state_dir.clone().or_else(|| named(|config| config.state_dir.clone()));
        let state_dir = state_dir.unwrap_or_else(places::state_dir);
        let socket = self.socket.clone().or_else(|| named(|config| config.socket.clone()));

        let looks = vec![
            look("Sound", {
                let socket = socket.clone();
                move || sound::look(|| socket::output_of_device(socket.as_deref()))
            }),
            look("Formats", formats::look),
            look("Screen", screen::look),
            look("State", move || state::look(&state_dir)),
            look("Socket", {
                let socket = socket.clone();
                move || socket::look(socket.as_deref())
            }),
            look("Clock", clock::look),
            look("Machine", machine::look),
        ];
        let configured = config.map(|config| look("Configuration", move || configuration::look(config)));

        let mut report = Report { version: env!("CARGO_PKG_VERSION"), groups: Vec::new() };
        let deadline = Instant::now() + LOOK_MAX;
        for look in looks.into_iter().chain(configured) {
            let group = look.end(deadline);
            self.tell(&report::group(&group, letters));
            report.groups.push(group);
        }
        if let Some(name) = &self.tone {
            self.tell("Tone\n");
            let runs = socket::output_of_device(socket.as_deref()).is_some();
            let findings = tone::play_all(name.as_deref(), runs, &|text| self.tell(text));
            findings.iter().for_each(|finding| self.tell(&(report::line(finding, letters) + "\n")));
            report.groups.push(Group { name: "Tone", findings });
        }
        self.tell(&format!("\n{}\n", report::verdict(&report)));
        if self.json {
            // Made of texts only; it cannot fail.
            say(&(serde_json::to_string(&report).unwrap_or_default() + "\n"));
        }
        match report.worst() {
            Mark::Fine | Mark::Note => ExitCode::SUCCESS,
            Mark::Wrong => ExitCode::from(exit_code::FAILED),
        }
    }

    /// To people.
    fn tell(&self, text: &str) {
        if !self.json {
            say(text);
        }
    }
}

/// Keeps from between the lines what ALSA and its bridges write to standard error by themselves. All that the doctor
/// says goes to standard output.
struct Hush(Option<OwnedFd>);

impl Hush {
    fn begin() -> Self {
        let saved = fcntl_dupfd_cloexec(stderr(), 3).ok();
        let nowhere = OpenOptions::new().write(true).open("/dev/null");
        if let (Some(_), Ok(nowhere)) = (&saved, nowhere) {
            let _ = dup2_stderr(nowhere);
        }
        Self(saved)
    }
}

impl Drop for Hush {
    fn drop(&mut self) {
        if let Some(saved) = self.0.take() {
            let _ = dup2_stderr(saved);
        }
    }
}

/// To standard output; whoever closed it does not want to know.
fn say(text: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A subject that is being looked at.
struct Look {
    name: &'static str,
    findings: Receiver<Finding>,
}

/// Begins to look at a subject.
fn look<I: IntoIterator<Item = Finding>>(
    name: &'static str,
    look: impl FnOnce() -> I + Send + 'static,
) -> Look {
    let (found, findings) = channel();
    // Without a thread nothing is found, which is told.
    let _ = thread::Builder::new().name(name.to_lowercase()).spawn(move || {
        for finding in look() {
            if found.send(finding).is_err() {
                return;
            }
        }
    });
    Look { name, findings }
}

impl Look {
    /// What was found until then; and that it takes too long, if it does.
    fn end(self, deadline: Instant) -> Group {
        let mut findings = Vec::new();
        let ended = loop {
            match self.findings.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(finding) => findings.push(finding),
                Err(reason) => break reason,
            }
        };
        if ended == std::sync::mpsc::RecvTimeoutError::Timeout {
            let what = format!("no answer within {} s", LOOK_MAX.as_secs());
            let remedy =
                "look for a disk or a sound server that hangs: `ps -eo pid,stat,wchan:20,comm | grep D`";
            findings.push(Finding::wrong(what).remedy(remedy));
        } else if findings.is_empty() {
            findings.push(Finding::wrong("it could not be looked at").remedy("try again"));
        }
        Group { name: self.name, findings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hangs_is_given_up_and_what_was_found_before_is_told() {
        let (never, waits) = channel::<()>();
        let hangs = look("Hangs", move || {
            std::iter::once(Finding::fine("first")).chain(std::iter::from_fn(move || {
                let _ = waits.recv();
                None
            }))
        });
        let dies =
            look("Dies", || -> Vec<Finding> { std::panic::resume_unwind(Box::new("as a test wants it")) });
        let begun = Instant::now();
        let group = hangs.end(begun + Duration::from_millis(100));
        assert!(begun.elapsed() < Duration::from_secs(5));
        let marks: Vec<Mark> = group.findings.iter().map(|finding| finding.mark).collect();
        assert_eq!(marks, [Mark::Fine, Mark::Wrong], "{group:?}");
        assert!(group.findings[1].what.contains("no answer"));
        drop(never);
        let group = dies.end(begun + Duration::from_secs(5));
        assert_eq!(group.findings[0].mark, Mark::Wrong, "{group:?}");
    }
}

//! The output while it plays: opened, watched, replaced by the next of the list, and by a better one when it is back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{
    AWAKE_PROGRESS_EVERY, Message, PROGRESS_EVERY, Player, RETRY_EVERY, SETTLED_CALLBACKS, STALL_MAX,
    START_MAX, Wanted, output,
};
use crate::audio::mixer::MixerCommand;
use crate::audio::output::{Ready, Wake};
use crate::audio::{Event, Output};

/// How long an output that does not play is passed over for the first time; twice as long each time after.
const AVOID_FIRST: Duration = Duration::from_secs(2);
/// And at most.
const AVOID_MAX: Duration = Duration::from_secs(60);
/// For how many times as long as a look for a better output took there is none.
const LOOK_REST: u32 = 4;
/// An output that has pulled for so long has proved itself: if it stands still again, it begins with the first wait.
const PROVED_AFTER: Duration = Duration::from_secs(10);

/// An output that is passed over for a while: each try costs the sound of the one that plays instead.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avoided {
    until: Instant,
    wait: Duration,
}

impl Player<'_> {
    fn avoid(&mut self, name: &str) {
        let before = self.avoided.get(name).map(|avoided| avoided.wait);
        let wait = before.map_or(AVOID_FIRST, |wait| (wait * 2).min(AVOID_MAX));
        self.avoided.insert(name.to_owned(), Avoided { until: Instant::now() + wait, wait });
    }

    /// The first of these that can be used, and what is the matter with those before it.
    fn first_ready(&mut self, names: &[String]) -> (Option<Ready>, Option<String>) {
        let setup = self.service.setup;
        let wanted = Wanted { rate_hz: setup.rate_hz, buffer_frames: setup.buffer_frames };
        let to_self = self.service.to_self.clone();
        let wake: Wake = Arc::new(move || {
            // Where there is no room the thread is awake.
            let _ = to_self.try_send(Message::Look);
        });
        let mut problem = None;
        for name in names {
            let ready = Ready::new(name, wanted, &wake);
            let avoided = self.avoided.get_mut(name).filter(|avoided| avoided.until > Instant::now());
            match (ready, avoided) {
                (Ok(ready), None) => return (Some(ready), problem),
                (Ok(_), Some(_)) => {
                    problem
                        .get_or_insert_with(|| format!("{name}: it does not play; tried again in a while"));
                }
                (Err(error), avoided) => {
                    // What goes away may come back as good as new: it is tried as soon as it is there.
                    if let Some(avoided) = avoided {
                        avoided.until = Instant::now();
                    }
                    problem.get_or_insert_with(|| format!("{name}: {error}"));
                }
            }
        }
        (None, problem)
    }

    /// Opens the first output of the list that can be opened; the one that is open is closed before, since it may be the
    /// same device that is opened next.
    pub(super) fn open_output(&mut self) {
        self.output = None;
        let names = self.outputs.clone();
        let (ready, problem) = self.first_ready(&names);
        self.change_output(ready, problem);
    }

    fn change_output(&mut self, ready: Option<Ready>, problem: Option<String>) {
        self.output = None;
        self.starving = None;
        match ready.map(|ready| self.dock.start(ready)) {
            Some(Ok(opened)) => self.output = Some(opened),
            Some(Err(error)) => log::warn!("no output starts: {error}"),
            None => {}
        }
        self.opened_at = Instant::now();
        self.next_retry = Instant::now() + RETRY_EVERY;
        self.last_pulse = (0, Instant::now());
        let Some(opened) = &self.output else { return };
        let (audible, rate_hz) = (opened.audible, opened.rate_hz);
        let now = Output { name: opened.name.clone(), audible, rate_hz, problem };
        self.mix(MixerCommand::Audible(audible));
        if rate_hz != self.rate_hz {
            // It is loaded again from where it is, told in frames of the old rate.
            self.tell_progress();
            self.rate_hz = rate_hz;
            self.empty();
        }
        if self.told.as_ref() != Some(&now) {
            match &now.problem {
                Some(problem) => log::warn!("output {} instead of {problem}", now.name),
                None => log::info!("output {} at {rate_hz} Hz", now.name),
            }
            self.tell(Event::OutputChanged(now.clone()));
            self.told = Some(now);
        }
    }

    /// The rings hold another rate than the output's: everything is loaded again.
    fn empty(&mut self) {
        let mut spent = Vec::new();
        for bay in &mut self.bays {
            bay.deck.send(super::Task::Drop);
            bay.waiting = None;
            bay.wanted = None;
            if let Some(feed) = bay.attached {
                spent.push(feed);
            }
        }
        for feed in spent {
            self.mix(MixerCommand::Unload { feed, fade_frames: 0 });
        }
        // They come back, and are given again at the new rate.
        self.mix(MixerCommand::Film(None));
        for entry in self.feeds.values_mut() {
            entry.role = super::Role::Replaced;
        }
        self.sounding = None;
        self.tell(Event::Emptied);
    }

    /// Notices an output that is lost, and a better one that is back.
    pub(super) fn watch_output(&mut self) {
        let Some(opened) = &self.output else {
            if !self.outputs.is_empty() && Instant::now() >= self.next_retry {
                self.open_output();
            }
            return;
        };
        let name = opened.name.clone();
        if let Some(error) = opened.pulse.lost() {
            log::warn!("output {name} is lost: {error}");
            self.open_output();
            return;
        }
        let now = Instant::now();
        let callbacks = opened.pulse.callbacks();
        if callbacks != self.last_pulse.0 {
            self.last_pulse = (callbacks, now);
        }
        let patience = if callbacks < SETTLED_CALLBACKS { START_MAX } else { STALL_MAX + self.buffered() };
        if now - self.last_pulse.1 > patience {
            if name != output::NULL {
                self.avoid(&name);
            }
            log::warn!("output {name} stands still");
            self.open_output();
            return;
        }
        if now - self.opened_at > PROVED_AFTER && callbacks >= SETTLED_CALLBACKS {
            self.avoided.remove(&name);
        }
        if now < self.next_retry {
            return;
        }
        let better: Vec<String> = self.outputs.iter().take_while(|other| **other != name).cloned().collect();
        let (ready, problem) = self.first_ready(&better);
        // A sound server that does not answer keeps this thread for a while each time.
        self.next_retry = Instant::now() + RETRY_EVERY.max(now.elapsed() * LOOK_REST);
        if let Some(ready) = ready {
            self.change_output(Some(ready), problem);
        }
    }

    /// When a better output than the one that plays is looked for; `None` if there is none.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        let best = self.outputs.first()?;
        let plays = self.output.as_ref().map(|opened| &opened.name);
        (plays != Some(best)).then_some(self.next_retry)
    }

    /// What lies in the output's buffers when they are full.
    fn buffered(&self) -> Duration {
        Duration::from_secs(2) * self.service.setup.buffer_frames / self.rate_hz
    }

    /// Lets what lies in the output's buffers be heard before it is closed.
    pub(super) fn drain_output(&mut self) {
        if self.output.as_ref().is_some_and(|output| output.audible) {
            std::thread::sleep(self.buffered());
        }
        self.output = None;
    }

    /// When `App` is to hear of progress.
    pub(super) fn progress_due(&self) -> Instant {
        self.last_progress + if self.is_awake() { AWAKE_PROGRESS_EVERY } else { PROGRESS_EVERY }
    }

    pub(super) fn report_progress(&mut self) {
        if Instant::now() >= self.progress_due() {
            self.tell_progress();
        }
    }

    fn tell_progress(&mut self) {
        self.last_progress = Instant::now();
        let Some(entry) = self.sounding.and_then(|feed| self.feeds.get(&feed)) else { return };
        let Some(counters) = &entry.counters else { return };
        let (load, heard) = (entry.load, self.heard(counters));
        if self.told_progress.replace((load, heard)) == Some((load, heard)) {
            // Held, or starved: nothing has moved.
            return;
        }
        let peak = self.remote.take_peak();
        // One report more or less does not matter; it must not keep this thread waiting.
        let _ =
            self.service.events.try_send(crate::app::Event::Audio(Event::Progressed { load, heard, peak }));
    }
}

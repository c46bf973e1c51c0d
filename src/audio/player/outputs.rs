//! The output while it plays: opened, watched, replaced by the next of the list, and by a better one when it is back.

use std::time::{Duration, Instant};

use super::{
    AVOID_FOR, AWAKE_PROGRESS_EVERY, PROGRESS_EVERY, Player, RETRY_EVERY, SETTLED_CALLBACKS, STALL_MAX,
    START_MAX, Wanted, output,
};
use crate::audio::mixer::MixerCommand;
use crate::audio::{Event, Output};

impl Player<'_> {
    /// Opens the first output of the list that can be opened; the one that is open is closed before.
    pub(super) fn open_output(&mut self) {
        self.output = None;
        self.starving = None;
        let wanted =
            Wanted { rate_hz: self.service.setup.rate_hz, buffer_frames: self.service.setup.buffer_frames };
        let mut problem = None;
        let now = Instant::now();
        for name in &self.outputs {
            if self.avoided.get(name).is_some_and(|until| *until > now) {
                problem.get_or_insert_with(|| format!("{name}: it does not play; tried again in a minute"));
                continue;
            }
            match self.dock.open(name, wanted) {
                Ok(opened) => {
                    self.output = Some(opened);
                    break;
                }
                Err(error) => {
                    if name != output::NULL && output::is_there(name) {
                        self.avoided.insert(name.clone(), now + AVOID_FOR);
                    }
                    problem.get_or_insert_with(|| format!("{name}: {error}"));
                }
            }
        }
        self.next_retry = Instant::now() + RETRY_EVERY;
        self.last_pulse = (0, Instant::now());
        let Some(opened) = &self.output else { return };
        let (audible, rate_hz) = (opened.audible, opened.rate_hz);
        let now = Output { name: opened.name.clone(), audible, rate_hz, problem };
        self.mix(MixerCommand::Audible(audible));
        if rate_hz != self.rate_hz {
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
        let now = Instant::now();
        let callbacks = opened.pulse.callbacks();
        if callbacks != self.last_pulse.0 {
            self.last_pulse = (callbacks, now);
        }
        let stood_still = now - self.last_pulse.1;
        let patience = if callbacks < SETTLED_CALLBACKS { START_MAX } else { STALL_MAX };
        if stood_still > patience {
            if callbacks < SETTLED_CALLBACKS && opened.name != output::NULL {
                self.avoided.insert(opened.name.clone(), now + AVOID_FOR);
            }
            log::warn!("output {} stands still ({} errors)", opened.name, opened.pulse.errors());
            self.open_output();
            return;
        }
        if now < self.next_retry {
            return;
        }
        self.next_retry = now + RETRY_EVERY;
        let better =
            self.outputs.iter().take_while(|name| **name != opened.name).any(|name| {
                self.avoided.get(name).is_none_or(|until| *until <= now) && output::is_there(name)
            });
        if better {
            self.open_output();
        }
    }

    /// Lets what lies in the output's buffers be heard before it is closed.
    pub(super) fn drain_output(&mut self) {
        if self.output.as_ref().is_some_and(|output| output.audible) {
            let frames = u64::from(self.service.setup.buffer_frames) * 2;
            std::thread::sleep(Duration::from_millis(frames * 1000 / u64::from(self.rate_hz)));
        }
        self.output = None;
    }

    pub(super) fn report_progress(&mut self) {
        let now = Instant::now();
        let every = if self.is_awake() { AWAKE_PROGRESS_EVERY } else { PROGRESS_EVERY };
        if now - self.last_progress < every {
            return;
        }
        self.last_progress = now;
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

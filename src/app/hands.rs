//! Hands: what presses, the knob and the alarm contact do, within what the program allows staff, and what the LED says.
//!
//! The alarm contact goes before everything: while the alarm is given nothing is heard, whoever wants it. What would have played
//! goes on unheard, so that nothing has to be begun again.

use std::collections::BTreeMap;

use orchestrion_program::model::{Clock, Wall};
use orchestrion_program::now::Timer;
use orchestrion_program::staff::Skips;
use orchestrion_protocol::rpc::{RpcError, code};
use orchestrion_protocol::status::{self, State};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::health::BoardHealth;
use super::playback::Transport;
use super::{App, Effect};
use crate::audio;
use crate::buttons::{self, Action, Command, Contact, Pattern, Press, Signal, Wanted};
use crate::storage::Remembered;
use crate::time::{Mono, Now};

/// The reason in the play log of a song that a press ended.
const BY_BUTTON: &str = "skipped by button";
/// What one press of louder or softer is, in percent.
const PRESS_PERCENT: i32 = 5;
/// What one detent of the knob is, in percent.
const DETENT_PERCENT: i32 = 2;
/// A pause by a press ends after as long where no program says how long, in milliseconds.
const PAUSE_MS_MAX: u64 = 30 * 60 * 1000;
/// As long does the status say why a press was refused, in milliseconds.
const REFUSED_SHOWN_MS: u64 = 30_000;
/// As long is the alarm contact's first word waited for in silence, in milliseconds. Then the music begins without it.
const CONTACT_WAIT_MS: u64 = 2000;
/// As long does the LED say "this is me", in milliseconds.
const IDENTIFY_MS: u64 = 15_000;
/// Problems with lines that are shown.
const PROBLEMS_LEN_MAX: usize = 32;

/// What people are told while the alarm is given.
pub(super) const MUTED_BY_ALARM: &str =
    "muted by alarm; it is heard again when the alarm contact is released";

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Hands {
    wanted: Wanted,
    /// The fire alarm is given.
    is_alarm: bool,
    /// Nothing is heard until the alarm contact was read, or until then.
    contact_awaited: Option<Mono>,
    /// What does not work, and why.
    problems: BTreeMap<String, String>,
    /// Why the last press did nothing, and how long that is shown.
    refused: Option<(String, Mono)>,
    /// When a pause by a press is over, where no program knows it.
    pause_ends: Option<(Mono, Timer)>,
    identify_ends: Option<Mono>,
    /// What the LED was told to say.
    shown: Option<Pattern>,
    skips: Skips,
    board: BoardHealth,
}

/// What outlives a restart.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    skips: Skips,
    pause: Option<Timer>,
}

impl Hands {
    /// Hands of a device that begins.
    pub(super) fn of(wanted: Wanted, kept: Option<&str>, now: Now, boot: &str) -> Self {
        let read = kept.map_or(Ok(Kept::default()), serde_json::from_str::<Kept>);
        let kept = read.unwrap_or_else(|error| {
            log::error!("what staff have skipped and paused is forgotten: {error}");
            Kept::default()
        });
        let clock = clock(now, boot);
        let left = kept.pause.map(|timer| (timer.left_ms(&clock), timer)).filter(|(left_ms, _)| *left_ms > 0);
        let pause_ends = left.map(|(left_ms, timer)| (now.monotonic.plus_ms(left_ms), timer));
        let contact_awaited = (!wanted.is_nothing()).then(|| now.monotonic.plus_ms(CONTACT_WAIT_MS));
        Self { wanted, pause_ends, contact_awaited, skips: kept.skips, ..Self::default() }
    }

    /// Whether nothing is to be heard, whoever wants it.
    pub(super) fn mutes(&self) -> bool {
        self.is_alarm || self.contact_awaited.is_some()
    }

    /// Whether the fire alarm is given.
    pub(super) fn is_alarm(&self) -> bool {
        self.is_alarm
    }

    /// Whether a pause by a press outlived a restart.
    pub(super) fn is_paused(&self) -> bool {
        self.pause_ends.is_some()
    }

    /// When something is to be done without an event.
    pub(super) fn deadline(&self) -> Option<Mono> {
        let pause = self.pause_ends.as_ref().map(|(at, _)| *at);
        let refused = self.refused.as_ref().map(|(_, until)| *until);
        [pause, refused, self.contact_awaited, self.identify_ends].into_iter().flatten().min()
    }

    /// For the status.
    pub(super) fn status(&self) -> status::Hands {
        status::Hands {
            alarm: self.is_alarm,
            refused: self.refused.as_ref().map(|(why, _)| why.clone()),
            problems: self.problems.iter().map(|(what, reason)| format!("{what}: {reason}")).collect(),
        }
    }

    /// How the board is, for the status.
    pub(super) fn board(&self) -> Option<status::Board> {
        self.board.status()
    }

    fn lose(&mut self, what: String, reason: String) {
        log::warn!("{what} does not work: {reason}");
        if self.problems.len() < PROBLEMS_LEN_MAX {
            self.problems.insert(what, reason);
        }
    }
}

impl App {
    /// Tells the buttons thread what is wired: at the start, and when it has forgotten everything. An alarm holds until the contact
    /// says otherwise.
    pub(super) fn wire(&mut self, effects: &mut Vec<Effect>) {
        if self.hands.wanted.is_nothing() {
            return;
        }
        self.hands.shown = None;
        effects.push(Effect::Buttons(Command::Wire(Box::new(self.hands.wanted.clone()))));
    }

    /// The configuration was read again.
    pub(super) fn change_board(&mut self, wanted: &Wanted, effects: &mut Vec<Effect>) {
        if self.hands.wanted != *wanted {
            self.hands.wanted = wanted.clone();
            self.hands.shown = None;
            effects.push(Effect::Buttons(Command::Wire(Box::new(wanted.clone()))));
        }
    }

    pub(super) fn hear_buttons(&mut self, now: Now, event: buttons::Event, effects: &mut Vec<Effect>) {
        self.dirty = true;
        match event {
            buttons::Event::Wired { problem, alarm } => {
                self.hands.problems.clear();
                if let Some(problem) = problem {
                    self.hands.lose("the board".into(), problem);
                }
                let was_awaited = self.hands.contact_awaited.take().is_some();
                match alarm {
                    Contact::Nowhere => self.set_alarm(now, false, effects),
                    Contact::Read { is_alarm } => self.set_alarm(now, is_alarm, effects),
                    // It is told as lost; what it said before still holds.
                    Contact::Unreadable => {}
                }
                if was_awaited {
                    self.tell_loudness(effects);
                }
            }
            buttons::Event::Alarm(is_alarm) => self.set_alarm(now, is_alarm, effects),
            buttons::Event::Lost { what, reason } => self.hands.lose(what, reason),
            buttons::Event::Back { what } => {
                log::info!("{what} works again");
                self.hands.problems.remove(&what);
            }
            buttons::Event::Pressed(press) => {
                log::debug!("button \"{}\" was pressed: {:?}", press.button, press.action);
                let answers = !press.is_repeated;
                let outcome = self.press(now, press, effects);
                self.answer(now, outcome, answers, effects);
            }
            buttons::Event::Health { board, health } => self.hands.board.hear(board, health),
            buttons::Event::Unable(reason) => self.answer(now, Err(reason), true, effects),
            buttons::Event::Turned(by) => {
                let outcome = self.turn_volume(by.saturating_mul(DETENT_PERCENT), effects);
                self.answer(now, outcome, false, effects);
            }
        }
    }

    /// Time has passed.
    pub(super) fn watch_hands(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let is_over = |at: Mono| at <= now.monotonic;
        if self.hands.refused.take_if(|(_, until)| is_over(*until)).is_some()
            || self.hands.identify_ends.take_if(|at| is_over(*at)).is_some()
        {
            self.dirty = true;
        }
        if self.hands.contact_awaited.take_if(|at| is_over(*at)).is_some() {
            log::error!("nobody says whether the alarm contact is given; the music begins without it");
            self.tell_loudness(effects);
        }
        if self.hands.pause_ends.as_ref().is_some_and(|(at, _)| is_over(*at)) {
            self.hands.pause_ends = None;
            self.keep_hands(effects);
            if self.playback.transport == Transport::Paused {
                log::info!("the pause by a press has lasted as long as it may; it goes on");
                self.play(now, effects);
            }
        }
    }

    /// "Which one are you?"
    ///
    /// # Errors
    /// Nothing can be lit.
    pub(super) fn identify(&mut self, now: Now) -> Result<(), RpcError> {
        if self.hands.wanted.is_nothing() {
            let text = "no LED is wired; [board] in the configuration names the board, or [board.led] a line";
            return Err(RpcError::new(code::REFUSED, text));
        }
        self.hands.identify_ends = Some(now.monotonic.plus_ms(IDENTIFY_MS));
        self.dirty = true;
        Ok(())
    }

    /// Lets the LED say what the device is, if that has changed.
    pub(super) fn tell_led(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.hands.wanted.is_nothing() {
            return;
        }
        let pattern = self.pattern(now);
        if self.hands.shown.replace(pattern) != Some(pattern) {
            effects.push(Effect::Buttons(Command::Led(pattern)));
        }
    }

    fn pattern(&self, now: Now) -> Pattern {
        if self.hands.identify_ends.is_some() {
            return Pattern::Identify;
        }
        let wants_sound = self.outputs.iter().any(|output| output != "null");
        let is_unheard = wants_sound && self.output.as_ref().is_some_and(|output| !output.audible);
        match self.status(now).state {
            // Somebody wants it so, and nobody must look.
            _ if self.hands.is_alarm => Pattern::Closed,
            _ if self.voice.emergency_problem().is_some() => Pattern::Fault,
            State::Closed if self.air.is_broken() => Pattern::Fault,
            State::Closed | State::Paused | State::Stopped => Pattern::Closed,
            _ if is_unheard || !self.hands.problems.is_empty() || self.hands.board.is_bad() => Pattern::Fault,
            State::Playing if self.muted || self.volume == 0 => Pattern::Closed,
            State::Playing if self.releases.are_cut_off() || self.server.is_cut_off() => Pattern::NoNetwork,
            State::Playing => Pattern::Playing,
            State::Waiting if self.playback.incoming.is_some() || !self.wishes.is_empty() => {
                Pattern::Starting
            }
            State::Waiting => Pattern::Fault,
        }
    }

    fn set_alarm(&mut self, now: Now, is_alarm: bool, effects: &mut Vec<Effect>) {
        if std::mem::replace(&mut self.hands.is_alarm, is_alarm) == is_alarm {
            return;
        }
        if is_alarm {
            log::warn!("muted by alarm: nothing is heard until the alarm contact is released");
            // Nobody would hear what is to be said between songs; it is missed, and the log says so.
            self.drop_breaks();
            self.prepare_next(now, effects);
        } else {
            log::warn!("the alarm contact is released: it is heard again");
        }
        self.tell_loudness(effects);
    }

    fn answer(&mut self, now: Now, outcome: Result<(), String>, is_shown: bool, effects: &mut Vec<Effect>) {
        let signal = match outcome {
            Ok(()) => {
                self.hands.refused = None;
                Signal::Confirmed
            }
            Err(why) => {
                log::info!("a press is refused: {why}");
                self.hands.refused = Some((why, now.monotonic.plus_ms(REFUSED_SHOWN_MS)));
                Signal::Refused
            }
        };
        if is_shown && signal == Signal::Confirmed && self.hands.wanted.tone != Some(false) {
            effects.push(Effect::Audio(audio::Command::PressTone));
        }
        if is_shown || signal == Signal::Refused {
            effects.push(Effect::Buttons(Command::Answer(signal)));
        }
    }

    /// A press, if the program allows it.
    fn press(&mut self, now: Now, press: Press, effects: &mut Vec<Effect>) -> Result<(), String> {
        match press.action {
            Action::Nothing => return Ok(()),
            Action::Louder => return self.turn_volume(PRESS_PERCENT, effects),
            Action::Softer => return self.turn_volume(-PRESS_PERCENT, effects),
            Action::Toggle | Action::Skip | Action::Previous | Action::Announce | Action::Address => {}
        }
        if self.voice.is_emergency() {
            return Err("an emergency is said".into());
        }
        if let Some(why) = self.air.why_silent(now) {
            return Err(why);
        }
        match press.action {
            Action::Toggle if self.playback.transport == Transport::Playing => {
                self.pause_by_hand(now, effects)
            }
            Action::Toggle => self.play(now, effects),
            Action::Skip | Action::Previous => return self.leave_song(now, press.action, effects),
            Action::Announce | Action::Address => {
                let Some(path) = press.announcement else { return Err("it has no announcement".into()) };
                if self.voice.has(&path) {
                    return Err("it is being said already".into());
                }
                return self.announce(now, path, None, None, effects).map_err(|error| error.message);
            }
            Action::Nothing | Action::Louder | Action::Softer => {}
        }
        Ok(())
    }

    fn pause_by_hand(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.pause(now, effects);
        // With a program the pause ends by its rules.
        if !self.air.is_programmed() {
            let timer = Timer::after(&clock(now, &self.boot), PAUSE_MS_MAX);
            self.hands.pause_ends = Some((now.monotonic.plus_ms(PAUSE_MS_MAX), timer));
            self.keep_hands(effects);
        }
    }

    /// Somebody has let it go on, or stopped it: nothing is to end the pause.
    pub(super) fn forget_pause(&mut self, effects: &mut Vec<Effect>) {
        if self.hands.pause_ends.take().is_some() {
            self.keep_hands(effects);
        }
    }

    fn leave_song(&mut self, now: Now, action: Action, effects: &mut Vec<Effect>) -> Result<(), String> {
        let is_back = action == Action::Previous;
        let current = self.playback.current.as_ref().map(|current| current.entry);
        if let Some(entry) = current {
            let path = self.queue.get(entry).map(|entry| entry.path.as_ref());
            let asked =
                self.air.ask_skip(self.times.rotation(now), (entry, path), &self.hands.skips, is_back);
            asked.map_err(|refused| refused.to_string())?;
        }
        if is_back {
            self.previous(now, BY_BUTTON, effects);
        } else {
            self.skip(now, BY_BUTTON, effects);
        }
        self.forget_pause(effects);
        if current.is_some() && self.air.is_programmed() {
            self.hands.skips.skipped(self.times.rotation(now));
            self.keep_hands(effects);
        }
        Ok(())
    }

    fn turn_volume(&mut self, by_percent: i32, effects: &mut Vec<Effect>) -> Result<(), String> {
        let most = i32::from(self.levels.volume_max);
        let wanted = i32::from(self.volume).saturating_add(by_percent).clamp(0, most);
        let wanted = u8::try_from(wanted).unwrap_or(self.volume);
        let wanted = self.air.ask_volume(wanted).map_err(|refused| refused.to_string())?;
        let volume = self.air.take_volume(wanted).min(self.levels.volume_max);
        if volume != self.volume {
            self.volume = volume;
            self.tell_volume(effects);
        }
        Ok(())
    }

    fn keep_hands(&mut self, effects: &mut Vec<Effect>) {
        let pause = self.hands.pause_ends.as_ref().map(|(_, timer)| timer);
        let kept = json!({"skips": self.hands.skips, "pause": pause});
        self.keeper.remember(Remembered::Hands, kept.to_string(), effects);
    }
}

/// The moment as timers are told it that outlive the process.
fn clock(now: Now, boot: &str) -> Clock {
    Clock { mono_ms: now.monotonic.0, boot: boot.to_owned(), wall: Wall::None }
}

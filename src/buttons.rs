//! Buttons: owns the board's lines and its LED, on the thread `buttons`.
//!
//! It tells what hands do and what the alarm contact says; what comes of it `App` decides. It sleeps until an edge, a command or
//! the LED's next change. A line that is missing, busy or gone is told and tried again; the others work on.

mod health;
mod spoken;
#[cfg(test)]
mod tests;
mod wanted;
mod wiring;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, bounded};
use orchestrion_board::{Event as Told, Health, Moment, Waker, Wired};

use crate::app::Event as AppEvent;
use crate::service::moves::{Moves, Who};
use crate::service::{Name, Service};

pub use orchestrion_board::led::{Pattern, Signal};
pub use wanted::{Action, Wanted, WantedAlarm, WantedButton, WantedEncoder, WantedLine};
pub use wiring::Wiring;

use health::Watched;

/// The first addresses of this machine; none while no network is connected. It reads a file of the kernel.
pub(crate) fn addresses() -> Vec<std::net::Ipv4Addr> {
    spoken::of_machine(Path::new("/")).unwrap_or_default()
}

/// Commands that wait for the thread, at most.
const COMMANDS_LEN_MAX: usize = 64;
/// While `App` takes no events, this often it is asked whether to stop.
const REPORT_WAIT: Duration = Duration::from_millis(100);
/// As long is it tried to tell `App` what came of saying the address.
const SPOKEN_WAIT: Duration = Duration::from_secs(5);
/// How it is called in sentences.
const LED_NAME: &str = "the LED";

/// What the thread is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// From now on this is wired; answered by [`Event::Wired`].
    Wire(Box<Wanted>),
    /// The LED says this until it is told something else.
    Led(Pattern),
    /// The LED answers a press.
    Answer(Signal),
}

/// What a press asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Press {
    /// The button's name.
    pub button: Arc<str>,
    /// What it does.
    pub action: Action,
    /// What [`Action::Announce`] and [`Action::Address`] say.
    pub announcement: Option<Arc<Path>>,
    /// It is held, and does it again.
    pub is_repeated: bool,
}

/// What the alarm contact said when the lines were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contact {
    /// There is none.
    Nowhere,
    /// It cannot be read.
    Unreadable,
    /// The alarm is given, or not.
    Read {
        /// Whether it is.
        is_alarm: bool,
    },
}

/// What the thread reports.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Its lines were asked for, and which are lost is told next. Everything that was told of lines before is void.
    Wired {
        /// Why nothing is wired at all, if that is so.
        problem: Option<String>,
        /// What the alarm contact says.
        alarm: Contact,
    },
    /// A hand pressed a button.
    Pressed(Press),
    /// A hand pressed a button for something that cannot be done, in words for whoever pressed it.
    Unable(String),
    /// A hand turned the knob by as many detents; louder is positive.
    Turned(i32),
    /// How the board is: at first, and when it is news.
    Health {
        /// What the board is called.
        board: String,
        /// How it is.
        health: Health,
    },
    /// The fire alarm is given, or over.
    Alarm(bool),
    /// Something does not work; what else there is works on.
    Lost {
        /// What.
        what: String,
        /// Why, and what can be done.
        reason: String,
    },
    /// It works again.
    Back {
        /// What.
        what: String,
    },
}

/// Tells the thread what to do. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    commands: Sender<Command>,
    waker: Waker,
}

/// `COMMANDS_LEN_MAX` commands wait; this one was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the buttons thread does not keep up; a command for it was lost")]
pub struct Full;

impl Handle {
    /// Hands a command over; it never blocks.
    ///
    /// # Errors
    /// Too many commands wait; this one is lost.
    pub fn send(&self, command: Command) -> Result<(), Full> {
        self.commands.try_send(command).map_err(|_| Full)?;
        self.waker.wake();
        Ok(())
    }
}

/// The service that owns the board's lines.
#[derive(Debug)]
pub struct Buttons {
    commands: Receiver<Command>,
    events: Sender<AppEvent>,
    waker: Waker,
    moves: Moves,
    stopping: AtomicBool,
    /// The address is being made into sound.
    is_speaking: Arc<AtomicBool>,
}

impl Buttons {
    /// Makes the service and the handle to it. It asks for lines when it is told which, by [`Command::Wire`].
    ///
    /// # Errors
    /// The kernel gives no more descriptors.
    pub fn new(events: Sender<AppEvent>) -> std::io::Result<(Arc<Self>, Handle)> {
        let (sender, commands) = bounded(COMMANDS_LEN_MAX);
        let waker = Waker::new()?;
        let service = Self {
            commands,
            events,
            waker: waker.clone(),
            moves: Moves::of(Who::Service(Name::Buttons)),
            stopping: AtomicBool::new(false),
            is_speaking: Arc::default(),
        };
        Ok((Arc::new(service), Handle { commands: sender, waker }))
    }

    fn stopped(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Tells `App`, which hears everything: an alarm must not be lost because it is busy.
    fn report(&self, event: Event) {
        if let Event::Pressed(press) = &event
            && press.action == Action::Address
        {
            return self.say_address(press.clone());
        }
        let mut event = AppEvent::Buttons(event);
        while let Err(SendTimeoutError::Timeout(back)) = self.events.send_timeout(event, REPORT_WAIT) {
            if self.stopped() {
                return;
            }
            event = back;
        }
    }

    /// Makes the address into sound beside this thread, which must hear the alarm contact at any moment, and reports the press then.
    fn say_address(&self, press: Press) {
        if self.is_speaking.swap(true, Ordering::AcqRel) {
            return;
        }
        let (events, is_speaking) = (self.events.clone(), Arc::clone(&self.is_speaking));
        let say = move || {
            let spoken = spoken::say_address(Path::new("/"), &spoken_folder());
            is_speaking.store(false, Ordering::Release);
            let event = match spoken {
                Ok(path) => Event::Pressed(Press { announcement: Some(Arc::from(path)), ..press }),
                Err(reason) => Event::Unable(reason),
            };
            if events.send_timeout(AppEvent::Buttons(event), SPOKEN_WAIT).is_err() {
                log::warn!("the address is not said: the device does not keep up");
            }
        };
        if let Err(error) = thread::Builder::new().name("speech".into()).spawn(say) {
            self.is_speaking.store(false, Ordering::Release);
            log::error!("the address is not said: {error}");
        }
    }
}

/// Where the sound of the address is put: in memory under systemd, which also takes it away.
fn spoken_folder() -> PathBuf {
    std::env::var_os("RUNTIME_DIRECTORY").map_or_else(std::env::temp_dir, PathBuf::from)
}

impl Service for Buttons {
    fn name(&self) -> Name {
        Name::Buttons
    }

    fn moves(&self) -> &Moves {
        &self.moves
    }

    fn run(&self) -> Result<(), String> {
        let mut hands = Hands::new(Wiring::default(), self.waker.clone());
        while !self.stopped() {
            self.moves.moved();
            for command in self.commands.try_iter() {
                match command {
                    Command::Wire(wanted) => {
                        let wiring = Wiring::of(&wanted, Path::new("/"));
                        let problem = wiring.as_ref().err().cloned();
                        hands = Hands::new(wiring.unwrap_or_default(), self.waker.clone());
                        hands.begin(problem, |event| self.report(event));
                    }
                    Command::Led(pattern) => hands.wired.show(pattern),
                    Command::Answer(signal) => hands.wired.answer(signal),
                }
            }
            hands.turn(Some(self.moves.turn_every()), |event| self.report(event));
            hands.look(|event| self.report(event));
        }
        spoken::forget(&spoken_folder());
        Ok(())
    }

    fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.waker.wake();
    }
}

/// What is wired, and its lines.
struct Hands {
    wiring: Wiring,
    wired: Wired,
    watched: Watched,
    told: Vec<(Moment, Told)>,
}

impl Hands {
    fn new(wiring: Wiring, waker: Waker) -> Self {
        let wired = Wired::new(wiring.plan.clone(), waker);
        Self { wired, wiring, watched: Watched::default(), told: Vec::new() }
    }

    /// Asks for the lines for the first time.
    fn begin(&mut self, problem: Option<String>, mut report: impl FnMut(Event)) {
        self.wired.turn(Some(Duration::ZERO), &mut self.told);
        let is_lost = |input: usize| {
            self.told.iter().any(|(_, told)| matches!(told, Told::Lost { input: lost, .. } if *lost == input))
        };
        let inputs = self.wiring.plan.inputs().len();
        let alarm = match (&self.wiring.plan.alarm, inputs.checked_sub(1)) {
            // The contact is the last of a plan's inputs.
            (Some(_), Some(input)) if is_lost(input) => Contact::Unreadable,
            (Some(_), _) => Contact::Read { is_alarm: self.wired.is_alarm() },
            (None, _) => Contact::Nowhere,
        };
        report(Event::Wired { problem, alarm });
        self.tell(report);
    }

    /// Waits until something happens, at most so long, and reports it.
    fn turn(&mut self, wait_max: Option<Duration>, report: impl FnMut(Event)) {
        self.wired.turn(wait_max, &mut self.told);
        self.tell(report);
    }

    /// Looks how the board is, now and then.
    fn look(&mut self, mut report: impl FnMut(Event)) {
        let Some(board) = &self.wiring.board else { return };
        if let Some(health) = self.watched.look(Instant::now(), board, Path::new("/")) {
            report(Event::Health { board: board.name.clone(), health });
        }
    }

    fn tell(&mut self, mut report: impl FnMut(Event)) {
        // Both contacts of the encoder are lost together, and that is one loss.
        let mut named = BTreeSet::new();
        for (_, told) in std::mem::take(&mut self.told) {
            let event = match told {
                Told::Gesture { button, gesture } => self.wiring.press(button, gesture).map(Event::Pressed),
                Told::Turned(by) => Some(Event::Turned(by)),
                Told::Alarm(is_given) => Some(Event::Alarm(is_given)),
                Told::HeldAtStart { button } => {
                    log::info!("{} is down at the start; it counts when it was let go", self.button(button));
                    None
                }
                Told::Stuck { button } => {
                    let reason =
                        "it is down for longer than a hand holds it; is it stuck, or its polarity wrong?";
                    Some(Event::Lost { what: self.button(button), reason: reason.into() })
                }
                Told::Restless { button } => {
                    let reason = "its line changes without a pause; is it wired, and pull set?";
                    Some(Event::Lost { what: self.button(button), reason: reason.into() })
                }
                Told::Well { button } => Some(Event::Back { what: self.button(button) }),
                Told::Lost { input, reason } => Some(Event::Lost { what: self.input(input), reason }),
                Told::Back { input } => Some(Event::Back { what: self.input(input) }),
                Told::LedLost { reason } => Some(Event::Lost { what: LED_NAME.into(), reason }),
                Told::LedBack => Some(Event::Back { what: LED_NAME.into() }),
            };
            let Some(event) = event else { continue };
            let is_news = match &event {
                Event::Lost { what, .. } => named.insert((what.clone(), true)),
                Event::Back { what } => named.insert((what.clone(), false)),
                _ => true,
            };
            if is_news {
                report(event);
            }
        }
    }

    fn button(&self, index: usize) -> String {
        self.wiring.plan.buttons.get(index).map_or_else(String::new, |b| wiring::button_name(&b.name))
    }

    fn input(&self, input: usize) -> String {
        self.wiring.plan.name_of(input)
    }
}

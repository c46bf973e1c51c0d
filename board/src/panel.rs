//! The panel that hands touch: buttons, encoder, alarm contact and LED together. Pure: no pin, no clock.
//!
//! Inputs are known by their place in [`Plan::inputs`]. One that cannot be read is *absent*; the others do not notice.

#[cfg(test)]
mod tests;

use crate::alarm::{Alarm, Contact};
use crate::button::{Button, Gesture, Gestures, Told};
use crate::encoder::{Detent, Encoder};
use crate::led::{Led, Pattern, Signal};
use crate::line::{Edge, LineSpec};
use crate::time::{Moment, earlier};

/// Buttons that a panel can have.
pub const BUTTONS_MAX: usize = 16;

/// What is wired to which line.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The buttons; an event names one by its place here.
    pub buttons: Vec<ButtonPlan>,
    /// The knob for the volume.
    pub encoder: Option<EncoderPlan>,
    /// The fire panel's contact.
    pub alarm: Option<AlarmPlan>,
    /// The status LED.
    pub led: Option<LineSpec>,
}

/// A button and what it can mean.
#[derive(Debug, Clone)]
pub struct ButtonPlan {
    /// What people call it.
    pub name: String,
    /// Where it is.
    pub line: LineSpec,
    /// What it can mean; what has no meaning costs no time.
    pub gestures: Gestures,
}

/// An encoder's lines.
#[derive(Debug, Clone)]
pub struct EncoderPlan {
    /// The contact that closes first when the knob is turned to be louder.
    pub a: LineSpec,
    /// The other.
    pub b: LineSpec,
    /// How it clicks.
    pub detent: Detent,
}

/// An alarm contact's line.
#[derive(Debug, Clone)]
pub struct AlarmPlan {
    /// Where it is. *Active* means closed.
    pub line: LineSpec,
    /// What it does when the alarm is given.
    pub contact: Contact,
}

/// What an input belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The button at this place in [`Plan::buttons`].
    Button(usize),
    /// The encoder's first contact.
    EncoderA,
    /// Its second.
    EncoderB,
    /// The alarm contact.
    Alarm,
}

impl Plan {
    /// All input lines in the order by which [`Edge::input`] counts.
    #[must_use]
    pub fn inputs(&self) -> Vec<(Part, &LineSpec)> {
        let buttons = self.buttons.iter().enumerate().map(|(index, b)| (Part::Button(index), &b.line));
        let encoder = self.encoder.iter().flat_map(|e| [(Part::EncoderA, &e.a), (Part::EncoderB, &e.b)]);
        let alarm = self.alarm.iter().map(|alarm| (Part::Alarm, &alarm.line));
        buttons.chain(encoder).chain(alarm).collect()
    }

    /// What is asked of a chip in one piece: each line for itself, so that one that is busy takes no other with it, and the encoder's
    /// together, so that their edges come in order.
    #[must_use]
    pub fn groups(&self) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (input, (part, _)) in self.inputs().into_iter().enumerate() {
            match (part, groups.last_mut()) {
                (Part::EncoderB, Some(group)) => group.push(input),
                (Part::EncoderB | Part::EncoderA | Part::Button(_) | Part::Alarm, _) => {
                    groups.push(vec![input]);
                }
            }
        }
        groups
    }

    /// What people call an input, for a log line.
    #[must_use]
    pub fn name_of(&self, input: usize) -> String {
        match self.inputs().get(input) {
            Some((Part::Button(index), _)) => {
                self.buttons.get(*index).map_or_else(String::new, |b| format!("button \"{}\"", b.name))
            }
            Some((Part::EncoderA | Part::EncoderB, _)) => "the encoder".into(),
            Some((Part::Alarm, _)) => "the alarm contact".into(),
            None => format!("input {input}"),
        }
    }
}

/// What a panel tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A hand meant something by a button.
    Gesture {
        /// Which, by its place in [`Plan::buttons`].
        button: usize,
        /// What.
        gesture: Gesture,
    },
    /// The knob was turned by as many detents; louder is positive.
    Turned(i32),
    /// The fire alarm is given, or over. Told at the start only if it is given.
    Alarm(bool),
    /// A button was down when the device started; it counts from when it is let go.
    HeldAtStart {
        /// Which.
        button: usize,
    },
    /// A button is down for too long for a hand; it counts again when it comes up.
    Stuck {
        /// Which.
        button: usize,
    },
    /// A button changes without a pause (a floating line?) and is ignored until it rests.
    Restless {
        /// Which.
        button: usize,
    },
    /// What was stuck or restless works again.
    Well {
        /// Which.
        button: usize,
    },
    /// An input cannot be read; it is tried again. The other inputs work.
    Lost {
        /// Which, by its place in [`Plan::inputs`].
        input: usize,
        /// Why, and what can be done.
        reason: String,
    },
    /// An input that was lost can be read again.
    Back {
        /// Which, by its place in [`Plan::inputs`].
        input: usize,
    },
    /// The LED cannot be lit; it is tried again.
    LedLost {
        /// Why, and what can be done.
        reason: String,
    },
    /// The LED works again.
    LedBack,
}

/// A panel.
#[derive(Debug)]
pub struct Panel {
    plan: Plan,
    parts: Vec<Part>,
    buttons: Vec<Option<Button>>,
    /// The encoder's contacts, while it is not known whole.
    contacts: (Option<bool>, Option<bool>),
    encoder: Option<Encoder>,
    alarm: Option<Alarm>,
    led: Led,
}

impl Panel {
    /// A panel all of whose inputs are absent.
    #[must_use]
    pub fn new(plan: Plan, at: Moment) -> Self {
        let parts = plan.inputs().into_iter().map(|(part, _)| part).collect();
        let buttons = plan.buttons.iter().map(|_| None).collect();
        Self { plan, parts, buttons, contacts: (None, None), encoder: None, alarm: None, led: Led::new(at) }
    }

    /// What it was made from.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// An input can be read, and has this level. The level counts for the alarm contact, and not as a press for a button.
    pub fn begin(&mut self, at: Moment, input: usize, active: bool, told: &mut Vec<(Moment, Event)>) {
        match self.parts.get(input) {
            Some(Part::Button(button)) => {
                let gestures = self.plan.buttons.get(*button).map(|b| b.gestures.clone()).unwrap_or_default();
                let mut first = Vec::new();
                if let Some(place) = self.buttons.get_mut(*button) {
                    *place = Some(Button::new(at, active, gestures, &mut first));
                }
                told.extend(first.into_iter().map(|what| (at, event_of(*button, what))));
            }
            Some(Part::EncoderA) => self.contact(Some(active), self.contacts.1),
            Some(Part::EncoderB) => self.contact(self.contacts.0, Some(active)),
            Some(Part::Alarm) => match &mut self.alarm {
                // It was known before: what changed while it could not be read is an edge.
                Some(alarm) => told.extend(alarm.edge(at, active).map(|given| (at, Event::Alarm(given)))),
                None => {
                    let contact = self.plan.alarm.as_ref().map(|alarm| alarm.contact).unwrap_or_default();
                    let alarm = Alarm::new(active, contact);
                    told.extend(alarm.is_given().then_some((at, Event::Alarm(true))));
                    self.alarm = Some(alarm);
                }
            },
            None => {}
        }
    }

    /// An input cannot be read any more. An alarm that is given stays so until the contact says otherwise.
    pub fn end(&mut self, input: usize) {
        match self.parts.get(input) {
            Some(Part::Button(button)) => {
                if let Some(place) = self.buttons.get_mut(*button) {
                    *place = None;
                }
            }
            Some(Part::EncoderA | Part::EncoderB) => {
                self.contacts = (None, None);
                self.encoder = None;
            }
            Some(Part::Alarm) | None => {}
        }
    }

    /// An input changed. Edges of one input come in the order of their moments; those of several may be mixed.
    pub fn edge(&mut self, edge: Edge, told: &mut Vec<(Moment, Event)>) {
        match self.parts.get(edge.input) {
            Some(Part::Button(index)) => {
                let mut what = Vec::new();
                if let Some(Some(button)) = self.buttons.get_mut(*index) {
                    button.edge(edge.at, edge.active, &mut what);
                }
                told.extend(what.into_iter().map(|(at, what)| (at, event_of(*index, what))));
            }
            Some(Part::EncoderA) => turned(edge, told, self.encoder.as_mut().map(|e| e.edge_a(edge.active))),
            Some(Part::EncoderB) => turned(edge, told, self.encoder.as_mut().map(|e| e.edge_b(edge.active))),
            Some(Part::Alarm) => {
                let given = self.alarm.as_mut().and_then(|alarm| alarm.edge(edge.at, edge.active));
                told.extend(given.map(|given| (edge.at, Event::Alarm(given))));
            }
            None => {}
        }
    }

    /// Time went by.
    pub fn advance(&mut self, now: Moment, told: &mut Vec<(Moment, Event)>) {
        for (index, button) in self.buttons.iter_mut().enumerate() {
            let mut what = Vec::new();
            if let Some(button) = button {
                button.advance(now, &mut what);
            }
            told.extend(what.into_iter().map(|(at, what)| (at, event_of(index, what))));
        }
        let over = self.alarm.as_mut().and_then(|alarm| alarm.advance(now));
        told.extend(over.map(|given| (now, Event::Alarm(given))));
    }

    /// When to come back if nothing happens. The LED has a deadline of its own, in [`Panel::led`].
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        let buttons = self.buttons.iter().flatten().filter_map(Button::deadline).min();
        earlier(buttons, self.alarm.as_ref().and_then(Alarm::deadline))
    }

    /// Whether the fire alarm is given.
    #[must_use]
    pub fn is_alarm(&self) -> bool {
        self.alarm.as_ref().is_some_and(Alarm::is_given)
    }

    /// From now on the LED says this.
    pub fn show(&mut self, at: Moment, pattern: Pattern) {
        self.led.show(at, pattern);
    }

    /// The LED answers a press.
    pub fn answer(&mut self, at: Moment, signal: Signal) {
        self.led.answer(at, signal);
    }

    /// Whether the LED is lit, and when that changes.
    #[must_use]
    pub fn led(&self, now: Moment) -> (bool, Option<Moment>) {
        self.led.look(now)
    }

    fn contact(&mut self, a: Option<bool>, b: Option<bool>) {
        self.contacts = (a, b);
        let detent = self.plan.encoder.as_ref().map(|encoder| encoder.detent).unwrap_or_default();
        self.encoder = a.zip(b).map(|(a, b)| Encoder::new(a, b, detent));
    }
}

/// Detents of the same turn that were read at once are one event.
fn turned(edge: Edge, told: &mut Vec<(Moment, Event)>, by: Option<i8>) {
    match (by, told.last_mut()) {
        (None | Some(0), _) => {}
        (Some(by), Some((at, Event::Turned(sum)))) => {
            *at = edge.at;
            *sum = sum.saturating_add(i32::from(by));
        }
        (Some(by), _) => told.push((edge.at, Event::Turned(i32::from(by)))),
    }
}

fn event_of(button: usize, told: Told) -> Event {
    match told {
        Told::Gesture(gesture) => Event::Gesture { button, gesture },
        Told::HeldAtStart => Event::HeldAtStart { button },
        Told::Stuck => Event::Stuck { button },
        Told::Restless => Event::Restless { button },
        Told::Well => Event::Well { button },
    }
}

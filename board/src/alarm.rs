//! The dry contact of a fire panel.
//!
//! An alarm is told with its first edge: muting a second too often is better than a moment too late. Its end is told only when the
//! contact has rested for [`RELEASE_MS`]. The level at the start counts. This is no life-safety system.

use serde::Deserialize;

use crate::time::Moment;

/// As long must the contact rest until the alarm is over, in milliseconds.
pub const RELEASE_MS: u32 = 1_000;

/// What the contact does when the alarm is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Contact {
    /// It opens, and a cut wire is an alarm.
    #[default]
    Opening,
    /// It closes.
    Closing,
}

/// An alarm contact.
#[derive(Debug, Clone)]
pub struct Alarm {
    contact: Contact,
    given: bool,
    /// Since when it rests, while the alarm is still on.
    resting_since: Option<Moment>,
}

impl Alarm {
    /// A contact that is closed or not; whether there is an alarm is known at once.
    #[must_use]
    pub fn new(closed: bool, contact: Contact) -> Self {
        Self { contact, given: means_alarm(contact, closed), resting_since: None }
    }

    /// Whether there is an alarm.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.given
    }

    /// The contact changed. `Some(true)` when an alarm begins.
    pub fn edge(&mut self, at: Moment, closed: bool) -> Option<bool> {
        let over = self.advance(at);
        if means_alarm(self.contact, closed) {
            self.resting_since = None;
            let begins = !self.given;
            self.given = true;
            return begins.then_some(true).or(over);
        }
        if self.given && self.resting_since.is_none() {
            self.resting_since = Some(at);
        }
        over
    }

    /// Time went by. `Some(false)` when the alarm is over.
    pub fn advance(&mut self, now: Moment) -> Option<bool> {
        self.deadline().filter(|due| *due <= now)?;
        self.given = false;
        self.resting_since = None;
        Some(false)
    }

    /// When to come back if the contact does not change.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        self.resting_since.map(|since| since.plus_ms(RELEASE_MS))
    }
}

fn means_alarm(contact: Contact, closed: bool) -> bool {
    match contact {
        Contact::Opening => !closed,
        Contact::Closing => closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_is_told_with_its_first_edge_and_ends_only_when_the_contact_rests() {
        for (contact, closed) in [(Contact::Opening, false), (Contact::Closing, true)] {
            let mut alarm = Alarm::new(!closed, contact);
            assert!(!alarm.is_given());
            assert_eq!(alarm.edge(Moment(10), closed), Some(true));
            assert_eq!(alarm.edge(Moment(20), !closed), None);
            assert_eq!(alarm.edge(Moment(900_000), closed), None, "it chatters: still the same alarm");
            assert_eq!(alarm.edge(Moment(1_000_000), !closed), None);
            assert_eq!(alarm.advance(Moment(1_999_999)), None);
            assert_eq!(alarm.advance(Moment(2_000_000)), Some(false));
            assert!(!alarm.is_given());
        }
    }

    #[test]
    fn an_alarm_that_is_on_at_the_start_is_known_at_once() {
        assert!(Alarm::new(false, Contact::Opening).is_given());
        assert!(Alarm::new(true, Contact::Closing).is_given());
        assert!(!Alarm::new(true, Contact::Opening).is_given());
    }

    #[test]
    fn a_new_alarm_right_after_the_end_of_another_is_an_alarm() {
        let mut alarm = Alarm::new(true, Contact::Closing);
        alarm.edge(Moment(0), false);
        assert_eq!(alarm.edge(Moment(5_000_000), true), Some(true));
        assert!(alarm.is_given());
    }
}

//! ServiceManager decides when a dead service is started again, and when that is given up. Like `App` it has no clock and
//! does no I/O.

use std::collections::{BTreeMap, VecDeque};

use super::Name;
use crate::time::Mono;

/// Restarts of one service within [`WINDOW_MS`]; one more death ends the process, so that systemd starts it afresh.
/// Five: a fault that comes once an hour is survived for ever, one that comes at each start is given up in seconds.
pub const RESTARTS_MAX: usize = 5;
/// See [`RESTARTS_MAX`].
pub const WINDOW_MS: u64 = 10 * 60 * 1000;
/// The first restart is at once; each further one in the window waits twice as long, from this on.
const DELAY_MS: u64 = 250;

/// How often a service without which the music goes on is tried again, when it dies too often.
const SELDOM_MS: u64 = 60_000;

/// What a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not wanted: the process ends.
    Disabled,
    /// Its thread runs.
    Available,
    /// Its thread died; it is started again at this moment, or when someone asks for it.
    Dead { again: Mono },
    /// It died too often.
    GivenUp,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Start the thread of this service, the same struct.
    Start(Name),
    /// End the process with an error.
    GiveUp(Name),
}

#[derive(Debug)]
struct Record {
    state: State,
    /// When it was started again, within the window.
    restarts: VecDeque<Mono>,
}

/// See the head of this file.
#[derive(Debug)]
pub struct ServiceManager {
    records: BTreeMap<Name, Record>,
}

impl Default for ServiceManager {
    fn default() -> Self {
        let record = || Record { state: State::Disabled, restarts: VecDeque::new() };
        Self { records: Name::ALL.into_iter().map(|name| (name, record())).collect() }
    }
}

impl ServiceManager {
    /// The service is wanted: start it.
    pub fn enable(&mut self, name: Name) -> Option<Order> {
        let record = self.records.get_mut(&name)?;
        match record.state {
            State::Disabled => {
                record.state = State::Available;
                Some(Order::Start(name))
            }
            State::Available | State::Dead { .. } | State::GivenUp => None,
        }
    }

    /// The service is not wanted any more; its death is in order.
    pub fn disable(&mut self, name: Name) {
        if let Some(record) = self.records.get_mut(&name) {
            record.state = State::Disabled;
        }
    }

    /// Whether its thread runs.
    pub fn is_available(&self, name: Name) -> bool {
        self.records.get(&name).is_some_and(|record| record.state == State::Available)
    }

    /// Whether it is wanted.
    pub fn is_enabled(&self, name: Name) -> bool {
        self.records.get(&name).is_some_and(|record| record.state != State::Disabled)
    }

    /// Its thread died, or could not be started.
    pub fn died(&mut self, now: Mono, name: Name) -> Option<Order> {
        let record = self.records.get_mut(&name)?;
        match record.state {
            State::Disabled | State::GivenUp | State::Dead { .. } => return None,
            State::Available => {}
        }
        record.restarts.retain(|at| now.since_ms(*at) < WINDOW_MS);
        let before = record.restarts.len();
        if before >= RESTARTS_MAX && !name.is_vital() {
            record.state = State::Dead { again: now.plus_ms(SELDOM_MS) };
            return None;
        }
        if before >= RESTARTS_MAX {
            record.state = State::GivenUp;
            return Some(Order::GiveUp(name));
        }
        if before == 0 {
            return Some(record.start(now, name));
        }
        record.state = State::Dead { again: now.plus_ms(DELAY_MS << (before - 1)) };
        None
    }

    /// Someone asks for the service: a dead one is revived at once.
    pub fn asked(&mut self, now: Mono, name: Name) -> Option<Order> {
        let record = self.records.get_mut(&name)?;
        matches!(record.state, State::Dead { .. }).then(|| record.start(now, name))
    }

    /// Time has passed: starts what is due.
    pub fn wake(&mut self, now: Mono, orders: &mut Vec<Order>) {
        for (name, record) in &mut self.records {
            if matches!(record.state, State::Dead { again } if again <= now) {
                orders.push(record.start(now, *name));
            }
        }
    }

    /// When [`ServiceManager::wake`] wants to be called.
    pub fn deadline(&self) -> Option<Mono> {
        let dead = |record: &Record| match record.state {
            State::Dead { again } => Some(again),
            State::Disabled | State::Available | State::GivenUp => None,
        };
        self.records.values().filter_map(dead).min()
    }
}

impl Record {
    fn start(&mut self, now: Mono, name: Name) -> Order {
        self.state = State::Available;
        self.restarts.push_back(now);
        Order::Start(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running() -> ServiceManager {
        let mut manager = ServiceManager::default();
        assert_eq!(manager.enable(Name::Audio), Some(Order::Start(Name::Audio)));
        manager
    }

    #[test]
    fn a_dead_service_is_started_again_at_once_and_then_with_a_growing_delay() {
        let mut manager = running();
        let mut now = Mono(1000);
        assert_eq!(manager.died(now, Name::Audio), Some(Order::Start(Name::Audio)));
        let mut delays = Vec::new();
        for _ in 1..RESTARTS_MAX {
            assert_eq!(manager.died(now, Name::Audio), None);
            assert!(!manager.is_available(Name::Audio) && manager.is_enabled(Name::Audio));
            let due = manager.deadline().unwrap();
            delays.push(due.since_ms(now));
            let mut orders = Vec::new();
            manager.wake(Mono(due.0 - 1), &mut orders);
            assert_eq!(orders, []);
            manager.wake(due, &mut orders);
            assert_eq!(orders, [Order::Start(Name::Audio)]);
            now = due;
        }
        assert_eq!(delays, [250, 500, 1000, 2000]);
        assert_eq!(manager.died(now, Name::Audio), Some(Order::GiveUp(Name::Audio)));
        assert_eq!(manager.died(now, Name::Audio), None);
        assert_eq!(manager.deadline(), None);
    }

    #[test]
    fn a_service_that_the_music_does_not_need_is_tried_seldom_and_never_given_up() {
        let mut manager = ServiceManager::default();
        manager.enable(Name::Control);
        let mut now = Mono(0);
        for _ in 0..50 {
            if manager.died(now, Name::Control).is_none() {
                now = manager.deadline().unwrap();
                let mut orders = Vec::new();
                manager.wake(now, &mut orders);
                assert_eq!(orders, [Order::Start(Name::Control)]);
            }
        }
        // Asking for it revives it before, but does not spin either: a client that asks has a socket that works.
        assert!(now.0 > 40 * 60_000 / RESTARTS_MAX as u64);
    }

    #[test]
    fn deaths_that_lie_far_apart_are_survived_for_ever() {
        let mut manager = running();
        for hour in 0..100 {
            let now = Mono(hour * 3_600_000);
            assert_eq!(manager.died(now, Name::Audio), Some(Order::Start(Name::Audio)));
        }
    }

    #[test]
    fn asking_for_a_dead_service_revives_it_and_counts() {
        let mut manager = running();
        let now = Mono(0);
        let mut deaths = 0;
        loop {
            deaths += 1;
            match manager.died(now, Name::Audio) {
                Some(Order::GiveUp(_)) => break,
                Some(Order::Start(_)) => {}
                None => assert_eq!(manager.asked(now, Name::Audio), Some(Order::Start(Name::Audio))),
            }
        }
        assert_eq!(deaths, RESTARTS_MAX + 1);
        assert_eq!(manager.asked(now, Name::Audio), None);
    }

    #[test]
    fn the_death_of_a_disabled_service_is_in_order() {
        let mut manager = running();
        manager.disable(Name::Audio);
        assert_eq!(manager.died(Mono(0), Name::Audio), None);
        assert_eq!(manager.asked(Mono(0), Name::Audio), None);
        assert!(!manager.is_enabled(Name::Audio));
        assert_eq!(manager.enable(Name::Audio), Some(Order::Start(Name::Audio)));
    }
}

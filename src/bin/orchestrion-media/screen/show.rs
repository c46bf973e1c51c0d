//! What is shown next, and what is not: a pure machine with a virtual clock (milliseconds of any monotonic clock).
//!
//! One item runs, the next is prepared beside it and waits. Whoever owns the pipelines follows the orders and tells what
//! happened, by the number of the *turn*: one opening of a file, never used again. What answers late is told by it and
//! dropped. What is on the screen stays there until something else can take its place.

use std::collections::HashMap;

use orchestrion::media::screen::message::{Event, ITEMS_MAX, Item, Kind, reason};

/// How long an item may take to its first picture.
pub const PREPARE_MS_MAX: u64 = 5000;
/// How long a running film may give no frame while one is wanted.
pub const STALL_MS_MAX: u64 = 3000;
/// How long an item is passed over after it failed so many times in a row. The first time it is tried again when its
/// turn comes; more failures than these change nothing.
const PASSED_OVER_MS: [u64; 7] =
    [0, 30_000, 2 * 60_000, 8 * 60_000, 32 * 60_000, 2 * 3_600_000, 6 * 3_600_000];
/// A film that was on the screen for so long before it broke is not passed over: better that than nothing.
const WORTH_MS: u64 = 2000;
/// Failed items that are remembered; loops are not longer.
const FAILED_MAX: usize = 2 * ITEMS_MAX;

/// One opening of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Turn(pub u64);

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Open it and get its first picture ready.
    Prepare { turn: Turn, item: Item },
    /// It is on the screen from now on: at once, or as soon as the one before has been seen to its end.
    Take { turn: Turn, at_once: bool },
    /// It is not wanted any more; of one that is on the screen the last picture stays.
    Drop { turn: Turn },
    /// Tell the daemon.
    Tell(Event),
}

/// What is on the screen.
#[derive(Debug)]
struct Running {
    turn: Turn,
    item: Item,
    since: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A film that gives frames; the moment since which it gives none.
    Moving { hungry: Option<u64> },
    /// A picture, until this moment.
    Held { until: u64 },
    /// It is over; its last picture is still there.
    Over,
}

/// What comes next.
#[derive(Debug)]
enum Next {
    None,
    Preparing { turn: Turn, item: Item, deadline: u64 },
    Ready { turn: Turn, item: Item, kind: Kind },
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: usize,
    until: u64,
}

/// See the head of this file.
#[derive(Debug)]
pub struct Show {
    items: Vec<Item>,
    /// The place in the loop of what is prepared next.
    at: usize,
    running: Option<Running>,
    next: Next,
    /// What runs is to be left as soon as the next is ready.
    is_over: bool,
    failures: HashMap<(std::path::PathBuf, u64), Failures>,
    turns: u64,
    /// That nothing can be shown was told.
    told_nothing: bool,
    /// It was said what is to be shown, and that was not the background alone.
    is_to_show: bool,
}

impl Default for Show {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            at: 0,
            running: None,
            next: Next::None,
            is_over: false,
            failures: HashMap::new(),
            turns: 0,
            told_nothing: false,
            is_to_show: false,
        }
    }
}

impl Show {
    /// Another loop. What runs goes on until its first item is ready; an empty one changes nothing but what follows.
    pub fn show(&mut self, now: u64, mut items: Vec<Item>, orders: &mut Vec<Order>) {
        items.truncate(ITEMS_MAX);
        self.items = items;
        self.at = 0;
        (self.told_nothing, self.is_to_show) = (false, true);
        self.is_over = self.running.is_some() && !self.items.is_empty();
        self.forget_next(orders);
        let known: std::collections::HashSet<_> = self.items.iter().map(key).collect();
        self.failures.retain(|key, _| known.contains(key));
        self.plan(now, orders);
    }

    /// Nothing is shown any more; whoever owns the pipelines shows the background.
    pub fn blank(&mut self, now: u64, orders: &mut Vec<Order>) {
        self.show(now, Vec::new(), orders);
        self.is_to_show = false;
        if let Some(before) = self.running.take().filter(|before| before.state != State::Over) {
            orders.push(Order::Drop { turn: before.turn });
        }
    }

    /// Go on to the next at once, or as soon as it is ready.
    pub fn skip(&mut self, now: u64, orders: &mut Vec<Order>) {
        self.is_over = true;
        self.plan(now, orders);
        self.go_on(now, orders);
    }

    /// The first picture of an item is ready.
    pub fn prepared(&mut self, now: u64, turn: Turn, kind: Kind, orders: &mut Vec<Order>) {
        match std::mem::replace(&mut self.next, Next::None) {
            Next::Preparing { turn: ours, item, .. } if ours == turn => {
                self.next = Next::Ready { turn, item, kind };
                self.go_on(now, orders);
            }
            other => self.next = other,
        }
    }

    /// A film has given its last frame.
    pub fn ended(&mut self, now: u64, turn: Turn, orders: &mut Vec<Order>) {
        let Some(running) = self.running.as_mut().filter(|running| running.turn == turn) else { return };
        if !matches!(running.state, State::Moving { .. }) {
            return;
        }
        running.state = State::Over;
        self.failures.remove(&key(&running.item));
        orders.push(Order::Drop { turn });
        self.plan(now, orders);
        self.go_on(now, orders);
    }

    /// An item cannot go on, or cannot even begin.
    pub fn failed(&mut self, now: u64, turn: Turn, words: &str, orders: &mut Vec<Order>) {
        if self.running.as_ref().is_some_and(|running| running.turn == turn) {
            self.fail_running(now, words, true, orders);
        } else if matches!(&self.next, Next::Preparing { turn: ours, .. } | Next::Ready { turn: ours, .. } if *ours == turn)
        {
            self.fail_next(now, words, orders);
        }
    }

    /// A frame of the running film was wanted, and was there or not.
    pub fn fed(&mut self, now: u64, is_there: bool) {
        if let Some(Running { state: State::Moving { hungry }, .. }) = &mut self.running {
            *hungry = if is_there { None } else { Some(hungry.unwrap_or(now)) };
        }
    }

    /// Time has passed.
    pub fn wake(&mut self, now: u64, orders: &mut Vec<Order>) {
        if matches!(self.next, Next::Preparing { deadline, .. } if deadline <= now) {
            self.fail_next(now, &format!("gave no picture within {PREPARE_MS_MAX} ms"), orders);
        }
        match self.running.as_ref().map(|running| running.state) {
            Some(State::Moving { hungry: Some(since) }) if now >= since + STALL_MS_MAX => {
                self.fail_running(now, &format!("stood still for {STALL_MS_MAX} ms"), false, orders);
            }
            Some(State::Held { until }) if until <= now => self.held_enough(now, orders),
            Some(State::Moving { .. } | State::Held { .. } | State::Over) | None => {}
        }
        self.plan(now, orders);
        self.go_on(now, orders);
    }

    /// When [`Show::wake`] wants to be called.
    pub fn deadline(&self) -> Option<u64> {
        let next = match &self.next {
            Next::Preparing { deadline, .. } => Some(*deadline),
            // Someday something that failed can be tried again.
            Next::None if self.wants_next() => {
                self.items.iter().filter_map(|item| self.failures.get(&key(item)).map(|f| f.until)).min()
            }
            Next::None | Next::Ready { .. } => None,
        };
        let running = match self.running.as_ref().map(|running| running.state) {
            Some(State::Moving { hungry: Some(since) }) => Some(since + STALL_MS_MAX),
            Some(State::Held { until }) if !self.is_over || self.only_this() => Some(until),
            Some(State::Moving { hungry: None } | State::Held { .. } | State::Over) | None => None,
        };
        [next, running].into_iter().flatten().min()
    }

    /// Whether a film runs.
    pub fn is_moving(&self) -> bool {
        matches!(self.running, Some(Running { state: State::Moving { .. }, .. }))
    }

    /// Whether something is to be shown and there is nothing: the loop is empty and what ran is over, or all of it is bad.
    pub fn is_bare(&self) -> bool {
        let is_over = match self.running.as_ref().map(|running| running.state) {
            None | Some(State::Over) => true,
            Some(State::Held { .. }) => self.is_over,
            Some(State::Moving { .. }) => false,
        };
        self.is_to_show && is_over && (self.items.is_empty() || self.told_nothing)
    }

    /// A picture has been held for its time.
    fn held_enough(&mut self, now: u64, orders: &mut Vec<Order>) {
        if self.only_this() {
            // It is the only one: it stays, and begins again, without being read again.
            self.is_over = false;
            if let Some(running) = &mut self.running {
                running.state = State::Held { until: now + running.item.hold_ms };
                orders.push(Order::Tell(Event::Shown { id: running.item.id, kind: Kind::Picture }));
            }
        } else {
            self.is_over = true;
        }
    }

    /// The running picture, as it is, is all that there is to show.
    fn only_this(&self) -> bool {
        let Some(Running { item, state: State::Held { .. }, .. }) = &self.running else { return false };
        !self.items.is_empty() && self.items.iter().all(|other| other == item)
    }

    fn wants_next(&self) -> bool {
        !self.items.is_empty() && !self.only_this()
    }

    /// Has the next item prepared, if there is one that may be tried.
    fn plan(&mut self, now: u64, orders: &mut Vec<Order>) {
        if !matches!(self.next, Next::None) || !self.wants_next() {
            return;
        }
        let count = self.items.len();
        let usable = (0..count).map(|step| (self.at + step) % count).find(|place| {
            self.failures.get(&key(&self.items[*place])).is_none_or(|failures| failures.until <= now)
        });
        let Some(place) = usable else {
            // A picture that has been held for its time, or is not wanted any more, is as good as over.
            let is_dark = self.running.as_ref().is_none_or(|running| match running.state {
                State::Over => true,
                State::Held { .. } => self.is_over,
                State::Moving { .. } => false,
            });
            if is_dark && !std::mem::replace(&mut self.told_nothing, true) {
                orders.push(Order::Tell(Event::Nothing));
            }
            return;
        };
        self.at = (place + 1) % count;
        self.turns += 1;
        let (turn, item) = (Turn(self.turns), self.items[place].clone());
        orders.push(Order::Tell(Event::Preparing { id: item.id }));
        orders.push(Order::Prepare { turn, item: item.clone() });
        self.next = Next::Preparing { turn, item, deadline: now + PREPARE_MS_MAX };
    }

    /// Lets the next take the screen, if it is ready and its time has come.
    fn go_on(&mut self, now: u64, orders: &mut Vec<Order>) {
        let is_due = match self.running.as_ref().map(|running| running.state) {
            None | Some(State::Over) => true,
            Some(State::Moving { .. } | State::Held { .. }) => self.is_over,
        };
        if !is_due {
            return;
        }
        let (turn, item, kind) = match std::mem::replace(&mut self.next, Next::None) {
            Next::Ready { turn, item, kind } => (turn, item, kind),
            other => {
                self.next = other;
                return;
            }
        };
        let at_once = self.is_over;
        if let Some(before) = self.running.take()
            && before.state != State::Over
        {
            orders.push(Order::Drop { turn: before.turn });
        }
        orders.push(Order::Take { turn, at_once });
        orders.push(Order::Tell(Event::Shown { id: item.id, kind }));
        let state = match kind {
            Kind::Film => State::Moving { hungry: None },
            Kind::Picture => State::Held { until: now + item.hold_ms },
        };
        if kind == Kind::Picture {
            self.failures.remove(&key(&item));
        }
        (self.is_over, self.told_nothing) = (false, false);
        self.running = Some(Running { turn, item, since: now, state });
        self.plan(now, orders);
    }

    fn forget_next(&mut self, orders: &mut Vec<Order>) {
        match std::mem::replace(&mut self.next, Next::None) {
            Next::Preparing { turn, .. } | Next::Ready { turn, .. } => orders.push(Order::Drop { turn }),
            Next::None => {}
        }
    }

    fn fail_next(&mut self, now: u64, words: &str, orders: &mut Vec<Order>) {
        let item = match &self.next {
            Next::Preparing { item, .. } | Next::Ready { item, .. } => item.clone(),
            Next::None => return,
        };
        self.forget_next(orders);
        self.strike(now, &item, words, orders);
        self.plan(now, orders);
    }

    /// `is_moving`: it gave frames to the last, so that what could be seen of it was no frozen picture.
    fn fail_running(&mut self, now: u64, words: &str, is_moving: bool, orders: &mut Vec<Order>) {
        let Some(running) = &mut self.running else { return };
        if running.state == State::Over {
            return;
        }
        running.state = State::Over;
        let item = running.item.clone();
        orders.push(Order::Drop { turn: running.turn });
        if is_moving && now.saturating_sub(running.since) >= WORTH_MS {
            let failed = Event::Failed { id: item.id, reason: reason(words), passed_over_ms: 0 };
            orders.push(Order::Tell(failed));
        } else {
            self.strike(now, &item, words, orders);
        }
        self.plan(now, orders);
        self.go_on(now, orders);
    }

    fn strike(&mut self, now: u64, item: &Item, words: &str, orders: &mut Vec<Order>) {
        let before = self.failures.get(&key(item)).map_or(0, |failures| failures.count);
        let passed_over_ms = PASSED_OVER_MS[before.min(PASSED_OVER_MS.len() - 1)];
        if self.failures.len() < FAILED_MAX || before > 0 {
            let failures = Failures { count: before + 1, until: now + passed_over_ms };
            self.failures.insert(key(item), failures);
        }
        orders.push(Order::Tell(Event::Failed { id: item.id, reason: reason(words), passed_over_ms }));
    }
}

/// A file as it is now.
fn key(item: &Item) -> (std::path::PathBuf, u64) {
    (item.path(), item.stamp)
}

#[cfg(test)]
mod tests;

//! A panel on real lines: waits for edges, tells events, lights the LED, and tries again what cannot be had.
//!
//! Its owner is one thread, which calls [`Wired::turn`] again and again. Nothing here fails: a chip that is missing, busy or gone
//! is an event, and the other lines work on.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use crate::chip::{GroupEdge, Inputs, Output, open_inputs};
use crate::led::{Pattern, Signal};
use crate::line::{Edge, LineSpec};
use crate::panel::{Event, Panel, Plan};
use crate::time::{Moment, earlier};

/// What cannot be had is tried again after as long, in milliseconds, and then after twice as long each time.
pub const RETRY_MS: u32 = 1_000;
/// But no longer than this, in milliseconds: an alarm contact is among what is waited for.
pub const RETRY_MS_MAX: u32 = 16_000;
/// A group that woke more often than this within [`EASE_MS`] is left alone for as long.
const WAKES_MAX: u32 = 200;
/// In milliseconds.
const EASE_MS: u32 = 100;

/// Wakes [`Wired::turn`] from another thread. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Waker(Arc<OwnedFd>);

impl Waker {
    /// A waker.
    ///
    /// # Errors
    /// The kernel gives no more descriptors.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)))
    }

    /// The next [`Wired::turn`], or the one that waits, returns at once.
    pub fn wake(&self) {
        // It can only be full, and then it wakes as well.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }

    fn clear(&self) {
        let _ = rustix::io::read(&*self.0, &mut [0; 8]);
    }
}

/// A panel on its lines.
pub struct Wired {
    panel: Panel,
    groups: Vec<Group>,
    led: Option<Lamp>,
    waker: Waker,
}

/// Inputs that are asked for in one piece.
struct Group {
    inputs: Vec<usize>,
    lines: Vec<LineSpec>,
    open: Option<Box<dyn Inputs>>,
    /// Whether its loss has been told.
    lost: bool,
    retry: Retry,
    /// When its wakes were counted from, and how many.
    wakes: (Moment, u32),
}

/// The LED and its line.
struct Lamp {
    line: LineSpec,
    output: Option<Output>,
    /// What it shows, if that is known.
    lit: Option<bool>,
    lost: bool,
    retry: Retry,
}

/// When something is tried again.
#[derive(Debug, Clone, Copy)]
struct Retry {
    at: Moment,
    next_ms: u32,
}

impl Retry {
    fn new(at: Moment) -> Self {
        Self { at, next_ms: RETRY_MS }
    }

    /// It was tried in vain.
    fn later(&mut self, now: Moment) {
        self.at = now.plus_ms(self.next_ms);
        self.next_ms = self.next_ms.saturating_mul(2).min(RETRY_MS_MAX);
    }
}

impl std::fmt::Debug for Wired {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wired").field("panel", &self.panel).finish_non_exhaustive()
    }
}

impl Wired {
    /// A panel whose lines are asked for by the first [`Wired::turn`].
    #[must_use]
    pub fn new(plan: Plan, waker: Waker) -> Self {
        let now = Moment::now();
        let lines: Vec<LineSpec> = plan.inputs().into_iter().map(|(_, line)| line.clone()).collect();
        let groups = plan.groups().into_iter().map(|inputs| Group {
            lines: inputs.iter().filter_map(|input| lines.get(*input).cloned()).collect(),
            inputs,
            open: None,
            lost: false,
            retry: Retry::new(now),
            wakes: (now, 0),
        });
        let groups = groups.collect();
        let led = plan.led.clone();
        let led = led.map(|line| Lamp { line, output: None, lit: None, lost: false, retry: Retry::new(now) });
        Self { panel: Panel::new(plan, now), groups, led, waker }
    }

    /// The panel's plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        self.panel.plan()
    }

    /// Whether the fire alarm is given, as far as is known.
    #[must_use]
    pub fn is_alarm(&self) -> bool {
        self.panel.is_alarm()
    }

    /// From now on the LED says this; it changes with the next [`Wired::turn`].
    pub fn show(&mut self, pattern: Pattern) {
        self.panel.show(Moment::now(), pattern);
    }

    /// The LED answers a press, with the next [`Wired::turn`].
    pub fn answer(&mut self, signal: Signal) {
        self.panel.answer(Moment::now(), signal);
    }

    /// Waits until something happens, `wait_max` is over, or the waker was called, and tells what happened, in order.
    pub fn turn(&mut self, wait_max: Option<Duration>, told: &mut Vec<(Moment, Event)>) {
        let told_before = told.len();
        let now = Moment::now();
        self.open_what_is_closed(now, told);
        self.light(now, told);
        // What was lost or found is told before anything is waited for.
        let wait_max = if told.len() > told_before { Some(Duration::ZERO) } else { wait_max };
        let ready = self.wait(now, wait_max);
        let mut edges = Vec::new();
        for index in ready {
            self.read(index, &mut edges, told);
        }
        // Lines of several groups come mixed.
        edges.sort_by_key(|edge| edge.at);
        for edge in edges {
            self.panel.advance(edge.at, told);
            self.panel.edge(edge, told);
        }
        let now = Moment::now();
        self.panel.advance(now, told);
        self.light(now, told);
    }

    /// Asks for the lines that are not yet had, or not any more.
    fn open_what_is_closed(&mut self, now: Moment, told: &mut Vec<(Moment, Event)>) {
        for group in self.groups.iter_mut().filter(|group| group.open.is_none() && group.retry.at <= now) {
            let opened = open_inputs(&group.lines).and_then(|mut open| Ok((open.levels()?, open)));
            match opened {
                Ok(((at, levels), open)) => {
                    group.open = Some(open);
                    group.wakes = (now, 0);
                    for (input, active) in group.inputs.iter().zip(levels) {
                        if group.lost {
                            told.push((at, Event::Back { input: *input }));
                        }
                        self.panel.begin(at, *input, active, told);
                    }
                    group.lost = false;
                    group.retry = Retry::new(now);
                }
                Err(error) => lose(group, &error.to_string(), &mut self.panel, told),
            }
        }
    }

    /// Waits; gives the groups that have something to say.
    fn wait(&self, now: Moment, wait_max: Option<Duration>) -> Vec<usize> {
        let retries = self.groups.iter().filter(|group| group.open.is_none()).map(|group| group.retry.at);
        let lamp = self.led.as_ref().filter(|lamp| lamp.output.is_none()).map(|lamp| lamp.retry.at);
        let eased = self.groups.iter().filter_map(|group| group.eased_until(now));
        let blinks = self.led.as_ref().filter(|lamp| lamp.output.is_some());
        let blinks = blinks.and_then(|_| self.panel.led(now).1);
        let due = retries.chain(lamp).chain(eased).min();
        let due = earlier(earlier(due, blinks), self.panel.deadline());
        let wait = [due.map(|due| due.wait_from(now)), wait_max].into_iter().flatten().min();
        let listening: Vec<(usize, &dyn Inputs)> = self
            .groups
            .iter()
            .enumerate()
            .filter(|(_, group)| group.eased_until(now).is_none())
            .filter_map(|(index, group)| Some((index, group.open.as_deref()?)))
            .collect();
        let waker = self.waker.0.as_fd();
        let mut fds = vec![PollFd::from_borrowed_fd(waker, PollFlags::IN)];
        fds.extend(listening.iter().map(|(_, open)| PollFd::from_borrowed_fd(open.fd(), PollFlags::IN)));
        let timeout = wait.map(|wait| Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: wait.subsec_nanos().into(),
        });
        // Interrupted is as good as woken.
        let _ = poll(&mut fds, timeout.as_ref());
        let mut fds = fds.iter().map(|fd| !fd.revents().is_empty());
        if fds.next() == Some(true) {
            self.waker.clear();
        }
        listening.iter().zip(fds).filter(|(_, ready)| *ready).map(|((index, _), _)| *index).collect()
    }

    fn read(&mut self, index: usize, edges: &mut Vec<Edge>, told: &mut Vec<(Moment, Event)>) {
        let Some(group) = self.groups.get_mut(index) else { return };
        let Some(open) = &mut group.open else { return };
        let mut own: Vec<GroupEdge> = Vec::new();
        let outcome = open.read(&mut own);
        edges.extend(own.into_iter().filter_map(|edge| {
            let input = *group.inputs.get(edge.index)?;
            Some(Edge { input, at: edge.at, active: edge.active })
        }));
        group.count_wake(Moment::now());
        if let Err(error) = outcome {
            lose(group, &error.to_string(), &mut self.panel, told);
        }
    }

    /// Shows what the LED is to show.
    fn light(&mut self, now: Moment, told: &mut Vec<(Moment, Event)>) {
        let Some(lamp) = &mut self.led else { return };
        if lamp.output.is_none() && lamp.retry.at <= now {
            match Output::open(&lamp.line) {
                Ok(output) => {
                    lamp.output = Some(output);
                    lamp.lit = None;
                    told.extend(lamp.lost.then_some((now, Event::LedBack)));
                    lamp.lost = false;
                    lamp.retry = Retry::new(now);
                }
                Err(error) => lamp.lose(now, &error.to_string(), told),
            }
        }
        let (lit, _) = self.panel.led(now);
        if let Some(output) = &mut lamp.output
            && lamp.lit != Some(lit)
        {
            match output.set(lit) {
                Ok(()) => lamp.lit = Some(lit),
                Err(error) => lamp.lose(now, &error.to_string(), told),
            }
        }
    }
}

impl Group {
    fn count_wake(&mut self, now: Moment) {
        if now.since_ms(self.wakes.0) >= u64::from(EASE_MS) {
            self.wakes = (now, 0);
        }
        self.wakes.1 += 1;
    }

    /// Until when a line that floods is not listened to; the kernel drops what is too much, and the level tells what came of it.
    fn eased_until(&self, now: Moment) -> Option<Moment> {
        let until = self.wakes.0.plus_ms(2 * EASE_MS);
        (self.open.is_some() && self.wakes.1 > WAKES_MAX && now < until).then_some(until)
    }
}

impl Lamp {
    fn lose(&mut self, now: Moment, reason: &str, told: &mut Vec<(Moment, Event)>) {
        self.output = None;
        self.lit = None;
        self.retry.later(now);
        if !self.lost {
            self.lost = true;
            told.push((now, Event::LedLost { reason: reason.to_owned() }));
        }
    }
}

/// Closes a group; told once until it is back.
fn lose(group: &mut Group, reason: &str, panel: &mut Panel, told: &mut Vec<(Moment, Event)>) {
    let now = Moment::now();
    group.open = None;
    group.retry.later(now);
    for input in &group.inputs {
        panel.end(*input);
        if !group.lost {
            told.push((now, Event::Lost { input: *input, reason: reason.to_owned() }));
        }
    }
    group.lost = true;
}

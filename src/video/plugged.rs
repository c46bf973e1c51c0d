//! Whether a screen is connected, as far as this machine knows.

use std::time::{Duration, Instant};

use crate::media::screen::connectors;

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Plugged {
    look_at: Instant,
    is_connected: bool,
    /// What was shown on last is a screen.
    has_screen: bool,
}

impl Plugged {
    pub(super) fn new() -> Self {
        Self { look_at: Instant::now(), is_connected: false, has_screen: false }
    }

    /// It is shown on a screen from now on, or nowhere.
    pub(super) fn opened(&mut self, is_screen: bool) {
        (self.has_screen, self.look_at) = (is_screen, Instant::now());
    }

    /// Looks, if it is time to; gives whether it is connected where that changed.
    pub(super) fn look(&mut self) -> Option<bool> {
        if Instant::now() < self.look_at {
            return None;
        }
        self.look_at = Instant::now() + LOOK_EVERY;
        let connectors = connectors::look(&connectors::folder());
        let is_plugged = connectors.iter().any(|connector| connector.is_connected);
        // Where the kernel tells of none, as in a virtual machine, there is one if there is one to show on.
        let is_connected = if connectors.is_empty() { self.has_screen } else { is_plugged };
        (std::mem::replace(&mut self.is_connected, is_connected) != is_connected).then_some(is_connected)
    }

    pub(super) fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// What is shown could be seen, if the screen is on.
    pub(super) fn is_shown_on(&self) -> bool {
        self.is_connected && self.has_screen
    }

    /// When it is looked again.
    pub(super) fn next(&self) -> Instant {
        self.look_at
    }
}

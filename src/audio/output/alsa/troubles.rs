//! What may go wrong with a device, and which of it means that the output is lost.
//!
//! A device that is lost may be ready for sound at once, for ever, and fail at once each time. So each error takes a while, and
//! after a few in a row the thread that writes ends.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::audio::output::{Pulse, Wake};

/// How many errors in a row mean a loss. A start, or a sound server that is busy, may have a few.
const IN_ROW_MAX: u32 = 16;
/// Blocks after which errors no longer count as in a row: they may have been pulled into a device that takes none.
const HEALED_CALLBACKS: u64 = 8;
/// How long the thread rests after an error, and after a device ran dry twice without a block between.
const REST: Duration = Duration::from_millis(2);

/// What went wrong.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Trouble {
    /// It had nothing to play for a moment, and goes on.
    Dry,
    /// It will never play again.
    Gone(String),
    /// Something else, in ALSA's words.
    Error(String),
}

pub(super) struct Troubles {
    pulse: Arc<Pulse>,
    wake: Wake,
    in_row: u32,
    last_callbacks: u64,
}

impl Troubles {
    pub(super) fn new(pulse: Arc<Pulse>, wake: Wake) -> Self {
        Self { pulse, wake, in_row: 0, last_callbacks: 0 }
    }

    /// Whether the output is lost by it.
    pub(super) fn add(&mut self, trouble: Trouble) -> bool {
        let callbacks = self.pulse.callbacks();
        let pulled = callbacks.saturating_sub(self.last_callbacks);
        self.last_callbacks = callbacks;
        if pulled >= HEALED_CALLBACKS {
            self.in_row = 0;
        }
        match trouble {
            Trouble::Dry if pulled > 0 => {}
            Trouble::Dry => thread::sleep(REST),
            Trouble::Gone(words) => {
                self.lose(words);
                return true;
            }
            Trouble::Error(words) => {
                self.in_row += 1;
                if self.in_row >= IN_ROW_MAX {
                    self.lose(words);
                    return true;
                }
                thread::sleep(REST);
            }
        }
        false
    }

    /// Tells that it is lost.
    pub(super) fn lose(&self, words: String) {
        self.pulse.lose(words, &self.wake);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn watched() -> (Troubles, Arc<AtomicU32>) {
        let woken = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&woken);
        let wake: Wake = Arc::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        (Troubles::new(Arc::default(), wake), woken)
    }

    fn broken() -> Trouble {
        Trouble::Error("it broke".into())
    }

    #[test]
    fn errors_in_a_row_are_a_loss_that_is_told_once() {
        let (mut troubles, woken) = watched();
        for _ in 1..IN_ROW_MAX {
            assert!(!troubles.add(broken()));
            assert_eq!(troubles.pulse.lost(), None);
        }
        for _ in 0..3 {
            assert!(troubles.add(broken()));
            assert!(troubles.pulse.lost().unwrap().contains("it broke"));
        }
        assert_eq!(woken.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_device_that_is_gone_is_lost_at_once_and_one_that_ran_dry_is_not() {
        let (mut troubles, woken) = watched();
        for _ in 0..IN_ROW_MAX * 2 {
            assert!(!troubles.add(Trouble::Dry));
        }
        assert_eq!(troubles.pulse.lost(), None);
        assert!(troubles.add(Trouble::Gone("it was pulled out".into())));
        assert!(troubles.pulse.lost().is_some());
        assert_eq!(woken.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn errors_with_much_sound_between_them_are_no_loss() {
        let (mut troubles, _) = watched();
        for _ in 0..IN_ROW_MAX * 2 {
            assert!(!troubles.add(broken()));
            troubles.pulse.callbacks.fetch_add(HEALED_CALLBACKS, Ordering::Relaxed);
        }
        assert_eq!(troubles.pulse.lost(), None);
    }
}

//! What cpal's error callback tells, on its thread: which errors mean that the output is lost.
//!
//! A device that is lost is ready for sound at once, for ever, and fails at once each time, so that cpal calls here
//! millions of times until its stream is dropped. So each call of a device in trouble takes a while; that is all that
//! keeps cpal's thread from using up a processor.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use cpal::ErrorKind;

use crate::audio::output::{Pulse, Wake};

/// How many errors in a row mean a loss. A start, or a sound server that is busy, may have a few.
const IN_ROW_MAX: u32 = 16;
/// Blocks after which errors no longer count as in a row: they may have been pulled into a device that takes none.
const HEALED_CALLBACKS: u64 = 8;
/// How long cpal's thread rests after an error.
const REST: Duration = Duration::from_millis(2);
/// And once the output is lost and waits to be dropped.
const LOST_REST: Duration = Duration::from_millis(20);

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

    pub(super) fn add(&mut self, error: &cpal::Error) {
        if error.kind() == ErrorKind::Xrun {
            // cpal goes on after it.
            return;
        }
        if self.pulse.lost().is_some() {
            thread::sleep(LOST_REST);
            return;
        }
        let callbacks = self.pulse.callbacks();
        if callbacks >= self.last_callbacks + HEALED_CALLBACKS {
            self.in_row = 0;
        }
        self.last_callbacks = callbacks;
        self.in_row += 1;
        if self.in_row >= IN_ROW_MAX || error.kind() == ErrorKind::DeviceNotAvailable {
            let _ = self.pulse.lost.set(error.to_string());
            (self.wake)();
        } else {
            thread::sleep(REST);
        }
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

    fn broken() -> cpal::Error {
        cpal::Error::with_message(ErrorKind::BackendError, "it broke")
    }

    #[test]
    fn errors_in_a_row_are_a_loss_that_is_told_once() {
        let (mut troubles, woken) = watched();
        for _ in 1..IN_ROW_MAX {
            troubles.add(&broken());
            assert_eq!(troubles.pulse.lost(), None);
        }
        for _ in 0..3 {
            troubles.add(&broken());
            assert!(troubles.pulse.lost().unwrap().contains("it broke"));
        }
        assert_eq!(woken.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_device_that_is_gone_is_lost_at_once_and_one_that_ran_dry_is_not() {
        let (mut troubles, woken) = watched();
        for _ in 0..IN_ROW_MAX * 2 {
            troubles.add(&ErrorKind::Xrun.into());
        }
        assert_eq!(troubles.pulse.lost(), None);
        troubles.add(&ErrorKind::DeviceNotAvailable.into());
        assert!(troubles.pulse.lost().is_some());
        assert_eq!(woken.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn errors_with_much_sound_between_them_are_no_loss() {
        let (mut troubles, _) = watched();
        for _ in 0..IN_ROW_MAX * 2 {
            troubles.add(&broken());
            troubles.pulse.callbacks.fetch_add(HEALED_CALLBACKS, Ordering::Relaxed);
        }
        assert_eq!(troubles.pulse.lost(), None);
    }
}

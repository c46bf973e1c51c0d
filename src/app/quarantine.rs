//! Files that failed are passed over for a while, and longer each time.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::time::Mono;

/// How long a file is passed over after its first failure, its second, and so on, in milliseconds.
const DELAYS_MS: [u64; 6] = [30_000, 120_000, 480_000, 1_920_000, 7_200_000, 21_600_000];
/// A file of which so much was heard before it failed is still better than silence.
const WORTH_HEARING_MS: u64 = 2000;
/// Files that are remembered; beyond them the one that ends first is let out.
const LEN_MAX: usize = orchestrion_protocol::limits::QUEUE_LEN_MAX;

#[derive(Debug, Clone)]
struct Case {
    failures: usize,
    until: Mono,
    reason: Arc<str>,
    worth_hearing: bool,
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Quarantine {
    cases: HashMap<Arc<Path>, Case>,
}

impl Quarantine {
    /// A file failed after `heard_ms`; gives how long it is passed over, in milliseconds.
    pub(super) fn fail(&mut self, now: Mono, path: &Arc<Path>, reason: &str, heard_ms: u64) -> u64 {
        if self.cases.len() >= LEN_MAX && !self.cases.contains_key(path) {
            let first =
                self.cases.iter().min_by_key(|(_, case)| case.until).map(|(path, _)| Arc::clone(path));
            if let Some(first) = first {
                self.cases.remove(&first);
            }
        }
        let failures = self.cases.get(path).map_or(0, |case| case.failures);
        let delay_ms = DELAYS_MS[failures.min(DELAYS_MS.len() - 1)];
        let worth_hearing = heard_ms >= WORTH_HEARING_MS;
        let case = Case {
            failures: failures + 1,
            until: now.plus_ms(delay_ms),
            reason: reason.into(),
            worth_hearing,
        };
        self.cases.insert(Arc::clone(path), case);
        delay_ms
    }

    /// A file played to its end.
    pub(super) fn succeed(&mut self, path: &Path) {
        self.cases.remove(path);
    }

    /// Why a file is passed over now, if it is.
    pub(super) fn reason(&self, now: Mono, path: &Path) -> Option<&str> {
        self.cases.get(path).filter(|case| case.until > now).map(|case| &*case.reason)
    }

    /// How long it is still passed over, in milliseconds; `None` when it is not.
    pub(super) fn left_ms(&self, now: Mono, path: &Path) -> Option<u64> {
        self.cases.get(path).filter(|case| case.until > now).map(|case| case.until.since_ms(now))
    }

    /// Whether it is passed over, but is better than silence.
    pub(super) fn is_worth_hearing(&self, path: &Path) -> bool {
        self.cases.get(path).is_some_and(|case| case.worth_hearing)
    }

    /// How many are passed over now.
    pub(super) fn len(&self, now: Mono) -> usize {
        self.cases.values().filter(|case| case.until > now).count()
    }

    /// When the next one is let out.
    pub(super) fn next_release(&self, now: Mono) -> Option<Mono> {
        self.cases.values().map(|case| case.until).filter(|until| *until > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_grows_with_each_failure_and_a_success_forgives() {
        let path: Arc<Path> = Path::new("/m/a.mp3").into();
        let mut quarantine = Quarantine::default();
        let mut now = Mono(1000);
        let mut delays = Vec::new();
        for _ in 0..8 {
            let delay_ms = quarantine.fail(now, &path, "truncated", 0);
            assert_eq!(quarantine.reason(now, &path), Some("truncated"));
            now = now.plus_ms(delay_ms);
            assert_eq!(quarantine.reason(now, &path), None);
            delays.push(delay_ms);
        }
        assert!(delays.windows(2).all(|w| w[0] <= w[1]) && delays[0] < delays[5]);
        quarantine.succeed(&path);
        assert_eq!(quarantine.fail(now, &path, "x", 0), DELAYS_MS[0]);
    }

    #[test]
    fn what_was_heard_for_a_while_is_better_than_silence() {
        let path: Arc<Path> = Path::new("/m/a.mp3").into();
        let mut quarantine = Quarantine::default();
        quarantine.fail(Mono(0), &path, "truncated", 10_000);
        assert!(quarantine.is_worth_hearing(&path));
        quarantine.fail(Mono(0), &path, "gone", 0);
        assert!(!quarantine.is_worth_hearing(&path));
    }
}

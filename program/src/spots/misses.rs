//! Rows of missed spots, of which there are never too many.

use std::collections::HashMap;

use super::{Missed, Why};
use crate::civil::Absolute;

/// Rows that are told at once. After a month of being off there could be millions: past this number a spot's misses for one
/// reason share a row that says how many they are.
pub const ROWS_MAX: usize = 10_000;

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Misses {
    rows: Vec<Missed>,
    /// Rows that stand for many.
    shared: HashMap<(String, Why), usize>,
}

impl Misses {
    pub(super) fn add(&mut self, spot: &str, at: Absolute, why: Why, times: u64) {
        if times == 0 {
            return;
        }
        let row = Missed { spot: spot.into(), at, why, times };
        if self.rows.len() < ROWS_MAX {
            self.rows.push(row);
            return;
        }
        match self.shared.get(&(spot.to_owned(), why)).and_then(|at| self.rows.get_mut(*at)) {
            Some(shared) => shared.times = shared.times.saturating_add(times),
            None => {
                self.shared.insert((spot.to_owned(), why), self.rows.len());
                self.rows.push(row);
            }
        }
    }

    pub(super) fn rows(self) -> Vec<Missed> {
        self.rows
    }
}

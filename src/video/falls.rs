//! When the child is started again after it died, and which file is left out for a while because it died of it. Pure.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};

use crate::time::Mono;

/// Falls within [`WINDOW_MS`] that are a fault.
pub const FALLS_MAX: usize = 6;
/// Falls before a picture was there, within [`WINDOW_MS`], from which on it is tried each [`SELDOM_MS`] only.
const BLIND_FALLS_MAX: usize = 6;
/// The same for any falls: twelve a minute cost a board less than the films do.
const ALL_FALLS_MAX: usize = 120;
/// See [`FALLS_MAX`].
const WINDOW_MS: u64 = 10 * 60 * 1000;
/// After a picture it is started again at once, and so it is the first time that none came; each further one in the window
/// waits twice as long, from this on.
const DELAY_MS: u64 = 250;
const SELDOM_MS: u64 = 60_000;
/// A file of which it died so often within [`DEATHS_WINDOW_MS`] is left out, as it is, for as long: more than seldom deaths
/// by mere chance, and never for ever, since a file is only suspected.
const DEATHS_MAX: usize = 2;
const DEATHS_WINDOW_MS: u64 = 6 * 3600 * 1000;
/// Files that are suspected, at most; of more none is.
const SUSPECTS_MAX: usize = 1000;

/// See the head of this file.
#[derive(Debug, Default)]
pub struct Falls {
    /// The latest, with whether a picture had been there.
    recent: VecDeque<(Mono, bool)>,
    deaths: HashMap<(PathBuf, u64), VecDeque<Mono>>,
}

impl Falls {
    /// It died, after a picture of it was there or before, of this file if one is suspected; gives when it is started again.
    pub fn fell(&mut self, now: Mono, had_picture: bool, suspect: Option<(PathBuf, u64)>) -> Mono {
        self.deaths.retain(|_, deaths| {
            deaths.retain(|at| now.since_ms(*at) < DEATHS_WINDOW_MS);
            !deaths.is_empty()
        });
        if let Some(suspect) = suspect
            && (self.deaths.len() < SUSPECTS_MAX || self.deaths.contains_key(&suspect))
        {
            let deaths = self.deaths.entry(suspect).or_default();
            deaths.push_back(now);
            if deaths.len() > DEATHS_MAX {
                deaths.pop_front();
            }
        }
        self.recent.retain(|(at, _)| now.since_ms(*at) < WINDOW_MS);
        let before = self.recent.len();
        // Those since the last that had a picture.
        let blind = self.recent.iter().rev().take_while(|(_, had_picture)| !had_picture).count();
        if before == ALL_FALLS_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back((now, had_picture));
        if before == ALL_FALLS_MAX || !had_picture && blind >= BLIND_FALLS_MAX {
            return now.plus_ms(SELDOM_MS);
        }
        match blind {
            _ if had_picture => now,
            0 => now,
            blind => now.plus_ms(DELAY_MS << (blind - 1)),
        }
    }

    /// Whether it falls too often.
    pub fn is_fault(&self, now: Mono) -> bool {
        self.recent.iter().filter(|(at, _)| now.since_ms(*at) < WINDOW_MS).count() >= FALLS_MAX
    }

    /// Whether this file is left out.
    pub fn is_deadly(&self, now: Mono, (path, stamp): (&Path, u64)) -> bool {
        if self.deaths.is_empty() {
            return false;
        }
        let deaths = self.deaths.get(&(path.to_path_buf(), stamp));
        let recent = |deaths: &VecDeque<Mono>| {
            deaths.iter().filter(|at| now.since_ms(**at) < DEATHS_WINDOW_MS).count()
        };
        deaths.is_some_and(|deaths| recent(deaths) >= DEATHS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_started_again_at_once_then_later_and_then_seldom() {
        let mut falls = Falls::default();
        let now = Mono(1000);
        let waits: Vec<_> = (0..8).map(|_| falls.fell(now, false, None).since_ms(now)).collect();
        assert_eq!(waits, [0, 250, 500, 1000, 2000, 4000, 60_000, 60_000]);
        assert!(falls.is_fault(now));
        let later = Mono(1000 + WINDOW_MS);
        assert!(!falls.is_fault(later), "it is forgotten, also without another fall");
        assert_eq!(falls.fell(later, false, None), later);
    }

    #[test]
    fn one_that_showed_something_is_started_again_at_once_and_often_and_yet_it_is_a_fault() {
        let mut falls = Falls::default();
        for fall in 1..=ALL_FALLS_MAX {
            let now = Mono(fall as u64);
            assert_eq!(falls.fell(now, true, None), now);
            assert_eq!(falls.is_fault(now), fall >= FALLS_MAX);
        }
        assert_eq!(falls.fell(Mono(1000), true, None), Mono(1000 + SELDOM_MS));
        assert_eq!(falls.recent.len(), ALL_FALLS_MAX);
        let later = Mono(1000 + WINDOW_MS);
        let waits: Vec<_> = [true, false, false, true, false]
            .map(|had_picture| falls.fell(later, had_picture, None).since_ms(later))
            .into();
        assert_eq!(waits, [0, 0, 250, 0, 0]);
    }

    #[test]
    fn a_file_of_which_it_died_twice_is_left_out_until_it_changes_or_hours_have_passed() {
        let mut falls = Falls::default();
        let film = PathBuf::from("/films/a.mp4");
        falls.fell(Mono(0), true, Some((film.clone(), 1)));
        assert!(!falls.is_deadly(Mono(1), (&film, 1)));
        falls.fell(Mono(1), false, Some((film.clone(), 1)));
        assert!(falls.is_deadly(Mono(2), (&film, 1)) && !falls.is_deadly(Mono(2), (&film, 2)));
        assert!(!falls.is_deadly(Mono(DEATHS_WINDOW_MS), (&film, 1)));
    }
}

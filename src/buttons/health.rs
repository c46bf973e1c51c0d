//! How the board is, looked at now and then: what is news is told.

use std::path::Path;
use std::time::{Duration, Instant};

use orchestrion_board::boards::Board;
use orchestrion_board::health::{self, Health};

/// As often is it looked at.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// A temperature is news when it has moved by as many degrees.
const NEWS_C: f32 = 2.0;

/// When it was looked at last, and what was told.
#[derive(Debug, Default)]
pub(super) struct Watched {
    looked: Option<Instant>,
    told: Option<Health>,
}

impl Watched {
    /// Looks, if it is time to: what is to be told.
    pub(super) fn look(&mut self, now: Instant, board: &Board, root: &Path) -> Option<Health> {
        if self.looked.is_some_and(|looked| now.saturating_duration_since(looked) < LOOK_EVERY) {
            return None;
        }
        self.looked = Some(now);
        let health = health::read(board, root);
        let is_news = self.told.is_none_or(|told| is_news(&told, &health));
        is_news.then(|| *self.told.insert(health))
    }
}

fn is_news(told: &Health, is: &Health) -> bool {
    let moved = match (told.temperature_c, is.temperature_c) {
        (Some(told), Some(is)) => (told - is).abs() >= NEWS_C,
        (told, is) => told.is_some() != is.is_some(),
    };
    moved || Health { temperature_c: None, ..*told } != Health { temperature_c: None, ..*is }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_at_first_and_when_it_is_news_and_looked_at_no_more_often_than_is_said() {
        let root = tempfile::tempdir().unwrap();
        let zone = root.path().join("sys/class/thermal/thermal_zone0");
        std::fs::create_dir_all(&zone).unwrap();
        let heat = |millidegrees: u32| std::fs::write(zone.join("temp"), millidegrees.to_string()).unwrap();
        let board = Board::parse("x.toml", "name = \"x\"\n").unwrap();
        let (mut watched, begin) = (Watched::default(), Instant::now());
        let mut at = |rounds: u32| {
            let health = watched.look(begin + LOOK_EVERY * rounds, &board, root.path());
            health.map(|health| health.temperature_c)
        };
        heat(50_000);
        assert_eq!(at(0), Some(Some(50.0)));
        heat(80_000);
        assert_eq!(at(0), None, "it is not yet time");
        assert_eq!(at(1), Some(Some(80.0)));
        heat(81_000);
        assert_eq!(at(2), None, "a degree is no news");
        std::fs::remove_file(zone.join("temp")).unwrap();
        assert_eq!(at(3), Some(None));
    }
}

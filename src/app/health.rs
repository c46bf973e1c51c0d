//! What is said of the board's health, and what of it somebody must look at.

use orchestrion_board::health::{Health, Sign};
use orchestrion_protocol::status;

/// From here on boards slow down, in °C.
const HOT_C: f32 = 80.0;
/// From here on storage should be replaced, in percent of its life.
const WORN_PERCENT: u8 = 90;

/// How the board was when it was last looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct BoardHealth {
    board: String,
    health: Health,
}

impl BoardHealth {
    /// It was looked at: what is wrong and was not before stands in the log.
    pub(super) fn hear(&mut self, board: String, health: Health) {
        let before = problems(&self.health);
        for problem in problems(&health).into_iter().filter(|problem| !before.contains(problem)) {
            log::warn!("the board: {problem}");
        }
        *self = Self { board, health };
    }

    /// For the status; `None` while nothing is known.
    pub(super) fn status(&self) -> Option<status::Board> {
        let known = !self.board.is_empty();
        known.then(|| status::Board {
            name: self.board.clone(),
            temperature_c: self.health.temperature_c.map(f32::round),
            wear_percent: self.health.wear_percent,
            problems: problems(&self.health).into_iter().map(str::to_owned).collect(),
        })
    }

    /// Whether somebody must look at it now.
    pub(super) fn is_bad(&self) -> bool {
        let Health { under_voltage, throttled, spare_low, .. } = self.health;
        under_voltage == Some(Sign::Now) || throttled == Some(Sign::Now) || spare_low == Some(true)
    }
}

/// What is wrong, and what to do about it.
fn problems(health: &Health) -> Vec<&'static str> {
    let voltage = match health.under_voltage {
        Some(Sign::Now) => Some("the supply's voltage is too low: use a stronger supply, or a shorter cable"),
        Some(Sign::Before) => Some(
            "the supply's voltage was too low since the start: use a stronger supply, or a shorter cable",
        ),
        Some(Sign::Never) | None => None,
    };
    let slow = match (health.throttled, health.temperature_c) {
        (Some(Sign::Now), _) => Some("the processor is slowed down: it is too hot, or its supply too weak"),
        (_, Some(heat)) if heat >= HOT_C => Some("it is too hot: give it air, or a heat sink"),
        _ => None,
    };
    let worn = health.spare_low == Some(true) || health.wear_percent.is_some_and(|worn| worn >= WORN_PERCENT);
    let storage = worn.then_some("its storage is worn out: replace it soon");
    let errors = health.filesystem_errors.is_some_and(|errors| errors > 0);
    let files = errors.then_some("its file system has met errors: check it (fsck), and replace the card");
    [voltage, slow, storage, files].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named_with_what_to_do_and_what_is_over_needs_nobody_now() {
        let mut board = BoardHealth::default();
        assert_eq!(board.status(), None);
        let fine =
            Health { temperature_c: Some(45.4), under_voltage: Some(Sign::Never), ..Health::default() };
        board.hear("Pi".into(), fine);
        let told = board.status().unwrap();
        assert_eq!((told.temperature_c, told.problems.len(), board.is_bad()), (Some(45.0), 0, false));
        board.hear("Pi".into(), Health { under_voltage: Some(Sign::Now), wear_percent: Some(110), ..fine });
        let told = board.status().unwrap();
        assert!(told.problems[0].contains("stronger supply") && told.problems[1].contains("replace"));
        assert!(board.is_bad());
        board.hear("Pi".into(), Health { under_voltage: Some(Sign::Before), ..fine });
        assert!(board.status().unwrap().problems[0].contains("was too low") && !board.is_bad());
        board.hear("Pi".into(), Health { temperature_c: Some(84.0), filesystem_errors: Some(2), ..fine });
        assert_eq!(board.status().unwrap().problems.len(), 2);
    }
}

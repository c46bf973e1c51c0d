//! Whether the board is to be reset. Pure: moments are milliseconds of CLOCK_BOOTTIME.

/// What the player says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// All of it moved then.
    At(u64),
    /// It was told to stop, and did: somebody wants silence, which is no fault.
    Stopped,
    /// Nothing, or nothing that makes sense.
    Never,
}

impl Moved {
    /// `moved MS` or `stopped MS`; a moment that is yet to come is none.
    pub fn parse(text: &str, now_ms: u64) -> Self {
        let mut words = text.split_whitespace();
        match (words.next(), words.next().and_then(|ms| ms.parse().ok()), words.next()) {
            (Some("moved"), Some(ms), None) if ms <= now_ms => Self::At(ms),
            (Some("stopped"), Some(_), None) => Self::Stopped,
            _ => Self::Never,
        }
    }
}

/// How long what may last.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    pub player_ms: u64,
    pub start_ms: u64,
    pub systemd_ms: u64,
}

/// What is seen at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub now_ms: u64,
    /// When this program began.
    pub begun_ms: u64,
    pub moved: Moved,
    /// When systemd last answered, if it is asked at all.
    pub systemd_ms: Option<u64>,
}

/// Why the board must be reset, if it must.
pub fn fault(seen: &Seen, patience: &Patience) -> Option<String> {
    if let Some(answered_ms) = seen.systemd_ms {
        let silent_ms = seen.now_ms.saturating_sub(answered_ms);
        if silent_ms > patience.systemd_ms {
            return Some(format!("systemd has not answered for {} s", silent_ms / 1000));
        }
    }
    let since_begun_ms = seen.now_ms.saturating_sub(seen.begun_ms);
    match seen.moved {
        Moved::Stopped => None,
        Moved::Never => (since_begun_ms > patience.start_ms)
            .then(|| format!("the player has never moved in {} s", since_begun_ms / 1000)),
        Moved::At(ms) => {
            // This program may itself be new: a player that is just being revived gets its time.
            let still_ms = seen.now_ms.saturating_sub(ms).min(since_begun_ms);
            (still_ms > patience.player_ms)
                .then(|| format!("the player has not moved for {} s and was not revived", still_ms / 1000))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { player_ms: 180_000, start_ms: 300_000, systemd_ms: 60_000 };

    fn at(now_ms: u64, moved: Moved) -> Seen {
        Seen { now_ms, begun_ms: 10_000, moved, systemd_ms: Some(now_ms) }
    }

    #[test]
    fn a_player_that_moves_or_was_stopped_is_no_fault() {
        assert_eq!(fault(&at(9_000_000, Moved::At(8_999_000)), &PATIENCE), None);
        assert_eq!(fault(&at(9_000_000, Moved::Stopped), &PATIENCE), None);
    }

    #[test]
    fn a_player_that_stands_still_longer_than_patience_is_one() {
        assert_eq!(fault(&at(280_000, Moved::At(100_000)), &PATIENCE), None);
        assert!(fault(&at(280_001, Moved::At(100_000)), &PATIENCE).is_some());
    }

    #[test]
    fn one_that_never_moved_has_its_time_from_the_start() {
        assert_eq!(fault(&at(310_000, Moved::Never), &PATIENCE), None);
        assert!(fault(&at(310_001, Moved::Never), &PATIENCE).is_some());
    }

    #[test]
    fn after_a_restart_of_this_program_the_player_gets_its_time_again() {
        let seen = Seen { begun_ms: 500_000, ..at(501_000, Moved::At(1_000)) };
        assert_eq!(fault(&seen, &PATIENCE), None);
    }

    #[test]
    fn a_systemd_that_does_not_answer_is_a_fault_whatever_the_player_does() {
        let seen = Seen { systemd_ms: Some(100_000), ..at(160_001, Moved::Stopped) };
        assert!(fault(&seen, &PATIENCE).is_some_and(|fault| fault.contains("systemd")));
        assert_eq!(fault(&Seen { systemd_ms: None, ..seen }, &PATIENCE), None, "it is not asked");
    }

    #[test]
    fn what_makes_no_sense_is_no_motion() {
        for text in ["", "moved", "moved x", "moved 2000", "moved 5 5", "stopped", "\0\0", "moved -1"] {
            assert_eq!(Moved::parse(text, 1_000), Moved::Never, "{text:?}");
        }
        assert_eq!(Moved::parse("moved 999\n", 1_000), Moved::At(999));
        assert_eq!(Moved::parse("stopped 5\n", 1_000), Moved::Stopped);
    }
}

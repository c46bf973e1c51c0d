//! Who is watched, how long each may stand still, and who hangs. Pure; `bootstrap/watch.rs` looks at the clock and says it to systemd.

use super::Name;
use super::moves::{Moves, Who};
use crate::time::Mono;

/// One that is watched.
#[derive(Debug, Clone)]
pub struct Watched {
    /// What it says of itself.
    pub moves: Moves,
    /// Longer it may not stand still, in milliseconds.
    pub still_ms_max: u64,
}

/// One that stood still for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hung {
    /// Who.
    pub who: Who,
    /// For how long, in milliseconds.
    pub still_ms: u64,
}

/// How long it may stand still, in milliseconds. Each is noticed well within the 30 s that are promised.
///
/// Who only hands messages over has 10 s, which a board under full load does not need. Audio also opens outputs, each bounded by 3 s. A card
/// may take 20 s to write or to read while it cleans up behind the scenes, so who works on the disk has 25 s.
pub fn still_ms_max(who: Who) -> u64 {
    let usual_ms = match who {
        Who::App | Who::Service(Name::Audio | Name::Control | Name::Buttons) => 10_000,
        Who::Service(
            Name::Storage | Name::Library | Name::Measure | Name::Download | Name::Video | Name::Web,
        ) => 25_000,
    };
    #[cfg(feature = "faults")]
    let usual_ms = super::faults::limit_ms().unwrap_or(usual_ms).min(usual_ms);
    usual_ms
}

/// Whether what hangs may be left hanging when it is only a disk or a server that does not answer: nothing can be said by ending the process, which then
/// could not even end, and the music goes on without.
pub fn may_wait_outside(who: Who) -> bool {
    match who {
        Who::Service(Name::Library | Name::Measure | Name::Download | Name::Video | Name::Web) => true,
        Who::App | Who::Service(Name::Storage | Name::Audio | Name::Control | Name::Buttons) => false,
    }
}

/// Who hangs: of several the one that stood still first, since others wait for it; not one that is `excused`.
pub fn hung(now: Mono, watched: &[Watched], mut excused: impl FnMut(&Moves) -> bool) -> Option<Hung> {
    let still = watched.iter().map(|watched| (watched.moves.still_ms(now), watched));
    let too_long = still.filter(|(still_ms, watched)| *still_ms > watched.still_ms_max);
    let hung = too_long.filter(|(_, watched)| !excused(&watched.moves));
    let (still_ms, first) = hung.max_by_key(|(still_ms, _)| *still_ms)?;
    Some(Hung { who: first.moves.who(), still_ms })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Clock, SystemClock};

    #[test]
    fn who_stood_still_first_hangs_and_nobody_before_its_limit() {
        let watched = |who| Watched { moves: Moves::of(who), still_ms_max: still_ms_max(who) };
        let all = [watched(Who::App), watched(Who::Service(Name::Storage))];
        let now = SystemClock.now().monotonic;
        let hung = |now, excused| hung(now, &all, |moves| Some(moves.who()) == excused);
        assert_eq!(hung(now.plus_ms(3_600_000), None), None, "nobody runs");
        all.iter().for_each(|watched| watched.moves.begin());
        assert_eq!(hung(now.plus_ms(9_000), None), None);
        assert_eq!(hung(now.plus_ms(20_000), None).unwrap().who, Who::App);
        all[0].moves.rest();
        assert_eq!(hung(now.plus_ms(20_000), None), None);
        assert_eq!(hung(now.plus_ms(40_000), None).unwrap().who, Who::Service(Name::Storage));
        assert_eq!(hung(now.plus_ms(40_000), Some(Who::Service(Name::Storage))), None);
    }

    #[test]
    fn whoever_hangs_is_noticed_within_thirty_seconds() {
        let all = Name::ALL.into_iter().map(Who::Service).chain([Who::App]);
        assert!(all.into_iter().all(|who| still_ms_max(who) <= 25_000));
    }
}

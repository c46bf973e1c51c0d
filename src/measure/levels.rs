//! When a file is how loud: for each level, when it is first and last reached, and the longest stretch between that it is
//! not. That is all that cue points need, whatever the threshold turns out to be when the loudness of the whole is known;
//! so the memory does not grow with the file.

/// Loudness is looked at in windows of this length.
pub(super) const WINDOW_MS: u64 = 10;
/// A level counts where it lasts for so many windows: a tick of a needle or of a bad cut is not music.
const HELD_WINDOWS: usize = 3;
/// The lowest level that is told apart, in LUFS.
const LOWEST_LUFS: f32 = -75.0;
/// The highest.
const HIGHEST_LUFS: f32 = 5.0;
/// Levels in 1 LU.
const STEPS_PER_LU: f32 = 2.0;
const LEVELS: usize = ((HIGHEST_LUFS - LOWEST_LUFS) * STEPS_PER_LU) as usize + 1;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Levels {
    windows: u64,
    /// The last windows, of which the quietest counts.
    held: [f32; HELD_WINDOWS],
    /// Indexed by level; a level that is reached reaches all below it.
    seen: Vec<Seen>,
}

/// When a level was reached, in windows.
#[derive(Debug, Clone, Copy)]
struct Seen {
    first: u64,
    /// The window behind the last one.
    end: u64,
    gap_max: u64,
}

/// When a level is reached, in milliseconds from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from_ms: u64,
    pub(super) to_ms: u64,
    /// The longest stretch in between where it is not reached.
    pub(super) gap_ms: u64,
}

impl Levels {
    pub(super) fn new() -> Self {
        Self { windows: 0, held: [f32::NEG_INFINITY; HELD_WINDOWS], seen: Vec::with_capacity(LEVELS) }
    }

    /// The next window's loudness; minus infinity for silence.
    pub(super) fn push(&mut self, lufs: f32) {
        self.held.rotate_left(1);
        self.held[HELD_WINDOWS - 1] = if lufs.is_nan() { f32::NEG_INFINITY } else { lufs };
        self.windows += 1;
        let level = self.held.iter().fold(f32::INFINITY, |least, x| least.min(*x));
        if level < LOWEST_LUFS {
            return;
        }
        let reached = ((level.min(HIGHEST_LUFS) - LOWEST_LUFS) * STEPS_PER_LU) as usize + 1;
        let (first, end) = (self.windows.saturating_sub(HELD_WINDOWS as u64), self.windows);
        let known = self.seen.len().min(reached);
        for seen in &mut self.seen[..known] {
            seen.gap_max = seen.gap_max.max(first.saturating_sub(seen.end));
            seen.end = end;
        }
        if reached > known {
            self.seen.resize(reached, Seen { first, end, gap_max: 0 });
        }
    }

    /// When this level is reached; `None`: never. The threshold is taken up to half a LU higher than it is given.
    pub(super) fn above(&self, lufs: f32) -> Option<Span> {
        let level = ((lufs - LOWEST_LUFS) * STEPS_PER_LU).ceil().max(0.0) as usize;
        self.seen.get(level).map(|seen| Span {
            from_ms: seen.first * WINDOW_MS,
            to_ms: seen.end * WINDOW_MS,
            gap_ms: seen.gap_max * WINDOW_MS,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(windows: &[(f32, usize)]) -> Levels {
        let mut levels = Levels::new();
        windows.iter().for_each(|(lufs, len)| (0..*len).for_each(|_| levels.push(*lufs)));
        levels
    }

    #[test]
    fn a_level_is_reached_where_it_is_held_and_not_for_a_tick() {
        let levels = levels(&[
            (f32::NEG_INFINITY, 100),
            (-20.0, 1),
            (-60.0, 50),
            (-20.0, 10),
            (-60.0, 200),
            (-30.0, 5),
            (f32::NAN, 7),
        ]);
        let span = |from: u64, to: u64, gap: u64| Some(Span { from_ms: from, to_ms: to, gap_ms: gap });
        assert_eq!(levels.above(-60.0), span(1000, 3660, 0));
        assert_eq!(levels.above(-40.0), span(1510, 3660, 2000));
        assert_eq!(levels.above(-25.0), span(1510, 1610, 0));
        assert_eq!(levels.above(-10.0), None);
        assert_eq!(levels.above(-500.0), levels.above(-75.0), "below the lowest it is the lowest");
    }

    #[test]
    fn what_cannot_be_does_no_harm() {
        let levels = levels(&[(f32::INFINITY, 3), (f32::NAN, 1), (1e30, 4)]);
        assert_eq!(levels.above(5.0).map(|span| span.to_ms), Some(80));
        assert_eq!(Levels::new().above(-70.0), None);
        assert_eq!(levels.above(f32::INFINITY), None);
    }
}

//! Ranks: numbers with gaps between them, which keep a sequence in a table. A change of the sequence changes as few
//! of them as possible, so that moving one entry of 20,000 writes one row. Pure.

/// Between neighbours that were numbered together. 20,000 of them use 2^55 of the 2^63 there are.
const GAP: i64 = 1 << 40;
/// Between neighbours that came in between two others. Small against [`GAP`], since the next ones mostly come in
/// right behind these; large enough to be halved twenty times.
const STEP: i64 = 1 << 20;

/// Ranks that rise along a sequence whose elements had the ranks `old` (`None`: it is new). Most of the old ones stay;
/// when a gap is used up, all are numbered anew.
pub(super) fn assign(old: &[Option<i64>]) -> Vec<i64> {
    keep_and_fill(old).unwrap_or_else(|| numbered(old.len()))
}

fn numbered(len: usize) -> Vec<i64> {
    (1..).map(|n: i64| n.saturating_mul(GAP)).take(len).collect()
}

/// `None` when a gap is too narrow for what has to go into it.
fn keep_and_fill(old: &[Option<i64>]) -> Option<Vec<i64>> {
    let kept = longest_rising(old);
    if kept.is_empty() {
        return None;
    }
    let mut ranks = Vec::with_capacity(old.len());
    let mut low: Option<i64> = None;
    for (index, rank) in kept {
        fill(&mut ranks, index, low, Some(rank))?;
        ranks.push(rank);
        low = Some(rank);
    }
    fill(&mut ranks, old.len(), low, None)?;
    Some(ranks)
}

/// Adds ranks between `low` and `high` until there are `len`.
fn fill(ranks: &mut Vec<i64>, len: usize, low: Option<i64>, high: Option<i64>) -> Option<()> {
    let count = i64::try_from(len - ranks.len()).ok()?;
    if count == 0 {
        return Some(());
    }
    let (first, step) = match (low, high) {
        (Some(low), Some(high)) => {
            let step = (high.checked_sub(low)? / (count + 1)).min(STEP);
            (low.checked_add(step)?, step)
        }
        (Some(low), None) => (low.checked_add(GAP)?, GAP),
        (None, Some(high)) => (high.checked_sub(GAP.checked_mul(count)?)?, GAP),
        (None, None) => (GAP, GAP),
    };
    if step == 0 {
        return None;
    }
    for n in 0..count {
        ranks.push(step.checked_mul(n).and_then(|offset| first.checked_add(offset))?);
    }
    Some(())
}

/// The longest part of a sequence whose ranks rise, as (index, rank): what can stay as it is.
///
/// `tails[n]` ends the best part of length n + 1 found so far; `before` leads from each element to the one before it.
fn longest_rising(old: &[Option<i64>]) -> Vec<(usize, i64)> {
    let mut tails: Vec<(usize, i64)> = Vec::new();
    let mut before: Vec<Option<(usize, i64)>> = vec![None; old.len()];
    for (index, rank) in old.iter().enumerate().filter_map(|(index, rank)| Some((index, (*rank)?))) {
        let len = tails.partition_point(|&(_, tail)| tail < rank);
        if let Some(slot) = before.get_mut(index) {
            *slot = len.checked_sub(1).and_then(|last| tails.get(last).copied());
        }
        match tails.get_mut(len) {
            Some(tail) => *tail = (index, rank),
            None => tails.push((index, rank)),
        }
    }
    let mut rising = Vec::with_capacity(tails.len());
    let mut at = tails.last().copied();
    while let Some((index, rank)) = at {
        rising.push((index, rank));
        at = before.get(index).copied().flatten();
    }
    rising.reverse();
    rising
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(old: &[Option<i64>], new: &[i64]) -> usize {
        old.iter().zip(new).filter(|(old, new)| **old != Some(**new)).count()
    }

    fn checked(old: &[Option<i64>]) -> Vec<i64> {
        let new = assign(old);
        assert_eq!(new.len(), old.len());
        assert!(new.windows(2).all(|pair| pair[0] < pair[1]), "{old:?} gave {new:?}");
        new
    }

    #[test]
    fn what_is_appended_prepended_or_put_between_changes_nothing_else() {
        let base: Vec<Option<i64>> = numbered(100).into_iter().map(Some).collect();
        for at in [0, 1, 50, 99, 100] {
            for count in [1, 2, 200] {
                let mut old = base.clone();
                old.splice(at..at, vec![None; count]);
                assert_eq!(changed(&old, &checked(&old)), count, "{count} at {at}");
            }
        }
    }

    #[test]
    fn one_that_moves_is_one_that_changes() {
        for (from, to) in [(0, 99), (99, 0), (10, 11), (40, 2)] {
            let mut old: Vec<Option<i64>> = numbered(100).into_iter().map(Some).collect();
            let moved = old.remove(from);
            old.insert(to, moved);
            assert_eq!(changed(&old, &checked(&old)), 1, "{from} to {to}");
        }
    }

    #[test]
    fn a_gap_that_is_used_up_is_made_anew() {
        let mut ranks: Vec<Option<i64>> = numbered(10).into_iter().map(Some).collect();
        let mut anew = 0;
        for _ in 0..1000 {
            ranks.insert(1, None);
            let new = checked(&ranks);
            anew += usize::from(changed(&ranks, &new) > 1);
            ranks = new.into_iter().map(Some).collect();
        }
        assert!((1..=50).contains(&anew), "{anew} times");
    }

    #[test]
    fn batches_that_follow_each_other_into_the_middle_do_not_use_the_gap_up() {
        let mut ranks: Vec<Option<i64>> = numbered(10).into_iter().map(Some).collect();
        for batch in 0..90 {
            let at = 5 + batch * 200;
            ranks.splice(at..at, vec![None; 200]);
            let new = checked(&ranks);
            assert_eq!(changed(&ranks, &new), 200, "batch {batch}");
            ranks = new.into_iter().map(Some).collect();
        }
    }

    #[test]
    fn the_ends_of_the_numbers_are_no_end() {
        checked(&[None, Some(i64::MIN), Some(i64::MAX), None]);
        checked(&[Some(i64::MIN), None, Some(i64::MAX)]);
        checked(&[Some(7), Some(7), Some(7), None]);
        checked(&[Some(3), Some(2), Some(1)]);
        checked(&[Some(1), None, Some(2)]);
        assert_eq!(checked(&[]), Vec::<i64>::new());
    }
}

//! Chance that anyone can repeat: the same seed gives the same choices on every machine and in every version.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// Where chance stands: a stored seed, and how many choices were drawn from it.
///
/// Each choice has a ChaCha8 stream of its own, with the number of the choice as the stream's. So how many draws a choice
/// takes does not move those after it, and choice 1234 can be repeated alone. Only whole numbers are drawn: nothing here
/// can be rounded differently elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chance {
    /// Chosen once for a place, and stored.
    pub seed: u64,
    /// How many choices were made; the number of the next one.
    pub choices: u64,
}

impl Chance {
    /// The beginning of a seed's choices.
    pub fn new(seed: u64) -> Self {
        Self { seed, choices: 0 }
    }

    /// The draws of the next choice.
    pub(crate) fn next_choice(&mut self) -> Draws {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        let mut stream = ChaCha8Rng::from_seed(seed);
        stream.set_stream(self.choices);
        self.choices = self.choices.wrapping_add(1);
        Draws(stream)
    }
}

/// The draws of one choice.
pub(crate) struct Draws(ChaCha8Rng);

impl Draws {
    /// A number from 0 to `bound` − 1, each equally likely; 0 when the bound is 0.
    ///
    /// D. Lemire, "Fast Random Integer Generation in an Interval", 2019: the product's upper half, and another draw for
    /// the few lower halves that would favour some numbers.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        let unfair = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.0.next_u64()) * u128::from(bound);
            if product as u64 >= unfair {
                return (product >> 64) as u64;
            }
        }
    }

    /// An index below `len`; 0 when there is none.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// The index of one of these, each as likely as its weight; none if all weights are 0.
    pub(crate) fn weighted(&mut self, weights: &[u64]) -> Option<usize> {
        let sum = weights.iter().fold(0u64, |sum, weight| sum.saturating_add(*weight));
        let mut left = self.below(sum);
        weights.iter().position(|weight| match left.checked_sub(*weight) {
            Some(rest) => {
                left = rest;
                false
            }
            None => true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_draws_of_a_seed_are_these_for_ever() {
        let mut chance = Chance::new(2026);
        let mut drawn = |bound| {
            let mut draws = chance.next_choice();
            [draws.below(bound), draws.below(bound), draws.below(bound)]
        };
        // From a ChaCha8 written down in Python after RFC 8439, with 64 bits each of counter and stream. They must never
        // change, or a device and the server's preview part ways.
        assert_eq!(drawn(1000), [805, 839, 709]);
        assert_eq!(drawn(1000), [211, 859, 84]);
        assert_eq!(drawn(7), [2, 0, 1]);
        assert_eq!(
            drawn(u64::MAX),
            [11_512_940_811_795_229_472, 11_711_925_765_481_825_089, 5_609_335_762_941_792_371]
        );
    }

    #[test]
    fn a_choice_can_be_repeated_alone_and_how_much_was_drawn_before_does_not_matter() {
        let mut chance = Chance::new(7);
        let mut first = chance.next_choice();
        for _ in 0..1000 {
            first.below(3);
        }
        let second = chance.next_choice().below(1 << 40);
        assert_eq!(Chance { seed: 7, choices: 1 }.next_choice().below(1 << 40), second);
    }

    #[test]
    fn weights_are_kept_and_no_weight_is_never_drawn() {
        let mut counts = [0u32; 4];
        let mut draws = Chance::new(1).next_choice();
        for _ in 0..60_000 {
            counts[draws.weighted(&[1, 0, 2, 3]).unwrap()] += 1;
        }
        assert_eq!(counts[1], 0);
        for (count, expected) in [(counts[0], 10_000), (counts[2], 20_000), (counts[3], 30_000)] {
            assert!(count.abs_diff(expected) < 600, "{counts:?}");
        }
        assert_eq!(draws.weighted(&[0, 0]), None);
        assert_eq!(draws.weighted(&[]), None);
        assert_eq!(draws.weighted(&[u64::MAX, u64::MAX]), Some(0));
    }
}

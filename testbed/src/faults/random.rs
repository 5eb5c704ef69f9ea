/// How far the state goes with each draw.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A small generator (splitmix64), so that a seed means the same plans for ever.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// One that begins with this seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        // Mixed: otherwise a seed would draw what the one before draws, a few draws later.
        Self(mixed(seed.wrapping_add(STEP)))
    }

    /// The next number below a bound.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(STEP);
        usize::try_from(mixed(self.0) % bound.max(1) as u64).unwrap_or(0)
    }

    /// One of these.
    ///
    /// # Panics
    /// If there are none.
    pub fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Seeds beside each other, as those of rounds are, have nothing in common.
    #[test]
    fn another_seed_draws_others() {
        let mut drawn = HashSet::new();
        for seed in 0..100 {
            let mut random = Random::seeded(seed);
            drawn.extend((0..100).map(|_| random.below(usize::MAX)));
        }
        assert_eq!(drawn.len(), 100 * 100);
    }
}

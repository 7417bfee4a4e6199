//! Randomness that a seed repeats.

/// `SplitMix64` (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014): eight bytes of state
/// and more than enough for drawing delays.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to less than 1, like `Math.random()`.
    pub(super) fn unit(&mut self) -> f64 {
        const STEPS: f64 = (1_u64 << 53) as f64;
        (self.next() >> 11) as f64 / STEPS
    }

    /// From `least` to less than `end`.
    pub(super) fn between(&mut self, least: u32, end: u32) -> u32 {
        let span = u64::from(end.saturating_sub(least));
        // The high half times the span, so that no division is needed.
        let drawn = ((self.next() >> 32) * span) >> 32;
        least + u32::try_from(drawn).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn a_seed_repeats_and_the_draws_are_even() {
        let mut first = Random::new(7);
        let mut second = Random::new(7);
        let mut sum = 0.0;
        for _ in 0..100_000 {
            let unit = first.unit();
            assert!((0.0..1.0).contains(&unit));
            assert_eq!(unit.to_bits(), second.unit().to_bits());
            sum += unit;
            let drawn = first.between(20, 80);
            assert!((20..80).contains(&drawn));
            second.between(20, 80);
        }
        assert!((sum / 100_000.0 - 0.5).abs() < 0.01, "{sum}");
    }
}

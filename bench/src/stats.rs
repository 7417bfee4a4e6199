//! Medians, spreads and percentiles.

use serde::Serialize;

/// What a few rounds came to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Spread {
    /// The middle one.
    pub(crate) median: f64,
    /// The least.
    pub(crate) min: f64,
    /// The greatest.
    pub(crate) max: f64,
    /// All of them, as they came.
    pub(crate) rounds: Vec<f64>,
}

impl Spread {
    /// Of at least one round.
    pub(crate) fn of(rounds: Vec<f64>) -> Self {
        let mut sorted = rounds.clone();
        sorted.sort_by(f64::total_cmp);
        let first = sorted.first().copied().unwrap_or(f64::NAN);
        let last = sorted.last().copied().unwrap_or(f64::NAN);
        let middle = sorted.len() / 2;
        let upper = sorted.get(middle).copied().unwrap_or(f64::NAN);
        let lower = sorted.get(middle.saturating_sub(1)).copied().unwrap_or(f64::NAN);
        let median = if sorted.len().is_multiple_of(2) {
            f64::midpoint(lower, upper)
        } else {
            upper
        };
        Self {
            median,
            min: first,
            max: last,
            rounds,
        }
    }
}

/// The value that `share` (0 to 1) of the samples do not exceed (nearest rank). Sorts them.
pub(crate) fn percentile(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank within the slice"
    )]
    let rank = (share * samples.len() as f64).ceil() as usize;
    samples.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::{Spread, percentile};

    #[test]
    #[allow(clippy::float_cmp, reason = "exact values")]
    fn medians_and_ranks() {
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]).median, 2.0);
        assert_eq!(Spread::of(vec![4.0, 1.0, 2.0, 3.0]).median, 2.5);
        let mut hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&mut hundred, 0.99), 99.0);
        assert_eq!(percentile(&mut hundred, 0.5), 50.0);
        assert_eq!(percentile(&mut hundred, 1.0), 100.0);
    }
}

//! A waiting line without a queue: each place is a moment, one after the other at a pace.
//!
//! Whoever is told a moment need not come, and whoever comes again gets another: nobody is remembered.

use std::time::Duration;

/// Room between the returns for everybody else who connects meanwhile.
pub(super) const HEADROOM: f64 = 1.25;
/// The longest that a client is told to wait. Below the five minutes that clients agree to, who would otherwise all
/// come at that moment.
pub(super) const LONGEST: Duration = Duration::from_secs(240);

/// The moment from which on nobody has been told to come.
#[derive(Debug, Default)]
pub struct Line {
    free_from: Duration,
}

impl Line {
    /// How long the next one is to wait, `not_before` at least. Times are since any fixed origin; `rate` is how many a
    /// second may come, and `random`, from 0 to 1, shifts each within its own place.
    pub fn place(&mut self, now: Duration, not_before: Duration, rate: f64, random: f64) -> Duration {
        let gap = Duration::from_secs_f64(HEADROOM / rate);
        let place = self.free_from.max(now + not_before);
        let end = now + LONGEST;
        if place + gap > end {
            // Nobody waits longer, so the latest come in the gaps of the others. Also after a clock that stepped back.
            self.free_from = end;
            return LONGEST.mul_f64(0.5 + 0.5 * random);
        }
        self.free_from = place + gap;
        place + gap.mul_f64(random) - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_000);
    const SOON: Duration = Duration::from_millis(500);

    /// How many delays fall into each second.
    fn by_second(delays: &[Duration]) -> Vec<usize> {
        let last = delays.iter().max().unwrap().as_secs();
        let count = |second| delays.iter().filter(|delay| delay.as_secs() == second).count();
        (0..=last).map(count).collect()
    }

    #[test]
    fn a_crowd_comes_back_flat() {
        let mut line = Line::default();
        let mut random = [0.1, 0.9, 0.4, 0.7].into_iter().cycle();
        let delays: Vec<_> = (0..10_000)
            .map(|_| line.place(NOW, Duration::ZERO, 1_000.0, random.next().unwrap()))
            .collect();
        let seconds = by_second(&delays);
        // 10,000 at 1,000 a second, with headroom.
        assert_eq!(seconds.len(), 13);
        for (second, count) in seconds.iter().enumerate().take(12) {
            assert!((799..=801).contains(count), "second {second}: {count}");
        }
    }

    #[test]
    fn who_comes_when_the_line_has_passed_waits_no_longer_than_the_first() {
        let mut line = Line::default();
        for _ in 0..100 {
            line.place(NOW, SOON, 100.0, 0.0);
        }
        let waits = line.place(NOW + Duration::from_secs(1), SOON, 100.0, 0.0);
        assert_eq!(waits, Duration::from_millis(500 + 1_250 - 1_000));
        let later = NOW + Duration::from_secs(60);
        assert_eq!(line.place(later, SOON, 100.0, 0.0), SOON);
    }

    #[test]
    fn nobody_waits_longer_than_clients_agree_to() {
        let mut line = Line::default();
        let mut random = [0.0, 0.25, 0.5, 0.75, 1.0].into_iter().cycle();
        let delays: Vec<_> = (0..100_000)
            .map(|_| line.place(NOW, SOON, 100.0, random.next().unwrap()))
            .collect();
        assert!(delays.iter().all(|delay| *delay <= LONGEST));
        let over: Vec<_> = delays.iter().skip(20_000).collect();
        for quarter in [120, 150, 180, 210, 240] {
            let here = over.iter().filter(|delay| delay.as_secs() == quarter).count();
            assert_eq!(here, over.len() / 5, "{quarter} s");
        }
    }

    #[test]
    fn a_clock_that_steps_back_keeps_nobody_away() {
        let mut line = Line::default();
        line.place(Duration::from_secs(1_000_000), SOON, 100.0, 0.0);
        assert!(line.place(NOW, SOON, 100.0, 0.5) <= LONGEST);
        let after = NOW + LONGEST;
        assert_eq!(line.place(after, SOON, 100.0, 0.0), SOON);
    }
}

//! How many handshakes a second a node completes when it has as many as it can do.
//!
//! Only periods count in which others waited all along: how fast clients happen to arrive says nothing of how fast they
//! could be served. Time is an argument.

use std::time::Duration;

/// Handshakes under way at once from which on some of them wait for others. Fewer may just wait for the same disk.
const CROWD: usize = 8;
/// What is believed before anything was measured, a second: a tenth of what a small machine with two cores does, for
/// the store, the keys and the neighbours of this one may be slower.
const PRIOR: f64 = 1_000.0;
/// How much measuring that belief is worth: a second of crowd outweighs it by far, a handful of clients does not.
const PRIOR_WEIGHT: Duration = Duration::from_millis(250);
/// Time in crowds after which what was measured before counts half. Idle hours change nothing: the machine is the same.
const HALF_LIFE: Duration = Duration::from_secs(1);
/// A long crowd is taken in by slices, so that the rate follows it.
const SLICE: Duration = Duration::from_millis(250);
/// Nothing happening for longer is a process that was stopped or a store that hung, not a pace.
const PAUSE: Duration = Duration::from_secs(1);
/// At this pace a full node (18,000 connections by default) is called back within the longest wait that is told.
pub(super) const FLOOR: f64 = 100.0;
/// From here on a full node is back within about a second, and to believe more could only do harm.
pub(super) const CEILING: f64 = 20_000.0;

/// The estimate, and what it is made of.
#[derive(Debug)]
pub(super) struct AcceptRate {
    under_way: usize,
    crowd: Option<Crowd>,
    // Handshakes completed in crowds, and the seconds that took; what is old has faded.
    completed: f64,
    seconds: f64,
}

/// A period in which others waited.
#[derive(Debug, Clone, Copy)]
struct Crowd {
    since: Duration,
    // When it was last seen to move.
    moved: Duration,
    completed: u32,
}

impl Crowd {
    const fn from(now: Duration) -> Self {
        Self {
            since: now,
            moved: now,
            completed: 0,
        }
    }
}

impl Default for AcceptRate {
    fn default() -> Self {
        Self {
            under_way: 0,
            crowd: None,
            completed: PRIOR * PRIOR_WEIGHT.as_secs_f64(),
            seconds: PRIOR_WEIGHT.as_secs_f64(),
        }
    }
}

impl AcceptRate {
    /// Handshakes a second.
    pub(super) fn per_second(&self) -> f64 {
        (self.completed / self.seconds).clamp(FLOOR, CEILING)
    }

    /// A handshake has begun. `now` is the time since any fixed origin.
    pub(super) fn begins(&mut self, now: Duration) {
        self.under_way += 1;
        if self.under_way >= CROWD && self.crowd.is_none() {
            self.crowd = Some(Crowd::from(now));
        }
    }

    /// One has ended, `completed` or given up half-way.
    pub(super) fn ends(&mut self, now: Duration, completed: bool) {
        self.under_way = self.under_way.saturating_sub(1);
        let Some(crowd) = &mut self.crowd else { return };
        // A clock that went back is a pause as well.
        if now.checked_sub(crowd.moved).is_none_or(|still| still > PAUSE) {
            *crowd = Crowd::from(now);
        } else {
            crowd.moved = now;
            crowd.completed += u32::from(completed);
        }
        let crowd = *crowd;
        let dissolves = self.under_way < CROWD;
        if dissolves || now - crowd.since >= SLICE {
            self.learn(crowd.completed, now - crowd.since);
            self.crowd = (!dissolves).then(|| Crowd::from(now));
        }
    }

    fn learn(&mut self, completed: u32, took: Duration) {
        let seconds = took.as_secs_f64();
        let fades = (-seconds / HALF_LIFE.as_secs_f64()).exp2();
        self.completed = self.completed * fades + f64::from(completed);
        self.seconds = self.seconds * fades + seconds;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(5);

    /// `count` clients come at once, and are completed `rate` a second; when the last one is.
    fn storm(estimate: &mut AcceptRate, from: Duration, count: u32, rate: f64) -> Duration {
        for _ in 0..count {
            estimate.begins(from);
        }
        let mut now = from;
        for place in 1..=count {
            now = from + Duration::from_secs_f64(f64::from(place) / rate);
            estimate.ends(now, true);
        }
        now
    }

    fn is_near(found: f64, expected: f64) -> bool {
        (found / expected - 1.0).abs() < 0.1
    }

    #[test]
    fn nothing_is_known_at_first() {
        assert!(is_near(AcceptRate::default().per_second(), PRIOR));
    }

    #[test]
    fn a_storm_tells_the_pace_whatever_was_believed() {
        // Four seconds each.
        for (count, pace) in [
            (600, 150.0),
            (2_800, 700.0),
            (16_000, 4_000.0),
            (60_000, 15_000.0),
        ] {
            let mut estimate = AcceptRate::default();
            storm(&mut estimate, START, count, pace);
            let found = estimate.per_second();
            assert!(is_near(found, pace), "{found} for {pace}");
        }
    }

    #[test]
    fn a_steady_crowd_is_followed_while_it_lasts_and_as_the_pace_changes() {
        let mut estimate = AcceptRate::default();
        let mut now = START;
        for _ in 0..50 {
            estimate.begins(now);
        }
        // Fifty always wait: one comes for each that is done.
        for (pace, seconds) in [(2_000.0, 10), (400.0, 20)] {
            let gap = Duration::from_secs_f64(1.0 / pace);
            let until = now + Duration::from_secs(seconds);
            while now < until {
                now += gap;
                estimate.ends(now, true);
                estimate.begins(now);
            }
            let found = estimate.per_second();
            assert!(is_near(found, pace), "{found} for {pace}");
        }
    }

    #[test]
    fn a_slow_trickle_and_idle_hours_say_nothing() {
        let mut estimate = AcceptRate::default();
        let mut now = storm(&mut estimate, START, 20_000, 5_000.0);
        let known = estimate.per_second();
        for _ in 0..1_000 {
            // A few at a time, however long they take.
            for _ in 0..CROWD - 1 {
                estimate.begins(now);
            }
            for _ in 0..CROWD - 1 {
                now += Duration::from_millis(40);
                estimate.ends(now, true);
            }
            now += Duration::from_secs(30);
        }
        assert!(is_near(estimate.per_second(), known));
    }

    #[test]
    fn a_small_burst_counts_for_little() {
        let mut estimate = AcceptRate::default();
        storm(&mut estimate, START, 12, 50_000.0);
        assert!(estimate.per_second() < 1.1 * PRIOR);
    }

    #[test]
    fn those_who_give_up_are_no_completions() {
        let mut estimate = AcceptRate::default();
        for _ in 0..10_000 {
            estimate.begins(START);
        }
        for place in 0..10_000 {
            let now = START + Duration::from_micros(500) * place;
            estimate.ends(now, place % 2 == 0);
        }
        assert!(is_near(estimate.per_second(), 1_000.0));
        assert_eq!(estimate.under_way, 0);
    }

    #[test]
    fn a_clock_that_jumps_and_a_process_that_was_stopped_are_no_pace() {
        for jump in [START / 2, START + Duration::from_secs(3_600)] {
            let mut estimate = AcceptRate::default();
            storm(&mut estimate, START, 20_000, 3_000.0);
            let known = estimate.per_second();
            for _ in 0..CROWD + 5 {
                estimate.begins(START);
            }
            estimate.ends(START + Duration::from_millis(1), true);
            for _ in 0..CROWD + 4 {
                estimate.ends(jump, true);
            }
            assert!(is_near(estimate.per_second(), known), "{jump:?}");
        }
    }

    #[test]
    fn the_estimate_keeps_within_its_bounds() {
        let mut slow = AcceptRate::default();
        storm(&mut slow, START, 100, 2.0);
        assert!(slow.per_second() >= FLOOR);
        let mut fast = AcceptRate::default();
        storm(&mut fast, START, 1_000_000, 200_000.0);
        assert!((fast.per_second() - CEILING).abs() < f64::EPSILON);
    }
}

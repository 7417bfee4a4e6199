//! The numbers behind a reconnect, and the waits that follow from them.

use std::time::Duration;

/// How often and how long; what the numbers mean together stands in `docs/reconnect.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Attempts in a cycle.
    pub attempts: u16,
    /// Cycles, each with a new token.
    pub cycles: u16,
    /// Bound of the first wait; doubles with each attempt.
    pub first_delay: Duration,
    /// Bound that no wait of our own choosing exceeds.
    pub max_delay: Duration,
    /// How long a connection must stay up before the counters are forgotten.
    pub stable: Duration,
    /// Connections that were stable but lived shorter than this, one after another, wait ever longer.
    pub calm: Duration,
    /// How long a token may take to come.
    pub token_timeout: Duration,
    /// From opening the socket to its 101, and from there to the welcome.
    pub connect_timeout: Duration,
    /// How long the next attempt waits for the preflight's answer.
    pub preflight_timeout: Duration,
    /// How long a ping may stay unanswered.
    pub grace: Duration,
    /// The same after sleep, where an answer is either quick or never comes.
    pub probe: Duration,
    /// Longest wait accepted from a server.
    pub max_advice: Duration,
    /// The network or a reader coming back revives a disabled client at most this often.
    pub revive: Duration,
    /// A token is replaced this long before it runs out, or at half its life if that is later.
    pub renew_before: Duration,
    /// How often a client that gave up asks the preflight whether to try again; zero: never.
    pub dormant_probe: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            attempts: 5,
            cycles: 3,
            first_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(60),
            stable: Duration::from_secs(10),
            calm: Duration::from_secs(60),
            token_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(15),
            preflight_timeout: Duration::from_secs(10),
            grace: Duration::from_secs(10),
            probe: Duration::from_secs(4),
            max_advice: Duration::from_secs(300),
            revive: Duration::from_secs(60),
            renew_before: Duration::from_secs(60),
            dormant_probe: Duration::ZERO,
        }
    }
}

impl Policy {
    /// The wait after the `nth` failure, from 1.
    ///
    /// Full jitter in the first cycle, where most outages end; from then on the upper half, so that the 15 attempts
    /// span more than six minutes on average and an ordinary deploy strands nobody.
    pub(super) fn delay(&self, nth: u32, random: &mut dyn FnMut() -> f64) -> Duration {
        let bound = self.bound(nth - 1);
        if nth <= u32::from(self.attempts) {
            whole_millis(bound * random())
        } else {
            upper_half(bound, random)
        }
    }

    /// The wait of a program whose earlier starts spent their attempts already; `None` if they left some.
    pub(super) fn reload_delay(&self, carried: u32, random: &mut dyn FnMut() -> f64) -> Option<Duration> {
        let budget = u32::from(self.attempts) * u32::from(self.cycles);
        let beyond = carried.checked_sub(budget)?;
        Some(upper_half(self.bound(beyond.saturating_add(1)), random))
    }

    /// Milliseconds: the first delay, doubled so many times, up to the longest.
    fn bound(&self, doublings: u32) -> f64 {
        // Beyond this many the longest delay was reached whatever the policy.
        let doublings = i32::try_from(doublings.min(64)).unwrap_or(64);
        f64::min(
            millis(self.max_delay),
            millis(self.first_delay) * 2_f64.powi(doublings),
        )
    }
}

/// Some of a time, from nothing to all of it.
pub(super) fn share(time: Duration, random: &mut dyn FnMut() -> f64) -> Duration {
    whole_millis(millis(time) * random())
}

fn upper_half(bound: f64, random: &mut dyn FnMut() -> f64) -> Duration {
    whole_millis(bound * (0.5 + 0.5 * random()))
}

fn millis(duration: Duration) -> f64 {
    duration.as_millis() as f64
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "rounded, at least 0 and at most the longest delay; a cast saturates"
)]
fn whole_millis(ms: f64) -> Duration {
    Duration::from_millis(ms.round() as u64)
}

/// Half of a time, in whole milliseconds.
pub(super) fn half(duration: Duration) -> Duration {
    let half = duration / 2;
    half.saturating_sub(Duration::from_nanos(u64::from(half.subsec_nanos() % 1_000_000)))
}

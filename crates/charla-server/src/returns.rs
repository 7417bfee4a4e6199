//! When clients should come back: no sooner than this node can take them, and no two crowds in the same second.
//!
//! [`Returns`] measures how many handshakes are completed while others wait ([`AcceptRate`]), and gives whoever is sent
//! away a place in a [`Line`] that moves at that pace.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use charla_core::Millis;
use charla_wire::{Cause, Retry};
use parking_lot::Mutex;

use crate::clock::Uptime;

mod accept_rate;
mod line;

use accept_rate::AcceptRate;
pub use line::Line;

/// A restarted process is ready within 300 ms, and its supervisor needs a moment too.
pub const SUCCESSOR_READY: Duration = Duration::from_millis(500);
/// More nodes than this are not counted on, whatever they say together.
const MANY_NODES: f64 = 100.0;
/// A store or a broker that went away is hardly back sooner.
const SERVICE_BACK: Duration = Duration::from_secs(2);
/// A place becomes free when somebody leaves, which nobody hurries to do.
const PLACE_FREE: Duration = Duration::from_secs(10);

/// The pace of this node, and those who wait to return to it.
#[derive(Debug)]
pub(crate) struct Returns {
    uptime: Uptime,
    // What the operator wants to be counted on a second, instead of what is measured; 0 for that.
    fixed: AtomicU32,
    rate: Mutex<AcceptRate>,
    // What the other nodes can take together: whoever is sent away for good goes there.
    elsewhere: Mutex<Option<f64>>,
    everybody: Mutex<Line>,
    // Those who are too many for themselves: one user's or address's storm must not keep others away.
    crowded: Mutex<Line>,
}

/// A handshake under way. Dropped, it was given up; see [`Underway::completes`].
#[must_use]
#[derive(Debug)]
pub struct Underway {
    returns: Arc<Returns>,
    completed: bool,
}

impl Returns {
    /// Nobody waits; `fixed` is the pace to count on, 0 to measure it.
    pub(crate) fn new(uptime: Uptime, fixed: u32) -> Self {
        Self {
            uptime,
            fixed: AtomicU32::new(fixed),
            rate: Mutex::default(),
            elsewhere: Mutex::default(),
            everybody: Mutex::default(),
            crowded: Mutex::default(),
        }
    }

    /// Handshakes a second that this node is counted on to complete.
    pub(crate) fn rate(&self) -> f64 {
        match self.fixed.load(Ordering::Relaxed) {
            0 => self.rate.lock().per_second(),
            fixed => f64::from(fixed),
        }
    }

    /// Another pace to count on, 0 to measure it.
    pub(crate) fn fix(&self, fixed: u32) {
        self.fixed.store(fixed, Ordering::Relaxed);
    }

    /// What the other nodes can take a second, all together; `None` while there is no other.
    pub(crate) fn count_on(&self, elsewhere: Option<f64>) {
        *self.elsewhere.lock() = elsewhere;
    }

    /// The pace at which those who are sent away for this cause are called back.
    pub(crate) fn pace(&self, cause: Cause) -> f64 {
        if matches!(cause, Cause::Restarting | Cause::GoingAway) {
            pace_of_return(self.rate(), *self.elsewhere.lock())
        } else {
            self.rate()
        }
    }

    /// A client has come and wants to be let in.
    pub(crate) fn begins(self: &Arc<Self>) -> Underway {
        self.rate.lock().begins(self.uptime.elapsed());
        Underway {
            returns: Arc::clone(self),
            completed: false,
        }
    }

    /// In how many milliseconds a client that is sent away for this cause should be back; `None` when it is not to
    /// come back by itself, or at once.
    pub(crate) fn advice(&self, cause: Cause) -> Option<Millis> {
        let not_before = match cause.retry() {
            Retry::Refresh | Retry::Stop | Retry::Resume => return None,
            Retry::Wait | Retry::Backoff => not_before(cause),
        };
        let line = if matches!(cause, Cause::TooManyConnections | Cause::RateLimited) {
            &self.crowded
        } else {
            &self.everybody
        };
        let (rate, now) = (self.pace(cause), self.uptime.elapsed());
        let delay = line.lock().place(now, not_before, rate, random());
        u64::try_from(delay.as_millis()).ok()
    }

    /// The words for a close frame: the advice in front, so that a long detail cannot cut it off.
    pub(crate) fn detail(&self, cause: Cause, detail: &str) -> String {
        self.detail_after(cause, 0, detail)
    }

    /// The same for somebody for whom nothing becomes free before `wait`.
    pub(crate) fn detail_after(&self, cause: Cause, wait: Millis, detail: &str) -> String {
        match self.advice(cause).map(|delay| delay.max(wait)) {
            Some(delay) if detail.is_empty() => format!("retry in {delay} ms"),
            Some(delay) => format!("retry in {delay} ms; {detail}"),
            None => detail.to_owned(),
        }
    }
}

impl Underway {
    /// It took its course: the client is where it wanted to be, or was judged by all that costs time.
    pub(crate) fn completes(mut self) {
        self.completed = true;
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        let now = self.returns.uptime.elapsed();
        self.returns.rate.lock().ends(now, self.completed);
    }
}

/// How many a second may come back when a node leaves: as many as the others can take together, and as many as its
/// successor can where there is nobody else. What others say is believed within bounds.
fn pace_of_return(own: f64, elsewhere: Option<f64>) -> f64 {
    match elsewhere {
        Some(rate) if rate > 0.0 => rate.clamp(accept_rate::FLOOR, MANY_NODES * accept_rate::CEILING),
        Some(_) | None => own,
    }
}

fn not_before(cause: Cause) -> Duration {
    if matches!(cause, Cause::Restarting | Cause::GoingAway) {
        SUCCESSOR_READY
    } else if matches!(
        cause,
        Cause::Overloaded | Cause::TooManyConnections | Cause::RateLimited
    ) {
        PLACE_FREE
    } else {
        SERVICE_BACK
    }
}

/// From 0 to 1. A system without random numbers still gives places, without jitter within them.
fn random() -> f64 {
    getrandom::u32().map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use charla_wire::cause::retry_in_ms;

    use super::*;

    #[test]
    fn advice_is_for_those_who_shall_come_back() {
        let returns = Returns::new(Uptime::start(), 10);
        for cause in [Cause::NotAMember, Cause::TokenExpired, Cause::SlowConsumer] {
            assert_eq!(returns.detail(cause, "words"), "words");
        }
        for (cause, at_least) in [
            (Cause::Restarting, 500),
            (Cause::StoreUnavailable, 2_000),
            (Cause::Overloaded, 10_000),
            (Cause::TooManyConnections, 10_000),
        ] {
            let detail = returns.detail(cause, "words");
            let delay = retry_in_ms(&detail).unwrap();
            assert!((at_least..at_least + 500).contains(&delay), "{detail}");
            assert!(detail.ends_with("; words"), "{detail}");
        }
    }

    #[test]
    fn those_of_a_node_that_leaves_come_at_the_pace_of_the_others() {
        let crowd = |elsewhere: Option<f64>| {
            let returns = Returns::new(Uptime::start(), 100);
            returns.count_on(elsewhere);
            (0..1_000)
                .filter_map(|_| returns.advice(Cause::Restarting))
                .max()
                .unwrap()
        };
        // 1,000 with headroom: at the own 100 a second, and at the 500 of the others.
        assert!((12_000..13_500).contains(&crowd(None)), "{}", crowd(None));
        assert!(
            (2_500..3_500).contains(&crowd(Some(500.0))),
            "{}",
            crowd(Some(500.0))
        );
        assert_eq!(pace_of_return(100.0, Some(0.0)), 100.0, "nobody there");
        assert_eq!(pace_of_return(100.0, Some(f64::NAN)), 100.0);
        assert_eq!(pace_of_return(5_000.0, Some(1.0)), accept_rate::FLOOR);
        let returns = Returns::new(Uptime::start(), 100);
        returns.count_on(Some(500.0));
        assert_eq!(
            returns.pace(Cause::StoreUnavailable),
            100.0,
            "they stay with this node"
        );
    }

    #[test]
    fn who_is_too_many_for_himself_keeps_nobody_else_away() {
        let returns = Returns::new(Uptime::start(), 10);
        for _ in 0..1_000 {
            returns.advice(Cause::TooManyConnections).unwrap();
        }
        assert!(returns.advice(Cause::TooManyConnections).unwrap() > 100_000);
        assert!(returns.advice(Cause::StoreUnavailable).unwrap() < 3_000);
    }
}

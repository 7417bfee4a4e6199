//! A connection is alive when its own canaries come back; one that only looks alive brings none, and is left.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};

use super::ended::Ended;
use super::link::Link;

/// A canary is sent this often.
const CANARY_EVERY: Duration = Duration::from_millis(500);
/// After this long without a canary the store is looked at, in case.
const DOUBT_AFTER: Duration = Duration::from_millis(1500);
/// After this long without one the connection is left.
const CANARY_WITHIN: Duration = Duration::from_secs(5);

/// When to send one.
pub(in crate::broker) fn times() -> Interval {
    let mut times = interval(CANARY_EVERY);
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    times
}

/// Says whether the lane is alive by its canaries, and when there is no hope any more.
pub(in crate::broker) async fn judge(link: &Link, mut canaries: watch::Receiver<Instant>) -> Ended {
    let began = Instant::now();
    let mut last = None;
    loop {
        match timeout(DOUBT_AFTER, canaries.changed()).await {
            Ok(Ok(())) => {
                last = Some(*canaries.borrow_and_update());
                link.canary();
            }
            Ok(Err(_)) => std::future::pending().await,
            Err(_) => {
                link.doubt();
                if last.unwrap_or(began).elapsed() >= CANARY_WITHIN {
                    return Ended::Silent(CANARY_WITHIN);
                }
            }
        }
    }
}

//! Keeps a lane connected: one connection after the other, for as long as the node lives.

use std::future::Future;
use std::time::Duration;

use super::Shared;
use super::ended::Ended;
use super::lane::Outgoing;
use super::link::Link;
use crate::metrics::WhyLabel;

/// The first and the longest wait before another try to connect.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// Whoever can have a connection.
pub(in crate::broker) trait Speaker: Send + 'static {
    /// One connection from its beginning to its end.
    fn connection(&mut self, link: &Link, said: &mut Outgoing) -> impl Future<Output = Ended> + Send;
}

/// Never ends.
pub(in crate::broker) async fn keep(link: Link, mut said: Outgoing, mut speaker: impl Speaker) {
    let mut wait = RETRY_FIRST;
    let mut told = String::new();
    loop {
        let ended = speaker.connection(&link, &mut said).await;
        let was_alive = link.lane.is_alive();
        link.end();
        // What waited is older than what the others will have found in the store by then.
        while said.try_recv().is_ok() {
            link.shared.metrics.broker_dropped.inc();
        }
        wait = if was_alive {
            told.clear();
            RETRY_FIRST
        } else {
            (wait * 2).min(RETRY_MAX)
        };
        tell(&link.shared, &ended, wait, &mut told);
        // sleeps because a broker that comes back tells nobody
        tokio::time::sleep(wait.mul_f64(0.5 + share())).await;
    }
}

/// Counts it, and says so once as a warning; again only when the reason is another.
pub(in crate::broker) fn tell(shared: &Shared, ended: &Ended, again_in: Duration, told: &mut String) {
    let why = WhyLabel { why: ended.why() };
    shared.metrics.broker_failures.get_or_create(&why).inc();
    let (broker, text) = (&shared.shown, ended.to_string());
    let (cause, advice) = (ended.cause(), ended.advice());
    if *told == text {
        tracing::debug!(
            broker,
            ended = text,
            ?again_in,
            "still no connection to the broker"
        );
    } else {
        tracing::warn!(
            broker,
            cause,
            ended = text,
            advice,
            ?again_in,
            "no connection to the broker"
        );
        *told = text;
    }
}

/// From 0 to 1/2, at random: nodes that lost the same broker do not come back in step.
fn share() -> f64 {
    let mut byte = [0];
    // Without randomness they come back in step.
    let _ = getrandom::fill(&mut byte);
    f64::from(byte[0]) / 512.0
}

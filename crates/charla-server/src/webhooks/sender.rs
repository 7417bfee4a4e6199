//! One endpoint's sender: asks the store for what is due, sends it, and says what became of it.
//!
//! Every node has one for each endpoint; the store gives each row to one of them. Of a chat one row is on its way at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::post::{Answer, Endpoint, Post};
use super::{LOOK_EVERY, retry};
use crate::node::Node;
use crate::store::webhooks::{Delivery, Outcome, Settled, Turn};

/// How much longer a row is held than its request may take: the time to say what became of it. As long does what a dead node sent wait.
const LEASE_MORE: Duration = Duration::from_secs(10);
/// The shortest wait for something that is due soon.
const SOON: Duration = Duration::from_millis(10);

/// Sends what waits for an endpoint, until it is gone or disabled.
pub(super) async fn send(node: Arc<Node>, id: Arc<str>) {
    let settings = &node.settings.webhooks;
    let post = Post::new(settings.timeout);
    let mut queued = node.store.hooks().queued();
    let mut flying = JoinSet::new();
    let mut settled: Vec<Settled> = Vec::new();
    let mut failed = false;
    while let Some(endpoint) = node.webhooks.find(&id).filter(|one| one.disabled_at.is_none()) {
        queued.mark_unchanged();
        let turn = Turn {
            endpoint: Arc::clone(&id),
            settled: settled.clone(),
            free: settings.concurrency.saturating_sub(flying.len()),
            lease: settings.timeout + LEASE_MORE,
        };
        let wait = match node.store.webhook_turn(turn).await {
            Ok(taken) => {
                settled.clear();
                failed = false;
                for delivery in taken.deliveries {
                    flying.spawn(deliver(
                        Arc::clone(&node),
                        post.clone(),
                        Arc::clone(&endpoint),
                        delivery,
                    ));
                }
                taken.next_in.unwrap_or(LOOK_EVERY).clamp(SOON, LOOK_EVERY)
            }
            Err(error) => {
                if !failed && !node.is_draining() {
                    tracing::warn!(%error, endpoint = &*id, "the store does not say what webhooks there are");
                }
                failed = true;
                LOOK_EVERY
            }
        };
        let has_room = flying.len() < settings.concurrency;
        tokio::select! {
            Some(done) = flying.join_next(), if !flying.is_empty() => settled.extend(done.ok()),
            // The hooks live as long as the store.
            _ = queued.changed(), if has_room && !failed => {}
            () = tokio::time::sleep(wait), if has_room || failed => {}
        }
        while let Some(done) = flying.try_join_next() {
            settled.extend(done.ok());
        }
    }
}

/// Sends one, and decides what becomes of it.
async fn deliver(node: Arc<Node>, post: Post, endpoint: Arc<Endpoint>, delivery: Delivery) -> Settled {
    let settings = &node.settings.webhooks;
    let began = node.uptime.elapsed();
    let caused = delivery.trace.as_deref();
    let mut span = caused.and_then(|trace| node.telemetry.webhook(trace));
    if let Some(span) = &mut span {
        span.set("charla.tenant", &endpoint.tenant);
        span.set("charla.webhook.endpoint", &endpoint.id);
        span.set("charla.webhook.id", &delivery.webhook_id);
        span.count("charla.webhook.attempt", delivery.attempt.into());
    }
    // Without a collector here the receiver still learns whose trace it goes on with.
    let trace = span.as_ref().map(|span| span.context().traceparent());
    let trace = trace.as_deref().or(caused);
    let answer = post.send(&endpoint, &delivery, trace, (node.clock)()).await;
    if let Some(span) = &mut span {
        match &answer {
            Answer::Taken => {}
            Answer::Gone | Answer::Failed(..) => span.fails("not_taken"),
        }
    }
    drop(span);
    let figures = &node.metrics.webhooks;
    let took = node.uptime.elapsed().saturating_sub(began);
    figures.seconds.observe(took.as_secs_f64());
    let outcome = match answer {
        Answer::Taken => {
            figures.count("delivered");
            Outcome::Delivered
        }
        Answer::Gone => {
            disable(&node, &endpoint).await;
            Outcome::Dead("answered 410 Gone: the endpoint is disabled".into())
        }
        Answer::Failed(why, _) if delivery.attempt >= settings.attempts => Outcome::Dead(why),
        Answer::Failed(why, asked) => {
            figures.count("failed");
            tracing::debug!(endpoint = &*endpoint.id, webhook = delivery.webhook_id, attempt = delivery.attempt, %why, "a webhook was not delivered");
            let wait = retry::wait(
                delivery.attempt,
                (settings.retry_min, settings.retry_max),
                spread(),
            );
            Outcome::Again(wait.max(asked.unwrap_or_default()), why)
        }
    };
    if let Outcome::Dead(why) = &outcome {
        figures.count("dead");
        tracing::warn!(endpoint = &*endpoint.id, tenant = %endpoint.tenant, webhook = delivery.webhook_id, attempts = delivery.attempt, %why, "a webhook is given up");
    }
    Settled {
        row: delivery.row,
        attempt: delivery.attempt,
        outcome,
    }
}

async fn disable(node: &Node, endpoint: &Endpoint) {
    tracing::warn!(target: "charla::audit", endpoint = &*endpoint.id, tenant = %endpoint.tenant, "an endpoint answered 410 and gets no more webhooks");
    if let Err(error) = node.store.disable_webhook(&endpoint.id, true).await {
        tracing::warn!(%error, endpoint = &*endpoint.id, "an endpoint could not be disabled");
    }
    node.look_at_webhooks();
}

/// A random number from 0 to below 1; the middle where the system has none.
fn spread() -> f64 {
    getrandom::u32().map_or(0.5, |random| f64::from(random) / (f64::from(u32::MAX) + 1.0))
}

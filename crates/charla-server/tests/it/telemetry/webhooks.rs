//! A webhook goes on with the trace of the message that it tells of, whichever store it waited in.

use charla_server::clock;
use charla_server::settings::Settings;
use serde_json::json;

use super::{Collector, TRACE, behind_a_proxy, called, enter, send, the, traceparent};
use crate::broker_redis::Shared;
use crate::serving::Serving;
use crate::webhooks::{Receiver, tell};

/// Traces go to one, webhooks to the other.
fn watched(settings: &mut Settings, collector: &Collector, receiver: &Receiver) {
    collector.set(settings);
    behind_a_proxy(settings);
    tell(settings, "demo", &receiver.url);
}

/// Says something that is recorded and something that is not; what came of it.
async fn told(serving: Serving, collector: &Collector, receiver: &Receiver) {
    let mut luis = enter(&serving, "luis", &[("traceparent", &traceparent("00"))]).await;
    luis.ask(&send("not recorded"), "ack").await;
    let mut ana = enter(&serving, "ana", &[("traceparent", &traceparent("01"))]).await;
    ana.ask(&send("recorded"), "ack").await;
    let mut count = 1;
    let hooks = loop {
        let hooks = receiver.wait_for(count).await;
        if hooks.iter().any(|hook| hook.json["data"]["text"] == "recorded") {
            break hooks;
        }
        count = hooks.len() + 1;
    };
    drop((ana, luis));
    serving.drain().await;
    let spans = collector.spans();
    let sent = the(&spans, "send");
    let attempts = called(&spans, "webhook");
    assert!(!attempts.is_empty());
    for hook in &hooks {
        let is_recorded = hook.json["data"]["text"] == "recorded";
        assert_eq!(hook.traceparent.is_some(), is_recorded, "{hook:?}");
        if !is_recorded {
            continue;
        }
        let [_, trace, span, flags] = hook
            .traceparent
            .as_deref()
            .unwrap()
            .split('-')
            .collect::<Vec<_>>()
            .try_into()
            .unwrap();
        assert_eq!((trace, flags), (TRACE, "01"));
        let own = attempts.iter().find(|attempt| attempt["span"] == span).unwrap();
        assert_eq!(
            (&own["parent"], &own["kind"]),
            (&sent["span"], &json!("SPAN_KIND_CLIENT"))
        );
        assert_eq!(own["said"]["charla.webhook.id"], hook.id);
        assert_eq!(own["status"], "STATUS_CODE_UNSET");
        assert!(!own.to_string().contains("127.0.0.1"), "{own}");
    }
    for attempt in attempts {
        assert_eq!(
            (&attempt["trace"], &attempt["parent"]),
            (&json!(TRACE), &sent["span"])
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_goes_on_with_the_trace_of_its_message() {
    let (collector, receiver) = (Collector::start().await, Receiver::start().await);
    let serving = Serving::start_with(|settings| watched(settings, &collector, &receiver)).await;
    told(serving, &collector, &receiver).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn and_so_it_does_out_of_postgresql() {
    let (collector, receiver) = (Collector::start().await, Receiver::start().await);
    let shared = Shared::start().await;
    let serving = shared
        .node_with(|settings| watched(settings, &collector, &receiver))
        .await;
    told(serving, &collector, &receiver).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_that_waited_for_a_node_without_a_collector_is_passed_on_as_it_was() {
    let (collector, receiver) = (Collector::start().await, Receiver::start().await);
    receiver.says(503, "");
    let serving = Serving::start_with(|settings| watched(settings, &collector, &receiver)).await;
    let mut ana = enter(&serving, "ana", &[("traceparent", &traceparent("01"))]).await;
    ana.ask(&send("recorded"), "ack").await;
    drop(ana);
    let folder = serving.drain().await;
    receiver.says(204, "");
    let again = Serving::start_at(folder, clock::system(), |settings| {
        tell(settings, "demo", &receiver.url);
    })
    .await;
    let mut count = 1;
    let hook = loop {
        let hooks = receiver.wait_for(count).await;
        if let Some(hook) = hooks.iter().find(|hook| hook.json["type"] == "message.created") {
            break hook.clone();
        }
        count = hooks.len() + 1;
    };
    let spans = collector.spans();
    let sent = the(&spans, "send")["span"].as_str().unwrap().to_owned();
    assert_eq!(hook.traceparent, Some(format!("00-{TRACE}-{sent}-01")));
    drop(again);
}

//! Endpoints that are away, slow or gone, and a server that dies with work to do.

use std::sync::Arc;

use charla_server::store::webhooks::Letters;
use futures_util::future::join_all;

use super::*;
use crate::serving::process::Process;
use crate::serving::profile::{HOOKED, app_token};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_outage_everything_comes_in_its_order() {
    const EACH: usize = 12;
    let receiver = Receiver::start().await;
    let serving = Serving::start_with(|settings| tell(settings, "demo", &receiver.url)).await;
    serving
        .node()
        .store
        .put_chat(&room("demo", "6"), None)
        .await
        .unwrap();
    receiver.wait_for(2).await;
    receiver.says(503, "");
    for n in 0..EACH {
        join_all(["5", "6"].map(|chat| {
            let (serving, text) = (&serving, n.to_string());
            async move { say(serving, "demo", chat, &text).await }
        }))
        .await;
    }
    until("it was tried in vain", async || receiver.came().len() > 6).await;
    assert_eq!(receiver.taken().len(), 2);
    // Of each chat the first one alone was tried: what is behind it waits.
    let tried: Vec<_> = receiver.came().split_off(2);
    assert!(tried.iter().all(|hook| hook.json["data"]["text"] == "0"));
    receiver.says(200, "");
    let hooks = receiver.wait_for(2 + 2 * EACH).await;
    check_order(&hooks, &["5", "6"], EACH);
    until("nothing waits", async || {
        serving.node().store.webhook_backlog().await.unwrap().is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_endpoint_keeps_nobody_waiting() {
    let (slow, quick) = (Receiver::start().await, Receiver::start().await);
    slow.says_nothing();
    let serving = Serving::start_with(|settings| {
        tell(settings, "demo", &slow.url);
        tell(settings, "demo", &quick.url);
    })
    .await;
    for n in 0..20 {
        say(&serving, "demo", "5", &n.to_string()).await;
    }
    let hooks = quick.wait_for(22).await;
    check_order(&hooks, &["5"], 20);
    assert!(slow.taken().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_asks_for_a_wait_gets_it() {
    let receiver = Receiver::start().await;
    receiver.says(429, "Retry-After: 3600\r\n");
    let serving = Serving::start_with(|settings| {
        tell(settings, "demo", &receiver.url);
        settings.webhooks.endpoints[0].events =
            Kinds::of(&[charla_server::store::webhooks::EventKind::MessageCreated]);
    })
    .await;
    say(&serving, "demo", "5", "0").await;
    let taken = serving.node().settings.webhooks.endpoints[0].id();
    until("it is asked to wait", async || {
        let turn = charla_server::store::webhooks::Turn {
            endpoint: Arc::clone(&taken),
            settled: Vec::new(),
            free: 0,
            lease: Duration::ZERO,
        };
        let taken = serving.node().store.webhook_turn(turn).await.unwrap();
        taken.next_in.is_some_and(|wait| wait > Duration::from_secs(3000))
    })
    .await;
    assert_eq!(receiver.came().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_up_lets_the_next_pass_and_can_be_sent_again() {
    let receiver = Receiver::start().await;
    let serving = Serving::start_with(|settings| {
        tell(settings, "demo", &receiver.url);
        settings.webhooks.attempts = 2;
    })
    .await;
    receiver.wait_for(2).await;
    receiver.says(500, "");
    say(&serving, "demo", "5", "0").await;
    let letters = async || {
        let store = &serving.node().store;
        store.dead_letters(Letters::default(), None, 10).await.unwrap()
    };
    until("it is given up", async || !letters().await.is_empty()).await;
    let letter = letters().await.remove(0);
    assert_eq!((letter.attempts, letter.event.as_str()), (2, "message.created"));
    assert_eq!(
        letter.last_answer.as_deref(),
        Some("answered 500 Internal Server Error")
    );
    receiver.says(200, "");
    say(&serving, "demo", "5", "1").await;
    receiver.wait_for(3).await;
    let which = Letters {
        row: Some(letter.row),
        ..Letters::default()
    };
    assert_eq!(serving.node().store.revive_letters(which).await.unwrap(), 1);
    let hooks = receiver.wait_for(4).await;
    assert_eq!(texts(&hooks, "5"), ["1", "0"]);
    assert_eq!(hooks[3].id, letter.webhook_id, "receivers know it by its id");
    hooks[3].check(SECRET);
    assert!(letters().await.is_empty());
}

/// Acknowledged, not delivered, `kill -9`: the next process delivers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_tells_what_it_acknowledged() {
    const EACH: usize = 30;
    let receiver = Receiver::start().await;
    receiver.says_nothing();
    let folder = tempfile::tempdir().unwrap();
    let profile = format!("{HOOKED}{}", receiver.url);
    let server = Process::start(folder.path(), &profile);
    let exp = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() + 3600;
    let token = app_token(&json!({"user_id": "ana", "name": "Ana", "tenant": "demo", "exp": exp}));
    let path = format!("/ws/chat/5/?token={token}");
    let mut ana = Client::open(server.address, &path, &["charla.v1"]).await;
    greet(&mut ana).await;
    for n in 0..EACH {
        ana.say(&json!({"type": "send", "ref": n, "chat": "5", "id": Uuid::now_v7(), "text": n.to_string()}))
            .await;
    }
    for _ in 0..EACH {
        ana.next_of("ack").await;
    }
    until("one is on its way", async || !receiver.came().is_empty()).await;
    server.kill();
    assert!(receiver.taken().is_empty());
    receiver.says(200, "");
    let server = Process::start(folder.path(), &profile);
    // Two members, whose joining was acknowledged too, and the messages. Whoever was cut off with the server says nothing.
    let hooks = receiver.wait_for_each(2 + EACH).await;
    assert_eq!(texts(&hooks, "5"), numbers(EACH));
    server.kill();
}

//! The limit: attempts counted where they arrive.

use std::sync::atomic::Ordering;

use charla_client::{TokenError, TokenRequest};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::listening::{closed_port, read_head};
use crate::scripted::{Peer, Scripted, gives_up, hasty};

#[tokio::test]
async fn a_server_that_closes_at_once_sees_fifteen_attempts_and_three_preflights() {
    let server = Scripted::new().await;
    let (charla, _events) = server.client("/ws/").connect().unwrap();
    let count = server.serve(|mut stream| async move {
        read_head(&mut stream).await;
        // The other end may be gone.
        let _ = stream.shutdown().await;
    });
    let state = gives_up(&charla).await;
    assert!(state.exhausted);
    assert_eq!(state.spent, 15);
    assert_eq!(state.cause().unwrap().as_str(), "proxy_closed_silently");
    assert_eq!(count.load(Ordering::SeqCst), 15 + 3);
}

#[tokio::test]
async fn a_flapping_server_is_bounded_too() {
    let server = Scripted::new().await;
    let (charla, _events) = server.client("/ws/").connect().unwrap();
    let count = server.serve(|stream| async move {
        if let Some(mut peer) = Peer::upgrade(stream).await {
            peer.say(&json!({"type": "welcome", "heartbeat_ms": 25_000}))
                .await;
            peer.close(1011, "internal_error").await;
        }
    });
    let state = gives_up(&charla).await;
    assert_eq!(state.cause().unwrap().as_str(), "internal_error");
    assert_eq!(
        count.load(Ordering::SeqCst),
        15,
        "no preflight: the cause was named"
    );
}

#[tokio::test]
async fn a_closed_port_is_named_without_any_question() {
    let address = format!("ws://{}/ws/", closed_port());
    let builder = charla_client::Charla::builder(address).policy(hasty());
    let (charla, _events) = builder.connect().unwrap();
    let state = gives_up(&charla).await;
    assert_eq!(state.cause().unwrap().as_str(), "server_down");
    assert_eq!((state.spent, state.cycle), (15, 3));
    let preflights = charla.report()["notes"].as_array().unwrap().clone();
    assert!(!preflights.iter().any(|note| note["kind"] == "preflight"));
}

#[tokio::test]
async fn what_is_refused_for_good_is_tried_once() {
    let server = Scripted::new().await;
    let (charla, _events) = server.client("/ws/").connect().unwrap();
    let count = server.serve(|stream| async move {
        if let Some(peer) = Peer::upgrade(stream).await {
            peer.close(4403, "not_a_member: not of this chat").await;
        }
    });
    let state = gives_up(&charla).await;
    assert_eq!(state.cause().unwrap().as_str(), "not_a_member");
    assert_eq!(state.detail(), Some("not of this chat"));
    assert!(!state.exhausted && !state.will_retry());
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_token_is_asked_for_once_a_cycle_and_its_failures_are_within_the_budget() {
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&asked);
    let address = format!("ws://{}/ws/", closed_port());
    let builder = charla_client::Charla::builder(address).policy(hasty());
    let builder = builder.token(move |_: TokenRequest| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Ok("a.b.c".to_owned()) }
    });
    let (charla, _events) = builder.connect().unwrap();
    gives_up(&charla).await;
    assert_eq!(asked.load(Ordering::SeqCst), 3, "one a cycle");

    let address = format!("ws://{}/ws/", closed_port());
    let builder = charla_client::Charla::builder(address).policy(hasty());
    let builder = builder.token(|_| async { Err(TokenError::later("the sign-in is down")) });
    let (charla, _events) = builder.connect().unwrap();
    let state = gives_up(&charla).await;
    assert_eq!(state.cause().unwrap().as_str(), "token_unavailable");
    assert_eq!((state.spent, state.exhausted), (15, true));

    let address = format!("ws://{}/ws/", closed_port());
    let builder = charla_client::Charla::builder(address).policy(hasty());
    let builder = builder.token(|_| async { Err(TokenError::stop("signed out")) });
    let (charla, _events) = builder.connect().unwrap();
    let state = gives_up(&charla).await;
    assert_eq!((state.spent, state.exhausted), (1, false));
    assert_eq!(state.detail(), Some("signed out"));
}

#[tokio::test]
async fn a_token_function_that_panics_is_a_failure_with_a_cause() {
    let address = format!("ws://{}/ws/", closed_port());
    let builder = charla_client::Charla::builder(address).policy(hasty());
    let (charla, _events) = builder.token(panics).connect().unwrap();
    let state = gives_up(&charla).await;
    assert_eq!(state.cause().unwrap().as_str(), "token_unavailable");
    assert_eq!(state.detail(), Some("the application's token function panicked"));
    charla.close().await;
    assert_eq!(charla.state().name.as_str(), "closed");
}

async fn panics(_: TokenRequest) -> Result<String, TokenError> {
    panic!("as it is meant to")
}

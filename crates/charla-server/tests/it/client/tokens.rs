//! Tokens that run out, with a good successor and with none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use charla_client::machine::Name;
use charla_client::{Event, TokenError, TokenRequest};

use super::{becomes, client};
use crate::serving::{Serving, soon};

/// A server that forgives no clock.
async fn strict() -> Serving {
    Serving::start_with(|settings| settings.auth.leeway = Duration::ZERO).await
}

#[tokio::test]
async fn a_token_that_runs_out_is_replaced_over_the_living_connection() {
    let serving = strict().await;
    let short = serving.token_of("demo", "ana", Duration::from_secs(2)).await;
    let long = serving.token("ana").await;
    let builder = client(serving.address, "/ws/chat/5/").token(move |why: TokenRequest| {
        let token = if why.expiring { long.clone() } else { short.clone() };
        async move { Ok(token) }
    });
    let (ana, mut events) = builder.connect().unwrap();
    becomes(&ana, Name::Connected).await;
    // Until after the first one has run out.
    let ends = tokio::time::Instant::now() + Duration::from_secs(4);
    while let Ok(event) = tokio::time::timeout_at(ends, events.recv()).await {
        if let Some(Event::State(state)) = event {
            assert!(!state.will_retry() || state.spent == 1, "cut: {state:?}");
        }
    }
    assert_eq!((ana.state().name, ana.state().spent), (Name::Connected, 1));
    let notes = ana.report()["notes"].as_array().unwrap().clone();
    let in_band = notes
        .iter()
        .filter(|note| note["kind"] == "token" && note["inBand"] == true);
    assert_eq!(in_band.count(), 2, "asked and arrived: {notes:?}");
}

#[tokio::test]
async fn a_successor_that_is_refused_in_the_same_words_is_the_end() {
    let serving = strict().await;
    let expired = serving.token_of("demo", "ana", Duration::ZERO).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let builder = client(serving.address, "/ws/chat/5/").token(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        let token = expired.clone();
        async move { Ok(token) }
    });
    let (ana, _events) = builder.connect().unwrap();
    let state = becomes(&ana, Name::Disabled).await;
    assert_eq!(state.cause().unwrap().as_str(), "token_expired");
    assert_eq!(state.spent, 2);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_expired_token_with_a_good_successor_costs_one_attempt() {
    let serving = Serving::start().await;
    let good = serving.token("ana").await;
    let builder = client(serving.address, "/ws/chat/5/").token(move |why: TokenRequest| {
        let token = match why.refused {
            Some(cause) if cause.as_str() == "token_malformed" => good.clone(),
            _ => "not-a-token".to_owned(),
        };
        async move { Ok(token) }
    });
    let (ana, _events) = builder.connect().unwrap();
    let state = becomes(&ana, Name::Connected).await;
    assert_eq!(state.spent, 2);
}

#[tokio::test]
async fn who_is_signed_out_stops_with_the_servers_own_words() {
    let serving = strict().await;
    let short = serving.token_of("demo", "ana", Duration::from_secs(2)).await;
    let builder = client(serving.address, "/ws/chat/5/").token(move |why: TokenRequest| {
        let token = if why.expiring || why.refused.is_some() {
            Err(TokenError::stop("signed out"))
        } else {
            Ok(short.clone())
        };
        async move { token }
    });
    let (ana, _events) = builder.connect().unwrap();
    becomes(&ana, Name::Connected).await;
    let state = soon("the end", becomes(&ana, Name::Disabled)).await;
    assert_eq!(state.cause().unwrap().as_str(), "token_expired");
}

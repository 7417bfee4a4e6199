//! What the server refuses for good is tried once, and said with its cause.

use charla_client::machine::Name;
use charla_client::{ChatId, Place};

use super::{becomes, client};
use crate::serving::{Serving, soon};

#[tokio::test]
async fn who_may_not_enter_stops_at_once_with_the_cause() {
    let serving = Serving::start().await;
    let rows = [
        ("eva", "/ws/chat/5/", "not_a_member", 4403),
        ("ana", "/ws/chat/none/", "chat_not_found", 4404),
    ];
    for (user, path, cause, code) in rows {
        let builder = client(serving.address, path).fixed_token(serving.token(user).await);
        let (charla, _events) = builder.connect().unwrap();
        let state = becomes(&charla, Name::Disabled).await;
        assert_eq!(state.cause().unwrap().as_str(), cause);
        assert_eq!((state.code(), state.spent), (Some(code), 1));
        assert!(charla.connected().await.is_err());
        let refused = charla
            .send(&ChatId::parse("5").unwrap(), "hola")
            .await
            .unwrap_err();
        assert_eq!(
            refused.cause.as_str(),
            cause,
            "a send is refused with the cause too"
        );
    }
}

#[tokio::test]
async fn a_chat_that_there_is_not_is_refused_and_the_connection_lives() {
    let serving = Serving::start().await;
    let builder = client(serving.address, "/ws/").fixed_token(serving.token("ana").await);
    let (ana, _events) = builder.connect().unwrap();
    let none = ChatId::parse("none").unwrap();
    let refused = soon("a refusal", ana.subscribe(&none, Place::default()))
        .await
        .unwrap_err();
    assert_eq!(refused.cause.as_str(), "chat_not_found");
    let refused = soon("a refusal", ana.send(&none, "hola")).await.unwrap_err();
    assert_eq!(refused.cause.as_str(), "chat_not_found");
    let ack = soon("an ack", ana.send(&ChatId::parse("5").unwrap(), "hola"))
        .await
        .unwrap();
    assert_eq!(ack.seq, 1);
}

#[tokio::test]
async fn refusals_by_http_status_are_understood_alike() {
    let serving = Serving::start_with(|settings| {
        settings.server.rejects = charla_server::settings::Rejects::Http;
    })
    .await;
    let builder = client(serving.address, "/ws/chat/5/").fixed_token(serving.token("eva").await);
    let (charla, _events) = builder.connect().unwrap();
    let state = becomes(&charla, Name::Disabled).await;
    assert_eq!(state.cause().unwrap().as_str(), "not_a_member");
    assert_eq!(state.spent, 1);
}

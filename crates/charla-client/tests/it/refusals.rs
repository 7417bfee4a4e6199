//! What answers in place of the upgrade, and what does not answer at all.

use charla_client::http::Question;
use charla_client::{Address, Charla, ConnectError, Connection};
use charla_wire::Cause;
use tokio::io::AsyncWriteExt as _;

use crate::listening::{answering, closed_port, listen, read_head};

async fn refused(address: &str) -> ConnectError {
    let address = Address::parse(address).unwrap();
    Connection::connect(&address).await.unwrap_err()
}

#[tokio::test]
async fn every_answer_but_the_upgrade_has_its_cause() {
    let rows = [
        ("502 Bad Gateway\r\n\r\n", Some(Cause::ServerDown)),
        ("503 Service Unavailable\r\n\r\n", Some(Cause::ServerDown)),
        ("504 Gateway Time-out\r\n\r\n", Some(Cause::ServerDown)),
        ("404 Not Found\r\n\r\n", Some(Cause::RouteNotFound)),
        ("200 OK\r\n\r\n<!doctype html>", Some(Cause::ProxyWrongLocation)),
        (
            "301 Moved\r\nlocation: https://h/ws/chat/5/\r\n\r\n",
            Some(Cause::RedirectHttps),
        ),
        (
            "301 Moved\r\nlocation: /ws/chat/5\r\n\r\n",
            Some(Cause::RedirectSlash),
        ),
        (
            "400 Bad Request\r\ncontent-length: 43\r\n\r\nThe plain HTTP request was sent to HTTPS port",
            Some(Cause::PlainOnTlsPort),
        ),
        (
            "426 Upgrade Required\r\ncontent-length: 28\r\n\r\n{\"cause\":\"proxy_no_upgrade\"}",
            Some(Cause::ProxyNoUpgrade),
        ),
        ("403 Forbidden\r\n\r\n", None),
    ];
    for (answer, cause) in rows {
        let answer: &'static str = format!("HTTP/1.1 {answer}").leak();
        let server = answering(answer).await;
        let error = refused(&format!("ws://{server}/ws/chat/5/")).await;
        assert!(matches!(error, ConnectError::Refused { .. }), "{answer}: {error}");
        assert_eq!(error.cause(), cause, "{answer}: {error}");
    }
}

#[tokio::test]
async fn a_closed_port_a_cut_connection_and_a_wrong_name_are_told_apart() {
    let closed = closed_port();
    let cut = listen(|mut stream| async move {
        read_head(&mut stream).await;
        stream.shutdown().await.unwrap();
    })
    .await;
    let rows = [
        (format!("ws://{closed}/"), Cause::ServerDown),
        (format!("ws://{cut}/"), Cause::ProxyClosedSilently),
        ("ws://name.invalid/".to_owned(), Cause::DnsFailure),
    ];
    for (address, cause) in rows {
        let error = refused(&address).await;
        assert_eq!(error.cause(), Some(cause), "{address}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let error = refused(&format!("ws://{address}/")).await;
    assert!(matches!(error, ConnectError::Timeout(_)), "{error}");
}

#[test]
fn what_is_printed_to_find_a_mistake_has_no_secret_in_it() {
    let address = "ws://h/ws/?token=opaque-secret&ticket=opaque-secret";
    let body = serde_json::json!({"password": "opaque-secret"});
    let question = Question {
        bearer: Some("opaque-secret"),
        body: Some(&body),
        ..Question::get("/api/token/?token=opaque-secret")
    };
    let builder = Charla::builder(address).fixed_token("opaque-secret");
    let address = Address::parse(address).unwrap();
    let printed = format!("{address:?} {builder:?} {question:?}");
    assert!(
        printed.contains("ws://h/ws/") && printed.contains("/api/token/"),
        "{printed}"
    );
    assert!(!printed.contains("opaque-secret"), "{printed}");
}

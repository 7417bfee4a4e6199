//! The handshake probe against every kind of peer.

use std::sync::Arc;
use std::time::Duration;

use charla_doctor::evidence::{After, Answer, Hop, Reached, Shape};
use charla_doctor::probe::ask::{Ask, TokenIn};
use charla_doctor::probe::conduct::{self, Trial};
use charla_doctor::probe::handshake::{self, Patience};
use charla_doctor::probe::names;
use charla_doctor::probe::place::Place;
use tokio::net::{TcpListener, UnixListener};

use crate::peer::{Does, Then, peer, serve};

const PATIENCE: Patience = Patience {
    answer_within: Duration::from_millis(1_000),
    watch_for: Duration::from_millis(100),
};

fn ask() -> Ask {
    Ask {
        target: "/ws/chat/5/?token=SECRET".into(),
        host: "chat.test".into(),
        origin: "https://app.test".into(),
        own_origin: "https://chat.test".into(),
        token: TokenIn::Query("token".into()),
        ..Ask::default()
    }
}

async fn answer(does: Does) -> Answer {
    let address = peer(does).await;
    let place = Place::tcp("127.0.0.1", address.port());
    handshake::try_one(&place, &ask(), Shape::Browser, PATIENCE)
        .await
        .0
        .answer
}

#[tokio::test]
async fn a_port_where_nobody_listens_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let (tried, held) =
        handshake::try_one(&Place::tcp("127.0.0.1", port), &ask(), Shape::Browser, PATIENCE).await;
    assert_eq!(tried.answer, Answer::Refused);
    assert!(held.is_none());
    let by_name = handshake::try_one(&Place::tcp("localhost", port), &ask(), Shape::Browser, PATIENCE).await;
    assert_eq!(by_name.0.answer, Answer::Refused);
}

#[tokio::test]
async fn a_name_or_socket_that_is_not_there_is_unreachable_in_the_systems_words() {
    let places = [
        Place::tcp("nobody.invalid", 80),
        Place::unix("/nonexistent/app.sock"),
    ];
    for place in places {
        let (tried, _) = handshake::try_one(&place, &ask(), Shape::Browser, PATIENCE).await;
        assert!(
            matches!(&tried.answer, Answer::Unreachable(words) if !words.is_empty()),
            "{tried:?}"
        );
    }
}

#[tokio::test]
async fn a_frozen_peer_is_left_when_the_time_given_is_over() {
    assert_eq!(answer(Does::StaysSilent).await, Answer::Silent);
}

#[tokio::test]
async fn an_end_without_a_byte_is_told_from_a_reset() {
    assert_eq!(answer(Does::Ends).await, Answer::HungUp { reset: false });
    assert_eq!(answer(Does::HangsUp).await, Answer::HungUp { reset: true });
}

#[tokio::test]
async fn what_is_not_http_is_shown() {
    let ssh = answer(Does::says("SSH-2.0-OpenSSH_9.2p1\r\n")).await;
    assert_eq!(ssh, Answer::NotHttp("SSH-2.0-OpenSSH_9.2p1".into()));
    let alert = answer(Does::Says(vec![0x15, 3, 1, 0, 2, 2, 70])).await;
    assert_eq!(alert, Answer::NotHttp("15 03 01 00 02 02 46".into()));
    let endless = answer(Does::Says(vec![b'x'; 100_000])).await;
    assert!(matches!(endless, Answer::NotHttp(_)), "{endless:?}");
}

#[tokio::test]
async fn a_refusal_is_read_whole() {
    let said = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 301 Moved Permanently\r\nServer: nginx\r\n\
                Location: https://chat.test/ws/chat/5/?token=SECRET\r\nContent-Type: text/html\r\n\
                Content-Length: 26\r\n\r\n<h1>301 Moved</h1> token=SECRET";
    let Answer::Http {
        status,
        location,
        body,
        server,
        ..
    } = answer(Does::says(said)).await
    else {
        panic!()
    };
    assert_eq!(status, 301);
    assert_eq!(server.as_deref(), Some("nginx"));
    assert_eq!(
        location.as_deref(),
        Some("https://chat.test/ws/chat/5/?token=***")
    );
    assert!(
        body.starts_with("<h1>301 Moved</h1>") && !body.contains("SECRET"),
        "{body}"
    );
    let charla = "HTTP/1.1 403 Forbidden\r\nContent-Length: 25\r\n\r\n{\"cause\":\"token_expired\"}";
    let Answer::Http { cause, .. } = answer(Does::says(charla)).await else {
        panic!()
    };
    assert_eq!(cause.as_deref(), Some("token_expired"));
}

fn after(answer: &Answer) -> &After {
    let Answer::Upgraded {
        after, valid: true, ..
    } = answer
    else {
        panic!("{answer:?}")
    };
    after
}

#[tokio::test]
async fn what_comes_after_the_upgrade_is_told_apart() {
    let open = answer(Does::Upgrades(
        "",
        b"\x89\x02hi\x81\x0e{\"token=abc\":1".to_vec(),
        Then::Lives,
    ))
    .await;
    assert!(
        matches!(after(&open), After::Open { first: Some(text), .. } if text.starts_with("{\"token=***")),
        "{open:?}"
    );
    let closed = answer(Does::Upgrades(
        "",
        b"\x88\x0f\x11\x31token_invalid".to_vec(),
        Then::Lives,
    ))
    .await;
    assert!(matches!(after(&closed), After::Closed { code: 4401, reason, .. } if reason == "token_invalid"));
    let bare = answer(Does::Upgrades("", b"\x88\x00".to_vec(), Then::Lives)).await;
    assert!(matches!(after(&bare), After::Closed { code: 1005, .. }));
    let cut = answer(Does::Upgrades("", Vec::new(), Then::Cuts)).await;
    assert!(matches!(after(&cut), After::Cut { .. }));
    let long = [
        b"\x82\x7f\0\0\0\0\0\x02\0\0".to_vec(),
        vec![7; 131_072],
        b"\x88\x02\x03\xe8".to_vec(),
    ]
    .concat();
    let past = answer(Does::Upgrades("", long, Then::Lives)).await;
    assert!(
        matches!(after(&past), After::Closed { code: 1000, .. }),
        "{past:?}"
    );
}

#[tokio::test]
async fn what_was_agreed_on_is_kept() {
    let lines = "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n";
    let Answer::Upgraded {
        protocol,
        offered,
        extensions,
        ..
    } = answer(Does::Upgrades(lines, Vec::new(), Then::Lives)).await
    else {
        panic!()
    };
    assert_eq!(protocol.as_deref(), Some("chat"));
    assert_eq!(extensions.as_deref(), Some("permessage-deflate"));
    assert!(!offered);
    let forged = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                  Sec-WebSocket-Accept: AAAA\r\n\r\n";
    assert!(matches!(
        answer(Does::says(forged)).await,
        Answer::Upgraded { valid: false, .. }
    ));
}

#[tokio::test]
async fn an_open_connection_is_handed_back_and_can_be_measured() {
    let address = peer(Does::Upgrades("", Vec::new(), Then::Lives)).await;
    let place = Place::tcp("127.0.0.1", address.port());
    let (hop, held) = handshake::hop(Hop::default(), &place, &ask(), PATIENCE).await;
    assert_eq!(hop.tried.len(), 1, "a healthy server is asked once");
    let mut held = held.unwrap();
    assert!(held.ping(PATIENCE.answer_within).await.is_some());
    assert_eq!(held.close(PATIENCE.answer_within).await, Some(1000));
}

#[tokio::test]
async fn a_deaf_connection_answers_neither_ping_nor_close() {
    let address = peer(Does::Upgrades("", Vec::new(), Then::Deaf)).await;
    let place = Place::tcp("127.0.0.1", address.port());
    let (_, held) = handshake::hop(Hop::default(), &place, &ask(), PATIENCE).await;
    let mut held = held.unwrap();
    assert_eq!(held.ping(PATIENCE.watch_for).await, None);
    assert_eq!(held.close(PATIENCE.watch_for).await, None);
}

#[tokio::test]
async fn a_refusal_is_tried_in_other_shapes() {
    let decide = |head: &str| {
        if head.contains("Origin: https://app.test") {
            Does::says("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        } else {
            Does::Upgrades("", Vec::new(), Then::Lives)
        }
    };
    let address = peer(Does::Decides(Arc::new(decide))).await;
    let place = Place::tcp("127.0.0.1", address.port());
    let (hop, held) = handshake::hop(Hop::default(), &place, &ask(), PATIENCE).await;
    assert!(held.is_none());
    let statuses: Vec<_> = hop
        .tried
        .iter()
        .map(|one| (one.shape, one.answer.status().unwrap()))
        .collect();
    let wanted = [
        (Shape::Browser, 403),
        (Shape::BadToken, 403),
        (Shape::NoToken, 403),
        (Shape::NoOrigin, 101),
        (Shape::OwnOrigin, 101),
    ];
    assert_eq!(statuses, wanted);
}

#[tokio::test]
async fn a_unix_socket_is_a_place_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        serve(&mut stream, Does::Upgrades("", Vec::new(), Then::Lives)).await;
    });
    let (tried, held) = handshake::try_one(&Place::unix(path), &ask(), Shape::Browser, PATIENCE).await;
    assert!(tried.answer.is_open() && held.is_some(), "{tried:?}");
}

#[tokio::test]
async fn a_name_leads_to_addresses_and_each_is_tried() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = names::look("localhost", port, PATIENCE.answer_within).await;
    assert!(seen.error.is_none());
    let v4 = seen
        .tried
        .iter()
        .find(|one| one.address == format!("127.0.0.1:{port}"));
    assert_eq!(v4.unwrap().reached, Reached::Connected);
    let given = names::look("[::1]", port, PATIENCE.answer_within).await;
    assert_eq!(given.tried.len(), 1);
    assert_ne!(given.tried[0].reached, Reached::Connected);
    let nobody = names::look("nobody.invalid", port, PATIENCE.answer_within).await;
    assert!(nobody.error.is_some() && nobody.tried.is_empty());
}

#[tokio::test]
async fn silence_is_borne_or_not_and_pings_are_noted() {
    let open = |does| async {
        let place = Place::tcp("127.0.0.1", peer(does).await.port());
        handshake::hop(Hop::default(), &place, &ask(), PATIENCE)
            .await
            .1
            .unwrap()
    };
    let pinged = open(Does::Upgrades("", b"\x89\x00".to_vec(), Then::Lives)).await;
    let direct = open(Does::Upgrades("", Vec::new(), Then::Lives)).await;
    let trial = Trial {
        idle: Some(PATIENCE.watch_for),
        message_bytes: Some(1_000),
    };
    let seen = conduct::look("ws://x", pinged, Some(direct), trial, PATIENCE.answer_within).await;
    assert!(seen.ping_ms.is_some() && seen.idle_direct && seen.server_pings_ms.len() == 1);
    assert_eq!(
        (seen.idle_end, seen.idle_direct_end, seen.sent_end),
        (None, None, None)
    );
    assert_eq!((seen.sent_bytes, seen.close_relayed), (Some(1_000), Some(1_000)));
    let deaf = open(Does::Upgrades("", Vec::new(), Then::Deaf)).await;
    let seen = conduct::look("ws://x", deaf, None, Trial::default(), PATIENCE.watch_for).await;
    assert!(seen.pinged && seen.closed && seen.ping_ms.is_none() && seen.close_relayed.is_none());
}

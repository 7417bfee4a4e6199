//! Frames that RFC 6455 or a limit forbids.

use charla_wire::codec::deflate;
use serde_json::json;

use super::Ground;
use crate::serving::{Raw, frame, text, upgrade_lines};

const PROTOCOL: (u16, &str) = (1002, "protocol_error");
const UTF8: (u16, &str) = (1007, "invalid_utf8");
const BIG: (u16, &str) = (1009, "message_too_big");

/// A mask of zeros: the payload as it is.
const NO_CHANGE: [u8; 4] = [0; 4];

impl Ground {
    async fn all_closed(&self, streams: &[Vec<u8>], (code, cause): (u16, &str)) {
        for stream in streams {
            self.closed(stream, code, cause).await;
        }
    }
}

pub(super) async fn reserved(ground: Ground) {
    let mut streams = vec![vec![0x81, 2, b'h', b'i']];
    streams.extend((3..=7).chain(11..=15).map(|opcode| frame(0x80 | opcode, b"")));
    streams.extend([0x40, 0x20, 0x10].map(|bit| frame(0x81 | bit, b"{}")));
    ground.all_closed(&streams, PROTOCOL).await;
}

pub(super) async fn control_frames(ground: Ground) {
    let long = [0x88, 0x89, 0x8a].map(|first| frame(first, &[0; 126]));
    let fragmented = [0x08, 0x09, 0x0a].map(|first| frame(first, b""));
    ground.all_closed(&long, PROTOCOL).await;
    ground.all_closed(&fragmented, PROTOCOL).await;
}

pub(super) async fn not_utf8(ground: Ground) {
    let streams = [
        frame(0x81, b"\xff"),
        frame(0x81, b"\xed\xa0\x80"),
        frame(0x81, b"\xc0\xaf"),
        [frame(0x01, b"\xc3"), frame(0x80, b"x")].concat(),
        [frame(0x01, b"ok"), frame(0x00, b"\xf0\x9f"), frame(0x80, b"")].concat(),
    ];
    ground.all_closed(&streams, UTF8).await;
    // A letter split across fragments is one all the same.
    let ping = r#"{"type":"send","id":"0190d3f0-7f4e-7c3a-9c1e-2f6b8c1d4e5f","text":"ñ"}"#;
    let cut = ping.find('ñ').unwrap() + 1;
    let (head, tail) = ping.as_bytes().split_at(cut);
    let mut client = ground.client().await;
    client
        .write(&[frame(0x01, head), frame(0x80, tail)].concat())
        .await;
    assert_eq!(client.next_of("message").await["text"], "ñ");
}

pub(super) async fn declared_length(ground: Ground) {
    let head = [
        &[0x81, 0xff, 0x7f][..],
        &[0xff; 7],
        &NO_CHANGE,
        b"and then nothing",
    ]
    .concat();
    ground.all_closed(&[head], BIG).await;
}

pub(super) async fn fragments(ground: Ground) {
    let mut endless = frame(0x01, &[b'x'; 16 << 10]);
    endless.extend(frame(0x00, &[b'x'; 16 << 10]).repeat(8));
    let mut tiny = frame(0x01, b"x");
    tiny.extend(frame(0x00, b"x").repeat(1_000_000));
    let mut empty = frame(0x01, b"");
    empty.extend(frame(0x00, b"").repeat(100));
    ground.all_closed(&[endless, tiny, empty], BIG).await;
}

pub(super) async fn interleaved(ground: Ground) {
    let streams = [
        [frame(0x01, b"a"), frame(0x81, b"b")].concat(),
        [frame(0x01, b"a"), frame(0x01, b"b")].concat(),
        frame(0x80, b"of nothing"),
        frame(0x00, b"of nothing"),
    ];
    ground.all_closed(&streams, PROTOCOL).await;
}

pub(super) async fn too_big(ground: Ground) {
    ground.all_closed(&[frame(0x81, &[b' '; 65_537])], BIG).await;
    // One less is only no JSON.
    let mut client = ground.client().await;
    client.write(&frame(0x81, &[b' '; 65_536])).await;
    assert_eq!(client.next_of("error").await["cause"], "bad_request");
}

pub(super) async fn close_codes(ground: Ground) {
    let codes = [0_u16, 999, 1005, 1006, 1015, 5000];
    let streams = codes.map(|code| frame(0x88, &code.to_be_bytes()));
    ground.all_closed(&streams, PROTOCOL).await;
    ground.all_closed(&[frame(0x88, &[3])], PROTOCOL).await;
    ground.all_closed(&[frame(0x88, b"\x03\xe8\xff")], UTF8).await;
    for (body, code) in [(&b""[..], 1005), (b"\x03\xe8", 1000), (b"\x0f\xa0mine", 4000)] {
        let mut client = ground.client().await;
        client.write(&frame(0x88, body)).await;
        assert_eq!(client.end().await.0, code, "a good one is answered in kind");
    }
}

pub(super) async fn deflate_bomb(ground: Ground) {
    let deflated = [
        "Sec-WebSocket-Extensions: permessage-deflate",
        "Sec-WebSocket-Protocol: charla.v1",
    ];
    // One that stays below the limit until it is inflated, and one that is too long as it comes.
    for (mib, fits) in [(6, true), (48, false)] {
        let bomb = deflate::deflate(&vec![0; mib << 20]);
        assert_eq!(bomb.len() < 65_536, fits, "{}", bomb.len());
        let mut client = ground.raw().await;
        let reply = client.upgrade(&ground.path(&ground.token()), &deflated).await;
        assert!(
            reply
                .header("sec-websocket-extensions")
                .is_some_and(|answer| answer.starts_with("permessage-deflate"))
        );
        client.next_of("subscribed").await;
        client.write(&frame(0xc1, &bomb)).await;
        let (code, reason) = client.end().await;
        assert_eq!((code, reason.starts_with(BIG.1)), (BIG.0, true), "{reason}");
    }
    let mut client = ground.raw().await;
    client.upgrade(&ground.path(&ground.token()), &deflated).await;
    client.next_of("subscribed").await;
    client
        .write(&frame(0xc1, &deflate::deflate(br#"{"type":"ping"}"#)))
        .await;
    client.next_of("pong").await;
    client.write(&frame(0xc1, b"\xff\xff\xff no deflate")).await;
    assert_eq!(client.end().await.0, 1002);
    ground.logged(&["message_too_big"]).await;
}

pub(super) async fn pings(ground: Ground) {
    let flood = frame(0x89, b"x").repeat(10_000);
    ground.closed(&flood, 4413, "frame_flood").await;
    let mut client = ground.client().await;
    client.write(&frame(0x8a, b"unasked").repeat(1_000)).await;
    client.write(&text(r#"{"type":"ping"}"#)).await;
    client.next_of("pong").await;
    client.write(&frame(0x89, b"asked")).await;
    assert_eq!(client.frame().await, Some((0x8a, b"asked".to_vec())));
}

pub(super) async fn binary(ground: Ground) {
    ground
        .closed(&frame(0x82, b"\0\x01"), 1003, "unsupported_data")
        .await;
}

pub(super) async fn behind_the_handshake(ground: Ground) {
    let send = |n: u32| {
        let id = uuid::Uuid::new_v4();
        text(&json!({"type": "send", "ref": n, "id": id, "text": n.to_string()}).to_string())
    };
    let path = ground.path(&ground.token());
    let head = format!(
        "GET {path} HTTP/1.1\r\n{}Sec-WebSocket-Protocol: charla.v1\r\n\r\n",
        upgrade_lines()
    );
    let mut bytes = head.into_bytes();
    bytes.extend((1..=5).flat_map(send));
    let mut raw = ground.raw().await;
    raw.write(&bytes).await;
    raw.switched().await;
    served_in_order(&mut raw, 5).await;
}

/// Texts `1`, `2` and so on come back in this order.
async fn served_in_order(raw: &mut Raw, count: u32) {
    for n in 1..=count {
        assert_eq!(raw.next_of("message").await["text"], n.to_string());
    }
}

pub(super) async fn one_byte_segments(ground: Ground) {
    let path = ground.path(&ground.token());
    let head = format!(
        "GET {path} HTTP/1.1\r\n{}Sec-WebSocket-Protocol: charla.v1\r\n\r\n",
        upgrade_lines()
    );
    let mut bytes = head.into_bytes();
    for n in 1..=3 {
        let id = uuid::Uuid::new_v4();
        let send = json!({"type": "send", "ref": n, "id": id, "text": n.to_string()}).to_string();
        let (one, two) = send.as_bytes().split_at(20);
        bytes.extend([frame(0x01, one), frame(0x89, b"between"), frame(0x80, two)].concat());
    }
    let mut raw = ground.raw().await;
    for byte in bytes {
        raw.write(&[byte]).await;
    }
    raw.switched().await;
    served_in_order(&mut raw, 3).await;
}

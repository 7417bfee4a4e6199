//! The list: what comes in, what it has to get, and how that is tried. `docs/bad-inputs.md` is written from it.

use super::How::{Alone, Here};
use super::{Ground, Row, Trial, browser, door, frames, limits, speech, tokens};

/// A row tried beside others, or alone.
macro_rules! how {
    (here $trial:path) => {
        Here(|ground: Ground| -> Trial { Box::pin($trial(ground)) })
    };
    (alone $trial:path) => {
        Alone(|ground: Ground| -> Trial { Box::pin($trial(ground)) })
    };
}

macro_rules! rows {
    ($($number:literal, $input:literal, $outcome:literal, $where:ident $trial:path;)*) => {
        /// All rows, in the order of their numbers.
        pub(super) static ROWS: &[Row] = &[$(Row {
            number: $number,
            input: $input,
            outcome: $outcome,
            trial: stringify!($trial),
            how: how!($where $trial),
        }),*];
    };
}

rows! {
    1, "TCP connect, nothing sent",
        "closed within 5 s, no log line above debug", here door::silence;
    2, "a header byte every 4 s",
        "408 or closed at 5 s in total", here door::dripping_head;
    3, "TLS ClientHello never finished",
        "closed within 5 s", here door::tls_hello;
    4, "one header of 1 MB; 1,000 headers",
        "431", here door::large_head;
    5, "URI of 100 KB; token of 64 KB",
        "414", here door::long_address;
    6, "POST to the WebSocket path; HTTP/1.0 GET with complete upgrade headers",
        "405; served like HTTP/1.1, the doctor warns", here door::other_requests;
    7, "`Sec-WebSocket-Key` missing, short, twice; version 12",
        "400; 426 with `Sec-WebSocket-Version: 13`", here door::malformed_upgrade;
    8, "`Sec-WebSocket-Protocol: b`, 32,000 spaces, `x`",
        "400 in linear time", here door::spaces_in_protocols;
    9, "Content-Length and Transfer-Encoding both; folded header; `Content-Length: +5`",
        "400, closed", here door::framing;
    10, "Origin `https://evil.example`, `https://app.example.com.evil.example`, `null`",
        "4403 `origin_forbidden`", here door::origins;
    11, "no token; empty token; two tokens",
        "T `token_missing`; T `token_missing`; 4400 `bad_request`", here tokens::none;
    12, "`alg` none, `nOnE`, empty signature",
        "T `token_invalid`", here tokens::unsigned;
    13, "an RSA public key used as HMAC secret",
        "T `token_invalid`", here tokens::public_key_as_secret;
    14, "`kid` = `../../dev/null`, `' OR 1=1--`, 10 KB",
        "T; no file or database touched; log escaped", here tokens::key_ids;
    15, "`exp` or `nbf` a string, 1e400, negative, missing",
        "T `token_invalid`", here tokens::odd_times;
    16, "`jku`, `x5u`, `jwk`, `x5c` in the header; claims that look like URLs",
        "T; no outbound request", here tokens::own_keys;
    17, "tenant A's token on tenant B's chat; the same `kid` in both tenants",
        "4404 `chat_not_found` (no oracle), audit event", here tokens::other_tenant;
    18, "valid signature, expired",
        "T `token_expired` with the age", here tokens::expired;
    19, "wrong `aud`, wrong `iss`, `iat` in the future beyond leeway",
        "T", here tokens::other_parties;
    20, "a refresh token, or a token of a deleted user",
        "T", here tokens::other_purpose;
    21, "token revoked, or member removed, while connected",
        "4401 `token_revoked` / 4403 within 2 s, on every node", here tokens::while_connected;
    22, "chat id `1%00`, `../admin`, `1;drop`, Arabic digits, 2^63, 65 letters",
        "4400 `bad_request` or 4404; never a panic", here tokens::chat_ids;
    23, "unmasked frame; opcode 3-7, 11-15; RSV bits without an extension",
        "1002", here frames::reserved;
    24, "control frame over 125 bytes or fragmented",
        "1002", here frames::control_frames;
    25, "text that is not UTF-8, also split across fragments",
        "1007", here frames::not_utf8;
    26, "declared length 2^63-1, then silence",
        "1009 at once, memory not reserved", here frames::declared_length;
    27, "endless continuation; a million one-byte or empty fragments",
        "1009 at 64 KiB; 1009 or 1008 at fragment 65", here frames::fragments;
    28, "a new message inside a fragmented one; a continuation of nothing",
        "1002", here frames::interleaved;
    29, "a message of 65,537 bytes",
        "1009", here frames::too_big;
    30, "close code 0, 999, 1005, 1006, 1015, 5000; one-byte close body; reason not UTF-8",
        "1002; 1002; 1007", here frames::close_codes;
    31, "deflate bomb (6 MiB to GiB) with compression on",
        "1009 before 64 KiB are inflated", here frames::deflate_bomb;
    32, "10,000 pings a second; unasked pongs",
        "4413 `frame_flood`; pongs ignored", here frames::pings;
    33, "a binary frame on a JSON connection",
        "1003", here frames::binary;
    34, "JSON 10,000 deep; 1e309; doubled keys; lone surrogate; `__proto__`",
        "`error` `bad_request`; the third in a row 4400", here speech::odd_json;
    35, "unknown type, missing id, id of 10 KB, empty text, 64 KB of U+202E",
        "`error`, connection kept", here speech::odd_requests;
    36, "1,000 sends in one second",
        "`error` `rate_limited` with `retry in`; sustained: 4429", here limits::hasty_sends;
    37, "one id sent 10,000 times; one id with another body",
        "one row, one seq; `error` `id_conflict`, the first kept", here limits::one_id;
    38, "never reads its socket",
        "4508 `slow_consumer` at the bound in bytes or age; memory flat", alone limits::slow_reader;
    39, "`after` = -1, 2^63, a future seq",
        "`error`; a future one begins anew with the latest page; no full scan", here speech::odd_after;
    40, "history of 10^9; 10,000 history requests at once",
        "clamped to 200; `rate_limited`", here limits::history;
    41, "10,000 subscriptions on one connection",
        "`error` `subscription_limit` at 128", here limits::subscriptions;
    42, "the 21st connection of a user; the 201st of an address",
        "4429 `too_many_connections`", alone limits::connections;
    43, "`<img onerror>`, `javascript:` link, `</script>` in text and names",
        "stored as text, inert in a real browser", here browser::markup;
    44, "CR LF, ESC[2J, `%0d%0a` in names, texts, user agents",
        "one escaped log line", here speech::control_characters;
    45, "`/metrics`, `/console` from outside where not allowed",
        "404", here door::inner_pages;
    46, "5,000 half-open handshakes, twice, and one honest user",
        "honest handshake under 1 s", alone limits::half_open;
    47, "somebody else's session or refresh token replayed",
        "refused; refresh family revoked", here tokens::replayed;
    48, "frames in the same packet as the handshake",
        "served in order, never dropped", here frames::behind_the_handshake;
    49, "1-byte TCP segments throughout",
        "works", here frames::one_byte_segments;
    50, "clock stepped an hour either way while connected",
        "order, expiry and pings still right", here limits::stepped_clock;
    51, "files called `../../etc/passwd`, with CR LF, U+202E, 10 KB; of type `text/html`; of 2^63 bytes; other people's ids",
        "cleaned; `error` `attachment_type_refused`, `attachment_too_large`, `attachment_not_found`; nothing outside of the directory", here speech::odd_files;
}

//! The list.

use super::How::{self, Alone, Elsewhere, Here};
use super::{Ground, Row, Trial, door, frames, limits, speech, tokens};

/// A row tried beside others.
macro_rules! here {
    ($trial:path) => {
        Here(|ground: Ground| -> Trial { Box::pin($trial(ground)) })
    };
}
/// A row tried alone.
macro_rules! alone {
    ($trial:path) => {
        Alone(|ground: Ground| -> Trial { Box::pin($trial(ground)) })
    };
}

/// All rows, in the order of their numbers.
pub(super) fn all() -> Vec<Row> {
    let browser =
        "the page in a real browser: tests/browser; that texts are kept as they are is tried here, in row 35";
    let rows: [(&'static str, How); 50] = [
        ("connect, say nothing", here!(door::silence)),
        ("a header byte every 4 s", here!(door::dripping_head)),
        ("a TLS hello that never ends", here!(door::tls_hello)),
        ("a header of 1 MB; 1,000 headers", here!(door::large_head)),
        ("a URI of 100 KB; a token of 64 KB", here!(door::long_address)),
        ("POST; HTTP/1.0 with upgrade headers", here!(door::other_requests)),
        ("malformed keys and versions", here!(door::malformed_upgrade)),
        ("spaces among sub-protocols", here!(door::spaces_in_protocols)),
        ("contradictory framing", here!(door::framing)),
        ("origins of others", here!(door::origins)),
        ("no token; empty; two", here!(tokens::none)),
        ("alg none; empty signature", here!(tokens::unsigned)),
        ("a public key as HMAC secret", here!(tokens::public_key_as_secret)),
        ("key ids that are paths, SQL, long", here!(tokens::key_ids)),
        ("exp and nbf of wrong types", here!(tokens::odd_times)),
        ("keys and addresses in the header", here!(tokens::own_keys)),
        (
            "one tenant's token on another's chat",
            here!(tokens::other_tenant),
        ),
        ("expired", here!(tokens::expired)),
        (
            "wrong audience, issuer, time of issue",
            here!(tokens::other_parties),
        ),
        ("a refresh token; a deleted user", here!(tokens::other_purpose)),
        (
            "revoked or removed while connected",
            here!(tokens::while_connected),
        ),
        ("chat ids that are none", here!(tokens::chat_ids)),
        ("no mask; reserved opcodes and bits", here!(frames::reserved)),
        ("long or fragmented control frames", here!(frames::control_frames)),
        ("text that is not UTF-8", here!(frames::not_utf8)),
        ("a declared length of 2^63-1", here!(frames::declared_length)),
        ("endless and tiny fragments", here!(frames::fragments)),
        ("messages inside messages", here!(frames::interleaved)),
        ("a message of 65,537 bytes", here!(frames::too_big)),
        ("close codes and reasons", here!(frames::close_codes)),
        ("a deflate bomb", here!(frames::deflate_bomb)),
        ("10,000 pings; unasked pongs", here!(frames::pings)),
        ("a binary frame", here!(frames::binary)),
        ("JSON that is none or two things", here!(speech::odd_json)),
        ("requests that lack something", here!(speech::odd_requests)),
        ("1,000 sends in a second", here!(limits::hasty_sends)),
        ("one id 10,000 times; one id twice", here!(limits::one_id)),
        ("never reads its socket", alone!(limits::slow_reader)),
        ("`after` that cannot be", here!(speech::odd_after)),
        ("history of 10^9; 10,000 at once", here!(limits::history)),
        ("10,000 subscriptions", here!(limits::subscriptions)),
        ("too many connections", alone!(limits::connections)),
        ("markup in texts and names", Elsewhere(browser)),
        (
            "control characters for the log",
            here!(speech::control_characters),
        ),
        ("inner pages from outside", here!(door::inner_pages)),
        ("half-open handshakes", alone!(limits::half_open)),
        ("replayed tokens", here!(tokens::replayed)),
        ("frames behind the handshake", here!(frames::behind_the_handshake)),
        ("segments of one byte", here!(frames::one_byte_segments)),
        ("the clock stepped by an hour", here!(limits::stepped_clock)),
    ];
    let numbered = rows.into_iter().zip(1..);
    numbered
        .map(|((name, how), number)| Row { number, name, how })
        .collect()
}

//! What the server reads of clients, of the application and of the bus.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use charla_server::foreign;

pub(super) fn request_head(bytes: &[u8]) {
    if let Some(size) = foreign::request_head(bytes) {
        assert!(size <= bytes.len());
        assert!(bytes.get(..size).is_some_and(|head| head.ends_with(b"\n")));
    }
}

/// Lines are header, claims and signature; without a line's end the text is the token.
pub(super) fn token(bytes: &[u8]) {
    let mut parts = bytes.split(|byte| *byte == b'\n');
    let (header, claims) = (parts.next().unwrap_or_default(), parts.next());
    let Some(claims) = claims else {
        foreign::token(&String::from_utf8_lossy(bytes));
        return;
    };
    let signature = parts.next().unwrap_or_default();
    let [header, encoded, signature] = [header, claims, signature].map(|part| URL_SAFE_NO_PAD.encode(part));
    foreign::token(&format!("{header}.{encoded}.{signature}"));
    foreign::claims(claims);
}

/// A line's end in front: the bytes are a session's JSON, to be packed; else a value whose signature is good.
pub(super) fn session(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    foreign::session_cookie(&text);
    match bytes.split_first() {
        Some((b'\n', json)) => foreign::session_signed(&format!("{}:1abcde", URL_SAFE_NO_PAD.encode(json))),
        Some((b'.', packed)) => {
            foreign::session_signed(&format!(".{}:1abcde", URL_SAFE_NO_PAD.encode(packed)))
        }
        Some(_) | None => foreign::session_signed(&text),
    }
}

pub(super) fn pickle(bytes: &[u8]) {
    foreign::pickle(bytes);
}

/// What is read can be written, and reads the same again.
pub(super) fn msgpack(bytes: &[u8]) {
    if let Some(read) = foreign::msgpack(bytes) {
        let again = foreign::msgpack(&foreign::to_msgpack(&read));
        assert_eq!(again.as_ref(), Some(&read));
    }
}

/// Values one after the other, in pieces as the first byte says.
pub(super) fn resp(bytes: &[u8]) {
    in_pieces(bytes, foreign::resp);
}

pub(super) fn nats(bytes: &[u8]) {
    in_pieces(bytes, foreign::nats);
}

/// What reads pieces: what it made of them, and whether it gave up.
type Reader = fn(&mut dyn Iterator<Item = &[u8]>) -> (Vec<String>, bool);

fn in_pieces(bytes: &[u8], read: Reader) {
    let Some((&how, stream)) = bytes.split_first() else {
        return;
    };
    let whole = read(&mut std::iter::once(stream));
    let cut = read(&mut stream.chunks(usize::from(how) + 1));
    assert_eq!(whole, cut, "cut into pieces it reads otherwise");
}

//! Takes secrets out of whatever is quoted: tokens, passwords in addresses, cookies, keys.
//!
//! A secret is told by its place: what stands after the name of one, between `:` and `@` in an address, or in a header that
//! carries one; and tokens by their shape. Too much struck out costs a word, too little a password.

use charla_client::redact::redact as tokens;

/// What stands for a secret.
const STRUCK: &str = "***";
/// What a Charla server's API keys begin with.
const API_KEY: &str = "charla_";
/// Letters of such a key after that.
const API_KEY_LETTERS: usize = 43;
/// How often all rules are applied at most: two suit nearly every text, and one more sees that they do.
const PASSES: usize = 8;
/// Names whose values are secrets, wherever they end a longer name (`SECRET_KEY`, `db_password`).
const NAMES: [&str; 13] = [
    "password",
    "passwd",
    "pwd",
    "secret",
    "secret_key",
    "signing_key",
    "api_key",
    "apikey",
    "sessionid",
    "csrftoken",
    "private_key",
    "access_key",
    "requirepass",
];
/// Headers that are secrets to the end of their line.
const HEADERS: [&str; 5] = [
    "cookie:",
    "set-cookie:",
    "authorization:",
    "proxy-authorization:",
    "x-api-key:",
];

/// The text without any secret that can be told by its place or shape.
///
/// What one rule strikes out may bring to light what another one means, so they are applied until nothing changes any more.
#[must_use]
pub fn redact(text: &str) -> String {
    let mut struck = pass(text);
    for _ in 1..PASSES {
        let again = pass(&struck);
        if again == struck {
            break;
        }
        struck = again;
    }
    struck
}

fn pass(text: &str) -> String {
    let text = text.split('\n').map(line).collect::<Vec<_>>().join("\n");
    api_keys(&tokens(&text))
}

fn line(text: &str) -> String {
    let text = headers(text);
    let text = addresses(&text);
    named(&text)
}

/// A Charla server's API keys: `charla_` and 32 bytes in Base64.
fn api_keys(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split(API_KEY);
    out.extend(parts.next());
    for part in parts {
        let end = part
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')))
            .unwrap_or(part.len());
        let is_key = end >= API_KEY_LETTERS;
        out.push_str(API_KEY);
        out.push_str(if is_key { STRUCK } else { "" });
        out.push_str(part.get(if is_key { end } else { 0 }..).unwrap_or_default());
    }
    out
}

/// `Cookie: ...` to the end of the line; `Authorization: Bearer ...` likewise.
fn headers(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let first = HEADERS
        .iter()
        .filter_map(|header| Some((lower.find(header)?, header.len())))
        .min();
    match first.and_then(|(at, length)| text.get(..at + length)) {
        Some(kept) => format!("{kept} {STRUCK}"),
        None => text.to_owned(),
    }
}

/// `scheme://user:password@host`: the password, also where it has an `@` of its own.
fn addresses(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '<' | '>' | '?' | ','))
            .unwrap_or(after.len());
        // An address may stand where a host should: `a://b://user:password@host`.
        let nested = after.get(..end).is_some_and(|authority| authority.ends_with(':'))
            && after.get(end..).is_some_and(|tail| tail.starts_with("//"));
        let (authority, tail) = after.split_at(end - usize::from(nested));
        match authority
            .rsplit_once('@')
            .map(|(who, host)| (who.split_once(':'), host))
        {
            Some((Some((user, _)), host)) => {
                for part in [user, ":", STRUCK, "@", host] {
                    out.push_str(part);
                }
            }
            Some((None, _)) | None => out.push_str(authority),
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// `password=...`, `"password": "..."`, `--requirepass ...`: the value after such a name.
fn named(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        let at = rest
            .find(|c: char| c.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        let (before, word_on) = rest.split_at(at);
        out.push_str(before);
        if word_on.is_empty() {
            return out;
        }
        let end = word_on
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-')))
            .unwrap_or(word_on.len());
        let (word, after) = word_on.split_at(end);
        out.push_str(word);
        rest = match value(word, after) {
            Some((kept, value, tail)) if !value.is_empty() => {
                out.push_str(kept);
                out.push_str(STRUCK);
                if ends_elsewhere(value) {
                    after.get(kept.len() + STRUCK.len()..).unwrap_or_default()
                } else {
                    tail
                }
            }
            _ => after,
        };
    }
}

/// Whether a value was struck out before, to a sign at which the rule of tokens sees its end: the two would eat on by turns.
/// A secret that happens to begin with stars goes on otherwise.
fn ends_elsewhere(value: &str) -> bool {
    value
        .strip_prefix(STRUCK)
        .is_some_and(|rest| rest.starts_with(['?', '#', '<', '>', '(', '/']))
}

/// What stands after a secret's name, as (separator with opening quote, value, rest).
fn value<'a>(word: &str, after: &'a str) -> Option<(&'a str, &'a str, &'a str)> {
    let name = word.to_ascii_lowercase().replace('-', "_");
    if !NAMES
        .iter()
        .any(|secret| name == *secret || name.ends_with(&format!("_{secret}")))
    {
        return None;
    }
    let is_separator = |c: char| c.is_whitespace() || matches!(c, '=' | ':' | '"' | '\'');
    let start = after.find(|c: char| !is_separator(c)).unwrap_or(after.len());
    let (kept, value_on) = after.split_at(start);
    // A word that merely follows is a value only of an option (`requirepass x`), never of prose (`password authentication failed`).
    if !kept.contains(['=', ':']) && name != "requirepass" {
        return None;
    }
    let quote = kept.chars().last().filter(|c| matches!(c, '"' | '\''));
    let ends = |c: char| match quote {
        Some(quote) => c == quote,
        None => c.is_whitespace() || matches!(c, '&' | ',' | ';' | '"' | '\'' | ')' | '}'),
    };
    let end = value_on.find(ends).unwrap_or(value_on.len());
    let (value, tail) = value_on.split_at(end);
    Some((kept, value, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_struck_out_by_their_place() {
        let rows = [
            (
                "redis://:s3cret@127.0.0.1:6379/0",
                "redis://:***@127.0.0.1:6379/0",
            ),
            ("postgres://app:p@ss@db/app", "postgres://app:***@db/app"),
            (
                "http://u:p@proxy://redis://:s3cret@db/0",
                "http://u:***@proxy://redis://:***@db/0",
            ),
            ("ws://127.0.0.1:9001/ws/", "ws://127.0.0.1:9001/ws/"),
            (
                "GET / HTTP/1.1 Cookie: sessionid=abc; x=y",
                "GET / HTTP/1.1 Cookie: ***",
            ),
            ("Authorization: Bearer abc", "Authorization: ***"),
            (
                "'PASSWORD': 'a b', 'HOST': 'db'",
                "'PASSWORD': '***', 'HOST': 'db'",
            ),
            ("DB_PASSWORD=abc&x=1", "DB_PASSWORD=***&x=1"),
            ("DB_PASSWORD=***abc x", "DB_PASSWORD=*** x"),
            (
                "redis-server --requirepass abc --port 1",
                "redis-server --requirepass *** --port 1",
            ),
            ("SECRET_KEY = \"django-insecure\"", "SECRET_KEY = \"***\""),
            (
                "password authentication failed for user \"app\"",
                "password authentication failed for user \"app\"",
            ),
            (
                "?token=eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2ln HTTP/1.1",
                "?token=*** HTTP/1.1",
            ),
            ("sessionid=abc", "sessionid=***"),
            (
                "  charla_0123456789abcdefghijABCDEFGHIJ0123456789_-x\n",
                "  charla_***\n",
            ),
        ];
        for (text, expected) in rows {
            assert_eq!(redact(text), expected);
        }
    }

    #[test]
    fn what_holds_no_secret_stays_as_it_is() {
        for text in [
            "",
            "año: ñandú 🔌 conectado",
            "INFO:     127.0.0.1:60502 - \"WebSocket /ws/chat/5/\" [accepted]",
            "a://b://c@d",
            "secret",
            "password:",
            "charla_closes_total{cause=\"overloaded\"} 3, charla_rooms 2",
        ] {
            assert_eq!(redact(text), text);
        }
    }
}

//! What the token as text and its header can do wrong.

use super::*;

#[tokio::test]
async fn a_text_that_is_no_token_is_malformed_and_says_what_it_looks_like() {
    let token = django(&good());
    let cut = &token[..token.len() - 1];
    for (text, detail) in [
        (
            format!("Bearer {token}"),
            "it starts with \"Bearer \": send the token alone",
        ),
        (format!("\"{token}\""), "it has quotes around it"),
        (
            format!("{token}\n"),
            "it has a space or line break: cut off, or a \"+\" not URL-encoded",
        ),
        (format!("{token}="), "it is base64, not base64url"),
        (token.replace('.', "%2E"), "it is URL-encoded twice"),
        (
            "undefined".into(),
            "it is a word for nothing: the page had no token",
        ),
        (
            "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b".into(),
            "it has 1 part, not 3: a session key, not a JWT",
        ),
        ("a.b".into(), "it has 2 parts, not 3"),
        ("a.b.c.d.e".into(), "it is encrypted (JWE), not signed"),
        (format!("{token}.AAAA"), "it has 4 parts, not 3"),
        (
            cut.into(),
            "a part is not base64url: cut off, or another character got in",
        ),
        (
            format!("{}.e30.AAAA", part("7")),
            "the token's header is not a JSON object",
        ),
        (
            format!("{}.e30.AAAA", part(r#"{"alg":"HS256","alg":"none"}"#)),
            "the token's header is not a JSON object",
        ),
        (
            "x".repeat(TOKEN_MAX + 1),
            "the token has 8193 bytes, 8192 are the most",
        ),
    ] {
        let refusal = refused(&settings(), &text).await;
        assert_eq!(refusal, Refusal::malformed(detail), "{text}");
    }
    assert_eq!(refused(&settings(), "").await.cause, Cause::TokenMissing);
}

#[tokio::test]
async fn a_header_chooses_among_known_keys_and_nothing_else() {
    let rsa_as_secret = shared(pem!("rsa2048.pub"));
    let kid_too_long = "k".repeat(KID_MAX + 1);
    for (header, detail) in [
        (json!({"alg": "none"}), "algorithm \"none\" is not accepted"),
        (json!({"alg": "nOnE"}), "algorithm \"nOnE\" is not accepted"),
        (json!({"alg": "hs256"}), "algorithm \"hs256\" is not accepted"),
        (
            json!({"alg": "PS256", "kid": "rsa"}),
            "algorithm \"PS256\" is not accepted",
        ),
        (
            json!({"alg": "\u{1b}[2J\r\n"}),
            "algorithm \"\\u{1b}[2J\\r\\n\" is not accepted",
        ),
        (json!({"alg": 5}), "the header names no algorithm"),
        (json!({"typ": "JWT"}), "the header names no algorithm"),
        (
            json!({"alg": "HS256", "kid": "rsa"}),
            "signed with HS256, key \"rsa\" is for RS256",
        ),
        (
            json!({"alg": "RS256"}),
            "signed with RS256, the key without an id is for HS256",
        ),
        (
            json!({"alg": "HS256", "kid": "../../dev/null"}),
            "no key has the id \"../../dev/null\"",
        ),
        (
            json!({"alg": "HS256", "kid": "' OR 1=1--"}),
            "no key has the id \"' OR 1=1--\"",
        ),
        (
            json!({"alg": "HS256", "kid": "a\r\nb"}),
            "no key has the id \"a\\r\\nb\"",
        ),
        (
            json!({"alg": "HS256", "kid": kid_too_long}),
            "the key id has 257 bytes, 256 are the most",
        ),
        (json!({"alg": "HS256", "kid": 7}), "the key id is not text"),
    ] {
        let header = header.to_string();
        let token = signed_by(&header, &good().to_string(), &rsa_as_secret);
        assert_eq!(
            refused(&settings(), &token).await,
            Refusal::invalid(detail),
            "{header}"
        );
    }
}

#[tokio::test]
async fn a_header_cannot_bring_a_key_of_its_own() {
    for (header, detail) in [
        (
            json!({"alg": "HS256", "jku": "http://evil.example/"}),
            "a header with `jku` is not accepted",
        ),
        (
            json!({"alg": "HS256", "x5u": "http://evil.example/"}),
            "a header with `x5u` is not accepted",
        ),
        (
            json!({"alg": "HS256", "jwk": {}}),
            "a header with `jwk` is not accepted",
        ),
        (
            json!({"alg": "HS256", "x5c": []}),
            "a header with `x5c` is not accepted",
        ),
        (
            json!({"alg": "HS256", "crit": ["exp"]}),
            "a header with `crit` is not accepted",
        ),
    ] {
        let token = hs256(&header.to_string(), &good().to_string());
        assert_eq!(
            refused(&settings(), &token).await,
            Refusal::invalid(detail),
            "{header}"
        );
    }
}

#[tokio::test]
async fn a_signature_by_nobody_is_refused() {
    let (signed, _) = django(&good())
        .rsplit_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let unsigned = refused(&settings(), &format!("{signed}.")).await;
    assert_eq!(unsigned, Refusal::invalid("the signature is empty"));
    let foreign = hs256(r#"{"alg":"HS256"}"#, &good().to_string());
    let strangers = AuthSettings {
        keys: vec![key(None, Algorithm::Hs256, secret("another secret"))],
        ..settings()
    };
    let refusal = refused(&strangers, &foreign).await;
    assert_eq!(
        refusal,
        Refusal::invalid("the signature is not by the key without an id")
    );
}

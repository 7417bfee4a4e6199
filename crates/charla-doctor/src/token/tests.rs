//! Tokens of every form, against every kind of key.

use charla_trust::signature::{Algorithm, SigningKey};
use serde_json::json;

use super::*;
use crate::evidence::KeyCheck;
use crate::plan::Wanted;

const SECRET: &str = "a secret of the tests, long enough for HS256";
const NOW: f64 = 1_795_384_319.0;

/// The recorded refresh token of SimpleJWT, its signature struck out.
const RECORDED: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCIsImV4cCI6MTc5NTQ3MDc4NiwiaWF0IjoxNzk1Mzg0Mzg2LCJqdGkiOiIzZmM5MzFiMzlkNTU0N2ZjYmJjZWM3NmFlMmU5M2JkOCIsInVzZXJfaWQiOiIxIn0.AAAA";

fn signed(algorithm: Algorithm, claims: &Value) -> String {
    let key = SigningKey::from_secret(algorithm, SECRET.as_bytes()).unwrap();
    signed_by(&key, &json!({"alg": algorithm.name(), "typ": "JWT"}), claims)
}

fn signed_by(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).unwrap());
    format!("{message}.{signature}")
}

fn seen(token: &str) -> TokenSeen {
    look(Some(&Given::plain("--token", token)), &[], None, NOW)
}

fn checked(token: &str, keys: &[Key]) -> KeyCheck {
    look(Some(&Given::plain("--token", token)), keys, None, NOW).key
}

fn key(text: &str) -> Key {
    Key::parse(text, "--key").unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn what_a_token_looks_like() {
    let good = signed(Algorithm::Hs256, &json!({"exp": 1}));
    let cut = good.rsplit_once('.').unwrap().0.to_owned();
    let rows: [(&str, TokenForm, Option<Oddity>); 17] = [
        (&good, TokenForm::Jwt, None),
        ("", TokenForm::Placeholder, None),
        ("undefined", TokenForm::Placeholder, None),
        ("null", TokenForm::Placeholder, None),
        ("\"undefined\"", TokenForm::Placeholder, None),
        ("[object Object]", TokenForm::Placeholder, None),
        ("[object Promise]", TokenForm::Placeholder, None),
        (
            "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b",
            TokenForm::NotJwt,
            None,
        ),
        ("a.b.c", TokenForm::NotJwt, None),
        (&format!("\"{good}\""), TokenForm::Broken, Some(Oddity::Quoted)),
        (
            &format!("Bearer {good}"),
            TokenForm::Broken,
            Some(Oddity::Prefixed),
        ),
        (
            &format!("{{\"access\":\"{good}\"}}"),
            TokenForm::Broken,
            Some(Oddity::Json),
        ),
        (&format!("{good}\n"), TokenForm::Broken, Some(Oddity::Spaces)),
        (&cut, TokenForm::Broken, Some(Oddity::Cut)),
        (&format!("{good}.x.y"), TokenForm::Broken, Some(Oddity::Encrypted)),
        ("eyJhbGciOiJIUzI1NiJ9.e30=.AA", TokenForm::Broken, None),
        (&"eyJ".repeat(TOKEN_MAX), TokenForm::Broken, Some(Oddity::Cut)),
    ];
    for (token, form, odd) in rows {
        let seen = seen(token);
        let shown: String = token.chars().take(60).collect();
        assert_eq!((seen.form, seen.odd), (form, odd), "{shown}");
    }
    assert_eq!(look(None, &[], None, NOW).form, TokenForm::Missing);
}

#[test]
fn claims_are_read_as_simplejwt_writes_them() {
    let seen = seen(RECORDED);
    assert_eq!(seen.form, TokenForm::Jwt);
    assert_eq!(seen.token_type.as_deref(), Some("refresh"));
    assert_eq!(seen.expires_at, Some(1_795_470_786.0));
    assert_eq!(seen.issued_at, Some(1_795_384_386.0));
    assert_eq!(
        (seen.user.as_deref(), seen.user_claim.as_deref()),
        (Some("1"), Some("user_id"))
    );
    assert_eq!(seen.algorithm.as_deref(), Some("HS256"));
}

#[test]
fn claims_of_any_type_are_survived() {
    let claims = json!({"exp": "soon", "nbf": [1], "iat": 5.5, "aud": ["a", "b"], "sub": 7, "user_id": null, "tenant": "acme", "iss": {}});
    let seen = seen(&signed(Algorithm::Hs256, &claims));
    assert_eq!(
        (seen.expires_at, seen.not_before, seen.issued_at),
        (None, None, Some(5.5))
    );
    assert_eq!(seen.audience.as_deref(), Some("a, b"));
    assert_eq!(
        (seen.user.as_deref(), seen.user_claim.as_deref()),
        (Some("7"), Some("sub"))
    );
    assert_eq!((seen.tenant.as_deref(), seen.issuer), (Some("acme"), None));
}

#[test]
fn signatures_of_shared_secrets() {
    let claims = json!({"exp": 1});
    for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
        let token = signed(algorithm, &claims);
        assert_eq!(checked(&token, &[]), KeyCheck::NoKey);
        assert_eq!(checked(&token, &[key(&format!("{SECRET}\n"))]), KeyCheck::Right);
        assert_eq!(
            checked(&token, &[key("another secret altogether, also long")]),
            KeyCheck::Wrong
        );
        assert_eq!(checked(&token, &[key("another"), key(SECRET)]), KeyCheck::Right);
        let pinned = key(SECRET).with_algorithm(Some("HS256".into()));
        let expected = if algorithm == Algorithm::Hs256 {
            KeyCheck::Right
        } else {
            KeyCheck::WrongAlgorithm
        };
        assert_eq!(checked(&token, &[pinned]), expected);
    }
}

#[test]
fn a_key_id_chooses() {
    let signing = SigningKey::from_secret(Algorithm::Hs256, SECRET.as_bytes()).unwrap();
    let token = signed_by(&signing, &json!({"alg": "HS256", "kid": "new"}), &json!({}));
    let old = key(SECRET).with_id(Some("old".into()));
    let new = key("not the one").with_id(Some("new".into()));
    assert_eq!(checked(&token, &[old.clone(), new]), KeyCheck::Wrong);
    assert_eq!(checked(&token, &[old]), KeyCheck::Right);
}

#[test]
fn signatures_of_public_keys() {
    let rows = [
        (Algorithm::Es256, &rcgen::PKCS_ECDSA_P256_SHA256),
        (Algorithm::EdDsa, &rcgen::PKCS_ED25519),
    ];
    for (algorithm, kind) in rows {
        let (mine, other) = (
            rcgen::KeyPair::generate_for(kind).unwrap(),
            rcgen::KeyPair::generate_for(kind).unwrap(),
        );
        let private = mine.serialize_pem();
        let signing = SigningKey::from_pem(algorithm, &private).unwrap();
        let token = signed_by(&signing, &json!({"alg": algorithm.name()}), &json!({"exp": 1}));
        assert_eq!(
            checked(&token, &[key(&mine.public_key_pem())]),
            KeyCheck::Right,
            "{algorithm:?}"
        );
        assert_eq!(
            checked(&token, &[key(&other.public_key_pem())]),
            KeyCheck::Wrong,
            "{algorithm:?}"
        );
        assert_eq!(
            checked(&token, &[key(SECRET)]),
            KeyCheck::WrongAlgorithm,
            "{algorithm:?}"
        );
        assert!(matches!(Key::parse(&private, "--key"), Err(KeyError::Private)));
    }
}

/// Applications take keys that are not verified here: their tokens are not called wrong.
#[test]
fn a_key_that_cannot_be_tried_says_nothing() {
    let short = include_str!("../../../charla-server/tests/keys/rsa1024.pub.pem");
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#);
    let token = format!("{header}.e30.{}", URL_SAFE_NO_PAD.encode([7; 128]));
    assert_eq!(checked(&token, &[key(short)]), KeyCheck::NoKey);
    assert_eq!(
        checked(&token, &[key(short), key(SECRET)]),
        KeyCheck::WrongAlgorithm
    );
}

#[test]
fn no_algorithm_is_never_right() {
    let token = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJleHAiOjF9.";
    assert_eq!(seen(token).form, TokenForm::Jwt);
    assert_eq!(checked(token, &[key(SECRET)]), KeyCheck::WrongAlgorithm);
}

#[test]
fn tokens_are_found_wherever_clients_put_them() {
    let url = |url: &str| Wanted {
        url: Some(url.to_owned()),
        ..Wanted::default()
    };
    let header = Wanted {
        url: Some("ws://h/ws/".into()),
        headers: vec![("authorization".into(), "Bearer abc".into())],
        ..Wanted::default()
    };
    let protocols = Wanted {
        protocols: vec!["charla.v1".into(), "bearer.eyJa.b.c".into()],
        ..Wanted::default()
    };
    let older = Wanted {
        protocols: vec!["jwt, eyJa.b.c".into()],
        ..Wanted::default()
    };
    let replaced = Wanted {
        token: Some("new".into()),
        ..url("ws://h/?token=old")
    };
    let rows = [
        (url("ws://h/ws/chat/5/?token=abc"), Some(("?token=", "abc", ""))),
        (
            url("ws://h/ws/?tenant=t&access=a%2Bb&x=1"),
            Some(("?access=", "a+b", "")),
        ),
        (
            url("ws://h/ws/?token=a+b/c=&x=1"),
            Some(("?token=", "a+b/c=", "+/=")),
        ),
        (url("ws://h/ws/?token=ab#cd"), Some(("?token=", "ab#cd", "#"))),
        (url("ws://h/ws/?token=ab&x=1#cd"), Some(("?token=", "ab", ""))),
        (url("ws://h/ws/?token="), Some(("?token=", "", ""))),
        (url("ws://h/ws/?token"), Some(("?token=", "", ""))),
        (url("ws://h/ws/chat/5/"), None),
        (header, Some(("Authorization", "abc", ""))),
        (protocols, Some(("Sec-WebSocket-Protocol", "eyJa.b.c", ""))),
        (older, Some(("Sec-WebSocket-Protocol", "eyJa.b.c", ""))),
        (replaced, Some(("--token", "new", ""))),
    ];
    for (row, (wanted, expected)) in rows.into_iter().enumerate() {
        let found = given(&wanted);
        let found = found.as_ref().map(|given| {
            (
                given.place.as_str(),
                given.token.as_str(),
                given.unencoded.as_str(),
            )
        });
        assert_eq!(found, expected, "row {row}");
    }
}

#[test]
fn nothing_of_the_token_is_kept() {
    let token = signed(
        Algorithm::Hs256,
        &json!({"exp": 1, "sub": "eyJh.eyJi.c", "iss": "https://h/?token=s3cret"}),
    );
    let shown = format!("{:?}", seen(&token));
    let signature = token.rsplit_once('.').unwrap().1;
    for secret in [signature, "eyJi", "s3cret"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

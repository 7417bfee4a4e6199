//! What a token can claim, and when.

use charla_wire::TenantId;

use super::*;
use crate::store::Role;

#[tokio::test]
async fn a_time_of_the_wrong_type_refuses_the_token() {
    for (claims, detail) in ["exp", "nbf", "iat"].into_iter().flat_map(|name| {
        [
            (
                with(name, json!("soon")).to_string(),
                format!("{name} is not a number"),
            ),
            (
                with(name, json!(null)).to_string(),
                format!("{name} is not a number"),
            ),
            (
                with(name, json!([1])).to_string(),
                format!("{name} is not a number"),
            ),
            (with(name, json!(-1)).to_string(), format!("{name} is negative")),
            (
                with(name, json!(NOW * 1000)).to_string(),
                format!("{name} is beyond the year 9999: milliseconds?"),
            ),
            (
                with(name, json!("X")).to_string().replace("\"X\"", "1e400"),
                "a claim is a number out of range".to_owned(),
            ),
        ]
    }) {
        let token = hs256(r#"{"alg":"HS256"}"#, &claims);
        assert_eq!(
            refused(&settings(), &token).await,
            Refusal::invalid(detail),
            "{claims}"
        );
    }
}

#[tokio::test]
async fn a_claim_of_the_wrong_type_refuses_the_token() {
    for (claims, detail) in [
        (json!({"user_id": 1}).to_string(), "exp is missing"),
        (json!({"exp": NOW + 9}).to_string(), "user_id is missing"),
        (
            with("user_id", json!(1.5)).to_string(),
            "user_id is neither text nor a whole number",
        ),
        (
            with("user_id", json!(true)).to_string(),
            "user_id is neither text nor a whole number",
        ),
        (
            with("user_id", json!(null)).to_string(),
            "user_id is neither text nor a whole number",
        ),
        (with("user_id", json!("")).to_string(), "user_id is empty"),
        (
            with("user_id", json!("a\r\nb")).to_string(),
            "user_id has a character that is not allowed",
        ),
        (
            with("tenant", json!("../b")).to_string(),
            "tenant has a character that is not allowed",
        ),
        (with("tenant", json!({})).to_string(), "tenant is not text"),
        (
            with("token_type", json!("refresh")).to_string(),
            "a token of type \"refresh\" is no access token",
        ),
        (
            with("token_type", json!(null)).to_string(),
            "token_type is not text",
        ),
        (with("jti", json!(5)).to_string(), "jti is not text"),
        (
            with("jti", json!("j".repeat(129))).to_string(),
            "jti has more than 128 bytes",
        ),
        (
            format!(r#"{{"exp":{},"user_id":1,"user_id":2}}"#, NOW + 9),
            "a claim stands twice",
        ),
        ("[]".to_owned(), "the claims are not a JSON object"),
        ("{".to_owned(), "the claims are not a JSON object"),
        (format!("{}x", good()), "the claims are not a JSON object"),
        (
            format!(r#"{{"user_id":{}1{}}}"#, "[".repeat(1000), "]".repeat(1000)),
            "the claims are not a JSON object",
        ),
    ] {
        let token = hs256(r#"{"alg":"HS256"}"#, &claims);
        assert_eq!(
            refused(&settings(), &token).await,
            Refusal::invalid(detail),
            "{claims}"
        );
    }
}

#[tokio::test]
async fn times_are_judged_with_leeway() {
    for (claims, cause, detail) in [
        (
            with("exp", json!(NOW - 10)),
            Cause::TokenExpired,
            "expired 10 s ago",
        ),
        (
            with("exp", json!(NOW - 37)),
            Cause::TokenExpired,
            "expired 37 s ago",
        ),
        (
            with("exp", json!(NOW - 7260)),
            Cause::TokenExpired,
            "expired 2 h 1 min ago",
        ),
        (
            with("exp", json!(0)),
            Cause::TokenExpired,
            "expired 20780 days ago",
        ),
        (
            with("nbf", json!(NOW + 11)),
            Cause::TokenNotYetValid,
            "valid in 11 s",
        ),
        (
            with("iat", json!(NOW + 3600)),
            Cause::TokenNotYetValid,
            "issued 60 min in the future: a clock is wrong",
        ),
    ] {
        let refusal = refused(&settings(), &django(&claims)).await;
        assert_eq!(refusal, Refusal::new(cause, detail), "{claims}");
    }
    let verifier = verifier(&settings());
    for claims in [
        with("exp", json!(NOW - 9)),
        with("exp", json!(f64::from(i32::MAX) + 0.5)),
        with("nbf", json!(NOW + 10)),
        with("iat", json!(NOW + 10)),
    ] {
        assert!(verifier.verify(&django(&claims), now()).await.is_ok(), "{claims}");
    }
}

#[tokio::test]
async fn issuer_and_audience_are_asked_of_foreign_tokens() {
    let settings = AuthSettings {
        issuer: Some("https://id.example.org".into()),
        audience: Some("chat".into()),
        ..settings()
    };
    let both = |iss: Value, aud: Value| {
        let mut claims = with("iss", iss);
        claims["aud"] = aud;
        claims
    };
    let verifier = verifier(&settings);
    for aud in [json!("chat"), json!(["mail", "chat"])] {
        let claims = both(json!("https://id.example.org"), aud);
        assert!(verifier.verify(&django(&claims), now()).await.is_ok(), "{claims}");
    }
    for (claims, detail) in [
        (good(), "iss is missing"),
        (
            both(json!("https://id.example.org/"), json!("chat")),
            "issuer \"https://id.example.org/\" is not the one expected",
        ),
        (
            both(json!(["https://id.example.org"]), json!("chat")),
            "iss is not text",
        ),
        (
            both(json!("https://id.example.org"), json!("mail")),
            "audience \"mail\" is not the one expected",
        ),
        (
            both(json!("https://id.example.org"), json!(["mail"])),
            "none of its audiences is the one expected",
        ),
        (both(json!("https://id.example.org"), json!(5)), "aud is not text"),
        (with("iss", json!("https://id.example.org")), "aud is missing"),
    ] {
        assert_eq!(
            refused(&settings, &django(&claims)).await,
            Refusal::invalid(detail),
            "{claims}"
        );
    }
    let header = json!({"alg": "HS256", "kid": BUILTIN_KID}).to_string();
    let token = signed_by(&header, &good().to_string(), &shared(BUILTIN));
    assert!(verifier.verify(&token, now()).await.unwrap().builtin);
}

#[tokio::test]
async fn a_tenants_key_signs_for_that_tenant_only() {
    let of = |tenant: &str, text: &str| KeySettings {
        tenant: Some(TenantId::parse(tenant).unwrap()),
        ..key(Some("main"), Algorithm::Hs256, secret(text))
    };
    let settings = AuthSettings {
        keys: vec![of("a", "the secret of a"), of("b", "the secret of b")],
        ..settings()
    };
    let verifier = verifier(&settings);
    let token = |text: &str, claims: Value| {
        let header = r#"{"alg":"HS256","kid":"main"}"#;
        signed_by(header, &claims.to_string(), &shared(text))
    };
    for (text, claims, tenant) in [
        ("the secret of a", good(), "a"),
        ("the secret of b", good(), "b"),
        ("the secret of b", with("tenant", json!("b")), "b"),
    ] {
        let identity = verifier.verify(&token(text, claims), now()).await.unwrap();
        assert_eq!(identity.tenant.unwrap().as_str(), tenant);
    }
    let refusal = verifier
        .verify(&token("the secret of b", with("tenant", json!("a"))), now())
        .await
        .unwrap_err();
    assert_eq!(
        refusal,
        Refusal::invalid("its tenant is not the tenant whose key signed it")
    );
}

#[tokio::test]
async fn claims_can_have_other_names() {
    let mut settings = settings();
    settings.claims.user = "sub".into();
    settings.claims.role = "is_staff".into();
    settings.claims.tenant = "schema".into();
    let claims =
        json!({"exp": NOW + 9, "sub": "ana", "is_staff": true, "schema": "acme", "name": " Ana\u{7} "});
    let identity = verifier(&settings).verify(&django(&claims), now()).await.unwrap();
    assert_eq!(identity.user.as_str(), "ana");
    assert_eq!(identity.role, Some(Role::Agent));
    assert_eq!(identity.tenant.unwrap().as_str(), "acme");
    assert_eq!(identity.name.as_deref(), Some("Ana"));
}

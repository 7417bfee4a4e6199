//! What describes the interface: the OpenAPI document and the causes.

use std::collections::BTreeSet;

use charla_wire::{Cause, Lang};
use serde_json::Value;

use super::{Asker, assert_problem, good};
use crate::serving::Serving;

/// Every route below `/api/`, with and without a person's own.
const ROUTES: &[(&str, &str)] = &[
    ("post", "/api/token/"),
    ("post", "/api/token/refresh/"),
    ("post", "/api/token/revoke/"),
    ("get", "/api/v1/causes"),
    ("get", "/api/v1/causes/{id}"),
    ("get", "/api/v1/chats"),
    ("get", "/api/v1/chats/{chat}"),
    ("put", "/api/v1/chats/{chat}"),
    ("post", "/api/v1/chats/{chat}/close"),
    ("get", "/api/v1/chats/{chat}/members"),
    ("delete", "/api/v1/chats/{chat}/members/{user}"),
    ("put", "/api/v1/chats/{chat}/members/{user}"),
    ("get", "/api/v1/chats/{chat}/messages"),
    ("post", "/api/v1/chats/{chat}/messages"),
    ("delete", "/api/v1/chats/{chat}/messages/{seq}"),
    ("patch", "/api/v1/chats/{chat}/messages/{seq}"),
    ("post", "/api/v1/chats/{chat}/reopen"),
    ("get", "/api/v1/chats/{chat}/search"),
    ("post", "/api/v1/doctor"),
    ("get", "/api/v1/info"),
    ("get", "/api/v1/limits"),
    ("patch", "/api/v1/limits"),
    ("get", "/api/v1/tenants/{id}/limits"),
    ("patch", "/api/v1/tenants/{id}/limits"),
    ("get", "/api/v1/loops"),
    ("get", "/api/v1/webhooks"),
    ("get", "/api/v1/tenants/{id}/webhooks"),
    ("post", "/api/v1/tenants/{id}/webhooks"),
    ("delete", "/api/v1/tenants/{id}/webhooks/{webhook}"),
    ("post", "/api/v1/tenants/{id}/webhooks/{webhook}/secret"),
    ("post", "/api/v1/tenants/{id}/webhooks/{webhook}/enable"),
    ("get", "/api/v1/tenants/{id}/dead-letters"),
    ("post", "/api/v1/tenants/{id}/dead-letters/retry"),
    ("delete", "/api/v1/tenants/{id}/dead-letters/{letter}"),
    ("post", "/api/v1/tenants/{id}/dead-letters/{letter}/retry"),
    ("get", "/api/v1/nodes"),
    ("post", "/api/v1/authority/forget"),
    ("post", "/api/v1/nodes/{id}/drain"),
    ("get", "/api/v1/console/overview"),
    ("get", "/api/v1/console/live"),
    ("get", "/api/v1/console/ledger"),
    ("post", "/api/v1/console/disconnect"),
    ("get", "/api/v1/me"),
    ("get", "/api/v1/me/chats"),
    ("get", "/api/v1/me/notifications"),
    ("post", "/api/v1/me/notifications/{id}/read"),
    ("post", "/api/v1/me/support-chat"),
    ("get", "/api/v1/openapi.json"),
    ("get", "/api/v1/tenants"),
    ("get", "/api/v1/tenants/{id}"),
    ("put", "/api/v1/tenants/{id}"),
    ("post", "/api/v1/tickets"),
    ("post", "/api/v1/tokens/revoke"),
    ("get", "/api/v1/users"),
    ("delete", "/api/v1/users/{id}"),
    ("get", "/api/v1/users/{id}"),
    ("put", "/api/v1/users/{id}"),
    ("post", "/api/v1/users/{id}/disconnect"),
    ("post", "/api/v1/users/{id}/erase"),
    ("get", "/api/v1/users/{id}/export"),
    ("post", "/api/v1/users/{id}/notifications"),
    ("put", "/api/v1/users/{id}/password"),
    ("post", "/api/v1/users/{id}/sign-out"),
    ("post", "/api/v1/users/{id}/support-chat"),
];

async fn document(serving: &Serving) -> Value {
    good(&Asker::nobody(serving).get("/api/v1/openapi.json").await, 200)
}

/// Every operation: method, path, and the operation itself.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap();
            methods
                .iter()
                .map(move |(method, operation)| (&**method, &**path, operation))
        })
        .collect()
}

#[tokio::test]
async fn the_document_lists_every_route_and_every_route_is_there() {
    let serving = Serving::start_with(|settings| settings.console.enabled = true).await;
    let document = document(&serving).await;
    let listed: BTreeSet<_> = operations(&document)
        .into_iter()
        .map(|(method, path, _)| (method, path))
        .collect();
    assert_eq!(listed, ROUTES.iter().copied().collect());
    let nobody = Asker::nobody(&serving);
    for (method, path) in ROUTES {
        let path = path
            .replace("{chat}", "5")
            .replace("{seq}", "1")
            .replace("{user}", "ana")
            .replace("{id}", "token_expired");
        let reply = nobody.send(&method.to_uppercase(), &path).await;
        assert!(
            ![404, 405, 500].contains(&reply.status),
            "{method} {path}: {}",
            reply.status
        );
    }
}

#[tokio::test]
async fn the_document_is_sound() {
    let serving = Serving::start().await;
    let document = document(&serving).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    assert_eq!(document["info"]["title"], "Charla");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let tags: BTreeSet<_> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let place = format!("{method} {path}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{place}");
        assert!(
            operation["summary"].as_str().is_some_and(|text| !text.is_empty()),
            "{place}"
        );
        assert!(tags.contains(operation["tags"][0].as_str().unwrap()), "{place}");
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let described: BTreeSet<_> = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let named: BTreeSet<_> = path.split(['{', '}']).skip(1).step_by(2).collect();
        assert_eq!(described, named, "{place}");
        let answers = operation["responses"].as_object().unwrap();
        assert!(answers.keys().any(|status| status.starts_with('2')), "{place}");
        let refusal = &answers["default"]["content"]["application/problem+json"]["schema"]["$ref"];
        assert_eq!(refusal, "#/components/schemas/Problem", "{place}");
    }
    let mut references = Vec::new();
    gather_references(&document, &mut references);
    assert!(references.len() > 50, "{}", references.len());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    for scheme in ["key", "token"] {
        assert_eq!(
            document["components"]["securitySchemes"][scheme]["scheme"],
            "bearer"
        );
    }
}

fn gather_references<'d>(value: &'d Value, found: &mut Vec<&'d str>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                found.push(reference);
            }
            fields.values().for_each(|value| gather_references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| gather_references(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn causes_are_told_in_both_languages() {
    let serving = Serving::start().await;
    let nobody = Asker::nobody(&serving);
    for lang in Lang::ALL {
        let path = format!("/api/v1/causes?lang={}", lang.tag());
        let reply = nobody.get(&path).await;
        assert_eq!(reply.header("content-language"), Some(lang.tag()));
        let told = good(&reply, 200);
        let told = told["causes"].as_array().unwrap();
        assert_eq!(told.len(), Cause::ALL.len());
        for (one, cause) in told.iter().zip(Cause::ALL) {
            assert_eq!(one["id"], cause.id());
            assert_eq!(one["title"], cause.words(*lang).title);
        }
    }
    let one = nobody
        .ask(
            "GET",
            "/api/v1/causes/token_expired",
            &["Accept-Language: es"],
            b"",
        )
        .await;
    let one = good(&one, 200);
    assert_eq!((&one["code"], &one["status"]), (&4401.into(), &401.into()));
    assert_eq!(one["title"], Cause::TokenExpired.words(Lang::Es).title);
    assert!(!one["fix"].as_array().unwrap().is_empty());
    assert_problem(&nobody.get("/api/v1/causes/none").await, 404, "not_found");
}

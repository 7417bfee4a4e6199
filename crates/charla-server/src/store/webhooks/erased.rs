//! What is left of a webhook's body when one of those whom it tells of is erased.
//!
//! The event stays, for the receiver counts on its place in the chat's order; whoever did it is the pseudonym, as everywhere else.

use std::collections::BTreeMap;

use charla_wire::UserId;
use serde_json::value::{RawValue, to_raw_value};

use crate::store::care::Words;

/// Rows that are looked at together when somebody is erased: their bodies are in memory.
pub(in crate::store) const ERASED_AT_ONCE: usize = 256;

/// A JSON object whose values stay as they were written.
type Fields = BTreeMap<String, Box<RawValue>>;

/// How a person's id stands in a body, by which those that may tell of them are found.
pub(in crate::store) fn written(person: &UserId) -> String {
    serde_json::Value::from(person.as_str()).to_string()
}

/// The body without the person; `None` where it does not tell of them.
pub(in crate::store) fn without(body: &str, person: &UserId, alias: &UserId, words: Words) -> Option<String> {
    let mut body: Fields = serde_json::from_str(body).ok()?;
    let mut data: Fields = serde_json::from_str(body.get("data")?.get()).ok()?;
    let mut is_of_them = false;
    // `author` and `by` of a chat are people with names, `user` and `by` of a change are ids.
    for field in ["author", "by", "user"] {
        let Some(who) = data.get(field) else { continue };
        let Some(other) = other(who, person, alias) else {
            continue;
        };
        data.insert(field.to_owned(), other);
        is_of_them = true;
        if field == "author" && words == Words::Go {
            blank(&mut data, "text", "\"\"");
            blank(&mut data, "data", "null");
        }
        // A chat that they closed was closed without their reason.
        blank(&mut data, "reason", "null");
    }
    if !is_of_them {
        return None;
    }
    body.insert("data".into(), to_raw_value(&data).ok()?);
    serde_json::to_string(&body).ok()
}

/// The pseudonym in place of the person, as an id or with a name.
fn other(who: &RawValue, person: &UserId, alias: &UserId) -> Option<Box<RawValue>> {
    if let Ok(id) = serde_json::from_str::<String>(who.get()) {
        return (id == person.as_str()).then(|| to_raw_value(alias).ok())?;
    }
    let mut named: BTreeMap<String, String> = serde_json::from_str(who.get()).ok()?;
    if named.get("id").is_none_or(|id| id != person.as_str()) {
        return None;
    }
    for name in ["id", "name"] {
        named.insert(name.to_owned(), alias.to_string());
    }
    to_raw_value(&named).ok()
}

/// Takes a value away where there is one.
fn blank(data: &mut Fields, field: &str, empty: &str) {
    if let Some(value) = data.get_mut(field)
        && let Ok(empty) = RawValue::from_string(empty.to_owned())
    {
        *value = empty;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn erased(body: &Value, words: Words) -> Option<Value> {
        let id = |id: &str| UserId::parse(id).unwrap();
        let body = without(&body.to_string(), &id("ana"), &id("erased-1"), words)?;
        Some(serde_json::from_str(&body).unwrap())
    }

    #[test]
    fn the_event_stays_and_the_person_goes() {
        let said = |author: &Value, text: &str, data: &Value| {
            json!({"type": "message.created", "timestamp": "t",
                "data": {"tenant": "acme", "chat": "5", "seq": 7, "author": author, "text": text, "data": data}})
        };
        let (ana, nobody) = (
            json!({"id": "ana", "name": "Ana Paz"}),
            json!({"id": "erased-1", "name": "erased-1"}),
        );
        let words = said(&ana, "hola", &json!({"ana": [1]}));
        assert_eq!(erased(&words, Words::Go), Some(said(&nobody, "", &Value::Null)));
        assert_eq!(
            erased(&words, Words::Stay),
            Some(said(&nobody, "hola", &json!({"ana": [1]})))
        );
        let others = said(&json!({"id": "luis", "name": "ana"}), "ana", &json!("ana"));
        assert_eq!(erased(&others, Words::Go), None, "what others wrote stays");
    }

    #[test]
    fn who_did_something_or_was_there_is_the_pseudonym() {
        for (before, after) in [
            (
                json!({"user": "ana", "chat": "5"}),
                json!({"user": "erased-1", "chat": "5"}),
            ),
            (
                json!({"author": {"id": "luis", "name": "Luis"}, "by": "ana", "text": "hola"}),
                json!({"author": {"id": "luis", "name": "Luis"}, "by": "erased-1", "text": "hola"}),
            ),
            (
                json!({"by": {"id": "ana", "name": "Ana"}, "reason": "ana says so"}),
                json!({"by": {"id": "erased-1", "name": "erased-1"}, "reason": null}),
            ),
        ] {
            let seen = erased(&json!({"type": "any", "data": before}), Words::Go).unwrap();
            assert_eq!(seen["data"], after);
        }
        assert_eq!(
            erased(&json!({"type": "any", "data": {"chat": "ana"}}), Words::Go),
            None
        );
    }

    #[test]
    fn numbers_stay_as_the_application_wrote_them() {
        let body = r#"{"type":"message.created","data":{"author":{"id":"ana","name":"Ana"},"data":{"n":1e999},"text":""}}"#;
        let id = |id: &str| UserId::parse(id).unwrap();
        let kept = without(body, &id("ana"), &id("erased-1"), Words::Stay).unwrap();
        assert!(kept.contains("1e999"), "{kept}");
    }
}

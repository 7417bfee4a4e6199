//! What events mean, and that what is told and read again is the same.

use charla_core::{Draft, Stored};
use charla_wire::Timestamp;
use serde_json::json;

use super::*;
use crate::bridge::said::Said;
use crate::settings::GroupName;

fn group(name: &str, tenant: Option<&str>, field: Option<&str>) -> GroupSettings {
    GroupSettings {
        name: GroupName::parse(name).unwrap(),
        tenant: tenant.map(|tenant| TenantId::parse(tenant).unwrap()),
        tenant_field: field.map(str::to_owned),
    }
}

fn event(name: &str, kind: EventKind, fields: &[(&'static str, &str)]) -> EventSettings {
    EventSettings {
        name: name.into(),
        kind,
        fields: fields
            .iter()
            .map(|(what, name)| (*what, (*name).to_owned()))
            .collect(),
        kept: None,
    }
}

fn meaning(groups: Vec<GroupSettings>) -> Meaning {
    let settings = BridgeSettings {
        groups,
        events: vec![
            event("chat.message", EventKind::Message, &[("author_id", "autor_id")]),
            event("nueva_notificacion", EventKind::Notification, &[("user", "para")]),
            event("chat_closed", EventKind::ChatClosed, &[]),
            EventSettings {
                kept: Some(vec!["type".into(), "quien".into()]),
                ..event("escribe", EventKind::Event, &[])
            },
        ],
        ..BridgeSettings::default()
    };
    Meaning::new(&settings, &Dialect::of(Preset::ChannelsEs))
}

fn room(tenant: &str, chat: &str) -> RoomKey {
    RoomKey {
        tenant: TenantId::parse(tenant).unwrap(),
        chat: ChatId::parse(chat).unwrap(),
    }
}

fn fields(value: &Value) -> Event {
    value.as_object().unwrap().clone()
}

#[test]
fn a_message_is_told_and_read_back() {
    for groups in [
        group("{tenant}.chat_{chat}", None, None),
        group("chat_{chat}", Some("acme"), None),
        group("chat_{chat}", None, Some("empresa")),
    ] {
        let meaning = meaning(vec![groups]);
        let message = Stored {
            draft: Draft {
                room: room("acme", "5"),
                id: uuid::Uuid::nil(),
                author: charla_core::Author {
                    id: UserId::parse("42").unwrap(),
                    name: "Ana".into(),
                },
                text: "hola".into(),
                data: Some(r#"{"oportunidad_id":7}"#.into()),
                attachments: Vec::new(),
            },
            seq: 3,
            sent_at: Timestamp::from_millis(0),
            edited_at: None,
            deleted: false,
        };
        let (name, event) = meaning.tell(&Said::Message(message)).unwrap();
        assert_eq!(event["autor_id"], 42, "a number, as Django has it");
        let expected = Incoming::Message {
            room: room("acme", "5"),
            author: Person {
                id: UserId::parse("42").ok(),
                name: "Ana".into(),
            },
            text: "hola".into(),
            data: Some(r#"{"oportunidad_id":7}"#.into()),
        };
        assert_eq!(meaning.read(&name, event), Ok(expected));
    }
}

#[test]
fn nothing_is_guessed() {
    let meaning = meaning(vec![
        group("{tenant}.chat_{chat}", None, None),
        group("sala_{chat}", None, Some("empresa")),
        group("avisos_{user}", Some("acme"), None),
    ]);
    let words = json!({"type": "chat_message", "texto": "x"});
    for (name, event, why) in [
        ("otro_5", words.clone(), Dropped::GroupUnknown),
        ("chat_5", words.clone(), Dropped::GroupUnknown),
        ("sala_5", words.clone(), Dropped::TenantMissing),
        (
            "sala_5",
            json!({"type": "chat_message", "texto": "x", "empresa": ""}),
            Dropped::TenantUnknown,
        ),
        ("acme.chat_5", json!({"texto": "x"}), Dropped::Unmapped),
        ("acme.chat_5", json!({"type": 5}), Dropped::Unmapped),
        ("acme.chat_5", json!({"type": "chat_message"}), Dropped::Malformed),
        (
            "acme.chat_5",
            json!({"type": "chat_message", "texto": ""}),
            Dropped::Malformed,
        ),
        (
            "acme.chat_5",
            json!({"type": "chat_message", "texto": "x", "autor_id": [1]}),
            Dropped::Malformed,
        ),
        (
            "acme.chat_5",
            json!({"type": "chat_message", "texto": "x", "__proto__": 1}),
            Dropped::Malformed,
        ),
        ("avisos_7", words, Dropped::Malformed),
        (
            "acme.chat_5",
            json!({"type": "nueva_notificacion", "mensaje": "x"}),
            Dropped::UserUnknown,
        ),
    ] {
        assert_eq!(meaning.read(name, fields(&event)), Err(why), "{name} {event}");
    }
}

#[test]
fn a_note_is_for_whom_its_group_or_a_field_names() {
    let meaning = meaning(vec![
        group("{tenant}.chat_{chat}", None, None),
        group("avisos_{user}", Some("acme"), None),
    ]);
    let note = json!({"type": "nueva_notificacion", "mensaje": "x", "para": 7, "id": 9});
    let whom = |name: &str| match meaning.read(name, fields(&note)) {
        Ok(Incoming::Notification { user, data, kind, .. }) => {
            assert_eq!(kind, "nueva_notificacion", "for want of another");
            (user.to_string(), data.unwrap().to_string())
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(whom("demo.chat_5"), ("demo/7".into(), r#"{"id":9}"#.into()));
    assert_eq!(whom("avisos_8").0, "acme/8");
}

#[test]
fn what_only_a_page_understands_keeps_its_fields() {
    let meaning = meaning(vec![group("{tenant}.chat_{chat}", None, None)]);
    let event = json!({"type": "escribe", "quien": "Ana", "secreto": 1});
    let shown = meaning.read("acme.chat_5", fields(&event)).unwrap();
    let json = r#"{"quien":"Ana","type":"escribe"}"#.into();
    let target = Target::Room(room("acme", "5"));
    assert_eq!(shown, Incoming::Relayed { target, json });
}

#[test]
fn a_group_that_channels_would_refuse_is_none() {
    let meaning = meaning(vec![
        group("avisos_{user}", Some("acme"), None),
        group("{tenant}.chat_{chat}", None, None),
    ]);
    let user = |tenant: &str, user: &str| {
        Target::User(UserKey {
            tenant: TenantId::parse(tenant).unwrap(),
            user: UserId::parse(user).unwrap(),
        })
    };
    assert_eq!(meaning.group(&user("acme", "7")).unwrap().name, "avisos_7");
    assert_eq!(meaning.group(&user("acme", "ana@example.org")), None);
    assert_eq!(meaning.group(&user("demo", "7")), None, "another tenant's groups");
    assert_eq!(meaning.patterns(), ["*.chat_*", "avisos_*"]);
}

//! What goes out comes in as it was, and what is newer is not guessed at.

use charla_core::UserKey;
use charla_core::connections;
use charla_core::peers::Beat;
use charla_core::presence::Statement;

use super::*;
use crate::happening::{Answer, Ask, ChatMoved, NodeWord, Pulse};
use crate::store::lists::Reader;

fn room() -> RoomKey {
    RoomKey {
        tenant: TenantId::parse("demo").unwrap(),
        chat: ChatId::parse("5").unwrap(),
    }
}

fn ana() -> Author {
    Author {
        id: UserId::parse("ana").unwrap(),
        name: "Ana".into(),
    }
}

fn stored() -> Stored {
    Stored {
        draft: Draft {
            room: room(),
            id: Uuid::from_u128(7),
            author: ana(),
            text: "hola".into(),
            data: Some(r#"{"a":1}"#.into()),
            attachments: vec![Attachment {
                id: Uuid::from_u128(8),
                name: "a.png".into(),
                media_type: "image/png".into(),
                bytes: 3,
            }],
        },
        seq: 3,
        sent_at: Timestamp::from_millis(5),
        edited_at: Some(Timestamp::from_millis(9)),
        deleted: false,
    }
}

fn node_words(user: &UserKey, opened: connections::Opened) -> Vec<NodeWord> {
    let beat = Beat {
        name: "a:9001".into(),
        accept_rate: 812.5,
        connections: 7,
        version: "1.0.0".into(),
        leaving: true,
        store_up: false,
    };
    let statement = Statement {
        people: vec![ana()],
        crowd: true,
    };
    vec![
        NodeWord::Beat {
            beat,
            pulse: Pulse::Anew,
        },
        NodeWord::GoodBye,
        NodeWord::Ask(Ask {
            number: 4,
            rooms: vec![room()],
            users: vec![user.clone()],
        }),
        NodeWord::Answer(Answer {
            number: 4,
            rooms: vec![statement, Statement::default()],
            users: vec![vec![opened], Vec::new()],
        }),
    ]
}

/// What nodes tell each other of who is where.
fn between_nodes(from: Uuid, to: Uuid) -> Vec<Happening> {
    let user = UserKey {
        tenant: room().tenant,
        user: ana().id,
    };
    let opened = connections::Opened {
        at: Timestamp::from_millis(5),
        id: Uuid::from_u128(9),
    };
    let words = node_words(&user, opened);
    let words = words.into_iter().flat_map(|word| {
        [None, Some(to)].map(|to| Happening::Node {
            from,
            to,
            word: word.clone(),
        })
    });
    let moved = |people| {
        Happening::Moved(Arc::new(ChatMoved {
            room: room(),
            title: "Cinco".into(),
            seq: 3,
            author: ana(),
            preview: "hola".into(),
            sent_at: Timestamp::from_millis(5),
            people,
        }))
    };
    let reader = Reader {
        user: ana().id,
        read_seq: 2,
        is_member: true,
    };
    let rest = [
        Happening::Presence {
            from,
            room: room(),
            who: ana(),
            joined: false,
        },
        Happening::Connections {
            from,
            user,
            open: vec![opened],
        },
        moved(None),
        moved(Some(vec![reader])),
    ];
    words.chain(rest).collect()
}

#[test]
fn what_is_sealed_is_opened_as_it_was() {
    let at = Timestamp::from_millis(77);
    let in_room = [
        RoomEvent::Message(stored()),
        RoomEvent::Edited {
            message: stored(),
            rev: 4,
            by: ana(),
        },
        RoomEvent::Deleted {
            seq: 3,
            rev: 5,
            at,
            by: ana(),
        },
        RoomEvent::Read { by: ana(), seq: 2 },
        RoomEvent::Typing { by: ana(), on: true },
        RoomEvent::Closed {
            by: ana(),
            at,
            reason: Some("done".into()),
        },
        RoomEvent::Reopened { by: ana(), at },
    ]
    .map(|event| Happening::Room {
        room: room(),
        trace: matches!(event, RoomEvent::Message(_))
            .then(|| TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
            .flatten()
            .map(|(context, _)| context),
        event,
        except: None,
    });
    let user = UserKey {
        tenant: room().tenant,
        user: ana().id,
    };
    let others = [
        Happening::Disconnect {
            user,
            chat: Some(room().chat),
            cause: Cause::NotAMember,
        },
        Happening::TokenRevoked {
            tenant: room().tenant,
            jti: "x".into(),
        },
        Happening::Forget(Forgotten {
            tenant: room().tenant,
            user: Some(ana().id),
            chat: None,
        }),
        Happening::Limits,
        crate::loops::news_of_everything(),
    ];
    let (here, there) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let others = others.into_iter().chain(between_nodes(here, there));
    for happening in in_room.into_iter().chain(others) {
        let topic = Topic::of(&happening);
        let payload = seal(here, &happening).unwrap();
        assert!(matches!(open(here, &topic, &payload), Opened::Own));
        let Opened::Happening(opened) = open(there, &topic, &payload) else {
            panic!("{happening:?}");
        };
        assert_eq!(format!("{opened:?}"), format!("{happening:?}"));
    }
}

#[test]
fn what_is_newer_is_not_guessed_at() {
    let node = Uuid::from_u128(2);
    let topic = Topic::Room(room());
    let newer = format!(r#"{{"v":2,"node":"{}","what":"message"}}"#, Uuid::from_u128(1));
    let another = format!(r#"{{"v":1,"node":"{}","what":"poll"}}"#, Uuid::from_u128(1));
    for payload in [newer.as_str(), another.as_str(), "", "{}", "hola"] {
        assert!(
            matches!(open(node, &topic, payload.as_bytes()), Opened::Unreadable),
            "{payload}"
        );
    }
    let more = format!(
        r#"{{"v":1,"node":"{}","what":"read","by":{{"id":"ana","name":"Ana","x":1}},"seq":2,"y":[]}}"#,
        Uuid::from_u128(1)
    );
    assert!(matches!(
        open(node, &topic, more.as_bytes()),
        Opened::Happening(_)
    ));
}

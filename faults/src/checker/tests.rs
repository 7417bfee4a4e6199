//! A checker that sees nothing proves nothing: each promise broken in turn, and a history in which all are kept.

use super::*;

const RESUME: u64 = 1_000;

fn room(tenant: &str) -> Room {
    Room {
        tenant: tenant.to_owned(),
        chat: "c1".to_owned(),
    }
}

/// Ids of a tenant's messages 1, 2, 3 ...
fn id(tenant: &str, number: u64) -> Uuid {
    let tenant = u128::from(tenant.len() as u64);
    Uuid::from_u128(tenant << 64 | u128::from(number))
}

fn message(number: u64) -> Numbered {
    (number, id("uno", number))
}

/// Two tenants with a chat of the same name, four messages each, and a listener in each who lost the connection once.
fn kept() -> (History, Stored) {
    let mut history = History::default();
    let mut stored = Stored::default();
    for tenant in ["uno", "otro"] {
        let numbered = |seq| (seq, id(tenant, seq));
        for seq in 1..=4 {
            history.sent.push(Sent {
                room: room(tenant),
                id: id(tenant, seq),
                at: seq,
                answer: Answer::Acked(seq),
                answered_at: seq + 1,
            });
        }
        stored.rows.insert(room(tenant), (1..=4).map(numbered).collect());
        let stream = Stream {
            start: 0,
            given: (1..=4).map(|seq| Given::Message(numbered(seq))).collect(),
            wire: vec![
                entered(0, &[]),
                Wire::Message(numbered(1)),
                Wire::Away,
                entered(3, &[numbered(2), numbered(3)]),
                Wire::Message(numbered(4)),
            ],
        };
        history.streams.insert(("ana".to_owned(), room(tenant)), stream);
    }
    (history, stored)
}

fn entered(told: u64, missed: &[Numbered]) -> Wire {
    Wire::Entered {
        told,
        missed: missed.to_vec(),
    }
}

fn rows(stored: &mut Stored) -> &mut Vec<Numbered> {
    stored.rows.get_mut(&room("uno")).unwrap()
}

fn stream(history: &mut History) -> &mut Stream {
    history.streams.get_mut(&("ana".to_owned(), room("uno"))).unwrap()
}

/// What is found once something was done to a history in which all promises are kept.
fn found(change: impl FnOnce(&mut History, &mut Stored)) -> Vec<Promise> {
    let (mut history, mut stored) = kept();
    change(&mut history, &mut stored);
    let verdict = check(&history, &stored, RESUME);
    assert_eq!(verdict.lines().len(), verdict.counts.len());
    verdict.counts.into_keys().collect()
}

#[test]
fn a_history_in_which_all_is_kept_is_clean() {
    assert_eq!(found(|_, _| {}), []);
}

#[test]
fn a_lost_acknowledgement_is_seen() {
    let lost = found(|history, stored| {
        rows(stored).pop();
        stream(history).given.pop();
        stream(history).wire.pop();
    });
    assert_eq!(lost, [Promise::Lost]);
    let other = found(|history, _| history.sent.first_mut().unwrap().answer = Answer::Acked(2));
    assert_eq!(other, [Promise::Invented]);
    let open = found(|history, _| history.sent.first_mut().unwrap().answer = Answer::Pending);
    assert_eq!(open, [Promise::Lost]);
}

#[test]
fn what_is_stored_twice_is_seen() {
    let twice = found(|history, stored| {
        let again = (5, id("uno", 4));
        rows(stored).push(again);
        stream(history).given.push(Given::Message(again));
        stream(history).wire.push(Wire::Message(again));
    });
    assert_eq!(twice, [Promise::Duplicated]);
}

#[test]
fn a_hole_in_the_numbers_is_seen() {
    let hole = found(|history, stored| {
        rows(stored).remove(1);
        history.sent.remove(1);
        stream(history).given.remove(1);
        stream(history).wire = vec![];
    });
    assert_eq!(hole, [Promise::Lost, Promise::Hole]);
}

#[test]
fn what_was_refused_or_never_said_is_not_stored() {
    let kept = found(|history, _| {
        history.sent.first_mut().unwrap().answer = Answer::Refused("forbidden".to_owned());
    });
    assert_eq!(kept, [Promise::Kept]);
    let unknown = found(|history, _| {
        history.sent.first_mut().unwrap().answer = Answer::Unknown("closed".to_owned());
    });
    assert_eq!(unknown, [], "nobody knew, and it is stored once");
    let invented = found(|history, _| drop(history.sent.remove(0)));
    assert_eq!(invented, [Promise::Invented]);
}

#[test]
fn a_gap_for_a_listener_is_seen() {
    assert_eq!(
        found(|history, _| stream(history)
            .given
            .retain(|given| *given != Given::Message(message(2)))),
        [Promise::Lost]
    );
    let end = found(|history, _| stream(history).given.truncate(3));
    assert_eq!(end, [Promise::Lost], "the last one was never given");
    let wire = found(|history, _| drop(stream(history).wire.remove(1)));
    assert_eq!(wire, [], "lost with its connection, and resumed");
    let resumed = found(|history, _| stream(history).wire[3] = entered(3, &[message(2)]));
    assert_eq!(resumed, [Promise::Lost]);
    let live = found(|history, _| stream(history).wire[3] = entered(2, &[message(2)]));
    assert_eq!(live, [Promise::Lost]);
}

#[test]
fn a_repeat_for_a_listener_is_seen() {
    let given = found(|history, _| stream(history).given.push(Given::Message(message(4))));
    assert_eq!(given, [Promise::Duplicated]);
    let wire = found(|history, _| stream(history).wire.push(Wire::Message(message(4))));
    assert_eq!(wire, [Promise::Duplicated]);
}

#[test]
fn another_order_is_seen() {
    let given = found(|history, _| stream(history).given.swap(1, 2));
    assert_eq!(given, [Promise::Lost, Promise::Reordered]);
    let wire = found(|history, _| {
        stream(history).wire = vec![
            entered(1, &[]),
            Wire::Message(message(3)),
            Wire::Message(message(2)),
            Wire::Message(message(4)),
        ];
    });
    assert_eq!(wire, [Promise::Lost, Promise::Reordered]);
    let outside = found(|history, _| drop(stream(history).wire.remove(3)));
    assert_eq!(outside, [Promise::Invented], "a message outside the chat");
}

#[test]
fn another_order_for_somebody_else_is_seen() {
    let swapped = found(|history, _| {
        let of = |seq, number| Given::Message((seq, id("uno", number)));
        stream(history).given = vec![of(1, 1), of(2, 3), of(3, 2), of(4, 4)];
    });
    assert_eq!(swapped, [Promise::Invented], "in order, with each other's words");
}

#[test]
fn another_tenants_message_is_seen() {
    let heard = found(|history, _| stream(history).given[1] = Given::Message((2, id("otro", 2))));
    assert_eq!(heard, [Promise::Crossed]);
    let stored = found(|_, stored| rows(stored)[1] = (2, id("otro", 2)));
    assert!(stored.contains(&Promise::Crossed), "{stored:?}");
    let frame = found(|history, _| history.crossed.push("presence: ana of otro".to_owned()));
    assert_eq!(frame, [Promise::Crossed]);
}

#[test]
fn only_who_is_far_behind_starts_over() {
    let far = |seq| {
        found(move |history, stored| {
            let ids = |seq| (seq, id("uno", seq));
            *rows(stored) = (1..=seq).map(ids).collect();
            history.sent.extend((5..=seq).map(|seq| Sent {
                room: room("uno"),
                id: id("uno", seq),
                at: 0,
                answer: Answer::Acked(seq),
                answered_at: 0,
            }));
            stream(history).given.push(Given::Restarted(seq));
            stream(history).wire.clear();
        })
    };
    assert_eq!(far(4 + RESUME), [Promise::Lost]);
    assert_eq!(far(5 + RESUME), []);
}

#[test]
fn a_stretch_goes_on_where_the_last_one_ended() {
    let (history, mut stored) = kept();
    let mut rest = History::default();
    let next = message(5);
    rest.sent.push(Sent {
        room: room("uno"),
        id: next.1,
        at: 9,
        answer: Answer::Acked(5),
        answered_at: 9,
    });
    let stream = Stream {
        start: 4,
        given: vec![Given::Message(next)],
        wire: vec![Wire::Away, entered(4, &[]), Wire::Message(next)],
    };
    rest.streams.insert(("ana".to_owned(), room("uno")), stream);
    let after = Stored {
        from: BTreeMap::from([(room("uno"), 4)]),
        rows: BTreeMap::from([(room("uno"), vec![next])]),
    };
    assert!(check(&rest, &after, RESUME).is_clean());
    let mut whole = history;
    whole.extend(rest);
    rows(&mut stored).push(next);
    let verdict = check(&whole, &stored, RESUME);
    assert!(verdict.is_clean(), "{:?}", verdict.lines());
    assert_eq!((whole.acked(), whole.received()), (9, 9));
}

#[test]
fn a_ghost_and_somebody_forgotten_are_seen() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let mut verdict = Verdict::default();
    check_presence(
        &room("uno"),
        &names(&["ana", "luis"]),
        &names(&["ana", "luis"]),
        &mut verdict,
    );
    assert!(verdict.is_clean());
    check_presence(
        &room("uno"),
        &names(&["ana", "luis"]),
        &names(&["ana", "pia"]),
        &mut verdict,
    );
    assert_eq!(verdict.count(Promise::Ghost), 1);
    assert_eq!(verdict.count(Promise::Absent), 1);
    assert_eq!(
        verdict.lines(),
        ["1 ghost: luis in uno/c1", "1 absent: pia in uno/c1"]
    );
}

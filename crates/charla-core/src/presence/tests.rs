//! The rules of presence, on one node and between several.

use charla_wire::{ChatId, TenantId};
use uuid::Uuid;

use super::*;

const A: NodeId = Uuid::from_u128(1);
const B: NodeId = Uuid::from_u128(2);

fn room() -> RoomKey {
    RoomKey {
        tenant: TenantId::parse("demo").unwrap(),
        chat: ChatId::parse("5").unwrap(),
    }
}

fn person(id: &str) -> Author {
    Author {
        id: UserId::parse(id).unwrap(),
        name: "Ana".into(),
    }
}

fn ana() -> Author {
    person("ana")
}

fn ana_moved(joined: bool) -> Moved {
    moved(&room(), ana(), joined)
}

fn news(joined: bool, to_room: bool, to_nodes: bool) -> News {
    News {
        moved: ana_moved(joined),
        to_room,
        to_nodes,
    }
}

/// A node where somebody listens to the room.
fn heard() -> Presence {
    let mut presence = Presence::default();
    assert!(presence.listen(&room()));
    presence
}

fn states(people: &[&str]) -> Statement {
    Statement {
        people: people.iter().map(|id| person(id)).collect(),
        crowd: false,
    }
}

fn ids(presence: &Presence) -> Vec<String> {
    let mut ids: Vec<_> = presence
        .people(&room())
        .iter()
        .map(|who| who.id.to_string())
        .collect();
    ids.sort();
    ids
}

#[test]
fn one_person_many_connections() {
    let mut presence = heard();
    assert_eq!(presence.enter(&room(), &ana()), Some(news(true, true, true)));
    assert_eq!(presence.enter(&room(), &ana()), None);
    presence.leave(&room(), &ana().id, 15);
    assert_eq!(presence.next_timeout(), None, "one connection is left");
    presence.leave(&room(), &ana().id, 20);
    assert_eq!(presence.handle_timeout(19), []);
    assert_eq!(presence.handle_timeout(20), [news(false, true, true)]);
    assert_eq!(presence.people(&room()), []);
}

#[test]
fn coming_back_in_time_is_no_news() {
    let mut presence = heard();
    presence.enter(&room(), &ana());
    presence.leave(&room(), &ana().id, 15);
    assert_eq!(presence.people(&room()), [ana()]);
    assert_eq!(presence.statement(&room()), states(&["ana"]));
    assert_eq!(presence.enter(&room(), &ana()), None);
    assert_eq!(presence.handle_timeout(100), []);
    assert_eq!(presence.people(&room()), [ana()]);
}

#[test]
fn one_person_on_two_nodes_is_told_once() {
    let mut presence = heard();
    assert_eq!(presence.hear(A, &room(), &ana(), true), Some(ana_moved(true)));
    assert_eq!(presence.hear(B, &room(), &ana(), true), None);
    assert_eq!(
        presence.enter(&room(), &ana()),
        Some(news(true, false, true)),
        "the other nodes have to know; the room does"
    );
    assert_eq!(presence.hear(A, &room(), &ana(), false), None);
    presence.leave(&room(), &ana().id, 15);
    assert_eq!(presence.handle_timeout(15), [news(false, false, true)]);
    assert_eq!(ids(&presence), ["ana"]);
    assert_eq!(presence.hear(B, &room(), &ana(), false), Some(ana_moved(false)));
    assert_eq!(presence.hear(B, &room(), &ana(), false), None);
}

#[test]
fn somebody_who_lingers_here_and_comes_elsewhere_stays() {
    let mut presence = heard();
    presence.enter(&room(), &ana());
    presence.leave(&room(), &ana().id, 15);
    assert_eq!(presence.hear(A, &room(), &ana(), true), None);
    assert_eq!(presence.handle_timeout(15), [news(false, false, true)]);
    assert_eq!(ids(&presence), ["ana"]);
    assert_eq!(presence.statement(&room()), states(&[]));
}

#[test]
fn a_node_that_dies_leaves_no_ghosts() {
    let mut presence = heard();
    presence.hear_all(A, &room(), &states(&["ana", "luis"]));
    presence.hear(B, &room(), &person("luis"), true);
    assert_eq!(presence.node_gone(A, None), [ana_moved(false)]);
    assert_eq!(ids(&presence), ["luis"]);
    assert_eq!(presence.node_gone(A, None), []);
}

#[test]
fn who_was_on_a_node_that_says_good_bye_may_come_back() {
    let mut presence = heard();
    presence.hear_all(A, &room(), &states(&["ana", "luis"]));
    assert_eq!(presence.node_gone(A, Some(15)), []);
    assert_eq!(ids(&presence), ["ana", "luis"]);
    assert_eq!(presence.hear(B, &room(), &person("luis"), true), None);
    assert_eq!(presence.handle_timeout(14), []);
    assert_eq!(
        presence.handle_timeout(15),
        [news(false, true, false)],
        "told by each node to its own"
    );
    assert_eq!(ids(&presence), ["luis"]);
}

#[test]
fn a_statement_replaces_what_was_said_before() {
    let mut presence = heard();
    assert_eq!(
        presence.hear_all(A, &room(), &states(&["ana"])),
        [ana_moved(true)]
    );
    assert_eq!(presence.hear_all(A, &room(), &states(&["ana"])), []);
    let replaced = presence.hear_all(A, &room(), &states(&["luis"]));
    assert_eq!(replaced, [ana_moved(false), moved(&room(), person("luis"), true)]);
    presence.hear_all(B, &room(), &states(&["luis"]));
    assert_eq!(presence.hear_all(A, &room(), &states(&[])), []);
    assert_eq!(ids(&presence), ["luis"]);
}

#[test]
fn without_a_listener_nothing_is_kept_of_others() {
    let mut presence = Presence::default();
    assert_eq!(presence.hear(A, &room(), &ana(), true), None);
    assert_eq!(presence.hear_all(A, &room(), &states(&["ana"])), []);
    presence.listen(&room());
    assert!(!presence.listen(&room()));
    presence.hear(A, &room(), &ana(), true);
    presence.hear(B, &room(), &person("eva"), true);
    presence.node_gone(B, Some(15));
    presence.enter(&room(), &person("luis"));
    assert!(!presence.cease(&room()));
    assert_eq!(ids(&presence), ["ana", "eva", "luis"]);
    presence.leave(&room(), &person("luis").id, 30);
    assert!(presence.cease(&room()));
    assert_eq!(ids(&presence), ["luis"], "who may come back is ours to tell of");
    assert_eq!(presence.next_timeout(), Some(30));
    assert_eq!(presence.heard_rooms(), []);
    assert_eq!(presence.handle_timeout(30).len(), 1);
    assert!(presence.rooms.is_empty() && presence.leaving.is_empty());
}

#[test]
fn a_crowd_is_not_told_of_each_other() {
    let mut presence = heard();
    let told: Vec<News> = (0..PRESENCE_MAX + 50)
        .filter_map(|n| presence.enter(&room(), &person(&n.to_string())))
        .collect();
    assert_eq!(told.len(), PRESENCE_MAX);
    assert!(told.iter().all(|news| news.to_room && news.to_nodes));
    assert_eq!(presence.people(&room()).len(), PRESENCE_MAX);
    let said = presence.statement(&room());
    assert_eq!((said.people.len(), said.crowd), (PRESENCE_MAX, true));
}

#[test]
fn a_crowd_elsewhere_is_one_here() {
    let mut presence = heard();
    let mut crowd = states(&["ana", "luis"]);
    crowd.crowd = true;
    assert_eq!(presence.hear_all(A, &room(), &crowd), []);
    assert_eq!(
        presence.enter(&room(), &person("eva")).map(|news| news.to_room),
        Some(false)
    );
    // Another choice of those that are named is no news.
    crowd.people.pop();
    assert_eq!(presence.hear_all(A, &room(), &crowd), []);
    assert_eq!(presence.hear_all(A, &room(), &states(&["ana"])), []);
    assert_eq!(
        presence.hear_all(A, &room(), &states(&[])),
        [ana_moved(false)],
        "no crowd any more"
    );
}

//! Who hears what, and in which order.

use charla_wire::{ChatId, TenantId};

use super::*;

#[derive(Clone, Debug, PartialEq)]
enum Said {
    Message(Seq),
    Edit,
    Typing,
}

impl Event for Said {
    fn seq(&self) -> Option<Seq> {
        if let Self::Message(seq) = self {
            Some(*seq)
        } else {
            None
        }
    }
    fn disturbs(&self) -> bool {
        *self == Self::Edit
    }
    fn change(&self) -> Option<Change> {
        None
    }
    fn size(&self) -> usize {
        100
    }
}

fn key() -> RoomKey {
    RoomKey {
        tenant: TenantId::parse("demo").unwrap(),
        chat: ChatId::parse("5").unwrap(),
    }
}

/// Delivers what waits: who heard what.
fn deliver(rooms: &mut Rooms<&'static str, Said>) -> Vec<(&'static str, Said)> {
    let mut heard = Vec::new();
    while let Some(events) = rooms.begin_round(&key()) {
        let (mut from, mut slice) = (Some(0), Vec::new());
        while let Some(at) = from {
            from = rooms.slice(&key(), at, 1, &mut slice);
        }
        for (listener, has) in slice {
            let news = events
                .iter()
                .filter(|event| event.seq().is_none_or(|seq| seq > has));
            heard.extend(news.map(|event| (listener, event.clone())));
        }
    }
    heard
}

fn join(rooms: &mut Rooms<&'static str, Said>, name: &'static str, have: Seq) -> Seat {
    let mut seat = rooms.enter(&key(), name);
    rooms.go_live(&key(), &mut seat, have).unwrap();
    seat
}

#[test]
fn everybody_hears_each_message_once_in_order() {
    let mut rooms = Rooms::default();
    join(&mut rooms, "ana", 0);
    join(&mut rooms, "luis", 0);
    assert_eq!(
        rooms.publish(&key(), Said::Message(1)),
        Published::Deliver { listeners: 2 }
    );
    assert_eq!(
        rooms.publish(&key(), Said::Message(2)),
        Published::Settled,
        "the round takes it along"
    );
    assert_eq!(
        rooms.publish(&key(), Said::Message(2)),
        Published::Settled,
        "known already"
    );
    let heard = deliver(&mut rooms);
    let expected = ["ana", "luis"].map(|who| [(who, Said::Message(1)), (who, Said::Message(2))]);
    assert_eq!(heard, expected.concat());
    assert_eq!(
        rooms.publish(&key(), Said::Message(5)),
        Published::Gap { after: 2 }
    );
}

#[test]
fn nothing_falls_between_the_store_and_the_room() {
    let mut rooms = Rooms::default();
    join(&mut rooms, "ana", 3);
    let mut seat = rooms.enter(&key(), "luis");
    // Luis reads the store up to 3; two more come before he is live.
    rooms.publish(&key(), Said::Message(4));
    rooms.publish(&key(), Said::Message(5));
    let missed = rooms.go_live(&key(), &mut seat, 3).unwrap();
    assert_eq!(missed, [Said::Message(4), Said::Message(5)]);
    rooms.publish(&key(), Said::Message(6));
    let heard: Vec<_> = deliver(&mut rooms)
        .into_iter()
        .filter(|(who, _)| *who == "luis")
        .collect();
    assert_eq!(heard, [("luis", Said::Message(6))]);
}

#[test]
fn a_store_that_is_ahead_of_the_room_is_not_repeated() {
    let mut rooms = Rooms::default();
    join(&mut rooms, "ana", 3);
    join(&mut rooms, "luis", 4);
    rooms.publish(&key(), Said::Message(4));
    assert_eq!(deliver(&mut rooms), [("ana", Said::Message(4))]);
}

#[test]
fn too_far_behind_and_disturbed_read_again() {
    let mut rooms = Rooms::default();
    join(&mut rooms, "ana", 0);
    let mut seat = rooms.enter(&key(), "luis");
    for seq in 1..=RECENT_MESSAGES as Seq + 5 {
        rooms.publish(&key(), Said::Message(seq));
    }
    assert_eq!(rooms.go_live(&key(), &mut seat, 2), Err(Behind));
    rooms.publish(&key(), Said::Edit);
    let now = RECENT_MESSAGES as Seq + 5;
    assert_eq!(
        rooms.go_live(&key(), &mut seat, now),
        Err(Behind),
        "an edit came after the look"
    );
    assert_eq!(rooms.go_live(&key(), &mut seat, now), Ok(vec![]));
}

#[test]
fn leaving_in_the_middle_of_a_round_skips_nobody() {
    let mut rooms = Rooms::default();
    let seats = ["ana", "luis", "sofia"].map(|name| (name, join(&mut rooms, name, 0)));
    rooms.publish(&key(), Said::Typing);
    let events = rooms.begin_round(&key()).unwrap();
    assert_eq!(events, [Said::Typing]);
    let mut heard = Vec::new();
    assert_eq!(rooms.slice(&key(), 0, 1, &mut heard), Some(1));
    rooms.leave(&key(), seats[0].1);
    join(&mut rooms, "eva", 0);
    assert_eq!(rooms.slice(&key(), 1, 2, &mut heard), None);
    assert_eq!(
        heard.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        ["ana", "luis", "sofia"]
    );
}

#[test]
fn the_last_one_takes_the_room_along() {
    let mut rooms = Rooms::default();
    let seat = join(&mut rooms, "ana", 0);
    rooms.publish(&key(), Said::Typing);
    rooms.leave(&key(), seat);
    assert!(!rooms.is_empty(), "a round is under way");
    assert_eq!(deliver(&mut rooms), []);
    assert!(rooms.is_empty());
}

//! Two tenants whose chats and people have the same names, and everything that the core keeps of them: whatever is done by one, in
//! whatever order, the other hears nothing of it.

use std::sync::Arc;

use charla_core::changes::Change;
use charla_core::grant::{self, Door, Visitor};
use charla_core::message::{Author, Seq};
use charla_core::presence::Presence;
use charla_core::rooms::{Event, Published, Rooms, Seat};
use charla_core::typing::Typing;
use charla_core::{Millis, Role, RoomKey, UserKey};
use charla_wire::{ChatId, TenantId, UserId};

/// A message that says whose it is.
#[derive(Debug, Clone)]
struct Said {
    tenant: usize,
    chat: usize,
    seq: Seq,
}

impl Event for Said {
    fn seq(&self) -> Option<Seq> {
        Some(self.seq)
    }

    fn disturbs(&self) -> bool {
        false
    }

    fn change(&self) -> Option<Change> {
        None
    }

    fn size(&self) -> usize {
        64
    }
}

/// Somebody who hears: which tenant's, in which chat.
type Listener = (usize, usize);

/// Everything that a node keeps of both.
struct World {
    rooms: Rooms<Listener, Said>,
    presence: Presence,
    typing: Typing,
    seats: Vec<(Listener, Seat)>,
    last: [[Seq; 2]; 2],
    now: Millis,
}

const TENANTS: [&str; 2] = ["acme", "umbrella"];
const CHATS: [&str; 2] = ["5", "general"];
const PEOPLE: [&str; 2] = ["ana", "luis"];

fn room(tenant: usize, chat: usize) -> RoomKey {
    RoomKey {
        tenant: TenantId::parse(TENANTS[tenant]).expect("a tenant"),
        chat: ChatId::parse(CHATS[chat]).expect("a chat"),
    }
}

/// A person's name says whose it is.
fn author(tenant: usize, person: usize) -> Author {
    Author {
        id: UserId::parse(PEOPLE[person]).expect("a user"),
        name: format!("{} of {}", PEOPLE[person], TENANTS[tenant]).into(),
    }
}

fn belongs(who: &Author, tenant: &TenantId) {
    assert!(
        who.name.ends_with(&format!(" of {tenant}")),
        "{tenant} is told of {}",
        who.name
    );
}

impl World {
    fn does(&mut self, what: u8, detail: u8) {
        let [tenant, chat, person] = [detail & 1, detail >> 1 & 1, detail >> 2 & 1].map(usize::from);
        let key = room(tenant, chat);
        let who = author(tenant, person);
        match what % 10 {
            0 => {
                let mut seat = self.rooms.enter(&key, (tenant, chat));
                let have = self.last[tenant][chat];
                if let Ok(recent) = self.rooms.go_live(&key, &mut seat, have) {
                    recent.iter().for_each(|said| Self::hears((tenant, chat), said));
                }
                self.presence.listen(&key);
                self.seats.push(((tenant, chat), seat));
            }
            1 if !self.seats.is_empty() => {
                let ((tenant, chat), seat) = self.seats.swap_remove(usize::from(detail) % self.seats.len());
                self.rooms.leave(&room(tenant, chat), seat);
                self.presence.cease(&room(tenant, chat));
            }
            2 | 3 => self.speaks(tenant, chat, &key),
            4 => {
                if let Some(news) = self.presence.enter(&key, &who) {
                    assert_eq!(news.moved.room, key);
                    belongs(&news.moved.who, &key.tenant);
                }
            }
            5 => self
                .presence
                .leave(&key, &who.id, self.now + Millis::from(detail)),
            6 => self.typing.says(&key, &who, detail & 8 == 0, None, self.now),
            7 => self.passes(detail),
            8 => {
                for who in self.presence.people(&key) {
                    belongs(&who, &key.tenant);
                }
                for who in self.presence.statement(&key).people {
                    belongs(&who, &key.tenant);
                }
            }
            _ => enters(tenant, chat, person, detail),
        }
    }

    fn hears(listener: Listener, said: &Said) {
        assert_eq!(listener, (said.tenant, said.chat), "somebody else's message");
    }

    fn speaks(&mut self, tenant: usize, chat: usize, key: &RoomKey) {
        self.last[tenant][chat] += 1;
        let seq = self.last[tenant][chat];
        let said = Said { tenant, chat, seq };
        let Published::Deliver { .. } = self.rooms.publish(key, said) else {
            return;
        };
        while let Some(round) = self.rooms.begin_round(key) {
            let (mut from, mut listeners) = (Some(0), Vec::new());
            while let Some(at) = from {
                from = self.rooms.slice(key, at, 2, &mut listeners);
            }
            for (listener, _) in listeners {
                round.iter().for_each(|said| Self::hears(listener, said));
            }
        }
    }

    fn passes(&mut self, detail: u8) {
        self.now += Millis::from(detail) * 100;
        for news in self.presence.handle_timeout(self.now) {
            belongs(&news.moved.who, &news.moved.room.tenant);
        }
        for stopped in self.typing.handle_timeout(self.now) {
            belongs(&stopped.who, &stopped.room.tenant);
        }
    }
}

/// Proof of permission is for the visitor's own tenant, whatever chat is asked for.
fn enters(tenant: usize, chat: usize, person: usize, detail: u8) {
    let who = author(tenant, person);
    let visitor = Visitor {
        key: UserKey {
            tenant: room(tenant, chat).tenant,
            user: who.id,
        },
        name: Arc::clone(&who.name),
        role: if detail & 16 == 0 {
            Role::Member
        } else {
            Role::Agent
        },
    };
    let door = Door {
        chat_exists: detail & 32 == 0,
        is_member: detail & 64 == 0,
    };
    if let Ok(grant) = grant::enter(&visitor, &room(1 - tenant, chat).chat, door) {
        assert_eq!(grant.room(), &room(tenant, chat));
        let draft = grant.draft(uuid::Uuid::nil(), "hola", None);
        assert_eq!(draft.room, room(tenant, chat));
        belongs(&draft.author, &draft.room.tenant);
        assert!(door.chat_exists && (door.is_member || visitor.role == Role::Agent));
    }
}

/// Two bytes are one deed: what, and by whom and where.
pub(super) fn two_of_one_name(bytes: &[u8]) {
    let mut world = World {
        rooms: Rooms::default(),
        presence: Presence::default(),
        typing: Typing::default(),
        seats: Vec::new(),
        last: [[0; 2]; 2],
        now: 1_000,
    };
    for deed in bytes.chunks_exact(2).take(2_000) {
        if let &[what, detail] = deed {
            world.does(what, detail);
        }
    }
}

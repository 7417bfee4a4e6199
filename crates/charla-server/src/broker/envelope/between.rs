//! What nodes say to each other of themselves, as it travels.

use std::sync::Arc;

use charla_core::connections::Opened;
use charla_core::peers::Beat;
use charla_core::presence::Statement;
use charla_core::{RoomKey, UserKey};
use charla_wire::{ChatId, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Person;
use crate::console::ConsoleWord;
use crate::happening::{Answer, Ask, NodeWord, Pulse};

const fn yes() -> bool {
    true
}

/// Id and the time of opening in milliseconds.
pub(super) type Connection = (Uuid, i64);

#[derive(Serialize, Deserialize)]
#[serde(tag = "says", rename_all = "snake_case")]
pub(super) enum Word {
    Beat {
        name: Arc<str>,
        accept_rate: f64,
        connections: u64,
        // What the first release does not say.
        #[serde(default)]
        version: Arc<str>,
        #[serde(default)]
        leaving: bool,
        #[serde(default = "yes")]
        store_up: bool,
        pulse: Beating,
    },
    GoodBye,
    Ask {
        number: u64,
        rooms: Vec<(TenantId, ChatId)>,
        users: Vec<(TenantId, UserId)>,
    },
    Answer {
        number: u64,
        rooms: Vec<Room>,
        users: Vec<Vec<Connection>>,
    },
    Console {
        word: Box<ConsoleWord>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Beating {
    Fresh,
    Anew,
    Steady,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Room {
    people: Vec<Person>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    crowd: bool,
}

pub(super) fn opened((id, at): Connection) -> Opened {
    Opened {
        at: Timestamp::from_millis(at),
        id,
    }
}

pub(super) fn connection(opened: &Opened) -> Connection {
    (opened.id, opened.at.as_millis())
}

impl From<&NodeWord> for Word {
    fn from(word: &NodeWord) -> Self {
        match word {
            NodeWord::Beat { beat, pulse } => Self::Beat {
                name: Arc::clone(&beat.name),
                accept_rate: beat.accept_rate,
                connections: beat.connections,
                version: Arc::clone(&beat.version),
                leaving: beat.leaving,
                store_up: beat.store_up,
                pulse: match pulse {
                    Pulse::Fresh => Beating::Fresh,
                    Pulse::Anew => Beating::Anew,
                    Pulse::Steady => Beating::Steady,
                },
            },
            NodeWord::GoodBye => Self::GoodBye,
            NodeWord::Ask(ask) => Self::Ask {
                number: ask.number,
                rooms: ask
                    .rooms
                    .iter()
                    .map(|room| (room.tenant.clone(), room.chat.clone()))
                    .collect(),
                users: ask
                    .users
                    .iter()
                    .map(|user| (user.tenant.clone(), user.user.clone()))
                    .collect(),
            },
            NodeWord::Answer(answer) => Self::Answer {
                number: answer.number,
                rooms: answer.rooms.iter().map(Into::into).collect(),
                users: answer
                    .users
                    .iter()
                    .map(|open| open.iter().map(connection).collect())
                    .collect(),
            },
            NodeWord::Console(word) => Self::Console { word: word.clone() },
        }
    }
}

impl From<Word> for NodeWord {
    fn from(word: Word) -> Self {
        match word {
            Word::Beat {
                name,
                accept_rate,
                connections,
                version,
                leaving,
                store_up,
                pulse,
            } => Self::Beat {
                beat: Beat {
                    name,
                    accept_rate,
                    connections,
                    version,
                    leaving,
                    store_up,
                },
                pulse: match pulse {
                    Beating::Fresh => Pulse::Fresh,
                    Beating::Anew => Pulse::Anew,
                    Beating::Steady => Pulse::Steady,
                },
            },
            Word::GoodBye => Self::GoodBye,
            Word::Ask { number, rooms, users } => Self::Ask(Ask {
                number,
                rooms: rooms
                    .into_iter()
                    .map(|(tenant, chat)| RoomKey { tenant, chat })
                    .collect(),
                users: users
                    .into_iter()
                    .map(|(tenant, user)| UserKey { tenant, user })
                    .collect(),
            }),
            Word::Answer { number, rooms, users } => Self::Answer(Answer {
                number,
                rooms: rooms.into_iter().map(Into::into).collect(),
                users: users
                    .into_iter()
                    .map(|open| open.into_iter().map(opened).collect())
                    .collect(),
            }),
            Word::Console { word } => Self::Console(word),
        }
    }
}

impl From<&Statement> for Room {
    fn from(statement: &Statement) -> Self {
        Self {
            people: statement.people.iter().map(Into::into).collect(),
            crowd: statement.crowd,
        }
    }
}

impl From<Room> for Statement {
    fn from(room: Room) -> Self {
        Self {
            people: room.people.into_iter().map(Into::into).collect(),
            crowd: room.crowd,
        }
    }
}

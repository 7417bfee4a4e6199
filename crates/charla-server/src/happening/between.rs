//! What nodes say to each other: that they live and go, and who is where: [`NodeWord`].

use charla_core::connections::Opened;
use charla_core::peers::Beat;
use charla_core::presence::Statement;
use charla_core::{RoomKey, UserKey};

use crate::console::ConsoleWord;

/// What a node says to the others.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeWord {
    /// It lives.
    Beat {
        /// What it says of itself.
        beat: Beat,
        /// Whether it said so before.
        pulse: Pulse,
    },
    /// It goes: its people may be back on another node, and its connections count no more.
    GoodBye,
    /// It wants to know who is where.
    Ask(Ask),
    /// It says who is where.
    Answer(Answer),
    /// Something for the operator's overview.
    Console(Box<ConsoleWord>),
}

/// What a beat says besides that its node lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulse {
    /// The node has just begun to be heard, and nobody is on it.
    Fresh,
    /// The node has just begun to be heard again: what happened on it meanwhile has to be asked for.
    Anew,
    /// It goes on.
    Steady,
}

/// Who is in these rooms, and which connections do these people have?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The asking node's number for it.
    pub number: u64,
    /// Rooms that it listens to.
    pub rooms: Vec<RoomKey>,
    /// People who are connected to it.
    pub users: Vec<UserKey>,
}

/// What a node has of what was asked for, in the order of the [`Ask`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The asking node's number.
    pub number: u64,
    /// Of each room.
    pub rooms: Vec<Statement>,
    /// Of each person.
    pub users: Vec<Vec<Opened>>,
}

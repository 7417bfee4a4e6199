//! What travels: between clients and nodes, nodes and store, nodes and bus. The protocol's frames, less what plays no part here.

use charla_core::{RoomKey, Seq};

use crate::store::{Appended, Said};

/// A connection between a client and a node.
pub(crate) type LinkId = u64;

/// From a client to a node.
#[derive(Debug, Clone)]
pub(crate) enum ToNode {
    /// The handshake.
    Hello,
    /// `subscribe`.
    Subscribe {
        /// Where.
        room: RoomKey,
        /// The last message seen.
        after: Option<Seq>,
    },
    /// `send`.
    Send {
        /// Where.
        room: RoomKey,
        /// Under which id.
        id: u128,
        /// What.
        words: u64,
    },
    /// `history`.
    History {
        /// Where.
        room: RoomKey,
        /// Before this one.
        before: Seq,
        /// So many.
        limit: usize,
    },
    /// A ping.
    Ping,
    /// The client's end of the connection is closed, or the way to it is broken.
    End,
}

/// From a node to a client.
#[derive(Debug, Clone)]
pub(crate) enum ToClient {
    /// `welcome`.
    Welcome,
    /// `subscribed`.
    Subscribed {
        /// Where.
        room: RoomKey,
        /// Whether `messages` are all that was missed.
        resumed: bool,
        /// The last message so far.
        seq: Seq,
        /// What was missed.
        messages: Vec<Said>,
    },
    /// `message`.
    Message {
        /// Where.
        room: RoomKey,
        /// Which.
        said: Said,
    },
    /// `ack`.
    Ack {
        /// Of which send.
        id: u128,
        /// Its number.
        seq: Seq,
    },
    /// `error` to a send, which may be repeated.
    Refused {
        /// Which.
        id: u128,
    },
    /// `error` to a subscription, which may be repeated.
    NotLetIn {
        /// Where.
        room: RoomKey,
    },
    /// `history`.
    History {
        /// Where.
        room: RoomKey,
        /// The page.
        messages: Vec<Said>,
    },
    /// The answer to a ping.
    Pong,
    /// A close frame.
    Close {
        /// Its code.
        code: u16,
        /// Its reason.
        reason: String,
    },
    /// The connection broke.
    Broken,
}

/// A subscription under way on a node.
pub(crate) type JoinId = u64;

/// What a node asks of the store.
#[derive(Debug, Clone)]
pub(crate) enum Ask {
    /// Store this.
    Append {
        /// Where.
        room: RoomKey,
        /// Under which id.
        id: u128,
        /// What.
        words: u64,
        /// Who waits.
        link: LinkId,
    },
    /// Was this stored? The answer to its append got lost.
    LookUp {
        /// Where.
        room: RoomKey,
        /// Which.
        id: u128,
    },
    /// How far is this chat?
    Last {
        /// Which.
        room: RoomKey,
        /// What for.
        purpose: Purpose,
    },
    /// The messages after this one.
    After {
        /// Where.
        room: RoomKey,
        /// Which.
        seq: Seq,
        /// What for.
        purpose: Purpose,
    },
    /// A page.
    Before {
        /// Where.
        room: RoomKey,
        /// Before this one.
        seq: Seq,
        /// So many.
        limit: usize,
        /// For whom.
        link: LinkId,
    },
}

/// What a node reads the store for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To let somebody in.
    Join(JoinId),
    /// To see whether a chat has moved.
    Look,
    /// To repair a gap.
    CatchUp,
}

/// What the store answers.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// To an append.
    Appended(Appended),
    /// To a look-up.
    Found(Option<Said>),
    /// How far a chat is.
    Last(Seq),
    /// Messages.
    Messages(Vec<Said>),
    /// It is away, and did nothing.
    Unavailable,
    /// The connection to it broke before the answer: nobody knows what it did.
    Lost,
}

/// What a node tells the bus.
#[derive(Debug, Clone)]
pub(crate) enum ToBus {
    /// Hear this topic from now on.
    Subscribe(RoomKey),
    /// No more.
    Unsubscribe(RoomKey),
    /// Tell everybody who hears this topic.
    Publish(RoomKey, Said),
    /// Tell me.
    Canary,
}

/// What the bus tells a node.
#[derive(Debug, Clone)]
pub(crate) enum FromBus {
    /// A topic is heard from now on.
    Subscribed(RoomKey),
    /// Somebody published.
    Published(RoomKey, Said),
    /// The canary is back.
    Canary,
    /// The connection is gone.
    Broken,
}

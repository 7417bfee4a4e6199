//! How each server under test is spoken to: the request's path, what makes a connection ready, what a message looks
//! like on its way there and back. The text is the same for all, and so is the frame's payload where a server takes any.

use crate::load::message::{self, Ids};
use crate::load::{APPLICATION, Event};

/// What a server speaks over its WebSocket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dialect {
    /// charla.v1.
    Charla,
    /// Nothing of its own: a text frame goes out to everybody as it came in.
    Bare,
    /// The same, at the path of a chat of Channels.
    BareChat,
    /// Socket.IO 4 on Engine.IO 4 (their protocols' documents).
    SocketIo,
    /// Pusher's protocol, version 7: clients listen to a channel, and an application publishes over HTTP.
    Pusher,
}

impl Dialect {
    /// The path of the handshake of whoever listens to `chat`.
    pub(crate) fn path(self, chat: &str) -> String {
        match self {
            Self::Charla | Self::BareChat => format!("/ws/chat/{chat}/"),
            Self::Bare => "/chat".into(),
            Self::SocketIo => "/socket.io/?EIO=4&transport=websocket".into(),
            Self::Pusher => format!("/app/{APPLICATION}?protocol=7&client=bench&version=1&flash=false"),
        }
    }

    /// Whether messages come from an application over HTTP, not from a listener over its WebSocket.
    pub(crate) fn is_published_to(self) -> bool {
        self == Self::Pusher
    }

    /// A masked frame that has message `number` delivered to the listeners of `chat`.
    pub(crate) fn message(self, chat: &str, number: u64, length: usize) -> Vec<u8> {
        match self {
            Self::Charla => message::send(chat, Ids::TimeOrdered, number, length),
            Self::Bare | Self::BareChat | Self::Pusher => {
                message::framed(&message::delivery(chat, number, length))
            }
            Self::SocketIo => {
                let delivery = message::delivery(chat, number, length);
                message::framed(&format!(r#"42["message",{delivery}]"#))
            }
        }
    }

    /// Whether a connection may be used from this event on.
    pub(crate) fn is_ready(self, event: &Event<'_>) -> bool {
        match (self, event) {
            (Self::Bare | Self::BareChat, Event::Open) => true,
            (Self::Charla, Event::Text(payload)) => message::kind(payload) == b"subscribed",
            (Self::SocketIo, Event::Text(payload)) => payload.starts_with(b"40"),
            (Self::Pusher, Event::Text(payload)) => says(payload, "pusher_internal:subscription_succeeded"),
            (
                Self::Charla | Self::SocketIo | Self::Pusher | Self::Bare | Self::BareChat,
                Event::Open | Event::Text(_) | Event::Closed(_),
            ) => false,
        }
    }

    /// Whether a text is a delivery.
    pub(crate) fn is_delivery(self, payload: &[u8]) -> bool {
        match self {
            Self::Charla | Self::Bare | Self::BareChat => message::is_delivery(payload),
            Self::SocketIo => payload.starts_with(br#"42["message","#),
            Self::Pusher => says(payload, "message"),
        }
    }

    /// What a client must say at once to this event: Socket.IO's clients ask for their namespace and answer pings, Pusher's
    /// for their channel and likewise.
    pub(crate) fn answer(self, event: &Event<'_>) -> Option<&'static str> {
        match (self, event) {
            (Self::SocketIo, Event::Open) => Some("40"),
            (Self::SocketIo, Event::Text(b"2")) => Some("3"),
            (Self::Pusher, Event::Text(payload)) if says(payload, "pusher:connection_established") => {
                Some(r#"{"event":"pusher:subscribe","data":{"channel":"5"}}"#)
            }
            (Self::Pusher, Event::Text(payload)) if says(payload, "pusher:ping") => {
                Some(r#"{"event":"pusher:pong","data":{}}"#)
            }
            (
                Self::Charla | Self::SocketIo | Self::Pusher | Self::Bare | Self::BareChat,
                Event::Open | Event::Text(_) | Event::Closed(_),
            ) => None,
        }
    }
}

/// Whether a payload of Pusher's protocol is this event's; its fields stand in any order.
fn says(payload: &[u8], event: &str) -> bool {
    let field = format!(r#""event":"{event}""#);
    payload
        .windows(field.len())
        .any(|window| window == field.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::Dialect;
    use crate::load::{Event, frame};

    #[test]
    fn what_is_sent_comes_back_as_a_delivery() {
        for dialect in [Dialect::Bare, Dialect::BareChat, Dialect::SocketIo] {
            let bytes = dialect.message("5", 7, 200);
            let found = frame::next(&bytes).unwrap();
            let mut payload = found.payload.to_vec();
            frame::unmask(&mut payload, found.mask);
            assert!(dialect.is_delivery(&payload), "{dialect:?}");
            assert_eq!(crate::load::message::numbers(&payload).next(), Some(7));
        }
    }

    #[test]
    fn socket_io_is_asked_for_its_namespace_and_answered() {
        let dialect = Dialect::SocketIo;
        assert_eq!(dialect.answer(&Event::Open), Some("40"));
        assert_eq!(dialect.answer(&Event::Text(b"2")), Some("3"));
        assert_eq!(dialect.answer(&Event::Text(b"42[]")), None);
        assert!(!dialect.is_ready(&Event::Text(b"0{\"sid\":\"a\"}")));
        assert!(dialect.is_ready(&Event::Text(b"40{\"sid\":\"a\"}")));
    }
}
